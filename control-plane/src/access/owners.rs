//! An organization is never left without an owner that can act.

use agentidp_shared::ids::OrganizationId;
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::store;
use crate::infra::http::error::ApiError;

/// The owners of an organization as they stood before a change. No other change of its owners is made until the transaction
/// ends, so that of two owners who leave at once one stays.
#[derive(Debug)]
#[must_use = "compare with what is left after the change"]
pub struct Owners {
    organization: OrganizationId,
    now: OffsetDateTime,
    /// Whether there was an owner that could act; otherwise one that is active counts.
    had_usable: bool,
    had_any: bool,
}

impl Owners {
    /// Before the change.
    pub async fn lock(
        tx: &mut PgConnection,
        organization: OrganizationId,
        now: OffsetDateTime,
    ) -> Result<Self, sqlx::Error> {
        store::lock_owners(tx, organization).await?;
        let owners = store::active_owners(tx, organization, now).await?;
        let had_usable = owners.contains(&true);
        Ok(Self { organization, now, had_usable, had_any: !owners.is_empty() })
    }

    /// After the change, in the same transaction: an error if it took the last owner that could act. The transaction is then
    /// to be dropped.
    pub async fn refuse_if_gone(self, tx: &mut PgConnection) -> Result<(), ApiError> {
        let left = store::active_owners(tx, self.organization, self.now).await?;
        let is_gone = if self.had_usable { !left.contains(&true) } else { self.had_any && left.is_empty() };
        if !is_gone {
            return Ok(());
        }
        let message = "the organization would be left without an owner that can act; give another owner a credential, or make \
                       another agent an owner, first";
        Err(ApiError::conflict("LAST_OWNER", message))
    }
}
