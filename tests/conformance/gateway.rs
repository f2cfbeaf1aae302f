//! APIs behind the gateway, with a real one behind it.

use std::time::Duration;

use agentidp_tests::origin::{Closed, GZIP, Heard, LARGE, Origin, bytes};
use agentidp_tests::process::free_port;
use agentidp_tests::{Agent, Answer, Api, Stack, eventually, hex, raw};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::{self, Message, client::IntoClientRequest as _};

const HOST: &str = "api.gateway.test";
const AUDIENCE: &str = "https://api.gateway.test";

/// An edge in front of an API at a host of its own, and of others below paths.
struct Gateway {
    stack: Stack,
    origin: Origin,
    flaky: Closed,
    closed: Closed,
    agent: Agent,
    /// At the edge, with a token for the API at its host.
    api: Api,
}

impl Gateway {
    async fn start() -> Self {
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
    async fn below(&self, name: &str) -> Api {
        let audience = format!("{}/{name}", self.stack.url());
        self.stack.api().with_token(&token_for(&self.stack, &self.agent, &audience).await)
    }

    async fn at_host(&self, api: &Api, method: &str, path: &str) -> Answer {
        api.send(api.request(method, path).header("host", HOST)).await
    }

    fn last_heard(&self) -> Heard {
        self.origin.heard().last().unwrap().clone()
    }
}

async fn token_for(stack: &Stack, agent: &Agent, audience: &str) -> String {
    let parameters = [("grant_type", "client_credentials"), ("resource", audience)];
    let api = stack.api().with_basic(&agent.id, &agent.secret);
    api.form("/oauth2/token", &parameters).await.expect(200).text("access_token")
}

fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
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
    assert_eq!(all("x-forwarded-host"), [format!("{HOST}:99")]);
    assert_eq!((all("x-own"), all("cookie")), (vec!["kept".to_owned()], vec!["a=b".to_owned()]));
    let shown = format!("{:?}", heard.headers);
    for gone in ["forged", "198.51.100.1", "x-hop", "\"te\"", "authorization", "Bearer"] {
        assert!(!shown.contains(gone), "{gone} in {shown}");
    }
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
async fn large_bodies_stream_both_ways() {
    let gateway = Gateway::start().await;
    let body = bytes(LARGE);
    // With a length.
    let request = gateway.api.request("PUT", "/digest").header("host", HOST).body(body.clone());
    let answer = gateway.api.send(request).await.expect(200);
    assert_eq!(answer.body, format!("{LARGE} {}", sha256(&body)));
    assert_eq!(gateway.last_heard().headers["content-length"], LARGE.to_string().as_str());
    // In chunks, each sent only when the one before has arrived at the API.
    let before = LARGE;
    let (sender, receiver) = mpsc::channel::<Result<Vec<u8>, std::io::Error>>(1);
    let stream =
        futures_util::stream::unfold(receiver, async |mut receiver| Some((receiver.recv().await?, receiver)));
    let request =
        gateway.api.request("POST", "/digest").header("host", HOST).body(reqwest::Body::wrap_stream(stream));
    let feed = async {
        for (position, piece) in body.chunks(LARGE / 4).enumerate() {
            sender.send(Ok(piece.to_vec())).await.unwrap();
            gateway.origin.received(before + (position + 1) * (LARGE / 4)).await;
        }
        drop(sender);
    };
    let (answer, ()) = tokio::join!(gateway.api.send(request), feed);
    assert_eq!(answer.expect(200).body, format!("{LARGE} {}", sha256(&body)));
    assert!(!gateway.last_heard().headers.contains_key("content-length"));
    // And back.
    let request = gateway.api.request("GET", "/large").header("host", HOST);
    let answer = request.send().await.unwrap().bytes().await.unwrap();
    assert_eq!((answer.len(), sha256(&answer)), (LARGE, sha256(&body)));
}

#[tokio::test]
async fn events_arrive_one_by_one() {
    let gateway = Gateway::start().await;
    let request = gateway.api.request("GET", "/events").header("host", HOST);
    let answer = request.send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let mut chunks = answer.bytes_stream();
    for number in 0..3_usize {
        gateway.origin.release(number + 1);
        let event = tokio::time::timeout(Duration::from_secs(20), chunks.next()).await.expect("an event");
        assert_eq!(event.unwrap().unwrap(), format!("data: {number}\n\n"));
    }
}

#[tokio::test]
async fn an_encoded_body_stays_as_it_is() {
    let gateway = Gateway::start().await;
    let request = gateway.api.request("GET", "/gzip").header("host", HOST).header("accept-encoding", "gzip");
    let answer = request.send().await.unwrap();
    assert_eq!(answer.headers()["content-encoding"], "gzip");
    assert_eq!(answer.bytes().await.unwrap(), GZIP.as_slice());
}

#[tokio::test]
async fn oversize_body_attack_the_limit_holds_with_and_without_a_length() {
    let gateway = Gateway::start().await;
    let api = gateway.below("small").await;
    let send = async |length: usize, in_chunks: bool| {
        let body = bytes(length);
        let body: reqwest::Body = if in_chunks {
            let pieces: Vec<Result<Vec<u8>, std::io::Error>> =
                body.chunks(10_000).map(|piece| Ok(piece.to_vec())).collect();
            reqwest::Body::wrap_stream(futures_util::stream::iter(pieces))
        } else {
            body.into()
        };
        api.send(api.request("POST", "/small/digest").body(body)).await
    };
    for in_chunks in [false, true] {
        let fits = send(100_000, in_chunks).await.expect(200);
        assert!(fits.body.starts_with("100000 "), "{}", fits.body);
        let refused = send(100_001, in_chunks).await.expect(413);
        assert_eq!(refused.code(), "PAYLOAD_TOO_LARGE");
        send(1_000_000, in_chunks).await.expect(413);
    }
    // No part of a body passed for the whole.
    assert_eq!(gateway.origin.whole(), 2);
    // The edge is none the worse for it.
    api.get("/small/things").await.expect(200);
}

#[tokio::test]
async fn slow_origin_attack_the_api_is_given_up_in_time() {
    let gateway = Gateway::start().await;
    let answer = gateway.below("small").await.get("/small/never").await.expect(504);
    assert_eq!(answer.code(), "UPSTREAM_TIMEOUT");
    assert!(!answer.body.contains("127.0.0.1"));
}

#[tokio::test]
async fn an_api_that_cannot_be_reached_is_502_after_the_retries_that_are_safe() {
    let gateway = Gateway::start().await;
    assert_eq!(
        gateway.below("nobody").await.get("/nobody/x").await.expect(502).code(),
        "UPSTREAM_UNREACHABLE"
    );
    let flaky = gateway.below("flaky").await;
    flaky.get("/flaky/x").await.expect(200);
    assert_eq!(gateway.flaky.connections(), 3);
    let closed = gateway.below("closed").await;
    let mut before = gateway.closed.connections();
    for (method, body, attempts) in [
        ("GET", "", 3),
        ("DELETE", "", 3),
        ("PUT", "", 3),
        ("PUT", "x", 1),
        ("POST", "", 1),
        ("POST", "x", 1),
    ] {
        let request = closed.request(method, "/closed/x").body(body);
        closed.send(request).await.expect(502);
        let now = gateway.closed.connections();
        assert_eq!(now - before, attempts, "{method} {body:?}");
        before = now;
    }
}

#[tokio::test]
async fn web_sockets_pass_for_those_who_may() {
    let gateway = Gateway::start().await;
    let token = token_for(&gateway.stack, &gateway.agent, AUDIENCE).await;
    let address = gateway.stack.url().replace("http://", "");
    let connect = async |token: Option<&str>| {
        let mut request = format!("ws://{HOST}/socket").into_client_request().unwrap();
        if let Some(token) = token {
            request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        }
        request.headers_mut().insert("sec-websocket-protocol", "echo".parse().unwrap());
        let stream = tokio::net::TcpStream::connect(&address).await.unwrap();
        tokio_tungstenite::client_async(request, stream).await
    };
    match connect(None).await.unwrap_err() {
        tungstenite::Error::Http(answer) => assert_eq!(answer.status(), 401),
        error => panic!("{error}"),
    }
    let (mut socket, answer) = connect(Some(&token)).await.unwrap();
    assert_eq!(answer.status(), 101);
    assert_eq!(answer.headers()["sec-websocket-protocol"], "echo");
    for message in [Message::text("hello"), Message::binary(bytes(100_000)), Message::text("")] {
        socket.send(message.clone()).await.unwrap();
        let echo = tokio::time::timeout(Duration::from_secs(20), socket.next()).await.expect("an echo");
        assert_eq!(echo.unwrap().unwrap(), message);
    }
    let heard = gateway.last_heard();
    assert_eq!(heard.headers["x-agent-id"], gateway.agent.id.as_str());
    assert!(!heard.headers.contains_key("authorization"));
    socket.close(None).await.unwrap();
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
