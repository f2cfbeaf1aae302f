//! SQL of partners.

use agentidp_shared::ids::{OrganizationId, PartnerId};
use agentidp_shared::jwk::JwkSet;
use sqlx::PgConnection;
use sqlx::types::Json;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::keys::Turn;
use super::model::{NewPartner, Stored};
use crate::infra::db::TenantTx;
use crate::infra::http::pagination::Page;
use crate::outside_issuers::{FRESH, kept};

struct Row {
    id: Uuid,
    name: String,
    issuer: String,
    jwks_uri: String,
    keys: Json<JwkSet>,
    keys_fetched_at: OffsetDateTime,
    keys_told_at: OffsetDateTime,
    allowed_organizations: Vec<String>,
    expires_at: Option<OffsetDateTime>,
    created_at: OffsetDateTime,
    updated_at: OffsetDateTime,
}

impl From<Row> for Stored {
    fn from(row: Row) -> Self {
        let keys = kept(row.keys.0.clone());
        Self {
            id: row.id.into(),
            name: row.name,
            issuer: row.issuer,
            jwks_uri: row.jwks_uri,
            was_cut: keys != row.keys.0,
            keys,
            keys_fetched_at: row.keys_fetched_at,
            keys_told_at: row.keys_told_at,
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
        "insert into federation_partners (id, organization_id, name, issuer, jwks_uri, keys, keys_fetched_at, keys_told_at,
           keys_ask_again_at, keys_refresh_at, allowed_organizations, expires_at, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $7, $7, $10, $8, $9, $7, $7)",
        id.as_uuid(),
        tx.organization_id().as_uuid(),
        new.name,
        new.issuer,
        new.jwks_uri,
        Json(keys) as _,
        now,
        &new.allowed_organizations,
        new.expires_at,
        now + FRESH
    )
    .execute(&mut **tx)
    .await
    .map(|_| ())
}

pub(super) async fn list(tx: &mut TenantTx, page: Page) -> Result<Vec<Stored>, sqlx::Error> {
    let below = page.below();
    let rows = sqlx::query_as!(
        Row,
        r#"select id, name, issuer, jwks_uri, keys as "keys: Json<JwkSet>", keys_fetched_at, keys_told_at,
             allowed_organizations, expires_at, created_at, updated_at
           from federation_partners where organization_id = $1 and (created_at, id) < ($4, $5)
           order by created_at desc, id desc limit $2 offset $3"#,
        tx.organization_id().as_uuid(),
        page.fetched(),
        page.offset(),
        below.at,
        below.id
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows.into_iter().map(Stored::from).collect())
}

pub(super) async fn find(tx: &mut TenantTx, id: PartnerId) -> Result<Option<Stored>, sqlx::Error> {
    let row = sqlx::query_as!(
        Row,
        r#"select id, name, issuer, jwks_uri, keys as "keys: Json<JwkSet>", keys_fetched_at, keys_told_at,
             allowed_organizations, expires_at, created_at, updated_at
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
        r#"select id, name, issuer, jwks_uri, keys as "keys: Json<JwkSet>", keys_fetched_at, keys_told_at,
             allowed_organizations, expires_at, created_at, updated_at
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
        "update federation_partners set name = $3, jwks_uri = $4, keys = $5, keys_fetched_at = $6, keys_told_at = $7,
           allowed_organizations = $8, expires_at = $9, updated_at = $10
         where organization_id = $1 and id = $2",
        tx.organization_id().as_uuid(),
        partner.id.as_uuid(),
        partner.name,
        partner.jwks_uri,
        Json(&partner.keys) as _,
        partner.keys_fetched_at,
        partner.keys_told_at,
        &partner.allowed_organizations,
        partner.expires_at,
        partner.updated_at
    )
    .execute(&mut **tx)
    .await
    .map(|_| ())
}

/// Takes the turn to ask for the keys because of a token, for so long as `turn`; unless somebody has it, or it is not time.
pub(super) async fn take_turn(
    tx: &mut TenantTx,
    id: PartnerId,
    turn: Duration,
    now: OffsetDateTime,
) -> Result<Turn, sqlx::Error> {
    let at = sqlx::query_scalar!(
        "select keys_ask_again_at from federation_partners where organization_id = $1 and id = $2 for update",
        tx.organization_id().as_uuid(),
        id.as_uuid()
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(match at {
        Some(at) if at <= now => {
            ask_again_at(tx, id, now + turn).await?;
            Turn::Taken
        }
        // Whose clock was read a little later than ours.
        Some(at) if at <= now + turn * 2 => Turn::OfAnother,
        _ => Turn::NotNow,
    })
}

/// Until `at` no token makes us ask for the keys.
pub(super) async fn ask_again_at(
    tx: &mut TenantTx,
    id: PartnerId,
    at: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update federation_partners set keys_ask_again_at = $3 where organization_id = $1 and id = $2",
        tx.organization_id().as_uuid(),
        id.as_uuid(),
        at
    )
    .execute(&mut **tx)
    .await
    .map(|_| ())
}

/// Keeps the keys that were found.
pub(super) async fn keep_keys(tx: &mut TenantTx, partner: &Stored) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update federation_partners set keys = $3, keys_fetched_at = $4, keys_told_at = $5 where organization_id = $1 and id = $2",
        tx.organization_id().as_uuid(),
        partner.id.as_uuid(),
        Json(&partner.keys) as _,
        partner.keys_fetched_at,
        partner.keys_told_at
    )
    .execute(&mut **tx)
    .await
    .map(|_| ())
}

/// A partner whose keys are to be asked for.
pub(super) struct Due {
    pub organization: OrganizationId,
    pub id: PartnerId,
    pub jwks_uri: String,
}

/// Up to `limit` partners whose keys are due to be asked for, of each organization in turn: one with many delays no other's. They are due
/// again at `next`.
pub(super) async fn take_due_any_tenant(
    tx: &mut PgConnection,
    now: OffsetDateTime,
    next: OffsetDateTime,
    limit: i64,
) -> Result<Vec<Due>, sqlx::Error> {
    let rows = sqlx::query!(
        "update federation_partners set keys_refresh_at = $2
         where id in (select id from federation_partners
                      where id in (select id from (
                          select id, keys_refresh_at, row_number() over (partition by organization_id order by keys_refresh_at) as turn
                          from federation_partners
                          where keys_refresh_at <= $1 and (expires_at is null or expires_at > $1)) due
                        order by turn, keys_refresh_at limit $3)
                        and keys_refresh_at <= $1
                      for update skip locked)
         returning organization_id, id, jwks_uri",
        now,
        next,
        limit
    )
    .fetch_all(tx)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Due {
            organization: row.organization_id.into(),
            id: row.id.into(),
            jwks_uri: row.jwks_uri,
        })
        .collect())
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
