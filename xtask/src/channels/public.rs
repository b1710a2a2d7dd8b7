//! The public side: what anybody sees of the product's channels and releases, verified.

use release_plan::{
    AssetName, BUNDLE_SUFFIX, Bootstrap, BootstrapTag, Channel, Checksums, Exit, Limits, Product,
    Sha256, Tag,
};
use trust::{TrustedRoot, VerifiedPointer, VerifiedRelease};

use crate::failure::Exiting as _;
use crate::{Failure, download, signing};

/// The digests of patched scripts, beside them under their tag; in the form of `SHA256SUMS`.
const SCRIPTS: &str = "bootstrap-checksums.txt";

/// How often pointer and bundle are asked for when they do not belong together.
const ATTEMPTS: u32 = 3;

/// Where to look, and whose keys to believe.
pub(crate) struct Public<'a> {
    product: &'a Product,
    root: &'a TrustedRoot,
    channels: &'a str,
    releases: &'a str,
    client: reqwest::Client,
}

impl<'a> Public<'a> {
    /// A static tree, or else where the product itself publishes.
    pub(crate) fn new(
        product: &'a Product,
        root: &'a TrustedRoot,
        mirror: Option<&'a str>,
    ) -> Result<Self, Failure> {
        let mirror = mirror.map(|url| url.trim_end_matches('/'));
        Ok(Self {
            product,
            root,
            channels: mirror.unwrap_or(&product.channels.url),
            releases: mirror.unwrap_or(&product.repository.url),
            client: signing::http_client()?,
        })
    }

    /// A public release.
    pub(crate) async fn release(&self, tag: &Tag) -> Result<VerifiedRelease, Failure> {
        let url = self.asset(tag, AssetName::MANIFEST);
        let manifest = download::get(&self.client, &url, Limits::MANIFEST).await?;
        let url = format!("{url}{BUNDLE_SUFFIX}");
        let bundle = download::get(&self.client, &url, Limits::BUNDLE).await?;
        VerifiedRelease::verify(self.product, tag, &manifest, &bundle, self.root)
            .or_exit(Exit::Refused)
    }

    /// Patched scripts, each of which has the digest that is listed for it.
    pub(crate) async fn scripts(&self, tag: &BootstrapTag) -> Result<Bootstrap, Failure> {
        let url = self.asset(tag, SCRIPTS);
        let listed = download::get(&self.client, &url, Limits::MANIFEST).await?;
        let listed = Checksums::parse(&listed)
            .map_err(|error| Failure::new(Exit::Gate, format!("{url}: {error}")))?;
        for (name, expected) in listed.iter() {
            let url = self.asset(tag, name.as_str());
            let script = download::get(&self.client, &url, Limits::WHOLE_FILE).await?;
            let found = Sha256::of(&script);
            if found != expected {
                let message = format!("{url}: expected sha256:{expected}, found sha256:{found}");
                return Err(Failure::new(Exit::Refused, message));
            }
        }
        Ok(Bootstrap {
            tag: tag.clone(),
            scripts: listed
                .iter()
                .map(|(name, sha256)| (name.clone(), sha256))
                .collect(),
        })
    }

    /// The pointer of a channel; none where there is none. What moved between the two files is
    /// asked for again.
    pub(crate) async fn pointer(
        &self,
        channel: Channel,
    ) -> Result<Option<VerifiedPointer>, Failure> {
        let url = format!("{}/{}", self.channels, channel.pointer_path());
        let bundle_url = format!("{url}{BUNDLE_SUFFIX}");
        let mut attempt = 1;
        loop {
            let Some(pointer) = download::find(&self.client, &url, Limits::POINTER).await? else {
                return Ok(None);
            };
            let bundle = download::find(&self.client, &bundle_url, Limits::BUNDLE).await?;
            let bundle = bundle.unwrap_or_default();
            match VerifiedPointer::verify(self.product, channel, &pointer, &bundle, self.root) {
                Err(_) if attempt < ATTEMPTS => attempt += 1,
                verified => return verified.map(Some).or_exit(Exit::Refused),
            }
        }
    }

    fn asset(&self, tag: &dyn std::fmt::Display, name: &str) -> String {
        format!("{}/releases/download/{tag}/{name}", self.releases)
    }
}
