//! What clients sign here, sigstore-verify accepts: it and nothing else.

use std::sync::Arc;

use rehearsal::sigstore::ISSUER;
use serde_json::Value;
use sigstore_sign::types::Bundle;
use sigstore_verify::VerificationPolicy;

use crate::folder::Folder;
use crate::rig::{BLOB, Rig, flipped, identity, job};

#[tokio::test]
async fn sigstore_verify_accepts_what_sigstore_sign_made() {
    let rig = Rig::new();
    let bundle = rig.sign(job(), BLOB).await;
    let result = rig.verify(BLOB, &bundle).unwrap();
    assert!(result.certificate_verified() && result.sct_verified() && result.tlog_verified());
}

#[tokio::test]
async fn sigstore_verify_refuses_a_flipped_bit_another_tag_and_another_root() {
    let rig = Rig::new();
    let bundle = rig.sign(job(), BLOB).await;

    assert!(rig.verify(&flipped(BLOB), &bundle).is_err());

    let other_tag = identity().san.replace("v1.2.3", "v1.2.4");
    let policy = VerificationPolicy::new(other_tag, ISSUER);
    assert!(sigstore_verify::verify(BLOB, &bundle, &policy, &rig.root()).is_err());

    assert!(Rig::new().verify(BLOB, &bundle).is_err());
}

#[tokio::test]
async fn the_certificate_carries_every_claim_of_the_job() {
    let rig = Rig::new();
    let bundle = rig.sign(job(), BLOB).await;
    let result = rig.verify(BLOB, &bundle).unwrap();
    let certificate = result.certificate().unwrap();
    assert_eq!(certificate.issuer.as_deref(), Some(ISSUER));
    let claims = &certificate.ci_claims;
    let workflow = identity().san;
    let repository = "https://github.com/acme/rocket";
    let run = "https://github.com/acme/rocket/actions/runs/4242/attempts/2";
    let commit = &*job().commit;
    for (claim, expected) in [
        (&claims.build_signer_uri, &*workflow),
        (&claims.build_signer_digest, commit),
        (&claims.runner_environment, "github-hosted"),
        (&claims.source_repository_uri, repository),
        (&claims.source_repository_digest, commit),
        (&claims.source_repository_ref, "refs/tags/v1.2.3"),
        (&claims.source_repository_identifier, "1001"),
        (
            &claims.source_repository_owner_uri,
            "https://github.com/acme",
        ),
        (&claims.source_repository_owner_identifier, "77"),
        (&claims.build_config_uri, &*workflow),
        (&claims.build_config_digest, commit),
        (&claims.build_trigger, "push"),
        (&claims.run_invocation_uri, run),
        (&claims.source_repository_visibility_at_signing, "public"),
        (&claims.deployment_environment, "release"),
        (
            &claims.token_subject,
            "repo:acme/rocket:environment:release",
        ),
        (&claims.deprecated_github.workflow_trigger, "push"),
        (&claims.deprecated_github.workflow_sha, commit),
        (&claims.deprecated_github.workflow_name, "Release"),
        (&claims.deprecated_github.workflow_repository, "acme/rocket"),
        (&claims.deprecated_github.workflow_ref, "refs/tags/v1.2.3"),
    ] {
        assert_eq!(claim.as_deref(), Some(expected));
    }
}

#[tokio::test]
async fn ten_signatures_at_once_each_get_a_place_of_their_own_in_the_log() {
    let rig = Arc::new(Rig::new());
    let blobs: Vec<[u8; 4]> = (0..10_u32).map(u32::to_be_bytes).collect();
    let mut signing = tokio::task::JoinSet::new();
    for blob in blobs {
        let rig = rig.clone();
        signing.spawn(async move { (blob, rig.sign(job(), &blob).await) });
    }
    let mut places = Vec::new();
    for (blob, bundle) in signing.join_all().await {
        rig.verify(&blob, &bundle).unwrap();
        let bundle: Value = serde_json::from_str(&bundle.to_json().unwrap()).unwrap();
        let entry = &bundle["verificationMaterial"]["tlogEntries"][0];
        let place = entry["inclusionProof"]["logIndex"].as_str().unwrap();
        places.push(place.parse::<u64>().unwrap());
    }
    places.sort_unstable();
    assert_eq!(places, (1..=10).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn cosign_3_and_2_sign_with_it_as_with_the_public_sigstore() {
    let rig = Rig::new();
    let folder = Folder::new(&rig);
    folder.put("blob", BLOB);
    let how = ["sign-blob"];
    for sign in [Folder::cosign, Folder::cosign2] {
        if sign(&folder, &how, "bundle.json").is_some() {
            let bundle = Bundle::from_json(&folder.read("bundle.json")).unwrap();
            rig.verify(BLOB, &bundle).unwrap();
        }
    }
}
