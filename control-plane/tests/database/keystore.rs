//! Keys at rest: opened only under the key and in the place they were sealed for, or the process does not start.

use std::error::Error;

use agentidp::app::StartError;
use agentidp::keys::{self, ChangedBy, KeyError};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::join_all;

use crate::support::{Instance, Settings};

/// What the operator reads: the error and its causes.
pub fn told(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

async fn refused(instance: &Instance, settings: &Settings) -> String {
    let error = settings.start(&instance.clock).await.unwrap_err();
    assert!(matches!(error, StartError::Keys(KeyError::Sealed { .. })), "{error:?}");
    told(&error)
}

#[tokio::test]
async fn a_process_with_another_keystore_key_does_not_start_and_says_which_setting_to_look_at() {
    let instance = Instance::start().await;
    let other = STANDARD.encode([8; 32]);
    let settings = instance.settings.clone().with("AGENTIDP_KEYSTORE_KEY", &other);
    let error = settings.start(&instance.clock).await.unwrap_err();
    assert!(matches!(error, StartError::Keystore(_)), "{error:?}");
    let told = told(&error);
    assert!(told.contains("AGENTIDP_KEYSTORE_KEY") && told.contains("signing_keys"), "{told}");
    assert!(!told.contains(&other) && !told.contains(&STANDARD.encode([7; 32])), "{told}");
    // It left the instance as it was.
    assert_eq!(keys::list(&instance.another_process().await).await.unwrap().len(), 1);
}

#[tokio::test]
async fn altered_key_attack_a_sealed_key_that_was_tampered_with_is_not_used() {
    let instance = Instance::start().await;
    let flip = "update signing_keys set private_key_ciphertext =
        set_byte(private_key_ciphertext, 20, get_byte(private_key_ciphertext, 20) # 1)";
    instance.execute(flip).await;
    let told = refused(&instance, &instance.settings).await;
    assert!(told.contains("altered"), "{told}");
}

#[tokio::test]
async fn swapped_key_attack_a_sealed_key_opens_only_in_its_own_row() {
    let instance = Instance::start().await;
    instance.platform().await;
    keys::rotate(&instance.app, Some(instance.app.config.signing_algorithm), ChangedBy::CommandLine)
        .await
        .unwrap();
    let swap = "update signing_keys set private_key_ciphertext =
        (select private_key_ciphertext from signing_keys where status = 'next') where status = 'active'";
    instance.execute(swap).await;
    refused(&instance, &instance.settings).await;
}

#[tokio::test]
async fn no_private_key_is_stored_in_the_clear() {
    let instance = Instance::start().await;
    instance.platform().await;
    // Every PKCS#8 key begins with a sequence that holds version 0; a sealed one begins with a random nonce.
    let clear = "select (select count(*) from signing_keys where position('\\x020100'::bytea in private_key_ciphertext) between 1 and 8)
        + (select count(*) from agent_did_keys where position('\\x020100'::bytea in private_key_ciphertext) between 1 and 8)";
    assert_eq!(instance.number(clear).await, 0);
    let named = "select (select count(*) from signing_keys where public_jwk ? 'd')
        + (select count(*) from agents where did_public_jwk ? 'd')";
    assert_eq!(instance.number(named).await, 0);
}

#[tokio::test]
async fn processes_that_start_at_once_on_an_empty_database_make_one_key() {
    let instance = Instance::start().await;
    instance.execute("delete from signing_keys; delete from edge_feed_pending; delete from edge_feed").await;
    let apps = join_all((0..4).map(|_| instance.another_process())).await;
    assert_eq!(instance.number("select count(*) from signing_keys").await, 1);
    let kids: Vec<_> =
        apps.iter().map(|app| app.signers.current().active.as_ref().unwrap().kid().to_owned()).collect();
    assert!(kids.iter().all(|kid| *kid == kids[0]), "{kids:?}");
    assert_eq!(
        instance.number("select count(*) from edge_feed_pending").await,
        4,
        "keys, issuer, policy, limits: once each"
    );
}
