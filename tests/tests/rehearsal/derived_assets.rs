//! What package managers and auditors read of a dry-run: it tells of the very bytes that ship.

use std::fs;

use release_plan::{Checksums, Target};
use serde_json::Value;

use crate::dry_run::{DryRun, TARGETS, dry_run};

/// Digest of an asset, as `SHA256SUMS` has it.
fn digest(run: &DryRun, name: &str) -> String {
    let sums = Checksums::parse(&fs::read(run.asset("SHA256SUMS")).unwrap()).unwrap();
    let mut lines = sums
        .iter()
        .map(|(name, digest)| (name.to_string(), digest.to_string()));
    lines.find(|(listed, _)| listed == name).unwrap().1
}

/// Whether the dry-run made an asset; it leaves out what its tool is missing for.
fn is_made(run: &DryRun, name: &str) -> bool {
    let made = run.asset(name).is_file();
    if !made {
        rehearsal::verifiers::not_run(&format!("what makes {name}"));
    }
    made
}

fn json(run: &DryRun, name: &str) -> Value {
    serde_json::from_slice(&fs::read(run.asset(name)).unwrap()).unwrap()
}

#[test]
fn ruby_loads_the_formula_and_finds_our_archives_and_digests_in_it() {
    let run = dry_run();
    let product = &run.product.name;
    let formula = run.asset(&format!("{product}.rb"));
    if !is_made(run, &format!("{product}.rb")) {
        return;
    }
    for target in TARGETS {
        let cpu = if target.starts_with("aarch64") {
            "arm"
        } else {
            "intel"
        };
        let os = if target.contains("darwin") {
            "mac"
        } else {
            "linux"
        };
        let archive = format!("{product}-{target}.tar.gz");
        let unpacked = tempfile::tempdir().unwrap();
        for name in [product, "README.md", "LICENSE-MIT", "LICENSE-APACHE"] {
            fs::write(unpacked.path().join(name), "").unwrap();
        }
        let Some(said) = rehearsal::formula::evaluate(&formula, (os, cpu), unpacked.path()) else {
            return rehearsal::verifiers::not_run("ruby");
        };
        let said = said.unwrap();
        let base = format!("{}/releases/download/{}", run.plan.repository, run.plan.tag);
        assert_eq!(said["url"], format!("{base}/{archive}"));
        assert_eq!(said["sha256"], digest(run, &archive));
        assert_eq!(said["version"], run.plan.version.to_string());
    }
}

#[test]
fn the_manifest_of_cargo_dist_names_our_archives_with_their_digests() {
    let run = dry_run();
    if !is_made(run, "dist-manifest.json") {
        return;
    }
    let artifacts = json(run, "dist-manifest.json")["artifacts"].clone();
    for target in TARGETS {
        let name = format!("{}-{target}.tar.gz", run.product.name);
        let artifact = &artifacts[&name];
        assert_eq!(
            artifact["checksums"]["sha256"],
            digest(run, &name),
            "{artifact}"
        );
        assert_eq!(artifact["target_triples"], serde_json::json!([target]));
    }
}

#[test]
fn the_bill_of_materials_lists_what_is_compiled_in_with_versions_and_licences() {
    let run = dry_run();
    let name = format!("{}.cdx.json", run.product.name);
    if !is_made(run, &name) {
        return;
    }
    let bom = json(run, &name);
    assert_eq!(bom["bomFormat"], "CycloneDX");
    let root = &bom["metadata"]["component"];
    assert_eq!(root["name"], run.product.name);
    assert_eq!(root["version"], run.plan.version.to_string());
    let components = bom["components"].as_array().unwrap();
    let listed = |name: &str| {
        components
            .iter()
            .find(|component| component["name"] == name)
    };
    for name in ["ureq", "rustls", "clap", "release-plan", "trust"] {
        let component = listed(name).unwrap_or_else(|| panic!("{name} is not listed"));
        assert!(component["licenses"][0].is_object(), "{component}");
    }
    for name in ["git2", "octocrab", "rehearsal", "xtask"] {
        assert!(listed(name).is_none(), "{name} is not in the program");
    }
}

#[test]
fn the_release_tells_what_made_the_program_for_each_target() {
    let run = dry_run();
    let manifest = json(run, "release.json");
    let toolchains = manifest["toolchains"].as_object().unwrap();
    let targets: Vec<&str> = toolchains.keys().map(String::as_str).collect();
    let planned: Vec<Target> = run.plan.targets();
    assert_eq!(
        targets,
        planned.iter().map(Target::as_str).collect::<Vec<_>>()
    );
    for made in toolchains.values() {
        let rustc = made["rustc"].as_str().unwrap();
        assert!(
            rustc.starts_with(&format!("rustc {} ", run.plan.tools.rust)),
            "{rustc}"
        );
        assert_eq!(made["zig"], run.plan.tools.zig.to_string());
        assert!(
            made["std"] == "prebuilt" || made["std"] == "source",
            "{made}"
        );
    }
}
