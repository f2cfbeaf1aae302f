//! Sending prepared requests from a process of their own, and what those who answered spent meanwhile.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::machine;

/// A request as `agentidp-load` reads it.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: &'static str,
    pub path: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

impl Request {
    pub fn get(path: impl Into<String>) -> Self {
        Self { method: "GET", path: path.into(), headers: Vec::new(), body: String::new() }
    }

    pub fn form(path: impl Into<String>, body: String) -> Self {
        let headers = vec![("content-type", "application/x-www-form-urlencoded".to_owned())];
        Self { method: "POST", path: path.into(), headers, body }
    }

    pub fn json(path: impl Into<String>, body: &Value) -> Self {
        let headers = vec![("content-type", "application/json".to_owned())];
        Self { method: "POST", path: path.into(), headers, body: body.to_string() }
    }

    pub fn with_token(mut self, token: &str) -> Self {
        self.headers.push(("authorization", format!("Bearer {token}")));
        self
    }
}

/// Writes requests where the load process finds them.
pub fn prepare(file: PathBuf, requests: impl IntoIterator<Item = Request>) -> PathBuf {
    let mut writer = BufWriter::new(File::create(&file).unwrap());
    for request in requests {
        let Request { method, path, headers, body } = request;
        let line = json!({"method": method, "path": path, "headers": headers, "body": body});
        writeln!(writer, "{line}").unwrap();
    }
    writer.flush().unwrap();
    file
}

/// Who answers.
#[derive(Debug, Clone)]
pub struct Server {
    pub target: SocketAddr,
    /// Everything whose time it costs to answer, by name, with the ids of their first processes.
    pub processes: Vec<(&'static str, u32)>,
}

/// How much of it at once, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    pub connections: usize,
    pub expect: u16,
    /// Otherwise each request is sent once.
    pub seconds: Option<f64>,
    /// So many a second; as many as are answered, unless said.
    pub rate: Option<f64>,
}

impl Shape {
    pub const fn once(connections: usize) -> Self {
        Self { connections, expect: 200, seconds: None, rate: None }
    }

    pub const fn during(connections: usize, seconds: f64) -> Self {
        Self { connections, expect: 200, seconds: Some(seconds), rate: None }
    }

    pub const fn at_rate(mut self, per_second: f64) -> Self {
        self.rate = Some(per_second);
        self
    }

    pub const fn expecting(mut self, status: u16) -> Self {
        self.expect = status;
        self
    }
}

#[derive(Debug, Deserialize)]
struct Sent {
    failures: BTreeMap<String, usize>,
    seconds: f64,
    micros: Vec<u32>,
}

/// How one run went.
#[derive(Debug, Default)]
pub struct Sample {
    pub failures: BTreeMap<String, usize>,
    pub per_second: f64,
    /// What each good answer took, in order.
    pub micros: Vec<u32>,
    /// CPU seconds that each process had had when this began.
    pub cpu_began: BTreeMap<&'static str, f64>,
    /// Milliseconds of CPU that each process spent on one request.
    pub cpu_ms: BTreeMap<&'static str, f64>,
    /// The most that each had resident, of several processes at the end.
    pub memory_mib: BTreeMap<&'static str, u64>,
}

impl Sample {
    pub fn cpu_ms_in_all(&self) -> f64 {
        self.cpu_ms.values().sum()
    }

    pub fn per_cpu_second(&self) -> f64 {
        1_000.0 / self.cpu_ms_in_all()
    }

    /// Counts what was spent until another began, and not only until the answers were there.
    pub fn spent_until(&mut self, next: &Self) {
        for (name, cpu_ms) in &mut self.cpu_ms {
            *cpu_ms = per_request(next.cpu_began[name] - self.cpu_began[name], self.micros.len());
        }
    }
}

/// Milliseconds.
#[expect(clippy::cast_precision_loss, clippy::as_conversions, reason = "a few million at most")]
fn per_request(seconds: f64, requests: usize) -> f64 {
    seconds * 1_000.0 / requests as f64
}

/// What each good answer took, of all samples in order.
pub fn micros_together(samples: &[Sample]) -> Vec<u32> {
    let mut micros: Vec<u32> = samples.iter().flat_map(|sample| &sample.micros).copied().collect();
    micros.sort_unstable();
    micros
}

/// Milliseconds, of microseconds in order.
pub fn percentile(micros: &[u32], per_cent: usize) -> f64 {
    let last = micros.len().saturating_sub(1);
    micros.get(last * per_cent / 100).map_or(f64::NAN, |micros| f64::from(*micros) / 1_000.0)
}

/// A load process that runs.
#[derive(Debug)]
pub struct Running {
    child: std::process::Child,
    told: ChildStdin,
    said: BufReader<ChildStdout>,
    before: Vec<(&'static str, u32, f64)>,
}

pub fn start(server: &Server, requests: &Path, shape: Shape) -> Running {
    let mut command = Command::new(crate::environment::load());
    command.args(["--target", &server.target.to_string(), "--requests"]).arg(requests).args([
        "--connections",
        &shape.connections.to_string(),
        "--expect",
        &shape.expect.to_string(),
    ]);
    if let Some(seconds) = shape.seconds {
        command.args(["--seconds", &seconds.to_string()]);
    }
    if let Some(rate) = shape.rate {
        command.args(["--rate", &rate.to_string()]);
    }
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the load process starts");
    let (mut told, mut said) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
    assert_eq!(line(&mut said), "ready\n", "the load process opens its connections");
    let before =
        server.processes.iter().map(|(name, pid)| (*name, *pid, machine::cpu_seconds(*pid))).collect();
    writeln!(told, "begin").unwrap();
    Running { child, told, said, before }
}

fn line(said: &mut BufReader<ChildStdout>) -> String {
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    line
}

impl Running {
    /// Ends a load that was only to be there.
    pub fn stop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    pub fn finish(mut self) -> Sample {
        let mut sent: Sent = serde_json::from_str(&line(&mut self.said)).expect("a line of JSON");
        let requests = sent.micros.len();
        let cpu_ms = self
            .before
            .iter()
            .map(|(name, pid, before)| (*name, per_request(machine::cpu_seconds(*pid) - before, requests)))
            .collect();
        let cpu_began = self.before.iter().map(|(name, _, before)| (*name, *before)).collect();
        let memory_mib =
            self.before.iter().map(|(name, pid, _)| (*name, machine::memory_mib(*pid))).collect();
        drop(self.told);
        assert!(self.child.wait().unwrap().success(), "the load process failed");
        sent.micros.sort_unstable();
        Sample {
            per_second: 1_000.0 / per_request(sent.seconds, requests),
            micros: sent.micros,
            failures: sent.failures,
            cpu_began,
            cpu_ms,
            memory_mib,
        }
    }
}

/// Sends and waits.
pub fn run(server: &Server, requests: &Path, shape: Shape) -> Sample {
    start(server, requests, shape).finish()
}
