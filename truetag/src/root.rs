//! Whose keys are believed in this run: those compiled in, unless a flag names others. No
//! environment variable and no file does.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use release_plan::{Exit, Limits, Sha256, Sha256Error};
use trust::{RootError, TrustedRoot};

use crate::files::{FileError, read_limited};
use crate::output::say;

/// The keys believed, and what a home that was made with them is bound to.
#[derive(Debug)]
pub(crate) struct Root {
    pub(crate) keys: TrustedRoot,
    pub(crate) name: RootName,
}

/// What a home remembers of the root it was made with. The public Sigstore's is remembered by
/// name, since its bytes change when its keys rotate and newer versions embed the newer bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RootName {
    PublicSigstore,
    Other(Sha256),
}

/// A trusted root that a flag names and that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RootFileError {
    #[error("--trusted-root: {0}")]
    File(FileError),
    #[error("--trusted-root {path}: {source}", path = path.display())]
    Root { path: PathBuf, source: RootError },
    #[error("the trusted root compiled into this program: {0}")]
    Embedded(RootError),
}

impl Root {
    /// The root compiled in, or the one in the file that a flag names, which is then said.
    pub(crate) fn choose(flag: Option<&Path>) -> Result<Self, RootFileError> {
        let Some(path) = flag else {
            let keys = TrustedRoot::public_sigstore().map_err(RootFileError::Embedded)?;
            return Ok(Self {
                keys,
                name: RootName::PublicSigstore,
            });
        };
        let json = read_limited(path, Limits::TRUSTED_ROOT).map_err(RootFileError::File)?;
        let keys = TrustedRoot::parse(&json).map_err(|source| RootFileError::Root {
            path: path.to_owned(),
            source,
        })?;
        let name = RootName::Other(keys.sha256());
        say(format_args!(
            "note: for this run the keys in {} are trusted ({name}), not the public Sigstore's",
            path.display()
        ));
        Ok(Self { keys, name })
    }
}

impl RootFileError {
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::File(_) | Self::Root { .. } => Exit::Input,
            Self::Embedded(_) => Exit::Failed,
        }
    }
}

impl fmt::Display for RootName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PublicSigstore => f.write_str("public-sigstore"),
            Self::Other(sha256) => write!(f, "sha256:{sha256}"),
        }
    }
}

impl FromStr for RootName {
    type Err = Sha256Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "public-sigstore" {
            return Ok(Self::PublicSigstore);
        }
        let digest = text.strip_prefix("sha256:").unwrap_or(text);
        Ok(Self::Other(digest.parse()?))
    }
}
