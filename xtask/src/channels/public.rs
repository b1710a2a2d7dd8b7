//! The public side: what anybody sees of the product's channels and releases, verified.

use release_plan::{
    AssetName, BUNDLE_SUFFIX, Bootstrap, BootstrapTag, Channel, Checksums, Exit, Limits, Product,
    Sha256, Tag,
};
use trust::{TrustedRoot, VerifiedPointer, VerifiedRelease};

use crate::failure::Exiting as _;
use crate::{Failure, bootstrap, download, signing};

/// How often files are asked for that do not belong together, such as a pointer and its bundle.
pub(crate) const ATTEMPTS: u32 = 3;

/// Where to look, and whose keys to believe.
pub(crate) struct Public<'a> {
    pub(super) product: &'a Product,
    pub(super) root: &'a TrustedRoot,
    pub(super) channels: &'a str,
    pub(super) releases: &'a str,
    pub(super) client: reqwest::Client,
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

    /// Patched scripts, each of which has the digest that is listed for it and says whose it is.
    pub(crate) async fn scripts(&self, tag: &BootstrapTag) -> Result<Bootstrap, Failure> {
        let url = self.asset(tag, AssetName::BOOTSTRAP_CHECKSUMS);
        let listed = download::get(&self.client, &url, Limits::MANIFEST).await?;
        let listed = Checksums::parse(&listed)
            .map_err(|error| Failure::new(Exit::Gate, format!("{url}: {error}")))?;
        for (name, expected) in listed.iter() {
            let script = self.script(tag, name, expected).await?;
            if bootstrap::claimed(&script).as_ref() != Some(tag) {
                let url = self.asset(tag, name.as_str());
                let message = format!("{url}: expected a script that says it is of {tag}");
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

    /// The stub that goes with these scripts; none where they have none.
    pub(crate) async fn stub(&self, scripts: &Bootstrap) -> Result<Option<Vec<u8>>, Failure> {
        let name = AssetName::STUB_SH.parse()?;
        match scripts.scripts.get(&name) {
            Some(&expected) => self.script(&scripts.tag, &name, expected).await.map(Some),
            None => Ok(None),
        }
    }

    /// A script with the digest that is known of it.
    async fn script(
        &self,
        tag: &BootstrapTag,
        name: &AssetName,
        expected: Sha256,
    ) -> Result<Vec<u8>, Failure> {
        let url = self.asset(tag, name.as_str());
        let script = download::get(&self.client, &url, Limits::WHOLE_FILE).await?;
        let found = Sha256::of(&script);
        if found == expected {
            return Ok(script);
        }
        let message = format!("{url}: expected sha256:{expected}, found sha256:{found}");
        Err(Failure::new(Exit::Refused, message))
    }

    /// What is served as the install script must be the stub that goes with `scripts`.
    pub(crate) async fn check_served(&self, scripts: &Bootstrap) -> Result<(), Failure> {
        let Some(stub) = self.stub(scripts).await? else {
            return Ok(());
        };
        let url = format!("{}/{}", self.channels, AssetName::INSTALL_SH);
        let served = download::find(&self.client, &url, Limits::WHOLE_FILE).await?;
        let found = match served {
            Some(served) if served == stub => return Ok(()),
            None => "nothing".to_owned(),
            Some(served) => {
                let claim = match bootstrap::claimed(&served) {
                    Some(tag) => format!("that says it is of {tag}"),
                    None => "that says of no tag to be from it".to_owned(),
                };
                format!("a file {claim}, with sha256:{}", Sha256::of(&served))
            }
        };
        let message = format!(
            "{url}: expected the stub of {} with sha256:{}, found {found}; a cache may serve what \
             was there before for minutes, else `cargo xtask renew --all` puts it back",
            scripts.tag,
            Sha256::of(&stub)
        );
        Err(Failure::new(Exit::Refused, message))
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
