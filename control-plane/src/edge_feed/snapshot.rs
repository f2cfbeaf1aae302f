//! `GET /edge/v1/snapshot`.

use agentidp_shared::compact::compact;
use axum::extract::State;
use axum::response::Response;

use super::changes::jose;
use super::nodes::{self, EdgeNode};
use super::store;
use crate::app::App;
use crate::infra::http::error::ApiError;

/// Everything an edge must know, as of now
///
/// A compact JWS over one batch with `from` 0.
#[utoipa::path(get, path = "/edge/v1/snapshot", operation_id = "get_edge_snapshot", tag = "Edge",
    security(("edge_key" = [])),
    params(("X-Edge-Name" = String, Header, description = "The edge's configured name")),
    responses(
        (status = 200, description = "The signed snapshot", content_type = "application/jose", body = String),
        (status = 401, description = "The edge key is not known", body = crate::infra::http::error::ErrorBody)))]
pub(super) async fn get_edge_snapshot(State(app): State<App>, node: EdgeNode) -> Result<Response, ApiError> {
    nodes::acknowledge(&app, &node).await?;
    Ok(jose(signed_snapshot(&app).await?.0))
}

/// The signed snapshot and the sequence it stands for.
pub(super) async fn signed_snapshot(app: &App) -> Result<(String, u64), ApiError> {
    // Read before the changes are: a snapshot must never claim to be newer than it is.
    let now = app.now();
    let mut tx = app.db.system().await?;
    let (to, changes) = store::snapshot(&mut tx, now).await?;
    tx.commit().await?;
    Ok((app.feed.sign(0, to, compact(changes), now)?, to))
}
