//! The seals of the audit log: one chain over everything that is committed, whoever seals.

use agentidp::app::App;
use agentidp::audit::{self, Action, NewEvent};
use agentidp_shared::audit_chain::{Attribution, Hash, SealedEvent, genesis, hash};
use agentidp_shared::ids::OrganizationId;
use futures_util::future::join_all;
use serde_json::json;
use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

use crate::support::{EventRow, Instance, Tenant, execute, hex, number};

#[derive(sqlx::FromRow)]
struct Sealed {
    sequence: i64,
    previous_hash: Vec<u8>,
    hash: Vec<u8>,
    #[sqlx(flatten)]
    event: EventRow,
}

/// How many events are sealed, or the sequence at which the chain breaks. As an auditor would find out: from the rows alone.
async fn verify(instance: &Instance) -> Result<i64, i64> {
    let rows: Vec<Sealed> = sqlx::query_as(
        "select sequence, previous_hash, hash, event_id, events.occurred_at, events.organization_id, agent_id, action, outcome,
           ip_address, user_agent, metadata, actor_id, on_behalf_of_id, token_id, via, trace_id
         from audit_seals join audit_events events using (event_id) order by sequence",
    )
    .fetch_all(&mut instance.superuser().await)
    .await
    .unwrap();
    let mut previous: Hash = genesis(instance.app.feed.instance());
    for (row, expected) in rows.iter().zip(1_i64..) {
        let computed = hash(&previous, &row.event.as_sealed(expected.unsigned_abs()));
        if row.sequence != expected || row.previous_hash != previous || row.hash != computed {
            return Err(expected);
        }
        previous = computed;
    }
    let count = i64::try_from(rows.len()).unwrap();
    let seals = instance.number("select count(*) from audit_seals").await;
    if seals == count { Ok(count) } else { Err(count + 1) }
}

async fn record(tx: &mut PgConnection, app: &App, organization: OrganizationId, number: usize) {
    let metadata = json!({"number": number, "text": "ä \u{1F511} \"quoted\" \\", "list": [1.5, -0.0, null, {"b": 1, "a": 2}]});
    let event = NewEvent::new(organization, Action::TokenIssued).metadata(metadata);
    audit::record(tx, app, event).await.unwrap();
}

/// Records and commits so many events.
async fn commit(instance: &Instance, tenant: &Tenant, events: usize) {
    let organization = tenant.uuid().into();
    let mut tx = instance.app.db.tenant(organization).await.unwrap();
    for number in 0..events {
        record(&mut tx, &instance.app, organization, number).await;
    }
    tx.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_sealers_make_one_chain_without_a_gap_over_what_concurrent_transactions_commit() {
    let instance = Instance::start_with(|settings| settings.with("DATABASE_MAX_CONNECTIONS", "8")).await;
    let other = instance.another_process().await;
    let tenant = instance.tenant().await;
    let writers = join_all((0..150_usize).map(|number| {
        let app = if number % 2 == 0 { instance.app.clone() } else { other.clone() };
        let organization = OrganizationId::new(tenant.uuid());
        tokio::spawn(async move {
            let mut tx = app.db.tenant(organization).await.unwrap();
            record(&mut tx, &app, organization, number).await;
            if number % 5 == 0 { drop(tx) } else { tx.commit().await.unwrap() }
        })
    }));
    let done = tokio_util::sync::CancellationToken::new();
    let seal = async |app: &App| {
        let mut sealed = 0;
        while !done.is_cancelled() {
            sealed += audit::seal_committed(app).await.unwrap();
        }
        sealed
    };
    let write = async {
        writers.await.into_iter().for_each(Result::unwrap);
        let mut superuser = instance.superuser().await;
        while number(&mut superuser, "select count(*) from audit_unsealed").await > 0 {}
        done.cancel();
    };
    let ((), one, two) = tokio::join!(write, seal(&instance.app), seal(&other));
    let events = instance.number("select count(*) from audit_events").await;
    assert!(events >= 120, "{events}");
    assert_eq!(verify(&instance).await, Ok(events));
    assert_eq!(i64::try_from(one + two).unwrap(), events);
}

#[tokio::test]
async fn more_events_than_one_seal_takes_are_sealed_in_several() {
    let instance = Instance::start().await;
    let tenant = instance.tenant().await;
    commit(&instance, &tenant, 2_100).await;
    let mut sizes = vec![];
    loop {
        match audit::seal_committed(&instance.app).await.unwrap() {
            0 => break,
            size => sizes.push(size),
        }
    }
    assert_eq!(sizes[..2], [1_000, 1_000]);
    assert_eq!(verify(&instance).await, Ok(instance.number("select count(*) from audit_events").await));
}

#[tokio::test]
async fn an_event_is_sealed_once_committed_also_if_it_is_older_than_what_is_sealed_already() {
    // The organization has two transactions at once.
    let instance = Instance::start_with(|settings| settings.with("DATABASE_MAX_CONNECTIONS", "5")).await;
    let tenant = instance.tenant().await;
    let organization = tenant.uuid().into();
    let mut early = instance.app.db.tenant(organization).await.unwrap();
    record(&mut early, &instance.app, organization, 0).await;
    instance.advance(Duration::minutes(1));
    commit(&instance, &tenant, 3).await;
    instance.seal().await;
    let before = verify(&instance).await.unwrap();
    early.commit().await.unwrap();
    instance.seal().await;
    assert_eq!(verify(&instance).await, Ok(before + 1));
    assert_eq!(instance.number("select count(*) from audit_unsealed").await, 0);
}

#[tokio::test]
async fn what_is_shown_of_an_event_verifies_its_hash() {
    let instance = Instance::start().await;
    let tenant = instance.tenant().await;
    let unsealed = tenant.events("agent.created").await;
    assert!(
        unsealed[0]["hash"].is_null() && unsealed[0]["sequence"].is_null(),
        "not sealed yet: {unsealed:?}"
    );
    instance.seal().await;
    let shown = &tenant.events("agent.created").await[0];
    let metadata = shown["metadata"].clone();
    let text = |name: &str| shown[name].as_str();
    let timestamp =
        OffsetDateTime::parse(text("timestamp").unwrap(), &time::format_description::well_known::Rfc3339)
            .unwrap();
    let event = SealedEvent {
        sequence: shown["sequence"].as_u64().unwrap(),
        event_id: text("eventId").unwrap().parse().unwrap(),
        timestamp_us: i64::try_from(timestamp.unix_timestamp_nanos() / 1_000).unwrap(),
        organization_id: text("organizationId").unwrap().parse().unwrap(),
        agent_id: text("agentId").map(|id| id.parse().unwrap()),
        action: text("action").unwrap(),
        outcome: text("outcome").unwrap(),
        ip_address: text("ipAddress"),
        user_agent: text("userAgent"),
        metadata: &metadata,
        attribution: text("via").map(|via| Attribution {
            actor: text("actor").map(|id| id.parse().unwrap()),
            on_behalf_of: text("onBehalfOf").map(|id| id.parse().unwrap()),
            token_id: text("tokenId").map(|id| id.parse().unwrap()),
            via,
            trace_id: text("traceId"),
        }),
    };
    let previous = text("previousHash").unwrap();
    let mut bytes: Hash = [0; 32];
    for (position, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&previous[2 * position..2 * position + 2], 16).unwrap();
    }
    assert_eq!(hex(&hash(&bytes, &event)), text("hash").unwrap());
}

#[tokio::test]
async fn tampering_attack_a_changed_or_removed_event_breaks_the_chain_where_it_was() {
    let instance = Instance::start().await;
    let tenant = instance.tenant().await;
    commit(&instance, &tenant, 6).await;
    instance.seal().await;
    verify(&instance).await.unwrap();
    // Past the triggers, as who owns the server could; then back as it was.
    let mut superuser = instance.superuser().await;
    let backup = "set session_replication_role = replica;
        create table events_backup as table audit_events; create table seals_backup as table audit_seals";
    execute(&mut superuser, backup).await;
    let victim = "where event_id = (select event_id from seals_backup where sequence = 4)";
    for tampering in [
        format!("update audit_events set outcome = 'failure' {victim}"),
        format!("update audit_events set actor_id = gen_random_uuid() {victim}"),
        format!("update audit_events set on_behalf_of_id = gen_random_uuid() {victim}"),
        format!("update audit_events set token_id = gen_random_uuid() {victim}"),
        format!("update audit_events set via = case via when 'cli' then 'api' else 'cli' end {victim}"),
        format!("update audit_events set via = null {victim}"),
        format!("update audit_events set trace_id = repeat('a', 32) {victim}"),
        format!("update audit_events set occurred_at = occurred_at + interval '1 microsecond' {victim}"),
        format!("update audit_events set metadata = metadata || '{{\"x\": 1}}' {victim}"),
        format!("update audit_events set agent_id = gen_random_uuid() {victim}"),
        format!("update audit_events set user_agent = 'another' {victim}"),
        format!("delete from audit_events {victim}"),
        "delete from audit_seals where sequence = 4".to_owned(),
        "update audit_seals set hash = sha256('x') where sequence = 4".to_owned(),
        format!("delete from audit_events {victim}; delete from audit_seals where sequence = 4"),
    ] {
        execute(&mut superuser, &tampering).await;
        assert_eq!(verify(&instance).await, Err(4), "{tampering}");
        let found = audit::verify(&instance.app, None).await.unwrap();
        assert_eq!(found.checked_count, 3, "{tampering}");
        // The seal that is wrong, or the next, if that one is gone.
        assert!(
            matches!(found.broken, Some(audit::Broken::Event { sequence: 4..=5, .. })),
            "{tampering}: {found:?}"
        );
        let restore = "truncate audit_events, audit_seals;
            insert into audit_events table events_backup; insert into audit_seals table seals_backup";
        execute(&mut superuser, restore).await;
        verify(&instance).await.unwrap();
    }
}

#[tokio::test]
async fn tampering_attack_an_event_put_in_moved_or_stripped_of_its_seal_is_found() {
    let instance = Instance::start().await;
    let tenant = instance.tenant().await;
    commit(&instance, &tenant, 6).await;
    instance.seal().await;
    let whole = audit::verify(&instance.app, None).await.unwrap();
    assert_eq!(
        (whole.checked_count, whole.broken),
        (instance.number("select count(*) from audit_seals").await.unsigned_abs(), None)
    );
    let mut superuser = instance.superuser().await;
    let backup = "set session_replication_role = replica;
        create table events_backup as table audit_events; create table seals_backup as table audit_seals";
    execute(&mut superuser, backup).await;
    let last = "(select event_id from seals_backup order by sequence desc limit 1)";
    for tampering in [
        "insert into audit_events select gen_random_uuid(), occurred_at, organization_id, agent_id, action, outcome, ip_address,
           user_agent, metadata from events_backup limit 1"
            .to_owned(),
        format!("delete from audit_seals where event_id = {last}"),
        format!("update audit_events set organization_id = gen_random_uuid() where event_id = {last}"),
        // Two change places.
        "update audit_seals set event_id = gen_random_uuid() where sequence = 4;
         update audit_seals set event_id = (select event_id from seals_backup where sequence = 4) where sequence = 3;
         update audit_seals set event_id = (select event_id from seals_backup where sequence = 3) where sequence = 4"
            .to_owned(),
        "update audit_seals set previous_hash = sha256('x') where sequence = 1".to_owned(),
    ] {
        execute(&mut superuser, &tampering).await;
        let found = audit::verify(&instance.app, None).await.unwrap();
        assert!(found.broken.is_some(), "{tampering}: {found:?}");
        let restore = "truncate audit_events, audit_seals;
            insert into audit_events table events_backup; insert into audit_seals table seals_backup";
        execute(&mut superuser, restore).await;
        assert_eq!(audit::verify(&instance.app, None).await.unwrap().broken, None);
    }
}

#[tokio::test]
async fn an_organization_checks_its_own_events_and_no_others() {
    let instance = Instance::start().await;
    let (tenant, other) = (instance.tenant().await, instance.tenant().await);
    commit(&instance, &tenant, 5).await;
    commit(&instance, &other, 7).await;
    instance.seal().await;
    let own = format!("select count(*) from audit_seals where organization_id = '{}'", tenant.uuid());
    let own = instance.number(&own).await;
    let verify = async |tenant: &Tenant, query: &str| {
        tenant.api.get(&format!("/api/v1/audit/verify{query}")).await.expect(200).json()
    };
    let found = verify(&tenant, "").await;
    assert_eq!((&found["verified"], &found["checkedCount"]), (&json!(true), &json!(own)));
    assert!(found["brokenAtEventId"].is_null());
    // What is wrong in the other's part is not shown here, and is there.
    let mut superuser = instance.superuser().await;
    execute(
        &mut superuser,
        &format!(
            "set session_replication_role = replica;
             update audit_events set outcome = 'failure' where organization_id = '{}' and action = 'token.issued'",
            other.uuid()
        ),
    )
    .await;
    assert_eq!(verify(&tenant, "").await, found);
    let theirs = verify(&other, "").await;
    assert_eq!(theirs["verified"], false);
    assert!(theirs["brokenAtEventId"].is_string());
    let later = verify(&other, "?fromDate=2999-01-01T00:00:00Z").await;
    assert_eq!((&later["verified"], &later["checkedCount"]), (&json!(true), &json!(0)));
    let refused = tenant
        .api
        .get("/api/v1/audit/verify?fromDate=2030-01-02T00:00:00Z&toDate=2030-01-01T00:00:00Z&x=1")
        .await;
    let body = refused.expect(400).json().to_string();
    assert!(body.contains("toDate") && body.contains("\"x\""), "{body}");
}

#[tokio::test]
async fn tampering_attack_an_organization_finds_what_was_done_to_its_part_of_the_log() {
    let instance = Instance::start().await;
    let (tenant, other) = (instance.tenant().await, instance.tenant().await);
    // One after the other in the log, so that what follows an event is the same organization's.
    for of in [&tenant, &other] {
        instance.advance(Duration::seconds(1));
        commit(&instance, of, 6).await;
    }
    instance.seal().await;
    let mut superuser = instance.superuser().await;
    let backup = "set session_replication_role = replica;
        create table events_backup as table audit_events; create table seals_backup as table audit_seals";
    execute(&mut superuser, backup).await;
    let (own, others) = (tenant.uuid(), other.uuid());
    let victim = format!(
        "where event_id = (select event_id from seals_backup where organization_id = '{own}' order by sequence desc offset 2 limit 1)"
    );
    let whole = async |tenant: &Tenant| {
        tenant.api.get("/api/v1/audit/verify").await.expect(200).json()["verified"] == true
    };
    for (tampering, other_is_whole) in [
        (format!("update audit_events set outcome = 'failure' {victim}"), true),
        (format!("update audit_events set occurred_at = occurred_at + interval '1 microsecond' {victim}"), true),
        (format!("update audit_events set organization_id = '{others}' {victim}"), false),
        (
            format!(
                "update audit_events set organization_id = '{others}' {victim};
                 update audit_seals set organization_id = '{others}' {victim}"
            ),
            false,
        ),
        (format!("delete from audit_events {victim}"), true),
        (format!("delete from audit_seals {victim}"), true),
        (format!("update audit_seals set hash = sha256('x') {victim}"), true),
        (format!("update audit_seals set previous_hash = sha256('x') {victim}"), true),
        (format!("update audit_seals set sequence = 1000 {victim}"), true),
        (format!("update audit_seals set occurred_at = occurred_at - interval '1 year' {victim}"), true),
        (
            format!(
                "insert into audit_events select gen_random_uuid(), '1500-01-01', organization_id, agent_id, action, outcome,
                   ip_address, user_agent, metadata from events_backup {victim}"
            ),
            true,
        ),
    ] {
        execute(&mut superuser, &tampering).await;
        // Moved with its seal, it is missing in the whole log alone: no organization's part has a number of its own.
        let moved = tampering.matches("organization_id =").count() > 2;
        assert_eq!(whole(&tenant).await, moved, "{tampering}");
        assert_eq!(whole(&other).await, other_is_whole, "{tampering}");
        let restore = "truncate audit_events, audit_seals;
            insert into audit_events table events_backup; insert into audit_seals table seals_backup";
        execute(&mut superuser, restore).await;
    }
    assert!(whole(&tenant).await && whole(&other).await);
}

#[tokio::test]
async fn a_check_goes_over_pages_of_events_of_one_moment_and_leaves_out_what_waits_for_its_seal() {
    let instance = Instance::start().await;
    let tenant = instance.tenant().await;
    commit(&instance, &tenant, 4_100).await;
    instance.seal().await;
    commit(&instance, &tenant, 40).await;
    let own = format!("select count(*) from audit_seals where organization_id = '{}'", tenant.uuid());
    let sealed = instance.number(&own).await;
    assert!(sealed >= 4_100);
    let found = tenant.api.get("/api/v1/audit/verify").await.expect(200).json();
    assert_eq!((&found["verified"], &found["checkedCount"]), (&json!(true), &json!(sealed)));
    // The last of the last page.
    let last = format!(
        "update audit_events set outcome = 'failure' where event_id = (select event_id from audit_seals
         where organization_id = '{}' order by occurred_at desc, event_id desc limit 1)",
        tenant.uuid()
    );
    execute(&mut instance.superuser().await, &format!("set session_replication_role = replica; {last}"))
        .await;
    let found = tenant.api.get("/api/v1/audit/verify").await.expect(200).json();
    assert_eq!((&found["verified"], &found["checkedCount"]), (&json!(false), &json!(sealed - 1)));
    // Of a part of the time, only what lies in it.
    instance.advance(Duration::minutes(5));
    commit(&instance, &tenant, 3).await;
    instance.seal().await;
    let from = instance.now().format(&time::format_description::well_known::Rfc3339).unwrap();
    let found = tenant.api.get(&format!("/api/v1/audit/verify?fromDate={from}")).await.expect(200).json();
    assert_eq!((&found["verified"], &found["checkedCount"]), (&json!(true), &json!(3)));
}

#[tokio::test]
async fn an_organization_may_ask_for_thirty_checks_a_minute() {
    let instance = Instance::start().await;
    let (tenant, other) = (instance.tenant().await, instance.tenant().await);
    for left in (0..30).rev() {
        let answer = tenant.api.get("/api/v1/audit/verify").await.expect(200);
        let standing = answer.headers["ratelimit"].to_str().unwrap().to_owned();
        assert!(standing.starts_with(&format!("\"organization\";r={left};")), "{standing}");
    }
    let refused = tenant.api.get("/api/v1/audit/verify").await.expect(429);
    assert_eq!(refused.headers["retry-after"], "2");
    assert_eq!(refused.headers["ratelimit-policy"], "\"organization\";q=30;w=60");
    assert_eq!(refused.json()["code"], "RATE_LIMITED");
    other.api.get("/api/v1/audit/verify").await.expect(200);
    instance.advance(Duration::seconds(2));
    tenant.api.get("/api/v1/audit/verify").await.expect(200);
}

#[tokio::test]
async fn partitions_for_the_coming_months_are_made_by_whichever_process_runs() {
    let instance = Instance::start().await;
    instance.clock.set(time::macros::datetime!(2041-11-30 23:59:59 UTC));
    let other = instance.another_process().await;
    for app in [&instance.app, &other] {
        audit::spawn(app);
    }
    for app in [&instance.app, &other] {
        // Each does one round and ends.
        app.shutdown.cancel();
        app.tasks.close();
        app.tasks.wait().await;
    }
    for month in ["2041_11", "2041_12", "2042_01", "2042_02"] {
        for table in ["audit_events", "usage_counters"] {
            let exists = format!("select (to_regclass('{table}_{month}') is not null)::int::bigint");
            assert_eq!(instance.number(&exists).await, 1, "{table}_{month}");
        }
    }
    let tenant = instance.tenant().await;
    let events = "select count(*) from audit_events_2041_11";
    assert!(instance.number(events).await > 0, "events go where they belong");
    instance.advance(Duration::seconds(1));
    tenant.again().await;
    assert_eq!(instance.number("select count(*) from audit_events_2041_12").await, 1);
}

#[tokio::test]
async fn a_month_that_has_events_already_keeps_them_and_the_other_months_get_their_partitions() {
    let instance = Instance::start().await;
    instance.clock.set(time::macros::datetime!(2041-12-15 12:00 UTC));
    let tenant = instance.tenant().await;
    instance.execute("select ensure_partitions('2041-11-01', 3)").await;
    let made = |month: &str| format!("select (to_regclass('audit_events_{month}') is not null)::int::bigint");
    let mut there = vec![];
    for month in ["2041_11", "2041_12", "2042_01", "2042_02"] {
        there.push(instance.number(&made(month)).await);
    }
    assert_eq!(there, [1, 0, 1, 1]);
    tenant.again().await;
    assert!(instance.number("select count(*) from audit_events_default").await > 1);
}
