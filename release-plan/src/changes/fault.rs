//! What a document that can be read still lacks.

/// A fault of a document, for which a gate fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The id of the rule, which does not change.
    pub rule: &'static str,
    /// The line that it is about, from 1.
    pub line: usize,
    /// What is wanted there.
    pub expected: String,
    /// What stands there.
    pub found: String,
}
