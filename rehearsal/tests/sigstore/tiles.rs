//! Signatures logged through Rekor's API v2: no promise, and the time is a timestamp authority's.

use rehearsal::sigstore::RekorApi;
use rehearsal::verifiers::{self, Evidence, Identity, Verdict};
use serde_json::Value;
use sigstore_sign::types::Bundle;

use crate::folder::{Folder, accepted, refused};
use crate::rig::{BLOB, PREDICATE, Rig, flipped, identity, job, provenance};

/// The bundles of a file and of its provenance.
async fn signed(rig: &Rig) -> [Bundle; 2] {
    let signer = rig.signer(job(), RekorApi::V2).await;
    let statement = provenance(BLOB);
    [
        signer.sign(BLOB).await.unwrap(),
        signer.sign_raw_statement(&statement).await.unwrap(),
    ]
}

#[tokio::test]
async fn sigstore_verify_accepts_what_sigstore_sign_logged_through_api_v2() {
    let rig = Rig::new();
    for bundle in signed(&rig).await {
        let result = rig.verify(BLOB, &bundle).unwrap();
        assert!(result.tlog_verified() && result.integrated_time().is_none());
        assert!(rig.verify(&flipped(BLOB), &bundle).is_err());

        let bundle: Value = serde_json::from_str(&bundle.to_json().unwrap()).unwrap();
        let entry = &bundle["verificationMaterial"]["tlogEntries"][0];
        assert_eq!(entry["kindVersion"]["version"], "0.0.2");
    }
}

type Ask = fn(&Evidence<'_>, &Identity) -> Verdict;

/// What verifiers, one of blobs and one of attestations, make of what is true.
async fn ask([of_blobs, of_attestations]: [Ask; 2]) -> [Verdict; 2] {
    let rig = Rig::new();
    let folder = Folder::new(&rig);
    folder.put("blob", BLOB);
    let [blob, attestation] = signed(&rig).await;
    folder.put("blob.json", blob.to_json().unwrap());
    folder.put("attestation.json", attestation.to_json().unwrap());
    [
        folder.judge(of_blobs, ("blob", "blob.json"), &identity()),
        folder.judge(of_attestations, ("blob", "attestation.json"), &identity()),
    ]
}

#[tokio::test]
async fn cosign_3_accepts_what_was_logged_through_api_v2() {
    for verdict in ask([verifiers::cosign, verifiers::cosign_attestation]).await {
        accepted("cosign", verdict);
    }
}

#[tokio::test]
async fn sigstore_python_accepts_what_was_logged_through_api_v2() {
    for verdict in ask([verifiers::sigstore_python; 2]).await {
        accepted("sigstore", verdict);
    }
}

#[tokio::test]
async fn cosign_2_does_not_know_api_v2() {
    for verdict in ask([verifiers::cosign2, verifiers::cosign2_attestation]).await {
        refused("cosign2", &verdict, "nil value in transaction log entry");
    }
}

#[tokio::test]
async fn sigstore_js_accepts_a_blob_and_takes_an_envelopes_digest_for_its_payloads() {
    let [blob, attestation] = ask([verifiers::sigstore_js; 2]).await;
    if accepted("@sigstore/verify", blob) {
        refused("@sigstore/verify", &attestation, "digest mismatch");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sigstore_verify_accepts_what_cosign_logged_through_api_v2() {
    let rig = Rig::new();
    let folder = Folder::with_log(&rig, RekorApi::V2);
    folder.put("blob", BLOB);
    folder.put("predicate.json", PREDICATE);
    let attest = [
        "attest-blob",
        "--type",
        "slsaprovenance1",
        "--predicate",
        "predicate.json",
    ];
    for how in [&["sign-blob"][..], &attest] {
        if folder.cosign(how, "bundle.json").is_some() {
            let bundle = Bundle::from_json(&folder.read("bundle.json")).unwrap();
            let result = rig.verify(BLOB, &bundle).unwrap();
            assert!(result.tlog_verified() && result.integrated_time().is_none());
        }
    }
}
