//! Putting changes into the feed.

use agentidp_shared::discovery::{IssuerConfig, algorithms_of};
use agentidp_shared::exceptions::{ScopeLimit, Standing, SubjectException};
use agentidp_shared::feed::Change;
use agentidp_shared::ids::{AgentId, OrganizationId};
use sqlx::PgConnection;

use super::store;
use crate::app::App;
use crate::infra::clock::unix_seconds;
use crate::infra::config::LONGEST_TOKEN;
use crate::infra::db::{SystemTx, TenantTx};
use crate::resources;
use crate::tenancy::{self, NotAdmitted, Share};

/// How a change that an organization makes counts in its share of changes ([`Share::FeedChanges`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Charge {
    /// Refused once the share is used up.
    Limited,
    /// Takes power away: counted, and never refused.
    Always,
}

/// Adds a change of the instance or the platform to the feed in the caller's transaction. It is in no organization's share.
pub async fn append(tx: &mut SystemTx, change: &Change) -> Result<(), sqlx::Error> {
    store::append_pending(tx, change).await
}

/// Adds a change that the transaction's organization makes, and counts it.
pub async fn append_charged(
    tx: &mut TenantTx,
    app: &App,
    change: &Change,
    charge: Charge,
) -> Result<(), NotAdmitted> {
    let (organization, now) = (tx.organization_id(), app.now());
    match charge {
        Charge::Limited => tenancy::spend(tx, &app.tiers, organization, Share::FeedChanges, now).await?,
        Charge::Always => drop(tenancy::count_use(tx, organization, Share::FeedChanges, now).await?),
    }
    Ok(store::append_pending(tx, change).await?)
}

/// Tells every edge how an agent stands, by the platform's word. With `not_before` (Unix seconds) tokens issued at or before it are
/// refused.
pub async fn agent_changed(
    tx: &mut SystemTx,
    app: &App,
    agent_id: AgentId,
    standing: Standing,
    not_before: Option<u64>,
) -> Result<(), sqlx::Error> {
    let exception = SubjectException { standing, not_before, expires_at: last_concerned(app) };
    append(tx, &Change::Agent { agent_id, exception }).await
}

/// Tells every edge how an agent stands, by its organization's word, and what its earlier tokens may still say: of those that were
/// issued until the limit's second, in which it is subject, obtained them for another, or passed authority on, only those are good
/// whose scopes are all in the limit.
///
/// A limit that was told once holds until the last token it concerns has expired, whatever is told of the agent afterwards:
/// the sequencer carries it over, and makes one of two.
pub async fn agent_limited(
    tx: &mut TenantTx,
    app: &App,
    agent_id: AgentId,
    (standing, not_before): (Standing, Option<u64>),
    limit: Option<ScopeLimit>,
    charge: Charge,
) -> Result<(), NotAdmitted> {
    let exception = SubjectException { standing, not_before, expires_at: last_concerned(app) };
    let change = match limit {
        Some(limit) => Change::AgentLimited { agent_id, exception, limit },
        None => Change::Agent { agent_id, exception },
    };
    append_charged(tx, app, &change, charge).await
}

/// Tells every edge that copies of the agent's public documents are no longer good. It stands as it stood; the edges tell one
/// such word from the next by its end, which therefore differs also between two words of one second.
pub async fn agent_documents_changed(
    tx: &mut TenantTx,
    app: &App,
    agent_id: AgentId,
    (standing, not_before): (Standing, Option<u64>),
    charge: Charge,
) -> Result<(), NotAdmitted> {
    let expires_at = last_concerned(app) + u64::from(app.now().millisecond());
    let exception = SubjectException { standing, not_before, expires_at };
    append_charged(tx, app, &Change::Agent { agent_id, exception }, charge).await
}

/// Tells every edge how an organization stands, as [`agent_changed`] does of an agent.
pub async fn organization_changed(
    tx: &mut SystemTx,
    app: &App,
    organization_id: OrganizationId,
    standing: Standing,
    not_before: Option<u64>,
) -> Result<(), sqlx::Error> {
    let exception = SubjectException { standing, not_before, expires_at: last_concerned(app) };
    append(tx, &Change::Organization { organization_id, exception }).await
}

/// Until when an exception made now could concern a token. Documents cached at the edge before the change are gone by then too.
fn last_concerned(app: &App) -> u64 {
    unix_seconds(app.now() + LONGEST_TOKEN)
}

/// What the feed and the discovery documents say of this issuer.
pub async fn issuer_config(tx: &mut PgConnection, app: &App) -> Result<IssuerConfig, sqlx::Error> {
    Ok(IssuerConfig {
        issuer: app.config.issuer.clone(),
        scopes_supported: resources::scopes_supported(tx, app).await?,
        signing_algorithms: algorithms_of(&app.signers.current().jwks),
        token_ttl_seconds: u64::from(app.config.token_ttl_seconds),
        freshness: app.config.freshness,
        document_keys: app.document_keys.jwks(),
    })
}

/// Tells every edge which scopes there are now. Needs [`resources::lock`]: the last word must be the newest.
pub async fn scopes_changed(tx: &mut SystemTx, app: &App) -> Result<(), sqlx::Error> {
    let issuer = issuer_config(tx, app).await?;
    append(tx, &Change::Issuer { issuer }).await
}

/// Publishes issuer, policy and keys if the feed's last word on them is not what this process runs with.
pub async fn publish_configuration(app: &App) -> Result<(), sqlx::Error> {
    let table = app.policy.table();
    let jwks = app.signers.current().jwks.clone();

    let mut tx = app.db.system().await?;
    resources::lock(&mut tx).await?;
    store::lock(&mut tx).await?;
    let issuer = issuer_config(&mut tx, app).await?;
    let limits = Change::RateLimits { limits: app.config.rate_limits };
    let changes =
        [Change::Keys { jwks }, Change::Issuer { issuer }, Change::Policy { endpoints: table }, limits];
    for change in changes.into_iter().chain(store::unpublished_tiers(&mut tx).await?) {
        let wanted = serde_json::to_value(&change).map_err(|error| sqlx::Error::Encode(error.into()))?;
        if store::latest(&mut tx, &change.key()).await? != Some(wanted) {
            append(&mut tx, &change).await?;
        }
    }
    tx.commit().await
}
