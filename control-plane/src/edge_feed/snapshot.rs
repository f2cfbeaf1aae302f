//! `GET /edge/v1/snapshot`.

use agentidp_shared::compact::compact;
use agentidp_shared::feed::Change;
use agentidp_shared::wire::WireVersions;
use axum::extract::State;
use axum::response::Response;

use super::changes::{jose, told};
use super::nodes::{self, EdgeNode};
use super::store;
use crate::app::App;
use crate::infra::http::error::ApiError;

/// Everything an edge must know, as of now
///
/// A compact JWS over one batch with `from` 0.
#[utoipa::path(get, path = "/edge/v1/snapshot", operation_id = "get_edge_snapshot", tag = "Edge",
    security(("edge_key" = [])),
    params(("X-Edge-Name" = String, Header, description = "The edge's configured name"),
        ("X-Edge-Versions" = Option<String>, Header, description = "The versions that the edge understands, for example `feed=2, usage=1, claims=1`; version 1 of each without it")),
    responses(
        (status = 200, description = "The signed snapshot", content_type = "application/jose", body = String),
        (status = 401, description = "The edge key is not known", body = crate::infra::http::error::ErrorBody)))]
pub(super) async fn get_edge_snapshot(State(app): State<App>, node: EdgeNode) -> Result<Response, ApiError> {
    nodes::acknowledge(&app, &node).await?;
    Ok(jose(signed_snapshot(&app, node.versions()).await?.0))
}

/// The signed snapshot and the sequence it stands for.
pub(super) async fn signed_snapshot(app: &App, versions: WireVersions) -> Result<(String, u64), ApiError> {
    // Read before the changes are: a snapshot must never claim to be newer than it is.
    let now = app.now();
    let mut tx = app.db.system().await?;
    let (to, changes) = store::snapshot(&mut tx, now).await?;
    tx.commit().await?;
    // What may be ignored need not be in a snapshot; what is not understood comes last, over what it may have replaced.
    let is_unknown = |change: &Change| matches!(change, Change::Unknown(_));
    let (unknown, known): (Vec<_>, Vec<_>) = changes.into_iter().partition(is_unknown);
    let is_needed = |change: &Change| versions.feed > 1 || !change.is_ignorable();
    let changes = told(known.into_iter().chain(unknown.into_iter().filter(is_needed)), versions)?;
    Ok((app.feed.sign(versions.feed, 0, to, compact(changes), now)?, to))
}
