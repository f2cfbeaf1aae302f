//! `cargo xtask dev`: everything a newcomer needs on one machine, started, watched and stopped together.

mod record;
mod stack;

use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;

pub use record::{Origin, Record};
pub use stack::{AdminCredential, Ports, Programs, Stack};

use crate::host::{Edge, Host};
use crate::{edge, native, paths, signals, tools, ui};

/// Start PostgreSQL, the control plane and the edge, and keep them running until Ctrl-C.
#[derive(Debug, Args)]
pub struct Dev {
    /// Port of the edge, the address everybody talks to (0: any free one).
    #[arg(long, default_value_t = 8787)]
    port: u16,
    /// Port of the control plane behind it (0: any free one).
    #[arg(long, default_value_t = 8080)]
    control_plane_port: u16,
    /// Port of the control plane's Prometheus metrics (0: any free one).
    #[arg(long, default_value_t = 9464)]
    metrics_port: u16,
    /// Where the database, the keys and the admin credential are kept.
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
    /// Where the edge runs.
    #[arg(long, value_enum, default_value_t = Host::Cloudflare)]
    edge: Host,
    /// How the edge worker is compiled.
    #[arg(long, value_enum, default_value = "release")]
    edge_profile: edge::Profile,
    /// Only install and build what `dev` needs.
    #[arg(long)]
    prepare_only: bool,
}

impl Dev {
    pub fn run(self) -> Result<()> {
        if self.prepare_only {
            prepare(self.edge, self.edge_profile)?;
            ui::say("everything is ready for `cargo xtask dev`");
            return Ok(());
        }
        if let Some(running) = Record::of_running(&paths::state()) {
            bail!(
                "a stack of this checkout is already running at {} (process {})",
                running.edge_url,
                running.pid
            );
        }
        // Before minutes of building, not after them.
        let ports = Ports::choose(self.port, self.control_plane_port, self.metrics_port)?;
        let state = match self.state_dir {
            Some(dir) => std::path::absolute(dir)?,
            None => paths::state(),
        };
        let programs = prepare(self.edge, self.edge_profile)?;
        let mut stack = Stack::start(programs, ports, state, true)?;
        // `demo` looks for the record in the checkout, wherever the state is.
        let record = RecordFile::write(&stack)?;
        announce(&stack)?;
        let ended = watch(&mut stack, &record);
        ui::say("\nstopping …");
        drop(record);
        stack.stop()?;
        ended
    }
}

/// Installs and builds all that a stack consists of.
pub fn prepare(host: Host, profile: edge::Profile) -> Result<Programs> {
    // PostgreSQL may come from npm.
    tools::node()?;
    let postgres = tools::postgres()?;
    let agentidp = native::build()?;
    Ok(Programs { agentidp, edge: Edge::prepare(host, profile)?, postgres })
}

/// Until a signal asks us to stop (fine) or a part dies by itself (an error).
fn watch(stack: &mut Stack, record: &RecordFile) -> Result<()> {
    while !signals::stop_requested() {
        stack.check()?;
        if signals::take_stop_control_plane() {
            ui::say("stopping the control plane, as asked (the edge stays)");
            stack.stop_control_plane()?;
            record.update(stack)?;
        }
        if signals::take_start_control_plane() {
            ui::say("starting the control plane again");
            stack.start_control_plane()?;
            record.update(stack)?;
        }
        thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

fn announce(stack: &Stack) -> Result<()> {
    let credential = stack.admin_credential()?;
    ui::say(format_args!(
        "\nAgentIdP is ready.\n\
         \n  edge             {}   (talk to this one; it is the issuer)\
         \n  control plane    {}\
         \n  metrics          {}/metrics\
         \n  OpenAPI          {}/openapi.json\
         \n\
         \n  admin credential {}",
        stack.edge_url(),
        stack.control_plane_url(),
        stack.metrics_url(),
        stack.edge_url(),
        stack.admin_credential_file().display(),
    ));
    if stack.is_new() {
        ui::say(format_args!(
            "    client id      {}\n    client secret  {}   (shown this once)",
            credential.client_id, credential.client_secret
        ));
    }
    ui::say(
        "\n  cargo xtask demo   does the main job against this stack\n  Ctrl-C             stops everything\n",
    );
    Ok(())
}

/// The record on disk for as long as the stack runs.
struct RecordFile {
    folder: PathBuf,
}

impl RecordFile {
    fn write(stack: &Stack) -> Result<Self> {
        let folder = paths::state();
        fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        let file = Self { folder };
        file.update(stack)?;
        Ok(file)
    }

    fn update(&self, stack: &Stack) -> Result<()> {
        stack.record().save(&self.folder)
    }
}

impl Drop for RecordFile {
    fn drop(&mut self) {
        Record::remove(&self.folder);
    }
}
