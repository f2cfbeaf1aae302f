//! Version 2 of the feed: what an edge does with a change that it cannot read, and how version 1 is told of what it cannot say.

use agentidp_shared::exceptions::{Revoked, ScopeLimit, Standing, SubjectException};
use agentidp_shared::feed::{
    BATCH_TYPE_2, Batch, Change, Envelope, FeedError, Subject, key_of_agent, open, seal, signing_input,
    signing_input_of, version_of,
};
use agentidp_shared::ids::{AgentId, OrganizationId};
use agentidp_shared::state::State;
use agentidp_shared::strict::encode_base64url;
use agentidp_shared::verify::{Refusal, Verdict};
use serde_json::{Value, json};

use crate::model::*;
use crate::support::*;

fn agent(text: &str) -> AgentId {
    text.parse().unwrap()
}

fn exception(standing: Standing) -> SubjectException {
    SubjectException { standing, not_before: None, expires_at: NOW + 5_000 }
}

fn unknown(key: &str, subjects: Vec<Subject>) -> Envelope {
    let change = json!({ "type": "fromTheFuture", "how": [1, 2] });
    Envelope { key: key.to_owned(), subjects, ignorable: false, expires_at: Some(NOW + 5_000), change }
}

fn change(envelope: Envelope) -> Change {
    Change::Unknown(Box::new(envelope))
}

fn sealed_2(batch: &Batch) -> String {
    let input = signing_input_of(2, batch, KID).unwrap();
    seal(&input, &feed_signer().sign(input.as_bytes()))
}

/// A node that was told these changes in version 2, after the first three.
fn told(changes: Vec<Change>) -> State {
    let mut node = State::from_snapshot(Log::new().snapshot(NOW_MS), NOW_MS, hasher()).unwrap();
    tell(&mut node, changes);
    node
}

fn tell(node: &mut State, changes: Vec<Change>) {
    let mut log = Log::new();
    log.changes.extend(std::iter::repeat_n(issuer(60), usize::try_from(node.sequence()).unwrap() - 3));
    let from = log.head();
    log.changes.extend(changes);
    let batch = open(&sealed_2(&log.changes_after(from, NOW_MS)), &pinned()).unwrap();
    node.apply(batch, NOW_MS).unwrap();
}

fn refusal(node: &State, token: &str) -> Option<Refusal> {
    match check_at(token, &node.exceptions, NOW, &scopes("")) {
        Verdict::Accepted(_) => None,
        Verdict::Refused(refusal) => Some(refusal),
    }
}

fn token(members: &Value) -> String {
    let mut all = claims();
    all.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    token_with(&all)
}

#[test]
fn a_batch_of_version_2_opens_to_what_was_sealed_whatever_this_edge_can_read_of_it() {
    let ignorable = Envelope { ignorable: true, ..unknown("hint/1", vec![Subject::Other("room/7".into())]) };
    let changes = vec![
        keys(1),
        Change::Agent { agent_id: agent(AGENT), exception: exception(Standing::Suspended) },
        change(unknown("principal/7", vec![Subject::Principal(agent(AGENT))])),
        change(ignorable),
    ];
    let batch = Batch { to: 7, changes, ..Log::new().changes_after(3, NOW_MS) };
    assert_eq!(open(&sealed_2(&batch), &pinned()), Ok(batch.clone()));
    assert_eq!((version_of(&sealed_2(&batch)), version_of(&sealed(&Log::new().snapshot(NOW_MS)))), (2, 1));
    // Version 1 has no room for what it could not name.
    assert!(signing_input(&batch, KID).is_err());
}

#[test]
fn nothing_is_said_of_the_subjects_of_a_change_that_is_not_understood_and_all_others_go_on() {
    let other = token(&json!({ "sub": OTHER_AGENT, "client_id": OTHER_AGENT }));
    let own = token(&json!({}));
    let organization: OrganizationId = ORGANIZATION.parse().unwrap();
    for (subjects, concerns_other) in [
        (vec![Subject::Principal(agent(AGENT))], false),
        (vec![Subject::Token(TOKEN_ID.parse().unwrap())], true),
        (vec![Subject::Organization(organization)], true),
        (vec![Subject::All], true),
        // Of a kind that only a later version knows, and of none: it could be anyone.
        (vec![Subject::Other("room/7".into())], true),
        (vec![], true),
    ] {
        let node = told(vec![change(unknown("x/1", subjects.clone()))]);
        assert_eq!(node.exceptions.unknown_changes(), 1);
        assert_eq!(refusal(&node, &own), Some(Refusal::Undecidable), "{subjects:?}");
        assert_eq!(refusal(&node, &other).is_some(), concerns_other, "{subjects:?}");
    }
}

#[test]
fn what_may_be_ignored_is_and_keeps_its_number() {
    let ignorable = Envelope { ignorable: true, ..unknown("hint/1", vec![Subject::All]) };
    let node = told(vec![change(ignorable)]);
    assert_eq!((node.sequence(), node.exceptions.unknown_changes()), (4, 0));
    assert_eq!(refusal(&node, &token(&json!({}))), None);
}

#[test]
fn a_later_change_with_the_same_key_that_is_understood_ends_the_doubt() {
    let key = key_of_agent(agent(AGENT));
    let mut node = told(vec![change(unknown(&key, vec![Subject::Principal(agent(AGENT))]))]);
    assert_eq!(refusal(&node, &token(&json!({}))), Some(Refusal::Undecidable));
    tell(&mut node, vec![Change::Agent { agent_id: agent(AGENT), exception: exception(Standing::Active) }]);
    assert_eq!((refusal(&node, &token(&json!({}))), node.exceptions.unknown_changes()), (None, 0));
}

#[test]
fn what_is_not_understood_may_have_replaced_what_was_so_even_that_is_in_doubt() {
    let suspended = Change::Agent { agent_id: agent(AGENT), exception: exception(Standing::Suspended) };
    let key = key_of_agent(agent(AGENT));
    let node = told(vec![suspended, change(unknown(&key, vec![Subject::Principal(agent(AGENT))]))]);
    assert_eq!(refusal(&node, &token(&json!({}))), Some(Refusal::Undecidable));
}

fn limited(held: &str, issued_until: u64) -> Change {
    let limit = ScopeLimit { scopes: scopes(held), issued_until };
    Change::AgentLimited { agent_id: agent(AGENT), exception: exception(Standing::Active), limit }
}

#[test]
fn reduced_scopes_end_earlier_tokens_that_hold_more_and_no_others() {
    let node = told(vec![limited("agents:read", NOW - 10)]);
    let with = |scope: &str, iat: u64, client: &str| {
        token(&json!({ "scope": scope, "iat": iat, "nbf": iat, "client_id": client }))
    };
    let reduced = Some(Refusal::Revoked(Revoked::AgentScopes));
    assert_eq!(refusal(&node, &with("agents:read agents:write", NOW - 10, AGENT)), reduced);
    assert_eq!(refusal(&node, &with("agents:read", NOW - 10, AGENT)), None);
    assert_eq!(refusal(&node, &with("agents:read agents:write", NOW - 9, AGENT)), None);
    // Obtained by another for it, and by it for another.
    assert_eq!(refusal(&node, &with("agents:write", NOW - 10, OTHER_AGENT)), reduced);
    let for_another = token(
        &json!({ "sub": OTHER_AGENT, "client_id": AGENT, "scope": "agents:write", "iat": NOW - 10, "nbf": NOW - 10 }),
    );
    assert_eq!(refusal(&node, &for_another), reduced);
    // What is told of the agent without a limit replaces it.
    let mut node = node;
    tell(&mut node, vec![Change::Agent { agent_id: agent(AGENT), exception: exception(Standing::Active) }]);
    assert_eq!(refusal(&node, &with("agents:read agents:write", NOW - 10, AGENT)), None);
}

#[test]
fn version_1_is_told_the_strictest_it_can_say_one_change_for_one() {
    let as_agent = |change: Change| match change.in_first_version() {
        Some(Change::Agent { exception, .. }) => exception,
        other => panic!("{other:?}"),
    };
    assert_eq!(as_agent(limited("agents:read", NOW - 10)).not_before, Some(NOW - 10));
    let subject = vec![Subject::Principal(agent(AGENT))];
    let of_agent = unknown(&key_of_agent(agent(AGENT)), subject.clone());
    assert_eq!(as_agent(change(of_agent)).standing, Standing::Suspended);
    // Under another key it would last only until the agent is next told of.
    assert_eq!(change(unknown("x", subject)).in_first_version(), None);
    let of_token = change(unknown("x", vec![Subject::Token(TOKEN_ID.parse().unwrap())])).in_first_version();
    assert!(matches!(of_token, Some(Change::TokenRevoked { .. })), "{of_token:?}");
    // Nothing of version 1 refuses everyone: such an edge must not go past it.
    assert_eq!(change(unknown("x", vec![Subject::All])).in_first_version(), None);
    let ignorable = Envelope { ignorable: true, ..unknown("x", vec![Subject::All]) };
    let stand_in = change(ignorable).in_first_version().unwrap();
    let mut log = Log::new();
    log.changes.push(stand_in);
    let mut node = State::from_snapshot(Log::new().snapshot(NOW_MS), NOW_MS, hasher()).unwrap();
    node.apply(open(&sealed(&log.changes_after(3, NOW_MS)), &pinned()).unwrap(), NOW_MS).unwrap();
    assert_eq!((node.sequence(), refusal(&node, &token(&json!({})))), (4, None));
}

#[test]
fn oversized_header_attack_a_header_is_not_read_beyond_its_limit() {
    let of = |padding: usize| {
        let header = json!({"alg": "EdDSA", "kid": KID, "typ": BATCH_TYPE_2, "x": "x".repeat(padding)});
        format!("{}.e30.AA", encode_base64url(header.to_string().as_bytes()))
    };
    assert_eq!((version_of(&of(600)), version_of(&of(720))), (2, 1));
    assert_eq!(open(&of(720), &pinned()), Err(FeedError::Malformed));
}

#[test]
fn passing_one_version_off_as_the_other_attack_the_type_is_signed_and_decides() {
    let batch = Log::new().changes_after(2, NOW_MS);
    let (first, second) = (sealed(&batch), sealed_2(&batch));
    let part = |text: &str, number: usize| text.split('.').nth(number).unwrap().to_owned();
    let forged = format!("{}.{}.{}", part(&first, 0), part(&second, 1), part(&second, 2));
    assert_eq!(open(&forged, &pinned()), Err(FeedError::InvalidSignature));
}
