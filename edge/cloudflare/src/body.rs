//! Bodies: bytes of ours, or a stream of the platform's that is passed on without being looked at.

use std::cell::Cell;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use agentidp_edge_core::host::BodyError;
use futures_util::future::select;
use js_sys::{Object, Reflect, Uint8Array};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    AbortController, ReadableStream, ReadableStreamDefaultReader, ReadableWritablePair, StreamPipeOptions,
    TransformStream, TransformStreamDefaultController,
};
use worker::Delay;

/// Of a body that is too large, this much is read and thrown away, so that whoever sends it gets to read the answer.
const MAX_DRAINED_BYTES: usize = 16 * 1024 * 1024;

#[derive(Debug)]
pub enum Body {
    Bytes(Vec<u8>),
    Stream(ReadableStream),
    /// A stream with an end that may come early: the request it belongs to is then aborted. Were the stream to fail instead,
    /// the runtime would end the body as if it were whole.
    Bounded(ReadableStream, AbortController),
    /// The other end of an upgraded connection, which the runtime joins to the client's.
    WebSocket(JsValue),
}

impl Body {
    pub fn from_stream(stream: Option<ReadableStream>) -> Self {
        stream.map_or(Self::Bytes(Vec::new()), Self::Stream)
    }

    /// The body as `fetch` and `Response` take it; nothing if it is empty.
    pub fn to_js(&self) -> Option<JsValue> {
        match self {
            Self::Bytes(bytes) if bytes.is_empty() => None,
            Self::Bytes(bytes) => Some(Uint8Array::from(bytes.as_slice()).into()),
            Self::Stream(stream) | Self::Bounded(stream, _) => Some(stream.into()),
            Self::WebSocket(_) => None,
        }
    }

    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Bytes(bytes) if bytes.is_empty())
    }

    /// The same body, which breaks off beyond `limit` bytes. The chunks stay with the platform; only their lengths are seen.
    pub fn bound(self, limit: u64, exceeded: Rc<Cell<bool>>) -> Result<Self, BodyError> {
        match self {
            Self::Bytes(bytes) if u64::try_from(bytes.len()).is_ok_and(|length| length > limit) => {
                Err(BodyError::TooLarge)
            }
            Self::Stream(stream) => {
                let bounded = bound(&stream, limit, exceeded);
                bounded.map(|(stream, abort)| Self::Bounded(stream, abort)).map_err(|_| BodyError::Broken)
            }
            body => Ok(body),
        }
    }

    pub async fn read(self, limit: usize) -> Result<Vec<u8>, BodyError> {
        match self {
            Self::Bytes(bytes) if bytes.len() > limit => Err(BodyError::TooLarge),
            Self::Bytes(bytes) => Ok(bytes),
            Self::Stream(stream) | Self::Bounded(stream, _) => {
                let reader = stream.get_reader().unchecked_into::<ReadableStreamDefaultReader>();
                read(&reader, limit).await
            }
            Self::WebSocket(_) => Err(BodyError::Broken),
        }
    }
}

/// Reads what nobody read of a request's body and throws it away, for a second at most. With bytes on the line that nobody
/// took, the runtime closes the connection, and the next request on it is lost.
pub async fn drain(request: &web_sys::Request) {
    let unread = request.body().filter(|stream| !stream.locked());
    if let Some(stream) = unread {
        let all = Body::Stream(stream).read(0);
        drop(select(pin!(all), pin!(Delay::from(Duration::from_secs(1)))).await);
    }
}

/// What a transform stream does to each chunk.
type Pass = dyn FnMut(Uint8Array, TransformStreamDefaultController) -> Result<(), JsValue>;

fn bound(
    stream: &ReadableStream,
    limit: u64,
    exceeded: Rc<Cell<bool>>,
) -> Result<(ReadableStream, AbortController), JsValue> {
    let abort = AbortController::new()?;
    let (mut left, request) = (limit, abort.clone());
    let pass = move |chunk: Uint8Array, controller: TransformStreamDefaultController| {
        if let Some(rest) = left.checked_sub(chunk.length().into()).filter(|_| !exceeded.get()) {
            left = rest;
            return controller.enqueue_with_chunk(&chunk);
        }
        exceeded.set(true);
        request.abort();
        Ok(())
    };
    let transformer = Object::new();
    Reflect::set(&transformer, &"transform".into(), &Closure::<Pass>::new(pass).into_js_value())?;
    let bounded = TransformStream::new_with_transformer(&transformer)?;
    let bounded = ReadableWritablePair::new(&bounded.readable(), &bounded.writable());
    // What was not read by then is left for `drain`.
    let options = StreamPipeOptions::new();
    options.set_prevent_cancel(true);
    options.set_signal(&abort.signal());
    Ok((stream.pipe_through_with_options(&bounded, &options), abort))
}

async fn read(reader: &ReadableStreamDefaultReader, limit: usize) -> Result<Vec<u8>, BodyError> {
    let (mut kept, mut total) = (Vec::new(), 0_usize);
    while let Some(chunk) = next(reader).await? {
        let length = usize::try_from(chunk.length()).unwrap_or(usize::MAX);
        total = total.saturating_add(length);
        if total > MAX_DRAINED_BYTES.max(limit) {
            drop(JsFuture::from(reader.cancel()));
            break;
        }
        if total > limit {
            kept = Vec::new();
        } else {
            kept.extend(chunk.to_vec());
        }
    }
    if total > limit { Err(BodyError::TooLarge) } else { Ok(kept) }
}

async fn next(reader: &ReadableStreamDefaultReader) -> Result<Option<Uint8Array>, BodyError> {
    let result = JsFuture::from(reader.read()).await.map_err(|_| BodyError::Broken)?;
    let member = |name: &str| Reflect::get(&result, &name.into()).map_err(|_| BodyError::Broken);
    if member("done")?.is_truthy() {
        return Ok(None);
    }
    member("value")?.dyn_into().map(Some).map_err(|_| BodyError::Broken)
}
