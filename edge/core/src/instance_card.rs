//! The A2A card of the instance. The control plane signs it; the edge passes it on.

use agentidp_shared::did;
use agentidp_shared::strict::parse_json_object;
use http::{HeaderValue, Response, request};
use serde_json::Value;

use crate::agent_documents::card_tag;
use crate::errors::Problem;
use crate::host::Host;
use crate::kept::{self, Fetch, Kept};
use crate::node::Node;
use crate::{documents, limits};

pub const PATH: &str = "/.well-known/agent-card.json";
/// How long a copy answers without the control plane, in milliseconds.
const FRESH_FOR_MS: u64 = 60_000;
const KEPT_FOR_SECONDS: u64 = 600;
const MAX_CARD_BYTES: usize = 64 * 1024;

pub async fn get_instance_card<H: Host>(
    node: &Node,
    host: &H,
    request: &request::Parts,
    request_id: &HeaderValue,
) -> Result<Response<Vec<u8>>, Problem> {
    limits::admit_address(node, host, request, None).await?;
    let known = node.knowledge.with(|state| {
        let keys = state.issuer.document_keys.keys.iter().filter_map(|key| key.kid.as_deref());
        (did::instance_did(&state.issuer.issuer), keys.collect::<Vec<_>>().join(" "))
    });
    let (own, keys) = known.ok_or_else(Problem::no_state)?;
    let fetched = async {
        let text = kept::fetch(node, host, request, request_id, PATH, MAX_CARD_BYTES, |_| None).await?;
        let card = parse_json_object(text.as_bytes()).map(Value::from).map_err(|_| Fetch::Failed)?;
        let is_own =
            card.pointer("/capabilities/extensions/0/params/did").and_then(Value::as_str) == Some(&own);
        if is_own { Ok(text) } else { Err(Fetch::Failed) }
    };
    let kept = Kept {
        key: "instance-card".to_owned(),
        // Signed with one of these.
        as_of: keys,
        fresh_for_ms: FRESH_FOR_MS,
        ttl_seconds: KEPT_FOR_SECONDS,
    };
    let card = kept.get(host, fetched, |_| true).await?;
    documents::answer(&request.headers, "application/json", documents::CACHE_FOR, &card, &card_tag(&card))
}
