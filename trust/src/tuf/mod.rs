//! The trusted root, refreshed by TUF (The Update Framework, specification 1.0): from the TUF root
//! that a program carries to the `trusted_root.json` that its repository lists now.
//!
//! Files go in, and a [`RefreshedRoot`] or a [`Refusal`] comes out. Whoever calls this fetches the
//! files, keeps them, and says what time it is. Relies on `sigstore-tuf` for signatures, versions,
//! expiry and pins.

mod sigstore;
mod workflow;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;

use jiff::Timestamp;
use release_plan::Instant;
use serde::{Deserialize, Serialize};
use sigstore_tuf::TrustedMetadataSet;

use crate::{Refusal, TrustedRoot, crypto};
use workflow::{Workflow, refused};

pub use sigstore::Sigstore;

/// The target wanted of a repository.
const TRUSTED_ROOT: &str = "trusted_root.json";

/// A TUF `root.json` that is believed, since whoever runs this says so.
#[derive(Debug)]
pub struct TufRoot(TrustedMetadataSet);

impl TufRoot {
    /// Reads a `root.json`. That it has expired is no fault: it is where a chain of newer ones
    /// begins.
    ///
    /// # Errors
    /// When it is malformed, or not signed by its own keys.
    pub fn parse(json: &[u8]) -> Result<Self, Refusal> {
        crypto::install();
        let trusted =
            TrustedMetadataSet::from_root(json).map_err(|error| refused("root.json", &error))?;
        Ok(Self(trusted))
    }

    /// Its version.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.0.root().version
    }
}

/// Files of a TUF repository under their names there. Nothing about them is believed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TufFiles(BTreeMap<String, String>);

impl TufFiles {
    /// Whether one of them has exactly these bytes.
    #[must_use]
    pub fn have(&self, bytes: &[u8]) -> bool {
        self.0.values().any(|file| file.as_bytes() == bytes)
    }
}

/// A trusted root that TUF metadata lists, and the files that prove it.
pub struct RefreshedRoot {
    keys: TrustedRoot,
    json: String,
    files: TufFiles,
    root_version: u64,
    targets_version: u64,
    expires: Instant,
}

/// Why there is no refreshed root.
#[derive(Debug, thiserror::Error)]
pub enum RefreshError<E> {
    /// The caller could not fetch a file.
    #[error(transparent)]
    Fetch(E),
    /// The repository lacks a file that it must have.
    #[error("the TUF repository has no {name}")]
    Absent {
        /// The file's name.
        name: String,
    },
    /// A file came that is not believed.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

impl RefreshedRoot {
    /// Follows a repository from `root` to the `trusted_root.json` that it lists at `now`.
    ///
    /// `fetch` is given the name of a file, relative to the repository, and how many bytes it may
    /// have; it returns at most that many and one more, by which a longer file is told, or none
    /// when the repository has no such file.
    ///
    /// # Errors
    /// When a file cannot be fetched, is missing, or is not believed.
    pub fn fetch<E>(
        root: TufRoot,
        now: Instant,
        mut fetch: impl FnMut(&str, usize) -> Result<Option<Vec<u8>>, E>,
    ) -> Result<Self, RefreshError<E>> {
        Workflow::new(root, None, timestamp(now), &mut fetch).run()
    }

    /// Believes files that were kept, by following them from `root` as they were followed when
    /// they were fetched. That they have expired since is no fault.
    fn load(root: TufRoot, files: &TufFiles) -> Result<Self, Refusal> {
        let mut kept = |name: &str, _| {
            let file = files.0.get(name);
            Ok::<_, Infallible>(file.map(|file| file.as_bytes().to_vec()))
        };
        // Nothing has expired yet at the beginning of time.
        let all = Workflow::new(root, None, Timestamp::MIN, &mut kept).run();
        all.map_err(|error| match error {
            RefreshError::Refused(refusal) => refusal,
            RefreshError::Absent { name } => Refusal::new(&name, "file", "it to be kept", "none"),
        })
    }

    /// The keys.
    #[must_use]
    pub fn keys(&self) -> &TrustedRoot {
        &self.keys
    }

    /// The keys alone.
    #[must_use]
    pub fn into_keys(self) -> TrustedRoot {
        self.keys
    }

    /// `trusted_root.json`.
    #[must_use]
    pub fn json(&self) -> &str {
        &self.json
    }

    /// What proves it, to be kept.
    #[must_use]
    pub fn files(&self) -> &TufFiles {
        &self.files
    }

    /// Version of the newest TUF root.
    #[must_use]
    pub fn root_version(&self) -> u64 {
        self.root_version
    }

    /// Version of the targets metadata that lists the trusted root.
    #[must_use]
    pub fn targets_version(&self) -> u64 {
        self.targets_version
    }

    /// From when on a repository that still has these very files is not believed: the first expiry
    /// of its four roles.
    #[must_use]
    pub fn expires(&self) -> Instant {
        self.expires
    }
}

impl fmt::Debug for RefreshedRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RefreshedRoot({})", self.keys.sha256())
    }
}

fn timestamp(instant: Instant) -> Timestamp {
    Timestamp::from_second(instant.seconds()).expect("an instant is one that jiff can write")
}
