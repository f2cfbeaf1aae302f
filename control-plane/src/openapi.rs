//! The OpenAPI 3.1 document, made from the handlers: `GET /openapi.json` and `agentidp openapi`.

use std::sync::OnceLock;

use agentidp_shared::policy::{Access, Endpoint, EndpointTable};
use agentidp_shared::scopes::Scope;
use axum::http::header;
use axum::response::IntoResponse;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, Ref, RefOr,
    ResponseBuilder,
};
use utoipa::{PartialSchema as _, ToSchema as _};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::{self, App};
use crate::infra::http::error::ErrorBody;
use crate::policy;

const DESCRIPTION: &str = "\
AgentIdP gives AI agents an identity: register an agent, let it get short-lived signed tokens, verify them anywhere, and \
take them back within seconds.\n\n\
Errors of the management API are `{code, message, details?}`; `details.errors` lists every bad field at once. Errors of the \
protocol endpoints have the shape of RFC 6749 §5.2. Unknown members and parameters are errors. Every answer carries \
`X-Request-Id`, the caller's if it sent one. Bodies are limited to 64 KiB. POSTs that create something accept \
`Idempotency-Key`: the same key with the same body is given the first answer again for a day.";

const TAGS: &[(&str, &str)] = &[
    ("Agents", "Registering agents and their lives"),
    ("Credentials", "Client secrets: generated, rotated, revoked"),
    ("Cards", "What agents are, for others to read and to check: A2A, AGNTCY, OASF"),
    ("DIDs", "Agents' DIDs: resolved, their keys replaced"),
    ("Tokens", "Access tokens: issued, introspected, revoked (RFC 6749, 7662, 7009)"),
    ("OpenID Connect", "Agents about themselves (OpenID Connect Core 1.0)"),
    ("Organizations", "Tenants"),
    (
        "Protected APIs",
        "The APIs that tokens are for besides this one, their scopes, and which organizations may have them",
    ),
    ("Audit", "What happened"),
    ("Discovery", "Metadata, keys and DID documents; public, and usually served by the edge"),
    ("Edge", "The signed feed that edges follow, and what they report"),
    ("Health", "How the service is"),
];

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(get_openapi))
}

/// The document before any feature has added its routes.
pub fn base() -> OpenApi {
    let bearer = Http::builder()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .description(Some("An access token of this issuer (RFC 6750)"))
        .build();
    let client = Http::builder()
        .scheme(HttpAuthScheme::Basic)
        .description(Some("Client authentication: `client_id` and `client_secret` (RFC 6749 §2.3.1); the form may carry them instead"))
        .build();
    let edge = Http::builder()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("The secret of an edge node, with its name in `X-Edge-Name`"))
        .build();
    let components = ComponentsBuilder::new()
        .security_scheme("bearer", SecurityScheme::Http(bearer))
        .security_scheme("client_basic", SecurityScheme::Http(client))
        .security_scheme("edge_key", SecurityScheme::Http(edge))
        .schema(ErrorBody::name(), ErrorBody::schema())
        .build();
    let info = InfoBuilder::new()
        .title("AgentIdP")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(DESCRIPTION))
        .license(Some(LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build()))
        .build();
    let tags = TAGS.iter().map(|(name, text)| TagBuilder::new().name(*name).description(Some(*text)).build());
    OpenApiBuilder::new().info(info).components(Some(components)).tags(Some(tags)).build()
}

/// The whole document. The same sources give the same bytes.
pub fn document() -> OpenApi {
    let mut document = app::openapi();
    let table = policy::built_in_table();
    for item in document.paths.paths.values_mut() {
        let operations = [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete];
        for operation in operations.into_iter().flatten() {
            describe_scopes(operation, &table);
            describe_other_errors(operation);
        }
    }
    document
}

/// What an access token must hold, as the policy asks: all of the scopes, or one of several.
fn describe_scopes(operation: &mut Operation, table: &EndpointTable) {
    let named = |endpoint: &&Endpoint| Some(&endpoint.operation) == operation.operation_id.as_ref();
    let Some(endpoint) = table.endpoints.iter().find(named).filter(|found| found.access == Access::Bearer)
    else {
        return;
    };
    let bearer = |scopes: Vec<&str>| SecurityRequirement::new("bearer", scopes);
    operation.security = Some(if endpoint.any_of.is_empty() {
        vec![bearer(endpoint.scopes.iter().map(Scope::as_str).collect())]
    } else {
        endpoint.any_of.iter().map(|scope| bearer(vec![scope.as_str()])).collect()
    });
}

/// What any operation may answer when something goes wrong, unless it says so itself.
fn describe_other_errors(operation: &mut Operation) {
    let oauth = operation.tags.as_ref().is_some_and(|tags| tags.iter().any(|tag| tag == "Tokens"));
    let schema = if oauth { "OAuthErrorBody" } else { "ErrorBody" };
    let response = ResponseBuilder::new()
        .description("Any other error")
        .content(
            "application/json",
            ContentBuilder::new().schema(Some(Ref::from_schema_name(schema))).build(),
        )
        .build();
    operation.responses.responses.entry("default".to_owned()).or_insert(RefOr::T(response));
}

/// The document, indented, with a line end: what is checked in.
pub fn to_text() -> Result<String, serde_json::Error> {
    document().to_pretty_json().map(|text| text + "\n")
}

/// This document
#[utoipa::path(get, path = "/openapi.json", operation_id = "get_openapi", tag = "Discovery",
    responses((status = 200, description = "The OpenAPI document of this version", body = Object)))]
async fn get_openapi() -> impl IntoResponse {
    static DOCUMENT: OnceLock<String> = OnceLock::new();
    let text = DOCUMENT.get_or_init(|| document().to_json().unwrap_or_default());
    (
        [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "public, max-age=300")],
        text.as_str(),
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::{Value, json};

    use super::*;

    fn read() -> Value {
        serde_json::to_value(document()).unwrap()
    }

    #[test]
    fn the_document_and_the_policy_know_the_same_operations() {
        let expected: BTreeSet<String> = policy::built_in_table()
            .endpoints
            .iter()
            .map(|row| format!("{} {} {}", row.operation, row.method, row.path))
            .collect();
        let document = read();
        let documented: BTreeSet<String> = document["paths"]
            .as_object()
            .unwrap()
            .iter()
            .flat_map(|(path, item)| {
                item.as_object().unwrap().iter().map(move |(method, operation)| (path, method, operation))
            })
            .filter(|(_, _, operation)| operation.get("responses").is_some())
            .map(|(path, method, operation)| {
                format!("{} {} {path}", operation["operationId"].as_str().unwrap(), method.to_uppercase())
            })
            .collect();
        assert_eq!(documented, expected);
    }

    #[test]
    fn the_document_asks_for_the_scopes_that_the_policy_asks_for() {
        let document = read();
        let security = |path: &str, method: &str| document["paths"][path][method]["security"].clone();
        assert_eq!(security("/api/v1/agents", "post"), json!([{"bearer": ["agents:write"]}]));
        assert_eq!(security("/api/v1/resources", "post"), json!([{"bearer": ["platform:write"]}]));
        let any =
            json!([{"bearer": ["admin:orgs"]}, {"bearer": ["orgs:read"]}, {"bearer": ["platform:read"]}]);
        assert_eq!(security("/api/v1/organizations", "get"), any);
        assert_eq!(security("/oauth2/token", "post"), json!([{"client_basic": []}, {}]));
        assert_eq!(security("/health/live", "get"), Value::Null);
    }

    #[test]
    fn the_same_sources_give_the_same_bytes() {
        assert_eq!(to_text().unwrap(), to_text().unwrap());
    }

    #[test]
    fn every_reference_and_security_scheme_exists() {
        fn visit(value: &Value, document: &Value) {
            match value {
                Value::Object(members) => {
                    if let Some(Value::String(reference)) = members.get("$ref") {
                        assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
                    }
                    if let Some(Value::Array(alternatives)) = members.get("security") {
                        for name in
                            alternatives.iter().filter_map(Value::as_object).flat_map(|names| names.keys())
                        {
                            assert!(!document["components"]["securitySchemes"][name].is_null(), "{name}");
                        }
                    }
                    members.values().for_each(|member| visit(member, document));
                }
                Value::Array(items) => items.iter().for_each(|item| visit(item, document)),
                _ => {}
            }
        }
        let document = read();
        visit(&document, &document);
    }
}
