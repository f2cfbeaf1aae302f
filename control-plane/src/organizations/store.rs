//! SQL of organizations and their members. What a transaction sees is for its role to say: one organization, or all.

use agentidp_shared::ids::{AgentId, OrganizationId};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::list::OrganizationFilter;
use super::model::{Organization, OrganizationStatus, Tier};
use crate::infra::db::{TenantTx, contains_pattern, decode};
use crate::policy::Role;

/// First key of the advisory lock that puts changes of an organization's owners in a row ("ownr" in ASCII).
const OWNERS_LOCK: i32 = 0x6f77_6e72;

pub(super) struct NewOrganization {
    pub slug: String,
    pub name: String,
    pub tier: Tier,
    pub is_system: bool,
}

impl NewOrganization {
    /// The organization that runs the instance.
    pub fn system() -> Self {
        Self { slug: "system".into(), name: "System".into(), tier: Tier::Enterprise, is_system: true }
    }
}

pub(super) async fn insert(
    tx: &mut PgConnection,
    id: OrganizationId,
    new: &NewOrganization,
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into organizations (id, slug, name, tier, is_system, created_at, updated_at) values ($1, $2, $3, $4, $5, $6, $6)",
        id.as_uuid(),
        new.slug,
        new.name,
        new.tier.as_str(),
        new.is_system,
        now
    )
    .execute(tx)
    .await
    .map(|_| ())
}

pub(super) async fn system(tx: &mut PgConnection) -> Result<Option<OrganizationId>, sqlx::Error> {
    let id = sqlx::query_scalar!("select id from organizations where is_system").fetch_optional(tx).await?;
    Ok(id.map(OrganizationId::new))
}

pub(super) async fn tier(tx: &mut PgConnection, organization: OrganizationId) -> Result<Tier, sqlx::Error> {
    let tier = sqlx::query_scalar!("select tier from organizations where id = $1", organization.as_uuid())
        .fetch_one(tx)
        .await?;
    decode(&tier)
}

struct Row {
    id: Uuid,
    slug: String,
    name: String,
    status: String,
    tier: String,
    created_at: OffsetDateTime,
    updated_at: OffsetDateTime,
}

impl Row {
    fn into_organization(self) -> Result<Organization, sqlx::Error> {
        Ok(Organization {
            id: self.id.into(),
            slug: self.slug,
            name: self.name,
            status: decode(&self.status)?,
            tier: decode(&self.tier)?,
            created_at: self.created_at,
            updated_at: self.updated_at,
        })
    }
}

pub(super) async fn find(
    tx: &mut PgConnection,
    organization: OrganizationId,
) -> Result<Option<Organization>, sqlx::Error> {
    let row = sqlx::query_as!(
        Row,
        "select id, slug, name, status, tier, created_at, updated_at from organizations where id = $1",
        organization.as_uuid()
    )
    .fetch_optional(tx)
    .await?;
    row.map(Row::into_organization).transpose()
}

/// One page of those that match and that the transaction sees, newest first, and how many there are.
pub(super) async fn list(
    tx: &mut PgConnection,
    filter: &OrganizationFilter,
) -> Result<(Vec<Organization>, i64), sqlx::Error> {
    let pattern = filter.q.as_deref().map(contains_pattern);
    let status = filter.status.map(OrganizationStatus::as_str);
    let total = sqlx::query_scalar!(
        r#"select count(*) as "count!" from organizations
           where ($1::text is null or status = $1) and ($2::text is null or name ilike $2 or slug ilike $2)"#,
        status,
        pattern
    )
    .fetch_one(&mut *tx)
    .await?;
    let rows = sqlx::query_as!(
        Row,
        "select id, slug, name, status, tier, created_at, updated_at from organizations
         where ($1::text is null or status = $1) and ($2::text is null or name ilike $2 or slug ilike $2)
         order by created_at desc, id desc limit $3 offset $4",
        status,
        pattern,
        filter.page.limit(),
        filter.page.offset()
    )
    .fetch_all(tx)
    .await?;
    Ok((rows.into_iter().map(Row::into_organization).collect::<Result<_, _>>()?, total))
}

pub(super) async fn insert_member(
    tx: &mut PgConnection,
    organization: OrganizationId,
    agent: AgentId,
    role: Role,
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into organization_members (organization_id, agent_id, role, created_at) values ($1, $2, $3, $4)",
        organization.as_uuid(),
        agent.as_uuid(),
        role.as_str(),
        now
    )
    .execute(tx)
    .await
    .map(|_| ())
}

pub(super) async fn delete_member(
    tx: &mut PgConnection,
    organization: OrganizationId,
    agent: AgentId,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "delete from organization_members where organization_id = $1 and agent_id = $2",
        organization.as_uuid(),
        agent.as_uuid()
    )
    .execute(tx)
    .await
    .map(|_| ())
}

/// Holds off other changes of the organization's owners until the transaction ends.
pub(super) async fn lock_owners(tx: &mut TenantTx, organization: OrganizationId) -> Result<(), sqlx::Error> {
    sqlx::query!("select pg_advisory_xact_lock($1, hashtext($2))", OWNERS_LOCK, organization.to_string())
        .fetch_one(&mut **tx)
        .await
        .map(|_| ())
}

/// The owners that are active, up to two: enough to know whether there is just one.
pub(super) async fn active_owners(
    tx: &mut TenantTx,
    organization: OrganizationId,
) -> Result<Vec<AgentId>, sqlx::Error> {
    let ids = sqlx::query_scalar!(
        "select agents.id from organization_members members
         join agents on agents.id = members.agent_id and agents.organization_id = members.organization_id
         where members.organization_id = $1 and members.role = 'owner' and agents.status = 'active' limit 2",
        organization.as_uuid()
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(ids.into_iter().map(AgentId::new).collect())
}
