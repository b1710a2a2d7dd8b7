//! Other people's verifiers accept the true release, and refuse what was made false of it.

use rehearsal::verifiers::{self, Evidence, Identity, Verdict};

use crate::folder::{Folder, accepted};
use crate::rig::{BLOB, Rig, flipped, identity, job};

/// Asks `verifier` of a true release and of three false ones. The rig is gone by then: a bundle
/// proves itself without it.
async fn ask(tool: &str, verifier: fn(&Evidence<'_>, &Identity) -> Verdict) {
    let rig = Rig::new();
    let folder = Folder::new(&rig);
    folder.put("release", BLOB);
    folder.put("flipped", flipped(BLOB));
    for (bundle, blob) in [("release.json", BLOB), ("other.json", b"other")] {
        let signed = rig.sign(job(), blob).await;
        folder.put(bundle, signed.to_json().unwrap());
    }
    drop(rig);

    let judge = |evidence, identity: &Identity| folder.judge(verifier, evidence, identity);
    let release = ("release", "release.json");
    if !accepted(tool, judge(release, &identity())) {
        return;
    }
    let other_tag = Identity {
        san: identity().san.replace("v1.2.3", "v1.2.4"),
        ..identity()
    };
    for (what, evidence, identity) in [
        ("a flipped bit", ("flipped", "release.json"), identity()),
        ("another tag", release, other_tag),
        (
            "another file's bundle",
            ("release", "other.json"),
            identity(),
        ),
    ] {
        let verdict = judge(evidence, &identity);
        assert!(
            matches!(verdict, Verdict::Refused(_)),
            "{tool}, {what}: {verdict:?}"
        );
    }
}

#[tokio::test]
async fn cosign_3_accepts_the_true_release_and_refuses_the_false_ones() {
    ask("cosign", verifiers::cosign).await;
}

#[tokio::test]
async fn cosign_2_accepts_the_true_release_and_refuses_the_false_ones() {
    ask("cosign2", verifiers::cosign2).await;
}

#[tokio::test]
async fn sigstore_python_accepts_the_true_release_and_refuses_the_false_ones() {
    ask("sigstore", verifiers::sigstore_python).await;
}

#[tokio::test]
async fn sigstore_js_accepts_the_true_release_and_refuses_the_false_ones() {
    ask("@sigstore/verify", verifiers::sigstore_js).await;
}
