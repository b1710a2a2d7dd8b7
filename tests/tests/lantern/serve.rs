//! A finished rehearsal, served again: what it prints works as it is printed.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rehearsal::verifiers::not_run;
use release_plan::Exit;

use crate::tree::Tree;

/// Ends with the test, however that ends.
struct Served(Child);

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.kill();
    }
}

/// Every command that is printed works, until the rehearsal of `tree` is interrupted.
pub(crate) fn served_again(tree: &Tree) {
    let scratch = tempfile::tempdir().unwrap();
    refused_without_a_rehearsal(tree, scratch.path());
    let printed = scratch.path().join("printed");
    let mut serve = tree.xtask("rehearsal");
    serve.arg("serve").stderr(Stdio::piped());
    serve.stdout(File::create(&printed).unwrap());
    let mut child = Served(serve.spawn().unwrap());
    let words = BufReader::new(child.0.stderr.take().unwrap()).lines();
    let mut words = words.map(Result::unwrap);
    let said = words.find(|line| line.contains("until Ctrl-C"));
    let origin = said.expect("it says what it serves");
    let address = origin.strip_prefix("http://").unwrap();
    let address = address.split(' ').next().unwrap();

    let text = fs::read_to_string(&printed).unwrap();
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

    let pid = child.0.id().to_string();
    let killed = Command::new("kill").args(["-INT", &pid]).status().unwrap();
    assert!(killed.success());
    let ended = child.0.wait().unwrap().code();
    assert_eq!(ended, Some(i32::from(Exit::Interrupted.code())));
    assert!(
        TcpStream::connect(address).is_err(),
        "{address} is served still"
    );
}

fn refused_without_a_rehearsal(tree: &Tree, empty: &Path) {
    let refused = |words: &str| {
        let mut serve = tree.xtask("rehearsal");
        let output = serve.args(["serve", "--dir"]).arg(empty).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        let input = i32::from(Exit::Input.code());
        assert_eq!(output.status.code(), Some(input), "{said}");
        assert!(said.contains(words), "{said}");
    };
    refused("found none; make one with `cargo xtask dry-run`");
    fs::write(empty.join("report.json"), r#"{"outcome":{"failed":1}}"#).unwrap();
    fs::write(empty.join("log.json"), "{}").unwrap();
    refused("found one that failed");
}

/// Whether a tool is there; where every tool is required, it must be.
fn on_path(tool: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|folder| folder.join(tool).is_file());
    if !found {
        not_run(tool);
    }
    found
}
