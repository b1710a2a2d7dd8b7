//! `verify`: every asset, by the verification code that ships.

use std::collections::BTreeMap;

use release_plan::{AssetName, Exit, Plan, Policy, Product};
use trust::{TrustedRoot, VerifiedRelease, verify_blob};

use super::{say, trusted_root};
use crate::failure::Exiting as _;
use crate::project::{self, Project};
use crate::shipment::Shipment;
use crate::{Failure, cli, files};

pub(super) fn run(arguments: &cli::Verify) -> Result<(), Failure> {
    let product = Project::here()?.product;
    let plan = project::read_plan(&product, &arguments.assets.plan.plan)?;
    let shipment = Shipment::open(&plan, &arguments.assets.dir)?;
    let root = trusted_root(arguments.root.trusted_root.as_deref())?;
    shipment_verifies(&product, &plan, &shipment, &root)?;
    say(format!(
        "{} assets verified: signed by {} at commit {}",
        shipment.assets.len(),
        plan.identity,
        plan.source.commit
    ));
    Ok(())
}

/// Verifies every asset of `shipment` for exactly the plan's tag and commit. Gives the bundles
/// that verified, by the names of their assets.
pub(super) fn shipment_verifies(
    product: &Product,
    plan: &Plan,
    shipment: &Shipment,
    root: &TrustedRoot,
) -> Result<BTreeMap<AssetName, Vec<u8>>, Failure> {
    let policy = Policy::of_release(product, &plan.tag).at_commit(&plan.source.commit);
    let mut bundles = BTreeMap::new();
    for (name, measured) in &shipment.assets {
        let bundle = shipment.bundle(name)?;
        verify_blob(name.as_str(), measured.sha256(), &bundle, &policy, root)
            .or_exit(Exit::Refused)?;
        bundles.insert(name.clone(), bundle);
    }
    let manifest: AssetName = AssetName::MANIFEST.parse()?;
    let bytes = files::read(&shipment.path(&manifest))?;
    let bundle = bundles.get(&manifest).map_or(&[][..], Vec::as_slice);
    let release =
        VerifiedRelease::verify(product, &plan.tag, &bytes, bundle, root).or_exit(Exit::Refused)?;
    for (name, measured) in &shipment.assets {
        if ![AssetName::MANIFEST, AssetName::CHECKSUMS].contains(&name.as_str()) {
            release.admit(name, *measured).or_exit(Exit::Refused)?;
        }
    }
    Ok(bundles)
}
