//! Deleting what nobody uses any more.

use std::collections::BTreeSet;

use serde_json::Value;

use super::accept::SHARD_PREFIX;
use crate::host::{Store as _, StoreError, StoreHost};
use crate::node::Node;

/// Where instances of the first version keep what they know.
const FIRST_VERSION_KEYS: [&str; 2] = ["head", "contact"];
const FIRST_VERSION_SHARDS: &str = "shard/";
/// Times in these two.
const LAST_USE: [&str; 4] = ["issuedAt", "askedAt", "answeredAt", "askingSince"];
/// How long that stays after the last of them followed the feed: a deployment may be rolled back.
const FIRST_VERSION_KEPT_FOR_MS: u64 = 60 * 60_000;

/// Deletes shards nobody speaks of any more: those of instances that died between shard and head. Not those of a sequence
/// beyond the head's: their head may be on its way. And what the first version left, an hour after its last use.
pub async fn sweep<H: StoreHost>(node: &Node, host: &H) -> Result<(), StoreError> {
    let (named, sequence): (BTreeSet<String>, u64) = match &*node.knowledge.head.borrow() {
        None => return Ok(()),
        Some(head) => {
            let discarded = head.discarded.iter().map(|(name, _)| name.as_str());
            (head.shards.names().chain(discarded).map(str::to_owned).collect(), head.sequence)
        }
    };
    let is_orphan = |key: &String| {
        let of = key.strip_prefix(SHARD_PREFIX).and_then(|rest| rest.split('/').next()?.parse::<u64>().ok());
        of.is_some_and(|of| of < sequence) && !named.contains(key)
    };
    let (of_first, others): (Vec<String>, Vec<String>) =
        host.store().keys().await?.into_iter().partition(|key| is_of_first_version(key));
    let mut unused: Vec<String> = others.into_iter().filter(is_orphan).collect();
    if !of_first.is_empty() && is_first_version_out_of_use(host).await? {
        unused.extend(of_first);
    }
    if unused.is_empty() { Ok(()) } else { host.store().delete(unused).await }
}

fn is_of_first_version(key: &str) -> bool {
    FIRST_VERSION_KEYS.contains(&key) || key.starts_with(FIRST_VERSION_SHARDS)
}

/// Whether no instance of the first version has followed the feed, or tried to, for long. Shards without a head are of no use.
async fn is_first_version_out_of_use<H: StoreHost>(host: &H) -> Result<bool, StoreError> {
    let values = host.store().get(FIRST_VERSION_KEYS.map(str::to_owned).to_vec()).await?;
    let values = values.iter().flatten().filter_map(|bytes| serde_json::from_slice::<Value>(bytes).ok());
    let last_used =
        values.flat_map(|value| LAST_USE.map(|name| value.get(name).and_then(Value::as_u64))).flatten().max();
    Ok(host.now_ms().abs_diff(last_used.unwrap_or_default()) > FIRST_VERSION_KEPT_FOR_MS)
}
