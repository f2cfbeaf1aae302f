//! Keys kept in a real Vault: made once, picked up when they are replaced, and never needed again while the server runs.

use std::process::Output;
use std::time::Duration;

use agentidp_tests::control_plane::Settings;
use agentidp_tests::process::{Folder, Process, free_port};
use agentidp_tests::{Agent, Api, Bao, ControlPlane, Tenant, eventually};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// Between two looks of the server, in seconds, and so a quarter of what a new version waits for.
const REFRESH: u64 = 1;
const SOON: Duration = Duration::from_secs(30);

fn in_vault(bao: &Bao, login: &[(&'static str, &str)]) -> Settings {
    let mut settings = vec![
        ("VAULT_ADDR", bao.url()),
        ("VAULT_REFRESH_SECONDS", REFRESH.to_string()),
        ("VAULT_WAIT_SECONDS", "0".to_owned()),
    ];
    settings.extend(login.iter().map(|(name, value)| (*name, (*value).to_owned())));
    settings
}

fn as_root(bao: &Bao) -> Settings {
    in_vault(bao, &[("VAULT_TOKEN", &bao.root_token)])
}

/// The policy that the documentation gives to the server.
fn documented_policy() -> String {
    let path = agentidp_tests::environment::root().join("docs/operations.md");
    let text = std::fs::read_to_string(path).unwrap();
    let (_, rest) = text.split_once("```hcl\n").unwrap();
    rest.split_once("```").unwrap().0.to_owned()
}

async fn give_policy(bao: &Bao) {
    bao.done("PUT", "sys/policies/acl/agentidp", &json!({"policy": documented_policy()})).await;
}

/// Replaces the envelope key as an operator does.
async fn replace_key(bao: &Bao, byte: u8) {
    bao.write("agentidp/envelope", &json!({"key": STANDARD.encode([byte; 32])})).await;
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What a start says that must fail.
fn refusal(control_plane: &ControlPlane, settings: &Settings) -> String {
    let output = control_plane.run(&["keys", "status"], settings);
    assert!(!output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    said(&output)
}

fn status(control_plane: &ControlPlane, settings: &Settings) -> Value {
    let output = control_plane.run(&["keys", "status", "--json"], settings);
    assert!(output.status.success(), "{}", said(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// How many secrets each key seals, the current one first.
fn secrets(status: &Value) -> Vec<u64> {
    let of_key = |key: &Value| {
        key["seals"].as_array().unwrap().iter().map(|seals| seals["secrets"].as_u64().unwrap()).sum()
    };
    status["keys"].as_array().unwrap().iter().map(of_key).collect()
}

async fn number(control_plane: &ControlPlane, query: &'static str) -> i64 {
    sqlx::query_scalar(query).fetch_one(&mut control_plane.database.connect().await).await.unwrap()
}

/// Everything that needs a key: a login, a registration with a DID, a secret, a token.
async fn everything_works(tenant: &Tenant) -> Agent {
    // Without connections from before a restart.
    let api = Api::new(tenant.api.base());
    let tenant = Tenant { api: tenant.admin.log_in(&api).await, ..tenant.clone() };
    let agent = tenant.create_agent(&["agents:read"]).await;
    agent.token(&api).await;
    agent
}

async fn log_says(control_plane: &ControlPlane, text: &str) {
    eventually(text, SOON, async || control_plane.log().contains(text).then_some(())).await;
}

async fn nothing_leaked(control_plane: &ControlPlane, bao: &Bao, more: &[&str], written: &[&str]) {
    let mut secrets = bao.secrets();
    secrets.extend(more.iter().map(|secret| (*secret).to_owned()));
    for path in ["agentidp/envelope", "agentidp/hmac"] {
        secrets.push(bao.read(path).await.0["key"].as_str().unwrap().to_owned());
    }
    for text in [&control_plane.log()].into_iter().map(String::as_str).chain(written.iter().copied()) {
        for secret in &secrets {
            assert!(!text.contains(secret.as_str()), "a secret was written");
        }
    }
}

#[tokio::test]
async fn a_vault_that_is_sealed_restarted_or_gone_stops_nothing() {
    let mut bao = Bao::start().await;
    let control_plane = ControlPlane::start_with(as_root(&bao));
    let tenant = control_plane.platform().await;
    let agent = everything_works(&tenant).await;
    assert_eq!(bao.read("agentidp/envelope").await.1, 1);
    assert_eq!(bao.read("agentidp/hmac").await.1, 1);
    assert_eq!(
        number(&control_plane, "select count(*) from keystore where hmac_ciphertext is null").await,
        1
    );

    bao.seal().await;
    log_says(&control_plane, "is sealed or not initialised").await;
    everything_works(&tenant).await;

    bao.stop();
    log_says(&control_plane, "does not answer").await;
    everything_works(&tenant).await;

    bao.start_again().await;
    everything_works(&tenant).await;
    bao.unseal().await;
    log_says(&control_plane, "Vault answers again").await;
    everything_works(&tenant).await;
    agent.token(&Api::new(tenant.api.base())).await;
    // Each trouble is told once, not with every look.
    let told = control_plane.log().matches("is sealed or not initialised").count();
    assert!(told <= 2, "{told} times");
    nothing_leaked(&control_plane, &bao, &[], &[]).await;
}

#[tokio::test]
async fn a_replaced_key_is_picked_up_without_a_restart_and_the_old_one_can_go() {
    let bao = Bao::start().await;
    let mut control_plane = ControlPlane::start_with(as_root(&bao));
    let tenant = control_plane.platform().await;
    let before = everything_works(&tenant).await;
    replace_key(&bao, 2).await;
    // It opens at once, and seals when every server can know it.
    log_says(&control_plane, "a newer keystore key was found").await;
    log_says(&control_plane, "another keystore key seals from now on").await;
    everything_works(&tenant).await;
    assert_eq!(number(&control_plane, "select count(distinct wrapping_key_id) from agent_did_keys").await, 2);

    let settings = as_root(&bao);
    let old = secrets(&status(&control_plane, &settings));
    assert!(old.len() == 2 && old.iter().all(|secrets| *secrets > 0), "{old:?}");
    let done = control_plane.run(&["keys", "reencrypt"], &settings);
    assert!(done.status.success(), "{}", said(&done));
    assert!(said(&done).contains("secrets moved"), "{}", said(&done));
    let moved = secrets(&status(&control_plane, &settings));
    assert_eq!(moved, [old.iter().sum::<u64>(), 0]);
    let text = control_plane.run(&["keys", "status"], &settings).stdout;
    assert!(String::from_utf8_lossy(&text).contains("it can go"));

    bao.done("POST", "secret/delete/agentidp/envelope", &json!({"versions": [1]})).await;
    control_plane.start_again();
    before.token(&Api::new(tenant.api.base())).await;
    everything_works(&tenant).await;

    // The one in use is another matter.
    replace_key(&bao, 3).await;
    bao.done("POST", "secret/delete/agentidp/envelope", &json!({"versions": [2]})).await;
    let told = refusal(&control_plane, &settings);
    assert!(told.contains("versions 1,2 of secret/agentidp/envelope were deleted"), "{told}");
    assert!(told.contains("vault kv undelete -versions=1,2"), "{told}");
    everything_works(&tenant).await;
    bao.done("POST", "secret/undelete/agentidp/envelope", &json!({"versions": [2]})).await;
    status(&control_plane, &settings);
    nothing_leaked(&control_plane, &bao, &[&STANDARD.encode([2; 32])], &[&told]).await;
}

#[tokio::test]
async fn a_version_that_is_no_key_is_not_taken() {
    let bao = Bao::start().await;
    let control_plane = ControlPlane::start_with(as_root(&bao));
    let tenant = control_plane.platform().await;
    bao.write("agentidp/envelope", &json!({"key": "c2hvcnQ="})).await;
    log_says(&control_plane, "version 2, is not a key").await;
    everything_works(&tenant).await;
    let told = refusal(&control_plane, &as_root(&bao));
    assert!(told.contains("secret/agentidp/envelope, version 2, is not a key"), "{told}");
    bao.done("POST", "secret/delete/agentidp/envelope", &json!({"versions": [2]})).await;
    bao.write("agentidp/hmac", &json!({"key": STANDARD.encode([1; 32]), "id": "0123456789abcdef"})).await;
    let told = refusal(&control_plane, &as_root(&bao));
    assert!(told.contains("secret/agentidp/hmac in Vault") && told.contains("rollback -version=1"), "{told}");
}

#[tokio::test]
async fn servers_that_start_at_once_make_one_key() {
    let bao = Bao::start().await;
    // Only to have a database with a schema and nothing else.
    let mut control_plane = ControlPlane::start();
    control_plane.stop();
    sqlx::raw_sql("set session_replication_role = replica; delete from keystore; delete from credentials; delete from signing_keys; delete from agent_did_keys; delete from document_keys; delete from audit_checkpoints")
        .execute(&mut control_plane.database.connect().await)
        .await
        .unwrap();
    // One that may create and not write again: who is second is refused by the policy, not by check-and-set.
    give_policy(&bao).await;
    let token = bao.token(&json!({"policies": ["agentidp"]})).await;
    let settings = in_vault(&bao, &[("VAULT_TOKEN", &token)]);
    let seen: Vec<Value> = std::thread::scope(|scope| {
        let starts: Vec<_> = (0..4).map(|_| scope.spawn(|| status(&control_plane, &settings))).collect();
        starts.into_iter().map(|start| start.join().unwrap()).collect()
    });
    for status in &seen {
        assert_eq!(status["keys"][0]["id"], seen[0]["keys"][0]["id"]);
        assert_eq!(status["hmacKeyId"], seen[0]["hmacKeyId"]);
    }
    assert_eq!(bao.read("agentidp/envelope").await.1, 1);
    assert_eq!(bao.read("agentidp/hmac").await.1, 1);
}

#[tokio::test]
async fn a_start_that_cannot_get_its_keys_says_what_to_do() {
    let mut bao = Bao::start().await;
    give_policy(&bao).await;
    let control_plane = ControlPlane::start_with(as_root(&bao));
    let mut written = Vec::new();
    let mut says = |settings: Settings, expected: &[&str]| {
        let told = refusal(&control_plane, &settings);
        for text in expected {
            assert!(told.contains(text), "{text} is not in: {told}");
        }
        written.push(told);
    };
    let wrong = "s.wrongwrongwrongwrongwrong";
    says(in_vault(&bao, &[("VAULT_TOKEN", wrong)]), &["wrong, has expired", "VAULT_TOKEN"]);
    let unprivileged = bao.token(&json!({"policies": ["default"]})).await;
    says(
        in_vault(&bao, &[("VAULT_TOKEN", &unprivileged)]),
        &["does not allow read on secret/metadata/agentidp/envelope", "docs/operations.md"],
    );
    let approle = [("VAULT_ROLE_ID", "role"), ("VAULT_SECRET_ID", "wrong-secret-id")];
    says(in_vault(&bao, &approle), &["AppRole is enabled"]);
    bao.done("POST", "sys/auth/approle", &json!({"type": "approle"})).await;
    says(in_vault(&bao, &approle), &["refuses the AppRole login", "VAULT_SECRET_ID"]);
    let root = bao.root_token.clone();
    says(
        in_vault(&bao, &[("VAULT_TOKEN", &root), ("VAULT_MOUNT", "elsewhere")]),
        &["no KV version 2 engine at VAULT_MOUNT=elsewhere"],
    );
    says(
        in_vault(&bao, &[("VAULT_TOKEN", &root), ("VAULT_PATH", "typo")]),
        &["no keys in Vault at secret/typo/envelope", "VAULT_PATH", "nothing was written"],
    );
    let (status, _) = bao.ask("GET", "secret/metadata/typo/envelope", &Value::Null).await;
    assert_eq!(status, 404);
    says(in_vault(&bao, &[("VAULT_TOKEN_FILE", "/nonexistent")]), &["VAULT_TOKEN_FILE cannot be read"]);
    says(
        vec![("AGENTIDP_KEYSTORE_KEY", STANDARD.encode([1; 32]))],
        &["keeps its keys in Vault", "VAULT_ADDR"],
    );
    bao.seal().await;
    says(as_root(&bao), &["is sealed or not initialised", "unseal"]);
    bao.stop();
    says(as_root(&bao), &["does not answer at http://127.0.0.1", "VAULT_ADDR"]);
    bao.start_again().await;
    bao.unseal().await;
    let written: Vec<&str> = written.iter().map(String::as_str).collect();
    nothing_leaked(&control_plane, &bao, &[wrong, "wrong-secret-id", &unprivileged], &written).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_waits_for_a_vault_that_is_still_sealed() {
    let bao = Bao::start().await;
    let control_plane = ControlPlane::start_with(as_root(&bao));
    bao.seal().await;
    let mut settings = as_root(&bao);
    settings.push(("VAULT_WAIT_SECONDS", "60".to_owned()));
    std::thread::scope(|scope| {
        let starting = scope.spawn(|| control_plane.run(&["keys", "status"], &settings));
        std::thread::sleep(Duration::from_secs(2));
        assert!(!starting.is_finished());
        tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(bao.unseal()));
        let output = starting.join().unwrap();
        assert!(output.status.success() && said(&output).contains("waiting for Vault"), "{}", said(&output));
    });
}

#[tokio::test]
async fn by_approle_with_the_documented_policy_the_server_outlives_its_tokens() {
    let bao = Bao::start().await;
    give_policy(&bao).await;
    bao.done("POST", "sys/auth/approle", &json!({"type": "approle"})).await;
    // Renewed at half of its life, and taken anew when it can live no longer.
    let role = json!({"token_policies": ["agentidp"], "token_ttl": "2s", "token_max_ttl": "5s"});
    bao.done("POST", "auth/approle/role/agentidp", &role).await;
    let role_id = bao.done("GET", "auth/approle/role/agentidp/role-id", &Value::Null).await;
    let secret_id = bao.done("POST", "auth/approle/role/agentidp/secret-id", &json!({})).await;
    let role_id = role_id["data"]["role_id"].as_str().unwrap();
    let secret_id = secret_id["data"]["secret_id"].as_str().unwrap();
    let login = [("VAULT_ROLE_ID", role_id), ("VAULT_SECRET_ID", secret_id)];
    let control_plane = ControlPlane::start_with(in_vault(&bao, &login));
    let tenant = control_plane.platform().await;
    everything_works(&tenant).await;
    tokio::time::sleep(Duration::from_secs(7)).await;
    replace_key(&bao, 2).await;
    log_says(&control_plane, "another keystore key seals from now on").await;
    everything_works(&tenant).await;
    assert!(!control_plane.log().contains("could not be asked"), "{}", control_plane.log());
    nothing_leaked(&control_plane, &bao, &[secret_id], &[]).await;
}

#[tokio::test]
async fn a_token_that_expires_stops_nothing_and_a_new_one_in_its_file_is_taken() {
    let bao = Bao::start().await;
    give_policy(&bao).await;
    // Longer than a start takes on a busy machine.
    let short = json!({"policies": ["agentidp"], "ttl": "20s", "renewable": false});
    let file = std::env::temp_dir().join(format!("agentidp-token-{}", agentidp_tests::unique()));
    let token = bao.token(&short).await;
    std::fs::write(&file, &token).unwrap();
    let control_plane =
        ControlPlane::start_with(in_vault(&bao, &[("VAULT_TOKEN_FILE", file.to_str().unwrap())]));
    let tenant = control_plane.platform().await;
    let refused = async || control_plane.log().contains("does not take the token").then_some(());
    eventually("the token expires", SOON * 4, refused).await;
    everything_works(&tenant).await;
    let fresh = bao.token(&json!({"policies": ["agentidp"], "ttl": "1h"})).await;
    std::fs::write(&file, format!("{fresh}\n")).unwrap();
    log_says(&control_plane, "Vault answers again").await;
    replace_key(&bao, 2).await;
    log_says(&control_plane, "another keystore key seals from now on").await;
    everything_works(&tenant).await;
    std::fs::remove_file(&file).unwrap();
    nothing_leaked(&control_plane, &bao, &[&token, &fresh], &[]).await;
}

#[tokio::test]
async fn a_database_moves_into_vault_with_everything_in_it() {
    let bao = Bao::start().await;
    let mut control_plane = ControlPlane::start();
    let tenant = control_plane.platform().await;
    let agent = everything_works(&tenant).await;
    let key_file = control_plane.folder().path().join("state/keystore-key");
    // Without the key from before nothing is made in Vault.
    let told = refusal(&control_plane, &as_root(&bao));
    assert!(told.contains("AGENTIDP_KEYSTORE_PREVIOUS_KEYS"), "{told}");
    assert_eq!(bao.ask("GET", "secret/metadata/agentidp/envelope", &Value::Null).await.0, 404);

    let mut moving = as_root(&bao);
    moving.push(("AGENTIDP_KEYSTORE_PREVIOUS_KEYS_FILE", key_file.to_str().unwrap().to_owned()));
    control_plane.start_again_with(moving.clone());
    agent.token(&Api::new(tenant.api.base())).await;
    everything_works(&tenant).await;
    let done = control_plane.run(&["keys", "reencrypt"], &moving);
    assert!(done.status.success(), "{}", said(&done));
    assert_eq!(secrets(&status(&control_plane, &moving))[1], 0);

    control_plane.start_again_with(as_root(&bao));
    agent.token(&Api::new(tenant.api.base())).await;
    everything_works(&tenant).await;
    let key = std::fs::read_to_string(key_file).unwrap();
    nothing_leaked(&control_plane, &bao, &[key.trim()], &[&told]).await;
}

#[tokio::test]
async fn redirect_attack_the_token_is_not_carried_elsewhere() {
    let elsewhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let vault = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let (vault_port, port) = (vault.local_addr().unwrap().port(), elsewhere.local_addr().unwrap().port());
    std::thread::spawn(move || {
        for stream in vault.incoming() {
            use std::io::{Read as _, Write as _};
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let answer = format!(
                "HTTP/1.1 307 Temporary Redirect\r\nlocation: http://127.0.0.1:{port}/v1/x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            );
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    let control_plane = ControlPlane::start();
    let settings = vec![
        ("VAULT_ADDR", format!("http://127.0.0.1:{vault_port}")),
        ("VAULT_TOKEN", "a-token".to_owned()),
        ("VAULT_WAIT_SECONDS", "0".to_owned()),
    ];
    let told = refusal(&control_plane, &settings);
    assert!(told.contains("answered 307") && !told.contains("a-token"), "{told}");
    assert_eq!(elsewhere.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}

/// With a certificate of an authority that only a setting says to trust.
#[tokio::test]
async fn impersonation_attack_a_vault_without_a_trusted_certificate_is_not_asked() {
    let (folder, port) = (Folder::new(), free_port());
    let mut command = std::process::Command::new(agentidp_tests::environment::bao());
    command
        .args(["server", "-dev", "-dev-tls", "-dev-root-token-id=root-of-dev", "-dev-no-store-token"])
        .arg(format!("-dev-listen-address=127.0.0.1:{port}"))
        .arg(format!("-dev-tls-cert-dir={}", folder.path().display()));
    let log = folder.path().join("bao.log");
    let _bao = Process::start_silent("OpenBao with TLS", command, log.clone());
    eventually("OpenBao listens", SOON, async || {
        let said = std::fs::read_to_string(&log).unwrap_or_default();
        said.contains("Root Token").then_some(())
    })
    .await;
    let mut control_plane = ControlPlane::start();
    let key_file = control_plane.folder().path().join("state/keystore-key");
    let mut settings = vec![
        ("VAULT_ADDR", format!("https://127.0.0.1:{port}")),
        ("VAULT_TOKEN", "root-of-dev".to_owned()),
        ("VAULT_WAIT_SECONDS", "0".to_owned()),
        ("AGENTIDP_KEYSTORE_PREVIOUS_KEYS_FILE", key_file.to_str().unwrap().to_owned()),
    ];
    let told = refusal(&control_plane, &settings);
    assert!(told.contains("does not answer") && told.contains("certificate"), "{told}");
    let authority = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.to_string_lossy().ends_with("-ca.pem"))
        .unwrap();
    settings.push(("SSL_CERT_FILE", authority.to_str().unwrap().to_owned()));
    control_plane.start_again_with(settings);
    everything_works(&control_plane.platform().await).await;
}
