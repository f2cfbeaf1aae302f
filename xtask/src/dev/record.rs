//! `.agentidp/dev.json`: where the running stack is and how to speak to it. Readable by its owner only.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use nix::sys::signal::kill;
use nix::unistd::Pid;
use serde_json::{Value, json};

/// Whether the control plane behind the edge runs at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    Running,
    Stopped,
}

/// What `demo` needs to know of a running `dev`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The `cargo xtask dev` process, which takes SIGUSR1 and SIGUSR2 (see `signals`).
    pub pid: i32,
    pub edge_url: String,
    pub control_plane_url: String,
    pub metrics_url: String,
    pub admin_credential_file: PathBuf,
    pub control_plane: Origin,
}

impl Record {
    fn path(folder: &Path) -> PathBuf {
        folder.join("dev.json")
    }

    /// The record in `folder`, dead or alive.
    pub fn read(folder: &Path) -> Option<Self> {
        Self::parse(&fs::read_to_string(Self::path(folder)).ok()?)
    }

    /// The record in `folder`, if its stack is alive.
    pub fn of_running(folder: &Path) -> Option<Self> {
        let record = Self::read(folder)?;
        let alive = kill(Pid::from_raw(record.pid), None).is_ok();
        (alive && crate::demo::http::is_up(&record.edge_url)).then_some(record)
    }

    /// Replaces the file in one step, so that a reader never sees half of it.
    pub fn save(&self, folder: &Path) -> Result<()> {
        let path = Self::path(folder);
        let fresh = path.with_extension("json.new");
        let _ = fs::remove_file(&fresh);
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&fresh)
            .with_context(|| format!("cannot write {}", fresh.display()))?;
        file.write_all(self.to_json().to_string().as_bytes())?;
        fs::rename(&fresh, &path).with_context(|| format!("cannot write {}", path.display()))
    }

    pub fn remove(folder: &Path) {
        let _ = fs::remove_file(Self::path(folder));
    }

    fn to_json(&self) -> Value {
        json!({
            "pid": self.pid,
            "edgeUrl": self.edge_url,
            "controlPlaneUrl": self.control_plane_url,
            "metricsUrl": self.metrics_url,
            "adminCredentialFile": self.admin_credential_file,
            "controlPlane": match self.control_plane { Origin::Running => "running", Origin::Stopped => "stopped" },
        })
    }

    fn parse(text: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(text).ok()?;
        let text = |name: &str| value.get(name)?.as_str().map(ToOwned::to_owned);
        Some(Self {
            pid: i32::try_from(value.get("pid")?.as_i64()?).ok().filter(|pid| *pid > 1)?,
            edge_url: text("edgeUrl")?,
            control_plane_url: text("controlPlaneUrl")?,
            metrics_url: text("metricsUrl")?,
            admin_credential_file: text("adminCredentialFile")?.into(),
            control_plane: match text("controlPlane")?.as_str() {
                "running" => Origin::Running,
                "stopped" => Origin::Stopped,
                _ => return None,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn record() -> Record {
        Record {
            pid: 4242,
            edge_url: "http://127.0.0.1:1".into(),
            control_plane_url: "http://127.0.0.1:2".into(),
            metrics_url: "http://127.0.0.1:3".into(),
            admin_credential_file: "/state/admin.json".into(),
            control_plane: Origin::Stopped,
        }
    }

    #[test]
    fn what_is_saved_is_what_is_read_and_only_by_the_owner() {
        let folder = std::env::temp_dir().join(format!("agentidp-record-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        record().save(&folder).unwrap();
        let path = Record::path(&folder);
        assert_eq!(Record::parse(&fs::read_to_string(&path).unwrap()), Some(record()));
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        Record::remove(&folder);
        assert_eq!(Record::of_running(&folder), None);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_record_with_an_absurd_process_is_none() {
        let text = record().to_json().to_string();
        assert_eq!(Record::parse(&text.replace("4242", "-1")), None);
        assert_eq!(Record::parse("{"), None);
    }
}
