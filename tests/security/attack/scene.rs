//! An organization that trusts workloads, and the issuer that signs for them.

use std::sync::atomic::{AtomicUsize, Ordering};

use agentidp_shared::jwk::Algorithm;
use agentidp_tests::{Agent, Answer, ControlPlane, OidcIssuer, Tenant};
use reqwest::RequestBuilder;
use serde_json::{Value, json};

pub const PATH: &str = "/api/v1/oidc/trust-policies";

pub struct Scene {
    pub control_plane: ControlPlane,
    pub platform: Tenant,
    pub tenant: Tenant,
    /// Whom the workload is to get tokens for.
    pub agent: Agent,
    pub github: OidcIssuer,
    /// Another issuer, under the same authority: not GitHub.
    pub other: OidcIssuer,
    asked: AtomicUsize,
}

impl Scene {
    pub async fn set() -> Self {
        let github = OidcIssuer::start(Algorithm::RS256).await;
        let other = OidcIssuer::start(Algorithm::ES256).await;
        let control_plane = ControlPlane::start_with(vec![
            ("AGENTIDP_GITHUB_ISSUER", github.url()),
            // So that each case can come from an address of its own.
            ("AGENTIDP_TRUSTED_PROXIES", "127.0.0.0/8".into()),
        ]);
        let platform = control_plane.platform().await;
        let tenant = platform.create_organization().await;
        let agent = tenant.create_agent(&["agents:read"]).await;
        Self { control_plane, platform, tenant, agent, github, other, asked: AtomicUsize::new(0) }
    }

    /// What tokens for the organization name.
    pub fn audience(&self) -> String {
        self.audience_of(&self.tenant)
    }

    pub fn audience_of(&self, tenant: &Tenant) -> String {
        format!("{}/organizations/{}", self.control_plane.issuer(), tenant.organization_id)
    }

    /// A policy for a repository's `main`, with these fields more or instead, for the agent; its id.
    pub async fn trust(&self, name: &str, more: &Value) -> String {
        let mut body = json!({
            "provider": "github", "repository": format!("octo-org/{name}"), "branch": "main", "agentId": self.agent.id,
        });
        merge(&mut body, more);
        self.tenant.api.post(PATH, &body).await.expect(201).text("policyId")
    }

    pub async fn trust_no_more(&self, policy: &str) {
        self.tenant.api.delete(&format!("{PATH}/{policy}")).await.expect(204);
    }

    /// Asks for an exchange for the agent, from an address that nobody else has.
    pub async fn exchange(&self, token: &str) -> Answer {
        self.exchange_as(&json!({ "provider": "github", "token": token, "agentId": self.agent.id })).await
    }

    pub async fn exchange_as(&self, body: &Value) -> Answer {
        let api = self.tenant.api.anonymous();
        let request = api.request("POST", "/api/v1/oidc/token").header("content-type", "application/json");
        self.send_from_anew(request.body(body.to_string())).await
    }

    /// The same at the token endpoint.
    pub async fn ask_for_token(&self, form: &[(&str, &str)]) -> Answer {
        self.send_from_anew(self.tenant.api.anonymous().form_request("/oauth2/token", form)).await
    }

    async fn send_from_anew(&self, request: RequestBuilder) -> Answer {
        let asked = self.asked.fetch_add(1, Ordering::SeqCst);
        let address = format!("198.18.{}.{}", asked / 250, asked % 250 + 1);
        self.tenant.api.send(request.header("x-forwarded-for", address)).await
    }
}

/// Puts the members of `more` over those of `body`; `null` takes one away.
pub fn merge(body: &mut Value, more: &Value) {
    let members = body.as_object_mut().unwrap();
    for (name, value) in more.as_object().unwrap() {
        if value.is_null() {
            members.remove(name);
        } else {
            members.insert(name.clone(), value.clone());
        }
    }
}
