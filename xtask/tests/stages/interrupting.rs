//! Ctrl-C in the middle of a dry-run.

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use release_plan::Exit;
use rustix::process::{Pid, Signal, kill_process};

use crate::fixture::Fixture;

#[test]
fn an_interrupted_dry_run_leaves_no_process_and_nothing_half_written() {
    let fixture = Fixture::committed();
    let pid_file = fixture.beside("compiling");
    fixture.write(
        "build.rs",
        &format!(
            "fn main() {{\n    std::fs::write({:?}, std::process::id().to_string()).unwrap();\n    \
             std::thread::sleep(std::time::Duration::from_secs(600));\n}}\n",
            pid_file.to_str().unwrap()
        ),
    );
    fixture.commit();
    let mut dry_run = fixture.xtask("dry-run");
    let mut child = dry_run
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let started = Instant::now();
    let compiling = loop {
        let text = fs::read_to_string(&pid_file).unwrap_or_default();
        if let Ok(pid) = text.parse::<i32>() {
            break pid;
        }
        let ended = child.try_wait().unwrap();
        assert!(
            ended.is_none(),
            "the dry-run ended before its build: {ended:?}"
        );
        assert!(
            started.elapsed() < Duration::from_secs(60),
            "the build never began"
        );
        std::thread::sleep(Duration::from_millis(20));
    };
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process(pid, Signal::INT).unwrap();
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(i32::from(Exit::Interrupted.code())));
    // A signal is delivered a moment after it is sent.
    let ended = (0..200).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        is_dead(compiling)
    });
    assert!(ended, "process {compiling} still runs");
    let folder = fixture.root().join("target/rehearsal/v1.2.3");
    for name in ["archives", "assets", "assets.partial", "report.json"] {
        assert!(!folder.join(name).exists(), "{name} was left behind");
    }
}

/// Whether only the entry of a process is left, which its new parent has not collected yet.
fn is_dead(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.is_empty() || stat.contains(") Z ")
}

#[test]
fn a_second_dry_run_in_the_same_tree_is_refused_while_one_is_under_way() {
    let fixture = Fixture::committed();
    let folder = fixture.root().join("target/rehearsal");
    fs::create_dir_all(&folder).unwrap();
    let lock = fs::File::create(folder.join("lock")).unwrap();
    lock.try_lock().unwrap();
    fixture
        .run("dry-run", &[])
        .with(Exit::Locked)
        .saying("another dry-run");
}

#[test]
fn a_rehearsal_folder_that_cannot_be_made_is_told() {
    let fixture = Fixture::committed();
    fixture.write("target", "a file in the place of a folder\n");
    fixture
        .run("dry-run", &[])
        .with(Exit::Input)
        .saying("target/rehearsal");
}
