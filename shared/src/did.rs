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

/// A P-256 key in an agent's document.
#[derive(Debug, Clone, Copy)]
pub struct NumberedKey<'a> {
    /// From 1, as keys replace one another.
    pub number: u32,
    pub jwk: &'a Jwk,
    /// Whether it is the one that signs. The others only verify what they signed before.
    pub is_current: bool,
}

/// The DID URL of an agent's key.
pub fn agent_key_id(issuer: &str, agent: AgentId, number: u32) -> String {
    format!("{}#key-{number}", agent_did(issuer, agent))
}

/// An agent's document. Nobody authenticates with a key that was replaced.
pub fn agent_document(issuer: &str, agent: AgentId, keys: &[NumberedKey<'_>]) -> Value {
    let did = agent_did(issuer, agent);
    let keys: Vec<_> = keys
        .iter()
        .map(|key| Method {
            id: agent_key_id(issuer, agent, key.number),
            jwk: key.jwk,
            authenticates: key.is_current,
        })
        .collect();
    document(
        &did,
        &keys,
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
        .filter_map(|jwk| {
            Some(Method { id: format!("{did}#{}", jwk.kid.as_ref()?), jwk, authenticates: true })
        })
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

/// A verification method (DID Core §5.2).
struct Method<'a> {
    id: String,
    jwk: &'a Jwk,
    authenticates: bool,
}

fn document(did: &str, keys: &[Method<'_>], services: &Value) -> Value {
    let methods: Vec<Value> = keys
        .iter()
        .map(|key| json!({ "id": key.id, "type": "JsonWebKey2020", "controller": did, "publicKeyJwk": key.jwk }))
        .collect();
    let authenticating: Vec<&String> =
        keys.iter().filter(|key| key.authenticates).map(|key| &key.id).collect();
    let asserting: Vec<&String> = keys.iter().map(|key| &key.id).collect();
    json!({
        "@context": CONTEXT,
        "id": did,
        "controller": did,
        "verificationMethod": methods,
        "authentication": authenticating,
        "assertionMethod": asserting,
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
    fn an_agent_document_names_itself_and_only_public_keys() {
        let (new, old) = (Jwk::p256(&[1; 32], &[2; 32]), Jwk::p256(&[3; 32], &[4; 32]));
        let keys = [
            NumberedKey { number: 2, jwk: &new, is_current: true },
            NumberedKey { number: 1, jwk: &old, is_current: false },
        ];
        let document = agent_document("https://id.example", AGENT.parse().unwrap(), &keys);
        let did = format!("did:web:id.example:agents:{AGENT}");
        assert_eq!(document["id"], did);
        for (position, id) in [format!("{did}#key-2"), format!("{did}#key-1")].iter().enumerate() {
            let method = &document["verificationMethod"][position];
            assert_eq!(method["id"], **id);
            assert_eq!(method["controller"], did);
            assert!(method["publicKeyJwk"].get("d").is_none());
            assert_eq!(document["assertionMethod"][position], **id);
        }
        assert_eq!(document["authentication"], json!([format!("{did}#key-2")]));
    }
}
