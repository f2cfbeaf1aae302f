//! Two organizations on one deployment: neither can read, list, change or infer anything of the other.
//!
//! Every operation of the OpenAPI document has a case in `isolation_cases`; one without a case fails the first test. A case tries the
//! operation as the outsider on what belongs to the victim, and once more on what belongs to nobody: the two answers must be
//! the same, so that nothing can be inferred from them.

use agentidp_shared::strict::decode_base64url;
use agentidp_tests::api::encode;
use agentidp_tests::openapi::operations;
use agentidp_tests::tenants::new_agent;
use agentidp_tests::{Answer, Api, ControlPlane, eventually, unique};
use serde_json::{Value, json};
use std::time::Duration;

use crate::isolation_cases::{Case, case};
use crate::two_tenants::{Ids, NOBODY, Scene, call, seen};

#[tokio::test]
async fn every_route_has_a_case_and_no_case_is_without_a_route() {
    let control_plane = ControlPlane::start();
    let mut without = vec![];
    for operation in operations(&Api::new(&control_plane.url())).await {
        if case(&operation.id).is_none() {
            without.push(format!("{} ({} {})", operation.id, operation.method, operation.path));
        }
    }
    assert!(without.is_empty(), "say in `case` how these keep organizations apart: {without:#?}");
}

#[tokio::test]
async fn another_organizations_things_are_answered_like_nobodys() {
    let scene = Scene::set().await;
    let before = scene.victim_view().await;
    let mut tried = 0;
    for operation in operations(&scene.outsider.api).await {
        if case(&operation.id) != Some(Case::ById) {
            continue;
        }
        let (victims, nobodys) = (Ids::victims(&scene), Ids::nobodys());
        let (there, nowhere) = (victims.path(&operation), nobodys.path(&operation));
        let ids = [
            &*victims.agent,
            &victims.credential,
            &victims.organization,
            &victims.event,
            &victims.policy,
            &victims.partner,
            &victims.grant,
            &victims.resource,
            NOBODY,
        ];
        for outsider in [&scene.outsider.api, &scene.outsider_agent.log_in(&scene.outsider.api).await] {
            let (one, other) =
                (call(outsider, &operation, &there).await, call(outsider, &operation, &nowhere).await);
            assert!((403..=404).contains(&one.status), "{} → {} {}", one.asked, one.status, one.body);
            assert_eq!(seen(&one, &ids), seen(&other, &ids), "{}", one.asked);
            scene.assert_silent(&one, &ids);
        }
        // One's own agent with another's credential.
        if operation.path.contains("{credentialId}") {
            let mixed = Ids { agent: scene.outsider_agent.id.clone(), ..Ids::victims(&scene) };
            let own = Ids { agent: scene.outsider_agent.id.clone(), ..Ids::nobodys() };
            let one = call(&scene.outsider.api, &operation, &mixed.path(&operation)).await;
            let other = call(&scene.outsider.api, &operation, &own.path(&operation)).await;
            assert_eq!(seen(&one, &ids), seen(&other, &ids), "{}", one.asked);
            assert_eq!(one.status, 404, "{}", one.asked);
        }
        tried += 1;
    }
    assert!(tried >= 10, "only {tried} operations were tried");
    assert_eq!(before, scene.victim_view().await, "the victim's things changed");
    scene.victim_agent.token(&scene.victim.api).await;
}

#[tokio::test]
async fn lists_show_nothing_of_another_organization_whatever_is_asked() {
    let scene = Scene::set().await;
    let filters: Vec<(&str, &str)> = vec![
        ("agentId", &scene.victim_agent.id),
        ("agentId", &scene.victim.admin.id),
        ("owner", &scene.marks[0]),
        ("q", &scene.marks[0]),
        ("q", &scene.victim.slug),
        ("q", ""),
        ("organizationId", &scene.victim.organization_id),
        ("organization_id", &scene.victim.organization_id),
        ("limit", "100"),
        ("page", "2"),
        ("cursor", "AAAA"),
    ];
    for operation in operations(&scene.outsider.api).await {
        if case(&operation.id) != Some(Case::List) {
            continue;
        }
        let all = scene.outsider.api.get(&format!("{}?limit=100", operation.path)).await.expect(200);
        scene.assert_silent(&all, &[]);
        assert!(all.json()["total"].as_u64().is_none_or(|total| total < 30), "counts what it does not show");
        for (name, value) in &filters {
            let path = format!("{}?{name}={}", operation.path, encode(value));
            let answer = scene.outsider.api.get(&path).await;
            scene.assert_silent(&answer, &[value]);
            if answer.is(200) && scene.marks.iter().any(|mark| mark == value) {
                let body = answer.json();
                assert_eq!(body["data"], json!([]), "{path}");
                assert!(body["total"].is_null() || body["total"] == 0, "{path}: {body}");
            }
        }
    }
}

/// A cursor is opaque, but another organization's is still not a way in.
#[tokio::test]
async fn another_organizations_cursor_opens_nothing() {
    let scene = Scene::set().await;
    let page = scene.victim.api.get("/api/v1/audit?limit=1").await.expect(200).json();
    let cursor = page["nextCursor"].as_str().expect("there is more than one event").to_owned();
    let answer = scene.outsider.api.get(&format!("/api/v1/audit?limit=100&cursor={}", encode(&cursor))).await;
    scene.assert_silent(&answer, &[]);
}

#[tokio::test]
async fn public_documents_are_the_same_for_everyone() {
    let scene = Scene::set().await;
    let (anonymous, outsider) = (scene.outsider.api.anonymous(), &scene.outsider.api);
    for operation in operations(outsider).await {
        if case(&operation.id) != Some(Case::Public) {
            continue;
        }
        for api in [&anonymous, outsider] {
            scene.assert_silent(&api.get(&operation.path).await, &[]);
        }
        if !operation.path.starts_with("/health") {
            let (one, other) = (anonymous.get(&operation.path).await, outsider.get(&operation.path).await);
            // There is nothing to authorize for anyone.
            let status = if operation.id == "authorize" { 400 } else { 200 };
            assert_eq!(one.expect(status).body, other.expect(status).body);
        }
    }
}

#[tokio::test]
async fn a_public_key_shows_nothing_else_of_its_agent() {
    let scene = Scene::set().await;
    for operation in operations(&scene.outsider.api).await {
        if case(&operation.id) != Some(Case::PublicKey) {
            continue;
        }
        let path = Ids::victims(&scene).path(&operation);
        let answer = scene.outsider.api.anonymous().get(&path).await.expect(200);
        scene.assert_silent(&answer, &[&scene.victim_agent.id]);
        assert!(!answer.body.contains("\"d\""), "a private key");
        scene.outsider.api.get(&Ids::nobodys().path(&operation)).await.expect(404);
    }
}

#[tokio::test]
async fn checking_the_audit_log_counts_ones_own_events_only() {
    let scene = Scene::set().await;
    let path = "/api/v1/audit/verify";
    eventually("the outsider's events are sealed", Duration::from_secs(30), || async {
        let events = scene.outsider.api.get("/api/v1/audit?limit=100").await.expect(200).json();
        let sealed =
            events["data"].as_array().unwrap().iter().filter(|event| !event["hash"].is_null()).count();
        let answer = scene.outsider.api.get(path).await.expect(200);
        scene.assert_silent(&answer, &[]);
        let found = answer.json();
        assert_eq!(found["verified"], true, "{found}");
        (events["total"] == sealed && found["checkedCount"] == sealed).then_some(())
    })
    .await;
}

#[tokio::test]
async fn another_organizations_event_cannot_be_proved_and_heads_and_proofs_name_nobody() {
    let scene = Scene::set().await;
    let api = &scene.outsider.api;
    let victims = Ids::victims(&scene).event;
    eventually("a head is signed", Duration::from_secs(30), || async {
        api.get("/api/v1/audit/checkpoint").await.is(200).then_some(())
    })
    .await;
    for path in ["checkpoint", "proof/consistency?from=1"] {
        scene.assert_silent(&api.get(&format!("/api/v1/audit/{path}")).await.expect(200), &[]);
    }
    let ask = async |event: &str| api.get(&format!("/api/v1/audit/proof/inclusion?eventId={event}")).await;
    let (there, nowhere) = (ask(&victims).await.expect(404), ask(NOBODY).await.expect(404));
    assert_eq!(seen(&there, &[&victims, NOBODY]), seen(&nowhere, &[&victims, NOBODY]));
}

#[tokio::test]
async fn a_status_list_names_nobody() {
    let scene = Scene::set().await;
    let token = scene.victim_agent.token(&scene.victim.api).await;
    let payload = decode_base64url(token.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&payload).unwrap();
    let uri = claims["status"]["status_list"]["uri"].as_str().unwrap();
    let path = &uri[uri.find("/status-lists/").unwrap()..];
    let answer = scene.outsider.api.anonymous().get(path).await.expect(200);
    let list = decode_base64url(answer.body.split('.').nth(1).unwrap()).unwrap();
    let list = Answer { body: String::from_utf8(list).unwrap(), ..answer };
    let jti = claims["jti"].as_str().unwrap();
    scene.assert_silent(&list, &[&scene.victim_agent.id, &scene.victim.organization_id, jti]);
}

#[tokio::test]
async fn an_organizations_administrator_has_nothing_to_do_with_the_signing_keys() {
    let scene = Scene::set().await;
    let api = &scene.outsider.api;
    let keys = api.anonymous().get("/.well-known/jwks.json").await.expect(200).json();
    let kid = keys["keys"][0]["kid"].as_str().unwrap().to_owned();
    for (method, path) in [
        ("GET", "/api/v1/keys".to_owned()),
        ("POST", "/api/v1/keys/rotate".to_owned()),
        ("POST", format!("/api/v1/keys/{kid}/revoke")),
    ] {
        assert_eq!(
            api.send(api.request(method, &path)).await.expect(403).code(),
            "INSUFFICIENT_SCOPE",
            "{path}"
        );
    }
    assert_eq!(api.anonymous().get("/.well-known/jwks.json").await.expect(200).json(), keys);
}

#[tokio::test]
async fn no_token_opens_the_edge_feed() {
    let scene = Scene::set().await;
    let platform = scene.control_plane.platform().await;
    for operation in operations(&scene.outsider.api).await {
        if case(&operation.id) != Some(Case::EdgeOnly) {
            continue;
        }
        for api in [&scene.outsider.api, &scene.outsider.api.anonymous(), &platform.api] {
            for query in ["", "?after=0&wait=0"] {
                let path = format!("{}{query}", operation.path);
                let answer = api.body(&operation.method, &path, "application/jose", "a.b.c").await;
                scene.assert_silent(&answer, &[]);
                assert_eq!(answer.status, 401, "{} → {}", answer.asked, answer.body);
            }
        }
    }
}

#[tokio::test]
async fn an_address_taken_elsewhere_can_be_registered_and_tells_nothing() {
    let scene = Scene::set().await;
    let mut body = new_agent();
    body["email"] = json!(scene.victim_agent.email);
    let answer = scene.outsider.api.post("/api/v1/agents", &body).await.expect(201);
    let agent = answer.text("agentId");
    assert_eq!(answer.text("organizationId"), scene.outsider.organization_id);
    scene.assert_silent(&answer, &[&scene.victim_agent.email, &scene.marks[0]]);
    scene.victim.api.get(&format!("/api/v1/agents/{agent}")).await.expect(404);
}

#[tokio::test]
async fn the_organization_of_a_new_agent_cannot_be_chosen() {
    let scene = Scene::set().await;
    for field in ["organizationId", "organization_id", "tenantId"] {
        let mut body = new_agent();
        body[field] = json!(scene.victim.organization_id);
        let answer = scene.outsider.api.post("/api/v1/agents", &body).await.expect(400);
        assert!(answer.body.contains(field), "the unknown field is named: {}", answer.body);
    }
    let list = scene.victim.api.get("/api/v1/agents?limit=100").await.expect(200).json();
    assert_eq!(list["total"], 2, "{list}");
}

#[tokio::test]
async fn a_slug_that_is_taken_and_one_that_is_free_are_refused_alike_to_whoever_may_not_create() {
    let scene = Scene::set().await;
    let ask = async |slug: &str| {
        let body = json!({"name": "x", "slug": slug});
        scene.outsider.api.post("/api/v1/organizations", &body).await
    };
    let free = format!("free-{}", unique());
    let (taken, free_answer) = (ask(&scene.victim.slug).await, ask(&free).await);
    assert_eq!(taken.status, 403, "{}", taken.body);
    assert_eq!(seen(&taken, &[&scene.victim.slug]), seen(&free_answer, &[&free]));
}

#[tokio::test]
async fn tokens_are_issued_for_ones_own_agents_only() {
    let scene = Scene::set().await;
    let admin = &scene.outsider.admin;
    for path in ["/oauth2/token", "/api/v1/token"] {
        let api = scene.outsider.api.with_basic(&admin.id, &admin.secret);
        let ask = async |agent: &str| {
            api.form(path, &[("grant_type", "client_credentials"), ("agent_id", agent)]).await
        };
        ask(&scene.outsider_agent.id).await.expect(200);
        let (victims, nobodys) = (ask(&scene.victim_agent.id).await, ask(NOBODY).await);
        assert_eq!(victims.status, 400, "{}", victims.body);
        assert_eq!(seen(&victims, &[&scene.victim_agent.id]), seen(&nobodys, &[NOBODY]));
        scene.assert_silent(&victims, &[&scene.victim_agent.id]);
        // Someone else's id with one's own secret.
        let wrong = scene.outsider.api.anonymous();
        let victims = wrong.token(&scene.victim_agent.id, &admin.secret, None).await.expect(401);
        let nobodys = wrong.token(NOBODY, &admin.secret, None).await.expect(401);
        assert_eq!(victims.body, nobodys.body);
    }
}

#[tokio::test]
async fn agent_info_tells_of_the_caller_alone() {
    let scene = Scene::set().await;
    let agent = scene.outsider.create_agent(&["openid"]).await;
    let api = agent.log_in(&scene.outsider.api).await;
    for path in ["/agent-info", &format!("/agent-info?sub={0}&agentId={0}", scene.victim_agent.id)] {
        for answer in [api.get(path).await, api.form(path, &[("sub", &scene.victim_agent.id)]).await] {
            assert_eq!(answer.expect(200).text("sub"), agent.id);
        }
    }
}

#[tokio::test]
async fn another_organizations_token_cannot_be_revoked() {
    let scene = Scene::set().await;
    let victim = scene.victim.api.with_token(&scene.victim_token);
    for path in ["/oauth2/revoke", "/api/v1/token/revoke"] {
        let one = scene.outsider.api.form(path, &[("token", &scene.victim_token)]).await;
        let other = scene.outsider.api.form(path, &[("token", "nothing")]).await;
        assert_eq!(seen(&one, &[]), seen(&other, &[]));
        assert_eq!(one.status, 200);
        victim.get(&format!("/api/v1/agents/{}", scene.victim_agent.id)).await.expect(200);
    }
}

#[tokio::test]
async fn another_organizations_token_introspects_as_nothing() {
    let scene = Scene::set().await;
    for path in ["/oauth2/introspect", "/api/v1/token/introspect"] {
        let own = scene.outsider.admin.token(&scene.outsider.api).await;
        let answer = scene.outsider.api.form(path, &[("token", &own)]).await.expect(200).json();
        assert_eq!(answer["active"], true, "{answer}");
        let answer = scene.outsider.api.form(path, &[("token", &scene.victim_token)]).await.expect(200);
        assert_eq!(answer.json(), json!({"active": false}));
        scene.assert_silent(&answer, &[]);
    }
}

#[tokio::test]
async fn what_the_outsider_tried_is_not_in_the_victims_audit_log() {
    let scene = Scene::set().await;
    let path = format!("/api/v1/agents/{}", scene.victim_agent.id);
    scene.outsider.api.get(&path).await.expect(404);
    scene.outsider.api.delete(&path).await.expect(404);
    scene.outsider.api.form("/oauth2/introspect", &[("token", &scene.victim_token)]).await.expect(200);
    let events = scene.victim.api.get("/api/v1/audit?limit=100").await.expect(200);
    for id in [&scene.outsider.organization_id, &scene.outsider.admin.id, &scene.outsider_agent.id] {
        assert!(!events.body.contains(id.as_str()), "{}", events.body);
    }
}

/// Below HTTP: the role that queries run as sees nothing without an organization, and only its own with one.
#[tokio::test]
async fn row_level_security_holds_for_every_tenant_table() {
    use sqlx::Row;
    let scene = Scene::set().await;
    let mut connection = scene.control_plane.database.connect().await;
    let tables: Vec<String> = sqlx::query(
        "select c.oid::regclass::text as name from pg_class c join pg_attribute a on a.attrelid = c.oid
         where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
           and a.attname = 'organization_id' and not a.attisdropped",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap()
    .iter()
    .map(|row| row.get("name"))
    .collect();
    assert!(tables.len() >= 8, "{tables:?}");
    for table in &tables {
        let forced: bool = sqlx::query_scalar(
            "select relrowsecurity and relforcerowsecurity from pg_class where oid = $1::regclass",
        )
        .bind(table)
        .fetch_one(&mut connection)
        .await
        .unwrap();
        assert!(forced, "{table} has no forced row-level security");
    }
    let event_rows = |organization: &'static str| {
        format!("select set_config('app.organization_id', '{organization}', true)")
    };
    let mut counts = vec![];
    for organization in ["", NOBODY] {
        let mut tx = sqlx::Connection::begin(&mut connection).await.unwrap();
        sqlx::query("set local role agentidp_app").execute(&mut *tx).await.unwrap();
        sqlx::query(sqlx::AssertSqlSafe(event_rows(organization))).execute(&mut *tx).await.unwrap();
        for table in ["agents", "credentials", "audit_events", "organizations", "organization_members"] {
            let count: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(format!("select count(*) from {table}")))
                .fetch_one(&mut *tx)
                .await
                .unwrap();
            counts.push((organization, table, count));
        }
        tx.rollback().await.unwrap();
    }
    assert!(counts.iter().all(|(.., count)| *count == 0), "{counts:?}");
}

#[tokio::test]
async fn a_suspended_or_removed_agents_token_is_refused_by_the_control_plane_at_once() {
    let scene = Scene::set().await;
    let path = format!("/api/v1/agents/{}", scene.victim_agent.id);
    let api = scene.victim.api.with_token(&scene.victim_token);
    api.get(&path).await.expect(200);
    scene.victim.api.patch(&path, &json!({"status": "suspended"})).await.expect(200);
    api.get(&path).await.expect(401);
    scene.victim.api.patch(&path, &json!({"status": "active"})).await.expect(200);
    api.get(&path).await.expect(401);
    eventually("a token issued after reactivation is good", Duration::from_secs(5), async || {
        let fresh = scene.victim_agent.log_in(&scene.victim.api).await;
        fresh.get(&path).await.is(200).then_some(())
    })
    .await;
}
