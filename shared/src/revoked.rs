//! The revoked tokens that an edge holds: twenty bytes for each, however many there are.

use crate::ids::TokenId;

/// The tokens are spread over so many lists, a power of two, by the last bits of their ids. The issuer draws these bits at random,
/// and nobody else has tokens revoked.
const LISTS: usize = 4_096;
/// Fewest entries that a list grows by.
const LEAST_GROWTH: usize = 4;

/// The bytes of an id as numbers, in their order.
type Id = [u32; 4];

#[derive(Debug, Clone, Copy)]
struct Entry {
    id: Id,
    /// Unix seconds. The greatest number stands for every later moment, and for never.
    expires_at: u32,
}

/// Revoked tokens with the time of their expiry.
///
/// Many short sorted lists that grow by an eighth: a single table would double, and while it did, hold everything twice.
#[derive(Debug, Clone, Default)]
pub struct RevokedTokens {
    /// Empty as long as there is no token.
    lists: Vec<Vec<Entry>>,
    count: usize,
}

impl RevokedTokens {
    /// Adds a token, or replaces the time of its expiry (Unix seconds).
    pub fn insert(&mut self, jti: TokenId, expires_at: u64) {
        if self.lists.is_empty() {
            self.lists = vec![Vec::new(); LISTS];
        }
        let id = id_of(jti);
        let entry = Entry { id, expires_at: u32::try_from(expires_at).unwrap_or(u32::MAX) };
        let Some(list) = self.lists.get_mut(list_of(id)) else { return };
        match list.binary_search_by_key(&id, |held| held.id) {
            Ok(place) => {
                if let Some(held) = list.get_mut(place) {
                    *held = entry;
                }
            }
            Err(place) => {
                if list.len() == list.capacity() {
                    list.reserve_exact((list.len() / 8).max(LEAST_GROWTH));
                }
                list.insert(place, entry);
                self.count += 1;
            }
        }
    }

    pub fn contains(&self, jti: TokenId) -> bool {
        let id = id_of(jti);
        self.lists.get(list_of(id)).is_some_and(|list| list.binary_search_by_key(&id, |held| held.id).is_ok())
    }

    /// Forgets the tokens that `is_alive` denies of the time of their expiry, and gives their room back.
    pub fn prune(&mut self, is_alive: impl Fn(u64) -> bool) {
        self.count = 0;
        for list in &mut self.lists {
            list.retain(|held| held.expires_at == u32::MAX || is_alive(held.expires_at.into()));
            let room = list.len() / 8 + LEAST_GROWTH;
            if list.capacity() > list.len() + 2 * room {
                list.shrink_to(list.len() + room);
            }
            self.count += list.len();
        }
    }

    pub fn len(&self) -> usize {
        self.count
    }
}

fn id_of(jti: TokenId) -> Id {
    let bytes = jti.as_uuid().into_bytes();
    let (words, _) = bytes.as_chunks::<4>();
    let mut id = Id::default();
    for (number, word) in id.iter_mut().zip(words) {
        *number = u32::from_be_bytes(*word);
    }
    id
}

fn list_of(id: Id) -> usize {
    let [.., last] = id;
    usize::try_from(last).unwrap_or_default() % LISTS
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use uuid::Uuid;

    use super::*;

    /// Ids that share lists and parts, in no order.
    fn id(number: u64) -> TokenId {
        let mixed =
            u128::from(number % 97) << 90 | u128::from(number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 3);
        TokenId::new(Uuid::from_u128(mixed))
    }

    #[test]
    fn it_holds_what_a_map_holds_whatever_the_order() {
        let (mut tokens, mut map) = (RevokedTokens::default(), BTreeMap::new());
        assert!(tokens.len() == 0 && !tokens.contains(id(1)));
        for number in 0..20_000 {
            // Some twice, with another time.
            let (jti, expires_at) = (id(number % 15_000), number);
            tokens.insert(jti, expires_at);
            map.insert(jti.as_uuid(), expires_at);
        }
        let agree = |tokens: &RevokedTokens, map: &BTreeMap<Uuid, u64>| {
            assert_eq!(tokens.len(), map.len());
            for number in 0..30_000 {
                assert_eq!(tokens.contains(id(number)), map.contains_key(&id(number).as_uuid()), "{number}");
            }
        };
        agree(&tokens, &map);
        tokens.prune(|expires_at| expires_at % 3 == 0);
        map.retain(|_, expires_at| *expires_at % 3 == 0);
        agree(&tokens, &map);
        tokens.prune(|_| false);
        assert_eq!(tokens.len(), 0);
    }

    #[test]
    fn tokens_of_one_list_are_told_apart_by_every_part_of_their_ids() {
        let mut tokens = RevokedTokens::default();
        let near: Vec<TokenId> = (12..128).map(|bit| TokenId::new(Uuid::from_u128(1 << bit))).collect();
        for jti in &near {
            assert!(!tokens.contains(*jti));
            tokens.insert(*jti, 1);
        }
        assert!(near.iter().all(|jti| tokens.contains(*jti)));
        assert_eq!(tokens.len(), near.len());
    }

    #[test]
    fn what_expires_beyond_the_range_of_a_number_never_does() {
        let mut tokens = RevokedTokens::default();
        tokens.insert(id(1), u64::MAX);
        tokens.insert(id(2), u64::from(u32::MAX) - 1);
        tokens.prune(|expires_at| expires_at > u64::from(u32::MAX));
        assert!(tokens.contains(id(1)) && !tokens.contains(id(2)));
    }

    #[test]
    fn a_million_take_little_more_than_twenty_bytes_each() {
        let mut tokens = RevokedTokens::default();
        for number in 0..1_000_000_u64 {
            // Told in the order of their time, as snapshots are.
            let random = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 2;
            tokens
                .insert(TokenId::new(Uuid::from_u128(u128::from(number) << 80 | u128::from(random))), number);
        }
        let room: usize = tokens.lists.iter().map(|list| list.capacity() * size_of::<Entry>()).sum();
        assert!(room < 24_000_000, "{room}");
    }
}
