//! Child processes: started, watched, and ended by their own id.

use std::fs::{self, File};
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::secrets;

/// A busy machine takes its time, and the first start of a database more of it.
const READY_WITHIN: Duration = Duration::from_mins(2);

/// A folder of its own, gone with its owner.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    #[expect(clippy::new_without_default, reason = "makes something on disk")]
    pub fn new() -> Self {
        let path = std::env::temp_dir().join(format!("agentidp-test-{}", crate::unique()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A running program.
#[derive(Debug)]
pub struct Process {
    name: &'static str,
    child: Child,
    log: PathBuf,
    /// What it announced on its standard output when it was ready.
    pub ready: Value,
}

impl Process {
    /// Starts `command` and waits for `{"event": "ready", …}`. Its other output goes to `log`.
    pub fn start(name: &'static str, mut command: Command, log: PathBuf) -> Self {
        let output = File::options().create(true).append(true).open(&log).unwrap();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(output)
            .spawn()
            .unwrap_or_else(|error| panic!("{name} does not start: {error} ({command:?})"));
        let lines = read_lines(child.stdout.take().unwrap(), log.clone());
        let mut process = Self { name, child, log, ready: Value::Null };
        process.ready = process.wait_ready(&lines);
        process
    }

    /// Starts a program of others, which does not say when it is ready. All its output goes to `log`.
    pub fn start_silent(name: &'static str, mut command: Command, log: PathBuf) -> Self {
        let output = File::options().create(true).append(true).open(&log).unwrap();
        let child = command
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .unwrap_or_else(|error| panic!("{name} does not start: {error} ({command:?})"));
        Self { name, child, log, ready: Value::Null }
    }

    fn wait_ready(&mut self, lines: &Receiver<String>) -> Value {
        let deadline = Instant::now() + READY_WITHIN;
        loop {
            match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    let event: Value = serde_json::from_str(&line).unwrap_or_default();
                    if event["event"] == "ready" {
                        return event;
                    }
                }
                Err(RecvTimeoutError::Disconnected) => {
                    let status = self.child.wait();
                    panic!("{} ended before it was ready ({status:?}):\n{}", self.name, self.log_tail());
                }
                Err(RecvTimeoutError::Timeout) => {
                    panic!("{} is not ready after {READY_WITHIN:?}:\n{}", self.name, self.log_tail())
                }
            }
        }
    }

    pub fn ready(&self, member: &str) -> &str {
        self.ready[member]
            .as_str()
            .unwrap_or_else(|| panic!("{} did not announce `{member}`: {}", self.name, self.ready))
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Ends it without a warning, as a crash would.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks it to end (SIGTERM) and waits until it has.
    pub fn stop(&mut self) -> Option<ExitStatus> {
        if self.is_running() {
            let pid = self.child.id().to_string();
            let _ = Command::new("kill").args(["-TERM", &pid]).status();
        }
        let deadline = Instant::now() + Duration::from_secs(30);
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().unwrap() {
                return Some(status);
            }
            thread::sleep(Duration::from_millis(10));
        }
        self.kill();
        None
    }

    /// Everything it wrote.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// The first complaints, and the last lines whatever they say.
    fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        let (before, last) = lines.split_at(lines.len().saturating_sub(40));
        let complains =
            |line: &&&str| line.contains(r#""level":"ERROR""#) || line.contains(r#""level":"WARN""#);
        let complaints: Vec<&str> = before.iter().filter(complains).take(20).copied().collect();
        [&complaints, last].concat().join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if thread::panicking() {
            println!("── last words of {} ──\n{}", self.name, self.log_tail());
        }
        self.stop();
        secrets::keep_log(self.name, &self.log);
    }
}

/// Lines of standard output, to the receiver while it listens, and always to the log.
fn read_lines(output: impl std::io::Read + Send + 'static, log: PathBuf) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut log = File::options().create(true).append(true).open(log).unwrap();
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            let _ = std::io::Write::write_all(&mut log, format!("{line}\n").as_bytes());
            let _ = sender.send(line);
        }
    });
    receiver
}

/// A loopback port that is this process's own until it ends: nobody listens there, no other test can draw it (its file in the
/// folder of drawn ports is locked), and the system does not give it to outgoing connections.
pub fn free_port() -> u16 {
    static MINE: Mutex<Vec<File>> = Mutex::new(Vec::new());
    let folder = std::env::temp_dir().join("agentidp-test-ports");
    fs::create_dir_all(&folder).unwrap();
    loop {
        let drawn = RandomState::new().build_hasher().finish();
        let port = 12_000 + u16::try_from(drawn % 20_000).unwrap();
        let file = File::options().create(true).append(true).open(folder.join(port.to_string())).unwrap();
        if file.try_lock().is_ok() && TcpListener::bind(("127.0.0.1", port)).is_ok() {
            MINE.lock().unwrap().push(file);
            return port;
        }
    }
}
