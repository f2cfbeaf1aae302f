//! A tenant spends its own: limits, counts that requests at once cannot exceed, and servers of others that keep nobody else waiting.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use agentidp::app::App;
use agentidp_shared::jwk::Algorithm;
use agentidp_tests::{ClientKey, OidcIssuer, TlsServer, oidc_issuer, tls, unique};
use axum::Router;
use axum::routing::any;
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::delegation::{delegate, id_of};
use crate::support::{Agent, Answer, Instance, Tenant};

const PARTNERS: &str = "/api/v1/federation/partners";
pub const POLICIES: &str = "/api/v1/oidc/trust-policies";
/// Shorter than a fetch that hangs, and long for everything else.
pub const AT_ONCE: Duration = Duration::from_secs(5);

/// An instance with the files that its processes read when they start.
pub struct Place {
    instance: Instance,
    files: [PathBuf; 2],
}

impl Deref for Place {
    type Target = Instance;

    fn deref(&self) -> &Instance {
        &self.instance
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        for file in &self.files {
            std::fs::remove_file(file).unwrap();
        }
    }
}

/// An instance that may ask servers of this test, and whose tiers are the usual ones with these lines changed.
pub async fn instance(changes: &[(&str, &str)]) -> Place {
    let mut tiers = include_str!("../../../tiers.toml").to_owned();
    for (line, other) in changes {
        assert!(tiers.contains(line), "{line}");
        tiers = tiers.replacen(line, other, 1);
    }
    let folder = std::env::temp_dir();
    let (tiers_file, ca_file) =
        (folder.join(format!("tiers-{}.toml", unique())), folder.join(format!("ca-{}.pem", unique())));
    std::fs::write(&tiers_file, tiers).unwrap();
    std::fs::write(&ca_file, tls::authority()).unwrap();
    let instance = Instance::start_with(|settings| {
        settings
            .with("AGENTIDP_ENV", "development")
            .with("AGENTIDP_OUTBOUND_ALLOW_LOOPBACK", "true")
            .with("AGENTIDP_OUTBOUND_CA_FILE", ca_file.to_str().unwrap())
            .with("AGENTIDP_TIERS_FILE", tiers_file.to_str().unwrap())
            .with("DATABASE_MAX_CONNECTIONS", "8")
    })
    .await;
    Place { instance, files: [tiers_file, ca_file] }
}

fn statuses(answers: &[Answer]) -> BTreeMap<u16, usize> {
    let mut statuses = BTreeMap::new();
    for answer in answers {
        *statuses.entry(answer.status).or_default() += 1;
    }
    statuses
}

fn organization(tenant: &Tenant) -> String {
    format!("/api/v1/organizations/{}", tenant.organization_id)
}

async fn limit(tenant: &Tenant, name: &str) -> Value {
    let limits = tenant.api.get(&format!("{}/limits", organization(tenant))).await.expect(200).json();
    limits["limits"].as_array().unwrap().iter().find(|limit| limit["name"] == name).unwrap().clone()
}

/// A partner whose keys are the issuer's, and whose name nobody else has.
fn partner(keys: &OidcIssuer) -> Value {
    let mut partner = keys.as_partner("org-7");
    partner["issuer"] = json!(format!("https://{}.example", unique()));
    partner
}

/// A server that takes every request and answers none.
pub struct HangingServer {
    pub server: TlsServer,
    /// A permit for each request that has arrived.
    pub arrived: Arc<Semaphore>,
}

impl HangingServer {
    pub async fn start() -> Self {
        let arrived = Arc::new(Semaphore::new(0));
        let arrivals = arrived.clone();
        let hang = any(move || {
            arrivals.add_permits(1);
            std::future::pending::<()>()
        });
        let server = TlsServer::start(Router::new().fallback(hang)).await;
        Self { server, arrived }
    }

    pub async fn has_been_asked(&self, times: u32) {
        self.arrived.acquire_many(times).await.unwrap().forget();
    }
}

#[tokio::test]
async fn an_organization_sees_each_of_its_limits_with_what_is_used() {
    let instance = instance(&[]).await;
    let platform = instance.platform().await;
    let (tenant, other) =
        (platform.create_organization("free").await, platform.create_organization("pro").await);
    let path = format!("{}/limits", organization(&tenant));
    let limits = tenant.api.get(&path).await.expect(200).json();
    assert_eq!(limits["tier"], "free");
    let names: Vec<_> =
        limits["limits"].as_array().unwrap().iter().map(|limit| limit["name"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        [
            "agents",
            "partners",
            "trust_policies",
            "grants",
            "feed_bytes",
            "feed_changes",
            "outbound_in_flight",
            "outbound_requests",
            "signing_algorithm_changes",
            "lists_in_flight"
        ]
    );
    assert_eq!(
        limit(&tenant, "agents").await,
        json!({"name": "agents", "limit": 10, "used": 1, "resetsAt": null})
    );
    let keys = OidcIssuer::start(Algorithm::ES256).await;
    tenant.api.post(PARTNERS, &partner(&keys)).await.expect(201);
    assert_eq!(limit(&tenant, "partners").await["used"], 1);
    assert!(limit(&tenant, "feed_bytes").await["used"].as_i64().unwrap() > 300);
    let changes = limit(&tenant, "feed_changes").await;
    assert_eq!((&changes["used"], &changes["resetsAt"]), (&json!(1), &json!("2030-01-15T12:01:00Z")));
    assert_eq!(limit(&tenant, "outbound_requests").await["used"], 1);
    assert_eq!(platform.api.get(&path).await.expect(200).json()["tier"], "free");
    other.api.get(&path).await.expect(404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counting_race_attack_of_many_at_once_no_more_than_the_limit_are_made() {
    let instance = instance(&[
        ("partners = 10 ", "partners = 3 "),
        ("trust_policies = 20 ", "trust_policies = 4 "),
        ("grants = 20 ", "grants = 5 "),
        ("outbound_in_flight = 2 ", "outbound_in_flight = 64 "),
        ("outbound_requests_per_minute = 30 ", "outbound_requests_per_minute = 1_000 "),
        ("feed_changes_per_minute = 30 ", "feed_changes_per_minute = 1_000 "),
    ])
    .await;
    let other: App = instance.another_process().await;
    let tenant = instance.platform().await.create_organization("free").await;
    let elsewhere = tenant.api.at(&other);
    let keys = OidcIssuer::start(Algorithm::ES256).await;
    let agent = tenant.create_agent(&["agents:read"]).await;
    let grant = || json!({"granteeId": instance.app.new_id(), "scopes": ["agents:read"]});
    let policy =
        || json!({"provider": "oidc", "issuer": keys.url(), "subject": unique(), "agentId": agent.id});
    for (path, most, bodies) in [
        (PARTNERS, 3, (0..12).map(|_| partner(&keys)).collect::<Vec<_>>()),
        (POLICIES, 4, (0..12).map(|_| policy()).collect()),
        ("/api/v1/federation/grants", 5, (0..12).map(|_| grant()).collect()),
    ] {
        let answers = join_all(bodies.into_iter().enumerate().map(|(number, body)| {
            let api = if number % 2 == 0 { tenant.api.clone() } else { elsewhere.clone() };
            tokio::spawn(async move { api.post(path, &body).await })
        }));
        let answers: Vec<_> = answers.await.into_iter().map(Result::unwrap).collect();
        assert_eq!(statuses(&answers), BTreeMap::from([(201, most), (403, 12 - most)]), "{path}");
        let refused = answers.iter().find(|answer| answer.status == 403).unwrap();
        assert_eq!(refused.code(), "LIMIT_REACHED");
        let details = &refused.json()["details"];
        assert_eq!((&details["limit"], &details["tier"]), (&json!(most), &json!("free")), "{details}");
        assert!(details["howToRaise"].as_str().unwrap().contains("the tier pro has more"), "{details}");
    }
}

#[tokio::test]
async fn changes_for_the_edges_are_counted_and_what_takes_power_away_always_passes() {
    let instance = instance(&[("feed_changes_per_minute = 30 ", "feed_changes_per_minute = 2 ")]).await;
    let platform = instance.platform().await;
    let (tenant, other) =
        (platform.create_organization("free").await, platform.create_organization("free").await);
    let (agent, keys) =
        (tenant.create_agent(&["agents:read"]).await, OidcIssuer::start(Algorithm::ES256).await);
    let made = tenant.api.post(PARTNERS, &partner(&keys)).await.expect(201).text("partnerId");
    tenant.api.patch(&agent.path(), &json!({"isPublic": true})).await.expect(200);
    let refused = tenant.api.patch(&agent.path(), &json!({"name": "Another"})).await.expect(429);
    assert_eq!(
        (refused.code(), &refused.json()["details"]["share"]),
        ("LIMIT_REACHED".into(), &json!("feed_changes"))
    );
    assert_eq!(refused.headers["retry-after"], "60");
    let shown = tenant.api.get(&agent.path()).await.expect(200).json();
    assert_ne!(shown["name"], "Another", "nothing is changed by half");
    tenant.api.post(PARTNERS, &partner(&keys)).await.expect(429);
    tenant.api.patch(&format!("{PARTNERS}/{made}"), &json!({"name": "Another"})).await.expect(429);
    // Hiding, revoking, suspending, decommissioning, ending a partnership: never refused.
    tenant.api.patch(&agent.path(), &json!({"isPublic": false})).await.expect(200);
    tenant.api.patch(&agent.path(), &json!({"revokeTokens": true})).await.expect(200);
    tenant.api.patch(&agent.path(), &json!({"status": "suspended"})).await.expect(200);
    tenant.api.delete(&format!("{PARTNERS}/{made}")).await.expect(204);
    tenant.api.delete(&agent.path()).await.expect(204);
    // Another organization has changes of its own, and so has this one in the next minute.
    other.api.post(PARTNERS, &partner(&keys)).await.expect(201);
    instance.advance(time::Duration::MINUTE);
    tenant.api.post(PARTNERS, &partner(&keys)).await.expect(201);
}

#[tokio::test]
async fn budget_bypass_attack_a_field_that_takes_nothing_away_makes_no_change_free() {
    let instance = instance(&[("feed_changes_per_minute = 30 ", "feed_changes_per_minute = 2 ")]).await;
    let tenant = instance.platform().await.create_organization("free").await;
    let (private, public) =
        (tenant.create_agent(&["agents:read"]).await, tenant.create_agent(&["agents:read"]).await);
    let change = async |agent: &Agent, body: Value| tenant.api.patch(&agent.path(), &body).await.status;
    let used = async || limit(&tenant, "feed_changes").await["used"].as_i64().unwrap();
    // No edge is told of an agent that was never public.
    for name in ["One", "Another"] {
        assert_eq!(change(&private, json!({"name": name, "isPublic": false})).await, 200);
    }
    assert_eq!(used().await, 0);
    assert_eq!(change(&public, json!({"isPublic": true})).await, 200);
    assert_eq!(change(&public, json!({"name": "Another"})).await, 200);
    assert_eq!(change(&public, json!({"name": "A third"})).await, 429);
    // What hides it passes; then there is nothing to hide, and nothing to tell.
    for _ in 0..2 {
        assert_eq!(change(&public, json!({"name": "A third", "isPublic": false})).await, 200);
        assert_eq!(used().await, 3);
    }
    // A reactivation gives, whatever else is in the request.
    assert_eq!(change(&private, json!({"status": "suspended"})).await, 200);
    for more in [json!({}), json!({"isPublic": false}), json!({"revokeTokens": true})] {
        let mut body = more.clone();
        body["status"] = json!("active");
        assert_eq!(change(&private, body).await, 429, "{more}");
    }
    instance.advance(time::Duration::MINUTE);
    assert_eq!(change(&private, json!({"status": "active", "isPublic": false})).await, 200);
}

#[tokio::test]
async fn feed_flooding_attack_every_change_that_a_tenant_causes_is_counted() {
    let instance = instance(&[("feed_changes_per_minute = 30 ", "feed_changes_per_minute = 12 ")]).await;
    let platform = instance.platform().await;
    let tenant = platform.create_organization("free").await;
    let api = "https://orders.example.com";
    let resource = platform.create_resource(api, &["orders:read"], &json!([tenant.organization_id])).await;
    let (one, two) = (
        tenant.create_agent(&["agents:read", "orders:read"]).await,
        tenant.create_agent(&["agents:read"]).await,
    );
    let used = async || limit(&tenant, "feed_changes").await["used"].as_i64().unwrap();
    let scopes = async |names: &[&str]| {
        tenant.api.put(&format!("{}/scopes", two.path()), &json!({"scopes": names})).await.status
    };
    let rotate_did = async |agent: &Agent| {
        tenant.api.post(&format!("{}/did/rotate", agent.path()), &json!({})).await.status
    };

    let token = one.token(&tenant.api).await;
    tenant.api.form("/oauth2/revoke", &[("token", &token)]).await.expect(200);
    tenant.api.form("/oauth2/revoke", &[("token", &token)]).await.expect(200);
    assert_eq!(used().await, 1, "a token that is revoked already is not told of again");
    let token = one.token(&tenant.api).await;
    let delegation = delegate(&tenant.api, &token, &two, &["agents:read"]).await;
    tenant.api.delete(&format!("/oauth2/token/delegate/{}", id_of(&delegation))).await.expect(204);
    assert_eq!(used().await, 2);
    let rotation = format!("{}/rotate", one.credential_path());
    tenant.api.post(&rotation, &json!({"revokeTokens": true})).await.expect(200);
    assert_eq!(used().await, 3);
    tenant.api.delete(&format!("{}?revokeTokens=true", one.credential_path())).await.expect(204);
    assert_eq!(used().await, 4);
    assert_eq!(scopes(&["agents:read", "agents:write"]).await, 200);
    assert_eq!(used().await, 4, "a scope that is added is no matter of the edges");
    assert_eq!(scopes(&["agents:write"]).await, 200);
    assert_eq!(used().await, 5);
    assert_eq!(rotate_did(&one).await, 200);
    assert_eq!(used().await, 6);

    // Beyond the limit what gives is refused, and what takes away is not.
    let fill = "update tenant_shares set used = 12 where share = 'feed_changes'";
    instance.execute(fill).await;
    assert_eq!(rotate_did(&two).await, 429);
    assert_eq!(scopes(&["agents:read"]).await, 429);
    let shown = tenant.api.get(&two.path()).await.expect(200).json();
    assert_eq!(shown["scopes"], json!(["agents:write"]), "nothing is changed by half");
    assert_eq!(scopes(&[]).await, 200);
    tenant.api.form("/oauth2/revoke", &[("token", &two.token(&tenant.api).await)]).await.expect(200);
    tenant.api.delete(&format!("{}?revokeTokens=true", two.credential_path())).await.expect(204);
    tenant.api.delete(&two.path()).await.expect(204);
    assert_eq!(used().await, 16);
    // The platform takes an API from everyone, whatever an organization has spent, and at no organization's expense.
    platform.api.delete(&format!("/api/v1/resources/{resource}?revokeHeld=true")).await.expect(204);
    assert_eq!(used().await, 16);
}

#[tokio::test]
async fn toggling_attack_a_signing_algorithm_is_changed_a_few_times_a_day() {
    let instance = instance(&[]).await;
    let platform = instance.platform().await;
    let tenant = platform.create_organization("free").await;
    let path = organization(&tenant);
    let toggle = async |tenant: &Tenant, number: usize| {
        let algorithm = ["EdDSA", "ES256"][number % 2];
        tenant.api.patch(&path, &json!({ "signingAlgorithm": algorithm })).await
    };
    for number in 0..4 {
        toggle(&tenant, number).await.expect(200);
    }
    let refused = toggle(&tenant, 4).await.expect(429);
    assert_eq!(refused.json()["details"]["share"], "signing_algorithm_changes");
    assert_eq!(refused.json()["details"]["resetsAt"], "2030-01-16T00:00:00Z");
    // The platform may, and what is not the algorithm is not counted.
    tenant.api.patch(&path, &json!({"name": "Another name"})).await.expect(200);
    platform.api.patch(&path, &json!({"signingAlgorithm": "EdDSA"})).await.expect(200);
    instance.advance(time::Duration::DAY);
    toggle(&tenant.again().await, 5).await.expect(200);
}

#[tokio::test]
async fn feed_filling_attack_an_organization_has_so_many_bytes_at_the_edges() {
    let instance = instance(&[]).await;
    let tenant = instance.platform().await.create_organization("free").await;
    let keys = OidcIssuer::start(Algorithm::ES256).await;
    let large = || {
        let mut partner = partner(&keys);
        partner["allowedOrganizations"] = (0..60).map(|n| format!("{n:0200}")).collect();
        partner
    };
    let first = tenant.api.post(PARTNERS, &large()).await.expect(201).text("partnerId");
    tenant.api.post(PARTNERS, &large()).await.expect(201);
    let refused = tenant.api.post(PARTNERS, &large()).await.expect(403);
    assert_eq!(refused.json()["details"]["share"], "feed_bytes");
    let used = limit(&tenant, "feed_bytes").await;
    assert!(used["used"].as_i64() <= used["limit"].as_i64(), "{used}");
    let path = format!("{PARTNERS}/{first}");
    tenant.api.patch(&path, &json!({"allowedOrganizations": ["org-7"]})).await.expect(200);
    tenant.api.post(PARTNERS, &large()).await.expect(201);
    // With the tier more is possible.
    let refused =
        tenant.api.patch(&path, &json!({"allowedOrganizations": large()["allowedOrganizations"]})).await;
    refused.expect(403);
}

#[tokio::test]
async fn feed_filling_attack_all_organizations_together_have_no_more_than_a_cold_edge_can_take() {
    let instance = instance(&[]).await;
    let platform = instance.platform().await;
    let (one, other) =
        (platform.create_organization("free").await, platform.create_organization("free").await);
    let keys = OidcIssuer::start(Algorithm::ES256).await;
    let made = one.api.post(PARTNERS, &partner(&keys)).await.expect(201).text("partnerId");
    let junk = "'{keys,0,n}', to_jsonb(repeat('x', 11 * 1024 * 1024))";
    instance.execute(&format!("update federation_partners set keys = jsonb_set(keys, {junk})")).await;
    assert_eq!(other.api.post(PARTNERS, &partner(&keys)).await.expect(503).code(), "EDGES_FULL");
    one.api.delete(&format!("{PARTNERS}/{made}")).await.expect(204);
    other.api.post(PARTNERS, &partner(&keys)).await.expect(201);
}

#[tokio::test]
async fn feed_filling_attack_partners_that_there_are_do_not_grow_once_the_edges_are_full() {
    let instance = instance(&[]).await;
    let platform = instance.platform().await;
    let (one, other) =
        (platform.create_organization("free").await, platform.create_organization("free").await);
    let keys = OidcIssuer::start(Algorithm::ES256).await;
    let path =
        format!("{PARTNERS}/{}", one.api.post(PARTNERS, &partner(&keys)).await.expect(201).text("partnerId"));
    other.api.post(PARTNERS, &partner(&keys)).await.expect(201);
    // The other organization's fill the edges, and are not fetched again.
    let junk = "'{keys,0,n}', to_jsonb(repeat('x', 11 * 1024 * 1024))";
    let of = |tenant: &Tenant| format!("where organization_id = '{}'", tenant.organization_id);
    instance
        .execute(&format!(
            "update federation_partners set keys = jsonb_set(keys, {junk}), keys_refresh_at = '2040-01-01' {}",
            of(&other)
        ))
        .await;
    let kept =
        format!("select jsonb_array_length(keys -> 'keys')::bigint from federation_partners {}", of(&one));
    keys.publish(|set| {
        let more = ClientKey::generate(Algorithm::ES256);
        set["keys"].as_array_mut().unwrap().push(oidc_issuer::published(&more));
    });
    let uri = json!({"jwksUri": format!("{}/.well-known/jwks", keys.url())});
    assert_eq!(one.api.patch(&path, &uri).await.expect(503).code(), "EDGES_FULL");
    one.api.patch(&path, &json!({"allowedOrganizations": ["org-7", "org-8"]})).await.expect(503);
    instance.advance(time::Duration::minutes(6));
    instance.run_schedules().await;
    assert_eq!(instance.number(&kept).await, 1, "those that were known stay");
    // What takes no more room passes, and so does all once there is room.
    one.api.patch(&path, &json!({"name": "Another"})).await.expect(200);
    instance.execute(&format!("delete from federation_partners {}", of(&other))).await;
    instance.advance(time::Duration::minutes(6));
    instance.run_schedules().await;
    assert_eq!(instance.number(&kept).await, 2);
    one.api.patch(&path, &uri).await.expect(200);
}

#[tokio::test]
async fn oversized_keys_attack_what_an_earlier_version_kept_is_not_told_to_the_edges() {
    let instance = instance(&[]).await;
    let tenant = instance.platform().await.create_organization("free").await;
    let keys = OidcIssuer::start(Algorithm::ES256).await;
    tenant.api.post(PARTNERS, &partner(&keys)).await.expect(201);
    instance.sequence().await;
    // As it was kept and told: a key on a curve with a modulus of 200 KiB.
    let junk = "'{keys,0,n}', to_jsonb(repeat('x', 200000))";
    instance.execute(&format!("update federation_partners set keys = jsonb_set(keys, {junk})")).await;
    let told = "'{partner,jwks,keys,0,n}', to_jsonb(repeat('x', 200000))";
    instance
        .execute(&format!("update edge_feed set change = jsonb_set(change, {told}) where change ? 'partner'"))
        .await;
    let bytes = "select coalesce(sum(octet_length(change::text)), 0)::bigint from
        (select distinct on (key) change from edge_feed where change ? 'partner' order by key, sequence desc) latest";
    assert!(instance.number(bytes).await > 200_000);
    instance.advance(time::Duration::minutes(6));
    instance.run_schedules().await;
    instance.sequence().await;
    assert!(instance.number(bytes).await < 2_000);
    assert_eq!(
        instance
            .number("select count(*) from federation_partners where octet_length(keys::text) > 1000")
            .await,
        0
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hanging_server_attack_an_organization_with_all_its_slots_taken_delays_no_other() {
    let instance = instance(&[]).await;
    let platform = instance.platform().await;
    let (greedy, other) =
        (platform.create_organization("free").await, platform.create_organization("free").await);
    let (hanging, keys) = (HangingServer::start().await, OidcIssuer::start(Algorithm::ES256).await);
    let jobs: Vec<_> = (0..6)
        .map(|_| {
            let (api, mut body) = (greedy.api.clone(), partner(&keys));
            body["jwksUri"] = json!(format!("{}/keys", hanging.server.url()));
            tokio::spawn(async move { api.post(PARTNERS, &body).await })
        })
        .collect();
    hanging.has_been_asked(2).await;
    assert_eq!(limit(&greedy, "outbound_in_flight").await["used"], 2);
    let registered = tokio::time::timeout(AT_ONCE, other.api.post(PARTNERS, &partner(&keys))).await;
    registered.unwrap().expect(201);
    let policy = json!({"provider": "oidc", "issuer": keys.url(), "subject": "w"});
    tokio::time::timeout(AT_ONCE, other.api.post(POLICIES, &policy)).await.unwrap().expect(201);
    // The others of its own wait for a slot, and there are never more than two.
    assert_eq!(hanging.arrived.available_permits(), 0);
    for job in jobs {
        job.abort();
    }
}

#[tokio::test]
async fn shares_are_looked_at_on_schedule() {
    let instance = instance(&[]).await;
    let tenant = instance.platform().await.create_organization("free").await;
    let keys = OidcIssuer::start(Algorithm::ES256).await;
    tenant.api.post(PARTNERS, &partner(&keys)).await.expect(201);
    instance.sequence().await;
    instance.run_schedules().await;
    let left = "select count(*) from jobs where kind in ('shares.watch', 'oidc.keys', 'federation.keys') and state <> 'done'";
    assert_eq!(instance.number(left).await, 0);
}
