//! The key pair behind an agent's DID.

use agentidp_shared::ids::AgentId;
use agentidp_shared::jwk::{Algorithm, Jwk};

use super::signer::{KeyError, Signer};
use crate::app::App;
use crate::infra::keystore::{DID_KEYS, Sealed};

/// Makes a P-256 key pair for `agent`: the public JWK, and the private key sealed for that agent only.
pub fn new_did_key(app: &App, agent: AgentId) -> Result<(Jwk, Sealed), KeyError> {
    let (pkcs8, jwk) = Signer::generate(Algorithm::ES256)?;
    Ok((jwk, app.keystore.seal(&pkcs8, &DID_KEYS.place(agent), &*app.rng)))
}
