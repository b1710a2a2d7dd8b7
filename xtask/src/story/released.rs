//! What was told of releases: guides and the reviews frozen beside them, which never change again.

use std::collections::BTreeMap;
use std::io::ErrorKind;

use release_plan::changes::{Guide, MOST_FROZEN_BYTES, RELEASES, REVIEW, Review, Slug};
use release_plan::{Checksums, Exit, Sha256, Tag, Version};

use crate::failure::Exiting as _;
use crate::git::Tree;
use crate::project::Project;
use crate::{Failure, files};

/// The digests of all that is frozen, in its folder.
pub(crate) const SUMS: &str = "SHA256SUMS";

/// All that was told of releases.
#[derive(Debug, Default)]
pub(crate) struct Released {
    pub(crate) guides: BTreeMap<Version, Guide>,
    /// Each file in the folder with its digest, but for the digests themselves.
    pub(crate) digests: BTreeMap<String, Sha256>,
    /// What the digests say, line by line.
    pub(crate) sums: Checksums,
    /// The reviews of each release, in one file.
    reviews: BTreeMap<Version, Vec<u8>>,
}

impl Released {
    /// Reads all that lies in the folder of guides; nothing where there is no such folder.
    pub(crate) fn read(project: &Project) -> Result<Self, Failure> {
        let folder = project.root.join(RELEASES);
        let entries = match std::fs::read_dir(&folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            entries => entries.map_err(|error| files::failed("list", &folder, &error))?,
        };
        let mut released = Self::default();
        for entry in entries {
            let name = entry?.file_name().to_string_lossy().into_owned();
            let file = format!("{RELEASES}/{name}");
            let bytes = files::read_at_most(&folder.join(&name), MOST_FROZEN_BYTES)?;
            if name == SUMS {
                let sums = Checksums::parse(&bytes);
                released.sums = sums.map_err(|error| refused(&format!("{RELEASES}/{error}")))?;
                continue;
            }
            released.digests.insert(name.clone(), Sha256::of(&bytes));
            if let Some(Ok(version)) = name.strip_suffix(REVIEW).map(str::parse) {
                released.reviews.insert(version, bytes);
            } else if let Some(version) = Guide::of_file(&name) {
                let guide = Guide::read(&file, &bytes).or_exit(Exit::Input)?;
                released.guides.insert(version, guide);
            } else {
                return Err(refused(&format!(
                    "{file}: expected a guide, its reviews or {SUMS}; move it elsewhere"
                )));
            }
        }
        Ok(released)
    }

    /// The paths that the reviews of a release are about, with file and line.
    pub(crate) fn scopes(&self, version: &Version) -> Result<Vec<(String, String)>, Failure> {
        let file = format!("{RELEASES}/{}", reviews_file(version));
        let Some(bytes) = self.reviews.get(version) else {
            return Ok(Vec::new());
        };
        let reviews = Review::read_all(&file, bytes).or_exit(Exit::Input)?;
        let scopes = reviews.iter().flat_map(|(_, review)| review.scope());
        let placed = scopes.map(|(line, path)| (format!("{file}:{line}"), path));
        Ok(placed.collect())
    }

    /// The tag of a release below `version` that has a guide here and no tag: those that are there
    /// tell nothing of what came last.
    pub(crate) fn without_tag(
        &self,
        tree: &Tree,
        version: &Version,
    ) -> Result<Option<Tag>, Failure> {
        for below in self.guides.keys().filter(|below| *below < version) {
            let tag = Tag::of(below).or_exit(Exit::Input)?;
            if tree.tagged(&tag)?.is_none() {
                return Ok(Some(tag));
            }
        }
        Ok(None)
    }

    /// The release, no pre-release, that told of a change already.
    pub(crate) fn told_of(&self, slug: &Slug) -> Option<&Version> {
        let mut guides = self.guides.iter();
        let told =
            guides.find(|(version, guide)| version.pre.is_empty() && guide.changes.contains(slug));
        told.map(|(version, _)| version)
    }
}

/// The guide of a release in the tree that the process was started in, where it has one: for stages
/// that handle finished assets, in jobs where nothing is compiled.
pub(crate) fn guide_of(version: &Version) -> Result<Option<Guide>, Failure> {
    let here = std::env::current_dir()?;
    let file = format!("{RELEASES}/{}", Guide::file(version));
    let path = Project::root(&here).unwrap_or(&here).join(&file);
    if !path.is_file() {
        return Ok(None);
    }
    Guide::read(&file, &files::read_at_most(&path, MOST_FROZEN_BYTES)?)
        .or_exit(Exit::Input)
        .map(Some)
}

/// The file of the reviews of a release.
pub(crate) fn reviews_file(version: &Version) -> String {
    format!("{version}{REVIEW}")
}

fn refused(message: &str) -> Failure {
    Failure::new(Exit::Input, message.to_owned())
}
