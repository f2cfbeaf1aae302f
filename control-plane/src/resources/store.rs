//! SQL of protected APIs.

use agentidp_shared::ids::{OrganizationId, ResourceId};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::model::{Resource, ResourceScope, Serves};
use super::rights_store::read_scopes;
use crate::infra::http::pagination::Page;

struct Row {
    id: Uuid,
    identifier: String,
    name: String,
    for_all: bool,
    scopes: Vec<String>,
    descriptions: Vec<String>,
    organizations: Vec<Uuid>,
    created_at: OffsetDateTime,
    updated_at: OffsetDateTime,
}

impl TryFrom<Row> for Resource {
    type Error = sqlx::Error;

    fn try_from(row: Row) -> Result<Self, sqlx::Error> {
        let scopes = read_scopes(&row.scopes)?.into_iter().zip(row.descriptions);
        let listed = row.organizations.into_iter().map(OrganizationId::new).collect();
        Ok(Self {
            id: row.id.into(),
            identifier: row.identifier,
            name: row.name,
            scopes: scopes.map(|(name, description)| ResourceScope { name, description }).collect(),
            organizations: Some(if row.for_all { Serves::ALL } else { Serves::Listed(listed) }),
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

/// Of those that exist: for the platform all (`None`), for an organization what it may have.
pub(super) async fn count(
    tx: &mut PgConnection,
    organization: Option<OrganizationId>,
) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select count(*) as "count!" from protected_resources where $1::uuid is null or may_have_resource($1, identifier)"#,
        organization.map(OrganizationId::as_uuid)
    )
    .fetch_one(tx)
    .await
}

pub(super) async fn count_scopes_any_tenant(tx: &mut PgConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(r#"select count(*) as "count!" from protected_resource_scopes"#).fetch_one(tx).await
}

/// One page, the newest first. An organization is shown the scopes that it may have.
pub(super) async fn list(
    tx: &mut PgConnection,
    organization: Option<OrganizationId>,
    of_policy: &[String],
    page: Page,
) -> Result<Vec<Resource>, sqlx::Error> {
    let below = page.below();
    let rows = sqlx::query_as!(
        Row,
        r#"select id, identifier, name, for_all, created_at, updated_at,
             array(select scopes.name from protected_resource_scopes scopes where resource_id = resources.id
               and ($1::uuid is null or may_have_scope($1, scopes.name, $4)) order by scopes.name) as "scopes!",
             array(select description from protected_resource_scopes scopes where resource_id = resources.id
               and ($1::uuid is null or may_have_scope($1, scopes.name, $4)) order by scopes.name) as "descriptions!",
             array(select organization_id from protected_resource_organizations where resource_id = resources.id
               order by organization_id) as "organizations!"
           from protected_resources resources
           where ($1::uuid is null or may_have_resource($1, identifier)) and (created_at, id) < ($5, $6)
           order by created_at desc, id desc limit $2 offset $3"#,
        organization.map(OrganizationId::as_uuid),
        page.fetched(),
        page.offset(),
        of_policy,
        below.at,
        below.id
    )
    .fetch_all(tx)
    .await?;
    rows.into_iter().map(Resource::try_from).collect()
}

/// One, if it is among those that [`list`] shows.
pub(super) async fn find(
    tx: &mut PgConnection,
    organization: Option<OrganizationId>,
    of_policy: &[String],
    id: ResourceId,
) -> Result<Option<Resource>, sqlx::Error> {
    let row = sqlx::query_as!(
        Row,
        r#"select id, identifier, name, for_all, created_at, updated_at,
             array(select scopes.name from protected_resource_scopes scopes where resource_id = resources.id
               and ($1::uuid is null or may_have_scope($1, scopes.name, $3)) order by scopes.name) as "scopes!",
             array(select description from protected_resource_scopes scopes where resource_id = resources.id
               and ($1::uuid is null or may_have_scope($1, scopes.name, $3)) order by scopes.name) as "descriptions!",
             array(select organization_id from protected_resource_organizations where resource_id = resources.id
               order by organization_id) as "organizations!"
           from protected_resources resources
           where id = $2 and ($1::uuid is null or may_have_resource($1, identifier))"#,
        organization.map(OrganizationId::as_uuid),
        id.as_uuid(),
        of_policy
    )
    .fetch_optional(tx)
    .await?;
    row.map(Resource::try_from).transpose()
}

pub(super) async fn insert_any_tenant(
    tx: &mut PgConnection,
    id: ResourceId,
    identifier: &str,
    name: &str,
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into protected_resources (id, identifier, name, for_all, created_at, updated_at) values ($1, $2, $3, false, $4, $4)",
        id.as_uuid(),
        identifier,
        name,
        now
    )
    .execute(tx)
    .await
    .map(|_| ())
}

pub(super) async fn rename_any_tenant(
    tx: &mut PgConnection,
    id: ResourceId,
    name: Option<&str>,
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update protected_resources set name = coalesce($2, name), updated_at = $3 where id = $1",
        id.as_uuid(),
        name,
        now
    )
    .execute(tx)
    .await
    .map(|_| ())
}

/// Those of the names that another protected API has.
pub(super) async fn scopes_of_others_any_tenant(
    tx: &mut PgConnection,
    id: ResourceId,
    scopes: &[ResourceScope],
) -> Result<Vec<String>, sqlx::Error> {
    let names: Vec<_> = scopes.iter().map(|scope| scope.name.to_string()).collect();
    sqlx::query_scalar!(
        "select name from protected_resource_scopes where name = any ($2) and resource_id <> $1 order by name",
        id.as_uuid(),
        &names
    )
    .fetch_all(tx)
    .await
}

/// Replaces the scopes.
pub(super) async fn set_scopes_any_tenant(
    tx: &mut PgConnection,
    id: ResourceId,
    scopes: &[ResourceScope],
) -> Result<(), sqlx::Error> {
    let names: Vec<_> = scopes.iter().map(|scope| scope.name.to_string()).collect();
    let descriptions: Vec<_> = scopes.iter().map(|scope| scope.description.clone()).collect();
    sqlx::query!(
        "delete from protected_resource_scopes where resource_id = $1 and name <> all ($2)",
        id.as_uuid(),
        &names
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        "insert into protected_resource_scopes (resource_id, name, description)
         select $1, name, description from unnest($2::text[], $3::text[]) as given (name, description)
         on conflict (name) do update set description = excluded.description",
        id.as_uuid(),
        &names,
        &descriptions
    )
    .execute(tx)
    .await
    .map(|_| ())
}

/// Those of the organizations that do not exist.
pub(super) async fn unknown_organizations_any_tenant(
    tx: &mut PgConnection,
    organizations: &[OrganizationId],
) -> Result<Vec<OrganizationId>, sqlx::Error> {
    let ids: Vec<_> = organizations.iter().map(|id| id.as_uuid()).collect();
    let unknown = sqlx::query_scalar!(
        r#"select id as "id!" from unnest($1::uuid[]) id
           where not exists (select from organizations where organizations.id = id.id and status <> 'deleted')"#,
        &ids
    )
    .fetch_all(tx)
    .await?;
    Ok(unknown.into_iter().map(OrganizationId::new).collect())
}

/// Replaces which organizations the API serves.
pub(super) async fn set_organizations_any_tenant(
    tx: &mut PgConnection,
    id: ResourceId,
    serves: &Serves,
) -> Result<(), sqlx::Error> {
    let ids: Vec<_> = serves.listed().iter().map(|id| id.as_uuid()).collect();
    sqlx::query!(
        "update protected_resources set for_all = $2 where id = $1",
        id.as_uuid(),
        serves.is_for_all()
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!("delete from protected_resource_organizations where resource_id = $1", id.as_uuid())
        .execute(&mut *tx)
        .await?;
    sqlx::query!(
        "insert into protected_resource_organizations (resource_id, organization_id) select $1, id from unnest($2::uuid[]) id",
        id.as_uuid(),
        &ids
    )
    .execute(tx)
    .await
    .map(|_| ())
}

/// Deletes the API with its scopes, and from the lists of organizations.
pub(super) async fn delete_any_tenant(tx: &mut PgConnection, resource: &Resource) -> Result<(), sqlx::Error> {
    sqlx::query!("delete from protected_resources where id = $1", resource.id.as_uuid())
        .execute(&mut *tx)
        .await?;
    sqlx::query!(
        "update organizations set allowed_resources = array_remove(allowed_resources, $1) where allowed_resources && array[$1]",
        resource.identifier
    )
    .execute(tx)
    .await
    .map(|_| ())
}

/// Removes scopes that no longer exist from the lists of organizations: one that is made anew under such a name is another.
pub(super) async fn forget_scopes_any_tenant(
    tx: &mut PgConnection,
    gone: &[String],
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update organizations set allowed_scopes = array(
           select scope from unnest(allowed_scopes) with ordinality as allowed (scope, place)
           where scope <> all ($1) order by place)
         where allowed_scopes && $1",
        gone
    )
    .execute(tx)
    .await
    .map(|_| ())
}

/// The organizations that may have the resource, or one of the scopes, each with what it may have.
pub(super) async fn rights_any_tenant(
    tx: &mut PgConnection,
    organization: Option<OrganizationId>,
    identifier: Option<&str>,
    scopes: &[String],
    of_policy: &[String],
) -> Result<Vec<(OrganizationId, String)>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"select id as "id!", held as "held!" from (
             select id, 'aud ' || $2 as held from organizations
             where $2::text is not null and status <> 'deleted' and ($1::uuid is null or id = $1) and may_have_resource(id, $2)
             union all
             select id, scope from organizations cross join unnest($3::text[]) scope
             where status <> 'deleted' and ($1::uuid is null or id = $1) and may_have_scope(id, scope, $4)) held"#,
        organization.map(OrganizationId::as_uuid),
        identifier,
        scopes,
        of_policy
    )
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id.into(), row.held)).collect())
}
