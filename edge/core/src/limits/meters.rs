//! Where the meters are: what the rest of the edge may ask of them, whatever the host.

use std::future::Future;

use agentidp_shared::rate_limit::Taken;

use super::Bucket;
use crate::node::Node;

/// How nodes of the host `H` count together.
pub trait Meters<H> {
    /// Takes one request of a bucket. Never fails: what cannot be counted together is counted alone.
    fn take(node: &Node, host: &H, bucket: &Bucket) -> impl Future<Output = Taken>;
}
