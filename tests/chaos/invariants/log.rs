//! The audit log: numbered without a gap, chained, signed, exportable, provable.

use std::process::Output;
use std::time::Duration;

use agentidp_shared::audit_chain::{Hash, from_hex};
use agentidp_shared::merkle::{is_consistent, is_included, leaf_hash};
use agentidp_shared::signed_note::VerifierKey;
use agentidp_tests::process::Folder;
use serde_json::Value;

use super::feed::gaps;
use super::{Case, Verdict};

/// Events whose inclusion is proven, spread over the log.
const PROVEN: i64 = 40;

/// Numbers without gap or duplicate, every event sealed, and hashes, tree and heads right: by the server, by the command line,
/// and, from an export, by nothing but the export.
pub async fn chain(case: &Case<'_>) -> Verdict {
    let mut verdict = Verdict::new("the audit log is whole: numbers, chain, tree, signed heads, export");
    let mut database = case.database().await;
    // The sealer is half a second behind.
    let waiting = "select count(*) from audit_unsealed";
    for _ in 0..100 {
        let waiting: i64 = sqlx::query_scalar(waiting).fetch_one(&mut database).await.unwrap();
        if waiting == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let sql = "select sequence from audit_seals order by sequence";
    let numbers: Vec<i64> = sqlx::query_scalar(sql).fetch_all(&mut database).await.unwrap();
    verdict.checked = numbers.len();
    verdict.check(numbers.first() == Some(&1), || format!("it begins with {:?}", numbers.first()));
    for (missing, found) in gaps(&numbers) {
        verdict.violations.push(format!("after event {} comes {found}", missing - 1));
    }
    let sql = "select count(*), coalesce(array_agg(coalesce(events.event_id, seals.event_id)::text)
                 filter (where events.event_id is null or seals.event_id is null), '{}')
               from audit_events events full join audit_seals seals on seals.event_id = events.event_id";
    verdict.query(&mut database, "event without a seal, or a seal without its event", sql).await;
    let sql = "select 0::bigint, coalesce(array_agg(event_id::text), '{}') from audit_unsealed";
    verdict.query(&mut database, "event that waits for its seal", sql).await;

    for api in [&case.platform.api, &case.tenant.api] {
        let answer = api.get("/api/v1/audit/verify").await;
        let found: Value = serde_json::from_str(&answer.body).unwrap_or_default();
        verdict.check(answer.is(200) && found["verified"] == true, || {
            format!("/audit/verify → {} {}", answer.status, answer.body)
        });
    }
    let (folder, settings) = (Folder::new(), vec![("AGENTIDP_JOBS", "off".to_owned())]);
    let kept = folder.path().join("checkpoint");
    if let Some((_, (_, note))) = case.heads.iter().next() {
        std::fs::write(&kept, note).unwrap();
    }
    let bundle = folder.path().join("bundle");
    let (bundle, kept) = (bundle.to_str().unwrap(), kept.to_str().unwrap());
    for arguments in [
        ["audit", "verify", "--checkpoint", kept].as_slice(),
        &["audit", "export", bundle],
        &["audit", "fsck", bundle, "--checkpoint", kept],
    ] {
        let Output { status, stderr, stdout } = case.control_plane.run(arguments, &settings);
        verdict.check(status.success(), || {
            let (out, err) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
            format!("agentidp audit {}: {out}{err}", arguments[1])
        });
    }
    verdict
}

/// Every head that was given out is signed and a beginning of the log as it is now, and single events are proven to be in it.
pub async fn proofs(case: &Case<'_>) -> Verdict {
    let mut verdict =
        Verdict::new("heads that were given out are beginnings of the log, events provably in it");
    let api = &case.tenant.api;
    let newest = api.get("/api/v1/audit/checkpoint").await.expect(200);
    let key = VerifierKey::parse(&newest.text("verifierKey")).unwrap();
    let size = newest.json()["treeSize"].as_u64().unwrap();
    let root = from_hex(&newest.text("rootHash")).unwrap();
    for (old_size, (old_root, note)) in &case.heads {
        let signed = key.open(note).ok().filter(|head| head.tree_size == *old_size);
        let answer = api.get(&format!("/api/v1/audit/proof/consistency?from={old_size}&to={size}")).await;
        let holds = signed.is_some_and(|head| {
            from_hex(old_root) == Some(head.root_hash)
                && answer.is(200)
                && is_consistent((*old_size, &head.root_hash), (size, &root), &hashes(&answer.json()))
        });
        verdict.check(holds, || format!("the head of {old_size} events is none of the log: {}", answer.body));
    }
    let sql = "select event_id::text, sequence, hash from audit_seals where organization_id = $1::uuid and sequence <= $2
               order by md5(event_id::text) limit $3";
    let events: Vec<(String, i64, Vec<u8>)> = sqlx::query_as(sql)
        .bind(&case.tenant.organization_id)
        .bind(i64::try_from(size).unwrap())
        .bind(PROVEN)
        .fetch_all(&mut case.database().await)
        .await
        .unwrap();
    for (event, sequence, hash) in events {
        let path = format!("/api/v1/audit/proof/inclusion?eventId={event}&treeSize={size}");
        let answer = api.get(&path).await;
        let index = sequence.unsigned_abs() - 1;
        let holds =
            answer.is(200) && is_included(&leaf_hash(&hash), index, size, &hashes(&answer.json()), &root);
        verdict.check(holds, || format!("event {event} is not in the tree: {}", answer.body));
    }
    verdict
}

fn hashes(proof: &Value) -> Vec<Hash> {
    let hashes = proof["hashes"].as_array().cloned().unwrap_or_default();
    hashes.iter().filter_map(|hash| from_hex(hash.as_str()?)).collect()
}
