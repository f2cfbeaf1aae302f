//! `Idempotency-Key`: a request that is repeated gets the first answer again instead of being done twice.
//!
//! An answer belongs to the right that earned it: it is given again only to a token with the same actor, subject, scopes, rank
//! and delegation chain. Whether the caller may do this at all is for the handler to ask before.
//!
//! The first answer is stored sealed, because it may hold a secret, for a day. A first request that failed leaves no trace.
//! The answer is stored in the work's own transaction: whatever dies, it is done and answered to every repetition, or not done.
//! A process that dies before leaves the key taken for a minute; a repetition after that does the work.

use std::future::Future;

use axum::body::{Body, to_bytes};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

use super::error::ApiError;
use super::limits::BodyDigest;
use crate::access::Caller;
use crate::app::App;
use crate::infra::db::AnyTx;
use crate::infra::keystore::{IDEMPOTENT_ANSWERS, Place};

const HEADER: &str = "idempotency-key";
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
const MAX_KEY_LENGTH: usize = 255;
const MAX_RESPONSE: usize = 64 * 1024;
const KEPT: Duration = Duration::hours(24);
/// A first request that has not ended after this long died with its process.
const ABANDONED: Duration = Duration::minutes(1);

/// The key of a request and a digest of what it asks.
#[derive(Debug, Clone, Default)]
pub struct Idempotency {
    key: Option<String>,
    request_hash: [u8; 32],
}

impl Idempotency {
    /// Whether an answer may have been stored for the request.
    pub fn has_key(&self) -> bool {
        self.key.is_some()
    }
}

impl FromRequestParts<App> for Idempotency {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, ApiError> {
        let refused = || {
            ApiError::bad_request(
                "INVALID_IDEMPOTENCY_KEY",
                "Idempotency-Key must be one value of 1 to 255 visible ASCII characters",
            )
        };
        let mut values = parts.headers.get_all(HEADER).iter();
        let key = values.next().map(|value| {
            value
                .to_str()
                .ok()
                .filter(|key| {
                    (1..=MAX_KEY_LENGTH).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic())
                })
                .map(str::to_owned)
                .ok_or_else(refused)
        });
        if values.next().is_some() {
            return Err(refused());
        }
        let request_hash = parts.extensions.get::<BodyDigest>().map_or([0; 32], |digest| digest.0);
        Ok(Self { key: key.transpose()?, request_hash })
    }
}

#[derive(Serialize, Deserialize)]
struct StoredAnswer {
    headers: Vec<(String, String)>,
    body: String,
}

/// Runs `operation` once for this caller and key. Without a key it simply runs. The work leaves its transaction open: with it is
/// committed what is answered to repetitions.
pub async fn run<T: AnyTx>(
    app: &App,
    caller: &Caller,
    operation: &'static str,
    idempotency: Idempotency,
    work: impl Future<Output = Result<(T, Response), ApiError>>,
) -> Result<Response, ApiError> {
    let Some(key) = idempotency.key else {
        let (tx, response) = work.await?;
        tx.commit().await?;
        return Ok(response);
    };
    let place = IDEMPOTENT_ANSWERS
        .place(format_args!("{}/{}/{operation}/{key}", caller.organization_id, caller.agent_id));
    if let Some(first) = claim(app, caller, operation, &key, idempotency.request_hash, &place).await? {
        return Ok(first);
    }
    let outcome = async {
        let (mut tx, response) = work.await?;
        let response = store(&mut tx, app, caller, operation, &key, &place, response).await?;
        tx.commit().await?;
        Ok(response)
    };
    match outcome.await {
        Ok(response) => Ok(response),
        Err(error) => {
            // Not of what was committed after all: that has its answer.
            release(app, caller, operation, &key).await?;
            Err(error)
        }
    }
}

/// Whether this is a first request's answer, given again.
pub fn is_replayed(response: &Response) -> bool {
    response.headers().contains_key(REPLAYED)
}

/// Takes the key for this request, or returns the first request's answer.
async fn claim(
    app: &App,
    caller: &Caller,
    operation: &str,
    key: &str,
    request_hash: [u8; 32],
    place: &Place,
) -> Result<Option<Response>, ApiError> {
    let (now, right) = (app.now(), caller.fingerprint_of_right());
    let mut tx = app.db.tenant(caller.organization_id).await?;
    let claimed = sqlx::query!(
        "insert into idempotency_keys (organization_id, agent_id, operation, key, request_hash, created_at, right_hash)
         values ($1, $2, $3, $4, $5, $6, $9)
         on conflict (organization_id, agent_id, operation, key) do update
           set request_hash = $5, created_at = $6, right_hash = $9, status = null, response_ciphertext = null
           where idempotency_keys.created_at < $7 or (idempotency_keys.status is null and idempotency_keys.created_at < $8)",
        caller.organization_id.as_uuid(),
        caller.agent_id.as_uuid(),
        operation,
        key,
        &request_hash,
        now,
        now - KEPT,
        now - ABANDONED,
        &right
    )
    .execute(&mut *tx)
    .await?;
    if claimed.rows_affected() == 1 {
        tx.commit().await?;
        return Ok(None);
    }
    let first = sqlx::query!(
        "select request_hash, right_hash, status, response_ciphertext, wrapping_key_id from idempotency_keys
         where organization_id = $1 and agent_id = $2 and operation = $3 and key = $4",
        caller.organization_id.as_uuid(),
        caller.agent_id.as_uuid(),
        operation,
        key
    )
    .fetch_optional(&mut *tx)
    .await?;
    let in_progress = || {
        ApiError::conflict(
            "IDEMPOTENCY_IN_PROGRESS",
            "the first request with this Idempotency-Key is still running",
        )
    };
    let first = first.ok_or_else(in_progress)?;
    if first.request_hash != request_hash {
        return Err(ApiError::conflict(
            "IDEMPOTENCY_KEY_REUSED",
            "this Idempotency-Key was used for another request; choose a new one",
        ));
    }
    // Compared in every answer that was stored since there are rights; one from before is given to nobody.
    if first.right_hash.as_deref() != Some(right.as_slice()) {
        return Err(ApiError::conflict(
            "IDEMPOTENCY_KEY_OF_ANOTHER_RIGHT",
            "this Idempotency-Key was used with another token's rights; choose a new one",
        ));
    }
    let (Some(status), Some(ciphertext), Some(key_id)) =
        (first.status, first.response_ciphertext, first.wrapping_key_id)
    else {
        return Err(in_progress());
    };
    let opened = app.keystore.open(&ciphertext, &key_id, place).map_err(ApiError::internal)?;
    let answer: StoredAnswer = serde_json::from_slice(&opened).map_err(ApiError::internal)?;
    let status = u16::try_from(status).ok().and_then(|status| StatusCode::from_u16(status).ok());
    let mut response = (status.unwrap_or(StatusCode::OK), answer.body).into_response();
    for (name, value) in answer.headers {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(&value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    Ok(Some(response))
}

async fn store(
    tx: &mut PgConnection,
    app: &App,
    caller: &Caller,
    operation: &str,
    key: &str,
    place: &Place,
    response: Response,
) -> Result<Response, ApiError> {
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, MAX_RESPONSE).await.map_err(ApiError::internal)?;
    let kept = [header::CONTENT_TYPE, header::LOCATION, header::CACHE_CONTROL];
    let headers = kept
        .into_iter()
        .filter_map(|name| Some((name.to_string(), parts.headers.get(&name)?.to_str().ok()?.to_owned())))
        .collect();
    let answer = StoredAnswer { headers, body: String::from_utf8_lossy(&body).into_owned() };
    let answer = zeroize::Zeroizing::new(serde_json::to_vec(&answer).map_err(ApiError::internal)?);
    let sealed = app.keystore.seal(&answer, place, &*app.rng);
    let status = i16::try_from(parts.status.as_u16()).unwrap_or(200);
    sqlx::query!(
        "update idempotency_keys set status = $5, response_ciphertext = $6, wrapping_key_id = $7
         where organization_id = $1 and agent_id = $2 and operation = $3 and key = $4",
        caller.organization_id.as_uuid(),
        caller.agent_id.as_uuid(),
        operation,
        key,
        status,
        sealed.ciphertext,
        sealed.key_id
    )
    .execute(tx)
    .await?;
    Ok(Response::from_parts(parts, Body::from(body)))
}

async fn release(app: &App, caller: &Caller, operation: &str, key: &str) -> Result<(), ApiError> {
    let mut tx = app.db.tenant(caller.organization_id).await?;
    sqlx::query!(
        "delete from idempotency_keys where organization_id = $1 and agent_id = $2 and operation = $3 and key = $4 and status is null",
        caller.organization_id.as_uuid(),
        caller.agent_id.as_uuid(),
        operation,
        key
    )
    .execute(&mut *tx)
    .await?;
    Ok(tx.commit().await?)
}

/// Deletes answers older than a day.
pub async fn purge_expired(tx: &mut PgConnection, now: OffsetDateTime) -> Result<(), sqlx::Error> {
    sqlx::query!("delete from idempotency_keys where created_at < $1", now - KEPT)
        .execute(tx)
        .await
        .map(|_| ())
}
