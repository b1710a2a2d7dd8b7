//! `bundle create`: a release in one file, for machines without a network. It is a tar file of the
//! static tree that a mirror is, `releases/download/<tag>/…`; every byte was verified before it is
//! put in, and whoever takes it out verifies it again.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::Path;

use release_plan::{Asset, AssetKind, AssetName, Limits, Policy, Sha256, Tag, Target};
use tar::{Builder, EntryType, Header};
use trust::{Refusal, TrustedRoot, VerifiedRelease, verify_blob};

use super::BundleCreate;
use crate::app::App;
use crate::decide::Chosen;
use crate::failure::Failure;
use crate::fetch::{FetchError, Fetcher, archive_for};
use crate::files::{at, replace};
use crate::home::{Home, LockedHome};
use crate::output::say;
use crate::root::Root;
use crate::source::{Location, Source};

/// A file of the tree.
struct Entry {
    path: String,
    bytes: File,
}

pub(super) fn create(app: &App, args: &BundleCreate) -> Result<(), Failure> {
    let version = match &args.version {
        Some(version) => version,
        None => app.released("name the release with --version")?,
    };
    let tag = Tag::of(version).map_err(Failure::Version)?;
    let root = Root::choose(app, args.root.trusted_root.as_deref())?;
    let source = Source::choose(&app.product, args.mirror.mirror.as_ref());
    let fetcher = Fetcher::new(app, &root.keys, source.clone());
    let release = fetcher.release(&Chosen::own(tag))?;
    let folder = args
        .output
        .parent()
        .filter(|path| !path.as_os_str().is_empty());
    let scratch = tempfile::tempdir_in(folder.unwrap_or(Path::new(".")))
        .map_err(at("write to", &args.output))?;
    // Downloads go where those of an installation do.
    let home = Home::at(app, scratch.path().to_owned());
    let mut bundle = Bundled {
        app,
        keys: &root.keys,
        fetcher: &fetcher,
        source: &source,
        release: &release,
        scratch: home.create()?,
        entries: Vec::new(),
    };
    bundle.fill(&args.target)?;
    let entries = bundle.entries;
    replace(&args.output, 0o666, |file| write(entries, file))?;
    say(format_args!(
        "wrote {version} to {}: install it with its install.sh --bundle, or unpack it and name the folder with --mirror file://…",
        args.output.display()
    ));
    Ok(())
}

/// A tree that is being filled.
struct Bundled<'a> {
    app: &'a App,
    keys: &'a TrustedRoot,
    fetcher: &'a Fetcher<'a>,
    source: &'a Source,
    release: &'a VerifiedRelease,
    scratch: LockedHome<'a>,
    entries: Vec<Entry>,
}

impl Bundled<'_> {
    /// The manifest, the checksums, the scripts, and the archives of `targets`, each with its
    /// bundle.
    fn fill(&mut self, targets: &[Target]) -> Result<(), Failure> {
        let own = std::slice::from_ref(&self.app.target);
        let targets = if targets.is_empty() { own } else { targets };
        let release = self.release;
        let assets = &release.manifest().assets;
        let scripts = assets
            .iter()
            .filter(|asset| asset.kind == AssetKind::BootstrapScript);
        let mut wanted: Vec<&Asset> = scripts.collect();
        for target in targets {
            wanted.push(archive_for(release, target)?);
        }
        let checksums = release.manifest().checksums(release.sha256()).render();
        for (name, sha256) in [
            (AssetName::MANIFEST, release.sha256()),
            (AssetName::CHECKSUMS, Sha256::of(checksums.as_bytes())),
        ] {
            let name = name.parse().expect("a constant name is an asset name");
            let location = self.source.asset(&release.manifest().tag, &name);
            let bytes = self.bytes(&location, Limits::MANIFEST)?;
            // What signs it says nothing of its name, and it may have changed since it verified.
            agrees(&name, sha256, Sha256::of(&bytes))?;
            self.add_bundle(&name, sha256)?;
            self.add(name.as_str(), &bytes)?;
        }
        for asset in wanted {
            let admitted = self.fetcher.archive(release, asset, &self.scratch)?;
            self.add_bundle(&asset.name, admitted.sha256())?;
            let path = self.path(asset.name.as_str());
            let bytes = admitted.into_bytes();
            self.entries.push(Entry { path, bytes });
        }
        Ok(())
    }

    /// Adds the bundle of an asset with this digest, once it verified.
    fn add_bundle(&mut self, name: &AssetName, sha256: Sha256) -> Result<(), Failure> {
        let tag = &self.release.manifest().tag;
        let location = self.source.asset(tag, name).bundle();
        let bundle = self.bytes(&location, Limits::BUNDLE)?;
        let policy = Policy::of_release(&self.app.product, tag);
        verify_blob(name.as_str(), sha256, &bundle, &policy, self.keys)?;
        self.add(name.bundle().as_str(), &bundle)
    }

    fn bytes(&self, location: &Location, limit: usize) -> Result<Vec<u8>, FetchError> {
        Ok(self.fetcher.bytes(location, limit)?)
    }

    fn add(&mut self, name: &str, bytes: &[u8]) -> Result<(), Failure> {
        let folder = self.scratch.home().state();
        let written = || {
            let mut file = tempfile::tempfile_in(&folder)?;
            io::Write::write_all(&mut file, bytes)?;
            file.rewind()?;
            Ok(file)
        };
        let bytes = written().map_err(at("write to", &folder))?;
        let path = self.path(name);
        self.entries.push(Entry { path, bytes });
        Ok(())
    }

    fn path(&self, name: &str) -> String {
        format!("releases/download/{}/{name}", self.release.manifest().tag)
    }
}

fn agrees(name: &AssetName, expected: Sha256, found: Sha256) -> Result<(), Refusal> {
    if expected == found {
        return Ok(());
    }
    Err(Refusal {
        subject: name.to_string(),
        check: "digest".to_owned(),
        expected: expected.to_string(),
        found: found.to_string(),
    })
}

/// Writes entries in order of their paths, with nothing in their headers that differs from one run
/// to the next.
fn write(mut entries: Vec<Entry>, file: &mut File) -> io::Result<()> {
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    let mut tar = Builder::new(file);
    for Entry { path, bytes } in entries {
        let size = bytes.metadata()?.len();
        let mut header = Header::new_ustar();
        header.set_entry_type(EntryType::Regular);
        header.set_mode(0o644);
        header.set_size(size);
        tar.append_data(&mut header, path, bytes.take(size))?;
    }
    tar.finish()
}
