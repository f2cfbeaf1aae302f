//! Snapshots in pages: what opens as a page, how a state arrives page by page, and what is refused on the way.

use agentidp_shared::feed::{
    BATCH_TYPE_2, Batch, Change, Envelope, FeedError, News, PAGE_TYPE, Page, Subject, open, open_news,
    open_page, seal, signing_input_of, signing_input_of_page, version_of,
};
use agentidp_shared::verify::Refusal;
use serde_json::{Value, json};

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
