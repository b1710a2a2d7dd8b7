//! `healthcheck`: what a release needs of this machine, what of it is there, and one command that
//! brings the rest.

use std::fmt;
use std::process::Command;

use release_plan::{Exit, StdOrigin, Target, Toolchain, Tools, Version};
use serde::Serialize;

use super::say;
use crate::programs::compiler::{Builder, CannotBuild, Compiler};
use crate::programs::runner;
use crate::project::Project;
use crate::tools::{INSTALL, Tool};
use crate::{Failure, cli, process, report};

pub(super) fn run(arguments: &cli::Healthcheck) -> Result<(), Failure> {
    let project = Project::here()?;
    if arguments.install {
        install(&project)?;
    }
    let rows = rows(&project)?;
    if arguments.json {
        let mut json = serde_json::to_string_pretty(&rows)?;
        json.push('\n');
        report::print(&json)?;
    } else {
        let mut table = report::table(["", "what", "here", "mend"]);
        for row in &rows {
            let mend = row.mend.clone().unwrap_or_default();
            table.add_row([
                row.state.to_string(),
                row.what.clone(),
                row.here.clone(),
                mend,
            ]);
        }
        report::print(&format!("{table}\n"))?;
    }
    let missing = rows
        .iter()
        .filter(|row| row.state == State::Missing)
        .count();
    if missing == 0 {
        return Ok(());
    }
    let message = format!(
        "{missing} of {} are missing: `{INSTALL}` brings what it can",
        rows.len()
    );
    Err(Failure::new(Exit::Gate, message))
}

/// Whether this machine has something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    Ready,
    /// A release made here lacks it.
    Missing,
    /// A release can be made without it; what cannot be run here runs elsewhere.
    Elsewhere,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ready => "✓",
            Self::Missing => "✗",
            Self::Elsewhere => "-",
        })
    }
}

#[derive(Debug, Serialize)]
struct Row {
    what: String,
    state: State,
    /// What of it is here, or why it is not.
    here: String,
    /// The command that brings it.
    mend: Option<String>,
}

impl Row {
    fn ready(what: String, here: String) -> Self {
        Self {
            what,
            state: State::Ready,
            here,
            mend: None,
        }
    }
}

/// The tools that a release of this project wants, each at its version.
fn wanted(tools: &Tools) -> Vec<(Tool, &Version)> {
    let mut wanted = vec![
        (Tool::Zig, &tools.zig),
        (Tool::CargoZigbuild, &tools.cargo_zigbuild),
        (Tool::CargoDist, &tools.cargo_dist),
    ];
    wanted.extend(
        tools
            .cargo_cyclonedx
            .iter()
            .map(|version| (Tool::CargoCyclonedx, version)),
    );
    wanted
}

fn rows(project: &Project) -> Result<Vec<Row>, Failure> {
    let tools = project.tools();
    let compilers = Compiler::all(&project.root)?;
    let mut rows = vec![compiler(&compilers[0], &tools)];
    for (tool, version) in wanted(&tools) {
        let what = format!("{tool} {version}");
        rows.push(match tool.find(version) {
            Ok(path) => Row::ready(what, path.display().to_string()),
            Err(error) => Row {
                what,
                state: State::Missing,
                here: error.found().to_owned(),
                mend: Some(INSTALL.to_owned()),
            },
        });
    }
    for target in project.targets() {
        rows.push(builds(&compilers, target, &tools));
        rows.push(runs(target));
        process::check_interrupt()?;
    }
    Ok(rows)
}

fn compiler(compiler: &Compiler, tools: &Tools) -> Row {
    let what = format!("rustc {}", tools.rust);
    let here = compiler.version.clone();
    if Toolchain::names(&compiler.version, &tools.rust) {
        return Row::ready(what, here);
    }
    Row {
        what,
        state: State::Missing,
        here,
        mend: Some(format!("rustup toolchain install {}", tools.rust)),
    }
}

fn builds(compilers: &[Compiler], target: &Target, tools: &Tools) -> Row {
    let what = format!("building {target}");
    match Builder::find(compilers, target, tools) {
        Ok(builder) => {
            let std = match builder.std {
                StdOrigin::Prebuilt => "std as shipped with",
                StdOrigin::Source => "std from the sources of",
            };
            let here = format!("{std} {}", builder.compiler.version);
            if Toolchain::names(&builder.compiler.version, &tools.rust) {
                return Row::ready(what, here);
            }
            Row {
                what,
                state: State::Missing,
                here: format!("{here}, which may make no release"),
                mend: Some(INSTALL.to_owned()),
            }
        }
        Err(error) => {
            let mend = match &error {
                CannotBuild::UnknownTarget(_) => "mend dist-workspace.toml".to_owned(),
                _ => INSTALL.to_owned(),
            };
            Row {
                what,
                state: State::Missing,
                here: error.to_string(),
                mend: Some(mend),
            }
        }
    }
}

fn runs(target: &Target) -> Row {
    let what = format!("running {target}");
    match runner::for_target(target) {
        Ok(runner) => Row::ready(what, runner.name().to_owned()),
        Err(why) => Row {
            what,
            state: State::Elsewhere,
            here: why.to_string(),
            mend: None,
        },
    }
}

/// Brings what is missing, one command after another, each shown before it runs. One that fails
/// does not keep the others from being tried; the rows tell what is still missing.
fn install(project: &Project) -> Result<(), Failure> {
    let tools = project.tools();
    for (tool, version) in wanted(&tools) {
        if tool.find(version).is_ok() {
            continue;
        }
        let done = tool.install(version).into_iter().try_for_each(tell_and_run);
        tool.tidy(version)?;
        process::check_interrupt()?;
        if let Err(failure) = done {
            say(format!("error: {failure}"));
        }
    }
    for target in project.targets() {
        let compiler = Compiler::all(&project.root)?.remove(0);
        if compiler.std_for(target).is_some() || !compiler.knows(target) {
            continue;
        }
        let rustup = |arguments: &[&str]| {
            let mut command = Command::new("rustup");
            command.args(arguments).current_dir(&project.root);
            tell_and_run(command)
        };
        let added = rustup(&["target", "add", target.as_str()]);
        process::check_interrupt()?;
        // Where nobody ships it, it can be built from the compiler's sources.
        if let Err(failure) = added.or_else(|_| rustup(&["component", "add", "rust-src"])) {
            say(format!("error: {failure}"));
        }
        process::check_interrupt()?;
    }
    Ok(())
}

fn tell_and_run(mut command: Command) -> Result<(), Failure> {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let words = words.join(" ");
    say(format!("$ {words}"));
    process::withhold_rights(&mut command);
    let status = process::status(&mut command)?;
    if status.success() {
        return Ok(());
    }
    Err(Failure::new(Exit::Network, format!("{words}: {status}")))
}
