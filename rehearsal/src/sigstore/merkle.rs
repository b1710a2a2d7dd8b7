//! The Merkle tree of a transparency log (RFC 6962, 2.1). Relies on SHA-256 alone.

use sha2::{Digest, Sha256};

pub(super) type Hash = [u8; 32];

/// A tree that only grows. It remembers leaf hashes and computes the rest, which is quick enough
/// for the thousands of leaves that a rehearsal makes.
#[derive(Default)]
pub(super) struct Tree {
    leaves: Vec<Hash>,
}

impl Tree {
    /// Number of leaves.
    pub(super) fn size(&self) -> usize {
        self.leaves.len()
    }

    /// The index of a leaf that the tree has.
    pub(super) fn position(&self, leaf: &Hash) -> Option<usize> {
        self.leaves.iter().position(|other| other == leaf)
    }

    /// Appends a leaf and returns its index.
    pub(super) fn push(&mut self, leaf: Hash) -> usize {
        self.leaves.push(leaf);
        self.leaves.len() - 1
    }

    /// The head of the tree as it stands.
    pub(super) fn root(&self) -> Hash {
        head(&self.leaves)
    }

    /// The audit path of a leaf in the tree as it stands, from the leaf up.
    pub(super) fn inclusion_proof(&self, index: usize) -> Vec<Hash> {
        let mut path = Vec::new();
        audit_path(index, &self.leaves, &mut path);
        path
    }
}

/// The hash of a leaf's content.
pub(super) fn leaf_hash(content: &[u8]) -> Hash {
    Sha256::new()
        .chain_update([0])
        .chain_update(content)
        .finalize()
        .into()
}

fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Sha256::new()
        .chain_update([1])
        .chain_update(left)
        .chain_update(right)
        .finalize()
        .into()
}

fn head(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Sha256::digest([]).into(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            node_hash(&head(left), &head(right))
        }
    }
}

fn audit_path(index: usize, leaves: &[Hash], path: &mut Vec<Hash>) {
    if leaves.len() < 2 {
        return;
    }
    let middle = split(leaves.len());
    let (left, right) = leaves.split_at(middle);
    if index < middle {
        audit_path(index, left, path);
        path.push(head(right));
    } else {
        audit_path(index - middle, right, path);
        path.push(head(left));
    }
}

/// The largest power of two below `size`, which is at least 2.
fn split(size: usize) -> usize {
    1 << (size - 1).ilog2()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The root that a proof leads to, by RFC 9162, 2.1.3.2: bottom up, by the bits of the index,
    /// where the tree itself works top down.
    fn root_from_proof(leaf: Hash, index: usize, size: usize, path: &[Hash]) -> Option<Hash> {
        let (mut node, mut last) = (index, size.checked_sub(1)?);
        let mut root = leaf;
        for sibling in path {
            if last == 0 {
                return None;
            }
            if node & 1 == 1 || node == last {
                root = node_hash(sibling, &root);
                while node & 1 == 0 && node != 0 {
                    node >>= 1;
                    last >>= 1;
                }
            } else {
                root = node_hash(&root, sibling);
            }
            node >>= 1;
            last >>= 1;
        }
        (last == 0).then_some(root)
    }

    fn tree(size: usize) -> Tree {
        let mut tree = Tree::default();
        for content in 0..size {
            tree.push(leaf_hash(&content.to_be_bytes()));
        }
        tree
    }

    #[test]
    fn every_leaf_of_every_tree_up_to_seventy_is_proved_to_the_root() {
        for size in 1..=70 {
            let tree = tree(size);
            for index in 0..size {
                let path = tree.inclusion_proof(index);
                let root = root_from_proof(tree.leaves[index], index, size, &path);
                assert_eq!(root, Some(tree.root()), "leaf {index} of {size}");
            }
        }
    }

    #[test]
    fn a_proof_fits_no_other_leaf_and_no_other_index() {
        let tree = tree(13);
        for index in 0..13 {
            let path = tree.inclusion_proof(index);
            for other in (0..13).filter(|other| *other != index) {
                let other_leaf = root_from_proof(tree.leaves[other], index, 13, &path);
                assert_ne!(other_leaf, Some(tree.root()));
                let other_index = root_from_proof(tree.leaves[index], other, 13, &path);
                assert_ne!(other_index, Some(tree.root()));
            }
        }
    }

    #[test]
    fn roots_are_those_of_the_reference_implementation() {
        // The leaves and heads of certificate-transparency's own tests of its Merkle tree.
        let contents = [
            "",
            "00",
            "10",
            "2021",
            "3031",
            "40414243",
            "5051525354555657",
        ];
        let roots = [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        ];
        let mut tree = Tree::default();
        for (content, root) in contents.into_iter().zip(roots) {
            tree.push(leaf_hash(&hex::decode(content).unwrap()));
            assert_eq!(hex::encode(tree.root()), root);
        }
    }
}
