//! Assets of a release: their names, kinds, sizes and digests.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Measured, Sha256, Target};

/// What a sigstore bundle is called: the asset's name and this.
pub const BUNDLE_SUFFIX: &str = ".sigstore.json";

/// How the name of a release's provenance ends: a line of JSON for each in-toto statement.
pub const PROVENANCE_SUFFIX: &str = ".intoto.jsonl";

/// The name of an asset: a plain file name that GitHub keeps as it is.
///
/// GitHub replaces characters outside `[A-Za-z0-9._-]`; a path separator would let an asset
/// escape the folder it is written to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AssetName(String);

/// Text that cannot name an asset.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected an asset name of letters, digits, '.', '_' and '-' that begins with none of the last three, found {0:?}"
)]
pub struct AssetNameError(String);

impl AssetName {
    /// `plan.json`.
    pub const PLAN: &'static str = "plan.json";
    /// `release.json`.
    pub const MANIFEST: &'static str = "release.json";
    /// `SHA256SUMS`.
    pub const CHECKSUMS: &'static str = "SHA256SUMS";
    /// `install.sh`.
    pub const INSTALL_SH: &'static str = "install.sh";
    /// `install.ps1`.
    pub const INSTALL_PS1: &'static str = "install.ps1";
    /// `upgrade.sh`, which rescues an installation that cannot upgrade itself.
    pub const UPGRADE_SH: &'static str = "upgrade.sh";
    /// Digests of patched scripts, beside them under their tag, in the form of [`Self::CHECKSUMS`].
    pub const BOOTSTRAP_CHECKSUMS: &'static str = "bootstrap-checksums.txt";
    /// `stub.sh`, which the channels serve as [`Self::INSTALL_SH`]: it gets the install script of
    /// the release that a channel points at.
    pub const STUB_SH: &'static str = "stub.sh";
    /// The bootstrap scripts of every release, sorted.
    pub const BOOTSTRAP_SCRIPTS: [&'static str; 4] = [
        Self::INSTALL_PS1,
        Self::INSTALL_SH,
        Self::STUB_SH,
        Self::UPGRADE_SH,
    ];
    /// `dist-manifest.json`.
    pub const DIST_MANIFEST: &'static str = "dist-manifest.json";

    /// The archive of `product` for `target`: a zip file for Windows, else a tar file in gzip.
    ///
    /// # Errors
    /// When the product's name holds characters that an asset's name cannot.
    pub fn archive(product: &str, target: &Target) -> Result<Self, AssetNameError> {
        let extension = if target.is_windows() { "zip" } else { "tar.gz" };
        format!("{}.{extension}", target.archive_stem(product)).parse()
    }

    /// The software bill of materials of `product`.
    ///
    /// # Errors
    /// As for [`archive`](Self::archive).
    pub fn sbom(product: &str) -> Result<Self, AssetNameError> {
        format!("{product}.cdx.json").parse()
    }

    /// The Homebrew formula of `product`.
    ///
    /// # Errors
    /// As for [`archive`](Self::archive).
    pub fn homebrew_formula(product: &str) -> Result<Self, AssetNameError> {
        format!("{product}.rb").parse()
    }

    /// The provenance of the archives of `product`.
    ///
    /// # Errors
    /// As for [`archive`](Self::archive).
    pub fn provenance(product: &str) -> Result<Self, AssetNameError> {
        format!("{product}{PROVENANCE_SUFFIX}").parse()
    }

    /// The name of the bundle that signs this asset.
    #[must_use]
    pub fn bundle(&self) -> Self {
        Self(format!("{}{BUNDLE_SUFFIX}", self.0))
    }

    /// The file name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AssetName {
    type Err = AssetNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        let first = text
            .bytes()
            .next()
            .is_some_and(|b| b.is_ascii_alphanumeric());
        if first && text.bytes().all(plain) && text.len() <= 200 {
            Ok(Self(text.to_owned()))
        } else {
            Err(AssetNameError(text.chars().take(80).collect()))
        }
    }
}

impl TryFrom<String> for AssetName {
    type Error = AssetNameError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<AssetName> for String {
    fn from(name: AssetName) -> Self {
        name.0
    }
}

impl fmt::Display for AssetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// What an asset is to those who take it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AssetKind {
    /// The program for one target, with README and licences.
    Archive,
    /// The plan that made the release.
    Plan,
    /// A script that people pipe into a shell.
    BootstrapScript,
    /// What the program is made of, in CycloneDX.
    Sbom,
    /// The formula by which Homebrew installs the archives.
    HomebrewFormula,
    /// What cargo-dist says of the release.
    DistManifest,
    /// A kind that a newer version knows and this one does not.
    #[serde(other)]
    Other,
}

/// An asset that a plan promises; its bytes do not exist yet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedAsset {
    /// File name.
    pub name: AssetName,
    /// What it is.
    pub kind: AssetKind,
    /// The target it is for, where it is for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
}

/// An asset of the release manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asset {
    /// File name.
    pub name: AssetName,
    /// What it is.
    pub kind: AssetKind,
    /// The target it is for, where it is for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
    /// Bytes.
    pub size: u64,
    /// Digest of the bytes.
    pub sha256: Sha256,
}

impl Asset {
    /// A planned asset whose bytes have been written.
    #[must_use]
    pub fn new(planned: PlannedAsset, measured: Measured) -> Self {
        Self {
            name: planned.name,
            kind: planned.kind,
            target: planned.target,
            size: measured.size(),
            sha256: measured.sha256(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn archives_are_named_as_dist_names_them() {
        let linux = "x86_64-unknown-linux-gnu".parse().unwrap();
        let windows = "x86_64-pc-windows-gnullvm".parse().unwrap();
        assert_eq!(
            AssetName::archive("lantern", &linux).unwrap().as_str(),
            "lantern-x86_64-unknown-linux-gnu.tar.gz"
        );
        assert_eq!(
            AssetName::archive("lantern", &windows)
                .unwrap()
                .bundle()
                .as_str(),
            "lantern-x86_64-pc-windows-gnullvm.zip.sigstore.json"
        );
    }

    #[test]
    fn a_name_that_leaves_its_folder_or_that_github_renames_is_refused() {
        for bad in ["", "..", ".hidden", "a/b", "a\\b", "a b", "ä", "-rf", "a\0"] {
            assert!(bad.parse::<AssetName>().is_err(), "{bad:?}");
        }
    }
}
