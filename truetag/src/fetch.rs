//! From a source to something believed: bytes go in, and what comes out was verified. An
//! [`AdmittedArchive`] is made here alone, from bytes that were measured while they were copied to
//! where nobody else can change them.

use std::fs::File;
use std::io::{Read, Seek};
use std::path::Path;

use release_plan::{Asset, AssetName, Channel, Exit, Limits, Meter, Product, Sha256, Target};
use trust::{Refusal, TrustedRoot, VerifiedAsset, VerifiedPointer, VerifiedRelease};

use crate::app::App;
use crate::decide::Chosen;
use crate::files::{CopyError, FileError, at, copy};
use crate::home::Home;
use crate::output;
use crate::source::{Location, Source, SourceError};

/// How often a pointer may move while it is fetched.
const POINTER_ATTEMPTS: u32 = 3;

/// Fetches and verifies.
#[derive(Debug)]
pub(crate) struct Fetcher<'a> {
    product: &'a Product,
    root: &'a TrustedRoot,
    source: Source,
    user_agent: String,
}

/// An archive whose bytes stand in a verified release, and those very bytes.
#[derive(Debug)]
pub(crate) struct AdmittedArchive {
    asset: VerifiedAsset,
    /// Without a name, so that nobody changes what was measured.
    bytes: File,
}

/// Why there is nothing that may be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(
        "{release} has no archive for {target}: it has {others}",
        others = if .others.is_empty() { "none" } else { .others }
    )]
    NoArchive {
        release: String,
        target: Target,
        others: String,
    },
    #[error("--archive: {0}")]
    Archive(FileError),
    #[error(transparent)]
    File(#[from] FileError),
}

impl FetchError {
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Source(error) => error.exit(),
            Self::Refused(_) => Exit::Refused,
            Self::NoArchive { .. } | Self::Archive(_) => Exit::Input,
            Self::File(error) => error.exit(),
        }
    }
}

impl<'a> Fetcher<'a> {
    pub(crate) fn new(app: &'a App, root: &'a TrustedRoot, source: Source) -> Self {
        Self {
            product: &app.product,
            root,
            source,
            user_agent: app.user_agent(),
        }
    }

    /// The pointer of a channel. Its bundle is another file, and both move together: what was not
    /// signed by it is asked for again, unless nothing moved.
    pub(crate) fn pointer(&self, channel: Channel) -> Result<VerifiedPointer, FetchError> {
        let location = self.source.pointer(channel);
        let mut signed = self.signed(&location, Limits::POINTER)?;
        let mut attempt = 1;
        loop {
            let (pointer, bundle) = &signed;
            let refusal =
                match VerifiedPointer::verify(self.product, channel, pointer, bundle, self.root) {
                    Ok(verified) => return Ok(verified),
                    Err(refusal) => refusal,
                };
            let again = self.signed(&location, Limits::POINTER)?;
            if attempt == POINTER_ATTEMPTS || again == signed {
                return Err(refusal.into());
            }
            signed = again;
            attempt += 1;
        }
    }

    /// The manifest of a release that was decided for.
    pub(crate) fn release(&self, chosen: &Chosen) -> Result<VerifiedRelease, FetchError> {
        let name: AssetName = AssetName::MANIFEST
            .parse()
            .expect("a constant name is an asset name");
        let location = self.source.asset(chosen.tag(), &name);
        let (manifest, bundle) = self.signed(&location, Limits::MANIFEST)?;
        let release =
            VerifiedRelease::verify(self.product, chosen.tag(), &manifest, &bundle, self.root)?;
        chosen.check(&release)?;
        Ok(release)
    }

    /// An archive of a release, downloaded into `home`.
    pub(crate) fn archive(
        &self,
        release: &VerifiedRelease,
        asset: &Asset,
        home: &Home,
    ) -> Result<AdmittedArchive, FetchError> {
        let location = self.source.asset(&release.manifest().tag, &asset.name);
        let bytes = location.open(&self.user_agent)?;
        let bar = output::progress(asset.name.as_str(), asset.size);
        let bytes = bar.wrap_read(bytes);
        let admitted = admit(release, asset, bytes, home, |error| {
            SourceError::new(&location, error).into()
        });
        bar.finish_and_clear();
        admitted
    }

    fn signed(&self, location: &Location, limit: usize) -> Result<(Vec<u8>, Vec<u8>), FetchError> {
        let signed = self.bytes(location, limit)?;
        let bundle = self.bytes(&location.bundle(), Limits::BUNDLE)?;
        Ok((signed, bundle))
    }

    /// At most `limit` bytes and one more, by which verification sees that there were too many.
    pub(crate) fn bytes(&self, location: &Location, limit: usize) -> Result<Vec<u8>, SourceError> {
        let mut bytes = Vec::new();
        location
            .open(&self.user_agent)?
            .take(limit as u64 + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| SourceError::new(location, error))?;
        Ok(bytes)
    }
}

/// The archive for `target` that a release lists.
pub(crate) fn archive_for<'a>(
    release: &'a VerifiedRelease,
    target: &Target,
) -> Result<&'a Asset, FetchError> {
    let manifest = release.manifest();
    manifest.archive(target).ok_or_else(|| {
        let others = manifest
            .assets
            .iter()
            .filter_map(|asset| asset.target.as_ref());
        FetchError::NoArchive {
            release: manifest.tag.to_string(),
            target: target.clone(),
            others: others.map(Target::as_str).collect::<Vec<_>>().join(", "),
        }
    })
}

/// Admits an archive that somebody already has as a file.
pub(crate) fn admit_file(
    release: &VerifiedRelease,
    asset: &Asset,
    path: &Path,
    home: &Home,
) -> Result<AdmittedArchive, FetchError> {
    let unreadable = |error| FetchError::Archive(at("read", path)(error));
    let file = File::open(path).map_err(unreadable)?;
    admit(release, asset, file, home, unreadable)
}

fn admit(
    release: &VerifiedRelease,
    asset: &Asset,
    from: impl Read,
    home: &Home,
    unreadable: impl FnOnce(std::io::Error) -> FetchError,
) -> Result<AdmittedArchive, FetchError> {
    let folder = home.state();
    let written = |error| FetchError::File(at("write to", &folder)(error));
    let file = tempfile::tempfile_in(&folder).map_err(written)?;
    let mut meter = Meter::new(file);
    // One more byte than there may be tells that there are too many.
    copy(&mut from.take(asset.size.saturating_add(1)), &mut meter).map_err(
        |error| match error {
            CopyError::Read(error) => unreadable(error),
            CopyError::Write(error) => written(error),
        },
    )?;
    let (mut bytes, measured) = meter.finish();
    let asset = release.admit(&asset.name, measured)?;
    bytes.rewind().map_err(written)?;
    Ok(AdmittedArchive { asset, bytes })
}

impl AdmittedArchive {
    /// The asset's name.
    pub(crate) fn name(&self) -> &AssetName {
        &self.asset.asset().name
    }

    /// Digest of the bytes.
    pub(crate) fn sha256(&self) -> Sha256 {
        self.asset.asset().sha256
    }

    /// The bytes, from their beginning.
    pub(crate) fn into_bytes(self) -> File {
        self.bytes
    }
}
