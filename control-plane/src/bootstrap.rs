//! `agentidp bootstrap`: the system organization, its first administrator and that one's credential. Safe to repeat.

use agentidp_shared::ids::{AgentId, CredentialId, OrganizationId};
use agentidp_shared::scopes::ScopeSet;
use serde_json::json;
use sqlx::PgConnection;

use crate::access::{Permit, Role};
use crate::agents::{self, NewAgent};
use crate::app::App;
use crate::audit::{self, Action, NewEvent};
use crate::credentials;
use crate::infra::config::Secret;
use crate::infra::db::SystemTx;
use crate::organizations;

/// Held while bootstrapping, so that two processes cannot both be first ("boot" in ASCII).
const BOOTSTRAP_LOCK: i64 = 0x626f_6f74;
const ADMIN_EMAIL: &str = "admin@system.invalid";

/// The outcome: whose credential it is, and the secret if a new one was made.
#[derive(Debug)]
pub struct Bootstrap {
    pub organization_id: OrganizationId,
    pub agent_id: AgentId,
    pub credential: Option<(CredentialId, Secret<String>)>,
}

#[derive(Debug, thiserror::Error)]
pub enum BootstrapError {
    #[error("the first administrator could not be registered: {0}")]
    Register(String),
    #[error(transparent)]
    Query(#[from] sqlx::Error),
}

/// Creates what is missing. An instance that already has its administrator is left as it is, unless `renew_credential` asks
/// for a further credential (for when the first was lost).
pub async fn run(app: &App, renew_credential: bool) -> Result<Bootstrap, BootstrapError> {
    let mut tx = app.db.system().await?;
    sqlx::query!("select pg_advisory_xact_lock($1)", BOOTSTRAP_LOCK).fetch_one(&mut *tx).await?;
    let existing = existing(&mut tx).await?;
    let (organization_id, agent_id) =
        if let Some(found) = existing { found } else { create(&mut tx, app).await? };
    let credential = if existing.is_none() || renew_credential {
        let credential =
            credentials::generate(&mut tx, app, organization_id, Permit::of_instance(agent_id), None).await?;
        let event = NewEvent::new(organization_id, Action::CredentialGenerated)
            .by_command_line()
            .agent(agent_id)
            .metadata(json!({ "credentialId": credential.0, "reason": "bootstrap" }));
        audit::record(&mut tx, app, event).await?;
        Some(credential)
    } else {
        None
    };
    tx.commit().await?;
    Ok(Bootstrap { organization_id, agent_id, credential })
}

/// The system organization and its longest-serving owner that is still active.
async fn existing(tx: &mut PgConnection) -> Result<Option<(OrganizationId, AgentId)>, sqlx::Error> {
    let row = sqlx::query!(
        "select organizations.id as organization_id, agents.id as agent_id from organizations
         join organization_members members on members.organization_id = organizations.id and members.role = 'owner'
         join agents on agents.id = members.agent_id and agents.status = 'active'
         where organizations.is_system order by members.created_at, agents.id limit 1"
    )
    .fetch_optional(tx)
    .await?;
    Ok(row.map(|row| (row.organization_id.into(), row.agent_id.into())))
}

async fn create(tx: &mut SystemTx, app: &App) -> Result<(OrganizationId, AgentId), BootstrapError> {
    let organization_id = organizations::ensure_system(tx, app).await?;
    let scopes: ScopeSet = app.policy.table().scopes.into_iter().collect();
    let admin = NewAgent {
        organization_id,
        email: ADMIN_EMAIL.into(),
        agent_type: agents::AgentType::Custom,
        version: "1.0.0".into(),
        capabilities: vec!["instance:administer".into()],
        owner: "platform".into(),
        deployment_env: agents::DeploymentEnv::Production,
        name: Some("First administrator".into()),
        description: None,
        is_public: false,
        a2a_url: None,
        scopes,
    };
    let agent = agents::register(tx, app, admin)
        .await
        .map_err(|error| BootstrapError::Register(error.to_string()))?;
    organizations::add_member(tx, app, organization_id, Permit::of_instance(agent.id), Role::Owner).await?;
    let event = NewEvent::new(organization_id, Action::AgentCreated)
        .by_command_line()
        .agent(agent.id)
        .metadata(json!({ "reason": "bootstrap" }));
    audit::record(tx, app, event).await?;
    Ok((organization_id, agent.id))
}
