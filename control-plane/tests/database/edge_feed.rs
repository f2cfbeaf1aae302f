//! The feed as it is written and read: numbered after commit, without a gap, for edges with a key only.

use agentidp::app::App;
use agentidp::infra::db::SystemTx;
use agentidp::{edge_feed, housekeeping};
use agentidp_shared::feed::{Change, FeedError};
use agentidp_shared::ids::TokenId;
use futures_util::future::join_all;
use serde_json::json;
use time::Duration;
use uuid::Uuid;

use crate::support::{Api, Edge, Instance};

/// A change like any other; the number tells which.
fn change(app: &App, number: u128) -> Change {
    let expires_at = u64::try_from(app.now().unix_timestamp()).unwrap() + 3_600;
    Change::TokenRevoked { jti: TokenId::new(Uuid::from_u128(number)), expires_at }
}

async fn append(tx: &mut SystemTx, app: &App, number: u128) {
    edge_feed::append(tx, &change(app, number)).await.unwrap();
}

/// Appends and commits so many changes.
async fn commit(app: &App, numbers: std::ops::Range<u128>) {
    let mut tx = app.db.system().await.unwrap();
    for number in numbers {
        append(&mut tx, app, number).await;
    }
    tx.commit().await.unwrap();
}

/// The number of a change, if it is one of these tests'.
fn number_of(change: &Change) -> Option<u128> {
    match change {
        Change::TokenRevoked { jti, .. } => Some(jti.as_uuid().as_u128()),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_sequencers_number_what_200_concurrent_transactions_commit_without_a_gap() {
    let instance = Instance::start_with(|settings| settings.with("DATABASE_MAX_CONNECTIONS", "8")).await;
    let other = instance.another_process().await;
    instance.sequence().await;
    let begin = instance.app.feed.head();

    let writers = join_all((0..200_u128).map(|number| {
        let app = if number % 2 == 0 { instance.app.clone() } else { other.clone() };
        tokio::spawn(async move {
            let mut tx = app.db.system().await.unwrap();
            append(&mut tx, &app, number).await;
            if number % 3 == 0 {
                drop(tx);
                return None;
            }
            tx.commit().await.unwrap();
            Some(number)
        })
    }));
    let done = tokio_util::sync::CancellationToken::new();
    let sequence = async |app: &App| {
        let mut moved = 0;
        while !done.is_cancelled() {
            moved += edge_feed::sequence_committed(app).await.unwrap();
        }
        moved
    };
    // An edge that follows all the while.
    let edge = instance.edge("osaka");
    let read = async {
        let (mut after, mut seen) = (begin, vec![]);
        while !done.is_cancelled() {
            let batch = edge.changes(after).await;
            assert_eq!(batch.to - batch.from, u64::try_from(batch.changes.len()).unwrap());
            seen.extend(batch.changes.iter().filter_map(number_of));
            after = batch.to;
        }
        (after, seen)
    };
    let write = async {
        let committed: Vec<_> = writers.await.into_iter().filter_map(Result::unwrap).collect();
        while instance.number("select count(*) from edge_feed_pending").await > 0 {
            edge_feed::sequence_committed(&instance.app).await.unwrap();
        }
        done.cancel();
        committed
    };
    let (mut committed, _, _, (mut after, mut seen)) =
        tokio::join!(write, sequence(&instance.app), sequence(&other), read);

    while after < begin + u64::try_from(committed.len()).unwrap() {
        let batch = edge.changes(after).await;
        assert!(!batch.changes.is_empty(), "stuck at {after}");
        seen.extend(batch.changes.iter().filter_map(number_of));
        after = batch.to;
    }
    committed.sort_unstable();
    seen.sort_unstable();
    assert_eq!(seen, committed, "each committed change once, and nothing else");
    let gaps = "select max(sequence) - count(*) + min(sequence) - 1 from edge_feed";
    assert_eq!(instance.number(gaps).await, 0);
}

#[tokio::test]
async fn late_committer_attack_a_change_is_invisible_until_it_is_committed_and_then_not_skipped() {
    let instance = Instance::start().await;
    instance.sequence().await;
    let (edge, begin) = (instance.edge("osaka"), instance.app.feed.head());
    let mut early = instance.app.db.system().await.unwrap();
    append(&mut early, &instance.app, 1).await;
    instance.sequence().await;
    assert!(edge.changes(begin).await.changes.is_empty());

    commit(&instance.app, 2..3).await;
    instance.sequence().await;
    let first = edge.changes(begin).await;
    assert_eq!(first.changes.iter().filter_map(number_of).collect::<Vec<_>>(), [2]);

    early.commit().await.unwrap();
    instance.sequence().await;
    let second = edge.changes(first.to).await;
    assert_eq!(second.changes.iter().filter_map(number_of).collect::<Vec<_>>(), [1]);
}

#[tokio::test]
async fn the_other_process_learns_of_the_new_head() {
    let instance = Instance::start().await;
    let other = instance.another_process().await;
    commit(&instance.app, 1..4).await;
    instance.sequence().await;
    assert!(other.feed.head() < instance.app.feed.head());
    assert_eq!(edge_feed::sequence_committed(&other).await.unwrap(), 0);
    assert_eq!(other.feed.head(), instance.app.feed.head());
}

#[tokio::test]
async fn whoever_waits_is_answered_when_the_change_is_numbered() {
    let instance = Instance::start().await;
    instance.sequence().await;
    let (edge, begin) = (instance.edge("osaka"), instance.app.feed.head());
    let waiting = format!("/edge/v1/changes?after={begin}&wait=10");
    let change = async {
        commit(&instance.app, 5..6).await;
        instance.sequence().await;
    };
    let (answer, ()) = tokio::join!(edge.api.get(&waiting), change);
    let batch = edge.open(&answer.expect(200));
    assert_eq!(batch.changes.iter().filter_map(number_of).collect::<Vec<_>>(), [5]);
}

#[tokio::test]
async fn more_changes_than_a_batch_holds_come_in_several() {
    let instance = Instance::start().await;
    instance.sequence().await;
    let (edge, begin) = (instance.edge("osaka"), instance.app.feed.head());
    commit(&instance.app, 0..1_203).await;
    instance.sequence().await;
    let (mut after, mut sizes) = (begin, vec![]);
    while after < instance.app.feed.head() {
        let batch = edge.changes(after).await;
        sizes.push(batch.changes.len());
        after = batch.to;
    }
    assert_eq!(sizes, [500, 500, 203]);
}

#[tokio::test]
async fn who_is_at_the_head_is_told_that_there_is_nothing_new() {
    let instance = Instance::start().await;
    instance.sequence().await;
    let (edge, head) = (instance.edge("osaka"), instance.app.feed.head());
    let before = edge.changes(head).await;
    instance.advance(Duration::seconds(30));
    let after = edge.changes(head).await;
    assert_eq!((after.from, after.to, after.changes.len()), (head, head, 0));
    assert_eq!(after.issued_at - before.issued_at, 30_000);
}

#[tokio::test]
async fn what_was_never_given_out_or_is_no_longer_kept_is_gone() {
    let instance = Instance::start().await;
    commit(&instance.app, 1..3).await;
    commit(&instance.app, 1..3).await;
    instance.sequence().await;
    let (edge, head) = (instance.edge("osaka"), instance.app.feed.head());
    for after in [0, head + 1, u64::from(u32::MAX)] {
        assert_eq!(edge.ask(after).await.expect(410).code(), "SEQUENCE_GONE", "{after}");
    }
    edge.ask(1).await.expect(200);

    instance.advance(Duration::hours(1) + Duration::microseconds(1));
    commit(&instance.app, 9..10).await;
    instance.sequence().await;
    housekeeping::run(&instance.app).await.unwrap();
    // Of the two changes of each of two keys the first is superseded: an edge that lacks one has to begin anew.
    edge.ask(head - 4).await.expect(410);
    edge.ask(head - 2).await.expect(200);
    let mut state = edge.begin().await;
    edge.follow(&mut state).await;
    assert_eq!(state.sequence(), head + 1);
}

#[tokio::test]
async fn superseded_changes_are_kept_for_an_hour() {
    let instance = Instance::start().await;
    commit(&instance.app, 1..2).await;
    commit(&instance.app, 1..2).await;
    commit(&instance.app, 2..3).await;
    instance.sequence().await;
    let entries = "select count(*) from edge_feed";
    let all = instance.number(entries).await;
    instance.advance(Duration::hours(1));
    housekeeping::run(&instance.app).await.unwrap();
    assert_eq!(instance.number(entries).await, all);
    instance.advance(Duration::microseconds(1));
    housekeeping::run(&instance.app).await.unwrap();
    assert_eq!(instance.number(entries).await, all - 1);
}

#[tokio::test]
async fn numbering_anew_attack_the_head_never_falls_whatever_is_purged() {
    let instance = Instance::start().await;
    commit(&instance.app, 1..4).await;
    instance.sequence().await;
    let head = instance.app.feed.head();
    instance.advance(Duration::days(30));
    housekeeping::run(&instance.app).await.unwrap();
    assert!(instance.number("select count(*) from edge_feed where expires_at is not null").await < 3);
    let restarted = instance.another_process().await;
    assert_eq!(restarted.feed.head(), head);
    commit(&restarted, 9..10).await;
    instance.sequence().await;
    assert_eq!(instance.app.feed.head(), head + 1);
}

#[tokio::test]
async fn a_process_publishes_its_configuration_once() {
    let instance = Instance::start().await;
    instance.sequence().await;
    let head = instance.app.feed.head();
    instance.another_process().await;
    instance.sequence().await;
    assert_eq!(instance.app.feed.head(), head, "nothing new to say");
    let shorter = instance.settings.clone().with("AGENTIDP_TOKEN_TTL_SECONDS", "600");
    shorter.start(&instance.clock).await.unwrap();
    instance.sequence().await;
    assert_eq!(instance.app.feed.head(), head + 1, "the issuer's");
    assert_eq!(instance.edge("osaka").begin().await.issuer.token_ttl_seconds, 600);
}

#[tokio::test]
async fn wrong_edge_key_attack_nothing_is_shown_and_nothing_acknowledged() {
    let instance = Instance::start().await;
    let tenant = instance.tenant().await;
    instance.sequence().await;
    let api = Api::of(&instance.app).with("x-edge-sequence", "1");
    let (osaka, tokyo) = (Edge::secret_of("osaka"), Edge::secret_of("tokyo"));
    let named = api.with("x-edge-name", "osaka");
    for refused in [
        named.clone(),
        named.with_token(&tokyo),
        named.with_token(&osaka[1..]),
        named.with_token(&format!("{osaka} ")),
        named.with_token(&osaka.to_uppercase()),
        named.with_token(""),
        named.with_basic("osaka", &osaka),
        api.with_token(&osaka),
        api.with("x-edge-name", "OSAKA").with_token(&osaka),
        api.with("x-edge-name", "osaka/x").with_token(&osaka),
        api.with("x-edge-name", "").with_token(&osaka),
        tenant.api.with("x-edge-name", "osaka").with("x-edge-sequence", "1"),
    ] {
        for path in [
            "/edge/v1/snapshot",
            "/edge/v1/snapshot?begun=1&after=keys",
            "/edge/v1/snapshot?begun=x",
            "/edge/v1/changes?after=1&wait=0",
            "/edge/v1/changes",
        ] {
            assert_eq!(refused.get(path).await.expect(401).code(), "EDGE_KEY_INVALID");
        }
    }
    assert_eq!(instance.number("select count(*) from edge_nodes").await, 0);
    named.with_token(&osaka).get("/edge/v1/snapshot").await.expect(200);
    assert_eq!(instance.number("select count(*) from edge_nodes").await, 1);
}

#[tokio::test]
async fn another_instances_batch_is_refused_also_under_the_same_feed_key() {
    let instance = Instance::start().await;
    instance.sequence().await;
    let other =
        Instance::start_with(|settings| settings.with("AGENTIDP_FEED_KEY", &instance.settings.feed_key()))
            .await;
    other.sequence().await;
    let (edge, foreign) = (instance.edge("osaka"), other.edge("osaka"));
    let mut state = edge.begin().await;
    let now = agentidp::infra::clock::unix_millis(instance.now());
    let old = Edge::of_first_version(&other.app, "osaka");
    assert_eq!(state.apply(old.snapshot().await, now), Err(FeedError::OtherInstance));
    assert_eq!(state.apply(foreign.changes(state.sequence()).await, now), Err(FeedError::OtherInstance));
}

#[tokio::test]
async fn a_change_that_fails_is_not_in_the_feed() {
    let instance = Instance::start().await;
    let tenant = instance.tenant().await;
    let agent = tenant.create_agent(&["agents:read"]).await;
    let token = agent.token(&tenant.api).await;
    instance.execute("revoke insert on audit_unsealed from agentidp_app").await;
    tenant.api.patch(&agent.path(), &json!({"status": "suspended"})).await.expect(500);
    tenant.api.form("/oauth2/revoke", &[("token", &token)]).await.expect(500);
    instance.sequence().await;
    let edge = instance.edge("osaka");
    assert!(edge.accepts(&edge.begin().await, &token));
    tenant.api.with_token(&token).get(&agent.path()).await.expect(200);
}
