//! The hash chain over the audit log: each sealed event's hash covers the one before it, so nothing can be changed, removed
//! or put between without showing.

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::ids::{AgentId, EventId, InstanceId, OrganizationId, TokenId};
use crate::strict::decode_hex;

/// A SHA-256 hash.
pub type Hash = [u8; 32];

/// In lower-case hexadecimal.
pub fn to_hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from(if value < 10 { b'0' + value } else { b'a' + value - 10 });
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(digit(byte >> 4));
        text.push(digit(byte & 15));
    }
    text
}

/// A hash from lower-case hexadecimal; `None` for anything else.
pub fn from_hex(text: &str) -> Option<Hash> {
    text.as_bytes().try_into().ok().and_then(decode_hex::<64, 32>)
}

/// What can be written as canonical JSON: members in byte order of their names, no whitespace.
pub trait CanonicalJson {
    fn write(&self, out: &mut Vec<u8>);
}

impl CanonicalJson for &Value {
    fn write(&self, out: &mut Vec<u8>) {
        canonical_json(out, self);
    }
}

/// JSON that was written canonically already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written<'a>(pub &'a str);

impl CanonicalJson for Written<'_> {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.0.as_bytes());
    }
}

/// Who did it, on whose behalf, with which token, by which way in, and in the course of which request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attribution<'a> {
    /// Who really called; `None` if nobody proved to be anyone.
    pub actor: Option<AgentId>,
    /// The subject of the token in use, if it is another than the actor.
    pub on_behalf_of: Option<AgentId>,
    /// The token in use.
    pub token_id: Option<TokenId>,
    /// `api`, `console`, `cli`, `mcp` or `job`.
    pub via: &'a str,
    /// 32 lower-case hexadecimal digits (W3C Trace Context).
    pub trace_id: Option<&'a str>,
}

/// An event as it is sealed. `timestamp_us` is Unix microseconds, the precision the database keeps.
#[derive(Debug, Clone, PartialEq)]
pub struct SealedEvent<'a, M = &'a Value> {
    pub sequence: u64,
    pub event_id: EventId,
    pub timestamp_us: i64,
    pub organization_id: OrganizationId,
    pub agent_id: Option<AgentId>,
    pub action: &'a str,
    pub outcome: &'a str,
    pub ip_address: Option<&'a str>,
    pub user_agent: Option<&'a str>,
    pub metadata: M,
    /// Absent in events that were recorded before version 0.2.0, which are hashed as they were then.
    pub attribution: Option<Attribution<'a>>,
}

/// What the first event's hash covers in place of a predecessor: bound to the instance, so that another instance's log
/// cannot be replayed as ours.
pub fn genesis(instance: InstanceId) -> Hash {
    Sha256::new_with_prefix(b"agentidp audit chain v1\0")
        .chain_update(instance.as_uuid().as_bytes())
        .finalize()
        .into()
}

/// The hash of an event that follows `previous`.
pub fn hash(previous: &Hash, event: &SealedEvent<'_, impl CanonicalJson>) -> Hash {
    hash_with(&mut Vec::new(), previous, event)
}

/// As [`hash`], with memory that was used before.
pub fn hash_with(memory: &mut Vec<u8>, previous: &Hash, event: &SealedEvent<'_, impl CanonicalJson>) -> Hash {
    memory.clear();
    memory.extend_from_slice(previous);
    encode_into(memory, event);
    Sha256::digest(memory).into()
}

/// Canonical encoding: every field in a fixed order, each with a length prefix and an absent field marked as such, so that
/// no two different events have the same bytes.
pub fn encode(event: &SealedEvent<'_, impl CanonicalJson>) -> Vec<u8> {
    let mut out = Vec::new();
    encode_into(&mut out, event);
    out
}

fn encode_into(out: &mut Vec<u8>, event: &SealedEvent<'_, impl CanonicalJson>) {
    // Of most events, without growing on the way.
    out.reserve(512);
    field(out, Some(&event.sequence.to_be_bytes()));
    field(out, Some(event.event_id.as_uuid().as_bytes()));
    field(out, Some(&event.timestamp_us.to_be_bytes()));
    field(out, Some(event.organization_id.as_uuid().as_bytes()));
    field(out, event.agent_id.map(|agent| *agent.as_uuid().as_bytes()).as_ref().map(<[u8; 16]>::as_slice));
    field(out, Some(event.action.as_bytes()));
    field(out, Some(event.outcome.as_bytes()));
    field(out, event.ip_address.map(str::as_bytes));
    field(out, event.user_agent.map(str::as_bytes));
    // As `field` writes it, once its length is known.
    out.push(1);
    let length_at = out.len();
    out.extend_from_slice(&[0; 8]);
    event.metadata.write(out);
    let length = u64::try_from(out.len() - length_at - 8).unwrap_or(u64::MAX);
    if let Some(place) = out.get_mut(length_at..length_at + 8) {
        place.copy_from_slice(&length.to_be_bytes());
    }
    if let Some(attribution) = &event.attribution {
        // No field begins with it: what follows is not taken for one of another event.
        out.push(2);
        let id = |id: Option<AgentId>| id.map(|id| *id.as_uuid().as_bytes());
        field(out, id(attribution.actor).as_ref().map(<[u8; 16]>::as_slice));
        field(out, id(attribution.on_behalf_of).as_ref().map(<[u8; 16]>::as_slice));
        let token = attribution.token_id.map(|token| *token.as_uuid().as_bytes());
        field(out, token.as_ref().map(<[u8; 16]>::as_slice));
        field(out, Some(attribution.via.as_bytes()));
        field(out, attribution.trace_id.map(str::as_bytes));
    }
}

#[inline]
fn field(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    match bytes {
        None => out.push(0),
        Some(bytes) => {
            out.push(1);
            out.extend_from_slice(&u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
            out.extend_from_slice(bytes);
        }
    }
}

/// JSON with members in byte order of their names and no whitespace, whatever order the value keeps them in.
fn canonical_json(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by(|a, b| a.0.as_bytes().cmp(b.0.as_bytes()));
            out.push(b'{');
            for (position, (name, member)) in members.into_iter().enumerate() {
                if position > 0 {
                    out.push(b',');
                }
                out.extend_from_slice(Value::from(name.as_str()).to_string().as_bytes());
                out.push(b':');
                canonical_json(out, member);
            }
            out.push(b'}');
        }
        Value::Array(items) => {
            out.push(b'[');
            for (position, item) in items.iter().enumerate() {
                if position > 0 {
                    out.push(b',');
                }
                canonical_json(out, item);
            }
            out.push(b']');
        }
        scalar => out.extend_from_slice(scalar.to_string().as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    fn event(metadata: &Value) -> SealedEvent<'_> {
        SealedEvent {
            sequence: 1,
            event_id: Uuid::from_u128(1).into(),
            timestamp_us: 1_700_000_000_000_000,
            organization_id: Uuid::from_u128(2).into(),
            agent_id: Some(Uuid::from_u128(3).into()),
            action: "token.issued",
            outcome: "success",
            ip_address: Some("192.0.2.1"),
            user_agent: None,
            metadata,
            attribution: None,
        }
    }

    #[test]
    fn misattribution_attack_every_part_of_an_attribution_changes_the_hash() {
        let metadata = json!({});
        let none = event(&metadata);
        let by = Attribution { actor: None, on_behalf_of: None, token_id: None, via: "api", trace_id: None };
        let agent = Some(Uuid::from_u128(3).into());
        let token_id = Some(Uuid::from_u128(3).into());
        let variants = [
            by,
            Attribution { actor: agent, ..by },
            Attribution { on_behalf_of: agent, ..by },
            Attribution { token_id, ..by },
            Attribution { via: "job", ..by },
            Attribution { trace_id: Some("0af7651916cd43dd8448eb211c80319c"), ..by },
        ];
        let mut hashes = std::collections::HashSet::from([hash(&[0; 32], &none)]);
        for attribution in variants {
            let attributed = SealedEvent { attribution: Some(attribution), ..none.clone() };
            assert!(hashes.insert(hash(&[0; 32], &attributed)), "{attribution:?}");
        }
    }

    #[test]
    fn an_event_of_the_first_version_is_hashed_as_it_was_then() {
        let metadata = json!({"a": 1});
        assert_eq!(
            to_hex(&hash(&[7; 32], &event(&metadata))),
            "0e97ce25eee42eb4a62c7660b4da32109714fbe2b08a56e77aa9abe9ec875938"
        );
    }

    #[test]
    fn field_shifting_attack_moving_bytes_between_fields_changes_the_hash() {
        let metadata = json!({});
        let (mut a, mut b) = (event(&metadata), event(&metadata));
        (a.action, a.outcome) = ("ab", "c");
        (b.action, b.outcome) = ("a", "bc");
        assert_ne!(encode(&a), encode(&b));
    }

    #[test]
    fn an_absent_field_is_not_an_empty_one() {
        let metadata = json!({});
        let (mut a, b) = (event(&metadata), event(&metadata));
        a.user_agent = Some("");
        assert_ne!(encode(&a), encode(&b));
    }

    #[test]
    fn member_order_does_not_matter_but_every_value_does() {
        let (one, same, other): (Value, Value, Value) = (
            serde_json::from_str(r#"{"a":1,"b":{"c":[1,2],"d":null}}"#).unwrap(),
            serde_json::from_str(r#"{"b":{"d":null,"c":[1,2]},"a":1}"#).unwrap(),
            serde_json::from_str(r#"{"b":{"d":null,"c":[2,1]},"a":1}"#).unwrap(),
        );
        assert_eq!(encode(&event(&one)), encode(&event(&same)));
        assert_ne!(encode(&event(&one)), encode(&event(&other)));
    }

    #[test]
    fn another_instances_log_starts_from_another_genesis() {
        assert_ne!(genesis(Uuid::from_u128(1).into()), genesis(Uuid::from_u128(2).into()));
    }
}
