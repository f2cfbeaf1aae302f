//! Lists: by cursor, stable while rows come in; by number, only so deep; and never so many at once that others wait for them.

use futures_util::future::join_all;
use serde_json::json;
use time::Duration;

use crate::support::{Instance, Tenant, execute, new_agent, number};

/// Follows `nextCursor` from `path` on; something happens after each of the first pages.
async fn walk(tenant: &Tenant, path: &str, id: &str, between: impl AsyncFn()) -> Vec<String> {
    let (mut next, mut ids) = (format!("{path}?limit=2"), vec![]);
    loop {
        let page = tenant.api.get(&next).await.expect(200).json();
        ids.extend(page["data"].as_array().unwrap().iter().map(|row| row[id].as_str().unwrap().to_owned()));
        let Some(cursor) = page["nextCursor"].as_str() else { return ids };
        next = format!("{path}?limit=2&cursor={cursor}");
        if ids.len() <= 6 {
            between().await;
        }
    }
}

/// All rows, by numbered pages.
async fn ids(tenant: &Tenant, path: &str, id: &str) -> Vec<String> {
    let mut ids = vec![];
    for page in 1.. {
        let rows = tenant.api.get(&format!("{path}?limit=100&page={page}")).await.expect(200).json();
        ids.extend(rows["data"].as_array().unwrap().iter().map(|row| row[id].as_str().unwrap().to_owned()));
        if rows["nextCursor"].is_null() {
            break;
        }
    }
    ids
}

/// A tenant, the platform, and one more row of each list with every call.
struct Scene {
    instance: Instance,
    platform: Tenant,
    tenant: Tenant,
    credentials: String,
    members: String,
}

impl Scene {
    async fn set() -> Self {
        let instance =
            Instance::start_with(|settings| settings.with("AGENTIDP_MAX_CREDENTIALS_PER_AGENT", "1000"))
                .await;
        let platform = instance.platform().await;
        let tenant = platform.create_organization("enterprise").await;
        let credentials = format!("{}/credentials", tenant.create_agent(&["agents:read"]).await.path());
        let members = format!("/api/v1/organizations/{}/members", tenant.organization_id);
        Self { instance, platform, tenant, credentials, members }
    }

    /// Each list, as whom it is asked for, and what its rows are named by.
    fn lists(&self) -> [(&Tenant, &str, &'static str); 8] {
        [
            (&self.tenant, "/api/v1/agents", "agentId"),
            (&self.tenant, "/api/v1/audit", "eventId"),
            (&self.tenant, &self.credentials, "credentialId"),
            (&self.platform, "/api/v1/organizations", "organizationId"),
            (&self.tenant, &self.members, "agentId"),
            (&self.tenant, "/api/v1/oidc/trust-policies", "policyId"),
            (&self.tenant, "/api/v1/federation/partners", "partnerId"),
            (&self.tenant, "/api/v1/federation/grants", "grantId"),
        ]
    }

    async fn add_to_each(&self) {
        let (api, unique) = (&self.tenant.api, crate::support::unique());
        let agent = api.post("/api/v1/agents", &new_agent()).await.expect(201).text("agentId");
        let member = json!({"agentId": agent, "role": "member"});
        api.post(&self.members, &member).await.expect(201);
        api.post(&self.credentials, &json!({})).await.expect(201);
        let organization = self.platform.create_organization("free").await;
        let policy =
            json!({"provider": "github", "repository": format!("octo-org/{unique}"), "agentId": agent});
        api.post("/api/v1/oidc/trust-policies", &policy).await.expect(201);
        let grant = json!({"granteeId": organization.organization_id, "scopes": ["agents:read"]});
        api.post("/api/v1/federation/grants", &grant).await.expect(201);
        let (id, now) = (self.instance.app.new_id(), self.instance.now());
        self.instance
            .execute(&format!(
                "insert into federation_partners (id, organization_id, name, issuer, jwks_uri, keys, keys_fetched_at,
                   keys_told_at, keys_ask_again_at, allowed_organizations, created_at, updated_at)
                 values ('{id}', '{}', 'a', 'https://{unique}.example', 'https://a.example/keys', '{{\"keys\": []}}', now(),
                   now(), now(), '{{org-7}}', '{now}', '{now}')",
                self.tenant.organization_id
            ))
            .await;
    }
}

#[tokio::test]
async fn a_cursor_of_every_list_stays_in_place_while_rows_come_in() {
    // At another moment each, and all at the same: then their ids decide.
    for step in [Duration::milliseconds(1), Duration::ZERO] {
        let scene = Scene::set().await;
        for _ in 0..5 {
            scene.instance.advance(step);
            scene.add_to_each().await;
        }
        for (tenant, path, id) in scene.lists() {
            let before = ids(tenant, path, id).await;
            assert!(before.len() >= 5, "{path}: {before:?}");
            let walked = walk(tenant, path, id, async || {
                scene.instance.advance(step);
                scene.add_to_each().await;
            })
            .await;
            // What came in while it was read may be found; what was there is found once each, in its order.
            let found: Vec<_> = walked.iter().filter(|id| before.contains(id)).cloned().collect();
            assert_eq!(found, before, "{path}");
            let distinct: std::collections::BTreeSet<_> = walked.iter().collect();
            assert_eq!(distinct.len(), walked.len(), "{path}: no row comes twice");
            if step > Duration::ZERO && path != scene.members {
                assert_eq!(walked, before, "{path}: what is newer than the first page is not shown");
            }
        }
    }
}

#[tokio::test]
async fn numbered_pages_and_cursors_show_the_same_rows() {
    let scene = Scene::set().await;
    for _ in 0..4 {
        scene.instance.advance(Duration::SECOND);
        scene.add_to_each().await;
    }
    for (tenant, path, id) in scene.lists() {
        let all = ids(tenant, path, id).await;
        let mut paged = vec![];
        for page in 1..=all.len().div_ceil(3) {
            let answer = tenant.api.get(&format!("{path}?limit=3&page={page}")).await.expect(200).json();
            assert_eq!((&answer["total"], &answer["page"]), (&json!(all.len()), &json!(page)), "{path}");
            paged.extend(
                answer["data"].as_array().unwrap().iter().map(|row| row[id].as_str().unwrap().to_owned()),
            );
        }
        assert_eq!(paged, all, "{path}");
    }
}

#[tokio::test]
async fn foreign_cursor_attack_each_list_takes_its_own_cursors_and_no_others() {
    let scene = Scene::set().await;
    for _ in 0..2 {
        scene.instance.advance(Duration::SECOND);
        scene.add_to_each().await;
    }
    let mut cursors = vec![];
    for (tenant, path, _) in scene.lists() {
        let page = tenant.api.get(&format!("{path}?limit=1")).await.expect(200).json();
        cursors.push(page["nextCursor"].as_str().unwrap().to_owned());
    }
    for (own, (tenant, path, _)) in scene.lists().into_iter().enumerate() {
        for (of, cursor) in cursors.iter().enumerate() {
            let answer = tenant.api.get(&format!("{path}?cursor={cursor}")).await;
            let answer = answer.expect(if of == own { 200 } else { 400 }).json();
            if of == own {
                assert_eq!((answer.get("total"), answer.get("page")), (None, None), "{path}: {answer}");
            } else {
                assert_eq!(answer["details"]["errors"][0]["field"], "cursor", "{path}: {answer}");
            }
        }
        let answer = tenant.api.get(&format!("{path}?limit=100&page=101")).await.expect(400).json();
        assert_eq!(answer["details"]["errors"][0]["field"], "page", "{path}: {answer}");
        assert!(answer["details"]["errors"][0]["reason"].as_str().unwrap().contains("cursor"), "{answer}");
        tenant.api.get(&format!("{path}?limit=100&page=100")).await.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exhaustion_attack_twenty_slow_searches_of_one_tenant_leave_connections_to_the_others() {
    let instance = Instance::start_with(|settings| settings.with("DATABASE_MAX_CONNECTIONS", "4")).await;
    let platform = instance.platform().await;
    let (one, other) =
        (platform.create_organization("enterprise").await, platform.create_organization("enterprise").await);
    let waiting = "select count(*) from pg_locks where not granted and relation = 'trust_policies'::regclass
        and database = (select oid from pg_database where datname = current_database())";
    let mut holder = instance.superuser().await;
    execute(&mut holder, "begin; lock table trust_policies in access exclusive mode").await;
    let searches = (0..20).map(|_| {
        let api = one.api.clone();
        tokio::spawn(async move { api.get("/api/v1/oidc/trust-policies").await })
    });
    let searches: Vec<_> = searches.collect();
    while instance.number(waiting).await == 0 {}
    // All the while one tenant's search holds what it may.
    other.api.get("/api/v1/agents").await.expect(200);
    other.api.get("/api/v1/audit").await.expect(200);
    other.create_agent(&["agents:read"]).await.ask_token(&other.api).await.expect(200);
    assert_eq!(instance.number(waiting).await, 1, "the others wait for a turn, without a connection");
    execute(&mut holder, "commit").await;
    let answers = join_all(searches).await.into_iter().map(Result::unwrap);
    let (good, refused): (Vec<_>, Vec<_>) = answers.partition(|answer| answer.status == 200);
    assert!(!good.is_empty());
    for answer in refused {
        // Whoever waited too long for it.
        assert_eq!(answer.expect(429).code(), "TOO_MANY_LISTS");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exhaustion_attack_more_lists_than_may_wait_are_refused_at_once_with_the_limit() {
    let instance = Instance::start_with(|settings| settings.with("DATABASE_MAX_CONNECTIONS", "2")).await;
    let tenant = instance.tenant().await;
    let mut holder = instance.superuser().await;
    execute(&mut holder, "begin; lock table trust_policies in access exclusive mode").await;
    let searches: Vec<_> = (0..34)
        .map(|_| {
            let api = tenant.api.clone();
            tokio::spawn(async move { api.get("/api/v1/oidc/trust-policies").await })
        })
        .collect();
    // One runs and 32 wait: the first to be answered is the one too many.
    let (answer, ..) = futures_util::future::select_all(searches).await;
    let answer = answer.unwrap().expect(429);
    assert_eq!(answer.code(), "TOO_MANY_LISTS");
    assert_eq!(answer.headers["retry-after"], "2");
    assert_eq!(answer.json()["details"], json!({"limit": "listsAtOnce", "value": 1}));
    execute(&mut holder, "rollback").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exhaustion_attack_an_organization_runs_as_many_lists_at_once_as_its_tier_allows() {
    let instance = Instance::start_with(|settings| settings.with("DATABASE_MAX_CONNECTIONS", "40")).await;
    let platform = instance.platform().await;
    let waiting = "select count(*) from pg_locks where not granted and relation = 'credentials'::regclass
        and database = (select oid from pg_database where datname = current_database())";
    for (tier, allowed) in [("free", 2), ("enterprise", 8)] {
        let tenant = platform.create_organization(tier).await;
        let (list, limits) = (
            format!("{}/credentials", tenant.admin.path()),
            format!("/api/v1/organizations/{}/limits", tenant.organization_id),
        );
        let mut holder = instance.superuser().await;
        execute(&mut holder, "begin; lock table credentials in access exclusive mode").await;
        let searches: Vec<_> = (0..=allowed)
            .map(|_| {
                let (api, list) = (tenant.api.clone(), list.clone());
                tokio::spawn(async move { api.get(&list).await })
            })
            .collect();
        while instance.number(waiting).await < allowed {}
        let limits = tenant.api.get(&limits).await.expect(200).json();
        let shown =
            limits["limits"].as_array().unwrap().iter().find(|limit| limit["name"] == "lists_in_flight");
        let expected =
            json!({"name": "lists_in_flight", "limit": allowed, "used": allowed, "resetsAt": null});
        assert_eq!(shown, Some(&expected), "{tier}");
        let (refused, _, searches) = futures_util::future::select_all(searches).await;
        let refused = refused.unwrap().expect(429);
        assert_eq!(refused.json()["details"], json!({"limit": "listsAtOnce", "value": allowed}), "{tier}");
        execute(&mut holder, "rollback").await;
        for answer in join_all(searches).await {
            answer.unwrap().expect(200);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exhaustion_attack_changes_that_wait_for_one_row_leave_connections_to_the_others() {
    let instance = Instance::start_with(|settings| settings.with("DATABASE_MAX_CONNECTIONS", "5")).await;
    let platform = instance.platform().await;
    let (one, other) =
        (platform.create_organization("enterprise").await, platform.create_organization("enterprise").await);
    let agent = one.create_agent(&["agents:read"]).await;
    let mut holder = instance.superuser().await;
    execute(&mut holder, &format!("begin; select from agents where id = '{}' for update", agent.id)).await;
    let changes: Vec<_> = (0..10)
        .map(|_| {
            let (api, path) = (one.api.clone(), agent.path());
            tokio::spawn(async move { api.patch(&path, &json!({"description": "another"})).await })
        })
        .collect();
    let waiting = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    while instance.number(waiting).await < 2 {}
    other.api.get("/api/v1/agents").await.expect(200);
    other.create_agent(&["agents:read"]).await.ask_token(&other.api).await.expect(200);
    assert_eq!(instance.number(waiting).await, 2, "two fifths of five connections");
    execute(&mut holder, "rollback").await;
    for answer in join_all(changes).await {
        answer.unwrap().expect(200);
    }
}

#[tokio::test]
async fn a_search_that_takes_too_long_is_ended_and_says_what_to_do() {
    let instance = Instance::start().await;
    let tenant = instance.tenant().await;
    let mut holder = instance.superuser().await;
    execute(&mut holder, "begin; lock table trust_policies in access exclusive mode").await;
    let answer = tenant.api.get("/api/v1/oidc/trust-policies").await.expect(408);
    assert_eq!(answer.code(), "SEARCH_TOO_SLOW");
    assert!(answer.body.contains("narrow"), "{}", answer.body);
    execute(&mut holder, "rollback").await;
    tenant.api.get("/api/v1/oidc/trust-policies").await.expect(200);
}

/// Rows of tables with many that sequential scans have read so far.
async fn scanned(instance: &Instance) -> i64 {
    // What the connections of the pool have counted is shown when they say so.
    let pool = instance.app.db.pool();
    let mut connections = vec![];
    while let Some(connection) = pool.try_acquire() {
        connections.push(connection);
    }
    for connection in &mut connections {
        sqlx::query("select pg_stat_force_next_flush()").execute(&mut **connection).await.unwrap();
    }
    drop(connections);
    let mut superuser = instance.superuser().await;
    let query = "select coalesce(sum(seq_tup_read), 0)::bigint from pg_stat_user_tables
                 where relname = any ('{agents, credentials, audit_seals}') or relname like 'audit\\_events%'";
    number(&mut superuser, query).await
}

#[tokio::test]
async fn lists_and_filtered_searches_read_by_index_among_a_hundred_thousand_rows() {
    let instance = Instance::start().await;
    let platform = instance.platform().await;
    let (small, large, huge) = (
        platform.create_organization("enterprise").await,
        platform.create_organization("enterprise").await,
        platform.create_organization("enterprise").await,
    );
    for (tenant, count) in [(&large, 10_100), (&huge, 100_000)] {
        let id = &tenant.organization_id;
        let rows = format!(
            "insert into agents (id, organization_id, email, agent_type, version, capabilities, owner, deployment_env, scopes,
               did_public_jwk, created_at, updated_at)
             select gen_random_uuid(), '{id}', 'many-' || n || '@{id}.example', 'custom', '1.0.0', '{{}}', 'the tests', 'production',
               '{{}}', '{{}}', timestamptz '2030-01-01' + n * interval '1 second', now() from generate_series(1, {count}) n;
             insert into audit_events (event_id, occurred_at, organization_id, agent_id, action, outcome)
             select gen_random_uuid(), timestamptz '2030-01-01' + n * interval '1 second', '{id}', gen_random_uuid(),
               case when n % 5000 = 0 then 'key.rotated' else 'token.issued' end,
               case when n % 5000 = 1 then 'failure' else 'success' end from generate_series(1, {count}) n;
             analyze agents; analyze audit_events"
        );
        instance.execute(&rows).await;
    }
    let before = scanned(&instance).await;
    let deep = large.api.get("/api/v1/agents?limit=100&page=100").await.expect(200).json();
    let deep_events = large.api.get("/api/v1/audit?limit=100&page=100").await.expect(200).json();
    assert_eq!((&deep["total"], deep["data"].as_array().unwrap().len()), (&json!(10_101), 100));
    // More often than a plan for any filters would need to be preferred.
    for _ in 0..7 {
        for tenant in [&small, &large] {
            for path in [
                "/api/v1/agents".to_owned(),
                "/api/v1/agents?status=active&agentType=custom".to_owned(),
                format!("{}/credentials", tenant.admin.path()),
                "/api/v1/audit".to_owned(),
                "/api/v1/audit?action=key.rotated".to_owned(),
                "/api/v1/audit?outcome=failure".to_owned(),
                format!("/api/v1/audit?agentId={}", tenant.admin.id),
                "/api/v1/audit?fromDate=2030-01-02T00:00:00Z&toDate=2030-01-02T00:10:00Z".to_owned(),
            ] {
                tenant.api.get(&path).await.expect(200);
            }
        }
        for (path, page) in [("/api/v1/agents", &deep), ("/api/v1/audit", &deep_events)] {
            let cursor = page["nextCursor"].as_str().unwrap();
            large.api.get(&format!("{path}?limit=100&cursor={cursor}")).await.expect(200);
        }
    }
    let read = scanned(&instance).await - before;
    // Small tables are read through at times; none of the large ones ever is.
    assert!(read < 50_000, "sequential scans have read {read} rows");
}
