//! The agent playbook: skill files that travel inside the program they describe.
//!
//! A program embeds its folder of skills with [`include_dir`], so that program and playbook are
//! never of two versions. Relies on `include_dir` for the embedding.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

// What the macro writes names its crate, which a program need not depend on itself.
pub use ::include_dir::{self, Dir, include_dir};
use release_plan::Sha256;

/// The files of a playbook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Playbook {
    /// Paths with `/` between parts, sorted, and contents.
    files: Vec<(String, Vec<u8>)>,
}

/// A playbook that cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {source}", path = path.display())]
pub struct PlaybookError {
    path: PathBuf,
    source: io::Error,
}

impl PlaybookError {
    /// What kind of failure it was.
    #[must_use]
    pub fn kind(&self) -> io::ErrorKind {
        self.source.kind()
    }
}

impl Playbook {
    /// The playbook that a program embeds.
    #[must_use]
    pub fn embedded(dir: &Dir<'_>) -> Self {
        fn collect(dir: &Dir<'_>, files: &mut Vec<(String, Vec<u8>)>) {
            for file in dir.files() {
                files.push((portable(file.path()), file.contents().to_vec()));
            }
            for below in dir.dirs() {
                collect(below, files);
            }
        }
        let mut files = Vec::new();
        collect(dir, &mut files);
        files.sort();
        Self { files }
    }

    /// The playbook in a folder.
    ///
    /// # Errors
    /// When the folder or a file in it cannot be read.
    pub fn read(folder: &Path) -> Result<Self, PlaybookError> {
        fn collect(
            root: &Path,
            folder: &Path,
            files: &mut Vec<(String, Vec<u8>)>,
        ) -> Result<(), PlaybookError> {
            for entry in fs::read_dir(folder).map_err(at(folder))? {
                let entry = entry.map_err(at(folder))?;
                let path = entry.path();
                if entry.file_type().map_err(at(&path))?.is_dir() {
                    collect(root, &path, files)?;
                } else {
                    let contents = fs::read(&path).map_err(at(&path))?;
                    files.push((portable(path.strip_prefix(root).unwrap_or(&path)), contents));
                }
            }
            Ok(())
        }
        let mut files = Vec::new();
        collect(folder, folder, &mut files)?;
        files.sort();
        Ok(Self { files })
    }

    /// One digest for the whole: that of the lines `<sha256>  <path>` sorted by path, which
    /// `find . -type f | cut -c3- | LC_ALL=C sort | xargs sha256sum | sha256sum` prints too.
    #[must_use]
    pub fn sha256(&self) -> Sha256 {
        let lines: String = self
            .files
            .iter()
            .map(|(path, contents)| format!("{}  {path}\n", Sha256::of(contents)))
            .collect();
        Sha256::of(lines.as_bytes())
    }

    /// Writes every file below `folder`, which must not exist yet.
    ///
    /// # Errors
    /// When it exists, or when something cannot be written.
    pub fn write_new(&self, folder: &Path) -> Result<(), PlaybookError> {
        fs::create_dir(folder).map_err(at(folder))?;
        for (path, contents) in &self.files {
            let path = folder.join(path);
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent).map_err(at(parent))?;
            }
            fs::write(&path, contents).map_err(at(&path))?;
        }
        Ok(())
    }

    /// Paths with `/` between parts, sorted, and contents.
    pub fn files(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.files
            .iter()
            .map(|(path, contents)| (path.as_str(), contents.as_slice()))
    }
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> PlaybookError {
    let path = path.to_owned();
    move |source| PlaybookError { path, source }
}

fn portable(path: &Path) -> String {
    let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    static SKILLS: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/skills");

    #[test]
    fn what_is_embedded_is_what_lies_in_the_folder() {
        let embedded = Playbook::embedded(&SKILLS);
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("skills");
        assert_eq!(embedded, Playbook::read(&folder).unwrap());
        assert!(embedded.files().count() > 0);
    }

    #[test]
    fn a_written_playbook_reads_back_with_the_same_digest() {
        let embedded = Playbook::embedded(&SKILLS);
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("playbook");
        embedded.write_new(&folder).unwrap();
        assert_eq!(Playbook::read(&folder).unwrap().sha256(), embedded.sha256());
        assert!(
            embedded.write_new(&folder).is_err(),
            "an existing folder is left alone"
        );
    }

    #[test]
    fn a_changed_byte_or_name_changes_the_digest() {
        let playbook = |path: &str, contents: &[u8]| Playbook {
            files: vec![(path.to_owned(), contents.to_vec())],
        };
        let digest = playbook("a", b"1").sha256();
        assert_ne!(digest, playbook("a", b"2").sha256());
        assert_ne!(digest, playbook("b", b"1").sha256());
    }

    #[test]
    fn every_skill_follows_the_rules_of_agent_skills() {
        for (path, contents) in Playbook::embedded(&SKILLS).files() {
            let Some(name) = path.strip_suffix("/SKILL.md") else {
                continue;
            };
            let text = std::str::from_utf8(contents).unwrap();
            let (front, body) = text
                .strip_prefix("---\n")
                .unwrap()
                .split_once("\n---\n")
                .unwrap();
            let key = |key: &str| {
                let line = front.lines().find_map(|line| line.strip_prefix(key));
                line.and_then(|rest| rest.strip_prefix(": "))
                    .unwrap_or_default()
            };
            assert_eq!(key("name"), name, "the folder is named as the skill");
            let description = key("description");
            assert!((1..=1024).contains(&description.len()) && !description.contains(['<', '>']));
            assert!(body.lines().count() < 500);
        }
    }
}
