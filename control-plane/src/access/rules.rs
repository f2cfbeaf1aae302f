//! The rules: pure decisions over who acts, by which door, and to whom.

use agentidp_shared::scopes::ScopeSet;

use super::act::{Act, Object};
use super::principal::{Door, Principal};
use super::role::Role;

/// Whether a rule is in force. A scratch build (`cargo xtask authority --without RULE`) does without one, to show that the table
/// of tests finds out; a release build has no such switch.
pub(super) fn is_on(rule: &str) -> bool {
    !cfg!(debug_assertions) || option_env!("AGENTIDP_SCRATCH_WITHOUT_RULE") != Some(rule)
}

/// The right in use: who acts, on whose authority, and with what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Right {
    /// Who really calls.
    pub actor: Principal,
    /// On whose authority.
    pub subject: Principal,
    /// What the token in use holds; of client authentication, what the client was given.
    pub scopes: ScopeSet,
    pub door: Door,
    /// The actor's organization runs this instance.
    pub is_system: bool,
}

/// Whom an act is done to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    pub role: Role,
    /// It is the actor.
    pub is_itself: bool,
}

/// Why an act is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("this token can only register agents; use a token of the agent's own")]
    OnlyRegisters,
    #[error("a delegated or exchanged token cannot do this; use a token of the agent's own")]
    Delegated,
    #[error("a token that was obtained for another agent cannot do this; use a token of the agent's own")]
    Borrowed,
    #[error("only the agent itself and its organization's managers, administrators and owners may do this")]
    NotManaged,
    #[error("an auditor cannot register agents; use a token of another agent")]
    Auditor,
    #[error("the role `{0}` or a higher one is needed, in a token with the scopes that carry it")]
    RoleNeeded(&'static str),
    #[error("the agent's rank is above the caller's")]
    RankAbove,
    #[error("only members of the system organization with a role and the platform's scope may do this")]
    PlatformOnly,
}

impl Refusal {
    /// The stable code of the API's error.
    pub fn code(self) -> &'static str {
        match self {
            Self::OnlyRegisters => "ONLY_REGISTERS",
            Self::Delegated => "DELEGATED_TOKEN",
            Self::Borrowed => "BORROWED_TOKEN",
            Self::NotManaged => "AGENT_NOT_MANAGED",
            Self::Auditor | Self::RoleNeeded(_) | Self::RankAbove => "ROLE_INSUFFICIENT",
            Self::PlatformOnly => "PLATFORM_ONLY",
        }
    }
}

impl Right {
    /// A principal's own right, in full: proven by its credentials themselves.
    pub fn own(principal: Principal, is_system: bool) -> Self {
        let scopes = principal.scopes.clone();
        Self { actor: principal.clone(), subject: principal, scopes, door: Door::Own, is_system }
    }

    /// The rank of the right in use: what its scopes carry of the actor's role; of a borrowed token no more than of the
    /// subject's either. Rank cannot be delegated.
    pub fn rank(&self) -> Role {
        match self.door {
            Door::Own => self.actor.role.carried_by(&self.scopes),
            Door::Borrowed => self.actor.role.min(self.subject.role).carried_by(&self.scopes),
            Door::Bootstrap if !is_on("bootstrap") => self.actor.role.carried_by(&self.scopes),
            Door::Delegated if !is_on("delegated") => self.subject.role.carried_by(&self.scopes),
            Door::Delegated | Door::Bootstrap => Role::Member,
        }
    }

    /// What may be given to others: never more than the right in use and the registered rights of everyone it comes from hold.
    /// A delegated right is the subject's, so there the subject's count.
    pub fn lendable(&self) -> ScopeSet {
        if !is_on("lend") {
            return self.subject.scopes.clone();
        }
        let of_subject = self.scopes.intersection(&self.subject.scopes);
        match self.door {
            Door::Own | Door::Borrowed | Door::Bootstrap => of_subject.intersection(&self.actor.scopes),
            Door::Delegated => of_subject,
        }
    }

    /// What may be said before the target is known: the door, and the rank of acts that need no target.
    pub fn may_begin(&self, act: Act) -> Result<(), Refusal> {
        let rule = act.rule();
        match self.door {
            Door::Bootstrap if act != Act::RegisterAgent && is_on("bootstrap") => {
                return Err(Refusal::OnlyRegisters);
            }
            Door::Borrowed if !rule.borrowed && is_on("borrowed") => return Err(Refusal::Borrowed),
            Door::Delegated if !rule.delegated && is_on("delegated") => return Err(Refusal::Delegated),
            Door::Own | Door::Bootstrap | Door::Borrowed | Door::Delegated => {}
        }
        if act == Act::RegisterAgent && [self.actor.role, self.subject.role].contains(&Role::Auditor) {
            return Err(Refusal::Auditor);
        }
        if rule.object == Object::Platform {
            return self.may_on_platform(act);
        }
        Ok(())
    }

    /// Whether the act may be done to this principal of the actor's organization. `becomes` is the role it gets by the act.
    pub fn may_on_principal(&self, act: Act, target: Target, becomes: Option<Role>) -> Result<(), Refusal> {
        self.may_begin(act)?;
        let rule = act.rule();
        // Only with a right of its own is a principal itself.
        let is_itself = target.is_itself && self.door == Door::Own;
        if is_itself && rule.to_itself {
            return Ok(());
        }
        let rank = self.rank();
        if rank < rule.least && is_on("least") {
            return Err(if rule.to_itself {
                Refusal::NotManaged
            } else {
                Refusal::RoleNeeded(rule.least.as_str())
            });
        }
        let is_above = target.role > rank && rule.is_protected && !is_itself;
        if is_on("rank") && is_above || becomes > Some(rank) {
            return Err(Refusal::RankAbove);
        }
        Ok(())
    }

    /// Whether the act may be done to others at all: asked before anything is looked up, so that the answer does not tell
    /// whether there is such an agent.
    pub fn may_on_others(&self, act: Act) -> Result<(), Refusal> {
        self.may_on_principal(act, Target { role: Role::Member, is_itself: false }, None)
    }

    /// Whether the act may be done to the actor's own organization.
    pub fn may_on_own_organization(&self, act: Act) -> Result<(), Refusal> {
        self.may_begin(act)?;
        let least = act.rule().least;
        if self.rank() < least { Err(Refusal::RoleNeeded(least.as_str())) } else { Ok(()) }
    }

    /// Whether the act may be done to the instance, or to any organization: with a right of the actor's own, a role in the
    /// system organization, and the platform's scope.
    pub fn may_on_platform(&self, act: Act) -> Result<(), Refusal> {
        let is_read = act.rule().least <= Role::Auditor;
        let (least, scope) =
            if is_read { (Role::Auditor, "platform:read") } else { (Role::Admin, "platform:write") };
        let may = self.is_system
            && self.door == Door::Own
            && self.actor.role >= least
            && self.scopes.contains(scope);
        if may { Ok(()) } else { Err(Refusal::PlatformOnly) }
    }
}
