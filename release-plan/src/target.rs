//! Target triples, and what of a name follows from them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A target triple as rustc writes it, such as `x86_64-unknown-linux-gnu`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Target(String);

/// Text that is no target triple.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a target triple like x86_64-unknown-linux-gnu, found {0:?}")]
pub struct TargetError(String);

impl Target {
    /// The triple.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether executables of this target end in `.exe` and archives are zip files.
    #[must_use]
    pub fn is_windows(&self) -> bool {
        self.0.split('-').any(|part| part == "windows")
    }

    /// The operating system and the architecture, as people call them: `macOS arm64`.
    #[must_use]
    pub fn system(&self) -> String {
        let mut parts = self.0.split('-');
        let architecture = match parts.next().unwrap_or_default() {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        };
        let system = parts.find_map(|part| match part {
            "linux" => Some("Linux"),
            "darwin" => Some("macOS"),
            "windows" => Some("Windows"),
            _ => None,
        });
        match system {
            Some(system) => format!("{system} {architecture}"),
            None => self.0.clone(),
        }
    }

    /// File name of `program` built for this target.
    #[must_use]
    pub fn executable(&self, program: &str) -> String {
        let suffix = if self.is_windows() { ".exe" } else { "" };
        format!("{program}{suffix}")
    }

    /// The name that an archive of `program` has without its extension; also the folder at the
    /// root of a tar archive.
    #[must_use]
    pub fn archive_stem(&self, program: &str) -> String {
        format!("{program}-{self}")
    }
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts: Vec<&str> = text.split('-').collect();
        let plain = |part: &&str| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        };
        if (3..=5).contains(&parts.len()) && parts.iter().all(plain) && text.len() <= 64 {
            Ok(Self(text.to_owned()))
        } else {
            Err(TargetError(text.chars().take(80).collect()))
        }
    }
}

impl TryFrom<String> for Target {
    type Error = TargetError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Target> for String {
    fn from(target: Target) -> Self {
        target.0
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_triple_decides_the_names_of_executables() {
        let linux: Target = "x86_64-unknown-linux-gnu".parse().unwrap();
        let windows: Target = "aarch64-pc-windows-gnullvm".parse().unwrap();
        assert_eq!(linux.executable("p"), "p");
        assert_eq!(windows.executable("p"), "p.exe");
    }

    #[test]
    fn a_path_or_a_sentence_is_no_triple() {
        for bad in [
            "",
            "linux",
            "x86_64--linux",
            "../x-y-z",
            "X86-a-b",
            "a b-c-d",
        ] {
            assert!(bad.parse::<Target>().is_err(), "{bad:?}");
        }
    }
}
