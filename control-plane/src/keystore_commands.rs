//! `agentidp keys status` and `agentidp keys reencrypt`.

use std::fmt::Write as _;

use agentidp::app::App;
use agentidp::keys;

use crate::print;
use crate::progress::Shown;

pub async fn status(app: &App, json: bool) -> anyhow::Result<()> {
    let status = keys::keystore_status(app).await?;
    if json {
        return print(&format!("{}\n", serde_json::to_string_pretty(&status)?));
    }
    let mut text = String::new();
    for key in &status.keys {
        let role = if key.is_current { "seals" } else { "opens" };
        write!(text, "{}  {role}  {}: ", key.id, key.origin)?;
        match key.secrets() {
            0 if key.is_current => text.push_str("no secrets yet"),
            0 => text.push_str("no secrets, it can go"),
            secrets => {
                let parts: Vec<String> = key
                    .seals
                    .iter()
                    .map(|seals| format!("{} {}.{}", seals.secrets, seals.table, seals.column))
                    .collect();
                write!(text, "{secrets} secrets ({})", parts.join(", "))?;
            }
        }
        text.push('\n');
    }
    writeln!(text, "{}  recognises client secrets and signs heads of the audit log", status.hmac_key_id)?;
    print(&text)
}

pub async fn reencrypt(app: &App) -> anyhow::Result<()> {
    let mut shown = Shown::new("secrets moved");
    let outcome = keys::reencrypt(app, |at| shown.show(at.done, at.total)).await;
    drop(shown);
    let outcome = outcome?;
    let mut text = String::new();
    for (column, moved) in &outcome.moved {
        writeln!(text, "{:>8}  {}.{}", moved, column.table, column.column)?;
    }
    let moved: u64 = outcome.moved.iter().map(|(_, moved)| moved).sum();
    writeln!(text, "{moved:>8}  secrets moved to key {}", outcome.key_id)?;
    print(&text)?;
    if outcome.failed.is_empty() {
        return Ok(());
    }
    anyhow::bail!(
        "{} secrets do not open and stay as they are; restore these from a backup, or make them anew:\n  {}",
        outcome.failed.len(),
        outcome.failed.join("\n  ")
    )
}
