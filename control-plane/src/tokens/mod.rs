//! The OAuth 2.0 token endpoints: issue (RFC 6749 §4.4, exchange: RFC 8693), revoke (RFC 7009), introspect (RFC 7662).
//!
//! A token's audit event is durable before the token leaves. Revocation reaches the edge through the feed, from the same
//! transaction.

mod allowed;
mod authorize;
mod client_auth;
mod exchange;
mod form;
mod from_outside;
mod grant;
mod introspect;
mod issue;
mod issued;
mod issued_store;
mod login;
mod login_store;
mod model;
mod oauth_error;
mod revoke;
mod routes;
mod store;
mod throttle;

pub use allowed::is_plain;
pub use grant::{GrantError, Target, grant};
pub use introspect::{signed_by_us, timely_claims};
pub use issue::{TokenResponse, sign};
pub use oauth_error::OAuthError;
pub use routes::routes;
pub use store::{Client, client, client_any_tenant, revoke as revoke_stored};
pub use throttle::{address_must_wait, count_failure};

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::infra::gather::Gather;
use crate::infra::line::Line;
use crate::{credentials, delegation};

/// Where requests meet that are served by one trip to the database together.
#[derive(Debug, Default)]
pub struct Rounds {
    logins: Gather<login::Login>,
    issued: Gather<issued::Issued>,
    /// Apart from the others, which do not wait until a change of rights has ended.
    issued_for_apis: Gather<issued::Issued>,
    login_line: Line,
    issued_line: Line,
}

/// Deletes revocations of tokens that have expired, assertions that have, delegations that have, and old login failures.
pub async fn purge_expired(tx: &mut PgConnection, now: OffsetDateTime) -> Result<(), sqlx::Error> {
    store::purge_revocations(tx, now).await?;
    delegation::purge_expired(tx, now).await?;
    credentials::purge_used_assertions(tx, now).await?;
    throttle::purge(tx, now).await
}
