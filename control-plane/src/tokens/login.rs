//! Logins by secret, looked up together: whoever comes while one round asks the database is in the next.

use std::sync::Arc;

use super::store::Client;
use super::{login_store, throttle};
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
    let known = login_store::known_any_tenant(&mut line, logins, now).await?;
    let (known, clients): (Vec<_>, Vec<_>) = known.into_iter().unzip();
    let proofs = credentials::authenticate(&mut line, app, logins, &known).await?;
    line.keep();

    let verdicts = proofs.into_iter().zip(clients).map(|(proof, client)| match (proof, client) {
        (Proof::MustWaitUntil(until), _) => Verdict::MustWait(throttle::seconds_left(until, now)),
        (Proof::Authentic(proof), Some(client)) => {
            Verdict::Proven(Box::new(client.with_credential(proof.credential_id)))
        }
        (Proof::Authentic(_), None) | (Proof::NotAuthentic, _) => Verdict::NotProven,
    });
    Ok(verdicts.collect())
}
