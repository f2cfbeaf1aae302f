//! Logins by secret, looked up together: whoever comes while one round asks the database is in the next.

use std::collections::HashMap;
use std::sync::Arc;

use super::store::{self, Client};
use super::throttle;
use crate::app::App;
use crate::credentials::{self, Presented, Proof};
use crate::infra::gather::Round;

/// One login.
pub(super) struct Login(pub Presented);

pub(super) enum Verdict {
    /// The client is who it says. Whether it may act is another question.
    Proven(Box<Client>),
    NotProven,
    /// Its address has failed too often: seconds to wait. Its secret was not looked at.
    MustWait(u64),
}

impl Round for Login {
    type Context = App;
    type Answer = Result<Verdict, Arc<sqlx::Error>>;
    const MOST: usize = 128;

    async fn run(app: &App, asked: Vec<Self>) -> Vec<Self::Answer> {
        let logins: Vec<_> = asked.into_iter().map(|Self(login)| login).collect();
        match verdicts(app, &logins).await {
            Ok(verdicts) => verdicts.into_iter().map(Ok).collect(),
            Err(error) => {
                let error = Arc::new(error);
                logins.iter().map(|_| Err(error.clone())).collect()
            }
        }
    }
}

async fn verdicts(app: &App, logins: &[Presented]) -> Result<Vec<Verdict>, sqlx::Error> {
    let now = app.now();
    let mut line = app.tokens.login_line.take(&app.db).await?;
    let proofs = credentials::authenticate(&mut line, app, logins).await?;
    // Only of those who have proven it: whether there is such an agent is not to show in how long a refusal takes.
    let proven = logins.iter().zip(&proofs).filter_map(|(login, proof)| match (&login.secret, proof) {
        (Some(secret), Proof::Authentic(_)) => Some(secret.agent().as_uuid()),
        _ => None,
    });
    let agents: Vec<_> = proven.collect();
    let clients =
        if agents.is_empty() { vec![] } else { store::clients_any_tenant(&mut line, &agents).await? };
    line.keep();

    let clients: HashMap<_, _> = clients.into_iter().map(|client| (client.agent_id, client)).collect();
    let verdicts = logins.iter().zip(proofs).map(|(login, proof)| match (&login.secret, proof) {
        (_, Proof::MustWaitUntil(until)) => Verdict::MustWait(throttle::seconds_left(until, now)),
        (Some(secret), Proof::Authentic(proof)) => match clients.get(&secret.agent()) {
            Some(client) => Verdict::Proven(Box::new(client.clone().with_credential(proof.credential_id))),
            None => Verdict::NotProven,
        },
        _ => Verdict::NotProven,
    });
    Ok(verdicts.collect())
}
