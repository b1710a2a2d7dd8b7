//! Which Rust type something is, by the file that it stands in.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A Rust type as the code of a file would write it: `FILE.rs#TYPE`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TypeAt {
    /// The file, below the root of the tree.
    pub file: String,
    /// The type, such as `Manifest` or `Vec<Row>`.
    pub name: String,
}

/// Text that is no [`TypeAt`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected a Rust file below the root of the tree, '#' and a type in it, as in \
     src/report.rs#Report, found {0:?}"
)]
pub struct TypeAtError(String);

impl FromStr for TypeAt {
    type Err = TypeAtError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = text.split_once('#').filter(|(file, name)| {
            let mut parts = file.split('/');
            parts.all(|part| !matches!(part, "" | "." | ".."))
                && file.ends_with(".rs")
                && name.starts_with(|first: char| first.is_alphabetic() || first == '_')
        });
        let (file, name) = found.ok_or_else(|| TypeAtError(text.to_owned()))?;
        Ok(Self {
            file: file.to_owned(),
            name: name.to_owned(),
        })
    }
}

impl TryFrom<String> for TypeAt {
    type Error = TypeAtError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<TypeAt> for String {
    fn from(at: TypeAt) -> Self {
        at.to_string()
    }
}

impl fmt::Display for TypeAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.file, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_has_a_file_below_the_root_and_a_name() {
        for text in ["src/lib.rs#Report", "a.rs#Vec<Row>", "a/b.rs#_T"] {
            let at: TypeAt = text.parse().unwrap();
            assert_eq!(at.to_string(), text);
        }
        for bad in [
            "",
            "Report",
            "src/lib.rs",
            "src/lib.rs#",
            "src/lib.rs#7",
            "src/lib#Report",
            "/src/lib.rs#Report",
            "../lib.rs#Report",
            "src//lib.rs#Report",
        ] {
            assert!(bad.parse::<TypeAt>().is_err(), "{bad:?}");
        }
    }
}
