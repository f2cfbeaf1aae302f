//! SQL of tokens.

use agentidp_shared::ids::{AgentId, CredentialId, OrganizationId, TokenId};
use agentidp_shared::jwk::{Algorithm, InvalidKey};
use agentidp_shared::scopes::{Scope, ScopeSet};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::access::{Principal, PrincipalKind, Right, Role};
use crate::infra::clock::unix_seconds;
use crate::infra::db::{SystemTx, TenantTx, decode};
use crate::keys::Choice;
use crate::organizations::IssuerKind;
use crate::tenancy::Limits;

/// An agent that may ask for tokens, or says why not.
#[derive(Debug, Clone)]
pub struct Client {
    pub agent_id: AgentId,
    pub organization_id: OrganizationId,
    pub scopes: ScopeSet,
    pub role: Role,
    pub credential_id: Option<CredentialId>,
    agent_status: String,
    organization_status: String,
    /// How its organization's tokens are signed, and in whose name.
    pub signing: Choice,
    pub issuer_kind: IssuerKind,
    /// Unix seconds; tokens issued at or before it are refused, or hold less than the agent may ask for now.
    pub not_before: Option<u64>,
}

impl Client {
    #[must_use]
    pub fn with_credential(self, credential: CredentialId) -> Self {
        Self { credential_id: Some(credential), ..self }
    }

    /// Why the agent may not have tokens, if it may not.
    pub fn refusal(&self) -> Option<&'static str> {
        match (self.agent_status.as_str(), self.organization_status.as_str()) {
            ("active", "active") => None,
            ("suspended", _) => Some("agent is suspended"),
            ("active", _) => Some("organization is not active"),
            _ => Some("agent is decommissioned"),
        }
    }

    /// What it may do by its credentials themselves, without a token. Nothing of the platform is done so.
    pub fn right(&self) -> Right {
        let principal = Principal {
            id: self.agent_id,
            kind: PrincipalKind::Agent,
            organization_id: self.organization_id,
            role: self.role,
            scopes: self.scopes.clone(),
        };
        Right::own(principal, false)
    }
}

/// Before the tenant is known: the callers have proven, or are yet to prove, that they are these agents.
pub(super) async fn clients_any_tenant(
    tx: &mut PgConnection,
    agents: &[Uuid],
) -> Result<Vec<Client>, sqlx::Error> {
    find_clients(tx, None, agents).await
}

/// An agent of the transaction's organization.
pub async fn client(tx: &mut TenantTx, agent_id: AgentId) -> Result<Option<Client>, sqlx::Error> {
    let organization = tx.organization_id();
    Ok(find_clients(tx, Some(organization), &[agent_id.as_uuid()]).await?.pop())
}

/// An agent of whichever organization, of which the token in use or a grant says that it is the caller's business.
pub async fn client_any_tenant(tx: &mut SystemTx, agent_id: AgentId) -> Result<Option<Client>, sqlx::Error> {
    Ok(find_clients(tx, None, &[agent_id.as_uuid()]).await?.pop())
}

async fn find_clients(
    tx: &mut PgConnection,
    organization: Option<OrganizationId>,
    agents: &[Uuid],
) -> Result<Vec<Client>, sqlx::Error> {
    let rows = sqlx::query_as!(
        ClientColumns,
        r#"select agents.id, agents.organization_id, agents.scopes, agents.status, organizations.status as organization_status,
             organizations.signing_algorithm, organizations.signing_algorithm_before, organizations.issuer_kind,
             greatest(agents.not_before, organizations.not_before, agents.scope_limit_at) as not_before, members.role as "role?"
           from agents
           join organizations on organizations.id = agents.organization_id
           left join organization_members members on members.agent_id = agents.id and members.organization_id = agents.organization_id
           where agents.id = any($1) and ($2::uuid is null or agents.organization_id = $2)"#,
        agents,
        organization.map(OrganizationId::as_uuid)
    )
    .fetch_all(tx)
    .await?;
    rows.into_iter().map(Client::try_from).collect()
}

/// A client as the database says it.
pub(super) struct ClientColumns {
    /// Of the agent.
    pub id: Uuid,
    pub organization_id: Uuid,
    pub scopes: Vec<String>,
    pub role: Option<String>,
    pub status: String,
    pub organization_status: String,
    pub signing_algorithm: Option<String>,
    pub signing_algorithm_before: Option<String>,
    pub issuer_kind: String,
    /// The agent's or its organization's, whichever is later.
    pub not_before: Option<OffsetDateTime>,
}

impl TryFrom<ClientColumns> for Client {
    type Error = sqlx::Error;

    fn try_from(columns: ClientColumns) -> Result<Self, sqlx::Error> {
        let scopes =
            columns.scopes.iter().map(|scope| scope.parse::<Scope>()).collect::<Result<ScopeSet, _>>();
        Ok(Self {
            agent_id: columns.id.into(),
            organization_id: columns.organization_id.into(),
            scopes: scopes.map_err(|error| sqlx::Error::Decode(error.into()))?,
            role: columns.role.as_deref().and_then(Role::from_column).unwrap_or_default(),
            credential_id: None,
            agent_status: columns.status,
            organization_status: columns.organization_status,
            signing: Choice {
                algorithm: algorithm(columns.signing_algorithm.as_deref())?,
                before: algorithm(columns.signing_algorithm_before.as_deref())?,
            },
            issuer_kind: decode(&columns.issuer_kind)?,
            not_before: columns.not_before.map(unix_seconds),
        })
    }
}

fn algorithm(column: Option<&str>) -> Result<Option<Algorithm>, sqlx::Error> {
    column.map(str::parse).transpose().map_err(|error: InvalidKey| sqlx::Error::Decode(error.into()))
}

/// The organization of `agent`, or else the system organization; and whether the agent exists.
pub(super) async fn organization_of_any_tenant(
    tx: &mut PgConnection,
    agent: Option<Uuid>,
) -> Result<Option<(OrganizationId, bool)>, sqlx::Error> {
    let row = sqlx::query!(
        r#"select id as "id!", exists_ as "exists!" from (
             select organization_id as id, true as exists_ from agents where id = $1
             union all select id, false from organizations where is_system) candidates
           order by exists_ desc limit 1"#,
        agent
    )
    .fetch_optional(tx)
    .await?;
    Ok(row.map(|row| (row.id.into(), row.exists)))
}

/// Marks a token as revoked; false if it already was.
pub async fn revoke(
    tx: &mut PgConnection,
    organization: OrganizationId,
    agent_id: AgentId,
    jti: TokenId,
    expires_at: OffsetDateTime,
    now: OffsetDateTime,
) -> Result<bool, sqlx::Error> {
    sqlx::query!(
        "insert into revoked_tokens (jti, organization_id, agent_id, expires_at, revoked_at) values ($1, $2, $3, $4, $5)
         on conflict (jti) do nothing",
        jti.as_uuid(),
        organization.as_uuid(),
        agent_id.as_uuid(),
        expires_at,
        now
    )
    .execute(tx)
    .await
    .map(|done| done.rows_affected() == 1)
}

/// Whether more single tokens of the agent, or of its organization, are revoked and unexpired than the tier allows.
pub(super) async fn has_too_many_revoked(
    tx: &mut PgConnection,
    organization: OrganizationId,
    agent_id: AgentId,
    limits: &Limits,
    now: OffsetDateTime,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select (exists (select from revoked_tokens
               where organization_id = $1 and agent_id = $2 and expires_at > $3 offset $4)
             or exists (select from revoked_tokens where organization_id = $1 and expires_at > $3 offset $5)) as "is_beyond!""#,
        organization.as_uuid(),
        agent_id.as_uuid(),
        now,
        limits.revocations_per_agent(),
        limits.revocations()
    )
    .fetch_one(tx)
    .await
}

pub(super) async fn purge_revocations(tx: &mut PgConnection, now: OffsetDateTime) -> Result<(), sqlx::Error> {
    sqlx::query!("delete from revoked_tokens where expires_at < $1", now - time::Duration::minutes(10))
        .execute(tx)
        .await
        .map(|_| ())
}
