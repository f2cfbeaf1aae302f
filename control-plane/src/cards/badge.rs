//! The verifiable badge of an agent: a W3C verifiable credential in the form that AGNTCY's tools read, as a compact JWS.

use agentidp_shared::did;
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

use super::model::Subject;
use crate::infra::http::error::ApiError;
use crate::keys::Signer;

/// How long a badge is good for after the hour in which it is asked for began.
const LIFETIME: Duration = Duration::hours(24);
/// Never that of an access token.
const TYPE: &str = "vc+jwt";

/// The badge. Within an hour the same badge is given, byte for byte.
pub(super) fn badge(
    subject: &Subject,
    issuer: &str,
    now: OffsetDateTime,
    signer: &Signer,
) -> Result<String, ApiError> {
    let credential = credential(subject, issuer, now)?;
    signer.sign_jwt(TYPE, &credential).map_err(ApiError::internal)
}

fn credential(subject: &Subject, issuer: &str, now: OffsetDateTime) -> Result<Value, ApiError> {
    let now = now.to_offset(time::UtcOffset::UTC);
    let since = now.replace_time(time::Time::from_hms(now.hour(), 0, 0).map_err(ApiError::internal)?);
    let until = since + LIFETIME;
    let context = json!(["https://www.w3.org/2018/credentials/v1"]);
    let base = issuer.trim_end_matches('/');
    Ok(json!({
        "@context": context,
        // As AGNTCY's tools call it.
        "context": context,
        "type": ["VerifiableCredential", "AgentBadge"],
        "id": format!("{base}/agents/{}/badge.jwt", subject.agent),
        "issuer": did::instance_did(issuer),
        "issuanceDate": since.format(&Rfc3339).map_err(ApiError::internal)?,
        "expirationDate": until.format(&Rfc3339).map_err(ApiError::internal)?,
        "credentialSubject": { "id": subject.did, "badge": subject.oasf_record().to_string() },
        // The same in the words of RFC 7519, for whoever checks it as a JWT.
        "iss": did::instance_did(issuer),
        "sub": subject.did,
        "iat": since.unix_timestamp(),
        "nbf": since.unix_timestamp(),
        "exp": until.unix_timestamp(),
    }))
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;
    use crate::cards::model::tests::subject;

    #[test]
    fn a_badge_says_whose_it_is_and_for_how_long() {
        let at = |now| credential(&subject(), "https://id.example", now).unwrap();
        let credential = at(datetime!(2030-01-15 12:59:59.9 UTC));
        assert_eq!(credential, at(datetime!(2030-01-15 12:00 UTC)));
        assert_ne!(credential, at(datetime!(2030-01-15 13:00 UTC)));
        assert_eq!(credential["issuanceDate"], "2030-01-15T12:00:00Z");
        assert_eq!(credential["expirationDate"], "2030-01-16T12:00:00Z");
        assert_eq!(credential["issuer"], "did:web:id.example");
        assert_eq!(credential["credentialSubject"]["id"], subject().did);
        let badge: Value =
            serde_json::from_str(credential["credentialSubject"]["badge"].as_str().unwrap()).unwrap();
        assert_eq!(badge, subject().oasf_record());
    }
}
