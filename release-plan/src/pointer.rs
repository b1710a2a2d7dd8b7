//! A channel pointer: which release the followers of a channel get. It selects a release and
//! authorises none.

use semver::Version;
use serde::{Deserialize, Serialize};

use crate::json::{self, FormatError};
use crate::{Bootstrap, Channel, Instant, Limits, Reason, Sha256, Tag};

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
    /// When the channel first selected that version: what a soak is counted from.
    pub selected: Instant,
    /// Why it was selected before its soak was over, or without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub override_reason: Option<Reason>,
    /// The bootstrap scripts that go with that version.
    pub bootstrap: Bootstrap,
    /// Versions that nobody should run, sorted.
    #[serde(default)]
    pub yanked: Vec<Yanked>,
    /// What the channel selected before, the latest first: at most [`EARLIER`](Self::EARLIER).
    #[serde(default)]
    pub earlier: Vec<Earlier>,
    /// The pointer that a person's run signed, where this one only renews it. A renewal is
    /// believed no further than what it renews.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renews: Option<SignedPointer>,
}

/// A version that nobody should run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Yanked {
    /// The version.
    pub version: Version,
    /// Why.
    pub reason: Reason,
}

/// What a channel selected before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Earlier {
    /// As in [`Pointer::version`].
    pub version: Version,
    /// As in [`Pointer::release_sha256`].
    pub release_sha256: Sha256,
    /// As in [`Pointer::selected`].
    pub selected: Instant,
    /// As in [`Pointer::override_reason`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub override_reason: Option<Reason>,
    /// As in [`Pointer::bootstrap`], where the scripts were not the release's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patched: Option<Bootstrap>,
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
        /// A tag of its own or of its scripts.
        tag: Tag,
        /// The version beside it.
        version: Version,
    },
}

impl Pointer {
    /// How many earlier selections it names at most.
    pub const EARLIER: usize = 16;

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
        pointer.check()?;
        Ok(pointer)
    }

    fn check(&self) -> Result<(), PointerError> {
        let own = [&self.tag, self.bootstrap.tag.release()].map(|tag| (tag, &self.version));
        let earlier = self.earlier.iter().filter_map(|it| {
            let patched = it.patched.as_ref()?;
            Some((patched.tag.release(), &it.version))
        });
        let mut tags = own.into_iter().chain(earlier);
        match tags.find(|(tag, version)| tag.version() != *version) {
            Some((tag, version)) => Err(PointerError::Version {
                tag: tag.clone(),
                version: version.clone(),
            }),
            None => Ok(()),
        }
    }

    /// Why `version` is yanked, if it is.
    #[must_use]
    pub fn yank_of(&self, version: &Version) -> Option<&Reason> {
        let yanked = self.yanked.iter().find(|it| it.version == *version)?;
        Some(&yanked.reason)
    }

    /// When the channel first selected `version`, as far back as the pointer tells.
    #[must_use]
    pub fn selected(&self, version: &Version) -> Option<Instant> {
        if self.version == *version {
            return Some(self.selected);
        }
        let earlier = self.earlier.iter().find(|it| it.version == *version)?;
        Some(earlier.selected)
    }

    /// Whether both say the same but for sequence, expiry and what they renew.
    #[must_use]
    pub fn selects_like(&self, other: &Self) -> bool {
        let renewal = Self {
            sequence: other.sequence,
            expires: other.expires,
            renews: other.renews.clone(),
            ..self.clone()
        };
        renewal == *other
    }

    /// The bytes of the pointer.
    #[must_use]
    pub fn render(&self) -> Vec<u8> {
        json::write(self)
    }
}
