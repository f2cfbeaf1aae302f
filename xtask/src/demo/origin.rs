//! Stopping and starting the control plane under a running edge: our own stack directly, a `cargo xtask dev` by signal.

use std::env;
use std::fs;
use std::process;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::dev::{self, AdminCredential, Ports, Record, Stack};
use crate::host::Host;
use crate::{edge, paths, signals, ui};

const WITHIN: Duration = Duration::from_secs(90);

/// Who runs the stack.
pub enum Origin {
    /// The demo itself.
    Own(Box<Stack>),
    /// A `cargo xtask dev` in another terminal.
    Elsewhere(Record),
}

impl Origin {
    /// The stack of `cargo xtask dev` if it runs and no host was asked for, else one of our own: on free ports, with data that
    /// goes away with it.
    pub fn find_or_start(host: Option<Host>) -> Result<Self> {
        if host.is_none()
            && let Some(record) = Record::of_running(&paths::state())
        {
            ui::say(format_args!("using the stack running at {}", record.edge_url));
            return Ok(Self::Elsewhere(record));
        }
        ui::say("starting a stack for the demo");
        let programs = dev::prepare(host.unwrap_or(Host::Cloudflare), edge::Profile::Release)?;
        let state = env::temp_dir().join(format!("agentidp-demo-{}", process::id()));
        let stack = Stack::start(programs, Ports::choose(0, 0, 0)?, state, false)?;
        Ok(Self::Own(Box::new(stack)))
    }

    pub fn edge_url(&self) -> String {
        match self {
            Self::Own(stack) => stack.edge_url(),
            Self::Elsewhere(record) => record.edge_url.clone(),
        }
    }

    pub fn admin_credential(&self) -> Result<AdminCredential> {
        match self {
            Self::Own(stack) => stack.admin_credential(),
            Self::Elsewhere(record) => AdminCredential::read(&record.admin_credential_file),
        }
    }

    pub fn stop_control_plane(&mut self) -> Result<()> {
        match self {
            Self::Own(stack) => stack.stop_control_plane(),
            Self::Elsewhere(record) => ask(record, Signal::SIGUSR1, dev::Origin::Stopped),
        }
    }

    pub fn start_control_plane(&mut self) -> Result<()> {
        match self {
            Self::Own(stack) => stack.start_control_plane(),
            Self::Elsewhere(record) => ask(record, Signal::SIGUSR2, dev::Origin::Running),
        }
    }

    /// Leaves a foreign stack as it was found, and nothing of our own.
    pub fn finish(mut self) -> Result<()> {
        if let Self::Elsewhere(_) = &self {
            return self.start_control_plane();
        }
        if let Self::Own(stack) = self {
            let state = stack.state().to_owned();
            stack.stop()?;
            fs::remove_dir_all(&state).with_context(|| format!("cannot remove {}", state.display()))?;
        }
        Ok(())
    }
}

fn ask(record: &Record, signal: Signal, wanted: dev::Origin) -> Result<()> {
    let state = || Record::read(&paths::state()).map(|record| record.control_plane);
    if state() == Some(wanted) {
        return Ok(());
    }
    kill(Pid::from_raw(record.pid), signal).context("`cargo xtask dev` has gone away")?;
    let deadline = Instant::now() + WITHIN;
    while state() != Some(wanted) {
        if signals::stop_requested() {
            bail!("stopped");
        }
        if Instant::now() > deadline {
            bail!("`cargo xtask dev` did not do as asked; look at its terminal");
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}
