//! Programs that run until we stop them. Each has its own process group, so that Ctrl-C reaches only us and we end them
//! in order; each line they print is kept for the moment something goes wrong.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::Value;

use crate::{run, signals, ui};

const KEPT_LINES: usize = 30;

/// A running program which announces itself with `{"event": "ready", …}` on stdout.
#[derive(Debug)]
pub struct Service {
    name: &'static str,
    child: Child,
    group: Pid,
    events: Receiver<Value>,
    lines: Arc<Mutex<VecDeque<String>>>,
}

impl Service {
    /// Starts it. With `echo`, what it prints is shown as it comes.
    pub fn start(name: &'static str, command: &Command, echo: bool) -> Result<Self> {
        let mut command = tied_to_us(command);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let mut child = command.spawn().with_context(|| format!("cannot start the {name}"))?;
        let group = Pid::from_raw(i32::try_from(child.id()).context("process id out of range")?);
        let (sender, events) = mpsc::channel();
        let lines = Arc::new(Mutex::new(VecDeque::new()));
        let reader = |sender| Lines { name, echo, kept: Arc::clone(&lines), events: sender };
        if let Some(stdout) = child.stdout.take() {
            reader(Some(sender)).follow(stdout);
        }
        if let Some(stderr) = child.stderr.take() {
            reader(None).follow(stderr);
        }
        Ok(Self { name, child, group, events, lines })
    }

    /// Waits for the `ready` event. An end, an `error` event, a signal or the deadline is an error that quotes the output.
    pub fn wait_ready(&mut self, within: Duration) -> Result<Value> {
        let deadline = Instant::now() + within;
        loop {
            match self.events.recv_timeout(Duration::from_millis(50)) {
                Ok(event) if event.get("event").and_then(Value::as_str) == Some("ready") => return Ok(event),
                Ok(_) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => thread::sleep(Duration::from_millis(50)),
            }
            if signals::stop_requested() {
                bail!("stopped");
            }
            if let Some(status) = self.ended()? {
                bail!("the {} ended before it was ready ({status})\n{}", self.name, self.last_lines());
            }
            if Instant::now() > deadline {
                bail!("the {} was not ready within {}\n{}", self.name, ui::human(within), self.last_lines());
            }
        }
    }

    /// Its exit status, if it has ended.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait().with_context(|| format!("cannot watch the {}", self.name))
    }

    /// An error when it has ended although nobody asked it to.
    pub fn check(&mut self) -> Result<()> {
        match self.ended()? {
            None => Ok(()),
            Some(status) => bail!("the {} has died ({status})\n{}", self.name, self.last_lines()),
        }
    }

    /// SIGTERM, then SIGKILL for the whole group after `grace`.
    pub fn stop(&mut self, grace: Duration) -> Result<()> {
        if self.ended()?.is_none() {
            run::terminate(self.child.id());
            let deadline = Instant::now() + grace;
            while self.ended()?.is_none() {
                if Instant::now() > deadline {
                    ui::say(format_args!(
                        "the {} did not stop within {}; killing it",
                        self.name,
                        ui::human(grace)
                    ));
                    break;
                }
                thread::sleep(Duration::from_millis(20));
            }
        }
        // Whatever it left behind; the group is gone in the ordinary case.
        let _ = killpg(self.group, Signal::SIGKILL);
        self.child.wait().with_context(|| format!("cannot wait for the {}", self.name))?;
        Ok(())
    }

    fn last_lines(&self) -> String {
        // The reader may be a moment behind the end of the process.
        thread::sleep(Duration::from_millis(50));
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let quoted: Vec<String> = lines.iter().map(|line| format!("  │ {line}")).collect();
        quoted.join("\n")
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.stop(Duration::from_secs(25));
    }
}

/// On Linux the kernel ends the child when we are killed without a chance to clean up.
fn tied_to_us(command: &Command) -> Command {
    let Some(setpriv) = cfg!(target_os = "linux").then(|| run::find("setpriv")).flatten() else {
        return copy(command, Command::new(command.get_program()));
    };
    let mut tied = Command::new(setpriv);
    tied.args(["--pdeathsig", "TERM", "--"]).arg(command.get_program());
    copy(command, tied)
}

fn copy(from: &Command, mut to: Command) -> Command {
    to.args(from.get_args());
    for (name, value) in from.get_envs() {
        match value {
            Some(value) => to.env(name, value),
            None => to.env_remove(name),
        };
    }
    if let Some(dir) = from.get_current_dir() {
        to.current_dir(dir);
    }
    to
}

struct Lines {
    name: &'static str,
    echo: bool,
    kept: Arc<Mutex<VecDeque<String>>>,
    events: Option<Sender<Value>>,
}

impl Lines {
    fn follow(self, stream: impl Read + Send + 'static) {
        thread::spawn(move || {
            for line in BufReader::new(stream).split(b'\n') {
                let Ok(line) = line else { return };
                self.take(&String::from_utf8_lossy(&line));
            }
        });
    }

    fn take(&self, line: &str) {
        if let Some(events) = &self.events
            && let Some(event) = event(line)
        {
            // Nobody listens any more once the service is ready.
            let _ = events.send(event);
            return;
        }
        if self.echo {
            ui::say(format_args!("{} │ {line}", self.name));
        }
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == KEPT_LINES {
            kept.pop_front();
        }
        kept.push_back(line.to_owned());
    }
}

fn event(line: &str) -> Option<Value> {
    let value: Value = serde_json::from_str(line.trim()).ok()?;
    value.get("event").is_some().then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Service {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Service::start("test service", &command, false).unwrap()
    }

    #[test]
    fn readiness_is_the_announced_event() {
        let mut service = shell(r#"echo noise; echo '{"event":"ready","url":"here"}'; exec sleep 60"#);
        let ready = service.wait_ready(Duration::from_secs(10)).unwrap();
        assert_eq!(ready["url"], "here");
        service.check().unwrap();
        service.stop(Duration::from_secs(10)).unwrap();
        assert!(service.ended().unwrap().is_some());
    }

    #[test]
    fn an_early_end_quotes_the_output() {
        let mut service = shell("echo the reason >&2; exit 7");
        let error = service.wait_ready(Duration::from_secs(10)).unwrap_err().to_string();
        assert!(error.contains("the reason") && error.contains('7'), "{error}");
    }

    #[test]
    fn a_service_that_ignores_sigterm_is_killed() {
        let mut service = shell(r#"trap '' TERM; echo '{"event":"ready"}'; while :; do sleep 0.05; done"#);
        service.wait_ready(Duration::from_secs(10)).unwrap();
        service.stop(Duration::from_millis(100)).unwrap();
        assert!(service.ended().unwrap().is_some());
    }
}
