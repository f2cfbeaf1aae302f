//! Recording an event in the caller's transaction.

use agentidp_shared::ids::{AgentId, EventId, OrganizationId, TokenId};
use serde_json::Value;
use sqlx::PgConnection;

use super::model::{Action, Outcome, Via};
use crate::app::App;
use crate::infra::http::client_info::{Acting, ClientInfo};

/// An event to be recorded. Metadata must hold no secret: the log is kept for years and shown to auditors.
#[derive(Debug, Clone)]
#[must_use]
pub struct NewEvent {
    organization_id: OrganizationId,
    agent_id: Option<AgentId>,
    action: Action,
    outcome: Outcome,
    ip_address: Option<String>,
    user_agent: Option<String>,
    metadata: Value,
    acting: Acting,
    via: Via,
    trace_id: Option<String>,
}

impl NewEvent {
    pub fn new(organization_id: OrganizationId, action: Action) -> Self {
        Self {
            organization_id,
            agent_id: None,
            action,
            outcome: Outcome::Success,
            ip_address: None,
            user_agent: None,
            metadata: Value::Object(serde_json::Map::new()),
            acting: Acting::default(),
            // Until a request, or a command line, says otherwise.
            via: Via::Job,
            trace_id: None,
        }
    }

    /// The agent the event is about.
    pub fn agent(mut self, agent: AgentId) -> Self {
        self.agent_id = Some(agent);
        self
    }

    pub fn client(mut self, client: &ClientInfo) -> Self {
        self.ip_address = client.ip.map(|ip| ip.to_string());
        self.user_agent.clone_from(&client.user_agent);
        self.acting = client.acting;
        self.via = Via::Api;
        self.trace_id.clone_from(&client.trace_id);
        self
    }

    /// Done by a request of another organization, which is all that this log is told of it.
    pub fn by_another_organization(mut self) -> Self {
        self.via = Via::Api;
        self
    }

    /// Done by somebody with a shell and the instance's settings.
    pub fn by_command_line(mut self) -> Self {
        self.via = Via::Cli;
        self
    }

    pub fn metadata(mut self, metadata: Value) -> Self {
        self.metadata = metadata;
        self
    }

    pub fn failure(mut self) -> Self {
        self.outcome = Outcome::Failure;
        self
    }
}

/// Inserts the event. It becomes visible, and due for sealing, when the transaction commits.
pub async fn record(tx: &mut PgConnection, app: &App, event: NewEvent) -> Result<EventId, sqlx::Error> {
    let event_id = app.new_id();
    sqlx::query!(
        "with event as (
           insert into audit_events (event_id, occurred_at, organization_id, agent_id, action, outcome, ip_address, user_agent, metadata,
             actor_id, on_behalf_of_id, token_id, via, trace_id)
           values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
           returning event_id, occurred_at, organization_id)
         insert into audit_unsealed (event_id, occurred_at, organization_id) select event_id, occurred_at, organization_id from event",
        event_id,
        app.now(),
        event.organization_id.as_uuid(),
        event.agent_id.map(AgentId::as_uuid),
        event.action.as_str(),
        event.outcome.as_str(),
        event.ip_address,
        event.user_agent,
        event.metadata,
        event.acting.actor.map(AgentId::as_uuid),
        event.acting.on_behalf_of.map(AgentId::as_uuid),
        event.acting.token_id.map(TokenId::as_uuid),
        event.via.as_str(),
        event.trace_id
    )
    .execute(tx)
    .await?;
    Ok(EventId::new(event_id))
}
