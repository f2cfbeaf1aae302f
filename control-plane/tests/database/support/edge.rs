//! An edge, as far as the feed is concerned: it asks with its key and applies what it is told.

use agentidp::app::App;
use agentidp::edge_feed::public_keys;
use agentidp::infra::clock::unix_millis;
use agentidp_shared::edge_keys::EdgeKeys;
use agentidp_shared::feed::{self, Batch, Change, Page};
use agentidp_shared::hashing::SeededHasher;
use agentidp_shared::jwk::KeySet;
use agentidp_shared::scopes::ScopeSet;
use agentidp_shared::state::{Arriving, State};
use agentidp_shared::usage;
use agentidp_shared::verify::{self, Expectation, Verdict};
use agentidp_shared::wire::{self, WireVersions};

use super::http::encode;
use super::{Answer, Api, ISSUER};

/// One edge and its key.
pub struct Edge {
    pub api: Api,
    name: String,
    app: App,
    pinned: KeySet,
    /// Whether it takes snapshots in pages.
    has_pages: bool,
}

impl Edge {
    pub const ALL: [&'static str; 2] = ["osaka", "tokyo"];

    pub fn secret_of(name: &str) -> String {
        format!("{name}-key-of-more-than-thirty-two-characters")
    }

    /// What it signs its usage reports with.
    pub fn usage_key_of(name: &str) -> String {
        EdgeKeys::derive(&Self::secret_of(name)).usage().to_owned()
    }

    pub fn of(app: &App, name: &str) -> Self {
        let keys = EdgeKeys::derive(&Self::secret_of(name));
        let api = Api::of(app)
            .with("x-edge-name", name)
            .with(wire::HEADER, &WireVersions::CURRENT.to_string())
            .with_token(keys.feed());
        Self { has_pages: true, ..Self::with(app, name, api) }
    }

    /// One of 0.1.0: it announces nothing, and its secret is its key for everything.
    pub fn of_first_version(app: &App, name: &str) -> Self {
        let api = Api::of(app).with("x-edge-name", name).with_token(&Self::secret_of(name));
        Self::with(app, name, api)
    }

    /// One of version 1 of the feed that asks as `api` does.
    pub fn with(app: &App, name: &str, api: Api) -> Self {
        let pinned = KeySet::from_jwks(&public_keys(&app.config.feed_key_pkcs8).unwrap()).unwrap();
        Self { api, name: name.to_owned(), app: app.clone(), pinned, has_pages: false }
    }

    pub fn open(&self, answer: &Answer) -> Batch {
        feed::open(&answer.body, &self.pinned).unwrap()
    }

    /// The whole snapshot of version 1.
    pub async fn snapshot(&self) -> Batch {
        self.open(&self.api.get("/edge/v1/snapshot").await.expect(200))
    }

    /// Asks for the page that comes after another, or for the first.
    pub async fn ask_page(&self, before: Option<&Page>) -> Answer {
        let place = before.map(|before| before.next().unwrap());
        let query = place
            .map_or_else(String::new, |(begun, after)| format!("?begun={begun}&after={}", encode(after)));
        self.api.get(&format!("/edge/v1/snapshot{query}")).await
    }

    /// The page that comes after another, or the first.
    pub async fn page(&self, before: Option<&Page>) -> Page {
        let answer = self.ask_page(before).await.expect(200);
        assert!(answer.body.len() <= feed::MAX_PAGE_BYTES);
        feed::open_page(&answer.body, &self.pinned).unwrap()
    }

    /// All pages of a snapshot.
    pub async fn pages(&self) -> Vec<Page> {
        let mut pages = vec![self.page(None).await];
        while let Some(last) = pages.last().filter(|page| page.until.is_some()) {
            pages.push(self.page(Some(last)).await);
        }
        pages
    }

    /// Everything that a snapshot tells.
    pub async fn everything(&self) -> Vec<Change> {
        if !self.has_pages {
            return self.snapshot().await.changes;
        }
        self.pages().await.into_iter().flat_map(|page| page.changes).collect()
    }

    pub async fn ask(&self, after: u64) -> Answer {
        self.api.get(&format!("/edge/v1/changes?after={after}&wait=0")).await
    }

    pub async fn changes(&self, after: u64) -> Batch {
        self.open(&self.ask(after).await.expect(200))
    }

    /// Tells that it holds `sequence`.
    pub async fn acknowledge(&self, sequence: u64) {
        let api = self.api.with("x-edge-sequence", &sequence.to_string());
        api.get(&format!("/edge/v1/changes?after={}&wait=0", sequence.max(1))).await;
    }

    /// Reports usage.
    pub async fn report(&self, batch: &usage::Batch) -> Answer {
        let sealed = usage::seal(batch, &self.name, Self::usage_key_of(&self.name).as_bytes()).unwrap();
        self.api.send("POST", "/edge/v1/usage", "application/jose", sealed).await
    }

    /// Knowledge that begins with a snapshot.
    pub async fn begin(&self) -> State {
        if self.has_pages {
            return self.assemble(self.pages().await);
        }
        let now = unix_millis(self.app.now());
        State::from_snapshot(self.snapshot().await, now, SeededHasher::new([1; 16])).unwrap()
    }

    /// Knowledge that begins with these pages.
    pub fn assemble(&self, pages: Vec<Page>) -> State {
        let now = unix_millis(self.app.now());
        let mut pages = pages.into_iter();
        let mut arriving = Arriving::begin(pages.next().unwrap(), now, SeededHasher::new([1; 16])).unwrap();
        pages.for_each(|page| arriving.take(page, now).unwrap());
        arriving.into_state().unwrap()
    }

    /// Applies batches until there is nothing new.
    pub async fn follow(&self, state: &mut State) {
        loop {
            let batch = self.changes(state.sequence()).await;
            let done = batch.changes.is_empty();
            state.apply(batch, unix_millis(self.app.now())).unwrap();
            if done {
                return;
            }
        }
    }

    /// What an edge with this knowledge says of a token, now.
    pub fn judge(&self, state: &State, token: &str) -> Verdict {
        let scopes = ScopeSet::empty();
        let expected = Expectation { issuer: ISSUER, audience: ISSUER, scopes: &scopes };
        let now = unix_millis(self.app.now()) / 1_000;
        verify::verify(token, &state.keys, &state.exceptions, now, &expected)
    }

    pub fn accepts(&self, state: &State, token: &str) -> bool {
        matches!(self.judge(state, token), Verdict::Accepted(_))
    }
}
