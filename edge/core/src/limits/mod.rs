//! How many requests are taken: of one client, of all clients of one organization, of one address, of one client at one upstream.
//!
//! A request with a good token counts for who it names, and never against the address it came from: behind one address there may
//! be many. A request without one counts for its address. How much is left is kept where all nodes of an edge can take from it
//! ([`Meters`]); when that place cannot be reached, each node limits by itself, because a limit must not become an outage.

mod address;
mod counting;
mod leasing;
mod meters;
mod report;
mod shard;

use agentidp_shared::claims::Claims;
use agentidp_shared::rate_limit::{RateLimit, Taken};
use agentidp_shared::usage::Decision;
use http::request;

use crate::errors::Problem;
use crate::host::{Host, Peer};
use crate::node::Node;
use crate::usage;

pub use counting::Counting;
pub use leasing::{LeaseRequest, Leases, Leasing};
pub use meters::Meters;
pub use report::Standing;
pub use shard::Shard;

/// One thing that is limited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    /// What the limit is called in answers.
    pub policy: &'static str,
    /// Whose it is; the same on all nodes.
    pub key: String,
    pub limit: RateLimit,
}

/// A limit of an API behind the gateway, and the API's name.
pub type OfUpstream<'a> = Option<(&'a str, RateLimit)>;

/// Counts a request with this good token, against its limits and, as let through or not, in the usage that is reported.
pub async fn admit_token<H: Host>(
    node: &Node,
    host: &H,
    claims: &Claims,
    upstream: OfUpstream<'_>,
) -> Result<Standing, Problem> {
    let limits = node.knowledge.with(|state| (state.limits.client, state.limit_of(claims.organization_id)));
    let (client, organization) = limits.unwrap_or_default();
    let (client_id, organization_id) = (claims.client_id, claims.organization_id);
    let buckets = [
        upstream.map(|(name, limit)| ("upstream", format!("upstream/{name}/{client_id}"), limit)),
        client.map(|limit| ("client", format!("client/{client_id}"), limit)),
        organization.map(|limit| ("organization", format!("organization/{organization_id}"), limit)),
    ];
    let standing = admit(node, host, buckets.into_iter().flatten()).await;
    usage::count(node, host, claims, if standing.is_ok() { Decision::Allowed } else { Decision::Limited });
    standing
}

/// Counts a request without a good token. One of which the platform does not say where it came from is not limited.
pub async fn admit_address<H: Host>(
    node: &Node,
    host: &H,
    request: &request::Parts,
    upstream: OfUpstream<'_>,
) -> Result<Standing, Problem> {
    let Some(address) = request.extensions.get::<Peer>().and_then(|peer| peer.address) else {
        return Ok(Standing::default());
    };
    let network = address::network_of(address);
    let limit = node.knowledge.with(|state| state.limits.address).flatten();
    let buckets = [
        upstream.map(|(name, limit)| ("upstream", format!("upstream/{name}/{network}"), limit)),
        limit.map(|limit| ("address", format!("address/{network}"), limit)),
    ];
    admit(node, host, buckets.into_iter().flatten()).await
}

/// Counts a request whose token, or lack of one, was refused. Returns what it is told: that, or to wait.
pub async fn count_refusal<H: Host>(
    node: &Node,
    host: &H,
    request: &request::Parts,
    refusal: Problem,
) -> Problem {
    if !refusal.is_unauthenticated() {
        return refusal;
    }
    match admit_address(node, host, request, None).await {
        Ok(_) => refusal,
        Err(limited) => limited,
    }
}

/// One after the other, the narrowest first: who is over its own limit takes nothing from the others of its organization.
async fn admit<H: Host>(
    node: &Node,
    host: &H,
    buckets: impl Iterator<Item = (&'static str, String, RateLimit)>,
) -> Result<Standing, Problem> {
    let mut standing = Standing::default();
    for (policy, key, limit) in buckets {
        let bucket = Bucket { policy, key, limit };
        let taken: Taken = H::Meters::take(node, host, &bucket).await;
        standing.add(&bucket, taken, host.now_ms());
        if taken.granted == 0 {
            return Err(standing.refuse(&bucket, taken));
        }
    }
    Ok(standing)
}
