//! The fleet, and what is asked of it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use agentidp_tests::control_plane::OtherEdge;
use agentidp_tests::edge::Setting;
use agentidp_tests::process::free_port;
use agentidp_tests::{Agent, Api, ControlPlane, Edge, Tenant, eventually};
use sqlx::Row as _;

use crate::Table;

/// How long an edge may take to hear of something.
const SOON: Duration = Duration::from_secs(15);
const TODAY: &str = "today";

pub struct Scene {
    // Who asks is ended before who answers.
    pub older: Edge,
    pub edge: Edge,
    pub control_plane: ControlPlane,
    pub platform: Tenant,
    pub tenant: Tenant,
}

impl Scene {
    /// Starts the present control plane, and before it the edge in the checkout `older` and the one of today.
    pub async fn set(older: PathBuf) -> Self {
        let (port, port_today) = (free_port(), free_port());
        let other = OtherEdge::new(TODAY, format!("http://127.0.0.1:{port_today}"));
        let issuer = format!("http://127.0.0.1:{port}");
        let control_plane = ControlPlane::start_behind_several(issuer, vec![other]);
        let origin = control_plane.url();
        let setting = Setting::new(port, &control_plane, &origin);
        let older = Edge::start_with(Setting { checkout: Some(older), ..setting }).await;
        let setting = Setting::new(port_today, &control_plane, &origin);
        let key_file = control_plane.key_file_of(TODAY);
        let edge = Edge::start_with(Setting { name: TODAY.to_owned(), key_file, ..setting }).await;
        let platform = control_plane.platform().await;
        let tenant = platform.create_organization().await;
        Self { older, edge, control_plane, platform, tenant }
    }

    pub async fn agent(&self) -> Agent {
        self.tenant.create_agent(&["agents:read", "agents:write"]).await
    }

    /// A token with a part of the agent's scopes.
    pub async fn narrow(&self, agent: &Agent) -> String {
        let api = self.tenant.api.anonymous();
        api.token(&agent.id, &agent.secret, Some("agents:read")).await.expect(200).text("access_token")
    }

    /// A token that was issued after this second.
    pub async fn later_token(&self, agent: &Agent, until: i64) -> String {
        eventually("the second is over", SOON, || async { (agentidp_tests::now() > until).then_some(()) })
            .await;
        agent.token(&self.tenant.api).await
    }

    /// Adds a change to the feed that no request could cause, and waits until both edges have heard of it.
    pub async fn append(&self, key: &str, change: &str, subject: &str, ignorable: bool) {
        let mut connection = self.control_plane.database.connect().await;
        sqlx::query(
            "insert into edge_feed_pending (key, change, expires_at, subjects, ignorable)
             values ($1, $2::jsonb, now() + interval '1 day', array[$3], $4)",
        )
        .bind(key)
        .bind(change)
        .bind(subject)
        .bind(ignorable)
        .execute(&mut connection)
        .await
        .unwrap();
        self.settle().await;
    }

    /// Waits until everything is numbered and both edges hold it.
    pub async fn settle(&self) {
        let mut connection = self.control_plane.database.connect().await;
        let mut head = 0;
        for _ in 0..150 {
            let row = sqlx::query(
                "select (select count(*) from edge_feed_pending), (select coalesce(max(sequence), 0) from edge_feed)",
            );
            let row = row.fetch_one(&mut connection).await.unwrap();
            head = row.get::<i64, _>(1);
            if row.get::<i64, _>(0) == 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        for edge in [&self.older, &self.edge] {
            let api = Api::new(&edge.url());
            eventually("the edge holds what was numbered", SOON, || async {
                let health = api.get("/health/ready").await.expect(200).json();
                (health["sequence"].as_i64().unwrap() >= head).then_some(())
            })
            .await;
        }
    }

    /// A row for each edge: what it says of the token.
    pub async fn both(&self, table: &mut Table, case: &str, token: &str, expected: [&str; 2]) {
        for ((name, edge), expected) in [("0.1.0", &self.older), (TODAY, &self.edge)].iter().zip(expected) {
            let answer = Api::new(&edge.url()).with_token(token).get("/verify").await;
            table.row(case, name, expected, &answer.status.to_string());
        }
    }

    /// Whether a call that only the edge at `url` decides on reaches the control plane's count.
    pub async fn counts_usage(&self, url: &str) -> bool {
        let agent = self.agent().await;
        let token = agent.token(&self.tenant.api).await;
        self.settle().await;
        Api::new(url).with_token(&token).get("/verify").await.expect(200);
        let mut connection = self.control_plane.database.connect().await;
        for _ in 0..60 {
            let count =
                sqlx::query("select count(*) from edge_usage where agent_id::text = $1").bind(&agent.id);
            let row = count.fetch_one(&mut connection).await.unwrap();
            if row.get::<i64, _>(0) > 0 {
                return true;
            }
            // Counts are handed over with the next request.
            Api::new(url).get("/health/ready").await;
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        false
    }

    /// What the edges announced, by their version's name here.
    pub async fn nodes(&self) -> BTreeMap<&'static str, String> {
        let mut connection = self.control_plane.database.connect().await;
        let rows =
            sqlx::query("select id, wire_versions from edge_nodes").fetch_all(&mut connection).await.unwrap();
        let mut nodes = BTreeMap::new();
        for row in rows {
            let name = if row.get::<String, _>(0).starts_with(TODAY) { TODAY } else { "0.1.0" };
            nodes.insert(name, row.get::<Option<String>, _>(1).unwrap_or_else(|| "nothing".to_owned()));
        }
        nodes
    }

    pub async fn push_failures(&self) -> u64 {
        let metrics = Api::new(&self.control_plane.metrics_url()).get("").await.expect(200).body;
        let line = metrics.lines().find(|line| line.starts_with("agentidp_edge_push_failures_total"));
        line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or(0)
    }
}
