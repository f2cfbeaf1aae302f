//! The Merkle tree over the audit log (RFC 6962 §2.1, as restated in RFC 9162 §2.1): its hashes, which subtrees a proof is made
//! of, and how a proof is checked.
//!
//! A tree of `size` leaves is stored as its perfect subtrees, which never change once they are full; everything else is put
//! together from at most 2·log₂(size) of them.

use std::ops::Range;

use sha2::{Digest, Sha256};

use crate::audit_chain::Hash;

/// A perfect subtree: the leaves `index · 2^level` up to, but without, `(index + 1) · 2^level`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Node {
    pub level: u8,
    pub index: u64,
}

/// The root of a tree without leaves.
pub fn empty_root() -> Hash {
    Sha256::digest([]).into()
}

/// Apart from a node's by its first byte, so that neither passes for the other.
pub fn leaf_hash(leaf: &[u8]) -> Hash {
    Sha256::new_with_prefix([0]).chain_update(leaf).finalize().into()
}

/// Of a subtree, from its two halves.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Sha256::new_with_prefix([1]).chain_update(left).chain_update(right).finalize().into()
}

/// The perfect subtrees that make up these leaves, from left to right.
pub fn perfect_subtrees(leaves: Range<u64>) -> Vec<Node> {
    let mut nodes = Vec::new();
    let mut start = leaves.start;
    while start < leaves.end {
        // As large as the place allows (a subtree begins at a multiple of its size), and as what is left allows.
        let level = start.trailing_zeros().min((leaves.end - start).ilog2());
        nodes.push(Node { level: u8::try_from(level).unwrap_or(63), index: start >> level });
        start += 1 << level;
    }
    nodes
}

/// The hash over subtrees from left to right: what [`perfect_subtrees`] of a tree, or of a range in a proof, come to.
pub fn fold(hashes: &[Hash]) -> Hash {
    let mut from_the_right = hashes.iter().rev();
    let Some(last) = from_the_right.next() else { return empty_root() };
    from_the_right.fold(*last, |right, left| node_hash(left, &right))
}

/// Where RFC 6962 splits a tree of so many leaves: the largest power of two below it.
fn split(size: u64) -> u64 {
    1 << (size - 1).ilog2()
}

/// The leaves that each hash of an inclusion proof covers, from the leaf up; `None` if the tree has no such leaf.
pub fn inclusion_proof(index: u64, size: u64) -> Option<Vec<Range<u64>>> {
    if index >= size {
        return None;
    }
    let (mut start, mut end) = (0, size);
    let mut path = Vec::new();
    while end - start > 1 {
        let middle = start + split(end - start);
        if index < middle {
            path.push(middle..end);
            end = middle;
        } else {
            path.push(start..middle);
            start = middle;
        }
    }
    path.reverse();
    Some(path)
}

/// The leaves that each hash of a consistency proof covers; `None` unless `0 < old ≤ new`.
pub fn consistency_proof(old: u64, new: u64) -> Option<Vec<Range<u64>>> {
    if old == 0 || old > new {
        return None;
    }
    let (mut start, mut end) = (0, new);
    let mut path = Vec::new();
    // Until what is looked at is just what the old tree held.
    while end > old {
        let middle = start + split(end - start);
        if old <= middle {
            path.push(middle..end);
            end = middle;
        } else {
            path.push(start..middle);
            start = middle;
        }
    }
    // The old root is known to whoever asks, so it is left out.
    if start > 0 {
        path.push(start..end);
    }
    path.reverse();
    Some(path)
}

/// Whether the leaf is at `index` in the tree with this root (RFC 9162 §2.1.3.2).
pub fn is_included(leaf: &Hash, index: u64, size: u64, proof: &[Hash], root: &Hash) -> bool {
    let Some(path) = inclusion_proof(index, size).filter(|path| path.len() == proof.len()) else {
        return false;
    };
    let computed = path.iter().zip(proof).fold(*leaf, |hash, (covered, sibling)| {
        if covered.start > index { node_hash(&hash, sibling) } else { node_hash(sibling, &hash) }
    });
    computed == *root
}

/// Whether the new tree begins with all of the old one (RFC 9162 §2.1.4.2).
pub fn is_consistent(old: (u64, &Hash), new: (u64, &Hash), proof: &[Hash]) -> bool {
    let ((old, old_root), (new, new_root)) = (old, new);
    if old == new {
        return proof.is_empty() && old_root == new_root;
    }
    let Some(path) = consistency_proof(old, new) else { return false };
    if path.len() != proof.len() {
        return false;
    }
    let mut steps = path.iter().zip(proof).peekable();
    // Where both begin: the last subtree of the old tree, or all of it.
    let first = steps.next_if(|(covered, _)| covered.end == old && covered.start > 0);
    let (mut in_old, mut in_new, start) = match first {
        Some((covered, hash)) => (*hash, *hash, covered.start),
        None => (*old_root, *old_root, 0),
    };
    for (covered, hash) in steps {
        if covered.start < start {
            // Left of it: in both trees.
            in_old = node_hash(hash, &in_old);
            in_new = node_hash(hash, &in_new);
        } else {
            in_new = node_hash(&in_new, hash);
        }
    }
    in_old == *old_root && in_new == *new_root
}

/// A tree that grows at its right edge, held as the roots of its perfect subtrees.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    subtrees: Vec<Hash>,
}

impl Frontier {
    /// Of a tree of `size` leaves whose [`perfect_subtrees`] have these hashes; `None` if there are not as many.
    pub fn new(size: u64, subtrees: Vec<Hash>) -> Option<Self> {
        (perfect_subtrees(0..size).len() == subtrees.len()).then_some(Self { size, subtrees })
    }

    pub fn size(&self) -> u64 {
        self.size
    }

    pub fn root(&self) -> Hash {
        fold(&self.subtrees)
    }

    /// Adds a leaf; gives `full` every perfect subtree above the leaves that it completes, with its hash.
    pub fn push(&mut self, leaf: Hash, mut full: impl FnMut(Node, Hash)) {
        let mut hash = leaf;
        // As many subtrees are completed as there are ones at the end of the size.
        for level in 1..=self.size.trailing_ones() {
            let Some(left) = self.subtrees.pop() else { break };
            hash = node_hash(&left, &hash);
            full(Node { level: u8::try_from(level).unwrap_or(63), index: self.size >> level }, hash);
        }
        self.subtrees.push(hash);
        self.size += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(size: u64) -> Vec<Hash> {
        (0..size).map(|number| leaf_hash(&number.to_be_bytes())).collect()
    }

    /// As RFC 6962 §2.1 defines it.
    fn root(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => empty_root(),
            [leaf] => *leaf,
            _ => {
                let (left, right) =
                    leaves.split_at(usize::try_from(split(u64::try_from(leaves.len()).unwrap())).unwrap());
                node_hash(&root(left), &root(right))
            }
        }
    }

    fn hashes_of(leaves: &[Hash], path: &[Range<u64>]) -> Vec<Hash> {
        let hash = |covered: &Range<u64>| {
            let (start, end) =
                (usize::try_from(covered.start).unwrap(), usize::try_from(covered.end).unwrap());
            root(&leaves[start..end])
        };
        path.iter().map(hash).collect()
    }

    fn unhex(text: &str) -> Hash {
        std::array::from_fn(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap())
    }

    #[test]
    fn the_published_roots_come_out() {
        // Of the tree that certificate transparency's implementations are tested with.
        let data: [&[u8]; 8] = [
            b"",
            b"\x00",
            b"\x10",
            b"\x20\x21",
            b"\x30\x31",
            b"\x40\x41\x42\x43",
            b"\x50\x51\x52\x53\x54\x55\x56\x57",
            b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
        ];
        let leaves: Vec<Hash> = data.iter().map(|leaf| leaf_hash(leaf)).collect();
        assert_eq!(
            root(&leaves[..1]),
            unhex("6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d")
        );
        assert_eq!(
            root(&leaves[..2]),
            unhex("fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125")
        );
        assert_eq!(root(&leaves), unhex("5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"));
        assert_eq!(empty_root(), unhex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"));
    }

    #[test]
    fn a_tree_that_grows_has_the_root_of_the_definition_and_gives_every_perfect_subtree() {
        let all = leaves(70);
        let mut frontier = Frontier::new(0, vec![]).unwrap();
        let mut nodes = std::collections::BTreeMap::new();
        for (number, leaf) in all.iter().enumerate() {
            assert_eq!(frontier.root(), root(&all[..number]));
            nodes.insert(Node { level: 0, index: frontier.size() }, *leaf);
            frontier.push(*leaf, |node, hash| {
                assert!(nodes.insert(node, hash).is_none(), "{node:?} is given once");
            });
            let size = frontier.size();
            let stored: Vec<Hash> = perfect_subtrees(0..size).iter().map(|node| nodes[node]).collect();
            assert_eq!(Frontier::new(size, stored), Some(frontier.clone()));
            for start in 0..size {
                let part: Vec<Hash> = perfect_subtrees(start..size).iter().map(|node| nodes[node]).collect();
                if start == 0 || start.is_power_of_two() && size - start <= start {
                    assert_eq!(fold(&part), root(&all[usize::try_from(start).unwrap()..=number]));
                }
            }
        }
        assert_eq!(Frontier::new(3, vec![all[0]]), None);
    }

    #[test]
    fn every_inclusion_proof_verifies_and_no_other_leaf_place_size_or_hash_does() {
        let all = leaves(20);
        for size in 1..=20_u64 {
            let held = &all[..usize::try_from(size).unwrap()];
            let root = root(held);
            for index in 0..size {
                let leaf = &held[usize::try_from(index).unwrap()];
                let proof = hashes_of(held, &inclusion_proof(index, size).unwrap());
                assert!(is_included(leaf, index, size, &proof, &root));
                assert!(!is_included(&leaf_hash(b"another"), index, size, &proof, &root));
                for wrong in (0..size).filter(|wrong| *wrong != index) {
                    assert!(!is_included(leaf, wrong, size, &proof, &root), "{index} as {wrong} of {size}");
                }
                for place in 0..proof.len() {
                    let mut altered = proof.clone();
                    altered[place][7] ^= 1;
                    assert!(!is_included(leaf, index, size, &altered, &root));
                }
                let longer = [&proof[..], &[root]].concat();
                assert!(!is_included(leaf, index, size, &longer, &root));
            }
            assert_eq!(inclusion_proof(size, size), None);
        }
    }

    #[test]
    fn every_consistency_proof_verifies_and_a_rewritten_past_does_not() {
        let all = leaves(20);
        for new in 1..=20_u64 {
            let held = &all[..usize::try_from(new).unwrap()];
            let new_root = root(held);
            for old in 1..=new {
                let kept = usize::try_from(old).unwrap();
                let old_root = root(&held[..kept]);
                let proof = hashes_of(held, &consistency_proof(old, new).unwrap());
                assert!(is_consistent((old, &old_root), (new, &new_root), &proof), "{old} in {new}");
                // Another view of the past, with the proof that its own future would give.
                let mut forked = held.to_vec();
                forked[kept - 1] = leaf_hash(b"another");
                let path = consistency_proof(old, new).unwrap();
                let (forged, forked_root) = (hashes_of(&forked, &path), root(&forked));
                assert!(!is_consistent((old, &old_root), (new, &forked_root), &forged), "{old} in {new}");
                assert!(!is_consistent((old, &old_root), (new, &forked_root), &proof), "{old} in {new}");
                for place in 0..proof.len() {
                    let mut altered = proof.clone();
                    altered[place][7] ^= 1;
                    assert!(!is_consistent((old, &old_root), (new, &new_root), &altered));
                }
                let longer = [&proof[..], &[new_root]].concat();
                assert!(!is_consistent((old, &old_root), (new, &new_root), &longer));
            }
        }
        assert_eq!((consistency_proof(0, 3), consistency_proof(4, 3)), (None, None));
    }

    #[test]
    fn second_preimage_attack_a_node_is_no_leaf() {
        let (a, b) = (leaf_hash(b"a"), leaf_hash(b"b"));
        assert_ne!(leaf_hash(&[a, b].concat()), node_hash(&a, &b));
    }
}
