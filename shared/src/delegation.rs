//! Delegation by token exchange (RFC 8693): what a token that was derived from another says of where it comes from, and the
//! rules by which it may be derived. Scope, lifetime and reach only ever shrink.
//!
//! `sub` stays the agent on whose behalf everything is done; `client_id` is the agent that holds the token and acts; `act` is
//! the RFC's chain of actors (§4.1). The claim `delegation_chain` names every token that this one was derived from, so that
//! whoever knows what was revoked can refuse it without asking anybody.
//!
//! `organization_id` stays that of the subject. An agent of another organization holds such a token only if both organizations
//! have granted it; the chain then names its organization, and the token dies with that one too.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};

use crate::claims::{Claims, MalformedClaim};
use crate::ids::{AgentId, InvalidId, OrganizationId, TokenId};
use crate::scopes::ScopeSet;

/// Most tokens that one may be derived from, one after the other.
pub const MAX_HOPS: usize = 5;
const ACT: &str = "act";
const CHAIN: &str = "delegation_chain";
const MAY_ACT: &str = "may_act";
const ORGANIZATION: &str = "organization_id";

/// A token that another was derived from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Hop {
    /// The agent that held it.
    pub sub: AgentId,
    pub jti: TokenId,
    /// Unix seconds.
    pub iat: u64,
    /// The agent's, if it is not the token's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization_id: Option<OrganizationId>,
}

/// An agent that a token went through, and its organization if that is not the token's own.
type Member = (AgentId, Option<OrganizationId>);

/// Where a derived token comes from: never from nowhere, and never through one agent twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// From the first token to the one this was derived from.
    hops: Vec<Hop>,
    holder: Member,
    /// Whether the token says who may exchange it (RFC 8693 §4.4): the delegatee that its delegator named.
    names_delegatee: bool,
}

impl Chain {
    /// From the first token to the one this was derived from; 1 to [`MAX_HOPS`].
    pub fn hops(&self) -> &[Hop] {
        &self.hops
    }

    /// Everyone the authority went through, from the subject to the holder.
    pub fn agents(&self) -> Vec<AgentId> {
        self.members().into_iter().map(|(agent, _)| agent).collect()
    }

    /// The holder's organization, if it is not the token's own.
    pub fn foreign_holder(&self) -> Option<OrganizationId> {
        self.holder.1
    }

    /// The other organizations that agents of the chain belong to, each with when its agent's token was issued. `issued_at`: when
    /// this token was. Unix seconds.
    pub fn foreign_organizations(&self, issued_at: u64) -> impl Iterator<Item = (OrganizationId, u64)> + '_ {
        let of_hops = self.hops.iter().filter_map(|hop| Some((hop.organization_id?, hop.iat)));
        of_hops.chain(self.holder.1.map(|organization| (organization, issued_at)))
    }

    /// The claim `act` (RFC 8693 §4.1): the current actor outermost. `None` if the subject narrowed a token of its own.
    pub fn act(&self) -> Option<Value> {
        self.members().into_iter().skip(1).fold(None, |before, (agent, organization)| {
            let mut actor = Map::from_iter([("sub".to_owned(), json!(agent))]);
            actor.extend(organization.map(|organization| (ORGANIZATION.to_owned(), json!(organization))));
            actor.extend(before.map(|before| (ACT.to_owned(), before)));
            Some(Value::Object(actor))
        })
    }

    fn members(&self) -> Vec<Member> {
        let mut members: Vec<_> = self.hops.iter().map(|hop| (hop.sub, hop.organization_id)).collect();
        members.push(self.holder);
        members.dedup();
        members
    }

    /// Reads the claims of a token whose signature has been checked. What `act` says and what the chain says must be the same.
    pub(crate) fn from_object(
        object: &Map<String, Value>,
        subject: AgentId,
        holder: AgentId,
        organization: OrganizationId,
        issued_at: u64,
    ) -> Result<Option<Self>, MalformedClaim> {
        if object.get(ACT).is_some_and(|act| !act.is_object()) {
            return Err(MalformedClaim(ACT));
        }
        let foreign = object.get(ACT).map_or(Ok(None), read_organization);
        let foreign = foreign.map_err(|_| MalformedClaim(ACT))?;
        let hops = match object.get(CHAIN) {
            None if object.contains_key(ACT) => return Err(MalformedClaim(CHAIN)),
            None => return Ok(None),
            Some(Value::Array(hops)) if (1..=MAX_HOPS).contains(&hops.len()) => hops,
            Some(_) => return Err(MalformedClaim(CHAIN)),
        };
        let hops = hops.iter().map(read_hop).collect::<Option<Vec<_>>>().ok_or(MalformedClaim(CHAIN))?;
        let times = hops.iter().map(|hop| hop.iat).chain([issued_at]);
        let begins_with_subject =
            hops.first().is_some_and(|hop| hop.sub == subject && hop.organization_id.is_none());
        if !begins_with_subject || !times.is_sorted() {
            return Err(MalformedClaim(CHAIN));
        }
        let names_delegatee = match object.get(MAY_ACT) {
            None => false,
            Some(may_act) if *may_act == json!({ "sub": holder }) => true,
            Some(_) => return Err(MalformedClaim(MAY_ACT)),
        };
        let chain = Self { hops, holder: (holder, foreign), names_delegatee };
        // What is the token's own is left out.
        if chain.members().iter().any(|(_, foreign)| *foreign == Some(organization)) {
            return Err(MalformedClaim(CHAIN));
        }
        if has_repetition(&chain.agents()) || has_repetition(&chain.tokens()) {
            return Err(MalformedClaim(CHAIN));
        }
        if chain.act().as_ref() != object.get(ACT) {
            return Err(MalformedClaim(ACT));
        }
        Ok(Some(chain))
    }

    fn tokens(&self) -> Vec<TokenId> {
        self.hops.iter().map(|hop| hop.jti).collect()
    }
}

/// As members of the token's claims.
impl Serialize for Chain {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_map(None)?;
        if let Some(act) = self.act() {
            members.serialize_entry(ACT, &act)?;
        }
        members.serialize_entry(CHAIN, &self.hops)?;
        if self.names_delegatee {
            members.serialize_entry(MAY_ACT, &json!({ "sub": self.holder.0 }))?;
        }
        members.end()
    }
}

fn read_hop(hop: &Value) -> Option<Hop> {
    let organization_id = read_organization(hop).ok()?;
    let members = 3 + usize::from(organization_id.is_some());
    let hop = hop.as_object().filter(|hop| hop.len() == members)?;
    Some(Hop {
        sub: hop.get("sub")?.as_str()?.parse().ok()?,
        jti: hop.get("jti")?.as_str()?.parse().ok()?,
        iat: hop.get("iat")?.as_u64().filter(|seconds| *seconds < 1 << 40)?,
        organization_id,
    })
}

fn read_organization(of: &Value) -> Result<Option<OrganizationId>, InvalidId> {
    let organization = of.get(ORGANIZATION);
    organization.map(|id| id.as_str().ok_or(InvalidId)?.parse()).transpose()
}

/// Of a handful.
fn has_repetition<T: PartialEq>(items: &[T]) -> bool {
    items
        .iter()
        .enumerate()
        .any(|(position, item)| items.iter().skip(position + 1).any(|other| other == item))
}

/// Why a token is not derived from another. `Display` is safe to show to the caller.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotDerived {
    #[error("the token was obtained by one agent for another, which is not passed on")]
    ObtainedForAnother,
    #[error("the token has expired")]
    Expired,
    #[error("a token is derived through at most {MAX_HOPS} others")]
    TooDeep,
    #[error("the agent is in the chain already")]
    Cycle,
    #[error("the token does not hold {0}")]
    Scope(ScopeSet),
    #[error("the token is not good for this audience")]
    Audience,
    #[error("the agent is of an organization that has no grant")]
    Organization,
    #[error("the grant to the agent's organization does not hold {0}")]
    Grant(ScopeSet),
}

/// What agents of one organization may let those of another do in their name, since both have agreed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    pub scopes: ScopeSet,
    /// Unix seconds, when it ends.
    pub expires_at: Option<u64>,
}

/// What is wanted of a derived token.
#[derive(Debug, Clone)]
pub struct Wanted<'a> {
    pub jti: TokenId,
    /// Who will hold it, and act.
    pub holder: AgentId,
    /// The organization of whoever will hold it.
    pub organization: OrganizationId,
    /// What the token's organization has granted that one, if it is another.
    pub grant: Option<Grant>,
    /// All that the parent holds, if absent.
    pub scopes: Option<ScopeSet>,
    /// Those of the parent, if absent.
    pub audience: Option<String>,
    /// The issuer of this instance.
    pub issuer: &'a str,
    /// Unix seconds.
    pub now: u64,
    /// The longest it may live, in seconds.
    pub lifetime: u64,
    /// Unix seconds; tokens of the holder issued at or before it are refused.
    pub not_before: Option<u64>,
    /// Whether it is to name its holder as who may exchange it.
    pub names_delegatee: bool,
}

/// The claims of a token derived from `parent`, which has been found good. It holds no scope that the parent does not, outlives
/// nothing it was derived from, and is good nowhere the parent could not be used to get a token for.
pub fn derive(parent: &Claims, wanted: Wanted<'_>) -> Result<Claims, NotDerived> {
    if parent.delegation.is_none() && parent.client_id != parent.sub {
        return Err(NotDerived::ObtainedForAnother);
    }
    let mut hops = parent.delegation.as_ref().map(|chain| chain.hops.clone()).unwrap_or_default();
    let held_abroad = parent.delegation.as_ref().and_then(Chain::foreign_holder);
    hops.push(Hop { sub: parent.client_id, jti: parent.jti, iat: parent.iat, organization_id: held_abroad });
    if hops.len() > MAX_HOPS {
        return Err(NotDerived::TooDeep);
    }
    let foreign = Some(wanted.organization).filter(|organization| *organization != parent.organization_id);
    let chain = Chain { hops, holder: (wanted.holder, foreign), names_delegatee: wanted.names_delegatee };
    if has_repetition(&chain.agents()) {
        return Err(NotDerived::Cycle);
    }
    let scopes = wanted.scopes.unwrap_or_else(|| parent.scopes.clone());
    if !scopes.is_subset_of(&parent.scopes) {
        return Err(NotDerived::Scope(scopes.difference(&parent.scopes)));
    }
    let aud = match wanted.audience {
        None => parent.aud.clone(),
        Some(audience) if reaches(&parent.aud, &audience, wanted.issuer) => vec![audience],
        Some(_) => return Err(NotDerived::Audience),
    };
    // Who holds it already was granted it; whoever it is passed on to has to be.
    let passed_on = wanted.holder != parent.client_id;
    let end = match (foreign, wanted.grant) {
        (None, _) => u64::MAX,
        (Some(_), Some(grant)) if passed_on => {
            if !scopes.is_subset_of(&grant.scopes) {
                return Err(NotDerived::Grant(scopes.difference(&grant.scopes)));
            }
            grant.expires_at.unwrap_or(u64::MAX)
        }
        (Some(_), _) if foreign == held_abroad && !passed_on => u64::MAX,
        (Some(_), _) => return Err(NotDerived::Organization),
    };
    // Not before what it comes from, nor in a second that was taken back.
    let iat = wanted.now.max(parent.iat).max(wanted.not_before.map_or(0, |limit| limit.saturating_add(1)));
    let exp = iat.saturating_add(wanted.lifetime).min(parent.exp).min(end);
    if exp <= iat || wanted.now >= parent.exp {
        return Err(NotDerived::Expired);
    }
    Ok(Claims {
        iss: parent.iss.clone(),
        sub: parent.sub,
        aud,
        client_id: wanted.holder,
        organization_id: parent.organization_id,
        scopes,
        jti: wanted.jti,
        iat,
        nbf: wanted.now.max(parent.nbf).min(iat),
        exp,
        auth_time: None,
        status: None,
        delegation: Some(chain),
    })
}

/// Whether a token for `held` may become one for `audience`. One for the issuer itself can get tokens for any API; one for an API is
/// for that API alone.
pub fn reaches(held: &[String], audience: &str, issuer: &str) -> bool {
    held.iter().any(|held| held == audience || held == issuer)
}

/// What there is to say of a delegated token that was found good: the answer to whoever asks to have one verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verification {
    pub valid: bool,
    /// Why not, if it is not valid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub delegation: Option<Verified>,
}

/// Of a delegated token that is good. Times are Unix seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verified {
    /// The token's `jti`.
    pub chain_id: TokenId,
    /// On whose behalf the delegatee acts.
    pub subject_id: AgentId,
    /// Who passed the authority on last.
    pub delegator_id: AgentId,
    /// Who acts.
    pub delegatee_id: AgentId,
    /// Everyone the authority went through, from the subject to the delegatee.
    pub agents: Vec<AgentId>,
    pub scopes: ScopeSet,
    pub audience: Vec<String>,
    pub iat: u64,
    pub exp: u64,
}

impl Verification {
    pub fn refused(reason: impl Into<String>) -> Self {
        Self { valid: false, reason: Some(reason.into()), delegation: None }
    }

    /// Of what is no token of the caller's organization, whatever it is.
    pub fn unknown() -> Self {
        Self::refused("it is no token of this organization")
    }

    /// Of a token that was found good, for a caller of `organization`: what another has issued is not for it to know.
    pub fn of(claims: &Claims, organization: OrganizationId) -> Self {
        if claims.organization_id != organization {
            return Self::unknown();
        }
        let agents = claims.delegation.as_ref().map(Chain::agents).unwrap_or_default();
        let [.., delegator_id, delegatee_id] = agents.as_slice() else {
            return Self::refused("the token was not delegated");
        };
        let delegation = Verified {
            chain_id: claims.jti,
            subject_id: claims.sub,
            delegator_id: *delegator_id,
            delegatee_id: *delegatee_id,
            scopes: claims.scopes.clone(),
            audience: claims.aud.clone(),
            iat: claims.iat,
            exp: claims.exp,
            agents: agents.clone(),
        };
        Self { valid: true, reason: None, delegation: Some(delegation) }
    }
}
