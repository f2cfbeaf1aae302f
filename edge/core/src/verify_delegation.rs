//! `POST /oauth2/token/verify-delegation`, answered from what the node knows: neither the token nor the question leaves the edge.

use agentidp_shared::delegation::Verification;
use agentidp_shared::scopes::ScopeSet;
use agentidp_shared::strict::parse_json_object;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Request, Response};
use serde_json::Value;

use crate::errors::Problem;
use crate::host::Host;
use crate::judge::{Audience, Rejected, authenticate, judge_own};
use crate::limits;
use crate::methods;
use crate::node::Node;

pub const PATH: &str = "/oauth2/token/verify-delegation";
const TOKEN: &str = "delegationToken";
/// Largest request, in bytes: the longest token and room for the rest.
const MAX_BODY_BYTES: usize = 16 * 1024;

pub async fn verify_delegation<H: Host>(
    node: &Node,
    host: &H,
    request: Request<H::Body>,
) -> Result<Response<Vec<u8>>, Problem> {
    let (request, body) = request.into_parts();
    methods::only_post(&request.method)?;
    let caller = authenticate(node, host, &request.headers, Audience::Own, &ScopeSet::empty()).await;
    let caller = match caller {
        Ok(caller) => caller,
        Err(problem) => return Err(limits::count_refusal(node, host, &request, problem).await),
    };
    let standing = limits::admit_token(node, host, caller.claims(), None).await?;
    let body = host.read_body(body, MAX_BODY_BYTES).await?;
    let unverified_token = unverified_token(&body)?;

    let organization = caller.claims().organization_id;
    let verification = match judge_own(node, host, &unverified_token, organization).await {
        None => Verification::unknown(),
        Some(Ok(token)) => Verification::of(token.claims(), organization),
        Some(Err(Rejected::Bad(refusal))) => Verification::refused(refusal.to_string()),
        Some(Err(undecided @ (Rejected::Unknown | Rejected::Undecidable))) => return Err(undecided.into()),
    };
    let body = serde_json::to_vec(&verification).map_err(|_| Problem::no_state())?;
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    caller.mark(headers);
    standing.mark(headers);
    Ok(response)
}

/// The one member of the body.
fn unverified_token(body: &[u8]) -> Result<String, Problem> {
    let object = parse_json_object(body)
        .map_err(|_| Problem::invalid_request("the body must be a JSON object with unique members"))?;
    if let Some(unknown) = object.keys().find(|name| *name != TOKEN) {
        let shown: String = unknown.chars().filter(char::is_ascii_graphic).take(64).collect();
        return Err(Problem::invalid_request(format!("unknown field {shown}")));
    }
    match object.get(TOKEN) {
        Some(Value::String(token)) if !token.is_empty() => Ok(token.clone()),
        _ => Err(Problem::invalid_request("delegationToken is required and must be a string")),
    }
}
