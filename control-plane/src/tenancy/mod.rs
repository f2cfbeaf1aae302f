//! Limits on what each organization uses of what all organizations share: tiers, shares, and the counting of uses. Functions for the
//! features above; none of them is known here.
//!
//! A share is counted where it is spent, in the transaction that spends it and under a lock, so that several requests at once get no
//! more than one after the other would.

mod share;
mod store;
mod tiers;
mod watch;

pub use share::{Limit, LimitReached, Share};
pub use tiers::{Limits, Tiers, TiersError};
pub use watch::WatchShares;

use agentidp_shared::ids::OrganizationId;
use agentidp_shared::tier::Tier;
use axum::http::{StatusCode, header};
use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::infra::db::SystemTx;
use crate::infra::http::error::ApiError;
use crate::infra::outbound::{NoSlot, Payer};

/// Most bytes of partners, of all organizations together. What a hub of edges publishes is 20 MiB, in base64, which is 15 MiB of JSON;
/// two thirds are for partners, the rest for everything else.
const MOST_FEED_BYTES: i64 = 10 * 1024 * 1024;

/// Why something is not let through.
#[derive(Debug, thiserror::Error)]
pub enum NotAdmitted {
    #[error(transparent)]
    Reached(#[from] LimitReached),
    #[error(transparent)]
    Query(#[from] sqlx::Error),
}

impl From<NotAdmitted> for ApiError {
    fn from(error: NotAdmitted) -> Self {
        match error {
            NotAdmitted::Reached(reached) => reached.into(),
            NotAdmitted::Query(error) => error.into(),
        }
    }
}

/// The organization's tier.
pub async fn tier(tx: &mut PgConnection, organization: OrganizationId) -> Result<Tier, sqlx::Error> {
    store::tier(tx, organization).await
}

/// Lets one more of `share` be added in this transaction, or refuses it. Until the transaction ends no other is let through.
pub async fn admit(
    tx: &mut PgConnection,
    tiers: &Tiers,
    organization: OrganizationId,
    share: Share,
    now: OffsetDateTime,
) -> Result<(), NotAdmitted> {
    let tier = store::tier(tx, organization).await?;
    let Some(limit) = tiers.of(tier).of(share) else { return Ok(()) };
    store::lock(tx, organization, share).await?;
    let used = count(tx, organization, share).await?;
    if used >= limit { Err(LimitReached::new(tiers, tier, share, used, now).into()) } else { Ok(()) }
}

/// Why a change of partners does not reach the edges.
#[derive(Debug, thiserror::Error)]
pub enum FeedRefusal {
    #[error(transparent)]
    Share(#[from] NotAdmitted),
    /// All organizations together have as much at the edges as a cold edge can be sure to take.
    #[error(
        "the edges hold as much of all organizations' partners as they can; ask the operator of this instance to lower the \
         limits of others (AGENTIDP_TIERS_FILE), or delete partners"
    )]
    EdgesFull,
}

impl From<sqlx::Error> for FeedRefusal {
    fn from(error: sqlx::Error) -> Self {
        Self::Share(error.into())
    }
}

impl From<FeedRefusal> for ApiError {
    fn from(refusal: FeedRefusal) -> Self {
        let message = refusal.to_string();
        match refusal {
            FeedRefusal::Share(error) => error.into(),
            FeedRefusal::EdgesFull => Self::new(StatusCode::SERVICE_UNAVAILABLE, "EDGES_FULL", message)
                .header(header::RETRY_AFTER, "3600".to_owned()),
        }
    }
}

/// Bytes of the feed of all organizations together, as of a moment ago.
#[derive(Debug, Clone, Copy)]
pub struct EdgeBytes(i64);

/// Counts the bytes of the feed of all organizations, before the transaction of one that changes its own. What others add in between
/// is not in it: [`MOST_FEED_BYTES`] leaves room for that.
pub async fn count_edge_bytes(tx: &mut SystemTx) -> Result<EdgeBytes, sqlx::Error> {
    store::feed_bytes_any_tenant(tx).await.map(EdgeBytes)
}

/// Bytes of the feed before a change of them. No other transaction counts the organization's until this one ends.
#[derive(Debug, Clone, Copy)]
pub struct FeedBytes {
    own: i64,
    of_all: EdgeBytes,
}

/// Counts the organization's bytes of the feed, before the transaction changes them.
pub async fn count_feed_bytes(
    tx: &mut PgConnection,
    organization: OrganizationId,
    of_all: EdgeBytes,
) -> Result<FeedBytes, sqlx::Error> {
    store::lock(tx, organization, Share::FeedBytes).await?;
    Ok(FeedBytes { own: store::feed_bytes(tx, organization).await?, of_all })
}

/// Refuses a change by which the organization's bytes grew beyond its share, or those of all organizations beyond what the edges can
/// hold. One that makes fewer of too many is fine. The shares may promise more than the edges can hold, as seats of an aeroplane do;
/// an alarm comes before it.
pub async fn check_feed_bytes(
    tx: &mut PgConnection,
    tiers: &Tiers,
    organization: OrganizationId,
    before: FeedBytes,
    now: OffsetDateTime,
) -> Result<(), FeedRefusal> {
    let (tier, used) = (store::tier(tx, organization).await?, store::feed_bytes(tx, organization).await?);
    let grown = used - before.own;
    if grown <= 0 {
        return Ok(());
    }
    if tiers.of(tier).of(Share::FeedBytes).is_some_and(|limit| used > limit) {
        return Err(NotAdmitted::from(LimitReached::new(tiers, tier, Share::FeedBytes, used, now)).into());
    }
    if before.of_all.0 + grown > MOST_FEED_BYTES {
        metrics::counter!("agentidp_share_refusals_total", "share" => "edges").increment(1);
        return Err(FeedRefusal::EdgesFull);
    }
    Ok(())
}

/// Counts a use of a share that has a window, or refuses it if the window's are used up.
pub async fn spend(
    tx: &mut PgConnection,
    tiers: &Tiers,
    organization: OrganizationId,
    share: Share,
    now: OffsetDateTime,
) -> Result<(), NotAdmitted> {
    let used = count_use(tx, organization, share, now).await?;
    let tier = store::tier(tx, organization).await?;
    match tiers.of(tier).of(share) {
        Some(limit) if used > limit => Err(LimitReached::new(tiers, tier, share, limit, now).into()),
        _ => Ok(()),
    }
}

/// Counts a use that is never refused: what takes power away must always be possible.
pub async fn count_use(
    tx: &mut PgConnection,
    organization: OrganizationId,
    share: Share,
    now: OffsetDateTime,
) -> Result<i64, sqlx::Error> {
    match share.window_start(now) {
        Some(window_start) => store::spend(tx, organization, share, window_start).await,
        None => Ok(0),
    }
}

/// Who pays for a request to another server.
pub async fn payer(
    tx: &mut PgConnection,
    tiers: &Tiers,
    organization: OrganizationId,
) -> Result<(Tier, Payer), sqlx::Error> {
    let tier = store::tier(tx, organization).await?;
    let limit = |share| tiers.of(tier).of(share).unwrap_or(i64::MAX);
    let payer = Payer {
        organization,
        in_flight: usize::try_from(limit(Share::OutboundInFlight)).unwrap_or(usize::MAX),
        per_minute: u64::try_from(limit(Share::OutboundRequests)).unwrap_or(u64::MAX),
    };
    Ok((tier, payer))
}

/// The limit that kept a request to another server from being made; `None` if none of the organization's did.
pub fn outbound_reached(
    tiers: &Tiers,
    tier: Tier,
    reason: NoSlot,
    now: OffsetDateTime,
) -> Option<LimitReached> {
    let (share, used) = match reason {
        NoSlot::InFlight(used) => (Share::OutboundInFlight, i64::try_from(used)),
        NoSlot::PerMinute(used) => (Share::OutboundRequests, i64::try_from(used)),
        NoSlot::Hangs(_) | NoSlot::Full => return None,
    };
    Some(LimitReached::new(tiers, tier, share, used.unwrap_or(i64::MAX), now))
}

/// What the organization has and uses of each share that the database counts.
pub async fn used(
    tx: &mut PgConnection,
    organization: OrganizationId,
    now: OffsetDateTime,
) -> Result<Vec<(Share, i64)>, sqlx::Error> {
    let mut used = vec![];
    for share in Share::ALL {
        if !matches!(share, Share::OutboundInFlight | Share::OutboundRequests | Share::ListsInFlight) {
            let count = match share.window_start(now) {
                Some(window_start) => store::spent(tx, organization, share, window_start).await?,
                None => count(tx, organization, share).await?,
            };
            used.push((share, count));
        }
    }
    Ok(used)
}

async fn count(
    tx: &mut PgConnection,
    organization: OrganizationId,
    share: Share,
) -> Result<i64, sqlx::Error> {
    match share {
        Share::Agents => store::agents(tx, organization).await,
        Share::Partners => store::partners(tx, organization).await,
        Share::TrustPolicies => store::trust_policies(tx, organization).await,
        Share::Grants => store::grants(tx, organization).await,
        Share::FeedBytes => store::feed_bytes(tx, organization).await,
        Share::FeedChanges
        | Share::OutboundInFlight
        | Share::OutboundRequests
        | Share::SigningAlgorithmChanges
        | Share::ListsInFlight => Ok(0),
    }
}
