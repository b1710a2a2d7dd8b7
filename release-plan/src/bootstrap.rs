//! Where the bootstrap scripts of a release are, and which bytes they are: what a channel pointer
//! tells somebody who has only a shell.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{AssetName, Sha256, Tag};

/// The tag that scripts are downloaded from: the release's own, `vX.Y.Z`, or that of its Nth
/// patched scripts, `bootstrap-vX.Y.Z-rN`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BootstrapTag {
    release: Tag,
    /// 0 for the release's own.
    revision: u32,
}

/// Text that is no [`BootstrapTag`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a tag like v1.2.3, or bootstrap-v1.2.3-r1 for patched scripts, found {0:?}")]
pub struct BootstrapTagError(String);

/// The bootstrap scripts that go with a release.
///
/// In a pointer, each tag and digest stands on a line of its own, indented like nothing else there,
/// so that a shell without a JSON parser can take it:
///
/// ```text
/// sed -n 's/^    "tag": "\([^"]*\)".*/\1/p'               the tag
/// sed -n 's/^      "install\.sh": "\([0-9a-f]*\)".*/\1/p'  the digest of a script
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bootstrap {
    /// What they are downloaded from.
    pub tag: BootstrapTag,
    /// The digest of each script, by its name.
    pub scripts: BTreeMap<AssetName, Sha256>,
}

impl BootstrapTag {
    const PATCHED: &str = "bootstrap-";

    /// The tag of the release's own scripts.
    #[must_use]
    pub fn own(release: Tag) -> Self {
        Self::numbered(release, 0)
    }

    /// The tag of the scripts of `release` that were patched `revision` times; 0 for its own.
    #[must_use]
    pub fn numbered(release: Tag, revision: u32) -> Self {
        Self { release, revision }
    }

    /// Its full name in git.
    #[must_use]
    pub fn reference(&self) -> String {
        format!("refs/tags/{self}")
    }

    /// The release that the scripts install.
    #[must_use]
    pub fn release(&self) -> &Tag {
        &self.release
    }

    /// How often the scripts were patched: 0 for the release's own.
    #[must_use]
    pub fn revision(&self) -> u32 {
        self.revision
    }
}

impl FromStr for BootstrapTag {
    type Err = BootstrapTagError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed = match text.strip_prefix(Self::PATCHED) {
            None => text.parse().ok().map(Self::own),
            Some(patched) => patched.rsplit_once("-r").and_then(|(release, revision)| {
                let plain = revision.bytes().all(|b| b.is_ascii_digit());
                let plain = plain && !revision.starts_with('0');
                Some(Self {
                    release: release.parse().ok()?,
                    revision: revision.parse().ok().filter(|_| plain)?,
                })
            }),
        };
        parsed.ok_or_else(|| BootstrapTagError(text.chars().take(80).collect()))
    }
}

impl TryFrom<String> for BootstrapTag {
    type Error = BootstrapTagError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<BootstrapTag> for String {
    fn from(tag: BootstrapTag) -> Self {
        tag.to_string()
    }
}

impl fmt::Display for BootstrapTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { release, revision } = self;
        if *revision == 0 {
            return write!(f, "{release}");
        }
        write!(f, "{}{release}-r{revision}", Self::PATCHED)
    }
}

impl fmt::Display for Bootstrap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "scripts of {}", self.tag)?;
        for (name, sha256) in &self.scripts {
            write!(f, ", {name} with sha256:{sha256}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_of_scripts_names_its_release_and_how_often_they_were_patched() {
        for (text, release, revision) in [
            ("v1.2.3", "v1.2.3", 0),
            ("bootstrap-v1.2.3-r1", "v1.2.3", 1),
            ("bootstrap-v1.2.3-rc.1-r12", "v1.2.3-rc.1", 12),
        ] {
            let tag: BootstrapTag = text.parse().unwrap();
            assert_eq!(tag.release().to_string(), release);
            assert_eq!(tag.revision(), revision);
            assert_eq!(tag.to_string(), text);
        }
    }

    #[test]
    fn what_is_no_tag_of_scripts_is_refused() {
        for bad in [
            "",
            "1.2.3",
            "bootstrap-v1.2.3",
            "bootstrap-v1.2.3-r",
            "bootstrap-v1.2.3-r0",
            "bootstrap-v1.2.3-r01",
            "bootstrap-v1.2.3-r+1",
            "bootstrap-v1.2.3-rc.1",
            "bootstrap-1.2.3-r1",
            "bootstrap-v1.2.3-r4294967296",
        ] {
            assert!(bad.parse::<BootstrapTag>().is_err(), "{bad:?}");
        }
    }
}
