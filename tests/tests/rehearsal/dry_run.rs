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

/// One that runs on the machines of those who develop this, and one that is cross-compiled, whose
/// headers there is most to see in.
pub(crate) const TARGETS: [&str; 2] = [NATIVE, "aarch64-apple-darwin"];
#[cfg(target_arch = "x86_64")]
pub(crate) const NATIVE: &str = "x86_64-unknown-linux-musl";
#[cfg(target_arch = "aarch64")]
pub(crate) const NATIVE: &str = "aarch64-unknown-linux-musl";

pub(crate) fn dry_run() -> &'static DryRun {
    static DRY_RUN: OnceLock<DryRun> = OnceLock::new();
    DRY_RUN.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let mut command = Command::new(env!("CARGO"));
        command.args(["xtask", "dry-run", "--json"]);
        for target in TARGETS {
            command.args(["--target", target]);
        }
        let output = command
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
        "plan",
        "check",
        "build",
        "assemble",
        "sign",
        "verify",
        "publish",
        "verify-public",
    ];
    let (signed, public) = made.split_at(6);
    let promoted = ["promote-beta", "promote-stable", "consume"];
    assert_eq!(
        of(true),
        [signed, &["setup-github", "smoke"], public, &promoted].concat()
    );
    assert_eq!(of(false), [&made[..], &["promote-alpha"]].concat());
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

#[test]
fn every_target_that_was_picked_is_built_examined_and_run_where_it_can_be() {
    let run = dry_run();
    let binaries = run.report["binaries"].as_array().unwrap();
    let built: Vec<_> = binaries
        .iter()
        .map(|built| built["target"].as_str().unwrap())
        .collect();
    let mut picked = TARGETS;
    picked.sort_unstable();
    assert_eq!(built, picked);
    for built in binaries {
        let target = built["target"].as_str().unwrap();
        let ran = &built["ran"];
        assert_eq!(ran["told"].is_string(), target == NATIVE, "{target}: {ran}");
        assert_eq!(ran["not"].is_string(), target != NATIVE, "{target}: {ran}");
        assert_eq!(built["toolchain"]["zig"], run.plan.tools.zig.to_string());
    }
    let not_rehearsed = run.report["not_rehearsed"].as_array().unwrap();
    let names = |what: &str| not_rehearsed.iter().any(|row| row["what"] == what);
    assert!(names("running the program for aarch64-apple-darwin"));
    for left_out in &run.plan.left_out {
        assert!(
            names(left_out.name.as_str()),
            "{} is not named",
            left_out.name
        );
    }
    let others = run
        .plan
        .left_out
        .iter()
        .filter(|asset| asset.target.is_some());
    assert_eq!(
        others.count(),
        run.plan.whole().targets().len() - TARGETS.len()
    );
}

#[test]
fn nothing_of_this_machine_is_in_any_asset() {
    let run = dry_run();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let home = std::env::var("HOME").unwrap();
    let private = [root.to_str().unwrap().to_owned(), format!("{home}/")];
    for file in fs::read_dir(run.folder.join("assets")).unwrap() {
        let file = file.unwrap().path();
        let bytes = fs::read(&file).unwrap();
        for private in &private {
            let found = bytes
                .windows(private.len())
                .any(|window| window == private.as_bytes());
            assert!(!found, "{} holds {private}", file.display());
        }
    }
}
