//! Typed identifiers. Each is a UUID that cannot be passed where another kind is meant.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use crate::strict::decode_hex;

/// The text is not a UUID in its canonical form (lower-case, hyphenated, 36 characters; RFC 9562 §4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a UUID in canonical form")]
pub struct InvalidId;

/// Parses the canonical form only: variants (upper case, braces, `urn:uuid:`) would give one identity many spellings.
pub fn parse_canonical_uuid(text: &str) -> Result<Uuid, InvalidId> {
    let text: &[u8; 36] = text.as_bytes().try_into().map_err(|_| InvalidId)?;
    let at = |place: usize| text.get(place).copied().unwrap_or_default();
    let digits: [u8; 32] = std::array::from_fn(|digit| match digit {
        ..8 => at(digit),
        8..12 => at(digit + 1),
        12..16 => at(digit + 2),
        16..20 => at(digit + 3),
        _ => at(digit + 4),
    });
    let are_hyphens = [8, 13, 18, 23].into_iter().all(|place| at(place) == b'-');
    decode_hex(digits).filter(|_| are_hyphens).map(Uuid::from_bytes).ok_or(InvalidId)
}

macro_rules! typed_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Uuid);

        impl $name {
            pub const fn new(id: Uuid) -> Self {
                Self(id)
            }

            pub const fn as_uuid(self) -> Uuid {
                self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                parse_canonical_uuid(text).map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                crate::strict::deserialize_parsed(deserializer, str::parse)
            }
        }
    };
}

typed_id!(
    /// An agent; also its OAuth `client_id` and the `sub` of its tokens.
    AgentId
);
typed_id!(
    /// A tenant.
    OrganizationId
);
typed_id!(
    /// A token status list.
    StatusListId
);
typed_id!(
    /// A client credential of an agent.
    CredentialId
);
typed_id!(
    /// An audit event.
    EventId
);
typed_id!(
    /// A token's `jti` (RFC 7519 §4.1.7).
    TokenId
);
typed_id!(
    /// A policy on which tokens of workloads outside are accepted.
    TrustPolicyId
);
typed_id!(
    /// A partner whose tokens an organization accepts.
    PartnerId
);
typed_id!(
    /// What an organization lets another's agents do in the name of its own.
    GrantId
);
typed_id!(
    /// A protected API that tokens can be for.
    ResourceId
);
typed_id!(
    /// One deployment of AgentIdP; an edge never accepts another deployment's feed.
    InstanceId
);

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0198c5a4-0000-7000-8000-00000000000a";

    #[test]
    fn canonical_form_round_trips() {
        assert_eq!(ID.parse::<AgentId>().unwrap().to_string(), ID);
        let json = serde_json::to_string(&ID.parse::<AgentId>().unwrap()).unwrap();
        assert_eq!(serde_json::from_str::<AgentId>(&json).unwrap().to_string(), ID);
    }

    #[test]
    fn every_place_of_an_id_is_looked_at() {
        for place in 0..ID.len() {
            for byte in 0..=127_u8 {
                let mut text = ID.as_bytes().to_vec();
                *text.get_mut(place).unwrap() = byte;
                let text = String::from_utf8(text).unwrap();
                let expected = Uuid::try_parse(&text).ok().filter(|_| !byte.is_ascii_uppercase());
                assert_eq!(parse_canonical_uuid(&text).ok(), expected, "{text}");
            }
        }
    }

    #[test]
    fn id_alias_attack_other_spellings_of_an_id_are_refused() {
        for alias in [
            ID.to_uppercase(),
            format!("{{{ID}}}"),
            format!("urn:uuid:{ID}"),
            ID.replace('-', ""),
            format!(" {ID}"),
            format!("{ID}\0"),
            String::new(),
        ] {
            assert_eq!(alias.parse::<AgentId>(), Err(InvalidId), "{alias:?}");
        }
    }
}
