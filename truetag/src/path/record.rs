//! `state/path-edits.json`: what was added where, so that it can be taken back exactly. Written
//! before an edit is made; an edit that is recorded and was never made is found to be absent.

use std::path::{Path, PathBuf};

use release_plan::Exit;
use serde::{Deserialize, Serialize};

use crate::files::{FileError, read_if_any, replace_json};

/// File name within the home's `state`.
pub(super) const RECORD: &str = "path-edits.json";

const SCHEMA: &str = "path-edits/1";

/// Every edit that was made for a home.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    schema: String,
    #[serde(default)]
    pub(super) profiles: Vec<Edit>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) registry: Option<Entry>,
}

/// A line at the end of a profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Edit {
    /// The file itself, where the profile is a link to one.
    pub(super) file: PathBuf,
    /// The very bytes appended.
    pub(super) added: String,
    /// Whether the file was not there before.
    pub(super) created: bool,
    /// Folders that were made for it, the innermost first.
    #[serde(default)]
    pub(super) folders: Vec<PathBuf>,
}

/// An entry of the value `Path` in `HKEY_CURRENT_USER\Environment`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) added: String,
    /// Whether there was no such value before.
    pub(super) created: bool,
}

/// A record that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecordError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error(
        "{path}: expected what an installer wrote there, found {detail}. Take the lines that it added out of your profiles by hand, remove that file, and run this again",
        path = path.display()
    )]
    Malformed { path: PathBuf, detail: String },
}

impl RecordError {
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::File(error) => error.exit(),
            Self::Malformed { .. } => Exit::Input,
        }
    }
}

impl Default for Record {
    fn default() -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            profiles: Vec::new(),
            registry: None,
        }
    }
}

impl Record {
    /// The record at `path`; an empty one where there is none.
    pub(super) fn read(path: &Path) -> Result<Self, RecordError> {
        let Some(json) = read_if_any(path)? else {
            return Ok(Self::default());
        };
        let malformed = |detail| RecordError::Malformed {
            path: path.to_owned(),
            detail,
        };
        let record: Self =
            serde_json::from_str(&json).map_err(|error| malformed(error.to_string()))?;
        if record.schema != SCHEMA {
            return Err(malformed(format!("schema {:?}", record.schema)));
        }
        Ok(record)
    }

    /// Writes it, unless it is there as it is.
    pub(super) fn write(&self, path: &Path) -> Result<(), RecordError> {
        if Self::read(path)? == *self {
            return Ok(());
        }
        replace_json(path, self)?;
        Ok(())
    }

    /// Removes it once nothing is left to take back.
    #[cfg(unix)]
    pub(super) fn is_empty(&self) -> bool {
        self.profiles.is_empty() && self.registry.is_none()
    }
}
