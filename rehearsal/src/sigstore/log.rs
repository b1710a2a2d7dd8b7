//! A transparency log: a Merkle tree that only grows, and the key that signs checkpoints of it
//! (C2SP tlog-checkpoint, signed note). The log of Rekor's API v1 also states, and signs, when it
//! logged an entry; that of API v2 leaves the time to a timestamp authority.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::http::StatusCode;
use base64::prelude::{BASE64_STANDARD, Engine};
use jiff::Timestamp;
use serde_json::Value;

use super::entry::{Body, Entry};
use super::key::LogKey;
use super::merkle::{Hash, Tree, leaf_hash};
use super::refusal::Refusal;
use super::{Error, RekorApi};

/// The name of every log here in its checkpoints: sigstore-js looks for it in the base URL of the
/// trusted root, and others take it from there.
const HOST: &str = "127.0.0.1";
/// The tree of the log of API v1.
pub(super) const TREE_ID: u64 = 1_193_050_959_916_656_506;
/// Entries in earlier, closed trees, as the public log of API v1 has them: an entry's index in the
/// log is then another number than its index in the tree.
const EARLIER_ENTRIES: usize = 4_163_431;

pub(super) struct Log {
    pub(super) api: RekorApi,
    pub(super) key: LogKey,
    tree: Mutex<Tree>,
    /// What was answered of each entry, by its UUID.
    answers: Mutex<HashMap<String, Value>>,
}

/// Where a leaf stands in the tree, at one moment.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) index: usize,
    pub(super) size: usize,
    pub(super) root: Hash,
    /// The audit path, from the leaf up.
    pub(super) path: Vec<Hash>,
}

/// That an entry is in the tree.
pub(super) struct Proof {
    pub(super) place: Place,
    /// A signed note of the tree's size and root.
    pub(super) checkpoint: String,
}

impl Log {
    /// A log with one entry of no kind: cosign 2 takes an entry at index 0 for one without an index.
    pub(super) fn new(api: RekorApi) -> Result<Self, Error> {
        let key = match api {
            RekorApi::V1 => LogKey::p256()?,
            RekorApi::V2 => LogKey::ed25519(HOST)?,
        };
        let mut tree = Tree::default();
        tree.push(leaf_hash(key.id()));
        Ok(Self {
            api,
            key,
            tree: Mutex::new(tree),
            answers: Mutex::default(),
        })
    }

    pub(super) fn answers(&self) -> MutexGuard<'_, HashMap<String, Value>> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Logs an entry, unless the log has it.
    pub(super) fn record(&self, body: Body, now: Timestamp) -> Result<Entry, Refusal> {
        let place = self.append(&body).map_err(|place| {
            let (uuid, index) = (body.uuid(), place.index);
            let message = format!("the log holds this entry already, as {uuid} at {index}");
            Refusal::new(StatusCode::CONFLICT, message)
        })?;
        Ok(self.entry(body, place, now)?)
    }

    /// The place of an entry, which is an error if the log had it already.
    pub(super) fn append(&self, body: &Body) -> Result<Place, Place> {
        let leaf = leaf_hash(&body.json);
        let mut tree = self.tree.lock().unwrap_or_else(PoisonError::into_inner);
        match tree.position(&leaf) {
            Some(index) => Err(place(&tree, index)),
            None => {
                let index = tree.push(leaf);
                Ok(place(&tree, index))
            }
        }
    }

    /// The entry as the log states it, with the proofs that its kind of log gives.
    pub(super) fn entry(&self, body: Body, place: Place, now: Timestamp) -> Result<Entry, Error> {
        let log_id = *self.key.id();
        let index = place.index;
        let checkpoint = self.checkpoint(&self.key, &place)?;
        let entry = Entry {
            body,
            log_id,
            index,
            time: None,
            promise: None,
            proof: Some(Proof { place, checkpoint }),
        };
        match self.api {
            RekorApi::V1 => Entry {
                index: EARLIER_ENTRIES + index,
                time: Some(now),
                ..entry
            }
            .promised_by(&self.key),
            RekorApi::V2 => Ok(entry),
        }
    }

    /// A note, signed by `key`, of what this log is at `place`.
    pub(super) fn checkpoint(&self, key: &LogKey, place: &Place) -> Result<String, Error> {
        let origin = match self.api {
            RekorApi::V1 => format!("{HOST} - {TREE_ID}"),
            RekorApi::V2 => HOST.to_owned(),
        };
        let root = BASE64_STANDARD.encode(place.root);
        let note = format!("{origin}\n{}\n{root}\n", place.size);
        let (hint, _) = key.id().split_at(4);
        let signature = [hint, &key.sign(note.as_bytes())?].concat();
        let signature = BASE64_STANDARD.encode(signature);
        Ok(format!("{note}\n\u{2014} {HOST} {signature}\n"))
    }
}

fn place(tree: &Tree, index: usize) -> Place {
    Place {
        index,
        size: tree.size(),
        root: tree.root(),
        path: tree.inclusion_proof(index),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use p256::ecdsa::signature::Verifier;
    use p256::ecdsa::{DerSignature, VerifyingKey};
    use p256::pkcs8::DecodePublicKey;

    #[test]
    fn a_checkpoint_names_its_tree_and_is_signed_by_the_log() {
        let log = Log::new(RekorApi::V1).unwrap();
        let place = place(&log.tree.lock().unwrap(), 0);
        let text = log.checkpoint(&log.key, &place).unwrap();
        let (note, signature) = text.split_once("\n\n").unwrap();
        let note = format!("{note}\n");
        let root = BASE64_STANDARD.encode(place.root);
        let tree = "1193050959916656506";
        assert_eq!(note, format!("127.0.0.1 - {tree}\n1\n{root}\n"));
        let signature = signature.strip_prefix("\u{2014} 127.0.0.1 ").unwrap();
        let signature = BASE64_STANDARD.decode(signature.trim_end()).unwrap();
        let (hint, signature) = signature.split_at(4);
        assert_eq!(hint, &log.key.id()[..4]);
        let key = VerifyingKey::from_public_key_der(log.key.spki()).unwrap();
        let signature = DerSignature::from_bytes(signature).unwrap();
        key.verify(note.as_bytes(), &signature).unwrap();
    }
}
