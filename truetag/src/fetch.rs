//! From a source to something believed: bytes go in, and what comes out was verified. An
//! [`AdmittedArchive`] is made here alone, from bytes that were measured while they were copied to
//! where nobody else can change them.

use std::fs::File;
use std::io::{Read, Seek};
use std::path::Path;

use release_plan::{
    Asset, AssetName, Channel, Exit, Limits, Meter, Product, Sha256, SignedPointer, Target, Yanked,
};
use trust::{Refusal, TrustedRoot, VerifiedAsset, VerifiedPointer, VerifiedRelease};

use crate::app::App;
use crate::decide::{Chosen, Seen};
use crate::download::{Downloaded, download};
use crate::files::{CopyError, FileError, at, copy};
use crate::home::{Home, HomeError, LockedHome};
use crate::http::Client;
use crate::output;
use crate::remembered::RememberedPointer;
use crate::source::{Location, Small, Source, SourceError};

/// How often a pointer may move while it is fetched.
const POINTER_ATTEMPTS: u32 = 3;

/// Fetches and verifies.
#[derive(Debug)]
pub(crate) struct Fetcher<'a> {
    product: &'a Product,
    root: &'a TrustedRoot,
    source: Source,
    client: Client,
}

/// The pointer of a channel that was asked for.
#[derive(Debug)]
pub(crate) struct Followed {
    pub(crate) pointer: VerifiedPointer,
    pub(crate) saw: Saw,
}

/// What a home remembers of a pointer.
#[derive(Debug)]
pub(crate) struct Saw {
    channel: Channel,
    seen: Seen,
    yanked: Vec<Yanked>,
    /// The pointer, where it takes the place of the one that is kept.
    new: Option<RememberedPointer>,
}

impl Saw {
    pub(crate) fn keep(&self, home: &LockedHome<'_>) -> Result<(), HomeError> {
        home.saw(self.channel, self.seen, &self.yanked)?;
        if let Some(new) = &self.new {
            new.write(home, self.channel)?;
        }
        Ok(())
    }
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
            client: Client::new(app.user_agent()),
        }
    }

    /// The pointer of a channel. `before` is what was seen of it.
    pub(crate) fn pointer(
        &self,
        channel: Channel,
        home: &Home,
        before: Option<Seen>,
    ) -> Result<Followed, FetchError> {
        let (pointer, new) = self.known_or_fresh(channel, home)?;
        let seen = Seen {
            sequence: pointer.pointer().sequence,
            selection: pointer.selection(),
        };
        let saw = Saw {
            channel,
            seen,
            yanked: pointer.pointer().yanked.clone(),
            // One that is behind what was seen takes nothing's place.
            new: new.filter(|_| before <= Some(seen)),
        };
        Ok(Followed { pointer, saw })
    }

    /// The pointer that is remembered, where its server has nothing newer, or a new one and what to
    /// remember of it.
    fn known_or_fresh(
        &self,
        channel: Channel,
        home: &Home,
    ) -> Result<(VerifiedPointer, Option<RememberedPointer>), FetchError> {
        let location = self.source.pointer(channel);
        let known = RememberedPointer::read(home, channel);
        let Some(known) = known.filter(|known| known.is_from(&location)) else {
            return self.fresh(channel, &location, self.fetch(&location)?);
        };
        match location.small_unless(&self.client, Limits::POINTER, &known.validators)? {
            Some(pointer) => self.fresh(channel, &location, self.with_bundle(&location, pointer)?),
            None => {
                let (pointer, bundle) = (&known.signed.pointer, &known.signed.bundle);
                match self.verify(channel, pointer.as_bytes(), bundle.as_bytes()) {
                    Ok(pointer) => Ok((pointer, None)),
                    // What is remembered may be damaged.
                    Err(_) => self.fresh(channel, &location, self.fetch(&location)?),
                }
            }
        }
    }

    /// Verifies a pointer that came. Its bundle is another file, and both move together: what was
    /// not signed by it is asked for again, unless nothing moved.
    fn fresh(
        &self,
        channel: Channel,
        location: &Location,
        mut fetched: Fetched,
    ) -> Result<(VerifiedPointer, Option<RememberedPointer>), FetchError> {
        let mut attempt = 1;
        loop {
            let refusal = match self.verify(channel, &fetched.pointer.bytes, &fetched.bundle) {
                Ok(pointer) => return Ok((pointer, fetched.remember(location))),
                Err(refusal) => refusal,
            };
            let again = self.fetch(location)?;
            if attempt == POINTER_ATTEMPTS || again.has_the_bytes_of(&fetched) {
                return Err(refusal.into());
            }
            fetched = again;
            attempt += 1;
        }
    }

    fn fetch(&self, location: &Location) -> Result<Fetched, FetchError> {
        let pointer = location.small(&self.client, Limits::POINTER)?;
        self.with_bundle(location, pointer)
    }

    fn with_bundle(&self, location: &Location, pointer: Small) -> Result<Fetched, FetchError> {
        let bundle = location.bundle().small(&self.client, Limits::BUNDLE)?.bytes;
        Ok(Fetched { pointer, bundle })
    }

    fn verify(
        &self,
        channel: Channel,
        pointer: &[u8],
        bundle: &[u8],
    ) -> Result<VerifiedPointer, Refusal> {
        VerifiedPointer::verify(self.product, channel, pointer, bundle, self.root)
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
        home: &LockedHome<'_>,
    ) -> Result<AdmittedArchive, FetchError> {
        let location = self.source.asset(&release.manifest().tag, &asset.name);
        if let Some(file) = location.file() {
            let bar = output::progress(asset.name.as_str(), asset.size);
            let unreadable = |error| location.unreadable(error).into();
            let bytes = bar.wrap_read(file?);
            let admitted = admit(release, asset, bytes, home.home(), unreadable);
            bar.finish_and_clear();
            return admitted;
        }
        match self.download(release, asset, &location, home)? {
            // Parts of two files may have met; the whole of one says whether it is the right one.
            (Err(refusal), true) => {
                let once_more = "it came in parts, and is asked for once more as a whole";
                output::say(format_args!("note: {refusal}; {once_more}"));
                Ok(self.download(release, asset, &location, home)?.0?)
            }
            (admitted, _) => Ok(admitted?),
        }
    }

    /// What was downloaded, where it is admitted, and whether it was put together of parts.
    fn download(
        &self,
        release: &VerifiedRelease,
        asset: &Asset,
        location: &Location,
        home: &LockedHome<'_>,
    ) -> Result<(Result<AdmittedArchive, Refusal>, bool), FetchError> {
        let Downloaded {
            bytes,
            measured,
            in_parts,
        } = download(&self.client, location, asset, home)?;
        let admitted = release.admit(&asset.name, measured);
        let admitted = admitted.map(|asset| AdmittedArchive { asset, bytes });
        Ok((admitted, in_parts))
    }

    fn signed(&self, location: &Location, limit: usize) -> Result<(Vec<u8>, Vec<u8>), FetchError> {
        let signed = self.bytes(location, limit)?;
        let bundle = self.bytes(&location.bundle(), Limits::BUNDLE)?;
        Ok((signed, bundle))
    }

    /// At most `limit` bytes and one more, by which verification sees that there were too many.
    pub(crate) fn bytes(&self, location: &Location, limit: usize) -> Result<Vec<u8>, SourceError> {
        Ok(location.small(&self.client, limit)?.bytes)
    }
}

/// A pointer and its bundle as they came.
struct Fetched {
    pointer: Small,
    bundle: Vec<u8>,
}

impl Fetched {
    fn has_the_bytes_of(&self, other: &Self) -> bool {
        (&self.pointer.bytes, &self.bundle) == (&other.pointer.bytes, &other.bundle)
    }

    /// What to remember of a pair that verified, and so is text.
    fn remember(self, from: &Location) -> Option<RememberedPointer> {
        let signed = SignedPointer {
            pointer: String::from_utf8(self.pointer.bytes).ok()?,
            bundle: String::from_utf8(self.bundle).ok()?,
        };
        let validators = self.pointer.validators;
        Some(RememberedPointer::new(from, validators, signed))
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
