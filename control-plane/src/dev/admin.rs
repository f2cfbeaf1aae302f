//! The first administrator's credential, kept where the developer finds it.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::state::{StateDir, write_private};
use crate::app::App;
use crate::bootstrap::{self, Bootstrap};

/// Bootstraps the instance and makes sure that the file holds a credential of its administrator; returns its path.
pub(super) async fn ensure_credential(app: &App, state: &StateDir) -> anyhow::Result<PathBuf> {
    let path = state.path().join("admin-credential.json");
    let first = bootstrap::run(app, false).await?;
    if first.credential.is_none() && is_of(&path, &first) {
        return Ok(path);
    }
    // Another database than the file was written for, or the file was lost: a further credential.
    let renewed = if first.credential.is_some() { first } else { bootstrap::run(app, true).await? };
    write_private(&path, &credential_json(&renewed))?;
    Ok(path)
}

/// The credential as a JSON document; `null` members if none was made.
pub fn credential_json(bootstrap: &Bootstrap) -> String {
    let document = json!({
        "organizationId": bootstrap.organization_id,
        "agentId": bootstrap.agent_id,
        "clientId": bootstrap.agent_id,
        "clientSecret": bootstrap.credential.as_ref().map(|(_, secret)| secret.expose()),
    });
    format!("{document:#}\n")
}

fn is_of(path: &Path, bootstrap: &Bootstrap) -> bool {
    let kept: Option<Value> =
        std::fs::read_to_string(path).ok().and_then(|text| serde_json::from_str(&text).ok());
    kept.is_some_and(|kept| {
        kept.get("agentId") == Some(&json!(bootstrap.agent_id))
            && kept.get("organizationId") == Some(&json!(bootstrap.organization_id))
            && kept.get("clientSecret").is_some_and(Value::is_string)
    })
}
