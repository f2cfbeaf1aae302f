//! SQL of reading the audit log.

use agentidp_shared::audit_chain::to_hex;
use agentidp_shared::ids::{AgentId, EventId};
use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

use super::list::AuditFilter;
use super::model::{Action, AuditEvent, Outcome};
use crate::infra::db::{TenantTx, decode};
use crate::infra::http::pagination::MAX_COUNTED;

struct Row {
    event_id: Uuid,
    occurred_at: OffsetDateTime,
    organization_id: Uuid,
    agent_id: Option<Uuid>,
    action: String,
    outcome: String,
    ip_address: Option<String>,
    user_agent: Option<String>,
    metadata: Value,
    actor_id: Option<Uuid>,
    on_behalf_of_id: Option<Uuid>,
    token_id: Option<Uuid>,
    via: Option<String>,
    trace_id: Option<String>,
    sequence: Option<i64>,
    hash: Option<Vec<u8>>,
    previous_hash: Option<Vec<u8>>,
}

impl Row {
    fn into_event(self) -> Result<AuditEvent, sqlx::Error> {
        let sequence = self.sequence.map(u64::try_from).transpose();
        Ok(AuditEvent {
            event_id: self.event_id.into(),
            timestamp: self.occurred_at,
            organization_id: self.organization_id.into(),
            agent_id: self.agent_id.map(AgentId::new),
            actor: self.actor_id.map(AgentId::new),
            on_behalf_of: self.on_behalf_of_id.map(AgentId::new),
            token_id: self.token_id.map(Into::into),
            via: self.via.as_deref().map(decode).transpose()?,
            trace_id: self.trace_id,
            action: decode(&self.action)?,
            outcome: decode(&self.outcome)?,
            ip_address: self.ip_address,
            user_agent: self.user_agent,
            metadata: self.metadata,
            sequence: sequence.map_err(|error| sqlx::Error::Decode(error.into()))?,
            hash: self.hash.as_deref().map(to_hex),
            previous_hash: self.previous_hash.as_deref().map(to_hex),
        })
    }
}

pub(super) async fn find(tx: &mut TenantTx, event: EventId) -> Result<Option<AuditEvent>, sqlx::Error> {
    let row = sqlx::query_as!(
        Row,
        r#"select events.event_id, events.occurred_at, events.organization_id, agent_id, action, outcome, ip_address, user_agent,
             metadata, actor_id, on_behalf_of_id, token_id, via, trace_id, sequence as "sequence?", hash as "hash?", previous_hash as "previous_hash?"
           from audit_events events left join audit_seals seals on seals.organization_id = events.organization_id
             and seals.occurred_at = events.occurred_at and seals.event_id = events.event_id
           where events.organization_id = $1 and events.event_id = $2"#,
        tx.organization_id().as_uuid(),
        event.as_uuid()
    )
    .fetch_optional(&mut **tx)
    .await?;
    row.map(Row::into_event).transpose()
}

/// Events that match, newest first: one more than the page holds, so that the caller knows whether there is another.
pub(super) async fn list(tx: &mut TenantTx, filter: &AuditFilter) -> Result<Vec<AuditEvent>, sqlx::Error> {
    let below = filter.page.below();
    let rows = sqlx::query_as!(
        Row,
        r#"select events.event_id, events.occurred_at, events.organization_id, agent_id, action, outcome, ip_address, user_agent,
             metadata, actor_id, on_behalf_of_id, token_id, via, trace_id, sequence as "sequence?", hash as "hash?", previous_hash as "previous_hash?"
           from audit_events events left join audit_seals seals on seals.organization_id = events.organization_id
             and seals.occurred_at = events.occurred_at and seals.event_id = events.event_id
           where events.organization_id = $1 and ($2::uuid is null or agent_id = $2) and ($3::text is null or action = $3)
             and ($4::text is null or outcome = $4) and ($5::timestamptz is null or events.occurred_at >= $5)
             and ($6::timestamptz is null or events.occurred_at <= $6)
             and (events.occurred_at, events.event_id) < ($7, $8)
           order by events.occurred_at desc, events.event_id desc limit $9 offset $10"#,
        tx.organization_id().as_uuid(),
        filter.agent_id.map(AgentId::as_uuid),
        filter.action.map(Action::as_str),
        filter.outcome.map(Outcome::as_str),
        filter.from_date,
        filter.to_date,
        below.at,
        below.id,
        filter.page.fetched(),
        filter.page.offset()
    )
    .fetch_all(&mut **tx)
    .await?;
    rows.into_iter().map(Row::into_event).collect()
}

/// How many events match, up to [`MAX_COUNTED`].
pub(super) async fn count(tx: &mut TenantTx, filter: &AuditFilter) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select count(*) as "count!" from (
             select from audit_events
             where organization_id = $1 and ($2::uuid is null or agent_id = $2) and ($3::text is null or action = $3)
               and ($4::text is null or outcome = $4) and ($5::timestamptz is null or occurred_at >= $5)
               and ($6::timestamptz is null or occurred_at <= $6)
             limit $7) matching"#,
        tx.organization_id().as_uuid(),
        filter.agent_id.map(AgentId::as_uuid),
        filter.action.map(Action::as_str),
        filter.outcome.map(Outcome::as_str),
        filter.from_date,
        filter.to_date,
        MAX_COUNTED
    )
    .fetch_one(&mut **tx)
    .await
}
