//! SQL of reading the audit log.

use agentidp_shared::audit_chain::{SealedEvent, to_hex};
use agentidp_shared::ids::{AgentId, EventId, OrganizationId};
use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

use super::list::AuditFilter;
use super::model::{Action, AuditEvent, Outcome};
use super::verify::Range;
use crate::infra::db::{SystemTx, TenantTx, decode};

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
        r#"select events.event_id, occurred_at, events.organization_id, agent_id, action, outcome, ip_address, user_agent,
             metadata, sequence as "sequence?", hash as "hash?", previous_hash as "previous_hash?"
           from audit_events events left join audit_seals seals on seals.event_id = events.event_id
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
    let offset = if filter.cursor.is_some() { 0 } else { filter.page.offset() };
    let rows = sqlx::query_as!(
        Row,
        r#"select events.event_id, occurred_at, events.organization_id, agent_id, action, outcome, ip_address, user_agent,
             metadata, sequence as "sequence?", hash as "hash?", previous_hash as "previous_hash?"
           from audit_events events left join audit_seals seals on seals.event_id = events.event_id
           where events.organization_id = $1 and ($2::uuid is null or agent_id = $2) and ($3::text is null or action = $3)
             and ($4::text is null or outcome = $4) and ($5::timestamptz is null or occurred_at >= $5)
             and ($6::timestamptz is null or occurred_at <= $6)
             and ($7::timestamptz is null or (occurred_at, events.event_id) < ($7, $8::uuid))
           order by occurred_at desc, events.event_id desc limit $9 offset $10"#,
        tx.organization_id().as_uuid(),
        filter.agent_id.map(AgentId::as_uuid),
        filter.action.map(Action::as_str),
        filter.outcome.map(Outcome::as_str),
        filter.from_date,
        filter.to_date,
        filter.cursor.map(|cursor| cursor.timestamp),
        filter.cursor.map(|cursor| cursor.event_id.as_uuid()),
        filter.page.limit().saturating_add(1),
        offset
    )
    .fetch_all(&mut **tx)
    .await?;
    rows.into_iter().map(Row::into_event).collect()
}

/// How many events match, wherever a cursor stands.
pub(super) async fn count(tx: &mut TenantTx, filter: &AuditFilter) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select count(*) as "count!" from audit_events
           where organization_id = $1 and ($2::uuid is null or agent_id = $2) and ($3::text is null or action = $3)
             and ($4::text is null or outcome = $4) and ($5::timestamptz is null or occurred_at >= $5)
             and ($6::timestamptz is null or occurred_at <= $6)"#,
        tx.organization_id().as_uuid(),
        filter.agent_id.map(AgentId::as_uuid),
        filter.action.map(Action::as_str),
        filter.outcome.map(Outcome::as_str),
        filter.from_date,
        filter.to_date
    )
    .fetch_one(&mut **tx)
    .await
}

/// A seal, with what it should be the seal of.
pub(super) struct Seal {
    pub sequence: i64,
    pub event_id: Uuid,
    pub previous_hash: Vec<u8>,
    pub hash: Vec<u8>,
    /// The hash of the seal before, if that is there.
    pub predecessor: Option<Vec<u8>>,
    organization_id: Uuid,
    occurred_at: Option<OffsetDateTime>,
    organization_of_event: Option<Uuid>,
    agent_id: Option<Uuid>,
    action: Option<String>,
    outcome: Option<String>,
    ip_address: Option<String>,
    user_agent: Option<String>,
    metadata: Option<Value>,
}

impl Seal {
    /// Its event; `None` if it is gone, or another organization's.
    pub(super) fn event(&self) -> Option<SealedEvent<'_>> {
        let organization = self.organization_of_event.filter(|id| *id == self.organization_id)?;
        Some(SealedEvent {
            sequence: u64::try_from(self.sequence).ok()?,
            event_id: self.event_id.into(),
            timestamp_us: i64::try_from(self.occurred_at?.unix_timestamp_nanos() / 1_000).ok()?,
            organization_id: organization.into(),
            agent_id: self.agent_id.map(Into::into),
            action: self.action.as_deref()?,
            outcome: self.outcome.as_deref()?,
            ip_address: self.ip_address.as_deref(),
            user_agent: self.user_agent.as_deref(),
            metadata: self.metadata.as_ref()?,
        })
    }
}

/// Seals in the range whose sequence is above `after`, in order. One whose event is gone has no date, and is in every range.
pub(super) async fn seals_after(
    tx: &mut SystemTx,
    after: i64,
    range: Range,
    limit: i64,
) -> Result<Vec<Seal>, sqlx::Error> {
    sqlx::query_as!(
        Seal,
        r#"select seals.sequence, seals.event_id, seals.previous_hash, seals.hash, before.hash as "predecessor?",
             seals.organization_id, events.occurred_at as "occurred_at?", events.organization_id as "organization_of_event?",
             agent_id, action as "action?", outcome as "outcome?", ip_address, user_agent, metadata as "metadata?"
           from audit_seals seals
           left join audit_seals before on before.sequence = seals.sequence - 1
           left join audit_events events on events.event_id = seals.event_id
           where seals.sequence > $1 and ($2::uuid is null or seals.organization_id = $2)
             and ($3::timestamptz is null or occurred_at is null or occurred_at >= $3)
             and ($4::timestamptz is null or occurred_at is null or occurred_at <= $4)
           order by seals.sequence limit $5"#,
        after,
        range.organization_id.map(OrganizationId::as_uuid),
        range.from_date,
        range.to_date,
        limit
    )
    .fetch_all(&mut **tx)
    .await
}

/// An event in the range that is not sealed and does not wait for it either: it was not written by [`record`](super::record).
pub(super) async fn never_to_be_sealed(
    tx: &mut SystemTx,
    range: Range,
) -> Result<Option<EventId>, sqlx::Error> {
    let found = sqlx::query_scalar!(
        "select event_id from audit_events events
         where ($1::uuid is null or organization_id = $1)
           and ($2::timestamptz is null or occurred_at >= $2) and ($3::timestamptz is null or occurred_at <= $3)
           and not exists (select from audit_seals seals where seals.event_id = events.event_id)
           and not exists (select from audit_unsealed unsealed where unsealed.event_id = events.event_id)
         order by occurred_at limit 1",
        range.organization_id.map(OrganizationId::as_uuid),
        range.from_date,
        range.to_date
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(found.map(EventId::new))
}
