//! `GET /status-lists/{statusListId}`: a list as a signed token. Public: whoever met one of its tokens may ask.

use std::sync::{Arc, PoisonError};

use agentidp_shared::ids::StatusListId;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::json;
use time::{Duration, OffsetDateTime};

use super::list::{PLACES, StatusList};
use super::{store, uri};
use crate::app::App;
use crate::infra::clock::unix_seconds;
use crate::infra::http::error::{ApiError, ErrorBody};
use crate::infra::http::path::Id;
use crate::well_known::document;

const MEDIA_TYPE: &str = "application/statuslist+jwt";
const TYPE: &str = "statuslist+jwt";
/// How long a list may be used without asking again, in seconds (`ttl`).
const TTL_SECONDS: u64 = 30;
const CACHE_CONTROL: &str = "public, max-age=30";
/// After that it says nothing any more, in seconds: for verifiers that cannot ask.
const LIFETIME_SECONDS: u64 = 600;
/// How long this process gives the same answer, however often it is asked.
const KEPT_FOR: Duration = Duration::seconds(5);
/// Lists remembered; the others are written anew each time they are asked for.
const REMEMBERED: usize = 1_024;

/// A list as it was signed.
#[derive(Debug, Clone)]
pub struct Signed {
    at: OffsetDateTime,
    token: Arc<str>,
}

/// A token status list
///
/// Says of each place whether its token is valid (0), was taken back (1), or is suspended (2): draft-ietf-oauth-status-list. Tokens name their
/// place in the claim `status`.
#[utoipa::path(get, path = "/status-lists/{statusListId}", operation_id = "get_status_list", tag = "Discovery",
    params(("statusListId" = uuid::Uuid, Path, description = "The list")),
    responses(
        (status = 200, description = "The status list token, signed with a key of the JWK Set", content_type = "application/statuslist+jwt", body = String),
        (status = 304, description = "Unchanged"),
        (status = 400, description = "The id is malformed", body = ErrorBody),
        (status = 404, description = "There is no such list, or all its tokens have expired", body = ErrorBody)))]
pub(super) async fn get_status_list(
    State(app): State<App>,
    Id(list): Id<StatusListId>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let token = signed(&app, list).await?;
    let token =
        token.ok_or_else(|| ApiError::not_found("STATUS_LIST_NOT_FOUND", "there is no list with this id"))?;
    document::answer_text(&headers, MEDIA_TYPE, CACHE_CONTROL, token.to_string())
}

/// The list as it stands, or stood a moment ago. One request writes it, the others wait for that.
async fn signed(app: &App, list: StatusListId) -> Result<Option<Arc<str>>, ApiError> {
    let slot = {
        let mut signed = app.status_lists.signed.lock().unwrap_or_else(PoisonError::into_inner);
        if signed.len() >= REMEMBERED && !signed.contains_key(&list) {
            signed.retain(|_, slot| Arc::strong_count(slot) > 1);
        }
        Arc::clone(signed.entry(list).or_default())
    };
    let mut slot = slot.lock().await;
    let now = app.now();
    if let Some(signed) = slot.as_ref().filter(|signed| (now - signed.at).abs() < KEPT_FOR) {
        return Ok(Some(Arc::clone(&signed.token)));
    }
    *slot = write(app, list, now).await?;
    let token = slot.as_ref().map(|signed| Arc::clone(&signed.token));
    if token.is_none() {
        app.status_lists.signed.lock().unwrap_or_else(PoisonError::into_inner).remove(&list);
    }
    Ok(token)
}

async fn write(app: &App, id: StatusListId, now: OffsetDateTime) -> Result<Option<Signed>, ApiError> {
    let mut tx = app.db.system().await?;
    if !store::exists_any_tenant(&mut tx, id).await? {
        return Ok(None);
    }
    let not_valid = store::not_valid_any_tenant(&mut tx, id).await?;
    tx.commit().await?;
    let mut list = StatusList::new(PLACES);
    for (place, status) in not_valid {
        list.set(place, status);
    }
    let iat = unix_seconds(now);
    let claims = json!({
        "iss": app.config.issuer,
        "sub": uri(app, id),
        "iat": iat,
        "exp": iat + LIFETIME_SECONDS,
        "ttl": TTL_SECONDS,
        "status_list": list.encode(),
    });
    let keys = app.signers.current();
    let signer =
        keys.active.as_ref().ok_or_else(|| ApiError::internal(anyhow::anyhow!("no active signing key")))?;
    let token = signer.sign_jwt(TYPE, &claims).map_err(ApiError::internal)?;
    Ok(Some(Signed { at: now, token: token.into() }))
}
