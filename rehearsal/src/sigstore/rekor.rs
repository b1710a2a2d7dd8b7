//! Rekor's log, API v1, for entries of the kind `hashedrekord` 0.0.1. Relies on the Merkle tree and
//! on canonical JSON (RFC 8785).

use std::sync::{Mutex, PoisonError};

use axum::http::StatusCode;
use base64::prelude::{BASE64_STANDARD, Engine};
use der::pem::LineEnding;
use der::{DecodePem, Encode, EncodePem};
use jiff::Timestamp;
use p256::ecdsa::signature::hazmat::PrehashVerifier;
use p256::ecdsa::{DerSignature, Signature, VerifyingKey};
use p256::pkcs8::DecodePublicKey;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use x509_cert::Certificate;

use super::Error;
use super::key::LogKey;
use super::log::{Hash, Tree, checkpoint, leaf_hash};
use super::refusal::Refusal;

/// The log's name in its checkpoints: sigstore-js looks for it in the base URL of the trusted root.
const HOST: &str = "127.0.0.1";
const TREE_ID: u64 = 1_193_050_959_916_656_506;
/// Entries in earlier, closed trees, as the public log has them: an entry's index in the log is
/// then another number than its index in the tree.
const EARLIER_ENTRIES: usize = 4_163_431;

pub(super) struct Rekor {
    pub(super) key: LogKey,
    tree: Mutex<Tree>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    api_version: String,
    kind: String,
    spec: Spec,
}

#[derive(Serialize, Deserialize)]
struct Spec {
    data: Data,
    signature: EntrySignature,
}

#[derive(Serialize, Deserialize)]
struct Data {
    hash: DataHash,
}

#[derive(Serialize, Deserialize)]
struct DataHash {
    algorithm: String,
    /// Hex.
    value: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct EntrySignature {
    /// Base64.
    content: String,
    public_key: PublicKey,
}

#[derive(Serialize, Deserialize)]
struct PublicKey {
    /// Base64 of a certificate in PEM.
    content: String,
}

/// Where an entry stands in the tree, at one moment.
struct Place {
    index: usize,
    size: usize,
    root: Hash,
    path: Vec<Hash>,
}

impl Rekor {
    pub(super) fn new(since: Timestamp) -> Result<Self, Error> {
        // cosign 2 takes an entry at index 0 for one without an index.
        let mut tree = Tree::default();
        tree.push(leaf_hash(format!("genesis {since}").as_bytes()));
        Ok(Self {
            key: LogKey::new()?,
            tree: Mutex::new(tree),
        })
    }

    /// Logs the entry in `body`, whose signature must verify, and answers with its UUID, and with
    /// its proof, the checkpoint and the signed entry timestamp.
    pub(super) fn append(&self, body: &[u8], now: Timestamp) -> Result<(String, Value), Refusal> {
        let entry = verified(serde_json::from_slice(body).map_err(Refusal::bad)?)?;
        let canonical = canonical(&entry)?;
        let leaf = leaf_hash(&canonical);
        let uuid = format!("{TREE_ID:016x}{}", hex::encode(leaf));
        let place = self.place(leaf).ok_or_else(|| {
            let message = format!("the log holds this entry already, as {uuid}");
            Refusal::new(StatusCode::CONFLICT, message)
        })?;
        let answer = self.answer(&canonical, &place, now)?;
        Ok((uuid, answer))
    }

    /// Appends `leaf`, unless the tree has it.
    fn place(&self, leaf: Hash) -> Option<Place> {
        let mut tree = self.tree.lock().unwrap_or_else(PoisonError::into_inner);
        if tree.contains(&leaf) {
            return None;
        }
        let index = tree.push(leaf);
        Some(Place {
            index,
            size: tree.size(),
            root: tree.root(),
            path: tree.inclusion_proof(index),
        })
    }

    fn answer(&self, body: &[u8], place: &Place, now: Timestamp) -> Result<Value, Error> {
        let mut answer = json!({
            "body": BASE64_STANDARD.encode(body),
            "integratedTime": now.as_second(),
            "logID": hex::encode(self.key.id()),
            "logIndex": EARLIER_ENTRIES + place.index,
        });
        let promise = self.key.sign(&canonical(&answer)?)?;
        let checkpoint = checkpoint(&self.key, HOST, TREE_ID, place.size, &place.root)?;
        answer["verification"] = json!({
            "inclusionProof": {
                "checkpoint": checkpoint,
                "hashes": place.path.iter().map(hex::encode).collect::<Vec<_>>(),
                "logIndex": place.index,
                "rootHash": hex::encode(place.root),
                "treeSize": place.size,
            },
            "signedEntryTimestamp": BASE64_STANDARD.encode(promise),
        });
        Ok(answer)
    }
}

/// The entry with its certificate in Rekor's own PEM, when its signature is good.
fn verified(mut entry: Entry) -> Result<Entry, Refusal> {
    let hash = &entry.spec.data.hash;
    if (entry.kind.as_str(), entry.api_version.as_str()) != ("hashedrekord", "0.0.1") {
        return Err(Refusal::bad(format!(
            "entry of kind {} {} where hashedrekord 0.0.1 was expected",
            entry.kind, entry.api_version
        )));
    }
    if hash.algorithm != "sha256" {
        return Err(Refusal::bad(format!(
            "digest {} where sha256 was expected",
            hash.algorithm
        )));
    }
    let mut digest = [0; 32];
    hex::decode_to_slice(&hash.value, &mut digest).map_err(Refusal::bad)?;

    let signature = &entry.spec.signature;
    let pem = BASE64_STANDARD
        .decode(&signature.public_key.content)
        .map_err(Refusal::bad)?;
    let certificate = Certificate::from_pem(pem)
        .map_err(|error| Refusal::bad(format!("no certificate in PEM: {error}")))?;
    let key = certificate.tbs_certificate.subject_public_key_info.to_der();
    let key = VerifyingKey::from_public_key_der(&key.map_err(Error::from)?)
        .map_err(|error| Refusal::bad(format!("no P-256 key: {error}")))?;
    BASE64_STANDARD
        .decode(&signature.content)
        .ok()
        .and_then(|bytes| DerSignature::from_bytes(&bytes).ok())
        .and_then(|signature| Signature::try_from(signature).ok())
        .and_then(|signature| key.verify_prehash(&digest, &signature).ok())
        .ok_or_else(|| Refusal::bad("the signature does not verify over the digest"))?;

    let pem = certificate.to_pem(LineEnding::LF).map_err(Error::from)?;
    entry.spec.signature.public_key.content = BASE64_STANDARD.encode(pem);
    Ok(entry)
}

fn canonical(value: &impl Serialize) -> Result<Vec<u8>, Error> {
    Ok(serde_json_canonicalizer::to_vec(value)?)
}
