//! Are these secrets the agents'? Asked before the tenant is known, so in a system transaction, and of several agents at once.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;

use agentidp_shared::ids::{AgentId, CredentialId};
use sqlx::PgConnection;

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
}

/// Of each, the agent's credential that the secret belongs to, if there is one that counts now. Notes their use.
pub async fn authenticate(
    tx: &mut PgConnection,
    app: &App,
    presented: &[&PresentedSecret],
) -> Result<Vec<Option<Authenticated>>, sqlx::Error> {
    let now = app.now();
    let mut candidates: HashMap<AgentId, Vec<store::Candidate>> = HashMap::new();
    let agents: Vec<_> = presented.iter().map(|secret| secret.agent.as_uuid()).collect();
    for candidate in store::usable_any_tenant(tx, &agents, now).await? {
        candidates.entry(candidate.agent).or_default().push(candidate);
    }
    let mut used = Vec::new();
    let found = presented.iter().map(|secret| {
        let candidates = candidates.get(&secret.agent).map_or(&[][..], Vec::as_slice);
        let (credential_id, use_is_news) = matching(app.keystore.hmac_key_id(), candidates, &secret.offered)?;
        if use_is_news {
            used.push((credential_id, secret.address));
        }
        Some(Authenticated { credential_id })
    });
    let found = found.collect();
    store::note_uses_any_tenant(tx, &used, now).await?;
    Ok(found)
}

/// Every candidate is compared, whichever matches, and an empty place like any other.
fn matching(
    hmac_key_id: &str,
    candidates: &[store::Candidate],
    offered: &[u8; 32],
) -> Option<(CredentialId, bool)> {
    candidates.iter().fold(None, |found, candidate| {
        if candidate.hmac_key_id.as_deref().is_some_and(|stored| stored != hmac_key_id) {
            let agent = candidate.agent;
            tracing::error!(%agent, "a credential was stored under another HMAC root and cannot be used");
            return found;
        }
        let is = |stored: &Option<Vec<u8>>| secret::matches(stored.as_deref().unwrap_or(&[0; 32]), offered);
        let current = is(&candidate.secret_hmac);
        let previous = candidate.previous_secret_hmac.is_some() && is(&candidate.previous_secret_hmac);
        match candidate.id {
            Some(id) if current || previous => Some((id, candidate.use_is_news)),
            _ => found,
        }
    })
}
