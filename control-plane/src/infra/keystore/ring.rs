//! The envelope keys a process holds: one that seals, and others that open what was sealed before, or by a process that is
//! ahead.

use zeroize::Zeroizing;

use super::cipher::{EnvelopeKey, RawKey};
use super::place::Place;
use super::{KeyId, KeystoreError};

/// Where a key comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// `AGENTIDP_KEYSTORE_KEY`
    Setting,
    /// `AGENTIDP_KEYSTORE_PREVIOUS_KEYS`
    PreviousSetting,
    /// A version of the secret in Vault.
    Vault(u64),
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Setting => f.write_str("AGENTIDP_KEYSTORE_KEY"),
            Self::PreviousSetting => f.write_str("AGENTIDP_KEYSTORE_PREVIOUS_KEYS"),
            Self::Vault(version) => write!(f, "Vault, version {version}"),
        }
    }
}

/// What may be told of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyInfo {
    pub id: KeyId,
    pub origin: Origin,
    /// Whether it seals.
    pub is_current: bool,
}

#[derive(Clone)]
struct Held {
    key: std::sync::Arc<EnvelopeKey>,
    origin: Origin,
}

#[derive(Clone)]
pub(super) struct Ring {
    current: Held,
    others: Vec<Held>,
}

impl Ring {
    /// From settings.
    pub(super) fn new(current: &RawKey, previous: &[RawKey]) -> Self {
        let current = Held::new(current, Origin::Setting);
        Self { current, others: Vec::new() }.with_previous(previous)
    }

    /// From Vault: `versions` with their numbers, of which `current` seals. `None` if it is not among them.
    pub(super) fn of_versions(versions: &[(u64, RawKey)], current: u64, previous: &[RawKey]) -> Option<Self> {
        let held = |(number, key): &(u64, RawKey)| Held::new(key, Origin::Vault(*number));
        let (_, key) = versions.iter().find(|(number, _)| *number == current)?;
        let others = versions.iter().filter(|(number, _)| *number != current).map(held).collect();
        let current = Held::new(key, Origin::Vault(current));
        Some(Self { current, others }.with_previous(previous))
    }

    fn with_previous(mut self, previous: &[RawKey]) -> Self {
        self.others.extend(previous.iter().map(|key| Held::new(key, Origin::PreviousSetting)));
        self
    }

    /// With the keys it lacks, and the named version as the one that seals. Nothing that is held goes: a key that was deleted in
    /// Vault opens what it sealed until the process ends.
    pub(super) fn extended(&self, versions: &[(u64, RawKey)], current: u64) -> Self {
        let mut all: Vec<Held> = self.held().cloned().collect();
        for (number, key) in versions {
            all.push(Held::new(key, Origin::Vault(*number)));
        }
        let position = all.iter().position(|held| held.origin == Origin::Vault(current));
        // The one that seals so far comes first.
        let current = all.swap_remove(position.unwrap_or(0));
        Self { current, others: all }
    }

    fn held(&self) -> impl Iterator<Item = &Held> {
        std::iter::once(&self.current).chain(&self.others)
    }

    pub(super) fn current(&self) -> &EnvelopeKey {
        &self.current.key
    }

    pub(super) fn holds(&self, key_id: &str) -> bool {
        self.held().any(|held| held.key.id().as_str() == key_id)
    }

    pub(super) fn holds_version(&self, version: u64) -> bool {
        self.held().any(|held| held.origin == Origin::Vault(version))
    }

    pub(super) fn open(
        &self,
        ciphertext: &[u8],
        key_id: &str,
        place: &Place,
    ) -> Result<Zeroizing<Vec<u8>>, KeystoreError> {
        let held = self.held().find(|held| held.key.id().as_str() == key_id);
        let held = held
            .ok_or_else(|| KeyId::parse(key_id).map_or(KeystoreError::Altered, KeystoreError::UnknownKey))?;
        held.key.open(ciphertext, place)
    }

    pub(super) fn infos(&self) -> Vec<KeyInfo> {
        let info = |(index, held): (usize, &Held)| KeyInfo {
            id: held.key.id(),
            origin: held.origin,
            is_current: index == 0,
        };
        self.held().enumerate().map(info).collect()
    }
}

impl Held {
    fn new(key: &RawKey, origin: Origin) -> Self {
        Self { key: std::sync::Arc::new(EnvelopeKey::new(key)), origin }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::config::Secret;
    use crate::infra::keystore::place::SIGNING_KEYS;
    use crate::infra::rng::SystemRng;

    fn raw(byte: u8) -> RawKey {
        Secret::new([byte; 32])
    }

    #[test]
    fn the_current_key_seals_and_every_key_opens() {
        let (old, place) = (Ring::new(&raw(1), &[]), SIGNING_KEYS.place("a"));
        let new = Ring::new(&raw(2), &[raw(1)]);
        let sealed = old.current().seal(b"private", &place, &SystemRng);
        assert_eq!(**new.open(&sealed, old.current().id().as_str(), &place).unwrap(), *b"private");
        assert_ne!(new.current().id(), old.current().id());
        assert_eq!(
            Ring::new(&raw(2), &[]).open(&sealed, old.current().id().as_str(), &place),
            Err(KeystoreError::UnknownKey(old.current().id()))
        );
    }

    #[test]
    fn a_newer_version_seals_when_it_is_its_turn_and_none_is_lost() {
        let ring = Ring::of_versions(&[(1, raw(1))], 1, &[raw(9)]).unwrap();
        let known = ring.extended(&[(2, raw(2))], 1);
        assert_eq!(known.current().id(), ring.current().id());
        assert!(known.holds_version(2));
        let turned = known.extended(&[], 2);
        assert_eq!(turned.infos().len(), 3);
        assert_eq!(turned.infos()[0].origin, Origin::Vault(2));
        assert!(turned.holds(ring.current().id().as_str()));
        let unknown = turned.extended(&[], 7);
        assert_eq!((unknown.current().id(), unknown.infos().len()), (turned.current().id(), 3));
        let twice = ring.extended(&[(2, raw(1))], 2);
        assert!(twice.holds_version(1) && twice.holds_version(2), "the same key written again");
        assert!(Ring::of_versions(&[(1, raw(1))], 2, &[]).is_none());
    }
}
