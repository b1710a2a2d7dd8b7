//! A logged entry with the log's proofs, in the two shapes that clients are told of it. Relies on
//! the log for every number and signature in it, and on canonical JSON (RFC 8785).

use base64::prelude::{BASE64_STANDARD, Engine};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::Error;
use super::key::LogKey;
use super::log::{Proof, TREE_ID};
use super::merkle::leaf_hash;

/// What a log holds of an entry.
pub(super) struct Body {
    /// With its version.
    pub(super) kind: (&'static str, &'static str),
    /// Canonical.
    pub(super) json: Vec<u8>,
}

pub(super) struct Entry {
    pub(super) body: Body,
    pub(super) log_id: [u8; 32],
    /// In the log with all its earlier trees.
    pub(super) index: usize,
    /// When it was logged, where the log says so.
    pub(super) time: Option<Timestamp>,
    /// The signed entry timestamp: a signature over all of the above.
    pub(super) promise: Option<Vec<u8>>,
    pub(super) proof: Option<Proof>,
}

impl Body {
    pub(super) fn new(kind: (&'static str, &'static str), spec: &Value) -> Result<Self, Error> {
        let (name, version) = kind;
        let json = canonical(&json!({"apiVersion": version, "kind": name, "spec": spec}))?;
        Ok(Self { kind, json })
    }

    /// The name that API v1 gives it.
    pub(super) fn uuid(&self) -> String {
        let leaf = hex::encode(leaf_hash(&self.json));
        format!("{TREE_ID:016x}{leaf}")
    }
}

impl Entry {
    /// As API v1 answers (rekor's `openapi.yaml`): binary is in hex but for body and promise.
    pub(super) fn to_rest(&self) -> Value {
        let proof = self.proof.as_ref().map(|Proof { place, checkpoint }| {
            json!({
                "checkpoint": checkpoint,
                "hashes": place.path.iter().map(hex::encode).collect::<Vec<_>>(),
                "logIndex": place.index,
                "rootHash": hex::encode(place.root),
                "treeSize": place.size,
            })
        });
        let mut answer = self.promised();
        answer["verification"] = json!({
            "inclusionProof": proof,
            "signedEntryTimestamp": self.promise.as_ref().map(|set| BASE64_STANDARD.encode(set)),
        });
        answer
    }

    /// What the log of API v1 promises to have included.
    fn promised(&self) -> Value {
        json!({
            "body": BASE64_STANDARD.encode(&self.body.json),
            "integratedTime": self.time.map(Timestamp::as_second),
            "logID": hex::encode(self.log_id),
            "logIndex": self.index,
        })
    }

    /// With a signed entry timestamp by `key`.
    pub(super) fn promised_by(self, key: &LogKey) -> Result<Self, Error> {
        let promise = Some(key.sign(&canonical(&self.promised())?)?);
        Ok(Self { promise, ..self })
    }

    /// As in bundles and as API v2 answers (`TransparencyLogEntry` of sigstore/protobuf-specs):
    /// 64-bit numbers are strings and binary is in base64.
    pub(super) fn to_protobuf(&self) -> Value {
        let (kind, version) = self.body.kind;
        let mut entry = json!({
            "logIndex": self.index.to_string(),
            "logId": {"keyId": BASE64_STANDARD.encode(self.log_id)},
            "kindVersion": {"kind": kind, "version": version},
            "canonicalizedBody": BASE64_STANDARD.encode(&self.body.json),
        });
        if let Some(time) = self.time {
            entry["integratedTime"] = json!(time.as_second().to_string());
        }
        if let Some(set) = &self.promise {
            entry["inclusionPromise"] =
                json!({"signedEntryTimestamp": BASE64_STANDARD.encode(set)});
        }
        if let Some(Proof { place, checkpoint }) = &self.proof {
            let hashes = place.path.iter().map(|hash| BASE64_STANDARD.encode(hash));
            let mut proof = json!({
                "logIndex": place.index.to_string(),
                "rootHash": BASE64_STANDARD.encode(place.root),
                "treeSize": place.size.to_string(),
                "hashes": hashes.collect::<Vec<_>>(),
            });
            // As everywhere in protobuf, no text is none at all.
            if !checkpoint.is_empty() {
                proof["checkpoint"] = json!({"envelope": checkpoint});
            }
            entry["inclusionProof"] = proof;
        }
        entry
    }
}

fn canonical(value: &Value) -> Result<Vec<u8>, Error> {
    Ok(serde_json_canonicalizer::to_vec(value)?)
}
