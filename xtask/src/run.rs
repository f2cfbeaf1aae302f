//! Running other programs to their end, with errors that say what to look at.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::{paths, signals};

/// `cargo` with the shared target folder, and sqlx's checked-in query metadata unless the caller says otherwise.
pub fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(paths::root()).env("CARGO_TARGET_DIR", paths::target()).env("SQLX_OFFLINE", "true");
    command
}

/// Builds an example, optimised; returns where it is.
pub fn cargo_release_example(package: &str, example: &str) -> Result<PathBuf> {
    run(cargo().args(["build", "--release", "--package", package, "--example", example]))?;
    Ok(paths::target().join("release/examples").join(example))
}

/// Builds a program of ours, optimised; returns where it is.
pub fn cargo_release_binary(package: &str, binary: &str) -> Result<PathBuf> {
    run(cargo().args(["build", "--release", "--package", package, "--bin", binary]))?;
    Ok(paths::target().join("release").join(binary))
}

/// Any other program, in the checkout.
pub fn program(name: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(name);
    command.current_dir(paths::root());
    command
}

/// Runs with the user watching: everything the program prints goes to stderr.
pub fn run(command: &mut Command) -> Result<()> {
    watch(command.stdout(std::io::stderr()))
}

/// As [`run`], but what the program prints on standard output is this command's result.
pub fn run_with_output(command: &mut Command) -> Result<()> {
    watch(command.stdout(std::io::stdout()))
}

fn watch(command: &mut Command) -> Result<()> {
    let line = describe(command);
    let mut child = command.stdin(Stdio::null()).spawn().with_context(|| format!("cannot start `{line}`"))?;
    loop {
        if let Some(status) = child.try_wait()? {
            if signals::stop_requested() {
                bail!("stopped");
            }
            if status.success() {
                return Ok(());
            }
            bail!("`{line}` failed ({status})");
        }
        if signals::stop_requested() {
            terminate(child.id());
            child.wait()?;
            bail!("stopped");
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// Runs silently and returns stdout; an error carries the end of stderr.
pub fn output(command: &mut Command) -> Result<String> {
    let line = describe(command);
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot start `{line}`"))?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        bail!("`{line}` failed ({}): {}", output.status, tail(&stderr, 8));
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{line}` printed something that is not UTF-8"))
}

/// Whether it starts and succeeds; prints nothing.
pub fn works(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// The first executable of that name on PATH.
pub fn find(name: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?).map(|dir| dir.join(name)).find(|path| is_executable(path))
}

fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

/// Asks one process to stop.
pub fn terminate(pid: u32) {
    if let Ok(pid) = i32::try_from(pid) {
        // It may just have ended by itself; then there is nothing to do.
        let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
    }
}

/// The program and its arguments, without its environment (which may hold secrets).
fn describe(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned();
    command.get_args().fold(name, |line, argument| format!("{line} {}", argument.to_string_lossy()))
}

fn tail(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.trim_end().lines().collect();
    all.get(all.len().saturating_sub(lines)..).unwrap_or_default().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_of_long_output_is_quoted() {
        assert_eq!(tail("a\nb\nc\n", 2), "b\nc");
        assert_eq!(tail("a", 2), "a");
    }

    #[test]
    fn a_command_is_described_without_its_environment() {
        let mut command = Command::new("/usr/bin/thing");
        command.arg("--flag").env("SECRET", "hush");
        assert_eq!(describe(&command), "thing --flag");
    }

    #[test]
    fn a_failing_program_is_an_error_that_names_it() {
        let error = output(Command::new("sh").args(["-c", "echo why >&2; exit 3"])).unwrap_err();
        assert!(error.to_string().contains("exit 3") && error.to_string().contains("why"), "{error}");
    }
}
