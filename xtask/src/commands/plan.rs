//! `plan`: decides what the release is.

use release_plan::changes::NEXT;
use release_plan::{Exit, Tag, Version};

use super::say;
use crate::cli;
use crate::failure::Exiting as _;
use crate::git::Tree;
use crate::needed;
use crate::project::{MANIFEST_FILE, Project};
use crate::story::Story;
use crate::{Failure, files, report};

pub(super) fn run(arguments: &cli::Plan) -> Result<(), Failure> {
    let project = Project::here()?;
    if arguments.explain {
        return report::print(&explained(&project)?);
    }
    let version = match &arguments.as_version {
        Some(version) => version.clone(),
        None => tagged_version(&project, arguments.tag.as_ref())?,
    };
    let plan = project.plan(&version)?;
    let plan = plan.without(&arguments.without).or_exit(Exit::Input)?;
    if let Some(folder) = arguments.out.parent() {
        files::make_folder(folder)?;
    }
    files::write(&arguments.out, &plan.render())?;
    for reservation in plan.reservations() {
        say(format!("can be rehearsed, not published: {reservation}"));
    }
    if arguments.targets {
        report::print(&format!("{}\n", serde_json::to_string(&plan.targets())?))?;
    }
    let digest = plan.digest().to_string();
    say(format!(
        "{} at {:.12}, plan sha256:{digest:.16}",
        plan.tag, plan.source.commit
    ));
    Ok(())
}

/// Why the next version is what it is.
fn explained(project: &Project) -> Result<String, Failure> {
    let tree = Tree::open(&project.root)?;
    let story = Story::read(project)?;
    let Some(last) = tree.last_release()? else {
        return Ok(format!(
            "nothing is released before this: any version will do; {MANIFEST_FILE} has {}\n",
            project.package_version()
        ));
    };
    let mut table = report::table(["", "bump", "why", "where"]);
    for fragment in story.fragments() {
        let place = format!("{NEXT}/{}", fragment.slug.fragment());
        let (bump, slug) = (fragment.bump.to_string(), fragment.slug.to_string());
        table.add_row(["declared", &bump, &slug, &place]);
    }
    match needed::since(project, &needed::code(project), &tree, &last)? {
        Ok(since) => {
            for reason in since.reasons {
                let bump = reason.bump.to_string();
                table.add_row(["needed", &bump, &reason.what(), &reason.place]);
            }
        }
        Err(why) => {
            table.add_row(["needed", "not checked", &why, ""]);
        }
    }
    let version = match story.bump() {
        Some(bump) => format!("{bump} is declared: {}", bump.after(last.version())),
        None => "nothing is declared".to_owned(),
    };
    Ok(format!(
        "after {last}, {version}; {MANIFEST_FILE} has {}\n\n{table}\n",
        project.package_version()
    ))
}

/// The version of the package, which a tag must be of.
pub(super) fn tagged_version(project: &Project, tag: Option<&Tag>) -> Result<Version, Failure> {
    let version = project.package_version();
    match tag {
        Some(tag) if tag.version() != version => {
            let message = format!(
                "--tag: expected v{version}, the version in Cargo.toml, found {tag}; \
                 tag that, or raise `version` in Cargo.toml"
            );
            Err(Failure::new(Exit::Input, message))
        }
        _ => Ok(version.clone()),
    }
}
