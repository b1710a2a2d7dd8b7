//! Forged bundles: without a flaw everyone accepts them, and with one sigstore-verify refuses them.

use std::path::Path;

use rehearsal::sigstore::forge::{Content, Flaw, Forgery, Format, ManagedKey, Signer};
use rehearsal::sigstore::{ISSUER, Job, RekorApi};
use rehearsal::verifiers::{self, Evidence, Identity, Verdict};
use sigstore_sign::types::{Bundle, DerPublicKey};
use sigstore_verify::{PublicKeyVerificationPolicy, VerificationPolicy, Verifier};

use crate::folder::{Folder, accepted};
use crate::rig::{BLOB, Rig, identity, job, provenance};

fn digest(blob: &[u8]) -> [u8; 32] {
    *sigstore_verify::crypto::sha256(blob).as_bytes()
}

/// Calls `with` for a forgery of every kind there is, without a flaw: by a job and by a key, of a
/// file and of its provenance, through both logs.
fn each_kind(mut with: impl FnMut(Forgery<'_>)) {
    let (job, key, statement) = (job(), ManagedKey::new(), provenance(BLOB));
    for signer in [Signer::Job(&job), Signer::Key(&key)] {
        for content in [
            Content::Digest(digest(BLOB)),
            Content::Statement(&statement),
        ] {
            for log in [RekorApi::V1, RekorApi::V2] {
                let forgery = Forgery::by_job(&job, content);
                with(Forgery {
                    signer,
                    log,
                    ..forgery
                });
            }
        }
    }
}

impl Rig {
    /// What sigstore-verify makes of a forgery of [`BLOB`].
    fn judge(&self, forgery: &Forgery<'_>) -> Result<(), String> {
        let bundle = self.sigstore.forge(forgery).unwrap();
        let bundle = Bundle::from_json(&bundle).map_err(|error| error.to_string())?;
        let verifier = Verifier::new(&self.root()).unwrap();
        let result = match forgery.signer {
            Signer::Job(_) => {
                let policy = VerificationPolicy::new(identity().san, ISSUER);
                verifier.verify(BLOB, &bundle, &policy)
            }
            Signer::Key(key) => {
                let key = DerPublicKey::from_pem(&key.public_pem().unwrap()).unwrap();
                verifier.verify(BLOB, &bundle, &PublicKeyVerificationPolicy::new(key))
            }
        };
        result.map(drop).map_err(|error| error.to_string())
    }
}

#[test]
fn sigstore_verify_accepts_a_forgery_without_a_flaw() {
    let rig = Rig::new();
    each_kind(|forgery| {
        assert_eq!(rig.judge(&forgery), Ok(()), "{forgery:?}");
        let timestamped = false;
        if forgery.log == RekorApi::V1 {
            let forgery = Forgery {
                timestamped,
                ..forgery
            };
            assert_eq!(rig.judge(&forgery), Ok(()), "{forgery:?}");
        }
    });
}

#[test]
fn sigstore_verify_accepts_a_forgery_of_an_older_format() {
    let rig = Rig::new();
    let job = job();
    for format in [Format::V0_1, Format::V0_2] {
        let forgery = Forgery::by_job(&job, Content::Digest(digest(BLOB)));
        assert_eq!(
            rig.judge(&Forgery { format, ..forgery }),
            Ok(()),
            "{format:?}"
        );
    }
}

#[test]
fn sigstore_verify_refuses_every_flaw_for_itself_but_odd_certificates_and_one_proof_of_two() {
    let rig = Rig::new();
    each_kind(|forgery| {
        for &flaw in Flaw::ALL {
            let flawed = Forgery {
                flaw: Some(flaw),
                ..forgery
            };
            if !flaw.fits(&flawed) {
                continue;
            }
            // A managed key has no life that a time would have to be in.
            let by_key = matches!(forgery.signer, Signer::Key(_));
            let time_is_left = forgery.log == RekorApi::V1 || by_key;
            match (rig.judge(&flawed), flaw) {
                (Ok(()), flaw) if reasons(flaw).is_empty() => {}
                (Ok(()), Flaw::TimestampMissing) if time_is_left => {}
                (Err(words), flaw) if reasons(flaw).iter().any(|it| words.contains(it)) => {}
                (verdict, _) => panic!("{verdict:?}, {flawed:?}"),
            }
        }
    });
}

/// One of these words is in what sigstore-verify says of a flaw; none where it accepts.
fn reasons(flaw: Flaw) -> &'static [&'static str] {
    use Flaw::*;
    match flaw {
        CertificateExpired | EntryAfterCertificate | TimestampAfterCertificate => &["CertExpired"],
        CertificateNotYetValid | EntryBeforeCertificate | TimestampBeforeCertificate => {
            &["CertNotValidYet"]
        }
        CertificateForged => &["InvalidSignatureForPublicKey"],
        CertificateWithoutPurpose | CertificateForAnotherPurpose => &["RequiredEkuNotFound"],
        SctMissing => &["missing SCT"],
        SctByAnotherLog => {
            &["SCT signature verification failed: Verification error: key not found"]
        }
        SctForged => &["SCT signature verification failed: Verification error: ECDSA"],
        SignedByAnotherKey | PayloadSignedBare | PayloadSwapped | PayloadTypeChanged => {
            &["invalid signature"]
        }
        MessageDigestChanged => &["message digest in bundle does not match"],
        PayloadOfAnotherType => &["payload type"],
        SecondSignature => &["exactly one signature, found 2"],
        SignatureMissing => &["exactly one signature, found 0"],
        EntryMissing | ProofMissing => &["must have an inclusion proof"],
        EntryByAnotherLog => &["No log key", "No matching Rekor key"],
        EntryOfAnotherSignature => &["signature in bundle does not match"],
        EntryOfAnotherDigest => &["hash mismatch"],
        EntryOfAnotherSigner => &["log entry does not match the bundle"],
        EntryTimeChanged | PromiseForged => &["SET verification failed"],
        CertificateForAnotherUse
        | CertificateIdentityNotCritical
        | CertificateIssuerKeyUnnamed
        | CertificateClaimTwice
        | PromiseMissing => &[],
        PromiseByAnotherLog => &["No log key"],
        ProofCorrupt | ProofOfAnotherEntry => &["root hash mismatch"],
        CheckpointMissing => &["has no checkpoint"],
        CheckpointUnsigned => &["no signatures found"],
        CheckpointByAnotherLog => &["No matching Rekor key"],
        CheckpointForged => &["No valid Rekor signature"],
        CheckpointOfAnotherTree => &["root hash does not match", "root hash mismatch"],
        TimestampMissing => &["no verified timestamp"],
        TimestampForged => &["does not match any trusted TSA"],
        TimestampOfAnotherSignature => &["message hash mismatch"],
    }
}

#[test]
fn a_flaw_that_has_no_place_in_the_bundle_is_an_error() {
    let rig = Rig::new();
    let (job, key) = (job(), ManagedKey::new());
    let blob = Content::Digest(digest(BLOB));
    let by_job = Forgery::by_job(&job, blob);
    for (forgery, flaw) in [
        (Forgery::by_key(&key, blob), Flaw::SctMissing),
        (by_job, Flaw::PayloadSwapped),
        (
            Forgery {
                log: RekorApi::V2,
                ..by_job
            },
            Flaw::PromiseForged,
        ),
        (
            Forgery {
                timestamped: false,
                ..by_job
            },
            Flaw::TimestampForged,
        ),
    ] {
        let flaw = Some(flaw);
        let error = rig
            .sigstore
            .forge(&Forgery { flaw, ..forgery })
            .unwrap_err();
        assert!(error.to_string().contains("no place"), "{error}");
    }
}

#[test]
fn whatever_a_job_claims_is_certified() {
    let rig = Rig::new();
    let elsewhere = "evil/rocket/.github/workflows/release.yml@refs/heads/main";
    let job = Job {
        called: Some(elsewhere.to_owned()),
        runner_environment: "self-hosted".to_owned(),
        issuer: "https://evil.example".to_owned(),
        ..job()
    };
    let forgery = Forgery::by_job(&job, Content::Digest(digest(BLOB)));
    let bundle = Bundle::from_json(&rig.sigstore.forge(&forgery).unwrap()).unwrap();
    let policy = VerificationPolicy::new(format!("https://github.com/{elsewhere}"), &job.issuer);
    let result = sigstore_verify::verify(BLOB, &bundle, &policy, &rig.root()).unwrap();
    let claims = &result.certificate().unwrap().ci_claims;
    for (claim, expected) in [
        (&claims.runner_environment, "self-hosted"),
        (
            &claims.source_repository_uri,
            "https://github.com/acme/rocket",
        ),
    ] {
        assert_eq!(claim.as_deref(), Some(expected));
    }
}

type ByJob = fn(&Evidence<'_>, &Identity) -> Verdict;
type ByKey = fn(&Evidence<'_>, &Path) -> Verdict;

/// Asks a verifier of the forgeries without a flaw that it `knows`: the first of each two is for
/// blobs, the second for attestations.
fn accepts(
    tool: &str,
    knows: fn(&Forgery<'_>) -> bool,
    by_job: [ByJob; 2],
    by_key: Option<[ByKey; 2]>,
) {
    let rig = Rig::new();
    let folder = Folder::new(&rig);
    folder.put("blob", BLOB);
    each_kind(|forgery| {
        if !knows(&forgery) {
            return;
        }
        folder.put("bundle.json", rig.sigstore.forge(&forgery).unwrap());
        let evidence = ("blob", "bundle.json");
        let which = usize::from(attests(&forgery));
        let verdict = match (forgery.signer, by_key) {
            (Signer::Job(_), _) => folder.judge(by_job[which], evidence, &identity()),
            (Signer::Key(_), None) => return,
            (Signer::Key(key), Some(by_key)) => {
                folder.put("key.pem", key.public_pem().unwrap());
                folder.judge(by_key[which], evidence, &*folder.path("key.pem"))
            }
        };
        accepted(tool, verdict);
    });
}

fn attests(forgery: &Forgery<'_>) -> bool {
    matches!(forgery.content, Content::Statement(_))
}

#[test]
fn cosign_3_accepts_a_forgery_without_a_flaw() {
    let by_job = [verifiers::cosign, verifiers::cosign_attestation];
    let by_key = [
        verifiers::cosign_by_key,
        verifiers::cosign_attestation_by_key,
    ];
    accepts("cosign", |_| true, by_job, Some(by_key));
}

#[test]
fn cosign_2_accepts_a_forgery_without_a_flaw_that_api_v1_logged() {
    let by_job = [verifiers::cosign2, verifiers::cosign2_attestation];
    let by_key = [
        verifiers::cosign2_by_key,
        verifiers::cosign2_attestation_by_key,
    ];
    let knows = |forgery: &Forgery<'_>| forgery.log == RekorApi::V1;
    accepts("cosign2", knows, by_job, Some(by_key));
}

#[test]
fn sigstore_python_accepts_a_forgery_without_a_flaw() {
    accepts("sigstore", |_| true, [verifiers::sigstore_python; 2], None);
}

#[test]
fn sigstore_js_accepts_a_forgery_without_a_flaw_unless_api_v2_logged_an_attestation() {
    let knows = |forgery: &Forgery<'_>| forgery.log == RekorApi::V1 || !attests(forgery);
    accepts("@sigstore/verify", knows, [verifiers::sigstore_js; 2], None);
}
