//! Rate limits, as a control plane sets them.

use agentidp_tests::{Answer, Api, Stack};

use crate::tokens::Scene;

async fn limited(limits: &[(&'static str, &str)]) -> Scene {
    let settings = limits.iter().map(|(name, limit)| (*name, (*limit).to_owned())).collect();
    let stack = Stack::start_with(settings).await;
    // At the control plane nothing of it counts.
    let tenant = stack.control_plane.platform().await;
    let agent = tenant.create_agent(&["agents:read", "tokens:read"]).await;
    let token = agent.token(&tenant.api).await;
    let api = stack.api();
    Scene { stack, tenant, agent, token, api }
}

async fn until_refused(api: &Api, path: &str) -> (usize, Answer) {
    for number in 0..100 {
        let answer = api.get(path).await;
        if answer.is(429) {
            return (number, answer);
        }
    }
    panic!("a hundred requests and none refused");
}

fn number(answer: &Answer, name: &str) -> u64 {
    answer.header(name).unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_client_is_told_how_much_is_left_and_then_how_long_to_wait() {
    let scene = limited(&[("AGENTIDP_RATE_LIMIT_CLIENT", "10/60:10")]).await;
    let api = scene.with_token();
    // A proxy is told when half of it is used up, everybody else each time.
    assert!(api.get("/verify").await.expect(200).header("ratelimit").is_none());
    let second = api.get(&format!("/api/v1/agents/{}", scene.agent.id)).await.expect(200);
    assert!(second.header("ratelimit-policy").unwrap().starts_with(r#""client";q=10;w=60"#));
    assert_eq!((number(&second, "x-ratelimit-limit"), number(&second, "x-ratelimit-remaining")), (10, 8));
    for _ in 0..3 {
        api.get("/verify").await.expect(200);
    }
    let half = api.get("/verify").await.expect(200);
    assert!((4..=5).contains(&number(&half, "x-ratelimit-remaining")), "{:?}", half.header("ratelimit"));
    let (served, refused) = until_refused(&api, "/verify").await;
    // One may have come back meanwhile.
    assert!((4..=5).contains(&served), "{served}");
    assert_eq!(refused.error(), "temporarily_unavailable");
    assert!((1..=6).contains(&number(&refused, "retry-after")));
    assert_eq!(number(&refused, "x-ratelimit-remaining"), 0);
    assert!(refused.header("x-agent-id").is_none());
    // The same client, whatever token and wherever; not another.
    let another = scene.agent.token(&scene.tenant.api).await;
    let elsewhere = scene.api.with_token(&another).get("/api/v1/agents").await.expect(429);
    assert_eq!(elsewhere.code(), "RATE_LIMITED");
    let other = scene.tenant.create_agent(&["agents:read"]).await.token(&scene.tenant.api).await;
    scene.api.with_token(&other).get("/verify").await.expect(200);
    scene.api.with_token("a.b.c").get("/verify").await.expect(401);
}

#[tokio::test]
async fn an_organization_is_limited_by_its_tier() {
    let limits = [("AGENTIDP_RATE_LIMIT_FREE", "5/60:5"), ("AGENTIDP_RATE_LIMIT_ENTERPRISE", "off")];
    let scene = limited(&limits).await;
    // The tenant here is the platform's own organization, whose tier is the highest.
    for _ in 0..20 {
        scene.with_token().get("/verify").await.expect(200);
    }
    let body = serde_json::json!({
        "name": "Free", "slug": format!("free-{}", agentidp_tests::unique()),
        "admin": {"email": "admin@free.example", "owner": "the tests"},
    });
    let created = scene.tenant.api.post("/api/v1/organizations", &body).await.expect(201).json();
    let text = |name: &str| created["admin"][name].as_str().unwrap().to_owned();
    let answer = scene.tenant.api.anonymous().token(&text("clientId"), &text("clientSecret"), None).await;
    let (served, refused) =
        until_refused(&scene.api.with_token(&answer.expect(200).text("access_token")), "/verify").await;
    assert!((5..=6).contains(&served), "{served}");
    assert!(refused.header("ratelimit").unwrap().contains(r#""organization";r=0"#));
}

#[tokio::test]
async fn requests_without_a_good_token_are_limited_by_where_they_come_from() {
    let scene = limited(&[("AGENTIDP_RATE_LIMIT_ADDRESS", "10/60:10")]).await;
    let (served, refused) = until_refused(&scene.api.with_token("a.b.c"), "/api/v1/agents").await;
    assert!(served <= 10, "{served}");
    assert_eq!(refused.code(), "RATE_LIMITED");
    assert!(refused.header("ratelimit-policy").unwrap().starts_with(r#""address""#));
    scene.api.get("/api/v1/marketplace/agents").await.expect(429);
    for _ in 0..20 {
        scene.with_token().get("/verify").await.expect(200);
        scene.with_token().get(&format!("/api/v1/agents/{}", scene.agent.id)).await.expect(200);
        scene.api.get("/.well-known/jwks.json").await.expect(200);
        scene.api.get("/health/live").await.expect(200);
    }
}
