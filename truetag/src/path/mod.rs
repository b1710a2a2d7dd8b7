//! How the folder of the program comes onto PATH, and leaves it again: an env file for each family
//! of shells lies in the home, and one line in a person's profiles reads it; on Windows an entry
//! stands in the registry. Each edit is written into a record in the home before it is made, and
//! taken back by that record alone.

#[cfg(any(windows, test))]
mod entries;
#[cfg(unix)]
mod line;
#[cfg(unix)]
mod profiles;
mod record;
#[cfg(windows)]
mod registry;
mod shell;
#[cfg(unix)]
mod user;

use std::fmt;
use std::path::{Path, PathBuf};

use release_plan::Exit;

#[cfg(unix)]
pub(crate) use profiles::{add, remove};
pub(crate) use record::RecordError;
#[cfg(windows)]
pub(crate) use registry::{add, remove};
pub(crate) use shell::snippets;

/// What became of PATH.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    /// Lines of words, in order.
    pub(crate) lines: Vec<String>,
    /// With what to exit where anything was left as it is that should have been edited.
    pub(crate) incomplete: Option<Exit>,
}

impl Told {
    fn say(&mut self, line: impl fmt::Display) {
        self.lines.push(line.to_string());
    }

    /// As [`say`](Self::say), of what was not done.
    fn note(&mut self, line: impl fmt::Display) {
        self.lines.push(format!("note: {line}"));
        self.incomplete = self.incomplete.or(Some(Exit::Storage));
    }
}

/// Where the program is called from, and what it is called.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) product: &'a str,
    /// Root of the home.
    pub(crate) home: &'a Path,
}

impl Place<'_> {
    fn bin(&self) -> PathBuf {
        self.home.join("bin")
    }

    fn record(&self) -> PathBuf {
        self.home.join("state").join(record::RECORD)
    }
}

/// What is recorded, a line for each edit.
pub(crate) fn recorded(place: Place<'_>) -> Result<Vec<String>, RecordError> {
    let record = record::Record::read(&place.record())?;
    let profiles = record.profiles.iter();
    let profiles = profiles.map(|edit| format!("a line in {}", edit.file.display()));
    let registry = record.registry.iter();
    let registry = registry.map(|entry| format!("the entry {}", entry.added));
    Ok(profiles.chain(registry).collect())
}

/// The env files of a home, whether they are there or not.
pub(crate) fn env_files(home: &Path) -> Vec<PathBuf> {
    #[cfg(unix)]
    return shell::Shell::ALL
        .into_iter()
        .map(|shell| home.join(shell.env_file()))
        .collect();
    #[cfg(windows)]
    {
        let _ = home;
        Vec::new()
    }
}
