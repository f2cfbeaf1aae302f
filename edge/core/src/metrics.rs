//! `GET /edge/v1/metrics`: what this node knows and does, in Prometheus' text format, for whoever has the key
//! for metrics that is derived from the edge's own. To everybody else there is nothing here.

use std::fmt::Write as _;

use agentidp_shared::usage::Decision;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, Response, request};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::authorization::{Presented, presented};
use crate::host::Host;
use crate::node::Node;
use crate::usage::Reporting as _;

/// Whether a request may read them.
pub fn is_allowed(node: &Node, request: &request::Parts) -> bool {
    let digest = |text: &str| <[u8; 32]>::from(Sha256::digest(text.as_bytes()));
    let is_key = match presented(&request.headers) {
        // Of digests, so that neither length nor content shows in the time it takes.
        Ok(Presented::Bearer(key)) => bool::from(digest(key).ct_eq(&digest(node.config.keys().metrics()))),
        _ => false,
    };
    is_key && request.method == Method::GET
}

/// Of a node that lives for one request only what it read for that; the rest would always be nothing.
pub fn get_metrics<H: Host>(node: &Node, host: &H) -> Response<Vec<u8>> {
    let mut text = String::new();
    let mut gauge = |name: &str, help: &str, value: String| {
        // Writing to a string does not fail.
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}");
    };
    if let Some(bytes) = host.memory_bytes() {
        gauge(
            "agentidp_edge_memory_bytes",
            "the WebAssembly memory of this instance, which never shrinks",
            bytes.to_string(),
        );
    }
    let now_ms = host.now_ms();
    let state = node.knowledge.with(|state| {
        let age = std::time::Duration::from_millis(state.age_ms(now_ms)).as_secs_f64();
        (state.sequence(), age, state.exceptions.len(), state.exceptions.unknown_changes())
    });
    if let Some((sequence, age, exceptions, unknown)) = state {
        gauge(
            "agentidp_edge_state_sequence",
            "the sequence of the feed this node holds",
            sequence.to_string(),
        );
        gauge(
            "agentidp_edge_state_age_seconds",
            "how long ago what this node holds was signed",
            age.to_string(),
        );
        gauge(
            "agentidp_edge_unknown_changes",
            "changes of the feed that this node must understand and does not: update the edge",
            unknown.to_string(),
        );
        if H::Usage::NODES_LIVE_ON {
            gauge(
                "agentidp_edge_exceptions",
                "revoked tokens, agents and organizations held",
                exceptions.to_string(),
            );
        }
    }
    if H::Usage::NODES_LIVE_ON {
        let verified = node.knowledge.verified.borrow().len();
        gauge(
            "agentidp_edge_verified_tokens",
            "tokens whose signature need not be checked again",
            verified.to_string(),
        );
        let waiting = node.usage.waiting();
        gauge(
            "agentidp_edge_usage_waiting",
            "kinds of calls counted and not with the hub yet",
            waiting.to_string(),
        );
        let name = "agentidp_edge_decisions_total";
        let _ = writeln!(text, "# HELP {name} calls decided on since this node began\n# TYPE {name} counter");
        for decision in Decision::ALL {
            let calls = node.usage.decided(decision);
            let _ = writeln!(text, "{name}{{decision=\"{}\"}} {calls}", decision.as_str());
        }
    }
    let mut response = Response::new(text.into_bytes());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; version=0.0.4"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
