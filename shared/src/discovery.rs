//! Metadata documents: OpenID Connect Discovery 1.0 §3, RFC 8414 §2, RFC 9728 §2.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::client_assertion;
use crate::freshness::FreshnessLimits;
use crate::ids::OrganizationId;
use crate::issuer::{self, ORGANIZATIONS_PATH};
use crate::jwk::{Algorithm, JwkSet};
use crate::scopes::Scope;

/// What the edge must know of the issuer, carried in the feed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IssuerConfig {
    /// The issuer identifier: an https URL (http on loopback) without query, fragment or trailing slash.
    pub issuer: String,
    pub scopes_supported: Vec<Scope>,
    pub signing_algorithms: Vec<Algorithm>,
    /// Longest lifetime of an access token, in seconds.
    pub token_ttl_seconds: u64,
    #[serde(default)]
    pub freshness: FreshnessLimits,
    /// Keys that documents about agents are signed with. They are published beside the keys of tokens, and verify none.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub document_keys: JwkSet,
}

fn is_empty(keys: &JwkSet) -> bool {
    keys.keys.is_empty()
}

/// Every key that is published: those of tokens first, then those of documents.
pub fn published_keys(tokens: &JwkSet, documents: &JwkSet) -> JwkSet {
    JwkSet { keys: tokens.keys.iter().chain(&documents.keys).cloned().collect() }
}

/// How clients authenticate, at each endpoint that asks them to.
const CLIENT_AUTH_METHODS: [&str; 3] = ["client_secret_basic", "client_secret_post", "private_key_jwt"];

/// The algorithms of published keys, each once.
pub fn algorithms_of(jwks: &JwkSet) -> Vec<Algorithm> {
    let mut algorithms: Vec<Algorithm> =
        jwks.keys.iter().filter_map(|key| key.alg.as_deref()?.parse().ok()).collect();
    algorithms.sort_by_key(|algorithm| algorithm.as_str());
    algorithms.dedup();
    algorithms
}

/// The document at `/.well-known/openid-configuration` and `/.well-known/oauth-authorization-server`.
/// Every member is true: a test compares each with behaviour.
pub fn authorization_server_metadata(config: &IssuerConfig) -> Value {
    let issuer = &config.issuer;
    let algorithms: Vec<_> = config.signing_algorithms.iter().map(|algorithm| algorithm.as_str()).collect();
    // Whatever we sign with: each client signs with a key of its own.
    let assertion_algorithms = client_assertion::ALGORITHMS;
    json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/oauth2/authorize"),
        "token_endpoint": format!("{issuer}/oauth2/token"),
        "token_endpoint_auth_methods_supported": CLIENT_AUTH_METHODS,
        "token_endpoint_auth_signing_alg_values_supported": assertion_algorithms,
        "introspection_endpoint": format!("{issuer}/oauth2/introspect"),
        "introspection_endpoint_auth_methods_supported": CLIENT_AUTH_METHODS,
        "introspection_endpoint_auth_signing_alg_values_supported": assertion_algorithms,
        "revocation_endpoint": format!("{issuer}/oauth2/revoke"),
        "revocation_endpoint_auth_methods_supported": CLIENT_AUTH_METHODS,
        "revocation_endpoint_auth_signing_alg_values_supported": assertion_algorithms,
        "userinfo_endpoint": format!("{issuer}/agent-info"),
        "jwks_uri": format!("{issuer}/.well-known/jwks.json"),
        "scopes_supported": config.scopes_supported,
        "response_types_supported": [],
        "grant_types_supported": ["client_credentials", "urn:ietf:params:oauth:grant-type:token-exchange"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": algorithms,
        "claim_types_supported": ["normal"],
        "claims_supported": [
            "iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "at_hash", "did", "organization_id", "name", "agent_type",
            "agent_version", "capabilities", "deployment_env", "updated_at",
        ],
        // `request_uri_parameter_supported` would be true if it were left out. No authorization response could name an issuer.
        "claims_parameter_supported": false,
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
        "authorization_response_iss_parameter_supported": false,
    })
}

/// The same document of an organization's own issuer: the instance's endpoints and keys under the organization's name
/// (RFC 8414 §3.1, OpenID Connect Discovery 1.0 §4.1).
pub fn organization_server_metadata(config: &IssuerConfig, organization: OrganizationId) -> Value {
    let mut metadata = authorization_server_metadata(config);
    if let Some(members) = metadata.as_object_mut() {
        members.insert("issuer".into(), issuer::of_organization(&config.issuer, organization).into());
    }
    metadata
}

/// The organization whose metadata is asked for at `path`, as it is written there: after the issuer's path as OpenID Connect
/// Discovery has it, or before it as RFC 8414 has it.
pub fn unverified_organization_at(path: &str) -> Option<&str> {
    const DOCUMENTS: [&str; 2] =
        ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"];
    let [openid, _] = DOCUMENTS;
    let id = DOCUMENTS
        .iter()
        .find_map(|document| path.strip_prefix(document)?.strip_prefix(ORGANIZATIONS_PATH))
        .or_else(|| path.strip_prefix(ORGANIZATIONS_PATH)?.strip_suffix(openid))?;
    (!id.is_empty() && !id.contains('/')).then_some(id)
}

/// Where a protected resource is described, before the path of its identifier (RFC 9728 §3.1).
pub const PROTECTED_RESOURCE: &str = "/.well-known/oauth-protected-resource";

/// The document at [`PROTECTED_RESOURCE`]: the management API as a protected resource.
pub fn protected_resource_metadata(config: &IssuerConfig) -> Value {
    json!({
        "resource": config.issuer,
        "authorization_servers": [config.issuer],
        "jwks_uri": format!("{}/.well-known/jwks.json", config.issuer),
        "scopes_supported": config.scopes_supported,
        "bearer_methods_supported": ["header"],
    })
}
