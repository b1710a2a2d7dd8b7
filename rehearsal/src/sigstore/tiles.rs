//! Rekor's API v2, `/api/v2/log/entries` (sigstore/rekor-tiles): a log of digests and signatures
//! alone, which leaves the time to a timestamp authority.

use base64::prelude::{BASE64_STANDARD, Engine};
use der::{Decode, Encode};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use x509_cert::Certificate;
use x509_cert::spki::SubjectPublicKeyInfoOwned;

use super::Error;
use super::dsse::base64;
use super::entry::Body;
use super::log::Log;
use super::refusal::Refusal;
use super::verifier::Verifier;

const P256: &str = "PKIX_ECDSA_P256_SHA_256";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    hashed_rekord_request_v002: HashedRekord,
}

#[derive(Deserialize)]
struct HashedRekord {
    #[serde(deserialize_with = "base64")]
    digest: Vec<u8>,
    signature: Signature,
}

#[derive(Deserialize)]
struct Signature {
    #[serde(deserialize_with = "base64")]
    content: Vec<u8>,
    verifier: Proposed,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Proposed {
    key_details: String,
    #[serde(flatten)]
    material: Material,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum Material {
    X509Certificate(Der),
    PublicKey(Der),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Der {
    #[serde(deserialize_with = "base64")]
    raw_bytes: Vec<u8>,
}

/// Logs the entry that `request` proposes, whose signature must verify, and answers with its proof
/// and the checkpoint.
pub(super) fn create(log: &Log, request: &[u8], now: Timestamp) -> Result<Value, Refusal> {
    Ok(log.record(verified(request)?, now)?.to_protobuf())
}

fn verified(request: &[u8]) -> Result<Body, Refusal> {
    let request: Request = serde_json::from_slice(request).map_err(Refusal::bad)?;
    let HashedRekord { digest, signature } = request.hashed_rekord_request_v002;
    let Proposed {
        key_details,
        material,
    } = signature.verifier;
    if key_details != P256 {
        let message = format!("key of kind {key_details} where {P256} was expected");
        return Err(Refusal::bad(message));
    }
    let verifier = match material {
        Material::X509Certificate(der) => {
            Certificate::from_der(&der.raw_bytes).map(|it| Verifier::Certificate(Box::new(it)))
        }
        Material::PublicKey(der) => {
            SubjectPublicKeyInfoOwned::from_der(&der.raw_bytes).map(Verifier::PublicKey)
        }
    };
    let verifier =
        verifier.map_err(|error| Refusal::bad(format!("no verifier in DER: {error}")))?;
    let digest: [u8; 32] = digest
        .try_into()
        .map_err(|_| Refusal::bad("a digest of other than 32 bytes"))?;
    if !verifier.key()?.verify_digest(&digest, &signature.content) {
        let message = "the signature does not verify over the digest";
        return Err(Refusal::bad(message));
    }
    Ok(hashed_rekord(&digest, &signature.content, &verifier)?)
}

/// The body that says: `signature` is over the message with this digest; of an envelope, the
/// message is what its signatures are over.
pub(super) fn hashed_rekord(
    digest: &[u8; 32],
    signature: &[u8],
    verifier: &Verifier,
) -> Result<Body, Error> {
    let (material, der) = match verifier {
        Verifier::Certificate(certificate) => ("x509Certificate", certificate.to_der()?),
        Verifier::PublicKey(key) => ("publicKey", key.to_der()?),
    };
    let entry = json!({
        "data": {"algorithm": "SHA2_256", "digest": BASE64_STANDARD.encode(digest)},
        "signature": {
            "content": BASE64_STANDARD.encode(signature),
            "verifier": {
                "keyDetails": P256,
                material: {"rawBytes": BASE64_STANDARD.encode(der)},
            },
        },
    });
    let kind = ("hashedrekord", "0.0.2");
    Body::new(kind, &json!({"hashedRekordV002": entry}))
}
