//! Which calls are counted, for whom, and as what; and how they get from a node to its hub and from there to the control plane.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use agentidp_edge_core::host::{HubUnavailable, OriginError};
use agentidp_edge_core::usage::HandOver;
use agentidp_shared::edge_keys::EdgeKeys;
use agentidp_shared::exceptions::Standing;
use agentidp_shared::usage::{self, Batch, Decision, MAX_TALLIES, Tally};
use http::{Method, Request};
use serde_json::json;
use uuid::Uuid;

use crate::gateway::{self, AUDIENCE};
use crate::hub::Region;
use crate::support::*;

/// What the nodes of an edge gave to its hub, by decision; everything is of the one agent.
fn handed_over(edge: &Edge) -> BTreeMap<Decision, u64> {
    edge.host.run_background();
    let mut sums = BTreeMap::new();
    for tally in edge.host.usage.borrow().iter().flat_map(|hand_over| &hand_over.tallies) {
        assert_eq!(
            (tally.organization_id.to_string(), tally.agent_id.to_string()),
            (ORGANIZATION.into(), AGENT.into())
        );
        assert_eq!(u64::from(tally.day), NOW / 86_400);
        *sums.entry(tally.decision).or_default() += tally.count;
    }
    sums
}

#[test]
fn a_call_is_counted_as_what_became_of_it() {
    let edge = Edge::new();
    for _ in 0..3 {
        assert_eq!(edge.verify(&token()), 200);
    }
    edge.get_with(&token(), "/api/v1/agents");
    let bearer = format!("Bearer {}", token());
    assert_eq!(edge.form("/oauth2/introspect", Some(&bearer), &format!("token={}", token())).status(), 200);
    assert_eq!(edge.get_with(&token(), "/verify?scope=agents:write").status(), 403);
    assert_eq!(edge.get_with(&token(), "/verify?audience=https://other.example").status(), 401);
    assert_eq!(edge.verify(&token_with(&[("exp", (NOW - 60).into())])), 401);
    assert_eq!(
        edge.form(
            "/oauth2/introspect",
            Some(&format!("Bearer {}", token_with(&[("scope", "".into())]))),
            "token=x"
        )
        .status(),
        403
    );
    assert_eq!(handed_over(&edge), BTreeMap::from([(Decision::Allowed, 5), (Decision::Denied, 4)]));
}

#[test]
fn revoked_and_suspended_callers_are_counted_as_denied_and_those_too_old_to_judge_as_unknown() {
    for change in [Feed::revocation(TOKEN_ID), Feed::agent(AGENT, Standing::Suspended)] {
        let edge = Edge::following(Feed::new().with(change));
        assert_eq!(
            (edge.verify(&token()), edge.get_with(&token(), "/api/v1/agents").status().as_u16()),
            (401, 401)
        );
        assert_eq!(handed_over(&edge), BTreeMap::from([(Decision::Denied, 2)]));
    }
    let edge = Edge::new();
    *edge.host.hub.borrow_mut() = HubIs::Down;
    edge.host.pass(70_000);
    assert_eq!(edge.verify(&writer_token()), 503);
    assert_eq!(handed_over(&edge), BTreeMap::from([(Decision::Unknown, 1)]));
}

#[test]
fn usage_inflation_attack_what_none_of_our_keys_has_signed_is_counted_for_nobody() {
    let edge = Edge::new();
    let good = token();
    let (unsigned, _) = good.rsplit_once('.').unwrap();
    for forged in
        [String::new(), "a.b.c".into(), format!("{unsigned}.{}", "A".repeat(86)), token_of(9, &claims())]
    {
        assert_eq!(edge.verify(&forged), 401, "{forged}");
    }
    edge.get("/verify");
    edge.get("/api/v1/agents");
    // Nor is one counted for what somebody else asks about it.
    let asker = json!(OTHER_AGENT);
    let bearer = format!("Bearer {}", token_with(&[("sub", asker.clone()), ("client_id", asker)]));
    edge.form("/oauth2/introspect", Some(&bearer), &format!("token={good}"));
    edge.host.run_background();
    let usage = edge.host.usage.borrow();
    let counted: Vec<String> = usage
        .iter()
        .flat_map(|hand_over| &hand_over.tallies)
        .map(|tally| tally.agent_id.to_string())
        .collect();
    assert_eq!(counted, [OTHER_AGENT]);
}

#[test]
fn at_the_gateway_calls_are_counted_where_a_rule_asks_for_a_token() {
    let edge = gateway::edge();
    let status = |audience, path: &str| {
        gateway::get(&edge, audience, &format!("https://api.example{path}")).status().as_u16()
    };
    assert_eq!((status(AUDIENCE, "/users/1"), status(AUDIENCE, "/things/1")), (200, 200));
    assert_eq!((status(AUDIENCE, "/users/admin"), status(ISSUER, "/users/1")), (403, 401));
    assert_eq!((status(AUDIENCE, "/public"), status(AUDIENCE, "/nowhere")), (200, 403));
    assert_eq!(handed_over(&edge), BTreeMap::from([(Decision::Allowed, 2), (Decision::Denied, 2)]));
}

#[cfg(feature = "rego")]
#[test]
fn what_a_policy_of_the_operators_own_refuses_is_denied() {
    let mut upstreams = gateway::upstreams();
    let policy = "package own\nimport rego.v1\nallow if input.path == \"/users/1\"";
    upstreams[0]["policy"] = json!({"modules": {"own.rego": policy}, "entrypoint": "data.own.allow"});
    let edge = Edge::in_front_of(&upstreams);
    edge.host.answer_with(|_| Ok(answer(200, "")));
    let status =
        |path: &str| gateway::get(&edge, AUDIENCE, &format!("https://api.example{path}")).status().as_u16();
    assert_eq!((status("/users/1"), status("/users/2")), (200, 403));
    assert_eq!(handed_over(&edge), BTreeMap::from([(Decision::Allowed, 1), (Decision::Denied, 1)]));
}

#[test]
fn calls_of_a_second_go_in_one_hand_over() {
    let edge = Edge::new();
    for _ in 0..100 {
        edge.verify(&token());
    }
    assert!(edge.host.usage.borrow().is_empty());
    edge.host.run_background();
    edge.verify(&token());
    edge.host.run_background();
    let counts: Vec<(u64, u64)> = edge
        .host
        .usage
        .borrow()
        .iter()
        .map(|hand_over| (hand_over.number, hand_over.tallies[0].count))
        .collect();
    assert_eq!(counts, [(1, 100), (2, 1)]);
}

#[test]
fn what_the_hub_does_not_answer_for_is_handed_over_again_unchanged_and_what_came_since_after_it() {
    let edge = Edge::new();
    *edge.host.usage_taken.borrow_mut() = Box::new(|_| Err(HubUnavailable));
    edge.verify(&token());
    edge.host.run_background();
    // A hub that is away is left alone for a while.
    for _ in 0..5 {
        edge.host.pass(1_999);
        edge.verify(&token());
        edge.host.run_background();
    }
    assert_eq!(edge.host.usage.borrow().len(), 1);
    *edge.host.usage_taken.borrow_mut() = Box::new(|_| Ok(()));
    edge.host.pass(5);
    edge.get("/health/ready");
    edge.host.run_background();
    let usage = edge.host.usage.borrow();
    assert_eq!(usage.len(), 3);
    assert_eq!(usage[0], usage[1]);
    assert_eq!((usage[2].number, usage[2].tallies[0].count), (2, 5));
}

#[test]
fn a_hand_over_whose_request_has_gone_is_begun_anew() {
    let edge = Edge::new();
    edge.verify(&token());
    edge.host.drop_background();
    edge.host.pass(9_999);
    edge.verify(&token());
    edge.host.run_background();
    assert!(edge.host.usage.borrow().is_empty());
    edge.host.pass(1);
    edge.verify(&token());
    assert_eq!(handed_over(&edge), BTreeMap::from([(Decision::Allowed, 3)]));
}

#[test]
fn many_agents_go_in_several_hand_overs() {
    let edge = Edge::new();
    for number in 0..600_u128 {
        let agent = json!(Uuid::from_u128(number).to_string());
        assert_eq!(edge.verify(&token_with(&[("sub", agent.clone()), ("client_id", agent)])), 200);
    }
    edge.host.run_background();
    let usage = edge.host.usage.borrow();
    let sizes: Vec<usize> = usage.iter().map(|hand_over| hand_over.tallies.len()).collect();
    assert_eq!(sizes, [256, 256, 88]);
    let agents: BTreeSet<_> =
        usage.iter().flat_map(|hand_over| &hand_over.tallies).map(|tally| tally.agent_id).collect();
    assert_eq!(agents.len(), 600);
}

/// A control plane that counts each batch once, and can be made to fail in several ways.
#[derive(Debug, Default)]
pub struct Ledger {
    pub batches: RefCell<BTreeMap<Uuid, Batch>>,
    pub deliveries: Cell<usize>,
    /// What it answers next, and whether it counts the batch all the same.
    pub mood: Cell<Option<(Result<u16, OriginError>, bool)>>,
}

impl Ledger {
    pub fn take(&self, request: &Request<Vec<u8>>) -> Result<Answer, OriginError> {
        let (outcome, counts) = self.mood.get().unwrap_or((Ok(204), true));
        if counts {
            assert_eq!((request.method(), request.uri().path()), (&Method::POST, "/edge/v1/usage"));
            assert_eq!(
                request.headers()["authorization"],
                format!("Bearer {}", EdgeKeys::derive(EDGE_KEY).feed())
            );
            assert_eq!(request.headers()["x-edge-name"], "edge-1");
            let sealed = std::str::from_utf8(request.body()).unwrap();
            let batch = usage::open(sealed, "edge-1", EdgeKeys::derive(EDGE_KEY).usage().as_bytes()).unwrap();
            self.deliveries.set(self.deliveries.get() + 1);
            if let Some(known) = self.batches.borrow_mut().insert(batch.id, batch.clone()) {
                assert_eq!(known, batch, "another batch under the same id");
            }
        }
        outcome.map(|status| answer(status, ""))
    }

    pub fn sum(&self) -> u64 {
        self.batches.borrow().values().flat_map(|batch| &batch.tallies).map(|tally| tally.count).sum()
    }
}

/// A region whose control plane serves the feed and takes usage.
fn counting_region(host: Rc<TestHost>, ledger: &Rc<Ledger>) -> Region {
    let region = Region::on(host);
    region.serve(&Feed::new());
    let (feed, ledger) = (Feed::new(), Rc::clone(ledger));
    region.host.answer_with(move |request| match request.uri().path() {
        "/edge/v1/usage" => ledger.take(request),
        "/edge/v1/snapshot" => Ok(answer(200, feed.snapshot(NOW_MS))),
        _ => Ok(answer(200, feed.after(3, NOW_MS))),
    });
    region
}

fn hand_over(node: u128, number: u64, counts: &[u64]) -> HandOver {
    let tally = |(agent, count): (usize, &u64)| Tally {
        organization_id: ORGANIZATION.parse().unwrap(),
        agent_id: Uuid::from_u128(u128::try_from(agent).unwrap()).into(),
        decision: Decision::Allowed,
        day: 20_833,
        count: *count,
    };
    HandOver { node: Uuid::from_u128(node), number, tallies: counts.iter().enumerate().map(tally).collect() }
}

#[test]
fn a_hub_counts_each_hand_over_once_and_reports_the_sums() {
    let ledger = Rc::new(Ledger::default());
    let region = counting_region(TestHost::new(), &ledger);
    for _ in 0..3 {
        region.hub.take_usage(&hand_over(1, 1, &[2, 3])).unwrap();
        region.hub.take_usage(&hand_over(2, 1, &[10])).unwrap();
    }
    region.hub.take_usage(&hand_over(1, 2, &[1])).unwrap();
    region.hub.take_usage(&hand_over(1, 1, &[2, 3])).unwrap();
    region.tick();
    let batches: Vec<Batch> = ledger.batches.borrow().values().cloned().collect();
    assert_eq!(batches.len(), 1);
    assert_eq!(batches[0].tallies.iter().map(|tally| tally.count).collect::<Vec<_>>(), [13, 3]);
    region.host.pass(10_000);
    region.tick();
    assert_eq!(ledger.deliveries.get(), 1, "there was nothing more");
}

#[test]
fn a_batch_stays_the_same_through_failures_and_restarts_and_what_comes_meanwhile_follows() {
    let failures = [
        (Err(OriginError::Unreachable), false),
        (Err(OriginError::TimedOut), true),
        (Ok(500), false),
        (Ok(500), true),
        (Ok(401), false),
        (Ok(404), false),
    ];
    let ledger = Rc::new(Ledger::default());
    let mut region = counting_region(TestHost::new(), &ledger);
    let mut given = 0;
    for (number, failure) in (1..).zip(failures) {
        ledger.mood.set(Some(failure));
        region.hub.take_usage(&hand_over(1, number, &[number, 1])).unwrap();
        given += number + 1;
        region.tick();
        // Another process on the same storage, before anybody was answered.
        let host = TestHost::new();
        *host.notes.borrow_mut() = region.host.notes.take();
        region = counting_region(host, &ledger);
        region.hub.take_usage(&hand_over(1, number, &[number, 1])).unwrap();
    }
    ledger.mood.set(None);
    region.tick();
    assert_eq!(ledger.sum(), given);
    assert_eq!(ledger.batches.borrow().len(), 2);
    assert!(ledger.deliveries.get() > 2);
}

#[test]
fn more_than_a_batch_holds_goes_in_several() {
    let ledger = Rc::new(Ledger::default());
    let region = counting_region(TestHost::new(), &ledger);
    region.hub.take_usage(&hand_over(1, 1, &[1; 2 * MAX_TALLIES + 5])).unwrap();
    region.tick();
    assert_eq!((ledger.batches.borrow().len(), ledger.sum()), (3, 517));
    assert!(region.host.notes.borrow().keys().all(|name| name.starts_with("node/")));
}

#[test]
fn a_batch_too_old_to_be_taken_is_given_up_and_said_so() {
    let ledger = Rc::new(Ledger::default());
    let region = counting_region(TestHost::new(), &ledger);
    region.hub.take_usage(&hand_over(1, 1, &[1])).unwrap();
    ledger.mood.set(Some((Ok(410), false)));
    region.tick();
    ledger.mood.set(None);
    region.hub.take_usage(&hand_over(1, 2, &[5])).unwrap();
    region.tick();
    assert_eq!(ledger.sum(), 5);
    assert!(region.host.log.borrow().iter().any(|line| line.contains("given up")));
}

#[test]
fn nodes_that_are_gone_are_forgotten() {
    let ledger = Rc::new(Ledger::default());
    let region = counting_region(TestHost::new(), &ledger);
    for node in 0..50 {
        region.hub.take_usage(&hand_over(node, 1, &[1])).unwrap();
    }
    region.host.pass(20 * 3_600_000);
    region.hub.take_usage(&hand_over(100, 1, &[1])).unwrap();
    region.tick();
    assert_eq!(region.host.notes.borrow().len(), 51);
    region.host.pass(5 * 3_600_000);
    region.tick();
    assert_eq!(region.host.notes.borrow().len(), 1);
    assert_eq!(ledger.sum(), 51);
}

/// Every count of many nodes arrives, with hand-overs and reports failing, arriving twice, and the hub restarting at random.
#[test]
fn from_nodes_to_control_plane_nothing_is_lost_or_doubled_whatever_fails_on_the_way() {
    for seed in 1..20_u32 {
        let mut dice = Dice::new(seed);
        let ledger = Rc::new(Ledger::default());
        let region = Rc::new(RefCell::new(counting_region(TestHost::new(), &ledger)));
        let edges: Vec<Edge> = (0..3).map(|_| Edge::new()).collect();
        let fate = Rc::new(Cell::new(0));
        for edge in &edges {
            let (region, fate) = (Rc::clone(&region), Rc::clone(&fate));
            *edge.host.usage_taken.borrow_mut() = Box::new(move |hand_over| match fate.get() {
                0 => Err(HubUnavailable),
                // It arrives, and the answer does not.
                1 => {
                    region.borrow().hub.take_usage(hand_over).unwrap();
                    Err(HubUnavailable)
                }
                _ => region.borrow().hub.take_usage(hand_over).map_err(|_| HubUnavailable),
            });
        }
        let mut calls = 0;
        for round in 0..100 {
            let is_last = round >= 90;
            fate.set(if is_last { 9 } else { dice.below(5) });
            ledger.mood.set(match if is_last { 9 } else { dice.below(5) } {
                0 => Some((Ok(500), true)),
                1 => Some((Err(OriginError::TimedOut), false)),
                _ => None,
            });
            for edge in &edges {
                edge.host.pass(3_000);
                if !is_last {
                    for _ in 0..dice.below(4) {
                        assert_eq!(edge.verify(&token()), 200);
                        calls += 1;
                    }
                }
                edge.get("/health/ready");
                edge.host.run_background();
            }
            if is_last || dice.below(3) == 0 {
                region.borrow().host.pass(10_000);
                region.borrow().tick();
            }
            if dice.below(10) == 0 {
                let host = TestHost::new();
                *host.notes.borrow_mut() = region.borrow().host.notes.take();
                host.now_ms.set(region.borrow().host.now_ms.get());
                *region.borrow_mut() = counting_region(host, &ledger);
            }
        }
        assert_eq!(ledger.sum(), calls, "{seed}");
    }
}
