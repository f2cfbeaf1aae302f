//! `agentidp audit …`.

use std::path::Path;
use std::time::{Duration, Instant};

use agentidp::app::App;
use agentidp::audit::{self, Exported};
use agentidp_shared::audit_chain::to_hex;
use agentidp_shared::signed_note::VerifierKey;
use anyhow::Context as _;

use super::print;

/// How often long work says how far it is.
const TELL_EVERY: Duration = Duration::from_secs(2);

pub async fn verify(app: &App, checkpoint: Option<&Path>) -> anyhow::Result<()> {
    let kept = checkpoint.map(|path| {
        let note =
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        audit::read_checkpoint(app, &note).with_context(|| path.display().to_string())
    });
    let found = audit::verify(app, kept.transpose()?.as_ref()).await?;
    match found.broken {
        None => print(&format!("{} events are what was sealed\n", found.checked_count)),
        Some(broken) => {
            anyhow::bail!("the audit log was tampered with: {broken} ({} are good)", found.checked_count)
        }
    }
}

pub async fn export(app: &App, bundle: &Path) -> anyhow::Result<()> {
    let mut told = Instant::now();
    let done = audit::export(app, bundle, |Exported { events, of }| {
        if told.elapsed() >= TELL_EVERY {
            eprintln!("{events} of {of} events");
            told = Instant::now();
        }
    })
    .await?;
    print(&format!(
        "{} events and the heads that were signed over them are in {}\n",
        done.events,
        bundle.display()
    ))
}

pub fn fsck(bundle: &Path, key: Option<&str>, checkpoint: Option<&Path>) -> anyhow::Result<()> {
    let trusted = key.map(VerifierKey::parse).transpose()?;
    let kept = checkpoint
        .map(|path| std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display())));
    let mut told = Instant::now();
    let found = audit::fsck(bundle, trusted.as_ref(), kept.transpose()?.as_deref(), |events| {
        if events.is_multiple_of(100_000) && told.elapsed() >= TELL_EVERY {
            eprintln!("{events} events");
            told = Instant::now();
        }
    })?;
    print(&format!(
        "{} events are what was sealed, under {} signed heads\nroot {}\nsigned by {}\n",
        found.head.tree_size,
        found.heads,
        to_hex(&found.head.root_hash),
        found.verifier_key
    ))?;
    if trusted.is_none() {
        eprintln!(
            "note: the bundle itself names this key; compare it with the one you kept, or give that as --key"
        );
    }
    Ok(())
}
