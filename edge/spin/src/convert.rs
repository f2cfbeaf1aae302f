//! The platform's requests and answers as those of the `http` crate, and back.

use std::net::SocketAddr;

use agentidp_edge_core::host::{BodyError, Peer};
use agentidp_edge_core::unreadable;
use futures_util::{Sink, SinkExt as _, StreamExt as _, stream};
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response};
use spin_sdk::http::{Fields, IncomingRequest, OutgoingResponse, ResponseOutparam};

use crate::body::Body;

/// Set by the platform, whatever the client sent; so is everything else that begins like it.
const CLIENT_ADDRESS: &str = "spin-client-addr";
const PLATFORM_HEADERS: &str = "spin-";

/// The request, or the answer to one that HTTP has no words for.
pub async fn request(given: IncomingRequest) -> Result<Request<Body>, Response<Vec<u8>>> {
    let mut converted = Request::new(Body::Bytes(Vec::new()));
    *converted.method_mut() =
        Method::from_bytes(given.method().to_string().as_bytes()).map_err(|_| unreadable())?;
    *converted.uri_mut() = given.uri().parse().map_err(|_| unreadable())?;
    let mut headers = headers(&given.headers());
    let address = headers.get(CLIENT_ADDRESS).and_then(|address| address.to_str().ok());
    let address = address.and_then(|address| address.parse().ok()).map(|address: SocketAddr| address.ip());
    converted.extensions_mut().insert(Peer { address });
    let own: Vec<HeaderName> =
        headers.keys().filter(|name| name.as_str().starts_with(PLATFORM_HEADERS)).cloned().collect();
    for name in own {
        headers.remove(name);
    }
    let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    *converted.headers_mut() = headers;
    if !matches!(*converted.method(), Method::GET | Method::HEAD) {
        *converted.body_mut() = body(given, length).await;
    }
    Ok(converted)
}

/// The platform does not say how a body is framed: whether one without a length is empty shows at its first bytes.
async fn body(given: IncomingRequest, length: Option<u64>) -> Body {
    let mut chunks = given.into_body_stream().map(|chunk| chunk.map_err(|_| BodyError::Broken)).boxed_local();
    match length {
        Some(0) => Body::Bytes(Vec::new()),
        Some(_) => Body::Stream { chunks, length },
        None => match chunks.next().await {
            None => Body::Bytes(Vec::new()),
            Some(first) => {
                let chunks = stream::once(async { first }).chain(chunks).boxed_local();
                Body::Stream { chunks, length }
            }
        },
    }
}

/// Sends the answer to its end.
pub async fn send(response: Response<Body>, out: ResponseOutparam) {
    let (mut parts, body) = response.into_parts();
    // Of our own answers the length is known, and other hosts say it.
    if let Some(length) = body.length().filter(|length| *length > 0) {
        parts.headers.insert(CONTENT_LENGTH, length.into());
    }
    let answer = OutgoingResponse::new(fields(&parts.headers));
    // Every status of the `http` crate is one of HTTP.
    let _ = answer.set_status_code(parts.status.as_u16());
    let sink = answer.take_body();
    out.set(answer);
    write(body, sink).await;
}

/// Writes a body; whoever reads it may go away before its end.
pub async fn write<S: Sink<Vec<u8>>>(body: Body, sink: S) {
    let mut sink = Box::pin(sink);
    match body {
        Body::Bytes(bytes) if bytes.is_empty() => {}
        Body::Bytes(bytes) => {
            let _ = sink.send(bytes).await;
        }
        Body::Stream { mut chunks, .. } => {
            while let Some(chunk) = chunks.next().await {
                let Ok(chunk) = chunk else {
                    // To drop the sink would be to end the body: part of it must not pass for the whole.
                    std::mem::forget(sink);
                    return;
                };
                if sink.send(chunk).await.is_err() {
                    return;
                }
            }
        }
    }
}

pub fn headers(given: &Fields) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in given.entries() {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            headers.append(name, value);
        }
    }
    headers
}

/// Leaves out what the platform sets itself, such as the framing.
pub fn fields(headers: &HeaderMap) -> Fields {
    let fields = Fields::new();
    for (name, value) in headers {
        let _ = fields.append(name.as_str(), value.as_bytes());
    }
    fields
}
