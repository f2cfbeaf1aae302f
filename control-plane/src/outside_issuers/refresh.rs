//! Fetching the keys of trusted issuers: when a policy is made, on schedule, and soon after a token named a key that is not known.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use agentidp_shared::ids::OrganizationId;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use tokio::task::JoinSet;

use super::{FRESH, IssuerError, Turn, store};
use crate::app::App;
use crate::infra::http::error::ApiError;
use crate::infra::jobs::{Effects, Job, JobError, Work};
use crate::infra::outbound::OutboundError;
use crate::tenancy;

/// Longest that the maker of a policy waits for the issuer.
const PREPARE: Duration = Duration::from_secs(8);
/// An issuer is asked at most so often because of tokens.
const WANTED_INTERVAL: time::Duration = time::Duration::seconds(10);
/// Issuers asked at once on schedule.
const AT_ONCE: i64 = 32;
/// Issuers of which a process remembers when tokens last made it ask.
const REMEMBERED: usize = 10_000;

/// When tokens last made this process ask an issuer, so that most do not even make it look.
#[derive(Debug, Default)]
pub struct Wanted(Mutex<HashMap<String, OffsetDateTime>>);

impl Wanted {
    /// Whether it is time to ask; from then on it is not for a while.
    fn begin(&self, issuer: &str, now: OffsetDateTime) -> bool {
        let mut wanted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if wanted.len() >= REMEMBERED {
            wanted.retain(|_, asked_at| now - *asked_at < WANTED_INTERVAL);
        }
        if wanted.get(issuer).is_some_and(|asked_at| now - *asked_at < WANTED_INTERVAL) {
            return false;
        }
        wanted.insert(issuer.to_owned(), now);
        true
    }
}

/// Fetches an issuer's keys for an organization that is about to trust it, unless they are known. That they cannot be fetched is no
/// error: the schedule tries again. That the organization may ask no more servers just now is one.
///
/// Other organizations may trust the issuer already. So a fetch in this organization's slots never delays theirs: at worst it leaves
/// everything as it was.
pub async fn prepare(app: &App, organization: OrganizationId, issuer: &str) -> Result<(), ApiError> {
    let now = app.now();
    let mut tx = app.db.system().await?;
    let (is_fresh, (tier, payer)) = (
        store::is_fresh(&mut tx, issuer, now).await?,
        tenancy::payer(&mut tx, &app.tiers, organization).await?,
    );
    tx.commit().await?;
    if is_fresh {
        return Ok(());
    }
    let fetch = app.outside_issuers.issuer_keys(Turn::Caller(payer), issuer, now);
    // The time includes the wait for a slot, so its end says nothing of the issuer; nor does the lack of a slot.
    let Ok(fetched) = tokio::time::timeout(PREPARE, fetch).await else { return Ok(()) };
    if let Err(IssuerError::Outbound(OutboundError::NoSlot(reason))) = fetched {
        let reached = tenancy::outbound_reached(&app.tiers, tier, reason, now);
        return reached.map_or(Ok(()), |reached| Err(reached.into()));
    }
    let mut tx = app.db.system().await?;
    match fetched {
        Ok(keys) => store::keep(&mut tx, issuer, keys.to_jwks(), now).await?,
        Err(error) => {
            note(issuer, &error);
            store::note_first_failure(&mut tx, issuer, now).await?;
        }
    }
    tx.commit().await?;
    Ok(())
}

/// Has an issuer's keys fetched soon, because a token named one that is not known. The caller does not wait, and at most one fetch in
/// ten seconds comes of it.
pub fn refresh_soon(app: &App, issuer: &str) {
    let now = app.now();
    if !app.outside_issuers.wanted.begin(issuer, now) {
        return;
    }
    let (app, issuer) = (app.clone(), issuer.to_owned());
    let tasks = app.tasks.clone();
    tasks.spawn(async move {
        if let Err(error) = ask_because_of_a_token(&app, &issuer, now).await {
            tracing::warn!(%error, "the keys of an outside issuer could not be refreshed");
        }
    });
}

async fn ask_because_of_a_token(app: &App, issuer: &str, now: OffsetDateTime) -> Result<(), sqlx::Error> {
    let mut tx = app.db.system().await?;
    let is_ours = store::take_turn(&mut tx, issuer, now, now + WANTED_INTERVAL).await?;
    tx.commit().await?;
    if is_ours { fetch(app, issuer, Turn::Background).await } else { Ok(()) }
}

/// Fetches the keys, and keeps them.
async fn fetch(app: &App, issuer: &str, turn: Turn) -> Result<(), sqlx::Error> {
    let asked_at = app.now();
    let fetched = app.outside_issuers.issuer_keys(turn, issuer, asked_at).await;
    if matches!(fetched, Err(IssuerError::Outbound(OutboundError::NoSlot(_)))) {
        // The issuer was not asked, so this says nothing of it.
        tracing::warn!(issuer, "no slot is free to fetch the keys of an outside issuer");
        return Ok(());
    }
    let mut tx = app.db.system().await?;
    match fetched {
        Ok(keys) => store::keep(&mut tx, issuer, keys.to_jwks(), asked_at).await?,
        Err(error) => {
            note(issuer, &error);
            store::note_failure(&mut tx, issuer, asked_at).await?;
        }
    }
    tx.commit().await
}

fn note(issuer: &str, error: &IssuerError) {
    metrics::counter!("agentidp_outside_issuer_failures_total").increment(1);
    tracing::warn!(issuer, %error, "the keys of an outside issuer could not be fetched");
}

/// One round, on schedule: every issuer that a policy is about whose keys were last fetched five minutes ago. One that does not answer
/// is asked less and less often.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct RefreshIssuerKeys {}

impl Job for RefreshIssuerKeys {
    const KIND: &'static str = "oidc.keys";
    const TIMEOUT: Duration = Duration::from_mins(10);

    async fn run(self, work: Work) -> Result<Effects, JobError> {
        let app = &work.app;
        let mut tx = work.system().await?;
        store::settle(&mut tx, app.now()).await?;
        tx.commit().await?;
        loop {
            let mut tx = work.system().await?;
            let now = app.now();
            let due = store::take_due(&mut tx, now, now + FRESH, AT_ONCE).await?;
            if due.is_empty() {
                return Ok(tx.into());
            }
            tx.commit().await?;
            let mut asking = JoinSet::new();
            for issuer in due {
                let app = app.clone();
                asking.spawn(async move { fetch(&app, &issuer, Turn::Scheduled(None)).await });
            }
            while let Some(asked) = asking.join_next().await {
                asked??;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::clock::from_unix_seconds;

    #[test]
    fn key_id_flood_attack_tokens_make_a_process_look_once_in_a_while() {
        let wanted = Wanted::default();
        assert!(wanted.begin("https://a.example", from_unix_seconds(0)));
        assert!(!wanted.begin("https://a.example", from_unix_seconds(9)));
        assert!(wanted.begin("https://b.example", from_unix_seconds(9)));
        assert!(wanted.begin("https://a.example", from_unix_seconds(10)));
    }
}
