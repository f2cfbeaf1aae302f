//! Is this assertion signed by a key of the agent's? Asked before the tenant is known, so in a system transaction.

use std::net::IpAddr;

use agentidp_shared::client_assertion::{self, Authentic, Unverified};
use agentidp_shared::jwk::{Algorithm, Jwk, VerificationKey};
use agentidp_shared::verify;
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::{Authenticated, key_store, store};
use crate::app::App;
use crate::infra::clock::unix_seconds;

/// Why an assertion proves nothing. For the operator: the client is not told.
#[derive(Debug, thiserror::Error)]
pub enum AssertionRefusal {
    #[error(transparent)]
    Refused(#[from] client_assertion::Refusal),
    #[error("the assertion was used before")]
    Replayed,
}

/// The credential whose key signed the assertion, if the assertion is good for us and was never used before; from now on it was.
/// Notes the credential's use.
///
/// An unknown agent or key, or one of another algorithm, costs the same check of a signature as a known one: how long the
/// answer takes does not tell which agents there are.
pub async fn authenticate_by_assertion(
    tx: &mut PgConnection,
    app: &App,
    unverified: Unverified<'_>,
    address: Option<IpAddr>,
) -> Result<Result<Authenticated, AssertionRefusal>, sqlx::Error> {
    let now = app.now();
    let stand_in = stand_in_for(unverified.algorithm());
    let (jwk, owner) =
        key_store::usable_any_tenant(tx, unverified.client(), unverified.kid(), &stand_in, now).await?;
    let audiences = accepted_audiences(app, owner.as_ref());
    let audiences: Vec<&str> = audiences.iter().map(String::as_str).collect();
    let checked = match owner {
        Some(owner) => {
            check_signature(unverified, &jwk, &stand_in).map(|authentic| (authentic, owner.credential))
        }
        None => spend_check(unverified, &jwk, verify::Refusal::UnknownKey),
    };
    let accepted = checked.and_then(|(authentic, credential_id)| {
        Ok((authentic.judge(unix_seconds(now), &audiences)?, credential_id))
    });
    let (accepted, credential_id) = match accepted {
        Ok(accepted) => accepted,
        Err(refusal) => return Ok(Err(refusal.into())),
    };
    // Of several requests at once the first inserts the row, and the others then find it.
    if !key_store::use_assertion(tx, accepted.client, &accepted.jti, accepted.refused_from).await? {
        return Ok(Err(AssertionRefusal::Replayed));
    }
    store::note_uses_any_tenant(tx, &[(credential_id, address)], now).await?;
    Ok(Ok(Authenticated { credential_id }))
}

/// What the `aud` of an assertion may be: the issuer identifier, or that of the agent's organization if it has one of its own, and
/// nothing else. Not the token endpoint's URL, which RFC 7523 §3 allowed: another authorization server could name that as its own
/// and be given assertions that are good here.
fn accepted_audiences(app: &App, owner: Option<&key_store::Owner>) -> Vec<String> {
    let instance = &app.config.issuer;
    let own = owner.map(|owner| owner.issuer_kind.identifier(instance, owner.organization));
    let mut audiences = vec![instance.clone()];
    audiences.extend(own.filter(|own| own != instance));
    audiences
}

fn check_signature(
    unverified: Unverified<'_>,
    jwk: &Jwk,
    stand_in: &Jwk,
) -> Result<Authentic, client_assertion::Refusal> {
    if jwk.alg.as_deref() != Some(unverified.algorithm().as_str()) {
        return spend_check(unverified, stand_in, verify::Refusal::AlgorithmMismatch);
    }
    let key = VerificationKey::from_jwk(jwk).map_err(|_| verify::Refusal::UnknownKey)?;
    unverified.check_signature(&key)
}

/// Works as a check of the signature would, and refuses.
fn spend_check<T>(
    unverified: Unverified<'_>,
    stand_in: &Jwk,
    refusal: verify::Refusal,
) -> Result<T, client_assertion::Refusal> {
    let key = VerificationKey::from_jwk(stand_in).map_err(|_| verify::Refusal::UnknownKey)?;
    unverified.spend_signature_check(&key);
    Err(refusal.into())
}

/// A key to work with in place of one that is not there: an example of RFC 7515 (A.2, A.3) or RFC 8037 (A.2). What it verifies
/// is never believed.
pub fn stand_in_for(algorithm: Algorithm) -> Jwk {
    let text = |text: &str| Some(text.to_owned());
    let jwk = Jwk {
        kty: String::new(),
        crv: None,
        x: None,
        y: None,
        n: None,
        e: None,
        alg: text(algorithm.as_str()),
        use_: text("sig"),
        kid: text("stand-in"),
    };
    match algorithm {
        Algorithm::ES256 => Jwk {
            kty: "EC".to_owned(),
            crv: text("P-256"),
            x: text("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"),
            y: text("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"),
            ..jwk
        },
        Algorithm::EdDSA => Jwk {
            kty: "OKP".to_owned(),
            crv: text("Ed25519"),
            x: text("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"),
            ..jwk
        },
        Algorithm::RS256 => Jwk {
            kty: "RSA".to_owned(),
            n: text(
                "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZ\
                 S-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2\
                 R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcD\
                 TTb9gb54h4FRWyuXpQ",
            ),
            e: text("AQAB"),
            ..jwk
        },
    }
}

/// Forgets assertions that would be refused for their time by now, however a clock is set.
pub async fn purge_used_assertions(tx: &mut PgConnection, now: OffsetDateTime) -> Result<(), sqlx::Error> {
    key_store::purge_used(tx, now).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_key_to_work_with_for_every_algorithm() {
        for algorithm in Algorithm::ALL {
            let key = VerificationKey::from_jwk(&stand_in_for(algorithm)).unwrap();
            assert_eq!(key.algorithm(), algorithm);
        }
    }
}
