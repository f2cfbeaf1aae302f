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

/// Opens the key behind an agent's DID, to sign as `kid`.
pub fn open_did_key(app: &App, agent: AgentId, kid: String, sealed: &Sealed) -> Result<Signer, KeyError> {
    let opened = app
        .keystore
        .open(&sealed.ciphertext, &sealed.key_id, &DID_KEYS.place(agent))
        .map_err(|source| KeyError::Sealed { kid: kid.clone(), source })?;
    Signer::from_pkcs8(Algorithm::ES256, kid, &opened)
}
