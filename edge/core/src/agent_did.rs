//! DID documents of agents. There may be millions, so a node does not know them: they come from the control plane, through
//! the shared store.

use agentidp_shared::did;
use agentidp_shared::exceptions::Standing;
use agentidp_shared::feed;
use agentidp_shared::ids::AgentId;
use agentidp_shared::strict::parse_json_object;
use http::{HeaderValue, Response, StatusCode, request};
use serde_json::{Value, json};

use crate::documents::answer;
use crate::errors::Problem;
use crate::host::{Host, OriginError};
use crate::knowledge::Source as _;
use crate::node::Node;
use crate::{etag, limits, origin};

/// How long a copy answers without the control plane, in milliseconds.
const FRESH_FOR_MS: u64 = 60_000;
/// How long a copy is there for when the control plane is not, in seconds. Less than an exception about a decommissioned
/// agent stays in the feed, so that no copy outlives what says it is dead.
const KEPT_FOR_SECONDS: u64 = 600;
const MAX_DOCUMENT_BYTES: usize = 64 * 1024;
const TIME_LIMIT_MS: u64 = 5_000;

/// The agent whose document is at `path`, as it is written there.
pub fn unverified_agent_at(path: &str) -> Option<&str> {
    let id = path
        .strip_prefix("/agents/")
        .and_then(|rest| rest.strip_suffix("/did.json"))
        .or_else(|| path.strip_prefix("/api/v1/agents/").and_then(|rest| rest.strip_suffix("/did")))?;
    (!id.is_empty() && !id.contains('/')).then_some(id)
}

pub async fn get_agent_did<H: Host>(
    node: &Node,
    host: &H,
    request: &request::Parts,
    request_id: &HeaderValue,
    unverified_agent: &str,
) -> Result<Response<Vec<u8>>, Problem> {
    // Other spellings name nobody.
    let agent: AgentId = unverified_agent.parse().map_err(|_| no_such_agent())?;
    limits::admit_address(node, host, request, None).await?;
    H::Source::look_up(node, host, || vec![feed::key_of_agent(agent)])
        .await
        .map_err(|_| Problem::no_state())?;
    let standing = node.knowledge.with(|state| state.exceptions.agent(agent).map(|agent| agent.standing));
    match standing {
        None => return Err(Problem::no_state()),
        Some(Some(Standing::Gone)) => return Err(decommissioned()),
        Some(_) => {}
    }
    let key = format!("did/{agent}");
    let copy = host.recall(&key).await.and_then(|text| Copy::read(&text));
    let now_ms = host.now_ms();
    if let Some(copy) = &copy
        && now_ms.abs_diff(copy.fetched_at_ms) < FRESH_FOR_MS
    {
        return copy.answer(request);
    }
    match fetch(node, host, request, request_id, agent).await {
        Ok(document) => {
            let copy = Copy { fetched_at_ms: now_ms, document };
            host.run_in_background(host.remember(&key, copy.write(), Some(KEPT_FOR_SECONDS)));
            copy.answer(request)
        }
        Err(Fetch::Refused(problem)) => Err(problem),
        Err(Fetch::Failed) => {
            let message = "the control plane cannot be asked for this document just now";
            copy.ok_or_else(|| Problem::unavailable("ORIGIN_UNREACHABLE", message, 5))?.answer(request)
        }
    }
}

/// A document as the shared store holds it.
struct Copy {
    fetched_at_ms: u64,
    document: String,
}

impl Copy {
    fn read(text: &str) -> Option<Self> {
        let copy = parse_json_object(text.as_bytes()).ok()?;
        Some(Self {
            fetched_at_ms: copy.get("fetchedAt").and_then(Value::as_u64)?,
            document: copy.get("document").and_then(Value::as_str)?.to_owned(),
        })
    }

    fn write(&self) -> String {
        json!({ "fetchedAt": self.fetched_at_ms, "document": self.document }).to_string()
    }

    fn answer(&self, request: &request::Parts) -> Result<Response<Vec<u8>>, Problem> {
        let tag = etag::of(self.document.as_bytes());
        answer(&request.headers, did::MEDIA_TYPE, &self.document, &tag)
    }
}

/// Why the control plane gave no document.
enum Fetch {
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

async fn fetch<H: Host>(
    node: &Node,
    host: &H,
    request: &request::Parts,
    request_id: &HeaderValue,
    agent: AgentId,
) -> Result<String, Fetch> {
    let path = format!("/agents/{agent}/did.json");
    let asked = origin::get(node, host, request, request_id, &path).map_err(Fetch::Refused)?;
    let (answer, body) = host.fetch_origin(asked, TIME_LIMIT_MS).await?.into_parts();
    match answer.status {
        StatusCode::OK => {}
        StatusCode::NOT_FOUND => return Err(Fetch::Refused(no_such_agent())),
        StatusCode::GONE => return Err(Fetch::Refused(decommissioned())),
        _ => return Err(Fetch::Failed),
    }
    let body = host.read_body(body, MAX_DOCUMENT_BYTES).await.map_err(|_| Fetch::Failed)?;
    let is_its_own = parse_json_object(&body).is_ok_and(|document| {
        let own = node.knowledge.with(|state| did::agent_did(&state.issuer.issuer, agent));
        document.get("id").and_then(Value::as_str) == own.as_deref()
    });
    if !is_its_own {
        return Err(Fetch::Failed);
    }
    String::from_utf8(body).map_err(|_| Fetch::Failed)
}

fn no_such_agent() -> Problem {
    let message = "there is no agent with this id";
    Problem::new(StatusCode::NOT_FOUND, "AGENT_NOT_FOUND", "invalid_request", message)
}

fn decommissioned() -> Problem {
    let message = "the agent was decommissioned";
    Problem::new(StatusCode::GONE, "AGENT_DECOMMISSIONED", "invalid_request", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_paths_name_an_agent_and_others_none() {
        assert_eq!(unverified_agent_at("/agents/x/did.json"), Some("x"));
        assert_eq!(unverified_agent_at("/api/v1/agents/x/did"), Some("x"));
        for path in [
            "/agents//did.json",
            "/agents/a/b/did.json",
            "/agents/did.json",
            "/api/v1/agents/x",
            "/api/v1/agents/x/did/resolve",
            "/api/v1/agents/x/did.json",
        ] {
            assert_eq!(unverified_agent_at(path), None, "{path}");
        }
    }
}
