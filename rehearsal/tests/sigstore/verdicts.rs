//! Other people's verifiers accept the true release, and refuse what was made false of it.

use std::fs;
use std::path::{Path, PathBuf};

use rehearsal::verifiers::{self, Evidence, Identity, Verdict};
use tempfile::TempDir;

use crate::rig::{BLOB, Rig, flipped, identity, job};

/// A signed file and a second one beside it, laid out for verifiers that read files.
struct Folder {
    folder: TempDir,
}

impl Folder {
    async fn new() -> Self {
        let rig = Rig::new();
        let folder = TempDir::new().unwrap();
        let put = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
        put(
            "trusted_root.json",
            rig.sigstore.trusted_root_json(&rig.url()).as_bytes(),
        );
        put(
            "trust_config.json",
            rig.sigstore.client_trust_config_json(&rig.url()).as_bytes(),
        );
        put("release", BLOB);
        put("flipped", &flipped(BLOB));
        for (bundle, blob) in [
            ("release.sigstore.json", BLOB),
            ("other.sigstore.json", b"other"),
        ] {
            let signed = rig.sign(job(), blob).await;
            put(bundle, signed.to_json().unwrap().as_bytes());
        }
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Asks `verifier` of a true release and of three false ones. Rig and port are gone by then:
    /// a bundle proves itself without them.
    fn ask(&self, tool: &str, verifier: fn(&Evidence<'_>, &Identity) -> Verdict) {
        let ask = |file: &Path, bundle: &Path, identity: &Identity| {
            let evidence = Evidence {
                file,
                bundle,
                trusted_root: &self.path("trusted_root.json"),
                trust_config: &self.path("trust_config.json"),
            };
            verifier(&evidence, identity)
        };
        let (release, bundle) = (self.path("release"), self.path("release.sigstore.json"));
        match ask(&release, &bundle, &identity()) {
            Verdict::Accepted => {}
            Verdict::NotInstalled => return verifiers::not_run(tool),
            Verdict::Refused(words) => panic!("{tool} refused a true release: {words}"),
        }
        let other_tag = Identity {
            san: identity().san.replace("v1.2.3", "v1.2.4"),
            ..identity()
        };
        for (what, verdict) in [
            (
                "a flipped bit",
                ask(&self.path("flipped"), &bundle, &identity()),
            ),
            ("another tag", ask(&release, &bundle, &other_tag)),
            (
                "another file's bundle",
                ask(&release, &self.path("other.sigstore.json"), &identity()),
            ),
        ] {
            assert!(
                matches!(verdict, Verdict::Refused(_)),
                "{tool}, {what}: {verdict:?}"
            );
        }
    }
}

#[tokio::test]
async fn cosign_3_accepts_the_true_release_and_refuses_the_false_ones() {
    Folder::new().await.ask("cosign", verifiers::cosign);
}

#[tokio::test]
async fn cosign_2_accepts_the_true_release_and_refuses_the_false_ones() {
    Folder::new().await.ask("cosign2", verifiers::cosign2);
}

#[tokio::test]
async fn sigstore_python_accepts_the_true_release_and_refuses_the_false_ones() {
    Folder::new()
        .await
        .ask("sigstore", verifiers::sigstore_python);
}

#[tokio::test]
async fn sigstore_js_accepts_the_true_release_and_refuses_the_false_ones() {
    Folder::new()
        .await
        .ask("@sigstore/verify", verifiers::sigstore_js);
}
