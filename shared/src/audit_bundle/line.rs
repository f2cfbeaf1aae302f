//! A line of the exported log: an event and its seal.

use std::borrow::Cow;
use std::str::FromStr;

use memchr::memchr;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::audit_chain::{self, Hash, SealedEvent, Written, from_hex, to_hex};
use crate::ids::{AgentId, EventId, OrganizationId, TokenId};
use crate::strict::deserialize_parsed;

/// An event and its seal, as a line of JSON.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Line<'a> {
    /// From 1, without a gap.
    pub sequence: u64,
    pub event_id: EventId,
    /// Unix microseconds.
    pub timestamp_us: i64,
    pub organization_id: OrganizationId,
    pub agent_id: Option<AgentId>,
    #[serde(borrow)]
    pub action: Cow<'a, str>,
    #[serde(borrow)]
    pub outcome: Cow<'a, str>,
    #[serde(borrow, default, deserialize_with = "optional_text")]
    pub ip_address: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "optional_text")]
    pub user_agent: Option<Cow<'a, str>>,
    /// Absent in events that were recorded before version 0.2.0.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub attribution: Option<Attribution<'a>>,
    /// Canonical JSON: hashed as it stands.
    #[serde(borrow)]
    pub metadata: &'a RawValue,
    #[serde(with = "hexadecimal")]
    pub previous_hash: Hash,
    #[serde(with = "hexadecimal")]
    pub hash: Hash,
}

/// Who did it, as a member of a line.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Attribution<'a> {
    pub actor: Option<AgentId>,
    pub on_behalf_of: Option<AgentId>,
    pub token_id: Option<TokenId>,
    #[serde(borrow)]
    pub via: Cow<'a, str>,
    #[serde(borrow, default, deserialize_with = "optional_text")]
    pub trace_id: Option<Cow<'a, str>>,
}

impl<'a> Attribution<'a> {
    /// As it is sealed.
    fn as_sealed(&self) -> audit_chain::Attribution<'_> {
        audit_chain::Attribution {
            actor: self.actor,
            on_behalf_of: self.on_behalf_of,
            token_id: self.token_id,
            via: &self.via,
            trace_id: self.trace_id.as_deref(),
        }
    }

    /// As an export writes it.
    pub fn of(sealed: &audit_chain::Attribution<'a>) -> Self {
        Self {
            actor: sealed.actor,
            on_behalf_of: sealed.on_behalf_of,
            token_id: sealed.token_id,
            via: sealed.via.into(),
            trace_id: sealed.trace_id.map(Into::into),
        }
    }
}

/// Borrowed where it stands without escapes, which serde's own `Option<Cow>` never is.
fn optional_text<'de: 'a, 'a, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Cow<'a, str>>, D::Error> {
    #[derive(Deserialize)]
    struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

    Ok(Option::<Text<'_>>::deserialize(deserializer)?.map(|text| text.0))
}

mod hexadecimal {
    use super::{Deserializer, Hash, Serializer, deserialize_parsed, from_hex, to_hex};

    pub fn serialize<S: Serializer>(hash: &Hash, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&to_hex(hash))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Hash, D::Error> {
        deserialize_parsed(deserializer, |text| from_hex(text).ok_or("not 64 lower-case hexadecimal digits"))
    }
}

impl<'a> Line<'a> {
    /// Any JSON that says all of it, in whatever order. What an export wrote is read in a fraction of the time.
    pub fn read(line: &'a [u8]) -> Result<Self, serde_json::Error> {
        match str::from_utf8(line).ok().and_then(Self::as_written) {
            Some(line) => Ok(line),
            None => serde_json::from_slice(line),
        }
    }

    /// A line with the members, the order and the spaces that [`Serialize`] gives it, and no escapes before the metadata; `None` for
    /// all else. What follows the metadata is as long in every line, so their end is known before they are looked at.
    fn as_written(line: &'a str) -> Option<Self> {
        let mut rest = Rest(line);
        let mut seal = Rest(rest.take_last(SEAL_LENGTH)?.strip_suffix('}')?);
        Some(Self {
            sequence: rest.after("{\"sequence\":")?.number()?,
            event_id: rest.after(",\"eventId\":")?.text_of(ID_LENGTH)?.parse().ok()?,
            timestamp_us: rest.after(",\"timestampUs\":")?.number()?,
            organization_id: rest.after(",\"organizationId\":")?.text_of(ID_LENGTH)?.parse().ok()?,
            agent_id: if rest.after(",\"agentId\":")?.is_null() {
                None
            } else {
                Some(rest.text_of(ID_LENGTH)?.parse().ok()?)
            },
            action: rest.after(",\"action\":")?.text()?.into(),
            outcome: rest.after(",\"outcome\":")?.text()?.into(),
            ip_address: if rest.after(",\"ipAddress\":")?.is_null() {
                None
            } else {
                Some(rest.text()?.into())
            },
            user_agent: if rest.after(",\"userAgent\":")?.is_null() {
                None
            } else {
                Some(rest.text()?.into())
            },
            attribution: rest.attribution()?,
            metadata: serde_json::from_str(rest.after(",\"metadata\":")?.0).ok()?,
            previous_hash: seal.after(",\"previousHash\":")?.text_of(HASH_LENGTH).and_then(from_hex)?,
            hash: seal.after(",\"hash\":")?.text_of(HASH_LENGTH).and_then(from_hex)?,
        })
    }

    /// What was sealed.
    pub fn event(&self) -> SealedEvent<'_, Written<'_>> {
        SealedEvent {
            sequence: self.sequence,
            event_id: self.event_id,
            timestamp_us: self.timestamp_us,
            organization_id: self.organization_id,
            agent_id: self.agent_id,
            action: &self.action,
            outcome: &self.outcome,
            ip_address: self.ip_address.as_deref(),
            user_agent: self.user_agent.as_deref(),
            metadata: Written(self.metadata.get()),
            attribution: self.attribution.as_ref().map(Attribution::as_sealed),
        }
    }
}

/// Of an id as text.
const ID_LENGTH: usize = 36;
/// Of a hash in hexadecimal.
const HASH_LENGTH: usize = 2 * size_of::<Hash>();
/// Of what follows the metadata.
const SEAL_LENGTH: usize = ",\"previousHash\":\"\",\"hash\":\"\"}".len() + 2 * HASH_LENGTH;

/// What is still to be read of a line.
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    fn take_last(&mut self, length: usize) -> Option<&'a str> {
        let (rest, last) = self.0.split_at_checked(self.0.len().checked_sub(length)?)?;
        self.0 = rest;
        Some(last)
    }

    fn after(&mut self, text: &str) -> Option<&mut Self> {
        self.0 = self.0.strip_prefix(text)?;
        Some(self)
    }

    /// An integer other than zero.
    fn number<T: FromStr>(&mut self) -> Option<T> {
        let (number, rest) = self.0.split_at_checked(memchr(b',', self.0.as_bytes())?)?;
        self.0 = rest;
        // JSON knows neither zeros in front nor a plus, and Rust does.
        let starts_as_in_json = matches!(number.trim_start_matches('-').as_bytes(), [b'1'..=b'9', ..]);
        number.parse().ok().filter(|_| starts_as_in_json)
    }

    /// A string that is so long and is not looked at: for what has no quotes or escapes in it when it is good.
    fn text_of(&mut self, length: usize) -> Option<&'a str> {
        let (text, rest) = self.after("\"")?.0.split_at_checked(length)?;
        self.0 = rest;
        self.after("\"").map(|_| text)
    }

    /// A string without escapes.
    fn text(&mut self) -> Option<&'a str> {
        let text = self.text_of(memchr(b'"', self.0.as_bytes().get(1..)?)?)?;
        // All of it, without a branch for each byte.
        let not_plain = text.bytes().map(|byte| u8::from(byte < b' ' || byte == b'\\'));
        (not_plain.fold(0, |some, one| some | one) == 0).then_some(text)
    }

    fn is_null(&mut self) -> bool {
        self.after("null").is_some()
    }

    /// An attribution with the members, the order and the spaces that an export gives it; `Some(None)` if there is none.
    #[expect(clippy::option_option, reason = "malformed, absent, and present")]
    fn attribution(&mut self) -> Option<Option<Attribution<'a>>> {
        if self.after(",\"attribution\":{").is_none() {
            return Some(None);
        }
        let id = |rest: &mut Self| {
            if rest.is_null() { Some(None) } else { rest.text_of(ID_LENGTH).map(Some) }
        };
        let actor = id(self.after("\"actor\":")?)?.map(str::parse).transpose().ok()?;
        let on_behalf_of = id(self.after(",\"onBehalfOf\":")?)?.map(str::parse).transpose().ok()?;
        let token_id = id(self.after(",\"tokenId\":")?)?.map(str::parse).transpose().ok()?;
        let via = self.after(",\"via\":")?.text()?.into();
        let trace_id = if self.after(",\"traceId\":")?.is_null() { None } else { Some(self.text()?.into()) };
        self.after("}")?;
        Some(Some(Attribution { actor, on_behalf_of, token_id, via, trace_id }))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn written(changes: &Value) -> String {
        let raw = serde_json::value::to_raw_value(changes).unwrap();
        let text = |name: &str| changes[name].as_str().map(|text| Cow::Owned(text.to_owned()));
        let line = Line {
            sequence: changes["sequence"].as_u64().unwrap_or(7),
            event_id: uuid::Uuid::from_u128(1).into(),
            timestamp_us: changes["timestamp"].as_i64().unwrap_or(1_700_000_000_000_000),
            organization_id: uuid::Uuid::from_u128(2).into(),
            agent_id: changes["agent"].as_bool().map(|_| uuid::Uuid::from_u128(3).into()),
            action: text("action").unwrap_or("token.issued".into()),
            outcome: "success".into(),
            ip_address: text("ip"),
            user_agent: text("userAgent"),
            attribution: changes["via"].as_str().map(|via| Attribution {
                actor: Some(uuid::Uuid::from_u128(4).into()),
                on_behalf_of: changes["behalf"].as_bool().map(|_| uuid::Uuid::from_u128(5).into()),
                token_id: changes["token"].as_bool().map(|_| uuid::Uuid::from_u128(6).into()),
                via: Cow::Owned(via.to_owned()),
                trace_id: text("trace"),
            }),
            metadata: &raw,
            previous_hash: [0xab; 32],
            hash: [0xcd; 32],
        };
        serde_json::to_string(&line).unwrap()
    }

    /// What serde makes of it, or `None` if nothing; and the short way the same, unless it leaves it to serde.
    fn read(line: &str) -> Option<bool> {
        let by_serde = serde_json::from_str::<Line<'_>>(line).ok();
        let as_written = Line::as_written(line);
        let both = (format!("{as_written:?}"), format!("{by_serde:?}"));
        assert!(as_written.is_none() || both.0 == both.1, "{line}: {both:?}");
        by_serde.map(|_| as_written.is_some())
    }

    #[test]
    fn what_an_export_writes_is_read_the_short_way() {
        for changes in [
            json!({}),
            json!({"agent": true, "ip": "192.0.2.1", "userAgent": "ä \u{1F511}", "sequence": u64::MAX}),
            json!({"via": "api"}),
            json!({"via": "api", "behalf": true, "token": true, "trace": "0af7651916cd43dd8448eb211c80319c"}),
            json!({"timestamp": -5, "nested": {"a\"b": ["}", "\\", 1.5e300, null]}}),
        ] {
            assert_eq!(read(&written(&changes)), Some(true), "{changes}");
        }
    }

    #[test]
    fn what_else_says_the_same_is_read_too() {
        let line = written(&json!({"ip": "192.0.2.1", "userAgent": "a \"client\""}));
        let spaced = line.replace(",\"hash\":", ", \"hash\" : ");
        let members: std::collections::BTreeMap<String, Value> = serde_json::from_str(&line).unwrap();
        let reordered = serde_json::to_string(&members).unwrap();
        for other in [line, spaced, reordered, written(&json!({"timestamp": 0, "action": "a\nb"}))] {
            assert_eq!(read(&other), Some(false), "{other}");
            assert!(Line::read(other.as_bytes()).is_ok());
        }
    }

    #[test]
    fn injection_attack_metadata_that_end_early_and_begin_again_are_refused() {
        let line = written(&json!({}));
        for metadata in ["{},\"outcome\":\"denied\",\"metadata\":{}", "{}}{\"a\":{}", "", "{} {}", "{\"a\":1"]
        {
            let forged = line.replace("\"metadata\":{}", &format!("\"metadata\":{metadata}"));
            assert_ne!(forged, line);
            assert_eq!(read(&forged), None, "{forged}");
        }
    }

    proptest! {
        #[test]
        fn both_ways_read_the_same(
            sequence: u64, timestamp: i64, action in "\\PC{0,8}", user_agent in ".{0,8}",
            place: prop::sample::Index, byte in prop::sample::select(br#" "\,:{}0-nul"#.to_vec()),
        ) {
            let line = written(
                &json!({"sequence": sequence, "timestamp": timestamp, "action": action, "userAgent": user_agent}),
            );
            prop_assert!(read(&line).is_some());
            // One byte of it altered, taken out, or put in.
            let at = place.index(line.len());
            for (length, put) in [(1, vec![byte]), (1, vec![]), (0, vec![byte])] {
                let mut altered = line.clone().into_bytes();
                altered.splice(at..at + length, put);
                if let Ok(altered) = String::from_utf8(altered) {
                    read(&altered);
                }
            }
        }
    }
}
