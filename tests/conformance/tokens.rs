//! Tokens that are good, and what can be done to them from outside.

use agentidp_shared::strict::{decode_base64url, encode_base64url};
use agentidp_tests::{Agent, Api, Stack, Tenant};
use serde_json::Value;

/// A stack, and an agent with a token in it.
pub struct Scene {
    pub stack: Stack,
    pub tenant: Tenant,
    pub agent: Agent,
    pub token: String,
    /// At the edge, without a token.
    pub api: Api,
}

impl Scene {
    pub async fn set() -> Self {
        Self::set_on(Stack::start().await).await
    }

    pub async fn set_on(stack: Stack) -> Self {
        let tenant = stack.platform().await;
        let agent = tenant.create_agent(&["agents:read", "tokens:read"]).await;
        let token = agent.token(&tenant.api).await;
        let api = stack.api();
        Self { stack, tenant, agent, token, api }
    }

    pub fn with_token(&self) -> Api {
        self.api.with_token(&self.token)
    }

    pub async fn another_agent(&self, scopes: &[&str]) -> (Agent, String) {
        let agent = self.tenant.create_agent(scopes).await;
        let token = agent.token(&self.tenant.api).await;
        (agent, token)
    }
}

pub fn header(token: &str) -> Value {
    part(token, 0)
}

pub fn claims(token: &str) -> Value {
    part(token, 1)
}

fn part(token: &str, number: usize) -> Value {
    serde_json::from_slice(&decode_base64url(token.split('.').nth(number).unwrap()).unwrap()).unwrap()
}

/// The token with its parts replaced and its signature as it was.
fn forged(token: &str, header: &Value, claims: &Value) -> String {
    let signature = token.rsplit('.').next().unwrap();
    let part = |value: &Value| encode_base64url(value.to_string().as_bytes());
    format!("{}.{}.{signature}", part(header), part(claims))
}

/// Each with what was done to it. None may pass anywhere.
pub fn bad_tokens(good: &str) -> Vec<(&'static str, String)> {
    let (head, body) = (header(good), claims(good));
    let with_header = |name: &str, value: Value| {
        let mut header = head.clone();
        header[name] = value;
        forged(good, &header, &body)
    };
    let with_claim = |name: &str, value: Value| {
        let mut claims = body.clone();
        claims[name] = value;
        forged(good, &head, &claims)
    };
    let unsigned = good.rsplit_once('.').unwrap().0;
    let mut flipped = good.to_owned();
    let last = flipped.pop().unwrap();
    flipped.push(if last == 'A' { 'Q' } else { 'A' });
    vec![
        ("not a token", "nonsense".into()),
        ("two parts", unsigned.to_owned()),
        ("empty signature", format!("{unsigned}.")),
        ("four parts", format!("{good}.AAAA")),
        ("padding", format!("{good}=")),
        ("another last character", flipped),
        ("zero signature", format!("{unsigned}.{}", "A".repeat(86))),
        ("alg none", with_header("alg", "none".into())),
        ("alg HS256", with_header("alg", "HS256".into())),
        ("alg of another key", with_header("alg", "RS256".into())),
        ("unknown kid", with_header("kid", "unknown".into())),
        ("embedded key", with_header("jwk", serde_json::json!({"kty": "EC"}))),
        ("key address", with_header("jku", "http://127.0.0.1:1/".into())),
        ("crit", with_header("crit", serde_json::json!(["exp"]))),
        ("typ JWT", with_header("typ", "JWT".into())),
        ("more scope", with_claim("scope", "admin:orgs".into())),
        ("later exp", with_claim("exp", 9_999_999_999_u64.into())),
        ("another subject", with_claim("sub", "0198c5a4-0000-7000-8000-00000000000a".into())),
        ("too long", format!("{unsigned}.{}", "A".repeat(9_000))),
    ]
}
