//! What is sealed stands in one place, and every place is known.

use std::collections::BTreeSet;

use agentidp::infra::keystore::{DID_KEYS, SEALED_COLUMNS};
use agentidp::keys;
use sqlx::AssertSqlSafe;

use crate::keystore_keys::{FIRST, SECOND, refused, scene, start, used};
use crate::support::{Agent, Instance};

#[tokio::test]
async fn the_list_of_sealed_columns_is_the_schemas() {
    /// Bytes that are no secrets: hashes, and HMACs of what cannot be guessed.
    const IN_THE_CLEAR: [&str; 11] = [
        "audit_checkpoints.root_hash",
        "audit_seals.hash",
        "audit_seals.previous_hash",
        "audit_tree.hash",
        "credentials.previous_secret_hmac",
        "credentials.secret_hmac",
        "idempotency_keys.request_hash",
        "idempotency_keys.right_hash",
        "keystore.hmac_check",
        "used_assertions.jti_hash",
        "used_outside_tokens.used_by",
    ];
    let instance = Instance::start().await;
    let columns = async |condition: &str| -> BTreeSet<String> {
        let query = format!(
            "select table_name || '.' || column_name from information_schema.columns
             join pg_class on relname = table_name and relnamespace = 'public'::regnamespace and not relispartition
             where table_schema = 'public' and {condition}"
        );
        let found: Vec<String> = sqlx::query_scalar(AssertSqlSafe(query))
            .fetch_all(&mut instance.superuser().await)
            .await
            .unwrap();
        found.into_iter().collect()
    };
    let named = |name: &dyn Fn(&(&str, &str, &str)) -> String| -> BTreeSet<String> {
        SEALED_COLUMNS.iter().map(|c| name(&(c.table, c.column, c.key_column))).collect()
    };
    let sealed = named(&|(table, column, _)| format!("{table}.{column}"));
    let expected: BTreeSet<String> = sealed.iter().cloned().chain(IN_THE_CLEAR.map(str::to_owned)).collect();
    assert_eq!(
        columns("data_type = 'bytea' and table_name not like '\\_%'").await,
        expected,
        "a column of ciphertext belongs into SEALED_COLUMNS, one of hashes into this test's list"
    );
    let keys = named(&|(table, _, key)| format!("{table}.{key}"));
    let wrapping = columns(
        "data_type = 'text' and (column_name like '%wrapping_key_id' or column_name = 'check_key_id')",
    );
    assert_eq!(wrapping.await, keys);
    // Nothing is called a secret and kept as text.
    let suspects = columns(
        "data_type in ('text', 'jsonb', 'ARRAY', 'character varying')
         and column_name ~ '(secret|private|password|passphrase|api_key|token|bearer|webhook_key)'",
    );
    assert_eq!(suspects.await, BTreeSet::new());
}

#[tokio::test]
async fn every_sealed_column_has_something_in_these_tests() {
    let (instance, ..) = scene().await;
    let (columns, keys) = used(&instance).await;
    assert_eq!(columns, SEALED_COLUMNS.len());
    assert_eq!(keys.len(), 1);
}

#[tokio::test]
async fn moved_row_attack_what_was_sealed_for_one_row_is_not_carried_over_into_another() {
    let (instance, tenant, agent) = scene().await;
    let other = tenant.create_agent(&[]).await;
    instance
        .execute(&format!(
            "update agent_did_keys set private_key_ciphertext =
               (select private_key_ciphertext from agent_did_keys where agent_id = '{}') where agent_id = '{}'",
            agent.id, other.id
        ))
        .await;
    let app = start(&instance, SECOND, &[FIRST]).await.unwrap();
    let done = keys::reencrypt_by(&app, 1, |_| ()).await.unwrap();
    assert_eq!(done.failed, [DID_KEYS.place(&other.id).to_string()]);
    let status = keys::keystore_status(&app).await.unwrap();
    assert_eq!(status.keys[1].secrets(), 1, "left as it was");
}

#[tokio::test]
async fn what_is_not_sealed_or_stands_in_another_place_is_found() {
    let (instance, tenant, agent) = scene().await;
    let other = tenant.create_agent(&[]).await;
    let examine = async || {
        let mut tx = instance.app.db.system().await.unwrap();
        instance.app.keystore.examine(&mut tx, 100).await.unwrap()
    };
    for found in examine().await {
        assert!(found.opened > 0 && found.not_sealed == 0 && found.closed.is_empty(), "{found:?}");
    }
    let set = |value: &str, agent: &Agent| {
        format!("update agent_did_keys set {value} where agent_id = '{}'", agent.id)
    };
    instance.execute(&set("private_key_ciphertext = 'in the clear'", &agent)).await;
    instance.execute(&set("wrapping_key_id = '0123456789abcdef'", &tenant.admin)).await;
    instance
        .execute(&set("private_key_ciphertext = (select private_key_ciphertext from signing_keys)", &other))
        .await;
    let found = examine().await;
    let of_dids = found.iter().find(|found| *found.column == DID_KEYS).unwrap();
    assert_eq!((of_dids.not_sealed, of_dids.closed.len()), (2, 3), "{of_dids:?}");
    assert!(of_dids.closed.contains(&DID_KEYS.place(&other.id)));
    assert_eq!(found.iter().map(|found| found.not_sealed).sum::<u64>(), 2);
}

#[tokio::test]
async fn swapped_column_attack_a_secret_opens_in_its_own_column_only() {
    let (instance, ..) = scene().await;
    instance.execute("update keystore set hmac_ciphertext = check_ciphertext").await;
    let told = refused(&instance, FIRST, &[]).await;
    assert!(told.contains("keystore.hmac_ciphertext"), "{told}");
}

#[tokio::test]
async fn replaced_root_attack_another_root_of_the_hmacs_is_not_taken() {
    let (instance, ..) = scene().await;
    let other = Instance::start().await;
    let row: (Vec<u8>, String) = sqlx::query_as("select hmac_ciphertext, hmac_key_id from keystore")
        .fetch_one(&mut other.superuser().await)
        .await
        .unwrap();
    // Sealed by the same key in the same place, for a deployment of somebody else.
    sqlx::query("update keystore set hmac_ciphertext = $1, hmac_key_id = $2")
        .bind(row.0)
        .bind(row.1)
        .execute(&mut instance.superuser().await)
        .await
        .unwrap();
    let told = refused(&instance, FIRST, &[]).await;
    assert!(told.contains("root of the HMACs"), "{told}");
}
