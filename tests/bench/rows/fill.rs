//! A control plane filled by SQL with what its tenants may have at most, and an edge that starts before it with nothing.

use std::time::{Duration, Instant};

use agentidp_shared::jwk::{Algorithm, JwkSet, MAX_KEYS};
use agentidp_tests::{ControlPlane, Edge, eventually};
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use crate::ground::Signer;
use crate::machine;

/// Organizations that a partner may name at most.
const PARTNER_ORGANIZATIONS: u32 = 64;

/// What a control plane is filled with.
#[derive(Debug, Clone, Copy)]
pub struct Contents {
    pub tenants: u32,
    /// Partners of each tenant, with as many keys and organizations as one may have.
    pub partners_per_tenant: u32,
    /// Tokens that are revoked and have not expired.
    pub revoked_tokens: u32,
}

impl Contents {
    /// Writes the rows, and waits until all of them are in the feed.
    pub async fn fill(self, control_plane: &ControlPlane) {
        let organizations: Vec<String> =
            (0..PARTNER_ORGANIZATIONS).map(|number| format!("organization-{number}")).collect();
        let expiry = agentidp_tests::now() + 86_400;
        let sql = include_str!("fill.sql")
            .replace("$tenants", &self.tenants.to_string())
            .replace("$partners", &self.partners_per_tenant.to_string())
            .replace("$revoked", &self.revoked_tokens.to_string())
            .replace("$jwks", &json!(largest_key_set()).to_string())
            .replace("$organizations", &format!("{{{}}}", organizations.join(",")))
            .replace("$expiry", &expiry.to_string());
        let mut database = PgConnection::connect(control_plane.database.url()).await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut database).await.unwrap();
        loop {
            let waiting: i64 = sqlx::query_scalar("select count(*) from edge_feed_pending")
                .fetch_one(&mut database)
                .await
                .unwrap();
            if waiting == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

/// As many keys as a set may have, of the algorithm whose keys are the largest.
pub fn largest_key_set() -> JwkSet {
    let key = Signer::new(Algorithm::RS256).jwk();
    let keys = (0..MAX_KEYS).map(|number| {
        let mut key = key.clone();
        key.kid = Some(format!("{number}-{}", key.thumbprint()));
        key
    });
    JwkSet { keys: keys.collect() }
}

/// An edge that started with nothing.
#[derive(Debug)]
pub struct ColdStart {
    /// From its process's start until it was ready, the runtime's own start included.
    pub seconds: f64,
    /// Of all its processes, at the end.
    pub memory_mib: u64,
}

/// Starts the control plane's edge with nothing kept from before.
pub async fn start_cold(control_plane: &ControlPlane, port: u16) -> (Edge, ColdStart) {
    let kept = control_plane.of_edge(control_plane.edge_name(), "workerd");
    if kept.exists() {
        std::fs::remove_dir_all(&kept).unwrap();
    }
    let started = Instant::now();
    let edge = Edge::start_unready(port, control_plane, &control_plane.url());
    let api = agentidp_tests::Api::new(&edge.url());
    eventually("the edge has everything", Duration::from_mins(2), || async {
        api.get("/health/ready").await.is(200).then_some(())
    })
    .await;
    let seconds = started.elapsed().as_secs_f64();
    let memory_mib = machine::memory_mib(edge.id());
    (edge, ColdStart { seconds, memory_mib })
}
