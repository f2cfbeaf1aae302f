//! Giving a batch to the control plane.

use agentidp_shared::usage::{self, Batch, Tally, UsageError};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, StatusCode};
use uuid::Uuid;

use crate::feed_client::{self, Asker};
use crate::host::{OriginError, Platform, Severity};

/// How often counts are reported, in milliseconds.
pub const REPORT_EVERY_MS: u64 = 10_000;
const PATH: &str = "/edge/v1/usage";
const TIME_LIMIT_MS: u64 = 5_000;

/// Why the control plane did not take a batch. It may have, all the same: the same batch must be sent again.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    #[error("{0}")]
    Origin(#[from] OriginError),
    #[error("the control plane does not know this edge: EDGE_NAME or EDGE_KEY is wrong")]
    Unauthorized,
    #[error("the control plane answered {0}")]
    Status(StatusCode),
    #[error("a request could not be made")]
    Request,
    #[error("{0}")]
    Seal(#[from] UsageError),
}

impl ReportError {
    fn severity(&self) -> Severity {
        match self {
            Self::Origin(_) => Severity::Warning,
            Self::Status(status) if status.is_server_error() => Severity::Warning,
            _ => Severity::Error,
        }
    }
}

/// A batch of these tallies, put together now.
pub fn new_batch<P: Platform>(platform: &P, tallies: Vec<Tally>) -> Batch {
    Batch { id: random_id(platform), issued_at: platform.now_ms(), tallies }
}

pub fn random_id<P: Platform>(platform: &P) -> Uuid {
    let mut bytes = [0; 16];
    platform.fill_random(&mut bytes);
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}

/// Sends a batch; true if it need never be sent again. Signed only now, so that a new key counts at once.
pub async fn send<P: Platform>(platform: &P, asker: Asker<'_>, batch: &Batch) -> bool {
    match try_to_send(platform, asker, batch).await {
        Ok(()) => true,
        // Whether it was counted nobody knows any more.
        Err(ReportError::Status(StatusCode::GONE)) => {
            let calls: u64 = batch.tallies.iter().map(|tally| tally.count).sum();
            let line =
                format!("usage batch {} is too old to be reported; {calls} calls are given up", batch.id);
            platform.log(Severity::Error, &line);
            true
        }
        Err(error) => {
            platform
                .log(error.severity(), &format!("usage could not be reported and will be again: {error}"));
            false
        }
    }
}

async fn try_to_send<P: Platform>(platform: &P, asker: Asker<'_>, batch: &Batch) -> Result<(), ReportError> {
    let sealed = usage::seal(batch, asker.config.edge_name(), asker.config.keys().usage().as_bytes())?;
    let request = feed_client::request(platform, asker, Method::POST, PATH, sealed.into_bytes());
    let mut request = request.ok_or(ReportError::Request)?;
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/jose"));
    match platform.fetch_origin(request, TIME_LIMIT_MS).await?.status() {
        status if status.is_success() => Ok(()),
        StatusCode::UNAUTHORIZED => Err(ReportError::Unauthorized),
        status => Err(ReportError::Status(status)),
    }
}
