//! The kinds of jobs a worker does.

use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use serde_json::Value;

use super::schedule::Schedule;
use super::{Backoff, Effects, Job, JobError, Work};

type Running = Pin<Box<dyn Future<Output = Result<Effects, JobError>> + Send>>;

/// One kind of job.
#[derive(Clone, Copy)]
pub(super) struct Kind {
    pub name: &'static str,
    pub max_attempts: i32,
    pub timeout: Duration,
    pub backoff: Backoff,
    pub run: fn(Value, Work) -> Running,
}

/// The kinds a worker takes, and the schedules it keeps. Jobs of other kinds are left to workers that know them.
#[derive(Clone, Default)]
pub struct Registry {
    kinds: BTreeMap<&'static str, Kind>,
    pub(super) schedules: Vec<Schedule>,
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.kinds.keys()).finish()
    }
}

impl Registry {
    #[must_use]
    pub fn with<J: Job>(mut self) -> Self {
        let kind = Kind {
            name: J::KIND,
            max_attempts: J::MAX_ATTEMPTS,
            timeout: J::TIMEOUT,
            backoff: J::BACKOFF,
            run: |payload, work| {
                Box::pin(async move {
                    // Perhaps a newer version wrote it, and its workers can read it: tried again like any failure.
                    let job: J = serde_json::from_value(payload)?;
                    job.run(work).await
                })
            },
        };
        self.kinds.insert(J::KIND, kind);
        self
    }

    /// A kind of which there is one job every `interval`; `None` is never.
    #[must_use]
    pub fn every<J: Job + Default>(mut self, interval: Option<Duration>) -> Self {
        self.schedules.extend(interval.map(Schedule::of::<J>));
        self.with::<J>()
    }

    pub(super) fn get(&self, kind: &str) -> Option<&Kind> {
        self.kinds.get(kind)
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.kinds.keys().map(|&kind| kind.to_owned()).collect()
    }
}
