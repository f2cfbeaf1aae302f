//! Snapshots in pages: together they tell what a whole snapshot tells, whatever happens meanwhile and whoever answers.

use std::collections::{BTreeMap, BTreeSet};

use agentidp::app::App;
use agentidp::{edge_feed, housekeeping};
use agentidp_shared::compact::expand;
use agentidp_shared::feed::{Change, FeedError, MAX_PAGES, Page};
use agentidp_shared::hashing::SeededHasher;
use agentidp_shared::ids::TokenId;
use agentidp_shared::state::Arriving;
use serde_json::{Value, json};
use time::Duration;
use uuid::Uuid;

use crate::support::{Edge, Instance};

/// What concerns every token. Only a first page has it.
const FOR_ALL: [&str; 4] = ["issuer", "keys", "policy", "rate-limits"];

/// Adds entries past the sequencer: `columns` are key, change, `expires_at` and subjects by `number`, of so many.
async fn add(instance: &Instance, count: u32, columns: &str) {
    let now = instance.now().unix_timestamp();
    let statement = format!(
        "insert into edge_feed (sequence, sequenced_at, key, change, expires_at, subjects)
         select (select max(sequence) from edge_feed) + number, to_timestamp({now}), {columns} from generate_series(1, {count}) number"
    );
    instance.execute(&statement).await;
}

/// Revoked tokens that expire within the next hour.
async fn add_tokens(instance: &Instance, count: u32) {
    let expiry = format!("({} + number % 3600)", instance.now().unix_timestamp() + 60);
    let columns = format!(
        "'token/' || md5('token ' || number)::uuid,
         jsonb_build_object('type', 'tokenRevoked', 'jti', md5('token ' || number)::uuid, 'expiresAt', {expiry}),
         to_timestamp({expiry}), array['token/' || md5('token ' || number)::uuid]"
    );
    add(instance, count, &columns).await;
}

/// Suspended agents, `words` times each; the last word counts.
async fn add_agents(instance: &Instance, agents: u32, words: u32) {
    let expiry = instance.now().unix_timestamp() + 3_600;
    let columns = format!(
        "'agent/' || md5('agent ' || number % {agents})::uuid,
         jsonb_build_object('type', 'agent', 'agentId', md5('agent ' || number % {agents})::uuid, 'exception',
           jsonb_build_object('standing', 'suspended', 'notBefore', number, 'expiresAt', {expiry})),
         to_timestamp({expiry}), array['principal/' || md5('agent ' || number % {agents})::uuid]"
    );
    add(instance, agents * words, &columns).await;
}

/// Partners of about 30 KB each, which the database can make small or not.
async fn add_partners(instance: &Instance, count: u32, is_compressible: bool) {
    let word = if is_compressible { "'a'" } else { "number || ' ' || word" };
    let columns = format!(
        "'partner/' || md5('organization ' || number)::uuid || '/' ||
           translate(rtrim(encode(sha256(('https://' || number)::bytea), 'base64'), '='), '+/', '-_'),
         jsonb_build_object('type', 'partner', 'organizationId', md5('organization ' || number)::uuid, 'issuer', 'https://' || number,
           'partner', jsonb_build_object('partnerId', md5('partner ' || number)::uuid, 'jwks', '{{\"keys\": []}}'::jsonb, 'keysExpireAt', 1,
             'allowedOrganizations', (select jsonb_agg(md5({word})) from generate_series(1, 800) word))),
         null, array['organization/' || md5('organization ' || number)::uuid]"
    );
    add(instance, count, &columns).await;
}

/// By key, with expiries rounded up as they are where tokens are told of together.
fn by_key(changes: Vec<Change>) -> BTreeMap<String, Change> {
    let all = expand(changes).map(|change| match change {
        Change::TokenRevoked { jti, expires_at } => {
            Change::TokenRevoked { jti, expires_at: expires_at.div_ceil(60) * 60 }
        }
        change => change,
    });
    let mut found = BTreeMap::new();
    for change in all {
        assert!(found.insert(change.key(), change).is_none(), "told twice");
    }
    found
}

fn everything(pages: &[Page]) -> BTreeMap<String, Change> {
    by_key(pages.iter().flat_map(|page| page.changes.clone()).collect())
}

/// What a whole snapshot of version 1 tells of the same.
fn in_first_version(known: BTreeMap<String, Change>) -> BTreeMap<String, Change> {
    known.into_iter().map(|(key, change)| (key, change.in_first_version().unwrap())).collect()
}

/// Each page goes on where the one before ended, and holds its own keys in order and no others.
fn check_chain(pages: &[Page]) {
    assert!(pages.len() <= MAX_PAGES);
    let mut after = None;
    for page in pages {
        assert_eq!((page.begun, &page.after), (pages[0].begun, &after));
        assert!(page.to >= page.begun && page.instance == pages[0].instance);
        for key in by_key(page.changes.clone()).into_keys() {
            if FOR_ALL.contains(&&*key) {
                assert_eq!(page.after, None, "{key} is told again");
                continue;
            }
            assert!(page.after.as_ref().is_none_or(|after| *after < key), "{key}");
            assert!(page.until.as_ref().is_none_or(|until| key <= *until), "{key}");
        }
        after.clone_from(&page.until);
    }
    assert_eq!(after, None, "there is a last page");
}

#[tokio::test]
async fn pages_hold_exactly_what_the_whole_snapshot_holds_be_it_little_or_much() {
    let instance = Instance::start().await;
    instance.sequence().await;
    let (edge, old) = (instance.edge("osaka"), Edge::of_first_version(&instance.app, "tokyo"));
    let few = edge.pages().await;
    assert_eq!(few.len(), 1);
    check_chain(&few);
    assert_eq!(in_first_version(everything(&few)), by_key(old.snapshot().await.changes));

    add_tokens(&instance, 40_000).await;
    add_agents(&instance, 2_500, 3).await;
    add_partners(&instance, 40, false).await;
    // Expired long ago, and not purged yet.
    instance.advance(Duration::minutes(30));
    let pages = edge.pages().await;
    check_chain(&pages);
    let told = everything(&pages);
    assert_eq!(in_first_version(told.clone()), by_key(old.snapshot().await.changes));
    let count = |kind: &str| told.keys().filter(|key| key.starts_with(kind)).count();
    assert_eq!((count("agent/"), count("partner/")), (2_500, 40));
    assert!((19_000..21_000).contains(&count("token/")), "{}", count("token/"));
    // 2 500 agents are two pages, 1.2 MB of partners four, and of 40 000 tokens 16 000 one.
    assert!((5..=10).contains(&pages.len()), "{}", pages.len());
    edge.assemble(pages);
}

#[tokio::test]
async fn pages_stay_below_what_an_edge_accepts_however_well_the_database_compresses_them() {
    let instance = Instance::start().await;
    instance.sequence().await;
    add_partners(&instance, 300, true).await;
    // Each in a minute of its own.
    let expiry = format!("({} + number * 60)", instance.now().unix_timestamp() + 60);
    let columns = format!(
        "'token/' || md5('token ' || number)::uuid,
         jsonb_build_object('type', 'tokenRevoked', 'jti', md5('token ' || number)::uuid, 'expiresAt', {expiry}), to_timestamp({expiry}),
         array['token/' || md5('token ' || number)::uuid]"
    );
    add(&instance, 1_440, &columns).await;
    let edge = instance.edge("osaka");
    // Each is looked at when it arrives.
    let pages = edge.pages().await;
    check_chain(&pages);
    assert!(pages.len() > 20, "{}", pages.len());
    let old = Edge::of_first_version(&instance.app, "tokyo");
    assert_eq!(in_first_version(everything(&pages)), by_key(old.snapshot().await.changes));
}

/// A process with two sessions, whose reads can be told from all others.
struct Counted {
    process: App,
}

impl Counted {
    async fn start(instance: &Instance) -> Self {
        let settings = instance.settings.clone().with("DATABASE_MAX_CONNECTIONS", "2");
        Self { process: settings.start(&instance.clock).await.unwrap() }
    }

    /// Entries of the feed that the database reads for what an edge asks. Other sessions report late what they read before, so it is the
    /// least of three.
    async fn entries_read(&self, instance: &Instance, path: &str) -> i64 {
        let mut least = i64::MAX;
        for _ in 0..3 {
            least = least.min(self.entries_read_once(instance, path).await);
        }
        least
    }

    async fn entries_read_once(&self, instance: &Instance, path: &str) -> i64 {
        let read = "select (seq_tup_read + idx_tup_fetch)::bigint from pg_stat_user_tables where relname = 'edge_feed'";
        instance.execute("select pg_stat_force_next_flush()").await;
        self.report().await;
        let before = instance.number(read).await;
        Edge::of(&self.process, "osaka").api.get(path).await.expect(200);
        self.report().await;
        instance.number(read).await - before
    }

    async fn report(&self) {
        let pool = self.process.db.pool();
        for mut session in [pool.acquire().await.unwrap(), pool.acquire().await.unwrap()] {
            sqlx::query("select pg_stat_force_next_flush()").execute(&mut *session).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_page_costs_the_same_however_many_tokens_are_revoked() {
    let instance = Instance::start().await;
    instance.sequence().await;
    // Nobody tells the planner how large the feed has become.
    add_tokens(&instance, 120_000).await;
    let process = Counted::start(&instance).await;
    let place = "?begun=1&after=token/";
    for (query, most) in [
        (String::new(), 2_100),
        (format!("{place}0"), 16_100),
        (format!("{place}7"), 16_100),
        (format!("{place}fff"), 100),
        ("?begun=1&after=zzz".to_owned(), 100),
    ] {
        let read = process.entries_read(&instance, &format!("/edge/v1/snapshot{query}")).await;
        assert!((1..=most).contains(&read), "{query}: {read}");
    }
}

#[tokio::test]
async fn flood_of_superseded_changes_attack_a_page_passes_over_them() {
    let instance = Instance::start().await;
    instance.sequence().await;
    add_agents(&instance, 3, 20_000).await;
    add_agents(&instance, 1_000, 1).await;
    let process = Counted::start(&instance).await;
    let read = process.entries_read(&instance, "/edge/v1/snapshot").await;
    assert!(read <= 16_100, "{read}");
    let pages = instance.edge("osaka").pages().await;
    check_chain(&pages);
    let old = Edge::of_first_version(&instance.app, "tokyo");
    assert_eq!(in_first_version(everything(&pages)), by_key(old.snapshot().await.changes));
    assert!(pages.len() <= 5, "{}", pages.len());
}

#[tokio::test]
async fn keys_are_in_the_order_of_their_bytes_whatever_the_database_collates() {
    let instance = Instance::start().await;
    instance.sequence().await;
    let mut keys = [
        "Later/b",
        "later/a b",
        "later/a&b",
        "later/a%b",
        "later/a-c",
        "later/ab",
        "later/a/b",
        "later/Ä",
        "later/ä+",
    ];
    for key in keys {
        let columns = format!(
            "'{key}', '{{\"type\": \"fromTheFuture\"}}', null, array['principal/{}']",
            Uuid::from_u128(9)
        );
        add(&instance, 1, &columns).await;
    }
    keys.sort_unstable();
    let edge = instance.edge("osaka");
    let first = edge.page(None).await;
    // As if each page had ended with one of them.
    let mut seen = vec![];
    let mut before = Page { until: Some(" ".to_owned()), ..first };
    loop {
        let page = edge.page(Some(&before)).await;
        let mut later = page.changes.iter().map(Change::key);
        let Some(next) = later.next() else { break };
        assert!(later.is_sorted());
        seen.push(next.clone());
        before = Page { until: Some(next), ..page };
    }
    assert_eq!(seen, keys);
}

/// Numbers that are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: u64) -> u64 {
        // xorshift64
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }
}

/// Something that happens while an edge takes its pages: anywhere in the order of keys, and often to what was told before.
async fn happen(instance: &Instance, numbers: &mut Numbers) {
    let place = numbers.next(40);
    let id = id_of(&format!("agent {place}"));
    let now = instance.now().unix_timestamp();
    let (expires_at, not_before) = (now + 3_600, numbers.next(1_000_000));
    let (standing, tier) = if numbers.next(2) == 0 { ("active", "free") } else { ("suspended", "pro") };
    let exception = json!({"standing": standing, "notBefore": not_before, "expiresAt": expires_at});
    let change = match numbers.next(7) {
        0 => {
            json!({"type": "tokenRevoked", "jti": id_of(&format!("new token {not_before}")), "expiresAt": now + 600})
        }
        1 => json!({"type": "tier", "organizationId": id, "tier": tier}),
        2 => json!({"type": "organization", "organizationId": id, "exception": exception}),
        3 => json!({"type": "partner", "organizationId": id, "issuer": "https://partner.example"}),
        4 => {
            json!({"type": "partner", "organizationId": id, "issuer": "https://partner.example", "partner": {
            "partnerId": id, "jwks": {"keys": []}, "keysExpireAt": not_before, "allowedOrganizations": ["theirs"]}})
        }
        5 => json!({"type": "agentLimited", "agentId": id, "exception": exception,
            "limit": {"scopes": ["agents:read"], "issuedUntil": not_before}}),
        _ => json!({"type": "agent", "agentId": id, "exception": exception}),
    };
    let change: Change = serde_json::from_value(change).unwrap();
    let mut tx = instance.app.db.system().await.unwrap();
    edge_feed::append(&mut tx, &change).await.unwrap();
    tx.commit().await.unwrap();
    instance.sequence().await;
}

fn id_of(text: &str) -> Uuid {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    Uuid::from_slice(&digest.as_ref()[..16]).unwrap()
}

#[tokio::test]
async fn whatever_happens_between_two_pages_is_known_after_following_from_where_the_first_began() {
    let instance = Instance::start().await;
    instance.sequence().await;
    add_tokens(&instance, 20_000).await;
    add_agents(&instance, 3_000, 1).await;
    let edge = instance.edge("osaka");
    for seed in 1..=4 {
        let mut numbers = Numbers(u64::wrapping_mul(seed, 0x9e37_79b9_7f4a_7c15));
        for _ in 0..10 {
            happen(&instance, &mut numbers).await;
        }
        let mut pages = vec![edge.page(None).await];
        while let Some(last) = pages.last().filter(|page| page.until.is_some()) {
            for _ in 0..numbers.next(6) {
                happen(&instance, &mut numbers).await;
            }
            instance.advance(Duration::milliseconds(10));
            pages.push(edge.page(Some(last)).await);
        }
        check_chain(&pages);
        assert!(pages.len() >= 4, "{}", pages.len());
        let mut known = everything(&pages);
        let mut state = edge.assemble(pages.clone());
        assert_eq!(state.sequence(), pages[0].begun);
        loop {
            let batch = edge.changes(state.sequence()).await;
            if batch.changes.is_empty() {
                break;
            }
            for (key, change) in batch.changes.iter().map(|change| (change.key(), change)) {
                known.insert(key, by_key(vec![change.clone()]).into_values().next().unwrap());
            }
            state.apply(batch, agentidp::infra::clock::unix_millis(instance.now())).unwrap();
        }
        // An end of a partnership is told to whoever follows and is in no snapshot.
        known.retain(|_, change| change.expires_at().is_none_or(|at| at > 0));
        let anew = edge.pages().await;
        assert_eq!(known, everything(&anew), "seed {seed}");
        let whole = Edge::of_first_version(&instance.app, "tokyo").snapshot().await;
        assert_eq!(by_key(whole.changes), in_first_version(known), "seed {seed}");
    }
}

#[tokio::test]
async fn two_processes_answer_pages_in_turn() {
    let instance = Instance::start().await;
    let other = instance.another_process().await;
    instance.sequence().await;
    add_tokens(&instance, 60_000).await;
    let edges = [instance.edge("osaka"), Edge::of(&other, "osaka")];
    let mut pages = vec![edges[0].page(None).await];
    while let Some(last) = pages.last().filter(|page| page.until.is_some()) {
        let turn = pages.len() % 2;
        pages.push(edges[turn].page(Some(last)).await);
    }
    check_chain(&pages);
    assert!(pages.len() >= 5);
    let old = Edge::of_first_version(&other, "tokyo");
    assert_eq!(in_first_version(everything(&pages)), by_key(old.snapshot().await.changes));
    let mut state = edges[1].assemble(pages);
    edges[1].follow(&mut state).await;
}

#[tokio::test]
async fn a_snapshot_whose_beginning_is_no_longer_kept_or_never_was_is_gone() {
    let instance = Instance::start().await;
    let revoke = async |number| {
        let expires_at = u64::try_from(instance.now().unix_timestamp()).unwrap() + 3_600;
        let change = Change::TokenRevoked { jti: TokenId::new(Uuid::from_u128(number)), expires_at };
        let mut tx = instance.app.db.system().await.unwrap();
        edge_feed::append(&mut tx, &change).await.unwrap();
        tx.commit().await.unwrap();
        instance.sequence().await;
    };
    let edge = instance.edge("osaka");
    let ask = async |begun: u64| edge.api.get(&format!("/edge/v1/snapshot?begun={begun}&after=keys")).await;
    for number in [1, 1, 2] {
        revoke(number).await;
    }
    let head = instance.app.feed.head();
    for begun in [1, head - 3, head] {
        ask(begun).await.expect(200);
    }
    for begun in [head + 1, u64::from(u32::MAX), i64::MAX.unsigned_abs()] {
        assert_eq!(ask(begun).await.expect(410).code(), "SEQUENCE_GONE", "{begun}");
    }
    // What an edge was told when it had the head is still all there is.
    instance.advance(Duration::hours(1));
    ask(head).await.expect(200);
    ask(head - 1).await.expect(200);
    instance.advance(Duration::microseconds(1));
    revoke(3).await;
    housekeeping::run(&instance.app).await.unwrap();
    for begun in [1, head - 3, head - 1] {
        assert_eq!(ask(begun).await.expect(410).code(), "SEQUENCE_GONE", "{begun}");
    }
    ask(head).await.expect(200);
    ask(head + 1).await.expect(200);
}

#[tokio::test]
async fn malformed_places_are_named() {
    let instance = Instance::start().await;
    instance.sequence().await;
    let edge = instance.edge("osaka");
    let long = "a".repeat(513);
    for (query, named) in [
        ("begun=1", "after"),
        ("after=keys", "begun"),
        ("begun=&after=keys", "begun"),
        ("begun=0&after=keys", "begun"),
        ("begun=-1&after=keys", "begun"),
        ("begun=%2B1&after=keys", "begun"),
        ("begun=01&after=keys", "begun"),
        ("begun=1.0&after=keys", "begun"),
        ("begun=one&after=keys", "begun"),
        ("begun=9223372036854775808&after=keys", "begun"),
        ("begun=1&after=", "after"),
        ("begun=1&after=%00", "after"),
        ("begun=1&after=a%0Ab", "after"),
        (&format!("begun=1&after={long}"), "after"),
        ("begun=1&after=keys&until=b", "until"),
    ] {
        let answer = edge.api.get(&format!("/edge/v1/snapshot?{query}")).await.expect(400);
        let errors = answer.json()["details"]["errors"].clone();
        let fields: Vec<&Value> = errors.as_array().unwrap().iter().map(|error| &error["field"]).collect();
        assert_eq!(fields, [named], "{query}");
    }
    for query in [
        "begun=1&begun=1&after=keys",
        "begun=1&after=%FF",
        "begun=1&after=%",
        &format!("begun=1&after={}", "a".repeat(5_000)),
    ] {
        let answer = edge.api.get(&format!("/edge/v1/snapshot?{query}")).await.expect(400);
        assert_eq!(answer.code(), "INVALID_QUERY", "{query}");
    }
    edge.api.get(&format!("/edge/v1/snapshot?begun=1&after={}", "a".repeat(512))).await.expect(200);
}

#[tokio::test]
async fn an_edge_of_the_first_version_is_told_everything_at_once_as_ever() {
    let instance = Instance::start().await;
    instance.sequence().await;
    add_tokens(&instance, 30_000).await;
    let old = Edge::of_first_version(&instance.app, "osaka");
    let answer = old.api.get("/edge/v1/snapshot").await.expect(200);
    let parts: Vec<Value> = answer
        .body
        .split('.')
        .take(2)
        .map(|part| {
            serde_json::from_slice(&agentidp_shared::strict::decode_base64url(part).unwrap()).unwrap()
        })
        .collect();
    assert_eq!(parts[0]["typ"], "agentidp-feed+jwt");
    let members: BTreeSet<&str> = parts[1].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, BTreeSet::from(["changes", "expiresAt", "from", "instance", "issuedAt", "to"]));
    assert_eq!(parts[1]["from"], 0);
    let tokens: usize = parts[1]["changes"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|change| change["type"] == "tokensRevoked")
        .map(|change| change["jtis"].as_str().unwrap().len() * 3 / 4 / 16)
        .sum();
    assert_eq!(tokens, 30_000);
    // It has no pages, and is told so rather than something else.
    let refused = old.api.get("/edge/v1/snapshot?begun=1&after=keys").await.expect(400);
    assert_eq!(refused.json()["details"]["errors"][0]["field"], "begun");
}

#[tokio::test]
async fn another_instances_page_attack_it_never_completes_a_snapshot() {
    let instance = Instance::start().await;
    let other =
        Instance::start_with(|settings| settings.with("AGENTIDP_FEED_KEY", &instance.settings.feed_key()))
            .await;
    for each in [&instance, &other] {
        each.sequence().await;
        add_tokens(each, 20_000).await;
    }
    let first = instance.edge("osaka").page(None).await;
    let now = agentidp::infra::clock::unix_millis(instance.now());
    let begin = || Arriving::begin(first.clone(), now, SeededHasher::new([1; 16])).unwrap();
    let foreign = other.edge("osaka").page(Some(&first)).await;
    assert_eq!(begin().take(foreign, now), Err(FeedError::OtherInstance));
    let own = instance.edge("osaka").page(Some(&first)).await;
    assert_eq!(begin().take(own, now), Ok(()));
}
