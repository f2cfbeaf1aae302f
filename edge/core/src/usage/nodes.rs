//! Of nodes that live on: counts are added up in memory and handed over to the region's hub about a second after the first of
//! them. What the hub did not answer for is handed over again under the same number, so that it counts once.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use agentidp_shared::usage::{Decision, MAX_TALLIES};
use uuid::Uuid;

use super::Reporting;
use super::hand_over::HandOver;
use super::report::random_id;
use super::tallies::Tallies;
use crate::host::{HubClient, Platform, Severity};
use crate::node::Node;

/// How long counts are added up before they are handed over, in milliseconds.
const ADDED_UP_FOR_MS: u64 = 1_000;
/// How long nobody else begins after somebody did or failed. Who has not handed over by then never will: its request is gone.
const PAUSE_MS: u64 = 10_000;
/// Most hand-overs in a row.
const MAX_IN_A_ROW: usize = 8;

/// What a node has counted and not handed over yet.
#[derive(Debug, Default)]
pub struct Usage {
    pub(super) counted: RefCell<Tallies>,
    /// Taken out of what is counted, and perhaps with the hub already.
    in_hand: RefCell<Option<HandOver>>,
    name: Cell<Option<Uuid>>,
    number: Cell<u64>,
    /// Since when somebody is about to hand over.
    begun_at: Cell<Option<u64>>,
    /// Calls since the node began, in the order of [`Decision::ALL`].
    decided: [Cell<u64>; Decision::ALL.len()],
}

/// Adds up, and hands over to the hub.
#[derive(Debug)]
pub struct HandingOver;

impl<H: HubClient> Reporting<H> for HandingOver {
    const NODES_LIVE_ON: bool = true;

    fn report(node: &Rc<Node>, host: &Rc<H>) {
        let (usage, now_ms) = (&node.usage, host.now_ms());
        let is_nothing = usage.counted.borrow().is_empty() && usage.in_hand.borrow().is_none();
        let has_begun = usage.begun_at.get().is_some_and(|at| now_ms.abs_diff(at) < PAUSE_MS);
        if is_nothing || has_begun {
            return;
        }
        usage.begun_at.set(Some(now_ms));
        let (node, in_background) = (Rc::clone(node), Rc::clone(host));
        host.run_in_background(async move {
            in_background.sleep(ADDED_UP_FOR_MS).await;
            // From here on the next count is for somebody else to hand over.
            node.usage.begun_at.set(None);
            if node.usage.hand_over(&*in_background).await.is_err() {
                node.usage.begun_at.set(Some(in_background.now_ms()));
                in_background.log(
                    Severity::Warning,
                    "the hub could not be given what was counted; it will be tried again",
                );
            }
        });
    }
}

impl Usage {
    /// Calls since the node began.
    pub fn decided(&self, decision: Decision) -> u64 {
        self.of(decision).map_or(0, Cell::get)
    }

    pub(super) fn decide(&self, decision: Decision) {
        if let Some(calls) = self.of(decision) {
            calls.set(calls.get().saturating_add(1));
        }
    }

    fn of(&self, decision: Decision) -> Option<&Cell<u64>> {
        let place = Decision::ALL.iter().position(|listed| *listed == decision)?;
        self.decided.get(place)
    }

    /// How many kinds of calls are not with the hub yet.
    pub fn waiting(&self) -> usize {
        let in_hand = self.in_hand.borrow().as_ref().map_or(0, |in_hand| in_hand.tallies.len());
        self.counted.borrow().len() + in_hand
    }

    async fn hand_over<H: HubClient>(&self, host: &H) -> Result<(), crate::host::HubUnavailable> {
        for _ in 0..MAX_IN_A_ROW {
            let Some(in_hand) = self.next(host) else { return Ok(()) };
            let number = in_hand.number;
            host.hand_over_usage(in_hand).await?;
            // Unless somebody else was told so earlier.
            self.in_hand.borrow_mut().take_if(|in_hand| in_hand.number == number);
        }
        Ok(())
    }

    /// What was not answered for, or what was counted since.
    fn next<P: Platform>(&self, host: &P) -> Option<HandOver> {
        let mut in_hand = self.in_hand.borrow_mut();
        if in_hand.is_none() {
            let tallies = self.counted.borrow_mut().take(MAX_TALLIES);
            if !tallies.is_empty() {
                let node = self.name.get().unwrap_or_else(|| random_id(host));
                self.name.set(Some(node));
                let number = self.number.get() + 1;
                self.number.set(number);
                *in_hand = Some(HandOver { node, number, tallies });
            }
        }
        in_hand.clone()
    }
}
