//! SQL of what organizations may have of protected APIs.

use agentidp_shared::ids::OrganizationId;
use agentidp_shared::scopes::{Scope, ScopeSet};
use sqlx::PgConnection;

use super::rights::{Known, Lacking};

/// Held, shared by whoever gives agents API scopes and alone by whoever changes which there are ("rsrc" in ASCII).
const LOCK: i64 = 0x7273_7263;

pub(super) async fn lock(tx: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query!("select pg_advisory_xact_lock($1)", LOCK).fetch_one(tx).await.map(|_| ())
}

pub(super) async fn lock_shared(tx: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query!("select pg_advisory_xact_lock_shared($1)", LOCK).fetch_one(tx).await.map(|_| ())
}

pub(super) async fn lacking(
    tx: &mut PgConnection,
    organization: OrganizationId,
    scopes: &ScopeSet,
    audience: Option<&str>,
    of_policy: &[String],
) -> Result<Lacking, sqlx::Error> {
    let scopes: Vec<_> = scopes.iter().map(ToString::to_string).collect();
    let row = sqlx::query!(
        r#"select array(select scope from unnest($2::text[]) scope where not may_have_scope($1, scope, $4)) as "scopes!",
             ($3::text is not null and not may_have_resource($1, $3)) as "audience!""#,
        organization.as_uuid(),
        &scopes,
        audience,
        of_policy
    )
    .fetch_one(tx)
    .await?;
    Ok(Lacking { scopes: read_scopes(&row.scopes)?.into_iter().collect(), audience: row.audience })
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

pub(super) fn read_scopes(names: &[String]) -> Result<Vec<Scope>, sqlx::Error> {
    let scopes: Result<Vec<_>, _> = names.iter().map(|name| name.parse::<Scope>()).collect();
    scopes.map_err(|error| sqlx::Error::Decode(error.into()))
}
