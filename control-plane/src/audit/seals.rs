//! SQL of checking the audit log: seals, and the events they should be the seals of. A page at a time.

use agentidp_shared::audit_chain::{Attribution, Hash, SealedEvent, hash};
use agentidp_shared::ids::OrganizationId;
use serde_json::Value;
use time::OffsetDateTime;
use time::macros::datetime;
use uuid::Uuid;

use crate::infra::db::SystemTx;

/// Before every event, also one that somebody put in: PostgreSQL's times go further back, ours do not.
const BEFORE_ALL: OffsetDateTime = datetime!(0001-01-01 0:00 UTC);

/// What was recorded, without its place in the log.
pub(super) struct Recorded {
    pub event_id: Uuid,
    pub occurred_at: OffsetDateTime,
    pub organization_id: Uuid,
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
}

impl Recorded {
    /// As it is hashed under this number.
    pub(super) fn as_sealed(&self, sequence: i64) -> Option<SealedEvent<'_>> {
        Some(SealedEvent {
            sequence: u64::try_from(sequence).ok()?,
            event_id: self.event_id.into(),
            timestamp_us: i64::try_from(self.occurred_at.unix_timestamp_nanos() / 1_000).ok()?,
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
        })
    }
}

/// A seal, with the hash of the one before, if that is there.
pub(super) struct Seal {
    pub sequence: i64,
    pub event_id: Uuid,
    pub occurred_at: OffsetDateTime,
    organization_id: Uuid,
    pub previous_hash: Vec<u8>,
    pub hash: Vec<u8>,
    predecessor: Option<Vec<u8>>,
}

impl Seal {
    /// Whether it follows the seal before, and is the seal of `event`. Only the first, which follows `genesis`, has none before it.
    pub(super) fn is_good(&self, event: Option<&Recorded>, genesis: &Hash) -> bool {
        let previous = match &self.predecessor {
            Some(hash) => hash.as_slice(),
            None if self.sequence == 1 => genesis,
            None => return false,
        };
        let (Ok(previous), Some(event)) = (Hash::try_from(previous), event) else { return false };
        previous == *self.previous_hash
            && event.organization_id == self.organization_id
            && event.as_sealed(self.sequence).is_some_and(|event| hash(&previous, &event) == *self.hash)
    }
}

/// What waits for its seal. The role of a tenant writes such rows too, and they may be false: an event is found only if it is that
/// organization's, and has no seal yet.
pub(super) struct Waiting {
    pub ids: Vec<Uuid>,
    pub times: Vec<OffsetDateTime>,
    organizations: Vec<Option<Uuid>>,
}

/// The oldest that wait.
pub(super) async fn waiting(tx: &mut SystemTx, limit: i64) -> Result<Waiting, sqlx::Error> {
    let rows = sqlx::query!(
        "select occurred_at, event_id, organization_id from audit_unsealed order by occurred_at, event_id limit $1",
        limit
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(Waiting {
        ids: rows.iter().map(|row| row.event_id).collect(),
        times: rows.iter().map(|row| row.occurred_at).collect(),
        organizations: rows.iter().map(|row| row.organization_id).collect(),
    })
}

/// The events of these rows, the oldest first.
#[expect(clippy::as_conversions, reason = "tells the macro the type; nothing is converted")]
pub(super) async fn due(tx: &mut SystemTx, waiting: &Waiting) -> Result<Vec<Recorded>, sqlx::Error> {
    sqlx::query_as!(
        Recorded,
        "select events.* from unnest($1::timestamptz[], $2::uuid[], $3::uuid[]) unsealed (occurred_at, event_id, organization_id)
         cross join lateral (
           select event_id, occurred_at, organization_id, agent_id, action, outcome, ip_address, user_agent, metadata,
             actor_id, on_behalf_of_id, token_id, via, trace_id
           from audit_events where event_id = unsealed.event_id and occurred_at = unsealed.occurred_at
             and (unsealed.organization_id is null or organization_id = unsealed.organization_id) offset 0) events
         where not exists (select from audit_seals seals where seals.organization_id = events.organization_id
           and seals.occurred_at = events.occurred_at and seals.event_id = events.event_id offset 0)
         order by events.occurred_at, events.event_id",
        &waiting.times,
        &waiting.ids,
        &waiting.organizations as &[Option<Uuid>]
    )
    .fetch_all(&mut **tx)
    .await
}

/// Seals whose sequence is above `after`, in order.
pub(super) async fn after(tx: &mut SystemTx, after: i64, limit: i64) -> Result<Vec<Seal>, sqlx::Error> {
    sqlx::query_as!(
        Seal,
        r#"select seals.sequence, seals.event_id, seals.occurred_at, seals.organization_id, seals.previous_hash, seals.hash,
             before.hash as "predecessor?"
           from audit_seals seals left join audit_seals before on before.sequence = seals.sequence - 1
           where seals.sequence > $1 order by seals.sequence limit $2"#,
        after,
        limit
    )
    .fetch_all(&mut **tx)
    .await
}

/// The event of each seal, in the same order; `None` if it is gone.
pub(super) async fn events_of(
    tx: &mut SystemTx,
    seals: &[Seal],
) -> Result<Vec<Option<Recorded>>, sqlx::Error> {
    let (ids, times): (Vec<Uuid>, Vec<OffsetDateTime>) =
        seals.iter().map(|seal| (seal.event_id, seal.occurred_at)).unzip();
    let (Some(first), Some(last)) = (times.iter().min(), times.iter().max()) else { return Ok(vec![]) };
    // The bounds leave the other months' partitions out.
    let found = sqlx::query_as!(
        Recorded,
        "select event_id, occurred_at, organization_id, agent_id, action, outcome, ip_address, user_agent, metadata,
           actor_id, on_behalf_of_id, token_id, via, trace_id
         from audit_events
         where (event_id, occurred_at) in (select * from unnest($1::uuid[], $2::timestamptz[]))
           and occurred_at between $3 and $4",
        &ids,
        &times,
        first,
        last
    )
    .fetch_all(&mut **tx)
    .await?;
    let mut found: std::collections::HashMap<_, _> =
        found.into_iter().map(|event| ((event.event_id, event.occurred_at), event)).collect();
    Ok(seals.iter().map(|seal| found.remove(&(seal.event_id, seal.occurred_at))).collect())
}

/// A place in the order of time.
pub(super) type Place = (OffsetDateTime, Uuid);

/// The place just before everything from `from` on, or before everything.
pub(super) fn before(from: Option<OffsetDateTime>) -> Place {
    let from = from.unwrap_or(BEFORE_ALL);
    (from.checked_sub(time::Duration::MICROSECOND).unwrap_or(from), Uuid::max())
}

/// The organization's seals after this place, up to the moment `to`, in the order of time.
pub(super) async fn of_organization(
    tx: &mut SystemTx,
    organization: OrganizationId,
    after: Place,
    to: Option<OffsetDateTime>,
    limit: i64,
) -> Result<Vec<Seal>, sqlx::Error> {
    sqlx::query_as!(
        Seal,
        r#"select seals.sequence, seals.event_id, seals.occurred_at, seals.organization_id, seals.previous_hash, seals.hash,
             before.hash as "predecessor?"
           from audit_seals seals left join audit_seals before on before.sequence = seals.sequence - 1
           where seals.organization_id = $1 and (seals.occurred_at, seals.event_id) > ($2::timestamptz, $3::uuid)
             and seals.occurred_at <= coalesce($4, 'infinity'::timestamptz)
           order by seals.occurred_at, seals.event_id limit $5"#,
        organization.as_uuid(),
        after.0,
        after.1,
        to,
        limit
    )
    .fetch_all(&mut **tx)
    .await
}

/// The organization's events there, sealed or not.
pub(super) async fn events_of_organization(
    tx: &mut SystemTx,
    organization: OrganizationId,
    after: Place,
    to: Option<OffsetDateTime>,
    limit: i64,
) -> Result<Vec<Recorded>, sqlx::Error> {
    sqlx::query_as!(
        Recorded,
        "select event_id, occurred_at, organization_id, agent_id, action, outcome, ip_address, user_agent, metadata,
           actor_id, on_behalf_of_id, token_id, via, trace_id
         from audit_events
         where organization_id = $1 and (occurred_at, event_id) > ($2::timestamptz, $3::uuid)
           and occurred_at >= $2 and occurred_at <= coalesce($4, 'infinity'::timestamptz)
         order by occurred_at, event_id limit $5",
        organization.as_uuid(),
        after.0,
        after.1,
        to,
        limit
    )
    .fetch_all(&mut **tx)
    .await
}

/// The first of these events of the organization that has no seal there and does not wait for one either: it was not written by
/// [`record`](super::record).
pub(super) async fn never_to_be_sealed(
    tx: &mut SystemTx,
    organization: OrganizationId,
    events: &[Place],
) -> Result<Option<Uuid>, sqlx::Error> {
    if events.is_empty() {
        return Ok(None);
    }
    let (times, ids): (Vec<OffsetDateTime>, Vec<Uuid>) = events.iter().copied().unzip();
    sqlx::query_scalar!(
        r#"select events.event_id as "event_id!" from unnest($1::timestamptz[], $2::uuid[]) events (occurred_at, event_id)
           where not exists (select from audit_seals seals
               where seals.organization_id = $3 and seals.event_id = events.event_id and seals.occurred_at = events.occurred_at)
             and not exists (select from audit_unsealed unsealed where unsealed.occurred_at = events.occurred_at and unsealed.event_id = events.event_id)
           order by events.occurred_at, events.event_id limit 1"#,
        &times,
        &ids,
        organization.as_uuid()
    )
    .fetch_optional(&mut **tx)
    .await
}

/// The first event of the instance of which the same is true.
pub(super) async fn never_to_be_sealed_of_any(tx: &mut SystemTx) -> Result<Option<Uuid>, sqlx::Error> {
    sqlx::query_scalar!(
        "select event_id from audit_events events
         where not exists (select from audit_seals seals where seals.organization_id = events.organization_id
             and seals.event_id = events.event_id and seals.occurred_at = events.occurred_at)
           and not exists (select from audit_unsealed unsealed where unsealed.occurred_at = events.occurred_at and unsealed.event_id = events.event_id)
         order by occurred_at limit 1"
    )
    .fetch_optional(&mut **tx)
    .await
}
