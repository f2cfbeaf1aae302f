//! The load process of the benchmarks: sends prepared HTTP/1.1 requests over a number of kept connections, one at a time on each,
//! and prints one line of JSON about how it went: the microseconds of each good answer, and how many others there were. It is a
//! process of its own so that what it costs is not counted as the server's.
//!
//! When its connections are open it prints `ready`, and begins once it is sent a line. They stay open until its input ends. So
//! whoever reads clocks between the two reads of answers alone.
//!
//! ```text
//! agentidp-load --target 127.0.0.1:8787 --requests FILE --connections 10 --expect 200 [--seconds 5] [--rate 1000]
//! ```
//!
//! `FILE` has one request a line: `{"method", "path", "headers": [[name, value]], "body"}`. Without `--seconds` each is sent once;
//! with it they are sent over and over, in order, until the time is over. With `--rate` each has its moment, so many a second, and its
//! time counts from then, even if no connection was free.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a program for the benchmarks, which stops when something is wrong and watches the real clock"
)]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use clap::Parser;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::HOST;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::json;
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::{JoinSet, LocalSet};

#[derive(Debug, Parser)]
struct Arguments {
    #[arg(long)]
    target: SocketAddr,
    #[arg(long)]
    requests: PathBuf,
    #[arg(long, default_value_t = 10)]
    connections: usize,
    /// The status of a good answer.
    #[arg(long, default_value_t = 200)]
    expect: u16,
    #[arg(long)]
    seconds: Option<f64>,
    #[arg(long)]
    rate: Option<f64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Prepared {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    #[serde(default)]
    body: String,
}

/// What all connections share.
struct Load {
    target: SocketAddr,
    requests: Vec<hyper::Request<Full<Bytes>>>,
    next: AtomicUsize,
    until: Option<Instant>,
    /// The moments of requests that have one.
    moments: Option<Mutex<UnboundedReceiver<Instant>>>,
    expect: u16,
}

#[derive(Debug, Default)]
struct Outcome {
    /// Of each good answer, in no order.
    micros: Vec<u32>,
    /// By what happened instead.
    failures: BTreeMap<String, usize>,
}

impl Load {
    fn read(arguments: &Arguments) -> Self {
        let text = std::fs::read_to_string(&arguments.requests).expect("the file of requests is readable");
        let host = arguments.target.to_string();
        let requests = text.lines().map(|line| prepare(line, &host)).collect();
        Self {
            target: arguments.target,
            requests,
            next: AtomicUsize::new(0),
            until: None,
            moments: None,
            expect: arguments.expect,
        }
    }

    fn begin(&mut self, arguments: &Arguments) {
        self.until = arguments.seconds.map(|seconds| Instant::now() + Duration::from_secs_f64(seconds));
        self.moments = arguments.rate.map(|rate| Mutex::new(moments(rate)));
    }

    /// The next request, and when it was due.
    async fn take(&self) -> Option<(hyper::Request<Full<Bytes>>, Instant)> {
        let due = match &self.moments {
            Some(moments) => self.take_moment(&mut *moments.lock().await).await?,
            None => Instant::now(),
        };
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let index = match self.until {
            None => number,
            Some(until) if due < until => number.checked_rem(self.requests.len())?,
            Some(_) => return None,
        };
        Some((self.requests.get(index)?.clone(), due))
    }

    async fn take_moment(&self, moments: &mut UnboundedReceiver<Instant>) -> Option<Instant> {
        let due = moments.recv().await?;
        if self.until.is_some_and(|until| due >= until) {
            // Nobody else waits for one more.
            moments.close();
        }
        Some(due)
    }

    /// Over one connection, opened again when it breaks, until nothing is left to send.
    async fn send(&self, connection: &mut Option<SendRequest<Full<Bytes>>>) -> Outcome {
        let mut outcome = Outcome::default();
        while let Some((request, due)) = self.take().await {
            let answered = match connection.take() {
                Some(connection) => self.ask(connection, request).await,
                None => match connect(self.target).await {
                    Ok(connection) => self.ask(connection, request).await,
                    Err(error) => Err(error),
                },
            };
            match answered {
                Ok((status, kept)) => {
                    *connection = Some(kept);
                    if status == self.expect {
                        outcome.micros.push(due.elapsed().as_micros().try_into().unwrap_or(u32::MAX));
                    } else {
                        *outcome.failures.entry(status.to_string()).or_default() += 1;
                    }
                }
                Err(error) => *outcome.failures.entry(error).or_default() += 1,
            }
        }
        outcome
    }

    async fn ask(
        &self,
        mut connection: SendRequest<Full<Bytes>>,
        request: hyper::Request<Full<Bytes>>,
    ) -> Result<(u16, SendRequest<Full<Bytes>>), String> {
        connection.ready().await.map_err(|error| error.to_string())?;
        let answer = connection.send_request(request).await.map_err(|error| error.to_string())?;
        let status = answer.status().as_u16();
        answer.into_body().collect().await.map_err(|error| error.to_string())?;
        Ok((status, connection))
    }
}

async fn connect(target: SocketAddr) -> Result<SendRequest<Full<Bytes>>, String> {
    let stream = TcpStream::connect(target).await.map_err(|error| error.to_string())?;
    stream.set_nodelay(true).map_err(|error| error.to_string())?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
    tokio::spawn(connection);
    Ok(sender)
}

/// So many moments a second, each told when it has come. By a thread of its own, because timers of the runtime round up to
/// milliseconds, which is more than what is measured.
fn moments(per_second: f64) -> UnboundedReceiver<Instant> {
    let (sender, receiver) = unbounded_channel();
    std::thread::spawn(move || {
        let began = Instant::now();
        for number in 0_u32.. {
            let due = began + Duration::from_secs_f64(f64::from(number) / per_second);
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            if sender.send(due).is_err() {
                break;
            }
        }
    });
    receiver
}

fn prepare(line: &str, host: &str) -> hyper::Request<Full<Bytes>> {
    let prepared: Prepared = serde_json::from_str(line).expect("a prepared request");
    let mut request =
        hyper::Request::builder().method(prepared.method.as_str()).uri(&prepared.path).header(HOST, host);
    for (name, value) in &prepared.headers {
        request = request.header(name, value);
    }
    request.body(Full::new(Bytes::from(prepared.body))).expect("a well-formed request")
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments = Arguments::parse();
    let local = LocalSet::new();
    local
        .run_until(async {
            let mut load = Load::read(&arguments);
            let mut opening = JoinSet::new();
            for _ in 0..arguments.connections {
                opening.spawn_local(connect(arguments.target));
            }
            let opened = opening.join_all().await;
            println!("ready");
            let mut told = std::io::stdin().lines();
            if told.next().is_none() {
                return;
            }
            load.begin(&arguments);
            let load = Rc::new(load);
            let started = Instant::now();
            let mut connections = JoinSet::new();
            for connection in opened {
                let load = Rc::clone(&load);
                connections.spawn_local(async move {
                    let mut connection = connection.ok();
                    (load.send(&mut connection).await, connection)
                });
            }
            let ended = connections.join_all().await;
            let seconds = started.elapsed().as_secs_f64();
            let mut all = Outcome::default();
            let (outcomes, _open): (Vec<_>, Vec<_>) = ended.into_iter().unzip();
            for outcome in outcomes {
                all.micros.extend(outcome.micros);
                for (what, count) in outcome.failures {
                    *all.failures.entry(what).or_default() += count;
                }
            }
            println!("{}", json!({ "failures": all.failures, "seconds": seconds, "micros": all.micros }));
            let _ = told.next();
        })
        .await;
}
