//! What an edge reports of the calls it decided on: counted by organization, agent, decision and day, in batches that count
//! once however often they arrive.
//!
//! A batch is a compact JWS (`HS256`, `typ` `agentidp-usage+jwt`, `kid` the edge's name) under the edge's own key, so that
//! nobody between edge and control plane can change a count.

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use uuid::Uuid;

use crate::ids::{AgentId, OrganizationId};
use crate::strict::{decode_base64url, encode_base64url, parse_json, parse_json_object};

/// The JOSE `typ` of a batch.
pub const BATCH_TYPE: &str = "agentidp-usage+jwt";
/// Most tallies in one batch.
pub const MAX_TALLIES: usize = 2_000;
/// Longest sealed batch, in bytes.
pub const MAX_BATCH_LENGTH: usize = 1024 * 1024;

/// What became of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    Allowed,
    /// The token was ours, but not good, or not for this.
    Denied,
    /// Too many requests.
    Limited,
    /// The edge could not know.
    Unknown,
}

/// So many calls of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Tally {
    pub organization_id: OrganizationId,
    pub agent_id: AgentId,
    pub decision: Decision,
    /// Days since 1970-01-01, UTC.
    pub day: u32,
    pub count: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Batch {
    /// Given once, and kept for as long as the batch is sent again.
    pub id: Uuid,
    /// Unix milliseconds.
    pub issued_at: u64,
    pub tallies: Vec<Tally>,
}

/// Why a batch is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UsageError {
    #[error("the batch is not a compact JWS of at most {MAX_BATCH_LENGTH} bytes")]
    Malformed,
    #[error("the batch's header is not that of a usage batch")]
    Header,
    #[error("the batch is of an edge that is not known here, or its signature is not valid")]
    InvalidSignature,
    #[error("the batch's payload is malformed")]
    MalformedPayload,
    #[error("the batch holds more than {MAX_TALLIES} tallies")]
    TooMany,
}

/// Signs a batch with the key of the edge called `edge`.
pub fn seal(batch: &Batch, edge: &str, key: &[u8]) -> Result<String, serde_json::Error> {
    let header = serde_json::json!({ "alg": "HS256", "kid": edge, "typ": BATCH_TYPE });
    let payload = serde_json::to_vec(batch)?;
    let input = format!("{}.{}", encode_base64url(header.to_string().as_bytes()), encode_base64url(&payload));
    let signature = mac(key, &input).map(|mac| mac.finalize().into_bytes()).unwrap_or_default();
    Ok(format!("{input}.{}", encode_base64url(&signature)))
}

/// Opens a batch that must be of the edge called `edge`, whose key is `key`. `unverified` may be anything.
pub fn open(unverified: &str, edge: &str, key: &[u8]) -> Result<Batch, UsageError> {
    if unverified.len() > MAX_BATCH_LENGTH {
        return Err(UsageError::Malformed);
    }
    let (input, signature) = unverified.rsplit_once('.').ok_or(UsageError::Malformed)?;
    let (header, payload) = input.split_once('.').ok_or(UsageError::Malformed)?;
    let decode = |part: &str| decode_base64url(part).map_err(|_| UsageError::Malformed);
    let (header, signature) = (decode(header)?, decode(signature)?);
    let header = parse_json_object(&header).map_err(|_| UsageError::Header)?;
    let is = |name: &str, value: &str| header.get(name).and_then(serde_json::Value::as_str) == Some(value);
    if header.len() != 3 || !is("alg", "HS256") || !is("typ", BATCH_TYPE) || !is("kid", edge) {
        return Err(UsageError::Header);
    }
    let mac = mac(key, input).ok_or(UsageError::InvalidSignature)?;
    mac.verify_slice(&signature).map_err(|_| UsageError::InvalidSignature)?;
    let value = parse_json(&decode(payload)?).map_err(|_| UsageError::MalformedPayload)?;
    let batch: Batch = serde_json::from_value(value).map_err(|_| UsageError::MalformedPayload)?;
    if batch.tallies.len() > MAX_TALLIES {
        return Err(UsageError::TooMany);
    }
    Ok(batch)
}

/// HMAC takes a key of any length, so this is always there.
fn mac(key: &[u8], input: &str) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(input.as_bytes());
    Some(mac)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &[u8] = b"an-edge-key-of-forty-characters-in-total";

    fn batch() -> Batch {
        let tally = Tally {
            organization_id: Uuid::from_u128(1).into(),
            agent_id: Uuid::from_u128(2).into(),
            decision: Decision::Denied,
            day: 20_782,
            count: 7,
        };
        Batch { id: Uuid::from_u128(3), issued_at: 1_800_000_000_000, tallies: vec![tally] }
    }

    #[test]
    fn what_was_sealed_opens_under_the_same_name_and_key_only() {
        let sealed = seal(&batch(), "edge-1", KEY).unwrap();
        assert_eq!(open(&sealed, "edge-1", KEY), Ok(batch()));
        assert_eq!(open(&sealed, "edge-2", KEY), Err(UsageError::Header));
        assert_eq!(open(&sealed, "edge-1", b"another key"), Err(UsageError::InvalidSignature));
    }

    #[test]
    fn usage_tampering_attack_a_changed_count_is_not_taken() {
        let sealed = seal(&batch(), "edge-1", KEY).unwrap();
        let parts: Vec<&str> = sealed.split('.').collect();
        let more = encode_base64url(&serde_json::to_vec(&Batch { issued_at: 0, ..batch() }).unwrap());
        let forged = format!("{}.{more}.{}", parts[0], parts[2]);
        assert_eq!(open(&forged, "edge-1", KEY), Err(UsageError::InvalidSignature));
        let none = encode_base64url(br#"{"alg":"none","kid":"edge-1","typ":"agentidp-usage+jwt"}"#);
        assert_eq!(open(&format!("{none}.{}.", parts[1]), "edge-1", KEY), Err(UsageError::Header));
        for nonsense in ["", ".", "..", "a.b", "a.b.c", &"x".repeat(MAX_BATCH_LENGTH + 1)] {
            assert!(open(nonsense, "edge-1", KEY).is_err());
        }
    }
}
