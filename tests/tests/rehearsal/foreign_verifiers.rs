//! Other people's verifiers accept every bundle of a dry-run, and refuse each when the file, the
//! identity or the tag is another.

use std::env;
use std::fs;
use std::path::Path;

use rehearsal::verifiers::{self, Evidence, Identity, Verdict};

use crate::dry_run::{DryRun, dry_run};

type Verifier = fn(&Evidence<'_>, &Identity) -> Verdict;

/// Whether a tool is there; where every tool is required, it must be.
pub(crate) fn on_path(tool: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path).any(|folder| folder.join(tool).is_file());
    if !found {
        verifiers::not_run(tool);
    }
    found
}

fn identity(run: &DryRun) -> Identity {
    let (owner, name) = run.product.repository.slug().unwrap();
    Identity {
        san: run.plan.identity.clone(),
        issuer: run.product.identities.issuer.clone(),
        repository: format!("{owner}/{name}"),
        reference: run.plan.tag.reference(),
        commit: run.plan.source.commit.to_string(),
        trigger: "push".to_owned(),
    }
}

#[track_caller]
fn refused(verdict: Verdict, what: &str) {
    assert!(
        matches!(verdict, Verdict::Refused(_)),
        "{what}: {verdict:?}"
    );
}

fn holds(tool: &str, verify: Verifier) {
    if !on_path(tool) {
        return;
    }
    let run = dry_run();
    let right = identity(run);
    let other_tag = |text: &str| text.replace(&run.plan.tag.to_string(), "v99.0.0");
    let scratch = tempfile::tempdir().unwrap();
    for name in run.signed() {
        let file = run.asset(&name);
        let bundle = run.asset(&format!("{name}.sigstore.json"));
        let trust_config = run.folder.join("client_trust_config.json");
        let trusted_root = run.trusted_root();
        let verdict = |file: &Path, identity: &Identity| {
            let evidence = Evidence {
                file,
                bundle: &bundle,
                trusted_root: &trusted_root,
                trust_config: &trust_config,
            };
            verify(&evidence, identity)
        };
        assert_eq!(verdict(&file, &right), Verdict::Accepted, "{name}");

        let mut bytes = fs::read(&file).unwrap();
        bytes[0] ^= 1;
        let flipped = scratch.path().join(&name);
        fs::write(&flipped, bytes).unwrap();
        refused(
            verdict(&flipped, &right),
            &format!("{name} with a flipped bit"),
        );

        let workflow = right.san.replace("release.yml", "other.yml");
        let other = Identity {
            san: workflow,
            ..right.clone()
        };
        refused(
            verdict(&file, &other),
            &format!("{name} by another workflow"),
        );

        let other = Identity {
            san: other_tag(&right.san),
            reference: other_tag(&right.reference),
            ..right.clone()
        };
        refused(verdict(&file, &other), &format!("{name} for another tag"));
    }
}

#[test]
fn cosign_3_accepts_every_bundle_and_refuses_another_file_identity_or_tag() {
    holds("cosign", verifiers::cosign);
}

#[test]
fn cosign_2_accepts_every_bundle_and_refuses_another_file_identity_or_tag() {
    holds("cosign2", verifiers::cosign2);
}

#[test]
fn sigstore_python_accepts_every_bundle_and_refuses_another_file_identity_or_tag() {
    holds("sigstore", verifiers::sigstore_python);
}

/// Every archive has provenance that `verify` accepts, and no other file has.
fn holds_of_provenance(tool: &str, verify: Verifier) {
    if !on_path(tool) {
        return;
    }
    let run = dry_run();
    let right = identity(run);
    let other = Identity {
        commit: "0".repeat(40),
        ..right.clone()
    };
    let archives: Vec<_> = run.plan.archives().map(|asset| &asset.name).collect();
    for name in run.signed() {
        let verdict = |identity: &Identity| {
            let evidence = Evidence {
                file: &run.asset(&name),
                bundle: &run.asset(run.plan.provenance().as_str()),
                trusted_root: &run.trusted_root(),
                trust_config: &run.folder.join("client_trust_config.json"),
            };
            verify(&evidence, identity)
        };
        if archives.iter().any(|archive| archive.as_str() == name) {
            assert_eq!(verdict(&right), Verdict::Accepted, "{name}");
            refused(verdict(&other), &format!("{name} of another commit"));
        } else {
            refused(verdict(&right), &name);
        }
    }
}

#[test]
fn cosign_3_accepts_the_provenance_of_every_archive_and_of_nothing_else() {
    holds_of_provenance("cosign", verifiers::cosign_attestation);
}

#[test]
fn cosign_2_accepts_the_provenance_of_every_archive_and_of_nothing_else() {
    holds_of_provenance("cosign2", verifiers::cosign2_attestation);
}

#[test]
fn sigstore_python_accepts_the_provenance_of_every_archive_and_of_nothing_else() {
    holds_of_provenance("sigstore", verifiers::sigstore_python);
}
