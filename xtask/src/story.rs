//! The story of the next release in a tree: its fragments and the reviews of their side effects.

mod released;

use std::collections::BTreeMap;
use std::io::ErrorKind;

use release_plan::changes::{Fault, Fragment, MOST_BYTES, NEXT, REVIEW, Review, Slug};
use release_plan::{Bump, Exit};

use crate::project::Project;
use crate::{Failure, files};

pub(crate) use released::{Released, SUMS, guide_of, reviews_file};

/// What is told of a change.
#[derive(Debug)]
struct Change {
    fragment: Fragment,
    review: Option<Review>,
}

/// What is told of the next release, by the names of its changes.
#[derive(Debug, Default)]
pub(crate) struct Story {
    changes: BTreeMap<Slug, Change>,
    /// Reviews of changes that nothing is told of.
    alone: Vec<Slug>,
}

/// A fault, and the file that it is in, below the root of the tree.
pub(crate) struct Found {
    pub(crate) file: String,
    pub(crate) fault: Fault,
}

impl Story {
    /// Reads all that lies in the folder of fragments; nothing where there is no such folder.
    pub(crate) fn read(project: &Project) -> Result<Self, Failure> {
        let folder = project.root.join(NEXT);
        let entries = match std::fs::read_dir(&folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            entries => entries.map_err(|error| files::failed("list", &folder, &error))?,
        };
        let mut story = Self::default();
        let mut reviews = BTreeMap::new();
        // All that cannot be read is told at once.
        let mut refused = Vec::new();
        let mut names = Vec::new();
        for entry in entries {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        for name in names {
            let file = format!("{NEXT}/{name}");
            let (slug, is_review) = match Slug::of_file(&name) {
                Ok(Some(named)) => named,
                // What holds the folder in git, or belongs to an editor.
                Ok(None) if name.starts_with('.') => continue,
                Ok(None) => {
                    refused.push(format!(
                        "{file}: expected a fragment, SLUG.md, or a review, SLUG{REVIEW}; rename \
                         it or move it away"
                    ));
                    continue;
                }
                Err(error) => {
                    refused.push(format!(
                        "{file}:1:1: the name before the ending: {error}; rename it"
                    ));
                    continue;
                }
            };
            let bytes = files::read_at_most(&project.root.join(&file), MOST_BYTES)?;
            let read = if is_review {
                Review::read(&file, &bytes).map(|review| {
                    reviews.insert(slug, review);
                })
            } else {
                Fragment::read(&file, slug.clone(), &bytes).map(|fragment| {
                    let review = None;
                    story.changes.insert(slug, Change { fragment, review });
                })
            };
            refused.extend(read.err().map(|error| error.to_string()));
        }
        if !refused.is_empty() {
            return Err(Failure::new(Exit::Input, refused.join("\n")));
        }
        for (slug, review) in reviews {
            match story.changes.get_mut(&slug) {
                Some(change) => change.review = Some(review),
                None => story.alone.push(slug),
            }
        }
        Ok(story)
    }

    /// What is told of each change.
    pub(crate) fn fragments(&self) -> Vec<&Fragment> {
        self.changes
            .values()
            .map(|change| &change.fragment)
            .collect()
    }

    /// The names of the changes.
    pub(crate) fn slugs(&self) -> impl Iterator<Item = &Slug> {
        self.changes.keys()
    }

    /// The files that the changes are told in, below the root of the tree.
    pub(crate) fn files(&self) -> impl Iterator<Item = String> {
        let names = self.changes.iter().flat_map(|(slug, change)| {
            let review = change.review.as_ref().map(|_| slug.review());
            [Some(slug.fragment()), review]
        });
        names.flatten().map(|name| format!("{NEXT}/{name}"))
    }

    /// The greatest of what the changes do to those who rely on the program; none without one.
    pub(crate) fn bump(&self) -> Option<Bump> {
        self.changes
            .values()
            .map(|change| change.fragment.bump)
            .max()
    }

    /// The paths that each review is about, with file and line.
    pub(crate) fn scopes(&self) -> Vec<(String, String)> {
        let reviewed = self.changes.iter().filter_map(|(slug, change)| {
            let file = format!("{NEXT}/{}", slug.review());
            Some((file, change.review.as_ref()?.scope()))
        });
        reviewed
            .flat_map(|(file, scope)| {
                let place = move |line| format!("{file}:{line}");
                scope
                    .into_iter()
                    .map(move |(line, path)| (place(line), path))
            })
            .collect()
    }

    /// All that fragments and reviews lack, in the order of the files.
    pub(crate) fn faults(&self) -> Vec<Found> {
        let mut found = Vec::new();
        for (slug, change) in &self.changes {
            let fragment = format!("{NEXT}/{}", slug.fragment());
            let review = format!("{NEXT}/{}", slug.review());
            let faults = change.fragment.faults().into_iter();
            found.extend(faults.map(|fault| Found {
                file: fragment.clone(),
                fault,
            }));
            match (&change.review, change.fragment.side_effects) {
                (Some(of), _) => found.extend(of.faults().into_iter().map(|fault| Found {
                    file: review.clone(),
                    fault,
                })),
                (None, true) => found.push(Found {
                    file: fragment,
                    fault: Fault {
                        rule: "review-present",
                        line: 1,
                        expected: format!("{review}, since it says side_effects: true"),
                        found: "none".to_owned(),
                    },
                }),
                (None, false) => {}
            }
            if change.review.is_some() && !change.fragment.side_effects {
                found.push(Found {
                    file: review,
                    fault: no_owner("a fragment that says side_effects: true", "it says false"),
                });
            }
        }
        found.extend(self.alone.iter().map(|slug| Found {
            file: format!("{NEXT}/{}", slug.review()),
            fault: no_owner(&format!("{NEXT}/{}", slug.fragment()), "none"),
        }));
        found
    }
}

fn no_owner(expected: &str, found: &str) -> Fault {
    Fault {
        rule: "review-belongs",
        line: 1,
        expected: expected.to_owned(),
        found: found.to_owned(),
    }
}
