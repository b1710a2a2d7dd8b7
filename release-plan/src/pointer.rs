//! A channel pointer: which release the followers of a channel get. It selects a release and
//! authorises none.

use semver::Version;
use serde::{Deserialize, Serialize};

use crate::json::{self, FormatError};
use crate::{Channel, Instant, Limits, Sha256, Tag};

/// The schema of a pointer that this crate writes and reads.
pub const POINTER_SCHEMA: &str = "channel-pointer/1";

/// `channels/<channel>.json`. Unknown fields are skipped, as in the manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pointer {
    /// [`POINTER_SCHEMA`].
    pub schema: String,
    /// Name of the product.
    pub product: String,
    /// The channel it is for.
    pub channel: Channel,
    /// Of a selection by a person, one more than that of the selection before; of a renewal, more
    /// than that of what it renews. A lower one than was seen is stale.
    pub sequence: u64,
    /// From this moment on it moves nobody any more.
    pub expires: Instant,
    /// Version selected.
    pub version: Version,
    /// Tag of that version.
    pub tag: Tag,
    /// Digest of that release's `release.json`.
    pub release_sha256: Sha256,
    /// Versions that nobody should run.
    #[serde(default)]
    pub yanked: Vec<Version>,
    /// The pointer that a person's run signed, where this one only renews it. A renewal by a
    /// scheduled run is believed no further than what it renews.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renews: Option<SignedPointer>,
}

/// A pointer and its bundle, each exactly as it was signed and written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedPointer {
    /// The JSON of the pointer.
    pub pointer: String,
    /// The JSON of its bundle.
    pub bundle: String,
}

/// What is wrong with a pointer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PointerError {
    /// Not the JSON expected.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// Tag and version that do not belong together.
    #[error("the pointer has tag {tag} and version {version}, which disagree")]
    Version {
        /// Its tag.
        tag: Tag,
        /// Its version.
        version: Version,
    },
}

impl Pointer {
    /// Reads a pointer.
    ///
    /// # Errors
    /// On malformed JSON, another schema, or a tag that is not of its version.
    pub fn parse(bytes: &[u8]) -> Result<Self, PointerError> {
        let pointer: Self = json::read(
            "the channel pointer",
            bytes,
            Limits::POINTER,
            POINTER_SCHEMA,
        )?;
        if *pointer.tag.version() != pointer.version {
            return Err(PointerError::Version {
                tag: pointer.tag,
                version: pointer.version,
            });
        }
        Ok(pointer)
    }

    /// Whether both name the same release and yank the same versions.
    #[must_use]
    pub fn selects_like(&self, other: &Self) -> bool {
        let selection = |of: &Self| (of.version.clone(), of.tag.clone(), of.release_sha256);
        selection(self) == selection(other) && self.yanked == other.yanked
    }

    /// The bytes of the pointer.
    #[must_use]
    pub fn render(&self) -> Vec<u8> {
        json::write(self)
    }
}
