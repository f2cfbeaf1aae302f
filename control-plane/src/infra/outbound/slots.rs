//! The admission of requests to other servers. Each organization has slots of its own and so many requests a minute; what is refreshed
//! on schedule, and what tokens make us fetch in the background, have slots that no organization's requests can take. A server that
//! hangs is left alone for a while, by the organization that named it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use agentidp_shared::ids::OrganizationId;
use time::OffsetDateTime;
use tokio::sync::Semaphore;

use super::OutboundError;

/// Requests at once for callers, of all organizations together: what others make us fetch must not use up our sockets.
const CALLERS_AT_ONCE: usize = 96;
/// Requests at once of what is refreshed on schedule.
const RESERVE: usize = 32;
/// Requests at once that tokens caused and that no caller waits for.
const BACKGROUND: usize = 16;
/// Longest wait for a slot.
const WAIT: Duration = Duration::from_secs(4);
/// An organization may have so many requests waiting for each slot that it has.
const WAITING_PER_SLOT: usize = 4;
/// So many time-outs in a row, with no longer than [`HANGS_WITHIN`] from one to the next, and a server is left alone.
const HANGS_AFTER: u32 = 3;
const HANGS_WITHIN: time::Duration = time::Duration::minutes(2);
/// For how long it is left alone.
const LEFT_ALONE: time::Duration = time::Duration::minutes(1);
/// Organizations remembered before those that ask nothing are forgotten.
const REMEMBERED: usize = 1_024;
const MINUTE: i64 = 60;

/// The organization that a request is made for, and its limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Payer {
    pub organization: OrganizationId,
    pub in_flight: usize,
    pub per_minute: u64,
}

/// Why a request is not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoSlot {
    #[error("the organization has {0} requests to other servers under way already")]
    InFlight(usize),
    #[error("the organization made {0} requests to other servers in this minute")]
    PerMinute(u64),
    #[error("the server did not answer in time {HANGS_AFTER} times in a row, and is left alone until {0}")]
    Hangs(OffsetDateTime),
    #[error("too many requests to other servers are under way")]
    Full,
}

/// What is under way and what was asked, of this process.
#[derive(Debug)]
pub struct Slots {
    callers: Arc<Semaphore>,
    reserve: Semaphore,
    background: Semaphore,
    organizations: Mutex<HashMap<OrganizationId, Account>>,
    wait: Duration,
}

#[derive(Debug)]
struct Account {
    slots: Arc<Semaphore>,
    in_flight: usize,
    /// Have a slot or wait for one.
    present: usize,
    minute: i64,
    asked: u64,
    /// Servers that did not answer lately.
    silent: HashMap<String, Silence>,
}

#[derive(Debug, Clone, Copy)]
struct Silence {
    timeouts: u32,
    last: OffsetDateTime,
}

impl Silence {
    fn left_alone_until(&self) -> Option<OffsetDateTime> {
        (self.timeouts >= HANGS_AFTER).then(|| self.last + LEFT_ALONE)
    }
}

/// A place in an organization's account, given back when it is dropped.
#[derive(Debug)]
struct Presence<'a> {
    slots: &'a Slots,
    organization: OrganizationId,
}

impl Drop for Presence<'_> {
    fn drop(&mut self) {
        if let Some(account) = self.slots.accounts().get_mut(&self.organization) {
            account.present = account.present.saturating_sub(1);
        }
    }
}

impl Default for Slots {
    fn default() -> Self {
        Self::with(CALLERS_AT_ONCE, WAIT)
    }
}

impl Slots {
    fn with(callers: usize, wait: Duration) -> Self {
        Self {
            callers: Arc::new(Semaphore::new(callers)),
            reserve: Semaphore::new(RESERVE),
            background: Semaphore::new(BACKGROUND),
            organizations: Mutex::default(),
            wait,
        }
    }

    fn accounts(&self) -> MutexGuard<'_, HashMap<OrganizationId, Account>> {
        self.organizations.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a request of `payer` to `host` once there is a slot for it, which is within seconds or not at all.
    pub async fn run<T>(
        &self,
        payer: Payer,
        host: &str,
        now: OffsetDateTime,
        request: impl Future<Output = Result<T, OutboundError>>,
    ) -> Result<T, OutboundError> {
        let (_presence, own) = self.register(payer, host, now)?;
        // Its own first: a request that waits for that keeps no other organization from anything.
        let acquired = tokio::time::timeout(self.wait, own.acquire_owned()).await;
        let Ok(Ok(_own)) = acquired else { return Err(NoSlot::InFlight(payer.in_flight).into()) };
        let acquired = tokio::time::timeout(self.wait, self.callers.clone().acquire_owned()).await;
        let Ok(Ok(_shared)) = acquired else { return Err(NoSlot::Full.into()) };
        let answered = request.await;
        self.note(payer.organization, host, now, answered.as_ref().err());
        answered
    }

    /// Runs a request that is due by a schedule, in the slots that are kept for those. `organization` is the one whose server it is, if
    /// it is one's alone.
    pub async fn run_scheduled<T>(
        &self,
        organization: Option<OrganizationId>,
        host: &str,
        now: OffsetDateTime,
        request: impl Future<Output = Result<T, OutboundError>>,
    ) -> Result<T, OutboundError> {
        if let Some(until) = organization.and_then(|organization| self.left_alone(organization, host, now)) {
            return Err(NoSlot::Hangs(until).into());
        }
        let Ok(_slot) = self.reserve.acquire().await else { return Err(NoSlot::Full.into()) };
        let answered = request.await;
        if let Some(organization) = organization {
            self.note(organization, host, now, answered.as_ref().err());
        }
        answered
    }

    /// Runs a request that no caller waits for, at once or not at all: the token that caused it cannot delay what is due by a
    /// schedule.
    pub async fn run_background<T>(
        &self,
        request: impl Future<Output = Result<T, OutboundError>>,
    ) -> Result<T, OutboundError> {
        let Ok(_slot) = self.background.try_acquire() else { return Err(NoSlot::Full.into()) };
        request.await
    }

    /// Until when the organization's requests leave a server alone.
    fn left_alone(
        &self,
        organization: OrganizationId,
        host: &str,
        now: OffsetDateTime,
    ) -> Option<OffsetDateTime> {
        let until = self.accounts().get(&organization)?.silent.get(host)?.left_alone_until();
        until.filter(|until| now < *until)
    }

    fn register(
        &self,
        payer: Payer,
        host: &str,
        now: OffsetDateTime,
    ) -> Result<(Presence<'_>, Arc<Semaphore>), NoSlot> {
        let mut accounts = self.accounts();
        let minute = now.unix_timestamp().div_euclid(MINUTE);
        if accounts.len() >= REMEMBERED {
            accounts.retain(|_, account| account.present > 0 || account.minute == minute);
        }
        let in_flight = payer.in_flight.clamp(1, CALLERS_AT_ONCE);
        let account = accounts.entry(payer.organization).or_insert_with(|| Account::new(in_flight));
        if account.in_flight != in_flight {
            // The tier has changed. What is under way ends in the slots it has.
            account.in_flight = in_flight;
            account.slots = Arc::new(Semaphore::new(in_flight));
        }
        if let Some(until) =
            account.silent.get(host).and_then(Silence::left_alone_until).filter(|until| now < *until)
        {
            return Err(NoSlot::Hangs(until));
        }
        if account.minute != minute {
            account.minute = minute;
            account.asked = 0;
        }
        if account.asked >= payer.per_minute {
            return Err(NoSlot::PerMinute(payer.per_minute));
        }
        if account.present >= in_flight.saturating_mul(1 + WAITING_PER_SLOT) {
            return Err(NoSlot::InFlight(in_flight));
        }
        account.asked += 1;
        account.present += 1;
        Ok((Presence { slots: self, organization: payer.organization }, account.slots.clone()))
    }

    /// Notes what came of a request, for the next to the same server.
    fn note(
        &self,
        organization: OrganizationId,
        host: &str,
        now: OffsetDateTime,
        error: Option<&OutboundError>,
    ) {
        let mut accounts = self.accounts();
        let Some(account) = accounts.get_mut(&organization) else { return };
        account.silent.retain(|_, silence| now - silence.last <= HANGS_WITHIN);
        if !matches!(error, Some(OutboundError::Timeout)) {
            account.silent.remove(host);
            return;
        }
        let silence = account.silent.entry(host.to_owned()).or_insert(Silence { timeouts: 0, last: now });
        silence.timeouts = silence.timeouts.saturating_add(1);
        silence.last = now;
    }

    /// The requests under way, and those that were begun in this minute, of this process.
    pub fn used(&self, organization: OrganizationId, now: OffsetDateTime) -> (i64, i64) {
        let minute = now.unix_timestamp().div_euclid(MINUTE);
        let accounts = self.accounts();
        let Some(account) = accounts.get(&organization) else { return (0, 0) };
        let in_flight = account.in_flight.saturating_sub(account.slots.available_permits());
        let asked = if account.minute == minute { account.asked } else { 0 };
        (i64::try_from(in_flight).unwrap_or(i64::MAX), i64::try_from(asked).unwrap_or(i64::MAX))
    }
}

impl Account {
    fn new(in_flight: usize) -> Self {
        Self {
            slots: Arc::new(Semaphore::new(in_flight)),
            in_flight,
            present: 0,
            minute: i64::MIN,
            asked: 0,
            silent: HashMap::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;
    use crate::infra::clock::from_unix_seconds;

    const SOON: Duration = Duration::from_millis(20);

    fn payer(organization: u128) -> Payer {
        let organization = OrganizationId::new(uuid::Uuid::from_u128(organization));
        Payer { organization, in_flight: 2, per_minute: 100 }
    }

    fn refused(result: Result<(), OutboundError>) -> NoSlot {
        match result {
            Err(OutboundError::NoSlot(reason)) => reason,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn slot_hoarding_attack_an_organization_whose_servers_hang_keeps_no_other_waiting() {
        let slots = Arc::new(Slots::with(4, SOON));
        let (greedy, other) = (payer(1), payer(2));
        let now = from_unix_seconds(1_000);
        let hanging: Vec<_> = (0..2)
            .map(|n| {
                let slots = slots.clone();
                let request = async move {
                    let host = format!("{n}.example");
                    slots.run(greedy, &host, now, pending::<Result<(), OutboundError>>()).await
                };
                tokio::spawn(request)
            })
            .collect();
        while slots.used(greedy.organization, now).0 < 2 {
            tokio::task::yield_now().await;
        }
        // Its own next request waits for a slot and then says so; another's is made at once.
        assert_eq!(refused(slots.run(greedy, "c.example", now, ready(Ok(()))).await), NoSlot::InFlight(2));
        assert_eq!(slots.run(other, "c.example", now, ready(Ok(()))).await, Ok(()));
        assert_eq!(slots.run_scheduled(None, "c.example", now, ready(Ok(()))).await, Ok(()));
        assert_eq!(slots.used(greedy.organization, now), (2, 3));
        for request in hanging {
            request.abort();
            let _ = request.await;
        }
        assert_eq!(slots.run(greedy, "c.example", now, ready(Ok(()))).await, Ok(()));
    }

    #[tokio::test]
    async fn what_is_due_by_a_schedule_has_slots_when_callers_have_none() {
        let slots = Slots::with(0, SOON);
        let now = from_unix_seconds(1_000);
        assert_eq!(refused(slots.run(payer(1), "a.example", now, ready(Ok(()))).await), NoSlot::Full);
        assert_eq!(slots.run_scheduled(None, "a.example", now, ready(Ok(()))).await, Ok(()));
    }

    #[tokio::test]
    async fn slot_hoarding_attack_what_tokens_cause_takes_no_slot_of_the_schedule() {
        let slots = Slots::with(0, SOON);
        let hanging: Vec<_> =
            (0..=BACKGROUND).map(|_| slots.run_background(pending::<Result<(), OutboundError>>())).collect();
        let ended = futures_util::future::select_all(hanging.into_iter().map(Box::pin)).await;
        assert_eq!(refused(ended.0), NoSlot::Full);
        let now = from_unix_seconds(1_000);
        assert_eq!(slots.run_scheduled(None, "a.example", now, ready(Ok(()))).await, Ok(()));
    }

    #[tokio::test]
    async fn requests_of_a_minute_are_counted_and_begin_anew_with_the_next() {
        let slots = Slots::with(4, SOON);
        let payer = Payer { per_minute: 2, ..payer(1) };
        let at = |seconds| slots.run(payer, "a.example", from_unix_seconds(seconds), ready(Ok(())));
        assert_eq!((at(60).await, at(100).await), (Ok(()), Ok(())));
        assert_eq!(refused(at(119).await), NoSlot::PerMinute(2));
        assert_eq!(at(120).await, Ok(()));
    }

    #[tokio::test]
    async fn a_server_that_hangs_is_left_alone_by_the_organization_that_named_it() {
        let slots = Slots::with(4, SOON);
        let ask = |organization, seconds, answer: Result<(), OutboundError>| {
            slots.run(payer(organization), "a.example", from_unix_seconds(seconds), ready(answer))
        };
        let timeout = || Err(OutboundError::Timeout);
        for seconds in [0, 10, 20] {
            assert_eq!(ask(1, seconds, timeout()).await, timeout());
        }
        let until = from_unix_seconds(80);
        assert_eq!(refused(ask(1, 30, Ok(())).await), NoSlot::Hangs(until));
        let scheduled = slots.run_scheduled(
            Some(payer(1).organization),
            "a.example",
            from_unix_seconds(30),
            ready(Ok(())),
        );
        assert_eq!(refused(scheduled.await), NoSlot::Hangs(until));
        assert_eq!(ask(2, 30, Ok(())).await, Ok(()));
        // The next after that is made; if it hangs too the server is left alone again, and if not all is forgotten.
        assert_eq!(ask(1, 80, timeout()).await, timeout());
        assert_eq!(refused(ask(1, 81, Ok(())).await), NoSlot::Hangs(from_unix_seconds(140)));
        assert_eq!(ask(1, 140, Ok(())).await, Ok(()));
        assert_eq!(ask(1, 141, timeout()).await, timeout());
        assert_eq!(ask(1, 142, Ok(())).await, Ok(()));
    }
}
