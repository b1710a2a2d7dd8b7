//! What of the program's command line others rely on, as it is written down in the tree.

use std::process::Command;

use release_plan::{Exit, Surface};

use crate::project::Project;
use crate::{Failure, files, gates, process};

/// Where it is written down, below the root of the tree.
pub(crate) const FILE: &str = "release-plan/surface.json";
/// The command that brings it up to date.
pub(crate) const WRITE: &str = "cargo xtask generate --surface";

/// What is written down; none where nothing is.
pub(crate) fn written(project: &Project) -> Result<Option<String>, Failure> {
    let path = project.root.join(FILE);
    if !path.is_file() {
        return Ok(None);
    }
    files::read_text(&path).map(Some)
}

/// What the program says of itself, compiled for it.
pub(crate) fn ask(project: &Project) -> Result<String, Failure> {
    let name = &project.product.name;
    let mut cargo = Command::new(gates::cargo());
    cargo
        .args([
            "run",
            "--quiet",
            "--locked",
            "--package",
            name,
            "--bin",
            name,
        ])
        .args(["--", "self", "surface"])
        .current_dir(&project.root);
    let (status, told) = process::stdout(&mut cargo)?;
    let told = String::from_utf8_lossy(&told).into_owned();
    if !status.success() {
        let message =
            format!("{name} self surface: cargo ended with {status}; its words are above");
        return Err(Failure::new(Exit::Failed, message));
    }
    match Surface::parse(&told) {
        Ok(_) => Ok(told),
        Err(why) => Err(Failure::new(
            Exit::Failed,
            format!("{name} self surface: {why}"),
        )),
    }
}
