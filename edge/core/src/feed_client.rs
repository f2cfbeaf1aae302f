//! Asking the control plane for the feed.

use agentidp_shared::feed::{self, FeedError, MAX_PAGE_BYTES, MAX_PAGES, News};
use agentidp_shared::jwk::KeySet;
use agentidp_shared::wire::{self, WireVersions};
use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue, Method, Request, StatusCode};

use crate::config::Config;
use crate::form::percent_encode;
use crate::host::{Platform, Severity};
use crate::knowledge::Unacceptable;

/// Largest batch accepted from the control plane, in bytes; also of a snapshot of version 1, which is one. Larger ones do not fit
/// into the memory of an isolate together with what is made of them.
const MAX_BATCH_BYTES: usize = 8 * 1024 * 1024;
const TIME_LIMIT_MS: u64 = 3_000;
/// A large snapshot of version 1 takes the control plane a while to put together.
const SNAPSHOT_TIME_LIMIT_MS: u64 = 14_000;
/// How often a snapshot is begun whose beginning the control plane has forgotten before its end.
const MAX_BEGINNINGS: usize = 3;
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

/// What is asked for.
enum Question {
    /// The changes after a sequence.
    Changes(u64),
    /// A snapshot.
    First,
    /// The page after a key of the snapshot that began at a sequence.
    Page(u64, String),
}

/// What the control plane answered.
enum Answer {
    /// A batch or a page, and how it was signed.
    News(News, String),
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
    #[error("the snapshot has no end, or is forgotten before it")]
    Endless,
    #[error("a request could not be made")]
    Request,
    #[error(transparent)]
    Storage(#[from] crate::host::StorageError),
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
/// if `anew`, and ends after `most` rounds in any case; a snapshot is one, however many pages it has. `known` tells the sequence
/// that is known, and `accept` takes a batch or a page on top of that, wholly or not at all.
pub async fn catch_up<P: Platform>(
    platform: &P,
    asker: Asker<'_>,
    mut anew: bool,
    known: impl Fn() -> Option<u64>,
    accept: impl AsyncFn(News, String) -> Result<(), PullError>,
    most: usize,
) -> Result<(), PullError> {
    // Where the snapshot goes on that is being taken, and how often one was begun.
    let (mut question, mut beginnings, mut pages) = (None, 0, 0);
    let mut rounds = 0;
    while rounds < most {
        let sequence = known();
        let after = sequence.filter(|_| !anew);
        let asked = question.take().unwrap_or_else(|| after.map_or(Question::First, Question::Changes));
        if matches!(asked, Question::First) {
            (beginnings, pages) = (beginnings + 1, 0);
        }
        let answer = ask(platform, asker, sequence.unwrap_or(0), &asked).await?;
        let Answer::News(news, text) = answer else {
            anew = true;
            if beginnings >= MAX_BEGINNINGS {
                return Err(PullError::Endless);
            }
            continue;
        };
        let (nothing_new, next) = match (&news, &asked) {
            (News::Batch(batch), Question::Changes(_)) => (batch.changes.is_empty(), None),
            (News::Page(page), Question::Page(_, key)) if page.after.as_ref() != Some(key) => {
                return Err(Unacceptable::Feed(FeedError::PageOutOfOrder).into());
            }
            (News::Page(page), _) => {
                (false, page.next().map(|(begun, until)| Question::Page(begun, until.to_owned())))
            }
            (News::Batch(_), _) => (false, None),
        };
        match accept(news, text).await {
            Ok(()) if nothing_new => return Ok(()),
            Ok(()) => {
                (question, pages) = (next, pages + 1);
                if pages > MAX_PAGES {
                    return Err(PullError::Endless);
                }
                // Until its last page is there, a snapshot goes on before anything else.
                anew = question.is_some();
            }
            // What followed does not fit. Either somebody else was faster than the answer, or only a snapshot will do.
            Err(PullError::Unacceptable(error))
                if matches!(asked, Question::Changes(_))
                    && (error.is_misfit() || error == Unacceptable::Feed(FeedError::WrongCount)) =>
            {
                anew = known() == after;
            }
            Err(error) => return Err(error),
        }
        rounds += usize::from(question.is_none());
    }
    Ok(())
}

/// Opens a batch or a page under the pinned keys, as [`feed::open_news`] does, but with the platform's cryptography.
pub fn open<P: Platform>(platform: &P, unverified: &str, pinned: &KeySet) -> Result<News, FeedError> {
    let news = feed::parse(unverified, pinned)?;
    let valid = platform.check_signature(news.key(), news.signing_input(), news.signature());
    news.attest(valid)
}

/// Asks the control plane, and says that `sequence` is known. The signature of what it answers is checked, and nothing else.
async fn ask<P: Platform>(
    platform: &P,
    asker: Asker<'_>,
    sequence: u64,
    question: &Question,
) -> Result<Answer, PullError> {
    let in_pages = asker.versions.feed >= WireVersions::CURRENT.feed;
    let (path, limit_ms, most) = match question {
        Question::Changes(after) => {
            (format!("/edge/v1/changes?after={after}&wait=0"), TIME_LIMIT_MS, MAX_BATCH_BYTES)
        }
        Question::First => {
            let most = if in_pages { MAX_PAGE_BYTES } else { MAX_BATCH_BYTES };
            ("/edge/v1/snapshot".to_owned(), SNAPSHOT_TIME_LIMIT_MS, most)
        }
        Question::Page(begun, after) => {
            let path = format!("/edge/v1/snapshot?begun={begun}&after={}", percent_encode(after));
            (path, TIME_LIMIT_MS, MAX_PAGE_BYTES)
        }
    };
    let request = request(platform, asker, Method::GET, &path, Vec::new());
    let mut request = request.ok_or(PullError::Request)?;
    request.headers_mut().insert(HeaderName::from_static("x-edge-sequence"), sequence.into());
    let (answer, body) = platform.fetch_origin(request, limit_ms).await?.into_parts();
    match answer.status {
        StatusCode::OK => {}
        StatusCode::GONE if !matches!(question, Question::First) => return Ok(Answer::Gone),
        StatusCode::UNAUTHORIZED => return Err(PullError::Unauthorized),
        status => return Err(PullError::Status(status)),
    }
    let body = platform.read_body(body, most).await?;
    let malformed = || PullError::Unacceptable(FeedError::Malformed.into());
    let mut unverified = String::from_utf8(body).map_err(|_| malformed())?;
    if unverified.trim_ascii().len() < unverified.len() {
        unverified = unverified.trim_ascii().to_owned();
    }
    let news = open(platform, &unverified, asker.config.pinned()).map_err(Unacceptable::from)?;
    Ok(Answer::News(news, unverified))
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
