//! What can be recorded, and an event as it is shown.

use agentidp_shared::ids::{AgentId, EventId, OrganizationId, TokenId};
use serde_json::Value;
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::infra::db::UnknownValue;

macro_rules! actions {
    ($($variant:ident = $name:literal),+ $(,)?) => {
        /// What happened. The name is part of the API and of the hash chain: never renamed.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, ToSchema)]
        pub enum Action {
            $(#[serde(rename = $name)] $variant),+
        }

        impl Action {
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }
    };
}

actions! {
    AgentCreated = "agent.created",
    AgentUpdated = "agent.updated",
    AgentSuspended = "agent.suspended",
    AgentReactivated = "agent.reactivated",
    AgentDecommissioned = "agent.decommissioned",
    AgentScopesChanged = "agent.scopes_changed",
    TokenIssued = "token.issued",
    TokenRevoked = "token.revoked",
    TokenIntrospected = "token.introspected",
    CredentialGenerated = "credential.generated",
    CredentialRotated = "credential.rotated",
    CredentialRevoked = "credential.revoked",
    CredentialExpiring = "credential.expiring",
    AuthFailed = "auth.failed",
    OrganizationCreated = "org.created",
    OrganizationUpdated = "org.updated",
    OrganizationSuspended = "org.suspended",
    OrganizationReactivated = "org.reactivated",
    OrganizationDeleted = "org.deleted",
    MemberAdded = "org.member_added",
    MemberChanged = "org.member_changed",
    MemberRemoved = "org.member_removed",
    DelegationCreated = "delegation.created",
    DelegationRevoked = "delegation.revoked",
    KeyRotated = "key.rotated",
    KeyRevoked = "key.revoked",
    DidKeyRotated = "did.key_rotated",
    TrustPolicyCreated = "oidc.trust_policy_created",
    TrustPolicyDeleted = "oidc.trust_policy_deleted",
    TrustPolicyPinned = "oidc.trust_policy_pinned",
    OidcTokenExchanged = "oidc.token_exchanged",
    OidcTokenRefused = "oidc.token_refused",
    PartnerCreated = "federation.partner_created",
    PartnerUpdated = "federation.partner_updated",
    PartnerDeleted = "federation.partner_deleted",
    GrantCreated = "federation.grant_created",
    GrantDeleted = "federation.grant_deleted",
    ResourceCreated = "resource.created",
    ResourceUpdated = "resource.updated",
    ResourceDeleted = "resource.deleted",
    JobRetried = "job.retried",
    KeystoreReencrypted = "keystore.reencrypted",
}

impl std::str::FromStr for Action {
    type Err = UnknownValue;

    fn from_str(text: &str) -> Result<Self, UnknownValue> {
        Self::ALL.iter().copied().find(|action| action.as_str() == text).ok_or(UnknownValue)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    Success,
    Failure,
}

impl Outcome {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
        }
    }
}

impl std::str::FromStr for Outcome {
    type Err = UnknownValue;

    fn from_str(text: &str) -> Result<Self, UnknownValue> {
        [Self::Success, Self::Failure]
            .into_iter()
            .find(|outcome| outcome.as_str() == text)
            .ok_or(UnknownValue)
    }
}

/// The way in by which something was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Via {
    /// The HTTP API.
    Api,
    /// The operators' pages.
    Console,
    /// The command line of the control plane.
    Cli,
    /// The MCP server.
    Mcp,
    /// The instance itself: a job or another background task.
    Job,
}

impl Via {
    const ALL: [Self; 5] = [Self::Api, Self::Console, Self::Cli, Self::Mcp, Self::Job];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Console => "console",
            Self::Cli => "cli",
            Self::Mcp => "mcp",
            Self::Job => "job",
        }
    }
}

impl std::str::FromStr for Via {
    type Err = UnknownValue;

    fn from_str(text: &str) -> Result<Self, UnknownValue> {
        Self::ALL.into_iter().find(|via| via.as_str() == text).ok_or(UnknownValue)
    }
}

/// An event of the log.
#[derive(Debug, Clone, serde::Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct AuditEvent {
    #[schema(value_type = uuid::Uuid)]
    pub event_id: EventId,
    #[serde(with = "time::serde::rfc3339")]
    pub timestamp: OffsetDateTime,
    #[schema(value_type = uuid::Uuid)]
    pub organization_id: OrganizationId,
    /// The agent the event is about.
    #[schema(value_type = Option<uuid::Uuid>)]
    pub agent_id: Option<AgentId>,
    /// Who really called. `null` if nobody proved to be anyone, or the instance did it by itself.
    #[schema(value_type = Option<uuid::Uuid>)]
    pub actor: Option<AgentId>,
    /// The subject of the token in use, if it is another than the actor.
    #[schema(value_type = Option<uuid::Uuid>)]
    pub on_behalf_of: Option<AgentId>,
    /// `jti` of the token in use; of an event about issuing one, of that.
    #[schema(value_type = Option<uuid::Uuid>)]
    pub token_id: Option<TokenId>,
    /// The way in. `null` in events that were recorded before version 0.2.0, as are the three before.
    pub via: Option<Via>,
    /// Trace id of the request, if it carried a `traceparent` (W3C Trace Context).
    #[schema(min_length = 32, max_length = 32, pattern = "^[0-9a-f]{32}$")]
    pub trace_id: Option<String>,
    pub action: Action,
    pub outcome: Outcome,
    pub ip_address: Option<String>,
    pub user_agent: Option<String>,
    #[schema(value_type = Object)]
    pub metadata: Value,
    /// Its place in the log of the whole instance, from 1.
    pub sequence: Option<u64>,
    /// SHA-256 in hexadecimal over the event and the hash before it.
    pub hash: Option<String>,
    pub previous_hash: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_reads_back_from_its_name() {
        for action in Action::ALL {
            assert_eq!(action.as_str().parse(), Ok(*action));
            assert_eq!(serde_json::to_value(action).unwrap(), action.as_str());
        }
    }
}
