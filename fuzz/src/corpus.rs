//! The inputs that are kept, in `corpus/`, and the record of what each target says of them.
//!
//! Two builds that agree with the record agree with each other, and a change that turns a verdict
//! shows in it.

use std::io;
use std::path::Path;

use crate::TARGETS;

/// The record: a line for each input.
pub const RECORD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/verdicts.txt");

/// What the record should say: each input judged by this build.
///
/// # Errors
/// When the corpus cannot be read, or has a folder for no target.
pub fn verdicts() -> io::Result<String> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let mut lines = String::new();
    for folder in names(&corpus)? {
        let found = TARGETS.into_iter().find(|target| target.name == folder);
        let target = found.ok_or_else(|| io::Error::other(format!("no target {folder:?}")))?;
        for name in names(&corpus.join(&folder))? {
            let input = std::fs::read(corpus.join(&folder).join(&name))?;
            let verdict = (target.judge)(&input);
            lines += &format!("{folder}/{name}: {verdict}\n");
        }
    }
    Ok(lines)
}

/// Sorted.
fn names(folder: &Path) -> io::Result<Vec<String>> {
    let entries = std::fs::read_dir(folder)?;
    let mut names = entries
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<io::Result<Vec<_>>>()?;
    names.sort();
    Ok(names)
}
