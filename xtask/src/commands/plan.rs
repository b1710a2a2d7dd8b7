//! `plan`: decides what the release is.

use release_plan::{Exit, Tag, Version};

use super::say;
use crate::cli;
use crate::failure::Exiting as _;
use crate::project::Project;
use crate::{Failure, files, report};

pub(super) fn run(arguments: &cli::Plan) -> Result<(), Failure> {
    let project = Project::here()?;
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
