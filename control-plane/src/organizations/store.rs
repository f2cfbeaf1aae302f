//! SQL of organizations and their members.

use agentidp_shared::ids::{AgentId, OrganizationId};
use agentidp_shared::jwk::{Algorithm, InvalidKey};
use agentidp_shared::tier::Tier;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::list::OrganizationFilter;
use super::membership::Member;
use super::model::{IssuerKind, Organization, OrganizationStatus};
use super::resources::Allowed;
use crate::access::{Permit, Role};
use crate::app::App;
use crate::infra::db::{TenantTx, contains_pattern, decode};
use crate::infra::http::pagination::{MAX_COUNTED, Page};
use crate::keys::Choice;

pub(super) struct NewOrganization {
    pub slug: String,
    pub name: String,
    pub tier: Tier,
    pub signing: Signing,
    pub allowed: Allowed,
    pub is_system: bool,
}

/// How an organization's tokens are signed, and in whose name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Signing {
    pub choice: Choice,
    pub issuer_kind: IssuerKind,
}

impl Signing {
    fn read(chosen: Option<&str>, before: Option<&str>, issuer_kind: &str) -> Result<Self, sqlx::Error> {
        let algorithm = |column: Option<&str>| column.map(str::parse::<Algorithm>).transpose();
        let unknown = |error: InvalidKey| sqlx::Error::Decode(error.into());
        let choice = Choice {
            algorithm: algorithm(chosen).map_err(unknown)?,
            before: algorithm(before).map_err(unknown)?,
        };
        Ok(Self { choice, issuer_kind: decode(issuer_kind)? })
    }
}

impl NewOrganization {
    /// The organization that runs the instance.
    pub fn system() -> Self {
        Self {
            slug: "system".into(),
            name: "System".into(),
            tier: Tier::Enterprise,
            signing: Signing::default(),
            allowed: Allowed::any(),
            is_system: true,
        }
    }
}

/// Inserts an organization. The platform creates them all, so it has confirmed the name.
pub(super) async fn insert(
    tx: &mut PgConnection,
    id: OrganizationId,
    new: &NewOrganization,
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into organizations (id, slug, name, tier, is_system, created_at, updated_at, signing_algorithm, issuer_kind,
           allowed_resources, allowed_scopes, name_confirmed_at)
         values ($1, $2, $3, $4, $5, $6, $6, $7, $8, $9, $10, $6)",
        id.as_uuid(),
        new.slug,
        new.name,
        new.tier.as_str(),
        new.is_system,
        now,
        new.signing.choice.algorithm.map(Algorithm::as_str),
        new.signing.issuer_kind.as_str(),
        &new.allowed.allowed_resources,
        &new.allowed.allowed_scopes
    )
    .execute(tx)
    .await
    .map(|_| ())
}

pub(super) async fn system(tx: &mut PgConnection) -> Result<Option<OrganizationId>, sqlx::Error> {
    let id = sqlx::query_scalar!("select id from organizations where is_system").fetch_optional(tx).await?;
    Ok(id.map(OrganizationId::new))
}

struct Row {
    id: Uuid,
    slug: String,
    name: String,
    name_confirmed_at: Option<OffsetDateTime>,
    status: String,
    tier: String,
    signing_algorithm: Option<String>,
    signing_algorithm_before: Option<String>,
    issuer_kind: String,
    created_at: OffsetDateTime,
    updated_at: OffsetDateTime,
}

impl Row {
    fn into_organization(self, app: &App) -> Result<Organization, sqlx::Error> {
        let Signing { choice, issuer_kind } = Signing::read(
            self.signing_algorithm.as_deref(),
            self.signing_algorithm_before.as_deref(),
            &self.issuer_kind,
        )?;
        Ok(Organization {
            id: self.id.into(),
            slug: self.slug,
            name: self.name,
            name_confirmed: self.name_confirmed_at.is_some(),
            status: decode(&self.status)?,
            tier: decode(&self.tier)?,
            signing_algorithm: choice.algorithm,
            signing_algorithm_in_force: app
                .signers
                .current()
                .signer_for(choice)
                .map(|signer| signer.algorithm()),
            issuer_kind,
            issuer: issuer_kind.identifier(&app.config.issuer, self.id.into()),
            created_at: self.created_at,
            updated_at: self.updated_at,
        })
    }
}

pub(super) async fn find(
    tx: &mut PgConnection,
    app: &App,
    organization: OrganizationId,
) -> Result<Option<Organization>, sqlx::Error> {
    let row = sqlx::query_as!(
        Row,
        "select id, slug, name, name_confirmed_at, status, tier, signing_algorithm, signing_algorithm_before, issuer_kind,
           created_at, updated_at
         from organizations where id = $1",
        organization.as_uuid()
    )
    .fetch_optional(tx)
    .await?;
    row.map(|row| row.into_organization(app)).transpose()
}

/// An organization's name, and when the platform last set or confirmed it; `None` if the organization chose it itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OrganizationName {
    pub text: String,
    pub confirmed_at: Option<OffsetDateTime>,
}

impl OrganizationName {
    /// The name after a request that asks for `text`, if it names one. The platform confirms what it writes, even if it was the name
    /// already; an organization that writes another name vouches for it alone.
    pub fn changed(&self, text: Option<String>, by_platform: bool, now: OffsetDateTime) -> Self {
        match text {
            Some(text) if by_platform => Self { text, confirmed_at: Some(now) },
            Some(text) if text != self.text => Self { text, confirmed_at: None },
            _ => self.clone(),
        }
    }
}

/// What a change of an organization must know of it.
pub(super) struct Locked {
    pub name: OrganizationName,
    pub status: OrganizationStatus,
    pub tier: Tier,
    pub signing: Signing,
    pub is_system: bool,
}

/// Holds off other changes of the organization until the transaction ends.
pub(super) async fn lock(
    tx: &mut PgConnection,
    organization: OrganizationId,
) -> Result<Option<Locked>, sqlx::Error> {
    let row = sqlx::query!(
        "select name, name_confirmed_at, status, tier, is_system, signing_algorithm, signing_algorithm_before, issuer_kind
         from organizations where id = $1 for update",
        organization.as_uuid()
    )
    .fetch_optional(tx)
    .await?;
    row.map(|row| {
        let (status, tier) = (decode(&row.status)?, decode(&row.tier)?);
        let signing = Signing::read(
            row.signing_algorithm.as_deref(),
            row.signing_algorithm_before.as_deref(),
            &row.issuer_kind,
        )?;
        let name = OrganizationName { text: row.name, confirmed_at: row.name_confirmed_at };
        Ok(Locked { name, status, tier, signing, is_system: row.is_system })
    })
    .transpose()
}

pub(super) async fn update(
    tx: &mut PgConnection,
    organization: OrganizationId,
    name: &OrganizationName,
    tier: Tier,
    signing: Signing,
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update organizations set name = $2, tier = $3, updated_at = $4, signing_algorithm = $5, signing_algorithm_before = $6,
           issuer_kind = $7, name_confirmed_at = $8
         where id = $1",
        organization.as_uuid(),
        name.text,
        tier.as_str(),
        now,
        signing.choice.algorithm.map(Algorithm::as_str),
        signing.choice.before.map(Algorithm::as_str),
        signing.issuer_kind.as_str(),
        name.confirmed_at
    )
    .execute(tx)
    .await
    .map(|_| ())
}

/// Sets the status. Unless it is active again, tokens issued so far are refused for good; returns until when that is.
pub(super) async fn set_status(
    tx: &mut PgConnection,
    organization: OrganizationId,
    status: OrganizationStatus,
    now: OffsetDateTime,
) -> Result<Option<OffsetDateTime>, sqlx::Error> {
    sqlx::query_scalar!(
        "update organizations set status = $2, updated_at = $3,
           not_before = case when $2 = 'active' then not_before
             else greatest($3, coalesce(not_before, '-infinity') + interval '1 second') end
         where id = $1 returning not_before",
        organization.as_uuid(),
        status.as_str(),
        now
    )
    .fetch_one(tx)
    .await
}

/// Active agents that do not own the organization.
pub(super) async fn count_active_agents(
    tx: &mut PgConnection,
    organization: OrganizationId,
) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select count(*) as "count!" from agents
           where organization_id = $1 and status = 'active' and not exists (
             select from organization_members members
             where members.organization_id = $1 and members.agent_id = agents.id and members.role = 'owner')"#,
        organization.as_uuid()
    )
    .fetch_one(tx)
    .await
}

fn role(text: &str) -> Result<Role, sqlx::Error> {
    Role::from_column(text).ok_or_else(|| sqlx::Error::Decode("a role this version does not know".into()))
}

pub(super) async fn list_members(
    tx: &mut TenantTx,
    organization: OrganizationId,
    page: Page,
) -> Result<(Vec<Member>, Option<i64>), sqlx::Error> {
    let total = if page.is_counted() {
        Some(
            sqlx::query_scalar!(
                r#"select count(*) as "count!" from (
                     select from organization_members where organization_id = $1 limit $2) members"#,
                organization.as_uuid(),
                MAX_COUNTED
            )
            .fetch_one(&mut **tx)
            .await?,
        )
    } else {
        None
    };
    let above = page.above();
    let rows = sqlx::query!(
        "select agent_id, role, created_at from organization_members where organization_id = $1 and (created_at, agent_id) > ($4, $5)
         order by created_at, agent_id limit $2 offset $3",
        organization.as_uuid(),
        page.fetched(),
        page.offset(),
        above.at,
        above.id
    )
    .fetch_all(&mut **tx)
    .await?;
    let member = |agent_id: Uuid, text: &str, created_at| {
        Ok(Member { agent_id: agent_id.into(), role: role(text)?, created_at })
    };
    let members = rows.into_iter().map(|row| member(row.agent_id, &row.role, row.created_at));
    Ok((members.collect::<Result<_, sqlx::Error>>()?, total))
}

pub(super) async fn role_of(
    tx: &mut TenantTx,
    organization: OrganizationId,
    agent: AgentId,
) -> Result<Option<Role>, sqlx::Error> {
    let found = sqlx::query_scalar!(
        "select role from organization_members where organization_id = $1 and agent_id = $2",
        organization.as_uuid(),
        agent.as_uuid()
    )
    .fetch_optional(&mut **tx)
    .await?;
    found.as_deref().map(role).transpose()
}

/// Returns since when the agent is a member.
pub(super) async fn set_role(
    tx: &mut TenantTx,
    organization: OrganizationId,
    permit: Permit,
    role: Role,
) -> Result<OffsetDateTime, sqlx::Error> {
    sqlx::query_scalar!(
        "update organization_members set role = $3 where organization_id = $1 and agent_id = $2 returning created_at",
        organization.as_uuid(),
        permit.agent().as_uuid(),
        role.as_str()
    )
    .fetch_one(&mut **tx)
    .await
}

/// One page of those that match, newest first, and how many there are, up to [`MAX_COUNTED`]; `only` narrows it to one.
pub(super) async fn list(
    tx: &mut PgConnection,
    app: &App,
    only: Option<OrganizationId>,
    filter: &OrganizationFilter,
) -> Result<(Vec<Organization>, Option<i64>), sqlx::Error> {
    let pattern = filter.q.as_deref().map(contains_pattern);
    let status = filter.status.map(OrganizationStatus::as_str);
    let total = if filter.page.is_counted() {
        Some(
            sqlx::query_scalar!(
                r#"select count(*) as "count!" from (
                     select from organizations
                     where ($1::text is null or status = $1) and ($2::text is null or name ilike $2 or slug ilike $2)
                       and ($3::uuid is null or id = $3)
                     limit $4) matching"#,
                status,
                pattern,
                only.map(OrganizationId::as_uuid),
                MAX_COUNTED
            )
            .fetch_one(&mut *tx)
            .await?,
        )
    } else {
        None
    };
    let below = filter.page.below();
    let rows = sqlx::query_as!(
        Row,
        "select id, slug, name, name_confirmed_at, status, tier, signing_algorithm, signing_algorithm_before, issuer_kind,
           created_at, updated_at
         from organizations
         where ($1::text is null or status = $1) and ($2::text is null or name ilike $2 or slug ilike $2)
           and ($3::uuid is null or id = $3) and (created_at, id) < ($6, $7)
         order by created_at desc, id desc limit $4 offset $5",
        status,
        pattern,
        only.map(OrganizationId::as_uuid),
        filter.page.fetched(),
        filter.page.offset(),
        below.at,
        below.id
    )
    .fetch_all(tx)
    .await?;
    Ok((rows.into_iter().map(|row| row.into_organization(app)).collect::<Result<_, _>>()?, total))
}

pub(super) async fn insert_member(
    tx: &mut PgConnection,
    organization: OrganizationId,
    permit: Permit,
    role: Role,
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into organization_members (organization_id, agent_id, role, created_at) values ($1, $2, $3, $4)",
        organization.as_uuid(),
        permit.agent().as_uuid(),
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
    permit: Permit,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "delete from organization_members where organization_id = $1 and agent_id = $2",
        organization.as_uuid(),
        permit.agent().as_uuid()
    )
    .execute(tx)
    .await
    .map(|_| ())
}
