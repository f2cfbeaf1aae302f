//! Requests to the control plane.

use std::future::{Future, poll_fn};
use std::task::Poll;

use agentidp_edge_core::host::{BodyError, OriginError};
use futures_util::future::{Either, LocalBoxFuture, select};
use futures_util::{FutureExt as _, StreamExt as _};
use http::header::CONTENT_LENGTH;
use http::{Method, Request, Response, StatusCode};
use spin_sdk::http::{IncomingResponse, OutgoingRequest, Scheme};
use spin_sdk::wit::wasi::http0_2_0::outgoing_handler;
use spin_sdk::wit::wasi::http0_2_0::types::{ErrorCode, FutureIncomingResponse, RequestOptions};

use crate::body::Body;
use crate::convert;

/// Sends a request and returns the head of the answer; of a request whose body is still being sent by then, also the rest of
/// that work.
pub async fn fetch(
    request: Request<Body>,
    limit_ms: u64,
) -> (Result<Response<Body>, OriginError>, Option<LocalBoxFuture<'static, ()>>) {
    let (mut parts, body) = request.into_parts();
    // The core leaves the framing to its host.
    if let Some(length) = body.length().filter(|length| *length > 0) {
        parts.headers.insert(CONTENT_LENGTH, length.into());
    }
    let outgoing = OutgoingRequest::new(convert::fields(&parts.headers));
    let scheme = if parts.uri.scheme_str() == Some("http") { Scheme::Http } else { Scheme::Https };
    let is_set = outgoing.set_method(&method(&parts.method)).is_ok()
        && outgoing.set_scheme(Some(&scheme)).is_ok()
        && outgoing.set_authority(parts.uri.authority().map(http::uri::Authority::as_str)).is_ok()
        && outgoing
            .set_path_with_query(parts.uri.path_and_query().map(http::uri::PathAndQuery::as_str))
            .is_ok();
    if !is_set {
        return (Err(OriginError::Unreachable), None);
    }
    let sink = outgoing.take_body();
    let answer = match outgoing_handler::handle(outgoing, Some(limits(limit_ms))) {
        Ok(answer) => wait(answer),
        Err(error) => return (Err(reason(&error)), None),
    };
    let sending = convert::write(body, sink).boxed_local();
    match select(answer.boxed_local(), sending).await {
        Either::Left((answer, sending)) => (answer, Some(sending)),
        Either::Right(((), answer)) => (answer.await, None),
    }
}

fn method(method: &Method) -> spin_sdk::wit::wasi::http0_2_0::types::Method {
    use spin_sdk::wit::wasi::http0_2_0::types::Method as Given;
    match *method {
        Method::GET => Given::Get,
        Method::HEAD => Given::Head,
        Method::POST => Given::Post,
        Method::PUT => Given::Put,
        Method::DELETE => Given::Delete,
        Method::CONNECT => Given::Connect,
        Method::OPTIONS => Given::Options,
        Method::TRACE => Given::Trace,
        Method::PATCH => Given::Patch,
        _ => Given::Other(method.as_str().to_owned()),
    }
}

fn limits(limit_ms: u64) -> RequestOptions {
    let options = RequestOptions::new();
    let nanoseconds = Some(limit_ms.saturating_mul(1_000_000));
    // A platform that does not know a limit has its own.
    let _ = options.set_connect_timeout(nanoseconds);
    let _ = options.set_first_byte_timeout(nanoseconds);
    options
}

fn wait(answer: FutureIncomingResponse) -> impl Future<Output = Result<Response<Body>, OriginError>> {
    poll_fn(move |context| match answer.get() {
        Some(Ok(Ok(answer))) => Poll::Ready(convert_answer(answer)),
        Some(Ok(Err(error))) => Poll::Ready(Err(reason(&error))),
        Some(Err(())) => Poll::Ready(Err(OriginError::Unreachable)),
        None => {
            spin_executor::push_waker(answer.subscribe(), context.waker().clone());
            Poll::Pending
        }
    })
}

fn convert_answer(answer: IncomingResponse) -> Result<Response<Body>, OriginError> {
    let mut converted = Response::new(Body::Bytes(Vec::new()));
    *converted.status_mut() = StatusCode::from_u16(answer.status()).map_err(|_| OriginError::Unreachable)?;
    *converted.headers_mut() = convert::headers(&answer.headers());
    let stream = answer.take_body_stream();
    // The platform cancels the exchange when the answer is dropped, so it lives as long as its body.
    let stream = stream.map(move |chunk| {
        let _whole = &answer;
        chunk.map_err(|_| BodyError::Broken)
    });
    *converted.body_mut() = Body::Stream { chunks: stream.boxed_local(), length: None };
    Ok(converted)
}

fn reason(error: &ErrorCode) -> OriginError {
    match error {
        ErrorCode::ConnectionTimeout
        | ErrorCode::ConnectionReadTimeout
        | ErrorCode::ConnectionWriteTimeout
        | ErrorCode::HttpResponseTimeout => OriginError::TimedOut,
        _ => OriginError::Unreachable,
    }
}
