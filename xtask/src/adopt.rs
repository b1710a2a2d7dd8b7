//! What a program needs in its tree to be released by these crates: every file as a value, before
//! anything is written. A file of this repository serves as its own template, so that there is one
//! source. Relies on `facts` for what is known of the program and on `manifests` for edits of
//! Cargo's files, which keep what people wrote there.

mod facts;
mod manifests;
mod templates;

use std::path::Path;

pub(crate) use facts::{Facts, Known};
pub(crate) use templates::LOCK;

use crate::{Failure, files};

/// Where the crates come from that a program depends on.
pub(crate) enum Crates<'a> {
    /// The repository of this one, at the tag of its version.
    Released,
    /// A folder that holds them.
    Folder(&'a Path),
}

/// What is done about a file, below the root of the tree.
pub(crate) struct Step {
    pub(crate) path: String,
    /// What lies there; none where nothing does.
    pub(crate) found: Option<String>,
    pub(crate) kind: Kind,
}

/// How a file comes to be as it should.
pub(crate) enum Kind {
    /// It is so.
    Current,
    /// It is written, and holds nothing of a person's that is not kept.
    Write(String),
    /// It is a person's, and would be replaced by this where that is asked for.
    Keep(String),
    /// It is a person's, who has to change it, as these words say.
    ByHand(String),
}

/// How a template and a file that is there go together.
enum Claim {
    /// The file is the template's: another one is somebody's work.
    Ours,
    /// The file is the program's as soon as there is one.
    Theirs,
}

/// Every step, in the order in which people are shown them.
///
/// # Errors
/// When a file cannot be read, or a manifest is no TOML.
pub(crate) fn steps(
    facts: &Facts,
    crates: &Crates<'_>,
    overwrite: &[String],
) -> Result<Vec<Step>, Failure> {
    let mut steps = Vec::new();
    for (path, text) in templates::ours(facts, crates)? {
        steps.push(step(facts, path, text, &Claim::Ours, overwrite)?);
    }
    for (path, text) in templates::theirs(facts)? {
        steps.push(step(facts, path, text, &Claim::Theirs, overwrite)?);
    }
    for (path, says, text) in templates::sources(facts)? {
        steps.push(source(facts, path, &says, text)?);
    }
    steps.extend(manifests::steps(facts, crates)?);
    Ok(steps)
}

fn step(
    facts: &Facts,
    path: String,
    text: String,
    claim: &Claim,
    overwrite: &[String],
) -> Result<Step, Failure> {
    let found = text_at(&facts.root, &path)?;
    let kind = match (&found, claim) {
        (None, _) => Kind::Write(text),
        (Some(found), _) if *found == text => Kind::Current,
        (Some(_), Claim::Theirs) => Kind::Current,
        (Some(_), Claim::Ours) if overwrite.contains(&path) => Kind::Write(text),
        (Some(_), Claim::Ours) => Kind::Keep(text),
    };
    Ok(Step { path, found, kind })
}

/// A source file, which must say `says`: what a person wrote there is never replaced.
fn source(facts: &Facts, path: String, says: &str, text: String) -> Result<Step, Failure> {
    let found = text_at(&facts.root, &path)?;
    let kind = match &found {
        None => Kind::Write(text),
        Some(found) if found.contains(says) => Kind::Current,
        // There is nothing of anybody's in what `cargo new` writes.
        Some(found) if found == templates::FRESH_MAIN => Kind::Write(text),
        Some(_) => Kind::ByHand(text),
    };
    Ok(Step { path, found, kind })
}

fn text_at(root: &Path, path: &str) -> Result<Option<String>, Failure> {
    let path = root.join(path);
    if path.is_file() {
        return files::read_text(&path).map(Some);
    }
    Ok(None)
}
