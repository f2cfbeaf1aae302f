//! Asking the control plane for what came after what is known.

use agentidp_shared::feed::FeedError;

use super::{FIRST_PAUSE_MS, Hub, LONGEST_PAUSE_MS};
use crate::feed_client::{self, Answer, Asker, MAX_ROUNDS, PullError};
use crate::host::HubHost;
use crate::knowledge::Unacceptable;

/// What one request brought.
enum Round {
    News,
    NothingNew,
    Gone,
}

impl<H: HubHost> Hub<H> {
    /// Asks until there is nothing new, and notes when; after a failure, that there should be a pause. The last request is
    /// also the acknowledgement of everything before it.
    pub(super) async fn pull(&self) {
        let outcome = self.catch_up().await;
        let now_ms = self.host.now_ms();
        let mut memory = self.memory.borrow_mut();
        if outcome.is_ok() {
            memory.pulled_at = Some(now_ms);
            memory.pause = 0;
        } else {
            memory.pause = (memory.pause * 2).clamp(FIRST_PAUSE_MS, LONGEST_PAUSE_MS);
            memory.no_pull_before = now_ms.saturating_add(memory.pause);
        }
        drop(memory);
        if let Err(error) = outcome {
            self.host.log(error.severity(), &format!("the feed could not be followed: {error}"));
        }
    }

    async fn catch_up(&self) -> Result<(), PullError> {
        let mut anew = self.memory.borrow().chain.is_long();
        for _ in 0..MAX_ROUNDS {
            let after = self.known().filter(|_| !anew).map(|known| known.sequence);
            match self.round(after).await {
                Ok(Round::NothingNew) => return Ok(()),
                Ok(Round::News) => anew = false,
                Ok(Round::Gone) => anew = true,
                // What followed does not fit. Either a push was faster than the answer, or only a snapshot will do.
                Err(PullError::Unacceptable(error))
                    if after.is_some()
                        && (error.is_misfit() || error == Unacceptable::Feed(FeedError::WrongCount)) =>
                {
                    anew = self.known().map(|known| known.sequence) == after;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn round(&self, after: Option<u64>) -> Result<Round, PullError> {
        let sequence = self.known().map_or(0, |known| known.sequence);
        let asker = Asker { config: &self.config, node: Some(&self.region), sequence };
        let (batch, text) = match feed_client::ask(&*self.host, asker, after).await? {
            Answer::Batch(batch, text) => (batch, text),
            Answer::Gone => return Ok(Round::Gone),
        };
        let round = if batch.changes.is_empty() && after.is_some() { Round::NothingNew } else { Round::News };
        self.accept(batch, &text)?;
        Ok(round)
    }
}
