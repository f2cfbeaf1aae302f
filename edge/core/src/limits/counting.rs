//! Of instances that live for one request. The meters are in the store, and every request takes from them itself.
//!
//! Meters are kept several to a value, in a fixed number of values, and those that nobody used for a while are left out: the store
//! never holds more than is in use.

use std::collections::BTreeMap;

use agentidp_shared::rate_limit::{Meter, Taken};
use agentidp_shared::strict::encode_base64url;
use sha2::{Digest, Sha256};

use super::{Bucket, Meters};
use crate::host::{Host, Severity, Store as _, StoreError, StoreHost};
use crate::node::Node;

/// Most meters in one value.
const MAX_METERS: usize = 64;
/// How often to begin again because somebody else was faster.
const MAX_TRIES: usize = 16;

/// Counts in the store.
#[derive(Debug)]
pub struct Counting;

impl<H: Host + StoreHost> Meters<H> for Counting {
    async fn take(_: &Node, host: &H, bucket: &Bucket) -> Taken {
        take(host, bucket).await.unwrap_or_else(|error| {
            host.log(Severity::Warning, &format!("a rate limit could not be counted: {error}"));
            Taken { granted: 1, remaining: bucket.limit.burst(), retry_after_ms: 0 }
        })
    }
}

async fn take<H: StoreHost>(host: &H, bucket: &Bucket) -> Result<Taken, StoreError> {
    // Unlike each other whatever a caller chooses: two of 12 bytes of SHA-256.
    let digest = <[u8; 32]>::from(Sha256::digest(&bucket.key));
    let [high, low, name @ ..] = digest;
    let key = format!("limits/{}", u16::from_be_bytes([high, low]) >> 4);
    let name: String = encode_base64url(&name).chars().take(16).collect();
    for _ in 0..MAX_TRIES {
        let before = host.store().get(vec![key.clone()]).await?.into_iter().next().flatten();
        let now_ms = host.now_ms();
        // What cannot be read is as good as lost.
        let mut meters: BTreeMap<String, Meter> =
            before.as_deref().and_then(|bytes| serde_json::from_slice(bytes).ok()).unwrap_or_default();
        meters.retain(|_, meter| !meter.is_idle(now_ms));
        let meter = meters.entry(name.clone()).or_default();
        let unused = *meter;
        let taken = meter.take(bucket.limit, 1, now_ms);
        if *meter == unused {
            return Ok(taken);
        }
        while meters.len() > MAX_METERS
            && let Some(other) = meters.keys().find(|other| **other != name).cloned()
        {
            meters.remove(&other);
        }
        let after = serde_json::to_vec(&meters).map_err(|error| StoreError(error.to_string()))?;
        if host.store().swap(key.clone(), before, after).await? {
            return Ok(taken);
        }
    }
    Err(StoreError("too many instances count at once".to_owned()))
}
