//! Asking the control plane for what came after what is known.

use agentidp_shared::wire::WireVersions;
use http::StatusCode;

use super::chain::Chain;
use super::{FIRST_PAUSE_MS, Hub, LONGEST_PAUSE_MS};
use crate::feed_client::{self, Asker, MAX_ROUNDS, PullError};
use crate::host::{BodyError, HubHost, Severity};

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
        let outcome = self.catch_up_in(versions).await;
        // More than fits into memory in an older version, or what that has no words for.
        let is_untold = matches!(
            outcome,
            Err(PullError::Body(BodyError::TooLarge) | PullError::Status(StatusCode::SERVICE_UNAVAILABLE))
        );
        if !is_untold || versions == WireVersions::CURRENT {
            return outcome;
        }
        self.catch_up_in(WireVersions::CURRENT).await?;
        let line = "nodes of an older version cannot be told what there is, and grow stale; update the edge";
        self.host.log(Severity::Error, line);
        self.memory.borrow_mut().older_untold_at = Some(self.host.now_ms());
        Ok(())
    }

    async fn catch_up_in(&self, versions: WireVersions) -> Result<(), PullError> {
        let asker = Asker { versions, ..Asker::new(&self.config, Some(&self.region)) };
        let anew = {
            let mut memory = self.memory.borrow_mut();
            // What older nodes cannot read is of no use to them.
            let is_too_new = |chain: &Chain| chain.newest_version() > versions.feed;
            memory.behind.take_if(|(_, chain)| is_too_new(chain));
            memory.behind.is_none() && (memory.chain.is_long() || is_too_new(&memory.chain))
        };
        let known = || {
            let memory = self.memory.borrow();
            memory.behind.as_ref().map(|(state, _)| state.sequence()).or(Some(memory.known()?.sequence))
        };
        let accept = async |news, text| self.accept(news, text);
        let most = if known().is_some() { MAX_ROUNDS } else { 1 };
        feed_client::catch_up(&*self.host, asker, anew, known, accept, most).await
    }
}
