//! The keystore's keys as they are replaced: nothing is lost, nothing opens elsewhere, and a key that is lacking is found at
//! start.

use std::collections::BTreeSet;

use agentidp::app::{App, StartError};
use agentidp::infra::keystore::{SEALED_COLUMNS, store};
use agentidp::keys::{self, ChangedBy, Progress};
use aws_lc_rs::{aead, hkdf, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::keystore::told;
use crate::support::{Agent, Api, Instance, Settings, Tenant, execute, hex, new_agent};

/// What the instances of these tests begin with.
pub const FIRST: [u8; 32] = [7; 32];
pub const SECOND: [u8; 32] = [8; 32];

fn under(settings: &Settings, key: [u8; 32], previous: &[[u8; 32]]) -> Settings {
    let previous: Vec<String> = previous.iter().map(|key| STANDARD.encode(key)).collect();
    settings
        .clone()
        .with("AGENTIDP_KEYSTORE_KEY", &STANDARD.encode(key))
        .with("AGENTIDP_KEYSTORE_PREVIOUS_KEYS", &previous.join(","))
}

pub async fn start(instance: &Instance, key: [u8; 32], previous: &[[u8; 32]]) -> Result<App, StartError> {
    under(&instance.settings, key, previous).start(&instance.clock).await
}

/// Something in every sealed column.
pub async fn scene() -> (Instance, Tenant, Agent) {
    let instance = Instance::start().await;
    keys::advance_documents(&instance.app).await.unwrap();
    let tenant = instance.tenant().await;
    let agent = tenant.create_agent(&["agents:read", "agents:write"]).await;
    tenant.api.with("idempotency-key", "k").post("/api/v1/agents", &new_agent()).await.expect(201);
    (instance, tenant, agent)
}

/// The columns that hold something, and how many keys they name.
pub async fn used(instance: &Instance) -> (usize, BTreeSet<String>) {
    let mut tx = instance.app.db.system().await.unwrap();
    let used = store::keys_in_use(&mut tx).await.unwrap();
    let columns: BTreeSet<_> = used.iter().map(|(column, _)| (column.table, column.column)).collect();
    (columns.len(), used.into_iter().map(|(_, key)| key).collect())
}

pub async fn refused(instance: &Instance, key: [u8; 32], previous: &[[u8; 32]]) -> String {
    let error = start(instance, key, previous).await.unwrap_err();
    assert!(matches!(error, StartError::Keystore(_)), "{error:?}");
    let told = told(&error);
    for key in previous.iter().chain([&key]) {
        assert!(!told.contains(&STANDARD.encode(key)), "{told}");
    }
    told
}

async fn events(instance: &Instance) -> i64 {
    instance.number("select count(*) from audit_events where action = 'keystore.reencrypted'").await
}

#[tokio::test]
async fn with_the_old_key_beside_the_new_one_everything_goes_on_and_new_secrets_are_under_the_new() {
    let (instance, tenant, agent) = scene().await;
    let app = start(&instance, SECOND, &[FIRST]).await.unwrap();
    let api = Api::of(&app);
    let own = agent.log_in(&api).await;
    let admin = tenant.admin.log_in(&api).await;
    let replayed = admin.with("idempotency-key", "k").post("/api/v1/agents", &new_agent()).await;
    assert_eq!(replayed.expect(409).code(), "IDEMPOTENCY_KEY_REUSED");
    let secret = own.post(&format!("{}/rotate", agent.credential_path()), &json!({})).await.expect(200);
    api.token(&agent.id, &secret.text("clientSecret")).await.expect(200);
    keys::rotate(&app, Some(app.config.signing_algorithm), ChangedBy::CommandLine).await.unwrap();
    assert_eq!(used(&instance).await.1.len(), 2);
    assert_eq!(
        app.keystore.hmac("audit checkpoints", b"x"),
        instance.app.keystore.hmac("audit checkpoints", b"x")
    );
    // A process that has the new key only to open with goes on too: so servers are changed one after the other.
    let behind = start(&instance, FIRST, &[SECOND]).await.unwrap();
    api.token(&agent.id, &secret.text("clientSecret")).await.expect(200);
    keys::advance(&behind).await.unwrap();
}

#[tokio::test]
async fn a_key_that_still_seals_something_is_missed_at_start() {
    let (instance, ..) = scene().await;
    let told = refused(&instance, SECOND, &[]).await;
    assert!(told.contains("AGENTIDP_KEYSTORE_PREVIOUS_KEYS") && told.contains("reencrypt"), "{told}");
    // Also if it is one row that nothing reads at start.
    let app = start(&instance, SECOND, &[FIRST]).await.unwrap();
    keys::reencrypt(&app, |_| ()).await.unwrap();
    instance
        .execute("update agent_did_keys set wrapping_key_id = '0123456789abcdef' where agent_id = (select min(agent_id::text)::uuid from agent_did_keys)")
        .await;
    let told = refused(&instance, SECOND, &[]).await;
    assert!(told.contains("0123456789abcdef (agent_did_keys.private_key_ciphertext)"), "{told}");
    assert!(!told.contains("signing_keys"), "{told}");
}

#[tokio::test]
async fn after_reencryption_the_old_key_can_go_and_nothing_is_lost() {
    let (instance, tenant, agent) = scene().await;
    let body = new_agent();
    let keyed = tenant.api.with("idempotency-key", "again");
    let first = keyed.post("/api/v1/agents", &body).await.expect(201);
    let kid = instance.app.signers.current().active.as_ref().unwrap().kid().to_owned();
    let app = start(&instance, SECOND, &[FIRST]).await.unwrap();
    let before = keys::keystore_status(&app).await.unwrap();
    assert_eq!((before.keys[0].secrets(), before.keys.len()), (0, 2));

    let mut seen = Vec::new();
    let done = keys::reencrypt(&app, |progress| seen.push(progress)).await.unwrap();
    assert!(done.failed.is_empty());
    let moved: u64 = done.moved.iter().map(|(_, moved)| moved).sum();
    assert_eq!(moved, before.keys[1].secrets());
    assert_eq!(seen.first(), Some(&Progress { done: 0, total: moved }));
    assert_eq!(seen.last(), Some(&Progress { done: moved, total: moved }));
    assert_eq!(done.moved.len(), SEALED_COLUMNS.len());
    let after = keys::keystore_status(&app).await.unwrap();
    assert_eq!((after.keys[0].secrets(), after.keys[1].secrets()), (moved, 0));
    let noted = instance
        .number("select coalesce(sum((metadata->>'secrets')::int), 0) from audit_events join organizations on id = organization_id and is_system where action = 'keystore.reencrypted'")
        .await;
    assert_eq!(u64::try_from(noted), Ok(moved));

    // Again there is nothing to do, and nothing is said.
    let told = events(&instance).await;
    assert!(keys::reencrypt(&app, |_| ()).await.unwrap().moved.is_empty());
    assert_eq!(events(&instance).await, told);

    let app = start(&instance, SECOND, &[]).await.unwrap();
    assert_eq!(app.signers.current().active.as_ref().unwrap().kid(), kid);
    agent.log_in(&Api::of(&app)).await;
    let admin = tenant.admin.log_in(&Api::of(&app)).await;
    let again = admin.with("idempotency-key", "again").post("/api/v1/agents", &body).await.expect(201);
    assert_eq!(again.body, first.body);
    assert_eq!(
        app.keystore.hmac("audit checkpoints", b"x"),
        instance.app.keystore.hmac("audit checkpoints", b"x")
    );
    let told = refused(&instance, FIRST, &[]).await;
    assert!(told.contains(app.keystore.current_key_id().as_str()), "{told}");
}

#[tokio::test]
async fn a_reencryption_that_dies_is_gone_on_with() {
    let (instance, tenant, _) = scene().await;
    for _ in 0..5 {
        tenant.create_agent(&[]).await;
    }
    let app = start(&instance, SECOND, &[FIRST]).await.unwrap();
    let total = keys::keystore_status(&app).await.unwrap().keys[1].secrets();
    let (reached, mut at) = tokio::sync::mpsc::unbounded_channel();
    let dying = tokio::spawn({
        let app = app.clone();
        async move { keys::reencrypt_by(&app, 1, |progress| reached.send(progress.done).unwrap()).await }
    });
    while at.recv().await.unwrap() < 4 {}
    dying.abort();
    assert!(dying.await.unwrap_err().is_cancelled());
    let moved = keys::keystore_status(&app).await.unwrap().keys[0].secrets();
    assert!((4..total).contains(&moved), "{moved} of {total}");
    assert_eq!(u64::try_from(events(&instance).await), Ok(moved), "each batch with its event");

    let rest = keys::reencrypt_by(&app, 3, |_| ()).await.unwrap();
    assert_eq!(rest.moved.iter().map(|(_, moved)| moved).sum::<u64>(), total - moved);
    start(&instance, SECOND, &[]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn while_secrets_are_moved_tokens_are_issued_and_agents_come_and_go() {
    let (instance, tenant, agent) = scene().await;
    for _ in 0..10 {
        tenant.create_agent(&[]).await;
    }
    let app = start(&instance, SECOND, &[FIRST]).await.unwrap();
    let moving = tokio::spawn({
        let app = app.clone();
        async move { keys::reencrypt_by(&app, 1, |_| ()).await }
    });
    let behind = start(&instance, FIRST, &[SECOND]).await.unwrap();
    for app in [&app, &behind] {
        let api = Api::of(app);
        agent.log_in(&api).await;
        let admin = Tenant { api: tenant.admin.log_in(&api).await, ..tenant.clone() };
        let short_lived = admin.create_agent(&[]).await;
        admin.api.delete(&short_lived.path()).await.expect(204);
        keys::advance(app).await.unwrap();
    }
    assert!(moving.await.unwrap().unwrap().failed.is_empty());
    // What the process that is behind sealed meanwhile.
    keys::reencrypt(&app, |_| ()).await.unwrap();
    agent.log_in(&Api::of(&start(&instance, SECOND, &[]).await.unwrap())).await;
}

#[tokio::test]
async fn a_row_that_somebody_holds_is_waited_for() {
    let (instance, ..) = scene().await;
    let app = start(&instance, SECOND, &[FIRST]).await.unwrap();
    let mut holder = instance.superuser().await;
    execute(&mut holder, "begin; select from agent_did_keys for update").await;
    let (reached, mut at) = tokio::sync::mpsc::unbounded_channel();
    let moving = tokio::spawn({
        let app = app.clone();
        async move { keys::reencrypt(&app, |progress| reached.send(progress).unwrap()).await }
    });
    // Everything else is moved, and then it looks again and again.
    for _ in 0..8 {
        at.recv().await.unwrap();
    }
    assert!(!moving.is_finished());
    execute(&mut holder, "commit").await;
    assert!(moving.await.unwrap().unwrap().failed.is_empty());
    start(&instance, SECOND, &[]).await.unwrap();
}

#[tokio::test]
async fn processes_that_start_at_once_make_one_root() {
    let instance = Instance::start().await;
    instance.execute("delete from keystore").await;
    let apps = futures_util::future::join_all((0..4).map(|_| instance.another_process())).await;
    let ids: BTreeSet<_> = apps.iter().map(|app| app.keystore.hmac_key_id().to_owned()).collect();
    assert_eq!(ids.len(), 1);
    assert_eq!(instance.number("select count(*) from keystore").await, 1);
}

/// As the first version did: one key for everything.
struct FirstVersion(hkdf::Prk);

impl FirstVersion {
    fn new() -> Self {
        Self(hkdf::Salt::new(hkdf::HKDF_SHA256, b"agentidp keystore v1").extract(&FIRST))
    }

    fn derive(&self, purpose: &str) -> [u8; 32] {
        let mut key = [0; 32];
        let info = [purpose.as_bytes()];
        self.0.expand(&info, hkdf::HKDF_SHA256).unwrap().fill(&mut key).unwrap();
        key
    }

    fn id(&self) -> String {
        hex(&self.derive("key id")[..8])
    }

    fn hmac(&self, purpose: &str, data: &[u8]) -> Vec<u8> {
        hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &self.derive(purpose)), data).as_ref().to_vec()
    }

    fn seal(&self, plaintext: &[u8], context: &str) -> Vec<u8> {
        let key = aead::UnboundKey::new(&aead::AES_256_GCM, &self.derive("sealing")).unwrap();
        let (mut sealed, nonce) = (plaintext.to_vec(), [9; 12]);
        aead::LessSafeKey::new(key)
            .seal_in_place_append_tag(
                aead::Nonce::assume_unique_for_key(nonce),
                aead::Aad::from(context.as_bytes()),
                &mut sealed,
            )
            .unwrap();
        [nonce.as_slice(), &sealed].concat()
    }
}

#[tokio::test]
async fn a_database_of_the_first_version_goes_on_and_its_key_can_be_replaced() {
    let (instance, tenant, agent) = scene().await;
    let first = FirstVersion::new();
    // Back to how the first version left it.
    let mut connection = instance.superuser().await;
    let (kid, ciphertext, key_id): (String, Vec<u8>, String) = sqlx::query_as(
        "select kid, private_key_ciphertext, wrapping_key_id from signing_keys where status = 'active'",
    )
    .fetch_one(&mut connection)
    .await
    .unwrap();
    assert_eq!(key_id, first.id());
    let place = agentidp::infra::keystore::SIGNING_KEYS.place(&kid);
    let pkcs8 = instance.app.keystore.open(&ciphertext, &key_id, &place).unwrap();
    sqlx::query("update signing_keys set private_key_ciphertext = $1")
        .bind(first.seal(&pkcs8, &format!("signing-key/{kid}")))
        .execute(&mut connection)
        .await
        .unwrap();
    for credential in [&agent, &tenant.admin] {
        sqlx::query("update credentials set secret_hmac = $1 where id = $2::uuid")
            .bind(first.hmac("client-secret", credential.secret.as_bytes()))
            .bind(&credential.credential_id)
            .execute(&mut connection)
            .await
            .unwrap();
    }
    execute(
        &mut connection,
        &format!("update credentials set hmac_key_id = '{}'; delete from keystore", first.id()),
    )
    .await;

    let told = refused(&instance, SECOND, &[]).await;
    assert!(told.contains(&first.id()), "{told}");
    assert_eq!(instance.number("select count(*) from keystore").await, 0, "nothing was made");

    // Upgraded and given another key at once.
    let app = start(&instance, SECOND, &[FIRST]).await.unwrap();
    agent.log_in(&Api::of(&app)).await;
    let checkpoints = first.hmac("audit checkpoints", b"instance");
    assert_eq!(app.keystore.hmac("audit checkpoints", b"instance").as_slice(), checkpoints);
    keys::reencrypt(&app, |_| ()).await.unwrap();

    let app = start(&instance, SECOND, &[]).await.unwrap();
    agent.log_in(&Api::of(&app)).await;
    assert_eq!(app.keystore.hmac("audit checkpoints", b"instance").as_slice(), checkpoints);
    assert_eq!(app.keystore.hmac_key_id(), first.id());
    let fresh = Tenant { api: tenant.admin.log_in(&Api::of(&app)).await, ..tenant }.create_agent(&[]).await;
    fresh.token(&Api::of(&app)).await;
}

#[tokio::test]
async fn two_reencryptions_at_once_share_the_work() {
    let (instance, tenant, _) = scene().await;
    for _ in 0..5 {
        tenant.create_agent(&[]).await;
    }
    let app = start(&instance, SECOND, &[FIRST]).await.unwrap();
    let total = keys::keystore_status(&app).await.unwrap().keys[1].secrets();
    let both = futures_util::future::join_all((0..2).map(|_| keys::reencrypt_by(&app, 1, |_| ()))).await;
    let moved: u64 = both.into_iter().flat_map(|done| done.unwrap().moved).map(|(_, moved)| moved).sum();
    assert_eq!(moved, total);
    start(&instance, SECOND, &[]).await.unwrap();
}

/// A key of an instance that never had a system organization is moved all the same: there is no log to say so.
#[tokio::test]
async fn without_a_system_organization_keys_are_moved_too() {
    let instance = Instance::start().await;
    let app = start(&instance, SECOND, &[FIRST]).await.unwrap();
    let done = keys::reencrypt(&app, |_| ()).await.unwrap();
    assert_eq!(done.moved.iter().map(|(_, moved)| moved).sum::<u64>(), 3);
    assert_eq!(events(&instance).await, 0);
}
