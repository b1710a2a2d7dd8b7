//! Why something is not believed.

use std::fmt;

/// A refusal: what was looked at, which check failed, what it expected and what it found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Refusal {
    /// What was verified: a file's name.
    pub subject: String,
    /// The check that failed, in the field's own words: `identity`, `inclusion proof`, `digest`.
    pub check: String,
    /// What would have passed.
    pub expected: String,
    /// What was there.
    pub found: String,
}

impl Refusal {
    pub(crate) fn new(
        subject: &str,
        check: impl fmt::Display,
        expected: impl fmt::Display,
        found: impl fmt::Display,
    ) -> Self {
        Self {
            subject: subject.to_owned(),
            check: check.to_string(),
            expected: expected.to_string(),
            found: found.to_string(),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            subject,
            check,
            expected,
            found,
        } = self;
        write!(
            f,
            "{subject}: {check} refused: expected {expected}, found {found}"
        )
    }
}
