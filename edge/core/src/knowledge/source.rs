//! How a node comes by what it knows: what the rest of the edge may ask of it, whatever the host.

use std::future::Future;
use std::rc::Rc;

use agentidp_shared::feed::News;

use crate::host::{HubUnavailable, Taken};
use crate::node::Node;

/// What concerns a token could not be read just now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("what concerns the token could not be read")]
pub struct NotKnown;

/// How nodes of the host `H` come by what they know.
pub trait Source<H> {
    /// Before every request: sees to it that the node keeps up.
    fn keep_up(node: &Rc<Node>, host: &Rc<H>) -> impl Future<Output = ()>;

    /// For an unknown `kid`: asks for news at once, but only once in a while, whoever causes it. True if it did.
    fn renew_for_unknown_key(node: &Node, host: &H) -> impl Future<Output = bool>;

    /// Sees to it that the state holds every exception about these subjects ([`feed::key_of_token`] and its like).
    ///
    /// [`feed::key_of_token`]: agentidp_shared::feed::key_of_token
    fn look_up(
        node: &Node,
        host: &H,
        subjects: impl FnOnce() -> Vec<String>,
    ) -> impl Future<Output = Result<(), NotKnown>>;

    /// Takes a pushed batch, or the first page of a snapshot, `text` as it was signed, for this node and all others around it.
    fn take(
        node: &Node,
        host: &H,
        news: News,
        text: String,
    ) -> impl Future<Output = Result<Taken, HubUnavailable>>;
}
