//! Signed heads of the audit log, proofs against them, and what they find that no chain finds.

use agentidp::audit::{self, Broken};
use agentidp_shared::audit_chain::{Hash, genesis, hash};
use agentidp_shared::merkle::{is_consistent, is_included, leaf_hash};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use time::Duration;

use crate::support::{EventRow, Instance, Tenant, execute, hex};

/// An instance with sealed events and a signed head of them.
async fn scene() -> (Instance, Tenant) {
    let instance = Instance::start().await;
    let tenant = instance.tenant().await;
    for _ in 0..7 {
        tenant.create_agent(&["agents:read"]).await;
    }
    instance.seal().await;
    assert!(audit::sign_if_due(&instance.app).await.unwrap());
    (instance, tenant)
}

async fn more_events(instance: &Instance, tenant: &Tenant) {
    instance.advance(Duration::minutes(2));
    let tenant = tenant.again().await;
    tenant.create_agent(&["agents:read"]).await;
    instance.seal().await;
}

async fn checkpoint(tenant: &Tenant) -> Value {
    tenant.again().await.api.get("/api/v1/audit/checkpoint").await.expect(200).json()
}

fn unhex(text: &Value) -> Hash {
    let text = text.as_str().unwrap();
    let mut bytes = [0; 32];
    for (position, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * position..2 * position + 2], 16).unwrap();
    }
    bytes
}

fn hashes(proof: &Value) -> Vec<Hash> {
    proof["hashes"].as_array().unwrap().iter().map(unhex).collect()
}

/// As a verifier of signed notes does, from the published forms alone: the size and root that were signed.
fn verify_note(checkpoint: &Value) -> (u64, Hash) {
    let (note, key) =
        (checkpoint["checkpoint"].as_str().unwrap(), checkpoint["verifierKey"].as_str().unwrap());
    let mut parts = key.splitn(3, '+');
    let (name, id, key) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
    let key = STANDARD.decode(key).unwrap();
    assert_eq!(key[0], 1, "Ed25519");
    let (text, signatures) = note.split_once("\n\n").unwrap();
    let signature =
        signatures.strip_prefix(&format!("\u{2014} {name} ")).unwrap().strip_suffix('\n').unwrap();
    let signature = STANDARD.decode(signature).unwrap();
    let expected_id = digest(&SHA256, &[name.as_bytes(), b"\n", &key].concat());
    assert_eq!(signature[..4], expected_id.as_ref()[..4]);
    assert_eq!(id, hex(&expected_id.as_ref()[..4]));
    let text = format!("{text}\n");
    UnparsedPublicKey::new(&ED25519, &key[1..]).verify(text.as_bytes(), &signature[4..]).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!((lines.len(), lines[0]), (3, name));
    (lines[1].parse().unwrap(), STANDARD.decode(lines[2]).unwrap().try_into().unwrap())
}

#[tokio::test]
async fn a_head_is_a_signed_note_and_every_event_it_covers_is_proved_to_be_in_it() {
    let (instance, tenant) = scene().await;
    let signed = checkpoint(&tenant).await;
    let (size, root) = verify_note(&signed);
    assert_eq!((signed["treeSize"].as_u64(), unhex(&signed["rootHash"])), (Some(size), root));
    assert_eq!(i64::try_from(size).unwrap(), instance.number("select max(sequence) from audit_seals").await);
    let events = tenant.events("agent.created").await;
    assert!(events.len() >= 7);
    for event in events {
        let path = format!("/api/v1/audit/proof/inclusion?eventId={}", event["eventId"].as_str().unwrap());
        let proof = tenant.api.get(&path).await.expect(200).json();
        let index = proof["leafIndex"].as_u64().unwrap();
        assert_eq!(index + 1, event["sequence"].as_u64().unwrap());
        assert!(is_included(&leaf_hash(&unhex(&event["hash"])), index, size, &hashes(&proof), &root));
        assert!(!is_included(&leaf_hash(b"another"), index, size, &hashes(&proof), &root));
    }
}

#[tokio::test]
async fn a_later_head_is_proved_to_begin_with_an_earlier_one() {
    let (instance, tenant) = scene().await;
    let (old, old_root) = verify_note(&checkpoint(&tenant).await);
    assert!(!audit::sign_if_due(&instance.app).await.unwrap(), "nothing new");
    more_events(&instance, &tenant).await;
    assert!(audit::sign_if_due(&instance.app).await.unwrap());
    let signed = checkpoint(&tenant).await;
    let (new, new_root) = verify_note(&signed);
    assert!(new > old);
    let api = tenant.again().await.api;
    let path = format!("/api/v1/audit/proof/consistency?from={old}&to={new}");
    let proof = hashes(&api.get(&path).await.expect(200).json());
    assert!(is_consistent((old, &old_root), (new, &new_root), &proof));
    assert!(!is_consistent((old, &new_root), (new, &new_root), &proof));
    // The earlier head, asked for later, is still the same.
    let event = &tenant.again().await.events("agent.created").await[2];
    let path = format!(
        "/api/v1/audit/proof/inclusion?treeSize={old}&eventId={}",
        event["eventId"].as_str().unwrap()
    );
    let proof = api.get(&path).await.expect(200).json();
    let index = proof["leafIndex"].as_u64().unwrap();
    assert!(is_included(&leaf_hash(&unhex(&event["hash"])), index, old, &hashes(&proof), &old_root));
}

#[tokio::test]
async fn what_cannot_be_proved_is_said_and_another_organizations_event_is_nobodys() {
    let instance = Instance::start().await;
    let (tenant, other) = (instance.tenant().await, instance.tenant().await);
    let ask = async |path: &str| tenant.api.get(&format!("/api/v1/audit/{path}")).await;
    assert_eq!(ask("checkpoint").await.expect(404).code(), "CHECKPOINT_NOT_FOUND");
    assert_eq!(ask("proof/consistency?from=1").await.expect(404).code(), "CHECKPOINT_NOT_FOUND");
    instance.seal().await;
    audit::sign_if_due(&instance.app).await.unwrap();
    let size = checkpoint(&tenant).await["treeSize"].as_u64().unwrap();
    instance.advance(Duration::seconds(1));
    tenant.create_agent(&["agents:read"]).await;
    let newest = tenant.events("agent.created").await[0]["eventId"].as_str().unwrap().to_owned();
    assert_eq!(
        ask(&format!("proof/inclusion?eventId={newest}")).await.expect(409).code(),
        "EVENT_NOT_COVERED"
    );
    let theirs = other.events("agent.created").await[0]["eventId"].as_str().unwrap().to_owned();
    let there = ask(&format!("proof/inclusion?eventId={theirs}")).await.expect(404);
    let nowhere = ask("proof/inclusion?eventId=00000000-0000-7000-8000-000000000000").await.expect(404);
    assert_eq!((there.code(), nowhere.code()), ("EVENT_NOT_FOUND".into(), "EVENT_NOT_FOUND".into()));
    for path in [
        format!("proof/inclusion?eventId={newest}&treeSize={}", size + 1),
        format!("proof/consistency?from=1&to={}", size + 1),
        format!("proof/consistency?from={}", size + 1),
        "proof/consistency?from=2&to=1".to_owned(),
    ] {
        assert_eq!(ask(&path).await.expect(400).code(), "TREE_TOO_SMALL", "{path}");
    }
    for path in [
        "proof/consistency?from=0",
        "proof/consistency",
        "proof/inclusion",
        "proof/inclusion?eventId=x&treeSize=-1",
    ] {
        ask(path).await.expect(400);
    }
}

/// Everything written anew from `from` on, with fresh hashes, seals and tree: only who kept a head can tell.
async fn rewrite(instance: &Instance, change: &str) {
    let mut superuser = instance.superuser().await;
    execute(
        &mut superuser,
        &format!("set session_replication_role = replica; {change}; truncate audit_tree"),
    )
    .await;
    let rows: Vec<EventRow> = sqlx::query_as(
        "select event_id, events.occurred_at, events.organization_id, agent_id, action, outcome, ip_address, user_agent, metadata,
           actor_id, on_behalf_of_id, token_id, via, trace_id
         from audit_seals join audit_events events using (event_id) order by sequence",
    )
    .fetch_all(&mut superuser)
    .await
    .unwrap();
    execute(&mut superuser, "truncate audit_seals").await;
    let mut previous = genesis(instance.app.feed.instance());
    for (row, sequence) in rows.iter().zip(1_i64..) {
        let fresh = hash(&previous, &row.as_sealed(sequence.unsigned_abs()));
        let seal =
            "insert into audit_seals (sequence, event_id, organization_id, previous_hash, hash, occurred_at)
            values ($1, $2, $3, $4, $5, $6)";
        sqlx::query(seal)
            .bind(sequence)
            .bind(row.event_id)
            .bind(row.organization_id)
            .bind(&previous[..])
            .bind(&fresh[..])
            .bind(row.occurred_at)
            .execute(&mut superuser)
            .await
            .unwrap();
        previous = fresh;
    }
}

const EDIT: &str = "update audit_events set outcome = 'failure' where event_id = (select event_id from audit_seals where sequence = 3)";

#[tokio::test]
async fn rewriting_attack_a_log_with_fresh_hashes_contradicts_its_signed_heads_and_gets_no_further_one() {
    let (instance, tenant) = scene().await;
    assert_eq!(audit::verify(&instance.app, None).await.unwrap().broken, None);
    rewrite(&instance, EDIT).await;
    let found = audit::verify(&instance.app, None).await.unwrap().broken;
    assert!(matches!(found, Some(Broken::Contradicted { .. })), "{found:?}");
    more_events(&instance, &tenant).await;
    let refused = audit::sign_if_due(&instance.app).await.unwrap_err().to_string();
    assert!(refused.contains("tampered"), "{refused}");
}

#[tokio::test]
async fn truncation_attack_a_log_without_its_end_is_shorter_than_what_was_signed() {
    let (instance, _tenant) = scene().await;
    rewrite(&instance, "delete from audit_seals where sequence > 5; delete from audit_events where event_id not in (select event_id from audit_seals)").await;
    let found = audit::verify(&instance.app, None).await.unwrap();
    assert!(matches!(found.broken, Some(Broken::CutShort { count: 5, .. })), "{found:?}");
    assert!(audit::sign_if_due(&instance.app).await.is_err());
}

#[tokio::test]
async fn forked_view_attack_a_head_that_was_kept_elsewhere_tells_when_the_database_holds_none() {
    let (instance, tenant) = scene().await;
    let note = checkpoint(&tenant).await["checkpoint"].as_str().unwrap().to_owned();
    let kept = audit::read_checkpoint(&instance.app, &note).unwrap();
    assert_eq!(audit::verify(&instance.app, Some(&kept)).await.unwrap().broken, None);
    rewrite(&instance, &format!("{EDIT}; truncate audit_checkpoints")).await;
    assert_eq!(
        audit::verify(&instance.app, None).await.unwrap().broken,
        None,
        "nothing left to compare with"
    );
    let found = audit::verify(&instance.app, Some(&kept)).await.unwrap().broken;
    assert_eq!(found, Some(Broken::Contradicted { tree_size: kept.tree_size }));
}

#[tokio::test]
async fn forged_checkpoint_attack_only_what_this_instance_signed_is_compared_with() {
    let (instance, tenant) = scene().await;
    let note = checkpoint(&tenant).await["checkpoint"].as_str().unwrap().to_owned();
    let size = audit::read_checkpoint(&instance.app, &note).unwrap().tree_size;
    for forged in [
        String::new(),
        "a\nb\nc".to_owned(),
        note.replacen(&format!("\n{size}\n"), &format!("\n{}\n", size - 1), 1),
        note.trim_end().to_owned(),
        note.replacen("/audit\n", "/other\n", 1),
    ] {
        assert!(audit::read_checkpoint(&instance.app, &forged).is_err(), "{forged:?}");
    }
    let witnessed = format!("{note}\u{2014} witness AAAA\n");
    assert!(audit::read_checkpoint(&instance.app, &witnessed).is_ok(), "others may sign it too");
    // Another instance's log, with a key of its own.
    let (another, tenant) = scene().await;
    let theirs = checkpoint(&tenant).await["checkpoint"].as_str().unwrap().to_owned();
    assert!(audit::read_checkpoint(&another.app, &theirs).is_ok());
    assert!(audit::read_checkpoint(&instance.app, &theirs).is_err());
    assert_eq!(json!(theirs == note), false);
}

#[tokio::test]
async fn a_tree_that_lags_behind_catches_up() {
    let (instance, tenant) = scene().await;
    let before = verify_note(&checkpoint(&tenant).await);
    let mut superuser = instance.superuser().await;
    // As on a database from before there was a tree.
    execute(
        &mut superuser,
        "set session_replication_role = replica; truncate audit_tree; truncate audit_checkpoints",
    )
    .await;
    more_events(&instance, &tenant).await;
    assert!(audit::sign_if_due(&instance.app).await.unwrap());
    let (size, root) = verify_note(&checkpoint(&tenant).await);
    assert!(size > before.0);
    let path = format!("/api/v1/audit/proof/consistency?from={}&to={size}", before.0);
    let proof = hashes(&tenant.again().await.api.get(&path).await.expect(200).json());
    assert!(is_consistent((before.0, &before.1), (size, &root), &proof));
    assert_eq!(audit::verify(&instance.app, None).await.unwrap().broken, None);
}
