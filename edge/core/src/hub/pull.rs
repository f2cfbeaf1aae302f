//! Asking the control plane for what came after what is known.

use super::{FIRST_PAUSE_MS, Hub, LONGEST_PAUSE_MS};
use crate::feed_client::{self, Asker, MAX_ROUNDS, PullError};
use crate::host::HubHost;

impl<H: HubHost> Hub<H> {
    /// Catches up, or takes the first snapshot, and notes when; after a failure, that there should be a pause.
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
        let versions = self.versions();
        let asker = Asker { versions, ..Asker::new(&self.config, Some(&self.region)) };
        let anew = {
            let memory = self.memory.borrow();
            // What older nodes cannot read is of no use to them.
            memory.chain.is_long() || memory.chain.newest_version() > versions.feed
        };
        let known = || self.known().map(|known| known.sequence);
        let accept = async |batch, text: String| Ok(self.accept(batch, &text)?);
        let most = if known().is_some() { MAX_ROUNDS } else { 1 };
        feed_client::catch_up(&*self.host, asker, anew, known, accept, most).await
    }
}
