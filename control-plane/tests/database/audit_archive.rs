//! Old months of the audit log move out of the way, and stay what they were: readable, provable, unchangeable.

use agentidp::audit;
use serde_json::Value;
use time::macros::date;
use time::{Date, Duration};

use crate::support::{Instance, Tenant, execute, refusal, unique};

/// The table that has a month's events, with its schema.
async fn place(instance: &Instance, month: &str) -> String {
    sqlx::query_scalar("select oid::regclass::text from pg_class where relname = $1")
        .bind(format!("audit_events_{month}"))
        .fetch_one(&mut instance.superuser().await)
        .await
        .unwrap()
}

/// Agents registered, so that there are events, and all of it sealed.
async fn month_of_events(instance: &Instance, tenant: &Tenant, first_day: Date) {
    instance.advance(first_day.midnight().assume_utc() - instance.now() + Duration::days(9));
    let tenant = tenant.again().await;
    for _ in 0..3 {
        tenant.create_agent(&["agents:read"]).await;
    }
    instance.seal().await;
}

/// March and April of 2030, each in a partition of its own, seen from May.
async fn two_months(instance: &Instance) -> Tenant {
    instance.execute("select ensure_partitions('2030-03-01', 6)").await;
    let platform = instance.platform().await;
    let tenant = platform.create_organization("enterprise").await;
    month_of_events(instance, &tenant, date!(2030 - 03 - 01)).await;
    month_of_events(instance, &tenant, date!(2030 - 04 - 01)).await;
    month_of_events(instance, &tenant, date!(2030 - 05 - 01)).await;
    tenant.again().await
}

/// What whoever reads the log sees of March and April, and how many events an auditor's check of the export counts.
async fn seen(instance: &Instance, tenant: &Tenant) -> (Value, Value, u64) {
    let months = "fromDate=2030-03-01T00:00:00Z&toDate=2030-05-01T00:00:00Z";
    let listed = tenant.api.get(&format!("/api/v1/audit?{months}&limit=100")).await.expect(200).json();
    let checked = tenant.api.get(&format!("/api/v1/audit/verify?{months}")).await.expect(200).json();
    let folder = std::env::temp_dir().join(format!("agentidp-archive-{}", unique()));
    audit::export(&instance.app, &folder, |_| ()).await.unwrap();
    let found = audit::fsck(&folder, None, &[], |_, _| ()).unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    (listed, checked, found.head.tree_size)
}

#[tokio::test]
async fn archived_months_read_as_before_and_the_chain_goes_on() {
    let instance = Instance::start().await;
    let tenant = two_months(&instance).await;
    audit::sign_if_due(&instance.app).await.unwrap();
    let before = seen(&instance, &tenant).await;
    assert!(before.0["total"].as_i64() >= Some(6), "{}", before.0);
    assert_eq!(before.1["verified"], true, "{}", before.1);

    // March ended not quite 90 days ago, and a day later it did.
    instance.advance(date!(2030 - 06 - 30).midnight().assume_utc() - instance.now() - Duration::seconds(1));
    instance.run_schedules().await;
    assert_eq!(place(&instance, "2030_03").await, "audit_events_2030_03");
    instance.advance(Duration::days(1));
    instance.run_schedules().await;
    assert_eq!(place(&instance, "2030_03").await, "audit_archive.audit_events_2030_03");
    assert_eq!(place(&instance, "2030_04").await, "audit_events_2030_04");
    instance.advance(Duration::days(31));
    instance.run_schedules().await;
    assert_eq!(place(&instance, "2030_04").await, "audit_archive.audit_events_2030_04");
    assert_eq!(place(&instance, "2030_05").await, "audit_events_2030_05");

    let tenant = tenant.again().await;
    instance.seal().await;
    audit::sign_if_due(&instance.app).await.unwrap();
    let after = seen(&instance, &tenant).await;
    assert_eq!(after.0, before.0);
    assert_eq!(after.1, before.1);
    assert!(after.2 > before.2);
    // Its partitions are not made again.
    instance.execute("select ensure_partitions('2030-03-01', 3)").await;
    assert_eq!(place(&instance, "2030_03").await, "audit_archive.audit_events_2030_03");
}

#[tokio::test]
async fn an_archived_month_is_as_unchangeable_and_as_private_as_any() {
    let instance = Instance::start().await;
    two_months(&instance).await;
    instance.advance(Duration::days(300));
    instance.run_schedules().await;
    let mut superuser = instance.superuser().await;
    execute(&mut superuser, "begin").await;
    for table in ["audit_events", "audit_archive.audit_events_2030_03"] {
        for change in ["update {} set outcome = 'failure'", "delete from {}", "truncate {}"] {
            let refused = refusal(&mut superuser, &change.replace("{}", table)).await;
            assert_eq!(refused, "42501", "{change} {table}");
        }
    }
    let open =
        "select count(*) from pg_class where relnamespace = 'audit_archive'::regnamespace and relkind = 'r'
        and not (relrowsecurity and relforcerowsecurity)";
    assert_eq!(instance.number(open).await, 0);
    for role in ["agentidp_app", "agentidp_system"] {
        execute(&mut superuser, &format!("set local role {role}")).await;
        let refused = refusal(&mut superuser, "select from audit_archive.audit_events_2030_03").await;
        assert_eq!(refused, "42501", "{role}");
        execute(&mut superuser, "reset role").await;
    }
}

#[tokio::test]
async fn a_month_with_an_event_that_is_not_sealed_waits() {
    let instance = Instance::start().await;
    two_months(&instance).await;
    instance.advance(Duration::days(300));
    let late = "insert into audit_unsealed (event_id, occurred_at, organization_id)
        select event_id, occurred_at, organization_id from audit_events_2030_03 limit 1";
    instance.execute(late).await;
    instance.run_schedules().await;
    assert_eq!(place(&instance, "2030_03").await, "audit_events_2030_03");
    assert_eq!(place(&instance, "2030_04").await, "audit_archive.audit_events_2030_04");
    instance.execute("delete from audit_unsealed where occurred_at < '2030-04-01'").await;
    instance.advance(Duration::days(1));
    instance.run_schedules().await;
    assert_eq!(place(&instance, "2030_03").await, "audit_archive.audit_events_2030_03");
}

#[tokio::test]
async fn an_archived_month_moves_to_the_tablespace_that_is_named_with_its_indexes() {
    let tablespace = format!("archive_{}", unique());
    let instance =
        Instance::start_with(|settings| settings.with("AGENTIDP_AUDIT_ARCHIVE_TABLESPACE", &tablespace))
            .await;
    two_months(&instance).await;
    let mut superuser = instance.superuser().await;
    execute(&mut superuser, "set allow_in_place_tablespaces = on").await;
    execute(&mut superuser, &format!("create tablespace {tablespace} location ''")).await;
    execute(&mut superuser, &format!("grant create on tablespace {tablespace} to public")).await;
    instance.advance(Duration::days(300));
    instance.run_schedules().await;
    let elsewhere = format!(
        "select count(*) from pg_class join pg_tablespace on pg_tablespace.oid = reltablespace
         where spcname = '{tablespace}' and relname like 'audit_events_2030_03%'"
    );
    let found = instance.number(&elsewhere).await;
    let back = format!(
        "alter table all in tablespace {tablespace} set tablespace pg_default;
         alter index all in tablespace {tablespace} set tablespace pg_default;"
    );
    execute(&mut superuser, &back).await;
    execute(&mut superuser, &format!("drop tablespace {tablespace}")).await;
    // The table, its primary key and its four other indexes.
    assert_eq!(found, 6);
}
