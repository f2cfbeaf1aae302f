//! Asking under a mark, and writing down what came of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use agentidp_tests::{Answer, Api};
use reqwest::RequestBuilder;

use crate::ledger::{Entry, Kind, Ledger, Outcome};

const PAUSE_IN_DOUBT: Duration = Duration::from_millis(200);

/// One who asks, one request after the other.
#[derive(Debug)]
pub struct Caller {
    name: String,
    asked: u64,
    pub api: Api,
    pub ledger: Ledger,
    stop: Arc<AtomicBool>,
}

/// What came of a request.
#[derive(Debug)]
pub enum Reply {
    Done(Answer),
    Refused(Answer),
    /// It may have happened: if there are events under this mark it has.
    InDoubt(String),
}

impl Caller {
    pub fn new(name: String, api: Api, stop: Arc<AtomicBool>) -> Self {
        Self { name, asked: 0, api, ledger: Ledger::default(), stop }
    }

    pub fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    pub fn mark(&mut self) -> String {
        self.asked += 1;
        format!("chaos/{}/{}", self.name, self.asked)
    }

    /// Sends once, whatever happens.
    pub async fn ask(&mut self, kind: Kind, request: RequestBuilder) -> Reply {
        let mark = self.mark();
        let answer = self.api.try_send(request.header("user-agent", &mark)).await;
        let (outcome, reply) = match answer {
            Some(answer) if answer.status < 300 => (Outcome::Acknowledged, Reply::Done(answer)),
            Some(answer) if answer.status < 500 => (Outcome::Refused, Reply::Refused(answer)),
            _ => {
                // As any client that is no nuisance; and a service that is away refuses connections as fast as they come.
                tokio::time::sleep(PAUSE_IN_DOUBT).await;
                (Outcome::InDoubt, Reply::InDoubt(mark.clone()))
            }
        };
        self.ledger.entries.push(Entry { mark, kind, outcome });
        reply
    }

    /// Repeats the request under one mark and one idempotency key until it is answered: it must have happened once then. Nothing if
    /// the load ends before.
    pub async fn repeat(&mut self, kind: Kind, make: impl Fn(&Api) -> RequestBuilder) -> Option<Answer> {
        let mark = self.mark();
        let key = format!("{mark}/{}", agentidp_tests::unique());
        while !self.is_stopped() {
            let request = make(&self.api).header("user-agent", &mark).header("idempotency-key", &key);
            let answer = self.api.try_send(request).await.filter(|answer| answer.status < 500);
            match answer {
                Some(answer) if answer.status < 300 => {
                    self.ledger.entries.push(Entry { mark, kind, outcome: Outcome::Acknowledged });
                    return Some(answer);
                }
                // An earlier one died with its server; a minute later the key is free.
                Some(answer) if answer.is(409) && answer.code() == "IDEMPOTENCY_IN_PROGRESS" => {}
                Some(answer) => {
                    self.expect(false, || format!("{}: {} → {}", kind.name(), answer.asked, answer.body));
                    break;
                }
                None => {}
            }
            tokio::time::sleep(PAUSE_IN_DOUBT).await;
        }
        self.ledger.entries.push(Entry { mark, kind, outcome: Outcome::InDoubt });
        None
    }

    /// As [`ask`](Self::ask), where a refusal contradicts what was answered before.
    pub async fn must(&mut self, kind: Kind, request: RequestBuilder) -> Reply {
        let reply = self.ask(kind, request).await;
        self.ledger.expected_answers += 1;
        if let Reply::Refused(answer) = &reply {
            self.ledger.surprises.push(format!(
                "{}: {} was refused with {}: {}",
                kind.name(),
                answer.asked,
                answer.status,
                answer.body
            ));
        }
        reply
    }

    /// Something was seen that must be so.
    pub fn expect(&mut self, holds: bool, otherwise: impl FnOnce() -> String) {
        self.ledger.expected_answers += 1;
        if !holds {
            self.ledger.surprises.push(otherwise());
        }
    }
}
