//! The signature, the digest and the certificate.

use super::Case;

const SIGNATURE: &str = "/messageSignature/signature";
const DIGEST: &str = "/messageSignature/messageDigest/digest";
pub(super) const HINT: &str = "the digest in a bundle is a hint to it, which it does not look at";
const CERTIFICATE: &str = "/verificationMaterial/certificate/rawBytes";

/// The bundle without its timestamp, which is over the signature and would refuse another one.
fn untimed() -> Case {
    Case::file().without("/verificationMaterial/timestampVerificationData")
}

#[test]
fn a_bundle_whose_log_alone_vouches_for_the_time_is_accepted_by_all() {
    untimed().must_be_accepted();
}

#[test]
fn a_signature_that_the_timestamp_is_not_over() {
    Case::file().flip(SIGNATURE).must_be_refused_by("timestamp");
}

#[test]
fn a_flipped_bit_in_the_file() {
    let mut case = Case::file();
    case.file[7] ^= 1;
    case.must_be_refused_by("digest");
}

#[test]
fn a_file_cut_short() {
    let mut case = Case::file();
    case.file.pop();
    case.must_be_refused_by("digest");
}

#[test]
fn the_bundle_of_another_file() {
    let mut case = Case::file();
    case.bundle = super::TRUTH.other.clone();
    case.must_be_refused_by("digest");
}

#[test]
fn the_bundle_of_a_statement_in_place_of_that_of_the_file() {
    let mut case = Case::file();
    case.bundle = super::TRUTH.attestation.clone();
    case.accepted_by_all(
        "a statement about a file is as good as a signature to one who asks for no more",
    )
    .must_be_refused_by("bundle");
}

#[test]
fn a_flipped_bit_in_the_signature() {
    untimed().flip(SIGNATURE).must_be_refused_by("signature");
}

#[test]
fn the_signature_of_another_file() {
    untimed().borrow(SIGNATURE).must_be_refused_by("signature");
}

#[test]
fn a_signature_that_is_empty() {
    untimed().set(SIGNATURE, "").must_be_refused_by("signature");
}

#[test]
fn a_signature_that_is_missing() {
    Case::file().without(SIGNATURE).must_be_refused_by("bundle");
}

#[test]
fn a_signature_whose_numbers_are_zero() {
    // SEQUENCE { INTEGER 0, INTEGER 0 }: the signature that some verifiers once took for any file.
    untimed()
        .set(SIGNATURE, "MAYCAQACAQA=")
        .must_be_refused_by("signature");
}

#[test]
fn a_flipped_bit_in_the_digest_that_the_bundle_names() {
    Case::file()
        .flip(DIGEST)
        .accepted_by("cosign2", HINT)
        .must_be_refused_by("digest");
}

#[test]
fn a_digest_by_an_algorithm_that_was_not_used() {
    Case::file()
        .set("/messageSignature/messageDigest/algorithm", "SHA2_512")
        .accepted_by("cosign2", HINT)
        .accepted_by("sigstore-python", HINT)
        .must_be_refused_by("algorithm");
}

#[test]
fn a_digest_by_an_algorithm_that_is_broken() {
    Case::file()
        .set("/messageSignature/messageDigest/algorithm", "SHA1")
        .must_be_refused_by("bundle");
}

#[test]
fn a_flipped_bit_in_the_certificate() {
    Case::file()
        .flip(CERTIFICATE)
        .must_be_refused_by("certificate");
}

#[test]
fn the_certificate_of_another_signature_by_the_same_job() {
    Case::file()
        .borrow_earlier(CERTIFICATE)
        .must_be_refused_by("signature");
}

#[test]
fn a_certificate_that_is_empty() {
    Case::file()
        .set(CERTIFICATE, "")
        .must_be_refused_by("certificate");
}

#[test]
fn the_hint_of_a_key_in_place_of_the_certificate() {
    let mut case = Case::file().without("/verificationMaterial/certificate");
    case.bundle["verificationMaterial"]["publicKey"] = serde_json::json!({"hint": "any"});
    case.must_be_refused_by("certificate");
}
