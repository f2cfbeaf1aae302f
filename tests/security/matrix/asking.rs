//! How each operation is asked for someone's things.

use agentidp_shared::strict::decode_base64url;
use agentidp_tests::api::{encode, form};
use agentidp_tests::openapi::Operation;
use agentidp_tests::tenants::new_agent;
use agentidp_tests::{Answer, Api, now};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::things::Things;
use crate::two_tenants::body_of;

/// A request for things.
#[derive(Debug, Clone)]
pub struct Question {
    pub method: String,
    pub path: String,
    pub body: Option<(&'static str, String)>,
    /// As which edge; without it an edge's key opens nothing.
    pub edge: Option<String>,
}

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

impl Question {
    pub async fn ask(&self, api: &Api) -> Answer {
        let mut request = api.request(&self.method, &self.path);
        if let Some((kind, body)) = &self.body {
            request = request.header("content-type", *kind).body(body.clone());
        }
        if let Some(edge) = &self.edge {
            request = request.header("x-edge-name", edge);
        }
        api.send(request).await
    }

    /// All that it says itself.
    pub fn text(&self) -> String {
        format!("{} {}", self.path, self.body.as_ref().map_or("", |(_, body)| body))
    }
}

/// Asks an operation for these things.
pub fn question(operation: &Operation, things: &Things) -> Question {
    let mut path = operation.path.clone();
    for name in &operation.path_parameters {
        let value = match name.as_str() {
            "agentId" => things.agent.clone(),
            "credentialId" => things.credential.clone(),
            "organizationId" => things.organization.clone(),
            "chainId" => things.delegation.clone(),
            "eventId" => things.event.clone(),
            "policyId" => things.policy.clone(),
            "grantId" => things.grant.clone(),
            "partnerId" => things.partner.clone(),
            "resourceId" => things.resource.clone(),
            "kid" => "no-key".to_owned(),
            "statusListId" => status_list(&things.token).unwrap_or_else(|| things.agent.clone()),
            other => panic!("no value for `{other}` of {}", operation.id),
        };
        path = path.replace(&format!("{{{name}}}"), &encode(&value));
    }
    let json = |body: Value| Some((JSON, body.to_string()));
    let body = match operation.id.as_str() {
        "add_member" => json(json!({"agentId": things.agent, "role": "member"})),
        "delegate" => {
            json(json!({"delegateeId": things.agent, "scopes": ["agents:read"], "ttlSeconds": 600}))
        }
        "verify_delegation" => json(json!({"delegationToken": things.delegation_token})),
        "update_organization" => json(json!({"name": "taken over"})),
        "create_organization" => json(json!({"name": "x", "slug": things.slug})),
        "create_resource" => {
            json(json!({"identifier": format!("https://{}.example", things.mark), "name": "x"}))
        }
        "create_agent" => {
            let mut body = new_agent();
            body["email"] = json!(things.email);
            json(body)
        }
        "issue_token" | "issue_token_alias" => {
            Some((FORM, form(&[("grant_type", "client_credentials"), ("agent_id", &things.agent)])))
        }
        "introspect_token" | "introspect_token_alias" | "revoke_token" | "revoke_token_alias" => {
            Some((FORM, form(&[("token", &things.token)])))
        }
        "create_trust_policy" => {
            let repository = format!("octo-org/{}", things.mark);
            json(json!({"provider": "github", "repository": repository, "agentId": things.agent}))
        }
        "create_partner" => json(things.issuer.as_partner(&things.mark)),
        // For a moment: two that have grants for each other are not strangers any more.
        "create_grant" => {
            let end = OffsetDateTime::from_unix_timestamp(now() + 3).unwrap().format(&Rfc3339).unwrap();
            json(json!({"granteeId": things.grantee, "scopes": ["agents:read"], "expiresAt": end}))
        }
        "verify_partner_token" => json(json!({"token": things.partner_token})),
        "exchange_oidc_token" => {
            json(json!({"provider": "github", "token": things.token, "agentId": things.agent}))
        }
        "post_agent_info" => Some((FORM, form(&[("sub", &things.agent), ("agentId", &things.agent)]))),
        "report_edge_usage" => Some(("application/jose", "a.b.c".to_owned())),
        other => body_of(other).and_then(json),
    };
    match operation.id.as_str() {
        "prove_audit_inclusion" => path += &["?eventId=", &things.event].concat(),
        "get_agent_info" => path += &["?sub=", &things.agent, "&agentId=", &things.agent].concat(),
        "prove_audit_consistency" => path.push_str("?from=1"),
        "get_edge_changes" => path.push_str("?after=0&wait=0"),
        "list_agents"
        | "list_organizations"
        | "list_audit_events"
        | "list_audit_logs"
        | "list_trust_policies"
        | "list_partners"
        | "list_grants"
        | "list_resources" => {
            path.push_str("?limit=100");
        }
        _ => {}
    }
    Question { method: operation.method.clone(), path, body, edge: None }
}

/// The same, one thing after the other put in place of which is one's own: `mine` with what is the other's.
pub fn mixed(operation: &Operation, mine: &Things, theirs: &Things) -> Vec<Question> {
    let names_credential = operation.path.contains("{credentialId}");
    let names_member = operation.path.contains("{organizationId}/members");
    let mut questions = vec![];
    if names_credential {
        questions.push(question(operation, &Things { agent: mine.agent.clone(), ..theirs.clone() }));
    }
    if names_member && operation.id != "list_members" {
        questions
            .push(question(operation, &Things { organization: mine.organization.clone(), ..theirs.clone() }));
    }
    questions
}

/// The filters and hints that name things of an organization, each with its value.
pub fn filters(operation: &Operation, things: &Things) -> Vec<Question> {
    let values = [
        ("agentId", &things.agent),
        ("owner", &things.mark),
        ("q", &things.slug),
        ("q", &things.mark),
        ("organizationId", &things.organization),
    ];
    let known = |name: &str| name == "organizationId" || operation.query_parameters.iter().any(|n| n == name);
    values
        .into_iter()
        .filter(|(name, _)| known(name))
        .map(|(name, value)| Question {
            method: "GET".into(),
            path: format!("{}?limit=100&{name}={}", operation.path, encode(value)),
            body: None,
            edge: None,
        })
        .collect()
}

/// The list in which a token has its place.
fn status_list(token: &str) -> Option<String> {
    let claims: Value = serde_json::from_slice(&decode_base64url(token.split('.').nth(1)?).ok()?).ok()?;
    let uri = claims["status"]["status_list"]["uri"].as_str()?;
    Some(uri.rsplit('/').next()?.to_owned())
}
