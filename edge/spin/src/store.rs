//! The store, as Spin's key-value store with its atomic operations (`wasi:keyvalue`).

use std::future::{Future, ready};

use agentidp_edge_core::host::{Store, StoreError};
use spin_sdk::wit::wasi::keyvalue::atomics::{self, CasError};
use spin_sdk::wit::wasi::keyvalue::batch;
use spin_sdk::wit::wasi::keyvalue::store::{Bucket, Error, open};

/// The store's label in spin.toml.
const LABEL: &str = "default";

#[derive(Debug, Default)]
pub struct KeyValue;

/// Opened anew each time: an open store may answer from what it has read before.
fn using<T>(work: impl FnOnce(&Bucket) -> Result<T, Error>) -> Result<T, StoreError> {
    open(LABEL).and_then(|bucket| work(&bucket)).map_err(|error| StoreError(error.to_string()))
}

impl Store for KeyValue {
    fn get(
        &self,
        keys: Vec<String>,
    ) -> impl Future<Output = Result<Vec<Option<Vec<u8>>>, StoreError>> + 'static {
        ready(using(|bucket| {
            let mut found = match keys.as_slice() {
                [] => return Ok(Vec::new()),
                [one] => return Ok(vec![bucket.get(one)?]),
                several => batch::get_many(bucket, several)?,
            };
            // In whatever order they come.
            let mut take = |key: &String| {
                let (_, value) = found.iter_mut().find(|(name, value)| name == key && value.is_some())?;
                value.take()
            };
            Ok(keys.iter().map(&mut take).collect())
        }))
    }

    fn set(&self, entries: Vec<(String, Vec<u8>)>) -> impl Future<Output = Result<(), StoreError>> + 'static {
        ready(using(|bucket| batch::set_many(bucket, &entries)))
    }

    fn delete(&self, keys: Vec<String>) -> impl Future<Output = Result<(), StoreError>> + 'static {
        ready(using(|bucket| batch::delete_many(bucket, &keys)))
    }

    fn swap(
        &self,
        key: String,
        current: Option<Vec<u8>>,
        new: Vec<u8>,
    ) -> impl Future<Output = Result<bool, StoreError>> + 'static {
        ready(using(|bucket| {
            let cas = atomics::Cas::new(bucket, &key)?;
            if cas.current()? != current {
                return Ok(false);
            }
            match atomics::swap(cas, &new) {
                Ok(()) => Ok(true),
                Err(CasError::CasFailed(_)) => Ok(false),
                Err(CasError::StoreError(error)) => Err(error),
            }
        }))
    }

    fn keys(&self) -> impl Future<Output = Result<Vec<String>, StoreError>> + 'static {
        ready(using(|bucket| {
            let (mut keys, mut cursor) = (Vec::new(), None);
            loop {
                let page = bucket.list_keys(cursor.as_deref())?;
                keys.extend(page.keys);
                match page.cursor {
                    Some(next) => cursor = Some(next),
                    None => return Ok(keys),
                }
            }
        }))
    }
}
