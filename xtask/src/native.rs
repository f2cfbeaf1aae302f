//! Builds the `agentidp` binary and keeps a private copy of it, so that a running stack does not change under a rebuild
//! (the target folder may be shared with other checkouts).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::{paths, run, ui};

/// The path of an `agentidp` built from the present sources.
pub fn build() -> Result<PathBuf> {
    ui::step("building the control plane", || {
        let output = run::cargo()
            .args(["build", "--package", "agentidp", "--bin", "agentidp"])
            .args(["--message-format", "json-render-diagnostics"])
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .context("cannot start cargo")?;
        if !output.status.success() {
            bail!("the control plane does not build");
        }
        let built = String::from_utf8_lossy(&output.stdout)
            .lines()
            .find_map(executable)
            .context("cargo did not say where it put agentidp")?;
        keep(&built)
    })
}

/// The copy made by the last `build` of this checkout, if any.
pub fn kept() -> Option<PathBuf> {
    Some(kept_path()).filter(|path| path.is_file())
}

fn kept_path() -> PathBuf {
    paths::cache().join("bin").join(format!("agentidp-{}", paths::checkout_tag()))
}

fn keep(built: &Path) -> Result<PathBuf> {
    let kept = kept_path();
    let changed =
        |path: &Path| path.metadata().and_then(|metadata| Ok((metadata.len(), metadata.modified()?))).ok();
    let source = changed(built).context("the built agentidp has vanished")?;
    if changed(&kept).is_some_and(|copy| copy.0 == source.0 && copy.1 >= source.1) {
        return Ok(kept);
    }
    let folder = paths::cache().join("bin");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    // A running program cannot be overwritten, but its name can be given to another file.
    let fresh = kept.with_extension(std::process::id().to_string());
    fs::copy(built, &fresh).with_context(|| format!("cannot copy {}", built.display()))?;
    fs::rename(&fresh, &kept)?;
    Ok(kept)
}

/// From one line of cargo's JSON messages.
fn executable(line: &str) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(line).ok()?;
    let named = message.pointer("/target/name")?.as_str()? == "agentidp";
    named.then(|| message.get("executable")?.as_str().map(PathBuf::from)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_executable_is_found_among_the_messages() {
        let library = r#"{"reason":"compiler-artifact","target":{"name":"agentidp"},"executable":null}"#;
        let binary =
            r#"{"reason":"compiler-artifact","target":{"name":"agentidp"},"executable":"/t/agentidp"}"#;
        let other = r#"{"reason":"compiler-artifact","target":{"name":"xtask"},"executable":"/t/xtask"}"#;
        assert_eq!(
            [library, other, binary].iter().find_map(|line| executable(line)),
            Some("/t/agentidp".into())
        );
    }
}
