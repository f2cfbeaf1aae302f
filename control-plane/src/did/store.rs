//! SQL of the keys behind DIDs.

use agentidp_shared::ids::{AgentId, OrganizationId};
use agentidp_shared::jwk::Jwk;
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::model::{DidState, PublishedKey};
use crate::access::Permit;
use crate::infra::db::TenantTx;
use crate::infra::keystore::Sealed;

/// An agent's DID as of `now`. DIDs are public, so there is no tenant to begin with.
pub async fn did_any_tenant(
    tx: &mut PgConnection,
    agent: AgentId,
    now: OffsetDateTime,
) -> Result<Option<DidState>, sqlx::Error> {
    find_did(tx, None, agent, now).await
}

/// The DID of an agent of the transaction's organization.
pub(super) async fn did(
    tx: &mut TenantTx,
    agent: AgentId,
    now: OffsetDateTime,
) -> Result<Option<DidState>, sqlx::Error> {
    let organization = tx.organization_id();
    find_did(tx, Some(organization), agent, now).await
}

async fn find_did(
    tx: &mut PgConnection,
    organization: Option<OrganizationId>,
    agent: AgentId,
    now: OffsetDateTime,
) -> Result<Option<DidState>, sqlx::Error> {
    let row = sqlx::query!(
        r#"select organization_id, did_public_jwk, did_key_number, did_rotated_at, created_at, decommissioned_at,
             status = 'decommissioned' as "is_decommissioned!",
             (select max(valid_until) from retired_did_keys retired
                where retired.organization_id = agents.organization_id and agent_id = agents.id and valid_until <= $2) as last_left_at
           from agents where id = $1 and ($3::uuid is null or organization_id = $3)"#,
        agent.as_uuid(),
        now,
        organization.map(OrganizationId::as_uuid)
    )
    .fetch_optional(&mut *tx)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let retired = sqlx::query!(
        "select number, public_jwk, valid_until from retired_did_keys
         where organization_id = $3 and agent_id = $1 and valid_until > $2 order by number desc",
        agent.as_uuid(),
        now,
        row.organization_id
    )
    .fetch_all(tx)
    .await?;
    let mut keys = vec![published(row.did_key_number, &row.did_public_jwk, None)?];
    for key in retired {
        keys.push(published(key.number, &key.public_jwk, Some(key.valid_until))?);
    }
    Ok(Some(DidState {
        agent,
        created_at: row.created_at,
        rotated_at: row.did_rotated_at,
        last_left_at: row.last_left_at,
        decommissioned_at: row.decommissioned_at,
        is_decommissioned: row.is_decommissioned,
        keys,
    }))
}

fn published(
    number: i32,
    jwk: &serde_json::Value,
    valid_until: Option<OffsetDateTime>,
) -> Result<PublishedKey, sqlx::Error> {
    Ok(PublishedKey {
        number: u32::try_from(number).map_err(|error| sqlx::Error::Decode(error.into()))?,
        jwk: Jwk::from_value(jwk).map_err(|error| sqlx::Error::Decode(error.into()))?,
        valid_until,
    })
}

/// Puts a new key in the place of the one that signs, whose private half is overwritten. Of the keys before, none stays in the
/// document after `valid_until`; those that have left by `now` are forgotten.
pub(super) async fn replace_key(
    tx: &mut TenantTx,
    permit: Permit,
    public_key: &Jwk,
    private_key: &Sealed,
    valid_until: OffsetDateTime,
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    let (organization, agent) = (tx.organization_id().as_uuid(), permit.agent());
    sqlx::query!(
        "insert into retired_did_keys (agent_id, organization_id, number, public_jwk, valid_until)
         select id, organization_id, did_key_number, did_public_jwk, $3 from agents where id = $1 and organization_id = $2",
        agent.as_uuid(),
        organization,
        valid_until
    )
    .execute(&mut **tx)
    .await?;
    sqlx::query!(
        "update retired_did_keys set valid_until = $2 where organization_id = $3 and agent_id = $1 and valid_until > $2",
        agent.as_uuid(),
        valid_until,
        organization
    )
    .execute(&mut **tx)
    .await?;
    sqlx::query!(
        "delete from retired_did_keys where organization_id = $3 and agent_id = $1 and valid_until <= $2",
        agent.as_uuid(),
        now,
        organization
    )
    .execute(&mut **tx)
    .await?;
    sqlx::query!(
        "update agents set did_public_jwk = $2, did_key_number = did_key_number + 1, did_rotated_at = $3, updated_at = $3
         where id = $1 and organization_id = $4",
        agent.as_uuid(),
        serde_json::to_value(public_key).map_err(|error| sqlx::Error::Encode(error.into()))?,
        now,
        organization
    )
    .execute(&mut **tx)
    .await?;
    sqlx::query!(
        "update agent_did_keys set private_key_ciphertext = $2, wrapping_key_id = $3
         where organization_id = $4 and agent_id = $1",
        agent.as_uuid(),
        private_key.ciphertext,
        private_key.key_id,
        organization
    )
    .execute(&mut **tx)
    .await
    .map(|_| ())
}

/// The organization an agent is in.
pub(super) async fn organization_of_any_tenant(
    tx: &mut PgConnection,
    agent: AgentId,
) -> Result<Option<OrganizationId>, sqlx::Error> {
    let id = sqlx::query_scalar!("select organization_id from agents where id = $1", agent.as_uuid())
        .fetch_optional(tx)
        .await?;
    Ok(id.map(OrganizationId::new))
}
