//! Requests the edge itself sends to the control plane on behalf of a caller.

use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, request};

use crate::errors::Problem;
use crate::headers;
use crate::host::{Peer, Platform};
use crate::node::Node;

/// How long the edge waits for the head of an answer: a little more than the control plane gives its own requests.
pub const TIME_LIMIT_MS: u64 = 17_000;

/// A request without a body of its own, with only what identifies it: request id and address. None of the caller's headers.
pub fn get<P: Platform>(
    node: &Node,
    platform: &P,
    asked: &request::Parts,
    request_id: &HeaderValue,
    path: &str,
) -> Result<Request<P::Body>, Problem> {
    build(node, asked, request_id, Method::GET, path, platform.body(Vec::new()))
}

/// The same with a form.
pub fn post_form<P: Platform>(
    node: &Node,
    platform: &P,
    asked: &request::Parts,
    request_id: &HeaderValue,
    path: &str,
    form: String,
) -> Result<Request<P::Body>, Problem> {
    let mut request = build(node, asked, request_id, Method::POST, path, platform.body(form.into_bytes()))?;
    let media_type = HeaderValue::from_static("application/x-www-form-urlencoded");
    request.headers_mut().insert(CONTENT_TYPE, media_type);
    Ok(request)
}

fn build<B>(
    node: &Node,
    asked: &request::Parts,
    request_id: &HeaderValue,
    method: Method,
    path: &str,
    body: B,
) -> Result<Request<B>, Problem> {
    let uri = uri(node, path)?;
    let scheme = asked.uri.scheme_str().unwrap_or("https");
    let peer = asked.extensions.get::<Peer>().copied();
    let mut request = Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    *request.headers_mut() = headers::towards_origin(&http::HeaderMap::new(), scheme, peer, request_id);
    Ok(request)
}

/// The control plane's address of a path with query.
pub fn uri(node: &Node, path_and_query: &str) -> Result<http::Uri, Problem> {
    format!("{}{path_and_query}", node.config.origin()).parse().map_err(|_| {
        Problem::invalid_request("the path or query has characters that must be percent-encoded")
    })
}
