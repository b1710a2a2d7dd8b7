//! The rehearsal that every test here looks at, run once.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use release_plan::{Checksums, Manifest, Plan, Product, sources};
use serde_json::Value;

pub(crate) struct DryRun {
    pub(crate) folder: PathBuf,
    pub(crate) report: Value,
    pub(crate) plan: Plan,
    pub(crate) product: Product,
}

pub(crate) fn dry_run() -> &'static DryRun {
    static DRY_RUN: OnceLock<DryRun> = OnceLock::new();
    DRY_RUN.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let output = Command::new(env!("CARGO"))
            .args(["xtask", "dry-run", "--json"])
            .current_dir(root)
            // A proxy that is down must not matter to what stays on this machine.
            .env("HTTP_PROXY", "http://127.0.0.1:9")
            .output()
            .unwrap();
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}\n{words}", output.status);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let tag = report["tag"].as_str().unwrap();
        let folder = root.join("target/rehearsal").join(tag);
        let plan = Plan::parse(&fs::read(folder.join("plan.json")).unwrap()).unwrap();
        let yaml = fs::read_to_string(root.join("release-plan/product.yaml")).unwrap();
        let product = sources::product("product.yaml", &yaml).unwrap();
        DryRun {
            folder,
            report,
            plan,
            product,
        }
    })
}

impl DryRun {
    pub(crate) fn asset(&self, name: &str) -> PathBuf {
        self.folder.join("assets").join(name)
    }

    /// What is signed: every file that is no bundle.
    pub(crate) fn signed(&self) -> Vec<String> {
        let assets = self.report["assets"].as_array().unwrap();
        let name = |asset: &Value| asset["name"].as_str().unwrap().to_owned();
        assets.iter().map(name).collect()
    }

    pub(crate) fn trusted_root(&self) -> PathBuf {
        self.folder.join("trusted_root.json")
    }
}

#[test]
fn the_report_tells_every_stage_with_its_time_and_what_was_not_rehearsed() {
    let report = &dry_run().report;
    assert_eq!(report["outcome"], "passed");
    let stages = report["stages"].as_array().unwrap();
    let version = report["version"].as_str().unwrap();
    let of = |own: bool| -> Vec<&str> {
        let rows = stages
            .iter()
            .filter(|row| (row["version"] == version) == own);
        rows.map(|row| row["name"].as_str().unwrap()).collect()
    };
    let made = [
        "plan", "check", "build", "assemble", "sign", "verify", "publish", "promote",
    ];
    assert_eq!(of(true), [&made[..], &["consume"]].concat());
    assert_eq!(of(false), made);
    assert!(stages.iter().all(|row| row["seconds"].is_number()));
    assert!(!report["not_rehearsed"].as_array().unwrap().is_empty());
    assert!(!report["checks"].as_array().unwrap().is_empty());
}

#[test]
fn the_manifest_and_the_checksums_list_every_asset_as_the_design_says() {
    let run = dry_run();
    let manifest = Manifest::parse(&fs::read(run.asset("release.json")).unwrap()).unwrap();
    assert_eq!(manifest.plan_sha256, run.plan.digest());
    assert_eq!(manifest.commit, run.plan.source.commit);
    let sums = Checksums::parse(&fs::read(run.asset("SHA256SUMS")).unwrap()).unwrap();
    let summed: Vec<_> = sums.iter().map(|(name, _)| name.to_string()).collect();
    let mut expected: Vec<_> = manifest
        .assets
        .iter()
        .map(|asset| asset.name.to_string())
        .collect();
    expected.push("release.json".to_owned());
    expected.sort();
    assert_eq!(summed, expected);
    let files = fs::read_dir(run.folder.join("assets")).unwrap();
    let mut found: Vec<_> = files
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    found.sort();
    let mut planned: Vec<_> = run.plan.files().iter().map(ToString::to_string).collect();
    planned.sort();
    assert_eq!(found, planned);
}

#[test]
fn the_lines_to_try_yourself_work_as_they_are_printed() {
    let run = dry_run();
    for line in run.report["try_yourself"].as_array().unwrap() {
        let line = line.as_str().unwrap();
        let tool = line.split(' ').next().unwrap();
        if tool == "cd" {
            assert!(Path::new(line[3..].trim_matches('\'')).is_dir());
            continue;
        }
        if !crate::foreign_verifiers::on_path(tool) {
            continue;
        }
        let mut shell = Command::new("sh");
        let status = shell
            .args(["-c", line])
            .current_dir(run.folder.join("assets"))
            .output();
        let output = status.unwrap();
        assert!(
            output.status.success(),
            "{line}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}
