//! When a node should ask for news.

use serde::{Deserialize, Serialize};

/// How long a node goes without asking for news, in milliseconds.
pub const REFRESH_MS: u64 = 2_000;
/// A node out of touch for longer asks before it answers: it may have slept while the world went on.
const OUT_OF_TOUCH_MS: u64 = 10_000;
/// Without any state, how long after an attempt the next may follow.
const COLD_RETRY_MS: u64 = 500;
/// A refresh that has not ended by then never will: its request is gone.
const ABANDONED_MS: u64 = 10_000;
/// How often what is out of use is looked for in the store.
const SWEPT_EVERY_MS: u64 = 60 * 60_000;
/// How often an unknown `kid` may cause a refresh, whoever sends it.
const FORCED_REFRESH_MS: u64 = 10_000;

/// When news was last asked for, Unix milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Contact {
    asked_at: Option<u64>,
    answered_at: Option<u64>,
    asking_since: Option<u64>,
    forced_at: Option<u64>,
    /// Of hosts with a store: when what is out of use there was last looked for.
    #[serde(default)]
    swept_at: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    No,
    InBackground,
    Now,
}

impl Contact {
    /// Whether a request at `now_ms` should ask for news, and how things stand if it does.
    pub fn due(self, now_ms: u64, has_state: bool) -> (Due, Self) {
        let within = |moment: Option<u64>, limit: u64| moment.is_some_and(|at| now_ms.abs_diff(at) < limit);
        if !has_state {
            // Another request may be asking already, but what it waits for is not ours to await.
            return (if within(self.asked_at, COLD_RETRY_MS) { Due::No } else { Due::Now }, self);
        }
        if within(self.asking_since, ABANDONED_MS) || within(self.asked_at, REFRESH_MS) {
            return (Due::No, self);
        }
        let due = if within(self.answered_at, OUT_OF_TOUCH_MS) { Due::InBackground } else { Due::Now };
        (due, Self { asking_since: Some(now_ms), ..self })
    }

    /// How things stand if an unknown `kid` causes a refresh; `None` if it may not.
    pub fn forced(self, now_ms: u64) -> Option<Self> {
        let recently = self.forced_at.is_some_and(|at| now_ms.abs_diff(at) < FORCED_REFRESH_MS);
        (!recently).then_some(Self { forced_at: Some(now_ms), ..self })
    }

    /// Whether what is out of use should be looked for, and how things stand if it is. An edge that begins does so with its first
    /// snapshot.
    pub fn sweep(self, now_ms: u64) -> (bool, Self) {
        match self.swept_at {
            Some(at) if now_ms.abs_diff(at) < SWEPT_EVERY_MS => (false, self),
            swept_at => (swept_at.is_some(), Self { swept_at: Some(now_ms), ..self }),
        }
    }

    pub fn asked(self, now_ms: u64, was_answered: bool) -> Self {
        Self {
            asking_since: None,
            asked_at: Some(now_ms),
            answered_at: if was_answered { Some(now_ms) } else { self.answered_at },
            ..self
        }
    }
}
