//! `did:web` identifiers and documents (W3C DID Core, did:web method).

use serde_json::{Value, json};

use crate::ids::AgentId;
use crate::jwk::{Jwk, JwkSet};

const CONTEXT: [&str; 2] = ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/suites/jws-2020/v1"];

/// The media type of a DID document (DID Core §6.2.1).
pub const MEDIA_TYPE: &str = "application/did+json";

/// The DID of the instance behind an issuer URL: `did:web:HOST`, a port as `%3A`, path segments as `:`.
pub fn instance_did(issuer: &str) -> String {
    let rest = issuer.split_once("://").map_or(issuer, |(_, rest)| rest).trim_end_matches('/');
    let mut parts = rest.split('/');
    let host = parts.next().unwrap_or_default().replace(':', "%3A");
    parts.fold(format!("did:web:{host}"), |did, segment| format!("{did}:{segment}"))
}

/// The DID of an agent: `did:web:HOST:agents:ID`, which resolves to `https://HOST/agents/ID/did.json`.
pub fn agent_did(issuer: &str, agent: AgentId) -> String {
    format!("{}:agents:{agent}", instance_did(issuer))
}

/// An agent's document: one P-256 key, used for authentication and assertions.
pub fn agent_document(issuer: &str, agent: AgentId, public_key: &Jwk) -> Value {
    let did = agent_did(issuer, agent);
    document(
        &did,
        &[(format!("{did}#key-1"), public_key)],
        &json!([{
            "id": format!("{did}#profile"),
            "type": "AgentIdentity",
            "serviceEndpoint": format!("{}/agents/{agent}/did.json", issuer.trim_end_matches('/')),
        }]),
    )
}

/// The instance's document: its current token keys, named by `kid`.
pub fn instance_document(issuer: &str, keys: &JwkSet) -> Value {
    let did = instance_did(issuer);
    let methods: Vec<_> = keys
        .keys
        .iter()
        .filter_map(|key| key.kid.as_ref().map(|kid| (format!("{did}#{kid}"), key)))
        .collect();
    document(
        &did,
        &methods,
        &json!([{
            "id": format!("{did}#oauth"),
            "type": "OAuthAuthorizationServer",
            "serviceEndpoint": format!("{}/.well-known/oauth-authorization-server", issuer.trim_end_matches('/')),
        }]),
    )
}

fn document(did: &str, keys: &[(String, &Jwk)], services: &Value) -> Value {
    let methods: Vec<Value> = keys
        .iter()
        .map(
            |(id, key)| json!({ "id": id, "type": "JsonWebKey2020", "controller": did, "publicKeyJwk": key }),
        )
        .collect();
    let references: Vec<&String> = keys.iter().map(|(id, _)| id).collect();
    json!({
        "@context": CONTEXT,
        "id": did,
        "controller": did,
        "verificationMethod": methods,
        "authentication": references,
        "assertionMethod": references,
        "service": services,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const AGENT: &str = "0198c5a4-0000-7000-8000-00000000000a";

    #[test]
    fn ports_are_percent_encoded_and_paths_become_colons() {
        assert_eq!(instance_did("https://id.example"), "did:web:id.example");
        assert_eq!(instance_did("http://127.0.0.1:8787/"), "did:web:127.0.0.1%3A8787");
        assert_eq!(instance_did("https://id.example/a/b"), "did:web:id.example:a:b");
    }

    #[test]
    fn an_agent_document_names_itself_and_only_a_public_key() {
        let key = Jwk::p256(&[1; 32], &[2; 32]);
        let document = agent_document("https://id.example", AGENT.parse().unwrap(), &key);
        assert_eq!(document["id"], format!("did:web:id.example:agents:{AGENT}"));
        let method = &document["verificationMethod"][0];
        assert_eq!(method["controller"], document["id"]);
        assert_eq!(document["authentication"][0], method["id"]);
        assert!(method["publicKeyJwk"].get("d").is_none());
    }
}
