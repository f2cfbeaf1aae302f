//! What the schema promises of tenants, asked of PostgreSQL's own catalogs: every table that has something of a tenant in it
//! forces row-level security with the standard policies and no others, and the role that acts for one organization has the
//! rights listed here, neither more nor less. A new table is listed, or the first test fails.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::PgConnection;

use crate::support::{Instance, execute};

/// What `agentidp_app` may do. A table that is not here is not for it at all.
const RIGHTS_OF_APP: &[(&str, &str)] = &[
    ("agent_did_keys", "select, insert, update"),
    ("agents", "select, insert, update"),
    ("audit_events", "select, insert"),
    ("audit_seals", "select"),
    ("audit_unsealed", "insert"),
    ("credential_expiry_notices", "select"),
    ("credentials", "select, insert, update"),
    ("delegations", "select, insert, update"),
    // It chooses no ids.
    ("edge_feed_pending", "insert(agent_id, change, expires_at, ignorable, key, organization_id, subjects)"),
    ("edge_usage", "select"),
    ("federation_grants", "select, insert"),
    ("federation_partners", "select, insert, update, delete"),
    ("idempotency_keys", "select, insert, update, delete"),
    ("instance", "select"),
    // It may ask for work, and not say that it was done.
    ("jobs", "select, insert(created_at, dedup_key, due_at, id, kind, organization_id, payload)"),
    ("organization_members", "select, insert, update, delete"),
    ("organizations", "select"),
    ("protected_resource_organizations", "select"),
    ("protected_resource_scopes", "select"),
    ("protected_resources", "select"),
    ("retired_did_keys", "select, insert, update, delete"),
    ("revoked_tokens", "select, insert"),
    ("status_list_entries", "select, insert"),
    ("tenant_shares", "select, insert, update"),
    ("trust_policies", "select, insert, update, delete"),
    ("usage_counters", "select, insert, update"),
    // Digests of tokens, of the instance: it may add one, and sees none.
    ("used_outside_tokens", "insert"),
];

/// Tables with something of a tenant in them: its id, or a reference that leads to an organization.
const TENANT_TABLES: &str = "with recursive tenant as (
      select oid from pg_class where relnamespace = any (array['public', 'audit_archive']::regnamespace[]) and relkind in ('r', 'p')
        and (relname = 'organizations' or exists (
          select from pg_attribute where attrelid = pg_class.oid and attname = 'organization_id' and not attisdropped))
      union select conrelid from pg_constraint join tenant on confrelid = tenant.oid where contype = 'f')
    select relname::text, relispartition, relrowsecurity and relforcerowsecurity,
      exists (select from pg_attribute where attrelid = pg_class.oid and attname = 'organization_id' and not attisdropped)
    from pg_class join tenant using (oid) order by 1";

const POLICIES: &str = "select tablename::text,
      concat_ws(' ', policyname, lower(permissive), 'to', array_to_string(roles, ','), lower(cmd), qual, with_check)
    from pg_policies where schemaname in ('public', 'audit_archive')";

/// Rights by whatever way: granted to the role, to everyone, to all columns or to some.
const RIGHTS: &str = "select relname::text, string_agg(held, ', ' order by n) from (
      select relname, n, case when has_table_privilege('agentidp_app', pg_class.oid, kind) then kind
        when kind in ('select', 'insert', 'update', 'references') then kind || '(' || (
          select string_agg(attname, ', ' order by attname) from pg_attribute
          where attrelid = pg_class.oid and attnum > 0 and not attisdropped
            and has_column_privilege('agentidp_app', pg_class.oid, attnum, kind)) || ')' end as held
      from pg_class cross join unnest(array['select', 'insert', 'update', 'delete', 'truncate', 'references', 'trigger'])
        with ordinality as kinds (kind, n)
      where relnamespace = any (array['public', 'audit_archive']::regnamespace[]) and relkind in ('r', 'p', 'v', 'm', 'f')) rights
    where held is not null group by 1";

/// Ways past the policies that no table shows.
const WAYS_PAST: &str = "
    select 'a view is read with its owner''s rights: ' || relname from pg_class
      where relnamespace = any (array['public', 'audit_archive']::regnamespace[]) and relkind in ('v', 'm', 'f')
    union all select 'a function that agentidp_app may call runs with its owner''s rights: ' || proname from pg_proc
      where pronamespace = any (array['public', 'audit_archive']::regnamespace[]) and prosecdef and has_function_privilege('agentidp_app', oid, 'execute')
    union all select 'a role may do more than it should: ' || rolname from pg_roles
      where rolname in ('agentidp_app', 'agentidp_system') and (rolsuper or rolbypassrls or rolcanlogin
        or rolcreaterole or rolcreatedb or exists (select from pg_auth_members where member = pg_roles.oid))
    union all select 'current_organization is not what the policies rely on: ' || pg_get_functiondef(oid) from pg_proc
      where pronamespace = 'public'::regnamespace and proname = 'current_organization' and pg_get_function_sqlbody(oid)
        is distinct from 'RETURN (NULLIF(current_setting(''app.organization_id''::text, true), ''''::text))::uuid'";

fn standard_policies(column: &str) -> BTreeSet<String> {
    let own = format!("({column} = current_organization())");
    BTreeSet::from([
        format!("tenant permissive to agentidp_app all {own} {own}"),
        "everything permissive to agentidp_system all true true".to_owned(),
    ])
}

/// Every rule that the schema breaks, in words.
async fn faults(connection: &mut PgConnection) -> Vec<String> {
    let mut faults: Vec<String> = sqlx::query_scalar(WAYS_PAST).fetch_all(&mut *connection).await.unwrap();
    let mut policies: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (table, policy) in sqlx::query_as(POLICIES).fetch_all(&mut *connection).await.unwrap() {
        policies.entry(table).or_default().insert(policy);
    }
    let tables: Vec<(String, bool, bool, bool)> =
        sqlx::query_as(TENANT_TABLES).fetch_all(&mut *connection).await.unwrap();
    assert!(tables.len() > 15, "{tables:?}");
    for (table, is_partition, forced, names_its_tenant) in tables {
        if !forced {
            faults.push(format!("{table} does not force row-level security"));
        }
        let column = if table == "organizations" { "id" } else { "organization_id" };
        if !names_its_tenant && table != "organizations" {
            faults.push(format!("{table} belongs to a tenant and has no organization_id"));
        }
        let found = policies.remove(&table).unwrap_or_default();
        // A partition is reached through its table; without a policy of its own it shows nothing.
        let none_is_right = is_partition && found.is_empty();
        if !none_is_right && found != standard_policies(column) {
            faults.push(format!("{table} has other policies than the standard ones: {found:?}"));
        }
    }
    let mut rights: BTreeMap<String, String> =
        sqlx::query_as(RIGHTS).fetch_all(connection).await.unwrap().into_iter().collect();
    for (table, expected) in RIGHTS_OF_APP {
        let held = rights.remove(*table).unwrap_or_default();
        if held != *expected {
            faults.push(format!("agentidp_app may {held:?} on {table}, not {expected:?}"));
        }
    }
    for (table, held) in rights {
        faults.push(format!("agentidp_app may {held:?} on {table}, which is not for it"));
    }
    faults
}

#[tokio::test]
async fn the_schema_breaks_no_rule() {
    let instance = Instance::start().await;
    instance.execute("select ensure_partitions('2041-11-30', 14)").await;
    let faults = faults(&mut instance.superuser().await).await;
    assert!(faults.is_empty(), "{faults:#?}");
}

#[tokio::test]
async fn each_rule_finds_what_breaks_it() {
    let instance = Instance::start().await;
    let policy = "using (organization_id = current_organization()) with check (organization_id = current_organization())";
    let column = "organization_id uuid not null";
    for (planted, found) in [
        (format!("create table notes (id uuid, {column})"), "notes does not force row-level security"),
        // What belongs to an agent belongs to its tenant, whether the table says so or not.
        (
            "create table notes (agent_id uuid references agents (id))".into(),
            "notes does not force row-level security",
        ),
        (
            "create table notes (agent_id uuid references agents (id));
             create table lines (note uuid); alter table notes add unique (agent_id);
             alter table lines add foreign key (note) references notes (agent_id)"
                .into(),
            "lines belongs to a tenant and has no organization_id",
        ),
        (
            format!("create table notes ({column}); alter table notes enable row level security, force row level security"),
            "notes has other policies than the standard ones: {}",
        ),
        ("alter table agents no force row level security".into(), "agents does not force"),
        ("alter table agents disable row level security".into(), "agents does not force"),
        ("alter table audit_events_default no force row level security".into(), "audit_events_default does not force"),
        ("drop policy tenant on credentials".into(), "credentials has other policies"),
        (format!("create policy more on agents to agentidp_app {policy}"), "agents has other policies"),
        ("create policy more on agents for select to public using (is_public)".into(), "agents has other policies"),
        ("alter policy tenant on agents using (true)".into(), "agents has other policies"),
        ("alter policy tenant on agents with check (true)".into(), "agents has other policies"),
        ("alter policy tenant on agents to agentidp_app, public".into(), "agents has other policies"),
        (
            "alter policy tenant on agents using (organization_id = current_organization() or is_public)".into(),
            "agents has other policies",
        ),
        ("alter policy tenant on organizations using (true)".into(), "organizations has other policies"),
        ("grant delete on agents to agentidp_app".into(), "on agents, not"),
        ("grant truncate on agents to agentidp_app".into(), "on agents, not"),
        ("grant update (tier) on organizations to agentidp_app".into(), "on organizations, not"),
        ("grant update (state) on jobs to agentidp_app".into(), "on jobs, not"),
        ("revoke insert on agents from agentidp_app".into(), "on agents, not"),
        ("grant select on signing_keys to public".into(), "on signing_keys, which is not for it"),
        ("grant select on audit_events_default to agentidp_app".into(), "on audit_events_default, which is not for it"),
        ("create view all_agents as select * from agents".into(), "a view is read with its owner's rights: all_agents"),
        (
            "create function all_agents() returns setof agents language sql security definer return (select a from agents a)"
                .into(),
            "a function that agentidp_app may call runs with its owner's rights: all_agents",
        ),
        (
            "create or replace function current_organization() returns uuid language sql stable
               as 'select id from organizations limit 1'"
                .into(),
            "current_organization is not what the policies rely on",
        ),
    ] {
        let mut superuser = instance.superuser().await;
        execute(&mut superuser, "begin").await;
        execute(&mut superuser, &planted).await;
        let found_at = faults(&mut superuser).await;
        assert!(found_at.iter().any(|fault| fault.contains(found)), "{planted}: {found_at:#?}");
        execute(&mut superuser, "rollback").await;
    }
}
