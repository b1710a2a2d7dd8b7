//! Channels: who wants which releases.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A stream of releases that a consumer follows. It is metadata about a version, not part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    /// Releases that have soaked.
    Stable,
    /// Every release once it is verified in public.
    Beta,
    /// The newest pre-release.
    Alpha,
}

/// A word that names no channel.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a channel (stable, beta, alpha), found {0:?}")]
pub struct UnknownChannel(String);

impl Channel {
    /// Every channel.
    pub const ALL: [Self; 3] = [Self::Stable, Self::Beta, Self::Alpha];

    /// Where its pointer lies below the root of a mirror.
    #[must_use]
    pub fn pointer_path(self) -> String {
        format!("channels/{self}.json")
    }
}

impl FromStr for Channel {
    type Err = UnknownChannel;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "stable" => Ok(Self::Stable),
            "beta" => Ok(Self::Beta),
            "alpha" => Ok(Self::Alpha),
            other => Err(UnknownChannel(other.to_owned())),
        }
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Stable => "stable",
            Self::Beta => "beta",
            Self::Alpha => "alpha",
        })
    }
}
