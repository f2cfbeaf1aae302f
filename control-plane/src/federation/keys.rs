//! A partner's keys: fetched before they are old, and when a token names one that is not known; told to the edges.

use std::time::Duration;

use agentidp_shared::feed::Change;
use agentidp_shared::ids::{OrganizationId, PartnerId};
use agentidp_shared::jwk::{JwkSet, KeySet};
use agentidp_shared::partner::{Partner, PartnerRecord};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use super::model::Stored;
use super::{edge_bytes, store};
use crate::app::App;
use crate::edge_feed::{self, Charge};
use crate::infra::clock::unix_seconds;
use crate::infra::db::TenantTx;
use crate::infra::http::error::ApiError;
use crate::infra::jobs::{Effects, Job, JobError, Work};
use crate::outside_issuers::{self, FRESH, IssuerError, MAX_AGE, MIN_INTERVAL};
use crate::tenancy::{self, EdgeBytes, FeedBytes, FeedRefusal, NotAdmitted};

/// How long a request that fetches keys keeps others from fetching them; those wait for what it finds.
const TURN: time::Duration = time::Duration::seconds(2);
/// How often those look.
const LOOK: Duration = Duration::from_millis(100);
/// Partners whose keys are fetched at once.
const AT_ONCE: i64 = 32;

/// The partner as the edges are told of it.
fn record(stored: &Stored) -> PartnerRecord {
    PartnerRecord {
        partner_id: stored.id,
        jwks: stored.keys.clone(),
        keys_expire_at: unix_seconds(stored.keys_fetched_at + MAX_AGE),
        allowed_organizations: stored.allowed_organizations.clone(),
        expires_at: stored.expires_at.map(unix_seconds),
    }
}

/// Tells the edges of a partner, in the transaction that changed it.
pub(super) async fn tell(
    tx: &mut TenantTx,
    app: &App,
    stored: &Stored,
    charge: Charge,
) -> Result<(), NotAdmitted> {
    let (organization_id, issuer) = (tx.organization_id(), stored.issuer.clone());
    let change = Change::Partner { organization_id, issuer, partner: Some(record(stored)) };
    edge_feed::append_charged(tx, app, &change, charge).await
}

/// Tells the edges that there is no partner with this issuer any more.
pub(super) async fn tell_gone(tx: &mut TenantTx, app: &App, issuer: String) -> Result<(), NotAdmitted> {
    let change = Change::Partner { organization_id: tx.organization_id(), issuer, partner: None };
    edge_feed::append_charged(tx, app, &change, Charge::Always).await
}

/// The organization's partner with this issuer; with the key `kid`, if it has one: a key that is not known is fetched, unless that just
/// failed.
pub(super) async fn partner_with_key(
    app: &App,
    organization: OrganizationId,
    issuer: &str,
    kid: &str,
) -> Result<Option<Partner>, ApiError> {
    loop {
        let now = app.now();
        let mut tx = app.db.tenant(organization).await?;
        let Some(stored) = store::find_by_issuer(&mut tx, issuer).await? else { return Ok(None) };
        let is_over = stored.expires_at.is_some_and(|expires_at| expires_at <= now);
        // With two rounds missed; keys that cannot be fetched again are used for longer.
        let is_known = now - stored.keys_fetched_at <= FRESH * 2 && has(&stored.keys, kid);
        let turn = if is_known || is_over {
            Turn::Needless
        } else {
            store::take_turn(&mut tx, stored.id, TURN, now).await?
        };
        tx.commit().await?;
        match turn {
            Turn::Taken => {
                let (uri, edges) = (&stored.jwks_uri, edge_bytes(app).await?);
                let fetched = fetch(app, organization, stored.id, uri, Because::OfToken, edges).await?;
                // A partner that has another key each time is asked for each; one that does not is left alone for a while.
                if !fetched.is_some_and(|keys| has(&keys.to_jwks(), kid)) {
                    let mut tx = app.db.tenant(organization).await?;
                    store::ask_again_at(&mut tx, stored.id, now + MIN_INTERVAL).await?;
                    tx.commit().await?;
                }
                // What is stored decides: the partner may have been changed meanwhile.
                let mut tx = app.db.tenant(organization).await?;
                let stored = store::find_by_issuer(&mut tx, issuer).await?;
                tx.commit().await?;
                return Ok(stored.map(|stored| Partner::new(stored.issuer.clone(), record(&stored))));
            }
            Turn::OfAnother => tokio::time::sleep(LOOK).await,
            Turn::Needless | Turn::NotNow => {
                return Ok(Some(Partner::new(stored.issuer.clone(), record(&stored))));
            }
        }
    }
}

/// What a request that needs a key does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    Needless,
    Taken,
    /// Another request is asking.
    OfAnother,
    /// A fetch failed a moment ago.
    NotNow,
}

fn has(keys: &JwkSet, kid: &str) -> bool {
    keys.keys.iter().any(|key| key.kid.as_deref() == Some(kid))
}

/// Why a partner's keys are fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Because {
    /// A token names a key that is not known.
    OfToken,
    Scheduled,
}

impl Because {
    /// How new keys count. A scheduled round comes to each partner so seldom that it may always tell of what it finds: a key that the
    /// partner took back must not count on because of what else its organization does.
    fn charge(self) -> Charge {
        match self {
            Self::OfToken => Charge::Limited,
            Self::Scheduled => Charge::Always,
        }
    }
}

/// Fetches the keys and keeps them; the edges are told if they are others, or what these know grows old. `edges` is counted before.
async fn fetch(
    app: &App,
    organization: OrganizationId,
    id: PartnerId,
    jwks_uri: &str,
    because: Because,
    edges: EdgeBytes,
) -> Result<Option<KeySet>, sqlx::Error> {
    let asked_at = app.now();
    let fetched = match ask(app, organization, jwks_uri, because).await? {
        Ok(fetched) => Some(fetched),
        Err(error) => {
            metrics::counter!("agentidp_partner_key_failures_total").increment(1);
            tracing::warn!(partner_id = %id, %error, "the keys of a partner could not be fetched");
            None
        }
    };
    let mut tx = app.db.tenant(organization).await?;
    let found = store::find(&mut tx, id).await?.filter(|stored| stored.jwks_uri == jwks_uri);
    // What is kept beyond what may be kept is cut also while the partner is away.
    let Some(mut stored) = found.filter(|stored| fetched.is_some() || stored.was_cut) else {
        return Ok(fetched);
    };
    let bytes = tenancy::count_feed_bytes(&mut tx, organization, edges).await?;
    let mut tell_again = stored.was_cut;
    if let Some(fetched) = &fetched {
        let keys = fetched.to_jwks();
        tell_again |= stored.keys != keys || stored.keys_told_at <= asked_at - MAX_AGE / 2;
        stored.keys = keys;
        stored.keys_fetched_at = asked_at;
    }
    if tell_again {
        stored.keys_told_at = asked_at;
    }
    match keep(&mut tx, app, &stored, bytes, tell_again.then(|| because.charge())).await {
        Ok(()) => {}
        Err(FeedRefusal::Share(NotAdmitted::Query(error))) => return Err(error),
        Err(refused) => {
            tracing::warn!(partner_id = %id, %refused, "the keys of a partner were not kept");
            return Ok(None);
        }
    }
    tx.commit().await?;
    Ok(fetched)
}

/// Keeps the keys, and tells the edges of them if `told` says how that is counted.
async fn keep(
    tx: &mut TenantTx,
    app: &App,
    stored: &Stored,
    before: FeedBytes,
    told: Option<Charge>,
) -> Result<(), FeedRefusal> {
    store::keep_keys(tx, stored).await?;
    let organization = tx.organization_id();
    tenancy::check_feed_bytes(tx, &app.tiers, organization, before, app.now()).await?;
    if let Some(charge) = told {
        tell(tx, app, stored, charge).await?;
    }
    Ok(())
}

async fn ask(
    app: &App,
    organization: OrganizationId,
    jwks_uri: &str,
    because: Because,
) -> Result<Result<KeySet, IssuerError>, sqlx::Error> {
    let turn = match because {
        Because::Scheduled => outside_issuers::Turn::Scheduled(Some(organization)),
        Because::OfToken => {
            let mut tx = app.db.tenant(organization).await?;
            let (_, payer) = tenancy::payer(&mut tx, &app.tiers, organization).await?;
            tx.commit().await?;
            outside_issuers::Turn::Caller(payer)
        }
    };
    Ok(app.outside_issuers.key_set(turn, jwks_uri, app.now()).await)
}

/// One round, on schedule: fetches the keys of every partner that was last asked five minutes ago.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct RefreshPartnerKeys {}

impl Job for RefreshPartnerKeys {
    const KIND: &'static str = "federation.keys";
    const TIMEOUT: Duration = Duration::from_mins(10);

    async fn run(self, work: Work) -> Result<Effects, JobError> {
        let app = &work.app;
        loop {
            let mut tx = work.system().await?;
            let now = app.now();
            let due = store::take_due_any_tenant(&mut tx, now, now + FRESH, AT_ONCE).await?;
            if due.is_empty() {
                return Ok(tx.into());
            }
            // Once for so many: a sum over all partners for each of them would be too much.
            let edges = tenancy::count_edge_bytes(&mut tx).await?;
            // Before they are asked: one that hangs does not keep the others waiting the next time.
            tx.commit().await?;
            let mut asking = JoinSet::new();
            for due in due {
                let app = app.clone();
                asking.spawn(async move {
                    fetch(&app, due.organization, due.id, &due.jwks_uri, Because::Scheduled, edges).await
                });
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

    #[test]
    fn edges_are_told_again_before_what_they_know_is_too_old() {
        assert!(MAX_AGE / 2 + FRESH * 2 < MAX_AGE);
    }
}
