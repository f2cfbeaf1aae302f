//! Asking the control plane for what came after what is known.

use agentidp_shared::feed::{self, FeedError};
use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue, Method, Request, StatusCode};

use super::{FIRST_PAUSE_MS, Hub, LONGEST_PAUSE_MS};
use crate::host::{HubHost, Severity};
use crate::knowledge::Unacceptable;

/// Largest batch accepted from the control plane, in bytes.
const MAX_BATCH_BYTES: usize = 16 * 1024 * 1024;
const TIME_LIMIT_MS: u64 = 3_000;
/// Most requests of one pull.
const MAX_ROUNDS: usize = 32;

/// What one request brought.
enum Round {
    News,
    NothingNew,
    /// The feed does not reach back that far: begin anew.
    Gone,
}

#[derive(Debug, thiserror::Error)]
enum PullError {
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
}

impl<H: HubHost> Hub<H> {
    /// Asks until there is nothing new, and notes when; after a failure, that there should be a pause. The last request is
    /// also the acknowledgement of everything before it.
    pub(super) async fn pull(&self) {
        let outcome = self.catch_up().await;
        let now_ms = self.host.now_ms();
        let mut memory = self.memory.borrow_mut();
        if outcome.is_ok() {
            memory.pulled_at = Some(now_ms);
            memory.pause = 0;
        } else {
            memory.pause = (memory.pause * 2).clamp(FIRST_PAUSE_MS, LONGEST_PAUSE_MS);
            memory.no_pull_before = now_ms.saturating_add(memory.pause);
        }
        drop(memory);
        if let Err(error) = outcome {
            let severity = match error {
                PullError::Unauthorized | PullError::Unacceptable(Unacceptable::OtherIssuer) => {
                    Severity::Error
                }
                _ => Severity::Warning,
            };
            self.host.log(severity, &format!("the feed could not be followed: {error}"));
        }
    }

    async fn catch_up(&self) -> Result<(), PullError> {
        let mut anew = self.memory.borrow().chain.is_long();
        for _ in 0..MAX_ROUNDS {
            let after = self.known().filter(|_| !anew).map(|known| known.sequence);
            match self.round(after).await {
                Ok(Round::NothingNew) => return Ok(()),
                Ok(Round::News) => anew = false,
                Ok(Round::Gone) => anew = true,
                // What followed does not fit. Either a push was faster than the answer, or only a snapshot will do.
                Err(PullError::Unacceptable(Unacceptable::Feed(
                    FeedError::Gap { .. }
                    | FeedError::LowerSequence { .. }
                    | FeedError::Replayed
                    | FeedError::WrongCount,
                ))) if after.is_some() => anew = self.known().map(|known| known.sequence) == after,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn round(&self, after: Option<u64>) -> Result<Round, PullError> {
        let path = match after {
            Some(after) => format!("/edge/v1/changes?after={after}&wait=0"),
            None => "/edge/v1/snapshot".to_owned(),
        };
        let request = self.request(&path).ok_or(PullError::Request)?;
        let (answer, body) = self.host.fetch_origin(request, TIME_LIMIT_MS).await?.into_parts();
        match answer.status {
            StatusCode::OK => {}
            StatusCode::GONE if after.is_some() => return Ok(Round::Gone),
            StatusCode::UNAUTHORIZED => return Err(PullError::Unauthorized),
            status => return Err(PullError::Status(status)),
        }
        let body = self.host.read_body(body, MAX_BATCH_BYTES).await?;
        let malformed = || PullError::Unacceptable(FeedError::Malformed.into());
        let unverified = String::from_utf8(body).map_err(|_| malformed())?.trim_ascii().to_owned();
        let batch = feed::open(&unverified, self.config.pinned()).map_err(Unacceptable::from)?;
        let round = if batch.changes.is_empty() && after.is_some() { Round::NothingNew } else { Round::News };
        self.accept(batch, &unverified)?;
        Ok(round)
    }

    fn request(&self, path: &str) -> Option<Request<H::Body>> {
        let sequence = self.known().map_or(0, |known| known.sequence);
        let mut key = HeaderValue::try_from(format!("Bearer {}", self.config.edge_key())).ok()?;
        key.set_sensitive(true);
        let mut request = Request::new(self.host.body(Vec::new()));
        *request.method_mut() = Method::GET;
        *request.uri_mut() = format!("{}{path}", self.config.origin()).parse().ok()?;
        let headers = request.headers_mut();
        headers.insert(AUTHORIZATION, key);
        for (name, value) in [
            ("x-edge-name", self.config.edge_name()),
            ("x-edge-version", env!("CARGO_PKG_VERSION")),
            ("x-edge-node", &self.region),
            ("x-edge-sequence", &sequence.to_string()),
        ] {
            headers.insert(HeaderName::from_static(name), HeaderValue::try_from(value).ok()?);
        }
        Some(request)
    }
}
