//! `scripts`: this tree's bootstrap scripts, stamped for its version, which is public already. A
//! broken script is mended so, and no program is built again.

use release_plan::{AssetName, BootstrapTag, Checksums, Exit, Sha256, Tag};

use super::{say, trusted_root};
use crate::channels::public::Public;
use crate::gates::{self, Verdict};
use crate::git::Tree;
use crate::project::Project;
use crate::story::Released;
use crate::{Failure, bootstrap, cli, files};

pub(super) async fn run(arguments: &cli::Scripts) -> Result<(), Failure> {
    let project = Project::here()?;
    let tag = next(&project)?;
    let root = trusted_root(arguments.root.trusted_root.as_deref())?;
    let public = Public::new(&project.product, &root, arguments.mirror.as_deref())?;
    let release = public.release(tag.release()).await?;
    let release = release.manifest();
    let mut checksums = Checksums::default();
    let mut stamped = Vec::new();
    for name in release.bootstrap().scripts.into_keys() {
        let template = project.root.join(bootstrap::FOLDER).join(name.as_str());
        let template = files::read_text(&template)?;
        let product = &project.product;
        let script = bootstrap::stamp(name.as_str(), &template, product, &tag, &release.assets)?;
        checksums.insert(name.clone(), Sha256::of(script.as_bytes()));
        stamped.push((name, script));
    }
    let sums = AssetName::BOOTSTRAP_CHECKSUMS.parse()?;
    stamped.push((sums, checksums.render()));
    files::make_folder(&arguments.out)?;
    for (name, text) in &stamped {
        files::write(&arguments.out.join(name.as_str()), text.as_bytes())?;
    }
    say(format!(
        "{tag}: {} files in {}",
        stamped.len(),
        arguments.out.display()
    ));
    Ok(())
}

/// The tag that the scripts of this tree are to have, once the tree is as it must be.
fn next(project: &Project) -> Result<BootstrapTag, Failure> {
    let revision = project.product.bootstrap_revision;
    let release = Tag::of(project.package_version())?;
    if revision == 0 {
        let message = format!(
            "release-plan/product.yaml: expected a bootstrap_revision above 0, found 0: these are \
             the own scripts of {release}; `cargo xtask check` tells the next number"
        );
        return Err(Failure::new(Exit::Gate, message));
    }
    let tree = Tree::open(&project.root)?;
    for row in [
        gates::clean_tree(project, &tree)?,
        gates::scripts_are_numbered(project, &tree, &Released::read(project)?)?,
    ] {
        if row.verdict != Verdict::Passed {
            let mend = row.mend.unwrap_or_default();
            let message = format!(
                "{}: expected {}, found {}; {mend}",
                row.place, row.expected, row.found
            );
            return Err(Failure::new(Exit::Gate, message));
        }
    }
    Ok(BootstrapTag::numbered(release, revision))
}
