//! `GET /edge/v1/snapshot`: everything that an edge must know. It comes in pages, and whole to an edge of version 1 of the feed.
//!
//! Nothing is remembered from one page to the next, so any process answers any page: the edge says which snapshot it is taking, by
//! the sequence of its first page, and after which key the next page begins.

use agentidp_shared::compact::compact;
use agentidp_shared::feed::envelope::InEnvelopes;
use agentidp_shared::feed::{BATCH_LIFETIME_MS, Change, Page};
use agentidp_shared::wire::WireVersions;
use axum::extract::State;
use axum::response::Response;

use super::changes::{jose, sequence_gone, told};
use super::nodes::{self, EdgeNode};
use super::store::{self, PageRows};
use crate::app::App;
use crate::infra::clock::unix_millis;
use crate::infra::http::error::{ApiError, FieldErrors};
use crate::infra::http::fields::{Fields, FromFields};
use crate::infra::http::query::StrictQuery;

/// Longest key that a page can begin after, in characters. Those that are written have 110 at most.
const MAX_KEY_LENGTH: usize = 512;
/// How many bytes of changes a page has, unless the first alone has more. With what concerns all tokens, an envelope for each minute in
/// which tokens expire, and the encoding, that is less than an edge accepts ([`MAX_PAGE_BYTES`](agentidp_shared::feed::MAX_PAGE_BYTES)).
const PAGE_BYTES: usize = 400 * 1024;
/// A revoked token among others of a minute: 16 bytes in base64url.
const TOKEN_BYTES: usize = 22;

#[derive(Debug, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct SnapshotQuery {
    /// Which snapshot is being taken: `begun` of the pages before. A new one begins without it.
    #[param(minimum = 1)]
    begun: Option<u64>,
    /// The key that the page before ended with, its `until`.
    #[param(min_length = 1, max_length = 512)]
    after: Option<String>,
}

impl FromFields for SnapshotQuery {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let (is_later, names_key) = (fields.has("begun"), fields.has("after"));
        let begun = fields.optional_u64("begun", 1..=i64::MAX.unsigned_abs());
        let after = fields.optional_string("after", 1..=MAX_KEY_LENGTH);
        if is_later != names_key {
            fields.error(if is_later { "after" } else { "begun" }, "required with the other");
        }
        Some(Self { begun, after })
    }
}

/// Everything an edge must know, page by page
///
/// A compact JWS over one page, the first or the one that the query names; `until` in it says after which key the next one begins, and is
/// absent from the last. An edge of version 1 of the feed gets one batch with `from` 0 instead.
#[utoipa::path(get, path = "/edge/v1/snapshot", operation_id = "get_edge_snapshot", tag = "Edge",
    security(("edge_key" = [])),
    params(SnapshotQuery,
        ("X-Edge-Name" = String, Header, description = "The edge's configured name"),
        ("X-Edge-Versions" = Option<String>, Header, description = "The versions that the edge understands, for example `feed=2, usage=1, claims=1`; version 1 of each without it")),
    responses(
        (status = 200, description = "The signed page or snapshot", content_type = "application/jose", body = String),
        (status = 400, description = "A parameter is malformed", body = crate::infra::http::error::ErrorBody),
        (status = 401, description = "The edge key is not known", body = crate::infra::http::error::ErrorBody),
        (status = 410, description = "What came after `begun` is no longer kept, or never was: begin a new snapshot", body = crate::infra::http::error::ErrorBody)))]
pub(super) async fn get_edge_snapshot(
    State(app): State<App>,
    node: EdgeNode,
    StrictQuery(query): StrictQuery<SnapshotQuery>,
) -> Result<Response, ApiError> {
    nodes::acknowledge(&app, &node).await?;
    let later = query.begun.zip(query.after);
    if has_pages(node.versions()) {
        return signed_page(&app, later).await.map(jose);
    }
    if later.is_some() {
        let mut errors = FieldErrors::new();
        errors.push("begun", "version 1 of the feed has no pages");
        return Err(errors.into_error());
    }
    Ok(jose(signed_snapshot(&app).await?.0))
}

/// Whether an edge that understands this takes a snapshot in pages.
pub(super) fn has_pages(versions: WireVersions) -> bool {
    versions.feed > WireVersions::FIRST.feed
}

/// The first page of a new snapshot, or the one of the snapshot that began at a sequence after a key.
async fn signed_page(app: &App, later: Option<(u64, String)>) -> Result<String, ApiError> {
    // Read before the changes are: a page must never claim to be newer than it is.
    let now = app.now();
    let (begun, after) = later.unzip();
    let mut tx = app.db.system().await?;
    if let Some(begun) = begun
        && !store::keeps_all_since(&mut tx, begun, now).await?
    {
        return Err(sequence_gone());
    }
    let bytes = i64::try_from(PAGE_BYTES).unwrap_or(i64::MAX);
    let rows = store::page(&mut tx, after.as_deref(), bytes, now).await?;
    tx.commit().await?;
    let (to, issued_at) = (rows.head, unix_millis(now));
    let (changes, until) = as_many_as_fit(rows)?;
    app.feed.sign_page(&Page {
        instance: app.feed.instance(),
        begun: begun.unwrap_or(to),
        to,
        issued_at,
        expires_at: issued_at + BATCH_LIFETIME_MS,
        after,
        until,
        changes: compact(changes),
    })
}

/// The changes of a page, and the key that it ends with unless it is the last.
fn as_many_as_fit(rows: PageRows) -> Result<(Vec<Change>, Option<String>), ApiError> {
    let PageRows { for_all: mut changes, entries, mut goes_on, .. } = rows;
    let mut bytes = 0_usize;
    let mut until = None;
    for (key, change) in entries {
        if let Some(change) = change {
            let size = size_of(&change).map_err(ApiError::internal)?;
            if bytes > 0 && bytes + size > PAGE_BYTES {
                goes_on = true;
                break;
            }
            bytes += size;
            changes.push(change);
        }
        until = Some(key);
    }
    Ok((changes, until.filter(|_| goes_on)))
}

fn size_of(change: &Change) -> Result<usize, serde_json::Error> {
    if matches!(change, Change::TokenRevoked { .. }) {
        return Ok(TOKEN_BYTES);
    }
    serde_json::to_vec(&InEnvelopes(std::slice::from_ref(change))).map(|text| text.len())
}

/// The signed snapshot as version 1 of the feed has it, and the sequence it stands for.
pub(super) async fn signed_snapshot(app: &App) -> Result<(String, u64), ApiError> {
    // Read before the changes are: a snapshot must never claim to be newer than it is.
    let now = app.now();
    let mut tx = app.db.system().await?;
    let (to, changes) = store::snapshot(&mut tx, now).await?;
    tx.commit().await?;
    // What may be ignored need not be in a snapshot; what is not understood comes last, over what it may have replaced.
    let is_unknown = |change: &Change| matches!(change, Change::Unknown(_));
    let (unknown, known): (Vec<_>, Vec<_>) = changes.into_iter().partition(is_unknown);
    let is_needed = |change: &Change| !change.is_ignorable();
    let changes = told(known.into_iter().chain(unknown.into_iter().filter(is_needed)), WireVersions::FIRST)?;
    Ok((app.feed.sign(WireVersions::FIRST.feed, 0, to, compact(changes), now)?, to))
}
