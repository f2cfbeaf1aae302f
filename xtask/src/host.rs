//! The two hosts of the edge: how it is built for each, and how each is started.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use clap::ValueEnum;

use crate::{edge, paths, spin, tools, ui};

/// Where the edge runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Host {
    /// Cloudflare Workers, by the runtime they run on (workerd).
    Cloudflare,
    /// Spin, by a host with its interfaces.
    Spin,
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cloudflare => "cloudflare",
            Self::Spin => "spin",
        })
    }
}

/// The edge as it was built for one host, and what runs it there.
#[derive(Debug, Clone)]
pub enum Edge {
    Cloudflare { node: PathBuf },
    Spin { host: PathBuf, component: PathBuf },
}

/// What an edge must be told.
#[derive(Debug, Clone, Copy)]
pub struct Settings<'a> {
    pub port: u16,
    pub origin: &'a str,
    pub issuer: &'a str,
    pub feed_public_keys: &'a str,
    pub edge_name: &'a str,
    pub edge_key_file: &'a str,
    /// Where it keeps what it knows.
    pub folder: &'a Path,
}

impl Edge {
    /// Installs what is needed, and builds.
    pub fn prepare(host: Host, profile: edge::Profile) -> Result<Self> {
        match host {
            Host::Cloudflare => {
                let node = tools::node()?;
                let worker = edge::build(profile)?;
                ui::say(format_args!("  edge worker: {}", worker.sizes()));
                Ok(Self::Cloudflare { node })
            }
            Host::Spin => {
                let component = spin::component()?;
                ui::say(format_args!("  edge component: {}", component.sizes()));
                Ok(Self::Spin { host: spin::host()?, component: component.wasm })
            }
        }
    }

    /// What starts it. It says `{"event":"ready",…}` on standard output.
    pub fn command(&self, settings: &Settings<'_>) -> Command {
        match self {
            Self::Cloudflare { node } => {
                let mut command = Command::new(node);
                command
                    .current_dir(paths::root())
                    .arg(paths::root().join("edge/cloudflare/dev.mjs"))
                    .args(["--port", &settings.port.to_string()])
                    .args(["--origin", settings.origin])
                    .args(["--issuer", settings.issuer])
                    .args(["--feed-public-keys", settings.feed_public_keys])
                    .args(["--edge-name", settings.edge_name])
                    .args(["--edge-key-file", settings.edge_key_file])
                    .arg("--persist")
                    .arg(settings.folder);
                command
            }
            Self::Spin { host, component } => {
                let mut command = Command::new(host);
                command
                    .current_dir(paths::root())
                    .arg("--manifest")
                    .arg(paths::root().join("spin.toml"))
                    .arg("--component")
                    .arg(component)
                    .args(["--listen", &format!("127.0.0.1:{}", settings.port)])
                    .arg("--store")
                    .arg(settings.folder.join("store.sqlite"))
                    .arg("--cache")
                    .arg(spin::cache())
                    .args(["--variable-file", &format!("edge_key={}", settings.edge_key_file)]);
                for (name, value) in [
                    ("issuer", settings.issuer),
                    ("origin_url", settings.origin),
                    ("edge_name", settings.edge_name),
                    ("feed_public_keys", settings.feed_public_keys),
                ] {
                    command.args(["--variable", &format!("{name}={value}")]);
                }
                command
            }
        }
    }
}
