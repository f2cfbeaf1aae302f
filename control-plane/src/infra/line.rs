//! A connection of its own for statements that are each a transaction by themselves: one trip, where beginning, committing and going
//! back to the pool would be three more. It acts across organizations, and never goes back to the pool.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::panic::Location;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sqlx::{Connection as _, Executor as _, PgConnection};

use super::db::{ACQUIRE_TIMEOUT, Db, TRUSTED_FOR, Timer};

/// As long as the pool keeps one: a server that moved, or a password that was changed, is noticed.
const LONGEST_LIFE: Duration = Duration::from_mins(30);
/// What runs here finds few rows by their keys, however much there is, and runs all the time: it is planned once, and by indices.
const OPENING: &str = "set role agentidp_system; set plan_cache_mode = force_generic_plan; set enable_seqscan = off; set jit = off";

/// Where the connection is while nobody uses it.
#[derive(Default)]
pub struct Line(Mutex<Option<Kept>>);

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line").finish_non_exhaustive()
    }
}

impl Line {
    fn slot(&self) -> MutexGuard<'_, Option<Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection, opened anew if it is not there, not good any more, or used by somebody else. Every statement commits by itself.
    #[track_caller]
    pub fn take<'a>(
        &'a self,
        db: &'a Db,
    ) -> impl Future<Output = Result<Taken<'a>, sqlx::Error>> + Send + use<'a> {
        let caller = Location::caller();
        async move {
            let kept = tokio::time::timeout(ACQUIRE_TIMEOUT, self.kept_or_new(db))
                .await
                .map_err(|_| sqlx::Error::PoolTimedOut)??;
            Ok(Taken { line: self, kept, _timer: Timer::start(caller) })
        }
    }

    async fn kept_or_new(&self, db: &Db) -> Result<Kept, sqlx::Error> {
        let kept = self.slot().take().filter(|kept| kept.opened.elapsed() < LONGEST_LIFE);
        if let Some(mut kept) = kept
            && (kept.used.elapsed() <= TRUSTED_FOR || kept.connection.ping().await.is_ok())
        {
            return Ok(kept);
        }
        // By way of the pool, which tries again while the server starts.
        let mut connection = db.acquire().await?.detach();
        connection.execute(OPENING).await?;
        Ok(Kept { connection, opened: Instant::now(), used: Instant::now() })
    }
}

struct Kept {
    connection: PgConnection,
    opened: Instant,
    used: Instant,
}

/// The connection, in use. Dropped without [`keep`](Self::keep), because something failed or was given up, it is closed.
pub struct Taken<'a> {
    line: &'a Line,
    kept: Kept,
    _timer: Timer,
}

impl fmt::Debug for Taken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Taken").finish_non_exhaustive()
    }
}

impl Taken<'_> {
    /// Everything went well: whoever is next may have it.
    pub fn keep(self) {
        let Self { line, mut kept, .. } = self;
        kept.used = Instant::now();
        *line.slot() = Some(kept);
    }
}

impl Deref for Taken<'_> {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.kept.connection
    }
}

impl DerefMut for Taken<'_> {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.kept.connection
    }
}
