//! SQL of grants.

use agentidp_shared::delegation;
use agentidp_shared::ids::{GrantId, OrganizationId};
use agentidp_shared::scopes::{Scope, ScopeSet};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::model::{Grant, NewGrant};
use crate::app::App;
use crate::infra::clock::unix_seconds;
use crate::infra::db::{SystemTx, TenantTx};
use crate::infra::http::pagination::Page;

struct Row {
    id: Uuid,
    grantee_id: Uuid,
    scopes: Vec<String>,
    expires_at: Option<OffsetDateTime>,
    created_at: OffsetDateTime,
}

impl TryFrom<Row> for Grant {
    type Error = sqlx::Error;

    fn try_from(row: Row) -> Result<Self, sqlx::Error> {
        Ok(Self {
            grant_id: row.id.into(),
            grantee_id: row.grantee_id.into(),
            scopes: read_scopes(&row.scopes)?,
            expires_at: row.expires_at,
            answered: false,
            created_at: row.created_at,
        })
    }
}

fn read_scopes(column: &[String]) -> Result<ScopeSet, sqlx::Error> {
    let scopes = column.iter().map(|scope| scope.parse::<Scope>()).collect::<Result<ScopeSet, _>>();
    scopes.map_err(|error| sqlx::Error::Decode(error.into()))
}

/// What agents of `giver` may pass on to those of `grantee`, if both have a grant for the other that has not ended. Neither can be
/// deleted before the transaction has ended.
pub async fn granted(
    tx: &mut SystemTx,
    giver: OrganizationId,
    grantee: OrganizationId,
    now: OffsetDateTime,
) -> Result<Option<delegation::Grant>, sqlx::Error> {
    let rows = sqlx::query!(
        "select organization_id, scopes, expires_at from federation_grants
         where (organization_id, grantee_id) in (($1, $2), ($2, $1)) and (expires_at is null or expires_at > $3)
         order by id for share",
        giver.as_uuid(),
        grantee.as_uuid(),
        now
    )
    .fetch_all(&mut **tx)
    .await?;
    let given = rows.iter().find(|row| row.organization_id == giver.as_uuid());
    let Some(given) = given.filter(|_| rows.len() == 2) else { return Ok(None) };
    Ok(Some(delegation::Grant {
        scopes: read_scopes(&given.scopes)?,
        expires_at: rows.iter().filter_map(|row| row.expires_at).min().map(unix_seconds),
    }))
}

/// Which of these organizations have a grant for `organization`. That is all it learns of theirs.
pub(super) async fn answered(
    app: &App,
    organization: OrganizationId,
    grantees: &[OrganizationId],
) -> Result<Vec<OrganizationId>, sqlx::Error> {
    let grantees: Vec<_> = grantees.iter().map(|grantee| grantee.as_uuid()).collect();
    let mut tx = app.db.system().await?;
    let answered = sqlx::query_scalar!(
        "select organization_id from federation_grants
         where grantee_id = $1 and organization_id = any($2) and (expires_at is null or expires_at > $3)",
        organization.as_uuid(),
        &grantees,
        app.now()
    )
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(answered.into_iter().map(OrganizationId::new).collect())
}

/// Says of each whether it is answered.
pub(super) async fn mark_answered(
    app: &App,
    organization: OrganizationId,
    grants: &mut [Grant],
) -> Result<(), sqlx::Error> {
    let grantees: Vec<_> = grants.iter().map(|grant| grant.grantee_id).collect();
    let answered = answered(app, organization, &grantees).await?;
    for grant in grants {
        grant.answered = answered.contains(&grant.grantee_id);
    }
    Ok(())
}

pub(super) async fn count(tx: &mut TenantTx) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select count(*) as "count!" from federation_grants where organization_id = $1"#,
        tx.organization_id().as_uuid()
    )
    .fetch_one(&mut **tx)
    .await
}

pub(super) async fn insert(
    tx: &mut TenantTx,
    id: GrantId,
    new: &NewGrant,
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    let scopes: Vec<_> = new.scopes.iter().map(ToString::to_string).collect();
    sqlx::query!(
        "insert into federation_grants (id, organization_id, grantee_id, scopes, expires_at, created_at) values ($1, $2, $3, $4, $5, $6)",
        id.as_uuid(),
        tx.organization_id().as_uuid(),
        new.grantee_id.as_uuid(),
        &scopes,
        new.expires_at,
        now
    )
    .execute(&mut **tx)
    .await
    .map(|_| ())
}

pub(super) async fn list(tx: &mut TenantTx, page: Page) -> Result<Vec<Grant>, sqlx::Error> {
    let below = page.below();
    let rows = sqlx::query_as!(
        Row,
        "select id, grantee_id, scopes, expires_at, created_at from federation_grants
         where organization_id = $1 and (created_at, id) < ($4, $5)
           order by created_at desc, id desc limit $2 offset $3",
        tx.organization_id().as_uuid(),
        page.fetched(),
        page.offset(),
        below.at,
        below.id
    )
    .fetch_all(&mut **tx)
    .await?;
    rows.into_iter().map(Grant::try_from).collect()
}

pub(super) async fn find(tx: &mut TenantTx, id: GrantId) -> Result<Option<Grant>, sqlx::Error> {
    let row = sqlx::query_as!(
        Row,
        "select id, grantee_id, scopes, expires_at, created_at from federation_grants where organization_id = $1 and id = $2",
        tx.organization_id().as_uuid(),
        id.as_uuid()
    )
    .fetch_optional(&mut **tx)
    .await?;
    row.map(Grant::try_from).transpose()
}

/// Locks a grant of `organization`; returns whom it is for.
pub(super) async fn lock(
    tx: &mut SystemTx,
    organization: OrganizationId,
    id: GrantId,
) -> Result<Option<OrganizationId>, sqlx::Error> {
    let grantee = sqlx::query_scalar!(
        "select grantee_id from federation_grants where organization_id = $1 and id = $2 for update",
        organization.as_uuid(),
        id.as_uuid()
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(grantee.map(OrganizationId::new))
}

pub(super) async fn delete(
    tx: &mut PgConnection,
    organization: OrganizationId,
    id: GrantId,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "delete from federation_grants where organization_id = $1 and id = $2",
        organization.as_uuid(),
        id.as_uuid()
    )
    .execute(tx)
    .await
    .map(|_| ())
}
