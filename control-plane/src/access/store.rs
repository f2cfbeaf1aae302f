//! SQL of principals and how they stand.

use agentidp_shared::claims::Claims;
use agentidp_shared::ids::{AgentId, OrganizationId};
use agentidp_shared::scopes::{Scope, ScopeSet};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::principal::{Principal, PrincipalKind};
use super::role::Role;
use crate::infra::clock::unix_seconds;
use crate::infra::db::{SystemTx, TenantTx};

/// First key of the advisory lock that puts changes of an organization's owners in a row ("ownr" in ASCII).
const OWNERS_LOCK: i32 = 0x6f77_6e72;

/// A principal of a token, and how it and its organization stand.
pub(super) struct Standing {
    pub principal: Principal,
    pub is_active: bool,
    pub is_system: bool,
    pub only_registers: bool,
    /// Unix seconds: tokens issued at or before it are refused. The principal's or its organization's, whichever is later.
    pub not_before: Option<u64>,
    /// Tokens issued at or before the second hold no more than these scopes.
    pub scope_limit: Option<(ScopeSet, u64)>,
}

struct Row {
    id: Uuid,
    organization_id: Uuid,
    scopes: Vec<String>,
    role: Option<String>,
    status: String,
    organization_status: String,
    is_system: bool,
    only_registers: bool,
    not_before: Option<OffsetDateTime>,
    scope_limit: Option<Vec<String>>,
    scope_limit_at: Option<OffsetDateTime>,
}

impl TryFrom<Row> for Standing {
    type Error = sqlx::Error;

    fn try_from(row: Row) -> Result<Self, sqlx::Error> {
        let limit = row.scope_limit.as_deref().map(scopes).transpose()?;
        Ok(Self {
            principal: Principal {
                id: row.id.into(),
                kind: PrincipalKind::Agent,
                organization_id: row.organization_id.into(),
                role: row.role.as_deref().and_then(Role::from_column).unwrap_or_default(),
                scopes: scopes(&row.scopes)?,
            },
            is_active: row.status == "active" && row.organization_status == "active",
            is_system: row.is_system,
            only_registers: row.only_registers,
            not_before: row.not_before.map(unix_seconds),
            scope_limit: limit.zip(row.scope_limit_at.map(unix_seconds)),
        })
    }
}

fn scopes(names: &[String]) -> Result<ScopeSet, sqlx::Error> {
    let scopes: Result<ScopeSet, _> = names.iter().map(|scope| scope.parse::<Scope>()).collect();
    scopes.map_err(|error| sqlx::Error::Decode(error.into()))
}

/// The subject and the client of a token, and whether the token itself was revoked. Of tokens whose signature is good: they say
/// which organizations they are about.
pub(super) async fn standings(
    tx: &mut SystemTx,
    claims: &Claims,
) -> Result<(Vec<Standing>, bool), sqlx::Error> {
    let rows = sqlx::query_as!(
        Row,
        r#"select agents.id, agents.organization_id, agents.scopes, members.role as "role?", agents.status,
             organizations.status as organization_status, organizations.is_system, agents.only_registers,
             greatest(agents.not_before, organizations.not_before) as not_before, agents.scope_limit, agents.scope_limit_at
           from agents
           join organizations on organizations.id = agents.organization_id
           left join organization_members members on members.agent_id = agents.id and members.organization_id = agents.organization_id
           where (agents.id, agents.organization_id) in (($1, $2), ($3, $4))"#,
        claims.sub.as_uuid(),
        claims.organization_id.as_uuid(),
        claims.client_id.as_uuid(),
        claims.holder_organization().as_uuid()
    )
    .fetch_all(&mut **tx)
    .await?;
    let revoked = sqlx::query_scalar!(
        r#"select exists (select from revoked_tokens where jti = $1) as "revoked!""#,
        claims.jti.as_uuid()
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok((rows.into_iter().map(Standing::try_from).collect::<Result<_, _>>()?, revoked))
}

/// The rank and the scopes of an agent of the transaction's organization.
pub(super) async fn powers(
    tx: &mut TenantTx,
    agent: AgentId,
) -> Result<Option<(Role, ScopeSet)>, sqlx::Error> {
    let row = sqlx::query!(
        r#"select scopes, members.role as "role?" from agents
           left join organization_members members
             on members.agent_id = agents.id and members.organization_id = agents.organization_id
           where agents.organization_id = $1 and agents.id = $2"#,
        tx.organization_id().as_uuid(),
        agent.as_uuid()
    )
    .fetch_optional(&mut **tx)
    .await?;
    row.map(|row| {
        let role = row.role.as_deref().and_then(Role::from_column).unwrap_or_default();
        Ok((role, scopes(&row.scopes)?))
    })
    .transpose()
}

/// Holds off other changes of the organization's owners until the transaction ends.
pub(super) async fn lock_owners(
    tx: &mut PgConnection,
    organization: OrganizationId,
) -> Result<(), sqlx::Error> {
    sqlx::query!("select pg_advisory_xact_lock($1, hashtext($2))", OWNERS_LOCK, organization.to_string())
        .fetch_one(tx)
        .await
        .map(|_| ())
}

/// For each active owner of the organization, whether it can really act as one: it may administer, and has a way to get a token (a
/// credential that has not expired, or a workload that is trusted).
pub(super) async fn active_owners(
    tx: &mut PgConnection,
    organization: OrganizationId,
    now: OffsetDateTime,
) -> Result<Vec<bool>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select (agents.scopes @> array['admin:orgs'] and (
             exists (select from credentials where credentials.organization_id = $1 and credentials.agent_id = agents.id
               and credentials.status = 'active' and (credentials.expires_at is null or credentials.expires_at > $2))
             or exists (select from trust_policies where trust_policies.organization_id = $1
               and trust_policies.agent_id = agents.id))) as "is_usable!"
           from organization_members members
           join agents on agents.id = members.agent_id and agents.organization_id = members.organization_id
           where members.organization_id = $1 and members.role = 'owner' and agents.status = 'active'
           order by 1 desc limit 1000"#,
        organization.as_uuid(),
        now
    )
    .fetch_all(tx)
    .await
}
