//! Looking for newer keys in the background. Whatever fails here is noted and tried again; the keys in memory stay.

use std::time::Duration;

use super::{Seen, Vault, VaultError};
use crate::app::App;

const SHORTEST_PAUSE: Duration = Duration::from_secs(1);

/// Looks every `VAULT_REFRESH_SECONDS`, and at once when something is sealed under a key that is not known here.
pub fn spawn(app: &App) {
    let Some(vault) = app.keystore.vault.clone() else { return };
    metrics::gauge!("agentidp_keystore_vault_up").set(1.0);
    let app = app.clone();
    app.tasks.clone().spawn(async move {
        let look = async || {
            // However often somebody asks for a look at once.
            tokio::time::sleep(vault.config.refresh.min(SHORTEST_PAUSE)).await;
            tokio::select! {
                () = tokio::time::sleep(vault.config.refresh) => {}
                () = vault.look.notified() => {}
            }
        };
        while app.shutdown.run_until_cancelled(look()).await.is_some() {
            let outcome = refresh(&app, &vault).await;
            note(&app, &vault, outcome);
        }
    });
}

async fn refresh(app: &App, vault: &Vault) -> Result<(), VaultError> {
    let ring = app.keystore.ring();
    // All are known, so this may not name a version again that was deleted since: it stays in memory, but seals no more.
    let listing = vault.envelope_keys(app.now(), |version| ring.holds_version(version)).await?;
    let Some(listing) = listing else {
        return Err(VaultError::AllDeleted { path: vault.envelope_path() });
    };
    let before = ring.current().id();
    let Some(current) = listing.current(app.now(), vault.delay()) else { return Ok(()) };
    for (version, _) in &listing.keys {
        tracing::info!(
            version,
            "a newer keystore key was found in Vault; it seals once every process can know it"
        );
    }
    let ring = ring.extended(&listing.keys, current);
    if ring.current().id() != before {
        tracing::info!(version = current, key = %ring.current().id(), "another keystore key seals from now on; `agentidp keys reencrypt` moves what the old one sealed");
    }
    app.keystore.replace_ring(ring);
    Ok(())
}

/// Says once that something began to fail, failed in another way, or is well again.
fn note(app: &App, vault: &Vault, outcome: Result<(), VaultError>) {
    let before = vault.seen();
    metrics::gauge!("agentidp_keystore_vault_up").set(if outcome.is_ok() { 1.0 } else { 0.0 });
    match outcome {
        Ok(()) => {
            if before.failure.is_some() {
                tracing::info!("Vault answers again");
            }
            vault.note(Seen { at: Some(app.now()), failure: None });
        }
        Err(error) => {
            if before.failure.as_ref() != Some(&error) {
                tracing::warn!(%error, "Vault could not be asked for newer keystore keys; the server goes on with those it has");
            }
            vault.note(Seen { at: before.at, failure: Some(error) });
        }
    }
}
