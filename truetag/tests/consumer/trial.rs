//! A version on trial: it passes, or the one before comes back.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use crate::life::ready;
use crate::rig::Rig;

/// A rig with 1.0.0 installed and a version 1.2.0 that says it is `says`, upgraded to.
fn on_trial(says: &str) -> Rig {
    let rig = ready();
    rig.publish("1.2.0", says, |_| {});
    rig.upgrade(&["--version", "1.2.0"]).expect(0);
    rig
}

fn current(rig: &Rig) -> String {
    fs::read_to_string(rig.home().join("current")).unwrap()
}

#[test]
fn a_version_becomes_the_launcher_once_it_is_past_its_trial_and_not_before() {
    let rig = on_trial("1.2.0");
    let launcher = || fs::read(rig.launcher()).unwrap();
    let program = |version| fs::read(rig.home().join("versions").join(version).join("rocket"));
    for _ in 0..2 {
        assert_eq!(launcher(), program("1.0.0").unwrap());
        rig.run(&["status"]).expect(0);
    }
    rig.run(&["status"]).expect(0);
    assert_eq!(launcher(), program("1.2.0").unwrap());
    assert!(!rig.home().join("state/trial").exists());
}

#[test]
fn a_version_that_crashes_on_trial_is_quarantined_and_the_one_before_comes_back() {
    let rig = on_trial("1.2.0 crashes status");
    rig.run(&["--version"]).expect(0);
    let ran = rig.run(&["status"]).expect(134);
    assert!(
        ran.stderr
            .contains("quarantined, and 1.0.0 is current again"),
        "{}",
        ran.stderr
    );
    assert_eq!(rig.version(), "1.0.0");
    rig.run(&["status"]).expect(0);
    rig.point("1.2.0", 8, |_| {});
    let ran = rig.upgrade(&[]).expect(0);
    assert!(
        ran.stderr.contains("is quarantined here: on trial"),
        "{}",
        ran.stderr
    );
    assert_eq!(rig.version(), "1.0.0");
}

#[test]
fn a_version_that_only_fails_is_left_after_three_runs() {
    let rig = on_trial("1.2.0 errs status");
    for left in [2, 1, 0] {
        assert_eq!(current(&rig), "1.2.0\n", "{left}");
        rig.run(&["status"]).expect(1);
    }
    assert_eq!(current(&rig), "1.0.0\n");
    rig.run(&["status"]).expect(0);
}

#[test]
fn a_version_past_its_trial_stays_whatever_it_does() {
    let rig = on_trial("1.2.0 crashes status");
    rig.pass_trial();
    let code = rig.run(&["status"]).code;
    assert_eq!(code, None, "a signal");
    assert_eq!(current(&rig), "1.2.0\n");
}

#[test]
fn a_version_that_cannot_be_started_is_left_and_the_command_runs_all_the_same() {
    let rig = on_trial("1.2.0");
    let program = rig.home().join("versions/1.2.0/rocket");
    for damage in [0o644, 0o755] {
        fs::set_permissions(&program, fs::Permissions::from_mode(damage)).unwrap();
        if damage == 0o755 {
            fs::write(&program, "no program").unwrap();
        }
        let ran = rig.run(&["--version"]).expect(0);
        assert!(ran.stdout.starts_with("rocket 1.0.0"), "{}", ran.stdout);
        assert!(
            ran.stderr.contains("could not be started"),
            "{}",
            ran.stderr
        );
        assert_eq!(current(&rig), "1.0.0\n");
        rig.upgrade(&["--version", "1.2.0"]).expect(0);
    }
}

/// The process that a launcher runs, once it does.
fn child_of(launcher: &Child) -> String {
    let children = format!("/proc/{0}/task/{0}/children", launcher.id());
    let start = Instant::now();
    loop {
        let child = fs::read_to_string(&children).unwrap().trim().to_owned();
        if !child.is_empty() {
            return child;
        }
        assert!(start.elapsed() < Duration::from_secs(10), "it never ran");
        thread::sleep(Duration::from_millis(5));
    }
}

fn send(signal: &str, process: &str) {
    let mut kill = Command::new("kill");
    kill.args([&format!("-{signal}"), process]);
    assert!(kill.status().unwrap().success());
}

#[test]
fn what_a_run_was_told_to_ignore_it_ignores_on_trial_too() {
    let rig = ready();
    rig.publish("1.2.0", "1.2.0 hangs status", |_| {});
    rig.upgrade(&["--version", "1.2.0"]).expect(0);
    let mut nohup = Command::new("sh");
    nohup.args(["-c", "trap '' HUP INT && exec \"$@\"", "sh"]);
    nohup.arg(rig.launcher()).arg("status");
    let mut launcher = nohup.env("HOME", rig.path("nobody")).spawn().unwrap();
    // Until then it is the shell.
    let child = child_of(&launcher);
    for process in [launcher.id().to_string(), child.clone()] {
        send("HUP", &process);
        send("INT", &process);
    }
    // What comes after them is what ends it.
    send("TERM", &child);
    assert_eq!(launcher.wait().unwrap().code(), Some(128 + 15));
}

#[test]
fn what_people_do_to_a_run_is_no_fault_of_the_version_and_reaches_it() {
    let rig = ready();
    rig.publish("1.2.0", "1.2.0 hangs status", |_| {});
    rig.upgrade(&["--version", "1.2.0"]).expect(0);
    for signal in ["TERM", "HUP"] {
        let start = Instant::now();
        let mut launcher = rig.command(&["status"]).spawn().unwrap();
        child_of(&launcher);
        send(signal, &launcher.id().to_string());
        let number = if signal == "TERM" { 15 } else { 1 };
        assert_eq!(launcher.wait().unwrap().code(), Some(128 + number));
        assert!(
            start.elapsed() < Duration::from_secs(15),
            "it was waited out"
        );
    }
    assert_eq!(current(&rig), "1.2.0\n");
}

#[test]
fn a_second_upgrade_on_trial_goes_back_to_the_version_that_is_known_to_work() {
    let rig = on_trial("1.2.0");
    rig.publish("1.3.0", "1.3.0 crashes status", |_| {});
    rig.upgrade(&["--version", "1.3.0"]).expect(0);
    rig.run(&["status"]).expect(134);
    assert_eq!(rig.version(), "1.0.0");
}

#[test]
fn only_an_upgrade_to_what_proved_nothing_yet_says_that_it_is_on_trial() {
    let rig = ready();
    rig.publish("1.2.0", "1.2.0", |_| {});
    let ran = rig.upgrade(&["--version", "1.2.0"]).expect(0);
    assert!(ran.stderr.contains("it is on trial"), "{}", ran.stderr);
    // Back to the launcher's own version.
    let back = ["--version", "1.0.0", "--allow-downgrade"];
    let ran = rig.upgrade(&back).expect(0);
    assert!(!ran.stderr.contains("it is on trial"), "{}", ran.stderr);
}
