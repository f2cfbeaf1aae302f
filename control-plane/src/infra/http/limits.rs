//! Limits on every request: its head, how many at once, how long, how large. And the promise that a change, once begun, is
//! finished whether or not the caller stays on the line.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use http_body_util::BodyExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::Instrument as _;

use super::error::ApiError;
use crate::app::App;

/// Largest request body, in bytes.
pub const MAX_BODY_BYTES: usize = 64 * 1024;
/// Largest sum of header names and values, in bytes. The server's own limit lies above it.
pub const MAX_HEADER_BYTES: usize = 32 * 1024;
pub const MAX_HEADERS: usize = 100;
/// Longest path with query, in bytes.
pub const MAX_TARGET_BYTES: usize = 8 * 1024;
/// Of a body that is too large, this much is read and thrown away, so that the caller gets to read the answer.
const MAX_DRAINED_BYTES: usize = 16 * 1024 * 1024;

/// SHA-256 over method, path and body.
#[derive(Debug, Clone, Copy)]
pub struct BodyDigest(pub [u8; 32]);

pub(super) fn payload_too_large() -> ApiError {
    ApiError::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "PAYLOAD_TOO_LARGE",
        format!("the body is larger than {MAX_BODY_BYTES} bytes"),
    )
}

/// Refuses heads that are too large (RFC 6585 §5, RFC 9110 §15.5.15).
pub(super) async fn limit_head(request: Request, next: Next) -> Result<Response, ApiError> {
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    if target > MAX_TARGET_BYTES {
        let message = format!("the path with its query is longer than {MAX_TARGET_BYTES} bytes");
        return Err(ApiError::new(StatusCode::URI_TOO_LONG, "URI_TOO_LONG", message));
    }
    let headers = request.headers();
    let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if headers.len() > MAX_HEADERS || bytes > MAX_HEADER_BYTES {
        let message =
            format!("the headers are more than {MAX_HEADERS} or larger than {MAX_HEADER_BYTES} bytes");
        return Err(ApiError::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "HEADERS_TOO_LARGE", message));
    }
    Ok(next.run(request).await)
}

/// How many requests run at once.
#[derive(Debug, Clone)]
pub(super) struct Concurrency(Arc<Semaphore>);

impl Concurrency {
    pub(super) fn new(most: usize) -> Self {
        Self(Arc::new(Semaphore::new(most)))
    }
}

/// Held as long as the request's work goes on, be it after its caller has left.
#[derive(Debug, Clone)]
struct Slot(#[expect(dead_code, reason = "frees its place when dropped")] Arc<OwnedSemaphorePermit>);

/// Refuses at once what there is no room for: a queue would only make everyone late.
pub(super) async fn limit_concurrency(
    State(Concurrency(slots)): State<Concurrency>,
    mut request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let Ok(permit) = slots.try_acquire_owned() else {
        let message = "too many requests at once; try again shortly";
        return Err(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "OVERLOADED", message)
            .header(header::RETRY_AFTER, "1".into()));
    };
    let slot = Slot(Arc::new(permit));
    request.extensions_mut().insert(slot.clone());
    let response = next.run(request).await;
    drop(slot);
    Ok(response)
}

/// What may take longer than other requests: it reads as much as there is.
const SLOW: &str = "/api/v1/audit/verify";

/// How long a request may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct TimeLimits {
    pub usual: Duration,
    /// Of [`SLOW`].
    pub slow: Duration,
}

pub(super) async fn limit_time(
    State(limits): State<TimeLimits>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let limit = if request.uri().path() == SLOW { limits.slow } else { limits.usual };
    tokio::time::timeout(limit, next.run(request)).await.map_err(|_| {
        let message = "the request took too long; it may be tried again";
        ApiError::new(StatusCode::REQUEST_TIMEOUT, "REQUEST_TIMEOUT", message)
    })
}

/// Reads the whole body, up to the limit, before anything looks at it. What may change something then runs as a task of its
/// own: a caller who hangs up, or a time limit, must not leave a change half answered for, with its idempotency key taken.
pub(super) async fn read_body_and_detach(
    State(app): State<App>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let request = read_body(request).await?;
    if matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) {
        return Ok(next.run(request).await);
    }
    let slot = request.extensions().get::<Slot>().cloned();
    let work = async move {
        let response = next.run(request).await;
        drop(slot);
        response
    };
    match app.tasks.spawn(work.in_current_span()).await {
        Ok(response) => Ok(response),
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(cancelled) => Err(ApiError::internal(cancelled)),
        },
    }
}

async fn read_body(request: Request) -> Result<Request, ApiError> {
    let announced =
        request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    let asks_first = request.headers().contains_key(header::EXPECT);
    if asks_first && announced.is_some_and(|length: usize| length > MAX_BODY_BYTES) {
        return Err(payload_too_large());
    }
    let (mut parts, body) = request.into_parts();
    let body = collect(body).await?;
    let mut digest = Context::new(&SHA256);
    for part in [parts.method.as_str(), " ", parts.uri.path(), "\n"] {
        digest.update(part.as_bytes());
    }
    digest.update(&body);
    let mut hash = [0; 32];
    hash.copy_from_slice(digest.finish().as_ref());
    parts.extensions.insert(BodyDigest(hash));
    Ok(Request::from_parts(parts, Body::from(body)))
}

async fn collect(mut body: Body) -> Result<Bytes, ApiError> {
    let mut kept = Vec::new();
    let mut total = 0_usize;
    while let Some(frame) = body.frame().await {
        let frame = frame
            .map_err(|_| ApiError::bad_request("INVALID_BODY", "the body could not be read to its end"))?;
        let Ok(data) = frame.into_data() else { continue };
        total = total.saturating_add(data.len());
        if total > MAX_DRAINED_BYTES {
            return Err(payload_too_large());
        }
        if total > MAX_BODY_BYTES {
            kept = Vec::new();
        } else {
            kept.extend_from_slice(&data);
        }
    }
    if total > MAX_BODY_BYTES { Err(payload_too_large()) } else { Ok(kept.into()) }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::middleware::{from_fn, from_fn_with_state};
    use axum::routing::get;
    use tower::ServiceExt as _;

    use super::*;

    async fn status(router: Router, request: Request) -> u16 {
        router.oneshot(request).await.unwrap().status().as_u16()
    }

    fn request(target: &str) -> Request {
        Request::get(target).body(Body::empty()).unwrap()
    }

    #[tokio::test]
    async fn heads_that_are_too_large_are_refused() {
        let router = || Router::new().route("/", get(|| async {})).layer(from_fn(limit_head));
        assert_eq!(status(router(), request("/?q=1")).await, 200);
        assert_eq!(status(router(), request(&format!("/?q={}", "x".repeat(MAX_TARGET_BYTES)))).await, 414);
        let mut large = request("/");
        large.headers_mut().insert("x-filler", "x".repeat(MAX_HEADER_BYTES).parse().unwrap());
        assert_eq!(status(router(), large).await, 431);
        let mut many = request("/");
        for _ in 0..=MAX_HEADERS {
            many.headers_mut().append("x-filler", "x".parse().unwrap());
        }
        assert_eq!(status(router(), many).await, 431);
    }

    #[tokio::test]
    async fn a_body_over_the_limit_is_refused_and_one_at_it_is_not() {
        let sized = |bytes: usize| Request::post("/").body(Body::from(vec![b'x'; bytes])).unwrap();
        let read = read_body(sized(MAX_BODY_BYTES)).await.unwrap();
        assert!(read.extensions().get::<BodyDigest>().is_some());
        for bytes in [MAX_BODY_BYTES + 1, 10_000_000, MAX_DRAINED_BYTES + 1] {
            assert_eq!(read_body(sized(bytes)).await.unwrap_err().status(), StatusCode::PAYLOAD_TOO_LARGE);
        }
    }

    #[tokio::test]
    async fn a_body_that_asks_first_is_refused_unread() {
        let request = Request::post("/")
            .header("expect", "100-continue")
            .header("content-length", (MAX_BODY_BYTES + 1).to_string())
            .body(Body::empty())
            .unwrap();
        assert_eq!(read_body(request).await.unwrap_err().status(), StatusCode::PAYLOAD_TOO_LARGE);
    }

    #[tokio::test]
    async fn the_digest_tells_method_path_and_body_apart() {
        let digest = async |method: &str, path: &str, body: &'static str| {
            let request = Request::builder().method(method).uri(path).body(Body::from(body)).unwrap();
            read_body(request).await.unwrap().extensions().get::<BodyDigest>().unwrap().0
        };
        let one = digest("POST", "/a", "x").await;
        assert_eq!(one, digest("POST", "/a", "x").await);
        for other in [
            digest("PATCH", "/a", "x").await,
            digest("POST", "/b", "x").await,
            digest("POST", "/a", "y").await,
        ] {
            assert_ne!(one, other);
        }
    }

    #[tokio::test]
    async fn what_there_is_no_room_for_is_told_to_come_back() {
        let router = Router::new()
            .route("/", get(|| async {}))
            .layer(from_fn_with_state(Concurrency::new(0), limit_concurrency));
        let response = router.oneshot(request("/")).await.unwrap();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(response.headers().contains_key(header::RETRY_AFTER));
    }

    #[tokio::test]
    async fn what_takes_too_long_is_ended() {
        let limits = |usual, slow| {
            let limits =
                TimeLimits { usual: Duration::from_millis(usual), slow: Duration::from_millis(slow) };
            Router::new()
                .route("/", get(std::future::pending::<()>))
                .route(SLOW, get(std::future::pending::<()>))
                .layer(from_fn_with_state(limits, limit_time))
        };
        assert_eq!(status(limits(1, 60_000), request("/")).await, 408);
        assert_eq!(status(limits(60_000, 1), request(SLOW)).await, 408);
    }
}
