//! Of the section `trust-policies`: policies, agents and organizations that are not what they were, and tokens that only register.

use agentidp_shared::strict::decode_base64url;
use agentidp_tests::attack::Outcome;
use serde_json::{Value, json};

use super::scene::{PATH, merge};
use super::trust_policies::{REFUSED, Table};

/// Policies, agents and organizations that are not what they were.
pub async fn standings(table: &mut Table) {
    for name in
        ["the policy is gone", "the agent is suspended", "the agent is gone", "the organization is suspended"]
    {
        let tenant = table.scene.platform.create_organization().await;
        let agent = tenant.create_agent(&["agents:read"]).await;
        table.cases += 1;
        let repository = format!("repo-{}", table.cases);
        let body = json!({"provider": "github", "repository": format!("octo-org/{repository}"), "agentId": agent.id});
        let policy = tenant.api.post(PATH, &body).await.expect(201).text("policyId");
        let audience = table.scene.audience_of(&tenant);
        let token =
            || table.scene.github.sign(&table.scene.github.github_claims(&repository, "5", &audience));
        let exchange = async |token: String| {
            table.scene.exchange_as(&json!({"provider": "github", "token": token, "agentId": agent.id})).await
        };
        let twin = Outcome::of(&exchange(token()).await);
        let path = format!("/api/v1/agents/{}", agent.id);
        match name {
            "the policy is gone" => drop(tenant.api.delete(&format!("{PATH}/{policy}")).await.expect(204)),
            "the agent is suspended" => {
                drop(tenant.api.patch(&path, &json!({"status": "suspended"})).await.expect(200));
            }
            "the agent is gone" => drop(tenant.api.delete(&path).await.expect(204)),
            _ => {
                let path = format!("/api/v1/organizations/{}", tenant.organization_id);
                drop(
                    table.scene.platform.api.patch(&path, &json!({"status": "suspended"})).await.expect(200),
                );
            }
        }
        let answer = exchange(token()).await;
        let observed = table.observe(&answer);
        table.section.row(format!("standing: {name}"), REFUSED, observed, twin);
    }
}

/// Tokens that register agents do that, in their organization, and nothing else.
pub async fn bootstraps(table: &mut Table) {
    let repository = table.repository(&json!({"agentId": null})).await;
    let token = table.scene.github.sign(&table.claims(&repository, &json!({})));
    let answer = table.scene.exchange_as(&json!({"provider": "github", "token": token})).await.expect(200);
    assert_eq!(answer.text("scope"), "agents:write");
    let api = table.scene.tenant.api.with_token(&answer.text("access_token"));
    let registered = api.post("/api/v1/agents", &agentidp_tests::tenants::new_agent()).await.expect(201);
    assert_eq!(registered.text("organizationId"), table.scene.tenant.organization_id);
    let twin = Outcome::of(&registered);
    let claims: Value = {
        let token = answer.text("access_token");
        serde_json::from_slice(&decode_base64url(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
    };
    let (mine, new, theirs) = (
        claims["sub"].as_str().unwrap().to_owned(),
        registered.text("agentId"),
        table.scene.agent.id.clone(),
    );
    let of = |agent: &str| format!("/api/v1/agents/{agent}");
    for (name, method, path, body) in [
        ("change itself", "PATCH", of(&mine), json!({"owner": "x"})),
        ("change what it registered", "PATCH", of(&new), json!({"owner": "x"})),
        ("change another agent", "PATCH", of(&theirs), json!({"owner": "x"})),
        ("end itself", "DELETE", of(&mine), Value::Null),
        ("end another agent", "DELETE", of(&theirs), Value::Null),
        ("get itself a secret", "POST", format!("{}/credentials", of(&mine)), json!({})),
        ("get what it registered a secret", "POST", format!("{}/credentials", of(&new)), json!({})),
        ("rotate a secret", "POST", format!("{}/credentials/rotate", of(&theirs)), json!({})),
        ("revoke all secrets", "DELETE", format!("{}/credentials", of(&theirs)), Value::Null),
        ("rotate a DID's key", "POST", format!("{}/did/rotate", of(&mine)), json!({})),
        ("list agents", "GET", "/api/v1/agents".into(), Value::Null),
        ("read itself", "GET", of(&mine), Value::Null),
        ("read the log", "GET", "/api/v1/audit".into(), Value::Null),
        ("trust a workload", "POST", PATH.into(), json!({"provider": "github", "repository": "evil-org/x"})),
        ("list policies", "GET", PATH.into(), Value::Null),
        ("make an organization", "POST", "/api/v1/organizations".into(), json!({"name": "x", "slug": "x1"})),
        ("read keys", "GET", "/api/v1/keys".into(), Value::Null),
    ] {
        let answer = if body.is_null() {
            api.send(api.request(method, &path)).await
        } else {
            api.json(method, &path, &body).await
        };
        let expected = if answer.body.contains("ONLY_REGISTERS") {
            "403 ONLY_REGISTERS"
        } else {
            "403 INSUFFICIENT_SCOPE"
        };
        table.section.row(format!("bootstrap: {name}"), expected, Outcome::of(&answer), twin.clone());
    }
    for (name, more) in [
        ("register an administrator", json!({"scopes": ["admin:orgs"]})),
        ("register a reader of the log", json!({"scopes": ["audit:read"]})),
    ] {
        let mut body = agentidp_tests::tenants::new_agent();
        merge(&mut body, &more);
        let answer = api.post("/api/v1/agents", &body).await;
        table.section.row(
            format!("bootstrap: {name}"),
            "403 SCOPE_NOT_HELD",
            Outcome::of(&answer),
            twin.clone(),
        );
    }
    // The policy goes, and what was got by it: at once.
    table.scene.trust_no_more(&repository.policy).await;
    let answer = api.post("/api/v1/agents", &agentidp_tests::tenants::new_agent()).await;
    table.section.row(
        "bootstrap: register after the policy is gone",
        "401 INVALID_TOKEN",
        Outcome::of(&answer),
        twin,
    );
}
