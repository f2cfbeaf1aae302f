//! Heads of messages, carried between WebAssembly and JavaScript in one piece: each crossing of that border costs about as
//! much as the rest of a `/verify` whose token is remembered. A head is one text, names and values in turn, a line each.
//! None of them can hold a line break: the platform sees to that in one direction, the `http` crate in the other.

use http::{HeaderMap, HeaderName, HeaderValue};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use web_sys::{Headers, Request, Response};

#[wasm_bindgen(module = "/src/packed.js")]
extern "C" {
    fn pack(headers: &Headers) -> String;

    #[wasm_bindgen(js_name = packSome)]
    fn pack_some(headers: &Headers, names: &str) -> String;

    #[wasm_bindgen(catch)]
    fn unpack(lines: &str) -> Result<Headers, JsValue>;

    #[wasm_bindgen(catch, js_name = respond)]
    fn js_respond(status: u16, lines: &str, body: &JsValue) -> Result<Response, JsValue>;

    #[wasm_bindgen(js_name = methodAndUrl)]
    fn js_method_and_url(request: &Request) -> String;
}

/// Every header.
pub fn read(headers: &Headers) -> HeaderMap {
    from_lines(&pack(headers))
}

/// The headers of these names.
pub fn read_some(headers: &Headers, names: &[HeaderName]) -> HeaderMap {
    let names: Vec<&str> = names.iter().map(HeaderName::as_str).collect();
    from_lines(&pack_some(headers, &names.join("\n")))
}

pub fn write(headers: &HeaderMap) -> Result<Headers, JsValue> {
    unpack(&to_lines(headers))
}

/// An answer. `body` is whatever the platform takes as one; null for none.
pub fn respond(status: u16, headers: &HeaderMap, body: &JsValue) -> Result<Response, JsValue> {
    js_respond(status, &to_lines(headers), body)
}

pub fn method_and_url(request: &Request) -> Option<(String, String)> {
    let text = js_method_and_url(request);
    text.split_once('\n').map(|(method, url)| (method.to_owned(), url.to_owned()))
}

fn from_lines(lines: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let mut lines = lines.split('\n');
    while let (Some(name), Some(value)) = (lines.next(), lines.next()) {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_bytes(value.as_bytes()))
        {
            headers.append(name, value);
        }
    }
    headers
}

fn to_lines(headers: &HeaderMap) -> String {
    let mut lines = String::with_capacity(512);
    for (name, value) in headers {
        if !lines.is_empty() {
            lines.push('\n');
        }
        lines.push_str(name.as_str());
        lines.push('\n');
        lines.push_str(&String::from_utf8_lossy(value.as_bytes()));
    }
    lines
}
