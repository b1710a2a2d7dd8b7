//! `release.json`: the manifest that says which bytes a release is.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use semver::Version;
use serde::{Deserialize, Serialize};

use crate::json::{self, FormatError};
use crate::{
    Asset, AssetKind, AssetName, BUNDLE_SUFFIX, Bootstrap, BootstrapTag, Checksums, CommitId,
    Limits, PROVENANCE_SUFFIX, Plan, Reservation, Sha256, Tag, Target,
};

/// The schema of a manifest that this crate writes and reads.
pub const MANIFEST_SCHEMA: &str = "release-manifest/1";

/// The manifest of one release. Unknown fields are skipped, so that an older program can read
/// what a newer one adds; what changes a meaning changes the schema.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`MANIFEST_SCHEMA`].
    pub schema: String,
    /// Name of the product.
    pub product: String,
    /// Version released.
    pub version: Version,
    /// Tag it is released under.
    pub tag: Tag,
    /// Commit it was built from.
    pub commit: CommitId,
    /// Digest of `plan.json`.
    pub plan_sha256: Sha256,
    /// What compiled the program for each target.
    pub toolchains: BTreeMap<Target, Toolchain>,
    /// The lowest version that may upgrade to it.
    pub upgrades_from: Version,
    /// Digest of the playbook inside the program.
    pub playbook_sha256: Sha256,
    /// Every asset but this file, `SHA256SUMS`, the bundles and the provenance, sorted by name.
    pub assets: Vec<Asset>,
}

/// What compiled a program. The same commit and toolchain give the same bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Toolchain {
    /// First line of `rustc --version`.
    pub rustc: String,
    /// Where Rust's standard library came from.
    pub std: StdOrigin,
    /// What compiled C and linked; none for a target that this machine's own linker serves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zig: Option<Version>,
    /// What let cargo use it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cargo_zigbuild: Option<Version>,
}

/// Where Rust's standard library came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StdOrigin {
    /// Built by those who built the compiler, and installed beside it.
    Prebuilt,
    /// Built along with the program, from the compiler's own sources.
    Source,
}

impl Toolchain {
    /// Whether a compiler that tells `rustc` of itself is the one that `channel` names.
    #[must_use]
    pub fn names(rustc: &str, channel: &str) -> bool {
        channel.parse::<Version>().is_err() || rustc.split(' ').nth(1) == Some(channel)
    }

    /// Whether its compiler is the one that `channel` of `rust-toolchain.toml` names; `stable` and
    /// the like name none.
    #[must_use]
    pub fn is_of(&self, channel: &str) -> bool {
        Self::names(&self.rustc, channel)
    }
}

impl fmt::Display for Toolchain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let std = match self.std {
            StdOrigin::Prebuilt => "std as shipped with it",
            StdOrigin::Source => "std from its sources",
        };
        write!(f, "{} with {std}", self.rustc)?;
        for (name, version) in [("zig", &self.zig), ("cargo-zigbuild", &self.cargo_zigbuild)] {
            if let Some(version) = version {
                write!(f, ", {name} {version}")?;
            }
        }
        Ok(())
    }
}

/// What is wrong with a manifest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// Not the JSON expected.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// Tag and version that do not belong together.
    #[error("release.json has tag {tag} and version {version}, which disagree")]
    Version {
        /// Its tag.
        tag: Tag,
        /// Its version.
        version: Version,
    },
    /// A name twice, out of order, or one that only the release itself bears.
    #[error("release.json lists {0} twice, out of order, or where it cannot stand")]
    Name(AssetName),
    /// An archive without target, or a target with two archives.
    #[error("release.json must list one archive for each target; {0} is not so")]
    Archive(AssetName),
    /// Toolchains of other targets than it has archives for.
    #[error("release.json must name one toolchain for each target that it has an archive for")]
    Toolchains,
}

impl Manifest {
    /// The manifest of what `plan` promised, once all of it has been written.
    ///
    /// # Errors
    /// When assets repeat a name or a target.
    pub fn new(
        plan: &Plan,
        toolchains: BTreeMap<Target, Toolchain>,
        mut assets: Vec<Asset>,
    ) -> Result<Self, ManifestError> {
        assets.sort_by(|a, b| a.name.cmp(&b.name));
        let manifest = Self {
            schema: MANIFEST_SCHEMA.to_owned(),
            product: plan.product.clone(),
            version: plan.version.clone(),
            tag: plan.tag.clone(),
            commit: plan.source.commit.clone(),
            plan_sha256: plan.digest(),
            toolchains,
            upgrades_from: plan.upgrades_from.clone(),
            playbook_sha256: plan.playbook_sha256,
            assets,
        };
        manifest.check()?;
        Ok(manifest)
    }

    /// Reads `release.json`.
    ///
    /// # Errors
    /// On malformed JSON, another schema, or fields that contradict each other.
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        let manifest: Self = json::read("release.json", bytes, Limits::MANIFEST, MANIFEST_SCHEMA)?;
        manifest.check()?;
        Ok(manifest)
    }

    /// The bytes of `release.json`.
    #[must_use]
    pub fn render(&self) -> Vec<u8> {
        json::write(self)
    }

    /// Why what `plan` made may be rehearsed but never published, beyond the plan's own reasons.
    #[must_use]
    pub fn reservations(&self, plan: &Plan) -> Vec<Reservation> {
        let asked = &plan.tools.rust;
        let others = self
            .toolchains
            .iter()
            .filter(|(_, made)| !made.is_of(asked));
        let others = others.map(|(target, made)| Reservation::OtherCompiler {
            target: target.clone(),
            asked: asked.clone(),
            found: made.rustc.clone(),
        });
        others.collect()
    }

    /// The asset called `name`.
    #[must_use]
    pub fn asset(&self, name: &AssetName) -> Option<&Asset> {
        self.assets.iter().find(|asset| asset.name == *name)
    }

    /// The archive for `target`.
    #[must_use]
    pub fn archive(&self, target: &Target) -> Option<&Asset> {
        self.assets
            .iter()
            .find(|asset| asset.kind == AssetKind::Archive && asset.target.as_ref() == Some(target))
    }

    /// The lines of `SHA256SUMS`: every asset, and this manifest, whose bytes have the digest `own`.
    #[must_use]
    pub fn checksums(&self, own: Sha256) -> Checksums {
        let manifest = AssetName::MANIFEST.parse();
        let manifest = manifest.expect("a constant name is an asset name");
        let assets = self.assets.iter();
        let lines = assets.map(|asset| (asset.name.clone(), asset.sha256));
        lines.chain([(manifest, own)]).collect()
    }

    /// Its own bootstrap scripts.
    #[must_use]
    pub fn bootstrap(&self) -> Bootstrap {
        let scripts = self.assets.iter();
        let scripts = scripts.filter(|asset| asset.kind == AssetKind::BootstrapScript);
        Bootstrap {
            tag: BootstrapTag::own(self.tag.clone()),
            scripts: scripts
                .map(|asset| (asset.name.clone(), asset.sha256))
                .collect(),
        }
    }

    fn check(&self) -> Result<(), ManifestError> {
        if *self.tag.version() != self.version {
            return Err(ManifestError::Version {
                tag: self.tag.clone(),
                version: self.version.clone(),
            });
        }
        for pair in self.assets.windows(2) {
            if pair[0].name >= pair[1].name {
                return Err(ManifestError::Name(pair[1].name.clone()));
            }
        }
        let mut targets = BTreeSet::new();
        for asset in &self.assets {
            let name = asset.name.as_str();
            let reserved = [AssetName::MANIFEST, AssetName::CHECKSUMS].contains(&name);
            let signs = [BUNDLE_SUFFIX, PROVENANCE_SUFFIX].map(|suffix| name.ends_with(suffix));
            if reserved || signs.contains(&true) {
                return Err(ManifestError::Name(asset.name.clone()));
            }
            if asset.kind == AssetKind::Archive
                && !asset.target.as_ref().is_some_and(|t| targets.insert(t))
            {
                return Err(ManifestError::Archive(asset.name.clone()));
            }
        }
        if !targets.into_iter().eq(self.toolchains.keys()) {
            return Err(ManifestError::Toolchains);
        }
        Ok(())
    }
}
