//! A finished rehearsal, served again: what it prints works as it is printed.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};

use release_plan::Exit;

use crate::dry_run::dry_run;
use crate::foreign_verifiers::on_path;

fn serve(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO"));
    command.args(["xtask", "rehearsal", "serve", "--dir"]);
    command.arg(folder).current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

#[test]
fn every_command_that_is_printed_works_until_the_rehearsal_is_interrupted() {
    let run = dry_run();
    let scratch = tempfile::tempdir().unwrap();
    let printed = scratch.path().join("printed");
    let mut child = serve(&run.folder)
        .stdout(File::create(&printed).unwrap())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let words = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut words = words.map(Result::unwrap);
    let said = words.find(|line| line.contains("until Ctrl-C"));
    let origin = said.expect("it says what it serves");
    let address = origin.strip_prefix("http://").unwrap();
    let address = address.split(' ').next().unwrap();

    let text = std::fs::read_to_string(&printed).unwrap();
    let mut folder = scratch.path().to_owned();
    let mut ran = 0;
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        if let Some(to) = line.strip_prefix("cd ") {
            folder = to.trim_matches('\'').into();
            continue;
        }
        let tool = line.split(' ').next().unwrap();
        if !tool.starts_with('\'') && !on_path(tool) {
            continue;
        }
        let output = Command::new("bash")
            .args(["-o", "pipefail", "-c", line])
            .current_dir(&folder)
            .env("HOME", scratch.path())
            .env("NO_PROXY", "127.0.0.1")
            .output()
            .unwrap();
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{line}: {words}");
        ran += 1;
    }
    assert!(ran >= 11, "only {ran} commands ran:\n{text}");

    let pid = child.id().to_string();
    let killed = Command::new("kill").args(["-INT", &pid]).status().unwrap();
    assert!(killed.success());
    let ended = child.wait().unwrap().code();
    assert_eq!(ended, Some(i32::from(Exit::Interrupted.code())));
    assert!(
        TcpStream::connect(address).is_err(),
        "{address} is served still"
    );
}

#[test]
fn a_folder_without_a_finished_rehearsal_is_refused_with_the_command_that_makes_one() {
    let folder = tempfile::tempdir().unwrap();
    let output = serve(folder.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(i32::from(Exit::Input.code())));
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(
        words.contains("make one with `cargo xtask dry-run`"),
        "{words}"
    );
    std::fs::write(
        folder.path().join("report.json"),
        r#"{"outcome":{"failed":1}}"#,
    )
    .unwrap();
    std::fs::write(folder.path().join("log.json"), "{}").unwrap();
    let output = serve(folder.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(i32::from(Exit::Input.code())));
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(words.contains("found one that failed"), "{words}");
}
