//! A good request for every operation that takes one: what bad input is made from.

use agentidp_tests::openapi::Operation;
use agentidp_tests::tenants::new_agent;
use agentidp_tests::{Agent, Api, Tenant, unique};
use serde_json::{Value, json};

/// Whose things the requests are about.
pub struct Scene {
    pub platform: Tenant,
    pub tenant: Tenant,
    pub agent: Agent,
}

impl Scene {
    pub async fn set(platform: Tenant) -> Self {
        let tenant = platform.create_organization().await;
        let agent = tenant.create_agent(&["agents:read"]).await;
        Self { platform, tenant, agent }
    }

    /// Of somebody who may do it: what is of all organizations is the platform's.
    pub fn api(&self, operation: &Operation) -> &Api {
        let is_platforms = ["/api/v1/organizations", "/api/v1/resources"];
        if is_platforms.iter().any(|path| operation.path.starts_with(path)) {
            &self.platform.api
        } else {
            &self.tenant.api
        }
    }

    /// A JSON body for an operation; an operation with a body but none here fails the test that asks.
    pub fn json_body(operation: &str) -> Value {
        match operation {
            "create_agent" => {
                let mut body = new_agent();
                body["name"] = json!("A name");
                body["description"] = json!("A description");
                body["isPublic"] = json!(false);
                body["scopes"] = json!(["agents:read"]);
                body
            }
            "update_agent" => json!({"owner": "someone else"}),
            "generate_credential" => json!({"expiresAt": "2099-01-01T00:00:00Z"}),
            "rotate_credential" | "rotate_only_credential" => json!({"overlapSeconds": 1}),
            "create_organization" => {
                let slug = format!("org-{}", unique());
                json!({"name": "An organization", "slug": slug, "admin": {"email": format!("a@{slug}.example"), "owner": "x"}})
            }
            "update_organization" | "update_partner" => json!({"name": "Another name"}),
            "add_member" => json!({"agentId": "0198c5a4-0000-7000-8000-00000000dead", "role": "member"}),
            "change_member" => json!({"role": "member"}),
            "rotate_agent_did_key" => json!({"overlapSeconds": 60}),
            "set_agent_scopes" => json!({"scopes": ["agents:read"]}),
            "delegate" => json!({
                "delegateeId": "0198c5a4-0000-7000-8000-00000000dead", "scopes": ["agents:read"], "ttlSeconds": 600, "resource": "https://api.example.com",
            }),
            "verify_delegation" => json!({"delegationToken": "not.a.token"}),
            "set_allowed_resources" => json!({"allowedResources": ["*"], "allowedScopes": []}),
            "create_resource" => {
                let identifier = format!("https://{}.example", unique());
                json!({
                    "identifier": identifier, "name": "An API", "organizations": "all",
                    "scopes": [{"name": format!("{}:read", unique()), "description": "Read"}],
                })
            }
            "update_resource" => json!({"name": "Another name", "organizations": "all", "scopes": []}),
            "create_trust_policy" => json!({
                "provider": "github", "repository": "octo-org/octo-repo", "repositoryId": "74", "repositoryOwnerId": "65",
                "branch": "main", "environment": "production", "events": ["push"],
                "jobWorkflowRef": "octo-org/octo-repo/.github/workflows/deploy.yml@refs/heads/main",
            }),
            "create_partner" => json!({
                "name": "A partner", "issuer": "https://localhost:1", "jwksUri": "https://localhost:1/keys",
                "allowedOrganizations": ["org-7"], "expiresAt": "2099-01-01T00:00:00Z",
            }),
            "create_grant" => json!({
                "granteeId": "0198c5a4-0000-7000-8000-00000000dead", "scopes": ["agents:read"], "expiresAt": "2099-01-01T00:00:00Z",
            }),
            "verify_partner_token" => json!({"token": "not.a.token"}),
            "exchange_oidc_token" => json!({"provider": "github", "token": "not.a.token"}),
            other => panic!("no example body for {other}: add one here"),
        }
    }

    /// Parameters for an operation that takes a form.
    pub fn form_body(operation: &str) -> Vec<(&'static str, String)> {
        match operation {
            "issue_token" | "issue_token_alias" => vec![("grant_type", "client_credentials".into())],
            "revoke_token" | "revoke_token_alias" | "introspect_token" | "introspect_token_alias" => {
                vec![("token", "not.a.token".into())]
            }
            other => panic!("no example form for {other}: add one here"),
        }
    }

    /// An operation's path with ids that exist.
    pub fn path(&self, template: &str) -> String {
        template
            .replace("{agentId}", &self.agent.id)
            .replace("{credentialId}", &self.agent.credential_id)
            .replace("{organizationId}", &self.tenant.organization_id)
            .replace("{grantId}", "0198c5a4-0000-7000-8000-00000000dead")
            .replace("{partnerId}", "0198c5a4-0000-7000-8000-00000000dead")
            .replace("{resourceId}", "0198c5a4-0000-7000-8000-00000000dead")
            .replace("{policyId}", "0198c5a4-0000-7000-8000-00000000dead")
            .replace("{chainId}", "0198c5a4-0000-7000-8000-00000000dead")
            .replace("{eventId}", "0198c5a4-0000-7000-8000-00000000dead")
    }
}
