//! Who issues and verifies all the time.

use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use agentidp_shared::strict::decode_base64url;
use agentidp_tests::{Agent, Api};
use serde_json::Value;
use tokio::task::JoinSet;

use crate::measured::Measured;

/// The shortest life the control plane gives.
pub const TOKEN_SECONDS: u64 = 60;
/// Older ones might expire on the way.
const USED_FOR: Duration = Duration::from_secs(TOKEN_SECONDS - 10);
const VERIFIERS: usize = 4;
const PAUSE: Duration = Duration::from_millis(20);
/// An edge may learn of a key that was published just now only when it asks; a token of a key in use is known at once.
const KEPT_TOKENS: usize = 2_000;

#[derive(Debug, Clone)]
struct Token {
    text: String,
    kid: String,
    issued: Instant,
}

#[derive(Debug, Default)]
struct Shared {
    tokens: Mutex<VecDeque<Token>>,
    kids: Mutex<BTreeSet<String>>,
    measured: Mutex<Measured>,
    stop: AtomicBool,
}

#[derive(Debug)]
pub struct Load {
    shared: Arc<Shared>,
    tasks: JoinSet<()>,
}

impl Load {
    /// Tokens of these agents.
    pub fn start(control_plane: &str, edge: &str, agents: &[Agent]) -> Self {
        let (shared, mut tasks) = (Arc::new(Shared::default()), JoinSet::new());
        for agent in agents {
            tasks.spawn(issue(Arc::clone(&shared), Api::new(control_plane), agent.clone()));
        }
        for number in 0..VERIFIERS {
            tasks.spawn(verify(Arc::clone(&shared), Api::new(edge), number));
        }
        Self { shared, tasks }
    }

    pub fn peek(&self) -> Measured {
        self.shared.measured.lock().unwrap().clone()
    }

    /// What was measured since the last time.
    pub fn take(&self) -> Measured {
        std::mem::take(&mut self.shared.measured.lock().unwrap())
    }

    pub fn signed_with(&self, kid: &str) -> bool {
        self.shared.kids.lock().unwrap().contains(kid)
    }

    pub async fn stop(self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        self.tasks.join_all().await;
    }
}

async fn issue(shared: Arc<Shared>, api: Api, agent: Agent) {
    let api = api.with_basic(&agent.id, &agent.secret);
    while !shared.stop.load(Ordering::Relaxed) {
        let asked = Instant::now();
        let request = api.form_request("/oauth2/token", &[("grant_type", "client_credentials")]);
        let answer = api.try_send(request).await;
        let outcome = match answer {
            Some(answer) if answer.is(200) => {
                let text = answer.text("access_token");
                let kid = kid(&text);
                shared.kids.lock().unwrap().insert(kid.clone());
                let mut tokens = shared.tokens.lock().unwrap();
                // It counts from before it was asked for.
                tokens.push_back(Token { text, kid, issued: asked });
                while tokens.len() > KEPT_TOKENS
                    || tokens.front().is_some_and(|token| token.issued.elapsed() > USED_FOR)
                {
                    tokens.pop_front();
                }
                Ok(())
            }
            Some(answer) => Err(format!("{} {}", answer.status, answer.body)),
            None => Err("no answer".into()),
        };
        shared.measured.lock().unwrap().note("issued", asked.elapsed(), outcome);
        tokio::time::sleep(PAUSE).await;
    }
}

/// Takes the newest token, then an old one, and so on.
async fn verify(shared: Arc<Shared>, api: Api, number: usize) {
    let mut round = number;
    while !shared.stop.load(Ordering::Relaxed) {
        round += 1;
        let (token, newest) = {
            let tokens = shared.tokens.lock().unwrap();
            let newest = tokens.back().cloned();
            let index = if round.is_multiple_of(2) {
                tokens.len().saturating_sub(1)
            } else {
                round * 7_919 % tokens.len().max(1)
            };
            (tokens.get(index).cloned(), newest)
        };
        let (Some(token), Some(newest)) = (token, newest) else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        if token.issued.elapsed() < USED_FOR {
            let api = api.with_token(&token.text);
            let asked = Instant::now();
            let outcome = match api.try_send(api.request("GET", "/verify")).await {
                Some(answer) if answer.is(200) => Ok(()),
                Some(answer) => Err(format!(
                    "{} {} (key {}, {:.1} s old, newest key {})",
                    answer.status,
                    answer.body,
                    token.kid,
                    token.issued.elapsed().as_secs_f64(),
                    newest.kid
                )),
                None => Err("no answer".into()),
            };
            let mut measured = shared.measured.lock().unwrap();
            measured.by_replaced_key += usize::from(outcome.is_ok() && token.kid != newest.kid);
            measured.note("verified", asked.elapsed(), outcome);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn kid(token: &str) -> String {
    header(token)["kid"].as_str().unwrap().to_owned()
}

pub fn header(token: &str) -> Value {
    serde_json::from_slice(&decode_base64url(token.split('.').next().unwrap()).unwrap()).unwrap()
}
