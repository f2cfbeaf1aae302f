//! Are these secrets the agents'? Asked before the tenant is known, so in a system transaction, and of several agents at once.

use std::fmt;
use std::net::IpAddr;

use agentidp_shared::ids::{AgentId, CredentialId};
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::{secret, store};
use crate::app::App;
use crate::infra::config::Secret;

/// A credential whose secret was shown, or whose key has signed.
#[derive(Debug, Clone, Copy)]
pub struct Authenticated {
    pub credential_id: CredentialId,
}

/// A secret, presented by somebody who claims to be this agent.
pub struct PresentedSecret {
    agent: AgentId,
    /// The secret's HMAC.
    offered: [u8; 32],
    address: Option<IpAddr>,
}

impl fmt::Debug for PresentedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PresentedSecret").field("agent", &self.agent).finish_non_exhaustive()
    }
}

impl PresentedSecret {
    /// `None` if the text can be no secret of ours.
    pub fn new(
        app: &App,
        agent: AgentId,
        unverified_secret: &Secret<String>,
        address: Option<IpAddr>,
    ) -> Option<Self> {
        let (offered, _) = secret::is_well_formed(unverified_secret.expose())
            .then(|| secret::digest(app, unverified_secret))?;
        Some(Self { agent, offered, address })
    }

    pub fn agent(&self) -> AgentId {
        self.agent
    }

    /// The secret's HMAC.
    pub fn offered(&self) -> &[u8] {
        &self.offered
    }
}

/// A login, as far as it goes without the database.
#[derive(Debug)]
pub struct Presented {
    /// What failures of its address are counted under.
    pub address_key: Option<String>,
    /// `None` if what was presented can be no agent's id with a secret of ours.
    pub secret: Option<PresentedSecret>,
}

#[derive(Debug, Clone, Copy)]
pub enum Proof {
    Authentic(Authenticated),
    NotAuthentic,
    /// Its address has failed too often, and its secret was not looked at.
    MustWaitUntil(OffsetDateTime),
}

/// What a secret is compared with.
pub struct Candidate {
    pub id: CredentialId,
    pub hmac_key_id: Option<String>,
    pub secret_hmac: Option<Vec<u8>>,
    /// Only while it is still accepted.
    pub previous_secret_hmac: Option<Vec<u8>>,
    /// Whether a use of it would be noted: not within [`USE_NOTED_EVERY`](super::USE_NOTED_EVERY) of the last.
    pub use_is_news: bool,
}

impl fmt::Debug for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Candidate").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What is known before a secret is compared.
#[derive(Debug, Default)]
pub struct Known {
    /// Until when the address has to wait, if it does; there are no candidates then.
    pub blocked_until: Option<OffsetDateTime>,
    /// The agent's that are neither revoked nor expired; `None` is an empty place, of an agent that has none, or is none.
    pub candidates: Vec<Option<Candidate>>,
}

/// Of each, by what is known of it, the agent's credential that the secret belongs to, if there is one that counts now. Notes their
/// use.
pub async fn authenticate(
    tx: &mut PgConnection,
    app: &App,
    presented: &[Presented],
    known: &[Known],
) -> Result<Vec<Proof>, sqlx::Error> {
    let mut used = Vec::new();
    let proofs = presented.iter().zip(known).map(|(presented, known)| {
        if let Some(until) = known.blocked_until {
            return Proof::MustWaitUntil(until);
        }
        let Some(secret) = &presented.secret else { return Proof::NotAuthentic };
        let Some((credential_id, use_is_news)) =
            matching(app.keystore.hmac_key_id(), secret, &known.candidates)
        else {
            return Proof::NotAuthentic;
        };
        if use_is_news {
            used.push((credential_id, secret.address));
        }
        Proof::Authentic(Authenticated { credential_id })
    });
    let proofs = proofs.collect();
    store::note_uses_any_tenant(tx, &used, app.now()).await?;
    Ok(proofs)
}

/// Every candidate is compared, whichever matches, and an empty place like any other.
fn matching(
    hmac_key_id: &str,
    presented: &PresentedSecret,
    candidates: &[Option<Candidate>],
) -> Option<(CredentialId, bool)> {
    candidates.iter().map(Option::as_ref).fold(None, |found, candidate| {
        let stored_under = candidate.and_then(|candidate| candidate.hmac_key_id.as_deref());
        if stored_under.is_some_and(|stored| stored != hmac_key_id) {
            let agent = presented.agent;
            tracing::error!(%agent, "a credential was stored under another HMAC root and cannot be used");
            return found;
        }
        let is = |stored: Option<&[u8]>| secret::matches(stored.unwrap_or(&[0; 32]), &presented.offered);
        let previous = candidate.and_then(|candidate| candidate.previous_secret_hmac.as_deref());
        let current = is(candidate.and_then(|candidate| candidate.secret_hmac.as_deref()));
        let previous = previous.is_some() && is(previous);
        match candidate {
            Some(candidate) if current || previous => Some((candidate.id, candidate.use_is_news)),
            _ => found,
        }
    })
}
