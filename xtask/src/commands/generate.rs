//! `generate`: writes what follows from other files of the tree, or checks that it is current.

use release_plan::Exit;

use super::say;
use crate::generated::{self, GENERATE};
use crate::project::Project;
use crate::{Failure, cli, files, told};

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
    if arguments.program {
        for told in told::compiled(&project)? {
            if told.is_current() {
                say(format!("{} is current", told.file));
            } else if arguments.check {
                stale.push(told.file);
            } else {
                files::write(&project.root.join(told.file), told.current.as_bytes())?;
                say(format!("{} written", told.file));
            }
        }
    }
    if stale.is_empty() {
        return Ok(());
    }
    let command = if arguments.program {
        told::WRITE
    } else {
        GENERATE
    };
    let message = format!("{}: not current; run `{command}`", stale.join(", "));
    Err(Failure::new(Exit::Gate, message))
}
