//! "Has anything changed since?" without trusting timestamps, which a fresh clone sets anew.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Not cryptographic, and not stable across Rust releases: a changed value only costs a rebuild.
pub fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

/// One value over the names and contents of all files below `inputs` (files or folders; absent ones count as empty), which are below
/// `root`: the same wherever that is, so that checkouts can share what they built.
/// Folders called `build`, `target` or `node_modules`, and hidden ones, are outputs.
pub fn of_files(root: &Path, inputs: &[PathBuf]) -> Result<u64> {
    let mut files = Vec::new();
    for input in inputs {
        collect(input, &mut files)?;
    }
    files.sort();
    let mut hasher = DefaultHasher::new();
    for file in files {
        file.strip_prefix(root).unwrap_or(&file).hash(&mut hasher);
        fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?.hash(&mut hasher);
    }
    Ok(hasher.finish())
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let kind = match fs::metadata(path) {
        Ok(metadata) => metadata.file_type(),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    if !kind.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(path).with_context(|| format!("cannot list {}", path.display()))? {
        let path = entry?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let output = matches!(name.as_str(), "build" | "target" | "node_modules") || name.starts_with('.');
        if !output {
            collect(&path, files)?;
        }
    }
    Ok(())
}

/// Whether `stamp` says that its work was done for exactly this `state`.
pub fn is_current(stamp: &Path, state: &str) -> bool {
    fs::read_to_string(stamp).is_ok_and(|kept| kept == state)
}

/// Remembers that the work was done for `state`.
pub fn remember(stamp: &Path, state: &str) -> Result<()> {
    fs::write(stamp, state).with_context(|| format!("cannot write {}", stamp.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_file_changes_the_value_and_an_output_or_another_place_does_not() {
        let dir = std::env::temp_dir().join(format!("agentidp-fingerprint-{}", std::process::id()));
        let (here, there) = (dir.join("here"), dir.join("there"));
        for root in [&here, &there] {
            fs::create_dir_all(root.join("in/build")).unwrap();
            fs::write(root.join("in/a"), "one").unwrap();
        }
        let of = |root: &Path| of_files(root, &[root.join("in"), root.join("absent")]).unwrap();
        let first = of(&here);
        assert_eq!(of(&there), first);
        fs::write(here.join("in/build/out"), "ignored").unwrap();
        assert_eq!(of(&here), first);
        fs::write(here.join("in/a"), "two").unwrap();
        assert_ne!(of(&here), first);
        fs::rename(there.join("in/a"), there.join("in/b")).unwrap();
        assert_ne!(of(&there), first);
        fs::remove_dir_all(dir).unwrap();
    }
}
