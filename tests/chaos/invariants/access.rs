//! What the control plane itself says of every secret and every token.

use agentidp_tests::{Answer, Api};
use futures_util::future::join_all;

use super::{Case, Verdict};

/// Asked at once.
const AT_ONCE: usize = 16;

/// An address of its own for each login, or the failed ones would slow all others down.
fn from_elsewhere(number: usize) -> String {
    format!("198.{}.{}.{}", 18 + number / 62_500 % 2, number / 250 % 250, number % 250 + 1)
}

/// Secrets that count are taken, those that were rotated away, revoked or ended are not.
pub async fn secrets(case: &Case<'_>) -> Verdict {
    let mut verdict = Verdict::new("secrets that were rotated away or revoked are refused, all others taken");
    let happened = case.happened().await;
    let api = Api::new(&case.control_plane.url());
    let numbered: Vec<_> = case.ledger.secrets.iter().enumerate().collect();
    for some in numbered.chunks(AT_ONCE) {
        let answers = join_all(some.iter().map(|(number, secret)| {
            let api = api.with_basic(&secret.agent, &secret.text);
            let request = api.form_request("/oauth2/token", &[("grant_type", "client_credentials")]);
            async move { api.send(request.header("x-forwarded-for", from_elsewhere(*number))).await }
        }));
        for ((_, secret), answer) in some.iter().zip(answers.await) {
            let good = secret.fate.is_good(|mark| happened.contains(mark));
            verdict.check(judged(good, &answer), || {
                format!(
                    "a secret of {} that is {:?} → {} {}",
                    secret.agent, secret.fate, answer.status, answer.body
                )
            });
        }
    }
    verdict
}

fn judged(good: bool, answer: &Answer) -> bool {
    match answer.status {
        200 => good,
        // Of an agent that is suspended or decommissioned, and of a secret that is none.
        400 => !good && answer.error() == "unauthorized_client",
        401 => !good && answer.error() == "invalid_client",
        // The same, told to who fails again and again under one agent's name; its right secret is taken all the same.
        429 => !good && answer.error() == "slow_down",
        _ => false,
    }
}

/// Introspection says of every token what is true.
pub async fn introspection(case: &Case<'_>) -> Verdict {
    let mut verdict = Verdict::new("introspection tells good tokens from revoked ones");
    let happened = case.happened().await;
    for some in case.ledger.tokens.chunks(AT_ONCE) {
        let answers =
            join_all(some.iter().map(async |token| {
                case.tenant.api.form("/oauth2/introspect", &[("token", &token.text)]).await
            }));
        for (token, answer) in some.iter().zip(answers.await) {
            let good = token.fate.is_good(|mark| happened.contains(mark));
            verdict.check(answer.is(200) && (answer.json()["active"] == true) == good, || {
                format!("{} is {:?} → {} {}", token.jti, token.fate, answer.status, answer.body)
            });
        }
    }
    verdict
}
