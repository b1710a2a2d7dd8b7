//! What is written down of the program is what it tells of itself.

use std::path::Path;
use std::process::Command;

use release_plan::{Builtins, Installed};

fn told(verb: &str) -> String {
    let mut program = Command::new(env!("CARGO_BIN_EXE_truetag"));
    let output = program.args(["self", verb]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn written(file: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../release-plan");
    std::fs::read_to_string(folder.join(file)).unwrap()
}

const MEND: &str = "run `cargo xtask generate --program`";

#[test]
fn the_surface_that_is_written_down_is_the_programs() {
    assert_eq!(told("surface"), written("surface.json"), "{MEND}");
}

#[test]
fn the_builtin_manifest_has_what_the_program_installs() {
    let installed: Installed = serde_json::from_str(&told("builtins")).unwrap();
    let builtins = Builtins::parse(&written("builtins.json")).unwrap();
    assert_eq!(installed, builtins.installed(), "{MEND}");
    let names: Vec<_> = installed.keys().map(String::as_str).collect();
    for name in ["completions/zsh", "env.sh", "profile-line.fish"] {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
    assert!(names.iter().any(|name| name.starts_with("playbook/")));
}
