//! The Cloudflare Workers adapter: what [`agentidp_edge_core::host`] asks for, given by KV, a Durable Object, `fetch` and
//! `node:crypto`. Anything that could be decided differently elsewhere is not decided here.
#![cfg(target_family = "wasm")]

mod at_once;
mod body;
mod convert;
mod crypto;
mod hub;
mod limiter;
mod platform;
mod region;

use std::cell::OnceCell;
use std::rc::Rc;

use agentidp_edge_core::{Config, Node, handle, is_verify, misconfigured};
use http::Response;
use worker::{Context, Env, console_error, event};

use crate::body::Body;
use crate::platform::Workers;

thread_local! {
    /// What this isolate remembers between requests. A variable that is wrong stays so until the next deployment.
    static NODE: OnceCell<Option<Rc<Node>>> = const { OnceCell::new() };
}

#[event(fetch)]
async fn fetch(request: web_sys::Request, env: Env, context: Context) -> worker::Result<web_sys::Response> {
    let response = answer(&request, env, context).await;
    body::drain(&request).await;
    convert::response_to_js(response)
}

async fn answer(request: &web_sys::Request, env: Env, context: Context) -> Response<Body> {
    let region = region::of(request);
    let node = NODE.with(|node| node.get_or_init(|| open_node(&env)).clone());
    let is_verify = |uri: &_| node.as_ref().is_some_and(|node| is_verify(node, uri));
    let request = match convert::request_from_js(request, is_verify) {
        Ok(request) => request,
        Err(refused) => return refused.map(Body::Bytes),
    };
    let Some(node) = node else {
        return misconfigured(request.uri().path()).map(Body::Bytes);
    };
    let host = Rc::new(Workers::for_request(env, context, region));
    handle(&node, &host, request).await
}

fn open_node(env: &Env) -> Option<Rc<Node>> {
    match config(env) {
        Ok(config) => Some(Rc::new(Node::new(config, crypto::random()))),
        Err(error) => {
            console_error!("{error}");
            None
        }
    }
}

fn config(env: &Env) -> Result<Config, agentidp_edge_core::ConfigError> {
    Config::from_variables(|name| env.var(name).ok().map(|value| value.to_string()))
}
