//! A folder of finished assets: held against its plan, its manifest and its `SHA256SUMS` before
//! anything is done with it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use release_plan::{
    Asset, AssetName, BUNDLE_SUFFIX, Checksums, Exit, Manifest, Measured, Plan, Reservation, Target,
};

use crate::{Failure, files};

fn describe(asset: &Asset) -> String {
    let Asset {
        name, size, sha256, ..
    } = asset;
    let target = asset.target.as_ref().map_or("any target", Target::as_str);
    format!("{name} for {target} with {size} bytes and sha256:{sha256}")
}

/// The assets of one release in a folder, complete but for bundles and provenance.
pub(crate) struct Shipment {
    folder: PathBuf,
    /// What the assets are.
    pub(crate) manifest: Manifest,
    /// Why it may be rehearsed and never published.
    pub(crate) reservations: Vec<Reservation>,
    /// What is signed: every asset, `release.json` and `SHA256SUMS`, sorted by name.
    pub(crate) assets: Vec<(AssetName, Measured)>,
}

impl Shipment {
    /// Reads and measures every file in `folder`.
    ///
    /// Refused: a file too many or too few, a size or digest other than `release.json` or
    /// `SHA256SUMS` say, a manifest of another plan. Bundles and provenance may be there or not.
    pub(crate) fn open(plan: &Plan, folder: &Path) -> Result<Self, Failure> {
        let expected: BTreeSet<AssetName> = plan.files().into_iter().collect();
        let found = names(folder)?;
        let provenance = plan.provenance();
        let signs =
            |name: &AssetName| name.as_str().ends_with(BUNDLE_SUFFIX) || *name == provenance;
        let signed = found.iter().any(signs);
        let refused = |message: String| {
            let (exit, remedy) = if signed {
                (
                    Exit::Refused,
                    "this was changed after it was signed: do not publish it",
                )
            } else {
                (Exit::Input, "assemble again")
            };
            Failure::new(exit, format!("{}: {message}; {remedy}", folder.display()))
        };
        if let Some(extra) = found.iter().find(|name| !expected.contains(*name)) {
            return Err(refused(format!("{extra} is not of this release")));
        }
        let unsigned = expected.iter().filter(|name| !signs(name));
        let mut assets = Vec::new();
        for name in unsigned {
            if !found.contains(name) {
                return Err(refused(format!("{name} is missing")));
            }
            assets.push((name.clone(), files::measure(&folder.join(name.as_str()))?));
        }
        let read = |name: &str| files::read(&folder.join(name));
        let manifest = Manifest::parse(&read(AssetName::MANIFEST)?)
            .map_err(|error| refused(error.to_string()))?;
        if manifest.plan_sha256 != plan.digest() {
            return Err(refused(
                "release.json was made from another plan".to_owned(),
            ));
        }
        // What the plan promised, with the bytes that are here, is what the manifest must say.
        let listed = plan.assets.iter().filter_map(|planned| {
            let (_, measured) = assets.iter().find(|(name, _)| *name == planned.name)?;
            Some(Asset::new(planned.clone(), *measured))
        });
        let listed: Vec<Asset> = listed.collect();
        for asset in &listed {
            let said = manifest.asset(&asset.name);
            if said != Some(asset) {
                let said = said.map_or("no such asset".to_owned(), describe);
                let found = describe(asset);
                return Err(refused(format!("release.json says {said}, found {found}")));
            }
        }
        if manifest != Manifest::new(plan, manifest.toolchains.clone(), listed)? {
            return Err(refused(
                "release.json says other things than the plan".to_owned(),
            ));
        }
        let summed: Checksums = assets
            .iter()
            .filter(|(name, _)| name.as_str() != AssetName::CHECKSUMS)
            .map(|(name, measured)| (name.clone(), measured.sha256()))
            .collect();
        Checksums::parse(&read(AssetName::CHECKSUMS)?)
            .and_then(|listed| listed.agree_with(&summed))
            .map_err(|error| refused(error.to_string()))?;
        let mut reservations = plan.reservations();
        reservations.extend(manifest.reservations(plan));
        Ok(Self {
            reservations,
            folder: folder.to_owned(),
            manifest,
            assets,
        })
    }

    /// Where a file of the release lies.
    pub(crate) fn path(&self, name: &AssetName) -> PathBuf {
        self.folder.join(name.as_str())
    }

    /// A file that signs: a bundle or the provenance, where it is there.
    pub(crate) fn signature(&self, name: &AssetName) -> Result<Option<Vec<u8>>, Failure> {
        let path = self.path(name);
        path.is_file().then(|| files::read(&path)).transpose()
    }

    /// As [`Self::signature`], where `signed` must have been signed by it.
    pub(crate) fn signature_of(&self, signed: &str, name: &AssetName) -> Result<Vec<u8>, Failure> {
        self.signature(name)?.ok_or_else(|| {
            let path = self.path(name);
            let message = format!("{}: {signed} not signed; sign first", path.display());
            Failure::new(Exit::Input, message)
        })
    }
}

fn names(folder: &Path) -> Result<BTreeSet<AssetName>, Failure> {
    let entries =
        std::fs::read_dir(folder).map_err(|error| files::failed("read", folder, &error))?;
    let mut names = BTreeSet::new();
    for entry in entries {
        let name = entry?.file_name().to_string_lossy().into_owned();
        // No file of the folder yet, and nothing reads it.
        if name.starts_with(files::PARTIAL) {
            continue;
        }
        let name = name
            .parse()
            .map_err(|error| Failure::new(Exit::Input, format!("{}: {error}", folder.display())))?;
        names.insert(name);
    }
    Ok(names)
}
