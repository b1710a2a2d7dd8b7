//! What is wrong with an installation is named with what mends it, and looking changes nothing.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use serde_json::Value;

use crate::life::ready;
use crate::rig::{Ran, Rig, flip};

/// The rows of a home that is on PATH, in front of the tools of this machine.
fn rows(rig: &Rig, code: i32, arguments: &[&str]) -> Vec<Value> {
    let ran = doctor(rig, &[&["--json"], arguments].concat()).expect(code);
    serde_json::from_str(&ran.stdout).unwrap()
}

fn doctor(rig: &Rig, arguments: &[&str]) -> Ran {
    let bin = rig.home().join("bin");
    let mut command = rig.command(&[&["doctor"], arguments].concat());
    for variable in [
        "HTTPS_PROXY",
        "https_proxy",
        "HTTP_PROXY",
        "http_proxy",
        "ALL_PROXY",
    ] {
        command.env_remove(variable);
    }
    command.env("PATH", bin).output().unwrap().into()
}

fn found<'a>(rows: &'a [Value], name: &str) -> &'a Value {
    let row = rows.iter().find(|row| row["name"] == name);
    row.unwrap_or_else(|| panic!("no row {name} in {rows:?}"))
}

#[test]
fn a_home_that_is_well_has_no_bad_row_and_is_not_touched() {
    let rig = ready();
    rig.upgrade(&[]).expect(0);
    rig.pass_trial();
    let before = rig.snapshot();
    let rows = rows(&rig, 0, &[]);
    for row in &rows {
        assert_ne!(row["status"], "bad", "{row}");
        assert!(row["found"].is_string() && row["hard"].is_boolean());
    }
    for name in [
        "owner",
        "home",
        "current",
        "version",
        "launcher",
        "state",
        "project",
        "channel",
        "pointer",
        "keys",
        "clock",
        "leftovers",
        "PATH",
        "disk",
        "permissions",
        "proxies",
        "Claude Code",
        "Codex",
    ] {
        found(&rows, name);
    }
    assert_eq!(rig.snapshot(), before);
    let ran = doctor(&rig, &[]).expect(0);
    assert!(ran.stdout.contains("✓ launcher"), "{}", ran.stdout);
}

#[test]
fn what_is_damaged_is_named_with_the_command_that_mends_it() {
    let rig = ready();
    rig.upgrade(&[]).expect(0);
    rig.pass_trial();
    // The launcher is whole; the version that it stands for is not.
    flip(&rig.home().join("versions/1.0.0/rocket"));
    let listed = rows(&rig, 0, &[]);
    let bad: Vec<_> = listed.iter().filter(|row| row["status"] == "bad").collect();
    assert_eq!(bad.len(), 1, "{bad:?}");
    assert_eq!(bad[0]["mend"], "rocket install 1.0.0");
    fs::remove_file(
        rig.home()
            .join("versions/1.1.0/playbook/truetag-release/SKILL.md"),
    )
    .unwrap();
    let listed = rows(&rig, 18, &[]);
    let mut hard = listed.iter().filter(|row| row["hard"] == true);
    let row = hard.next().unwrap();
    assert_eq!(row["mend"], "rocket install 1.1.0");
    for version in ["1.0.0", "1.1.0"] {
        let mut mend = rig.command(&["install", version, "--mirror", &rig.mirror()]);
        let mended: Ran = mend
            .arg("--trusted-root")
            .arg(rig.root())
            .output()
            .unwrap()
            .into();
        mended.expect(0);
    }
    let listed = rows(&rig, 0, &[]);
    assert!(
        listed.iter().all(|row| row["status"] != "bad"),
        "{listed:?}"
    );
}

#[test]
fn what_can_be_mended_without_loss_is_by_fix() {
    let rig = ready();
    rig.upgrade(&[]).expect(0);
    fs::remove_file(rig.home().join("state/trial")).unwrap();
    let staging = rig.home().join("versions/.staging-killed");
    fs::create_dir(&staging).unwrap();
    let bin = rig.home().join("bin");
    fs::set_permissions(&bin, fs::Permissions::from_mode(0o777)).unwrap();
    let listed = rows(&rig, 18, &[]);
    for name in ["launcher", "leftovers", "permissions"] {
        assert_eq!(found(&listed, name)["status"], "bad", "{name}");
    }
    assert!(staging.exists(), "looking mends nothing");
    let listed = rows(&rig, 0, &["--fix"]);
    assert!(
        listed.iter().all(|row| row["status"] != "bad"),
        "{listed:?}"
    );
    assert!(!staging.exists());
    assert_eq!(bin.metadata().unwrap().permissions().mode() & 0o777, 0o775);
    assert_eq!(
        fs::read(rig.launcher()).unwrap(),
        fs::read(rig.home().join("versions/1.1.0/rocket")).unwrap()
    );
}

#[test]
fn a_program_that_everybody_may_write_to_is_told_and_mended() {
    let rig = ready();
    let version = rig.home().join("versions/1.0.0");
    for path in [version.clone(), version.join("rocket"), rig.launcher()] {
        fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
        let listed = rows(&rig, 18, &[]);
        let words = format!("everybody may write to {}", path.display());
        assert_eq!(found(&listed, "permissions")["found"], words.as_str());
        rows(&rig, 0, &["--fix"]);
        let mode = path.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o775);
    }
}

#[test]
fn a_home_without_a_current_version_and_what_it_remembers_badly_are_told() {
    let rig = ready();
    fs::write(rig.home().join("state/quarantine"), "nonsense\n").unwrap();
    let listed = rows(&rig, 0, &[]);
    let state = found(&listed, "state");
    assert!(
        state["found"]
            .as_str()
            .unwrap()
            .contains("state/quarantine")
    );
    // What is on PATH cannot run without a current version; a copy elsewhere can look.
    fs::write(rig.home().join("current"), "garbage\n").unwrap();
    let mut elsewhere = Command::new(rig.home().join("versions/1.0.0/rocket"));
    let ran: Ran = elsewhere
        .args(["doctor", "--json"])
        .output()
        .unwrap()
        .into();
    let listed: Vec<Value> = serde_json::from_str(&ran.expect(18).stdout).unwrap();
    assert_eq!(found(&listed, "current")["hard"], true);
}

#[test]
fn a_copy_that_shadows_this_one_and_a_wrong_project_are_told() {
    let rig = ready();
    let other = rig.path("other");
    fs::create_dir(&other).unwrap();
    fs::copy(rig.launcher(), other.join("rocket")).unwrap();
    fs::write(rig.path(".rocket.toml"), "version = '9.9.9'").unwrap();
    let path = std::env::join_paths([other, rig.home().join("bin")]).unwrap();
    let mut command = rig.command(&["doctor", "--json"]);
    command.env("PATH", path).current_dir(rig.path(""));
    let ran: Ran = command.output().unwrap().into();
    let listed: Vec<Value> = serde_json::from_str(&ran.expect(0).stdout).unwrap();
    assert!(
        found(&listed, "PATH")["found"]
            .as_str()
            .unwrap()
            .contains("other/rocket")
    );
    assert_eq!(found(&listed, "project")["mend"], "rocket install");
}
