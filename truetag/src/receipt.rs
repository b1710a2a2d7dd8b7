//! `receipt.json`: what an installed version is and why it was believed. Written by the program
//! that installs, read by the one installed and by every later one.

use std::path::Path;

use release_plan::{Exit, Instant, Sha256, Tag, Target, Version};
use serde::{Deserialize, Serialize};

use crate::files::{FileError, at, replace_json};

/// File name within the folder of a version.
pub(crate) const RECEIPT: &str = "receipt.json";

/// The schema written and read.
const SCHEMA: &str = "receipt/1";

/// A receipt. Unknown fields are skipped, so that an older program can read what a newer one adds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Receipt {
    pub(crate) schema: String,
    pub(crate) product: String,
    pub(crate) version: Version,
    pub(crate) tag: Tag,
    pub(crate) target: Target,
    /// Digest of the archive that the program came in.
    pub(crate) archive_sha256: Sha256,
    /// Digest of the program itself.
    pub(crate) executable_sha256: Sha256,
    pub(crate) playbook_sha256: Sha256,
    /// Digest of `release.json`.
    pub(crate) release_sha256: Sha256,
    /// The lowest version that may upgrade to this one; none in receipts of older programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) upgrades_from: Option<Version>,
    /// Who signed it.
    pub(crate) identity: String,
    pub(crate) signed_at: Instant,
}

/// A receipt that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReceiptError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("{path} is no receipt that this program reads: {detail}. Install the version again")]
    Malformed { path: String, detail: String },
}

impl Receipt {
    pub(crate) fn schema() -> String {
        SCHEMA.to_owned()
    }

    /// Reads the receipt in the folder of a version.
    pub(crate) fn read(folder: &Path) -> Result<Self, ReceiptError> {
        let path = folder.join(RECEIPT);
        let json = std::fs::read(&path).map_err(at("read", &path))?;
        let malformed = |detail| ReceiptError::Malformed {
            path: path.display().to_string(),
            detail,
        };
        let receipt: Self =
            serde_json::from_slice(&json).map_err(|error| malformed(error.to_string()))?;
        if receipt.schema != SCHEMA {
            let found = format!("expected schema {SCHEMA:?}, found {:?}", receipt.schema);
            return Err(malformed(found));
        }
        Ok(receipt)
    }

    pub(crate) fn write(&self, folder: &Path) -> Result<(), FileError> {
        replace_json(&folder.join(RECEIPT), self)
    }
}

impl ReceiptError {
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::File(error) if error.is_missing() => Exit::Input,
            Self::File(error) => error.exit(),
            Self::Malformed { .. } => Exit::Input,
        }
    }
}
