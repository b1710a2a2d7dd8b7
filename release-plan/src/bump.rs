//! What a change does to those who rely on a program, and the version that follows from it
//! (Semantic Versioning 2.0.0). Relies on `semver`.

use std::fmt;
use std::str::FromStr;

use semver::{BuildMetadata, Prerelease, Version};
use serde::{Deserialize, Serialize};

/// What a change does to those who rely on a program; the greater the more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Bump {
    /// What worked goes on working as it did.
    Patch,
    /// There is something new; what worked goes on working.
    Minor,
    /// Something that worked works no more, or otherwise.
    Major,
}

impl Bump {
    /// The version that a change of this kind leads to from `last`. Below 1.0.0 a major change
    /// raises the second number, and any other the third.
    #[must_use]
    pub fn after(self, last: &Version) -> Version {
        let Version {
            major,
            minor,
            patch,
            ..
        } = *last;
        match (self, major) {
            (Self::Major, 1..) => Version::new(major + 1, 0, 0),
            (Self::Minor, 1..) | (Self::Major, 0) => Version::new(major, minor + 1, 0),
            (Self::Minor, 0) | (Self::Patch, _) => Version::new(major, minor, patch + 1),
        }
    }

    /// Whether `version`, or the release that it is a pre-release of, is what a change of this kind
    /// leads to from the release `last`. A major change may also be the step to 1.0.0.
    #[must_use]
    pub fn leads(self, last: &Version, version: &Version) -> bool {
        let release = released(version);
        let first = Version::new(1, 0, 0);
        release == self.after(last) || (self == Self::Major && last.major == 0 && release == first)
    }
}

impl fmt::Display for Bump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Patch => "patch",
            Self::Minor => "minor",
            Self::Major => "major",
        })
    }
}

/// Text that is no bump.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected patch, minor or major, found {0:?}")]
pub struct UnknownBump(String);

impl FromStr for Bump {
    type Err = UnknownBump;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Patch, Self::Minor, Self::Major]
            .into_iter()
            .find(|bump| bump.to_string() == text)
            .ok_or_else(|| UnknownBump(text.chars().take(80).collect()))
    }
}

/// The release that a version is a pre-release of, or itself.
fn released(version: &Version) -> Version {
    Version {
        pre: Prerelease::EMPTY,
        build: BuildMetadata::EMPTY,
        ..version.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        text.parse().unwrap()
    }

    #[test]
    fn the_number_that_a_change_raises_depends_on_whether_there_was_a_first_release() {
        for (last, bump, next) in [
            ("1.2.3", Bump::Patch, "1.2.4"),
            ("1.2.3", Bump::Minor, "1.3.0"),
            ("1.2.3", Bump::Major, "2.0.0"),
            ("0.2.3", Bump::Patch, "0.2.4"),
            ("0.2.3", Bump::Minor, "0.2.4"),
            ("0.2.3", Bump::Major, "0.3.0"),
            ("0.0.3", Bump::Major, "0.1.0"),
        ] {
            assert_eq!(bump.after(&version(last)), version(next), "{last} {bump}");
            assert!(bump.leads(&version(last), &version(next)));
        }
    }

    #[test]
    fn each_version_is_reached_by_the_changes_that_lead_there_and_by_no_other() {
        const NONE: &[Bump] = &[];
        const PATCH: &[Bump] = &[Bump::Patch];
        const MINOR: &[Bump] = &[Bump::Minor];
        const MAJOR: &[Bump] = &[Bump::Major];
        for (last, table) in [
            (
                "0.0.3",
                &[
                    ("0.0.3", NONE),
                    ("0.0.4", &[Bump::Patch, Bump::Minor]),
                    ("0.0.5", NONE),
                    ("0.1.0", MAJOR),
                    ("1.0.0", MAJOR),
                ][..],
            ),
            (
                "0.2.3",
                &[
                    ("0.2.2", NONE),
                    ("0.2.4", &[Bump::Patch, Bump::Minor]),
                    ("0.2.4-rc.1", &[Bump::Patch, Bump::Minor]),
                    ("0.3.0", MAJOR),
                    ("0.3.0-alpha.1", MAJOR),
                    ("0.3.1", NONE),
                    ("0.4.0", NONE),
                    ("1.0.0", MAJOR),
                    ("1.0.0-rc.1", MAJOR),
                    ("1.0.1", NONE),
                    ("2.0.0", NONE),
                ],
            ),
            (
                "1.2.3",
                &[
                    ("1.2.3", NONE),
                    ("1.2.4", PATCH),
                    ("1.2.4-rc.1", PATCH),
                    ("1.2.5", NONE),
                    ("1.3.0", MINOR),
                    ("1.3.1", NONE),
                    ("1.4.0", NONE),
                    ("2.0.0", MAJOR),
                    ("2.0.0-rc.1", MAJOR),
                    ("2.0.1", NONE),
                    ("2.1.0", NONE),
                    ("3.0.0", NONE),
                ],
            ),
        ] {
            for (next, expected) in table {
                let all = [Bump::Patch, Bump::Minor, Bump::Major].into_iter();
                let lead = all.filter(|bump| bump.leads(&version(last), &version(next)));
                assert_eq!(lead.collect::<Vec<_>>(), *expected, "{last} to {next}");
            }
        }
    }

    #[test]
    fn a_pre_release_is_as_far_away_as_its_release() {
        let leads = |bump: Bump, last, next| bump.leads(&version(last), &version(next));
        assert!(leads(Bump::Minor, "1.2.3", "1.3.0-rc.1"));
        assert!(leads(Bump::Minor, "1.2.3", "1.3.0-rc.2"));
        assert!(!leads(Bump::Minor, "1.2.3", "1.2.4-rc.1"));
        assert!(!leads(Bump::Patch, "1.2.3", "1.3.0-rc.1"));
    }

    #[test]
    fn only_a_major_change_is_a_step_to_the_first_release() {
        let leads = |bump: Bump, last| bump.leads(&version(last), &version("1.0.0"));
        assert!(leads(Bump::Major, "0.9.1"));
        assert!(!leads(Bump::Minor, "0.9.1"));
        assert!(!leads(Bump::Major, "1.2.3"));
    }

    #[test]
    fn of_several_changes_the_greatest_counts() {
        let all = [Bump::Minor, Bump::Major, Bump::Patch];
        assert_eq!(all.into_iter().max(), Some(Bump::Major));
    }
}
