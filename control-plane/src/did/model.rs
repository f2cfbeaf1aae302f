//! What is behind an agent's DID at one moment.

use agentidp_shared::did::{self, NumberedKey};
use agentidp_shared::ids::AgentId;
use agentidp_shared::jwk::Jwk;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A key that is in the document.
#[derive(Debug, Clone)]
pub struct PublishedKey {
    /// The fragment of its id is `key-NUMBER`.
    pub number: u32,
    pub jwk: Jwk,
    /// Of a key that was replaced: when it leaves the document.
    pub valid_until: Option<OffsetDateTime>,
}

/// An agent's DID.
#[derive(Debug, Clone)]
pub struct DidState {
    pub agent: AgentId,
    pub created_at: OffsetDateTime,
    pub rotated_at: Option<OffsetDateTime>,
    /// When a key that was replaced last left the document.
    pub last_left_at: Option<OffsetDateTime>,
    pub decommissioned_at: Option<OffsetDateTime>,
    pub is_decommissioned: bool,
    /// The one that signs, and those before it that are still published, newest first.
    pub keys: Vec<PublishedKey>,
}

impl DidState {
    /// The DID document.
    pub fn document(&self, issuer: &str) -> Value {
        let keys: Vec<NumberedKey<'_>> = self
            .keys
            .iter()
            .map(|key| NumberedKey {
                number: key.number,
                jwk: &key.jwk,
                is_current: key.valid_until.is_none(),
            })
            .collect();
        did::agent_document(issuer, self.agent, &keys)
    }

    /// Which version of the document this is, from 1. Each rotation makes one, and each key that leaves.
    fn version(&self) -> u64 {
        let newest = u64::from(self.keys.first().map_or(1, |key| key.number));
        let retired = self.keys.len().saturating_sub(1);
        let steps = 2 * newest - 1 + u64::from(self.is_decommissioned);
        steps.saturating_sub(u64::try_from(retired).unwrap_or(u64::MAX)).max(1)
    }

    /// Document metadata (DID Resolution §4.3).
    pub fn metadata(&self) -> Value {
        let mut metadata = json!({
            "created": instant(self.created_at),
            "deactivated": self.is_decommissioned,
            "versionId": self.version().to_string(),
        });
        let updated =
            [self.rotated_at, self.last_left_at, self.decommissioned_at].into_iter().flatten().max();
        let next = self.keys.iter().filter_map(|key| key.valid_until).min();
        if let Some(members) = metadata.as_object_mut() {
            if let Some(updated) = updated {
                members.insert("updated".into(), instant(updated).into());
            }
            if let Some(next) = next.filter(|_| !self.is_decommissioned) {
                members.insert("nextUpdate".into(), instant(next).into());
            }
        }
        metadata
    }
}

/// As DID Core §7.1.3 wants it: UTC, without fractions of a second.
fn instant(time: OffsetDateTime) -> String {
    let time = time.to_offset(time::UtcOffset::UTC).replace_nanosecond(0).unwrap_or(time);
    time.format(&Rfc3339).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    fn state(keys: &[(u32, Option<OffsetDateTime>)]) -> DidState {
        let jwk = Jwk::p256(&[1; 32], &[2; 32]);
        let key = |(number, valid_until): &(u32, _)| PublishedKey {
            number: *number,
            jwk: jwk.clone(),
            valid_until: *valid_until,
        };
        DidState {
            agent: "0198c5a4-0000-7000-8000-00000000000a".parse().unwrap(),
            created_at: datetime!(2030-01-01 00:00:00.75 UTC),
            rotated_at: None,
            last_left_at: None,
            decommissioned_at: None,
            is_decommissioned: false,
            keys: keys.iter().map(key).collect(),
        }
    }

    #[test]
    fn a_version_is_never_given_twice_as_keys_come_and_leave() {
        let until = Some(datetime!(2030-02-01 00:00 UTC));
        let versions: Vec<u64> = [
            state(&[(1, None)]),
            state(&[(2, None), (1, until)]),
            state(&[(3, None), (2, until), (1, until)]),
            state(&[(3, None), (2, until)]),
            state(&[(3, None)]),
            DidState { is_decommissioned: true, ..state(&[(3, None)]) },
        ]
        .iter()
        .map(DidState::version)
        .collect();
        assert_eq!(versions, [1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn metadata_tell_when_the_document_changed_last_and_will_change_next() {
        let first = state(&[(1, None)]).metadata();
        assert_eq!(first, json!({"created": "2030-01-01T00:00:00Z", "deactivated": false, "versionId": "1"}));
        let until = datetime!(2030-02-01 00:00 UTC);
        let rotated = DidState {
            rotated_at: Some(datetime!(2030-01-20 00:00 UTC)),
            last_left_at: Some(datetime!(2030-01-21 00:00 UTC)),
            ..state(&[(3, None), (2, Some(until))])
        };
        let metadata = rotated.metadata();
        assert_eq!(metadata["updated"], "2030-01-21T00:00:00Z");
        assert_eq!(metadata["nextUpdate"], "2030-02-01T00:00:00Z");
    }
}
