//! Hundreds of troublesome strings in every text field there is.

use agentidp_tests::api::{encode, form};
use agentidp_tests::openapi::{Operation, operations};
use agentidp_tests::shape::{Shape, fault_beyond};
use agentidp_tests::{Answer, ControlPlane, naughty};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use crate::bodies::Scene;

/// Requests under way at once.
const AT_ONCE: usize = 16;

async fn set() -> (ControlPlane, Scene, Vec<Operation>) {
    let control_plane = ControlPlane::start();
    let scene = Scene::set(control_plane.platform().await).await;
    let operations = operations(&scene.platform.api).await;
    (control_plane, scene, operations)
}

/// Runs all requests; faults are collected, so that one run shows them all.
async fn check<'a, F: Future<Output = (String, Shape, Answer, &'a str)>>(
    requests: impl Iterator<Item = F>,
) -> usize {
    let mut answers = stream::iter(requests).buffer_unordered(AT_ONCE);
    let (mut count, mut faults) = (0, vec![]);
    while let Some((what, shape, answer, said)) = answers.next().await {
        count += 1;
        if let Some(fault) = fault_beyond(&answer, shape, said) {
            faults.push(format!("{fault}: {what}: {} → {} {}", answer.asked, answer.status, answer.body));
        }
    }
    assert!(faults.is_empty(), "{} of {count}:\n{}", faults.len(), faults[..faults.len().min(20)].join("\n"));
    count
}

#[tokio::test]
async fn in_every_text_field_of_every_json_body() {
    let (_control_plane, scene, operations) = set().await;
    let strings = naughty::strings();
    let mut cases = vec![];
    for operation in operations.iter().filter(|operation| operation.is_json()) {
        let mut fields: Vec<String> =
            operation.body_fields().into_iter().filter(|(_, text)| *text).map(|(name, _)| name).collect();
        if operation.id == "create_organization" {
            fields.extend(["/admin/email".into(), "/admin/owner".into()]);
        }
        for field in fields {
            cases.extend(strings.iter().map(|text| (operation, field.clone(), text)));
        }
    }
    let count = check(cases.into_iter().map(|(operation, field, text)| {
        let scene = &scene;
        async move {
            let mut body = Scene::json_body(&operation.id);
            let place = if field.starts_with('/') { field.clone() } else { format!("/{field}") };
            let as_array = body.pointer(&place).is_some_and(Value::is_array);
            let value = if as_array { json!([text]) } else { json!(text) };
            if let Some(member) = body.pointer_mut(&place) {
                *member = value;
            } else {
                body[&field] = value;
            }
            let answer =
                scene.api(operation).json(&operation.method, &scene.path(&operation.path), &body).await;
            // What is accepted is kept as it was said, or normalised on purpose; never cut or mangled.
            if answer.is(201)
                && operation.id == "create_agent"
                && ["owner", "name", "description"].contains(&field.as_str())
            {
                assert_eq!(answer.json()[&field], json!(text), "{field}");
            }
            (
                format!("{} {field} = {text:.80?}", operation.id),
                Shape::of_path(&operation.path),
                answer,
                text.as_str(),
            )
        }
    }))
    .await;
    println!("{count} requests");
}

#[tokio::test]
async fn as_member_names_of_every_json_body() {
    let (_control_plane, scene, operations) = set().await;
    let strings = naughty::strings();
    let bodies: Vec<&Operation> = operations.iter().filter(|operation| operation.is_json()).collect();
    let cases = bodies.iter().flat_map(|operation| strings.iter().map(move |text| (*operation, text)));
    check(cases.map(|(operation, text)| {
        let scene = &scene;
        async move {
            let mut body = Scene::json_body(&operation.id);
            body[text] = json!(1);
            let answer =
                scene.api(operation).json(&operation.method, &scene.path(&operation.path), &body).await;
            assert_eq!(answer.status, 400, "{text:?}: {}", answer.body);
            (
                format!("{} member {text:.80?}", operation.id),
                Shape::of_path(&operation.path),
                answer,
                text.as_str(),
            )
        }
    }))
    .await;
}

#[tokio::test]
async fn in_every_query_parameter() {
    let (_control_plane, scene, operations) = set().await;
    let strings = naughty::strings();
    let mut cases = vec![];
    for operation in operations
        .iter()
        .filter(|operation| operation.method == "GET" && !operation.path.starts_with("/edge/"))
    {
        let names = operation.query_parameters.iter().cloned().chain(["unheardOf".to_owned()]);
        for name in names {
            // Routes without parameters need no more than a sample.
            let step = if operation.query_parameters.is_empty() { 29 } else { 1 };
            cases.extend(strings.iter().step_by(step).map(|text| (operation, name.clone(), text)));
        }
    }
    check(cases.into_iter().map(|(operation, name, text)| {
        let scene = &scene;
        async move {
            let path = format!("{}?{name}={}", scene.path(&operation.path), encode(text));
            let answer = scene.api(operation).get(&path).await;
            // `/health/detailed` and `/health/ready` may say 503 of a dependency, which is not about the input.
            (
                format!("{} {name} = {text:.80?}", operation.id),
                Shape::of_path(&operation.path),
                answer,
                text.as_str(),
            )
        }
    }))
    .await;
}

#[tokio::test]
async fn in_every_path_parameter() {
    let (_control_plane, scene, operations) = set().await;
    let strings = naughty::strings();
    let mut cases = vec![];
    for operation in operations.iter().filter(|operation| !operation.path_parameters.is_empty()) {
        for name in &operation.path_parameters {
            cases.extend(strings.iter().map(|text| (operation, name.clone(), text)));
        }
    }
    check(cases.into_iter().map(|(operation, name, text)| {
        let scene = &scene;
        async move {
            // A dot segment never arrives: clients resolve it, as they must.
            let encoded =
                if [".", ".."].contains(&text.as_str()) { "%2e%2e%2f".to_owned() } else { encode(text) };
            let path = scene.path(&operation.path.replace(&format!("{{{name}}}"), &encoded));
            let api = scene.api(operation);
            let answer = if operation.is_json() {
                api.json(&operation.method, &path, &Scene::json_body(&operation.id)).await
            } else {
                api.send(api.request(&operation.method, &path)).await
            };
            (
                format!("{} {name} = {text:.80}", operation.id),
                Shape::of_path(&operation.path),
                answer,
                text.as_str(),
            )
        }
    }))
    .await;
}

#[tokio::test]
async fn in_every_form_parameter() {
    let (_control_plane, scene, operations) = set().await;
    let strings = naughty::strings();
    let mut cases = vec![];
    for operation in operations.iter().filter(|operation| operation.is_form()) {
        for (name, _) in operation.body_fields() {
            cases.extend(strings.iter().map(|text| (operation, name.clone(), text)));
        }
    }
    // Last what fails a login: whose address has failed often is not looked at any more.
    cases.sort_by_key(|(_, name, _)| name.starts_with("client_"));
    let admin = &scene.tenant.admin;
    let count = check(cases.into_iter().map(|(operation, name, text)| {
        let scene = &scene;
        async move {
            let mut parameters: Vec<(&str, &str)> = vec![(&name, text)];
            let good = Scene::form_body(&operation.id);
            parameters.extend(
                good.iter().filter(|(other, _)| *other != name).map(|(name, value)| (*name, value.as_str())),
            );
            let api = &scene.tenant.api;
            // The client's own parameters are tried without other authentication, the rest with.
            let api = match name.as_str() {
                "client_id" => {
                    parameters.push(("client_secret", &admin.secret));
                    api.anonymous()
                }
                "client_secret" => {
                    parameters.push(("client_id", &admin.id));
                    api.anonymous()
                }
                _ if operation.id.starts_with("issue") => api.with_basic(&admin.id, &admin.secret),
                _ => api.clone(),
            };
            let path = scene.path(&operation.path);
            let answer =
                api.body("POST", &path, "application/x-www-form-urlencoded", form(&parameters)).await;
            (format!("{} {name} = {text:.80?}", operation.id), Shape::OAuth, answer, text.as_str())
        }
    }))
    .await;
    println!("{count} requests");
}

#[tokio::test]
async fn in_headers_that_are_read() {
    let (_control_plane, scene, _) = set().await;
    let strings = naughty::strings();
    let names = [
        "idempotency-key",
        "x-request-id",
        "user-agent",
        "authorization",
        "x-forwarded-for",
        "x-forwarded-proto",
        "forwarded",
        "traceparent",
        "accept",
        "if-none-match",
    ];
    let mut cases = vec![];
    for name in names {
        cases.extend(strings.iter().filter(|text| text.len() < 4_000).map(|text| (name, text)));
    }
    check(cases.into_iter().filter_map(|(name, text)| {
        let value = reqwest::header::HeaderValue::from_bytes(text.as_bytes()).ok()?;
        let api =
            if name == "authorization" { scene.tenant.api.anonymous() } else { scene.tenant.api.clone() };
        Some(async move {
            let request = match name {
                // Refused for its body, so that it creates nothing.
                "idempotency-key" => api
                    .request("POST", "/api/v1/agents")
                    .header("content-type", "application/json")
                    .body("{}"),
                "if-none-match" => api.request("GET", "/.well-known/jwks.json"),
                _ => api.request("GET", "/api/v1/agents?limit=1"),
            };
            let answer = api.send(request.header(name, value)).await;
            (format!("{name}: {text:.80?}"), Shape::Management, answer, text.as_str())
        })
    }))
    .await;
}
