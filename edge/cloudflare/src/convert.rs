//! The platform's requests and answers as those of the `http` crate, and back.

use std::net::IpAddr;

use agentidp_edge_core::host::Peer;
use agentidp_edge_core::{HEADERS_OF_VERIFY, unreadable};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri};
use js_sys::{Array, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Headers, ResponseInit};

use crate::body::Body;

/// Set by the platform, whatever the client sent.
const CONNECTING_IP: &str = "cf-connecting-ip";

/// The platform's own member of answers and of what makes them.
const WEB_SOCKET: &str = "webSocket";

/// Statuses whose answers have no body (Fetch standard, "null body status").
const WITHOUT_BODY: [u16; 5] = [101, 103, 204, 205, 304];

/// The request, or the answer to one that HTTP has no words for. `is_verify` tells requests of which little is read.
pub fn request_from_js(
    request: &web_sys::Request,
    is_verify: impl Fn(&Uri) -> bool,
) -> Result<Request<Body>, Response<Vec<u8>>> {
    let uri: Uri = request.url().parse().map_err(|_| unreadable())?;
    let method = Method::from_bytes(request.method().as_bytes()).map_err(|_| unreadable())?;
    let given = request.headers();
    let mut converted = Request::new(Body::Bytes(Vec::new()));
    if is_verify(&uri) {
        for name in HEADERS_OF_VERIFY {
            if let Ok(Some(value)) = given.get(name.as_str()) {
                append(converted.headers_mut(), name, &value);
            }
        }
    } else {
        let address = given.get(CONNECTING_IP).ok().flatten();
        let address = address.and_then(|address| address.parse::<IpAddr>().ok());
        converted.extensions_mut().insert(Peer { address });
        *converted.headers_mut() = headers_from_js(&given);
        if !matches!(method, Method::GET | Method::HEAD) {
            *converted.body_mut() = Body::from_stream(request.body());
        }
    }
    *converted.method_mut() = method;
    *converted.uri_mut() = uri;
    Ok(converted)
}

pub fn response_from_js(response: &web_sys::Response) -> Option<Response<Body>> {
    let body = match Reflect::get(response, &WEB_SOCKET.into()) {
        Ok(socket) if socket.is_object() => Body::WebSocket(socket),
        _ => Body::from_stream(response.body()),
    };
    let mut converted = Response::new(body);
    *converted.status_mut() = StatusCode::from_u16(response.status()).ok()?;
    *converted.headers_mut() = headers_from_js(&response.headers());
    Some(converted)
}

pub fn response_to_js(response: Response<Body>) -> worker::Result<web_sys::Response> {
    let (parts, body) = response.into_parts();
    let status = parts.status.as_u16();
    let init = ResponseInit::new();
    init.set_status(status);
    let headers = headers_to_js(&parts.headers)?;
    init.set_headers(&headers);
    if let Body::WebSocket(socket) = &body {
        Reflect::set(&init, &WEB_SOCKET.into(), socket)?;
    }
    let body = body.to_js().filter(|_| !WITHOUT_BODY.contains(&status));
    let body = body.map(JsCast::unchecked_into);
    Ok(web_sys::Response::new_with_opt_buffer_source_and_init(body.as_ref(), &init)?)
}

pub fn headers_to_js(headers: &HeaderMap) -> Result<Headers, JsValue> {
    let converted = Headers::new()?;
    for (name, value) in headers {
        converted.append(name.as_str(), &String::from_utf8_lossy(value.as_bytes()))?;
    }
    Ok(converted)
}

fn headers_from_js(given: &Headers) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for entry in given.entries().into_iter().flatten() {
        let entry: Array = entry.unchecked_into();
        if let (Some(name), Some(value)) = (entry.get(0).as_string(), entry.get(1).as_string())
            && let Ok(name) = HeaderName::try_from(name)
        {
            append(&mut headers, name, &value);
        }
    }
    headers
}

fn append(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
        headers.append(name, value);
    }
}
