//! Attestations: an in-toto statement in a DSSE envelope, by the job that built the file.

use rehearsal::verifiers::{self, Evidence, Identity, Verdict};
use sigstore_sign::types::Bundle;

use crate::folder::{Folder, accepted};
use crate::rig::{BLOB, PREDICATE, Rig, flipped, identity, job, provenance};

#[tokio::test]
async fn sigstore_verify_accepts_the_provenance_of_this_file_and_of_no_other() {
    let rig = Rig::new();
    let bundle = rig.attest(job(), &provenance(BLOB)).await;
    let result = rig.verify(BLOB, &bundle).unwrap();
    assert!(result.certificate_verified() && result.sct_verified() && result.tlog_verified());
    assert!(rig.verify(&flipped(BLOB), &bundle).is_err());
}

/// Asks `verifier` of the provenance of a file, and of what is false about it.
async fn ask(
    tool: &str,
    verifier: fn(&Evidence<'_>, &Identity) -> Verdict,
    knows_the_subject: bool,
) {
    let rig = Rig::new();
    let folder = Folder::new(&rig);
    folder.put("blob", BLOB);
    folder.put("flipped", flipped(BLOB));
    let bundle = rig.attest(job(), &provenance(BLOB)).await;
    folder.put("bundle.json", bundle.to_json().unwrap());
    let judge = |file, identity: &Identity| folder.judge(verifier, (file, "bundle.json"), identity);
    if !accepted(tool, judge("blob", &identity())) {
        return;
    }
    let other_tag = Identity {
        san: identity().san.replace("v1.2.3", "v1.2.4"),
        ..identity()
    };
    assert!(matches!(judge("blob", &other_tag), Verdict::Refused(_)));
    let of_another_file = judge("flipped", &identity());
    assert_eq!(
        matches!(of_another_file, Verdict::Refused(_)),
        knows_the_subject
    );
}

#[tokio::test]
async fn cosign_3_accepts_the_provenance_of_this_file_and_of_no_other() {
    ask("cosign", verifiers::cosign_attestation, true).await;
}

#[tokio::test]
async fn cosign_2_accepts_the_provenance_of_this_file_and_of_no_other() {
    ask("cosign2", verifiers::cosign2_attestation, true).await;
}

#[tokio::test]
async fn sigstore_python_accepts_the_provenance_of_this_file_and_of_no_other() {
    ask("sigstore", verifiers::sigstore_python, true).await;
}

#[tokio::test]
async fn sigstore_js_accepts_the_envelope_and_leaves_the_file_to_its_caller() {
    ask("@sigstore/verify", verifiers::sigstore_js, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sigstore_verify_accepts_the_provenance_that_cosign_3_and_2_made() {
    let rig = Rig::new();
    let folder = Folder::new(&rig);
    folder.put("blob", BLOB);
    folder.put("predicate.json", PREDICATE);
    let how = [
        "attest-blob",
        "--type",
        "slsaprovenance1",
        "--predicate",
        "predicate.json",
    ];
    for sign in [Folder::cosign, Folder::cosign2] {
        if sign(&folder, &how, "bundle.json").is_some() {
            let bundle = Bundle::from_json(&folder.read("bundle.json")).unwrap();
            rig.verify(BLOB, &bundle).unwrap();
        }
    }
}
