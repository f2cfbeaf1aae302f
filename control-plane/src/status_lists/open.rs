//! Places in the list that is being filled.

use agentidp_shared::ids::StatusListId;
use time::{Duration, OffsetDateTime};

use super::list::PLACES;
use crate::infra::rng::Rng;

/// A list that has been filled for this long is left as it is: who asks about one of its tokens need not learn of all that came
/// later. One that its process did not fill stays half empty.
const FILLED_FOR: Duration = Duration::hours(6);

#[derive(Debug)]
pub struct OpenList {
    id: StatusListId,
    since: OffsetDateTime,
    /// In the order they are given out, from the end.
    free: Vec<u16>,
}

impl OpenList {
    pub fn new(id: StatusListId, now: OffsetDateTime, rng: &dyn Rng) -> Self {
        let mut free: Vec<u16> = (0..=u16::MAX).collect();
        let mut random = vec![0; PLACES * size_of::<u64>()];
        rng.fill(&mut random);
        let (draws, _) = random.as_chunks::<{ size_of::<u64>() }>();
        // Fisher and Yates; of 64 bits the remainder is even enough.
        for (place, draw) in (1..PLACES).zip(draws) {
            let other = u64::from_le_bytes(*draw) % u64::try_from(place + 1).unwrap_or(1);
            free.swap(place, usize::try_from(other).unwrap_or(place));
        }
        Self { id, since: now, free }
    }

    /// The next free place, unless the list is full or has been filled for long enough.
    pub fn take(&mut self, now: OffsetDateTime) -> Option<(StatusListId, u16)> {
        if (now - self.since).abs() >= FILLED_FOR {
            return None;
        }
        Some((self.id, self.free.pop()?))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use uuid::Uuid;

    use super::*;
    use crate::infra::rng::SystemRng;

    #[test]
    fn issuance_order_attack_every_place_is_given_once_and_in_no_order() {
        let now = OffsetDateTime::UNIX_EPOCH;
        let mut list = OpenList::new(StatusListId::new(Uuid::nil()), now, &SystemRng);
        let given: Vec<u16> = std::iter::from_fn(|| list.take(now)).map(|(_, place)| place).collect();
        assert_eq!(given.len(), PLACES);
        assert_eq!(given.iter().collect::<BTreeSet<_>>().len(), PLACES);
        // Of neighbours in a random order half rise; the deviation is far below a percent.
        let rising = given.windows(2).filter(|pair| pair[0] < pair[1]).count();
        assert!((PLACES * 48 / 100..PLACES * 52 / 100).contains(&rising), "{rising}");
    }

    #[test]
    fn a_list_is_left_after_some_hours() {
        let now = OffsetDateTime::UNIX_EPOCH;
        let mut list = OpenList::new(StatusListId::new(Uuid::nil()), now, &SystemRng);
        assert!(list.take(now + FILLED_FOR - Duration::SECOND).is_some());
        assert!(list.take(now + FILLED_FOR).is_none());
    }
}
