//! Signatures by a key that the caller trusts by itself.

use std::fs;

use rehearsal::sigstore::ISSUER;
use rehearsal::sigstore::forge::{Content, Forgery, ManagedKey};
use serde_json::{Value, json};
use sigstore_sign::crypto::{KeyPair, sha256};
use sigstore_sign::types::{PayloadBytes, pae};

use super::{Desk, IDENTITY, says_why, statement};
use crate::rig::bundle_of;

const BLOB: &[u8] = b"signed at home";

/// A pair of keys whose public half lies at `name`.
fn key(desk: &Desk, name: &str) -> KeyPair {
    let key = KeyPair::generate_ecdsa_p256().unwrap();
    fs::write(desk.path(name), key.public_key_der().unwrap().to_pem()).unwrap();
    key
}

/// A file beside a bundle by a key, with no log to witness it.
fn put(desk: &Desk, name: &str, (kind, content): (&str, Value)) {
    let mut bundle = json!({
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {"publicKey": {"hint": "at home"}, "tlogEntries": []},
    });
    bundle[kind] = content;
    fs::write(desk.path(name), BLOB).unwrap();
    fs::write(bundle_of(&desk.path(name)), bundle.to_string()).unwrap();
}

/// A file that `key` signed, with no log to witness it.
fn signed(desk: &Desk, name: &str, key: &KeyPair) {
    let digest = json!({"algorithm": "SHA2_256", "digest": sha256(BLOB)});
    let signature = key.sign(BLOB).unwrap();
    let content = json!({"messageDigest": digest, "signature": signature});
    put(desk, name, ("messageSignature", content));
}

/// A file that the holder of a key signed, and the log has it; its public half lies at `name`.pub.
fn signed_and_logged(desk: &Desk, name: &str) {
    let key = ManagedKey::new();
    let public = desk.path(&format!("{name}.pub"));
    fs::write(public, key.public_pem().unwrap()).unwrap();
    let digest = Content::Digest(*sha256(BLOB).as_bytes());
    desk.put(name, BLOB, &Forgery::by_key(&key, digest));
}

#[test]
fn a_logged_signature_by_a_key_passes_under_that_key_alone() {
    let desk = Desk::new();
    signed_and_logged(&desk, "file");
    key(&desk, "other.pub");
    let (file, own, other) = (
        desk.arg("file"),
        desk.arg("file.pub"),
        desk.arg("other.pub"),
    );
    let ran = desk.verify(&["--key", &own, "--explain", &file]).expect(0);
    for check in ["key", "log entry", "inclusion proof", "signature"] {
        let row = format!("    {check:<30}");
        assert!(ran.stdout.contains(&row), "{check}: {}", ran.stdout);
    }
    assert!(!ran.stdout.contains("not asked for"), "{}", ran.stdout);
    says_why(
        &desk.verify(&["--key", &other, &file]).expect(11),
        &file,
        "signature",
    );
    // Of another Sigstore's log.
    let stranger = Desk::new();
    signed_and_logged(&stranger, "file");
    let (file, own) = (stranger.arg("file"), stranger.arg("file.pub"));
    let ran = desk.verify(&["--key", &own, &file]).expect(11);
    says_why(&ran, &file, "log");
}

#[test]
fn an_unlogged_signature_by_a_key_passes_when_that_is_accepted_and_under_no_other_key() {
    let desk = Desk::new();
    signed(&desk, "file", &key(&desk, "key.pub"));
    key(&desk, "other.pub");
    let (file, own, other) = (desk.arg("file"), desk.arg("key.pub"), desk.arg("other.pub"));
    let ran = desk.verify(&["--key", &own, &file]).expect(11);
    says_why(&ran, &file, "log entry");
    let unlogged = |key: &str, file: &str| desk.verify(&["--key", key, "--accept-unlogged", file]);
    let stdout = unlogged(&own, &file).expect(0).stdout;
    assert!(stdout.contains("signed by the key sha256:"), "{stdout}");
    assert!(stdout.contains("not asked for a log entry"), "{stdout}");
    let digest = format!("sha256:{}", sha256(BLOB).to_hex());
    let bundle = desk.arg("file.sigstore.json");
    let arguments = ["--key", &own, "--accept-unlogged", "--bundle", &bundle];
    desk.verify(&[&arguments[..], &[&digest]].concat())
        .expect(0);
    let ran = unlogged(&other, &file).expect(11);
    says_why(&ran, &file, "signature");
    fs::write(desk.path("file"), "signed at homE").unwrap();
    says_why(&unlogged(&own, &file).expect(11), &file, "digest");
}

#[test]
fn an_unlogged_statement_by_a_key_passes_for_its_subject_alone() {
    let desk = Desk::new();
    let pair = key(&desk, "key.pub");
    let (own, file) = (desk.arg("key.pub"), desk.arg("file"));
    let arguments = ["--key", &own, "--accept-unlogged", &file];
    let attested = |payload_type: &str, statement: &Value, signed: &str| {
        let payload = statement.to_string();
        let signature = pair.sign(&pae(signed, payload.as_bytes())).unwrap();
        let envelope = json!({
            "payload": PayloadBytes::from_bytes(payload.as_bytes()),
            "payloadType": payload_type,
            "signatures": [{"sig": signature}],
        });
        put(&desk, "file", ("dsseEnvelope", envelope));
        desk.verify(&arguments)
    };
    let in_toto = "application/vnd.in-toto+json";
    let ran = attested(in_toto, &statement(BLOB), in_toto).expect(0);
    assert!(ran.stdout.contains("by a statement of "), "{}", ran.stdout);
    let ran = attested(in_toto, &statement(b"another file"), in_toto).expect(11);
    says_why(&ran, &file, "digest");
    let ran = attested(in_toto, &statement(BLOB), "text/plain").expect(11);
    says_why(&ran, &file, "signature");
    let ran = attested("text/plain", &statement(BLOB), "text/plain").expect(11);
    says_why(&ran, &file, "bundle");
}

#[test]
fn a_key_is_never_taken_for_an_identity_nor_an_identity_for_a_key() {
    let desk = Desk::new();
    signed(&desk, "file", &key(&desk, "key.pub"));
    let (file, blob, own) = (desk.arg("file"), desk.arg("blob"), desk.arg("key.pub"));
    let ran = desk.verify(&["--key", &own, "--accept-unlogged", &blob]);
    says_why(&ran.expect(11), &blob, "bundle");
    let ran = desk.verify(&["--identity", IDENTITY, "--issuer", ISSUER, &file]);
    says_why(&ran.expect(11), &file, "certificate");
    says_why(&desk.verify(&[&file]).expect(11), &file, "certificate");
}

#[test]
fn what_a_key_signed_is_reported_with_the_digest_of_the_key() {
    let desk = Desk::new();
    let pair = key(&desk, "key.pub");
    signed(&desk, "file", &pair);
    let (file, own) = (desk.arg("file"), desk.arg("key.pub"));
    let reports = desk.json(0, &["--key", &own, "--accept-unlogged", &file]);
    let report = &reports[0];
    let digest = sha256(pair.public_key_der().unwrap().as_bytes()).to_hex();
    assert_eq!(report["key"], digest);
    for absent in ["identity", "issuer", "signed_at", "error"] {
        assert_eq!(report[absent], Value::Null, "{absent}");
    }
    assert_eq!(report["claims"], json!({}));
}

#[test]
fn a_key_that_cannot_be_used_exits_17_and_says_what_a_key_is() {
    let desk = Desk::new();
    let blob = desk.arg("blob");
    let private = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    let truncated = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYI\n-----END PUBLIC KEY-----\n";
    for bad in [
        &b""[..],
        b"not a key",
        b"\xff\xfe",
        private.as_bytes(),
        truncated.as_bytes(),
        &[b'-'; 1 << 20],
    ] {
        fs::write(desk.path("key.pub"), bad).unwrap();
        let ran = desk.verify(&["--key", &desk.arg("key.pub"), &blob]);
        let stderr = ran.expect(17).stderr;
        let said = format!(
            "--key {}: expected a public key in PEM",
            desk.arg("key.pub")
        );
        assert!(stderr.contains(&said), "{stderr}");
    }
    let ran = desk.verify(&["--key", &desk.arg("missing"), &blob]);
    assert!(ran.expect(17).stderr.contains("cannot read"));
}
