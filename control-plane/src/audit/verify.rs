//! `GET /api/v1/audit/verify`, and checking the whole log: for the command line, and on schedule.
//!
//! A seal is good when its hash is the hash of its event and of the seal before it, and that one is there. Read a page at a
//! time, so memory is bounded however long the log is. What is sealed meanwhile is checked too: seals only ever follow.
//!
//! Found: an event that was altered, removed, put in, reordered, or moved to another organization, and a seal that was altered
//! or removed. Of the whole log also: that it was cut short or written anew since a head of it was signed. Whoever can write the
//! database can take the heads away too, so keep them elsewhere, and let one that was kept be compared.

use agentidp_shared::audit_chain::{genesis, hash};
use agentidp_shared::ids::{EventId, OrganizationId};
use agentidp_shared::merkle::{Frontier, leaf_hash};
use agentidp_shared::signed_note::Head;
use axum::Json;
use axum::extract::State;
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::checkpoint;
use super::{store, window};
use crate::app::App;
use crate::infra::db::SystemTx;
use crate::infra::http::error::{ApiError, ErrorBody};
use crate::infra::http::fields::{Fields, FromFields};
use crate::infra::http::query::StrictQuery;
use crate::policy::Caller;

/// Seals looked at per query.
const PAGE: i64 = 2_000;

/// Which events to check; all of them by default.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Range {
    pub organization_id: Option<OrganizationId>,
    pub from_date: Option<OffsetDateTime>,
    pub to_date: Option<OffsetDateTime>,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verification {
    /// Events whose seals are good, up to the first that is not.
    pub checked_count: u64,
    pub broken: Option<Broken>,
}

/// The first place where the log is not what was sealed and signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    #[error("event {event_id} is not what was sealed as number {sequence}")]
    Event { event_id: EventId, sequence: i64 },
    #[error("event {event_id} was never sealed and waits for no seal")]
    NeverSealed { event_id: EventId },
    #[error("the first {tree_size} events are not those whose head was signed")]
    Contradicted { tree_size: u64 },
    #[error("a head of {tree_size} events was signed, and there are only {count}")]
    CutShort { tree_size: u64, count: u64 },
}

impl Broken {
    fn event_id(self) -> Option<EventId> {
        match self {
            Self::Event { event_id, .. } | Self::NeverSealed { event_id } => Some(event_id),
            Self::Contradicted { .. } | Self::CutShort { .. } => None,
        }
    }
}

/// Checks every event of the instance, every signed head, and `kept`, a head that was kept elsewhere.
pub async fn verify(app: &App, kept: Option<&Head>) -> Result<Verification, sqlx::Error> {
    let mut tx = app.db.system().await?;
    tx.without_time_limit().await?;
    check_all(&mut tx, app, kept).await
}

pub(super) async fn check_all(
    tx: &mut SystemTx,
    app: &App,
    kept: Option<&Head>,
) -> Result<Verification, sqlx::Error> {
    let mut heads = Heads { kept: kept.copied(), next: checkpoint::first_above(tx, 0).await? };
    let mut tree = Frontier::default();
    let mut found = check(tx, app, Range::default(), Some((&mut tree, &mut heads))).await?;
    if found.broken.is_none() {
        let count = tree.size();
        let beyond = heads.next.into_iter().chain(heads.kept).map(|head| head.tree_size).max();
        found.broken = beyond.map(|tree_size| Broken::CutShort { tree_size, count });
    }
    Ok(found)
}

/// Heads that the log has not been compared with yet.
struct Heads {
    kept: Option<Head>,
    next: Option<Head>,
}

impl Heads {
    /// Compares the tree with those of its size.
    async fn compare(&mut self, tx: &mut SystemTx, tree: &Frontier) -> Result<Option<Broken>, sqlx::Error> {
        let contradicts = |head: Option<Head>| {
            head.is_some_and(|head| head.tree_size == tree.size() && head.root_hash != tree.root())
        };
        if contradicts(self.kept) || contradicts(self.next) {
            return Ok(Some(Broken::Contradicted { tree_size: tree.size() }));
        }
        self.kept = self.kept.filter(|head| head.tree_size != tree.size());
        if self.next.is_some_and(|head| head.tree_size == tree.size()) {
            self.next = checkpoint::first_above(tx, tree.size()).await?;
        }
        Ok(None)
    }
}

async fn check(
    tx: &mut SystemTx,
    app: &App,
    range: Range,
    mut whole: Option<(&mut Frontier, &mut Heads)>,
) -> Result<Verification, sqlx::Error> {
    let genesis = genesis(app.feed.instance());
    let (mut checked_count, mut last) = (0, 0);
    loop {
        let seals = store::seals_after(tx, last, range, PAGE).await?;
        for seal in &seals {
            let previous = match &seal.predecessor {
                Some(hash) => Some(hash.as_slice()),
                // Only the first has none before it.
                None => (seal.sequence == 1).then_some(genesis.as_slice()),
            };
            let good = previous == Some(&seal.previous_hash)
                && seal.event().is_some_and(|event| {
                    seal.previous_hash
                        .as_slice()
                        .try_into()
                        .is_ok_and(|previous| hash(previous, &event) == *seal.hash)
                });
            if !good {
                let broken = Broken::Event { event_id: seal.event_id.into(), sequence: seal.sequence };
                return Ok(Verification { checked_count, broken: Some(broken) });
            }
            checked_count += 1;
            last = seal.sequence;
            if let Some((tree, heads)) = &mut whole {
                tree.push(leaf_hash(&seal.hash), |_, _| {});
                if let Some(broken) = heads.compare(tx, tree).await? {
                    return Ok(Verification { checked_count, broken: Some(broken) });
                }
            }
        }
        if seals.is_empty() {
            break;
        }
    }
    let unsealed = store::never_to_be_sealed(tx, range).await?;
    let broken = unsealed.map(|event_id| Broken::NeverSealed { event_id });
    Ok(Verification { checked_count, broken })
}

#[derive(Debug, utoipa::IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
#[expect(dead_code, reason = "documents the parameters; `Asked` reads them")]
pub(super) struct VerifyAuditParameters {
    /// Events from this moment on.
    #[param(value_type = Option<String>, format = DateTime)]
    from_date: Option<OffsetDateTime>,
    /// Events up to this moment.
    #[param(value_type = Option<String>, format = DateTime)]
    to_date: Option<OffsetDateTime>,
}

#[derive(Debug)]
pub(super) struct Asked {
    from_date: Option<OffsetDateTime>,
    to_date: Option<OffsetDateTime>,
}

impl FromFields for Asked {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let asked = Self {
            from_date: fields.optional_timestamp("fromDate"),
            to_date: fields.optional_timestamp("toDate"),
        };
        if asked.from_date.zip(asked.to_date).is_some_and(|(from, to)| from > to) {
            fields.error("toDate", "lies before `fromDate`");
        }
        Some(asked)
    }
}

/// Whether the organization's events are what was sealed.
#[derive(Debug, serde::Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct AuditVerification {
    verified: bool,
    /// Events that were found good, up to the first that is not.
    checked_count: u64,
    #[schema(value_type = Option<uuid::Uuid>)]
    broken_at_event_id: Option<EventId>,
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    from_date: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    to_date: Option<OffsetDateTime>,
}

/// Check the organization's part of the audit log
///
/// Recomputes each event's hash, and compares it with its seal and the seal before. Events that are not sealed yet are left
/// out. Answered with 200 whether or not the log is whole. Within the time that the tier shows.
#[utoipa::path(get, path = "/api/v1/audit/verify", operation_id = "verify_audit_log", tag = "Audit",
    security(("bearer" = ["audit:read"])),
    params(VerifyAuditParameters),
    responses(
        (status = 200, description = "What was found", body = AuditVerification),
        (status = 400, description = "A parameter is unknown or malformed, or asks for more than the tier shows", body = ErrorBody),
        (status = 401, description = "The access token is missing or not good", body = ErrorBody),
        (status = 403, description = "A scope is lacking", body = ErrorBody)))]
pub(super) async fn verify_audit_log(
    State(app): State<App>,
    caller: Caller,
    StrictQuery(asked): StrictQuery<Asked>,
) -> Result<Json<AuditVerification>, ApiError> {
    let earliest = window::earliest(&mut app.db.tenant(caller.organization_id).await?, &app).await?;
    for asked in [asked.from_date, asked.to_date].into_iter().flatten() {
        window::check(earliest, asked)?;
    }
    let range = Range {
        organization_id: Some(caller.organization_id),
        from_date: asked.from_date.or(earliest),
        to_date: asked.to_date,
    };
    // The seal before an event's own may be another organization's: its hash is compared, and nothing of it is shown.
    let found = check(&mut app.db.system().await?, &app, range, None).await?;
    Ok(Json(AuditVerification {
        verified: found.broken.is_none(),
        checked_count: found.checked_count,
        broken_at_event_id: found.broken.and_then(Broken::event_id),
        from_date: range.from_date,
        to_date: range.to_date,
    }))
}
