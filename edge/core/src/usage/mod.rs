//! Counting the calls this edge decides on, and seeing to it that every one of them reaches the control plane once.
//!
//! A call is counted for the agent whose token it presents, if one of our keys has signed that token, whatever else may be
//! wrong with it; what nobody has signed is counted for nobody. How counts leave a node differs by host ([`Reporting`]): a node
//! that lives on adds them up and hands them over to its region's hub; one that lives for a single request adds them to what
//! the store holds. The hub, or whoever finds that it is time, puts them into batches that keep their id until the control
//! plane has taken them, however often they must be sent.

mod hand_over;
mod nodes;
mod report;
mod store;
mod tallies;

use std::rc::Rc;

use agentidp_shared::claims::Claims;
use agentidp_shared::usage::{DAY_MS, Decision};

use crate::host::{Platform, Severity};
use crate::node::Node;

pub use hand_over::HandOver;
pub use nodes::{HandingOver, Usage};
pub use report::{REPORT_EVERY_MS, new_batch, send};
pub use store::{AddingToStore, report_due};

/// How counts leave a node of the host `H`.
pub trait Reporting<H> {
    /// Whether a node is there for more than one request.
    const NODES_LIVE_ON: bool;

    /// After every request: sees to it that what was counted does not stay in this node. Does not wait for it.
    fn report(node: &Rc<Node>, host: &Rc<H>);
}

/// Counts a call with a token of these claims, which one of our keys has signed.
pub fn count<P: Platform>(node: &Node, host: &P, claims: &Claims, decision: Decision) {
    node.usage.decide(decision);
    let day = u32::try_from(host.now_ms() / DAY_MS).unwrap_or(u32::MAX);
    if !node.usage.counted.borrow_mut().add(claims.organization_id, claims.sub, decision, day, 1) {
        host.log(
            Severity::Error,
            "a call is not counted: too many agents call while counts cannot be handed over",
        );
    }
}
