//! The client workflow of TUF (specification 1.0, section 5): root chain, timestamp, snapshot,
//! targets, target. Every length and count has a limit, and nothing is taken from a set of files
//! that is not whole. Delegations are not followed: the trusted root is listed by the top-level
//! targets alone.

use std::error::Error as _;
use std::fmt;

use jiff::Timestamp;
use release_plan::{Instant, Limits, Sha256};
use sigstore_tuf::{Error, TargetFile, TrustedMetadataSet};

use super::{RefreshError, RefreshedRoot, TRUSTED_ROOT, TufFiles, TufRoot};
use crate::{Refusal, TrustedRoot};

/// Bytes of a metadata file; an honest one has about 6 kB.
const METADATA: usize = 256 * 1024;
/// Bytes of `timestamp.json`; an honest one has about 500.
const TIMESTAMP: usize = 16 * 1024;
/// Roots from the one a program carries to the newest. The public Sigstore makes some three a year.
const ROOTS: usize = 128;

const TIMESTAMP_NAME: &str = "timestamp.json";
const SNAPSHOT_NAME: &str = "snapshot.json";
const TARGETS_NAME: &str = "targets.json";

/// Fetches a file: its name, and how many bytes it may have.
pub(super) type Fetch<'a, E> = &'a mut dyn FnMut(&str, usize) -> Result<Option<Vec<u8>>, E>;

pub(super) struct Workflow<'a, E> {
    trusted: TrustedMetadataSet,
    /// What `trusted` was read from, without the first root.
    files: TufFiles,
    /// What was believed before.
    last: Option<&'a TufFiles>,
    now: Timestamp,
    fetch: Fetch<'a, E>,
}

impl<'a, E> Workflow<'a, E> {
    pub(super) fn new(
        TufRoot(trusted): TufRoot,
        last: Option<&'a TufFiles>,
        now: Timestamp,
        fetch: Fetch<'a, E>,
    ) -> Self {
        Self {
            trusted,
            files: TufFiles::default(),
            last,
            now,
            fetch,
        }
    }

    pub(super) fn run(mut self) -> Result<RefreshedRoot, RefreshError<E>> {
        self.follow_roots()?;
        self.remember_floors();
        self.take_timestamp()?;
        let snapshot = snapshot_name(&self.trusted).ok_or_else(|| unlisted(SNAPSHOT_NAME))?;
        self.take(snapshot, TrustedMetadataSet::update_snapshot)?;
        let targets = targets_name(&self.trusted).ok_or_else(|| unlisted(TARGETS_NAME))?;
        self.take(targets, |trusted, bytes, now| {
            trusted.update_targets(bytes, now).map(drop)
        })?;
        let (json, keys) = self.take_trusted_root()?;
        Ok(RefreshedRoot {
            keys,
            json,
            root_version: self.trusted.root().version,
            targets_version: self
                .trusted
                .targets_role("targets")
                .map_or(0, |targets| targets.version),
            expires: first_expiry(&self.trusted),
            files: self.files,
        })
    }

    /// From each root to the next, which is signed by the keys of both, until there is none.
    fn follow_roots(&mut self) -> Result<(), RefreshError<E>> {
        loop {
            let next = self.trusted.root().version.saturating_add(1);
            let name = format!("{next}.root.json");
            let kept = self.kept(&name).map(str::to_owned);
            let file = match kept {
                Some(_) => kept,
                None => self.fetch_if_any(&name, METADATA)?,
            };
            let Some(file) = file else { break };
            if self.files.0.len() >= ROOTS {
                let expected = format!("at most {ROOTS} roots after the first");
                return Err(Refusal::new(&name, "length of the chain", expected, "more").into());
            }
            self.trusted
                .update_root(file.as_bytes())
                .map_err(|error| refused(&name, &error))?;
            self.files.0.insert(name, file);
        }
        let newest = format!("{}.root.json", self.trusted.root().version);
        self.trusted
            .check_root_expired(self.now)
            .map_err(|error| refused(&newest, &error))?;
        Ok(())
    }

    /// What was believed before sets the lowest versions that are believed now, though it has
    /// expired, unless a new root took the power from the keys that signed it: that is how an
    /// owner recovers from versions that a thief pushed as high as they go.
    fn remember_floors(&mut self) {
        let timestamp = self.kept(TIMESTAMP_NAME).unwrap_or_default();
        let _ = self
            .trusted
            .update_timestamp(timestamp.as_bytes(), Timestamp::MIN);
        let Some(name) = snapshot_name(&self.trusted) else {
            return;
        };
        let snapshot = self.kept(&name).unwrap_or_default();
        let _ = self
            .trusted
            .update_snapshot(snapshot.as_bytes(), Timestamp::MIN);
    }

    fn take_timestamp(&mut self) -> Result<(), RefreshError<E>> {
        let mut file = self.fetch_file(TIMESTAMP_NAME, TIMESTAMP)?;
        match self.trusted.update_timestamp(file.as_bytes(), self.now) {
            // Of two with one version, the one believed before stays.
            Err(Error::EqualVersion { .. }) => {
                if let Some(kept) = self.kept(TIMESTAMP_NAME) {
                    file = kept.to_owned();
                }
                self.trusted.check_timestamp_expired(self.now)
            }
            result => result,
        }
        .map_err(|error| refused(TIMESTAMP_NAME, &error))?;
        self.files.0.insert(TIMESTAMP_NAME.to_owned(), file);
        Ok(())
    }

    /// Takes a metadata file: the one kept where it is still the one listed, else a fetched one.
    fn take(
        &mut self,
        name: String,
        accept: fn(&mut TrustedMetadataSet, &[u8], Timestamp) -> sigstore_tuf::Result<()>,
    ) -> Result<(), RefreshError<E>> {
        let kept = self.kept(&name).map(str::to_owned);
        let kept = kept.filter(|file| accept(&mut self.trusted, file.as_bytes(), self.now).is_ok());
        let file = match kept {
            Some(file) => file,
            None => {
                let file = self.fetch_file(&name, METADATA)?;
                accept(&mut self.trusted, file.as_bytes(), self.now)
                    .map_err(|error| refused(&name, &error))?;
                file
            }
        };
        self.files.0.insert(name, file);
        Ok(())
    }

    fn take_trusted_root(&mut self) -> Result<(String, TrustedRoot), RefreshError<E>> {
        let (name, listed) = target(&self.trusted).ok_or_else(|| unlisted(TRUSTED_ROOT))?;
        let limit = Limits::TRUSTED_ROOT;
        if listed.length > limit as u64 {
            let expected = format!("at most {limit} bytes");
            let found = format!("{} bytes listed", listed.length);
            return Err(Refusal::new(TRUSTED_ROOT, "length", expected, found).into());
        }
        let length = usize::try_from(listed.length).unwrap_or(limit);
        let matches = |file: &str| {
            file.len() == length && Sha256::of(file.as_bytes()).to_string() == listed.sha256
        };
        let kept = self.kept(&name).filter(|file| matches(file));
        let file = match kept.map(str::to_owned) {
            Some(file) => file,
            None => {
                let file = self.fetch_file(&name, length)?;
                if !matches(&file) {
                    let expected = format!("{length} bytes with SHA-256 {}", listed.sha256);
                    let found = Sha256::of(file.as_bytes());
                    let found = format!("{} bytes with SHA-256 {found}", file.len());
                    return Err(Refusal::new(TRUSTED_ROOT, "digest", expected, found).into());
                }
                file
            }
        };
        let keys = TrustedRoot::parse(file.as_bytes())
            .map_err(|error| Refusal::new(TRUSTED_ROOT, "format", "a trusted root", error))?;
        self.files.0.insert(name, file.clone());
        Ok((file, keys))
    }

    fn kept(&self, name: &str) -> Option<&'a str> {
        let kept = self.last.and_then(|last| last.0.get(name));
        kept.map(String::as_str)
    }

    fn fetch_file(&mut self, name: &str, limit: usize) -> Result<String, RefreshError<E>> {
        let file = self.fetch_if_any(name, limit)?;
        file.ok_or_else(|| RefreshError::Absent {
            name: name.to_owned(),
        })
    }

    fn fetch_if_any(
        &mut self,
        name: &str,
        limit: usize,
    ) -> Result<Option<String>, RefreshError<E>> {
        let Some(bytes) = (self.fetch)(name, limit).map_err(RefreshError::Fetch)? else {
            return Ok(None);
        };
        if bytes.len() > limit {
            let expected = format!("at most {limit} bytes");
            return Err(Refusal::new(name, "length", expected, "more").into());
        }
        let text = String::from_utf8(bytes);
        let text =
            text.map_err(|error| Refusal::new(name, "format", "JSON in UTF-8", error.utf8_error()));
        Ok(Some(text?))
    }
}

/// A target as the targets metadata lists it.
pub(super) struct Listed {
    length: u64,
    /// Hexadecimal.
    sha256: String,
}

/// Name in the repository of the trusted root that is listed, where one is.
pub(super) fn target(trusted: &TrustedMetadataSet) -> Option<(String, Listed)> {
    let TargetFile { length, hashes, .. } =
        trusted.targets_role("targets")?.target(TRUSTED_ROOT)?;
    // Other digests may be listed beside it; this one is enough.
    let sha256: Sha256 = hashes.get("sha256")?.parse().ok()?;
    let sha256 = sha256.to_string();
    let name = if trusted.root().consistent_snapshot {
        format!("targets/{sha256}.{TRUSTED_ROOT}")
    } else {
        format!("targets/{TRUSTED_ROOT}")
    };
    let listed = Listed {
        length: *length,
        sha256,
    };
    Some((name, listed))
}

/// The first expiry of the four roles.
fn first_expiry(trusted: &TrustedMetadataSet) -> Instant {
    let first = [
        Some(trusted.root().expires),
        trusted.timestamp().map(|role| role.expires),
        trusted.snapshot().map(|role| role.expires),
        trusted.targets_role("targets").map(|role| role.expires),
    ];
    let first = first.into_iter().flatten().min();
    first
        .and_then(|time| Instant::from_seconds(time.as_second()))
        .expect("a root has an expiry, which jiff can write")
}

fn snapshot_name(trusted: &TrustedMetadataSet) -> Option<String> {
    let listed = trusted.timestamp()?.snapshot_meta()?;
    Some(versioned(trusted, listed.version, SNAPSHOT_NAME))
}

fn targets_name(trusted: &TrustedMetadataSet) -> Option<String> {
    let listed = trusted.snapshot()?.meta.get(TARGETS_NAME)?;
    Some(versioned(trusted, listed.version, TARGETS_NAME))
}

/// A metadata file's name in a repository, which may keep every version.
fn versioned(trusted: &TrustedMetadataSet, version: u64, name: &str) -> String {
    if trusted.root().consistent_snapshot {
        format!("{version}.{name}")
    } else {
        name.to_owned()
    }
}

fn unlisted(name: &str) -> Refusal {
    Refusal::new(
        name,
        "listing",
        "the TUF metadata to list it",
        "it does not",
    )
}

/// What `sigstore-tuf` did not believe about the file `name`.
pub(super) fn refused(name: &str, error: &Error) -> Refusal {
    match error {
        Error::Expired { expires, .. } => {
            Refusal::new(name, "expiry", "a file that has not expired", expires)
        }
        Error::Rollback { role, trusted, new } => {
            let expected = format!("{role} of version {trusted} at least");
            Refusal::new(name, "version", expected, new)
        }
        Error::BadRootVersion { trusted, new } => {
            let expected = format!("{trusted} + 1");
            Refusal::new(name, "version", expected, new)
        }
        Error::ThresholdNotMet {
            role,
            found,
            threshold,
        } => {
            let expected = format!("{threshold} by keys of the role {role}");
            Refusal::new(name, "signatures", expected, found)
        }
        Error::IntegrityMismatch(_) => {
            Refusal::new(name, "pin", "the file that is listed", Chain(error))
        }
        _ => Refusal::new(name, "format", "TUF metadata", Chain(error)),
    }
}

/// An error with its causes, which its own words leave out.
struct Chain<'a>(&'a Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(cause) = source {
            write!(f, ": {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}
