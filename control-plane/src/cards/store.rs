//! SQL of cards.

use agentidp_shared::did;
use agentidp_shared::ids::AgentId;
use sqlx::PgConnection;

use super::model::{Publisher, Subject};
use crate::infra::keystore::Sealed;

/// What cards show of an agent, and who may read them. Cards are public, so there is no tenant to begin with.
pub(super) async fn subject_any_tenant(
    tx: &mut PgConnection,
    issuer: &str,
    agent: AgentId,
) -> Result<Option<Subject>, sqlx::Error> {
    let row = sqlx::query!(
        r#"select agents.organization_id, agents.agent_type, agents.version, agents.capabilities, agents.deployment_env,
             agents.name, agents.description, agents.a2a_url, agents.created_at, agents.updated_at,
             organizations.name as organization_name, organizations.slug as organization_slug,
             organizations.name_confirmed_at is not null as "name_confirmed!",
             agents.is_public and agents.status = 'active' and organizations.status = 'active' as "is_shown!",
             agents.status = 'decommissioned' as "is_decommissioned!"
           from agents join organizations on organizations.id = agents.organization_id
           where agents.id = $1"#,
        agent.as_uuid()
    )
    .fetch_optional(tx)
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Subject {
        did: did::agent_did(issuer, agent),
        agent,
        organization: Publisher {
            id: row.organization_id.into(),
            slug: row.organization_slug,
            name: row.organization_name,
            name_confirmed: row.name_confirmed,
        },
        agent_type: row.agent_type,
        version: row.version,
        capabilities: row.capabilities,
        deployment_env: row.deployment_env,
        name: row.name,
        description: row.description,
        a2a_url: row.a2a_url,
        created_at: row.created_at,
        updated_at: row.updated_at,
        is_shown: row.is_shown,
        is_decommissioned: row.is_decommissioned,
    }))
}

/// The private key behind an agent's DID, and its number. Read at once, so that they belong together.
pub(super) async fn did_key_any_tenant(
    tx: &mut PgConnection,
    agent: AgentId,
) -> Result<Option<(u32, Sealed)>, sqlx::Error> {
    let row = sqlx::query!(
        "select agents.did_key_number, keys.private_key_ciphertext, keys.wrapping_key_id
         from agents join agent_did_keys keys on keys.agent_id = agents.id where agents.id = $1",
        agent.as_uuid()
    )
    .fetch_optional(tx)
    .await?;
    row.map(|row| {
        let number = u32::try_from(row.did_key_number).map_err(|error| sqlx::Error::Decode(error.into()))?;
        Ok((number, Sealed { ciphertext: row.private_key_ciphertext, key_id: row.wrapping_key_id }))
    })
    .transpose()
}
