//! `agentidp audit …`.

use std::io::Read as _;
use std::path::Path;

use agentidp::app::App;
use agentidp::audit;
use agentidp_shared::audit_chain::to_hex;
use agentidp_shared::signed_note::VerifierKey;
use anyhow::Context as _;

use crate::print;
use crate::progress::Shown;

/// Longer than any checkpoint.
const MAX_NOTE_BYTES: u64 = 64 * 1024;

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
    let mut shown = Shown::new("events written");
    let done = audit::export(app, bundle, |at| shown.show(at.events, at.of)).await;
    drop(shown);
    let done = done?;
    print(&format!(
        "{} events and the heads that were signed over them are in {}\n",
        done.events,
        bundle.display()
    ))
}

pub fn fsck(bundle: &Path, key: Option<&str>, checkpoint: Option<&Path>) -> anyhow::Result<()> {
    let trusted = key.map(VerifierKey::parse).transpose()?;
    let kept = checkpoint.map_or(Ok(vec![]), notes)?;
    let mut shown = Shown::new("events checked");
    let found = audit::fsck(bundle, trusted.as_ref(), &kept, |done, total| {
        shown.show(done, total);
    });
    drop(shown);
    let found = found?;
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

/// The note in the file, or all notes in the folder.
fn notes(path: &Path) -> anyhow::Result<Vec<String>> {
    let read = |path: &Path| {
        let mut text = String::new();
        let file =
            std::fs::File::open(path).and_then(|file| file.take(MAX_NOTE_BYTES).read_to_string(&mut text));
        file.with_context(|| format!("cannot read {}", path.display())).map(|_| text)
    };
    if !path.is_dir() {
        return Ok(vec![read(path)?]);
    }
    let mut notes = vec![];
    for entry in std::fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))? {
        let entry = entry?;
        // What is written just now has a name that begins with a dot.
        if !entry.file_name().to_string_lossy().starts_with('.') {
            notes.push(read(&entry.path())?);
        }
    }
    anyhow::ensure!(!notes.is_empty(), "there is no checkpoint in {}", path.display());
    Ok(notes)
}
