//! A private PostgreSQL: the machine's own binaries, a data folder of ours, a free loopback port, a password nobody else
//! knows. It stops with the command, also when that is killed.

mod binaries;
mod cluster;
mod database;
pub(super) mod supervise;
mod user;

use std::fs::OpenOptions;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use sqlx::{Connection as _, PgConnection};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

use self::cluster::Cluster;
pub(super) use self::database::Urls;
use super::state::{StateDir, random_hex};
use crate::infra::config::Secret;

/// Of the cluster; the name the packages use too.
const SUPERUSER: &str = "postgres";
const START_WITHIN: Duration = Duration::from_mins(1);
/// More than the supervisor gives PostgreSQL before it insists.
const STOP_WITHIN: Duration = Duration::from_secs(25);
/// Another process may take the free port before PostgreSQL does.
const ATTEMPTS: u32 = 3;

/// A running cluster.
#[derive(Debug)]
pub(super) struct Postgres {
    supervisor: Child,
    port: u16,
    password: Secret<String>,
    log: PathBuf,
}

impl Postgres {
    /// Starts the cluster of `state`, creating it if need be.
    pub(super) async fn start(state: &StateDir) -> anyhow::Result<Self> {
        let had_password = state.path().join("postgres-password").exists();
        let password = Secret::new(state.secret("postgres-password", || Ok(random_hex()))?.contents);
        let path = state.path().to_owned();
        let (cluster, password) = tokio::task::spawn_blocking(move || {
            Cluster::prepare(&path, &password, had_password).map(|cluster| (cluster, password))
        })
        .await??;
        let log = state.path().join("postgres.log");
        let mut attempt = 1;
        loop {
            let mut postgres = Self::launch(&cluster, password.clone(), log.clone())?;
            match postgres.wait_ready().await {
                Ok(()) => return Ok(postgres),
                Err(error) if attempt < ATTEMPTS => {
                    tracing::debug!(%error, "PostgreSQL did not start; it is tried again on another port");
                    attempt += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn launch(cluster: &Cluster, password: Secret<String>, log: PathBuf) -> anyhow::Result<Self> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let output = OpenOptions::new().create(true).append(true).mode(0o600).open(&log)?;
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["dev", "supervise-postgres", "--binaries"]).arg(&cluster.binaries);
        command.arg("--data").arg(&cluster.data).args(["--port", &port.to_string()]);
        if let Some(user) = &cluster.user {
            command.args(["--user", &user.uid.to_string(), "--group", &user.gid.to_string()]);
        }
        // A group of its own: a Ctrl-C in the terminal is for us, and PostgreSQL stops when we are done.
        command
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::from(output.try_clone()?))
            .stderr(Stdio::from(output));
        let supervisor = command.spawn().context("PostgreSQL cannot be started")?;
        Ok(Self { supervisor, port, password, log })
    }

    async fn wait_ready(&mut self) -> anyhow::Result<()> {
        let deadline = Instant::now() + START_WITHIN;
        loop {
            if let Some(status) = self.supervisor.try_wait()? {
                bail!(
                    "PostgreSQL did not start ({status}); the end of {}:\n{}",
                    self.log.display(),
                    self.last_words()
                );
            }
            match timeout(Duration::from_secs(5), PgConnection::connect(self.superuser_url().expose())).await
            {
                Ok(Ok(connection)) => {
                    connection.close().await?;
                    return Ok(());
                }
                Ok(Err(sqlx::Error::Database(refused)))
                    if refused.code().is_some_and(|code| code.starts_with("28")) =>
                {
                    bail!(
                        "PostgreSQL refuses the password in the state folder: delete the state folder to start anew"
                    )
                }
                _ if Instant::now() > deadline => {
                    bail!("PostgreSQL does not answer; see {}", self.log.display())
                }
                _ => sleep(Duration::from_millis(50)).await,
            }
        }
    }

    fn last_words(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines.get(lines.len().saturating_sub(8)..).unwrap_or_default().join("\n")
    }

    /// With every right over the cluster.
    pub(super) fn superuser_url(&self) -> Secret<String> {
        self.url(SUPERUSER, self.password.expose(), "postgres")
    }

    fn url(&self, role: &str, password: &str, database: &str) -> Secret<String> {
        Secret::new(format!("postgres://{role}:{password}@127.0.0.1:{}/{database}", self.port))
    }

    /// The database of a development instance, with the roles it has in production too.
    pub(super) async fn create_database(&self) -> anyhow::Result<Urls> {
        database::create(self).await.context("the private PostgreSQL could not be set up")
    }

    /// Waits for the cluster to end by itself.
    pub(super) async fn wait(&mut self) -> std::io::Result<ExitStatus> {
        // Not `Child::wait`, which would close the standard input the supervisor watches.
        loop {
            if let Some(status) = self.supervisor.try_wait()? {
                return Ok(status);
            }
            sleep(Duration::from_millis(200)).await;
        }
    }

    /// Stops the cluster in order.
    pub(super) async fn stop(mut self) -> anyhow::Result<()> {
        drop(self.supervisor.stdin.take());
        match timeout(STOP_WITHIN, self.supervisor.wait()).await {
            Ok(status) => {
                status?;
                Ok(())
            }
            Err(_) => bail!("PostgreSQL did not stop; see {}", self.log.display()),
        }
    }
}
