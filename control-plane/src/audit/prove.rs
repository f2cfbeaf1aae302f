//! `GET /api/v1/audit/proof/inclusion` and `…/consistency`: RFC 6962 proofs against signed heads.

use agentidp_shared::audit_chain::to_hex;
use agentidp_shared::ids::EventId;
use agentidp_shared::merkle;
use axum::Json;
use axum::extract::State;
use utoipa::ToSchema;

use super::{checkpoint, store, tree};
use crate::access::Caller;
use crate::app::App;
use crate::infra::http::error::{ApiError, ErrorBody};
use crate::infra::http::fields::{Fields, FromFields};
use crate::infra::http::query::StrictQuery;

/// A tree is never larger: its leaves are numbered by PostgreSQL's `bigint`.
const MAX_SIZE: u64 = i64::MAX.unsigned_abs();

#[derive(Debug, utoipa::IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub(super) struct InclusionParameters {
    #[param(value_type = uuid::Uuid)]
    event_id: EventId,
    /// The size of the tree to prove it in: of a checkpoint you hold. The newest checkpoint's if absent.
    tree_size: Option<u64>,
}

impl FromFields for InclusionParameters {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let event_id = fields.required_parsed("eventId", "a UUID in its canonical form");
        let tree_size = fields.optional_u64("treeSize", 1..=MAX_SIZE);
        Some(Self { event_id: event_id?, tree_size })
    }
}

#[derive(Debug, utoipa::IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub(super) struct ConsistencyParameters {
    /// The size of the older tree: of a checkpoint you hold.
    from: u64,
    /// The size of the newer tree; the newest checkpoint's if absent.
    to: Option<u64>,
}

impl FromFields for ConsistencyParameters {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let from = fields.required_u64("from", 1..=MAX_SIZE);
        let to = fields.optional_u64("to", 1..=MAX_SIZE);
        Some(Self { from: from?, to })
    }
}

/// Hashes in hexadecimal, in the order of RFC 6962 §2.1.1.
#[derive(Debug, serde::Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct InclusionProof {
    #[schema(value_type = uuid::Uuid)]
    event_id: EventId,
    /// The event's `sequence` − 1.
    leaf_index: u64,
    tree_size: u64,
    root_hash: String,
    hashes: Vec<String>,
}

/// Hashes in hexadecimal, in the order of RFC 6962 §2.1.2.
#[derive(Debug, serde::Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ConsistencyProof {
    from: u64,
    to: u64,
    hashes: Vec<String>,
}

fn beyond(largest: u64) -> ApiError {
    ApiError::bad_request(
        "TREE_TOO_SMALL",
        format!("the newest checkpoint covers {largest} events, in the order from ≤ to"),
    )
}

/// Prove that one of the organization's events is in the log
#[utoipa::path(get, path = "/api/v1/audit/proof/inclusion", operation_id = "prove_audit_inclusion", tag = "Audit",
    params(InclusionParameters),
    responses(
        (status = 200, description = "The proof", body = InclusionProof),
        (status = 400, description = "A parameter is missing, unknown or malformed, or the tree is larger than the newest checkpoint", body = ErrorBody),
        (status = 401, description = "The access token is missing or not good", body = ErrorBody),
        (status = 403, description = "A scope is lacking", body = ErrorBody),
        (status = 404, description = "There is no such event, or no checkpoint yet", body = ErrorBody),
        (status = 409, description = "The tree does not hold the event yet", body = ErrorBody)))]
pub(super) async fn prove_audit_inclusion(
    State(app): State<App>,
    caller: Caller,
    StrictQuery(asked): StrictQuery<InclusionParameters>,
) -> Result<Json<InclusionProof>, ApiError> {
    let mut tenant = app.db.tenant(caller.organization_id).await?;
    let event = store::find(&mut tenant, asked.event_id).await?;
    tenant.commit().await?;
    let event =
        event.ok_or_else(|| ApiError::not_found("EVENT_NOT_FOUND", "there is no event with this id"))?;
    let mut tx = app.db.system().await?;
    let latest = checkpoint::latest(&mut tx).await?.ok_or_else(checkpoint::none_yet)?;
    let tree_size = asked.tree_size.unwrap_or(latest.head.tree_size);
    if tree_size > latest.head.tree_size {
        return Err(beyond(latest.head.tree_size));
    }
    let path = event
        .sequence
        .and_then(|sequence| sequence.checked_sub(1))
        .and_then(|index| Some((index, merkle::inclusion_proof(index, tree_size)?)));
    let (leaf_index, path) = path.ok_or_else(|| {
        ApiError::conflict(
            "EVENT_NOT_COVERED",
            "the tree does not hold this event; a checkpoint that does is signed within a minute",
        )
    })?;
    let hashes = tree::proof(&mut tx, &path).await?;
    let root_hash = to_hex(&tree::root(&mut tx, tree_size).await?);
    Ok(Json(InclusionProof {
        event_id: asked.event_id,
        leaf_index,
        tree_size,
        root_hash,
        hashes: hashes.iter().map(|hash| to_hex(hash)).collect(),
    }))
}

/// Prove that a later log begins with all of an earlier one
#[utoipa::path(get, path = "/api/v1/audit/proof/consistency", operation_id = "prove_audit_consistency", tag = "Audit",
    params(ConsistencyParameters),
    responses(
        (status = 200, description = "The proof", body = ConsistencyProof),
        (status = 400, description = "A parameter is missing, unknown or malformed, or a tree is larger than the newest checkpoint", body = ErrorBody),
        (status = 401, description = "The access token is missing or not good", body = ErrorBody),
        (status = 403, description = "A scope is lacking", body = ErrorBody),
        (status = 404, description = "There is no checkpoint yet", body = ErrorBody)))]
pub(super) async fn prove_audit_consistency(
    State(app): State<App>,
    _caller: Caller,
    StrictQuery(asked): StrictQuery<ConsistencyParameters>,
) -> Result<Json<ConsistencyProof>, ApiError> {
    let mut tx = app.db.system().await?;
    let latest = checkpoint::latest(&mut tx).await?.ok_or_else(checkpoint::none_yet)?;
    let to = asked.to.unwrap_or(latest.head.tree_size);
    let path = merkle::consistency_proof(asked.from, to)
        .filter(|_| to <= latest.head.tree_size)
        .ok_or_else(|| beyond(latest.head.tree_size))?;
    let hashes = tree::proof(&mut tx, &path).await?;
    Ok(Json(ConsistencyProof {
        from: asked.from,
        to,
        hashes: hashes.iter().map(|hash| to_hex(hash)).collect(),
    }))
}
