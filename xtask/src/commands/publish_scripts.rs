//! `publish-scripts`: what `scripts` made, public under its own tag. Nobody is given it before a
//! channel's pointer names that tag.

use std::collections::BTreeMap;
use std::path::Path;

use release_plan::{AssetName, BootstrapTag, Checksums, Exit, Limits, Manifest, Measured};

use super::{say, trusted_root};
use crate::channels::public::Public;
use crate::clock::Clock;
use crate::gates::plan_entry;
use crate::git::Tree;
use crate::github::GitHub;
use crate::project::Project;
use crate::publish::{Publication, Publisher};
use crate::{Failure, bootstrap, cli, files};

pub(super) async fn run(arguments: &cli::PublishScripts) -> Result<(), Failure> {
    let product = Project::product()?;
    let tag = &arguments.tag;
    if tag.revision() == 0 {
        let message = format!(
            "--tag: expected a tag like bootstrap-{tag}-r1, found {tag}, which has its own scripts"
        );
        return Err(Failure::new(Exit::Usage, message));
    }
    let root = trusted_root(arguments.root.trusted_root.as_deref())?;
    let public = Public::new(&product, &root, arguments.mirror.as_deref())?;
    let release = public.release(tag.release()).await?;
    let here = std::env::current_dir()?;
    let tree = Tree::open(&here)?;
    let commit = tree.head()?.commit;
    let publication = Publication {
        tag: tag.clone(),
        plan: release.manifest().plan_sha256,
        notes: notes(&here, tag, commit.as_str())?,
        commit,
        files: take(&arguments.dir, tag, release.manifest())?,
        folder: arguments.dir.clone(),
    };
    let github = GitHub::new(&arguments.host, &product)?;
    let publisher = Publisher::new(&github, Clock::System, &publication);
    publisher.preflight().await?;
    say(publisher.run().await?.html_url);
    Ok(())
}

/// The scripts in a folder with their checksums, held against one another and against the release.
fn take(
    folder: &Path,
    tag: &BootstrapTag,
    release: &Manifest,
) -> Result<BTreeMap<AssetName, Measured>, Failure> {
    let sums: AssetName = AssetName::BOOTSTRAP_CHECKSUMS.parse()?;
    let bytes = files::read(&folder.join(sums.as_str()))?;
    let refused = |name: &AssetName, what: String| {
        let message = format!("{name}: {what}; make them anew with `cargo xtask scripts`");
        Failure::new(Exit::Gate, message)
    };
    let listed = Checksums::parse(&bytes).map_err(|error| refused(&sums, error.to_string()))?;
    let own = release.bootstrap().scripts;
    if !listed.iter().map(|(name, _)| name).eq(own.keys()) {
        let names = |names: Vec<&AssetName>| {
            let names: Vec<&str> = names.into_iter().map(AssetName::as_str).collect();
            names.join(", ")
        };
        let (expected, found) = (own.keys(), listed.iter().map(|(name, _)| name));
        let (expected, found) = (names(expected.collect()), names(found.collect()));
        let what = format!(
            "expected the scripts of {}, {expected}, found {found}",
            release.tag
        );
        return Err(refused(&sums, what));
    }
    let mut taken = BTreeMap::from([(sums, Measured::of(&bytes))]);
    for (name, expected) in listed.iter() {
        let script = files::read(&folder.join(name.as_str()))?;
        let measured = Measured::of(&script);
        if measured.sha256() != expected {
            let found = measured.sha256();
            let what = format!("expected sha256:{expected}, found sha256:{found}");
            return Err(refused(name, what));
        }
        if bootstrap::claimed(&script).as_ref() != Some(tag) || script.len() > Limits::WHOLE_FILE {
            let what = format!("expected a script that says it is of {tag}, found another");
            return Err(refused(name, what));
        }
        taken.insert(name.clone(), measured);
    }
    Ok(taken)
}

/// What was wrong and what mends it, as the tree tells it.
fn notes(folder: &Path, tag: &BootstrapTag, commit: &str) -> Result<String, Failure> {
    let root = Project::root(folder).unwrap_or(folder);
    let entry = files::read_text(&root.join(plan_entry(tag)))?;
    let (release, sums) = (tag.release(), AssetName::BOOTSTRAP_CHECKSUMS);
    Ok(format!(
        "{}\n\nScripts for {release}, from commit {commit}; `{sums}` lists their digests. They are \
         served once the pointer of a channel names this tag.",
        entry.trim()
    ))
}
