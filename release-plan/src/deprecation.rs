//! What is to go, said before it goes.

use semver::Version;
use serde::{Deserialize, Serialize};

/// Something that others rely on and that is to go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deprecation {
    /// What goes, as `cargo xtask plan --explain` names it: `command upgrade --old`,
    /// `exit code 7`, `channel alpha`.
    pub thing: String,
    /// The first version that says so.
    pub since: Version,
    /// The last version that has it.
    pub until: Version,
    /// What takes its place.
    pub replacement: String,
}

impl Deprecation {
    /// What is wrong with it, in words, where something is.
    pub(crate) fn fault(&self) -> Option<String> {
        let Self {
            thing,
            since,
            until,
            replacement,
        } = self;
        if thing.trim().is_empty() || replacement.trim().is_empty() {
            return Some(format!("{thing:?}, replaced by {replacement:?}"));
        }
        (until < since).then(|| format!("{thing}, since {since} until {until}"))
    }
}
