//! Who acts, and on whose authority.

use agentidp_shared::ids::{AgentId, OrganizationId};
use agentidp_shared::scopes::ScopeSet;

use super::Role;

/// What a principal is. People join agents here; the rules do not ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PrincipalKind {
    /// Software that belongs to one organization.
    Agent,
}

/// Someone who can act: its id is `sub` and `client_id` in tokens and the subject of changes in the feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    pub id: AgentId,
    pub kind: PrincipalKind,
    pub organization_id: OrganizationId,
    /// In its own organization.
    pub role: Role,
    /// The scopes it was given, whatever a token of it holds.
    pub scopes: ScopeSet,
}

/// How the right in use came to the one who uses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Door {
    /// A token of the actor's own, in full or narrowed; or its credentials themselves.
    Own,
    /// A token that the actor obtained for another agent of its organization (`agent_id`).
    Borrowed,
    /// A token that was delegated to the actor, or exchanged.
    Delegated,
    /// A token of a bootstrap policy, which registers agents and does nothing else.
    Bootstrap,
}
