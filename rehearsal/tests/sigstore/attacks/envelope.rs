//! Statements about a file, in a DSSE envelope.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::{Value, json};

use super::Case;

const PAYLOAD: &str = "/dsseEnvelope/payload";
const SIGNATURES: &str = "/dsseEnvelope/signatures";

/// The statement with another payload under the same signature.
fn payload(alter: impl FnOnce(&mut Value)) -> Case {
    let case = Case::statement();
    let encoded = case.bundle.pointer(PAYLOAD).unwrap().as_str().unwrap();
    let mut statement = serde_json::from_slice(&BASE64_STANDARD.decode(encoded).unwrap()).unwrap();
    alter(&mut statement);
    case.set(PAYLOAD, BASE64_STANDARD.encode(statement.to_string()))
}

/// The bundle without its timestamp, which is over the signature and would refuse another one.
fn untimed() -> Case {
    Case::statement().without("/verificationMaterial/timestampVerificationData")
}

pub(super) const NOT_ABOUT_THE_FILE: &str =
    "whether a statement is about the file is left to its caller";

#[test]
fn a_statement_about_another_file() {
    let mut case = Case::statement();
    case.file = b"another file".to_vec();
    case.accepted_by("sigstore-js", NOT_ABOUT_THE_FILE)
        .must_be_refused_by("digest");
}

#[test]
fn a_statement_that_was_altered() {
    payload(|statement| statement["predicateType"] = "https://slsa.dev/provenance/v0.2".into())
        .must_be_refused_by("signature");
}

#[test]
fn a_statement_with_another_subject() {
    let another = release_plan::Sha256::of(b"another file").to_string();
    let mut case =
        payload(|statement| statement["subject"][0]["digest"]["sha256"] = another.into());
    case.file = b"another file".to_vec();
    case.must_be_refused_by("signature");
}

#[test]
fn a_payload_of_another_type() {
    Case::statement()
        .set("/dsseEnvelope/payloadType", "application/json")
        .must_be_refused_by("bundle");
}

#[test]
fn a_payload_that_is_no_json() {
    Case::statement()
        .set(PAYLOAD, BASE64_STANDARD.encode("statement"))
        .must_be_refused_by("bundle");
}

#[test]
fn a_payload_with_a_key_twice() {
    let text = r#"{"_type":"https://in-toto.io/Statement/v1","_type":"x","subject":[]}"#;
    Case::statement()
        .set(PAYLOAD, BASE64_STANDARD.encode(text))
        .must_be_refused_by("bundle");
}

#[test]
fn an_envelope_without_signatures() {
    Case::statement()
        .set(SIGNATURES, json!([]))
        .must_be_refused_by("bundle");
}

#[test]
fn an_envelope_with_two_signatures() {
    let case = Case::statement();
    let one = case.bundle.pointer(SIGNATURES).unwrap()[0].clone();
    case.set(SIGNATURES, json!([one, one]))
        .must_be_refused_by("bundle");
}

#[test]
fn a_flipped_bit_in_the_signature_of_an_envelope() {
    untimed()
        .flip("/dsseEnvelope/signatures/0/sig")
        .must_be_refused_by("signature");
}

#[test]
fn the_signature_of_a_file_in_an_envelope() {
    let signature = super::TRUTH.bundle["messageSignature"]["signature"].clone();
    untimed()
        .set("/dsseEnvelope/signatures/0/sig", signature)
        .must_be_refused_by("signature");
}

#[test]
fn a_signature_over_a_statement_passed_off_as_one_over_a_file() {
    // The envelope's own encoding is the file, and the envelope's signature is over it.
    let envelope = super::TRUTH.attestation["dsseEnvelope"].clone();
    let payload = BASE64_STANDARD
        .decode(envelope["payload"].as_str().unwrap())
        .unwrap();
    let kind = envelope["payloadType"].as_str().unwrap();
    let head = format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len());
    let mut case = Case::file();
    case.file = [head.as_bytes(), &payload].concat();
    let digest = release_plan::Sha256::of(&case.file);
    case.bundle = super::TRUTH.attestation.clone();
    case.bundle.as_object_mut().unwrap().remove("dsseEnvelope");
    case.bundle["messageSignature"] = json!({
        "messageDigest": {
            "algorithm": "SHA2_256",
            "digest": BASE64_STANDARD.encode(digest.as_bytes()),
        },
        "signature": envelope["signatures"][0]["sig"],
    });
    case.accepted_by("cosign2", "it looks whether the logged signature is this one, and not at what the log says it is over").must_be_refused_by("bundle");
}
