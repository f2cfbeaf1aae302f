//! Row-level security, below HTTP: what the role that acts for one organization sees and can write, table by table.

use agentidp::credentials::NoticeExpiring;
use agentidp::infra::clock::unix_millis;
use agentidp::infra::jobs::{self, NewJob};
use agentidp_shared::usage::{Batch, DAY_MS, Decision, Tally};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgConnection};
use time::Duration;
use time::format_description::well_known::Rfc3339;

use crate::support::{Instance, Tenant, execute, number, refusal};

/// `insufficient_privilege`: a missing grant, or a row that a policy refuses.
const REFUSED: &str = "42501";
const NOBODY: &str = "0198c5a4-0000-7000-8000-00000000dead";

/// Two organizations with rows in every table that can have them.
pub struct Scene {
    pub instance: Instance,
    pub one: Tenant,
    pub other: Tenant,
}

impl Scene {
    pub async fn set() -> Self {
        let instance = Instance::start().await;
        let platform = instance.platform().await;
        let one = platform.create_organization("enterprise").await;
        let other = platform.create_organization("enterprise").await;
        let both = json!([one.organization_id, other.organization_id]);
        platform.create_resource("https://api.example.com", &["api:read"], &both).await;
        for tenant in [&one, &other] {
            let agent = tenant.create_agent(&["agents:read"]).await;
            let token = agent.token(&tenant.api).await;
            tenant.api.form("/oauth2/revoke", &[("token", &token)]).await.expect(200);
            let delegation = json!({"delegateeId": agent.id, "scopes": ["agents:read"], "ttlSeconds": 60});
            tenant.api.post("/oauth2/token/delegate", &delegation).await.expect(201);
            tenant.api.post(&format!("{}/did/rotate", agent.path()), &json!({})).await.expect(200);
            let keyed = tenant.api.with("idempotency-key", "a-key");
            let soon = (instance.now() + Duration::days(1)).format(&Rfc3339).unwrap();
            let body = json!({ "expiresAt": soon });
            keyed.post(&format!("{}/credentials", agent.path()), &body).await.expect(201);
            let mut tx = instance.app.db.tenant(tenant.uuid().into()).await.unwrap();
            let job = NewJob::new(&NoticeExpiring {}).of(tenant.uuid().into());
            jobs::enqueue(&mut tx, &instance.app, job).await.unwrap();
            tx.commit().await.unwrap();
            let policy =
                json!({"provider": "github", "repository": "octo-org/octo-repo", "agentId": agent.id});
            tenant.api.post("/api/v1/oidc/trust-policies", &policy).await.expect(201);
            let grant = json!({"granteeId": NOBODY, "scopes": ["agents:read"]});
            tenant.api.post("/api/v1/federation/grants", &grant).await.expect(201);
            let partner = format!(
                "insert into federation_partners (id, organization_id, name, issuer, jwks_uri, keys, keys_fetched_at, keys_ask_again_at,
                   allowed_organizations, created_at, updated_at)
                 values (gen_random_uuid(), '{}', 'a', 'https://a.example', 'https://a.example/keys', '{{\"keys\": []}}', now(), now(),
                   '{{org-7}}', now(), now())",
                tenant.organization_id
            );
            instance.execute(&partner).await;
            let share = format!(
                "insert into tenant_shares (organization_id, share, window_starts_at, used) values ('{}', 'signing_algorithm_changes', now(), 1)",
                tenant.organization_id
            );
            instance.execute(&share).await;
            let issued_at = unix_millis(instance.now());
            let tally = Tally {
                organization_id: tenant.organization_id.parse().unwrap(),
                agent_id: agent.id.parse().unwrap(),
                decision: Decision::Allowed,
                day: u32::try_from(issued_at / DAY_MS).unwrap(),
                count: 1,
            };
            let batch = Batch { id: instance.app.new_id(), issued_at, tallies: vec![tally] };
            instance.edge("osaka").report(&batch).await.expect(204);
        }
        instance.run_schedules().await;
        instance.seal().await;
        // What waits to be numbered and to be sealed, of each.
        instance.sequence().await;
        for tenant in [&one, &other] {
            let agent = tenant.create_agent(&["agents:read"]).await;
            tenant.api.patch(&agent.path(), &json!({"status": "suspended"})).await.expect(200);
        }
        Self { instance, one, other }
    }

    /// As the login role, in a transaction of `role` for `organization`.
    pub async fn act_as(&self, role: &str, organization: &str) -> PgConnection {
        let mut connection = self.instance.database.login().await;
        let begin = format!(
            "begin; set local role {role}; select set_config('app.organization_id', '{organization}', true)"
        );
        execute(&mut connection, &begin).await;
        connection
    }

    /// The tables with a tenant in them and the column it is in, partitions left out.
    pub async fn tables(&self) -> Vec<(String, &'static str)> {
        let names = tenant_tables(&self.instance, false).await;
        let mut tables: Vec<_> = names.into_iter().map(|name| (name, "organization_id")).collect();
        tables.push(("organizations".into(), "id"));
        tables
    }

    /// Whether the role that acts for one organization holds this right.
    async fn app_may(&self, right: &str, table: &str) -> bool {
        let held = format!("select has_table_privilege('agentidp_app', '{table}', '{right}')::int::bigint");
        self.instance.number(&held).await == 1
    }

    async fn rows_of(&self, table: &str, column: &str, tenant: &Tenant) -> i64 {
        let id = &tenant.organization_id;
        self.instance.number(&format!("select count(*) from {table} where {column} = '{id}'")).await
    }
}

/// Every table with an `organization_id`; with `partitions` also those that only hold a part of one.
async fn tenant_tables(instance: &Instance, partitions: bool) -> Vec<String> {
    sqlx::query_scalar(
        "select oid::regclass::text from pg_class
         where relnamespace = any (array['public', 'audit_archive']::regnamespace[]) and relkind in ('r', 'p')
           and ($1 or not relispartition)
           and exists (select from pg_attribute where attrelid = pg_class.oid and attname = 'organization_id'
             and not attisdropped)
         order by 1",
    )
    .bind(partitions)
    .fetch_all(&mut *instance.database.shared().await)
    .await
    .unwrap()
}

#[tokio::test]
async fn every_tenant_table_and_every_partition_forces_row_level_security() {
    let instance = Instance::start().await;
    instance.execute("select ensure_partitions('2041-11-30', 14)").await;
    let mut tables = tenant_tables(&instance, true).await;
    for partition in
        ["audit_events_default", "audit_events_2041_11", "audit_events_2043_01", "usage_counters_2042_12"]
    {
        assert!(tables.iter().any(|table| table == partition), "{tables:?}");
    }
    tables.push("organizations".into());
    let mut superuser = instance.superuser().await;
    for table in tables {
        let forced = format!(
            "select (relrowsecurity and relforcerowsecurity)::int::bigint from pg_class where oid = '{table}'::regclass"
        );
        assert_eq!(number(&mut superuser, &forced).await, 1, "{table}");
    }
}

#[tokio::test]
async fn every_tenant_table_has_rows_of_both_organizations_in_these_tests() {
    let scene = Scene::set().await;
    for (table, column) in scene.tables().await {
        for tenant in [&scene.one, &scene.other] {
            assert!(
                scene.rows_of(&table, column, tenant).await > 0,
                "{table} is empty: give `Scene` rows for it"
            );
        }
    }
}

#[tokio::test]
async fn without_an_organization_or_with_a_foreign_one_nothing_is_seen() {
    let scene = Scene::set().await;
    for organization in ["", NOBODY] {
        let mut connection = scene.act_as("agentidp_app", organization).await;
        for (table, _) in scene.tables().await {
            if !scene.app_may("select", &table).await {
                continue;
            }
            let seen = number(&mut connection, &format!("select count(*) from {table}")).await;
            assert_eq!(seen, 0, "{table} as {organization:?}");
        }
    }
}

#[tokio::test]
async fn with_an_organization_its_own_rows_are_seen_and_no_others() {
    let scene = Scene::set().await;
    for tenant in [&scene.one, &scene.other] {
        let mut connection = scene.act_as("agentidp_app", &tenant.organization_id).await;
        for (table, column) in scene.tables().await {
            if !scene.app_may("select", &table).await {
                continue;
            }
            let id = &tenant.organization_id;
            let all = number(&mut connection, &format!("select count(*) from {table}")).await;
            let own = format!("select count(*) from {table} where {column} = '{id}'");
            let own = number(&mut connection, &own).await;
            let there_are = scene.rows_of(&table, column, tenant).await;
            assert_eq!((all, own), (there_are, there_are), "{table}");
        }
    }
}

#[tokio::test]
async fn malformed_organization_attack_is_an_error_and_not_everything() {
    let scene = Scene::set().await;
    for organization in ["*", "%", "null", "'' or true", "0198c5a4"] {
        let quoted = organization.replace('\'', "''");
        let mut connection = scene.act_as("agentidp_app", &quoted).await;
        assert_eq!(refusal(&mut connection, "select * from agents").await, "22P02", "{organization}");
    }
}

#[tokio::test]
async fn a_partition_cannot_be_read_past_its_tables_policy() {
    let scene = Scene::set().await;
    scene.instance.execute("select ensure_partitions('2041-11-30', 2)").await;
    let (all, tables) =
        (tenant_tables(&scene.instance, true).await, tenant_tables(&scene.instance, false).await);
    for role in ["agentidp_app", "agentidp_system"] {
        let mut connection = scene.act_as(role, &scene.one.organization_id).await;
        for partition in all.iter().filter(|table| !tables.contains(table)) {
            let code = refusal(&mut connection, &format!("select * from {partition}")).await;
            assert_eq!(code, REFUSED, "{partition} as {role}");
        }
    }
}

#[tokio::test]
async fn the_login_role_can_do_nothing_without_choosing_a_role() {
    let scene = Scene::set().await;
    let mut connection = scene.instance.database.login().await;
    execute(&mut connection, "begin").await;
    let instances = ["signing_keys", "edge_feed", "login_throttle", "instance"];
    let tenants = scene.tables().await.into_iter().map(|(table, _)| table);
    for table in tenants.chain(instances.map(str::to_owned)) {
        assert_eq!(refusal(&mut connection, &format!("select * from {table}")).await, REFUSED, "{table}");
    }
}

#[tokio::test]
async fn what_belongs_to_the_instance_is_not_for_the_role_of_an_organization() {
    let scene = Scene::set().await;
    let mut connection = scene.act_as("agentidp_app", &scene.one.organization_id).await;
    for statement in [
        "select * from signing_keys",
        "select * from edge_feed",
        "select * from edge_feed_pending",
        "select * from edge_nodes",
        "select * from login_throttle",
        "select * from audit_unsealed",
        "delete from revoked_tokens",
        "update organizations set tier = 'enterprise'",
        "select ensure_partitions('2041-11-30', 2)",
    ] {
        assert_eq!(refusal(&mut connection, statement).await, REFUSED, "{statement}");
    }
}

#[tokio::test]
async fn forged_tenant_attack_a_row_of_another_organization_cannot_be_inserted() {
    let scene = Scene::set().await;
    let mut superuser = scene.instance.superuser().await;
    let mut connection = scene.act_as("agentidp_app", &scene.one.organization_id).await;
    let mut tried = 0;
    for (table, column) in scene.tables().await {
        if !scene.app_may("insert", &table).await {
            continue;
        }
        let query = format!("select to_jsonb(t) from {table} t where {column} = $1 limit 1");
        let row = sqlx::query_scalar::<_, Value>(AssertSqlSafe(query)).bind(scene.other.uuid());
        let row = row.fetch_one(&mut superuser).await.unwrap().to_string().replace('\'', "''");
        let statement =
            format!("insert into {table} select * from jsonb_populate_record(null::{table}, '{row}')");
        assert_eq!(refusal(&mut connection, &statement).await, REFUSED, "{table}");
        tried += 1;
    }
    assert!(tried >= 8, "only {tried} tables were tried");
}

#[tokio::test]
async fn changing_hands_attack_a_row_cannot_be_given_to_another_organization() {
    let scene = Scene::set().await;
    let mut connection = scene.act_as("agentidp_app", &scene.one.organization_id).await;
    let mut tried = 0;
    for (table, column) in scene.tables().await {
        if !scene.app_may("update", &table).await {
            continue;
        }
        let statement = format!("update {table} set {column} = '{}'", scene.other.organization_id);
        assert_eq!(refusal(&mut connection, &statement).await, REFUSED, "{table}");
        tried += 1;
    }
    assert!(tried >= 5, "only {tried} tables were tried");
}

#[tokio::test]
async fn updates_and_deletions_reach_ones_own_rows_only() {
    let scene = Scene::set().await;
    let mut tried = 0;
    for (table, column) in scene.tables().await {
        for (right, statement) in [
            ("update", format!("update {table} set {column} = {column}")),
            ("delete", format!("delete from {table}")),
        ] {
            if !scene.app_may(right, &table).await {
                continue;
            }
            let mut connection = scene.act_as("agentidp_app", &scene.one.organization_id).await;
            let done = sqlx::query(AssertSqlSafe(statement.clone())).execute(&mut connection).await.unwrap();
            let own = scene.rows_of(&table, column, &scene.one).await;
            assert_eq!(done.rows_affected(), own.unsigned_abs(), "{statement}");
            execute(&mut connection, "rollback").await;
            tried += 1;
        }
    }
    assert!(tried >= 7, "only {tried} statements were tried");
}

#[tokio::test]
async fn rewriting_history_attack_no_role_changes_or_deletes_audit_events_and_seals() {
    let scene = Scene::set().await;
    let mut tables = tenant_tables(&scene.instance, true).await;
    tables.retain(|table| table.contains("audit_events") || table == "audit_seals");
    assert!(tables.len() > 5, "{tables:?}");
    for role in ["agentidp_app", "agentidp_system"] {
        let mut connection = scene.act_as(role, &scene.one.organization_id).await;
        for table in &tables {
            for statement in [
                format!("update {table} set organization_id = organization_id"),
                format!("delete from {table}"),
                format!("truncate {table}"),
                format!("drop table {table}"),
                format!("alter table {table} disable row level security"),
                format!("alter table {table} disable trigger all"),
            ] {
                assert_eq!(refusal(&mut connection, &statement).await, REFUSED, "{statement} as {role}");
            }
        }
    }
}

#[tokio::test]
async fn even_a_superuser_does_not_change_the_audit_log_by_accident() {
    let scene = Scene::set().await;
    let mut superuser = scene.instance.superuser().await;
    execute(&mut superuser, "begin").await;
    for table in ["audit_events", "audit_seals"] {
        for statement in [
            format!("update {table} set organization_id = organization_id"),
            format!("delete from {table}"),
            format!("truncate {table}"),
        ] {
            assert_eq!(refusal(&mut superuser, &statement).await, REFUSED, "{statement}");
        }
    }
}
