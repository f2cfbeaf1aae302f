//! Permission as a type: what changes an agent, an organization or the instance takes one of these, and only this module makes
//! them. A handler that forgets to ask does not compile.

use agentidp_shared::ids::AgentId;

/// Permission to do an act to one principal of one organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permit {
    agent: AgentId,
}

impl Permit {
    pub(super) fn new(agent: AgentId) -> Self {
        Self { agent }
    }

    /// For what the instance does by itself, at nobody's request: the end of a bootstrap agent with its policy, a share that is
    /// used up, a command line.
    pub fn of_instance(agent: AgentId) -> Self {
        Self { agent }
    }

    /// The principal that it is for.
    pub fn agent(self) -> AgentId {
        self.agent
    }
}

/// Permission to do an act to one organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrganizationPermit {
    is_platform: bool,
}

impl OrganizationPermit {
    pub(super) fn new(is_platform: bool) -> Self {
        Self { is_platform }
    }

    /// Whether it is the platform's right, not one of the organization's own.
    pub fn is_platform(self) -> bool {
        self.is_platform
    }
}
