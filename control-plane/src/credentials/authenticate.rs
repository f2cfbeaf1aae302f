//! Is this secret one of the agent's? Asked before the tenant is known, so in a system transaction.

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

/// The agent's credential that `unverified_secret` belongs to, if there is one that counts now. Notes its use.
pub async fn authenticate(
    tx: &mut PgConnection,
    app: &App,
    agent: AgentId,
    unverified_secret: &Secret<String>,
    address: Option<IpAddr>,
) -> Result<Option<Authenticated>, sqlx::Error> {
    if !secret::is_well_formed(unverified_secret.expose()) {
        return Ok(None);
    }
    let now = app.now();
    let (offered, key_id) = secret::digest(app, unverified_secret);
    let candidates = store::usable_any_tenant(tx, agent, now).await?;
    if candidates.iter().any(|candidate| candidate.hmac_key_id != key_id) {
        tracing::error!(%agent, "a credential was stored under another HMAC root and cannot be used");
    }
    // Every candidate is compared, whichever matches.
    let found = candidates.iter().filter(|candidate| candidate.hmac_key_id == key_id).fold(
        None,
        |found, candidate| {
            let current = secret::matches(&candidate.secret_hmac, &offered);
            let previous = candidate
                .previous_secret_hmac
                .as_deref()
                .is_some_and(|previous| secret::matches(previous, &offered));
            if current || previous { Some(candidate.id) } else { found }
        },
    );
    if let Some(credential_id) = found {
        store::note_use_any_tenant(tx, credential_id, address, now).await?;
    }
    Ok(found.map(|credential_id| Authenticated { credential_id }))
}
