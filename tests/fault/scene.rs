//! A control plane, an edge, somebody on the way between them, and tokens of which it is known what they are worth.

use std::time::{Duration, Instant};

use agentidp_tests::meddler::{Fault, Forger, Meddler};
use agentidp_tests::process::free_port;
use agentidp_tests::{Agent, Answer, Api, ControlPlane, Edge, Tenant, eventually};

use crate::table::Row;

/// The control plane's settings here: the contract's minute and day, made short.
pub const MAX_STALENESS: Duration = Duration::from_secs(5);
pub const STALE_IF_ERROR: Duration = Duration::from_secs(14);

/// For people.
pub fn seconds(took: Option<Duration>) -> String {
    took.map_or("never".to_owned(), |took| format!("{:.1} s", took.as_secs_f64()))
}

/// What the verdicts on the three tokens may be.
#[derive(Debug, Clone, Copy)]
pub struct Expected {
    /// Can only read.
    pub reader: &'static [&'static str],
    /// Can write.
    pub writer: &'static [&'static str],
    pub revoked: &'static [&'static str],
}

/// Everything as usual.
pub const USUAL: Expected = Expected { reader: &["200"], writer: &["200"], revoked: &["401"] };
pub const STALE: Expected = Expected { reader: &["200 stale"], writer: &["503"], revoked: &["401"] };
pub const TOO_OLD: Expected = Expected { reader: &["503"], writer: &["503"], revoked: &["401"] };
pub const NOTHING_KNOWN: Expected = Expected { reader: &["503"], writer: &["503"], revoked: &["503"] };

impl Expected {
    pub fn text(self) -> String {
        let of = |allowed: &[&str]| allowed.join("/");
        format!("reader {}, writer {}, revoked {}", of(self.reader), of(self.writer), of(self.revoked))
    }
}

pub struct Scene {
    pub edge: Edge,
    pub port: u16,
    pub control_plane: ControlPlane,
    /// On the way from the edge to the control plane, and the other way.
    pub pull: Meddler,
    pub push: Meddler,
    pub forger: Forger,
    pub tenant: Tenant,
    agent: Agent,
    pub api: Api,
    reader: String,
    writer: String,
    revoked: String,
}

impl Scene {
    pub async fn set() -> Self {
        let port = free_port();
        let issuer = format!("http://127.0.0.1:{port}");
        let push = Meddler::before(&issuer).await;
        let settings = vec![
            ("AGENTIDP_MAX_STALENESS_SECONDS", MAX_STALENESS.as_secs().to_string()),
            ("AGENTIDP_STALE_IF_ERROR_SECONDS", STALE_IF_ERROR.as_secs().to_string()),
            ("AGENTIDP_EDGE_PUSH_URLS", format!("{}/edge/v1/push", push.url())),
        ];
        let control_plane = ControlPlane::start_behind_with(issuer.clone(), settings);
        let pull = Meddler::before(&control_plane.url()).await;
        let tenant = control_plane.platform().await;
        let agent = tenant.create_agent(&["agents:read"]).await;
        let writer = tenant.create_agent(&["agents:read", "agents:write"]).await.token(&tenant.api).await;
        let (reader, revoked) = (agent.token(&tenant.api).await, agent.token(&tenant.api).await);
        tenant.api.with_token(&revoked).form("/oauth2/revoke", &[("token", &revoked)]).await.expect(200);
        let edge = Edge::start_faulty(port, &control_plane, pull.url());
        let forger = Forger::with_key_of(&control_plane);
        let api = Api::new(&issuer);
        let scene = Self {
            edge,
            port,
            control_plane,
            pull,
            push,
            forger,
            tenant,
            agent,
            api,
            reader,
            writer,
            revoked,
        };
        scene.recover().await;
        scene
    }

    pub fn set_feed(&self, fault: &Fault) {
        self.pull.set(fault.clone());
        self.push.set(fault.clone());
    }

    /// The feed arrives again, and the edge knows what is now.
    pub async fn recover(&self) {
        self.set_feed(&Fault::None);
        eventually("everything is as usual again", Duration::from_mins(1), async || {
            let is_usual = self.verdict(&self.writer).await == "200"
                && self.verdict(&self.reader).await == "200"
                && self.verdict(&self.revoked).await == "401";
            is_usual.then_some(())
        })
        .await;
    }

    pub fn reader(&self) -> Api {
        self.api.with_token(&self.reader)
    }

    pub fn agent_id(&self) -> &str {
        &self.agent.id
    }

    async fn ask(&self, token: &str) -> Option<Answer> {
        let api = self.api.with_token(token);
        api.try_send(api.request("GET", "/verify")).await
    }

    /// The status, and whether it was marked as resting on old knowledge.
    pub async fn verdict(&self, token: &str) -> String {
        let Some(answer) = self.ask(token).await else { return "no answer".to_owned() };
        let stale = if answer.header("x-state-stale").is_some() { " stale" } else { "" };
        format!("{}{stale}", answer.status)
    }

    pub async fn sequence(&self) -> u64 {
        let answer = self.api.get("/health/ready").await;
        answer.header("x-state-seq").and_then(|text| text.parse().ok()).unwrap_or(0)
    }

    /// Asks about the three tokens again and again.
    pub async fn watch(&self, row: &mut Row, rounds: usize, expected: Expected) {
        for _ in 0..rounds {
            row.count("reader", &self.verdict(&self.reader).await, expected.reader);
            row.count("writer", &self.verdict(&self.writer).await, expected.writer);
            row.count("revoked", &self.verdict(&self.revoked).await, expected.revoked);
            tokio::time::sleep(Duration::from_millis(40)).await;
        }
    }

    /// Waits until the edge's verdict on the writer, or the reader, is `verdict`. Until then it may only be as usual or stale.
    pub async fn until(&self, row: &mut Row, who: &str, verdict: &str, limit: Duration) {
        let token = if who == "reader" { &self.reader } else { &self.writer };
        let started = Instant::now();
        loop {
            let seen = self.verdict(token).await;
            if seen == verdict {
                return;
            }
            row.count(&format!("{who} until then"), &seen, &["200", "200 stale"]);
            if started.elapsed() > limit {
                row.check(false, format!("{who} not {verdict} within {limit:?}"));
                return;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    pub async fn issue(&self) -> String {
        self.agent.token(&self.tenant.api).await
    }

    /// Issues a token and revokes it at the control plane.
    pub async fn revoke_one(&self) -> String {
        let token = self.issue().await;
        self.revoke(&token).await;
        token
    }

    pub async fn revoke(&self, token: &str) {
        self.tenant.api.with_token(token).form("/oauth2/revoke", &[("token", token)]).await.expect(200);
    }

    /// How long the edge takes to refuse a token from now on; `None` if it never does.
    pub async fn refused_after(&self, token: &str, limit: Duration) -> Option<Duration> {
        let started = Instant::now();
        while started.elapsed() < limit {
            if self.verdict(token).await == "401" {
                return Some(started.elapsed());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        None
    }

    /// A token whose `kid` nobody knows, with everything else as it should be.
    pub fn of_unknown_key(&self) -> String {
        use agentidp_shared::strict::{decode_base64url, encode_base64url};
        let mut parts = self.reader.splitn(2, '.');
        let header = decode_base64url(parts.next().unwrap()).unwrap();
        let mut header: serde_json::Value = serde_json::from_slice(&header).unwrap();
        header["kid"] = "nobody-knows".into();
        format!("{}.{}", encode_base64url(header.to_string().as_bytes()), parts.next().unwrap())
    }
}
