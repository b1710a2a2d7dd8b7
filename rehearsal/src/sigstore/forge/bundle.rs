//! The bundle itself: Sigstore's protobuf message in JSON (sigstore/protobuf-specs,
//! `sigstore_bundle.proto`). Relies on others for all that is proved in it.

use base64::prelude::{BASE64_STANDARD, Engine};
use der::Encode;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::sigstore::Error;
use crate::sigstore::entry::Entry;
use crate::sigstore::verifier::Verifier;

/// The version of a bundle's format. The older two hold a certificate as a chain of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `application/vnd.dev.sigstore.bundle+json;version=0.1`
    V0_1,
    /// `application/vnd.dev.sigstore.bundle+json;version=0.2`
    V0_2,
    /// `application/vnd.dev.sigstore.bundle.v0.3+json`
    V0_3,
}

impl Format {
    fn media_type(self) -> &'static str {
        match self {
            Self::V0_1 => "application/vnd.dev.sigstore.bundle+json;version=0.1",
            Self::V0_2 => "application/vnd.dev.sigstore.bundle+json;version=0.2",
            Self::V0_3 => "application/vnd.dev.sigstore.bundle.v0.3+json",
        }
    }
}

pub(super) fn json(
    format: Format,
    verifier: &Verifier,
    entry: Option<&Entry>,
    timestamp: Option<&[u8]>,
    (content, signed): (&str, Value),
) -> Result<Value, Error> {
    let raw = |bytes: &[u8]| json!({"rawBytes": BASE64_STANDARD.encode(bytes)});
    let (kind, proof) = match (verifier, format) {
        (Verifier::PublicKey(key), _) => {
            let hint = BASE64_STANDARD.encode(Sha256::digest(key.to_der()?));
            ("publicKey", json!({"hint": hint}))
        }
        (Verifier::Certificate(certificate), Format::V0_3) => {
            ("certificate", raw(&certificate.to_der()?))
        }
        (Verifier::Certificate(certificate), Format::V0_1 | Format::V0_2) => {
            let chain = json!({"certificates": [raw(&certificate.to_der()?)]});
            ("x509CertificateChain", chain)
        }
    };
    let entries: Vec<_> = entry.map(Entry::to_protobuf).into_iter().collect();
    let mut material = json!({kind: proof, "tlogEntries": entries});
    if let Some(timestamp) = timestamp {
        let timestamp = json!({"signedTimestamp": BASE64_STANDARD.encode(timestamp)});
        material["timestampVerificationData"] = json!({"rfc3161Timestamps": [timestamp]});
    }
    Ok(json!({
        "mediaType": format.media_type(),
        "verificationMaterial": material,
        content: signed,
    }))
}
