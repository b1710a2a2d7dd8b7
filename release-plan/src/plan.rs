//! The plan of a release: made once, taken by every later stage, bound by its digest.

use std::fmt;

use semver::Version;
use serde::{Deserialize, Serialize};

use crate::json::{self, FormatError};
use crate::{
    AssetKind, AssetName, CommitId, Contents, Instant, Limits, PlannedAsset, Product, Sha256, Tag,
    Target,
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
    /// The tools that make it, at the one version each that is asked for.
    pub tools: Tools,
    /// The most bytes that a program may have.
    pub size_budget: u64,
    /// The lowest version that may upgrade to this one.
    pub upgrades_from: Version,
    /// Digest of the playbook in this tree.
    pub playbook_sha256: Sha256,
    /// What may sign it: the exact identity.
    pub identity: String,
    /// Every asset that the release manifest will list, sorted by name.
    pub assets: Vec<PlannedAsset>,
    /// What a release would hold beside those, sorted by name: a plan that leaves something out can
    /// be rehearsed and never published.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<PlannedAsset>,
}

/// The tools whose output is in a release, or makes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Tools {
    /// The toolchain that `rust-toolchain.toml` names.
    pub rust: String,
    /// Compiles C and links, for every target from one machine.
    pub zig: Version,
    /// Lets cargo use zig.
    pub cargo_zigbuild: Version,
    /// Says which archives there are, and writes what package managers read.
    pub cargo_dist: Version,
    /// Writes the software bill of materials, where one is wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cargo_cyclonedx: Option<Version>,
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
    /// What was built cannot be built again from the tree alone.
    #[error("{target} was compiled by {found}, the tree asks for rustc {asked}: build it by that")]
    OtherCompiler {
        /// For which target.
        target: Target,
        /// What the tree asks for.
        asked: String,
        /// What it was compiled by.
        found: String,
    },
    /// Part of the release would be missing.
    #[error("the plan leaves out {}: plan the whole release", joined(.0))]
    Partial(Vec<AssetName>),
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

/// What a plan cannot do without.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WithoutError {
    /// Nothing of that name is planned.
    #[error("{name}: expected one of {}, found a name that is not planned", joined(.planned))]
    Unknown {
        /// The name.
        name: AssetName,
        /// What is planned.
        planned: Vec<AssetName>,
    },
    /// Every release has it.
    #[error("{0}: no release can be without it")]
    Needed(AssetName),
    /// Nothing to install would remain.
    #[error("expected at least one archive to remain in the plan, found none")]
    NoArchive,
}

/// A target that a plan has no archive for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{target}: expected a target of the plan ({}), found another", joined(.planned))]
pub struct UnknownTarget {
    /// The target.
    target: Target,
    /// Those that the plan has.
    planned: Vec<Target>,
}

fn joined(names: &[impl fmt::Display]) -> String {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    names.join(", ")
}

impl Plan {
    /// The plan of the whole release: this one with nothing left out. What is built by one plan
    /// serves every plan of the same whole.
    #[must_use]
    pub fn whole(&self) -> Self {
        let mut whole = self.clone();
        whole.assets.append(&mut whole.left_out);
        whole.assets.sort_by(|a, b| a.name.cmp(&b.name));
        whole
    }

    /// This plan without the assets called `names`.
    ///
    /// # Errors
    /// On a name that is not planned, one that no release can be without, and when no archive
    /// would remain.
    pub fn without(mut self, names: &[AssetName]) -> Result<Self, WithoutError> {
        for name in names {
            let Some(at) = self.assets.iter().position(|asset| asset.name == *name) else {
                let planned = self.assets.iter().map(|asset| asset.name.clone());
                return Err(WithoutError::Unknown {
                    name: name.clone(),
                    planned: planned.collect(),
                });
            };
            if matches!(
                self.assets[at].kind,
                AssetKind::Plan | AssetKind::BootstrapScript
            ) {
                return Err(WithoutError::Needed(name.clone()));
            }
            self.left_out.push(self.assets.remove(at));
        }
        if self.targets().is_empty() {
            return Err(WithoutError::NoArchive);
        }
        self.left_out.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(self)
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
        let whole = plan.whole();
        let contents = Contents::of(&whole.assets);
        // Left out in the same order, and nothing that cannot be.
        let names = plan.left_out.iter().map(|asset| asset.name.clone());
        let names: Vec<AssetName> = names.collect();
        if contents.assets(&plan.product).as_ref() != Ok(&whole.assets)
            || whole.without(&names) != Ok(plan.clone())
        {
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

    /// The archives for `targets`, sorted by name.
    ///
    /// # Errors
    /// On a target that the plan has no archive for.
    pub fn archives_for(&self, targets: &[Target]) -> Result<Vec<&PlannedAsset>, UnknownTarget> {
        let find = |target: &Target| {
            let mut archives = self.archives();
            let found = archives.find(|asset| asset.target.as_ref() == Some(target));
            found.ok_or_else(|| UnknownTarget {
                target: target.clone(),
                planned: self.targets(),
            })
        };
        let mut found = targets.iter().map(find).collect::<Result<Vec<_>, _>>()?;
        found.sort_by(|a, b| a.name.cmp(&b.name));
        found.dedup();
        Ok(found)
    }

    /// The archives, sorted by name.
    pub fn archives(&self) -> impl Iterator<Item = &PlannedAsset> {
        let is_archive = |asset: &&PlannedAsset| asset.kind == AssetKind::Archive;
        self.assets.iter().filter(is_archive)
    }

    /// The provenance of the archives, which is made and signed when all else is there.
    #[must_use]
    pub fn provenance(&self) -> AssetName {
        AssetName::provenance(&self.product).expect("the name of a product is one of an asset")
    }

    /// Every file that the release will consist of, bundles and provenance included, sorted by
    /// name.
    #[must_use]
    pub fn files(&self) -> Vec<AssetName> {
        let closing = [AssetName::MANIFEST, AssetName::CHECKSUMS];
        let mut files: Vec<AssetName> = self
            .assets
            .iter()
            .map(|asset| asset.name.clone())
            .chain(closing.map(|name| name.parse().expect("a constant name is an asset name")))
            .flat_map(|name| [name.bundle(), name])
            .chain([self.provenance()])
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
        if !self.left_out.is_empty() {
            let names = self.left_out.iter().map(|asset| asset.name.clone());
            reservations.push(Reservation::Partial(names.collect()));
        }
        reservations
    }
}
