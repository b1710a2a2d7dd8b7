//! A sigstore bundle, read as strictly as the strictest of its readers. Relies on `sigstore-verify`
//! for its types.
//!
//! Source of the format: `sigstore_bundle.proto` of
//! <https://github.com/sigstore/protobuf-specs>, as protobuf's JSON mapping writes it.

use std::fmt;

use release_plan::Limits;
use serde::Deserialize;
use sigstore_verify::types::bundle::VerificationMaterialContent;
use sigstore_verify::types::{
    Bundle as Parsed, CheckpointData, DsseEnvelope, SignatureContent, Statement,
    TransparencyLogEntry,
};

use crate::json::{self, Field, Shape};
use crate::{Refusal, TrustedRoot, log};

const CERTIFICATE: Shape = Shape::Object(&[Field::new("rawBytes", Shape::Scalar)]);

const LOG_ENTRY: Shape = Shape::Object(&[
    Field::new("logIndex", Shape::Scalar),
    Field::new(
        "logId",
        Shape::Object(&[Field::new("keyId", Shape::Scalar)]),
    ),
    Field::new(
        "kindVersion",
        Shape::Object(&[
            Field::new("kind", Shape::Scalar),
            Field::new("version", Shape::Scalar),
        ]),
    ),
    Field::new("integratedTime", Shape::Scalar),
    Field::new(
        "inclusionPromise",
        Shape::Object(&[Field::new("signedEntryTimestamp", Shape::Scalar)]),
    ),
    Field::new(
        "inclusionProof",
        Shape::Object(&[
            Field::new("logIndex", Shape::Scalar),
            Field::new("rootHash", Shape::Scalar),
            Field::new("treeSize", Shape::Scalar),
            Field::new("hashes", Shape::List(&Shape::Scalar)),
            Field::new(
                "checkpoint",
                Shape::Object(&[Field::new("envelope", Shape::Scalar)]),
            ),
        ]),
    ),
    Field::new("canonicalizedBody", Shape::Scalar),
]);

const VERIFICATION_MATERIAL: Shape = Shape::Object(&[
    Field::new(
        "publicKey",
        Shape::Object(&[Field::new("hint", Shape::Scalar)]),
    )
    .one_of("content"),
    Field::new(
        "x509CertificateChain",
        Shape::Object(&[Field::new("certificates", Shape::List(&CERTIFICATE))]),
    )
    .one_of("content"),
    Field::new("certificate", CERTIFICATE).one_of("content"),
    Field::new("tlogEntries", Shape::List(&LOG_ENTRY)),
    Field::new(
        "timestampVerificationData",
        Shape::Object(&[Field::new(
            "rfc3161Timestamps",
            Shape::List(&Shape::Object(&[Field::new(
                "signedTimestamp",
                Shape::Scalar,
            )])),
        )]),
    ),
]);

const BUNDLE: Shape = Shape::Object(&[
    Field::new("mediaType", Shape::Scalar),
    Field::new("verificationMaterial", VERIFICATION_MATERIAL),
    Field::new(
        "messageSignature",
        Shape::Object(&[
            Field::new(
                "messageDigest",
                Shape::Object(&[
                    Field::new("algorithm", Shape::Scalar),
                    Field::new("digest", Shape::Scalar),
                ]),
            ),
            Field::new("signature", Shape::Scalar),
        ]),
    )
    .one_of("content"),
    Field::new(
        "dsseEnvelope",
        Shape::Object(&[
            Field::new("payload", Shape::Scalar),
            Field::new("payloadType", Shape::Scalar),
            Field::new(
                "signatures",
                Shape::List(&Shape::Object(&[
                    Field::new("sig", Shape::Scalar),
                    Field::new("keyid", Shape::Scalar),
                ])),
            ),
        ]),
    )
    .one_of("content"),
]);

/// Timestamps of authorities: each costs signatures to verify.
const TIMESTAMPS: usize = 32;

/// The type of a payload that is an in-toto statement.
const IN_TOTO: &str = "application/vnd.in-toto+json";

/// The versions of a statement of which the subjects are known to be what they seem.
const STATEMENTS: [&str; 2] = [Statement::TYPE_V1, "https://in-toto.io/Statement/v0.1"];

#[derive(Deserialize)]
struct MediaType {
    #[serde(rename = "mediaType")]
    _found: String,
}

/// What a bundle signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// The file itself.
    File,
    /// An in-toto statement with the file among its subjects.
    Statement,
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::File => "a signature over the file",
            Self::Statement => "a statement about the file",
        })
    }
}

/// A bundle that can be verified.
pub(crate) struct Bundle {
    pub(crate) parsed: Parsed,
    pub(crate) content: Content,
}

impl Bundle {
    /// Reads a bundle; `subject` names it in a refusal.
    pub(crate) fn parse(subject: &str, bytes: &[u8]) -> Result<Self, Refusal> {
        let refused =
            |expected: &str, found: String| Refusal::new(subject, "bundle", expected, found);
        if bytes.len() > Limits::BUNDLE {
            let expected = format!("at most {} bytes", Limits::BUNDLE);
            return Err(refused(&expected, "more".to_owned()));
        }
        let text = std::str::from_utf8(bytes)
            .map_err(|error| refused("JSON in UTF-8", error.to_string()))?;
        let malformed = |error: &dyn fmt::Display| {
            refused("a sigstore bundle v0.1, v0.2 or v0.3", error.to_string())
        };
        json::check(text, BUNDLE).map_err(|error| malformed(&error))?;
        // Without one, the library would take it for the oldest version.
        serde_json::from_str::<MediaType>(text).map_err(|error| malformed(&error))?;
        let parsed = Parsed::from_json(text).map_err(|error| malformed(&error))?;
        let content = match &parsed.content {
            SignatureContent::MessageSignature(_) => Content::File,
            SignatureContent::DsseEnvelope(envelope) => {
                check_statement(envelope)
                    .map_err(|error| refused("an in-toto statement", error))?;
                Content::Statement
            }
            _ => {
                return Err(refused(
                    "a signature or an attestation",
                    "neither".to_owned(),
                ));
            }
        };
        let material = &parsed.verification_material;
        let timestamps = material
            .timestamp_verification_data
            .rfc3161_timestamps
            .len();
        if timestamps > TIMESTAMPS {
            let expected = format!("at most {TIMESTAMPS} timestamps");
            return Err(refused(&expected, timestamps.to_string()));
        }
        let entries = material.tlog_entries.len();
        if entries > 1 {
            return Err(refused("one log entry", entries.to_string()));
        }
        Ok(Self { parsed, content })
    }

    /// Holds what the bundle brings along against what `root` lists, and leaves no signature on a
    /// checkpoint but the log's own.
    pub(crate) fn known_to(mut self, subject: &str, root: &TrustedRoot) -> Result<Self, Refusal> {
        let material = &mut self.parsed.verification_material;
        if let VerificationMaterialContent::X509CertificateChain { certificates } =
            &material.content
        {
            let brought = certificates.iter().skip(1);
            if brought
                .clone()
                .any(|one| !root.has_authority(&one.raw_bytes))
            {
                let expected = "no authority but those of the trusted root in use";
                return Err(Refusal::new(
                    subject,
                    "certificate",
                    expected,
                    "another one",
                ));
            }
        }
        for entry in &mut material.tlog_entries {
            log::check_kind(entry)
                .map_err(|(expected, found)| Refusal::new(subject, "log entry", expected, found))?;
            let id = &entry.log_id.key_id;
            let Some(proof) = &mut entry.inclusion_proof else {
                continue;
            };
            if !root.has_log(id) {
                let expected = "a log of the trusted root in use";
                return Err(Refusal::new(subject, "log", expected, id));
            }
            let note = proof.checkpoint.envelope();
            let known = log::own_checkpoint(note, id.as_bytes())
                .and_then(|note| CheckpointData::new(note).map_err(|error| error.to_string()));
            proof.checkpoint = known.map_err(|found| {
                Refusal::new(subject, "checkpoint", "one signed by the log", found)
            })?;
        }
        Ok(self)
    }

    /// Its log entries: one, or none where that is allowed.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &TransparencyLogEntry> {
        self.parsed.verification_material.tlog_entries.iter()
    }

    /// Whether a log or a timestamp authority is to vouch for it.
    pub(crate) fn has_witness(&self) -> bool {
        let material = &self.parsed.verification_material;
        let timestamps = &material.timestamp_verification_data.rfc3161_timestamps;
        !(material.tlog_entries.is_empty() && timestamps.is_empty())
    }

    /// The statement that it signs, in JSON.
    pub(crate) fn statement(&self) -> Option<Vec<u8>> {
        match &self.parsed.content {
            SignatureContent::DsseEnvelope(envelope) => Some(envelope.payload.as_bytes().to_vec()),
            _ => None,
        }
    }

    /// Whether a key of the caller's must verify it, since it brings no certificate.
    pub(crate) fn is_by_key(&self) -> bool {
        let content = &self.parsed.verification_material.content;
        matches!(content, VerificationMaterialContent::PublicKey(_))
    }
}

/// Holds the payload against what is known of statements; the library asks for no version.
fn check_statement(envelope: &DsseEnvelope) -> Result<(), String> {
    if envelope.payload_type != IN_TOTO {
        return Err(format!("a payload of type {:?}", envelope.payload_type));
    }
    let payload = std::str::from_utf8(envelope.payload.as_bytes());
    let payload = payload.map_err(|error| error.to_string())?;
    json::check(payload, Shape::Any).map_err(|error| error.to_string())?;
    let statement: Statement = serde_json::from_str(payload).map_err(|error| error.to_string())?;
    if STATEMENTS.contains(&statement.type_.as_str()) {
        Ok(())
    } else {
        Err(format!("one of type {:?}", statement.type_))
    }
}
