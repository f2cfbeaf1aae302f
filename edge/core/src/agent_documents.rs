//! Documents about agents: DID documents and cards. There may be millions, so a node does not know them: they come from the control
//! plane, through the shared store.

use agentidp_shared::did;
use agentidp_shared::exceptions::Standing;
use agentidp_shared::feed::{self, Subject};
use agentidp_shared::ids::AgentId;
use agentidp_shared::strict::{decode_base64url, parse_json_object};
use http::{HeaderValue, Response, StatusCode, request};
use serde_json::{Map, Value};

use crate::errors::Problem;
use crate::host::Host;
use crate::judge::{Rejected, is_undecidable};
use crate::kept::{self, Fetch, Kept};
use crate::knowledge::Source as _;
use crate::node::Node;
use crate::{documents, etag, limits};

/// How long a copy answers without the control plane, in milliseconds.
const FRESH_FOR_MS: u64 = 60_000;
/// How long a copy is there for when the control plane is not, in seconds. Less than an exception about a decommissioned
/// agent stays in the feed, so that no copy outlives what says it is dead.
const KEPT_FOR_SECONDS: u64 = 600;
const MAX_DOCUMENT_BYTES: usize = 64 * 1024;

/// What there is to read of an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AgentDocument {
    Did,
    A2aCard,
    AgntcyCard,
    OasfRecord,
    Badge,
}

impl AgentDocument {
    /// The document at `path`, and its agent as it is written there.
    pub fn at(path: &str) -> Option<(Self, &str)> {
        let (id, name) = match path.strip_prefix("/api/v1/agents/") {
            Some(rest) => rest.split_once('/')?,
            None => path.strip_prefix("/agents/")?.split_once('/')?,
        };
        let document = match (path.starts_with("/api/"), name) {
            (false, "did.json") | (true, "did") => Self::Did,
            (false, "agent-card.json") => Self::A2aCard,
            (false, "oasf.json") => Self::OasfRecord,
            (false, "badge.jwt") => Self::Badge,
            (true, "did/card") => Self::AgntcyCard,
            _ => return None,
        };
        (!id.is_empty()).then_some((document, id))
    }

    /// Whether there are agents of which only some may read it. Who brings a token is then for the control plane to answer.
    pub fn may_be_private(self) -> bool {
        self != Self::Did
    }

    fn path(self, agent: AgentId) -> String {
        match self {
            Self::Did => format!("/agents/{agent}/did.json"),
            Self::A2aCard => format!("/agents/{agent}/agent-card.json"),
            Self::OasfRecord => format!("/agents/{agent}/oasf.json"),
            Self::Badge => format!("/agents/{agent}/badge.jwt"),
            Self::AgntcyCard => format!("/api/v1/agents/{agent}/did/card"),
        }
    }

    /// Where a copy is kept.
    fn key(self, agent: AgentId) -> String {
        let kind = match self {
            Self::Did => "did",
            Self::A2aCard => "a2a-card",
            Self::AgntcyCard => "agntcy-card",
            Self::OasfRecord => "oasf",
            Self::Badge => "badge",
        };
        format!("{kind}/{agent}")
    }

    fn media_type(self) -> &'static str {
        match self {
            Self::Did => did::MEDIA_TYPE,
            Self::Badge => "application/vc+jwt",
            Self::A2aCard | Self::AgntcyCard | Self::OasfRecord => "application/json",
        }
    }

    /// Whether it says of itself that it is about the agent with this DID. Its signature is for whoever relies on it to check.
    fn is_about(self, text: &str, did: &str) -> bool {
        let parsed = |text: &[u8]| parse_json_object(text).ok().map(Value::from);
        let (document, place) = match self {
            Self::Did => (parsed(text.as_bytes()), "/id"),
            Self::A2aCard => (parsed(text.as_bytes()), "/capabilities/extensions/0/params/did"),
            Self::AgntcyCard => (parsed(text.as_bytes()), "/did"),
            Self::OasfRecord => (parsed(text.as_bytes()), "/annotations/did"),
            Self::Badge => {
                let payload = text.split('.').nth(1).and_then(|payload| decode_base64url(payload).ok());
                (payload.and_then(|payload| parsed(&payload)), "/credentialSubject/id")
            }
        };
        document.is_some_and(|document| document.pointer(place).and_then(Value::as_str) == Some(did))
    }

    /// Its validator.
    fn tag(self, text: &str) -> String {
        match self {
            Self::A2aCard => card_tag(text),
            _ => etag::of(text.as_bytes()),
        }
    }
}

/// The validator of an A2A card, whose signature is another each time it is fetched: of what was signed, and with which key.
pub fn card_tag(text: &str) -> String {
    let signed = parse_json_object(text.as_bytes()).ok().map(|mut card| {
        let header =
            card.remove("signatures").and_then(|signatures| signatures.pointer("/0/protected").cloned());
        (header, Value::from(sorted(card)).to_string())
    });
    match signed {
        Some((Some(header), payload)) => format!("W/{}", etag::of(format!("{header}.{payload}").as_bytes())),
        _ => etag::of(text.as_bytes()),
    }
}

/// The same members, whatever order they came in.
fn sorted(card: Map<String, Value>) -> Map<String, Value> {
    let mut members: Vec<(String, Value)> = card.into_iter().collect();
    members.sort_by(|(one, _), (other, _)| one.cmp(other));
    members.into_iter().collect()
}

pub async fn get_agent_document<H: Host>(
    node: &Node,
    host: &H,
    request: &request::Parts,
    request_id: &HeaderValue,
    document: AgentDocument,
    unverified_agent: &str,
) -> Result<Response<Vec<u8>>, Problem> {
    // Other spellings name nobody.
    let agent: AgentId = unverified_agent.parse().map_err(|_| no_such_agent())?;
    limits::admit_address(node, host, request, None).await?;
    H::Source::look_up(node, host, || vec![feed::key_of_agent(agent)])
        .await
        .map_err(|_| Problem::no_state())?;
    if is_undecidable(node, Subject::Principal(agent)) {
        return Err(Rejected::Undecidable.into());
    }
    let exception = node.knowledge.with(|state| state.exceptions.agent(agent).copied());
    let exception = exception.ok_or_else(Problem::no_state)?;
    match exception.map(|exception| exception.standing) {
        Some(Standing::Gone) => return Err(decommissioned()),
        // Its DID document still says which keys were its own.
        Some(Standing::Suspended) if document.may_be_private() => return Err(no_such_agent()),
        _ => {}
    }
    let kept = Kept {
        key: document.key(agent),
        as_of: exception.map(|exception| serde_json::json!(exception).to_string()).unwrap_or_default(),
        fresh_for_ms: FRESH_FOR_MS,
        ttl_seconds: KEPT_FOR_SECONDS,
    };
    let fetched = fetch(node, host, request, request_id, document, agent);
    let text = kept.get(host, fetched, |_| true).await?;
    documents::answer(
        &request.headers,
        document.media_type(),
        documents::CACHE_FOR,
        &text,
        &document.tag(&text),
    )
}

async fn fetch<H: Host>(
    node: &Node,
    host: &H,
    request: &request::Parts,
    request_id: &HeaderValue,
    document: AgentDocument,
    agent: AgentId,
) -> Result<String, Fetch> {
    let refused = |status| match status {
        StatusCode::NOT_FOUND => Some(no_such_agent()),
        StatusCode::GONE => Some(decommissioned()),
        _ => None,
    };
    let path = document.path(agent);
    let text = kept::fetch(node, host, request, request_id, &path, MAX_DOCUMENT_BYTES, refused).await?;
    let own = node.knowledge.with(|state| did::agent_did(&state.issuer.issuer, agent));
    own.filter(|own| document.is_about(&text, own)).map(|_| text).ok_or(Fetch::Failed)
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
    fn each_path_names_a_document_and_its_agent_and_others_none() {
        for (path, document) in [
            ("/agents/x/did.json", AgentDocument::Did),
            ("/api/v1/agents/x/did", AgentDocument::Did),
            ("/agents/x/agent-card.json", AgentDocument::A2aCard),
            ("/api/v1/agents/x/did/card", AgentDocument::AgntcyCard),
            ("/agents/x/oasf.json", AgentDocument::OasfRecord),
            ("/agents/x/badge.jwt", AgentDocument::Badge),
        ] {
            assert_eq!(AgentDocument::at(path), Some((document, "x")), "{path}");
        }
        for path in [
            "/agents//did.json",
            "/agents/a/b/did.json",
            "/agents/did.json",
            "/agents/x/did",
            "/agents/x/did/card",
            "/api/v1/agents/x",
            "/api/v1/agents/x/did/resolve",
            "/api/v1/agents/x/did/rotate",
            "/api/v1/agents/x/did.json",
            "/api/v1/agents/x/agent-card.json",
        ] {
            assert_eq!(AgentDocument::at(path), None, "{path}");
        }
    }

    #[test]
    fn a_card_that_only_its_signature_differs_in_has_the_same_validator() {
        let card = |name: &str, protected: &str, signature: &str| {
            format!(
                r#"{{"name":"{name}","signatures":[{{"protected":"{protected}","signature":"{signature}"}}]}}"#
            )
        };
        let tag = card_tag(&card("a", "h", "1"));
        assert!(tag.starts_with("W/\""));
        assert_eq!(tag, card_tag(&card("a", "h", "2")));
        assert_ne!(tag, card_tag(&card("b", "h", "1")));
        assert_ne!(tag, card_tag(&card("a", "i", "1")));
    }
}
