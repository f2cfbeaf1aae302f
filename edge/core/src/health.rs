//! What orchestrators ask. `/health` and `/health/detailed` are about the whole service and go to the control plane.

use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Response, request};
use serde_json::{Value, json};

use crate::errors::Problem;
use crate::host::Host;
use crate::methods;
use crate::node::Node;

pub const LIVE_PATH: &str = "/health/live";

/// Whether the process answers at all: restart it if not.
pub fn get_liveness(request: &request::Parts) -> Result<Response<Vec<u8>>, Problem> {
    methods::only_read(&request.method)?;
    Ok(answer(&json!({ "status": "live" })))
}

/// Whether the node can answer for tokens. One that is merely stale stays ready: when the control plane is away all nodes
/// are, and taking them out of service would help nobody.
pub fn get_readiness<H: Host>(
    node: &Node,
    host: &H,
    request: &request::Parts,
) -> Result<Response<Vec<u8>>, Problem> {
    methods::only_read(&request.method)?;
    let status = node.knowledge.with(|state| {
        let (age, limits) = (state.age_ms(host.now_ms()), &state.issuer.freshness);
        if age <= limits.max_staleness_ms {
            Some("ready")
        } else {
            (age <= limits.stale_if_error_ms).then_some("stale")
        }
    });
    let status = status.ok_or_else(Problem::no_state)?.ok_or_else(|| {
        Problem::unavailable("STATE_TOO_OLD", "what this edge knows is too old to answer anything", 5)
    })?;
    let sequence = node.knowledge.known().map(|known| known.sequence);
    let unknown = node.knowledge.with(|state| state.exceptions.unknown_changes()).unwrap_or_default();
    let mut body = json!({ "status": status, "sequence": sequence });
    // Whoever is concerned gets 503; for all others the node is as good as ever.
    if unknown > 0
        && let Some(body) = body.as_object_mut()
    {
        body.insert("unknownChanges".to_owned(), unknown.into());
    }
    Ok(answer(&body))
}

fn answer(body: &Value) -> Response<Vec<u8>> {
    let mut response = Response::new(body.to_string().into_bytes());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
