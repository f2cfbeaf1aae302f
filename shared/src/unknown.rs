//! What an edge was told and cannot read: of these subjects it can say nothing.

use crate::feed::{Envelope, Subject};
use crate::hashing::{SeededHasher, SeededMap};

/// The changes that must be understood and are not.
#[derive(Debug, Clone)]
pub struct UnknownChanges {
    by_key: SeededMap<String, Mark>,
    /// How many of them concern each subject.
    subjects: SeededMap<Subject, usize>,
}

#[derive(Debug, Clone)]
struct Mark {
    subjects: Vec<Subject>,
    expires_at: Option<u64>,
}

impl UnknownChanges {
    pub fn new(hasher: SeededHasher) -> Self {
        Self { by_key: SeededMap::with_hasher(hasher), subjects: SeededMap::with_hasher(hasher) }
    }

    /// Notes one that replaces what was said under its key. One that may be ignored changes nothing.
    pub fn note(&mut self, envelope: &Envelope) {
        if envelope.ignorable {
            return;
        }
        self.replace(&envelope.key);
        // A subject of an unknown kind could be anyone.
        let narrowed = |subject: &Subject| if subject.is_all() { Subject::All } else { subject.clone() };
        let subjects: Vec<Subject> = envelope.subjects.iter().map(narrowed).collect();
        for subject in &subjects {
            *self.subjects.entry(subject.clone()).or_default() += 1;
        }
        self.by_key.insert(envelope.key.clone(), Mark { subjects, expires_at: envelope.expires_at });
    }

    /// Forgets the one with this key.
    pub fn replace(&mut self, key: &str) {
        if let Some(mark) = self.by_key.remove(key) {
            release(&mut self.subjects, &mark);
        }
    }

    /// Forgets those that have expired.
    pub fn prune(&mut self, is_alive: impl Fn(u64) -> bool) {
        let Self { by_key, subjects } = self;
        by_key.retain(|_, mark| {
            let stays = mark.expires_at.is_none_or(&is_alive);
            if !stays {
                release(subjects, mark);
            }
            stays
        });
    }

    /// Whether one of them concerns one of these subjects, or all.
    pub fn concern(&self, subjects: impl IntoIterator<Item = Subject>) -> bool {
        !self.subjects.is_empty()
            && (self.subjects.contains_key(&Subject::All)
                || subjects.into_iter().any(|subject| self.subjects.contains_key(&subject)))
    }

    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }
}

fn release(subjects: &mut SeededMap<Subject, usize>, mark: &Mark) {
    for subject in &mark.subjects {
        if let Some(count) = subjects.get_mut(subject) {
            *count -= 1;
            if *count == 0 {
                subjects.remove(subject);
            }
        }
    }
}
