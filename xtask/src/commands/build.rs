//! `build`: compiles the program for the plan's targets.

use std::path::Path;
use std::process::Command;

use release_plan::{Exit, Plan, Sha256, Target};
use serde::{Deserialize, Serialize};

use super::say;
use crate::failure::Exiting as _;
use crate::project::Project;
use crate::{Failure, cli, files, gates, process};

/// The profile that ships: LTO, one codegen unit, stripped, aborting on panic.
const PROFILE: &str = "dist";

pub(super) fn run(arguments: &cli::Build) -> Result<(), Failure> {
    let project = Project::here()?;
    let plan = project.take_plan(&arguments.plan.plan)?;
    refuse_rights()?;
    for target in plan.targets() {
        build(&project, &plan, &target, &arguments.out)?;
    }
    Ok(())
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

fn build(project: &Project, plan: &Plan, target: &Target, out: &Path) -> Result<(), Failure> {
    let host = env!("XTASK_HOST");
    if target.as_str() != host {
        let message = format!("{target}: expected this machine's own target {host}");
        return Err(Failure::new(Exit::Input, message));
    }
    let executable = target.executable(&plan.product);
    let mut cargo = Command::new(gates::cargo());
    cargo
        .args([
            "build",
            "--locked",
            "--package",
            &plan.product,
            "--bin",
            &plan.product,
        ])
        .args(["--profile", PROFILE, "--target", target.as_str()])
        .args(["--message-format", "json-render-diagnostics"])
        .current_dir(&project.root)
        .env("RELEASE_VERSION", plan.version.to_string())
        .env("RELEASE_COMMIT", plan.source.label())
        .env(
            "SOURCE_DATE_EPOCH",
            plan.source.committed_at.seconds().to_string(),
        );
    // What the cargo that runs us has set for us is not for the program that is built.
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
            cargo.env_remove(&*name);
        }
    }
    // Whatever a dependency's build script does, it can neither sign nor publish.
    process::withhold_rights(&mut cargo);
    cargo.stderr(std::process::Stdio::inherit());
    let output = cargo.output()?;
    if !output.status.success() {
        let message = format!("{target}: cargo build failed with {}", output.status);
        return Err(Failure::new(Exit::Failed, message));
    }
    let built = executable_of(&output.stdout, &plan.product)?;
    check_identity(Path::new(&built), plan, target)?;
    let folder = out.join(target.as_str());
    files::make_folder(&folder)?;
    let destination = folder.join(&executable);
    let measured = files::copy_program(Path::new(&built), &destination)?;
    Built {
        plan_sha256: plan.digest(),
        program_sha256: measured.sha256(),
    }
    .write(&folder)?;
    say(format!(
        "{executable} for {target}: {} bytes",
        measured.size()
    ));
    Ok(())
}

/// What `build` leaves beside a program, so that `assemble` takes none that was not built by its
/// plan.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Built {
    pub(super) plan_sha256: Sha256,
    pub(super) program_sha256: Sha256,
}

impl Built {
    const FILE: &str = "built.json";

    fn write(&self, folder: &Path) -> Result<(), Failure> {
        let json = serde_json::to_vec_pretty(self)?;
        files::write(&folder.join(Self::FILE), &json).map(drop)
    }

    /// Reads what was left in the folder of one target.
    pub(super) fn read(folder: &Path) -> Result<Self, Failure> {
        let file = folder.join(Self::FILE);
        if !file.is_file() {
            let message = format!(
                "{}: expected a program and {}, found none; run `build` first",
                folder.display(),
                Self::FILE
            );
            return Err(Failure::new(Exit::Input, message));
        }
        serde_json::from_slice(&files::read(&file)?)
            .map_err(|error| Failure::new(Exit::Input, format!("{}: {error}", file.display())))
    }
}

/// Where cargo says it put the program.
fn executable_of(messages: &[u8], program: &str) -> Result<String, Failure> {
    for message in cargo_metadata::Message::parse_stream(messages) {
        if let cargo_metadata::Message::CompilerArtifact(artifact) = message?
            && artifact.target.name == program
            && let Some(executable) = artifact.executable
        {
            return Ok(executable.into_string());
        }
    }
    Err(Failure::new(
        Exit::Failed,
        format!("cargo built no program called {program}"),
    ))
}

/// Runs the program: it must call itself what the plan calls it.
fn check_identity(program: &Path, plan: &Plan, target: &Target) -> Result<(), Failure> {
    #[derive(Deserialize)]
    struct Told {
        version: String,
        commit: String,
        target: String,
        playbook_sha256: String,
    }
    let output = Command::new(program)
        .args(["--version", "--json"])
        .output()?;
    let told: Told = serde_json::from_slice(&output.stdout).or_exit(Exit::Gate)?;
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
            let message = format!(
                "{}: expected to tell {what} {expected}, found {found}",
                program.display()
            );
            return Err(Failure::new(Exit::Gate, message));
        }
    }
    Ok(())
}
