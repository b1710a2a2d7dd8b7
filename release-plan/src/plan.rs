//! The plan of a release: made once, taken by every later stage, bound by its digest.

use semver::Version;
use serde::{Deserialize, Serialize};

use crate::json::{self, FormatError};
use crate::{
    AssetKind, AssetName, CommitId, Instant, Limits, PlannedAsset, Product, Sha256, Tag, Target,
};

/// The schema of a plan that this crate writes and reads.
pub const PLAN_SCHEMA: &str = "release-plan/1";

/// `plan.json`: everything that is decided about a release before a byte of it is built. The same
/// tree, tag and product give the same bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// [`PLAN_SCHEMA`].
    pub schema: String,
    /// Name of the product.
    pub product: String,
    /// Where it lives.
    pub repository: String,
    /// Version to be released.
    pub version: Version,
    /// Tag to release it under.
    pub tag: Tag,
    /// Version that the package in this tree says it has.
    pub package_version: Version,
    /// The tree.
    pub source: Source,
    /// The toolchain that `rust-toolchain.toml` asks for.
    pub rust_toolchain: String,
    /// The version of cargo-dist that `dist-workspace.toml` asks for.
    pub dist_version: Version,
    /// The lowest version that may upgrade to this one.
    pub upgrades_from: Version,
    /// Digest of the playbook in this tree.
    pub playbook_sha256: Sha256,
    /// What may sign it: the exact identity.
    pub identity: String,
    /// Every asset that the release manifest will list, sorted by name.
    pub assets: Vec<PlannedAsset>,
}

/// The tree that a plan is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The commit.
    pub commit: CommitId,
    /// When it was committed; what builds stamp as their time.
    pub committed_at: Instant,
    /// Digest over what differs from the commit (paths and contents); none for a clean tree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes_sha256: Option<Sha256>,
    /// Digest of `Cargo.lock`.
    pub lock_sha256: Sha256,
}

impl Source {
    /// The commit as a binary tells it: with `-dirty` where the tree differed from it.
    #[must_use]
    pub fn label(&self) -> String {
        let dirty = if self.changes_sha256.is_some() {
            "-dirty"
        } else {
            ""
        };
        format!("{}{dirty}", self.commit)
    }
}

/// Why a plan may be rehearsed but never published.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reservation {
    /// What would be built is in no commit.
    #[error("the tree differs from commit {commit}: commit or remove what `git status` lists")]
    Dirty {
        /// The commit.
        commit: CommitId,
    },
    /// What would be built calls itself something else.
    #[error("the package has version {package}, the plan {planned}: tag v{package} instead")]
    OtherVersion {
        /// The package's version.
        package: Version,
        /// The plan's.
        planned: Version,
    },
}

/// What is wrong with a plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Not the JSON expected.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// Tag and version that do not belong together.
    #[error("plan.json has tag {tag} and version {version}, which disagree")]
    Version {
        /// Its tag.
        tag: Tag,
        /// Its version.
        version: Version,
    },
    /// Not what this crate would have planned.
    #[error("plan.json does not list the assets that its targets call for")]
    Assets,
}

impl Plan {
    /// The assets of a release of `product` for `targets`, sorted by name.
    #[must_use]
    pub fn assets_for(product: &str, targets: &[Target]) -> Vec<PlannedAsset> {
        let fixed = |name: &str, kind| PlannedAsset {
            name: name.parse().expect("a constant name is an asset name"),
            kind,
            target: None,
        };
        let archives = targets.iter().filter_map(|target| {
            Some(PlannedAsset {
                name: AssetName::archive(product, target).ok()?,
                kind: AssetKind::Archive,
                target: Some(target.clone()),
            })
        });
        let mut assets: Vec<_> = archives
            .chain([
                fixed(AssetName::PLAN, AssetKind::Plan),
                fixed(AssetName::INSTALL_SH, AssetKind::BootstrapScript),
            ])
            .collect();
        assets.sort_by(|a, b| a.name.cmp(&b.name));
        assets
    }

    /// Reads `plan.json`.
    ///
    /// # Errors
    /// On malformed JSON, unknown fields, another schema, or fields that contradict each other.
    pub fn parse(bytes: &[u8]) -> Result<Self, PlanError> {
        let plan: Self = json::read("plan.json", bytes, Limits::MANIFEST, PLAN_SCHEMA)?;
        if *plan.tag.version() != plan.version {
            return Err(PlanError::Version {
                tag: plan.tag,
                version: plan.version,
            });
        }
        if plan.assets != Self::assets_for(&plan.product, &plan.targets()) {
            return Err(PlanError::Assets);
        }
        Ok(plan)
    }

    /// The bytes of `plan.json`.
    #[must_use]
    pub fn render(&self) -> Vec<u8> {
        json::write(self)
    }

    /// Digest of the bytes of `plan.json`.
    #[must_use]
    pub fn digest(&self) -> Sha256 {
        Sha256::of(&self.render())
    }

    /// The targets, sorted.
    #[must_use]
    pub fn targets(&self) -> Vec<Target> {
        self.assets
            .iter()
            .filter_map(|asset| asset.target.clone())
            .collect()
    }

    /// Every file that the release will consist of, bundles included, sorted by name.
    #[must_use]
    pub fn files(&self) -> Vec<AssetName> {
        let closing = [AssetName::MANIFEST, AssetName::CHECKSUMS];
        let mut files: Vec<AssetName> = self
            .assets
            .iter()
            .map(|asset| asset.name.clone())
            .chain(closing.map(|name| name.parse().expect("a constant name is an asset name")))
            .flat_map(|name| [name.bundle(), name])
            .collect();
        files.sort();
        files
    }

    /// Whether this is still a plan of `product`.
    #[must_use]
    pub fn is_of(&self, product: &Product) -> bool {
        self.product == product.name && self.repository == product.repository.url
    }

    /// Why it may be rehearsed but never published; empty for a plan that may.
    #[must_use]
    pub fn reservations(&self) -> Vec<Reservation> {
        let mut reservations = Vec::new();
        if self.source.changes_sha256.is_some() {
            reservations.push(Reservation::Dirty {
                commit: self.source.commit.clone(),
            });
        }
        if self.package_version != self.version {
            reservations.push(Reservation::OtherVersion {
                package: self.package_version.clone(),
                planned: self.version.clone(),
            });
        }
        reservations
    }
}
