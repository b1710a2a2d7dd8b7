//! `prepare`: makes the commit that a version is released from, on a branch of its own, after it
//! has shown it. Nothing is tagged, nothing pushed, and the work tree stays as it is.

use std::fmt::Write as _;

use release_plan::changes::{Guide, NEXT, RELEASES, Slug};
use release_plan::{Exit, Tag};

use super::say;
use crate::failure::Exiting as _;
use crate::git::{self, Tree};
use crate::preparation::{self, Edit};
use crate::project::Project;
use crate::story::{Released, Story};
use crate::{Failure, cli, files, gates, report};

pub(super) fn run(arguments: &cli::Prepare) -> Result<(), Failure> {
    let project = Project::here()?;
    let tree = Tree::open(&project.root)?;
    let version = &arguments.version;
    let tag = Tag::of(version).or_exit(Exit::Input)?;
    let (story, released) = (Story::read(&project)?, Released::read(&project)?);
    refuse(&project, &tree, &story, &released, &tag)?;
    let edits = preparation::edits(&project, &tree, &story, &released, version)?;
    report::print(&shown(&edits)?)?;
    let branch = format!("release/{tag}");
    if !arguments.go.yes {
        say(format!(
            "{} files would be committed on {branch}; --yes does so",
            edits.len()
        ));
        return Ok(());
    }
    let message = format!("Release {} {version}", project.product.name);
    let commit = tree.commit_on(&branch, &edits, &message)?;
    say(format!(
        "{branch} stands on {commit}, with {} files; look at it with `git switch {branch}` and \
         `cargo xtask check`, and have it merged",
        edits.len()
    ));
    Ok(())
}

/// What stands in the way of a release commit.
fn refuse(
    project: &Project,
    tree: &Tree,
    story: &Story,
    released: &Released,
    tag: &Tag,
) -> Result<(), Failure> {
    let version = tag.version();
    let gate = |message: String| Err(Failure::new(Exit::Gate, message));
    let changes = tree.changes(&project.watched())?;
    if let [first, ..] = changes.as_slice() {
        let message = format!("{first} is not committed: commit it or move it away");
        return Err(Failure::new(Exit::Input, message));
    }
    // Git may have been told to ignore it, and says nothing of it then.
    for path in story.files() {
        if tree.committed(&path)? != Some(files::read_text(&project.root.join(&path))?) {
            let message = format!(
                "{path}: expected it committed as it is here; `git add --force {path}` and commit \
                 it, or move it away"
            );
            return Err(Failure::new(Exit::Input, message));
        }
    }
    if released.guides.contains_key(version) {
        let message = format!(
            "{RELEASES}/{} is there already: take its release commit back, or take a version above",
            Guide::file(version)
        );
        return Err(Failure::new(Exit::Input, message));
    }
    if tree.tagged(tag)?.is_some() {
        let message =
            format!("{tag} is there already, and a tag never moves: take a version above");
        return Err(Failure::new(Exit::Input, message));
    }
    if tree.is_shallow() {
        return gate(
            "a shallow clone, in which tags may be missing: `git fetch --unshallow --tags`"
                .to_owned(),
        );
    }
    let faults = story.faults();
    if let [first, ..] = faults.as_slice() {
        return gate(format!(
            "{}:{}: expected {}, found {}; {} in all: run `cargo xtask fragment check`",
            first.file,
            first.fault.line,
            first.fault.expected,
            first.fault.found,
            gates::count(faults.len(), "fault")
        ));
    }
    let told = |slug: &&Slug| released.told_of(slug).is_some();
    if let Some(slug) = story.slugs().find(told) {
        return gate(format!(
            "{NEXT}/{}: expected a change that no release told of, found one that was: take it \
             away, or give it another name",
            slug.fragment()
        ));
    }
    if version < project.package_version() {
        let found = project.package_version();
        return gate(format!("expected a version above {found}, found {version}"));
    }
    let (last, bump) = (tree.last_release()?, story.bump());
    if let (Some(last), Some(bump)) = (last, bump)
        && let followed = tree.followed(&last, bump)?
        && !bump.leads(&followed, version)
    {
        return gate(format!(
            "expected {}, since {bump} is declared after {last}, found {version}",
            bump.after(&followed)
        ));
    }
    Ok(())
}

/// Every file, with the lines in which it changes.
fn shown(edits: &[Edit]) -> Result<String, Failure> {
    let mut text = String::new();
    for Edit { path, old, new } in edits {
        let [old, new] = [old, new].map(|text| text.as_deref().unwrap_or_default());
        let _ = write!(text, "{}", git::diff(path, old, new)?);
    }
    Ok(text)
}
