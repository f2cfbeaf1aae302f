//! The authenticated caller of a request, and what it may do.

use std::sync::Arc;

use agentidp_shared::claims::Claims;
use agentidp_shared::ids::{AgentId, OrganizationId, TokenId};
use agentidp_shared::scopes::ScopeSet;
use aws_lc_rs::digest::{SHA256, digest};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::act::Act;
use super::authenticate::unauthenticated;
use super::permit::{OrganizationPermit, Permit};
use super::principal::Door;
use super::role::Role;
use super::rules::{Refusal, Right, Target};
use super::store;
use crate::app::App;
use crate::infra::db::TenantTx;
use crate::infra::http::client_info::Acting;
use crate::infra::http::error::ApiError;
use crate::resources;

/// Who is calling, as proven by an access token that is good at this moment. A handler that takes it cannot be reached
/// without one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The subject: on whose authority the call is made.
    pub agent_id: AgentId,
    /// The subject's.
    pub organization_id: OrganizationId,
    /// What the token holds.
    pub scopes: ScopeSet,
    pub jti: TokenId,
    /// The token's claims.
    pub token: Arc<Claims>,
    pub(super) right: Right,
}

impl Caller {
    /// The agent that really makes the call; `agent_id` is the one on whose behalf.
    pub fn actor(&self) -> AgentId {
        self.right.actor.id
    }

    /// What the audit log says of it.
    pub fn acting(&self) -> Acting {
        Acting { actor: Some(self.actor()), on_behalf_of: self.on_behalf_of(), token_id: Some(self.jti) }
    }

    /// The agent on whose behalf the actor calls, if it is another.
    pub fn on_behalf_of(&self) -> Option<AgentId> {
        (self.right.subject.id != self.right.actor.id).then_some(self.right.subject.id)
    }

    /// Whether the caller acts for another agent, or with less than it has, by a chain of delegations.
    pub fn is_delegated(&self) -> bool {
        self.right.door == Door::Delegated
    }

    /// The caller as its actor: for what belongs to the agent that makes the call, not to the one on whose behalf. The right in use is
    /// the same.
    #[must_use]
    pub fn as_actor(&self) -> Self {
        Self { agent_id: self.right.actor.id, ..self.clone() }
    }

    /// The right in use.
    pub fn right(&self) -> &Right {
        &self.right
    }

    /// The rank of the token in use.
    pub fn rank(&self) -> Role {
        self.right.rank()
    }

    /// The scopes that the caller may give to others.
    pub fn lendable(&self) -> ScopeSet {
        self.right.lendable()
    }

    /// Whether the caller may read what concerns the whole instance.
    pub fn reads_platform(&self) -> bool {
        self.right.may_on_platform(Act::ReadPlatform).is_ok()
    }

    /// Whether the caller may change what concerns the whole instance, and any organization.
    pub fn manages_platform(&self) -> bool {
        self.right.may_on_platform(Act::ManagePlatform).is_ok()
    }

    /// Asks before anything is looked up: the answer does not tell whether there is such an agent.
    pub fn may_try(&self, act: Act, agent: AgentId) -> Result<(), ApiError> {
        self.right.may_try(act, agent)
    }

    /// Permission to do the act to an agent of the transaction's organization.
    pub async fn permit(&self, tx: &mut TenantTx, act: Act, agent: AgentId) -> Result<Permit, ApiError> {
        self.right.permit(tx, act, agent, None).await
    }

    /// As [`permit`](Self::permit), for an act by which the agent gets the role `becomes`.
    pub async fn permit_change(
        &self,
        tx: &mut TenantTx,
        act: Act,
        agent: AgentId,
        becomes: Option<Role>,
    ) -> Result<Permit, ApiError> {
        self.right.permit(tx, act, agent, becomes).await
    }

    /// Rejects an agent that holds scopes which the caller could not give it: with the agent's secret or its tokens the caller would have them.
    pub async fn refuse_to_outgrow(&self, tx: &mut TenantTx, permit: Permit) -> Result<(), ApiError> {
        let (_, scopes) = store::powers(tx, permit.agent()).await?.ok_or_else(no_such_agent)?;
        let lacking = resources::not_givable(self, &scopes);
        if lacking.is_empty() {
            return Ok(());
        }
        let message = format!("the access token does not hold what the agent may ask for: {lacking}");
        Err(ApiError::forbidden("SCOPE_NOT_HELD", message))
    }

    /// Permission to do the act to this organization: the caller's own, or any for the platform. An organization that is not
    /// for the caller is answered as if it did not exist.
    pub fn permit_organization(
        &self,
        act: Act,
        organization: OrganizationId,
    ) -> Result<OrganizationPermit, ApiError> {
        if self.right.may_on_platform(act).is_ok() {
            return Ok(OrganizationPermit::new(true));
        }
        if organization != self.organization_id {
            return Err(ApiError::not_found(
                "ORGANIZATION_NOT_FOUND",
                "there is no organization with this id",
            ));
        }
        self.right.may_on_own_organization(act).map_err(refused)?;
        Ok(OrganizationPermit::new(false))
    }

    /// Permission to do the act to the caller's own organization.
    pub fn permit_own_organization(&self, act: Act) -> Result<OrganizationPermit, ApiError> {
        self.right.may_on_own_organization(act).map_err(refused)?;
        Ok(OrganizationPermit::new(false))
    }

    /// An error unless the caller may do the act to the instance.
    pub fn permit_platform(&self, act: Act) -> Result<(), ApiError> {
        self.right.may_on_platform(act).map_err(refused)
    }

    /// Names the right that is in use: the actor, the subject, what the token holds, the rank and every link of the chain. Two
    /// requests with the same are owed the same answer.
    pub fn fingerprint_of_right(&self) -> [u8; 32] {
        let chain = self.token.delegation.as_ref();
        let hops = chain.map(agentidp_shared::delegation::Chain::hops).unwrap_or_default();
        let chain: Vec<String> = hops.iter().map(|hop| format!("{}/{}", hop.sub, hop.jti)).collect();
        let delegated = self.is_delegated().then_some(self.jti);
        let right = format!(
            "{}\n{}\n{}\n{}\n{}\n{:?}\n{delegated:?}\n{}",
            self.right.actor.id,
            self.right.subject.id,
            self.scopes,
            self.right.actor.role.as_str(),
            self.rank().as_str(),
            self.right.door,
            chain.join(" ")
        );
        let mut out = [0; 32];
        out.copy_from_slice(digest(&SHA256, right.as_bytes()).as_ref());
        out
    }
}

impl Right {
    /// Asks before anything is looked up: the answer does not tell whether there is such an agent.
    pub fn may_try(&self, act: Act, agent: AgentId) -> Result<(), ApiError> {
        if agent == self.actor.id {
            let target = Target { role: self.actor.role, is_itself: true };
            return self.may_on_principal(act, target, None).map_err(refused);
        }
        self.may_on_others(act).map_err(refused)
    }

    /// Permission to do the act to an agent of the transaction's organization, by which it gets the role `becomes`, if any.
    pub async fn permit(
        &self,
        tx: &mut TenantTx,
        act: Act,
        agent: AgentId,
        becomes: Option<Role>,
    ) -> Result<Permit, ApiError> {
        if tx.organization_id() != self.subject.organization_id {
            // Another organization is the platform's business alone, and its ranks protect it from its own.
            self.may_on_platform(act).map_err(refused)?;
            return Ok(Permit::new(agent));
        }
        self.may_try(act, agent)?;
        let (role, _) = store::powers(tx, agent).await?.ok_or_else(no_such_agent)?;
        let target = Target { role, is_itself: agent == self.actor.id };
        self.may_on_principal(act, target, becomes).map_err(refused)?;
        Ok(Permit::new(agent))
    }
}

impl FromRequestParts<App> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        // Put there by `authorize`; absent only if a route is not marked `bearer` in the policy's table.
        parts.extensions.get().cloned().ok_or_else(|| unauthenticated(app))
    }
}

pub(super) fn refused(refusal: Refusal) -> ApiError {
    ApiError::forbidden(refusal.code(), refusal.to_string())
}

fn no_such_agent() -> ApiError {
    ApiError::not_found("AGENT_NOT_FOUND", "there is no agent with this id")
}
