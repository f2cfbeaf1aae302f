//! Signed heads outside the database: carried there by themselves, whatever goes wrong on the way, and worth it once the database
//! is not what it was.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use agentidp::app::job_kinds;
use agentidp::audit::{self, Action, Damage, NewEvent};
use agentidp::infra::jobs;
use aws_lc_rs::hmac;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::routing::{any, post};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use time::Duration;

use crate::support::{Instance, Tenant, execute, unique};

const TOKEN: &str = "a-token-of-the-object-storage";
const SECRET: [u8; 32] = [9; 32];

/// What the other side saw.
#[derive(Default)]
struct Seen {
    objects: BTreeMap<String, String>,
    hooks: Vec<(HeaderMap, String)>,
    /// Answers with errors.
    down: bool,
}

type Shared = Arc<Mutex<Seen>>;

async fn object(
    State(seen): State<Shared>,
    Path(name): Path<String>,
    method: Method,
    headers: HeaderMap,
    body: String,
) -> (StatusCode, String) {
    let mut seen = seen.lock().unwrap();
    if seen.down {
        return (StatusCode::SERVICE_UNAVAILABLE, String::new());
    }
    if headers["authorization"] != format!("Bearer {TOKEN}") {
        return (StatusCode::UNAUTHORIZED, String::new());
    }
    if method == Method::GET {
        return match seen.objects.get(&name) {
            Some(text) => (StatusCode::OK, text.clone()),
            None => (StatusCode::NOT_FOUND, String::new()),
        };
    }
    if headers.contains_key("if-none-match") && seen.objects.contains_key(&name) {
        return (StatusCode::PRECONDITION_FAILED, String::new());
    }
    seen.objects.insert(name, body);
    (StatusCode::OK, String::new())
}

async fn hook(State(seen): State<Shared>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let mut seen = seen.lock().unwrap();
    if seen.down {
        return StatusCode::BAD_GATEWAY;
    }
    seen.hooks.push((headers, String::from_utf8(body.to_vec()).unwrap()));
    StatusCode::NO_CONTENT
}

/// An instance that carries its heads to a folder, and to a server on this machine.
struct Scene {
    instance: Instance,
    tenant: Tenant,
    seen: Shared,
    folder: PathBuf,
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Scene {
    async fn new() -> Self {
        let seen = Shared::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new()
            .route("/heads/{name}", any(object))
            .route("/hook", post(hook))
            .with_state(seen.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let folder = std::env::temp_dir().join(format!("agentidp-heads-{}", unique()));
        let instance = Instance::start_with(|settings| {
            settings
                .with("AGENTIDP_ENV", "development")
                .with("AGENTIDP_CHECKPOINT_DIR", folder.to_str().unwrap())
                .with("AGENTIDP_CHECKPOINT_URL", &format!("http://{address}/heads/"))
                .with("AGENTIDP_CHECKPOINT_TOKEN", TOKEN)
                .with("AGENTIDP_CHECKPOINT_WEBHOOK_URL", &format!("http://{address}/hook"))
                .with("AGENTIDP_CHECKPOINT_WEBHOOK_SECRET", &format!("whsec_{}", STANDARD.encode(SECRET)))
        })
        .await;
        let tenant = instance.tenant().await;
        Self { instance, tenant, seen, folder }
    }

    /// Records events, and signs a head over them.
    async fn head(&self, events: usize) -> u64 {
        let (app, organization) = (&self.instance.app, self.tenant.uuid().into());
        let mut tx = app.db.tenant(organization).await.unwrap();
        for _ in 0..events {
            audit::record(&mut tx, app, NewEvent::new(organization, Action::TokenIssued)).await.unwrap();
        }
        tx.commit().await.unwrap();
        self.instance.advance(Duration::minutes(2));
        self.instance.seal().await;
        assert!(audit::sign_if_due(app).await.unwrap());
        self.instance.number("select max(tree_size) from audit_checkpoints").await.unsigned_abs()
    }

    /// Runs what is due, and what was put off.
    async fn run_jobs(&self) {
        self.instance.advance(Duration::minutes(5));
        let registry = job_kinds(&self.instance.app);
        while jobs::run_due(&self.instance.app, &registry).await.unwrap() > 0 {}
    }

    fn down(&self, down: bool) {
        self.seen.lock().unwrap().down = down;
    }

    fn kept(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.folder).unwrap();
        entries.map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap()).collect()
    }

    async fn errors(&self) -> Vec<String> {
        sqlx::query_scalar("select last_error from jobs where kind = 'audit.carry' and state <> 'done'")
            .fetch_all(&mut self.instance.superuser().await)
            .await
            .unwrap()
    }
}

#[tokio::test]
async fn every_head_is_carried_to_the_folder_the_storage_and_the_webhook() {
    let scene = Scene::new().await;
    let mut sizes = vec![scene.head(3).await];
    scene.run_jobs().await;
    for _ in 0..3 {
        sizes.push(scene.head(2).await);
    }
    scene.run_jobs().await;
    let names: Vec<String> = sizes.iter().map(u64::to_string).chain(["latest".to_owned()]).collect();
    let mut files: Vec<String> = fs::read_dir(&scene.folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let mut expected = names.clone();
    files.sort();
    expected.sort();
    assert_eq!(files, expected, "and nothing that was half written");
    let seen = scene.seen.lock().unwrap();
    for (name, size) in names.iter().zip(sizes.iter().chain(sizes.last())) {
        let note = fs::read_to_string(scene.folder.join(name)).unwrap();
        assert_eq!(audit::read_checkpoint(&scene.instance.app, &note).unwrap().tree_size, *size);
        assert_eq!(seen.objects[name], note);
    }
    assert_eq!(seen.hooks.len(), sizes.len());
    for ((headers, body), size) in seen.hooks.iter().zip(&sizes) {
        let (id, at) =
            (headers["webhook-id"].to_str().unwrap(), headers["webhook-timestamp"].to_str().unwrap());
        let signature = headers["webhook-signature"].to_str().unwrap().strip_prefix("v1,").unwrap();
        let key = hmac::Key::new(hmac::HMAC_SHA256, &SECRET);
        hmac::verify(&key, format!("{id}.{at}.{body}").as_bytes(), &STANDARD.decode(signature).unwrap())
            .unwrap();
        let body: Value = serde_json::from_str(body).unwrap();
        assert_eq!(
            (&body["type"], &body["data"]["treeSize"]),
            (&"audit.checkpoint.signed".into(), &(*size).into())
        );
        assert_eq!(body["data"]["checkpoint"], seen.objects[&size.to_string()]);
    }
}

#[tokio::test]
async fn outage_heads_that_a_place_did_not_take_are_carried_once_it_is_back() {
    let scene = Scene::new().await;
    let mut sizes = vec![scene.head(3).await];
    scene.run_jobs().await;
    scene.down(true);
    for _ in 0..4 {
        sizes.push(scene.head(1).await);
        scene.run_jobs().await;
    }
    assert_eq!(scene.seen.lock().unwrap().objects.len(), 2);
    assert_eq!(scene.kept().len(), 6, "the folder has all");
    let errors = scene.errors().await;
    assert_eq!(errors.len(), 2, "one job per place, however long it is away: {errors:?}");
    assert!(
        errors.iter().any(|error| error.contains("503")) && errors.iter().any(|error| error.contains("502"))
    );
    assert!(!errors.iter().any(|error| error.contains(TOKEN)));
    let health = scene.instance.api().get("/health/detailed").await.expect(207).json();
    assert_eq!(health["services"]["auditCheckpoints"]["status"], "degraded");

    scene.down(false);
    scene.run_jobs().await;
    assert_eq!(scene.errors().await, [""; 0]);
    let (carried, told) = {
        let seen = scene.seen.lock().unwrap();
        let carried: Vec<u64> = seen.objects.keys().filter_map(|name| name.parse().ok()).collect();
        (carried, seen.hooks.len())
    };
    assert_eq!((carried, told), (sizes.clone(), sizes.len()));
    let health = scene.instance.api().get("/health/detailed").await.expect(200).json();
    assert_eq!(health["services"]["auditCheckpoints"]["status"], "healthy");
}

#[tokio::test]
async fn roll_back_attack_a_database_put_back_to_yesterday_contradicts_what_was_carried() {
    const TABLES: [&str; 4] = ["audit_events", "audit_seals", "audit_tree", "audit_checkpoints"];
    let scene = Scene::new().await;
    let mut superuser = scene.instance.superuser().await;
    scene.head(3).await;
    scene.run_jobs().await;
    for table in TABLES {
        execute(&mut superuser, &format!("create table {table}_yesterday as table {table}")).await;
    }
    scene.head(6).await;
    scene.run_jobs().await;
    execute(&mut superuser, "set session_replication_role = replica").await;
    for table in TABLES {
        execute(&mut superuser, &format!("truncate {table}; insert into {table} table {table}_yesterday"))
            .await;
    }
    // The database is whole in itself.
    assert_eq!(audit::verify(&scene.instance.app, None).await.unwrap().broken, None);
    let before = scene.kept().len();
    scene.head(1).await;
    scene.run_jobs().await;
    let errors = scene.errors().await.join("\n");
    assert!(
        errors.contains("the folder holds a head of") && errors.contains("the url holds a head of"),
        "{errors}"
    );
    assert!(errors.contains("rolled back"), "{errors}");
    // Longer than what was carried, it is another log.
    scene.head(20).await;
    scene.run_jobs().await;
    let errors = scene.errors().await.join("\n");
    assert!(
        errors.contains("the folder holds another head") && errors.contains("the url holds another"),
        "{errors}"
    );
    assert_eq!(scene.kept().len(), before, "nothing is added to what contradicts it");

    let bundle = std::env::temp_dir().join(format!("agentidp-bundle-{}", unique()));
    audit::export(&scene.instance.app, &bundle, |_| ()).await.unwrap();
    assert!(audit::fsck(&bundle, None, &[], |_, _| ()).is_ok(), "alone it is whole");
    let found = audit::fsck(&bundle, None, &scene.kept(), |_, _| ());
    fs::remove_dir_all(&bundle).unwrap();
    assert!(matches!(found, Err(Damage::Contradicted { .. })), "{found:?}");

    scene.instance.advance(Duration::hours(2));
    scene.instance.run_schedules().await;
    let failing = "select count(*) from compliance_results where not passing and detail like '%not carried to the folder%'";
    assert_eq!(scene.instance.number(failing).await, 1);
}
