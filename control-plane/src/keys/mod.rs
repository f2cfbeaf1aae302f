//! The instance's signing keys: created, published before they sign, promoted, retired, removed. One life like this for each
//! algorithm that the instance or one of its organizations has chosen.
//!
//! A new key is published first (`next`) and signs only when every edge recently seen holds a feed sequence that contains
//! it; the one before it stays published (`retiring`) until the last token it signed has expired. Private keys are stored
//! sealed by the keystore.

mod choose;
mod did;
mod documents;
mod documents_store;
mod http;
mod keystore_status;
mod lifecycle;
mod model;
mod reencrypt;
mod revoke;
mod rotate;
mod rotate_old;
mod signer;
mod store;

pub use choose::{ChooseError, choose};
pub use did::{new_did_key, open_did_key};
pub use documents::{DocumentKeys, advance_documents, load_documents, rotate_documents};
pub use http::routes;
pub use keystore_status::{Backend, KeySeals, KeystoreKey, KeystoreStatus, keystore_status};
pub use lifecycle::{advance, prepare, spawn};
pub use model::{KeyStatus, SigningKeyInfo};
pub use reencrypt::{Progress, ReencryptError, Reencrypted, reencrypt, reencrypt_by};
pub use revoke::{RevokeError, revoke};
pub use rotate::{RotateError, list, rotate};
pub use rotate_old::RotateOld;
pub use signer::{Choice, KeyError, Signer, Signers, SigningKeys};

use serde_json::Value;
use sqlx::PgConnection;

use crate::access::Caller;
use crate::audit::{Action, NewEvent};
use crate::infra::http::client_info::ClientInfo;

/// Who changes a key.
#[derive(Debug, Clone, Copy)]
pub enum ChangedBy<'a> {
    /// Somebody with a shell and the instance's settings.
    CommandLine,
    /// Nobody: it was time.
    Schedule,
    Caller(&'a Caller, &'a ClientInfo),
}

/// An event about keys, in the log of the system organization; `None` if there is none yet.
async fn system_event(
    tx: &mut PgConnection,
    action: Action,
    mut metadata: Value,
    by: ChangedBy<'_>,
) -> Result<Option<NewEvent>, sqlx::Error> {
    let Some(system) = store::system_organization(tx).await? else { return Ok(None) };
    let event = NewEvent::new(system, action);
    Ok(Some(match by {
        ChangedBy::CommandLine => event.by_command_line().metadata(metadata),
        ChangedBy::Schedule => {
            if let Some(members) = metadata.as_object_mut() {
                members.insert("scheduled".into(), true.into());
            }
            event.metadata(metadata)
        }
        ChangedBy::Caller(caller, client) => {
            if let Some(members) = metadata.as_object_mut() {
                members.insert("actorId".into(), caller.agent_id.to_string().into());
            }
            event.client(client).metadata(metadata)
        }
    }))
}
