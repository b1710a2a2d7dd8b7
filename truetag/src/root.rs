//! Whose keys are believed in this run: those of the Sigstore compiled in, unless a flag names
//! others. No environment variable does, and no file but one that a refresh left: it is believed as
//! far as the TUF root compiled in proves it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use release_plan::{Exit, Limits, Sha256, Sha256Error};
use trust::{RootError, TrustedRoot};

use crate::app::App;
use crate::files::{FileError, read_limited};
use crate::home::Home;
use crate::output::say;
use crate::refresh;

/// The keys believed, and what a home that was made with them is bound to.
#[derive(Debug)]
pub(crate) struct Root {
    pub(crate) keys: TrustedRoot,
    pub(crate) name: RootName,
}

/// What a home remembers of the root it was made with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RootName {
    /// The Sigstore compiled in, by its name: its keys change when they rotate.
    Own(String),
    Other(Sha256),
}

/// A trusted root that cannot be used.
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
    /// The own Sigstore's keys, or those in the file that a flag names, which is then said.
    pub(crate) fn choose(app: &App, flag: Option<&Path>) -> Result<Self, RootFileError> {
        let Some(path) = flag else {
            return Ok(Self {
                keys: own(app)?,
                name: RootName::own(app),
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

/// The keys of the last refresh where they differ from those compiled in and are proved to be
/// newer; else those compiled in.
fn own(app: &App) -> Result<TrustedRoot, RootFileError> {
    // Without a home there was no refresh.
    if let Ok(home) = Home::locate(app) {
        match refresh::newer_keys(&app.sigstore(), &home) {
            Ok(Some(keys)) => return Ok(keys),
            Ok(None) => {}
            Err(error) => say(format_args!("note: {error}")),
        }
    }
    let keys = app.sigstore().trusted_root();
    keys.map_err(RootFileError::Embedded)
}

impl RootFileError {
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::File(_) | Self::Root { .. } => Exit::Input,
            Self::Embedded(_) => Exit::Failed,
        }
    }
}

impl RootName {
    /// That of the Sigstore compiled in.
    pub(crate) fn own(app: &App) -> Self {
        Self::Own(app.sigstore().name.to_owned())
    }
}

impl fmt::Display for RootName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own(name) => f.write_str(name),
            Self::Other(sha256) => write!(f, "sha256:{sha256}"),
        }
    }
}

impl FromStr for RootName {
    type Err = Sha256Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(digest) = text.strip_prefix("sha256:") {
            return Ok(Self::Other(digest.parse()?));
        }
        let is_name = |text: &str| !text.is_empty() && !text.contains(char::is_whitespace);
        match text.parse() {
            Ok(digest) => Ok(Self::Other(digest)),
            Err(_) if is_name(text) => Ok(Self::Own(text.to_owned())),
            Err(error) => Err(error),
        }
    }
}
