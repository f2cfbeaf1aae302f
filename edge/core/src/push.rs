//! `POST /edge/v1/push`: the control plane tells an idle edge at once what it would otherwise learn a little later.
//!
//! There is no key to present: a batch is believed by its signature, and one that was already taken changes nothing.

use agentidp_shared::wire::{self, WireVersions};
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};

use crate::errors::Problem;
use crate::feed_client;
use crate::host::{Host, Taken};
use crate::knowledge::Source as _;
use crate::methods;
use crate::node::Node;

/// Largest batch taken from whoever sends one, in bytes. A larger snapshot is not pushed but pulled, with the edge's key.
pub const MAX_BYTES: usize = 1024 * 1024;

/// Whatever the answer is, it says what this edge understands, so that the control plane pushes that from now on.
pub async fn push_batch<H: Host>(
    node: &Node,
    host: &H,
    request: Request<H::Body>,
) -> Result<Response<Vec<u8>>, Problem> {
    let taken = take(node, host, request).await;
    let Ok(versions) = HeaderValue::try_from(WireVersions::CURRENT.to_string()) else { return taken };
    let name = HeaderName::from_static(wire::HEADER);
    match taken {
        Ok(mut response) => {
            response.headers_mut().insert(name, versions);
            Ok(response)
        }
        Err(problem) => Err(problem.header(name, versions)),
    }
}

async fn take<H: Host>(
    node: &Node,
    host: &H,
    request: Request<H::Body>,
) -> Result<Response<Vec<u8>>, Problem> {
    methods::only_post(request.method())?;
    let unverified = host.read_body(request.into_body(), MAX_BYTES).await?;
    let unverified = String::from_utf8(unverified).map_err(|_| not_a_batch())?;
    // Before anything else, so that only what the control plane signed goes any further.
    let news = feed_client::open(host, &unverified, node.config.pinned()).map_err(|_| not_a_batch())?;
    match H::Source::take(node, host, news, unverified).await {
        Ok(Taken::Known) => {}
        Ok(Taken::Refused) => return Err(not_a_batch()),
        Ok(Taken::Conflict) => {
            let message = "this edge lacks what the batch builds on, or knows something newer";
            return Err(Problem::new(StatusCode::CONFLICT, "SEQUENCE_CONFLICT", "invalid_request", message));
        }
        Err(_) => return Err(Problem::unavailable("HUB_UNAVAILABLE", "the batch could not be passed on", 1)),
    }
    let mut response = Response::new(Vec::new());
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}

fn not_a_batch() -> Problem {
    let message = "the body is not a batch signed by this edge's control plane";
    Problem::new(StatusCode::BAD_REQUEST, "INVALID_BATCH", "invalid_request", message)
}
