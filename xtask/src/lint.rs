//! `cargo xtask fmt` and `lint`.

use anyhow::{Result, bail};
use clap::Args;

use crate::{run, signals, spin, tools, ui};

/// Format all Rust code.
#[derive(Debug, Args)]
pub struct Fmt {
    /// Change nothing; fail when something is not formatted.
    #[arg(long)]
    check: bool,
}

impl Fmt {
    pub fn run(self) -> Result<()> {
        let mut command = run::cargo();
        command.args(["fmt", "--all"]);
        if self.check {
            command.arg("--check");
        }
        run::run(&mut command)
    }
}

/// Formatting, clippy on every target, licences and bans.
#[derive(Debug, Args)]
pub struct Lint {
    /// Repair what can be repaired.
    #[arg(long)]
    fix: bool,
    /// Install cargo-deny if it is missing.
    #[arg(long)]
    install: bool,
}

impl Lint {
    pub fn run(self) -> Result<()> {
        tools::rust_targets(&["wasm32-unknown-unknown", "wasm32-wasip2"])?;
        let parts: [(&str, &dyn Fn() -> Result<()>); 6] = [
            ("formatting", &|| Fmt { check: !self.fix }.run()),
            ("clippy", &|| {
                self.clippy(&["--workspace", "--exclude", "agentidp-edge-cloudflare", "--all-targets"])
            }),
            ("clippy (worker)", &|| {
                self.clippy(&["--package", "agentidp-edge-cloudflare", "--target", "wasm32-unknown-unknown"])
            }),
            ("clippy (component)", &|| {
                self.clippy(&["--package", "agentidp-edge-spin", "--target", "wasm32-wasip2"])
            }),
            ("clippy (Spin host)", &spin::lint_host),
            ("licences and bans", &|| deny(self.install)),
        ];
        let mut failed = Vec::new();
        for (name, part) in parts {
            if let Err(error) = ui::step(name, part) {
                if signals::stop_requested() {
                    bail!("stopped");
                }
                ui::say(format_args!("  {error:#}"));
                failed.push(name);
            }
        }
        if !failed.is_empty() {
            bail!("to repair: {}", failed.join(", "));
        }
        Ok(())
    }

    fn clippy(&self, selection: &[&str]) -> Result<()> {
        let mut command = run::cargo();
        command.arg("clippy").args(selection);
        if self.fix {
            command.args(["--fix", "--allow-dirty", "--allow-staged"]);
        }
        run::run(command.args(["--", "-D", "warnings"]))
    }
}

/// cargo-deny takes minutes to build, so it runs where it is installed, or when asked for.
fn deny(install: bool) -> Result<()> {
    let Some(program) = tools::cargo_deny(install)? else {
        ui::say(
            "  skipped: cargo-deny is not installed (`cargo xtask lint --install` does it, in some minutes)",
        );
        return Ok(());
    };
    // Advisories need a database from the network, and are asked for apart: `cargo deny check advisories`.
    run::run(run::program(program).args(["check", "bans", "licenses", "sources"]))
}
