//! Protected APIs: registered, changed, deleted; and which organizations may have them.

mod attack;
mod changes;
mod migration;
mod races;

use serde_json::{Value, json};

use crate::support::{Agent, Answer, Api, ISSUER, Instance, Tenant};

pub const ORDERS: &str = "https://orders.example.com";
pub const READ: &str = "orders:read";
pub const WRITE: &str = "orders:write";

/// A token request of the agent with these parameters besides.
pub async fn ask(api: &Api, agent: &Agent, parameters: &[(&str, &str)]) -> Answer {
    let mut form = vec![
        ("grant_type", "client_credentials"),
        ("client_id", &agent.id),
        ("client_secret", &agent.secret),
    ];
    form.extend(parameters);
    api.form("/oauth2/token", &form).await
}

pub fn lists_of(tenant: &Tenant) -> String {
    format!("/api/v1/organizations/{}/resources", tenant.organization_id)
}

pub async fn put(api: &Api, path: &str, body: &Value) -> Answer {
    api.send("PUT", path, "application/json", body.to_string()).await
}

/// The names of the bad fields.
pub fn bad_fields(answer: &Answer) -> Vec<String> {
    let body = answer.json();
    let errors = body["details"]["errors"].as_array().unwrap();
    errors.iter().map(|error| error["field"].as_str().unwrap().to_owned()).collect()
}

/// An instance with its platform and an organization that may have nothing yet.
pub async fn scene() -> (Instance, Tenant, Tenant) {
    let instance = Instance::start().await;
    let platform = instance.platform().await;
    let tenant = platform.create_organization("enterprise").await;
    (instance, platform, tenant)
}

#[tokio::test]
async fn a_registered_api_is_shown_to_the_platform_and_to_whom_it_serves() {
    let (_instance, platform, tenant) = scene().await;
    let body = json!({
        "identifier": ORDERS, "name": "Orders",
        "scopes": [{"name": WRITE, "description": "Place orders"}, {"name": READ}],
        "organizations": [tenant.organization_id],
    });
    let created = platform.api.post("/api/v1/resources", &body).await.expect(201);
    let path = format!("/api/v1/resources/{}", created.text("resourceId"));
    assert_eq!(created.header("location"), Some(path.as_str()));
    let scopes = json!([{"name": READ, "description": ""}, {"name": WRITE, "description": "Place orders"}]);
    assert_eq!(created.json()["scopes"], scopes);
    assert_eq!(created.json()["organizations"], json!([tenant.organization_id]));
    assert_eq!(platform.api.get(&path).await.expect(200).json(), created.json());

    // It is not told whom else the API serves.
    let mut shown = created.json();
    shown.as_object_mut().unwrap().remove("organizations");
    assert_eq!(tenant.api.get(&path).await.expect(200).json(), shown);
    assert_eq!(tenant.api.get("/api/v1/resources").await.expect(200).json()["data"], json!([shown]));
    let other = platform.create_organization("free").await;
    assert_eq!(other.api.get("/api/v1/resources").await.expect(200).json()["total"], 0);
    assert_eq!(other.api.get(&path).await.expect(404).code(), "RESOURCE_NOT_FOUND");

    let events = platform.events("resource.created").await;
    assert_eq!(events[0]["metadata"]["identifier"], ORDERS);
    for (page, total) in [("?limit=1", 1), ("?page=2&limit=1", 0)] {
        let list = platform.api.get(&format!("/api/v1/resources{page}")).await.expect(200).json();
        assert_eq!((list["data"].as_array().unwrap().len(), &list["total"]), (total, &json!(1)));
    }
}

#[tokio::test]
async fn an_organization_sees_the_scopes_that_it_may_have() {
    let (_instance, platform, tenant) = scene().await;
    platform.create_resource(ORDERS, &[READ, WRITE], &json!([])).await;
    platform.let_have(&tenant, &json!({"allowedResources": [ORDERS], "allowedScopes": [READ]})).await;
    let list = tenant.api.get("/api/v1/resources").await.expect(200).json();
    assert_eq!(list["data"][0]["scopes"], json!([{"name": READ, "description": "for the tests"}]));
}

#[tokio::test]
async fn every_bad_field_is_named() {
    let (_instance, platform, _tenant) = scene().await;
    for (body, fields) in [
        (json!({}), vec!["identifier", "name"]),
        (
            json!({"identifier": "orders", "name": "", "scopes": "x", "organizations": "some", "more": 1}),
            vec!["identifier", "name", "scopes", "organizations", "more"],
        ),
        (
            json!({"identifier": "https://x.example/#y", "name": "x", "scopes": [{"name": "a b"}, 7, {"description": 1}]}),
            vec!["identifier", "scopes[0].name", "scopes[1]", "scopes[2].name", "scopes[2].description"],
        ),
        (
            json!({"identifier": ORDERS, "name": "x", "scopes": [{"name": "a"}, {"name": "a"}]}),
            vec!["scopes[1].name"],
        ),
        (
            json!({"identifier": ORDERS, "name": "x", "organizations": ["x", 7]}),
            vec!["organizations[0]", "organizations[1]"],
        ),
        (
            json!({"identifier": ORDERS, "name": "x", "organizations": ["0198c5a4-0000-7000-8000-00000000dead"]}),
            vec!["organizations[0]"],
        ),
        (json!({"identifier": ISSUER, "name": "x"}), vec!["identifier"]),
        (json!({"identifier": format!("{ISSUER}/"), "name": "x"}), vec!["identifier"]),
    ] {
        let answer = platform.api.post("/api/v1/resources", &body).await.expect(400);
        assert_eq!(bad_fields(&answer), fields, "{body}");
    }
    assert_eq!(platform.api.get("/api/v1/resources").await.expect(200).json()["total"], 0);
}

#[tokio::test]
async fn identifiers_and_scopes_are_unique_and_a_repeated_request_makes_one_api() {
    let (_instance, platform, _tenant) = scene().await;
    let body = json!({"identifier": ORDERS, "name": "Orders", "scopes": [{"name": READ}]});
    let keyed = platform.api.with("idempotency-key", "once");
    let first = keyed.post("/api/v1/resources", &body).await.expect(201);
    let again = keyed.post("/api/v1/resources", &body).await.expect(201);
    assert_eq!(first.json(), again.json());
    assert_eq!(platform.api.post("/api/v1/resources", &body).await.expect(409).code(), "IDENTIFIER_TAKEN");
    let other = json!({"identifier": "https://other.example.com", "name": "x", "scopes": [{"name": READ}]});
    let taken = platform.api.post("/api/v1/resources", &other).await.expect(409);
    assert_eq!((taken.code(), &taken.json()["details"]["scopes"]), ("SCOPE_TAKEN".into(), &json!([READ])));
    assert_eq!(platform.api.get("/api/v1/resources").await.expect(200).json()["total"], 1);
}

#[tokio::test]
async fn a_scope_is_known_to_the_documents_and_the_edge_as_long_as_there_is_one() {
    let (instance, platform, _tenant) = scene().await;
    let edge = instance.edge("osaka");
    let known = async |scope: &str| {
        instance.sequence().await;
        let state = edge.begin().await;
        let at_edge = state.issuer.scopes_supported.iter().any(|known| known.as_str() == scope);
        let path = "/.well-known/openid-configuration";
        let document = instance.api().get(path).await.expect(200).json();
        let in_document = document["scopes_supported"].as_array().unwrap().contains(&json!(scope));
        assert_eq!(at_edge, in_document);
        at_edge
    };
    assert!(!known(READ).await && known("agents:read").await);
    let id = platform.create_resource(ORDERS, &[READ], &json!("all")).await;
    assert!(known(READ).await && known("agents:read").await);
    let path = format!("/api/v1/resources/{id}");
    platform.api.patch(&path, &json!({"scopes": [{"name": WRITE}]})).await.expect(200);
    assert!(!known(READ).await && known(WRITE).await);
    platform.api.delete(&path).await.expect(204);
    assert!(!known(WRITE).await && known("agents:read").await);
}

#[tokio::test]
async fn tokens_are_for_the_apis_that_the_organization_may_have() {
    let (instance, platform, tenant) = scene().await;
    let (api, agent) = (instance.api(), tenant.create_agent(&["agents:read"]).await);
    let none = json!({"allowedResources": [], "allowedScopes": []});
    assert_eq!(
        tenant.api.get(&lists_of(&tenant)).await.expect(200).json(),
        none,
        "a new one begins with none"
    );
    let resource = [("resource", ORDERS)];
    assert_eq!(ask(&api, &agent, &resource).await.expect(400).text("error"), "invalid_target");

    platform.create_resource(ORDERS, &[READ], &json!([])).await;
    platform.let_have(&tenant, &json!({"allowedResources": [ORDERS]})).await;
    ask(&api, &agent, &resource).await.expect(200);
    for other in
        ["https://orders.example.com/", "https://orders.example.com/v2", "HTTPS://orders.example.com"]
    {
        assert_eq!(
            ask(&api, &agent, &[("resource", other)]).await.expect(400).text("error"),
            "invalid_target"
        );
    }
    // AgentIdP itself always, named or not.
    ask(&api, &agent, &[("resource", ISSUER)]).await.expect(200);
    platform.let_have(&tenant, &json!({"allowedResources": []})).await;
    ask(&api, &agent, &[]).await.expect(200);
    ask(&api, &agent, &resource).await.expect(400);
    // Nor by way of another agent of the organization.
    ask(&api, &tenant.admin, &[("agent_id", agent.id.as_str()), resource[0]]).await.expect(400);
    assert_eq!(tenant.events("org.updated").await.len(), 2);

    platform.let_have(&tenant, &json!({"allowedResources": ["*"]})).await;
    ask(&api, &agent, &[("resource", "https://any.example")]).await.expect(200);
}

#[tokio::test]
async fn the_platform_says_which_apis_an_organization_may_have_and_every_unknown_one_is_named() {
    let (_instance, platform, tenant) = scene().await;
    platform.create_resource(ORDERS, &[READ], &json!([])).await;
    let path = lists_of(&tenant);
    for (body, fields) in [
        (json!({}), vec!["allowedResources"]),
        (json!({"allowedResources": ["api"]}), vec!["allowedResources[0]"]),
        (json!({"allowedResources": "*"}), vec!["allowedResources"]),
        (
            json!({"allowedResources": [ORDERS, "https://x.example"], "allowedScopes": ["x:read", READ, "agents:read"]}),
            vec!["allowedResources[1]", "allowedScopes[0]", "allowedScopes[2]"],
        ),
    ] {
        assert_eq!(bad_fields(&put(&platform.api, &path, &body).await.expect(400)), fields, "{body}");
    }
    let lists = json!({"allowedResources": [ORDERS], "allowedScopes": [READ]});
    assert_eq!(put(&platform.api, &path, &lists).await.expect(200).json(), lists);
    // A list that is not named stays.
    put(&platform.api, &path, &json!({"allowedScopes": ["*"]})).await.expect(200);
    let read = tenant.api.get(&path).await.expect(200).json();
    assert_eq!(read, json!({"allowedResources": [ORDERS], "allowedScopes": ["*"]}));

    // Not the organization itself, and nobody learns of others.
    let all = json!({"allowedResources": ["*"], "allowedScopes": ["*"]});
    assert_eq!(put(&tenant.api, &path, &all).await.expect(403).code(), "INSUFFICIENT_SCOPE");
    let other = platform.create_organization("free").await;
    put(&other.api, &path, &all).await.expect(403);
    other.api.get(&path).await.expect(404);
}

/// The file of the policy folder is a way to begin with some.
#[tokio::test]
async fn a_scope_that_only_the_policy_folder_names_is_had_by_an_organizations_own_list() {
    let folder = std::env::temp_dir().join(format!("agentidp-scopes-{}", crate::support::unique()));
    std::fs::create_dir_all(folder.join("data")).unwrap();
    std::fs::write(folder.join("authz.rego"), include_str!("../../../policies/authz.rego")).unwrap();
    let table = include_str!("../../../policies/data/scopes.json");
    let table = table.replacen("\"openid\"", &format!("\"openid\", \"{READ}\""), 1);
    std::fs::write(folder.join("data/scopes.json"), table).unwrap();
    let instance =
        Instance::start_with(|settings| settings.with("AGENTIDP_POLICY_DIR", folder.to_str().unwrap())).await;
    let platform = instance.platform().await;
    let tenant = platform.create_organization("enterprise").await;
    let mut body = crate::support::new_agent();
    body["scopes"] = json!([READ]);
    tenant.api.post("/api/v1/agents", &body).await.expect(400);
    platform.let_have(&tenant, &json!({"allowedScopes": [READ]})).await;
    let agent = tenant.create_agent(&[READ]).await;
    assert_eq!(ask(&instance.api(), &agent, &[]).await.expect(200).text("scope"), READ);
    // An API takes it over, and leaves it as it was.
    let id = platform.create_resource(ORDERS, &[READ], &json!([])).await;
    platform.api.delete(&format!("/api/v1/resources/{id}")).await.expect(204);
    assert_eq!(ask(&instance.api(), &agent, &[]).await.expect(200).text("scope"), READ);
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn an_organization_can_begin_with_apis_and_its_first_administrator_with_their_scopes() {
    let (instance, platform, _tenant) = scene().await;
    platform.create_resource(ORDERS, &[READ, WRITE], &json!("all")).await;
    let body = json!({
        "name": "x", "slug": "with-orders", "allowedResources": [ORDERS], "allowedScopes": [READ],
        "admin": {"email": "admin@orders.example", "owner": "the tests"},
    });
    let created = platform.api.post("/api/v1/organizations", &body).await.expect(201).json();
    let admin = Agent {
        id: created["admin"]["agentId"].as_str().unwrap().into(),
        secret: created["admin"]["clientSecret"].as_str().unwrap().into(),
        email: String::new(),
        credential_id: String::new(),
    };
    let answer = ask(&instance.api(), &admin, &[("resource", ORDERS)]).await.expect(200);
    let scopes = answer.text("scope");
    let scopes: Vec<_> = scopes.split(' ').collect();
    assert!(scopes.contains(&READ) && scopes.contains(&"admin:orgs") && scopes.contains(&"openid"));
    // Only what the list names, also of an API that is for all; and nothing of the platform's.
    assert!(
        !scopes.contains(&WRITE) && !scopes.iter().any(|scope| scope.starts_with("platform:")),
        "{scopes:?}"
    );
    let unknown = json!({"name": "x", "slug": "unknown", "allowedScopes": ["x:y"], "allowedResources": ["https://x.example"]});
    let refused = platform.api.post("/api/v1/organizations", &unknown).await.expect(400);
    assert_eq!(bad_fields(&refused), ["allowedResources[0]", "allowedScopes[0]"]);
}
