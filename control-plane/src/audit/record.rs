//! Recording an event in the caller's transaction.

use agentidp_shared::ids::{AgentId, EventId, OrganizationId};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use super::model::{Action, Outcome};
use crate::app::App;
use crate::infra::http::client_info::ClientInfo;

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
    insert(tx, app, &[event_id], &[&event]).await?;
    Ok(EventId::new(event_id))
}

/// Inserts several, of whichever organizations, by one statement.
pub async fn record_all(tx: &mut PgConnection, app: &App, events: &[&NewEvent]) -> Result<(), sqlx::Error> {
    let ids: Vec<_> = events.iter().map(|_| app.new_id()).collect();
    insert(tx, app, &ids, events).await
}

#[expect(clippy::as_conversions, reason = "tells the macro the types; nothing is converted")]
async fn insert(
    tx: &mut PgConnection,
    app: &App,
    ids: &[Uuid],
    events: &[&NewEvent],
) -> Result<(), sqlx::Error> {
    fn column<'a, T>(events: &'a [&NewEvent], of: impl Fn(&'a NewEvent) -> T) -> Vec<T> {
        events.iter().map(|event| of(event)).collect()
    }
    sqlx::query!(
        "with event as (
           insert into audit_events (event_id, occurred_at, organization_id, agent_id, action, outcome, ip_address, user_agent, metadata)
           select event_id, $2, organization_id, agent_id, action, outcome, ip_address, user_agent, metadata
           from unnest($1::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::text[], $9::jsonb[])
             as event (event_id, organization_id, agent_id, action, outcome, ip_address, user_agent, metadata)
           returning event_id, occurred_at)
         insert into audit_unsealed (event_id, occurred_at) select event_id, occurred_at from event",
        ids,
        app.now(),
        &column(events, |event| event.organization_id.as_uuid()),
        &column(events, |event| event.agent_id.map(AgentId::as_uuid)) as &[Option<Uuid>],
        &column(events, |event| event.action.as_str()) as &[&str],
        &column(events, |event| event.outcome.as_str()) as &[&str],
        &column(events, |event| event.ip_address.as_deref()) as &[Option<&str>],
        &column(events, |event| event.user_agent.as_deref()) as &[Option<&str>],
        &column(events, |event| event.metadata.clone()),
    )
    .execute(tx)
    .await
    .map(|_| ())
}
