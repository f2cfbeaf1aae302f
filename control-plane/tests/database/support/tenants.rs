//! Organizations and agents, made as anyone would.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{Answer, Api, unique};

/// An organization, with one of its administrators logged in.
#[derive(Clone)]
pub struct Tenant {
    pub organization_id: String,
    pub admin: Agent,
    /// The administrator, with every scope.
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
    pub fn uuid(&self) -> Uuid {
        self.id.parse().unwrap()
    }

    pub fn path(&self) -> String {
        format!("/api/v1/agents/{}", self.id)
    }

    pub fn credential_path(&self) -> String {
        format!("{}/credentials/{}", self.path(), self.credential_id)
    }

    /// Asks for an access token with every scope the agent was granted.
    pub async fn ask_token(&self, api: &Api) -> Answer {
        api.token(&self.id, &self.secret).await
    }

    pub async fn token(&self, api: &Api) -> String {
        self.ask_token(api).await.expect(200).text("access_token")
    }

    pub async fn log_in(&self, api: &Api) -> Api {
        api.with_token(&self.token(api).await)
    }
}

/// What every registration needs, with an address of its own.
pub fn new_agent() -> Value {
    json!({
        "email": format!("agent-{}@tests.example", unique()),
        "agentType": "custom",
        "version": "1.2.3",
        "capabilities": ["report:read"],
        "owner": "the tests",
        "deploymentEnv": "development",
    })
}

impl Tenant {
    /// As the platform: another organization of `tier` with its first administrator.
    pub async fn create_organization(&self, tier: &str) -> Tenant {
        let slug = format!("org-{}", unique());
        let email = format!("admin@{slug}.example");
        let body = json!({
            "name": slug, "slug": slug, "tier": tier, "admin": {"email": email, "owner": "the tests"},
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
        Tenant { organization_id: text(&created["organizationId"]), admin, api }
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
        self.api.send("PUT", &path, "application/json", lists.to_string()).await.expect(200);
    }

    pub fn uuid(&self) -> Uuid {
        self.organization_id.parse().unwrap()
    }

    /// The same tenant with a fresh token: for after the clock was moved past the life of the last.
    pub async fn again(&self) -> Tenant {
        Self { api: self.admin.log_in(&self.api).await, ..self.clone() }
    }

    /// Registers an agent with these scopes and gives it a credential.
    pub async fn create_agent(&self, scopes: &[&str]) -> Agent {
        let mut body = new_agent();
        body["scopes"] = json!(scopes);
        let created = self.api.post("/api/v1/agents", &body).await.expect(201);
        let (id, email) = (created.text("agentId"), created.text("email"));
        let credential =
            self.api.post(&format!("/api/v1/agents/{id}/credentials"), &json!({})).await.expect(201);
        Agent {
            credential_id: credential.text("credentialId"),
            secret: credential.text("clientSecret"),
            id,
            email,
        }
    }

    /// Gives the agent a role, whatever it had.
    pub async fn set_role(&self, agent: &Agent, role: &str) {
        let members = format!("/api/v1/organizations/{}/members", self.organization_id);
        let added = self.api.post(&members, &json!({"agentId": agent.id, "role": role})).await;
        if added.status == 409 {
            let path = format!("{members}/{}", agent.id);
            self.api.patch(&path, &json!({"role": role})).await.expect(200);
        } else {
            added.expect(201);
        }
    }

    /// The agent's credential as it is shown.
    pub async fn credential(&self, agent: &Agent) -> Value {
        let list = self.api.get(&format!("{}/credentials", agent.path())).await.expect(200).json();
        let mut all = list["data"].as_array().unwrap().iter();
        all.find(|credential| credential["credentialId"] == agent.credential_id).unwrap().clone()
    }

    /// Whether a token counts, by introspection.
    pub async fn is_active(&self, token: &str) -> bool {
        let answer = self.api.form("/oauth2/introspect", &[("token", token)]).await.expect(200).json();
        answer["active"].as_bool().unwrap()
    }

    /// The audit events of `action`, newest first.
    pub async fn events(&self, action: &str) -> Vec<Value> {
        let path = format!("/api/v1/audit?limit=100&action={action}");
        self.api.get(&path).await.expect(200).json()["data"].as_array().unwrap().clone()
    }
}
