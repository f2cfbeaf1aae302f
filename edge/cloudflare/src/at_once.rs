//! Answering within one call from JavaScript: a text and a few numbers in, a text out.
//!
//! Each object of the runtime that a request makes (headers, a URL, promises) costs more than a verdict on a token. So what is asked most is
//! read and answered by `entry.mjs`, and only decided here: by the same code as everything else ([`handle`]), which is asked to go on
//! until it is done or has to wait. What has to wait for a signature is gone on with when JavaScript brings the result; what has to
//! wait for anything else becomes a promise.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Poll, Waker};

use agentidp_edge_core::host::Platform as _;
use agentidp_edge_core::{brief, handle};
use agentidp_shared::jwk::VerificationKey;
use http::Response;
use js_sys::{Array, Promise};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen_futures::future_to_promise;
use worker::{Context, Env, worker_sys};

use crate::body::Body;
use crate::platform::Workers;
use crate::{NODE, convert, crypto, region};

type Answering = Pin<Box<dyn Future<Output = Response<Body>>>>;

/// A request that waits for a signature.
struct Waiting {
    number: u32,
    since_ms: u64,
    answering: Answering,
    host: Rc<Workers>,
    signatures: Rc<Signatures>,
}

/// With so many waiting, it is looked whether somebody does in vain.
const CROWD: usize = 64;
/// Whose signature has not been checked by then is gone.
const ABANDONED_MS: u64 = 30_000;

thread_local! {
    static WAITING: RefCell<VecDeque<Waiting>> = const { RefCell::new(VecDeque::new()) };
    static NUMBER: Cell<u32> = const { Cell::new(0) };
}

/// What came of a check.
#[derive(Debug, Clone, Copy)]
enum Checked {
    Done(bool),
    /// The platform could not.
    Failed,
}

/// The signatures of one request, one after the other.
#[derive(Debug, Default)]
pub struct Signatures {
    /// What JavaScript is to wait for.
    asked: RefCell<Option<Promise>>,
    checked: Cell<Option<Checked>>,
    /// The request waits by itself from now on.
    is_left_alone: Cell<bool>,
}

impl Signatures {
    /// Has a signature checked, by way of JavaScript; `None` if that is not the way. The future gives `None` if the platform could not.
    pub fn ask(
        self: Rc<Self>,
        key: &VerificationKey,
        message: &[u8],
        signature: &[u8],
    ) -> Option<impl Future<Output = Option<bool>> + use<>> {
        if self.is_left_alone.get() {
            return None;
        }
        self.asked.replace(Some(crypto::begin_check(key, message, signature)?));
        Some(poll_fn(move |_| match self.checked.take() {
            Some(Checked::Done(valid)) => Poll::Ready(Some(valid)),
            Some(Checked::Failed) => Poll::Ready(None),
            None => Poll::Pending,
        }))
    }
}

/// Answers a request as [`brief::request`] takes it; `body` is all of it. Gives
///
/// - `undefined` if this is no request to be answered so: nothing has happened then;
/// - a string: the answer as [`brief::answer`] tells it;
/// - an array of a promise and a number: what the promise gives, a boolean, is to be given to [`resume`] with the number;
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
    let signatures = Rc::new(Signatures::default());
    let host =
        Rc::new(Workers::for_request(env, Context::new(context), region, Some(Rc::clone(&signatures))));
    let answering_host = Rc::clone(&host);
    let answering = Box::pin(async move { handle(&node, &answering_host, request).await });
    go_on(answering, host, signatures)
}

/// Goes on with a request whose signature was found valid or not; without a word of that if it could not be checked. Gives what [`answer`]
/// does, `undefined` if no request waits under this number.
#[wasm_bindgen]
pub fn resume(number: u32, valid: Option<bool>) -> JsValue {
    let waiting = WAITING.with_borrow_mut(|waiting| {
        let place = waiting.iter().position(|waiting| waiting.number == number)?;
        waiting.remove(place)
    });
    let Some(Waiting { answering, host, signatures, .. }) = waiting else { return JsValue::UNDEFINED };
    signatures.checked.set(Some(valid.map_or(Checked::Failed, Checked::Done)));
    go_on(answering, host, signatures)
}

fn go_on(mut answering: Answering, host: Rc<Workers>, signatures: Rc<Signatures>) -> JsValue {
    // Nobody is to be woken: it is polled again when there is something new.
    let mut context = std::task::Context::from_waker(Waker::noop());
    if let Poll::Ready(response) = answering.as_mut().poll(&mut context) {
        return told(response);
    }
    let Some(asked) = signatures.asked.take() else {
        signatures.is_left_alone.set(true);
        return future_to_promise(async move {
            let response = convert::response_to_js(answering.await).map_err(JsValue::from)?;
            Ok(response.into())
        })
        .into();
    };
    let number = NUMBER.get();
    NUMBER.set(number.wrapping_add(1));
    let since_ms = host.now_ms();
    WAITING.with_borrow_mut(|waiting| {
        if waiting.len() >= CROWD {
            waiting.retain(|waiting| since_ms.abs_diff(waiting.since_ms) < ABANDONED_MS);
        }
        waiting.push_back(Waiting { number, since_ms, answering, host, signatures });
    });
    Array::of2(&asked, &number.into()).into()
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
