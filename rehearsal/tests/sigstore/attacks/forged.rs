//! Bundles that Sigstore's own keys made with one thing wrong, and bundles by keys of an attacker's
//! own. A flaw is tried on a file's bundle before all verifiers, and on every other kind of bundle
//! before ours.

use rehearsal::sigstore::RekorApi;
use rehearsal::sigstore::forge::{Content, Flaw, Forgery, ManagedKey, Signer as ForgedBy};
use release_plan::Sha256;
use trust::{Artifact, LogEntry, PublicKey, Signer, TrustedRoot, Unverified, verify};

use super::envelope::NOT_ABOUT_THE_FILE;
use super::log::{WITHOUT_PROMISE, WITHOUT_TIMESTAMP};
use super::signature::HINT;
use super::{Case, FILE, TRUTH};
use crate::rig::{job, provenance};

macro_rules! flaws {
    ($($name:ident: $flaw:ident is refused by $($check:literal)|+ $(, but not by $verifier:literal: $why:expr)*;)*) => {
        $(
            #[test]
            fn $name() {
                let case = Case::forged(Flaw::$flaw);
                case$(.accepted_by($verifier, $why))*.must_be_refused_by_one_of(&[$($check),+]);
                every_other_kind(Flaw::$flaw, &[$($check),+]);
            }
        )*

        /// Flaws that have a test of their own here.
        const TRIED: &[Flaw] = &[$(Flaw::$flaw),*];
    };
}

const PROFILE: &str = "it does not hold a leaf against the profile of RFC 5280";
const PURPOSE: &str = "it does not ask what the certificate is for";

flaws! {
    a_certificate_that_had_expired_when_it_signed: CertificateExpired is refused by "certificate";
    a_certificate_that_was_not_valid_yet_when_it_signed: CertificateNotYetValid is refused by "certificate";
    a_certificate_by_an_authority_of_ones_own: CertificateForged is refused by "certificate";
    a_certificate_without_purpose: CertificateWithoutPurpose is refused by "certificate", but not by "cosign": PURPOSE, but not by "cosign2": PURPOSE, but not by "sigstore-js": PURPOSE;
    a_certificate_for_tls_clients: CertificateForAnotherPurpose is refused by "certificate", but not by "sigstore-js": PURPOSE;
    a_certificate_for_a_key_that_signs_nothing: CertificateForAnotherUse is refused by "certificate", but not by "cosign": PROFILE, but not by "cosign2": PROFILE, but not by "sigstore-js": PROFILE;
    a_certificate_whose_identity_may_be_skipped: CertificateIdentityNotCritical is refused by "certificate", but not by "cosign": PROFILE, but not by "cosign2": PROFILE, but not by "sigstore-js": PROFILE;
    a_certificate_that_does_not_name_its_issuers_key: CertificateIssuerKeyUnnamed is refused by "certificate", but not by "cosign": PROFILE, but not by "cosign2": PROFILE, but not by "sigstore-js": PROFILE;
    a_certificate_with_a_claim_twice: CertificateClaimTwice is refused by "certificate", but not by "sigstore-js": "it reads the one that it finds first";
    a_certificate_without_sct: SctMissing is refused by "signed certificate timestamp";
    an_sct_by_another_log: SctByAnotherLog is refused by "signed certificate timestamp";
    an_sct_with_a_forged_signature: SctForged is refused by "signed certificate timestamp";
    a_signature_by_another_key_than_the_certificates: SignedByAnotherKey is refused by "signature";
    a_digest_that_is_not_the_one_signed: MessageDigestChanged is refused by "digest", but not by "cosign2": HINT;
    a_bundle_without_log_entry: EntryMissing is refused by "bundle" | "log entry";
    an_entry_of_a_log_of_ones_own: EntryByAnotherLog is refused by "log";
    an_entry_of_another_signature_over_the_same: EntryOfAnotherSignature is refused by "log entry";
    an_entry_of_the_same_signature_over_something_else: EntryOfAnotherDigest is refused by "digest" | "log entry";
    an_entry_by_another_signer: EntryOfAnotherSigner is refused by "log entry", but not by "sigstore-js": "it holds signature and digest against the entry, and not who signed";
    a_log_time_before_the_certificates_life: EntryBeforeCertificate is refused by "certificate";
    a_log_time_after_the_certificates_life: EntryAfterCertificate is refused by "certificate";
    a_log_time_that_the_log_did_not_promise: EntryTimeChanged is refused by "inclusion promise";
    an_entry_without_promise: PromiseMissing is refused by "inclusion promise", but not by "sigstore-python": WITHOUT_PROMISE, but not by "sigstore-js": WITHOUT_PROMISE;
    a_promise_by_a_log_of_ones_own: PromiseByAnotherLog is refused by "log";
    a_forged_promise: PromiseForged is refused by "inclusion promise";
    an_entry_without_proof: ProofMissing is refused by "bundle";
    a_proof_with_a_wrong_hash: ProofCorrupt is refused by "inclusion proof";
    the_proof_of_another_entry_of_the_same_log: ProofOfAnotherEntry is refused by "inclusion proof";
    a_proof_without_checkpoint: CheckpointMissing is refused by "checkpoint";
    a_checkpoint_without_signature: CheckpointUnsigned is refused by "bundle";
    a_checkpoint_by_a_log_of_ones_own: CheckpointByAnotherLog is refused by "checkpoint";
    a_forged_checkpoint: CheckpointForged is refused by "checkpoint";
    a_true_checkpoint_of_another_tree: CheckpointOfAnotherTree is refused by "bundle" | "inclusion proof";
    a_timestamp_by_an_authority_of_ones_own: TimestampForged is refused by "timestamp", but not by "cosign": WITHOUT_TIMESTAMP, but not by "cosign2": WITHOUT_TIMESTAMP, but not by "sigstore-python": WITHOUT_TIMESTAMP;
    a_timestamp_over_another_signature: TimestampOfAnotherSignature is refused by "timestamp", but not by "cosign": WITHOUT_TIMESTAMP, but not by "cosign2": WITHOUT_TIMESTAMP, but not by "sigstore-python": WITHOUT_TIMESTAMP;
    a_timestamp_before_the_certificates_life: TimestampBeforeCertificate is refused by "certificate", but not by "cosign": WITHOUT_TIMESTAMP, but not by "cosign2": WITHOUT_TIMESTAMP;
    a_timestamp_after_the_certificates_life: TimestampAfterCertificate is refused by "certificate", but not by "cosign": WITHOUT_TIMESTAMP, but not by "cosign2": WITHOUT_TIMESTAMP;
}

macro_rules! flaws_of_statements {
    ($($name:ident: $flaw:ident is refused by $check:literal $(, but not by $verifier:literal: $why:expr)*;)*) => {
        $(
            #[test]
            fn $name() {
                let case = Case::forged_statement(Flaw::$flaw, &provenance(FILE));
                case$(.accepted_by($verifier, $why))*.must_be_refused_by($check);
            }
        )*

        /// Flaws that have a test of their own here.
        const TRIED_ON_STATEMENTS: &[Flaw] = &[$(Flaw::$flaw),*];
    };
}

flaws_of_statements! {
    a_signature_over_the_payload_alone: PayloadSignedBare is refused by "signature";
    another_payload_than_was_signed: PayloadSwapped is refused by "signature";
    another_payload_type_than_was_signed: PayloadTypeChanged is refused by "signature";
    a_payload_of_a_type_that_says_nothing_of_files: PayloadOfAnotherType is refused by "bundle", but not by "sigstore-js": NOT_ABOUT_THE_FILE;
    a_second_signature: SecondSignature is refused by "bundle";
    no_signature: SignatureMissing is refused by "bundle";
}

#[test]
fn every_flaw_was_tried() {
    // Without a timestamp the log's own time stands, which is how older bundles are.
    let is_fine = [Flaw::TimestampMissing];
    for flaw in Flaw::ALL {
        let tried = [TRIED, TRIED_ON_STATEMENTS, &is_fine];
        assert!(tried.iter().any(|tried| tried.contains(flaw)), "{flaw:?}");
    }
}

#[test]
fn a_statement_of_a_version_that_nobody_knows() {
    let statement = String::from_utf8(provenance(FILE)).unwrap();
    let unknown = statement.replace("/Statement/v1", "/Statement/v2");
    let why = "it reads no version of a statement";
    Case::true_statement(unknown.as_bytes())
        .accepted_by("cosign", why)
        .accepted_by("cosign2", why)
        .accepted_by("sigstore-js", why)
        .must_be_refused_by("bundle");
}

#[test]
fn a_statement_about_nothing() {
    let statement = serde_json::json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {},
    });
    Case::true_statement(statement.to_string().as_bytes())
        .accepted_by("sigstore-js", NOT_ABOUT_THE_FILE)
        .must_be_refused_by("bundle");
}

/// Tries a flaw on bundles by the job and by a key, of a file and of a statement, of both logs.
#[track_caller]
fn every_other_kind(flaw: Flaw, checks: &[&str]) {
    let (job, key, statement) = (job(), ManagedKey::new(), provenance(FILE));
    let pem = key.public_pem().unwrap();
    let root = TrustedRoot::parse(TRUTH.trusted_root.as_bytes()).unwrap();
    let digest = Sha256::of(FILE);
    let contents = [
        Content::Digest(*digest.as_bytes()),
        Content::Statement(&statement),
    ];
    for content in contents {
        for log in [RekorApi::V1, RekorApi::V2] {
            for signer in [ForgedBy::Job(&job), ForgedBy::Key(&key)] {
                let forgery = Forgery {
                    signer,
                    log,
                    flaw: Some(flaw),
                    ..Forgery::by_job(&job, content)
                };
                let by_key = matches!(signer, ForgedBy::Key(_));
                // A key's policy asks of the log what all verifiers ask.
                let is_fine = flaw == Flaw::PromiseMissing && by_key;
                if is_fine || !flaw.fits(&forgery) {
                    continue;
                }
                let signer = match signer {
                    ForgedBy::Job(_) => Signer::Identity(super::policy()),
                    ForgedBy::Key(_) => Signer::Key {
                        key: PublicKey::from_pem(pem.as_bytes()).unwrap(),
                        log_entry: LogEntry::Required,
                    },
                };
                let bundle = TRUTH.rig.sigstore.forge(&forgery).unwrap();
                let artifact = Artifact::Digest(digest);
                match verify("release", artifact, bundle.as_bytes(), &signer, &root) {
                    Err(Unverified::Refused(refusal)) => {
                        let by = refusal.check.as_str();
                        assert!(checks.contains(&by), "{refusal}, {forgery:?}");
                    }
                    verdict => panic!("{verdict:?}, {forgery:?}"),
                }
            }
        }
    }
}
