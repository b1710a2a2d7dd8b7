//! Reading JSON that came from elsewhere: with a limit, and errors that name the place.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The most bytes that are read of each format, far above what an honest one needs.
#[derive(Debug, Clone, Copy)]
pub struct Limits;

impl Limits {
    /// `release.json`, `plan.json` and `SHA256SUMS`.
    pub const MANIFEST: usize = 1024 * 1024;
    /// A channel pointer.
    pub const POINTER: usize = 64 * 1024;
    /// A sigstore bundle; an honest one has about 9 kB.
    pub const BUNDLE: usize = 1024 * 1024;
    /// A trusted root.
    pub const TRUSTED_ROOT: usize = 1024 * 1024;
    /// A public key in PEM; the longest kind has about 1.5 kB.
    pub const PUBLIC_KEY: usize = 16 * 1024;
    /// A file of which every byte must be in memory at once to be verified.
    pub const WHOLE_FILE: usize = 4 * 1024 * 1024;
}

/// JSON that does not have the form it should have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// More bytes than its [`Limits`].
    #[error("{what} has {found} bytes; at most {limit} are read")]
    TooLarge {
        /// The format.
        what: &'static str,
        /// Bytes found.
        found: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// Not the JSON expected.
    #[error("{what} is malformed: {detail}")]
    Malformed {
        /// The format.
        what: &'static str,
        /// Where and why, as the parser says it.
        detail: String,
    },
    /// A schema this program does not know.
    #[error("{what} has schema {found:?}; this program reads {expected:?}")]
    Schema {
        /// The format.
        what: &'static str,
        /// The schema it says it has.
        found: String,
        /// The one that is read.
        expected: &'static str,
    },
}

pub(crate) fn read<T: DeserializeOwned>(
    what: &'static str,
    bytes: &[u8],
    limit: usize,
    schema: &'static str,
) -> Result<T, FormatError> {
    #[derive(serde::Deserialize)]
    struct Schema {
        schema: String,
    }
    if bytes.len() > limit {
        return Err(FormatError::TooLarge {
            what,
            found: bytes.len(),
            limit,
        });
    }
    let malformed = |error: serde_json::Error| FormatError::Malformed {
        what,
        detail: error.to_string(),
    };
    let Schema { schema: found } = serde_json::from_slice(bytes).map_err(malformed)?;
    if found != schema {
        return Err(FormatError::Schema {
            what,
            found: found.chars().take(80).collect(),
            expected: schema,
        });
    }
    serde_json::from_slice(bytes).map_err(malformed)
}

/// Pretty JSON with a newline at its end: the same bytes for the same value, always.
pub(crate) fn write<T: Serialize>(value: &T) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(value)
        .expect("values of this crate have string keys and no floating point, so they serialize");
    bytes.push(b'\n');
    bytes
}
