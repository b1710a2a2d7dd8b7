//! The runbook: what it tells people to type is what the command takes.

use std::fs;
use std::path::Path;
use std::process::Command;

#[test]
fn every_command_of_the_runbook_and_the_playbook_is_one_that_the_command_takes() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let runbook = fs::read_to_string(root.join("RELEASING.md")).unwrap();
    let skill = root.join("playbook/skills/truetag-release/SKILL.md");
    let skill = fs::read_to_string(skill).unwrap();
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let table = runbook
        .lines()
        .skip_while(|line| !line.starts_with("| `cargo xtask …` |"))
        .take_while(|line| line.starts_with('|'))
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .filter(|stage| *stage != "cargo xtask …");
    let fenced = [&runbook, &skill, &readme].into_iter().flat_map(|text| {
        text.lines()
            .filter_map(|line| line.trim_start().strip_prefix("cargo xtask "))
            .map(|rest| rest.split("  ").next().unwrap_or(rest))
    });
    let mut seen = 0;
    for arguments in table.chain(fenced) {
        // With --help after them, arguments are parsed and nothing is done.
        let output = Command::new(env!("CARGO"))
            .args(["xtask"])
            .args(arguments.split_whitespace())
            .arg("--help")
            .current_dir(root)
            .output()
            .unwrap();
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "cargo xtask {arguments}: {words}");
        seen += 1;
    }
    assert!(seen > 10, "only {seen} commands were found");
}
