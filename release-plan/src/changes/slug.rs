//! The name of a change: of its fragment and of its review.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::REVIEW;

/// Lower-case words of letters and digits, joined by single hyphens.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Slug(String);

/// Text that is no name of a change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected up to {LONGEST} lower-case letters and digits, joined by single hyphens, found {0:?}"
)]
pub struct SlugError(String);

const LONGEST: usize = 64;

impl Slug {
    /// The file of its fragment, in the folder of fragments.
    #[must_use]
    pub fn fragment(&self) -> String {
        format!("{self}.md")
    }

    /// The file of the review of its side effects, in the same folder.
    #[must_use]
    pub fn review(&self) -> String {
        format!("{self}{REVIEW}")
    }

    /// The change that a file belongs to, and whether it is its review; none for a file that is
    /// neither.
    ///
    /// # Errors
    /// When the file has the ending of one and not the name.
    pub fn of_file(name: &str) -> Result<Option<(Self, bool)>, SlugError> {
        if let Some(stem) = name.strip_suffix(REVIEW) {
            return Ok(Some((stem.parse()?, true)));
        }
        let stem = name.strip_suffix(".md").map(str::parse);
        Ok(stem.transpose()?.map(|slug| (slug, false)))
    }
}

impl FromStr for Slug {
    type Err = SlugError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let word = |word: &str| {
            let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
            !word.is_empty() && word.bytes().all(plain)
        };
        if text.len() <= LONGEST && text.split('-').all(word) {
            return Ok(Self(text.to_owned()));
        }
        Err(SlugError(text.chars().take(80).collect()))
    }
}

impl TryFrom<String> for Slug {
    type Error = SlugError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Slug> for String {
    fn from(slug: Slug) -> Self {
        slug.0
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slug_is_lower_case_words_joined_by_single_hyphens() {
        for good in ["a", "fix-2", "resume-a-cut-download"] {
            assert_eq!(good.parse::<Slug>().unwrap().to_string(), good);
        }
        let long = "a".repeat(65);
        for bad in [
            "", "-", "a-", "-a", "a--b", "A", "a_b", "a.b", "ä", "../a", &long,
        ] {
            assert!(bad.parse::<Slug>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_file_is_a_fragment_a_review_or_nothing() {
        let slug: Slug = "a-b".parse().unwrap();
        assert_eq!(Slug::of_file("a-b.md"), Ok(Some((slug.clone(), false))));
        let review = slug.review();
        assert_eq!(Slug::of_file(&review), Ok(Some((slug, true))));
        assert_eq!(Slug::of_file(".gitkeep"), Ok(None));
        assert!(Slug::of_file("A.md").is_err());
        assert!(Slug::of_file("a.b.md").is_err());
    }
}
