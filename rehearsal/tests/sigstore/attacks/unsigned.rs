//! Attacks on what no signature covers: what a bundle says of itself and brings along, which a
//! verifier may hold against what is signed, or believe.

use rehearsal::sigstore::RekorApi;
use rehearsal::sigstore::forge::Format;
use serde_json::json;

use super::Case;

fn entry(field: &str) -> String {
    format!("/verificationMaterial/tlogEntries/0/{field}")
}

fn logged_by(log: RekorApi) -> Case {
    Case::kind(log, Format::V0_3)
}

/// Alters the text of a checkpoint.
fn checkpoint(case: Case, alter: impl FnOnce(&str) -> String) -> Case {
    let at = entry("inclusionProof/checkpoint/envelope");
    let altered = alter(case.bundle.pointer(&at).unwrap().as_str().unwrap());
    case.set(&at, altered)
}

#[test]
fn the_id_of_no_log_beside_a_true_checkpoint() {
    let why = "it finds the log by the hint in the checkpoint";
    logged_by(RekorApi::V2)
        .flip(&entry("logId/keyId"))
        .accepted_by("sigstore-python", why)
        .accepted_by("sigstore-js", why)
        .must_be_refused_by("log");
}

#[test]
fn the_id_of_the_other_log_beside_a_true_checkpoint() {
    let at = entry("logId/keyId");
    let other = Case::file().bundle.pointer(&at).unwrap().clone();
    logged_by(RekorApi::V2)
        .set(&at, other)
        .accepted_by(
            "sigstore-js",
            "it finds the log by the hint in the checkpoint",
        )
        .must_be_refused_by("checkpoint");
}

fn under_another_name(log: RekorApi) -> Case {
    checkpoint(logged_by(log), |text| {
        text.replacen("\u{2014} 127.0.0.1 ", "\u{2014} rekor.example ", 1)
    })
}

#[test]
fn a_checkpoint_signed_under_the_name_of_another_log() {
    let why = "it finds the log by the hint alone";
    under_another_name(RekorApi::V1)
        .accepted_by("cosign", why)
        .accepted_by("cosign2", why)
        .accepted_by("sigstore-python", why)
        .must_be_refused_by("checkpoint");
}

#[test]
fn a_checkpoint_of_api_v2_signed_under_the_name_of_another_log() {
    under_another_name(RekorApi::V2)
        .accepted_by("sigstore-python", "it finds the log by the hint alone")
        .must_be_refused_by("checkpoint");
}

#[test]
fn a_checkpoint_that_goes_on_after_its_signatures() {
    for log in [RekorApi::V1, RekorApi::V2] {
        checkpoint(logged_by(log), |text| {
            format!("{text}\nwhatever somebody adds\n")
        })
        .accepted_by("sigstore-js", "it reads what looks like signatures alone")
        .must_be_refused_by("checkpoint");
    }
}

const CHAIN: &str = "/verificationMaterial/x509CertificateChain/certificates";

#[test]
fn a_certificate_by_an_intermediate_that_the_trusted_root_does_not_list() {
    for format in [Format::V0_1, Format::V0_2] {
        let mut intermediate = json!(null);
        let case = Case::kind(RekorApi::V1, format).trusting(|root| {
            let listed = &mut root["certificateAuthorities"][0]["certChain"]["certificates"];
            intermediate = listed[0].clone();
            *listed = json!([listed[1]]);
        });
        let leaf = case.bundle.pointer(CHAIN).unwrap()[0].clone();
        case.set(CHAIN, json!([leaf, intermediate]))
            .must_be_refused_by("certificate");
    }
}

#[test]
fn something_that_is_no_certificate_beside_the_certificate() {
    let case = Case::kind(RekorApi::V1, Format::V0_1);
    let leaf = case.bundle.pointer(CHAIN).unwrap()[0].clone();
    let why = "it reads the first alone";
    case.set(CHAIN, json!([leaf, {"rawBytes": "AAAA"}]))
        .accepted_by("cosign", why)
        .accepted_by("cosign2", why)
        .accepted_by("sigstore-js", why)
        .must_be_refused_by("certificate");
}

#[test]
fn the_authorities_beside_the_certificate_are_accepted_by_all() {
    let mut chain = json!(null);
    let case = Case::kind(RekorApi::V1, Format::V0_2).trusting(|root| {
        chain = root["certificateAuthorities"][0]["certChain"]["certificates"].clone();
    });
    let leaf = case.bundle.pointer(CHAIN).unwrap()[0].clone();
    case.set(CHAIN, json!([leaf, chain[0], chain[1]]))
        .must_be_accepted();
}
