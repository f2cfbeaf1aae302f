//! Pushing the feed: in which version an edge is told it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use agentidp::edge_feed;
use agentidp_shared::feed::version_of;
use agentidp_shared::wire::{self, WireVersions};
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use axum::routing::post;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::support::Instance;

/// How an edge answers: the status, and whether it announces what it understands.
type Answers = Arc<Mutex<VecDeque<(u16, bool)>>>;

/// An instance that pushes to one edge.
struct Scene {
    instance: Instance,
    answers: Answers,
    /// The version of each batch that was pushed.
    pushed: UnboundedReceiver<u8>,
}

impl Scene {
    async fn set() -> Self {
        let (tell, pushed) = unbounded_channel();
        let answers = Answers::default();
        let edge_answers = Arc::clone(&answers);
        let edge = async move |batch: String| {
            tell.send(version_of(&batch)).unwrap();
            let (status, announces) = edge_answers.lock().unwrap().pop_front().unwrap_or((204, true));
            let mut response = StatusCode::from_u16(status).unwrap().into_response();
            if announces {
                response
                    .headers_mut()
                    .insert(wire::HEADER, WireVersions::CURRENT.to_string().parse().unwrap());
            }
            response
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/edge/v1/push", listener.local_addr().unwrap());
        let app = axum::Router::new().route("/edge/v1/push", post(edge));
        tokio::spawn(async move { axum::serve(listener, app).await });
        let instance = Instance::start_with(|settings| {
            settings.with("AGENTIDP_ENV", "development").with("AGENTIDP_EDGE_PUSH_URLS", &url)
        })
        .await;
        edge_feed::spawn(&instance.app);
        Self { instance, answers, pushed }
    }

    fn answer_with(&self, answers: impl IntoIterator<Item = (u16, bool)>) {
        self.answers.lock().unwrap().extend(answers);
    }

    /// Appends a change of a kind that no version knows, about everyone.
    async fn append(&self, key: &str, ignorable: bool) {
        let statement = format!(
            "insert into edge_feed_pending (key, change, expires_at, subjects, ignorable)
             values ('{key}', '{{\"type\": \"fromTheFuture\"}}', now() + interval '10 years', '{{all}}', {ignorable});
             select pg_notify('agentidp_edge_feed', '')"
        );
        self.instance.execute(&statement).await;
    }

    async fn pushed(&mut self) -> u8 {
        tokio::time::timeout(Duration::from_secs(30), self.pushed.recv()).await.unwrap().unwrap()
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.instance.app.shutdown.cancel();
    }
}

#[tokio::test]
async fn an_edge_is_told_what_its_last_answer_announced_whatever_refuses_in_between() {
    let mut scene = Scene::set().await;
    scene.append("hint/1", true).await;
    assert_eq!(scene.pushed().await, 1, "of an edge that has not answered yet, the first is assumed");
    scene.answer_with([(502, false), (409, true), (204, true)]);
    scene.append("hint/2", true).await;
    for attempt in 0..3 {
        assert_eq!((attempt, scene.pushed().await), (attempt, 2));
    }
    // In its place there is one that announces nothing.
    scene.answer_with([(204, false)]);
    scene.append("hint/3", true).await;
    assert_eq!(scene.pushed().await, 2);
    scene.append("hint/4", true).await;
    assert_eq!(scene.pushed().await, 1);
}

#[tokio::test]
async fn an_edge_that_has_not_answered_yet_is_asked_before_it_is_taken_for_too_old() {
    let mut scene = Scene::set().await;
    scene.append("later/1", false).await;
    assert_eq!((scene.pushed().await, scene.pushed().await), (1, 2));
}
