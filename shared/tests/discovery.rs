//! The metadata documents say what their RFCs require, in the RFCs' types.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use agentidp_shared::discovery::{IssuerConfig, authorization_server_metadata, protected_resource_metadata};
use agentidp_shared::freshness::FreshnessLimits;
use agentidp_shared::jwk::{Algorithm, Jwk, JwkSet};
use serde_json::{Value, json};

fn config() -> IssuerConfig {
    IssuerConfig {
        issuer: "https://id.example".into(),
        scopes_supported: vec!["agents:read".parse().unwrap(), "openid".parse().unwrap()],
        signing_algorithms: vec![Algorithm::ES256, Algorithm::EdDSA],
        token_ttl_seconds: 3_600,
        freshness: FreshnessLimits::default(),
        document_keys: JwkSet { keys: vec![Jwk::rsa(&[1; 256], &[1, 0, 1])] },
    }
}

/// RFC 8414 §2 and OpenID Connect Discovery 1.0 §3.
#[test]
fn authorization_server_metadata_has_every_required_member() {
    let document = authorization_server_metadata(&config());
    for member in [
        "issuer",
        "authorization_endpoint",
        "token_endpoint",
        "jwks_uri",
        "introspection_endpoint",
        "revocation_endpoint",
    ] {
        assert!(document[member].as_str().unwrap().starts_with("https://id.example"), "{member}");
    }
    for member in [
        "response_types_supported",
        "subject_types_supported",
        "id_token_signing_alg_values_supported",
        "scopes_supported",
        "grant_types_supported",
        "token_endpoint_auth_methods_supported",
        "token_endpoint_auth_signing_alg_values_supported",
    ] {
        assert!(document[member].as_array().unwrap().iter().all(Value::is_string), "{member}");
    }
    assert_eq!(document["id_token_signing_alg_values_supported"], json!(["ES256", "EdDSA"]));
    // RFC 8414 §2: a server that takes private_key_jwt must say by which algorithms.
    for endpoint in ["token", "introspection", "revocation"] {
        let methods = document[format!("{endpoint}_endpoint_auth_methods_supported")].as_array().unwrap();
        assert!(methods.contains(&json!("private_key_jwt")), "{endpoint}");
        let algorithms = &document[format!("{endpoint}_endpoint_auth_signing_alg_values_supported")];
        assert_eq!(*algorithms, json!(["ES256", "EdDSA", "Ed25519", "RS256"]), "{endpoint}");
    }
}

/// RFC 9728 §2.
#[test]
fn protected_resource_metadata_names_the_resource_and_its_issuer() {
    let document = protected_resource_metadata(&config());
    assert_eq!(document["resource"], "https://id.example");
    assert_eq!(document["authorization_servers"], json!(["https://id.example"]));
    assert_eq!(document["bearer_methods_supported"], json!(["header"]));
}

#[test]
fn configuration_survives_the_feed() {
    let json = serde_json::to_string(&config()).unwrap();
    assert_eq!(serde_json::from_str::<IssuerConfig>(&json).unwrap(), config());
    let mut without: Value = serde_json::from_str(&json).unwrap();
    without.as_object_mut().unwrap().remove("freshness");
    assert_eq!(serde_json::from_value::<IssuerConfig>(without).unwrap(), config());
}
