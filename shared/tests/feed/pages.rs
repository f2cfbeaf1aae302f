//! Snapshots in pages: what opens as a page, how a state arrives page by page, and what is refused on the way.

use agentidp_shared::exceptions::{ScopeLimit, Standing, SubjectException};
use agentidp_shared::feed::{
    BATCH_LIFETIME_MS, BATCH_TYPE_2, Batch, Change, Envelope, FeedError, News, PAGE_TYPE, Page, Subject,
    open, open_news, open_page, seal, signing_input_of, signing_input_of_page, version_of,
};
use agentidp_shared::partner::PartnerRecord;
use agentidp_shared::state::{Arriving, CLOCK_TOLERANCE_MS, State};
use agentidp_shared::verify::Refusal;
use proptest::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::model::*;
use crate::support::*;

fn sealed_page(page: &Page) -> String {
    let input = signing_input_of_page(page, KID).unwrap();
    seal(&input, &feed_signer().sign(input.as_bytes()))
}

fn sealed_json(typ: &str, payload: &Value) -> String {
    mint(&feed_signer(), &json!({"alg": "EdDSA", "kid": KID, "typ": typ}), payload)
}

fn revocation() -> Change {
    Change::TokenRevoked { jti: TOKEN_ID.parse().unwrap(), expires_at: NOW + 3_500 }
}

fn page() -> Page {
    Page {
        instance: instance(1),
        begun: 4,
        to: 5,
        issued_at: NOW_MS,
        expires_at: NOW_MS + 300_000,
        after: Some("agent/1".into()),
        until: Some("token/2".into()),
        changes: vec![revocation()],
    }
}

fn payload() -> Value {
    serde_json::to_value(page()).unwrap()
}

#[test]
fn a_sealed_page_opens_to_itself() {
    let first = Page { after: None, begun: 5, ..page() };
    let last = Page { until: None, ..page() };
    let unknown = Envelope {
        key: "later/1".into(),
        subjects: vec![Subject::All],
        ignorable: false,
        expires_at: None,
        change: json!({ "type": "fromTheFuture" }),
    };
    let beyond = Page { changes: vec![Change::Unknown(Box::new(unknown))], ..page() };
    for page in [page(), first, last, beyond] {
        let text = sealed_page(&page);
        assert_eq!(version_of(&text), 2);
        assert_eq!(open_news(&text, &pinned()), Ok(News::Page(page.clone())));
        assert_eq!(open_page(&text, &pinned()), Ok(page));
    }
    assert_eq!(open_page(&sealed_json(PAGE_TYPE, &payload()), &pinned()), Ok(page()));
}

#[test]
fn page_passed_off_as_a_batch_attack() {
    assert_eq!(open(&sealed_page(&page()), &pinned()), Err(FeedError::Malformed));
    let batch = Batch {
        instance: instance(1),
        from: 4,
        to: 5,
        issued_at: NOW_MS,
        expires_at: NOW_MS + 1,
        changes: vec![revocation()],
    };
    let input = signing_input_of(2, &batch, KID).unwrap();
    let sealed_batch = seal(&input, &feed_signer().sign(input.as_bytes()));
    assert_eq!(open_page(&sealed_batch, &pinned()), Err(FeedError::Malformed));
    assert_eq!(open(&sealed_batch, &pinned()), Ok(batch));
    // Nor does either open under the other's type, whoever signed it.
    assert_eq!(open(&sealed_json(BATCH_TYPE_2, &payload()), &pinned()), Err(FeedError::MalformedPayload));
    let mut as_batch = payload();
    as_batch["from"] = json!(0);
    assert_eq!(open_page(&sealed_json(PAGE_TYPE, &as_batch), &pinned()), Err(FeedError::MalformedPayload));
    assert_eq!(
        open_page(&sealed_json("at+jwt", &payload()), &pinned()),
        Err(FeedError::Header(Refusal::WrongType))
    );
}

#[test]
fn a_page_that_is_altered_or_of_another_key_is_refused() {
    let good = sealed_page(&page());
    for position in (0..good.len()).step_by(7) {
        let mut bytes = good.clone().into_bytes();
        bytes[position] = if bytes[position] == b'A' { b'B' } else { b'A' };
        assert!(open_page(&String::from_utf8(bytes).unwrap(), &pinned()).is_err(), "byte {position}");
    }
    let other = key_set([Signer::eddsa(51).jwk(KID)]);
    assert_eq!(open_page(&good, &other), Err(FeedError::InvalidSignature));
}

#[test]
fn a_page_with_other_members_is_refused() {
    let spoiled = |spoil: &dyn Fn(&mut Value)| {
        let mut payload = payload();
        spoil(&mut payload);
        open_page(&sealed_json(PAGE_TYPE, &payload), &pinned())
    };
    assert_eq!(spoiled(&|_| ()), Ok(page()));
    for outcome in [
        spoiled(&|p| p["critical"] = json!(true)),
        spoiled(&|p| p["begun"] = json!(-1)),
        spoiled(&|p| p["begun"] = json!("4")),
        spoiled(&|p| p["to"] = json!(4.5)),
        spoiled(&|p| p["after"] = json!(null)),
        spoiled(&|p| p["until"] = json!(["token/2"])),
        spoiled(&|p| p["changes"] = json!([{ "key": "token/2" }])),
        spoiled(&|p| drop(p.as_object_mut().unwrap().remove("begun"))),
        spoiled(&|p| drop(p.as_object_mut().unwrap().remove("to"))),
        spoiled(&|p| *p = json!([])),
    ] {
        assert_eq!(outcome, Err(FeedError::MalformedPayload));
    }
}

fn token(number: u128) -> Change {
    Change::TokenRevoked { jti: Uuid::from_u128(number << 80 | number).into(), expires_at: NOW + 3_600 }
}

fn agent(number: u128, standing: Standing) -> Change {
    let exception = SubjectException { standing, not_before: None, expires_at: NOW + 3_600 };
    Change::Agent { agent_id: Uuid::from_u128(number).into(), exception }
}

/// Keys, issuer and limits, and what takes four pages of three.
fn log() -> Log {
    let mut log = Log::new();
    log.changes.extend((1..=8).map(token));
    log.changes.extend((1..=4).map(|number| agent(number, Standing::Suspended)));
    log
}

/// All pages of a snapshot of `log`, with three changes each.
fn pages(log: &Log) -> Vec<Page> {
    let mut pages = vec![log.page(None, None, 3, NOW_MS)];
    while let Some((begun, until)) = pages.last().and_then(Page::next) {
        let next = log.page(Some(begun), Some(until), 3, NOW_MS);
        pages.push(next);
    }
    pages
}

/// A snapshot of which the first two pages are there.
fn half() -> (Arriving, Vec<Page>) {
    let pages = pages(&log());
    let mut arriving = Arriving::begin(pages[0].clone(), NOW_MS, hasher()).unwrap();
    arriving.take(pages[1].clone(), NOW_MS).unwrap();
    (arriving, pages)
}

#[track_caller]
fn assert_refused(page: Page, expected: &FeedError) {
    let (mut arriving, pages) = half();
    assert_eq!(arriving.take(page, NOW_MS).as_ref(), Err(expected));
    // Nothing of it was taken, and the right page still is.
    assert_eq!(arriving.pages(), 2);
    arriving.take(pages[2].clone(), NOW_MS).unwrap();
    arriving.take(pages[3].clone(), NOW_MS).unwrap();
    assert_eq!(arriving.into_state().unwrap().exceptions.len(), 12);
}

#[test]
fn a_state_begins_with_the_last_page_and_not_before() {
    let pages = pages(&log());
    assert_eq!(pages.len(), 4);
    let mut arriving = Arriving::begin(pages[0].clone(), NOW_MS, hasher()).unwrap();
    for page in &pages[1..] {
        assert!(!arriving.is_whole() && arriving.clone().into_state().is_none());
        arriving.take(page.clone(), NOW_MS + 60_000).unwrap();
    }
    let state = arriving.into_state().unwrap();
    assert_eq!((state.sequence(), state.issued_at_ms()), (15, NOW_MS));
    let whole = State::from_snapshot(log().snapshot(NOW_MS), NOW_MS, hasher()).unwrap();
    assert_eq!(state.exceptions.len(), whole.exceptions.len());
    assert_eq!(state.keys.to_jwks(), whole.keys.to_jwks());
}

#[test]
fn a_snapshot_of_one_page_is_whole_at_once() {
    let page = Log::new().page(None, None, 3, NOW_MS);
    assert!(page.is_whole());
    assert_eq!(Arriving::begin(page, NOW_MS, hasher()).unwrap().into_state().unwrap().sequence(), 3);
}

#[test]
fn only_a_first_page_begins_a_snapshot() {
    let pages = pages(&log());
    let begin = |page: Page| Arriving::begin(page, NOW_MS, hasher()).map(|arriving| arriving.pages());
    assert_eq!(begin(pages[0].clone()), Ok(1));
    assert_eq!(begin(pages[1].clone()), Err(FeedError::PageOutOfOrder));
    assert_eq!(begin(Page { begun: 14, ..pages[0].clone() }), Err(FeedError::PageOutOfOrder));
    assert_eq!(begin(Page { changes: vec![keys(1)], ..pages[0].clone() }), Err(FeedError::Incomplete));
}

#[test]
fn left_out_page_attack() {
    assert_refused(pages(&log())[3].clone(), &FeedError::PageOutOfOrder);
}

#[test]
fn repeated_page_attack() {
    assert_refused(pages(&log())[1].clone(), &FeedError::PageOutOfOrder);
    assert_refused(pages(&log())[0].clone(), &FeedError::PageOutOfOrder);
    // Nor is there a page behind the last.
    let (mut arriving, pages) = half();
    arriving.take(pages[2].clone(), NOW_MS).unwrap();
    arriving.take(pages[3].clone(), NOW_MS).unwrap();
    assert_eq!(arriving.take(pages[3].clone(), NOW_MS), Err(FeedError::PageOutOfOrder));
    let beyond = Page { after: None, ..pages[3].clone() };
    assert_eq!(arriving.take(beyond, NOW_MS), Err(FeedError::PageOutOfOrder));
}

#[test]
fn mixed_snapshots_attack() {
    let mut later = log();
    later.changes.push(agent(9, Standing::Active));
    // Page three of a snapshot that began one change later.
    let until = pages(&log())[1].until.clone();
    let of_other = later.page(Some(later.head()), until.as_deref(), 3, NOW_MS);
    assert_refused(of_other.clone(), &FeedError::OtherSnapshot);
    // The same page as one of this snapshot, read at that later moment.
    let (mut arriving, _) = half();
    arriving.take(Page { begun: 15, ..of_other }, NOW_MS).unwrap();
}

#[test]
fn older_page_attack() {
    let third = pages(&log())[2].clone();
    assert_refused(Page { to: 14, ..third.clone() }, &FeedError::LowerSequence { known: 15, to: 14 });
    let (mut arriving, _) = half();
    arriving.take(Page { to: 15, ..third }, NOW_MS).unwrap();
}

#[test]
fn page_of_another_instance_attack() {
    let third = pages(&log())[2].clone();
    assert_refused(Page { instance: instance(9), ..third }, &FeedError::OtherInstance);
}

#[test]
fn pages_that_go_round_in_circles_attack() {
    let third = pages(&log())[2].clone();
    for until in [third.after.clone(), Some("a".to_owned())] {
        assert_refused(Page { until, ..third.clone() }, &FeedError::PageOutOfOrder);
    }
}

#[test]
fn held_back_page_attack_each_page_expires() {
    let third = pages(&log())[2].clone();
    let expired = Page { expires_at: NOW_MS, ..third.clone() };
    assert_refused(expired, &FeedError::Expired);
    let issued_at = NOW_MS + CLOCK_TOLERANCE_MS + 1;
    let from_the_future = Page { issued_at, expires_at: issued_at + 1, ..third.clone() };
    assert_refused(from_the_future, &FeedError::FromTheFuture);
    let first = pages(&log())[0].clone();
    assert_eq!(
        Arriving::begin(first.clone(), NOW_MS + BATCH_LIFETIME_MS, hasher()).err(),
        Some(FeedError::Expired)
    );
    // A clock set back does not bring it to life again.
    let mut arriving = Arriving::begin(Page { issued_at: NOW_MS + 2, ..first }, NOW_MS, hasher()).unwrap();
    let second = Page { expires_at: NOW_MS + 1, ..pages(&log())[1].clone() };
    assert_eq!(arriving.take(second, NOW_MS - 60_000), Err(FeedError::Expired));
}

#[test]
fn pages_that_were_kept_are_taken_up_after_their_lifetime_and_are_as_old_as_they_are() {
    let pages = pages(&log());
    let mut arriving = Arriving::restore(pages[0].clone(), hasher()).unwrap();
    for page in &pages[1..] {
        arriving.replay(Page { expires_at: 0, ..page.clone() }).unwrap();
    }
    let state = arriving.into_state().unwrap();
    assert_eq!(state.age_ms(NOW_MS + 7_200_000), 7_200_000);
    let (mut arriving, pages) = half();
    assert_eq!(arriving.replay(pages[3].clone()), Err(FeedError::PageOutOfOrder));
}

/// A change to one of a few subjects, of every kind that replaces another.
fn change(kind: u8, number: u128) -> Change {
    let id = Uuid::from_u128(number);
    let exception = |standing| SubjectException { standing, not_before: None, expires_at: NOW + 3_600 };
    match kind {
        0 => token(number),
        1 => agent(number, Standing::Suspended),
        2 => agent(number, Standing::Active),
        3 => {
            let limit = ScopeLimit { scopes: scopes("agents:read"), issued_until: NOW };
            Change::AgentLimited { agent_id: id.into(), exception: exception(Standing::Active), limit }
        }
        4 | 5 => Change::Partner {
            organization_id: id.into(),
            issuer: "https://partner.example".into(),
            partner: (kind == 4).then(|| PartnerRecord {
                partner_id: id.into(),
                jwks: agentidp_shared::jwk::JwkSet::default(),
                keys_expire_at: NOW,
                allowed_organizations: vec![],
                expires_at: None,
            }),
        },
        6 => keys(u8::try_from(number).unwrap()),
        7 => Change::Organization { organization_id: id.into(), exception: exception(Standing::Suspended) },
        _ => Change::Unknown(Box::new(Envelope {
            key: format!("agent/{id}"),
            subjects: vec![Subject::Principal(id.into())],
            ignorable: false,
            expires_at: None,
            change: json!({ "type": "fromTheFuture" }),
        })),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever happens while the pages are read: the feed from the snapshot's beginning leads to what everybody knows.
    #[test]
    fn pages_of_different_moments_and_the_feed_since_the_first_lead_to_the_same_knowledge(
        before in prop::collection::vec((0_u8..9, 1_u128..6), 0..25),
        between in prop::collection::vec(prop::collection::vec((0_u8..9, 1_u128..6), 0..6), 40),
        most in 1_usize..5,
        steps in 1_usize..7,
    ) {
        let mut log = Log::new();
        log.changes.extend(before.into_iter().map(|(kind, number)| change(kind, number)));
        let mut page = log.page(None, None, most, NOW_MS);
        let mut arriving = Arriving::begin(page.clone(), NOW_MS, hasher()).unwrap();
        let begun = page.begun;
        for changes in between {
            log.changes.extend(changes.into_iter().map(|(kind, number)| change(kind, number)));
            let Some((begun, until)) = page.next() else { break };
            page = log.page(Some(begun), Some(until), most, NOW_MS);
            arriving.take(page.clone(), NOW_MS).unwrap();
        }
        let mut state = arriving.into_state().unwrap();
        prop_assert_eq!(state.sequence(), begun);
        // In batches of any length.
        while state.sequence() < log.head() {
            let mut part = log.clone();
            part.changes.truncate(usize::try_from(state.sequence()).unwrap() + steps);
            state.apply(part.changes_after(state.sequence(), NOW_MS), NOW_MS).unwrap();
        }
        let reference = State::from_snapshot(log.snapshot(NOW_MS), NOW_MS, hasher()).unwrap();
        prop_assert_eq!(state.exceptions.unknown_changes(), reference.exceptions.unknown_changes());
        prop_assert_eq!(state.keys.to_jwks(), reference.keys.to_jwks());
        for number in 1..6 {
            let id = Uuid::from_u128(number);
            prop_assert_eq!(state.exceptions.organization(id.into()), reference.exceptions.organization(id.into()));
            let partner = |state: &State| state.partner(id.into(), "https://partner.example").is_some();
            prop_assert_eq!(partner(&state), partner(&reference));
            let subject = || [Subject::Principal(id.into())];
            prop_assert_eq!(
                state.exceptions.is_undecidable(subject()),
                reference.exceptions.is_undecidable(subject())
            );
            // Of whom nothing can be said, what was known before does not matter.
            if !state.exceptions.is_undecidable(subject()) {
                prop_assert_eq!(state.exceptions.agent(id.into()), reference.exceptions.agent(id.into()));
            }
            let mut claims = agentidp_shared::claims::Claims::from_object(claims().as_object().unwrap()).unwrap();
            claims.jti = Uuid::from_u128(number << 80 | number).into();
            prop_assert_eq!(state.exceptions.check(&claims), reference.exceptions.check(&claims));
            (claims.jti, claims.sub) = (TOKEN_ID.parse().unwrap(), id.into());
            if !state.exceptions.is_undecidable(subject()) {
                prop_assert_eq!(state.exceptions.check(&claims), reference.exceptions.check(&claims));
            }
        }
    }
}
