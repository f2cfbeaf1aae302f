//! The process between `agentidp dev` and its PostgreSQL. It holds one end of a pipe; when the other end closes, because the
//! command is done or was killed, it stops PostgreSQL.

use std::io::Read as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// How long PostgreSQL may take to stop in order before it has to at once (it recovers at the next start).
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Debug, Clone)]
pub struct Supervised {
    /// The folder with `postgres`.
    pub binaries: PathBuf,
    pub data: PathBuf,
    pub port: u16,
    /// User and group to run it as; needs root.
    pub run_as: Option<(u32, u32)>,
}

/// Runs PostgreSQL until it ends, or standard input does.
pub fn supervise(supervised: &Supervised) -> anyhow::Result<()> {
    let mut command = Command::new(supervised.binaries.join("postgres"));
    command.arg("-D").arg(&supervised.data).args(["-p", &supervised.port.to_string()]);
    for setting in [
        "listen_addresses=127.0.0.1",
        "unix_socket_directories=",
        "password_encryption=scram-sha-256",
        "max_connections=300",
        "timezone=UTC",
        "log_timezone=UTC",
        "logging_collector=off",
        "fsync=on",
    ] {
        command.args(["-c", setting]);
    }
    command.current_dir("/").stdin(Stdio::null());
    if let Some((user, group)) = supervised.run_as {
        command.uid(user).gid(group);
    }
    let mut postgres = command.spawn().context("postgres cannot be started")?;
    let id = Pid::from_raw(i32::try_from(postgres.id())?);
    std::thread::spawn(move || {
        let mut ignored = [0; 64];
        while std::io::stdin().read(&mut ignored).is_ok_and(|read| read > 0) {}
        // "Fast" shutdown, and if that takes too long, "immediate".
        let _ = kill(id, Signal::SIGINT);
        std::thread::sleep(PATIENCE);
        let _ = kill(id, Signal::SIGQUIT);
    });
    let status = postgres.wait()?;
    anyhow::ensure!(status.success(), "postgres ended with {status}");
    Ok(())
}
