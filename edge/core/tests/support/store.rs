//! A store in memory, shared by whoever clones it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::rc::Rc;
use std::task::Poll;

use agentidp_edge_core::host::{Store, StoreError};

#[derive(Debug, Clone, Default)]
pub struct MemoryStore(Rc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    values: RefCell<BTreeMap<String, Vec<u8>>>,
    is_down: Cell<bool>,
    is_slow: Cell<bool>,
    reads: Cell<usize>,
    writes: Cell<usize>,
}

impl MemoryStore {
    pub fn set_down(&self, is_down: bool) {
        self.0.is_down.set(is_down);
    }

    /// Lets others go first before each operation.
    pub fn set_slow(&self, is_slow: bool) {
        self.0.is_slow.set(is_slow);
    }

    /// How many values were asked for so far.
    pub fn reads(&self) -> usize {
        self.0.reads.get()
    }

    pub fn writes(&self) -> usize {
        self.0.writes.get()
    }

    pub fn value(&self, key: &str) -> Option<Vec<u8>> {
        self.0.values.borrow().get(key).cloned()
    }

    fn using<T>(
        &self,
        work: impl FnOnce(&Inner) -> T + 'static,
    ) -> impl Future<Output = Result<T, StoreError>> + 'static {
        let inner = Rc::clone(&self.0);
        let mut waits = inner.is_slow.get();
        let turn = poll_fn(move |_| if std::mem::take(&mut waits) { Poll::Pending } else { Poll::Ready(()) });
        async move {
            turn.await;
            if inner.is_down.get() { Err(StoreError("down".into())) } else { Ok(work(&inner)) }
        }
    }
}

impl Store for MemoryStore {
    fn get(
        &self,
        keys: Vec<String>,
    ) -> impl Future<Output = Result<Vec<Option<Vec<u8>>>, StoreError>> + 'static {
        self.using(move |inner| {
            inner.reads.set(inner.reads.get() + keys.len());
            keys.iter().map(|key| inner.values.borrow().get(key).cloned()).collect()
        })
    }

    fn set(&self, entries: Vec<(String, Vec<u8>)>) -> impl Future<Output = Result<(), StoreError>> + 'static {
        self.using(move |inner| {
            inner.writes.set(inner.writes.get() + entries.len());
            inner.values.borrow_mut().extend(entries);
        })
    }

    fn delete(&self, keys: Vec<String>) -> impl Future<Output = Result<(), StoreError>> + 'static {
        self.using(move |inner| {
            for key in keys {
                inner.values.borrow_mut().remove(&key);
            }
        })
    }

    fn swap(
        &self,
        key: String,
        current: Option<Vec<u8>>,
        new: Vec<u8>,
    ) -> impl Future<Output = Result<bool, StoreError>> + 'static {
        self.using(move |inner| {
            let mut values = inner.values.borrow_mut();
            let holds = current.is_none() || values.get(&key) == current.as_ref();
            if holds {
                inner.writes.set(inner.writes.get() + 1);
                values.insert(key, new);
            }
            holds
        })
    }

    fn keys(&self) -> impl Future<Output = Result<Vec<String>, StoreError>> + 'static {
        self.using(move |inner| inner.values.borrow().keys().cloned().collect())
    }
}
