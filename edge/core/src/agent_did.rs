//! DID documents of agents. There may be millions, so a node does not know them: they come from the control plane, through
//! the shared store.

use agentidp_shared::did;
use agentidp_shared::exceptions::Standing;
use agentidp_shared::feed;
use agentidp_shared::ids::AgentId;
use agentidp_shared::strict::parse_json_object;
use http::{HeaderValue, Response, StatusCode, request};
use serde_json::Value;

use crate::errors::Problem;
use crate::host::Host;
use crate::kept::{Fetch, Kept};
use crate::knowledge::Source as _;
use crate::node::Node;
use crate::{documents, etag, limits, origin};

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
    let exception = node.knowledge.with(|state| state.exceptions.agent(agent).copied());
    let exception = exception.ok_or_else(Problem::no_state)?;
    if exception.is_some_and(|exception| exception.standing == Standing::Gone) {
        return Err(decommissioned());
    }
    let kept = Kept {
        key: format!("did/{agent}"),
        as_of: exception.map(|exception| serde_json::json!(exception).to_string()).unwrap_or_default(),
        fresh_for_ms: FRESH_FOR_MS,
        ttl_seconds: KEPT_FOR_SECONDS,
    };
    let fetched = fetch(node, host, request, request_id, agent);
    let document = kept.get(host, fetched, |_| true).await?;
    let tag = etag::of(document.as_bytes());
    documents::answer(&request.headers, did::MEDIA_TYPE, documents::CACHE_FOR, &document, &tag)
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
