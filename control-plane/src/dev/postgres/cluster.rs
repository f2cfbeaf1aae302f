//! The data folder of the private cluster: where it lies, how it is made, and what a crash left in it.

use std::fs::{self, DirBuilder, Permissions};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use agentidp_shared::audit_chain::to_hex;
use anyhow::{Context as _, bail};
use aws_lc_rs::digest::{SHA256, digest};
use nix::sys::signal::kill;
use nix::unistd::Pid;

use super::user::ClusterUser;
use super::{SUPERUSER, binaries};
use crate::dev::state::write_private;
use crate::infra::config::Secret;

/// For data of a state folder that the user who runs PostgreSQL cannot reach. Root's own, so nobody can be there first.
const ELSEWHERE: &str = "/var/lib/agentidp-dev";
/// How long a server whose command was killed may take to stop by itself.
const ENDING: Duration = Duration::from_secs(25);

/// A cluster that can be started.
#[derive(Debug)]
pub(super) struct Cluster {
    pub binaries: PathBuf,
    pub data: PathBuf,
    pub user: Option<ClusterUser>,
}

impl Cluster {
    /// Finds or makes the cluster of the state folder. `had_password`: whether its password was kept from before.
    pub(super) fn prepare(
        state: &Path,
        password: &Secret<String>,
        had_password: bool,
    ) -> anyhow::Result<Self> {
        let user = ClusterUser::needed()?;
        let data = place(state, user.as_ref())?;
        if data.join("PG_VERSION").exists() && !had_password {
            set_aside(&data)?;
        }
        let version =
            fs::read_to_string(data.join("PG_VERSION")).ok().and_then(|text| text.trim().parse().ok());
        let binaries = binaries::find(user.as_ref(), version)?;
        let cluster = Self { binaries: binaries.folder, data, user };
        if version.is_none() {
            eprintln!("creating a PostgreSQL {} cluster in {}", binaries.version, cluster.data.display());
            cluster.init(password)?;
        }
        cluster.clear_remains()?;
        Ok(cluster)
    }

    /// Runs `initdb` beside the final place and moves the result there: half a cluster is never taken for one.
    fn init(&self, password: &Secret<String>) -> anyhow::Result<()> {
        let new = self.data.with_extension("new");
        if new.exists() {
            fs::remove_dir_all(&new)?;
        }
        DirBuilder::new().mode(0o700).create(&new)?;
        let password_file = self.data.with_extension("password");
        write_private(&password_file, password.expose())?;
        if let Some(user) = &self.user {
            chown(&new, Some(user.uid), Some(user.gid))?;
            chown(&password_file, Some(user.uid), Some(user.gid))?;
        }
        let mut command = self.command("initdb");
        command.arg("-D").arg(&new).args([
            "-U",
            SUPERUSER,
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
        ]);
        command.arg("--pwfile").arg(&password_file);
        let output = command.output();
        fs::remove_file(&password_file)?;
        let output = output.with_context(|| self.cannot_run("initdb"))?;
        if !output.status.success() {
            bail!("initdb failed:\n{}", String::from_utf8_lossy(&output.stderr).trim());
        }
        fs::rename(&new, &self.data).context("the new cluster cannot be moved into place")
    }

    /// After a crash: waits for, or stops, a server that still runs on our data; removes the lock of one that does not.
    fn clear_remains(&self) -> anyhow::Result<()> {
        let lock = self.data.join("postmaster.pid");
        let deadline = Instant::now() + ENDING;
        let mut told_to_stop = false;
        while let Some(pid) =
            fs::read_to_string(&lock).ok().and_then(|text| text.lines().next()?.trim().parse().ok())
        {
            if !self.is_server(Pid::from_raw(pid)) {
                // PostgreSQL itself would take any living process with this number for the server.
                fs::remove_file(&lock)?;
                break;
            }
            if Instant::now() > deadline {
                bail!(
                    "an old PostgreSQL (process {pid}) still runs on {} and does not stop",
                    self.data.display()
                );
            }
            if !told_to_stop {
                told_to_stop = true;
                let mut command = self.command("pg_ctl");
                command.arg("stop").arg("-D").arg(&self.data).args(["-m", "fast", "-w", "-t", "20"]);
                let _ = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
            }
            sleep(Duration::from_millis(100));
        }
        Ok(())
    }

    /// Whether the process lives and is a server on our data.
    fn is_server(&self, pid: Pid) -> bool {
        if kill(pid, None) == Err(nix::errno::Errno::ESRCH) {
            return false;
        }
        let command = fs::read(format!("/proc/{pid}/cmdline")).or_else(|_| {
            Command::new("ps")
                .args(["-o", "command=", "-p", &pid.to_string()])
                .output()
                .map(|output| output.stdout)
        });
        let data = self.data.to_string_lossy();
        command.is_ok_and(|command| String::from_utf8_lossy(&command).contains(&*data))
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.binaries.join(program));
        command.current_dir("/").env_remove("PGDATA").stdin(Stdio::null());
        if let Some(user) = &self.user {
            user.run(&mut command);
        }
        command
    }

    fn cannot_run(&self, program: &str) -> String {
        let user = self.user.as_ref().map(|user| format!(" as user {}", user.name)).unwrap_or_default();
        format!("{} cannot be run{user}", self.binaries.join(program).display())
    }
}

/// In the state folder, unless the user who runs PostgreSQL cannot get there.
fn place(state: &Path, user: Option<&ClusterUser>) -> anyhow::Result<PathBuf> {
    match user {
        Some(user) if !user.reaches(state) => {
            let digest = digest(&SHA256, state.as_os_str().as_encoded_bytes());
            let name = to_hex(digest.as_ref().get(..8).unwrap_or_default());
            DirBuilder::new().recursive(true).mode(0o711).create(ELSEWHERE)?;
            fs::set_permissions(ELSEWHERE, Permissions::from_mode(0o711))?;
            let data = Path::new(ELSEWHERE).join(name);
            eprintln!(
                "PostgreSQL runs as user {}, who cannot reach {}; its data is in {}",
                user.name,
                state.display(),
                data.display()
            );
            Ok(data)
        }
        _ => Ok(state.join("postgres")),
    }
}

/// Data whose password is lost (the state folder was deleted, the data lay elsewhere). One such is kept, for second thoughts.
fn set_aside(data: &Path) -> anyhow::Result<()> {
    let aside = data.with_extension("old");
    if aside.exists() {
        fs::remove_dir_all(&aside)?;
    }
    fs::rename(data, &aside)?;
    eprintln!(
        "the password of the PostgreSQL data in {} is gone; the data was moved to {}",
        data.display(),
        aside.display()
    );
    Ok(())
}
