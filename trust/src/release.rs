//! A release: its manifest believed, and assets that the manifest lists.

use release_plan::{
    Asset, AssetName, Claim, Instant, Manifest, Measured, Policy, Product, Sha256, Tag,
};

use crate::{Evidence, Refusal, TrustedRoot, verify_blob};

/// The manifest of a release, verified for exactly one product and tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedRelease {
    manifest: Manifest,
    sha256: Sha256,
    signed_at: Instant,
    evidence: Evidence,
}

/// An asset whose measured bytes stand in a [`VerifiedRelease`]. Installers take nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedAsset {
    asset: Asset,
    release: Tag,
}

impl VerifiedRelease {
    /// Verifies `release.json` and its bundle for `tag`, the tag already chosen.
    ///
    /// # Errors
    /// When the bundle does not verify under the release policy of that tag, or when the manifest
    /// is malformed or is of another product, tag or commit than the certificate says.
    pub fn verify(
        product: &Product,
        tag: &Tag,
        manifest: &[u8],
        bundle: &[u8],
        root: &TrustedRoot,
    ) -> Result<Self, Refusal> {
        let subject = AssetName::MANIFEST;
        let sha256 = Sha256::of(manifest);
        let policy = Policy::of_release(product, tag);
        let blob = verify_blob(subject, sha256, bundle, &policy, root)?;
        let manifest = Manifest::parse(manifest)
            .map_err(|error| Refusal::new(subject, "format", "a release manifest", error))?;
        for (check, expected, found) in [
            ("product", product.name.as_str(), manifest.product.as_str()),
            ("tag", &tag.to_string(), &manifest.tag.to_string()),
        ] {
            if expected != found {
                return Err(Refusal::new(subject, check, expected, found));
            }
        }
        let check = Claim::SourceCommit;
        let commit = blob.evidence().claim(check).unwrap_or("no such claim");
        if manifest.commit.as_str() != commit {
            return Err(Refusal::new(subject, check, &manifest.commit, commit));
        }
        let signed_at = blob
            .evidence()
            .signed_at()
            .ok_or_else(|| Refusal::new(subject, "signed time", "a signed time", "none"))?;
        Ok(Self {
            manifest,
            sha256,
            signed_at,
            evidence: blob.evidence().clone(),
        })
    }

    /// The manifest.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Digest of `release.json`, which a pointer names.
    #[must_use]
    pub fn sha256(&self) -> Sha256 {
        self.sha256
    }

    /// When `release.json` was signed.
    #[must_use]
    pub fn signed_at(&self) -> Instant {
        self.signed_at
    }

    /// What verification learned.
    #[must_use]
    pub fn evidence(&self) -> &Evidence {
        &self.evidence
    }

    /// Admits bytes that were measured as the asset called `name`.
    ///
    /// # Errors
    /// When the manifest lists no such asset, or lists another size or digest.
    pub fn admit(&self, name: &AssetName, measured: Measured) -> Result<VerifiedAsset, Refusal> {
        let subject = name.as_str();
        let asset = self.manifest.asset(name).ok_or_else(|| {
            let expected = format!("an asset of {}", self.manifest.tag);
            Refusal::new(subject, "name", expected, "none of that name")
        })?;
        if asset.size != measured.size() {
            let found = format!("{} bytes", measured.size());
            let expected = format!("{} bytes", asset.size);
            return Err(Refusal::new(subject, "size", expected, found));
        }
        if asset.sha256 != measured.sha256() {
            return Err(Refusal::new(
                subject,
                "digest",
                asset.sha256,
                measured.sha256(),
            ));
        }
        Ok(VerifiedAsset {
            asset: asset.clone(),
            release: self.manifest.tag.clone(),
        })
    }
}

impl VerifiedAsset {
    /// The asset.
    #[must_use]
    pub fn asset(&self) -> &Asset {
        &self.asset
    }

    /// The tag of the release it belongs to.
    #[must_use]
    pub fn release(&self) -> &Tag {
        &self.release
    }
}
