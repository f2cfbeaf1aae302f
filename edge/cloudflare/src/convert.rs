//! The platform's requests and answers as those of the `http` crate, and back.

use std::net::IpAddr;

use agentidp_edge_core::host::Peer;
use agentidp_edge_core::{HEADERS_OF_VERIFY, VERIFY_PATH};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri};
use js_sys::{Array, Uint8Array};
use wasm_bindgen::{JsCast as _, JsValue};
use web_sys::{Headers, ResponseInit};

use crate::body::Body;

/// Set by the platform, whatever the client sent.
const CONNECTING_IP: &str = "cf-connecting-ip";

/// Statuses whose answers have no body (Fetch standard, "null body status").
const WITHOUT_BODY: [u16; 5] = [101, 103, 204, 205, 304];

pub fn path_of(request: &web_sys::Request) -> String {
    request.url().parse::<Uri>().map_or_else(|_| "/".to_owned(), |uri| uri.path().to_owned())
}

/// The request, or the answer to one that HTTP has no words for.
pub fn from_js(request: &web_sys::Request) -> Result<Request<Body>, Response<Vec<u8>>> {
    let refused = || {
        let mut refused = Response::new(Vec::new());
        *refused.status_mut() = StatusCode::BAD_REQUEST;
        refused
    };
    let uri: Uri = request.url().parse().map_err(|_| refused())?;
    let method = Method::from_bytes(request.method().as_bytes()).map_err(|_| refused())?;
    let given = request.headers();
    let mut converted = Request::new(Body::Bytes(Vec::new()));
    if uri.path() == VERIFY_PATH {
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

pub fn headers_from_js(given: &Headers) -> HeaderMap {
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

pub fn headers_to_js(headers: &HeaderMap) -> Result<Headers, JsValue> {
    let converted = Headers::new()?;
    for (name, value) in headers {
        converted.append(name.as_str(), &String::from_utf8_lossy(value.as_bytes()))?;
    }
    Ok(converted)
}

pub fn to_js(response: Response<Body>) -> worker::Result<web_sys::Response> {
    let (parts, body) = response.into_parts();
    let init = ResponseInit::new();
    init.set_status(parts.status.as_u16());
    let headers = headers_to_js(&parts.headers)?;
    init.set_headers(&headers);
    let without_body = WITHOUT_BODY.contains(&parts.status.as_u16());
    Ok(match body {
        Body::Stream(stream) if !without_body => {
            web_sys::Response::new_with_opt_readable_stream_and_init(Some(&stream), &init)?
        }
        Body::Bytes(bytes) if !without_body && !bytes.is_empty() => {
            let bytes = Uint8Array::from(bytes.as_slice());
            web_sys::Response::new_with_opt_js_u8_array_and_init(Some(&bytes), &init)?
        }
        _ => web_sys::Response::new_with_opt_str_and_init(None, &init)?,
    })
}

pub fn from_js_response(response: &web_sys::Response) -> Option<Response<Body>> {
    let mut converted = Response::new(Body::from_stream(response.body()));
    *converted.status_mut() = StatusCode::from_u16(response.status()).ok()?;
    *converted.headers_mut() = headers_from_js(&response.headers());
    Some(converted)
}
