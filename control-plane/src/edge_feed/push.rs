//! Pushing the feed to configured edges, so that idle ones learn at once. A push that fails loses nothing: the edge
//! follows by itself too.

use std::time::Duration;

use agentidp_shared::wire::{self, WireVersions};
use axum::http::header;
use reqwest::redirect;

use super::changes::signed_changes;
use super::snapshot::{has_pages, signed_snapshot};
use super::{nodes, store};
use crate::app::App;
use crate::infra::http::error::ApiError;

const TIMEOUT: Duration = Duration::from_secs(3);
/// The pause after a failed push; doubled with each failure up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

#[derive(Debug, thiserror::Error)]
enum PushError {
    #[error("the batch could not be made: {0:?}")]
    Batch(ApiError),
    #[error("the edge could not be reached: {0}")]
    Http(#[from] reqwest::Error),
    #[error("the edge answered {0}")]
    Status(reqwest::StatusCode),
}

/// Starts one task for each configured edge.
pub(super) fn spawn(app: &App) {
    if app.config.edge_push_urls.is_empty() {
        return;
    }
    let client = reqwest::Client::builder().timeout(TIMEOUT).redirect(redirect::Policy::none()).build();
    let client = match client {
        Ok(client) => client,
        Err(error) => {
            tracing::error!(%error, "no HTTP client: the feed is not pushed");
            return;
        }
    };
    for url in &app.config.edge_push_urls {
        app.tasks.spawn(follow(app.clone(), client.clone(), url.clone()));
    }
}

async fn follow(app: App, client: reqwest::Client, url: String) {
    let mut head = app.feed.watch();
    let mut pushed = app.feed.head();
    let mut pause = FIRST_PAUSE;
    // Until the edge behind the address has answered with more. Its answers say so anew each time: it may be replaced.
    let mut versions = WireVersions::FIRST;
    loop {
        let newer = async { head.wait_for(|head| *head > pushed).await.is_ok() };
        if app.shutdown.run_until_cancelled(newer).await != Some(true) {
            return;
        }
        let mut outcome = push(&app, &client, &url, pushed, &mut versions).await;
        if matches!(outcome, Err(PushError::Batch(_))) && !has_pages(versions) {
            // Nothing that the first version has says it. The edge may understand more than is known of it yet.
            outcome = match ask(&app, &client, &url, pushed, &mut versions).await {
                Ok(()) => push(&app, &client, &url, pushed, &mut versions).await,
                Err(error) => Err(error),
            };
        }
        match outcome {
            Ok(to) => {
                if let Err(error) = observe(&app, pushed, to).await {
                    tracing::debug!(%error, "how long the pushed changes took could not be read");
                }
                pushed = to;
                pause = FIRST_PAUSE;
            }
            Err(error) => {
                tracing::debug!(url, %error, "pushing the feed failed");
                metrics::counter!("agentidp_edge_push_failures_total").increment(1);
                if app.shutdown.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
                    return;
                }
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
}

async fn observe(app: &App, after: u64, to: u64) -> Result<(), sqlx::Error> {
    let mut tx = app.db.system().await?;
    let numbered = store::exceptions_between(&mut tx, after, to).await?;
    nodes::observe_propagation(app, &numbered, "push");
    tx.commit().await
}

/// Pushes what came after `after`; to an edge of version 1 that does not hold that, everything. One of a later version fetches by
/// itself what it lacks before it answers, and is told of the head if what it lacks is no longer kept. Returns the sequence that the edge
/// holds now.
async fn push(
    app: &App,
    client: &reqwest::Client,
    url: &str,
    after: u64,
    versions: &mut WireVersions,
) -> Result<u64, PushError> {
    if let Some((batch, to)) = signed_changes(app, after, *versions).await.map_err(PushError::Batch)? {
        let answer = post(client, url, batch, versions).await?;
        if answer.status.is_success() {
            return Ok(answer.holds(app, to));
        }
        if answer.status != reqwest::StatusCode::CONFLICT || has_pages(*versions) {
            return Err(PushError::Status(answer.status));
        }
    } else if has_pages(*versions) {
        let head = app.feed.head();
        let batch = app.feed.sign(versions.feed, head, head, vec![], app.now()).map_err(PushError::Batch)?;
        let Answer { status, .. } = post(client, url, batch, versions).await?;
        return if status.is_success() { Ok(head) } else { Err(PushError::Status(status)) };
    }
    let (snapshot, to) = signed_snapshot(app).await.map_err(PushError::Batch)?;
    match post(client, url, snapshot, versions).await?.status {
        // 409: the edge already holds something newer. 413: too much to be pushed; the edge fetches it by itself.
        reqwest::StatusCode::CONFLICT | reqwest::StatusCode::PAYLOAD_TOO_LARGE => Ok(to),
        status if status.is_success() => Ok(to),
        status => Err(PushError::Status(status)),
    }
}

/// Pushes a batch of the first version without changes: what the edge answers tells what it understands.
async fn ask(
    app: &App,
    client: &reqwest::Client,
    url: &str,
    after: u64,
    versions: &mut WireVersions,
) -> Result<(), PushError> {
    let first = WireVersions::FIRST.feed;
    let nothing = app.feed.sign(first, after, after, vec![], app.now()).map_err(PushError::Batch)?;
    post(client, url, nothing, versions).await?;
    Ok(())
}

/// What an edge answered.
struct Answer {
    status: reqwest::StatusCode,
    /// The sequence that it says it holds.
    sequence: Option<u64>,
}

impl Answer {
    /// What an edge holds that has taken a batch up to `to`: an edge that was away may have fetched much more than that, and need not
    /// be pushed it all.
    fn holds(&self, app: &App, to: u64) -> u64 {
        self.sequence.filter(|sequence| *sequence <= app.feed.head()).map_or(to, |sequence| sequence.max(to))
    }
}

async fn post(
    client: &reqwest::Client,
    url: &str,
    batch: String,
    versions: &mut WireVersions,
) -> Result<Answer, reqwest::Error> {
    let response =
        client.post(url).header(header::CONTENT_TYPE, "application/jose").body(batch).send().await?;
    let text = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
    let announced: Option<WireVersions> = text(wire::HEADER).and_then(|text| text.parse().ok());
    match announced {
        Some(announced) => *versions = announced.common_with(WireVersions::CURRENT),
        // Of the first version, which announces nothing. A refusal may come from something in between.
        None if response.status().is_success() => *versions = WireVersions::FIRST,
        None => {}
    }
    Ok(Answer { status: response.status(), sequence: text("x-state-seq").and_then(|text| text.parse().ok()) })
}
