//! Documents of which there are too many for a node to know: from the control plane, through the shared store.

use agentidp_shared::strict::parse_json_object;
use http::{HeaderValue, StatusCode, request};
use serde_json::{Value, json};

use crate::errors::Problem;
use crate::host::{Host, OriginError};
use crate::node::Node;
use crate::origin;

/// How long the control plane is waited for, in milliseconds.
const TIME_LIMIT_MS: u64 = 5_000;

/// Where one is kept, and for how long.
#[derive(Debug)]
pub struct Kept {
    pub key: String,
    /// What the node knows of the document's subject. A copy made when something else was known is not good any more, whatever
    /// its age: keys may have been replaced since.
    pub as_of: String,
    /// How long a copy answers without the control plane, in milliseconds.
    pub fresh_for_ms: u64,
    /// How long a copy is there for when the control plane is not, in seconds.
    pub ttl_seconds: u64,
}

/// Why the control plane gave no document.
#[derive(Debug)]
pub enum Fetch {
    /// It knows there is none.
    Refused(Problem),
    /// It could not say.
    Failed,
}

impl From<OriginError> for Fetch {
    fn from(_: OriginError) -> Self {
        Self::Failed
    }
}

/// What the control plane has at `path`: text of at most `limit` bytes. `refused` is what a status other than 200 means, if it means
/// that there is no such document.
pub async fn fetch<H: Host>(
    node: &Node,
    host: &H,
    request: &request::Parts,
    request_id: &HeaderValue,
    path: &str,
    limit: usize,
    refused: impl FnOnce(StatusCode) -> Option<Problem>,
) -> Result<String, Fetch> {
    let asked = origin::get(node, host, request, request_id, path).map_err(Fetch::Refused)?;
    let (answer, body) = host.fetch_origin(asked, TIME_LIMIT_MS).await?.into_parts();
    if answer.status != StatusCode::OK {
        return Err(refused(answer.status).map_or(Fetch::Failed, Fetch::Refused));
    }
    let body = host.read_body(body, limit).await.map_err(|_| Fetch::Failed)?;
    String::from_utf8(body).map_err(|_| Fetch::Failed)
}

impl Kept {
    /// The document: a fresh copy, what `fetch` brings, or else an old copy if it `may_serve` still.
    pub async fn get<H: Host>(
        &self,
        host: &H,
        fetch: impl Future<Output = Result<String, Fetch>>,
        may_serve: impl Fn(&str) -> bool,
    ) -> Result<String, Problem> {
        let copy = host.recall(&self.key).await.and_then(|text| Copy::read(&text));
        let copy = copy.filter(|copy| copy.as_of == self.as_of && may_serve(&copy.document));
        let now_ms = host.now_ms();
        match copy {
            Some(copy) if now_ms.abs_diff(copy.fetched_at_ms) < self.fresh_for_ms => Ok(copy.document),
            copy => match fetch.await {
                Ok(document) => {
                    let copy = Copy { fetched_at_ms: now_ms, as_of: self.as_of.clone(), document };
                    let remembered = host.remember(&self.key, copy.write(), Some(self.ttl_seconds));
                    host.run_in_background(remembered);
                    Ok(copy.document)
                }
                Err(Fetch::Refused(problem)) => Err(problem),
                Err(Fetch::Failed) => {
                    let message = "the control plane cannot be asked for this document just now";
                    let unavailable = || Problem::unavailable("ORIGIN_UNREACHABLE", message, 5);
                    copy.map(|copy| copy.document).ok_or_else(unavailable)
                }
            },
        }
    }
}

/// A document as the shared store holds it.
struct Copy {
    fetched_at_ms: u64,
    as_of: String,
    document: String,
}

impl Copy {
    fn read(text: &str) -> Option<Self> {
        let copy = parse_json_object(text.as_bytes()).ok()?;
        Some(Self {
            fetched_at_ms: copy.get("fetchedAt").and_then(Value::as_u64)?,
            as_of: copy.get("asOf").and_then(Value::as_str).unwrap_or_default().to_owned(),
            document: copy.get("document").and_then(Value::as_str)?.to_owned(),
        })
    }

    fn write(&self) -> String {
        json!({ "fetchedAt": self.fetched_at_ms, "asOf": self.as_of, "document": self.document }).to_string()
    }
}
