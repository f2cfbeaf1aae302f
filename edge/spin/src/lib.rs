//! The Spin adapter: what [`agentidp_edge_core::host`] asks for, given by Spin's key-value store, variables and outbound HTTP.
//! Anything that could be decided differently elsewhere is not decided here.
//!
//! An instance lives for one request, and for what was left to do after its answer.
#![cfg(target_os = "wasi")]
#![allow(unsafe_code, clippy::same_length_and_capacity, reason = "the exports that the SDK writes")]

mod body;
mod convert;
mod fetch;
mod platform;
mod store;

use std::rc::Rc;

use agentidp_edge_core::host::Platform as _;
use agentidp_edge_core::{Config, Node, handle, misconfigured};
use futures_util::future::join;
use http::Response;
use spin_sdk::http::{IncomingRequest, ResponseOutparam};
use spin_sdk::{http_component, variables};

use crate::body::Body;
use crate::platform::Spin;

#[http_component]
async fn answer(request: IncomingRequest, out: ResponseOutparam) {
    let host = Rc::new(Spin::default());
    let response = respond(&host, request).await;
    join(convert::send(response, out), host.finish()).await;
}

async fn respond(host: &Rc<Spin>, request: IncomingRequest) -> Response<Body> {
    let request = match convert::request(request).await {
        Ok(request) => request,
        Err(refused) => return refused.map(Body::Bytes),
    };
    // Spin's variables are written in lower case.
    match Config::from_variables(|name| variables::get(&name.to_ascii_lowercase()).ok()) {
        Ok(config) => {
            let mut seed = [0; 16];
            host.fill_random(&mut seed);
            handle(&Rc::new(Node::new(config, seed)), host, request).await
        }
        Err(error) => {
            eprintln!("{error}");
            misconfigured(request.uri().path()).map(Body::Bytes)
        }
    }
}
