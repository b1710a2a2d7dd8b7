//! A program's life: installed, upgraded, rolled back.

use std::fs;
use std::fs::File;
use std::thread;
use std::time::{Duration, Instant};

use release_plan::Sha256;
use serde_json::Value;

use crate::rig::{Rig, files, flip};

/// A rig with 1.0.0 installed, and 1.1.0 published and pointed at.
pub(crate) fn ready() -> Rig {
    let rig = Rig::new();
    rig.publish_good("1.0.0");
    rig.publish_good("1.1.0");
    rig.install("1.0.0");
    rig.point("1.1.0", 7, |_| {});
    rig
}

fn status(rig: &Rig) -> Value {
    let ran = rig.run(&["status", "--json"]).expect(0);
    serde_json::from_str(&ran.stdout).unwrap()
}

#[test]
fn a_release_is_installed_upgraded_and_rolled_back() {
    let rig = ready();
    assert_eq!(rig.version(), "1.0.0");
    let launcher = fs::read(rig.launcher()).unwrap();

    let ran = rig.upgrade(&[]).expect(0);
    assert!(ran.stderr.contains("from 1.0.0 to 1.1.0"), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("not the public Sigstore's"),
        "{}",
        ran.stderr
    );
    assert_eq!(rig.version(), "1.1.0");
    assert_eq!(fs::read(rig.launcher()).unwrap(), launcher);
    let after = status(&rig);
    assert_eq!(after["current"], "1.1.0");
    assert_eq!(after["previous"], "1.0.0");
    assert_eq!(after["installed"], serde_json::json!(["1.0.0", "1.1.0"]));
    assert_eq!(after["sequence"], 7);
    assert_eq!(after["channel"], "stable");
    assert_eq!(after["program"], "1.1.0");
    assert!(
        rig.home()
            .join("versions/1.1.0/playbook/truetag-release/SKILL.md")
            .exists()
    );

    rig.pass_trial();
    let before = rig.snapshot();
    let ran = rig.upgrade(&[]).expect(0);
    assert!(ran.stderr.contains("nothing new: 1.1.0"), "{}", ran.stderr);
    assert_eq!(rig.snapshot(), before);

    let ran = rig.run(&["rollback"]).expect(0);
    assert!(ran.stderr.contains("from 1.1.0 to 1.0.0"), "{}", ran.stderr);
    assert_eq!(rig.version(), "1.0.0");
    assert_eq!(status(&rig)["previous"], Value::Null);
}

#[test]
fn what_was_rolled_back_from_comes_back_by_name_or_with_a_newer_version_and_not_by_itself() {
    let rig = ready();
    rig.upgrade(&[]).expect(0);
    rig.run(&["rollback"]).expect(0);
    for _ in 0..2 {
        let ran = rig.upgrade(&[]).expect(0);
        let words = "1.1.0, which the stable pointer selects, is quarantined here: rolled back";
        assert!(ran.stderr.contains(words), "{}", ran.stderr);
        assert_eq!(rig.version(), "1.0.0");
    }
    rig.run(&["rollback"]).expect(17);
    rig.upgrade(&["--version", "1.1.0"]).expect(0);
    assert_eq!(rig.version(), "1.1.0");
    assert!(!rig.home().join("state/quarantine").exists());
    rig.run(&["rollback"]).expect(0);
    rig.publish_good("1.2.0");
    rig.point("1.2.0", 8, |_| {});
    rig.upgrade(&[]).expect(0);
    assert_eq!(rig.version(), "1.2.0");
    assert!(!rig.home().join("state/quarantine").exists());
}

#[test]
fn a_version_that_is_installed_already_is_activated_without_its_archive() {
    let rig = ready();
    rig.upgrade(&[]).expect(0);
    rig.run(&["rollback"]).expect(0);
    fs::remove_file(rig.archive("1.1.0")).unwrap();
    rig.upgrade(&["--version", "1.1.0"]).expect(0);
    assert_eq!(rig.version(), "1.1.0");
}

#[test]
fn a_version_that_was_altered_on_disk_is_installed_anew() {
    let rig = ready();
    rig.upgrade(&[]).expect(0);
    let whole = files(&rig.home().join("versions/1.1.0"));
    rig.run(&["rollback"]).expect(0);
    flip(&rig.home().join("versions/1.1.0/rocket"));
    rig.upgrade(&["--version", "1.1.0"]).expect(0);
    assert_eq!(files(&rig.home().join("versions/1.1.0")), whole);
    assert_eq!(rig.version(), "1.1.0");
}

#[test]
fn a_version_altered_on_disk_is_not_rolled_back_to() {
    let rig = ready();
    rig.run(&["rollback"]).expect(17);
    rig.upgrade(&[]).expect(0);
    flip(&rig.home().join("versions/1.0.0/rocket"));
    rig.run(&["rollback"]).expect(11);
    assert_eq!(rig.version(), "1.1.0");
}

#[test]
fn a_fresh_install_and_an_upgrade_past_its_trial_leave_the_same_home() {
    let rig = ready();
    // All but what an upgrade remembers of the way there, and the version that it can go back to.
    let home = || {
        let mut files = rig.snapshot();
        files.retain(|path, _| !path.starts_with("versions/1.0.0") && !path.starts_with("state"));
        files
    };
    rig.upgrade(&[]).expect(0);
    rig.pass_trial();
    let upgraded = home();
    fs::remove_dir_all(rig.home()).unwrap();
    rig.install("1.1.0");
    assert_eq!(home(), upgraded);
}

#[test]
fn installing_twice_changes_nothing_and_installing_over_damage_mends_it() {
    let rig = ready();
    let before = rig.snapshot();
    rig.install("1.0.0");
    assert_eq!(rig.snapshot(), before);
    for damaged in ["versions/1.0.0/rocket", "bin/rocket", "current"] {
        flip(&rig.home().join(damaged));
        rig.install("1.0.0");
        assert_eq!(rig.snapshot(), before, "{damaged}");
    }
    rig.install("1.1.0");
    assert_eq!(rig.version(), "1.1.0");
    rig.install_with(&["sh"], "1.0.0").expect(15);
    assert_eq!(rig.version(), "1.1.0");
}

#[test]
fn a_version_asked_for_by_name_needs_no_pointer() {
    let rig = ready();
    fs::remove_file(rig.pointer()).unwrap();
    rig.upgrade(&["--version", "1.1.0"]).expect(0);
    assert_eq!(rig.version(), "1.1.0");
    rig.upgrade(&["--version", "1.0.0"]).expect(15);
    rig.upgrade(&["--version", "1.0.0", "--allow-downgrade"])
        .expect(0);
    assert_eq!(rig.version(), "1.0.0");
    rig.upgrade(&["--version", "2.0.0"]).expect(10);
    rig.upgrade(&["--version", "2.0.0+build"]).expect(17);
}

#[test]
fn a_home_in_use_is_not_written() {
    let rig = ready();
    let lock = File::open(rig.home().join("state/lock")).unwrap();
    lock.lock().unwrap();
    let before = rig.snapshot();
    thread::scope(|scope| {
        scope.spawn(|| {
            let ran = rig.upgrade(&[]).expect(12);
            assert!(ran.stderr.contains("waiting for"), "{}", ran.stderr);
        });
        scope.spawn(|| rig.run(&["rollback"]).expect(12));
        scope.spawn(|| rig.install_with(&["sh"], "1.1.0").expect(12));
    });
    assert_eq!(rig.snapshot(), before);
    rig.run(&["status"]).expect(0);
}

#[test]
fn a_corrupt_current_is_named_and_nothing_loops() {
    let rig = ready();
    for (current, code) in [("", 17), ("garbage\n", 17), ("9.9.9\n", 17), ("1.0.0\n", 0)] {
        fs::write(rig.home().join("current"), current).unwrap();
        let ran = rig.run(&["status"]).expect(code);
        assert!(
            code == 0 || ran.stderr.contains("home/current"),
            "{}",
            ran.stderr
        );
    }
    fs::remove_file(rig.home().join("current")).unwrap();
    rig.run(&["--version"]).expect(17);
}

#[test]
fn an_interrupted_run_leaves_nothing_and_exits_130() {
    let rig = ready();
    rig.publish("1.2.0", "1.2.0 hangs prepare", |_| {});
    let before = rig.snapshot();
    let mut command = rig.command(&["upgrade", "--version", "1.2.0", "--mirror", &rig.mirror()]);
    let mut child = command
        .arg("--trusted-root")
        .arg(rig.root())
        .spawn()
        .unwrap();
    let versions = rig.home().join("versions");
    let staged = || {
        let mut entries = fs::read_dir(&versions).unwrap();
        entries.any(|entry| {
            entry.unwrap().path().join("receipt.json").exists()
                && fs::read_dir(&versions).unwrap().count() > 1
        })
    };
    let start = Instant::now();
    while !staged() {
        assert!(
            start.elapsed() < Duration::from_secs(15),
            "it was never staged"
        );
        thread::sleep(Duration::from_millis(5));
    }
    let id = child.id().to_string();
    let signal = std::process::Command::new("kill")
        .args(["-INT", &id])
        .status();
    assert!(signal.unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(rig.snapshot(), before);
}

/// Every version in the home is whole, and the one on PATH is one of them.
fn assert_whole(rig: &Rig, at: &str) {
    for entry in fs::read_dir(rig.home().join("versions")).unwrap() {
        let folder = entry.unwrap().path();
        if folder.to_string_lossy().contains("/.staging-") {
            continue;
        }
        let receipt = fs::read(folder.join("receipt.json")).unwrap();
        let receipt: Value = serde_json::from_slice(&receipt).unwrap();
        let program = Sha256::of(&fs::read(folder.join("rocket")).unwrap());
        assert_eq!(receipt["executable_sha256"], program.to_string(), "{at}");
        assert!(
            folder.join("playbook/truetag-release/SKILL.md").exists(),
            "{at}"
        );
    }
    let version = rig.version();
    assert!(["1.0.0", "1.1.0"].contains(&&*version), "{at}: {version}");
}

#[test]
fn an_upgrade_killed_at_one_moment_or_another_leaves_whole_versions_and_the_next_completes() {
    let rig = ready();
    let mut delay = Duration::ZERO;
    loop {
        let mut command = rig.command(&["upgrade", "--mirror", &rig.mirror()]);
        let mut child = command
            .arg("--trusted-root")
            .arg(rig.root())
            .spawn()
            .unwrap();
        thread::sleep(delay);
        let ended = child.try_wait().unwrap().is_some();
        child.kill().unwrap();
        child.wait().unwrap();
        assert_whole(&rig, &format!("{delay:?}"));
        if ended {
            break;
        }
        delay += Duration::from_millis(20);
    }
    assert!(
        delay > Duration::from_millis(40),
        "it ended too soon to be killed at all"
    );
    rig.upgrade(&[]).expect(0);
    assert_eq!(rig.version(), "1.1.0");
}

#[test]
fn of_upgrades_rollbacks_and_runs_at_once_none_fails_that_need_not() {
    let rig = ready();
    thread::scope(|scope| {
        for number in 0..32 {
            let rig = &rig;
            scope.spawn(move || match number % 4 {
                0 => rig.upgrade(&[]).expect(0),
                1 => rig.upgrade(&["--version", "1.1.0"]).expect(0),
                // One that comes too early has nothing to go back to.
                2 => {
                    let ran = rig.run(&["rollback"]);
                    let code = ran.code;
                    assert!([Some(0), Some(17)].contains(&code), "{}", ran.stderr);
                    ran
                }
                _ => rig.run(&["--version"]).expect(0),
            });
        }
    });
    assert_whole(&rig, "at once");
    rig.upgrade(&["--version", "1.1.0"]).expect(0);
    assert_eq!(rig.version(), "1.1.0");
}

#[test]
fn what_a_killed_run_left_is_swept_by_the_next() {
    let rig = ready();
    let staging = rig.home().join("versions/.staging-killed");
    fs::create_dir(&staging).unwrap();
    fs::write(staging.join("rocket"), "half").unwrap();
    rig.upgrade(&[]).expect(0);
    assert!(!staging.exists());
}

#[test]
fn the_home_is_found_from_the_executable_and_the_variable_moves_it() {
    let rig = ready();
    let home = |ran: crate::rig::Ran| {
        let report: Value = serde_json::from_str(&ran.expect(0).stdout).unwrap();
        report["home"].as_str().unwrap().to_owned()
    };
    let own = rig.home().canonicalize().unwrap().display().to_string();
    assert_eq!(home(rig.run(&["status", "--json"])), own);
    let mut moved = rig.command(&["status", "--json"]);
    let moved = moved.env("ROCKET_HOME", "/elsewhere").output().unwrap();
    assert_eq!(home(moved.into()), "/elsewhere");
}

#[test]
fn no_home_is_looked_for_below_the_working_directory() {
    let rig = ready();
    let around = rig.home().parent().unwrap().to_owned();
    // As where no shell has made a path of the tilde.
    std::os::unix::fs::symlink(&around, rig.path("~")).unwrap();
    for verb in ["status", "upgrade"] {
        let mut command = rig.command(&[verb]);
        command.env("ROCKET_HOME", "~/home").current_dir(&around);
        let ran = crate::rig::Ran::from(command.output().unwrap()).expect(17);
        let words = "ROCKET_HOME: expected an absolute path, found ~/home";
        assert!(ran.stderr.contains(words), "{}", ran.stderr);
    }
}
