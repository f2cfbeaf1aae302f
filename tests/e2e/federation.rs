//! Two deployments that accept each other's tokens, each behind TLS at an edge of its own, while the keys of both change.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use agentidp_shared::jwk::Algorithm;
use agentidp_tests::process::free_port;
use agentidp_tests::{
    Agent, Api, ClientKey, ControlPlane, Edge, OidcIssuer, Stack, Tenant, TlsServer, eventually, now,
    oidc_issuer,
};
use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;

const VERIFY: &str = "/api/v1/federation/verify";
/// Times that each deployment takes a new key.
const ROTATIONS: usize = 4;
const IN_USE_WITHIN: Duration = Duration::from_mins(1);

struct Deployment {
    // Who asks is ended before who answers.
    edge: Edge,
    _control_plane: ControlPlane,
    issuer: String,
    platform: Tenant,
    tenant: Tenant,
    agent: Agent,
}

impl Deployment {
    async fn start() -> Self {
        let (listener, edge_port) = (TcpListener::bind("127.0.0.1:0").await.unwrap(), free_port());
        let issuer = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let settings =
            vec![("AGENTIDP_EDGE_PUSH_URLS", format!("http://127.0.0.1:{edge_port}/edge/v1/push"))];
        let control_plane = ControlPlane::start_behind_with(issuer.clone(), settings);
        let edge = Edge::start(edge_port, &control_plane, &control_plane.url()).await;
        let behind = Router::new().fallback(pass_on).with_state(edge.url());
        TlsServer::serve(listener, &["localhost"], behind);
        let platform = Tenant::log_in(&Api::new(&edge.url()), &control_plane.admin_credential()).await;
        let tenant = platform.create_organization().await;
        let agent = tenant.create_agent(&["agents:read"]).await;
        Self { edge, _control_plane: control_plane, issuer, platform, tenant, agent }
    }

    fn audience(&self) -> String {
        format!("{}/organizations/{}", self.issuer, self.tenant.organization_id)
    }

    async fn accept(&self, partner: &Self) {
        let body = json!({
            "name": "A partner", "issuer": partner.issuer, "jwksUri": format!("{}/.well-known/jwks.json", partner.issuer),
            "allowedOrganizations": [partner.tenant.organization_id],
        });
        self.tenant.api.post("/api/v1/federation/partners", &body).await.expect(201);
        partner.let_ask_for(self).await;
    }

    /// As its platform: lets its organizations have tokens for `other`.
    async fn let_ask_for(&self, other: &Self) {
        self.platform.create_resource(&other.audience(), &[], &json!("all")).await;
    }

    /// A fresh token of its agent, for `other`.
    async fn token_for(&self, other: &Self) -> String {
        let parameters = [("grant_type", "client_credentials"), ("resource", &other.audience())];
        let api = self.tenant.api.anonymous().with_basic(&self.agent.id, &self.agent.secret);
        api.form("/oauth2/token", &parameters).await.expect(200).text("access_token")
    }

    async fn verify(&self, caller: &Api, token: &str) -> Value {
        caller.post(VERIFY, &json!({ "token": token })).await.expect(200).json()
    }

    /// Publishes a new key, and waits until it signs.
    async fn rotate(&self) -> String {
        let kid = self.platform.api.post("/api/v1/keys/rotate", &json!({})).await.expect(202).text("kid");
        eventually("the new key signs", IN_USE_WITHIN, async || {
            let keys = self.platform.api.get("/api/v1/keys").await.expect(200).json();
            let of = |key: &Value| key["status"] == "active" && key["kid"] == *kid;
            keys["data"].as_array().unwrap().iter().any(of).then_some(())
        })
        .await;
        kid
    }
}

/// What a partner reads: public documents.
async fn pass_on(State(edge): State<String>, uri: Uri) -> Response {
    let Ok(answer) = reqwest::get(format!("{edge}{}", uri.path())).await else {
        return StatusCode::BAD_GATEWAY.into_response();
    };
    let media_type = answer.headers()[CONTENT_TYPE].clone();
    (answer.status(), [(CONTENT_TYPE, media_type)], answer.bytes().await.unwrap()).into_response()
}

/// One deployment's agent calls the other, again and again, with fresh tokens and with its first.
async fn call(
    from: &Deployment,
    to: &Deployment,
    is_over: &AtomicBool,
    calls: &AtomicUsize,
    failures: &AtomicUsize,
) {
    let caller = to.agent.log_in(&to.tenant.api).await;
    let mut first: Option<String> = None;
    while !is_over.load(Ordering::SeqCst) {
        let token = from.token_for(to).await;
        for token in first.iter().chain([&token]) {
            let verified = to.verify(&caller, token).await;
            calls.fetch_add(1, Ordering::SeqCst);
            let is_right = verified["valid"] == true
                && verified["subject"] == *from.agent.id
                && verified["organizationId"] == *from.tenant.organization_id;
            if !is_right {
                failures.fetch_add(1, Ordering::SeqCst);
                println!("{verified}");
            }
        }
        first = first.or(Some(token));
    }
}

#[tokio::test]
async fn two_deployments_federate_while_the_keys_of_both_change_and_no_call_fails() {
    let (one, other) = (Deployment::start().await, Deployment::start().await);
    one.accept(&other).await;
    other.accept(&one).await;
    // Neither vouches for the other's organizations, or is taken for it.
    one.let_ask_for(&one).await;
    let own =
        one.tenant.api.post(VERIFY, &json!({ "token": one.token_for(&one).await })).await.expect(200).json();
    assert_eq!(own["reason"], "no partner has this issuer");
    let stranger = other.platform.create_organization().await;
    let agent = stranger.create_agent(&["agents:read"]).await;
    let parameters = [("grant_type", "client_credentials"), ("resource", &*one.audience())];
    let api = stranger.api.anonymous().with_basic(&agent.id, &agent.secret);
    let token = api.form("/oauth2/token", &parameters).await.expect(200).text("access_token");
    for (deployment, partner) in [(&one, &other), (&other, &one)] {
        let token = partner.token_for(deployment).await;
        eventually("the edge knows the partner", Duration::from_secs(2), async || {
            (deployment.verify(&deployment.tenant.api, &token).await["valid"] == true).then_some(())
        })
        .await;
    }
    let refused = one.verify(&one.tenant.api, &token).await;
    assert_eq!(refused["reason"], "the partner's organization is not one that is allowed");

    let (is_over, calls, failures) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    let started = Instant::now();
    let rotations = async {
        let mut kids = vec![];
        for _ in 0..ROTATIONS {
            kids.push(one.rotate().await);
            kids.push(other.rotate().await);
        }
        is_over.store(true, Ordering::SeqCst);
        kids
    };
    let (kids, ..) = tokio::join!(
        rotations,
        call(&one, &other, &is_over, &calls, &failures),
        call(&other, &one, &is_over, &calls, &failures),
    );
    let (calls, failures) = (calls.into_inner(), failures.into_inner());
    println!("{} new keys in {:?}; {calls} calls, {failures} refused", kids.len(), started.elapsed());
    assert!(calls > 10 * kids.len(), "{calls} calls say little");
    assert_eq!(failures, 0);
    drop((one.edge, other.edge));
}

#[tokio::test]
async fn a_key_that_a_partner_takes_back_is_refused_after_the_next_round() {
    let settings = vec![("AGENTIDP_SCHEDULES", "federation.keys=1s".to_owned())];
    let (stack, issuer) = (Stack::start_with(settings).await, OidcIssuer::start(Algorithm::ES256).await);
    let tenant = stack.platform().await.create_organization().await;
    tenant.api.post("/api/v1/federation/partners", &issuer.as_partner("org-7")).await.expect(201);
    let claims = json!({
        "iss": issuer.url(), "aud": stack.url(), "sub": "agent-7", "organization_id": "org-7", "iat": now(), "exp": now() + 3_600,
    });
    let body = json!({ "token": issuer.sign(&claims) });
    let said = async || tenant.api.post(VERIFY, &body).await.expect(200).json();
    eventually("it is good", Duration::from_secs(2), async || (said().await["valid"] == true).then_some(()))
        .await;

    let another = ClientKey::generate(Algorithm::ES256);
    issuer.publish(|set| set["keys"] = json!([oidc_issuer::published(&another)]));
    assert_eq!(said().await["valid"], true, "nobody has asked the partner yet");
    // As if five minutes had passed.
    let sql = "update federation_partners set keys_refresh_at = now()";
    sqlx::query(sql).execute(&mut stack.control_plane.database.connect().await).await.unwrap();
    eventually("it is refused", Duration::from_secs(10), async || {
        (said().await["reason"] == "the partner has no key with the token's `kid`").then_some(())
    })
    .await;
}
