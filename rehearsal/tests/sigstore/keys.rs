//! Managed keys: whoever verifies has the public key, and the log has it in place of a certificate.

use std::path::Path;

use rehearsal::verifiers::{self, Evidence, Verdict};
use sigstore_sign::crypto::KeyPair;
use sigstore_sign::types::{Bundle, DerPublicKey};
use sigstore_verify::{PublicKeyVerificationPolicy, Verifier};

use crate::folder::{Folder, accepted};
use crate::rig::{BLOB, PREDICATE, Rig};

type ByKey = fn(&Evidence<'_>, &Path) -> Verdict;

/// Everyone accepts `bundle.json` under `cosign.pub` and nobody under `other.pub`.
fn everyone_accepts(rig: &Rig, folder: &Folder, judges: [(&str, ByKey); 2]) {
    let bundle = Bundle::from_json(&folder.read("bundle.json")).unwrap();
    let verify = |key: &str| {
        let key = DerPublicKey::from_pem(&folder.read(key)).unwrap();
        let policy = PublicKeyVerificationPolicy::new(key);
        let verifier = Verifier::new(&rig.root()).unwrap();
        verifier.verify(BLOB, &bundle, &policy)
    };
    assert!(verify("cosign.pub").unwrap().tlog_verified());
    assert!(verify("other.pub").is_err());
    for (tool, judge) in judges {
        let judge = |key: &str| {
            let key = folder.path(key);
            folder.judge(judge, ("blob", "bundle.json"), &*key)
        };
        if accepted(tool, judge("cosign.pub")) {
            assert!(matches!(judge("other.pub"), Verdict::Refused(_)), "{tool}");
        }
    }
}

/// A folder with a pair of keys, and another's public key; `None` without cosign.
fn with_keys(rig: &Rig) -> Option<Folder> {
    let folder = Folder::new(rig);
    folder.put("blob", BLOB);
    folder.put("predicate.json", PREDICATE);
    let other = KeyPair::generate_ecdsa_p256().unwrap();
    folder.put("other.pub", other.public_key_der().unwrap().to_pem());
    folder.done("cosign", &["generate-key-pair"])?;
    Some(folder)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cosign_3_and_2_sign_with_a_key_everyone_accepts_under_that_key_alone() {
    let rig = Rig::new();
    let Some(folder) = with_keys(&rig) else {
        return;
    };
    let how = ["sign-blob", "--key", "cosign.key"];
    let judges: [(&str, ByKey); 2] = [
        ("cosign", verifiers::cosign_by_key),
        ("cosign2", verifiers::cosign2_by_key),
    ];
    for sign in [Folder::cosign, Folder::cosign2] {
        if sign(&folder, &how, "bundle.json").is_some() {
            everyone_accepts(&rig, &folder, judges);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_provenance_that_cosign_signs_with_a_key_everyone_accepts_under_that_key_alone() {
    let rig = Rig::new();
    let Some(folder) = with_keys(&rig) else {
        return;
    };
    let how = [
        "attest-blob",
        "--key",
        "cosign.key",
        "--type",
        "slsaprovenance1",
        "--predicate",
        "predicate.json",
    ];
    folder.cosign(&how, "bundle.json").unwrap();
    let judges: [(&str, ByKey); 2] = [
        ("cosign", verifiers::cosign_attestation_by_key),
        ("cosign2", verifiers::cosign2_attestation_by_key),
    ];
    everyone_accepts(&rig, &folder, judges);
}
