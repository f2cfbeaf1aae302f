//! A victim and an outsider on one deployment, and what the one can see of the other.

use agentidp_shared::jwk::Algorithm;
use agentidp_tests::openapi::Operation;
use agentidp_tests::tenants::new_agent;
use agentidp_tests::{Agent, Answer, Api, ControlPlane, OidcIssuer, Tenant, unique};
use serde_json::{Value, json};

/// Belongs to nobody.
pub const NOBODY: &str = "0198c5a4-0000-7000-8000-00000000dead";

/// Two organizations with everything in the victim's that there can be.
pub struct Scene {
    pub control_plane: ControlPlane,
    pub victim: Tenant,
    pub victim_agent: Agent,
    pub victim_token: String,
    pub victim_event: String,
    pub victim_policy: String,
    pub victim_partner: String,
    pub victim_grant: String,
    pub victim_resource: String,
    pub outsider: Tenant,
    pub outsider_agent: Agent,
    /// Text that is in the victim's data only.
    pub marks: Vec<String>,
}

impl Scene {
    pub async fn set() -> Self {
        let control_plane = ControlPlane::start();
        let platform = control_plane.platform().await;
        let (victim, outsider) = (platform.create_organization().await, platform.create_organization().await);
        let mark = format!("victim{}", unique());
        let mut body = new_agent();
        body["owner"] = json!(format!("owner-{mark}"));
        body["name"] = json!(format!("name-{mark}"));
        body["description"] = json!(format!("description-{mark}"));
        body["email"] = json!(format!("{mark}@tests.example"));
        body["capabilities"] = json!([format!("{mark}:read")]);
        body["scopes"] = json!(["agents:read", "agents:write", "tokens:read"]);
        let victim_agent = victim.create_agent_as(&body).await;
        let victim_token = victim_agent.token(&victim.api).await;
        let outsider_agent = outsider.create_agent(&["agents:read", "agents:write"]).await;
        let events = victim.api.get("/api/v1/audit").await.expect(200).json();
        let victim_event = events["data"][0]["eventId"].as_str().unwrap().to_owned();
        let policy = json!({"provider": "github", "repository": format!("octo-org/{mark}"), "agentId": victim_agent.id});
        let victim_policy =
            victim.api.post("/api/v1/oidc/trust-policies", &policy).await.expect(201).text("policyId");
        let issuer = OidcIssuer::start(Algorithm::ES256).await;
        let victim_partner = victim.api.post("/api/v1/federation/partners", &issuer.as_partner(&mark)).await;
        let victim_partner = victim_partner.expect(201).text("partnerId");
        let grant = json!({"granteeId": victim_agent.id, "scopes": ["agents:read"]});
        let victim_grant =
            victim.api.post("/api/v1/federation/grants", &grant).await.expect(201).text("grantId");
        let served = json!([victim.organization_id]);
        let victim_resource =
            platform.create_resource(&format!("https://{mark}.example"), &[], &served).await;
        let marks = vec![
            mark,
            victim.slug.clone(),
            victim.organization_id.clone(),
            victim.admin.id.clone(),
            victim.admin.email.clone(),
            victim.admin.credential_id.clone(),
            victim.admin.secret.clone(),
            victim_agent.id.clone(),
            victim_agent.credential_id.clone(),
            victim_agent.secret.clone(),
            victim_event.clone(),
            victim_policy.clone(),
            victim_partner.clone(),
            victim_grant.clone(),
            victim_resource.clone(),
        ];
        Self {
            control_plane,
            victim,
            victim_agent,
            victim_token,
            victim_event,
            victim_policy,
            victim_partner,
            victim_grant,
            victim_resource,
            outsider,
            outsider_agent,
            marks,
        }
    }

    /// Nothing of the victim is in the answer, but for what the outsider said itself.
    #[track_caller]
    pub fn assert_silent(&self, answer: &Answer, said: &[&str]) {
        let headers = format!("{:?}", answer.headers);
        for mark in self.marks.iter().filter(|mark| !said.contains(&mark.as_str())) {
            let shown = answer.body.contains(mark.as_str()) || headers.contains(mark.as_str());
            assert!(!shown, "{} shows `{mark}`: {}", answer.asked, answer.body);
        }
    }

    /// All that the victim can see of itself, without what time alone changes.
    pub async fn victim_view(&self) -> Vec<Value> {
        let api = &self.victim.api;
        let credentials = format!("/api/v1/agents/{}/credentials", self.victim_agent.id);
        let organization = format!("/api/v1/organizations/{}", self.victim.organization_id);
        let mut view = vec![];
        for path in ["/api/v1/agents?limit=100", &credentials, &organization] {
            let mut body = api.get(path).await.json();
            if let Some(items) = body["data"].as_array_mut() {
                for item in items.iter_mut() {
                    item["lastUsedAt"] = Value::Null;
                }
            }
            view.push(body);
        }
        let token =
            api.with_token(&self.victim_token).get(&format!("/api/v1/agents/{}", self.victim_agent.id)).await;
        view.push(token.expect(200).json());
        view
    }
}

impl Ids {
    /// An operation's path with these ids in it.
    pub fn path(&self, operation: &Operation) -> String {
        let mut path = operation.path.clone();
        for name in &operation.path_parameters {
            let id = match name.as_str() {
                "agentId" => &self.agent,
                "credentialId" => &self.credential,
                "organizationId" => &self.organization,
                "eventId" => &self.event,
                "policyId" => &self.policy,
                "partnerId" => &self.partner,
                "grantId" => &self.grant,
                "resourceId" => &self.resource,
                other => panic!("no id for `{other}` of {}", operation.id),
            };
            path = path.replace(&format!("{{{name}}}"), id);
        }
        path
    }
}

pub struct Ids {
    pub agent: String,
    pub credential: String,
    pub organization: String,
    pub event: String,
    pub policy: String,
    pub partner: String,
    pub grant: String,
    pub resource: String,
}

impl Ids {
    pub fn nobodys() -> Self {
        let id = || NOBODY.to_owned();
        Self {
            agent: id(),
            credential: id(),
            organization: id(),
            event: id(),
            policy: id(),
            partner: id(),
            grant: id(),
            resource: id(),
        }
    }

    pub fn victims(scene: &Scene) -> Self {
        Self {
            agent: scene.victim_agent.id.clone(),
            credential: scene.victim_agent.credential_id.clone(),
            organization: scene.victim.organization_id.clone(),
            event: scene.victim_event.clone(),
            policy: scene.victim_policy.clone(),
            partner: scene.victim_partner.clone(),
            grant: scene.victim_grant.clone(),
            resource: scene.victim_resource.clone(),
        }
    }
}

/// What there is to see in an answer, with the ids that were asked for made equal.
pub fn seen(answer: &Answer, ids: &[&str]) -> (u16, Option<String>, String) {
    let mut body = answer.body.clone();
    for id in ids {
        body = body.replace(id, "ID");
    }
    (answer.status, answer.header("content-type").map(str::to_owned), body)
}

/// A body that would be taken if the thing were one's own.
pub fn body_of(operation: &str) -> Option<Value> {
    Some(match operation {
        "update_agent" => json!({"owner": "taken over", "status": "suspended", "revokeTokens": true}),
        "generate_credential" => json!({}),
        "update_organization" => json!({"name": "taken over", "status": "suspended"}),
        "update_partner" => json!({"name": "taken over"}),
        "add_member" => json!({"agentId": NOBODY, "role": "owner"}),
        "change_member" => json!({"role": "owner"}),
        "rotate_only_credential" | "rotate_credential" => json!({"overlapSeconds": 60, "revokeTokens": true}),
        "set_allowed_resources" => json!({"allowedScopes": []}),
        "update_resource" => json!({"name": "taken over", "organizations": "all"}),
        "rotate_agent_did_key" => json!({"overlapSeconds": 0}),
        "set_agent_scopes" => json!({"scopes": []}),
        _ => return None,
    })
}

pub async fn call(api: &Api, operation: &Operation, path: &str) -> Answer {
    match body_of(&operation.id) {
        Some(body) => api.json(&operation.method, path, &body).await,
        None => api.send(api.request(&operation.method, path)).await,
    }
}
