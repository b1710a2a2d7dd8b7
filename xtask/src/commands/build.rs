//! `build`: compiles the program for the targets that were asked for, one after another, looks at
//! what came out, and packs it. A target that fails does not keep the others from being built.

use std::path::{Path, PathBuf};

use release_plan::{Exit, Plan, PlannedAsset, Sha256, Target};
use serde::Deserialize;

use super::say;
use crate::failure::Exiting as _;
use crate::programs::archive;
use crate::programs::built::{Built, Ran};
use crate::programs::compile::{self, Site};
use crate::programs::compiler::{Builder, Compiler};
use crate::programs::runner::{self, Runner};
use crate::programs::{Headers, configuration, inspect};
use crate::project::Project;
use crate::{Failure, cli, files, process, told};

pub(super) fn run(arguments: &cli::Build) -> Result<(), Failure> {
    let project = Project::here()?;
    let plan = project.take_plan(&arguments.plan.plan)?;
    refuse_rights()?;
    let wanted = if arguments.targets.all_targets {
        plan.archives().collect()
    } else {
        plan.archives_for(&arguments.targets.target)
            .or_exit(Exit::Input)?
    };
    let compilers = Compiler::all(&project.root)?;
    // Every target's toolchain is found before the first minute is spent on compiling.
    let builders = wanted.into_iter().map(|planned| {
        let target = target_of(planned);
        Ok((
            planned,
            Builder::find(&compilers, target, &plan.tools).or_exit(Exit::Input)?,
        ))
    });
    let builders: Vec<(&PlannedAsset, Builder)> = builders.collect::<Result<_, Failure>>()?;
    let site = Site::new(&project.root, project.target_folder());
    build_all(&project, &plan, &site, &builders, &arguments.out)
}

/// The target of an archive.
pub(super) fn target_of(planned: &PlannedAsset) -> &Target {
    planned
        .target
        .as_ref()
        .expect("an archive of a plan is for a target")
}

/// Compiles, examines and packs; every target that can be is built before the first failure ends
/// the stage.
pub(super) fn build_all(
    project: &Project,
    plan: &Plan,
    site: &Site,
    builders: &[(&PlannedAsset, Builder)],
    out: &Path,
) -> Result<(), Failure> {
    for (_, builder) in builders {
        configuration::check(&site.root, &site.cargo_home, builder.zig.is_some())?;
    }
    let mut programs = Vec::new();
    let mut failures = Vec::new();
    for (planned, builder) in builders {
        // What stands there from before must not be taken for what failed to be built now.
        Built::remove(&out.join(planned.name.as_str()))?;
        let target = target_of(planned);
        say(format!(
            "{target}: compiling with {}",
            builder.toolchain(&plan.tools)
        ));
        match program(plan, site, target, builder) {
            Ok(program) => programs.push((*planned, builder, program)),
            Err(failure) if failure.exit() == Exit::Interrupted => return Err(failure),
            Err(failure) => {
                say(format!("error: {failure}"));
                failures.push(failure);
            }
        }
    }
    let documents = project.documents()?;
    let jobs = programs.iter().map(|(planned, _, program)| {
        let path = out.join(planned.name.as_str());
        let file = (program.path.clone(), program.sha256);
        inspect::packing(plan, target_of(planned), file, &documents, path)
    });
    let jobs: Vec<_> = jobs.collect();
    if !jobs.is_empty() {
        files::make_folder(out)?;
    }
    let packed = archive::write_all(&jobs, plan.source.committed_at)?;
    for ((planned, builder, program), measured) in programs.into_iter().zip(packed) {
        let target = target_of(planned).clone();
        let Program { headers, ran, .. } = program;
        say(format!(
            "{}: {} bytes; {headers}; {}",
            planned.name,
            measured.size(),
            match &ran {
                Ran::Told(how) => format!("ran {how}"),
                Ran::Not(why) => format!("not run: {why}"),
            }
        ));
        let toolchain = builder.toolchain(&plan.tools);
        let built = Built::new(plan, target, measured, toolchain, &headers, ran)?;
        built.write(&out.join(planned.name.as_str()))?;
    }
    match failures.len() {
        0 => Ok(()),
        1 => Err(failures.remove(0)),
        count => {
            let exit = failures[0].exit();
            let words: Vec<_> = failures.iter().map(ToString::to_string).collect();
            let all = builders.len();
            Err(Failure::new(
                exit,
                format!("{count} of {all} targets failed: {}", words.join("\n  ")),
            ))
        }
    }
}

/// A program that is what the plan says.
struct Program {
    path: PathBuf,
    /// Of what was looked at, and is to be packed.
    sha256: Sha256,
    headers: Headers,
    ran: Ran,
}

fn program(
    plan: &Plan,
    site: &Site,
    target: &Target,
    builder: &Builder,
) -> Result<Program, Failure> {
    let path = compile::compile(site, plan, target, builder)?;
    let bytes = files::read(&path)?;
    let headers = inspect::program(&site.root, plan, target, &bytes)?;
    let sha256 = Sha256::of(&bytes);
    let ran = match runner::for_target(target) {
        Err(why) => Ran::Not(why.to_string()),
        Ok(runner) => {
            check_identity(&runner, &path, plan, target)?;
            check_told(&runner, &path, &site.root, target)?;
            Ran::Told(runner.name().to_owned())
        }
    };
    process::check_interrupt()?;
    Ok(Program {
        path,
        sha256,
        headers,
        ran,
    })
}

/// A CI job that compiles must not have been given a right at all; at a desk, what is built does
/// not get to see one.
fn refuse_rights() -> Result<(), Failure> {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let signs = "ACTIONS_ID_TOKEN_REQUEST_TOKEN";
    if std::env::var_os("GITHUB_ACTIONS").is_some() && is_set(signs) {
        let message = format!(
            "expected a job that compiles to have no right to sign, found {signs}; take \
             `id-token: write` from its permissions"
        );
        return Err(Failure::new(Exit::Gate, message));
    }
    Ok(())
}

/// Runs the program: it must tell of its command line and of the files that it installs what the
/// tree has written down. A tree that has nothing is asked for it by a gate.
fn check_told(
    runner: &Runner,
    program: &Path,
    root: &Path,
    target: &Target,
) -> Result<(), Failure> {
    if told::written(root, told::SURFACE)?.is_none() {
        return Ok(());
    }
    let told = told::by(root, |words| {
        let output = runner.output(program, words)?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let message = format!(
            "{target}: expected {} to be told {}, found {}: {}",
            words.join(" "),
            runner.name(),
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
        Err(Failure::new(Exit::Gate, message))
    })?;
    let Some(stale) = told.iter().find(|told| !told.is_current()) else {
        return Ok(());
    };
    let message = format!(
        "{}: expected what the program for {target} tells, found something else; run `{}`",
        stale.file,
        told::WRITE
    );
    Err(Failure::new(Exit::Gate, message))
}

/// Runs the program: it must call itself what the plan calls it.
fn check_identity(
    runner: &Runner,
    program: &Path,
    plan: &Plan,
    target: &Target,
) -> Result<(), Failure> {
    #[derive(Deserialize)]
    struct Told {
        version: String,
        commit: String,
        target: String,
        playbook_sha256: String,
    }
    let output = runner.output(program, &["--version", "--json"])?;
    let told: Told = serde_json::from_slice(&output.stdout).map_err(|error| {
        let message = format!(
            "{target}: expected `--version --json` to tell version, commit, target and playbook \
             {}, found {} ({error}): {}",
            runner.name(),
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
        Failure::new(Exit::Gate, message)
    })?;
    for (what, expected, found) in [
        ("version", plan.version.to_string(), told.version),
        ("commit", plan.source.label(), told.commit),
        ("target", target.to_string(), told.target),
        (
            "playbook digest",
            plan.playbook_sha256.to_string(),
            told.playbook_sha256,
        ),
    ] {
        if expected != found {
            let message = format!("{target}: expected to tell {what} {expected}, found {found}");
            return Err(Failure::new(Exit::Gate, message));
        }
    }
    Ok(())
}
