//! Tokens that were good and are no longer.

use agentidp_shared::exceptions::{Exceptions, Revoked, Standing, SubjectException};
use agentidp_shared::scopes::ScopeSet;
use agentidp_shared::verify::{Refusal, Verdict};
use serde_json::json;

use crate::support::*;

fn exceptions(record: impl FnOnce(&mut Exceptions)) -> Exceptions {
    let mut exceptions = Exceptions::new(hasher());
    record(&mut exceptions);
    exceptions
}

fn verdict(token: &str, exceptions: &Exceptions) -> Verdict {
    check_at(token, exceptions, NOW, &ScopeSet::empty())
}

fn refused(revoked: Revoked) -> Verdict {
    Verdict::Refused(Refusal::Revoked(revoked))
}

fn subject(standing: Standing, not_before: Option<u64>) -> SubjectException {
    SubjectException { standing, not_before, expires_at: NOW + 9_999 }
}

#[test]
fn revoked_jti_is_refused_and_another_is_not() {
    let exceptions = exceptions(|e| e.revoke_token(TOKEN_ID.parse().unwrap(), NOW + 3_500));
    assert_eq!(verdict(&good_token(), &exceptions), refused(Revoked::Token));
    let other = token_with(&claims_with("jti", json!(OTHER_AGENT)));
    assert!(matches!(verdict(&other, &exceptions), Verdict::Accepted(_)));
}

#[test]
fn revocation_comes_before_scope_so_a_dead_token_learns_nothing() {
    let exceptions = exceptions(|e| e.revoke_token(TOKEN_ID.parse().unwrap(), NOW + 3_500));
    let verdict = check_at(&good_token(), &exceptions, NOW, &scopes("admin:orgs"));
    assert_eq!(verdict, refused(Revoked::Token));
}

#[test]
fn not_before_kills_tokens_of_that_second_and_earlier() {
    let issued = NOW - 100;
    for (not_before, good) in [(issued - 1, true), (issued, false), (issued + 1, false)] {
        for exceptions in [
            exceptions(|e| e.set_agent(AGENT.parse().unwrap(), subject(Standing::Active, Some(not_before)))),
            exceptions(|e| {
                e.set_organization(
                    ORGANIZATION.parse().unwrap(),
                    subject(Standing::Active, Some(not_before)),
                );
            }),
        ] {
            let verdict = verdict(&good_token(), &exceptions);
            assert_eq!(matches!(verdict, Verdict::Accepted(_)), good, "{not_before} {verdict:?}");
        }
    }
}

#[test]
fn a_token_obtained_by_one_agent_for_another_dies_with_either() {
    let token = token_with(&claims_with("client_id", json!(OTHER_AGENT)));
    assert_accepted(&token);
    for agent in [AGENT, OTHER_AGENT] {
        for (standing, expected) in
            [(Standing::Suspended, Revoked::AgentSuspended), (Standing::Gone, Revoked::AgentGone)]
        {
            let exceptions = exceptions(|e| e.set_agent(agent.parse().unwrap(), subject(standing, None)));
            assert_eq!(verdict(&token, &exceptions), refused(expected));
        }
    }
}

#[test]
fn suspended_and_deleted_organizations_are_refused() {
    for standing in [Standing::Suspended, Standing::Gone] {
        let exceptions =
            exceptions(|e| e.set_organization(ORGANIZATION.parse().unwrap(), subject(standing, None)));
        assert_eq!(verdict(&good_token(), &exceptions), refused(Revoked::Organization));
    }
}

#[test]
fn another_agents_or_organizations_exception_does_not_matter() {
    let exceptions = exceptions(|e| {
        e.set_agent(OTHER_AGENT.parse().unwrap(), subject(Standing::Gone, None));
        e.set_organization(OTHER_AGENT.parse().unwrap(), subject(Standing::Gone, None));
        // An agent's id is not an organization's, even when the bytes are the same.
        e.set_agent(ORGANIZATION.parse().unwrap(), subject(Standing::Gone, None));
        e.set_organization(AGENT.parse().unwrap(), subject(Standing::Gone, None));
    });
    assert!(matches!(verdict(&good_token(), &exceptions), Verdict::Accepted(_)));
}

#[test]
fn reactivation_does_not_raise_the_tokens_from_before() {
    let exceptions = exceptions(|e| {
        e.set_agent(AGENT.parse().unwrap(), subject(Standing::Suspended, None));
        e.set_agent(AGENT.parse().unwrap(), subject(Standing::Active, Some(NOW - 50)));
    });
    assert_eq!(verdict(&good_token(), &exceptions), refused(Revoked::AgentTokens));
    let later = token_with(&claims_with("iat", json!(NOW - 49)));
    assert!(matches!(verdict(&later, &exceptions), Verdict::Accepted(_)));
}

#[test]
fn pruning_forgets_only_what_no_token_can_need() {
    let expires_at = NOW + 3_500;
    let mut exceptions = exceptions(|e| e.revoke_token(TOKEN_ID.parse().unwrap(), expires_at));
    exceptions.prune(expires_at + 20, 20);
    assert_eq!(exceptions.len(), 1);
    exceptions.prune(expires_at + 21, 20);
    assert!(exceptions.is_empty());
}
