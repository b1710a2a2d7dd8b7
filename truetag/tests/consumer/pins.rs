//! A project asks for a version, and gets it or is told why not.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::life::ready;
use crate::person::is_root;
use crate::rig::{Ran, Rig, yank};

/// A project's folder that asks for something, and a folder deep in it.
fn project(rig: &Rig, asks: &str) -> PathBuf {
    let deep = rig.path("project/src/deep");
    fs::create_dir_all(&deep).unwrap();
    fs::write(rig.path("project/.rocket.toml"), asks).unwrap();
    deep
}

/// What is on PATH, run in a folder.
fn run_in(rig: &Rig, folder: &Path, arguments: &[&str]) -> Ran {
    let mut command = rig.command(arguments);
    command.current_dir(folder).output().unwrap().into()
}

fn install_in(rig: &Rig, folder: &Path, arguments: &[&str]) -> Ran {
    let mirror = rig.mirror();
    let mut command = rig.command(&["install", "--mirror", &mirror]);
    command.arg("--trusted-root").arg(rig.root());
    command.args(arguments).current_dir(folder);
    command.output().unwrap().into()
}

fn version_in(rig: &Rig, folder: &Path) -> String {
    let ran = run_in(rig, folder, &["--version", "--json"]).expect(0);
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    report["version"].as_str().unwrap().to_owned()
}

#[test]
fn a_project_runs_the_version_that_it_pins_and_everyone_else_the_current_one() {
    let rig = ready();
    rig.upgrade(&[]).expect(0);
    let deep = project(&rig, "version = \"1.0.0\"\n");
    assert_eq!(version_in(&rig, &deep), "1.0.0");
    assert_eq!(rig.version(), "1.1.0");
    let ran = run_in(&rig, &deep, &["which", "--why"]).expect(0);
    let path = rig.home().join("versions/1.0.0/rocket");
    assert!(
        ran.stdout
            .starts_with(&path.canonicalize().unwrap().display().to_string()),
        "{}",
        ran.stdout
    );
    for words in [
        "ROCKET_BIN: not set",
        "asks for version 1.0.0; that version runs",
        "1.1.0 is on trial",
    ] {
        assert!(ran.stdout.contains(words), "{words}: {}", ran.stdout);
    }
    // What is about the home is no project's business.
    let ran = run_in(&rig, &deep, &["status", "--json"]).expect(0);
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(report["program"], "1.1.0");
}

#[test]
fn a_pinned_version_that_is_missing_is_installed_when_asked_to() {
    let rig = ready();
    let deep = project(&rig, "version = \"1.1.0\"\n");
    let ran = run_in(&rig, &deep, &["--version"]).expect(14);
    for words in [
        "asks for 1.1.0, which is not installed",
        "ROCKET_INSTALL_PINNED=1",
        ".rocket.toml",
    ] {
        assert!(ran.stderr.contains(words), "{words}: {}", ran.stderr);
    }
    run_in(&rig, &deep, &["which", "--why"]).expect(14);
    let ran = install_in(&rig, &deep, &[]).expect(0);
    assert!(
        ran.stderr.contains("installed rocket 1.1.0 beside 1.0.0"),
        "{}",
        ran.stderr
    );
    install_in(&rig, &deep, &[]).expect(0);
    assert_eq!(version_in(&rig, &deep), "1.1.0");
    assert_eq!(rig.version(), "1.0.0");
    // A sweep leaves what a project pins, as long as it does.
    rig.run(&["sweep"]).expect(0);
    assert_eq!(version_in(&rig, &deep), "1.1.0");
    project(&rig, "version = \"1.0.0\"\n");
    rig.run(&["sweep"]).expect(0);
    assert!(!rig.home().join("versions/1.1.0").exists());
}

#[test]
fn a_pin_on_a_version_that_does_not_exist_is_a_network_error_with_its_address() {
    let rig = ready();
    let deep = project(&rig, "version = \"9.9.9\"\n");
    let before = rig.snapshot();
    let ran = install_in(&rig, &deep, &[]).expect(10);
    assert!(ran.stderr.contains("v9.9.9/release.json"), "{}", ran.stderr);
    assert_eq!(rig.snapshot(), before);
    let nowhere = rig.path("nowhere");
    fs::create_dir(&nowhere).unwrap();
    let ran = install_in(&rig, &nowhere, &[]).expect(17);
    assert!(ran.stderr.contains(".rocket.toml"), "{}", ran.stderr);
}

#[test]
fn a_pinned_version_that_is_yanked_quarantined_or_below_the_floor_is_refused() {
    let rig = ready();
    rig.publish("1.2.0", "1.2.0", |manifest| {
        manifest.upgrades_from = "1.0.0".parse().unwrap();
    });
    rig.publish_good("0.9.0");
    install_in(&rig, &rig.path(""), &["0.9.0"]).expect(0);
    install_in(&rig, &rig.path(""), &["1.1.0"]).expect(0);
    rig.upgrade(&["--version", "1.2.0"]).expect(0);
    let deep = project(&rig, "version = \"1.1.0\"\n");
    assert_eq!(version_in(&rig, &deep), "1.1.0");
    rig.point("1.2.0", 8, |pointer| pointer.yanked = vec![yank("1.1.0")]);
    rig.upgrade(&[]).expect(0);
    for run in [
        run_in(&rig, &deep, &["--version"]),
        install_in(&rig, &deep, &[]),
    ] {
        let ran = run.expect(14);
        assert!(
            ran.stderr.contains("yanked: it eats files"),
            "{}",
            ran.stderr
        );
    }
    project(&rig, "version = \"0.9.0\"\n");
    let ran = run_in(&rig, &deep, &["--version"]).expect(14);
    assert!(ran.stderr.contains("below 1.0.0"), "{}", ran.stderr);
    rig.run(&["rollback"]).expect(0);
    project(&rig, "version = \"1.2.0\"\n");
    let ran = run_in(&rig, &deep, &["--version"]).expect(14);
    assert!(
        ran.stderr.contains("quarantined: rolled back"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_min_version_that_is_not_met_says_so_and_upgrade_mends_it() {
    let rig = ready();
    let deep = project(&rig, "min_version = \"1.1.0\"\n");
    let ran = run_in(&rig, &deep, &["--version"]).expect(14);
    assert!(
        ran.stderr
            .contains("asks for 1.1.0 or later, and 1.0.0 would run"),
        "{}",
        ran.stderr
    );
    let mirror = rig.mirror();
    let mut upgrade = rig.command(&["upgrade", "--mirror", &mirror]);
    upgrade
        .arg("--trusted-root")
        .arg(rig.root())
        .current_dir(&deep);
    Ran::from(upgrade.output().unwrap()).expect(0);
    assert_eq!(version_in(&rig, &deep), "1.1.0");
}

#[test]
fn a_project_that_follows_a_channel_gets_what_was_installed_for_it() {
    let rig = ready();
    let deep = project(&rig, "channel = \"stable\"\n");
    let ran = run_in(&rig, &deep, &["--version"]).expect(14);
    assert!(ran.stderr.contains("channel stable"), "{}", ran.stderr);
    install_in(&rig, &deep, &[]).expect(0);
    assert_eq!(version_in(&rig, &deep), "1.1.0");
    assert_eq!(rig.version(), "1.0.0");
    rig.run(&["sweep"]).expect(0);
    assert_eq!(version_in(&rig, &deep), "1.1.0");
}

#[test]
fn nothing_installed_for_a_project_is_no_success() {
    let rig = ready();
    rig.upgrade(&[]).expect(0);
    rig.run(&["rollback"]).expect(0);
    let deep = project(&rig, "channel = \"stable\"\n");
    let ran = install_in(&rig, &deep, &[]).expect(14);
    assert!(
        ran.stderr.contains("is quarantined here: rolled back"),
        "{}",
        ran.stderr
    );
    // Nor where the source is behind what was seen.
    rig.point("1.0.0", 6, |_| {});
    let ran = install_in(&rig, &deep, &[]).expect(14);
    assert!(ran.stderr.contains("source is behind"), "{}", ran.stderr);
    run_in(&rig, &deep, &["--version"]).expect(14);
}

#[test]
fn a_projects_file_that_cannot_be_understood_is_named_with_its_line() {
    let rig = ready();
    let deep = project(&rig, "\nversoin = \"1.0.0\"\n");
    let ran = run_in(&rig, &deep, &["--version"]).expect(17);
    for words in ["project/.rocket.toml: line 2", "versoin", "min_version"] {
        assert!(ran.stderr.contains(words), "{words}: {}", ran.stderr);
    }
    // What mends a home still runs there.
    run_in(&rig, &deep, &["status"]).expect(0);
}

#[test]
fn a_folder_that_may_not_be_searched_is_no_project() {
    let rig = ready();
    let folder = rig.path("closed");
    fs::create_dir(&folder).unwrap();
    // As after `sudo -u` in a folder of root's.
    let mut command = Command::new("sh");
    command.args(["-c", "chmod 0 . && exec \"$@\"", "sh"]);
    command.arg(rig.launcher()).arg("--version");
    command.env("HOME", rig.path("nobody")).current_dir(&folder);
    if is_root() {
        fs::set_permissions(rig.path(""), fs::Permissions::from_mode(0o755)).unwrap();
        chown(&folder, Some(65534), None).unwrap();
        command.uid(65534);
    }
    let ran = Ran::from(command.output().unwrap());
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
    assert!(ran.expect(0).stdout.starts_with("rocket 1.0.0"));
    // One that may not be read is one that nobody knows.
    if !is_root() {
        let file = folder.join(".rocket.toml");
        fs::write(&file, "").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o000)).unwrap();
        run_in(&rig, &folder, &["--version"]).expect(16);
    }
}

#[test]
fn a_development_build_runs_in_place_of_everything_and_touches_nothing_of_the_home() {
    let rig = ready();
    let deep = project(&rig, "version = \"9.9.9\"\n");
    // The example without a version in its last line is a development build.
    let build = rig.path("built-rocket");
    let mut program = fs::read(rig.home().join("versions/1.0.0/rocket")).unwrap();
    let name = program.iter().rposition(|byte| *byte == b'r').unwrap();
    program.truncate(name);
    fs::write(&build, program).unwrap();
    fs::set_permissions(&build, fs::Permissions::from_mode(0o755)).unwrap();
    let run = |arguments: &[&str], build: &Path| -> Ran {
        let mut command: Command = rig.command(arguments);
        command.env("ROCKET_BIN", build).current_dir(&deep);
        command.output().unwrap().into()
    };
    let before = rig.snapshot();
    let ran = run(&["--version"], &build).expect(0);
    assert!(ran.stdout.starts_with("rocket unknown"), "{}", ran.stdout);
    for verb in ["upgrade", "rollback", "hold", "unhold", "sweep", "install"] {
        let mut itself = Command::new(&build);
        itself.arg(verb).env("ROCKET_HOME", rig.home());
        let ran = Ran::from(itself.output().unwrap()).expect(17);
        assert!(ran.stderr.contains("development build"), "{}", ran.stderr);
    }
    let ran = run(&["which", "--why"], &build).expect(0);
    assert!(
        ran.stdout.contains("this development build runs"),
        "{}",
        ran.stdout
    );
    assert_eq!(rig.snapshot(), before);
    // Named without a slash, it is the one in the working directory and none on PATH.
    let mut named = rig.command(&["--version"]);
    named
        .env("ROCKET_BIN", "built-rocket")
        .env("PATH", rig.home().join("bin"));
    let ran = Ran::from(named.current_dir(rig.path("")).output().unwrap()).expect(0);
    assert!(ran.stdout.starts_with("rocket unknown"), "{}", ran.stdout);
    // What is about the home is the installed version's.
    run(&["hold"], &build).expect(0);
    run(&["unhold"], &build).expect(0);
    let ran = run(&["--version"], Path::new("/nowhere")).expect(17);
    assert!(
        ran.stderr.contains("ROCKET_BIN names /nowhere"),
        "{}",
        ran.stderr
    );
}
