//! `fragment`: begins the story of a change, or looks at what is told of the next release.

use std::fmt::Write as _;

use release_plan::Exit;
use release_plan::changes::{NEXT, PLACEHOLDER, Review};

use super::{check, say};
use crate::project::Project;
use crate::{Failure, cli, files, gates};

pub(super) fn run(arguments: &cli::Fragment) -> Result<(), Failure> {
    let project = Project::here()?;
    match &arguments.verb {
        cli::FragmentVerb::New(arguments) => new(&project, arguments),
        cli::FragmentVerb::Check(arguments) => {
            let rows = gates::story_is_whole(&project)?;
            check::tell(&rows, arguments.json)?;
            check::end(&rows, true, true)
        }
    }
}

fn new(project: &Project, arguments: &cli::FragmentNew) -> Result<(), Failure> {
    let slug = &arguments.slug;
    let mut all = vec![(slug.fragment(), fragment(arguments))];
    if arguments.side_effects {
        all.push((slug.review(), review()));
    }
    let folder = project.root.join(NEXT);
    let taken = all.iter().find(|(name, _)| folder.join(name).exists());
    if let Some((name, _)) = taken {
        let message = format!("{NEXT}/{name} is there already: edit it, or take another name");
        return Err(Failure::new(Exit::Input, message));
    }
    files::make_folder(&folder)?;
    for (name, text) in all {
        files::write(&folder.join(&name), text.as_bytes())?;
        say(format!("wrote {NEXT}/{name}"));
    }
    say(format!(
        "put words of your own where it says {PLACEHOLDER}, then run `cargo xtask fragment check`"
    ));
    Ok(())
}

fn fragment(arguments: &cli::FragmentNew) -> String {
    let cli::FragmentNew {
        bump,
        area,
        issue,
        side_effects,
        ..
    } = arguments;
    let issue = issue.map_or_else(String::new, |issue| format!("issue: {issue}\n"));
    format!(
        "---\n\
         bump: {bump}\n\
         area: {area}\n\
         {issue}\
         side_effects: {side_effects}\n\
         # What becomes of what is installed already, or none.\n\
         migration: none\n\
         ---\n\n\
         ## What changed\n\n\
         {PLACEHOLDER} what changed, for those who maintain it.\n\n\
         ## What to tell your user\n\n\
         {PLACEHOLDER} what changes for those who use it, in plain words: no code, no flags, no \
         keys.\n\n\
         ## Capabilities\n\n\
         - {PLACEHOLDER} what it can do now: how to use it. Or the one word `None.` for the list.\n\n\
         ## Evidence\n\n\
         Reproduced: {PLACEHOLDER} how the fault was seen. Without the claim of a fix, remove this \
         section.\n\n\
         Fixed: {PLACEHOLDER} how it is seen to be gone. Or: \"Not reproducible here:\" and why.\n"
    )
}

fn review() -> String {
    let mut text = String::new();
    for (heading, asks) in Review::SECTIONS {
        let _ = writeln!(text, "## {heading}\n\n{PLACEHOLDER} {asks}\n");
    }
    text.truncate(text.trim_end().len());
    text + "\n"
}
