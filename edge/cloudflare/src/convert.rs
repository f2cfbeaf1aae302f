//! The platform's requests and answers as those of the `http` crate, and back.

use std::net::IpAddr;

use agentidp_edge_core::host::Peer;
use agentidp_edge_core::{HEADERS_OF_VERIFY, VERIFY_PATH, unreadable};
use http::{HeaderMap, HeaderName, Method, Request, Response, StatusCode, Uri};
use wasm_bindgen::JsValue;

use crate::body::Body;
use crate::packed;

/// Set by the platform, whatever the client sent.
const CONNECTING_IP: HeaderName = HeaderName::from_static("cf-connecting-ip");

/// Statuses whose answers have no body (Fetch standard, "null body status").
const WITHOUT_BODY: [u16; 5] = [101, 103, 204, 205, 304];

/// The request, or the answer to one that HTTP has no words for.
pub fn from_js(request: &web_sys::Request) -> Result<Request<Body>, Response<Vec<u8>>> {
    let (method, url) = packed::method_and_url(request).ok_or_else(unreadable)?;
    let uri: Uri = url.parse().map_err(|_| unreadable())?;
    let method = Method::from_bytes(method.as_bytes()).map_err(|_| unreadable())?;
    let mut converted = Request::new(Body::Bytes(Vec::new()));
    if uri.path() == VERIFY_PATH {
        *converted.headers_mut() = packed::read_some(&request.headers(), &HEADERS_OF_VERIFY);
    } else {
        let headers = packed::read(&request.headers());
        converted.extensions_mut().insert(Peer { address: connecting_ip(&headers) });
        *converted.headers_mut() = headers;
        if !matches!(method, Method::GET | Method::HEAD) {
            *converted.body_mut() = Body::from_stream(request.body());
        }
    }
    *converted.method_mut() = method;
    *converted.uri_mut() = uri;
    Ok(converted)
}

fn connecting_ip(headers: &HeaderMap) -> Option<IpAddr> {
    headers.get(CONNECTING_IP)?.to_str().ok()?.parse().ok()
}

pub fn to_js(response: Response<Body>) -> worker::Result<web_sys::Response> {
    let (parts, body) = response.into_parts();
    let status = parts.status.as_u16();
    let body = body.to_js().filter(|_| !WITHOUT_BODY.contains(&status)).unwrap_or(JsValue::NULL);
    Ok(packed::respond(status, &parts.headers, &body)?)
}

pub fn from_js_response(response: &web_sys::Response) -> Option<Response<Body>> {
    let mut converted = Response::new(Body::from_stream(response.body()));
    *converted.status_mut() = StatusCode::from_u16(response.status()).ok()?;
    *converted.headers_mut() = packed::read(&response.headers());
    Some(converted)
}
