//! Versions on the wire: what an edge announces, what it does with a change that it cannot read, and how nodes and hubs of
//! different versions get along.

use std::rc::Rc;

use agentidp_edge_core::host::{HubUnavailable, Taken};
use agentidp_edge_core::knowledge::Known;
use agentidp_shared::edge_keys::EdgeKeys;
use agentidp_shared::exceptions::{ScopeLimit, Standing, SubjectException};
use agentidp_shared::feed::{Change, version_of};
use agentidp_shared::scopes::ScopeSet;
use agentidp_shared::wire::{self, WireVersions};
use futures_util::FutureExt as _;
use serde_json::json;

use crate::doubt::{other, third};
use crate::hub::Region;
use crate::store::Stored;
use crate::support::*;

pub fn principal() -> String {
    format!("principal/{AGENT}")
}

/// A feed of version 2 whose last word on the agent is one that no edge of today can read.
fn beyond() -> Feed {
    Feed::new().in_version(2).with(Feed::unknown("later/1", &[&principal()], false))
}

fn limited() -> Change {
    let exception =
        SubjectException { standing: Standing::Active, not_before: None, expires_at: NOW + 500_000 };
    let limit = ScopeLimit { scopes: ScopeSet::parse("tokens:read").unwrap(), issued_until: NOW };
    Change::AgentLimited { agent_id: AGENT.parse().unwrap(), exception, limit }
}

#[test]
fn an_edge_refuses_with_503_whom_a_change_concerns_that_it_cannot_read_and_says_so() {
    let edge = Edge::following(beyond());
    let answer = edge.get_with(&token(), "/verify");
    assert_eq!(answer.status(), 503);
    assert_eq!(json_of(&answer)["error"], "temporarily_unavailable");
    assert!(answer.headers().contains_key("retry-after"));
    let other = token_with(&[("sub", json!(OTHER_AGENT)), ("client_id", json!(OTHER_AGENT))]);
    assert_eq!(edge.verify(&other), 200);
    assert_eq!(json_of(&edge.get("/health/ready"))["unknownChanges"], 1);
    let metrics = edge.get_with(EdgeKeys::derive(EDGE_KEY).metrics(), "/edge/v1/metrics");
    let metrics = String::from_utf8(metrics.into_body()).unwrap();
    assert!(metrics.contains("agentidp_edge_unknown_changes 1\n"), "{metrics}");

    // What the same key says later, and can be read, ends it.
    let edge = Edge::following(
        Feed::new()
            .in_version(2)
            .with(Feed::unknown(&format!("agent/{AGENT}"), &[&principal()], false))
            .with(Feed::agent(AGENT, Standing::Active)),
    );
    assert_eq!(edge.verify(&token()), 200);
    assert!(json_of(&edge.get("/health/ready")).get("unknownChanges").is_none());
}

#[test]
fn an_edge_that_reads_its_store_answers_the_same_and_keeps_what_it_cannot_read() {
    let edge = Stored::new();
    *edge.feed.borrow_mut() = beyond().with(Feed::unknown("hint/1", &["all"], true)).with(Feed::keys(&[1]));
    let other = token_with(&[("sub", json!(OTHER_AGENT)), ("client_id", json!(OTHER_AGENT))]);
    assert_eq!((edge.verify(&token()), edge.verify(&other)), (503, 200));
    let head = String::from_utf8(edge.host.instances.value("head/2").unwrap()).unwrap();
    assert!(head.contains("later/1") && head.contains("hint/1") && head.contains("fromTheFuture"), "{head}");
    // Beside an older word that can be read, and until a later one.
    edge.change(Feed::agent(AGENT, Standing::Active));
    edge.change(Feed::unknown(&format!("agent/{AGENT}"), &[&principal()], false));
    edge.host.pass(11_000);
    edge.verify(&other);
    assert_eq!((edge.verify(&token()), edge.verify(&other)), (503, 200));
    edge.change(Feed::agent(AGENT, Standing::Active));
    edge.host.pass(11_000);
    edge.verify(&other);
    assert_eq!(edge.verify(&token()), 503, "of another key nothing was said");
    let head = String::from_utf8(edge.host.instances.value("head/2").unwrap()).unwrap();
    assert!(!head.contains(&format!("agent/{AGENT}")), "{head}");
}

#[test]
fn reduced_scopes_are_honoured_on_every_kind_of_host_whatever_the_version_they_are_told_in() {
    for version in [1, 2] {
        let feed = Feed::new().with(limited()).in_version(version);
        assert_eq!(Edge::following(feed.clone()).verify(&token()), 401);
        let stored = Stored::new();
        *stored.feed.borrow_mut() = feed.clone();
        assert_eq!(stored.verify(&token()), 401);
        let other = token_with(&[("sub", json!(OTHER_AGENT)), ("client_id", json!(OTHER_AGENT))]);
        assert_eq!((Edge::following(feed).verify(&other), stored.verify(&other)), (200, 200));
    }
}

#[test]
fn every_request_to_the_control_plane_and_every_answer_to_a_push_announces_the_versions() {
    let region = Region::following(&Feed::new());
    region.newer(None);
    let versions = WireVersions::CURRENT.to_string();
    for request in region.host.origin_asked.borrow().iter() {
        assert_eq!(request.headers()[wire::HEADER], *versions);
    }
    let edge = Edge::new();
    let news = Feed::new().with(Feed::revocation(TOKEN_ID));
    let (good, too_large) = (news.after(3, NOW_MS + 1), "x".repeat(1024 * 1024 + 1));
    for (status, batch, taken) in [
        (204, good.as_str(), Ok(Taken::Known)),
        (400, "x.y.z", Ok(Taken::Known)),
        (413, &too_large, Ok(Taken::Known)),
        (409, &good, Ok(Taken::Conflict)),
        (503, &good, Err(HubUnavailable)),
    ] {
        edge.host.taken.set(taken);
        let answer = edge.push(batch);
        assert_eq!((answer.status().as_u16(), header(&answer, wire::HEADER)), (status, &*versions));
    }
}

/// A region whose control plane tells its feed in the version that it is asked for.
fn bilingual(feed: &Feed) -> Region {
    let region = Region::following(feed);
    serve_in_both(&region, feed);
    region
}

fn serve_in_both(region: &Region, feed: &Feed) {
    let (feed, host) = (feed.clone(), Rc::downgrade(&region.host));
    region.host.answer_with(move |request| {
        let versions: WireVersions = request.headers()[wire::HEADER].to_str().unwrap().parse().unwrap();
        let feed = feed.clone().in_version(versions.feed);
        let after =
            request.uri().query().and_then(|query| query.strip_prefix("after=")?.strip_suffix("&wait=0"));
        let after = after.map_or(0, |after| after.parse().unwrap());
        Ok(answer(200, feed.after(after, host.upgrade().unwrap().now_ms.get())))
    });
}

#[track_caller]
fn assert_told_in(version: u8, batches: &[String]) {
    assert!(!batches.is_empty() && versions_of(batches).iter().all(|told| *told == version), "{batches:?}");
}

fn versions_of(batches: &[String]) -> Vec<u8> {
    batches.iter().map(|batch| version_of(batch)).collect()
}

#[test]
fn a_hub_gives_a_node_of_the_first_version_what_that_can_read_and_goes_back_when_it_is_gone() {
    let region = bilingual(&Feed::new().with(limited()));
    assert_eq!(versions_of(&region.newer(None)), [2]);
    let older = |region: &Region| {
        let newer = region.hub.newer(None, 1, None).now_or_never().unwrap();
        region.host.run_background();
        newer.map(|newer| newer.texts).unwrap_or_default()
    };
    let told = older(&region);
    assert_told_in(1, &told);
    // Nodes of today read that too.
    assert_eq!(region.leads_to(), "4");
    region.host.pass(11 * 60_000);
    region.newer(None);
    assert_told_in(2, &region.newer(None));
}

#[test]
fn a_hub_that_can_ask_for_more_than_was_pushed_does_and_takes_the_push_if_it_cannot() {
    let (before, after) = (Feed::new(), Feed::new().with(limited()));
    let pushed = after.after(3, NOW_MS + 1);
    let region = bilingual(&before);
    region.newer(None);
    region.asked();
    serve_in_both(&region, &after);
    assert_eq!(region.take(&pushed), Taken::Known);
    assert_eq!(region.asked().first().unwrap(), "/edge/v1/changes?after=3&wait=0");
    assert_told_in(2, &region.newer(None));
    assert_eq!(region.leads_to(), "4");

    let region = bilingual(&before);
    region.newer(None);
    region.host.answer_with(|_| Err(agentidp_edge_core::host::OriginError::Unreachable));
    assert_eq!(region.take(&pushed), Taken::Known);
    assert_eq!(region.leads_to(), "4");
}

#[test]
fn a_node_and_a_store_that_can_have_more_than_was_pushed_ask_for_it() {
    let (before, after) = (Feed::new().in_version(2), Feed::new().with(limited()).in_version(2));
    let pushed = Feed::new().with(limited()).after(3, NOW_MS + 1);
    let edge = Edge::following(before.clone());
    *edge.host.hub.borrow_mut() = HubIs::Following(after.clone());
    assert_eq!(edge.push(&pushed).status(), 204);
    assert_eq!(*edge.host.handed_over.borrow(), std::slice::from_ref(&pushed));
    assert_eq!((edge.verify(&token()), edge.verify(&narrow_token())), (401, 200));

    let stored = Stored::new();
    *stored.feed.borrow_mut() = before;
    assert_eq!(stored.verify(&token()), 200);
    stored.host.origin_asked.take();
    *stored.feed.borrow_mut() = after;
    assert_eq!(stored.push(pushed.clone()), 204);
    let asked = stored.host.origin_asked.take();
    assert_eq!(asked[0].uri().path_and_query().unwrap(), "/edge/v1/changes?after=3&wait=0");
    assert_eq!((stored.verify(&token()), stored.verify(&narrow_token())), (401, 200));

    // What it cannot have it takes as it was pushed.
    let stored = Stored::new();
    *stored.feed.borrow_mut() = Feed::new().in_version(2);
    assert_eq!(stored.verify(&token()), 200);
    stored.disconnect();
    assert_eq!(stored.push(pushed), 204);
    assert_eq!((stored.verify(&token()), stored.verify(&narrow_token())), (401, 401));
}

/// An old token of the agent with no more scopes than the agent still has: only version 1 cannot tell it apart.
fn narrow_token() -> String {
    token_with(&[("scope", "tokens:read".into())])
}

#[test]
fn a_node_that_was_told_the_stricter_form_is_given_the_other_when_its_hub_goes_back() {
    let feed = Feed::new().with(limited());
    let region = bilingual(&feed);
    region.hub.newer(None, 1, None).now_or_never().unwrap().unwrap();
    region.host.run_background();
    let edge = Edge::cold();
    *edge.host.hub.borrow_mut() = HubIs::Real(Rc::clone(&region.hub));
    assert_eq!((edge.verify(&token()), edge.verify(&narrow_token())), (401, 401));
    let pass = |milliseconds| {
        for host in [&region.host, &edge.host] {
            host.pass(milliseconds);
        }
        edge.verify(&token());
        edge.host.run_background();
        region.host.run_background();
    };
    // A deployment has been replaced, and nobody has changed anything since.
    pass(11 * 60_000);
    pass(3_000);
    assert_eq!((edge.verify(&token()), edge.verify(&narrow_token())), (401, 200));
    // Once: afterwards what follows is enough.
    region.host.pass(60_000);
    let known = |version| Some(Known { sequence: 4, issued_at_ms: NOW_MS, version });
    let (lower, same) = (region.newer(known(1)), region.newer(known(2)));
    assert_eq!((lower.len(), same.len()), (2, 1), "everything, or that there was nothing new");
}

#[test]
fn a_node_takes_no_change_of_a_newer_version_on_top_of_an_older_one() {
    let (feed, told) = (Feed::new().with(limited()), Feed::new().with(limited()).with(Feed::keys(&[1, 2])));
    let follows = told.clone().in_version(2).after(4, NOW_MS + 1);
    // Neither by a push, nor from the hub.
    let edge = Edge::following(feed.clone());
    assert_eq!(edge.verify(&narrow_token()), 401);
    *edge.host.hub.borrow_mut() = HubIs::Following(told.clone().in_version(2));
    assert_eq!(edge.push(&follows).status(), 204);
    // The hub gave it what follows, which is no better, and was asked for everything.
    *edge.host.hub.borrow_mut() = HubIs::Giving(vec![told.in_version(2).snapshot(NOW_MS + 2)]);
    assert_eq!(edge.host.hub_asked.borrow().last(), Some(&None));
    edge.host.pass(10_000);
    assert_eq!((edge.verify(&token()), edge.verify(&narrow_token())), (401, 200));
    assert_eq!(header(&edge.get("/health/ready"), "x-state-seq"), "5");

    let edge = Edge::following(feed);
    *edge.host.hub.borrow_mut() = HubIs::Giving(vec![follows]);
    edge.host.pass(10_000);
    edge.verify(&token());
    assert_eq!(header(&edge.get("/health/ready"), "x-state-seq"), "4");
}

#[test]
fn a_snapshot_that_is_refused_changes_nothing_about_what_may_follow() {
    let feed = Feed::new().with(limited());
    let edge = Edge::following(feed.clone());
    // Older than what is known, and in version 2.
    *edge.host.hub.borrow_mut() = HubIs::Giving(vec![Feed::new().in_version(2).snapshot(NOW_MS + 1)]);
    edge.host.pass(10_000);
    assert_eq!(edge.verify(&token()), 401);
    edge.host.taken.set(Ok(Taken::Conflict));
    edge.push(&feed.with(Feed::keys(&[1, 2])).after(4, NOW_MS + 10_000));
    assert_eq!(header(&edge.get("/health/ready"), "x-state-seq"), "5");
}

/// The same batches of version 2, to both kinds of hosts: after each, what they answer and how much they do not understand.
#[track_caller]
fn assert_same_on_every_kind_of_host(batches: &[Vec<Change>]) -> Vec<u16> {
    let mut feed = Feed::new().in_version(2);
    let (following, stored) = (Edge::following(feed.clone()), Stored::new());
    *stored.feed.borrow_mut() = feed.clone();
    let others = [token(), other(), third()];
    let mut statuses = stored_statuses(&stored, &others);
    for (number, batch) in batches.iter().enumerate() {
        let from = feed.head();
        feed.changes.extend(batch.iter().cloned());
        let text = feed.after(from, NOW_MS + 1);
        assert_eq!(following.push(&text).status(), 204);
        assert_eq!(stored.push(text), 204);
        let answers: Vec<u16> = others.iter().map(|token| following.verify(token)).collect();
        statuses = stored_statuses(&stored, &others);
        assert_eq!(statuses, answers, "after batch {number} of {batches:?}");
        let following = json_of(&following.get("/health/ready"))["unknownChanges"].clone();
        if statuses.contains(&503) {
            assert_ne!(following, json!(null));
        }
        if following.is_null() {
            let head = stored.host.instances.value("head/2").unwrap();
            let head: serde_json::Value = serde_json::from_slice(&head).unwrap();
            let unknown = head["unknown"].as_array().unwrap().iter();
            assert!(unknown.clone().all(|envelope| envelope["ignorable"] == true), "{batches:?}");
        }
    }
    statuses
}

fn stored_statuses(stored: &Stored, tokens: &[String]) -> Vec<u16> {
    tokens.iter().map(|token| stored.verify(token)).collect()
}

#[test]
fn what_cannot_be_read_is_replaced_in_the_same_order_on_every_kind_of_host() {
    let key = format!("agent/{AGENT}");
    let unread = |ignorable| Feed::unknown(&key, &[&principal()], ignorable);
    // What may be ignored does not end a doubt, in one batch or in two.
    assert_eq!(assert_same_on_every_kind_of_host(&[vec![unread(false)], vec![unread(true)]])[0], 503);
    assert_eq!(assert_same_on_every_kind_of_host(&[vec![unread(false), unread(true)]])[0], 503);
    // What can be read does, and not if it was told before.
    let read = || Feed::agent(AGENT, Standing::Active);
    assert_eq!(assert_same_on_every_kind_of_host(&[vec![unread(false), read()]])[0], 200);
    assert_eq!(assert_same_on_every_kind_of_host(&[vec![read(), unread(false)]])[0], 503);

    let everything = |dice: &mut Dice| {
        let is_ignorable = dice.below(2) == 0;
        match dice.below(7) {
            0 => Feed::unknown(&format!("agent/{AGENT}"), &[&principal()], is_ignorable),
            1 => Feed::unknown("later/1", &[&format!("principal/{OTHER_AGENT}")], is_ignorable),
            2 => Feed::unknown(&format!("token/{TOKEN_ID}"), &[&format!("token/{TOKEN_ID}")], is_ignorable),
            3 => Feed::agent(AGENT, if is_ignorable { Standing::Active } else { Standing::Suspended }),
            4 => Feed::agent(OTHER_AGENT, Standing::Active),
            5 => Feed::revocation(if is_ignorable { TOKEN_ID } else { OTHER_ORGANIZATION }),
            _ => Feed::keys(&[1]),
        }
    };
    for seed in 1..60 {
        let mut dice = Dice::new(seed);
        let batches: Vec<Vec<Change>> =
            (0..4).map(|_| (0..=dice.below(3)).map(|_| everything(&mut dice)).collect()).collect();
        assert_same_on_every_kind_of_host(&batches);
    }
}

#[test]
fn a_cold_node_without_its_hub_takes_the_newest_copy_whatever_its_version() {
    let minutes = 60_000;
    let revoked = Feed::new().with(Feed::revocation(TOKEN_ID));
    let pages = |feed: &Feed, now_ms: u64| {
        let page = feed.clone().in_version(2).pages(now_ms).remove(0);
        [("snapshot/2", "pages 1 page/".to_owned()), ("page/0", page)]
    };
    let first = |feed: &Feed, now_ms: u64| [("snapshot", feed.snapshot(now_ms)), ("other", String::new())];
    let (old, new) = (Feed::new(), revoked);
    let followed = format!("{}\n{}", old.snapshot(NOW_MS - 30 * minutes), new.after(3, NOW_MS - minutes));
    for (what, copies) in [
        (
            "version 1 alone is still written",
            [pages(&old, NOW_MS - 15 * minutes), first(&new, NOW_MS - minutes)],
        ),
        (
            "version 2 alone is still written",
            [pages(&new, NOW_MS - minutes), first(&old, NOW_MS - 15 * minutes)],
        ),
        (
            "what followed is newer than the snapshot",
            [pages(&old, NOW_MS - 15 * minutes), [("snapshot", followed), ("other", String::new())]],
        ),
        ("the newest is not acceptable", {
            let other = Feed { instance: 2, ..Feed::of_issuer("https://other.example") };
            [pages(&other, NOW_MS), first(&new, NOW_MS - minutes)]
        }),
        ("the newest cannot be read", {
            let [index, _] = pages(&old, NOW_MS);
            [[index, ("other", String::new())], first(&new, NOW_MS - minutes)]
        }),
    ] {
        let edge = Edge::cold();
        let copies = copies.into_iter().flatten().map(|(key, value)| (key.to_owned(), value));
        edge.host.store.borrow_mut().extend(copies);
        assert_eq!((what, edge.verify(&token()), edge.verify(&other())), (what, 401, 200));
    }
}

#[test]
fn a_heartbeat_of_the_first_version_costs_no_snapshot() {
    let (before, after) =
        (Feed::new().in_version(2), Feed::new().in_version(2).with(Feed::revocation(TOKEN_ID)));
    let heartbeat = Feed::new().after(3, NOW_MS + 1);
    let is_snapshot = |asked: &String| asked.starts_with("/edge/v1/snapshot");
    let stored = Stored::new();
    *stored.feed.borrow_mut() = before.clone();
    assert_eq!(stored.verify(&token()), 200);
    assert_eq!(stored.push(heartbeat.clone()), 204);
    let head = String::from_utf8(stored.host.instances.value("head/2").unwrap()).unwrap();
    assert!(head.contains(&format!("\"issuedAt\":{}", NOW_MS + 1)), "{head}");
    stored.host.origin_asked.take();
    *stored.feed.borrow_mut() = after.clone();
    stored.host.pass(11_000);
    assert_eq!(stored.verify(&token()), 401);
    let asked = stored.host.origin_asked.take();
    let asked: Vec<String> =
        asked.iter().map(|request| request.uri().path_and_query().unwrap().to_string()).collect();
    assert!(!asked.is_empty() && !asked.iter().any(is_snapshot), "{asked:?}");

    let region = bilingual(&before);
    region.newer(None);
    assert_eq!(region.take(&heartbeat), Taken::Known);
    region.asked();
    serve_in_both(&region, &after);
    region.host.pass(2_000);
    assert_eq!(region.leads_to(), "4");
    let asked = region.asked();
    assert!(!asked.is_empty() && !asked.iter().any(is_snapshot), "{asked:?}");
}
