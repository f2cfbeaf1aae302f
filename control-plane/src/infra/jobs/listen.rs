//! Learning of new jobs: one connection that listens, for all runs of the process.

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::PgListener;
use tokio::sync::Notify;

use crate::app::App;

pub(super) const CHANNEL: &str = "agentidp_jobs";
/// The pause before another connection is tried. Meanwhile jobs are found by polling.
const AFTER_FAILURE: Duration = Duration::from_secs(5);

/// Wakes whoever waits on what is returned, at each notification.
pub(super) fn spawn(app: &App) -> Arc<Notify> {
    let woken = Arc::new(Notify::new());
    let (app, bell) = (app.clone(), Arc::clone(&woken));
    app.tasks.clone().spawn(async move {
        loop {
            match app.shutdown.run_until_cancelled(listen(&app, &bell)).await {
                None => return,
                Some(Ok(())) => {}
                Some(Err(error)) => {
                    tracing::warn!(%error, "no notifications of jobs from the database; polling");
                }
            }
            if app.shutdown.run_until_cancelled(tokio::time::sleep(AFTER_FAILURE)).await.is_none() {
                return;
            }
        }
    });
    woken
}

/// Until the connection is lost. It is none of the pool's, which requests would have to do without.
async fn listen(app: &App, bell: &Notify) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect(app.config.database.url.expose()).await?;
    listener.listen(CHANNEL).await?;
    // What was enqueued before this connection was there.
    bell.notify_one();
    while listener.try_recv().await?.is_some() {
        bell.notify_one();
    }
    Ok(())
}
