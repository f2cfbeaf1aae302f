//! SQL of agents.

use agentidp_shared::did;
use agentidp_shared::ids::{AgentId, OrganizationId};
use agentidp_shared::jwk::Jwk;
use agentidp_shared::scopes::{Scope, ScopeSet};
use sqlx::PgConnection;
use sqlx::postgres::types::PgInterval;
use time::OffsetDateTime;
use uuid::Uuid;

use super::list::AgentFilter;
use super::model::{Agent, AgentStatus, AgentType, DeploymentEnv, NewAgent};
use super::update::UpdateAgentRequest;
use crate::access::Permit;
use crate::infra::db::{TenantTx, contains_pattern, decode};
use crate::infra::http::pagination::MAX_COUNTED;
use crate::infra::keystore::Sealed;

struct Row {
    id: Uuid,
    organization_id: Uuid,
    email: String,
    agent_type: String,
    version: String,
    capabilities: Vec<String>,
    owner: String,
    deployment_env: String,
    name: Option<String>,
    description: Option<String>,
    is_public: bool,
    a2a_url: Option<String>,
    scopes: Vec<String>,
    status: String,
    created_at: OffsetDateTime,
    updated_at: OffsetDateTime,
    decommissioned_at: Option<OffsetDateTime>,
}

impl Row {
    fn into_agent(self, issuer: &str) -> Result<Agent, sqlx::Error> {
        let id = AgentId::new(self.id);
        Ok(Agent {
            did: did::agent_did(issuer, id),
            id,
            organization_id: self.organization_id.into(),
            email: self.email,
            agent_type: decode(&self.agent_type)?,
            version: self.version,
            capabilities: self.capabilities,
            owner: self.owner,
            deployment_env: decode(&self.deployment_env)?,
            name: self.name,
            description: self.description,
            is_public: self.is_public,
            a2a_url: self.a2a_url,
            scopes: scope_set(&self.scopes)?,
            status: decode(&self.status)?,
            created_at: self.created_at,
            updated_at: self.updated_at,
            decommissioned_at: self.decommissioned_at,
        })
    }
}

pub(super) async fn insert(
    tx: &mut PgConnection,
    id: AgentId,
    new: &NewAgent,
    public_key: &Jwk,
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    let scopes: Vec<String> = new.scopes.iter().map(ToString::to_string).collect();
    sqlx::query!(
        "insert into agents (id, organization_id, email, agent_type, version, capabilities, owner, deployment_env, name,
           description, is_public, scopes, did_public_jwk, created_at, updated_at, a2a_url)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $14, $15)",
        id.as_uuid(),
        new.organization_id.as_uuid(),
        new.email,
        new.agent_type.as_str(),
        new.version,
        &new.capabilities,
        new.owner,
        new.deployment_env.as_str(),
        new.name,
        new.description,
        new.is_public,
        &scopes,
        serde_json::to_value(public_key).map_err(|error| sqlx::Error::Encode(error.into()))?,
        now,
        new.a2a_url
    )
    .execute(tx)
    .await
    .map(|_| ())
}

pub(super) async fn insert_did_key(
    tx: &mut PgConnection,
    id: AgentId,
    organization: OrganizationId,
    private_key: &Sealed,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into agent_did_keys (agent_id, organization_id, private_key_ciphertext, wrapping_key_id) values ($1, $2, $3, $4)",
        id.as_uuid(),
        organization.as_uuid(),
        private_key.ciphertext,
        private_key.key_id
    )
    .execute(tx)
    .await
    .map(|_| ())
}

/// The private key of a DID that is gone signs nothing any more; it is overwritten.
pub(super) async fn forget_did_key(tx: &mut TenantTx, agent: AgentId) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update agent_did_keys set private_key_ciphertext = '' where organization_id = $1 and agent_id = $2",
        tx.organization_id().as_uuid(),
        agent.as_uuid()
    )
    .execute(&mut **tx)
    .await
    .map(|_| ())
}

pub(super) async fn find(
    tx: &mut PgConnection,
    issuer: &str,
    organization: OrganizationId,
    agent: AgentId,
) -> Result<Option<Agent>, sqlx::Error> {
    let row = sqlx::query_as!(
        Row,
        "select id, organization_id, email, agent_type, version, capabilities, owner, deployment_env, name, description,
           is_public, a2a_url, scopes, status, created_at, updated_at, decommissioned_at
         from agents where organization_id = $1 and id = $2",
        organization.as_uuid(),
        agent.as_uuid()
    )
    .fetch_optional(tx)
    .await?;
    row.map(|row| row.into_agent(issuer)).transpose()
}

/// One page of those that match, newest first, and how many match in all, up to [`MAX_COUNTED`].
pub(super) async fn list(
    tx: &mut PgConnection,
    issuer: &str,
    organization: OrganizationId,
    filter: &AgentFilter,
) -> Result<(Vec<Agent>, Option<i64>), sqlx::Error> {
    let pattern = filter.q.as_deref().map(contains_pattern);
    let (agent_type, status) =
        (filter.agent_type.map(AgentType::as_str), filter.status.map(AgentStatus::as_str));
    let total = if filter.page.is_counted() {
        Some(
            sqlx::query_scalar!(
                r#"select count(*) as "count!" from (
                     select from agents
                     where organization_id = $1 and ($2::text is null or owner = $2) and ($3::text is null or agent_type = $3)
                       and ($4::text is null or status = $4)
                       and ($5::text is null or name ilike $5 or email ilike $5 or owner ilike $5 or description ilike $5)
                     limit $6) matching"#,
                organization.as_uuid(),
                filter.owner,
                agent_type,
                status,
                pattern,
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
        "select id, organization_id, email, agent_type, version, capabilities, owner, deployment_env, name, description,
           is_public, a2a_url, scopes, status, created_at, updated_at, decommissioned_at
         from agents
         where organization_id = $1 and ($2::text is null or owner = $2) and ($3::text is null or agent_type = $3)
           and ($4::text is null or status = $4)
           and ($5::text is null or name ilike $5 or email ilike $5 or owner ilike $5 or description ilike $5)
           and (created_at, id) < ($8, $9)
         order by created_at desc, id desc limit $6 offset $7",
        organization.as_uuid(),
        filter.owner,
        agent_type,
        status,
        pattern,
        filter.page.fetched(),
        filter.page.offset(),
        below.at,
        below.id
    )
    .fetch_all(tx)
    .await?;
    let agents = rows.into_iter().map(|row| row.into_agent(issuer)).collect::<Result<_, _>>()?;
    Ok((agents, total))
}

/// Whether the transaction's organization has this agent.
pub(super) async fn exists(tx: &mut TenantTx, agent: AgentId) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select exists (select from agents where organization_id = $1 and id = $2) as "exists!""#,
        tx.organization_id().as_uuid(),
        agent.as_uuid()
    )
    .fetch_one(&mut **tx)
    .await
}

/// The agent's status, with its row locked until the transaction ends.
pub(super) async fn lock_status(
    tx: &mut TenantTx,
    agent: AgentId,
) -> Result<Option<AgentStatus>, sqlx::Error> {
    let status = sqlx::query_scalar!(
        "select status from agents where organization_id = $1 and id = $2 for update",
        tx.organization_id().as_uuid(),
        agent.as_uuid()
    )
    .fetch_optional(&mut **tx)
    .await?;
    status.map(|status| decode(&status)).transpose()
}

/// How an agent stands.
pub(super) struct AgentStanding {
    pub status: AgentStatus,
    /// Tokens issued at or before it are refused.
    pub not_before: Option<OffsetDateTime>,
    /// Tokens issued at or before the moment hold no more than these scopes.
    pub scope_limit: Option<(ScopeSet, OffsetDateTime)>,
}

pub(super) async fn standing(
    tx: &mut TenantTx,
    agent: AgentId,
) -> Result<Option<AgentStanding>, sqlx::Error> {
    let row = sqlx::query!(
        "select status, not_before, scope_limit, scope_limit_at from agents where organization_id = $1 and id = $2",
        tx.organization_id().as_uuid(),
        agent.as_uuid()
    )
    .fetch_optional(&mut **tx)
    .await?;
    row.map(|row| {
        let limit = row.scope_limit.as_deref().map(scope_set).transpose()?;
        Ok(AgentStanding {
            status: decode(&row.status)?,
            not_before: row.not_before,
            scope_limit: limit.zip(row.scope_limit_at),
        })
    })
    .transpose()
}

/// Sets the status; with `revoke_tokens` also the second up to which tokens are refused, which never moves back.
///
/// Each revocation moves it on by a second at least: what was issued after the last one has the second after it as its `iat`,
/// also when this second has not begun yet, and is to be refused now.
pub(super) async fn set_status(
    tx: &mut TenantTx,
    permit: Permit,
    status: AgentStatus,
    revoke_tokens: bool,
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update agents set status = $2, updated_at = $4,
           not_before = case when not $3 then not_before
             when not_before >= date_trunc('second', $4::timestamptz) then not_before + interval '1 second' else $4 end,
           decommissioned_at = case when $2 = 'decommissioned' then $4 else decommissioned_at end
         where id = $1 and organization_id = $5",
        permit.agent().as_uuid(),
        status.as_str(),
        revoke_tokens,
        now,
        tx.organization_id().as_uuid()
    )
    .execute(&mut **tx)
    .await
    .map(|_| ())
}

/// What the agent may ask for.
pub(super) async fn scopes(tx: &mut TenantTx, agent: AgentId) -> Result<Option<ScopeSet>, sqlx::Error> {
    let names = sqlx::query_scalar!(
        "select scopes from agents where organization_id = $1 and id = $2",
        tx.organization_id().as_uuid(),
        agent.as_uuid()
    )
    .fetch_optional(&mut **tx)
    .await?;
    names.map(|names| scope_set(&names)).transpose()
}

pub(super) async fn set_scopes(
    tx: &mut TenantTx,
    permit: Permit,
    scopes: &ScopeSet,
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update agents set scopes = $3, updated_at = $4 where organization_id = $1 and id = $2",
        tx.organization_id().as_uuid(),
        permit.agent().as_uuid(),
        &names(scopes),
        now
    )
    .execute(&mut **tx)
    .await
    .map(|_| ())
}

/// Lets tokens issued so far hold no more than `scopes`, and no more than an earlier limit that some of them may still be under.
/// Moves on by a second at least, as a revocation of all tokens does.
pub(super) async fn limit_scopes(
    tx: &mut TenantTx,
    permit: Permit,
    scopes: &ScopeSet,
    now: OffsetDateTime,
    longest_token: std::time::Duration,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update agents set
           scope_limit = case when scope_limit_at > $4::timestamptz - $5::interval
             then array(select unnest(scope_limit) intersect select unnest($3::text[]) order by 1) else $3 end,
           scope_limit_at = case when scope_limit_at >= date_trunc('second', $4::timestamptz)
             then scope_limit_at + interval '1 second' else $4 end
         where organization_id = $1 and id = $2",
        tx.organization_id().as_uuid(),
        permit.agent().as_uuid(),
        &names(scopes),
        now,
        PgInterval::try_from(longest_token).map_err(sqlx::Error::Encode)?
    )
    .execute(&mut **tx)
    .await
    .map(|_| ())
}

fn names(scopes: &ScopeSet) -> Vec<String> {
    scopes.iter().map(ToString::to_string).collect()
}

fn scope_set(names: &[String]) -> Result<ScopeSet, sqlx::Error> {
    let scopes: Result<ScopeSet, _> = names.iter().map(|scope| scope.parse::<Scope>()).collect();
    scopes.map_err(|error| sqlx::Error::Decode(error.into()))
}

pub(super) async fn update(
    tx: &mut TenantTx,
    agent: AgentId,
    change: &UpdateAgentRequest,
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update agents set agent_type = coalesce($2, agent_type), version = coalesce($3, version),
           capabilities = coalesce($4, capabilities), owner = coalesce($5, owner),
           deployment_env = coalesce($6, deployment_env), name = coalesce($7, name),
           description = coalesce($8, description), is_public = coalesce($9, is_public), updated_at = $10,
           a2a_url = coalesce($12, a2a_url)
         where id = $1 and organization_id = $11",
        agent.as_uuid(),
        change.agent_type.map(AgentType::as_str),
        change.version,
        change.capabilities.as_deref(),
        change.owner,
        change.deployment_env.map(DeploymentEnv::as_str),
        change.name,
        change.description,
        change.is_public,
        now,
        tx.organization_id().as_uuid(),
        change.a2a_url
    )
    .execute(&mut **tx)
    .await
    .map(|_| ())
}

/// Lets the agent do nothing but register others, whatever scopes it has.
pub async fn let_only_register(tx: &mut TenantTx, agent: AgentId) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update agents set only_registers = true where organization_id = $1 and id = $2",
        tx.organization_id().as_uuid(),
        agent.as_uuid()
    )
    .execute(&mut **tx)
    .await
    .map(|_| ())
}
