//! The signed, numbered feed that tells the edge what it must know: keys and exceptions.
//!
//! A batch is a compact JWS (`EdDSA`, `typ` `agentidp-feed+jwt`) under a key pinned in the edge's configuration. Its payload
//! moves a [`State`](crate::state::State) from one sequence number to another; the rules of acceptance are
//! [`State::apply`](crate::state::State::apply).

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::claims::Claims;
use crate::compact::TokenIds;
use crate::delegation::Chain;
use crate::discovery::IssuerConfig;
use crate::exceptions::{ScopeLimit, SubjectException};
use crate::ids::{AgentId, InstanceId, OrganizationId, TokenId};
use crate::jwk::{Algorithm, JwkSet, KeySet};
use crate::partner::PartnerRecord;
use crate::policy::EndpointTable;
use crate::rate_limit::RateLimits;
use crate::strict::{decode_base64url, encode_base64url, parse_json};
use crate::tier::Tier;
use crate::verify::{MAX_HEADER_LENGTH, Refusal, Unverified, split};
use crate::wire::WireVersions;
pub use envelope::{Envelope, Subject, subjects_of};
pub use page::{MAX_PAGE_BYTES, MAX_PAGES, PAGE_TYPE, Page, open_page, signing_input_of_page};

pub mod envelope;
mod page;
mod versions;

/// The JOSE `typ` of a batch of version 1; keeps a batch from ever passing as a token and the other way round.
pub const BATCH_TYPE: &str = "agentidp-feed+jwt";
/// The JOSE `typ` of a batch of version 2, whose changes are in [envelopes](Envelope).
pub const BATCH_TYPE_2: &str = "agentidp-feed-2+jwt";
/// How long a batch may be accepted after it was signed, in milliseconds.
pub const BATCH_LIFETIME_MS: u64 = 5 * 60 * 1_000;

/// One thing the edge must know. In version 1 of the feed an edge that meets a kind it does not know refuses the whole
/// batch: ignoring it could mean ignoring a revocation. From version 2 on it refuses the change's subjects only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Change {
    /// The whole set of token keys: next, active and retiring.
    Keys {
        jwks: JwkSet,
    },
    Issuer {
        issuer: IssuerConfig,
    },
    Policy {
        endpoints: EndpointTable,
    },
    RateLimits {
        limits: RateLimits,
    },
    /// Of an organization whose tier is, or was, not the free one.
    Tier {
        organization_id: OrganizationId,
        tier: Tier,
    },
    /// `expires_at`: Unix seconds when the token expires.
    TokenRevoked {
        jti: TokenId,
        expires_at: u64,
    },
    /// Several at once, in snapshots.
    TokensRevoked {
        jtis: TokenIds,
        expires_at: u64,
    },
    Agent {
        agent_id: AgentId,
        exception: SubjectException,
    },
    Organization {
        organization_id: OrganizationId,
        exception: SubjectException,
    },
    /// Of whom the organization accepts tokens under this issuer; of nobody any more without `partner`.
    Partner {
        organization_id: OrganizationId,
        issuer: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        partner: Option<PartnerRecord>,
    },
    /// Limits the tokens that an agent was given before its scopes were reduced. It has the key of [`Self::Agent`] and
    /// includes it, so the later of both counts. Since version 2.
    AgentLimited {
        agent_id: AgentId,
        exception: SubjectException,
        limit: ScopeLimit,
    },
    /// A change that this build cannot read, kept as it came. Since version 2; it is written only in its envelope.
    #[serde(skip)]
    Unknown(Box<Envelope>),
}

impl Change {
    /// What the change is about. Of several changes with the same key only the last matters.
    pub fn key(&self) -> String {
        match self {
            Self::Keys { .. } => "keys".into(),
            Self::Issuer { .. } => "issuer".into(),
            Self::Policy { .. } => "policy".into(),
            Self::RateLimits { .. } => "rate-limits".into(),
            Self::Tier { organization_id, .. } => key_of_tier(*organization_id),
            Self::TokenRevoked { jti, .. } => key_of_token(*jti),
            Self::TokensRevoked { expires_at, .. } => format!("tokens/{expires_at}"),
            Self::Agent { agent_id, .. } | Self::AgentLimited { agent_id, .. } => key_of_agent(*agent_id),
            Self::Organization { organization_id, .. } => key_of_organization(*organization_id),
            Self::Partner { organization_id, issuer, .. } => key_of_partner(*organization_id, issuer),
            Self::Unknown(envelope) => envelope.key.clone(),
        }
    }

    /// Whether it concerns every token, and not only those of one subject.
    pub fn concerns_all(&self) -> bool {
        match self {
            Self::Keys { .. } | Self::Issuer { .. } | Self::Policy { .. } | Self::RateLimits { .. } => true,
            Self::Unknown(envelope) => envelope.subjects.iter().any(Subject::is_all),
            _ => false,
        }
    }

    /// Unix seconds after which the change has no effect; `None` if it always has.
    pub fn expires_at(&self) -> Option<u64> {
        match self {
            Self::Keys { .. }
            | Self::Issuer { .. }
            | Self::Policy { .. }
            | Self::RateLimits { .. }
            | Self::Tier { .. }
            | Self::Partner { partner: Some(_), .. } => None,
            // That there is none is what is known of an issuer without it.
            Self::Partner { partner: None, .. } => Some(0),
            Self::TokenRevoked { expires_at, .. } | Self::TokensRevoked { expires_at, .. } => {
                Some(*expires_at)
            }
            Self::Agent { exception, .. }
            | Self::AgentLimited { exception, .. }
            | Self::Organization { exception, .. } => Some(exception.expires_at),
            Self::Unknown(envelope) => envelope.expires_at,
        }
    }
}

/// The [key](Change::key) of what is said about a token.
pub fn key_of_token(jti: TokenId) -> String {
    format!("token/{jti}")
}

/// The [key](Change::key) of what is said about an agent.
pub fn key_of_agent(agent: AgentId) -> String {
    format!("agent/{agent}")
}

/// The [key](Change::key) of what is said about an organization.
pub fn key_of_organization(organization: OrganizationId) -> String {
    format!("organization/{organization}")
}

/// The [key](Change::key) of an organization's tier.
pub fn key_of_tier(organization: OrganizationId) -> String {
    format!("tier/{organization}")
}

/// The [key](Change::key) of what is said about an organization's partner with this issuer.
pub fn key_of_partner(organization: OrganizationId, issuer: &str) -> String {
    format!("partner/{organization}/{}", encode_base64url(&Sha256::digest(issuer.as_bytes())))
}

/// The [keys](Change::key) of all changes that could concern a token with these claims.
pub fn keys_concerning(claims: &Claims) -> Vec<String> {
    let mut keys = vec![
        key_of_token(claims.jti),
        key_of_agent(claims.sub),
        key_of_organization(claims.organization_id),
        key_of_tier(claims.organization_id),
    ];
    if claims.client_id != claims.sub {
        keys.push(key_of_agent(claims.client_id));
    }
    for hop in claims.delegation.as_ref().map(Chain::hops).unwrap_or_default() {
        keys.push(key_of_token(hop.jti));
        if hop.sub != claims.sub && hop.sub != claims.client_id {
            keys.push(key_of_agent(hop.sub));
        }
    }
    let chain = claims.delegation.iter();
    for (organization, _) in chain.flat_map(|chain| chain.foreign_organizations(claims.iat)) {
        keys.push(key_of_organization(organization));
    }
    keys
}

/// A step of the feed. `from == 0` is a snapshot (everything that matters, compacted); otherwise `changes` holds exactly
/// the changes numbered `from + 1 ..= to`, and none when the batch only says "nothing new as of `issued_at`".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Batch {
    pub instance: InstanceId,
    pub from: u64,
    pub to: u64,
    /// Unix milliseconds.
    pub issued_at: u64,
    /// Unix milliseconds.
    pub expires_at: u64,
    pub changes: Vec<Change>,
}

impl Batch {
    pub fn is_snapshot(&self) -> bool {
        self.from == 0
    }
}

/// Why a batch is not accepted. Whatever the reason, the state stays as it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FeedError {
    #[error("the batch is not a compact JWS")]
    Malformed,
    #[error("the batch header is refused: {0}")]
    Header(Refusal),
    #[error("the batch signature is not valid")]
    InvalidSignature,
    #[error("the batch payload is malformed or has a kind of change this edge does not know")]
    MalformedPayload,
    #[error("the batch belongs to another instance")]
    OtherInstance,
    #[error("the batch expired")]
    Expired,
    #[error("the batch was signed in the future")]
    FromTheFuture,
    #[error("the batch is older than what is already known")]
    Replayed,
    #[error("the batch ends at sequence {to}, but {known} is already known")]
    LowerSequence { known: u64, to: u64 },
    #[error("the batch starts after sequence {from}, but only {known} is known")]
    Gap { known: u64, from: u64 },
    #[error("the batch does not hold exactly the changes it numbers")]
    WrongCount,
    #[error("the batch carries a key that is not acceptable: {0}")]
    Key(crate::jwk::InvalidKey),
    #[error("the snapshot lacks keys or issuer")]
    Incomplete,
    #[error("the page belongs to another snapshot")]
    OtherSnapshot,
    #[error("the page does not follow on the one before it")]
    PageOutOfOrder,
}

/// The bytes to sign for a batch of version 1 (RFC 7515 §5.1): the encoded header and payload. Fails if the batch holds a
/// change that only an envelope can carry; see [`signing_input_of`].
pub fn signing_input(batch: &Batch, kid: &str) -> Result<String, serde_json::Error> {
    Ok(encode(BATCH_TYPE, kid, &serde_json::to_vec(batch)?))
}

/// The bytes to sign for a batch of this `version` of the feed; one that this build does not know is its newest. Changes that
/// version 1 has no form for must have been replaced ([`Change::in_first_version`]).
pub fn signing_input_of(version: u8, batch: &Batch, kid: &str) -> Result<String, serde_json::Error> {
    if version < 2 {
        return signing_input(batch, kid);
    }
    Ok(encode(BATCH_TYPE_2, kid, &serde_json::to_vec(&envelope::Enveloped(batch))?))
}

fn encode(typ: &str, kid: &str, payload: &[u8]) -> String {
    let header = serde_json::json!({ "alg": Algorithm::EdDSA.as_str(), "kid": kid, "typ": typ });
    format!("{}.{}", encode_base64url(header.to_string().as_bytes()), encode_base64url(payload))
}

/// The compact JWS of a signing input and its signature.
pub fn seal(signing_input: &str, signature: &[u8]) -> String {
    format!("{signing_input}.{}", encode_base64url(signature))
}

/// What the control plane tells an edge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    Batch(Batch),
    /// A page of a snapshot of version 2.
    Page(Page),
}

impl News {
    /// The sequence that it tells of.
    pub fn to(&self) -> u64 {
        match self {
            Self::Batch(batch) => batch.to,
            Self::Page(page) => page.to,
        }
    }

    /// Whether it begins anew, or is a page of what does.
    pub fn is_snapshot(&self) -> bool {
        match self {
            Self::Batch(batch) => batch.is_snapshot(),
            Self::Page(_) => true,
        }
    }
}

/// The type that a batch or a page claims to be of; of an unknown one, that of a batch of version 1.
fn type_of(unverified: &str) -> &'static str {
    let header = unverified.trim_ascii().split('.').next().unwrap_or_default();
    // The size first: it may be anyone's.
    let header = Some(header).filter(|header| header.len() <= MAX_HEADER_LENGTH);
    let header = header.and_then(|header| parse_json(&decode_base64url(header).ok()?).ok());
    let typ = header.as_ref().and_then(|header| header.get("typ")).and_then(serde_json::Value::as_str);
    let is_claimed = |known: &&&str| typ == Some(**known);
    [BATCH_TYPE_2, PAGE_TYPE].iter().find(is_claimed).unwrap_or(&BATCH_TYPE)
}

/// The version of the feed that a batch or a page claims to be of. Only [`open_news`] shows whether it is.
pub fn version_of(unverified: &str) -> u8 {
    if type_of(unverified) == BATCH_TYPE { WireVersions::FIRST.feed } else { 2 }
}

/// When a batch or a page claims to have been signed, in Unix milliseconds. Only [`open_news`] shows whether it was.
pub fn claimed_issued_at(unverified: &str) -> Option<u64> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Dated {
        issued_at: u64,
    }
    let payload = decode_base64url(unverified.trim_ascii().split('.').nth(1)?).ok()?;
    serde_json::from_slice(&payload).ok().map(|Dated { issued_at }| issued_at)
}

/// Opens a batch under the pinned keys, with the signature checked in pure Rust. `unverified` must already be bounded in size by
/// the caller's transport.
pub fn open(unverified: &str, pinned: &KeySet) -> Result<Batch, FeedError> {
    match open_news(unverified, pinned)? {
        News::Batch(batch) => Ok(batch),
        News::Page(_) => Err(FeedError::Malformed),
    }
}

/// Opens a batch or a page, as [`open`] does a batch.
pub fn open_news(unverified: &str, pinned: &KeySet) -> Result<News, FeedError> {
    let unverified = parse(unverified, pinned)?;
    let valid = unverified.is_signed();
    unverified.attest(valid)
}

/// The first half of [`open_news`], for hosts that check signatures themselves.
pub fn parse<'a>(unverified: &'a str, pinned: &'a KeySet) -> Result<Unverified<'a, News>, FeedError> {
    let jws = split(unverified.trim_ascii()).map_err(|_| FeedError::Malformed)?;
    Unverified::of(jws, type_of(unverified), pinned).map_err(FeedError::Header)
}

impl Unverified<'_, News> {
    /// The second half: `signature_is_valid` must be the answer of a check of exactly [`signature`](Self::signature) over
    /// [`signing_input`](Self::signing_input) under [`key`](Self::key).
    pub fn attest(self, signature_is_valid: bool) -> Result<News, FeedError> {
        if !signature_is_valid {
            return Err(FeedError::InvalidSignature);
        }
        let typ = std::str::from_utf8(self.signing_input()).map_or(BATCH_TYPE, type_of);
        let payload = decode_base64url(self.payload).map_err(|_| FeedError::Malformed)?;
        let value = parse_json(&payload).map_err(|_| FeedError::MalformedPayload)?;
        // A snapshot may be large, and memory short.
        drop(payload);
        let batch = match typ {
            PAGE_TYPE => return Page::read(value).map(News::Page),
            BATCH_TYPE_2 => envelope::read_batch(value),
            _ => Batch::deserialize(&value),
        };
        batch.map(News::Batch).map_err(|_| FeedError::MalformedPayload)
    }
}
