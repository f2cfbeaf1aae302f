//! Making sure that there is a key of the algorithm an organization chooses.

use agentidp_shared::ids::OrganizationId;
use agentidp_shared::jwk::{Algorithm, MAX_KEYS};
use serde_json::json;

use super::lifecycle::add_key;
use super::model::KeyStatus;
use super::signer::KeyError;
use super::{ChangedBy, store, system_event};
use crate::app::App;
use crate::audit::{self, Action};
use crate::infra::db::SystemTx;

/// Keys that choices of organizations leave free, so that none of them can keep the platform from rotating.
const RESERVED: usize = MAX_KEYS / 2;

#[derive(Debug, thiserror::Error)]
pub enum ChooseError {
    #[error(
        "too many signing keys are published just now for one of another algorithm; try again when a retiring one has gone"
    )]
    TooMany,
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Query(#[from] sqlx::Error),
}

/// Publishes the first key of `algorithm` if there is none, in the transaction in which `organization` chooses it. Holds off every
/// other change of keys until that ends. The key signs once the edges know it, like a rotated one.
pub async fn choose(
    tx: &mut SystemTx,
    app: &App,
    algorithm: Algorithm,
    organization: OrganizationId,
    by: ChangedBy<'_>,
) -> Result<(), ChooseError> {
    store::lock(tx).await?;
    let keys = store::live_keys(tx).await?;
    let is_there = keys.iter().any(|key| {
        key.info.algorithm == algorithm && matches!(key.info.status, KeyStatus::Next | KeyStatus::Active)
    });
    if is_there {
        return Ok(());
    }
    if keys.len() >= RESERVED {
        return Err(ChooseError::TooMany);
    }
    let keys = add_key(tx, app, algorithm, KeyStatus::Next).await?;
    let kid = keys.iter().find(|key| key.info.algorithm == algorithm && key.info.status == KeyStatus::Next);
    let metadata = json!({
        "kid": kid.map(|key| &key.info.kid), "algorithm": algorithm.as_str(), "chosenBy": organization,
    });
    if let Some(event) = system_event(tx, Action::KeyRotated, metadata, by).await? {
        audit::record(tx, app, event).await?;
    }
    Ok(())
}
