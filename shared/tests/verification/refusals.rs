//! Every refusal can happen, and each rule of verification gives the refusal that names it.

use std::collections::BTreeSet;

use agentidp_shared::claims::MalformedClaim;
use agentidp_shared::exceptions::{Exceptions, Revoked, ScopeLimit, Standing, SubjectException};
use agentidp_shared::feed::{Envelope, Subject};
use agentidp_shared::scopes::ScopeSet;
use agentidp_shared::verify::{MAX_TOKEN_LENGTH, Refusal, Verdict};
use serde_json::json;

use crate::support::*;

/// The compiler asks for a name here as soon as a refusal is added, and the test below asks for a case.
fn name(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::TokenTooLong => "token too long",
        Refusal::HeaderTooLong => "header too long",
        Refusal::Malformed => "malformed",
        Refusal::MalformedHeader => "malformed header",
        Refusal::UnexpectedHeader => "unexpected header",
        Refusal::WrongType => "wrong type",
        Refusal::AlgorithmNotAllowed => "algorithm not allowed",
        Refusal::MissingKeyId => "missing key id",
        Refusal::UnknownKey => "unknown key",
        Refusal::AlgorithmMismatch => "algorithm mismatch",
        Refusal::InvalidSignature => "invalid signature",
        Refusal::MalformedClaims => "malformed claims",
        Refusal::MalformedClaim(_) => "malformed claim",
        Refusal::WrongIssuer => "wrong issuer",
        Refusal::WrongAudience => "wrong audience",
        Refusal::Expired => "expired",
        Refusal::NotYetValid => "not yet valid",
        Refusal::ContradictoryTimes => "contradictory times",
        Refusal::Revoked(revoked) => match revoked {
            Revoked::Token => "token revoked",
            Revoked::AgentTokens => "agent's tokens revoked",
            Revoked::AgentSuspended => "agent suspended",
            Revoked::AgentGone => "agent gone",
            Revoked::AgentScopes => "agent's scopes reduced",
            Revoked::OrganizationTokens => "organization's tokens revoked",
            Revoked::Delegation => "revoked ancestor",
            Revoked::Organization => "organization not in good standing",
        },
        Refusal::InsufficientScope { .. } => "insufficient scope",
        Refusal::Undecidable => "undecidable",
    }
}

/// Number of arms of [`name`].
const REFUSALS: usize = 28;

#[test]
fn every_refusal_has_its_token() {
    let mut cases: Vec<(String, Refusal)> = vec![
        ("a.".repeat(MAX_TOKEN_LENGTH), Refusal::TokenTooLong),
        ("no dots at all".into(), Refusal::Malformed),
        (
            mint(
                &KEYS.es256,
                &json!({"alg": "ES256", "kid": "es", "typ": "at+jwt", "x": "y".repeat(1_000)}),
                &claims(),
            ),
            Refusal::HeaderTooLong,
        ),
        (mint_raw(&KEYS.es256, "[]", b"{}"), Refusal::MalformedHeader),
        (
            mint(
                &KEYS.es256,
                &json!({"alg": "ES256", "kid": "es", "typ": "at+jwt", "cty": "JWT"}),
                &claims(),
            ),
            Refusal::UnexpectedHeader,
        ),
        (
            mint(&KEYS.es256, &json!({"alg": "ES256", "kid": "es", "typ": "JWT"}), &claims()),
            Refusal::WrongType,
        ),
        (mint(&KEYS.es256, &header("ES384", "es"), &claims()), Refusal::AlgorithmNotAllowed),
        (mint(&KEYS.es256, &json!({"alg": "ES256", "typ": "at+jwt"}), &claims()), Refusal::MissingKeyId),
        (mint(&KEYS.es256, &header("ES256", "nobody's"), &claims()), Refusal::UnknownKey),
        (mint(&KEYS.es256, &header("ES256", "rs"), &claims()), Refusal::AlgorithmMismatch),
        (mint(&Signer::es256(99), &header("ES256", "es"), &claims()), Refusal::InvalidSignature),
        (mint_raw(&KEYS.es256, &header("ES256", "es").to_string(), b"[1]"), Refusal::MalformedClaims),
        (token_with(&claims_with("iss", json!("https://other.example"))), Refusal::WrongIssuer),
        (token_with(&claims_with("aud", json!("https://other.example"))), Refusal::WrongAudience),
        (token_with(&claims_with("exp", json!(NOW - 50))), Refusal::Expired),
        (token_with(&claims_with("nbf", json!(NOW + 11))), Refusal::NotYetValid),
        (token_with(&claims_with("iat", json!(NOW + 11))), Refusal::NotYetValid),
        (token_with(&claims_with("exp", json!(NOW - 100))), Refusal::ContradictoryTimes),
    ];
    for claim in ["iss", "sub", "aud", "client_id", "organization_id", "scope", "jti", "iat", "nbf", "exp"] {
        let missing = token_with(&claims_with(claim, serde_json::Value::Null));
        cases.push((missing, Refusal::MalformedClaim(MalformedClaim(claim))));
    }
    let mut seen = BTreeSet::new();
    for (token, expected) in &cases {
        assert_refused(token, expected);
        seen.insert(name(expected));
    }

    let subject = |standing, not_before| SubjectException { standing, not_before, expires_at: NOW + 9_999 };
    let with = |record: &dyn Fn(&mut Exceptions)| {
        let mut exceptions = Exceptions::new(hasher());
        record(&mut exceptions);
        exceptions
    };
    let (agent, organization) = (AGENT.parse().unwrap(), ORGANIZATION.parse().unwrap());
    for (exceptions, expected) in [
        (with(&|e| e.revoke_token(TOKEN_ID.parse().unwrap(), NOW + 3_500)), Revoked::Token),
        (with(&|e| e.set_agent(agent, subject(Standing::Active, Some(NOW)))), Revoked::AgentTokens),
        (with(&|e| e.set_agent(agent, subject(Standing::Suspended, None))), Revoked::AgentSuspended),
        (with(&|e| e.set_agent(agent, subject(Standing::Gone, None))), Revoked::AgentGone),
        (
            with(&|e| {
                let limit = ScopeLimit { scopes: ScopeSet::empty(), issued_until: NOW };
                e.limit_agent(agent, subject(Standing::Active, None), limit);
            }),
            Revoked::AgentScopes,
        ),
        (
            with(&|e| e.set_organization(organization, subject(Standing::Active, Some(NOW)))),
            Revoked::OrganizationTokens,
        ),
        (
            with(&|e| e.set_organization(organization, subject(Standing::Suspended, None))),
            Revoked::Organization,
        ),
    ] {
        let verdict = check_at(&good_token(), &exceptions, NOW, &ScopeSet::empty());
        assert_eq!(verdict, Verdict::Refused(Refusal::Revoked(expected)));
        seen.insert(name(&Refusal::Revoked(expected)));
    }

    let mut derived =
        claims_with("delegation_chain", json!([{"sub": AGENT, "jti": OTHER_AGENT, "iat": claims()["iat"]}]));
    derived["jti"] = json!(ORGANIZATION);
    let ancestor_revoked = with(&|e| e.revoke_token(OTHER_AGENT.parse().unwrap(), NOW + 3_500));
    let verdict = check_at(&token_with(&derived), &ancestor_revoked, NOW, &ScopeSet::empty());
    assert_eq!(verdict, Verdict::Refused(Refusal::Revoked(Revoked::Delegation)));
    seen.insert(name(&Refusal::Revoked(Revoked::Delegation)));

    let required = scopes("agents:write");
    let expected = Refusal::InsufficientScope { required: required.clone() };
    let verdict = check_at(&good_token(), &Exceptions::new(hasher()), NOW, &required);
    assert_eq!(verdict, Verdict::Refused(expected.clone()));
    seen.insert(name(&expected));

    let change = json!({ "type": "fromTheFuture" });
    let (subjects, expires_at) = (vec![Subject::Principal(agent)], None);
    let unknown = Envelope { key: "later/1".into(), subjects, ignorable: false, expires_at, change };
    let in_doubt = with(&|e| e.note_unknown(&unknown));
    let verdict = check_at(&good_token(), &in_doubt, NOW, &ScopeSet::empty());
    assert_eq!(verdict, Verdict::Refused(Refusal::Undecidable));
    seen.insert(name(&Refusal::Undecidable));

    assert_eq!(seen.len(), REFUSALS, "a refusal without a case; seen: {seen:?}");
}

#[test]
fn a_good_token_of_each_algorithm_is_accepted_with_its_claims() {
    for (signer, kid) in KEYS.all() {
        let token = mint(signer, &header(signer.alg(), kid), &claims());
        let Verdict::Accepted(accepted) = check(&token) else { panic!("{}", signer.alg()) };
        assert_eq!(accepted.sub.to_string(), AGENT);
        assert_eq!(accepted.organization_id.to_string(), ORGANIZATION);
        assert_eq!(accepted.scopes, scopes("agents:read tokens:read"));
        assert!(accepted.delegation.is_none());
    }
}

#[test]
fn accepted_claims_serialize_to_what_was_signed() {
    let Verdict::Accepted(accepted) = check(&good_token()) else { panic!() };
    assert_eq!(serde_json::to_value(accepted).unwrap(), claims());
}

#[test]
fn only_a_missing_scope_is_insufficient_scope_on_the_wire() {
    assert_eq!(Refusal::InsufficientScope { required: ScopeSet::empty() }.error_code(), "insufficient_scope");
    for refusal in [Refusal::Expired, Refusal::Revoked(Revoked::Token), Refusal::UnknownKey] {
        assert_eq!(refusal.error_code(), "invalid_token");
    }
}

#[test]
fn claims_we_do_not_know_are_no_reason_to_refuse() {
    assert_accepted(&token_with(&claims_with("https://example/claim", json!({"deep": [1]}))));
}

#[test]
fn refusals_never_repeat_the_token() {
    let secret = "c2VjcmV0LXNpZ25hdHVyZQ";
    for token in [format!("{secret}.{secret}.{secret}"), secret.to_owned(), format!("a.b.{secret}")] {
        let Verdict::Refused(refusal) = check(&token) else { panic!() };
        assert!(!refusal.to_string().contains(secret) && !format!("{refusal:?}").contains(secret));
    }
}
