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

/// Something that the program can do, and how it is used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capability {
    /// What it is.
    pub what: String,
    /// How to use it.
    pub how: String,
}
