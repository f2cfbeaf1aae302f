//! The Merkle tree over the seals: grown in the sealer's transaction, read for proofs.

use std::collections::BTreeMap;
use std::ops::Range;

use agentidp_shared::audit_chain::Hash;
use agentidp_shared::merkle::{Frontier, Node, fold, leaf_hash, perfect_subtrees};

use crate::infra::db::SystemTx;

/// Leaves added in one transaction: more than a round of seals, so that a tree that lags catches up.
const BATCH: i64 = 2_000;

fn corrupt(what: &'static str) -> sqlx::Error {
    sqlx::Error::Decode(what.into())
}

/// Adds seals that are not in the tree yet; returns its size. Under the sealer's lock.
pub(super) async fn grow(tx: &mut SystemTx) -> Result<u64, sqlx::Error> {
    // Pairs of leaves are stored; a last single one is no node yet, and is added once more.
    let pairs = sqlx::query_scalar!(
        r#"select coalesce(max(index) + 1, 0) as "pairs!" from audit_tree where level = 1"#
    )
    .fetch_one(&mut **tx)
    .await?;
    let whole = u64::try_from(pairs).map_err(|_| corrupt("a negative place in the tree"))? * 2;
    let subtrees = hashes(tx, &perfect_subtrees(0..whole)).await?;
    let mut frontier =
        Frontier::new(whole, subtrees).ok_or_else(|| corrupt("the tree has a hole at its edge"))?;
    let leaves = sqlx::query!(
        "select sequence, hash from audit_seals where sequence > $1 order by sequence limit $2",
        pairs * 2,
        BATCH
    )
    .fetch_all(&mut **tx)
    .await?;
    let (mut levels, mut indexes, mut full) = (Vec::new(), Vec::new(), Vec::new());
    for leaf in leaves {
        if u64::try_from(leaf.sequence) != Ok(frontier.size() + 1) {
            return Err(corrupt("a seal is missing: the audit log was tampered with"));
        }
        frontier.push(leaf_hash(&leaf.hash), |node, hash| {
            levels.push(i16::from(node.level));
            indexes.push(i64::try_from(node.index).unwrap_or(i64::MAX));
            full.push(hash.to_vec());
        });
    }
    sqlx::query!(
        "insert into audit_tree (level, index, hash) select * from unnest($1::smallint[], $2::bigint[], $3::bytea[])",
        &levels,
        &indexes,
        &full
    )
    .execute(&mut **tx)
    .await?;
    Ok(frontier.size())
}

/// How many seals are in the tree.
pub(super) async fn size(tx: &mut SystemTx) -> Result<u64, sqlx::Error> {
    // The last seal may be a single leaf.
    let size = sqlx::query_scalar!(
        r#"select least(coalesce((select max(index) + 1 from audit_tree where level = 1), 0) * 2 + 1,
             coalesce((select max(sequence) from audit_seals), 0)) as "size!""#
    )
    .fetch_one(&mut **tx)
    .await?;
    u64::try_from(size).map_err(|_| corrupt("a negative size of the tree"))
}

/// The tree's root when it had so many leaves; it has at least as many.
pub(super) async fn root(tx: &mut SystemTx, size: u64) -> Result<Hash, sqlx::Error> {
    Ok(fold(&hashes(tx, &perfect_subtrees(0..size)).await?))
}

/// The hash over each of the ranges.
pub(super) async fn proof(tx: &mut SystemTx, path: &[Range<u64>]) -> Result<Vec<Hash>, sqlx::Error> {
    let subtrees: Vec<Vec<Node>> = path.iter().map(|covered| perfect_subtrees(covered.clone())).collect();
    let mut all = hashes(tx, &subtrees.concat()).await?.into_iter();
    Ok(subtrees.iter().map(|nodes| fold(&all.by_ref().take(nodes.len()).collect::<Vec<_>>())).collect())
}

/// The hashes of these subtrees, in the same order.
async fn hashes(tx: &mut SystemTx, nodes: &[Node]) -> Result<Vec<Hash>, sqlx::Error> {
    let place = |number: u64| i64::try_from(number).map_err(|_| corrupt("a place beyond the tree"));
    let (mut levels, mut indexes, mut leaves) = (Vec::new(), Vec::new(), Vec::new());
    for node in nodes {
        if node.level == 0 {
            leaves.push(place(node.index)? + 1);
        } else {
            levels.push(i16::from(node.level));
            indexes.push(place(node.index)?);
        }
    }
    let mut found = BTreeMap::new();
    let stored = sqlx::query!(
        r#"select level, index, hash from audit_tree
           where (level, index) in (select * from unnest($1::smallint[], $2::bigint[]))"#,
        &levels,
        &indexes
    )
    .fetch_all(&mut **tx)
    .await?;
    for row in stored {
        let hash: Hash = row.hash.try_into().map_err(|_| corrupt("a node's hash has not 32 bytes"))?;
        found.insert((row.level, row.index), hash);
    }
    let seals = sqlx::query!("select sequence, hash from audit_seals where sequence = any($1)", &leaves)
        .fetch_all(&mut **tx)
        .await?;
    for row in seals {
        found.insert((0, row.sequence - 1), leaf_hash(&row.hash));
    }
    nodes
        .iter()
        .map(|node| {
            let hash = found.get(&(i16::from(node.level), place(node.index)?));
            hash.copied().ok_or_else(|| corrupt("the tree has a hole: the audit log was tampered with"))
        })
        .collect()
}
