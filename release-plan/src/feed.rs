//! What feeds each channel.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Channel, Instant};

/// The channels that a product has, and what each takes.
pub type Feeds = BTreeMap<Channel, Feed>;

/// What a channel takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feed {
    /// Where its versions come from.
    pub from: Origin,
    /// Days for which the channel that they come from must have pointed, or have once pointed, at
    /// a version before this one may.
    #[serde(default)]
    pub soak_days: u32,
}

/// Where a channel's versions come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Origin {
    /// From the public releases, those whose version is a pre-release and whose commit the default
    /// branch holds.
    PreReleases,
    /// From the public releases, those whose version is none.
    Releases,
    /// From another channel, after the soak.
    Channel(Channel),
}

/// A word that names no [`Origin`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected pre-releases, releases or a channel (stable, beta, alpha), found {0:?}")]
pub struct UnknownOrigin(String);

impl Feed {
    /// When a version has soaked that the feeding channel first selected at `selected`.
    #[must_use]
    pub fn soaked_at(&self, selected: Instant) -> Instant {
        selected.plus_days(self.soak_days)
    }
}

impl FromStr for Origin {
    type Err = UnknownOrigin;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "pre-releases" => Ok(Self::PreReleases),
            "releases" => Ok(Self::Releases),
            other => match other.parse() {
                Ok(channel) => Ok(Self::Channel(channel)),
                Err(_) => Err(UnknownOrigin(other.to_owned())),
            },
        }
    }
}

impl TryFrom<String> for Origin {
    type Error = UnknownOrigin;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Origin> for String {
    fn from(origin: Origin) -> Self {
        origin.to_string()
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PreReleases => f.pad("pre-releases"),
            Self::Releases => f.pad("releases"),
            Self::Channel(channel) => channel.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_written_as_it_is_read() {
        for text in ["pre-releases", "releases", "stable", "beta", "alpha"] {
            assert_eq!(text.parse::<Origin>().unwrap().to_string(), text);
        }
        assert!("nightly".parse::<Origin>().is_err());
    }
}
