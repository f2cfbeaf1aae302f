//! SQL of partners.

use agentidp_shared::ids::PartnerId;
use agentidp_shared::jwk::JwkSet;
use sqlx::types::Json;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::model::{NewPartner, Stored};
use crate::infra::db::TenantTx;

struct Row {
    id: Uuid,
    name: String,
    issuer: String,
    jwks_uri: String,
    keys: Json<JwkSet>,
    keys_fetched_at: OffsetDateTime,
    allowed_organizations: Vec<String>,
    expires_at: Option<OffsetDateTime>,
    created_at: OffsetDateTime,
    updated_at: OffsetDateTime,
}

impl From<Row> for Stored {
    fn from(row: Row) -> Self {
        Self {
            id: row.id.into(),
            name: row.name,
            issuer: row.issuer,
            jwks_uri: row.jwks_uri,
            keys: row.keys.0,
            keys_fetched_at: row.keys_fetched_at,
            allowed_organizations: row.allowed_organizations,
            expires_at: row.expires_at,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

pub(super) async fn count(tx: &mut TenantTx) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select count(*) as "count!" from federation_partners where organization_id = $1"#,
        tx.organization_id().as_uuid()
    )
    .fetch_one(&mut **tx)
    .await
}

pub(super) async fn insert(
    tx: &mut TenantTx,
    id: PartnerId,
    new: &NewPartner,
    keys: &JwkSet,
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into federation_partners (id, organization_id, name, issuer, jwks_uri, keys, keys_fetched_at, keys_asked_at,
           allowed_organizations, expires_at, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $7, $8, $9, $7, $7)",
        id.as_uuid(),
        tx.organization_id().as_uuid(),
        new.name,
        new.issuer,
        new.jwks_uri,
        Json(keys) as _,
        now,
        &new.allowed_organizations,
        new.expires_at
    )
    .execute(&mut **tx)
    .await
    .map(|_| ())
}

pub(super) async fn list(tx: &mut TenantTx, limit: i64, offset: i64) -> Result<Vec<Stored>, sqlx::Error> {
    let rows = sqlx::query_as!(
        Row,
        r#"select id, name, issuer, jwks_uri, keys as "keys: Json<JwkSet>", keys_fetched_at, allowed_organizations, expires_at,
             created_at, updated_at
           from federation_partners where organization_id = $1 order by created_at desc, id desc limit $2 offset $3"#,
        tx.organization_id().as_uuid(),
        limit,
        offset
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows.into_iter().map(Stored::from).collect())
}

pub(super) async fn find(tx: &mut TenantTx, id: PartnerId) -> Result<Option<Stored>, sqlx::Error> {
    let row = sqlx::query_as!(
        Row,
        r#"select id, name, issuer, jwks_uri, keys as "keys: Json<JwkSet>", keys_fetched_at, allowed_organizations, expires_at,
             created_at, updated_at
           from federation_partners where organization_id = $1 and id = $2 for update"#,
        tx.organization_id().as_uuid(),
        id.as_uuid()
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(row.map(Stored::from))
}

pub(super) async fn find_by_issuer(tx: &mut TenantTx, issuer: &str) -> Result<Option<Stored>, sqlx::Error> {
    let row = sqlx::query_as!(
        Row,
        r#"select id, name, issuer, jwks_uri, keys as "keys: Json<JwkSet>", keys_fetched_at, allowed_organizations, expires_at,
             created_at, updated_at
           from federation_partners where organization_id = $1 and issuer = $2"#,
        tx.organization_id().as_uuid(),
        issuer
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(row.map(Stored::from))
}

/// Writes what may change.
pub(super) async fn update(tx: &mut TenantTx, partner: &Stored) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update federation_partners set name = $3, jwks_uri = $4, keys = $5, keys_fetched_at = $6, allowed_organizations = $7,
           expires_at = $8, updated_at = $9
         where organization_id = $1 and id = $2",
        tx.organization_id().as_uuid(),
        partner.id.as_uuid(),
        partner.name,
        partner.jwks_uri,
        Json(&partner.keys) as _,
        partner.keys_fetched_at,
        &partner.allowed_organizations,
        partner.expires_at,
        partner.updated_at
    )
    .execute(&mut **tx)
    .await
    .map(|_| ())
}

/// Takes the turn to ask for the keys, unless somebody did within `interval`.
pub(super) async fn may_ask_for_keys(
    tx: &mut TenantTx,
    id: PartnerId,
    interval: Duration,
    now: OffsetDateTime,
) -> Result<bool, sqlx::Error> {
    sqlx::query!(
        "update federation_partners set keys_asked_at = $3 where organization_id = $1 and id = $2 and keys_asked_at <= $4",
        tx.organization_id().as_uuid(),
        id.as_uuid(),
        now,
        now - interval
    )
    .execute(&mut **tx)
    .await
    .map(|done| done.rows_affected() == 1)
}

/// Keeps keys that were found at `jwks_uri`, if that is still where they are.
pub(super) async fn keep_keys(
    tx: &mut TenantTx,
    id: PartnerId,
    jwks_uri: &str,
    keys: &JwkSet,
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update federation_partners set keys = $4, keys_fetched_at = $5
         where organization_id = $1 and id = $2 and jwks_uri = $3",
        tx.organization_id().as_uuid(),
        id.as_uuid(),
        jwks_uri,
        Json(keys) as _,
        now
    )
    .execute(&mut **tx)
    .await
    .map(|_| ())
}

pub(super) async fn delete(tx: &mut TenantTx, id: PartnerId) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "delete from federation_partners where organization_id = $1 and id = $2",
        tx.organization_id().as_uuid(),
        id.as_uuid()
    )
    .execute(&mut **tx)
    .await
    .map(|_| ())
}
