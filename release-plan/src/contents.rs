//! What a release is asked to hold, and the assets that follow from it.

use crate::{AssetKind, AssetName, AssetNameError, PlannedAsset, Target};

/// What a release is asked to hold beside its plan, its manifest and its bootstrap scripts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    /// The targets that it has an archive for.
    pub targets: Vec<Target>,
    /// Whether it has a formula for Homebrew, and with it cargo-dist's manifest.
    pub homebrew: bool,
    /// Whether it has a software bill of materials.
    pub sbom: bool,
}

impl Contents {
    /// What was asked for when these assets were planned.
    #[must_use]
    pub fn of(assets: &[PlannedAsset]) -> Self {
        let holds = |kind| assets.iter().any(|asset| asset.kind == kind);
        let targets = assets.iter().filter_map(|asset| asset.target.clone());
        Self {
            targets: targets.collect(),
            homebrew: holds(AssetKind::HomebrewFormula),
            sbom: holds(AssetKind::Sbom),
        }
    }

    /// The assets of a release of `product`, sorted by name.
    ///
    /// # Errors
    /// When the product's name holds characters that an asset's name cannot.
    pub fn assets(&self, product: &str) -> Result<Vec<PlannedAsset>, AssetNameError> {
        let planned = |name, kind| PlannedAsset {
            name,
            kind,
            target: None,
        };
        let mut assets = vec![planned(AssetName::PLAN.parse()?, AssetKind::Plan)];
        for script in AssetName::BOOTSTRAP_SCRIPTS {
            assets.push(planned(script.parse()?, AssetKind::BootstrapScript));
        }
        for target in &self.targets {
            assets.push(PlannedAsset {
                name: AssetName::archive(product, target)?,
                kind: AssetKind::Archive,
                target: Some(target.clone()),
            });
        }
        if self.homebrew {
            let formula = AssetName::homebrew_formula(product)?;
            assets.push(planned(formula, AssetKind::HomebrewFormula));
            let manifest = AssetName::DIST_MANIFEST.parse()?;
            assets.push(planned(manifest, AssetKind::DistManifest));
        }
        if self.sbom {
            assets.push(planned(AssetName::sbom(product)?, AssetKind::Sbom));
        }
        assets.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(assets)
    }
}
