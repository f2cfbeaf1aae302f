//! Audit events as they lie in the database.

use agentidp_shared::audit_chain::{Attribution, SealedEvent};
use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

#[derive(sqlx::FromRow)]
pub struct EventRow {
    pub event_id: Uuid,
    pub occurred_at: OffsetDateTime,
    pub organization_id: Uuid,
    pub agent_id: Option<Uuid>,
    pub action: String,
    pub outcome: String,
    pub ip_address: Option<String>,
    pub user_agent: Option<String>,
    pub metadata: Value,
    pub actor_id: Option<Uuid>,
    pub on_behalf_of_id: Option<Uuid>,
    pub token_id: Option<Uuid>,
    pub via: Option<String>,
    pub trace_id: Option<String>,
}

impl EventRow {
    /// As it is hashed under this number.
    pub fn as_sealed(&self, sequence: u64) -> SealedEvent<'_> {
        SealedEvent {
            sequence,
            event_id: self.event_id.into(),
            timestamp_us: i64::try_from(self.occurred_at.unix_timestamp_nanos() / 1_000).unwrap(),
            organization_id: self.organization_id.into(),
            agent_id: self.agent_id.map(Into::into),
            action: &self.action,
            outcome: &self.outcome,
            ip_address: self.ip_address.as_deref(),
            user_agent: self.user_agent.as_deref(),
            metadata: &self.metadata,
            attribution: self.via.as_deref().map(|via| Attribution {
                actor: self.actor_id.map(Into::into),
                on_behalf_of: self.on_behalf_of_id.map(Into::into),
                token_id: self.token_id.map(Into::into),
                via,
                trace_id: self.trace_id.as_deref(),
            }),
        }
    }
}
