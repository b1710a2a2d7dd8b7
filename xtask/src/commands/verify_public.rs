//! `verify-public`: a public release, as a stranger gets it: without a token, every file of it, by
//! the code that ships.

use release_plan::{AssetName, Exit, Limits, Manifest, Plan, Tag};

use super::verify::shipment_verifies;
use super::{say, trusted_root};
use crate::failure::Exiting as _;
use crate::project::{self, Project};
use crate::shipment::Shipment;
use crate::{Failure, cli, download, files};

pub(super) async fn run(arguments: &cli::VerifyPublic) -> Result<(), Failure> {
    let product = Project::product()?;
    let root = trusted_root(arguments.root.trusted_root.as_deref())?;
    let tag = Tag::of(&arguments.version)?;
    let base = arguments
        .mirror
        .as_deref()
        .unwrap_or(&product.repository.url);
    let base = format!("{}/releases/download/{tag}", base.trim_end_matches('/'));

    let scratch = tempfile::tempdir()?;
    let folder = scratch.path();
    let plan_file = folder.join(AssetName::PLAN);
    let client = download::client()?;
    // What these two say is believed once every digest and signature agrees with it.
    for name in [AssetName::PLAN, AssetName::MANIFEST] {
        let bytes = download::get(&client, &format!("{base}/{name}"), Limits::MANIFEST).await?;
        files::write(&folder.join(name), &bytes)?;
    }
    let plan = project::read_plan(&product, &plan_file)?;
    check_tag(&plan, &tag)?;
    let manifest =
        Manifest::parse(&files::read(&folder.join(AssetName::MANIFEST))?).or_exit(Exit::Refused)?;
    for name in plan.files() {
        let path = folder.join(name.as_str());
        if path.exists() {
            continue;
        }
        let limit = limit(&manifest, &name);
        download::to_file(&client, &format!("{base}/{name}"), limit, &path).await?;
    }
    let shipment = Shipment::open(&plan, folder)?;
    shipment_verifies(&product, &plan, &shipment, &root)?;
    say(format!(
        "{tag}: {} public files verified: signed by {} at commit {}, provenance included",
        plan.files().len(),
        plan.identity,
        plan.source.commit
    ));
    Ok(())
}

/// The most bytes that are taken for a file: of an asset, what the manifest says.
fn limit(manifest: &Manifest, name: &AssetName) -> u64 {
    let asset = manifest.asset(name);
    asset.map_or(Limits::MANIFEST as u64, |asset| asset.size)
}

fn check_tag(plan: &Plan, tag: &Tag) -> Result<(), Failure> {
    if plan.tag == *tag {
        return Ok(());
    }
    let message = format!("expected the plan of {tag}, found that of {}", plan.tag);
    Err(Failure::new(Exit::Refused, message))
}
