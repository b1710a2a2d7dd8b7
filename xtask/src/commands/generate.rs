//! `generate`: writes what follows from other files of the tree, or checks that it is current.

use release_plan::Exit;

use super::say;
use crate::generated::{self, GENERATE};
use crate::project::Project;
use crate::{Failure, cli, files, surface};

pub(super) fn run(arguments: &cli::Generate) -> Result<(), Failure> {
    let project = Project::here()?;
    let mut stale = Vec::new();
    for generated in generated::all(&project)? {
        if generated.is_current() {
            say(format!("{} is current", generated.file));
        } else if arguments.check {
            stale.push(generated.file);
        } else {
            generated.write(&project)?;
            say(format!("{} written", generated.file));
        }
    }
    if arguments.surface {
        let told = surface::ask(&project)?;
        if surface::written(&project)?.is_some_and(|written| written == told) {
            say(format!("{} is current", surface::FILE));
        } else if arguments.check {
            stale.push(surface::FILE);
        } else {
            files::write(&project.root.join(surface::FILE), told.as_bytes())?;
            say(format!("{} written", surface::FILE));
        }
    }
    if stale.is_empty() {
        return Ok(());
    }
    let flag = if arguments.surface { " --surface" } else { "" };
    let message = format!("{}: not current; run `{GENERATE}{flag}`", stale.join(", "));
    Err(Failure::new(Exit::Gate, message))
}
