//! The tag of a release, and the git reference it is. Relies on `semver`.

use std::fmt;
use std::str::FromStr;

use semver::{BuildMetadata, Version};
use serde::{Deserialize, Serialize};

/// `vX.Y.Z`, optionally with a pre-release; never with build metadata, since GitHub would rename
/// assets that carry a `+` and two tags could then differ in nothing that is compared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Tag(Version);

/// Text that is no release tag.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a tag like v1.2.3 or v1.2.3-rc.1, found {found:?}: {why}")]
pub struct TagError {
    found: String,
    why: String,
}

impl Tag {
    /// The tag under which `version` is released.
    ///
    /// # Errors
    /// When the version carries build metadata.
    pub fn of(version: &Version) -> Result<Self, TagError> {
        format!("v{version}").parse()
    }

    /// The version released under this tag.
    #[must_use]
    pub fn version(&self) -> &Version {
        &self.0
    }

    /// The git reference, `refs/tags/vX.Y.Z`.
    #[must_use]
    pub fn reference(&self) -> String {
        format!("refs/tags/{self}")
    }
}

impl FromStr for Tag {
    type Err = TagError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = |why: String| TagError {
            found: text.chars().take(80).collect(),
            why,
        };
        let digits = text
            .strip_prefix('v')
            .ok_or_else(|| refused("it does not begin with v".to_owned()))?;
        let version = Version::parse(digits).map_err(|error| refused(error.to_string()))?;
        if version.build != BuildMetadata::EMPTY {
            return Err(refused("build metadata cannot be released".to_owned()));
        }
        Ok(Self(version))
    }
}

impl TryFrom<String> for Tag {
    type Error = TagError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Tag> for String {
    fn from(tag: Tag) -> Self {
        tag.to_string()
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_names_its_version_and_its_reference() {
        let tag: Tag = "v1.2.3-rc.1".parse().unwrap();
        assert_eq!(tag.version().to_string(), "1.2.3-rc.1");
        assert_eq!(tag.reference(), "refs/tags/v1.2.3-rc.1");
        assert_eq!(Tag::of(tag.version()).unwrap(), tag);
    }

    #[test]
    fn what_is_not_semver_with_a_v_is_no_tag() {
        for bad in [
            "1.2.3",
            "v1.2",
            "v01.2.3",
            "release-1",
            "",
            "v1.2.3+build",
            "v1.2.3\n",
        ] {
            assert!(bad.parse::<Tag>().is_err(), "{bad:?}");
        }
    }
}
