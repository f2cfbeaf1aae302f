//! Answering within one call from JavaScript: a text and a few numbers in, a text out.
//!
//! Each object of the runtime that a request makes (headers, a URL, promises) costs more than a verdict on a token. So what is asked most is
//! read and answered by `entry.mjs`, and only decided here: by the same code as everything else ([`handle`]), which is asked to go on
//! until it is done. What has to wait becomes a promise.

use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use agentidp_edge_core::{brief, handle};
use http::Response;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen_futures::future_to_promise;
use worker::{Env, worker_sys};

use crate::body::Body;
use crate::platform::Workers;
use crate::{NODE, convert, region};

/// Answers a request as [`brief::request`] takes it; `body` is all of it. Gives
///
/// - `undefined` if this is no request to be answered so: nothing has happened then;
/// - a string: the answer as [`brief::answer`] tells it;
/// - a `Response`, or a promise of one.
#[wasm_bindgen]
#[expect(clippy::too_many_arguments, reason = "numbers cross at no cost, a list of them does not")]
pub fn answer(
    text: &str,
    method: i32,
    url: i32,
    authorization: i32,
    request_id: i32,
    content_type: i32,
    address: i32,
    body: Option<Vec<u8>>,
    env: Env,
    context: worker_sys::Context,
) -> JsValue {
    let opened = NODE.with(|node| node.get().cloned().flatten());
    // Until the first request has gone the long way.
    let (Some(node), Some(region)) = (opened, region::known()) else { return JsValue::UNDEFINED };
    let lengths = [method, url, authorization, request_id, content_type, address];
    let body = Body::Bytes(body.unwrap_or_default());
    let Some(request) = brief::request(text, lengths, body).filter(|it| brief::is_enough(&node, it)) else {
        return JsValue::UNDEFINED;
    };
    let host = Rc::new(Workers::for_request(env, worker::Context::new(context), region));
    let mut answering = Box::pin(async move { handle(&node, &host, request).await });
    // Nobody is to be woken: if it is not done, it is asked again as a promise.
    if let Poll::Ready(response) = answering.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        return told(response);
    }
    let later = async { Ok(convert::response_to_js(answering.await).map_err(JsValue::from)?.into()) };
    future_to_promise(later).into()
}

fn told(response: Response<Body>) -> JsValue {
    let (parts, body) = response.into_parts();
    let head = Response::from_parts(parts, ());
    if let Body::Bytes(bytes) = &body
        && let Some(told) = brief::answer(&head, bytes)
    {
        return JsValue::from_str(&told);
    }
    let response = head.map(|()| body);
    convert::response_to_js(response).map_or(JsValue::UNDEFINED, JsValue::from)
}
