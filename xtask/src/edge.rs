//! Builds the Cloudflare worker, when something it is made of has changed, and tells its size.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::host::Host;
use crate::{fingerprint, paths, run, spin, tools, ui};

/// What the shipped module may weigh after gzip, in bytes.
pub const MAX_GZIP: usize = 1024 * 1024;

/// What the worker's memory may grow to, in bytes. An isolate has 128 MB, and V8's heap is part of that: with the maximum in the
/// module itself, a worker that needs more fails here as it would there.
pub const MAX_MEMORY: usize = 96 * 1024 * 1024;

/// How the worker is compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Profile {
    /// What ships: optimised by rustc and wasm-opt.
    Release,
    /// For turning around quickly: unoptimised.
    Fast,
}

/// Build the edge for a host and print its size.
#[derive(Debug, Args)]
pub struct EdgeBuild {
    /// Where it is to run.
    #[arg(long, value_enum, default_value_t = Host::Cloudflare)]
    host: Host,
    /// How it is compiled.
    #[arg(long, value_enum, default_value = "release")]
    profile: Profile,
}

impl EdgeBuild {
    pub fn run(self) -> Result<()> {
        let built = match self.host {
            Host::Cloudflare => build(self.profile)?,
            Host::Spin => spin::component()?,
        };
        ui::say(format_args!("{}\n{}", built.wasm.display(), built.sizes()));
        if self.profile == Profile::Release { built.check_size() } else { Ok(()) }
    }
}

/// The edge, built for a host.
#[derive(Debug)]
pub struct Build {
    /// The wasm file.
    pub wasm: PathBuf,
    /// Bytes as they are.
    pub raw: usize,
    /// Bytes after gzip at its best level.
    pub gzip: usize,
}

impl Build {
    pub fn measure(wasm: PathBuf) -> Result<Self> {
        let bytes = fs::read(&wasm).with_context(|| format!("cannot read {}", wasm.display()))?;
        Ok(Self { raw: bytes.len(), gzip: gzip_size(&bytes)?, wasm })
    }

    /// One line for people.
    pub fn sizes(&self) -> String {
        #[expect(clippy::cast_precision_loss, clippy::as_conversions, reason = "a display of kilobytes")]
        let kib = |bytes: usize| bytes as f64 / 1024.0;
        format!(
            "wasm {:.0} KiB, gzipped {:.0} KiB (limit {:.0} KiB)",
            kib(self.raw),
            kib(self.gzip),
            kib(MAX_GZIP)
        )
    }

    /// The shipped module stays small.
    pub fn check_size(&self) -> Result<()> {
        if self.gzip > MAX_GZIP {
            bail!("the edge is too large: {}", self.sizes());
        }
        Ok(())
    }
}

/// Installs what the build needs, builds unless the sources are those of the last build, and measures.
pub fn build(profile: Profile) -> Result<Build> {
    tools::rust_targets(&["wasm32-unknown-unknown"])?;
    let (worker_build, bindgen) = tools::worker_tools()?;
    let bin = tools::node_modules()?.join(".bin");
    let stamp = paths::edge_build().join(".agentidp-built");
    let state = format!("{profile:?} {:016x}", fingerprint::of_files(paths::root(), &inputs())?);
    if !fingerprint::is_current(&stamp, &state) {
        ui::step("building the edge worker (WebAssembly)", || {
            let mut command = run::program(&worker_build);
            command
                .current_dir(paths::root().join("edge/cloudflare"))
                .env("CARGO_TARGET_DIR", paths::target())
                // Beside what .cargo/config.toml says of all WebAssembly.
                .env(
                    "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS",
                    format!("-Clink-arg=--max-memory={MAX_MEMORY}"),
                )
                .env("WASM_BINDGEN_BIN", &bindgen)
                .env("WASM_OPT_BIN", bin.join("wasm-opt"))
                .env("ESBUILD_BIN", bin.join("esbuild"));
            match profile {
                Profile::Release => command.args(["--profile", "release-wasm"]),
                Profile::Fast => command.args(["--dev", "--no-opt"]),
            };
            run::run(&mut command).context("the edge worker does not build")?;
            put_entry_before(&bin.join("esbuild"), profile)?;
            fingerprint::remember(&stamp, &state)
        })?;
    }
    measure(&paths::edge_build())
}

/// Makes one module of edge/cloudflare/entry.mjs and what worker-build wrote, in the place of the latter.
fn put_entry_before(esbuild: &Path, profile: Profile) -> Result<()> {
    let mut command = run::program(esbuild);
    command.current_dir(paths::edge_build()).args([
        "../entry.mjs",
        "--bundle",
        "--format=esm",
        "--external:./index_bg.wasm",
        "--external:cloudflare:*",
        "--log-level=warning",
        "--outfile=index.js",
        "--allow-overwrite",
    ]);
    if profile == Profile::Release {
        command.arg("--minify");
    }
    run::run(&mut command).context("the worker's entry cannot be bundled")
}

fn inputs() -> Vec<PathBuf> {
    [
        "shared/src",
        "shared/Cargo.toml",
        "edge/core",
        "edge/cloudflare",
        "policies",
        "Cargo.toml",
        "Cargo.lock",
        "package-lock.json",
        "xtask/src/edge.rs",
    ]
    .iter()
    .map(|path| paths::root().join(path))
    .collect()
}

fn measure(build: &Path) -> Result<Build> {
    let wasm = find_wasm(build)?.with_context(|| format!("{} holds no wasm file", build.display()))?;
    Build::measure(wasm)
}

fn find_wasm(folder: &Path) -> Result<Option<PathBuf>> {
    for entry in fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "wasm") {
            return Ok(Some(path));
        }
        if path.is_dir()
            && let Some(found) = find_wasm(&path)?
        {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

fn gzip_size(bytes: &[u8]) -> Result<usize> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_over_the_limit_is_refused() {
        let build = |gzip| Build { wasm: PathBuf::new(), raw: 3 * MAX_GZIP, gzip };
        assert!(build(MAX_GZIP).check_size().is_ok());
        assert!(build(MAX_GZIP + 1).check_size().is_err());
    }

    #[test]
    fn gzip_is_measured() {
        assert!(gzip_size(&[0; 10_000]).unwrap() < 100);
    }
}
