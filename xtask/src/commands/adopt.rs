//! `adopt`: gives a program the files with which it is released, after it has shown them.

use std::fmt::Write as _;
use std::path::absolute;
use std::process::Command;

use release_plan::Exit;

use super::say;
use crate::adopt::{self, Crates, Facts, Kind, Known, Step};
use crate::project::LOCK_FILE;
use crate::{Failure, cli, files, gates, git, process, report, told};

pub(super) fn run(arguments: &cli::Adopt) -> Result<(), Failure> {
    let known = Known {
        package: arguments.package.as_deref(),
        summary: arguments.summary.as_deref(),
        repository: arguments.repository.as_deref(),
        repository_id: arguments.repository_id,
        owner_id: arguments.owner_id,
        default_branch: arguments.default_branch.as_deref(),
    };
    let facts = Facts::gather(&arguments.dir, &known)?;
    let folder = arguments.crates.as_ref().map(absolute).transpose()?;
    let crates = match &folder {
        Some(folder) => Crates::Folder(folder),
        None => Crates::Released,
    };
    let steps = adopt::steps(&facts, &crates, &arguments.overwrite)?;
    let known = |name: &&String| !steps.iter().any(|step| step.path == **name);
    if let Some(other) = arguments.overwrite.iter().find(known) {
        let message = format!(
            "--overwrite {other}: expected a file that this command writes, below the root"
        );
        return Err(Failure::new(Exit::Input, message));
    }
    report::print(&shown(&steps)?)?;
    if arguments.go.yes {
        write(&facts, &steps)?;
        lock(&facts)?;
    }
    let left: Vec<String> = steps
        .iter()
        .filter_map(left)
        .chain(missing(&facts))
        .collect();
    for words in &left {
        say(words);
    }
    let count = |wanted: fn(&Kind) -> bool| steps.iter().filter(|step| wanted(&step.kind)).count();
    let writes = count(|kind| matches!(kind, Kind::Write(_)));
    let current = count(|kind| matches!(kind, Kind::Current));
    let done = if arguments.go.yes {
        "written"
    } else {
        "would be written; --yes writes them"
    };
    say(format!(
        "{}: {current} files are as they should be, {writes} {done}",
        facts.product.name
    ));
    Ok(())
}

/// Every step as a line, with the lines in which a file that is there would change.
fn shown(steps: &[Step]) -> Result<String, Failure> {
    let mut text = String::new();
    for step in steps {
        let (mark, new) = match (&step.kind, &step.found) {
            (Kind::Current, _) => ("current", None),
            (Kind::Write(_), None) => ("new", None),
            (Kind::Write(new), Some(_)) => ("changed", Some(new)),
            (Kind::Keep(new), _) => ("kept", Some(new)),
            (Kind::ByHand(_), _) => ("by hand", None),
        };
        let _ = writeln!(text, "{mark:<8} {}", step.path);
        if let (Some(new), Some(found)) = (new, &step.found) {
            for line in git::diff(&step.path, found, new)?.lines().skip(4) {
                let _ = writeln!(text, "         {line}");
            }
        }
    }
    Ok(text)
}

fn write(facts: &Facts, steps: &[Step]) -> Result<(), Failure> {
    for step in steps {
        if let Kind::Write(text) = &step.kind {
            let path = facts.root.join(&step.path);
            if let Some(folder) = path.parent() {
                files::make_folder(folder)?;
            }
            files::write(&path, text.as_bytes())?;
        }
    }
    Ok(())
}

/// Has cargo bring the lock file up to date, since the command runs `--locked`.
fn lock(facts: &Facts) -> Result<(), Failure> {
    let path = facts.root.join(LOCK_FILE);
    if !path.is_file() {
        // Cargo keeps of it what it has use for.
        files::write(&path, adopt::LOCK.as_bytes())?;
    }
    let mut cargo = Command::new(gates::cargo());
    cargo
        .args(["metadata", "--format-version=1"])
        .current_dir(&facts.root);
    let output = process::output(&mut cargo, process::NO_LIMIT)?;
    if output.status.success() {
        return Ok(());
    }
    let message = format!(
        "{LOCK_FILE}: cargo cannot bring it up to date; the other files are written:\n{}",
        String::from_utf8_lossy(&output.stderr).trim_end()
    );
    Err(Failure::new(Exit::Failed, message))
}

/// What a step leaves to a person.
fn left(step: &Step) -> Option<String> {
    let Step { path, kind, .. } = step;
    match kind {
        Kind::Current | Kind::Write(_) => None,
        Kind::Keep(_) => Some(format!(
            "{path}: kept, though it differs as shown; --overwrite {path} replaces it"
        )),
        Kind::ByHand(text) => Some(format!(
            "{path}: yours, and not touched; put into it what this does:\n\n{}\n",
            indented(text)
        )),
    }
}

fn indented(text: &str) -> String {
    let lines = text.lines().map(|line| format!("    {line}"));
    lines.collect::<Vec<_>>().join("\n")
}

/// What a release carries and nobody but its author can write.
fn missing(facts: &Facts) -> impl Iterator<Item = String> {
    let names: Vec<String> = std::fs::read_dir(&facts.root)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    let wanted = [("README.md", "README.md"), ("LICENSE", "LICENSE*")];
    let written = wanted
        .into_iter()
        .filter(move |(prefix, _)| !names.iter().any(|name| name.starts_with(prefix)))
        .map(|(_, name)| format!("{name}: none; write it, every archive carries it"));
    let told = [told::SURFACE, told::BUILTINS];
    let told = told
        .into_iter()
        .filter(|file| !facts.root.join(file).is_file());
    let told = told.map(|file| format!("{file}: none; once it compiles, `{}`", told::WRITE));
    written.chain(told)
}
