//! How far back an organization may ask, by its tier.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::app::App;
use crate::infra::db::TenantTx;
use crate::infra::http::error::ApiError;
use crate::tenancy;

/// The earliest moment the transaction's organization may see; `None` if there is no limit.
pub(super) async fn earliest(tx: &mut TenantTx, app: &App) -> Result<Option<OffsetDateTime>, sqlx::Error> {
    let organization = tx.organization_id();
    let tier = tenancy::tier(tx, organization).await?;
    Ok(app.tiers.of(tier).audit_window().map(|window| app.now() - window))
}

/// An error if `asked` lies before `earliest`.
pub(super) fn check(earliest: Option<OffsetDateTime>, asked: OffsetDateTime) -> Result<(), ApiError> {
    let Some(earliest) = earliest.filter(|earliest| asked < *earliest) else { return Ok(()) };
    let message = "the organization's tier does not show the audit log so far back; members of the system organization change a tier";
    let earliest = earliest.format(&Rfc3339).unwrap_or_default();
    Err(ApiError::bad_request("RETENTION_WINDOW", message)
        .details(serde_json::json!({ "earliest": earliest })))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::clock::from_unix_seconds;

    #[test]
    fn only_what_lies_before_the_window_is_refused() {
        let at = from_unix_seconds;
        assert!(check(None, at(0)).is_ok());
        assert!(check(Some(at(100)), at(100)).is_ok());
        assert!(check(Some(at(100)), at(99)).is_err());
    }
}
