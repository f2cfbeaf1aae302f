//! APIs behind the gateway, with a real one behind it.

use std::time::Duration;

use agentidp_tests::api::encode;
use agentidp_tests::edge::Setting;
use agentidp_tests::origin::{Closed, Heard, Origin};
use agentidp_tests::process::free_port;
use agentidp_tests::{Agent, Answer, Api, ControlPlane, Edge, Stack, eventually, raw};
use serde_json::{Value, json};

use crate::differences;

pub const HOST: &str = "api.gateway.test";
pub const AUDIENCE: &str = "https://api.gateway.test";

/// An edge in front of an API at a host of its own, and of others below paths.
pub struct Gateway {
    pub stack: Stack,
    pub origin: Origin,
    pub flaky: Closed,
    pub closed: Closed,
    pub agent: Agent,
    /// At the edge, with a token for the API at its host.
    pub api: Api,
}

impl Gateway {
    pub async fn start() -> Self {
        let (origin, flaky, closed) =
            (Origin::start().await, Closed::start(2).await, Closed::start(1_000).await);
        let stack = Stack::start_in_front_of(|url| {
            let everything = |path: &str, scopes: Value| {
                json!([{"methods": ["GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE"], "path": path, "scopes": scopes}])
            };
            let below = |name: &str, origin: &str, more: Value| {
                let mut upstream = json!({
                    "name": name, "match": {"pathPrefix": format!("/{name}")}, "origin": origin,
                    "audience": format!("{url}/{name}"), "rules": everything(&format!("/{name}/{{*path}}"), json!(["agents:read"])),
                    "stripPrefix": true,
                });
                upstream.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
                upstream
            };
            let mut rules = everything("/{*path}", json!(["agents:read"]));
            rules.as_array_mut().unwrap().extend([
                json!({"methods": ["GET"], "path": "/public", "public": true}),
                json!({"methods": ["GET"], "path": "/secret", "scopes": ["agents:write"]}),
            ]);
            json!([
                {
                    "name": "api", "match": {"host": HOST}, "origin": origin.url(), "audience": AUDIENCE, "rules": rules,
                    "maxBodyBytes": 64 * 1024 * 1024,
                },
                below("small", origin.url(), json!({"maxBodyBytes": 100_000, "timeoutMs": 1_500, "cors": "pass"})),
                below("flaky", flaky.url(), json!({"retries": 3})),
                below("closed", closed.url(), json!({"retries": 2})),
                below("nobody", &format!("http://127.0.0.1:{}", free_port()), json!({})),
                below("asking", origin.url(), json!({"policy": {
                    "modules": {"own.rego": "package own\nimport rego.v1\nallow if input.path == \"/asking/open\""},
                    "entrypoint": "data.own.allow",
                }})),
            ])
        })
        .await;
        let agent = stack.platform().await.create_agent(&["agents:read"]).await;
        let api = stack.api().with_token(&token_for(&stack, &agent, AUDIENCE).await);
        Self { stack, origin, flaky, closed, agent, api }
    }

    /// At the edge, with a token for an API below a path.
    pub async fn below(&self, name: &str) -> Api {
        let audience = format!("{}/{name}", self.stack.url());
        self.stack.api().with_token(&token_for(&self.stack, &self.agent, &audience).await)
    }

    async fn at_host(&self, api: &Api, method: &str, path: &str) -> Answer {
        api.send(api.request(method, path).header("host", HOST)).await
    }

    pub fn last_heard(&self) -> Heard {
        self.origin.heard().last().unwrap().clone()
    }
}

pub async fn token_for(stack: &Stack, agent: &Agent, audience: &str) -> String {
    let parameters = [("grant_type", "client_credentials"), ("resource", audience)];
    let api = stack.api().with_basic(&agent.id, &agent.secret);
    api.form("/oauth2/token", &parameters).await.expect(200).text("access_token")
}

#[tokio::test]
async fn a_request_reaches_the_api_with_who_it_is_and_nothing_forged() {
    let gateway = Gateway::start().await;
    let token = format!(
        "{:?}",
        gateway.api.request("GET", "/").build().unwrap().headers()["authorization"].to_str().unwrap()
    );
    let request = format!(
        "GET /things/a%20b?q=%C3%A4 HTTP/1.1\r\nHost: {HOST}:99\r\nAuthorization: {}\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nTE: trailers\r\n\
         X-Agent-Id: forged\r\nx_agent_id: forged\r\nX-Agent-Scopes: forged\r\nX-Forwarded-For: 198.51.100.1\r\nX-Forwarded-Host: forged\r\n\
         Forwarded: for=forged\r\nX-Original-URL: /forged\r\nX-Request-Id: request-1\r\nX-Own: kept\r\nCookie: a=b\r\n\r\n",
        token.trim_matches('"'),
    );
    let answer = raw::send(&gateway.stack.url(), [request]).await;
    assert_eq!(answer.status(), Some(200), "{}", answer.text);
    let heard = gateway.last_heard();
    assert_eq!((heard.method.as_str(), heard.target.as_str()), ("GET", "/things/a%20b?q=%C3%A4"));
    let all = |name: &str| {
        heard.headers.get_all(name).iter().map(|value| value.to_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(all("x-agent-id"), [gateway.agent.id.as_str()]);
    assert_eq!(all("x-agent-client"), [gateway.agent.id.as_str()]);
    assert_eq!(all("x-agent-scopes"), ["agents:read"]);
    assert_eq!(all("x-agent-organization").len(), 1);
    assert_eq!(all("x-request-id"), ["request-1"]);
    assert_eq!(all("cdn-loop"), [gateway.stack.url().replace("http://", "")]);
    assert_eq!(all("x-forwarded-host"), [format!("{HOST}:99")]);
    assert_eq!((all("x-own"), all("cookie")), (vec!["kept".to_owned()], vec!["a=b".to_owned()]));
    let shown = format!("{:?}", heard.headers);
    for gone in ["forged", "198.51.100.1", "\"te\"", "authorization", "Bearer"] {
        assert!(!shown.contains(gone), "{gone} in {shown}");
    }
    assert_eq!(shown.contains("x-hop"), !differences::shows_connection_header(), "{shown}");
    assert!(answer.head().to_ascii_lowercase().contains("x-request-id: request-1"));
    // A path that the edge itself has elsewhere is the API's at its own host.
    let request = gateway.api.request("GET", "/verify").header("host", HOST).header("x-own", "kept");
    assert_eq!(gateway.api.send(request).await.expect(200).body, "here");
    assert_eq!(gateway.last_heard().headers["x-own"], "kept");
}

#[tokio::test]
async fn who_may_not_is_told_where_to_learn_how() {
    let gateway = Gateway::start().await;
    let anonymous = gateway.stack.api();
    let challenged = gateway.at_host(&anonymous, "GET", "/things").await.expect(401);
    let challenge = challenged.header("www-authenticate").unwrap();
    assert!(
        challenge
            .contains("resource_metadata=\"https://api.gateway.test/.well-known/oauth-protected-resource\"")
    );
    assert!(challenge.contains("scope=\"agents:read\""), "{challenge}");
    let metadata =
        gateway.at_host(&anonymous, "GET", "/.well-known/oauth-protected-resource").await.expect(200);
    assert_eq!(metadata.json()["resource"], AUDIENCE);
    assert_eq!(metadata.json()["authorization_servers"], json!([gateway.stack.url()]));
    assert_eq!(metadata.json()["scopes_supported"], json!(["agents:read", "agents:write"]));
    assert_eq!(metadata.header("access-control-allow-origin"), Some("*"));
    let below = anonymous.get("/.well-known/oauth-protected-resource/small").await.expect(200);
    assert_eq!(below.json()["resource"], format!("{}/small", gateway.stack.url()));

    gateway.at_host(&gateway.api, "GET", "/secret").await.expect(403);
    gateway.at_host(&gateway.api, "PATCH", "/things").await.expect(403);
    gateway.at_host(&anonymous, "GET", "/public").await.expect(200);
    // A token is good at one place only.
    gateway.at_host(&gateway.api, "GET", "/things").await.expect(200);
    gateway.api.get("/small/things").await.expect(401);
    gateway.api.get("/api/v1/agents").await.expect(401);
    let management = gateway.stack.api().with_token(&gateway.agent.token(&anonymous).await);
    gateway.at_host(&management, "GET", "/things").await.expect(401);
    assert_eq!(gateway.origin.heard().len(), 2);
}

#[tokio::test]
async fn a_policy_of_the_apis_own_has_the_last_word() {
    let gateway = Gateway::start().await;
    let api = gateway.below("asking").await;
    api.get("/asking/open").await.expect(200);
    for path in ["/asking/closed", "/asking/open/", "/asking"] {
        assert_eq!(api.get(path).await.expect(403).code(), "DENIED_BY_POLICY");
    }
    assert_eq!(gateway.origin.heard().len(), 1);
}

#[tokio::test]
async fn an_api_says_whose_agents_it_serves() {
    let (port, origin) = (free_port(), Origin::start().await);
    let url = format!("http://127.0.0.1:{port}");
    let control_plane = ControlPlane::start_behind(url.clone());
    let platform = control_plane.platform().await;
    let (one, two) = (platform.create_organization().await, platform.create_organization().await);
    let audience = format!("{url}/orders");
    let of_one = json!([one.organization_id]);
    let policy = format!(
        "package own\nimport rego.v1\nallow if input.agent.organizationId == \"{}\"",
        one.organization_id
    );
    let rule = |path: &str| json!({"methods": ["GET"], "path": path, "scopes": ["orders:read"]});
    let mut of_rule = rule("/orders/rule");
    of_rule["organizations"] = of_one.clone();
    let upstreams = json!([
        {"name": "orders", "match": {"pathPrefix": "/orders"}, "origin": origin.url(), "audience": audience,
            "rules": [rule("/orders/all"), of_rule]},
        {"name": "upstream", "match": {"pathPrefix": "/upstream"}, "origin": origin.url(), "audience": format!("{url}/upstream"),
            "organizations": of_one, "rules": [rule("/upstream/{*rest}")]},
        {"name": "policy", "match": {"pathPrefix": "/policy"}, "origin": origin.url(), "audience": format!("{url}/policy"),
            "policy": {"modules": {"own.rego": policy}, "entrypoint": "data.own.allow"}, "rules": [rule("/policy/{*rest}")]},
    ]);
    let edge =
        Edge::start_with(Setting { upstreams, ..Setting::new(port, &control_plane, &control_plane.url()) })
            .await;
    for name in ["orders", "upstream", "policy"] {
        let scopes: &[&str] = if name == "orders" { &["orders:read"] } else { &[] };
        platform.create_resource(&format!("{url}/{name}"), scopes, &json!("all")).await;
    }
    let api = Api::new(&edge.url());
    let (mut first, mut second) = (vec![], vec![]);
    for (tenant, seen) in [(&one, &mut first), (&two, &mut second)] {
        let agent = tenant.create_agent(&["orders:read"]).await;
        for (name, path) in [
            ("orders", "/orders/all"),
            ("orders", "/orders/rule"),
            ("upstream", "/upstream/x"),
            ("policy", "/policy/x"),
        ] {
            let parameters = [("grant_type", "client_credentials"), ("resource", &*format!("{url}/{name}"))];
            let asking = api.with_basic(&agent.id, &agent.secret);
            let token = asking.form("/oauth2/token", &parameters).await.expect(200).text("access_token");
            let answer = api.with_token(&token).get(path).await;
            seen.push((answer.status, if answer.status == 200 { String::new() } else { answer.code() }));
            let verify = format!(
                "/verify?audience={}&organization={}",
                encode(&format!("{url}/{name}")),
                one.organization_id
            );
            let verified = api.with_token(&token).get(&verify).await;
            let expected = if tenant.organization_id == one.organization_id { 200 } else { 403 };
            assert_eq!(verified.status, expected, "{}", verified.body);
        }
    }
    assert_eq!(first, [(); 4].map(|()| (200, String::new())));
    let codes = ["", "ORGANIZATION_NOT_SERVED", "ORGANIZATION_NOT_SERVED", "DENIED_BY_POLICY"];
    assert_eq!(second, codes.map(|code| (if code.is_empty() { 200 } else { 403 }, code.to_owned())));
}

#[tokio::test]
async fn a_revoked_token_does_not_pass() {
    let gateway = Gateway::start().await;
    let token = token_for(&gateway.stack, &gateway.agent, AUDIENCE).await;
    let api = gateway.stack.api().with_token(&token);
    gateway.at_host(&api, "GET", "/things").await.expect(200);
    let own = gateway.stack.api().with_basic(&gateway.agent.id, &gateway.agent.secret);
    own.form("/oauth2/revoke", &[("token", &token)]).await.expect(200);
    eventually("the gateway refuses", Duration::from_secs(3), async || {
        gateway.at_host(&api, "GET", "/things").await.is(401).then_some(())
    })
    .await;
}

#[tokio::test]
async fn path_confusion_attack_nothing_ambiguous_reaches_the_api() {
    let gateway = Gateway::start().await;
    let token = token_for(&gateway.stack, &gateway.agent, AUDIENCE).await;
    let paths = [
        "/x/../secret",
        "/x/%2e%2e/secret",
        "/x/..;/secret",
        "/x%2f..%2fsecret",
        "/x/..%2fsecret",
        "/x\\..\\secret",
        "//secret",
        "/x//secret",
        "//evil.example/secret",
        "/x/%252e%252e/secret",
        "/./secret",
        "/secret;x",
        "/%c0%ae%c0%ae/secret",
        "/secret%00",
    ];
    let base = gateway.stack.url();
    let answers = futures_util::future::join_all(paths.map(|path| {
        let head = format!("Host: {HOST}\r\nAuthorization: Bearer {token}\r\nConnection: close");
        raw::send(&base, [format!("GET {path} HTTP/1.1\r\n{head}\r\n\r\n")])
    }));
    for (path, answer) in paths.iter().zip(answers.await) {
        // A runtime may have resolved dots before the edge looks: what it makes of them is what the rules see and the API gets.
        assert!(matches!(answer.status(), Some(400 | 403)), "{path}: {}", answer.head());
    }
    assert_eq!(gateway.origin.heard().len(), 0, "{:?}", gateway.origin.heard());
}

#[tokio::test]
async fn host_confusion_attack_only_the_host_itself_chooses() {
    let gateway = Gateway::start().await;
    let anonymous = gateway.stack.api();
    for name in ["x-forwarded-host", "x-host", "forwarded"] {
        let request = anonymous.request("GET", "/public").header(name, HOST);
        assert_eq!(anonymous.send(request).await.status, 404, "{name}");
    }
    let request = |host: &str| anonymous.request("GET", "/public").header("host", host);
    for host in ["API.gateway.TEST", "api.gateway.test:8080"] {
        assert_eq!(anonymous.send(request(host)).await.status, 200, "{host}");
    }
    for host in ["api.gateway.test.", "api.gateway.test.evil.example", "xapi.gateway.test"] {
        assert!(matches!(anonymous.send(request(host)).await.status, 400 | 404), "{host}");
    }
    assert_eq!(gateway.origin.heard().len(), 2);
}

#[tokio::test]
async fn preflights_pass_where_that_is_wanted() {
    let gateway = Gateway::start().await;
    let anonymous = gateway.stack.api();
    let preflight = |path: &str, host: Option<&str>| {
        let request = anonymous
            .request("OPTIONS", path)
            .header("origin", "https://page.example")
            .header("access-control-request-method", "GET");
        match host {
            Some(host) => request.header("host", host),
            None => request,
        }
    };
    anonymous.send(preflight("/small/x", None)).await.expect(200);
    anonymous.send(preflight("/things", Some(HOST))).await.expect(401);
    let refused = anonymous.get("/small/x").await.expect(401);
    assert_eq!(refused.header("access-control-allow-origin"), Some("*"));
    assert!(refused.header("access-control-expose-headers").unwrap().contains("www-authenticate"));
    let refused = gateway.at_host(&anonymous, "GET", "/things").await.expect(401);
    assert_eq!(refused.header("access-control-allow-origin"), None);
}
