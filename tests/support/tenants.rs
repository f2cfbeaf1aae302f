//! Organizations and agents, made over HTTP as anyone would.

use serde_json::{Value, json};

use crate::Api;

/// An organization, with one of its administrators logged in.
#[derive(Debug, Clone)]
pub struct Tenant {
    pub organization_id: String,
    pub slug: String,
    pub admin: Agent,
    /// The administrator, with every scope it was granted.
    pub api: Api,
}

/// An agent with a credential.
#[derive(Debug, Clone)]
pub struct Agent {
    pub id: String,
    pub email: String,
    pub credential_id: String,
    pub secret: String,
}

impl Agent {
    /// A fresh access token with every scope it was granted.
    pub async fn token(&self, api: &Api) -> String {
        api.anonymous().token(&self.id, &self.secret, None).await.expect(200).text("access_token")
    }

    pub async fn log_in(&self, api: &Api) -> Api {
        api.with_token(&self.token(api).await)
    }
}

/// What every registration needs, with an address of its own.
pub fn new_agent() -> Value {
    json!({
        "email": format!("agent-{}@tests.example", crate::unique()),
        "agentType": "custom",
        "version": "1.2.3",
        "capabilities": ["report:read"],
        "owner": "the tests",
        "deploymentEnv": "development",
    })
}

impl Tenant {
    /// By the file that bootstrap writes.
    pub async fn log_in(api: &Api, credential: &Value) -> Self {
        let text = |name: &str| credential[name].as_str().unwrap().to_owned();
        let admin = Agent {
            id: text("clientId"),
            email: String::new(),
            credential_id: String::new(),
            secret: text("clientSecret"),
        };
        let api = admin.log_in(api).await;
        Self { organization_id: text("organizationId"), slug: String::new(), admin, api }
    }

    /// The same tenant with a fresh token, at `base`.
    pub async fn at(&self, base: &str) -> Self {
        let api = self.admin.log_in(&self.api.at(base)).await;
        Self { api, ..self.clone() }
    }

    /// As the platform: another organization with its first administrator.
    pub async fn create_organization(&self) -> Tenant {
        let slug = format!("org-{}", crate::unique());
        let email = format!("admin@{slug}.example");
        let body = json!({
            "name": format!("Organization {slug}"), "slug": slug, "tier": "enterprise",
            "admin": {"email": email, "owner": "the tests"},
        });
        let created = self.api.post("/api/v1/organizations", &body).await.expect(201).json();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let admin = Agent {
            id: text(&created["admin"]["agentId"]),
            email,
            credential_id: text(&created["admin"]["credentialId"]),
            secret: text(&created["admin"]["clientSecret"]),
        };
        let api = admin.log_in(&self.api).await;
        Tenant { organization_id: text(&created["organizationId"]), slug, admin, api }
    }

    /// As the platform: registers a protected API that serves `organizations`; returns its id.
    pub async fn create_resource(&self, identifier: &str, scopes: &[&str], organizations: &Value) -> String {
        let scopes: Vec<_> =
            scopes.iter().map(|name| json!({"name": name, "description": "for the tests"})).collect();
        let body = json!({
            "identifier": identifier, "name": "An API", "scopes": scopes, "organizations": organizations,
        });
        self.api.post("/api/v1/resources", &body).await.expect(201).text("resourceId")
    }

    /// As the platform: says which protected APIs the organization may have, whatever its agents hold.
    pub async fn let_have(&self, organization: &Tenant, lists: &Value) {
        let path =
            format!("/api/v1/organizations/{}/resources?revokeHeld=true", organization.organization_id);
        self.api.json("PUT", &path, lists).await.expect(200);
    }

    /// Registers an agent with these scopes and gives it a credential.
    pub async fn create_agent(&self, scopes: &[&str]) -> Agent {
        let mut body = new_agent();
        body["scopes"] = json!(scopes);
        self.create_agent_as(&body).await
    }

    pub async fn create_agent_as(&self, body: &Value) -> Agent {
        let created = self.api.post("/api/v1/agents", body).await.expect(201);
        let id = created.text("agentId");
        let credential =
            self.api.post(&format!("/api/v1/agents/{id}/credentials"), &json!({})).await.expect(201);
        Agent {
            email: created.text("email"),
            credential_id: credential.text("credentialId"),
            secret: credential.text("clientSecret"),
            id,
        }
    }
}
