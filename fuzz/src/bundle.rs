//! Whole bundles about one file. Whatever is accepted tells of the file, the signer and the time
//! what is true of the fixture, since nobody else has its keys.

use base64::prelude::{BASE64_STANDARD, Engine};
use p256::ecdsa::DerSignature;
use p256::ecdsa::signature::Signer as _;
use release_plan::{Policy, Sha256};
use serde_json::{Value, json};
use trust::{
    Artifact, Content, LogEntry, PublicKey, SignedBy, Signer, TrustedRoot, Unverified, VerifiedBlob,
};

use crate::Verdict;
use crate::fixture::{
    BY_IDENTITY, FILE, IDENTITY, KEY, RELEASE, ROOT, SECRET, SIGNED_AT, STATEMENT, TILES,
};

/// Seconds between the first bundle of the fixture and the last.
const MAKING: u64 = 60;

pub(crate) fn by_identity(input: &[u8]) -> Verdict {
    let by = |policy: &Policy| verify(input, &Signer::Identity(policy.clone()));
    let verified = match by(&IDENTITY) {
        Ok(verified) => verified,
        Err(refused) => return refused.into(),
    };
    is_true(&verified);
    let evidence = verified.evidence();
    let certificate = evidence.certificate().expect("a certificate");
    assert_eq!(certificate.identity(), RELEASE.identity);
    assert_eq!(certificate.issuer(), RELEASE.issuer);
    for expected in &RELEASE.claims {
        let found = certificate.claim(expected.claim).expect("a claim");
        assert!(expected.one_of.iter().any(|one| one == found), "{found}");
    }
    let signed_at = evidence.signed_at().expect("a signed time").seconds();
    assert!(
        signed_at.abs_diff(SIGNED_AT.seconds()) <= MAKING,
        "{signed_at}"
    );
    match by(&RELEASE) {
        Ok(_) => Verdict::Accepted,
        Err(Unverified::Refused(refusal)) => Verdict::refused(format_args!(
            "{}, though the identity is right",
            refusal.check
        )),
        Err(unread) => unread.into(),
    }
}

pub(crate) fn by_key(input: &[u8]) -> Verdict {
    let waived = match under(&KEY, LogEntry::Waived, input) {
        Ok(verified) => verified,
        Err(refused) => return refused.into(),
    };
    is_true(&waived);
    // A witness can speak against a bundle, never for one.
    let alone = under(&KEY, LogEntry::Waived, &without_witness(input));
    is_true(&alone.expect("the signature is true by itself"));
    match under(&KEY, LogEntry::Required, input) {
        Ok(verified) => {
            is_true(&verified);
            Verdict::Accepted
        }
        Err(Unverified::Refused(refusal)) => {
            Verdict::refused(format_args!("{}, though the key is right", refusal.check))
        }
        Err(unread) => unread.into(),
    }
}

fn without_witness(bundle: &[u8]) -> Vec<u8> {
    let mut bundle: Value = serde_json::from_slice(bundle).expect("an accepted bundle is JSON");
    // The oldest version asks for a promise.
    bundle["mediaType"] = json!("application/vnd.dev.sigstore.bundle.v0.3+json");
    let material = bundle["verificationMaterial"].as_object_mut();
    material
        .expect("an accepted bundle has it")
        .retain(|name, _| name == "publicKey");
    bundle.to_string().into_bytes()
}

/// The payload of an envelope that the key signed, for which nobody else vouches.
pub(crate) fn statement(input: &[u8]) -> Verdict {
    let (kind, length) = ("application/vnd.in-toto+json", input.len());
    let head = format!("DSSEv1 {} {kind} {length} ", kind.len());
    let signature: DerSignature = SECRET.sign(&[head.as_bytes(), input].concat());
    let bundle = json!({
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": { "publicKey": { "hint": "" } },
        "dsseEnvelope": {
            "payload": BASE64_STANDARD.encode(input),
            "payloadType": kind,
            "signatures": [{ "sig": BASE64_STANDARD.encode(signature) }],
        },
    });
    let verified = match under(&KEY, LogEntry::Waived, bundle.to_string().as_bytes()) {
        Ok(verified) => verified,
        Err(refused) => return refused.into(),
    };
    assert_eq!(verified.statement(), Some(input));
    let statement: Value = serde_json::from_slice(input).expect("an accepted statement is JSON");
    let subjects = statement["subject"].as_array().expect("subjects");
    let expected = Sha256::of(FILE).to_string();
    let mut digests = subjects.iter().map(|subject| &subject["digest"]["sha256"]);
    assert!(
        digests.any(|digest| *digest == *expected),
        "a statement about something else"
    );
    Verdict::Accepted
}

/// A root under which true bundles are verified that need every key of it.
pub(crate) fn trusted_root(input: &[u8]) -> Verdict {
    let Ok(root) = TrustedRoot::parse(input) else {
        return Verdict::refused("format");
    };
    assert_eq!(root.sha256(), Sha256::of(input));
    let sha256 = Sha256::of(FILE);
    for bundle in [BY_IDENTITY, TILES] {
        let verified = trust::verify_blob("the file", sha256, bundle.as_bytes(), &RELEASE, &root);
        match verified {
            Ok(verified) => is_true(&verified),
            Err(refusal) => return Verdict::Refused(refusal.check),
        }
    }
    Verdict::Accepted
}

/// Verifies that `key` signed the fixture's file.
pub(crate) fn under(
    key: &PublicKey,
    log_entry: LogEntry,
    bundle: &[u8],
) -> Result<VerifiedBlob, Unverified> {
    let key = key.clone();
    verify(bundle, &Signer::Key { key, log_entry })
}

/// Verifies by the file's digest, and what is accepted by its bytes as well.
fn verify(bundle: &[u8], signer: &Signer) -> Result<VerifiedBlob, Unverified> {
    let given = |artifact| trust::verify("the file", artifact, bundle, signer, &ROOT);
    let by_digest = given(Artifact::Digest(Sha256::of(FILE)))?;
    let by_bytes = given(Artifact::Bytes(&mut &*FILE));
    assert_eq!(by_bytes.as_ref().ok(), Some(&by_digest), "{by_bytes:?}");
    Ok(by_digest)
}

fn is_true(verified: &VerifiedBlob) {
    assert_eq!(verified.sha256(), Sha256::of(FILE));
    let evidence = verified.evidence();
    match evidence.content() {
        Content::File => assert_eq!(verified.statement(), None),
        Content::Statement => {
            let bundle: Value = serde_json::from_str(STATEMENT).expect("JSON");
            let payload = bundle["dsseEnvelope"]["payload"]
                .as_str()
                .expect("a payload");
            let payload = BASE64_STANDARD.decode(payload).expect("base64");
            assert_eq!(verified.statement(), Some(&*payload));
        }
    }
    if let SignedBy::Key(sha256) = evidence.signed_by() {
        assert_eq!(*sha256, KEY.sha256());
    }
}
