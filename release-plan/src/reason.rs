//! Why a person did what is out of the ordinary, in words that travel with a channel pointer.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One line of words: 1 to [`LONGEST`](Self::LONGEST) characters, none of which would make a
/// terminal do something.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Reason(String);

/// Text that is no [`Reason`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected a reason: one line of 1 to {longest} characters, found {found:?}",
    longest = Reason::LONGEST
)]
pub struct ReasonError {
    found: String,
}

impl Reason {
    /// The most characters.
    pub const LONGEST: usize = 200;
}

impl FromStr for Reason {
    type Err = ReasonError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let words = text.trim();
        let long = words.chars().count() > Self::LONGEST;
        if words.is_empty() || long || words.contains(char::is_control) {
            let found = text.chars().take(80).collect();
            return Err(ReasonError { found });
        }
        Ok(Self(words.to_owned()))
    }
}

impl TryFrom<String> for Reason {
    type Error = ReasonError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Reason> for String {
    fn from(reason: Reason) -> Self {
        reason.0
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_one_line_of_words() {
        let reason: Reason = " it eats files ".parse().unwrap();
        assert_eq!(reason.to_string(), "it eats files");
        let longest = "é".repeat(Reason::LONGEST);
        assert!(longest.parse::<Reason>().is_ok());
        for bad in [
            "",
            " \t",
            "two\nlines",
            "\u{1b}[31mred",
            &format!("{longest}x"),
        ] {
            assert!(bad.parse::<Reason>().is_err(), "{bad:?}");
        }
    }
}
