//! The edge on Spin: the component that ships, and a host with Spin's interfaces to run it here. That host is not Spin itself.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::edge::Build;
use crate::{fingerprint, paths, run, tools, ui};

/// Builds the component.
pub fn component() -> Result<Build> {
    tools::rust_targets(&["wasm32-wasip2"])?;
    let target = "wasm32-wasip2";
    ui::step("building the edge component (WebAssembly)", || {
        run::run(
            run::cargo()
                .args(["build", "--package", "agentidp-edge-spin", "--target", target])
                .args(["--profile", "release-wasm"]),
        )
        .context("the edge component does not build")
    })?;
    let built = paths::target().join(target).join("release-wasm/agentidp_edge_spin.wasm");
    let folder = paths::root().join("edge/spin/build");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let wasm = folder.join("edge.wasm");
    fs::copy(&built, &wasm).with_context(|| format!("cannot copy {}", built.display()))?;
    Build::measure(wasm)
}

/// Builds the host, unless it was built from the same sources before. All checkouts share it.
pub fn host() -> Result<PathBuf> {
    let folder = paths::root().join("edge/spin/host");
    let inputs = ["src", "wit", "Cargo.toml", "Cargo.lock"].map(|name| folder.join(name));
    let name = format!("agentidp-spin-host-{:016x}", fingerprint::of_files(paths::root(), &inputs)?);
    let kept = paths::cache().join("bin").join(name);
    if kept.is_file() {
        return Ok(kept);
    }
    ui::step("building the Spin host (a WebAssembly compiler: some minutes, once)", || {
        run::run(host_cargo().args(["build", "--release"])).context("the Spin host does not build")?;
        fs::create_dir_all(paths::cache().join("bin"))?;
        // Under its name at once or not at all.
        let fresh = kept.with_extension(std::process::id().to_string());
        fs::copy(host_target().join("release/agentidp-spin-host"), &fresh)
            .context("cannot keep the Spin host")?;
        fs::rename(&fresh, &kept)?;
        Ok(kept)
    })
}

/// The host's own tests.
pub fn test_host() -> Result<()> {
    run::run(host_cargo().args(["test", "--release"]))
}

/// As `cargo xtask lint` looks at everything else.
pub fn lint_host() -> Result<()> {
    run::run(host_cargo().args(["fmt", "--check"]))?;
    run::run(host_cargo().args(["clippy", "--release", "--all-targets", "--", "-D", "warnings"]))
}

/// The host is a workspace of its own, and its build output is shared by all checkouts.
fn host_cargo() -> Command {
    let mut cargo = run::cargo();
    cargo.current_dir(paths::root().join("edge/spin/host")).env("CARGO_TARGET_DIR", host_target());
    cargo
}

fn host_target() -> PathBuf {
    paths::cache().join("target-spin-host")
}

/// Where the host keeps what it compiled.
pub fn cache() -> PathBuf {
    paths::cache().join("spin-compiled")
}
