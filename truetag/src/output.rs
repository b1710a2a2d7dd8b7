//! Data to stdout, words to stderr. A reader that went away is no failure of the command.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

use serde::Serialize;

/// A line of data.
pub(crate) fn data(line: impl Display) -> io::Result<()> {
    match writeln!(io::stdout().lock(), "{line}") {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// A value for programs.
pub(crate) fn json(value: &impl Serialize) -> io::Result<()> {
    data(serde_json::to_string_pretty(value)?)
}

/// A line of words.
pub(crate) fn say(line: impl Display) {
    // With no stderr there is nowhere left to complain to.
    let _ = writeln!(io::stderr().lock(), "{line}");
}
