//! Whatever reads bytes from elsewhere, as a target: a function from any bytes to a [`Verdict`].
//!
//! A target panics when the reader does, or when what it made of the bytes breaks a promise that
//! it names. libFuzzer looks for such bytes (`targets/`), and the tests give the targets whatever
//! it found worth keeping (`corpus/`). Where a plain mutation would never get past a signature or
//! an encoding, the target puts the bytes where they belong into something true.

mod bundle;
mod corpus;
mod fixture;
mod formats;
mod keys;
pub mod mutation;
mod parts;
#[cfg(feature = "libfuzzer")]
pub mod program;
mod tuf;

use std::fmt;

use trust::Unverified;

pub use corpus::{RECORD, verdicts};
pub use fixture::{FILE, SECRET};
pub use keys::SCHEMES;

/// What a target says of its input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It was read, and verified where it could be.
    Accepted,
    /// It was refused: by which check of several, or why it could not be read.
    Refused(String),
}

/// A reader of bytes from elsewhere.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// The name of its program and of its folder in the corpus.
    pub name: &'static str,
    /// Gives it an input.
    ///
    /// # Panics
    /// When the input breaks a promise.
    pub judge: fn(&[u8]) -> Verdict,
}

/// Every target.
pub const TARGETS: [Target; 14] = [
    target("bundle", bundle::by_identity),
    target("key_bundle", bundle::by_key),
    target("statement", bundle::statement),
    target("certificate", parts::certificate),
    target("checkpoint", parts::checkpoint),
    target("timestamp", parts::timestamp),
    target("trusted_root", bundle::trusted_root),
    target("tuf", tuf::repository),
    target("tuf_root", tuf::root),
    target("public_key", keys::public_key),
    target("signature", keys::signature),
    target("manifest", formats::manifest),
    target("pointer", formats::pointer),
    target("checksums", formats::checksums),
];

const fn target(name: &'static str, judge: fn(&[u8]) -> Verdict) -> Target {
    Target { name, judge }
}

impl Target {
    /// The target of this name.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn named(name: &str) -> Self {
        let found = TARGETS.into_iter().find(|target| target.name == name);
        found.unwrap_or_else(|| panic!("expected the name of a target, found {name:?}"))
    }
}

impl Verdict {
    fn refused(reason: impl fmt::Display) -> Self {
        Self::Refused(reason.to_string())
    }

    fn is_accepted(&self) -> bool {
        *self == Self::Accepted
    }
}

impl From<Unverified> for Verdict {
    fn from(unverified: Unverified) -> Self {
        match unverified {
            Unverified::Refused(refusal) => Self::Refused(refusal.check),
            Unverified::Unread(error) => panic!("a slice can be read: {error}"),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted => f.write_str("accepted"),
            Self::Refused(reason) => write!(f, "refused: {reason}"),
        }
    }
}
