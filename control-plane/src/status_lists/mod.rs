//! Token Status List (draft-ietf-oauth-status-list): what has been taken back, for verifiers that follow no feed.
//!
//! Every token names a place in a list; the list says of each place whether its token is good, and of nobody whose it is. Places are
//! given out in random order, so that they tell nothing of when a token was issued or how many there are.

mod get;
mod list;
mod open;
mod store;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use agentidp_shared::claims::{Claims, StatusReference};
use agentidp_shared::ids::StatusListId;
use sqlx::PgConnection;
use time::OffsetDateTime;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::app::App;
use get::Signed;
use open::OpenList;

/// What one process remembers of status lists.
#[derive(Debug, Default)]
pub struct StatusLists {
    /// The list that new tokens get places in.
    open: Mutex<Option<OpenList>>,
    /// Lists asked for lately.
    signed: Mutex<HashMap<StatusListId, Arc<tokio::sync::Mutex<Option<Signed>>>>>,
}

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(get::get_status_list))
}

/// A place that no other token has or will have.
pub fn reserve(app: &App) -> StatusReference {
    let mut open = app.status_lists.open.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        if let Some((id, idx)) = open.as_mut().and_then(|list| list.take(app.now())) {
            return StatusReference { idx: idx.into(), uri: uri(app, id) };
        }
        *open = Some(OpenList::new(StatusListId::new(app.new_id()), app.now(), &*app.rng));
    }
}

/// Keeps which tokens have which places, in the transaction that issues them.
pub async fn record<'a>(
    tx: &mut PgConnection,
    issued: impl Iterator<Item = &'a Claims>,
) -> Result<(), sqlx::Error> {
    let entries = issued.filter_map(|claims| {
        let (list, idx) = place(claims.status.as_ref()?)?;
        Some((list, idx, claims))
    });
    store::insert(tx, entries).await
}

/// A token's place: its list, and where in it.
pub fn place_of(claims: &Claims) -> Option<(Uuid, i32)> {
    let (list, idx) = place(claims.status.as_ref()?)?;
    Some((list.as_uuid(), idx))
}

/// Deletes places of tokens that have expired.
pub async fn purge_expired(tx: &mut PgConnection, now: OffsetDateTime) -> Result<(), sqlx::Error> {
    store::purge(tx, now).await
}

fn uri(app: &App, list: StatusListId) -> String {
    format!("{}{}{list}", app.config.issuer, StatusReference::PATH)
}

fn place(reference: &StatusReference) -> Option<(StatusListId, i32)> {
    let (_, id) = reference.uri.rsplit_once(StatusReference::PATH)?;
    Some((id.parse().ok()?, i32::try_from(reference.idx).ok()?))
}
