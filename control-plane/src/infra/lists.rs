//! Lists and searches: transactions that only read, of which an organization has a few at once, and none for long.
//!
//! A list is the one request whose cost grows with what a tenant has. Turns bound how many connections a tenant's lists hold, the
//! time limit how long, so that no other tenant waits for them.

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use agentidp_shared::ids::OrganizationId;
use axum::http::{StatusCode, header};
use serde_json::json;

use super::db::{AnyTx, SystemTx, TenantTx};
use super::http::error::ApiError;
use super::turns::{Exhausted, Shares, Turn, Turns};
use crate::app::App;
use crate::tenancy;

/// How many more may wait.
const WAITING_PER_ORGANIZATION: usize = 32;
/// How long they may wait. Less than anybody waits for a connection.
const DEADLINE: Duration = Duration::from_secs(2);
/// Seconds after which it is worth asking again.
const RETRY_AFTER: u32 = 2;

/// The turns of this process.
#[derive(Debug)]
pub struct Lists(Turns);

impl Lists {
    /// Lists take half of the connections at most, and those of one organization half of these, whatever its tier allows.
    pub fn new(connections: u32) -> Self {
        let in_all = usize::try_from(connections / 2).unwrap_or(1).max(1);
        Self(Turns::new(Shares {
            per_organization: (in_all / 2).max(1),
            in_all,
            waiting_per_organization: WAITING_PER_ORGANIZATION,
            deadline: DEADLINE,
        }))
    }

    /// Waits for the turn of an organization whose tier allows `most` at once.
    async fn begin(&self, organization: OrganizationId, most: usize) -> Result<Turn, ApiError> {
        let limit = most.min(self.0.shares().per_organization);
        self.0.begin_of(organization, limit).await.map_err(|exhausted| refuse(exhausted, limit))
    }

    /// The lists and searches of the organization that run in this process.
    pub fn used(&self, organization: OrganizationId) -> i64 {
        i64::try_from(self.0.used(organization)).unwrap_or(i64::MAX)
    }
}

fn refuse(exhausted: Exhausted, limit: usize) -> ApiError {
    metrics::counter!("agentidp_rate_limit_hits_total").increment(1);
    let error = match exhausted {
        Exhausted::Organization => {
            let message = format!(
                "the organization has {limit} lists and searches running, as many as it may at once; try again when one has ended"
            );
            ApiError::new(StatusCode::TOO_MANY_REQUESTS, "TOO_MANY_LISTS", message)
                .details(json!({ "limit": "listsAtOnce", "value": limit }))
        }
        Exhausted::Everybody => {
            let message = "as many lists and searches run as there is room for; try again shortly";
            ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "BUSY", message)
        }
    };
    error.header(header::RETRY_AFTER, RETRY_AFTER.to_string())
}

/// The error of a query of a list: one that takes too long is the request's fault.
pub fn error(error: sqlx::Error) -> ApiError {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    if code.as_deref() == Some("57014") {
        let message = "the search takes too long; narrow it, for example by time or by agent";
        return ApiError::new(StatusCode::REQUEST_TIMEOUT, "SEARCH_TOO_SLOW", message);
    }
    error.into()
}

impl App {
    /// Begins a list of what the organization has, when it is its turn.
    pub async fn list(&self, organization: OrganizationId) -> Result<ListTx<TenantTx>, ApiError> {
        self.list_for(organization, organization).await
    }

    /// Begins a list of what `organization` has, when it is the turn of `asking`.
    pub async fn list_for(
        &self,
        asking: OrganizationId,
        organization: OrganizationId,
    ) -> Result<ListTx<TenantTx>, ApiError> {
        let turn = self.turn_of(asking).await?;
        let tx = self.db.tenant_list(organization).await?;
        Ok(ListTx { tx, _turn: turn })
    }

    async fn turn_of(&self, asking: OrganizationId) -> Result<Turn, ApiError> {
        // Read before there is a turn, so in none of the organization's own connections.
        let mut tx = self.db.system().await?;
        let tier = tenancy::tier(&mut tx, asking).await?;
        tx.commit().await?;
        self.lists.begin(asking, self.tiers.of(tier).lists_in_flight()).await
    }

    /// Begins a list of what all organizations have, when it is the turn of `asking`.
    pub async fn list_any_tenant(&self, asking: OrganizationId) -> Result<ListTx<SystemTx>, ApiError> {
        let turn = self.turn_of(asking).await?;
        let tx = self.db.system_list().await?;
        Ok(ListTx { tx, _turn: turn })
    }
}

/// A transaction that only reads, and the turn that it takes.
#[derive(Debug)]
pub struct ListTx<T> {
    tx: T,
    _turn: Turn,
}

impl<T: AnyTx> ListTx<T> {
    pub async fn commit(self) -> Result<(), sqlx::Error> {
        self.tx.commit().await
    }
}

impl<T> Deref for ListTx<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.tx
    }
}

impl<T> DerefMut for ListTx<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.tx
    }
}
