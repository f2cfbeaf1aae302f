//! What is said of an agent, in an ID token and by `/agent-info` alike (OpenID Connect Core 1.0 §5.1, and names of our own).

use agentidp_shared::did;
use agentidp_shared::ids::{AgentId, OrganizationId};
use sqlx::PgConnection;
use utoipa::ToSchema;

use crate::infra::clock::unix_seconds;

/// An agent's claims.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, ToSchema)]
pub(super) struct AgentClaims {
    /// The agent's id.
    #[schema(value_type = uuid::Uuid)]
    pub sub: AgentId,
    /// `did:web` of the agent.
    pub did: String,
    #[schema(value_type = uuid::Uuid)]
    pub organization_id: OrganizationId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    pub agent_type: String,
    /// Semantic version of the agent's software.
    pub agent_version: String,
    pub capabilities: Vec<String>,
    pub deployment_env: String,
    /// Unix seconds when any of this changed last.
    pub updated_at: u64,
}

/// The claims of an agent of `organization`.
pub(super) async fn claims(
    tx: &mut PgConnection,
    issuer: &str,
    organization: OrganizationId,
    agent: AgentId,
) -> Result<Option<AgentClaims>, sqlx::Error> {
    let row = sqlx::query!(
        "select name, agent_type, version, capabilities, deployment_env, updated_at from agents
         where organization_id = $1 and id = $2",
        organization.as_uuid(),
        agent.as_uuid()
    )
    .fetch_optional(tx)
    .await?;
    Ok(row.map(|row| AgentClaims {
        sub: agent,
        did: did::agent_did(issuer, agent),
        organization_id: organization,
        name: row.name,
        agent_type: row.agent_type,
        agent_version: row.version,
        capabilities: row.capabilities,
        deployment_env: row.deployment_env,
        updated_at: unix_seconds(row.updated_at),
    }))
}
