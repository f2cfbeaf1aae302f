//! The controls, and what can be said of one.

use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::app::App;

/// A control that is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    EncryptionAtRest,
    EncryptionInTransit,
    DeadLetters,
    AuditIntegrity,
    SecretsRotation,
}

impl Control {
    pub const ALL: [Self; 5] = [
        Self::EncryptionAtRest,
        Self::EncryptionInTransit,
        Self::DeadLetters,
        Self::AuditIntegrity,
        Self::SecretsRotation,
    ];

    /// Of the Trust Services Criteria. Stored: never changed.
    pub fn id(self) -> &'static str {
        match self {
            Self::EncryptionAtRest => "CC6.1",
            Self::EncryptionInTransit => "CC6.7",
            Self::DeadLetters => "CC7.1",
            Self::AuditIntegrity => "CC7.2",
            Self::SecretsRotation => "CC9.2",
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::EncryptionAtRest => "Secrets are encrypted at rest",
            Self::EncryptionInTransit => "Connections are encrypted",
            Self::DeadLetters => "No failed background work is unhandled",
            Self::AuditIntegrity => "The audit log is what was sealed",
            Self::SecretsRotation => "Keys and secrets are replaced in time",
        }
    }

    /// The scheduled job that checks it.
    fn schedule(self) -> &'static str {
        match self {
            Self::AuditIntegrity => "audit.verify",
            _ => "compliance.check",
        }
    }

    /// How long a result counts; `None` if nothing checks the control.
    pub(super) fn valid_for(self, app: &App) -> Option<time::Duration> {
        let interval = app.config.jobs.interval(self.schedule())?;
        (interval * 2).try_into().ok()
    }
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// `None` if it could not be told.
    pub passing: Option<bool>,
    /// For the operator: no secrets.
    pub detail: String,
}

impl Finding {
    /// Passing if there are no problems.
    pub fn of(problems: &[String], good: &str) -> Self {
        let passing = problems.is_empty();
        let detail = if passing { good.to_owned() } else { problems.join("; ") };
        Self { passing: Some(passing), detail }
    }

    pub fn unknown(detail: &str) -> Self {
        Self { passing: None, detail: detail.to_owned() }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ControlStatus {
    Passing,
    Failing,
    /// Never checked, not lately, or it cannot be told.
    Unknown,
}

impl ControlStatus {
    /// Of a result found at `checked_at`, as of `now`.
    pub(super) fn at(
        now: OffsetDateTime,
        checked_at: OffsetDateTime,
        valid_for: Option<time::Duration>,
        passing: Option<bool>,
    ) -> Self {
        let is_recent = valid_for.is_some_and(|valid_for| now - checked_at <= valid_for);
        match passing.filter(|_| is_recent) {
            Some(true) => Self::Passing,
            Some(false) => Self::Failing,
            None => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::clock::from_unix_seconds;

    #[test]
    fn a_result_counts_for_two_intervals() {
        let status = |now, passing| {
            let valid_for = Some(time::Duration::seconds(20));
            ControlStatus::at(from_unix_seconds(now), from_unix_seconds(100), valid_for, passing)
        };
        assert_eq!(status(120, Some(true)), ControlStatus::Passing);
        assert_eq!(status(120, Some(false)), ControlStatus::Failing);
        assert_eq!(status(121, Some(true)), ControlStatus::Unknown);
        assert_eq!(status(121, Some(false)), ControlStatus::Unknown);
        assert_eq!(status(100, None), ControlStatus::Unknown);
        let at = from_unix_seconds(100);
        assert_eq!(ControlStatus::at(at, at, None, Some(true)), ControlStatus::Unknown, "nothing checks it");
    }
}
