//! An allowed request on its way to the API, and the answer on its way back.

use std::cell::Cell;
use std::rc::Rc;

use http::header::{AUTHORIZATION, CONTENT_LENGTH, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, request};

use super::upstream::Upstream;
use crate::errors::Problem;
use crate::headers;
use crate::host::{BodyError, Host, OriginError, Peer, UpgradeError};
use crate::judge::Accepted;
use crate::node::Node;
use crate::verify::name_agent;

const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const AGENT_CLIENT: HeaderName = HeaderName::from_static("x-agent-client");
/// RFC 8586: whose request comes back to an edge it has passed is in a circle.
const LOOP: HeaderName = HeaderName::from_static("cdn-loop");

pub async fn forward<H: Host>(
    node: &Node,
    host: &H,
    upstream: &Upstream,
    (mut parts, body): (request::Parts, H::Body),
    request_id: &HeaderValue,
    accepted: Option<&Accepted>,
) -> Result<Response<H::Body>, Problem> {
    let deadline = host.now_ms().saturating_add(upstream.timeout_ms);
    let given = std::mem::take(&mut parts.headers);
    let declared = declared_length(&given);
    if declared.is_some_and(|length| length > upstream.max_body_bytes) {
        return Err(BodyError::TooLarge.into());
    }
    let uri = target(upstream, &parts.uri)?;
    let mut headers = towards_upstream(node, upstream, &parts, &given, request_id, accepted)?;
    let left = |host: &H| deadline.saturating_sub(host.now_ms());
    let build = |headers: HeaderMap, body: H::Body| {
        let mut request = Request::new(body);
        *request.method_mut() = parts.method.clone();
        *request.uri_mut() = uri.clone();
        *request.headers_mut() = headers;
        request
    };

    if is_websocket(&parts.method, &given) {
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        let answer = host.upgrade(build(headers, body), left(host)).await.map_err(not_upgraded)?;
        return Ok(headers::towards_client(answer));
    }

    let is_empty = host.is_empty(&body);
    let exceeded = Rc::new(Cell::new(false));
    // A declared length is kept by the host's own framing.
    let mut body = Some(if is_empty || declared.is_some() {
        body
    } else {
        host.bound_body(body, upstream.max_body_bytes, Rc::clone(&exceeded)).await?
    });
    let mut retries = if is_empty && may_be_repeated(&parts.method) { upstream.retries } else { 0 };
    loop {
        let body = body.take().unwrap_or_else(|| host.body(Vec::new()));
        match host.fetch_origin(build(headers.clone(), body), left(host)).await {
            _ if exceeded.get() => return Err(BodyError::TooLarge.into()),
            Ok(answer) => return Ok(headers::towards_client(answer)),
            Err(OriginError::Unreachable) if retries > 0 && left(host) > 0 => retries -= 1,
            Err(error) => return Err(no_answer(error)),
        }
    }
}

/// Where the API has what the client asks for. Nothing of the request can lead elsewhere.
fn target(upstream: &Upstream, asked: &Uri) -> Result<Uri, Problem> {
    let path = match upstream.place.prefix().filter(|_| upstream.strip_prefix) {
        Some(prefix) => asked.path().strip_prefix(prefix).filter(|rest| !rest.is_empty()).unwrap_or("/"),
        None => asked.path(),
    };
    let query = asked.query().map(|query| format!("?{query}")).unwrap_or_default();
    let uri: Option<Uri> = format!("{}{path}{query}", upstream.origin.url).parse().ok();
    uri.filter(|uri| uri.authority() == Some(&upstream.origin.authority)).ok_or_else(|| {
        Problem::invalid_request("the path or query has characters that must be percent-encoded")
    })
}

fn towards_upstream(
    node: &Node,
    upstream: &Upstream,
    asked: &request::Parts,
    given: &HeaderMap,
    request_id: &HeaderValue,
    accepted: Option<&Accepted>,
) -> Result<HeaderMap, Problem> {
    let scheme = asked.uri.scheme_str().unwrap_or("https");
    let peer = asked.extensions.get::<Peer>().copied();
    let mut headers = headers::towards_origin(given, scheme, peer, request_id);
    let own = node.config.issuer().split_once("://").map_or("", |(_, own)| own);
    let passed =
        headers.get_all(LOOP).iter().flat_map(|value| value.as_bytes().split(|b| matches!(b, b',' | b';')));
    if passed.into_iter().any(|id| id.trim_ascii() == own.as_bytes()) {
        let message = "the request came back to the edge it had passed";
        return Err(Problem::new(StatusCode::LOOP_DETECTED, "LOOP_DETECTED", "invalid_request", message));
    }
    if let Ok(own) = HeaderValue::try_from(own) {
        headers.append(LOOP, own);
    }
    if let Some(authority) = asked.uri.authority()
        && let Ok(authority) = HeaderValue::try_from(authority.as_str())
    {
        headers.insert(FORWARDED_HOST, authority);
    }
    // Nothing that was not verified here passes for something that was.
    if !upstream.forward_token || accepted.is_none() {
        headers.remove(AUTHORIZATION);
    }
    if let Some(accepted) = accepted {
        name_agent(&mut headers, accepted.claims());
        if let Ok(client) = HeaderValue::try_from(accepted.claims().client_id.to_string()) {
            headers.insert(AGENT_CLIENT, client);
        }
    }
    Ok(headers)
}

/// The length of the body, if the request says it and nothing else.
fn declared_length(headers: &HeaderMap) -> Option<u64> {
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    let length = lengths.next()?.to_str().ok()?;
    let alone = lengths.next().is_none() && !headers.contains_key(TRANSFER_ENCODING);
    let is_number = length.bytes().all(|b| b.is_ascii_digit());
    length.parse().ok().filter(|_| alone && is_number)
}

/// RFC 6455 §4.1.
fn is_websocket(method: &Method, headers: &HeaderMap) -> bool {
    let upgrade = headers.get(UPGRADE).map(HeaderValue::as_bytes);
    *method == Method::GET && upgrade.is_some_and(|protocol| protocol.eq_ignore_ascii_case(b"websocket"))
}

/// RFC 9110 §9.2.2: doing it twice has the effect of doing it once.
fn may_be_repeated(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::PUT | Method::DELETE)
}

fn no_answer(error: OriginError) -> Problem {
    let (status, code, message) = match error {
        OriginError::Unreachable => {
            (StatusCode::BAD_GATEWAY, "UPSTREAM_UNREACHABLE", "the API could not be reached")
        }
        OriginError::TimedOut => {
            (StatusCode::GATEWAY_TIMEOUT, "UPSTREAM_TIMEOUT", "the API did not answer in time")
        }
    };
    Problem::new(status, code, "temporarily_unavailable", message)
}

fn not_upgraded(error: UpgradeError) -> Problem {
    match error {
        UpgradeError::Origin(error) => no_answer(error),
        UpgradeError::Unsupported => {
            let message = "this edge runs where connections cannot be upgraded, so it passes no WebSocket on";
            Problem::new(StatusCode::NOT_IMPLEMENTED, "UPGRADE_NOT_SUPPORTED", "invalid_request", message)
        }
    }
}
