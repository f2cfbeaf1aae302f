//! Logins by secret, looked up together: whoever comes while one round asks the database is in the next.

use std::collections::HashMap;
use std::sync::Arc;

use super::store::{self, Client};
use super::throttle;
use crate::app::App;
use crate::credentials::{self, PresentedSecret};
use crate::infra::gather::Round;

/// One login, as far as it goes without the database.
pub(super) struct Login {
    /// What failures of its address are counted under.
    pub address_key: Option<String>,
    /// `None` if what was presented can be no agent's id with a secret of ours.
    pub secret: Option<PresentedSecret>,
}

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
        match verdicts(app, &asked).await {
            Ok(verdicts) => verdicts.into_iter().map(Ok).collect(),
            Err(error) => {
                let error = Arc::new(error);
                asked.iter().map(|_| Err(error.clone())).collect()
            }
        }
    }
}

async fn verdicts(app: &App, logins: &[Login]) -> Result<Vec<Verdict>, sqlx::Error> {
    let mut tx = app.db.system().await?;
    let keys: Vec<_> = logins.iter().filter_map(|login| login.address_key.as_deref()).collect();
    let waits = throttle::addresses_that_wait(&mut tx, &keys, app.now()).await?;
    let wait_of = |login: &Login| waits.get(login.address_key.as_deref()?).copied();
    let secrets: Vec<_> = logins
        .iter()
        .filter(|login| wait_of(login).is_none())
        .filter_map(|login| login.secret.as_ref())
        .collect();
    let proofs = credentials::authenticate(&mut tx, app, &secrets).await?;
    // Only of those who have proven it: whether there is such an agent is not to show in how long a refusal takes.
    let agents: Vec<_> = secrets
        .iter()
        .zip(&proofs)
        .filter_map(|(secret, proof)| proof.as_ref().map(|_| secret.agent().as_uuid()))
        .collect();
    let clients =
        if agents.is_empty() { vec![] } else { store::clients_any_tenant(&mut tx, &agents).await? };
    // Commits that the credentials were used.
    tx.commit().await?;

    let clients: HashMap<_, _> = clients.into_iter().map(|client| (client.agent_id, client)).collect();
    let mut proofs = secrets.iter().zip(proofs);
    let verdicts = logins.iter().map(|login| {
        if let Some(seconds) = wait_of(login) {
            return Verdict::MustWait(seconds);
        }
        let proven = login.secret.as_ref().and_then(|_| {
            let (secret, proof) = proofs.next()?;
            Some(clients.get(&secret.agent())?.clone().with_credential(proof?.credential_id))
        });
        proven.map_or(Verdict::NotProven, |client| Verdict::Proven(Box::new(client)))
    });
    Ok(verdicts.collect())
}
