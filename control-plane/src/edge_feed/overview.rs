//! `GET /edge/v1/nodes` and `agentidp edges list`: the edges, and how far each is.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::nodes::{EdgeNode, SEEN_RECENTLY};
use super::store;
use crate::app::App;
use crate::infra::http::error::ApiError;

/// The edges that were ever heard of
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = EdgeNodes)]
pub struct Overview {
    /// The newest sequence number.
    pub head: u64,
    pub nodes: Vec<Node>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = EdgeNode)]
pub struct Node {
    /// The edge's name, and `/` and the node's own if it has one.
    pub id: String,
    pub version: String,
    /// The versions of feed, usage report and claims that it understands, for example `feed=2, usage=1, claims=1`. Absent: version 1
    /// of each.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wire_versions: Option<String>,
    /// The sequence it last said it holds.
    pub acknowledged_sequence: u64,
    /// How long the oldest change it lacks has been waiting.
    pub lag_seconds: f64,
    #[serde(with = "time::serde::rfc3339")]
    pub last_seen_at: OffsetDateTime,
    /// Whether it was heard of within two minutes.
    pub seen_recently: bool,
}

/// The edges and how far each is
#[utoipa::path(get, path = "/edge/v1/nodes", operation_id = "list_edge_nodes", tag = "Edge",
    security(("edge_key" = [])),
    params(("X-Edge-Name" = String, Header, description = "The edge's configured name")),
    responses(
        (status = 200, description = "Every edge that was ever heard of, by name", body = Overview),
        (status = 401, description = "The edge key is not known", body = crate::infra::http::error::ErrorBody)))]
pub(super) async fn list_edge_nodes(State(app): State<App>, _: EdgeNode) -> Result<Json<Overview>, ApiError> {
    Ok(Json(overview(&app).await?))
}

/// Every edge that was ever heard of.
pub async fn overview(app: &App) -> Result<Overview, sqlx::Error> {
    let now = app.now();
    let mut tx = app.db.system().await?;
    let head = store::head(&mut tx).await?;
    let rows = store::nodes(&mut tx).await?;
    tx.commit().await?;
    let nodes = rows.into_iter().map(|row| {
        Ok(Node {
            id: row.id,
            version: row.version,
            wire_versions: row.wire_versions,
            acknowledged_sequence: store::unsigned(row.acknowledged_sequence)?,
            lag_seconds: row.waiting_since.map_or(0.0, |since| (now - since).as_seconds_f64().max(0.0)),
            last_seen_at: row.last_seen_at,
            seen_recently: row.last_seen_at >= now - SEEN_RECENTLY,
        })
    });
    Ok(Overview { head, nodes: nodes.collect::<Result<_, sqlx::Error>>()? })
}
