//! The sequencer: numbers committed changes, and tells waiting readers. One at a time in the whole deployment, by an
//! advisory lock; the other processes only learn of the new head.

use std::time::Duration;

use sqlx::postgres::PgListener;

use super::{nodes, store};
use crate::app::App;

const CHANNEL: &str = "agentidp_edge_feed";
/// How long a change may wait if its notification was lost.
const POLL: Duration = Duration::from_secs(1);

/// Numbers what is committed and updates the head; returns how many changes were numbered.
pub async fn sequence_committed(app: &App) -> Result<u64, sqlx::Error> {
    let mut tx = app.db.system().await?;
    let moved = if tx.try_lock(store::SEQUENCER_LOCK).await? {
        store::number_pending(&mut tx, app.now()).await?
    } else {
        0
    };
    let head = store::head(&mut tx).await?;
    tx.commit().await?;
    app.feed.advance_head(head);
    Ok(moved)
}

/// Runs [`sequence_committed`] at each notification, and from time to time without.
pub(super) fn spawn(app: &App) {
    let app = app.clone();
    app.tasks.clone().spawn(async move {
        let mut listener = None;
        loop {
            if listener.is_none() {
                listener = listen(&app).await;
            }
            loop {
                match sequence_committed(&app).await {
                    Ok(0) => break,
                    Ok(_) => {}
                    Err(error) => {
                        tracing::warn!(%error, "the edge feed could not be sequenced; it will be tried again");
                        break;
                    }
                }
            }
            nodes::observe_lag(&app).await;
            let notified = async {
                if let Some(listener) = &mut listener {
                    return tokio::time::timeout(POLL, listener.try_recv()).await;
                }
                tokio::time::sleep(POLL).await;
                Ok(Ok(None))
            };
            match app.shutdown.run_until_cancelled(notified).await {
                None => return,
                Some(Ok(Ok(Some(_))) | Err(_)) => {}
                // The connection was lost: notifications may have been too, but the poll finds their changes.
                Some(Ok(_)) => listener = None,
            }
        }
    });
}

async fn listen(app: &App) -> Option<PgListener> {
    let connect = async {
        let mut listener = PgListener::connect_with(app.db.pool()).await?;
        listener.listen(CHANNEL).await?;
        Ok::<_, sqlx::Error>(listener)
    };
    connect
        .await
        .inspect_err(|error| tracing::warn!(%error, "no notifications from the database; polling"))
        .ok()
}
