//! What version 2 of the feed says of a change outside the change itself, so that an edge that cannot read it still knows whom
//! it concerns.

use std::fmt;

use serde::ser::SerializeSeq;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::{Batch, Change};
use crate::claims::Claims;
use crate::delegation::Chain;
use crate::ids::{AgentId, InstanceId, OrganizationId, TokenId};

/// Someone, or something, that a change concerns. As text `token/ID`, `principal/ID`, `organization/ID` or `all`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject {
    Token(TokenId),
    Principal(AgentId),
    Organization(OrganizationId),
    All,
    /// A subject of a kind that this build does not know. It could be anyone.
    Other(Box<str>),
}

impl Subject {
    /// Reads any text: what is not known is a subject of another kind.
    pub fn read(text: &str) -> Self {
        let known = match text.split_once('/') {
            Some(("token", id)) => id.parse().ok().map(Self::Token),
            Some(("principal", id)) => id.parse().ok().map(Self::Principal),
            Some(("organization", id)) => id.parse().ok().map(Self::Organization),
            None if text == "all" => Some(Self::All),
            _ => None,
        };
        known.unwrap_or_else(|| Self::Other(text.into()))
    }

    /// Whether every token may be concerned.
    pub fn is_all(&self) -> bool {
        matches!(self, Self::All | Self::Other(_))
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token(id) => write!(f, "token/{id}"),
            Self::Principal(id) => write!(f, "principal/{id}"),
            Self::Organization(id) => write!(f, "organization/{id}"),
            Self::All => f.write_str("all"),
            Self::Other(text) => f.write_str(text),
        }
    }
}

impl Serialize for Subject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Subject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self::read(&text))
    }
}

/// A change that has not been read, and what is said of it outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Envelope {
    /// What the change is about: of several with the same key only the last matters.
    pub key: String,
    /// Whom it concerns; without any, all.
    #[serde(default)]
    pub subjects: Vec<Subject>,
    /// Whether an edge that cannot read it may go on as if it had not been there.
    #[serde(default, skip_serializing_if = "is_false")]
    pub ignorable: bool,
    /// Unix seconds after which it has no effect; without it, it always has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<u64>,
    pub change: Value,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

impl Envelope {
    /// Reads the change, if this build can.
    pub fn open(mut self) -> Change {
        if let Ok(change) = Change::deserialize(&self.change) {
            return change;
        }
        if self.subjects.is_empty() {
            self.subjects.push(Subject::All);
        }
        Change::Unknown(Box::new(self))
    }
}

/// A change in its envelope, as it is written.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Written<'a> {
    key: String,
    subjects: Vec<Subject>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<u64>,
    change: &'a Change,
}

/// Changes that are written in their envelopes.
#[derive(Debug)]
pub struct InEnvelopes<'a>(pub &'a [Change]);

impl Serialize for InEnvelopes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut sequence = serializer.serialize_seq(Some(self.0.len()))?;
        for change in self.0 {
            match change {
                Change::Unknown(envelope) => sequence.serialize_element(envelope)?,
                change => sequence.serialize_element(&Written {
                    key: change.key(),
                    subjects: change.subjects(),
                    expires_at: change.expires_at(),
                    change,
                })?,
            }
        }
        sequence.end()
    }
}

/// Reads changes that were written in their envelopes. Those that this build cannot read stay in theirs.
pub fn read_changes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Change>, D::Error> {
    let envelopes = Vec::<Envelope>::deserialize(deserializer)?;
    Ok(envelopes.into_iter().map(Envelope::open).collect())
}

/// Writes changes in their envelopes, for `#[serde(serialize_with)]`.
pub fn write_changes<S: Serializer>(changes: &[Change], serializer: S) -> Result<S::Ok, S::Error> {
    InEnvelopes(changes).serialize(serializer)
}

/// The payload of a batch of version 2.
pub(super) struct Enveloped<'a>(pub &'a Batch);

impl Serialize for Enveloped<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Payload<'a> {
            instance: InstanceId,
            from: u64,
            to: u64,
            issued_at: u64,
            expires_at: u64,
            changes: InEnvelopes<'a>,
        }
        let Batch { instance, from, to, issued_at, expires_at, changes } = self.0;
        let changes = InEnvelopes(changes);
        let (instance, from, to) = (*instance, *from, *to);
        Payload { instance, from, to, issued_at: *issued_at, expires_at: *expires_at, changes }
            .serialize(serializer)
    }
}

/// Reads the payload of a batch of version 2: one of version 1 but for its changes, which are taken out first.
pub(super) fn read_batch(mut payload: Value) -> Result<Batch, serde_json::Error> {
    let changes =
        payload.get_mut("changes").map(|changes| std::mem::replace(changes, Value::Array(Vec::new())));
    let mut batch = Batch::deserialize(&payload)?;
    batch.changes = read_changes(changes.unwrap_or_default())?;
    Ok(batch)
}

impl Change {
    /// Whom the change concerns.
    pub fn subjects(&self) -> Vec<Subject> {
        match self {
            Self::Keys { .. }
            | Self::Issuer { .. }
            | Self::Policy { .. }
            | Self::RateLimits { .. }
            // It would have to name each token twice.
            | Self::TokensRevoked { .. } => vec![Subject::All],
            Self::Tier { organization_id, .. }
            | Self::Organization { organization_id, .. }
            | Self::Partner { organization_id, .. } => vec![Subject::Organization(*organization_id)],
            Self::TokenRevoked { jti, .. } => vec![Subject::Token(*jti)],
            Self::Agent { agent_id, .. } | Self::AgentLimited { agent_id, .. } => {
                vec![Subject::Principal(*agent_id)]
            }
            Self::Unknown(envelope) => envelope.subjects.clone(),
        }
    }
}

/// Returns every subject that a change concerning a token with these claims could name, but for [`Subject::All`].
pub fn subjects_of(claims: &Claims) -> impl Iterator<Item = Subject> + '_ {
    let hops = claims.delegation.as_ref().map(Chain::hops).unwrap_or_default();
    let foreign = claims.delegation.iter().flat_map(|chain| chain.foreign_organizations(claims.iat));
    [
        Subject::Token(claims.jti),
        Subject::Principal(claims.sub),
        Subject::Principal(claims.client_id),
        Subject::Organization(claims.organization_id),
    ]
    .into_iter()
    .chain(hops.iter().flat_map(|hop| [Subject::Token(hop.jti), Subject::Principal(hop.sub)]))
    .chain(foreign.map(|(organization, _)| Subject::Organization(organization)))
}
