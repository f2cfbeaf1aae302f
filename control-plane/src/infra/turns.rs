//! Turns: how much of what is expensive an organization may have running at once, and all organizations together.
//!
//! An organization first waits for a turn of its own, then for one of everybody's. So of one organization never more wait for the
//! common turns than it has turns, and the others wait behind these few, however many requests it sends.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use agentidp_shared::ids::OrganizationId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

/// Who has used up the turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exhausted {
    /// The organization that asks.
    Organization,
    /// All of them together.
    Everybody,
}

/// How many turns there are.
#[derive(Debug, Clone, Copy)]
pub struct Shares {
    pub per_organization: usize,
    pub in_all: usize,
    /// How many requests of an organization may wait for its turns.
    pub waiting_per_organization: usize,
    /// How long they may wait.
    pub deadline: Duration,
}

#[derive(Debug, Clone)]
pub struct Turns(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    shares: Shares,
    common: Arc<Semaphore>,
    organizations: Organizations,
}

type Organizations = Mutex<BTreeMap<OrganizationId, Entry>>;

/// An organization that has turns or waits for some.
#[derive(Debug)]
struct Entry {
    own: Arc<Semaphore>,
    /// How many turns it has.
    most: usize,
    /// Requests that have a turn or wait for one.
    requests: usize,
}

impl Turns {
    pub fn new(shares: Shares) -> Self {
        let common = Arc::new(Semaphore::new(shares.in_all.min(Semaphore::MAX_PERMITS)));
        Self(Arc::new(Inner { shares, common, organizations: Organizations::default() }))
    }

    pub fn shares(&self) -> &Shares {
        &self.0.shares
    }

    /// Waits for a turn of the organization, which it has until the result is dropped.
    pub async fn begin(&self, organization: OrganizationId) -> Result<Turn, Exhausted> {
        self.begin_of(organization, self.0.shares.per_organization).await
    }

    /// The same, for an organization that has `most` turns, if that is less than any may have.
    pub async fn begin_of(&self, organization: OrganizationId, most: usize) -> Result<Turn, Exhausted> {
        let until = Instant::now() + self.0.shares.deadline;
        let (request, own) = self.enter(organization, most).ok_or(Exhausted::Organization)?;
        let own = timeout_at(until, own.acquire_owned()).await.ok().and_then(Result::ok);
        let own = own.ok_or(Exhausted::Organization)?;
        let common = timeout_at(until, self.0.common.clone().acquire_owned()).await.ok().and_then(Result::ok);
        let common = common.ok_or(Exhausted::Everybody)?;
        Ok(Turn { _common: common, _own: own, _request: request })
    }

    /// The turns that the organization has taken.
    pub fn used(&self, organization: OrganizationId) -> usize {
        let organizations = self.0.organizations.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = organizations.get(&organization);
        entry.map_or(0, |entry| entry.most.saturating_sub(entry.own.available_permits()))
    }

    /// `None` if as many requests of the organization wait as may.
    fn enter(&self, organization: OrganizationId, most: usize) -> Option<(Request, Arc<Semaphore>)> {
        let Shares { per_organization, waiting_per_organization, .. } = self.0.shares;
        let most = most.min(per_organization);
        let mut organizations = self.0.organizations.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = organizations.entry(organization).or_insert_with(|| Entry::new(most));
        if entry.most != most {
            // Its tier has changed. Requests that run or wait end with the turns they have.
            *entry = Entry { requests: entry.requests, ..Entry::new(most) };
        }
        if entry.requests >= most.saturating_add(waiting_per_organization) {
            return None;
        }
        entry.requests += 1;
        Some((Request { organization, turns: self.clone() }, entry.own.clone()))
    }
}

impl Entry {
    fn new(most: usize) -> Self {
        Self { own: Arc::new(Semaphore::new(most)), most, requests: 0 }
    }
}

/// A turn, until it is dropped.
#[derive(Debug)]
#[must_use]
pub struct Turn {
    _common: OwnedSemaphorePermit,
    _own: OwnedSemaphorePermit,
    _request: Request,
}

/// A request that has a turn or waits for one.
#[derive(Debug)]
struct Request {
    organization: OrganizationId,
    turns: Turns,
}

impl Drop for Request {
    fn drop(&mut self) {
        let mut organizations = self.turns.0.organizations.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = organizations.get_mut(&self.organization) {
            entry.requests = entry.requests.saturating_sub(1);
            if entry.requests == 0 {
                organizations.remove(&self.organization);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Poll;

    use futures_util::poll;
    use uuid::Uuid;

    use super::*;

    fn turns(per_organization: usize, in_all: usize, waiting: usize, deadline: Duration) -> Turns {
        let waiting_per_organization = waiting;
        Turns::new(Shares { per_organization, in_all, waiting_per_organization, deadline })
    }

    fn organization(number: u128) -> OrganizationId {
        OrganizationId::new(Uuid::from_u128(number))
    }

    #[tokio::test]
    async fn exhaustion_attack_an_organization_has_its_turns_and_all_leave_room() {
        let turns = turns(1, 2, 0, Duration::ZERO);
        let refusal = async |number| turns.begin(organization(number)).await.unwrap_err();
        let first = turns.begin(organization(1)).await.unwrap();
        assert_eq!(refusal(1).await, Exhausted::Organization);
        let _second = turns.begin(organization(2)).await.unwrap();
        assert_eq!(refusal(3).await, Exhausted::Everybody);
        drop(first);
        assert!(turns.begin(organization(3)).await.is_ok());
        assert_eq!(turns.0.organizations.lock().unwrap().len(), 1, "who has no turn is forgotten");
    }

    #[tokio::test]
    async fn an_organization_may_have_fewer_turns_than_any_may_and_more_once_its_tier_is_another() {
        let turns = turns(3, 10, 0, Duration::ZERO);
        let first = turns.begin_of(organization(1), 1).await.unwrap();
        assert_eq!(turns.begin_of(organization(1), 1).await.unwrap_err(), Exhausted::Organization);
        assert_eq!((turns.used(organization(1)), turns.used(organization(2))), (1, 0));
        drop(first);
        let _many = [turns.begin_of(organization(1), 9).await, turns.begin_of(organization(1), 9).await];
        let _third = turns.begin_of(organization(1), 9).await.unwrap();
        assert_eq!(turns.begin_of(organization(1), 9).await.unwrap_err(), Exhausted::Organization);
    }

    #[tokio::test]
    async fn exhaustion_attack_the_requests_of_one_do_not_wait_before_those_of_another() {
        let turns = turns(2, 3, 2, Duration::from_mins(1));
        let _busy =
            (turns.begin(organization(9)).await.unwrap(), turns.begin(organization(9)).await.unwrap());
        let last = turns.begin(organization(1)).await.unwrap();
        // One waits for a common turn, two for their organization's; more are refused at once.
        let mut many: Vec<_> = (0..3).map(|_| Box::pin(turns.begin(organization(1)))).collect();
        for one in &mut many {
            assert!(poll!(one.as_mut()).is_pending());
        }
        assert_eq!(turns.begin(organization(1)).await.unwrap_err(), Exhausted::Organization);
        let mut other = Box::pin(turns.begin(organization(2)));
        assert!(poll!(other.as_mut()).is_pending());
        drop(last);
        let Poll::Ready(Ok(before)) = poll!(many[0].as_mut()) else { panic!("it was its turn") };
        assert!(poll!(many[1].as_mut()).is_pending(), "behind the other organization");
        drop(before);
        assert!(matches!(poll!(other.as_mut()), Poll::Ready(Ok(_))), "two turns, then the other's");
    }
}
