//! What a release brings to those who use it, as the program that is released carries it.

use semver::Version;
use serde::{Deserialize, Serialize};

/// What a release brings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct News {
    /// The release.
    pub version: Version,
    /// What those who use the program are told, in plain words: Markdown without code.
    pub tell: String,
    /// What the program can do by it.
    pub capabilities: Vec<Capability>,
    /// What becomes of what is installed already; empty where nothing has to be moved.
    pub migration: Vec<String>,
}

impl News {
    /// What is told above `since` up to `own`, of `all`; without `since` what is told of `own`. A
    /// pre-release is left out where its release tells the same again.
    #[must_use]
    pub fn between<'a>(all: &'a [Self], since: Option<&Version>, own: &Version) -> Vec<&'a Self> {
        let within = |news: &&Self| match since {
            Some(since) => *since < news.version && news.version <= *own,
            None => news.version == *own,
        };
        let told: Vec<_> = all.iter().filter(within).collect();
        let again = |news: &Self| {
            let release = Version::new(news.version.major, news.version.minor, news.version.patch);
            news.version != release && told.iter().any(|other| other.version == release)
        };
        told.iter().copied().filter(|news| !again(news)).collect()
    }
}

/// Something that the program can do, and how it is used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capability {
    /// What it is.
    pub what: String,
    /// How to use it.
    pub how: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn between_two_versions_lies_what_is_above_the_one_up_to_the_other() {
        let versions = ["1.0.0", "1.1.0-rc.1", "1.1.0", "1.2.0-rc.1"];
        let all = versions.map(|version| News {
            version: version.parse().unwrap(),
            tell: String::new(),
            capabilities: Vec::new(),
            migration: Vec::new(),
        });
        let between = |since: Option<&str>, own: &str| -> Vec<String> {
            let since = since.map(|since| since.parse().unwrap());
            let told = News::between(&all, since.as_ref(), &own.parse().unwrap());
            told.iter().map(|news| news.version.to_string()).collect()
        };
        assert_eq!(between(None, "1.1.0"), ["1.1.0"]);
        assert_eq!(between(None, "1.1.1"), [""; 0]);
        assert_eq!(between(Some("0.1.0"), "1.1.0"), ["1.0.0", "1.1.0"]);
        assert_eq!(between(Some("1.0.0"), "1.1.0-rc.1"), ["1.1.0-rc.1"]);
        assert_eq!(
            between(Some("1.1.0-rc.1"), "1.2.0-rc.1"),
            ["1.1.0", "1.2.0-rc.1"]
        );
        assert_eq!(between(Some("1.1.0"), "1.1.0"), [""; 0]);
    }
}
