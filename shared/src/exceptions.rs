//! What the edge knows of tokens that are no longer good although their signature and times are.

use serde::{Deserialize, Serialize};

use crate::claims::Claims;
use crate::delegation::Chain;
use crate::feed::{Change, Envelope, Subject};
use crate::hashing::{SeededHasher, SeededMap};
use crate::ids::{AgentId, OrganizationId, TokenId};
use crate::revoked::RevokedTokens;
use crate::scopes::ScopeSet;
use crate::unknown::UnknownChanges;

/// Whether a subject (an agent, or a whole organization) may act at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Standing {
    Active,
    Suspended,
    /// For an agent: decommissioned. For an organization: deleted. Final.
    Gone,
}

/// What is exceptional about one agent or organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SubjectException {
    pub standing: Standing,
    /// Tokens issued at or before this second are refused. The issuer never gives a later token the same second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<u64>,
    /// Unix seconds after which every token it could concern has expired.
    pub expires_at: u64,
}

/// What tokens may still say that an agent was given before its scopes were reduced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ScopeLimit {
    /// The most that such a token may hold.
    pub scopes: ScopeSet,
    /// Tokens issued at or before this second are limited, Unix seconds. The issuer never gives a later token the same second.
    pub issued_until: u64,
}

impl ScopeLimit {
    /// Returns the one limit that is at least as strict as both. A token that an earlier limit refused must not come back to
    /// life because a later one allows its scope again.
    #[must_use]
    pub fn tightened(&self, later: &Self) -> Self {
        Self {
            scopes: self.scopes.intersection(&later.scopes),
            issued_until: self.issued_until.max(later.issued_until),
        }
    }
}

/// Why an otherwise good token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Revoked {
    #[error("the token was revoked")]
    Token,
    #[error("a token that this one was derived from was revoked")]
    Delegation,
    #[error("tokens issued to this agent so far were revoked")]
    AgentTokens,
    #[error("the agent is suspended")]
    AgentSuspended,
    #[error("the agent is decommissioned")]
    AgentGone,
    #[error("the agent's scopes were reduced")]
    AgentScopes,
    #[error("tokens issued in this organization so far were revoked")]
    OrganizationTokens,
    #[error("the organization is suspended or deleted")]
    Organization,
}

/// The exceptions of one feed position.
#[derive(Debug, Clone)]
pub struct Exceptions {
    tokens: RevokedTokens,
    agents: SeededMap<AgentId, SubjectException>,
    organizations: SeededMap<OrganizationId, SubjectException>,
    /// Of agents that have an exception too.
    limits: SeededMap<AgentId, ScopeLimit>,
    unknown: UnknownChanges,
}

impl Exceptions {
    pub fn new(hasher: SeededHasher) -> Self {
        Self {
            tokens: RevokedTokens::default(),
            agents: SeededMap::with_hasher(hasher),
            organizations: SeededMap::with_hasher(hasher),
            limits: SeededMap::with_hasher(hasher),
            unknown: UnknownChanges::new(hasher),
        }
    }

    /// `expires_at`: Unix seconds when the token itself expires.
    pub fn revoke_token(&mut self, jti: TokenId, expires_at: u64) {
        self.tokens.insert(jti, expires_at);
    }

    /// As [`revoke_token`](Self::revoke_token), of many.
    pub fn revoke_tokens(&mut self, jtis: &[TokenId], expires_at: u64) {
        for jti in jtis {
            self.tokens.insert(*jti, expires_at);
        }
    }

    /// Replaces all that was said of the agent, a limit included.
    pub fn set_agent(&mut self, agent: AgentId, exception: SubjectException) {
        self.agents.insert(agent, exception);
        self.limits.remove(&agent);
    }

    /// As [`set_agent`](Self::set_agent), of an agent whose scopes were reduced.
    pub fn limit_agent(&mut self, agent: AgentId, exception: SubjectException, limit: ScopeLimit) {
        self.agents.insert(agent, exception);
        self.limits.insert(agent, limit);
    }

    /// Notes a change that this build cannot read. Nothing can be said of its subjects until it is replaced or has expired,
    /// unless it may be ignored.
    pub fn note_unknown(&mut self, envelope: &Envelope) {
        self.unknown.note(envelope);
    }

    /// Forgets the unknown change that `change`, which is understood, has replaced.
    pub fn replace_unknown(&mut self, change: &Change) {
        if !self.unknown.is_empty() && !matches!(change, Change::Unknown(_)) {
            self.unknown.replace(&change.key());
        }
    }

    /// Returns how many changes that must be understood are not.
    pub fn unknown_changes(&self) -> usize {
        self.unknown.len()
    }

    /// Whether a change that this build cannot read concerns one of these subjects, or all.
    pub fn is_undecidable(&self, subjects: impl IntoIterator<Item = Subject>) -> bool {
        self.unknown.concern(subjects)
    }

    pub fn set_organization(&mut self, organization: OrganizationId, exception: SubjectException) {
        self.organizations.insert(organization, exception);
    }

    pub fn agent(&self, agent: AgentId) -> Option<&SubjectException> {
        self.agents.get(&agent)
    }

    pub fn organization(&self, organization: OrganizationId) -> Option<&SubjectException> {
        self.organizations.get(&organization)
    }

    /// Number of live exceptions of all kinds.
    pub fn len(&self) -> usize {
        self.tokens.len() + self.agents.len() + self.organizations.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets what can no longer concern any token at `now` (Unix seconds), with `leeway` seconds to spare.
    pub fn prune(&mut self, now: u64, leeway: u64) {
        let alive = |expires_at: u64| expires_at.saturating_add(leeway) >= now;
        self.tokens.prune(alive);
        self.agents.retain(|_, exception| alive(exception.expires_at));
        let agents = &self.agents;
        self.limits.retain(|agent, _| agents.contains_key(agent));
        self.unknown.prune(alive);
        self.organizations.retain(|_, exception| alive(exception.expires_at));
    }

    pub fn check(&self, claims: &Claims) -> Result<(), Revoked> {
        if self.tokens.contains(claims.jti) {
            return Err(Revoked::Token);
        }
        self.check_agent(claims.sub, claims.iat)?;
        if claims.client_id != claims.sub {
            // A token obtained by one agent for another dies with either.
            self.check_agent(claims.client_id, claims.iat)?;
        }
        let hops = claims.delegation.as_ref().map(Chain::hops).unwrap_or_default();
        for hop in hops {
            if self.tokens.contains(hop.jti) {
                return Err(Revoked::Delegation);
            }
            self.check_agent(hop.sub, hop.iat)?;
        }
        // The first of the tokens it comes from is the oldest.
        let oldest = hops.first().map_or(claims.iat, |hop| hop.iat);
        self.check_organization(claims.organization_id, oldest)?;
        let chain = claims.delegation.iter();
        for (organization, issued_at) in chain.flat_map(|chain| chain.foreign_organizations(claims.iat)) {
            self.check_organization(organization, issued_at)?;
        }
        self.check_limits(claims)
    }

    /// A token is limited with its subject, whenever the right that it comes from was first used, and with the agent that obtained
    /// it for another. The scopes of whoever a right was delegated to never mattered to it.
    fn check_limits(&self, claims: &Claims) -> Result<(), Revoked> {
        if self.limits.is_empty() {
            return Ok(());
        }
        let exceeds = |agent: AgentId, issued_at: u64| {
            self.limits.get(&agent).is_some_and(|limit| {
                issued_at <= limit.issued_until && !claims.scopes.is_subset_of(&limit.scopes)
            })
        };
        let obtained_by = claims.delegation.is_none().then_some(claims.client_id);
        let hops = claims.delegation.as_ref().map(Chain::hops).unwrap_or_default();
        let exceeded = exceeds(claims.sub, claims.iat)
            || obtained_by.is_some_and(|agent| exceeds(agent, claims.iat))
            || hops.iter().any(|hop| hop.sub == claims.sub && exceeds(hop.sub, hop.iat));
        if exceeded { Err(Revoked::AgentScopes) } else { Ok(()) }
    }

    fn check_organization(&self, organization: OrganizationId, issued_at: u64) -> Result<(), Revoked> {
        let Some(exception) = self.organizations.get(&organization) else { return Ok(()) };
        if exception.standing != Standing::Active {
            return Err(Revoked::Organization);
        }
        if exception.not_before.is_some_and(|not_before| issued_at <= not_before) {
            return Err(Revoked::OrganizationTokens);
        }
        Ok(())
    }

    fn check_agent(&self, agent: AgentId, issued_at: u64) -> Result<(), Revoked> {
        let Some(exception) = self.agents.get(&agent) else { return Ok(()) };
        match exception.standing {
            Standing::Suspended => Err(Revoked::AgentSuspended),
            Standing::Gone => Err(Revoked::AgentGone),
            Standing::Active if exception.not_before.is_some_and(|not_before| issued_at <= not_before) => {
                Err(Revoked::AgentTokens)
            }
            Standing::Active => Ok(()),
        }
    }
}
