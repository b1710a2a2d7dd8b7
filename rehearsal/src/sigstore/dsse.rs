//! The DSSE envelope (secure-systems-lab/dsse): a payload with its type, signed in an encoding that
//! tells the two apart.

use base64::prelude::{BASE64_STANDARD, Engine};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

/// Base64 is undone.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Envelope {
    #[serde(deserialize_with = "base64")]
    pub(super) payload: Vec<u8>,
    pub(super) payload_type: String,
    pub(super) signatures: Vec<Signature>,
}

#[derive(Clone, Deserialize)]
pub(super) struct Signature {
    #[serde(rename = "sig", deserialize_with = "base64")]
    pub(super) bytes: Vec<u8>,
}

impl Envelope {
    pub(super) fn to_json(&self) -> Value {
        let signatures = self.signatures.iter();
        let signatures: Vec<_> = signatures
            .map(|signature| json!({"sig": BASE64_STANDARD.encode(&signature.bytes)}))
            .collect();
        json!({
            "payload": BASE64_STANDARD.encode(&self.payload),
            "payloadType": self.payload_type,
            "signatures": signatures,
        })
    }

    /// What its signatures are over.
    pub(super) fn signed(&self) -> Vec<u8> {
        pre_authentication_encoding(&self.payload_type, &self.payload)
    }
}

pub(super) fn pre_authentication_encoding(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let (length, type_length) = (payload.len(), payload_type.len());
    let head = format!("DSSEv1 {type_length} {payload_type} {length} ");
    [head.as_bytes(), payload].concat()
}

/// Bytes that stand in JSON as base64.
pub(super) fn base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(deserializer)?;
    BASE64_STANDARD
        .decode(text)
        .map_err(serde::de::Error::custom)
}
