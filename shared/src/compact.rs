//! Revocations close together, for snapshots: a million tokens by themselves would be a hundred megabytes.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use crate::feed::Change;
use crate::ids::TokenId;
use crate::strict::{decode_base64url, encode_base64url};

const ID_LENGTH: usize = 16;
/// Tokens that expire within the same so many seconds are told of together, and for that much longer.
const PERIOD_SECONDS: u64 = 60;

/// Several tokens: base64url of the 16 bytes of each, one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenIds(pub Vec<TokenId>);

impl Serialize for TokenIds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let bytes: Vec<u8> = self.0.iter().flat_map(|id| *id.as_uuid().as_bytes()).collect();
        serializer.serialize_str(&encode_base64url(&bytes))
    }
}

impl<'de> Deserialize<'de> for TokenIds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        let bytes = decode_base64url(&text).map_err(serde::de::Error::custom)?;
        let (ids, rest) = bytes.as_chunks::<ID_LENGTH>();
        if !rest.is_empty() {
            return Err(serde::de::Error::custom("not a whole number of ids"));
        }
        Ok(Self(ids.iter().map(|id| TokenId::new(Uuid::from_bytes(*id))).collect()))
    }
}

/// The same changes, with one in place of all the tokens that expire at about the same time.
pub fn compact(changes: impl IntoIterator<Item = Change>) -> Vec<Change> {
    let (mut tokens, mut others) = (BTreeMap::<u64, Vec<TokenId>>::new(), Vec::new());
    for change in changes {
        match change {
            Change::TokenRevoked { jti, expires_at } => {
                let period = expires_at.div_ceil(PERIOD_SECONDS).saturating_mul(PERIOD_SECONDS);
                tokens.entry(period).or_default().push(jti);
            }
            other => others.push(other),
        }
    }
    others.extend(
        tokens
            .into_iter()
            .map(|(expires_at, jtis)| Change::TokensRevoked { jtis: TokenIds(jtis), expires_at }),
    );
    others
}

/// The same changes, each about one thing.
pub fn expand(changes: Vec<Change>) -> impl Iterator<Item = Change> {
    changes.into_iter().flat_map(|change| match change {
        Change::TokensRevoked { jtis, expires_at } => {
            jtis.0.into_iter().map(|jti| Change::TokenRevoked { jti, expires_at }).collect()
        }
        other => vec![other],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn revoked(number: u128, expires_at: u64) -> Change {
        Change::TokenRevoked { jti: TokenId::new(Uuid::from_u128(number)), expires_at }
    }

    #[test]
    fn nothing_is_lost_and_nothing_forgotten_too_early() {
        let changes = vec![revoked(1, 1_800_000_001), revoked(2, 1_800_000_060), revoked(3, 1_800_000_061)];
        let compacted = compact(changes.clone());
        assert_eq!(compacted.len(), 2);
        let text = serde_json::to_string(&compacted).unwrap();
        let read: Vec<Change> = serde_json::from_str(&text).unwrap();
        let expanded: Vec<Change> = expand(read).collect();
        assert_eq!(expanded.len(), 3);
        for (before, after) in changes.iter().zip(&expanded) {
            assert_eq!(before.key(), after.key());
            assert!(before.expires_at() <= after.expires_at());
            assert!(before.expires_at().unwrap() + PERIOD_SECONDS > after.expires_at().unwrap());
        }
    }

    #[test]
    fn half_an_id_is_none() {
        for text in ["\"AAAA\"", "\"AAAAAAAAAAAAAAAAAAAAAAAA\"", "\"?\"", "1"] {
            assert!(serde_json::from_str::<TokenIds>(text).is_err(), "{text}");
        }
    }
}
