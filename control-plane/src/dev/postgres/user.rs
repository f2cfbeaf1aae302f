//! Whom PostgreSQL runs as. It refuses root, so root lends it another user.

use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use anyhow::Context as _;
use nix::unistd::{User, geteuid};

/// In this order: the user packages create for it, or one that owns nothing.
const CANDIDATES: [&str; 2] = ["postgres", "nobody"];

#[derive(Debug, Clone)]
pub(super) struct ClusterUser {
    pub name: String,
    pub uid: u32,
    pub gid: u32,
}

impl ClusterUser {
    /// The user to run PostgreSQL as, if that is not ourselves.
    pub(super) fn needed() -> anyhow::Result<Option<Self>> {
        if !geteuid().is_root() {
            return Ok(None);
        }
        let found = CANDIDATES.into_iter().find_map(|name| User::from_name(name).ok().flatten());
        let user = found.context(
            "PostgreSQL does not run as root, and there is neither a user `postgres` nor `nobody`",
        )?;
        Ok(Some(Self { name: user.name, uid: user.uid.as_raw(), gid: user.gid.as_raw() }))
    }

    pub(super) fn run(&self, command: &mut Command) {
        command.uid(self.uid).gid(self.gid);
    }

    /// Whether the user may pass through `path` and every folder above it.
    pub(super) fn reaches(&self, path: &Path) -> bool {
        path.canonicalize().is_ok_and(|path| {
            path.ancestors().all(|folder| {
                folder.metadata().is_ok_and(|metadata| {
                    let shift = if metadata.uid() == self.uid {
                        6
                    } else if metadata.gid() == self.gid {
                        3
                    } else {
                        0
                    };
                    metadata.mode() >> shift & 1 == 1
                })
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_closed_folder_anywhere_above_is_noticed() {
        let outer = std::env::temp_dir().join(format!("agentidp-reach-{}", std::process::id()));
        let inner = outer.join("inner");
        fs::create_dir_all(&inner).unwrap();
        let stranger = ClusterUser { name: "stranger".into(), uid: 54_321, gid: 54_321 };
        for (mode, reaches) in [(0o755, true), (0o711, true), (0o700, false), (0o750, false)] {
            fs::set_permissions(&outer, Permissions::from_mode(mode)).unwrap();
            assert_eq!(stranger.reaches(&inner), reaches, "{mode:o}");
        }
        assert!(!stranger.reaches(&outer.join("nothing")));
        fs::remove_dir_all(outer).unwrap();
    }
}
