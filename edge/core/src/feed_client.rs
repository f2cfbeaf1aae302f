//! Asking the control plane for the feed.

use agentidp_shared::feed::{self, Batch, FeedError};
use agentidp_shared::jwk::KeySet;
use agentidp_shared::wire::{self, WireVersions};
use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue, Method, Request, StatusCode};

use crate::config::Config;
use crate::host::{Platform, Severity};
use crate::knowledge::Unacceptable;

/// Largest batch accepted from the control plane, in bytes: a snapshot with over a million revoked tokens.
const MAX_BATCH_BYTES: usize = 40 * 1024 * 1024;
const TIME_LIMIT_MS: u64 = 3_000;
/// A large snapshot takes the control plane a while to put together.
const SNAPSHOT_TIME_LIMIT_MS: u64 = 14_000;
/// Most requests in a row.
pub const MAX_ROUNDS: usize = 32;

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub struct Asker<'a> {
    pub config: &'a Config,
    /// Which of the edge's nodes, if it has several.
    pub node: Option<&'a str>,
    /// What it understands, and those it asks for.
    pub versions: WireVersions,
}

impl<'a> Asker<'a> {
    /// Asks for everything that this build understands.
    pub fn new(config: &'a Config, node: Option<&'a str>) -> Self {
        Self { config, node, versions: WireVersions::CURRENT }
    }
}

/// What the control plane answered.
enum Answer {
    /// A batch, and how it was signed.
    Batch(Batch, String),
    /// The feed does not reach back that far: begin anew.
    Gone,
}

/// Why the feed could not be followed.
#[derive(Debug, thiserror::Error)]
pub enum PullError {
    #[error("{0}")]
    Origin(#[from] crate::host::OriginError),
    #[error("the control plane does not know this edge: EDGE_NAME or EDGE_KEY is wrong")]
    Unauthorized,
    #[error("the control plane answered {0}")]
    Status(StatusCode),
    #[error("the answer could not be read: {0}")]
    Body(#[from] crate::host::BodyError),
    #[error("the answer is not acceptable: {0}")]
    Unacceptable(#[from] Unacceptable),
    #[error("a request could not be made")]
    Request,
    #[error("the store could not be used: {0}")]
    Store(#[from] crate::host::StoreError),
}

impl PullError {
    /// Mistakes of an operator stay until somebody mends them; the rest passes.
    pub fn severity(&self) -> Severity {
        match self {
            Self::Unauthorized | Self::Unacceptable(Unacceptable::OtherIssuer) => Severity::Error,
            _ => Severity::Warning,
        }
    }
}

/// Asks until there is nothing new; the last request is also the acknowledgement of everything before it. Begins with a snapshot
/// if `anew`, and ends after `most` requests in any case. `known` tells the sequence that is known, and `accept` takes a batch on
/// top of that, wholly or not at all.
pub async fn catch_up<P: Platform>(
    platform: &P,
    asker: Asker<'_>,
    mut anew: bool,
    known: impl Fn() -> Option<u64>,
    accept: impl AsyncFn(Batch, String) -> Result<(), PullError>,
    most: usize,
) -> Result<(), PullError> {
    for _ in 0..most {
        let sequence = known();
        let after = sequence.filter(|_| !anew);
        let Answer::Batch(batch, text) = ask(platform, asker, sequence.unwrap_or(0), after).await? else {
            anew = true;
            continue;
        };
        let nothing_new = batch.changes.is_empty() && after.is_some();
        match accept(batch, text).await {
            Ok(()) if nothing_new => return Ok(()),
            Ok(()) => anew = false,
            // What followed does not fit. Either somebody else was faster than the answer, or only a snapshot will do.
            Err(PullError::Unacceptable(error))
                if after.is_some()
                    && (error.is_misfit() || error == Unacceptable::Feed(FeedError::WrongCount)) =>
            {
                anew = known() == after;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Opens a batch under the pinned keys, as [`feed::open`] does, but with the platform's cryptography.
pub fn open<P: Platform>(platform: &P, unverified: &str, pinned: &KeySet) -> Result<Batch, FeedError> {
    let batch = feed::parse(unverified, pinned)?;
    let valid = platform.check_signature(batch.key(), batch.signing_input(), batch.signature());
    match batch.attest(valid)? {
        feed::News::Batch(batch) => Ok(batch),
        feed::News::Page(_) => Err(FeedError::Malformed),
    }
}

/// Asks for what came after `after`, or for a snapshot, and says that `sequence` is known. The signature is checked, and nothing
/// else.
async fn ask<P: Platform>(
    platform: &P,
    asker: Asker<'_>,
    sequence: u64,
    after: Option<u64>,
) -> Result<Answer, PullError> {
    let (path, limit_ms) = match after {
        Some(after) => (format!("/edge/v1/changes?after={after}&wait=0"), TIME_LIMIT_MS),
        None => ("/edge/v1/snapshot".to_owned(), SNAPSHOT_TIME_LIMIT_MS),
    };
    let request = request(platform, asker, Method::GET, &path, Vec::new());
    let mut request = request.ok_or(PullError::Request)?;
    request.headers_mut().insert(HeaderName::from_static("x-edge-sequence"), sequence.into());
    let (answer, body) = platform.fetch_origin(request, limit_ms).await?.into_parts();
    match answer.status {
        StatusCode::OK => {}
        StatusCode::GONE if after.is_some() => return Ok(Answer::Gone),
        StatusCode::UNAUTHORIZED => return Err(PullError::Unauthorized),
        status => return Err(PullError::Status(status)),
    }
    let body = platform.read_body(body, MAX_BATCH_BYTES).await?;
    let malformed = || PullError::Unacceptable(FeedError::Malformed.into());
    let unverified = String::from_utf8(body).map_err(|_| malformed())?.trim_ascii().to_owned();
    let batch = open(platform, &unverified, asker.config.pinned()).map_err(Unacceptable::from)?;
    Ok(Answer::Batch(batch, unverified))
}

/// A request to the control plane with the edge's own key.
pub fn request<P: Platform>(
    platform: &P,
    asker: Asker<'_>,
    method: Method,
    path: &str,
    body: Vec<u8>,
) -> Option<Request<P::Body>> {
    let config = asker.config;
    let mut key = HeaderValue::try_from(format!("Bearer {}", config.keys().feed())).ok()?;
    key.set_sensitive(true);
    let mut request = Request::new(platform.body(body));
    *request.method_mut() = method;
    *request.uri_mut() = format!("{}{path}", config.origin()).parse().ok()?;
    let headers = request.headers_mut();
    headers.insert(AUTHORIZATION, key);
    for (name, value) in [
        (wire::HEADER, Some(&*asker.versions.to_string())),
        ("x-edge-name", Some(config.edge_name())),
        ("x-edge-version", Some(env!("CARGO_PKG_VERSION"))),
        ("x-edge-node", asker.node),
    ] {
        if let Some(value) = value {
            headers.insert(HeaderName::from_static(name), HeaderValue::try_from(value).ok()?);
        }
    }
    Some(request)
}
