//! Where things lie: the checkout, and the cache outside it that all checkouts share.

use std::env;
use std::path::{Path, PathBuf};

/// The checkout.
pub fn root() -> &'static Path {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest)
}

/// Tools, build output and the Python environment: `AGENTIDP_CACHE_DIR`, else `XDG_CACHE_HOME/agentidp`, else
/// `~/.cache/agentidp`.
pub fn cache() -> PathBuf {
    cache_from(env::var_os("AGENTIDP_CACHE_DIR"), env::var_os("XDG_CACHE_HOME"), env::var_os("HOME"))
}

type Variable = Option<std::ffi::OsString>;

fn cache_from(own: Variable, xdg: Variable, home: Variable) -> PathBuf {
    let set = |value: Variable| value.filter(|value| !value.is_empty()).map(PathBuf::from);
    set(own)
        .or_else(|| set(xdg).map(|base| base.join("agentidp")))
        .or_else(|| set(home).map(|home| home.join(".cache/agentidp")))
        .unwrap_or_else(|| env::temp_dir().join("agentidp-cache"))
}

/// Build output. Shared by all checkouts unless `CARGO_TARGET_DIR` says otherwise, so that a fresh clone is warm.
pub fn target() -> PathBuf {
    match env::var_os("CARGO_TARGET_DIR") {
        Some(dir) if !dir.is_empty() => root().join(dir),
        _ => cache().join("target"),
    }
}

/// Tools installed by `cargo install`.
pub fn tools() -> PathBuf {
    cache().join("tools")
}

/// What `cargo xtask dev` keeps between runs.
pub fn state() -> PathBuf {
    root().join(".agentidp")
}

/// The built worker.
pub fn edge_build() -> PathBuf {
    root().join("edge/cloudflare/build")
}

/// A name for this checkout that is stable and short, for files in the shared cache that belong to it alone.
pub fn checkout_tag() -> String {
    format!("{:016x}", crate::fingerprint::hash(root().as_os_str().as_encoded_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(own: &str, xdg: &str, home: &str) -> PathBuf {
        cache_from(Some(own.into()), Some(xdg.into()), Some(home.into()))
    }

    #[test]
    fn the_most_specific_cache_variable_wins() {
        assert_eq!(resolve("/a", "/b", "/c"), Path::new("/a"));
        assert_eq!(cache_from(None, Some("/b".into()), Some("/c".into())), Path::new("/b/agentidp"));
        assert_eq!(cache_from(None, None, Some("/c".into())), Path::new("/c/.cache/agentidp"));
    }

    #[test]
    fn an_empty_variable_counts_as_absent() {
        assert_eq!(resolve("", "", "/c"), Path::new("/c/.cache/agentidp"));
    }
}
