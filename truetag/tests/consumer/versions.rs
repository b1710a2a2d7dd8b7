//! Several versions in one home: listed, held, swept.

use std::fs;

use serde_json::{Value, json};

use crate::life::ready;
use crate::rig::Rig;

fn versions(rig: &Rig) -> Value {
    let ran = rig.run(&["versions", "--json"]).expect(0);
    serde_json::from_str(&ran.stdout).unwrap()
}

#[test]
fn what_each_version_is_here_can_be_read_by_people_and_programs() {
    let rig = ready();
    rig.upgrade(&[]).expect(0);
    rig.run(&["hold", "--reason", "the demo is on Friday"])
        .expect(0);
    let listed = versions(&rig);
    assert_eq!(listed[0]["version"], "1.0.0");
    assert_eq!(listed[0]["previous"], true);
    assert_eq!(listed[1]["current"], true);
    assert_eq!(listed[1]["on_trial"], true);
    assert_eq!(listed[1]["held"], "the demo is on Friday");
    assert!(listed[1]["signed_at"].is_string());
    rig.run(&["rollback"]).expect(0);
    let ran = rig.run(&["versions"]).expect(0);
    assert!(
        ran.stdout.contains("1.1.0        quarantined: rolled back"),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout.contains("1.0.0        current, held: the demo"),
        "{}",
        ran.stdout
    );
}

#[test]
fn a_hold_is_never_undone_but_by_unhold() {
    let rig = ready();
    rig.run(&["hold", "--reason", "the demo"]).expect(0);
    for arguments in [&[][..], &["--version", "1.1.0"], &["--dry-run"]] {
        let ran = rig.upgrade(arguments).expect(14);
        assert!(
            ran.stderr.contains("held at 1.0.0: the demo"),
            "{}",
            ran.stderr
        );
    }
    rig.install_with(&["sh"], "1.1.0").expect(14);
    assert_eq!(rig.version(), "1.0.0");
    // Installing the same once more mends a home, and leaves the hold.
    rig.install("1.0.0");
    rig.upgrade(&[]).expect(14);
    rig.run(&["unhold"]).expect(0);
    rig.upgrade(&[]).expect(0);
    rig.run(&["hold"]).expect(0);
    // Going back is a person's word; what is held is then the version before.
    rig.run(&["rollback"]).expect(0);
    assert_eq!(rig.version(), "1.0.0");
    rig.upgrade(&["--version", "1.1.0"]).expect(14);
    rig.run(&["unhold"]).expect(0);
    let ran = rig.run(&["unhold"]).expect(0);
    assert!(ran.stderr.contains("was not held"), "{}", ran.stderr);
}

#[test]
fn a_sweep_takes_what_nobody_needs_and_passing_a_trial_does_so_too() {
    let rig = ready();
    for version in ["1.2.0", "1.3.0"] {
        rig.publish_good(version);
    }
    for version in ["1.1.0", "1.2.0"] {
        rig.upgrade(&["--version", version]).expect(0);
        rig.pass_trial();
    }
    assert!(!rig.home().join("versions/1.0.0").exists(), "it was swept");
    let installed = rig
        .command(&["install", "1.0.0", "--mirror", &rig.mirror()])
        .arg("--trusted-root")
        .arg(rig.root())
        .output()
        .unwrap();
    assert!(installed.status.success());
    rig.upgrade(&["--version", "1.3.0"]).expect(0);
    let before = rig.snapshot();
    let ran = rig.run(&["sweep", "--dry-run", "--json"]).expect(0);
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(report["swept"], json!(["1.1.0"]));
    let mut after = rig.snapshot();
    // That run counted for the trial.
    after.remove(std::path::Path::new("state/trial"));
    let mut expected = before;
    expected.remove(std::path::Path::new("state/trial"));
    assert_eq!(after, expected);
    let ran = rig.run(&["sweep"]).expect(0);
    assert!(ran.stdout.contains("1.1.0        gone"), "{}", ran.stdout);
    assert!(
        ran.stdout
            .contains("1.0.0        stays: it was asked for by name"),
        "{}",
        ran.stdout
    );
    let left: Vec<_> = fs::read_dir(rig.home().join("versions")).unwrap().collect();
    assert_eq!(left.len(), 3);
}

#[test]
fn a_dry_run_tells_what_would_be_done_and_changes_nothing() {
    let rig = ready();
    let before = rig.snapshot();
    let ran = rig.upgrade(&["--dry-run", "--json"]).expect(0);
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(
        report,
        json!({"from": "1.0.0", "to": "1.1.0", "changed": false, "dry_run": true, "reason": null})
    );
    assert!(
        ran.stderr
            .contains("would upgrade rocket from 1.0.0 to 1.1.0")
    );
    rig.upgrade(&["--dry-run", "--version", "9.0.0"]).expect(10);
    assert_eq!(rig.snapshot(), before);
    let ran = rig.upgrade(&["--json"]).expect(0);
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(report["changed"], true);
    let ran = rig.upgrade(&["--json"]).expect(0);
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(report["changed"], false);
    assert!(
        report["reason"]
            .as_str()
            .unwrap()
            .starts_with("nothing new")
    );
}

#[test]
fn what_a_home_remembers_badly_is_named_and_runs_go_on() {
    let rig = ready();
    rig.upgrade(&[]).expect(0);
    for name in ["trial", "quarantine", "yanked", "selected"] {
        let file = rig.home().join("state").join(name);
        let was = fs::read(&file).ok();
        fs::write(&file, "nonsense\n").unwrap();
        assert_eq!(rig.version(), "1.1.0", "{name}");
        let ran = rig.run(&["versions"]).expect(17);
        assert!(
            ran.stderr.contains(&format!("state/{name}: expected")),
            "{}",
            ran.stderr
        );
        match was {
            Some(was) => fs::write(&file, was).unwrap(),
            None => fs::remove_file(&file).unwrap(),
        }
    }
}
