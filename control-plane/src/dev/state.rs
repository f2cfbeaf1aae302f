//! The folder of a development instance: its secrets, each in a file only its owner can read.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use agentidp_shared::audit_chain::to_hex;
use anyhow::{Context as _, bail};

use crate::infra::rng::{Rng as _, SystemRng};

/// Held open, and so locked, as long as the instance runs.
#[derive(Debug)]
pub(super) struct StateDir {
    path: PathBuf,
    _lock: File,
}

/// A secret and the file that keeps it.
pub(super) struct KeptSecret {
    pub path: String,
    pub contents: String,
}

impl StateDir {
    /// Opens the folder, creating it if need be. Two instances at once in one folder are refused.
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        // Root's PostgreSQL runs as another user, who must be able to pass through to its own folder; no file is opened to
        // it by that.
        let mode = if nix::unistd::geteuid().is_root() { 0o711 } else { 0o700 };
        DirBuilder::new()
            .recursive(true)
            .mode(mode)
            .create(path)
            .with_context(|| format!("the state folder {} cannot be created", path.display()))?;
        let path = path.canonicalize()?;
        fs::set_permissions(&path, Permissions::from_mode(mode))
            .with_context(|| format!("the state folder {} is not ours", path.display()))?;
        let ignore = path.join(".gitignore");
        if !ignore.exists() {
            write_private(&ignore, "*\n")?;
        }
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(path.join("lock"))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, _lock: lock }),
            Err(TryLockError::WouldBlock) => {
                bail!(
                    "another `agentidp dev` is running in {}; stop it, or choose another --state-dir",
                    path.display()
                )
            }
            Err(TryLockError::Error(error)) => Err(error).context("the state folder cannot be locked"),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The secret kept under `name`, made and kept now if there is none yet.
    pub(super) fn secret(
        &self,
        name: &str,
        make: impl FnOnce() -> anyhow::Result<String>,
    ) -> anyhow::Result<KeptSecret> {
        let path = self.path.join(name);
        let contents = match fs::read_to_string(&path) {
            Ok(contents) => contents.trim().to_owned(),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let contents = make()?;
                write_private(&path, &format!("{contents}\n"))?;
                contents
            }
            Err(error) => return Err(error).with_context(|| format!("{} cannot be read", path.display())),
        };
        let path = path
            .into_os_string()
            .into_string()
            .map_err(|_| anyhow::anyhow!("the state folder's path must be UTF-8"))?;
        Ok(KeptSecret { path, contents })
    }
}

/// Fails if [`write_private`] could not write `path`.
pub fn check_writable(path: &Path) -> anyhow::Result<()> {
    let temporary = temporary(path);
    let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary);
    opened
        .and_then(|_| fs::remove_file(temporary))
        .with_context(|| format!("{} cannot be written", path.display()))
}

fn temporary(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.new", std::process::id()));
    path.with_file_name(name)
}

/// Writes a file only its owner can read, all of it or nothing.
pub fn write_private(path: &Path, contents: &str) -> anyhow::Result<()> {
    let write = || -> std::io::Result<()> {
        let temporary = temporary(path);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        file.write_all(contents.as_bytes())?;
        file.sync_all()?;
        fs::rename(temporary, path)
    };
    write().with_context(|| format!("{} cannot be written", path.display()))
}

pub(super) fn random<const LENGTH: usize>() -> [u8; LENGTH] {
    let mut bytes = [0; LENGTH];
    SystemRng.fill(&mut bytes);
    bytes
}

/// 256 random bits, safe in URLs, SQL and lists.
pub(super) fn random_hex() -> String {
    to_hex(&random::<32>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("agentidp-state-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        path
    }

    #[test]
    fn a_secret_is_made_once_and_readable_by_its_owner_only() {
        let path = folder("secret");
        let state = StateDir::open(&path).unwrap();
        let first = state.secret("key", || Ok(random_hex())).unwrap();
        let again = state.secret("key", || panic!("made twice")).unwrap();
        assert_eq!(first.contents, again.contents);
        assert_eq!(first.contents.len(), 64);
        assert_eq!(fs::metadata(&first.path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o066, 0);
        drop(state);
        fs::remove_dir_all(path).unwrap();
    }

    #[test]
    fn one_folder_serves_one_instance_at_a_time() {
        let path = folder("lock");
        let first = StateDir::open(&path).unwrap();
        assert!(StateDir::open(&path).unwrap_err().to_string().contains("another"));
        drop(first);
        StateDir::open(&path).unwrap();
        fs::remove_dir_all(path).unwrap();
    }
}
