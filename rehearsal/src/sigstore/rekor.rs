//! Rekor's API v1, `/api/v1/log/entries`: entries of kind `hashedrekord` or `dsse`, version 0.0.1
//! (sigstore/rekor, `pkg/types`). Relies on nothing that is proposed: every signature must verify.

use axum::http::StatusCode;
use base64::prelude::{BASE64_STANDARD, Engine};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::Error;
use super::dsse::{Envelope, base64};
use super::entry::Body;
use super::log::Log;
use super::refusal::Refusal;
use super::verifier::Verifier;

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Proposed {
    HashedRekord(Versioned<HashedRekord>),
    Dsse(Versioned<Dsse>),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Versioned<S> {
    api_version: String,
    spec: S,
}

#[derive(Deserialize)]
struct HashedRekord {
    data: Data,
    signature: Signature,
}

#[derive(Deserialize)]
struct Data {
    hash: Hash,
}

#[derive(Deserialize)]
struct Hash {
    algorithm: String,
    /// Hex.
    value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Signature {
    #[serde(deserialize_with = "base64")]
    content: Vec<u8>,
    public_key: Pem,
}

#[derive(Deserialize)]
struct Pem {
    #[serde(deserialize_with = "base64")]
    content: Vec<u8>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Dsse {
    proposed_content: ProposedContent,
}

#[derive(Deserialize)]
struct ProposedContent {
    /// JSON in JSON.
    envelope: String,
    /// Base64 of PEM.
    verifiers: Vec<String>,
}

/// Logs the entry that `request` proposes, and answers with its UUID, and with its proof, the
/// checkpoint and the signed entry timestamp.
pub(super) fn create(
    log: &Log,
    request: &[u8],
    now: Timestamp,
) -> Result<(String, Value), Refusal> {
    let entry = log.record(verified(request)?, now)?;
    let (uuid, answer) = (entry.body.uuid(), entry.to_rest());
    log.answers().insert(uuid.clone(), answer.clone());
    Ok((uuid, answer))
}

/// What was answered of the entry with this UUID.
pub(super) fn find(log: &Log, uuid: &str) -> Result<Value, Refusal> {
    let answer = log.answers().get(uuid).cloned();
    answer.ok_or_else(|| Refusal::new(StatusCode::NOT_FOUND, format!("no entry {uuid}")))
}

/// The body to log for the entry that `request` proposes, when its signatures are good.
fn verified(request: &[u8]) -> Result<Body, Refusal> {
    match serde_json::from_slice(request).map_err(Refusal::bad)? {
        Proposed::HashedRekord(entry) => verified_digest(entry.of_known_version()?),
        Proposed::Dsse(entry) => verified_envelope(entry.of_known_version()?),
    }
}

impl<S> Versioned<S> {
    fn of_known_version(self) -> Result<S, Refusal> {
        if self.api_version == "0.0.1" {
            return Ok(self.spec);
        }
        let message = format!("version {} where 0.0.1 was expected", self.api_version);
        Err(Refusal::bad(message))
    }
}

fn verified_digest(entry: HashedRekord) -> Result<Body, Refusal> {
    let HashedRekord { data, signature } = entry;
    if data.hash.algorithm != "sha256" {
        let message = format!("digest {} where sha256 was expected", data.hash.algorithm);
        return Err(Refusal::bad(message));
    }
    let mut digest = [0; 32];
    hex::decode_to_slice(&data.hash.value, &mut digest).map_err(Refusal::bad)?;
    let verifier = Verifier::from_pem(&signature.public_key.content)?;
    if !verifier.key()?.verify_digest(&digest, &signature.content) {
        let message = "the signature does not verify over the digest";
        return Err(Refusal::bad(message));
    }
    Ok(hashed_rekord(&digest, &signature.content, &verifier)?)
}

fn verified_envelope(entry: Dsse) -> Result<Body, Refusal> {
    let ProposedContent {
        envelope,
        verifiers,
    } = entry.proposed_content;
    let parsed: Envelope = serde_json::from_str(&envelope).map_err(Refusal::bad)?;
    let signed = parsed.signed();
    let mut known = Vec::new();
    for verifier in &verifiers {
        let pem = BASE64_STANDARD.decode(verifier).map_err(Refusal::bad)?;
        let verifier = Verifier::from_pem(&pem)?;
        known.push((verifier.key()?, verifier));
    }
    let mut signatures = Vec::new();
    for signature in &parsed.signatures {
        let (_, verifier) = known
            .iter()
            .find(|(key, _)| key.verify(&signed, &signature.bytes))
            .ok_or_else(|| Refusal::bad("a signature does not verify over the envelope"))?;
        signatures.push((&*signature.bytes, verifier));
    }
    if signatures.is_empty() {
        return Err(Refusal::bad("an envelope without a signature"));
    }
    Ok(dsse(&envelope, &parsed.payload, &signatures)?)
}

/// The body that says: `signature` is over the message with this digest.
pub(super) fn hashed_rekord(
    digest: &[u8; 32],
    signature: &[u8],
    verifier: &Verifier,
) -> Result<Body, Error> {
    Body::new(
        ("hashedrekord", "0.0.1"),
        &json!({
                "data": {"hash": {"algorithm": "sha256", "value": hex::encode(digest)}},
                "signature": {
                    "content": BASE64_STANDARD.encode(signature),
                    "publicKey": {"content": BASE64_STANDARD.encode(verifier.to_pem()?)},
                },
        }),
    )
}

/// The body that says: this envelope, around this payload, has these signatures.
pub(super) fn dsse(
    envelope: &str,
    payload: &[u8],
    signatures: &[(&[u8], &Verifier)],
) -> Result<Body, Error> {
    let sha256 = |bytes: &[u8]| {
        let digest = hex::encode(Sha256::digest(bytes));
        json!({"algorithm": "sha256", "value": digest})
    };
    let mut logged = Vec::new();
    for (signature, verifier) in signatures {
        logged.push(json!({
            "signature": BASE64_STANDARD.encode(signature),
            "verifier": BASE64_STANDARD.encode(verifier.to_pem()?),
        }));
    }
    Body::new(
        ("dsse", "0.0.1"),
        &json!({
                "envelopeHash": sha256(envelope.as_bytes()),
                "payloadHash": sha256(payload),
                "signatures": logged,
        }),
    )
}
