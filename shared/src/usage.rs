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
/// Most tallies in one batch. Whatever they are, the sealed batch is below the control plane's limit for any body.
pub const MAX_TALLIES: usize = 256;
/// Longest sealed batch, in bytes.
pub const MAX_BATCH_LENGTH: usize = 64 * 1024;
/// Most calls in one tally: more than an edge decides on in a day, and far from where sums overflow.
pub const MAX_COUNT: u64 = 1_000_000_000_000;
/// How long a batch may be sent again after it was put together, in milliseconds. The control plane remembers for longer
/// which batches it has counted.
pub const BATCH_LIFETIME_MS: u64 = 30 * DAY_MS;
pub const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

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

impl Decision {
    pub const ALL: [Self; 4] = [Self::Allowed, Self::Denied, Self::Limited, Self::Unknown];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Denied => "denied",
            Self::Limited => "limited",
            Self::Unknown => "unknown",
        }
    }
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
    /// When it was put together, Unix milliseconds; kept like the id.
    pub issued_at: u64,
    pub tallies: Vec<Tally>,
}

/// Why a batch is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UsageError {
    #[error("the batch is not a compact JWS of at most {MAX_BATCH_LENGTH} bytes")]
    Malformed,
    #[error("the batch's header is not that of a usage batch of this edge")]
    Header,
    #[error("the batch's signature is not valid")]
    InvalidSignature,
    #[error("the batch's payload is malformed")]
    MalformedPayload,
    #[error(
        "the batch holds more than {MAX_TALLIES} tallies, or a tally of none or more than {MAX_COUNT} calls"
    )]
    OutOfBounds,
}

/// Signs a batch with the key of the edge called `edge`. The same batch gives the same text.
pub fn seal(batch: &Batch, edge: &str, key: &[u8]) -> Result<String, UsageError> {
    let header = serde_json::json!({ "alg": "HS256", "kid": edge, "typ": BATCH_TYPE });
    let payload = serde_json::to_vec(batch).map_err(|_| UsageError::MalformedPayload)?;
    let input = format!("{}.{}", encode_base64url(header.to_string().as_bytes()), encode_base64url(&payload));
    let signature = mac(key, &input)?.finalize().into_bytes();
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
    mac(key, input)?.verify_slice(&signature).map_err(|_| UsageError::InvalidSignature)?;
    let value = parse_json(&decode(payload)?).map_err(|_| UsageError::MalformedPayload)?;
    let batch: Batch = serde_json::from_value(value).map_err(|_| UsageError::MalformedPayload)?;
    let in_bounds = |tally: &Tally| (1..=MAX_COUNT).contains(&tally.count);
    if batch.tallies.len() > MAX_TALLIES || !batch.tallies.iter().all(in_bounds) {
        return Err(UsageError::OutOfBounds);
    }
    Ok(batch)
}

/// HMAC takes a key of any length, so there is no error in practice.
fn mac(key: &[u8], input: &str) -> Result<Hmac<Sha256>, UsageError> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).map_err(|_| UsageError::InvalidSignature)?;
    mac.update(input.as_bytes());
    Ok(mac)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &[u8] = b"an-edge-key-of-forty-characters-in-total";

    fn tally() -> Tally {
        Tally {
            organization_id: Uuid::from_u128(1).into(),
            agent_id: Uuid::from_u128(2).into(),
            decision: Decision::Denied,
            day: 20_782,
            count: 7,
        }
    }

    fn batch() -> Batch {
        Batch { id: Uuid::from_u128(3), issued_at: 1_800_000_000_000, tallies: vec![tally()] }
    }

    #[test]
    fn what_was_sealed_opens_under_the_same_name_and_key_only() {
        let sealed = seal(&batch(), "edge-1", KEY).unwrap();
        assert_eq!(open(&sealed, "edge-1", KEY), Ok(batch()));
        assert_eq!(open(&sealed, "edge-2", KEY), Err(UsageError::Header));
        assert_eq!(open(&sealed, "edge-1", b"another key"), Err(UsageError::InvalidSignature));
    }

    #[test]
    fn the_largest_batch_there_is_may_be_sent() {
        let largest = Tally { decision: Decision::Allowed, day: u32::MAX, count: MAX_COUNT, ..tally() };
        let batch = Batch { id: Uuid::max(), issued_at: u64::MAX, tallies: vec![largest; MAX_TALLIES] };
        let sealed = seal(&batch, &"e".repeat(64), KEY).unwrap();
        assert_eq!(open(&sealed, &"e".repeat(64), KEY), Ok(batch));
    }

    #[test]
    fn what_is_out_of_bounds_is_refused() {
        let with = |tallies| seal(&Batch { tallies, ..batch() }, "edge-1", KEY).unwrap();
        for tallies in [
            vec![tally(); MAX_TALLIES + 1],
            vec![Tally { count: 0, ..tally() }],
            vec![tally(), Tally { count: MAX_COUNT + 1, ..tally() }],
        ] {
            assert_eq!(open(&with(tallies), "edge-1", KEY), Err(UsageError::OutOfBounds));
        }
        assert_eq!(open(&with(vec![]), "edge-1", KEY).unwrap().tallies, []);
    }

    #[test]
    fn usage_tampering_attack_a_changed_count_is_not_taken() {
        let sealed = seal(&batch(), "edge-1", KEY).unwrap();
        let parts: Vec<&str> = sealed.split('.').collect();
        let more = Batch { tallies: vec![Tally { count: 8, ..tally() }], ..batch() };
        let more = encode_base64url(&serde_json::to_vec(&more).unwrap());
        let forged = format!("{}.{more}.{}", parts[0], parts[2]);
        assert_eq!(open(&forged, "edge-1", KEY), Err(UsageError::InvalidSignature));
        assert_eq!(
            open(&format!("{}.{}.", parts[0], parts[1]), "edge-1", KEY),
            Err(UsageError::InvalidSignature)
        );
        let none = encode_base64url(br#"{"alg":"none","kid":"edge-1","typ":"agentidp-usage+jwt"}"#);
        assert_eq!(open(&format!("{none}.{}.", parts[1]), "edge-1", KEY), Err(UsageError::Header));
        for nonsense in ["", ".", "..", "a.b", "a.b.c", &"x".repeat(MAX_BATCH_LENGTH + 1)] {
            assert!(open(nonsense, "edge-1", KEY).is_err());
        }
    }
}
