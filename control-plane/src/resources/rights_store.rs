//! SQL of what organizations may have of protected APIs.

use agentidp_shared::ids::OrganizationId;
use agentidp_shared::scopes::Scope;
use sqlx::PgConnection;
use uuid::Uuid;

use super::rights::Known;
use crate::infra::db::decode;

/// Key of the advisory lock on rights to APIs ("rsrc" in ASCII). Transactions that give or use such rights share it; one that changes them
/// holds it exclusively.
const LOCK: i64 = 0x7273_7263;

pub(super) async fn lock(tx: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query!("select pg_advisory_xact_lock($1)", LOCK).fetch_one(tx).await.map(|_| ())
}

pub(super) async fn lock_shared(tx: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query!("select pg_advisory_xact_lock_shared($1)", LOCK).fetch_one(tx).await.map(|_| ())
}

/// What organizations are asked to have: a scope of an API, or an audience. Each is asked for one of several tokens, by its position.
#[derive(Debug, Default)]
pub(super) struct Questions {
    tokens: Vec<i32>,
    organizations: Vec<Uuid>,
    scopes: Vec<Option<String>>,
    audiences: Vec<Option<String>>,
}

impl Questions {
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// Exactly one of `scope` and `audience` is there.
    pub fn push(
        &mut self,
        token: usize,
        organization: OrganizationId,
        scope: Option<String>,
        audience: Option<String>,
    ) {
        self.tokens.push(i32::try_from(token).unwrap_or(i32::MAX));
        self.organizations.push(organization.as_uuid());
        self.scopes.push(scope);
        self.audiences.push(audience);
    }
}

/// The positions of tokens of which something may not be had, each with the scope; without one it is the audience.
#[expect(clippy::as_conversions, reason = "tells the macro the types; nothing is converted")]
pub(super) async fn lacking(
    tx: &mut PgConnection,
    asked: Questions,
    of_policy: &[String],
) -> Result<Vec<(usize, Option<Scope>)>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"select distinct token as "token!", scope from unnest($1::int[], $2::uuid[], $3::text[], $4::text[])
             as asked (token, organization_id, scope, audience)
           where not case when scope is null then may_have_resource(organization_id, audience)
             else may_have_scope(organization_id, scope, $5) end"#,
        &asked.tokens,
        &asked.organizations,
        &asked.scopes as &[Option<String>],
        &asked.audiences as &[Option<String>],
        of_policy
    )
    .fetch_all(tx)
    .await?;
    let read = |scope: Option<String>| scope.map(|scope| decode(&scope)).transpose();
    rows.into_iter()
        .map(|row| Ok((usize::try_from(row.token).unwrap_or(usize::MAX), read(row.scope)?)))
        .collect()
}

/// The scopes of every protected API.
pub(super) async fn scopes_any_tenant(tx: &mut PgConnection) -> Result<Vec<Scope>, sqlx::Error> {
    let names =
        sqlx::query_scalar!("select name from protected_resource_scopes order by name").fetch_all(tx).await?;
    read_scopes(&names)
}

pub(super) async fn known_any_tenant(
    tx: &mut PgConnection,
    identifiers: &[String],
    scopes: &[String],
) -> Result<Known, sqlx::Error> {
    let row = sqlx::query!(
        r#"select array(select identifier from protected_resources where identifier = any ($1)) as "identifiers!",
             array(select name from protected_resource_scopes where name = any ($2)) as "scopes!""#,
        identifiers,
        scopes
    )
    .fetch_one(tx)
    .await?;
    Ok(Known { identifiers: row.identifiers, scopes: row.scopes })
}

pub(super) async fn forget_organization_any_tenant(
    tx: &mut PgConnection,
    organization: OrganizationId,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "delete from protected_resource_organizations where organization_id = $1",
        organization.as_uuid()
    )
    .execute(tx)
    .await
    .map(|_| ())
}

pub(super) fn read_scopes(names: &[String]) -> Result<Vec<Scope>, sqlx::Error> {
    let scopes: Result<Vec<_>, _> = names.iter().map(|name| name.parse::<Scope>()).collect();
    scopes.map_err(|error| sqlx::Error::Decode(error.into()))
}
