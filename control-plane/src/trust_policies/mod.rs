//! Workloads outside that an organization trusts: a policy says what a token of GitHub Actions, GitLab, Kubernetes, a SPIFFE workload
//! or another OpenID issuer must say, exactly, to be exchanged for one of ours.
//!
//! A token is for one organization, the one whose issuer is its `aud`, and only that organization's policies are looked at.

mod bootstrap;
mod create;
mod delete;
mod exchange;
mod fields;
mod github;
mod judge;
mod list;
mod model;
mod routes;
mod rule;
mod store;

pub use judge::{NotExchanged, Presented, exchange};
pub use routes::routes;

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::infra::http::error::ApiError;

/// Forgets tokens that would be refused for their time by now, however a clock is set.
pub async fn purge_expired(tx: &mut PgConnection, now: OffsetDateTime) -> Result<(), sqlx::Error> {
    store::purge_used(tx, now).await
}

fn not_found() -> ApiError {
    ApiError::not_found("TRUST_POLICY_NOT_FOUND", "there is no trust policy with this id")
}
