//! Delegation: what a derived token may hold, and what takes it back.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests fail by panicking")]

use agentidp_shared::claims::{Claims, MalformedClaim};
use agentidp_shared::delegation::{Grant, MAX_HOPS, NotDerived, Verification, Wanted, derive, reaches};
use agentidp_shared::exceptions::{Exceptions, Revoked, Standing, SubjectException};
use agentidp_shared::feed::keys_concerning;
use agentidp_shared::hashing::SeededHasher;
use agentidp_shared::ids::{AgentId, OrganizationId, TokenId};
use agentidp_shared::scopes::ScopeSet;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use uuid::Uuid;

const ISSUER: &str = "https://id.example";
const API: &str = "https://api.example";
const NOW: u64 = 1_800_000_000;

fn agent(number: u8) -> AgentId {
    Uuid::from_u128(u128::from(number) + 1).into()
}

fn token(number: u8) -> TokenId {
    Uuid::from_u128(0x1000 + u128::from(number)).into()
}

fn organization() -> OrganizationId {
    Uuid::from_u128(0xf0).into()
}

fn another_organization() -> OrganizationId {
    Uuid::from_u128(0xf1).into()
}

fn scopes(text: &str) -> ScopeSet {
    ScopeSet::parse(text).unwrap()
}

/// A token that agent 0 got for itself.
fn root() -> Claims {
    Claims {
        iss: ISSUER.into(),
        sub: agent(0),
        aud: vec![ISSUER.into()],
        client_id: agent(0),
        organization_id: organization(),
        scopes: scopes("agents:read audit:read tokens:read"),
        jti: token(0),
        iat: NOW,
        nbf: NOW,
        exp: NOW + 3_600,
        auth_time: Some(NOW),
        status: None,
        delegation: None,
    }
}

fn wanted(number: u8) -> Wanted<'static> {
    Wanted {
        jti: token(number),
        holder: agent(number),
        organization: organization(),
        grant: None,
        scopes: None,
        audience: None,
        issuer: ISSUER,
        now: NOW + u64::from(number),
        lifetime: 900,
        not_before: None,
        names_delegatee: false,
    }
}

/// For an agent of the other organization, which was granted this.
fn abroad(number: u8, granted: &str) -> Wanted<'static> {
    let grant = Grant { scopes: scopes(granted), expires_at: None };
    Wanted { organization: another_organization(), grant: Some(grant), ..wanted(number) }
}

/// A → B → … → the agent `number`.
fn chain(number: u8) -> Claims {
    (1..=number).fold(root(), |parent, next| derive(&parent, wanted(next)).unwrap())
}

fn object(claims: &Claims) -> Map<String, Value> {
    let Value::Object(object) = serde_json::to_value(claims).unwrap() else { panic!() };
    object
}

fn exceptions() -> Exceptions {
    Exceptions::new(SeededHasher::new([7; 16]))
}

fn standing(standing: Standing, not_before: Option<u64>) -> SubjectException {
    SubjectException { standing, not_before, expires_at: NOW + 10_000 }
}

#[test]
fn a_chain_says_who_acts_for_whom_as_rfc_8693_section_4_1_does() {
    let claims = object(&chain(3));
    assert_eq!((&claims["sub"], &claims["client_id"]), (&json!(agent(0)), &json!(agent(3))));
    let nested = json!({"sub": agent(3), "act": {"sub": agent(2), "act": {"sub": agent(1)}}});
    assert_eq!(claims["act"], nested);
    let hops = claims["delegation_chain"].as_array().unwrap();
    assert_eq!(hops.len(), 3);
    assert_eq!(hops[1], json!({"sub": agent(1), "jti": token(1), "iat": NOW + 1}));
}

#[test]
fn what_the_subject_narrows_for_itself_names_no_actor_but_where_it_comes_from() {
    let own = derive(&root(), Wanted { holder: agent(0), ..wanted(1) }).unwrap();
    let claims = object(&own);
    assert!(!claims.contains_key("act"));
    assert_eq!(Claims::from_object(&claims).unwrap(), own);
    assert!(!Verification::of(&own, organization()).valid);
}

#[test]
fn depth_attack_no_token_is_derived_through_more_than_five_others() {
    let deepest = chain(u8::try_from(MAX_HOPS).unwrap());
    assert_eq!(derive(&deepest, wanted(9)), Err(NotDerived::TooDeep));
    // Nor by narrowing over and over what one holds.
    let own = Wanted { holder: deepest.client_id, ..wanted(9) };
    assert_eq!(derive(&deepest, own), Err(NotDerived::TooDeep));
}

#[test]
fn cycle_attack_authority_does_not_come_back_to_an_agent_it_went_through() {
    for earlier in 0..2 {
        assert_eq!(derive(&chain(2), Wanted { holder: agent(earlier), ..wanted(9) }), Err(NotDerived::Cycle));
    }
    assert!(derive(&chain(2), Wanted { holder: agent(2), ..wanted(9) }).is_ok(), "narrowing one's own");
}

#[test]
fn scope_and_audience_widening_attacks_are_refused() {
    let more = Wanted { scopes: Some(scopes("agents:read agents:write")), ..wanted(1) };
    assert_eq!(derive(&root(), more), Err(NotDerived::Scope(scopes("agents:write"))));
    let api = derive(&root(), Wanted { audience: Some(API.into()), ..wanted(1) }).unwrap();
    for other in [ISSUER, "https://other.example", "https://api.example/"] {
        let wider = Wanted { audience: Some(other.into()), ..wanted(2) };
        assert_eq!(derive(&api, wider), Err(NotDerived::Audience), "{other}");
    }
    assert_eq!(derive(&api, Wanted { audience: Some(API.into()), ..wanted(2) }).unwrap().aud, [API]);
}

#[test]
fn lifetime_attack_a_token_does_not_outlive_what_it_comes_from() {
    let late = Wanted { now: NOW + 3_500, ..wanted(1) };
    assert_eq!(derive(&root(), late.clone()).unwrap().exp, NOW + 3_600);
    assert_eq!(derive(&root(), Wanted { now: NOW + 3_600, ..late.clone() }), Err(NotDerived::Expired));
    assert_eq!(derive(&root(), Wanted { not_before: Some(NOW + 3_600), ..late }), Err(NotDerived::Expired));
}

#[test]
fn a_token_obtained_for_another_agent_is_not_passed_on() {
    let by_administrator = Claims { client_id: agent(9), ..root() };
    assert_eq!(derive(&by_administrator, wanted(1)), Err(NotDerived::ObtainedForAnother));
}

#[test]
fn revoked_hop_attack_any_hop_that_is_revoked_suspended_or_gone_takes_all_after_it() {
    let last = chain(3);
    let keys = keys_concerning(&last);
    assert!(exceptions().check(&last).is_ok());
    for number in 0..3 {
        let mut revoked = exceptions();
        revoked.revoke_token(token(number), NOW + 10_000);
        assert_eq!(revoked.check(&last), Err(Revoked::Delegation), "token {number}");
        assert!(keys.contains(&format!("token/{}", token(number))), "looked up: {number}");
    }
    for number in 0..=3 {
        assert!(keys.contains(&format!("agent/{}", agent(number))), "looked up: {number}");
        for (exception, expected) in [
            (standing(Standing::Suspended, None), Revoked::AgentSuspended),
            (standing(Standing::Gone, None), Revoked::AgentGone),
            (standing(Standing::Active, Some(NOW + u64::from(number))), Revoked::AgentTokens),
        ] {
            let mut known = exceptions();
            known.set_agent(agent(number), exception);
            assert_eq!(known.check(&last), Err(expected), "agent {number}");
        }
    }
    // What happened before the hop got its token does not matter, nor what happens to those after it.
    let mut known = exceptions();
    known.set_agent(agent(2), standing(Standing::Active, Some(NOW + 1)));
    known.revoke_token(token(4), NOW + 10_000);
    assert!(known.check(&last).is_ok());
    known.set_agent(agent(3), standing(Standing::Gone, None));
    assert!(known.check(&chain(2)).is_ok());
    // Tokens of the organization that were taken back take what was derived from them later.
    let mut known = exceptions();
    known.set_organization(organization(), standing(Standing::Active, Some(NOW)));
    assert_eq!(known.check(&last), Err(Revoked::OrganizationTokens));
}

const ALL: &str = "agents:read audit:read tokens:read";

#[test]
fn another_organizations_agent_acts_by_a_grant_within_its_scopes_and_its_time() {
    let ungranted = Wanted { grant: None, ..abroad(1, ALL) };
    assert_eq!(derive(&root(), ungranted), Err(NotDerived::Organization));
    let granted = derive(&root(), abroad(1, "audit:read"));
    assert_eq!(granted, Err(NotDerived::Grant(scopes("agents:read tokens:read"))));
    let narrow = Wanted { scopes: Some(scopes("audit:read")), ..abroad(1, "audit:read agents:write") };
    let held = derive(&root(), narrow.clone()).unwrap();
    assert_eq!((held.scopes.to_string().as_str(), held.organization_id), ("audit:read", organization()));
    assert_eq!(held.holder_organization(), another_organization());
    let grant = Grant { scopes: scopes("audit:read"), expires_at: Some(NOW + 60) };
    assert_eq!(derive(&root(), Wanted { grant: Some(grant), ..narrow }).unwrap().exp, NOW + 60);

    let claims = object(&held);
    assert_eq!(claims["act"], json!({"sub": agent(1), "organization_id": another_organization()}));
    assert_eq!(Claims::from_object(&claims).unwrap(), held);
    // What it holds it narrows by itself; to pass it on within its organization takes a grant again.
    let own = Wanted { grant: None, ..abroad(1, ALL) };
    let narrowed = derive(&held, Wanted { jti: token(2), ..own }).unwrap();
    assert_eq!(object(&narrowed)["act"], claims["act"]);
    assert_eq!(derive(&narrowed, Wanted { grant: None, ..abroad(3, ALL) }), Err(NotDerived::Organization));
    assert_eq!(derive(&narrowed, abroad(3, "tokens:read")), Err(NotDerived::Grant(scopes("audit:read"))));
    let onward = derive(&narrowed, abroad(3, ALL)).unwrap();
    let hops = object(&onward)["delegation_chain"].clone();
    assert_eq!(hops[0].get("organization_id"), None);
    assert_eq!(hops[1]["organization_id"], json!(another_organization()));
    assert_eq!(Claims::from_object(&object(&onward)).unwrap(), onward);
    assert!(derive(&onward, wanted(4)).is_ok(), "back home");
}

#[test]
fn organization_swap_attack_who_holds_a_token_does_not_change_organizations() {
    let held = derive(&root(), abroad(1, ALL)).unwrap();
    for organization in [organization(), Uuid::from_u128(0xf2).into()] {
        let swapped = Wanted { jti: token(2), organization, ..abroad(1, ALL) };
        let derived = derive(&held, swapped);
        assert!(matches!(derived, Err(NotDerived::Organization | NotDerived::Cycle)), "{derived:?}");
    }
}

#[test]
fn foreign_organization_attack_one_that_is_suspended_or_takes_its_tokens_back_ends_what_its_agents_hold() {
    let held = derive(&root(), abroad(1, ALL)).unwrap();
    let home_again = derive(&held, wanted(2)).unwrap();
    for token in [&held, &home_again] {
        let looked_up = keys_concerning(token);
        assert!(looked_up.contains(&format!("organization/{}", another_organization())), "{looked_up:?}");
        for (exception, expected) in [
            (standing(Standing::Suspended, None), Revoked::Organization),
            (standing(Standing::Gone, None), Revoked::Organization),
            (standing(Standing::Active, Some(NOW + 1)), Revoked::OrganizationTokens),
        ] {
            let mut known = exceptions();
            known.set_organization(another_organization(), exception);
            assert_eq!(known.check(token), Err(expected));
        }
        let mut known = exceptions();
        known.set_organization(another_organization(), standing(Standing::Active, Some(NOW)));
        assert!(known.check(token).is_ok(), "what ended before it was given ends nothing");
    }
}

#[test]
fn forged_organization_attacks_the_chain_says_of_each_agent_whose_it_is() {
    let held = derive(&derive(&root(), abroad(1, ALL)).unwrap(), abroad(2, ALL)).unwrap();
    let good = object(&held);
    assert!(Claims::from_object(&good).is_ok());
    let (own, other) = (json!(organization()), json!(another_organization()));
    let (hop, act) = ("/delegation_chain/1", "/act");
    let spoilt = [
        ("the holder's is the token's", act, own.clone()),
        ("the holder's is no id", act, json!("F1")),
        ("the holder's is no text", act, json!(7)),
        ("a hop's left out", hop, Value::Null),
        ("a hop's is the token's", hop, own.clone()),
        ("a hop's is no text", hop, json!([other.clone()])),
        ("the subject's is another", "/delegation_chain/0", other),
        ("the subject's is said", "/delegation_chain/0", own),
        ("an actor's left out", "/act/act", Value::Null),
    ];
    for (attack, place, organization) in spoilt {
        let mut claims = Value::Object(good.clone());
        let spoilt = claims.pointer_mut(place).unwrap().as_object_mut().unwrap();
        spoilt.remove("organization_id");
        if !organization.is_null() {
            spoilt.insert("organization_id".into(), organization);
        }
        assert!(Claims::from_object(claims.as_object().unwrap()).is_err(), "{attack}");
    }
}

#[test]
fn forged_chain_attacks_what_act_and_the_chain_say_must_agree() {
    let good = object(&chain(3));
    assert!(Claims::from_object(&good).is_ok());
    let hop =
        |number: u8| json!({"sub": agent(number), "jti": token(number), "iat": NOW + u64::from(number)});
    let act = |numbers: &[u8]| {
        numbers.iter().fold(Value::Null, |inner, number| match inner {
            Value::Null => json!({"sub": agent(*number)}),
            inner => json!({"sub": agent(*number), "act": inner}),
        })
    };
    let (chain, actor) = ("delegation_chain", "act");
    let spoilt: Vec<(&str, &str, Value, &'static str)> = vec![
        ("no chain", chain, Value::Null, chain),
        ("no actor", actor, Value::Null, actor),
        ("an empty chain", chain, json!([]), chain),
        ("a chain that is an object", chain, hop(0), chain),
        ("a hop left out", chain, json!([hop(0), hop(2)]), actor),
        ("the first hop left out", chain, json!([hop(1), hop(2)]), chain),
        ("the last hop left out", chain, json!([hop(0), hop(1)]), actor),
        ("a hop too many", chain, json!([hop(0), hop(1), hop(2), hop(4)]), chain),
        ("hops swapped", chain, json!([hop(0), hop(2), hop(1)]), chain),
        ("one token twice", chain, json!([hop(0), hop(0), hop(1), hop(2)]), chain),
        ("six hops", chain, json!([hop(0), hop(1), hop(2), hop(3), hop(4), hop(5)]), chain),
        ("a hop without its token", chain, json!([{"sub": agent(0), "iat": NOW}, hop(1), hop(2)]), chain),
        (
            "a hop with more",
            chain,
            json!([{"sub": agent(0), "jti": token(0), "iat": NOW, "x": 1}, hop(1), hop(2)]),
            chain,
        ),
        (
            "a time as text",
            chain,
            json!([{"sub": agent(0), "jti": token(0), "iat": "1"}, hop(1), hop(2)]),
            chain,
        ),
        (
            "a hop from the future",
            chain,
            json!([hop(0), hop(1), {"sub": agent(2), "jti": token(2), "iat": NOW + 99}]),
            chain,
        ),
        ("another actor", actor, act(&[1, 2, 4]), actor),
        ("an actor less", actor, act(&[2, 3]), actor),
        ("an actor more", actor, act(&[0, 1, 2, 3]), actor),
        ("actors in the wrong order", actor, act(&[3, 2, 1]), actor),
        ("an actor with more", actor, json!({"sub": agent(3), "act": act(&[1, 2]), "iss": "x"}), actor),
        ("an actor that is text", actor, json!(agent(3)), actor),
        ("somebody else may act", "may_act", json!({"sub": agent(7)}), "may_act"),
        ("may_act with more", "may_act", json!({"sub": agent(3), "iss": "x"}), "may_act"),
        ("another subject", "sub", json!(agent(8)), chain),
        ("another holder", "client_id", json!(agent(8)), actor),
        ("a holder from the chain", "client_id", json!(agent(1)), chain),
    ];
    for (attack, name, value, expected) in spoilt {
        let mut claims = good.clone();
        if value.is_null() {
            claims.remove(name);
        } else {
            claims.insert(name.into(), value);
        }
        assert_eq!(Claims::from_object(&claims), Err(MalformedClaim(expected)), "{attack}");
    }
    let mut named = good;
    named.insert("may_act".into(), json!({"sub": agent(3)}));
    assert!(Claims::from_object(&named).is_ok(), "the holder itself");
}

#[test]
fn a_verification_says_who_acts_for_whom_and_nothing_to_another_organization() {
    let answer = serde_json::to_value(Verification::of(&chain(3), organization())).unwrap();
    assert_eq!((&answer["valid"], &answer["chainId"]), (&json!(true), &json!(token(3))));
    assert_eq!((&answer["subjectId"], &answer["delegatorId"]), (&json!(agent(0)), &json!(agent(2))));
    assert_eq!(answer["agents"], json!([agent(0), agent(1), agent(2), agent(3)]));
    let other = Verification::of(&chain(3), Uuid::from_u128(0xf1).into());
    assert_eq!(other, Verification::unknown());
}

const SCOPES: [&str; 4] = ["agents:read", "audit:read", "tokens:read", "agents:write"];
const AUDIENCES: [&str; 3] = [ISSUER, API, "https://other.example"];

proptest! {
    /// Whatever is asked for, by whomever, in whatever order: what comes out never holds more than what went in.
    #[test]
    fn no_sequence_of_delegations_widens_scope_lifetime_or_audience(steps in prop::collection::vec(
        (0u8..7, prop::option::of(prop::collection::vec(0usize..4, 0..4)), prop::option::of(0usize..3), 0u64..2_000, 0u64..100_000, prop::option::of(0u64..4_000), any::<bool>(), any::<bool>(), prop::option::of(prop::collection::vec(0usize..4, 0..4))),
        1..12,
    )) {
        let mut now = NOW;
        let mut lineage = vec![root()];
        for (position, (holder, asked, audience, passed, lifetime, not_before, names_delegatee, is_abroad, granted)) in steps.into_iter().enumerate() {
            now += passed;
            let named = |numbers: Vec<usize>| scopes(&numbers.iter().map(|n| SCOPES[*n]).collect::<Vec<_>>().join(" "));
            let (asked, granted) = (asked.map(named), granted.map(named));
            let wanted = Wanted {
                jti: token(u8::try_from(position + 1).unwrap()),
                holder: agent(holder),
                organization: if is_abroad { another_organization() } else { organization() },
                grant: granted.clone().map(|scopes| Grant { scopes, expires_at: Some(NOW + 90_000) }),
                scopes: asked.clone(),
                audience: audience.map(|n| AUDIENCES[n].to_owned()),
                issuer: ISSUER,
                now,
                lifetime,
                not_before: not_before.map(|after| NOW + after),
                names_delegatee,
            };
            let Ok(child) = derive(lineage.last().unwrap(), wanted) else { continue };
            for ancestor in &lineage {
                prop_assert!(child.scopes.is_subset_of(&ancestor.scopes));
                prop_assert!(child.exp <= ancestor.exp && child.iat >= ancestor.iat);
                prop_assert!(child.aud.iter().all(|audience| reaches(&ancestor.aud, audience, ISSUER)));
                for audience in AUDIENCES {
                    prop_assert!(!reaches(&child.aud, audience, ISSUER) || reaches(&ancestor.aud, audience, ISSUER));
                }
                prop_assert_eq!((child.sub, child.organization_id), (ancestor.sub, ancestor.organization_id));
                let mut revoked = exceptions();
                revoked.revoke_token(ancestor.jti, NOW + 100_000);
                prop_assert!(revoked.check(&child).is_err());
                let mut gone = exceptions();
                gone.set_agent(ancestor.client_id, standing(Standing::Gone, None));
                prop_assert!(gone.check(&child).is_err());
            }
            if is_abroad && child.client_id != lineage.last().unwrap().client_id {
                let granted = granted.unwrap();
                prop_assert!(child.scopes.is_subset_of(&granted) && child.exp <= NOW + 90_000);
            }
            if let Some(organization) = child.delegation.as_ref().unwrap().foreign_holder() {
                prop_assert_eq!(organization, another_organization());
                let mut gone = exceptions();
                gone.set_organization(organization, standing(Standing::Gone, None));
                prop_assert!(gone.check(&child).is_err());
            }
            if let Some(asked) = asked {
                prop_assert_eq!(&child.scopes, &asked);
            }
            prop_assert!(child.exp > child.iat && child.nbf <= child.iat);
            prop_assert!(child.delegation.as_ref().unwrap().hops().len() <= MAX_HOPS);
            prop_assert_eq!(&Claims::from_object(&object(&child)).unwrap(), &child, "it reads as it was written");
            lineage.push(child);
        }
    }
}
