//! What every benchmark needs: tools to be compared with, children that end well, medians, aims.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use comfy_table::Table;
use release_plan::{BUNDLE_SUFFIX, Exit, Plan, Target};
use serde::Serialize;

use crate::programs::compiler::HOST;
use crate::{Failure, process, report};

/// Fails unless each of these is on PATH.
pub(super) fn require(tools: &[&str]) -> Result<(), Failure> {
    match tools.iter().find(|tool| !is_installed(tool)) {
        None => Ok(()),
        Some(tool) => {
            let message = format!("{tool} is not on PATH; install it, to be compared with");
            Err(Failure::new(Exit::Input, message))
        }
    }
}

pub(super) fn is_installed(program: &str) -> bool {
    let mut asked = Command::new(program);
    asked.arg("--help").stdin(Stdio::null());
    let status = asked.stdout(Stdio::null()).stderr(Stdio::null()).status();
    !status.is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

pub(super) fn start(command: &mut Command) -> Result<Child, Failure> {
    let program = command.get_program().to_string_lossy().into_owned();
    command
        .spawn()
        .map_err(|error| Failure::new(Exit::Failed, format!("cannot start {program}: {error}")))
}

pub(super) fn ended_well(program: &str, status: io::Result<ExitStatus>) -> Result<(), Failure> {
    // A child that Ctrl-C ended has not failed.
    process::check_interrupt()?;
    let status = status?;
    if status.success() {
        return Ok(());
    }
    Err(Failure::new(
        Exit::Failed,
        format!("{program} ended with {status}"),
    ))
}

/// The value in the middle, or between the two there.
pub(super) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 {
        sorted[middle]
    } else {
        f64::midpoint(sorted[middle - 1], sorted[middle])
    }
}

/// What a benchmark is to find at most, and what it found.
#[derive(Debug, Serialize)]
pub(super) struct Aim {
    what: &'static str,
    pub(super) found: f64,
    at_most: f64,
    pub(super) met: bool,
}

impl Aim {
    pub(super) fn new(what: &'static str, found: f64, at_most: f64) -> Self {
        Self {
            what,
            found,
            at_most,
            met: found <= at_most,
        }
    }

    pub(super) fn table(aims: &[Self]) -> Table {
        let mut table = report::table(["aim", "found", "at most", ""]);
        for aim in aims {
            let [found, at_most] = [aim.found, aim.at_most].map(|value| format!("{value:.2}"));
            table.add_row([aim.what, &found, &at_most, in_a_word(aim.met)]);
        }
        table
    }
}

/// Whether an aim was met.
pub(super) fn in_a_word(met: bool) -> &'static str {
    if met { "met" } else { "missed" }
}

/// Where the bundle of a file lies.
pub(super) fn bundle_of(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(BUNDLE_SUFFIX);
    name.into()
}

/// The target of a release whose programs run on this machine.
pub(super) fn runs_here(plan: &Plan) -> Result<Target, Failure> {
    let mut targets = plan.targets().into_iter();
    let here = targets.find(|target| same_machine(target.as_str(), HOST));
    here.ok_or_else(|| {
        let message = format!("no target of a release runs on {HOST}");
        Failure::new(Exit::Input, message)
    })
}

/// Whether programs for two targets run on one machine, whichever C library they have.
fn same_machine(one: &str, other: &str) -> bool {
    let architecture = |target: &str| target.split('-').next().map(str::to_owned);
    let system = |target: &str| ["linux", "darwin", "windows"].map(|name| target.contains(name));
    architecture(one) == architecture(other) && system(one) == system(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_lies_in_the_middle() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 9.0]), 3.0);
    }

    #[test]
    fn a_tool_that_is_missing_is_named() {
        let refused = require(&["cargo", "no-such-tool-anywhere"]).unwrap_err();
        assert!(refused.to_string().contains("no-such-tool-anywhere"));
    }

    #[test]
    fn a_child_that_fails_is_a_failure() {
        let ended = |code: &str| {
            let mut command = Command::new("sh");
            let child = start(command.args(["-c", code]));
            ended_well("sh", child.unwrap().wait())
        };
        assert!(ended("exit 0").is_ok());
        assert!(ended("exit 3").is_err());
    }

    #[test]
    fn a_program_runs_where_architecture_and_system_are_its_own() {
        let host = "x86_64-unknown-linux-gnu";
        assert!(same_machine("x86_64-unknown-linux-musl", host));
        for other in [
            "aarch64-unknown-linux-musl",
            "x86_64-apple-darwin",
            "x86_64-pc-windows-gnullvm",
        ] {
            assert!(!same_machine(other, host), "{other}");
        }
    }
}
