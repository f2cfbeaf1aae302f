//! One request: its id, what the node must know first, whose answer it is, and what every answer carries.

use std::rc::Rc;

use agentidp_shared::discovery::unverified_organization_at;
use http::header::{AUTHORIZATION, CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Uri};

use crate::agent_documents::{AgentDocument, get_agent_document};
use crate::documents::Kind;
use crate::errors::{Problem, Shape};
use crate::host::Host;
use crate::knowledge::Source as _;
use crate::node::Node;
use crate::usage::Reporting as _;
use crate::{
    cors, documents, gateway, headers, health, instance_card, introspect, metrics, organization_issuer,
    partner, proxy, push, request_id, status_list, verify, verify_delegation,
};

/// The path every request of a protected API causes a request to.
pub const VERIFY_PATH: &str = "/verify";
/// All that is read of such a request besides its method and target, for hosts on which reading a header costs something.
pub const HEADERS_OF_VERIFY: [HeaderName; 2] = [AUTHORIZATION, request_id::HEADER];

/// Whether a path is that, or is that with the path of the original request behind it.
pub fn is_verify_path(path: &str) -> bool {
    path.strip_prefix(VERIFY_PATH).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether a request is one of those, and not one to the same path of an API behind the gateway.
pub fn is_verify(node: &Node, uri: &Uri) -> bool {
    is_verify_path(uri.path()) && is_own(node, uri)
}

/// Whether a request is not for an API behind the gateway.
pub fn is_own(node: &Node, uri: &Uri) -> bool {
    matches!(gateway::find(node.config.upstreams(), uri), Ok(None))
}

/// RFC 7662, and the same under the management API.
pub fn is_introspection(path: &str) -> bool {
    matches!(path, "/oauth2/introspect" | "/api/v1/token/introspect")
}

/// Answers a request. Its URI is absolute.
pub async fn handle<H: Host>(node: &Rc<Node>, host: &Rc<H>, request: Request<H::Body>) -> Response<H::Body> {
    let request_id = request_id::of(request.headers(), &**host);
    let shape = Shape::of(request.uri().path());
    let is_head = *request.method() == Method::HEAD;
    let mut response = match route(node, host, request, &request_id).await {
        Ok(Routed::Own(response)) => own(&**host, response, is_head),
        Ok(Routed::Forwarded(response)) => response,
        Err(problem) => own(&**host, problem.into_response(shape), is_head),
    };
    finish(node, &**host, response.headers_mut(), request_id);
    H::Usage::report(node, host);
    response
}

/// An answer of the edge's own, or one that comes from behind it.
pub enum Routed<B> {
    Own(Response<Vec<u8>>),
    Forwarded(Response<B>),
}

async fn route<H: Host>(
    node: &Rc<Node>,
    host: &Rc<H>,
    request: Request<H::Body>,
    request_id: &HeaderValue,
) -> Result<Routed<H::Body>, Problem> {
    if let Some(found) = gateway::find(node.config.upstreams(), request.uri())? {
        return Ok(gateway::serve(node, host, found, request, request_id).await);
    }
    let path = request.uri().path();
    if path == health::LIVE_PATH {
        return health::get_liveness(&request.into_parts().0).map(Routed::Own);
    }
    if path == "/edge/v1/push" {
        return push::push_batch(node, &**host, request).await.map(Routed::Own);
    }
    if path == "/edge/v1/metrics" {
        let (parts, _) = request.into_parts();
        if !metrics::is_allowed(node, &parts) {
            return Err(Problem::not_found());
        }
        H::Source::keep_up(node, host).await;
        return Ok(Routed::Own(metrics::get_metrics(node, &**host)));
    }
    // The rest of the contract between edge and control plane is nothing a client may reach through the edge.
    if path == "/edge/v1" || path.starts_with("/edge/v1/") {
        return Err(Problem::not_found());
    }
    H::Source::keep_up(node, host).await;
    if node.knowledge.known().is_none() {
        return Err(Problem::no_state());
    }
    let host = &**host;
    if is_verify_path(path) {
        let (parts, _) = request.into_parts();
        return verify::verify_token(node, host, &parts).await.map(Routed::Own);
    }
    if path == "/health/ready" {
        return health::get_readiness(node, host, &request.into_parts().0).map(Routed::Own);
    }
    if path == verify_delegation::PATH {
        return verify_delegation::verify_delegation(node, host, request).await.map(Routed::Own);
    }
    if path == partner::PATH {
        return partner::verify_partner_token(node, host, request, request_id).await;
    }
    if is_introspection(path) {
        return introspect::introspect_token(node, host, request, request_id).await.map(Routed::Own);
    }
    if let Some(kind) = Kind::at(path) {
        let (parts, _) = request.into_parts();
        let document = async { documents::get_document(node, host, &parts, kind) };
        return cors::document(&parts.method, document).await.map(Routed::Own);
    }
    if path == instance_card::PATH {
        let (parts, _) = request.into_parts();
        let card = instance_card::get_instance_card(node, host, &parts, request_id);
        return cors::document(&parts.method, card).await.map(Routed::Own);
    }
    if let Some((document, agent)) = AgentDocument::at(path)
        && !(document.may_be_private() && request.headers().contains_key(AUTHORIZATION))
    {
        let agent = agent.to_owned();
        let (parts, _) = request.into_parts();
        let document = get_agent_document(node, host, &parts, request_id, document, &agent);
        return cors::document(&parts.method, document).await.map(Routed::Own);
    }
    if let Some(organization) = unverified_organization_at(path).map(str::to_owned) {
        let (parts, _) = request.into_parts();
        let document =
            organization_issuer::get_organization_metadata(node, host, &parts, request_id, &organization);
        return cors::document(&parts.method, document).await.map(Routed::Own);
    }
    if let Some(list) = status_list::unverified_list_at(path).map(str::to_owned) {
        let (parts, _) = request.into_parts();
        let document = status_list::get_status_list(node, host, &parts, request_id, &list);
        return cors::document(&parts.method, document).await.map(Routed::Own);
    }
    proxy::forward(node, host, request, request_id).await.map(Routed::Forwarded)
}

fn own<H: Host>(host: &H, response: Response<Vec<u8>>, is_head: bool) -> Response<H::Body> {
    response.map(|body| host.body(if is_head { Vec::new() } else { body }))
}

/// Every answer says which request it answers and what it rests on. Without any state the sequence is 0 and has no age.
fn finish<H: Host>(node: &Node, host: &H, headers: &mut HeaderMap, request_id: HeaderValue) {
    headers.insert(request_id::HEADER, request_id);
    let position = node.knowledge.with(|state| (state.sequence(), state.age_ms(host.now_ms())));
    headers.insert(headers::STATE_SEQUENCE, position.map_or(0, |(sequence, _)| sequence).into());
    if let Some((_, age)) = position
        && let Ok(age) = HeaderValue::try_from(format!("{}.{:03}", age / 1_000, age % 1_000))
    {
        headers.insert(headers::STATE_AGE, age);
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}
