//! The review of a change's side effects: what it reaches, and what it should not.

use pulldown_cmark::{Event, HeadingLevel, Parser, Tag};

use super::document::{Document, Rules, Section, text};
use super::{Fault, MOST_BYTES, MOST_FROZEN_BYTES, Slug};
use crate::sources::SourceError;

const SCOPE: &str = "Files in scope";

/// A review.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    document: Document,
}

impl Review {
    /// The sections of a review, all of which are wanted, and what each is asked for.
    pub const SECTIONS: [(&str, &str); 12] = [
        (
            SCOPE,
            "a list of the paths that the change is about, each in backticks.",
        ),
        (
            "Decision points",
            "where it decides: added, changed, left as they are.",
        ),
        (
            "Over-reach and under-reach",
            "whom it reaches and should not; whom it should and does not.",
        ),
        (
            "Level of abstraction",
            "why here, and not in what calls it or what it calls.",
        ),
        (
            "Signal and authority",
            "which of what it reads is a hint, and which decides.",
        ),
        (
            "Interactions",
            "which other parts meet it, and what each then does.",
        ),
        (
            "External surfaces",
            "files, routes, formats, commands and exit codes that others see.",
        ),
        (
            "Migration parity",
            "what is installed already and what is installed fresh: the same?",
        ),
        ("Rollback cost", "what whoever goes back finds."),
        (
            "Deferrals",
            "what is left for later, and where that is written down.",
        ),
        ("Verification", "what shows that it is so: commands, tests."),
        (
            "Second reviewer",
            "who else read this, and what they found.",
        ),
    ];

    fn headings() -> [&'static str; 12] {
        Self::SECTIONS.map(|(heading, _)| heading)
    }

    /// Reads a review; `file` is how errors name it.
    ///
    /// # Errors
    /// As [`super::Fragment::read`].
    pub fn read(file: &str, bytes: &[u8]) -> Result<Self, SourceError> {
        let text = text(file, bytes, MOST_BYTES)?;
        let document = Document::read(file, text, text, &Self::headings())?;
        Ok(Self { document })
    }

    /// Reads the reviews of a release, each below a title that is the name of its change.
    ///
    /// # Errors
    /// As [`Self::read`], and on words before the first title and on titles that are no names.
    pub fn read_all(file: &str, bytes: &[u8]) -> Result<Vec<(Slug, Self)>, SourceError> {
        let text = text(file, bytes, MOST_FROZEN_BYTES)?;
        let titles: Vec<_> = Parser::new(text)
            .into_offset_iter()
            .filter_map(|(event, range)| match event {
                Event::Start(Tag::Heading {
                    level: HeadingLevel::H1,
                    ..
                }) => Some(range),
                _ => None,
            })
            .collect();
        let first = titles.first().map_or(text.len(), |title| title.start);
        if !text[..first].trim().is_empty() {
            let message = "expected a title, `# …`, that is the name of a change".to_owned();
            return Err(SourceError::at(file, text, 0, message));
        }
        let ends = titles.iter().skip(1).map(|title| title.start);
        let ends = ends.chain([text.len()]);
        let each = titles.iter().zip(ends).map(|(title, end)| {
            let name = text[title.clone()].trim_start_matches('#').trim();
            let slug = name.parse::<Slug>();
            let slug =
                slug.map_err(|error| SourceError::at(file, text, title.start, error.to_string()))?;
            let document =
                Document::read(file, &text[..end], &text[title.end..end], &Self::headings())?;
            Ok((slug, Self { document }))
        });
        each.collect()
    }

    /// The paths that it is about, and the line of each: the first words in backticks of each item.
    #[must_use]
    pub fn scope(&self) -> Vec<(usize, String)> {
        let Some(section) = self.document.section(SCOPE) else {
            return Vec::new();
        };
        let items = section.items().into_iter();
        items
            .filter_map(|(offset, item)| Some((section.line_of(offset), path(item)?)))
            .collect()
    }

    /// All that it lacks.
    #[must_use]
    pub fn faults(&self) -> Vec<Fault> {
        let rules = Rules {
            section: "review-sections",
            placeholder: "review-placeholder",
        };
        let mut faults = self.document.faults(&Self::headings(), &rules);
        faults.extend(self.document.section(SCOPE).and_then(without_path));
        faults
    }
}

fn path(item: &str) -> Option<String> {
    Parser::new(item).find_map(|event| match event {
        Event::Code(path) => Some(path.into_string()),
        _ => None,
    })
}

fn without_path(section: &Section) -> Option<Fault> {
    let fault = |offset, found: &str| {
        Some(Fault {
            rule: "review-scope",
            line: section.line_of(offset),
            expected: "a list of paths in backticks".to_owned(),
            found: found.chars().take(80).collect(),
        })
    };
    let items = section.items();
    if items.is_empty() {
        return if section.text.is_empty() {
            None
        } else {
            fault(0, "no list")
        };
    }
    let (offset, item) = items.into_iter().find(|(_, item)| path(item).is_none())?;
    fault(offset, item)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> String {
        let sections = Review::headings().map(|heading| match heading {
            SCOPE => format!("## {heading}\n\n- `truetag/src/download/**`: how it goes on\n"),
            _ => format!("## {heading}\n\nNone.\n"),
        });
        sections.join("\n")
    }

    fn rules(text: &str) -> Vec<(&'static str, usize)> {
        let review = Review::read("f.side-effects.md", text.as_bytes()).unwrap();
        let faults = review.faults();
        faults
            .iter()
            .map(|fault| (fault.rule, fault.line))
            .collect()
    }

    #[test]
    fn a_review_names_the_paths_that_it_is_about() {
        let review = Review::read("f.side-effects.md", good().as_bytes()).unwrap();
        assert_eq!(review.scope(), [(3, "truetag/src/download/**".to_owned())]);
        assert_eq!(review.faults(), []);
    }

    #[test]
    fn reviews_of_a_release_are_told_apart_by_titles_and_not_by_comments_in_code() {
        let code = good().replacen("None.", "```sh\n# no title\n```", 1);
        let all = format!("# resume\n\n{code}\n# other\n\n{}", good());
        let read = |text: &str| Review::read_all("r.md", text.as_bytes());
        let reviews = read(&all).unwrap();
        let found = reviews.iter().map(|(slug, review)| {
            let (line, path) = review.scope().remove(0);
            assert_eq!(path, "truetag/src/download/**");
            (slug.to_string(), line)
        });
        let second = all.lines().count() - good().lines().count() + 3;
        assert!(found.eq([("resume".to_owned(), 5), ("other".to_owned(), second)]));
        for (text, place) in [
            (all.replace("# other", "# an other"), "r.md:"),
            (format!("\nwords\n{all}"), "r.md:1:1: "),
            (all.replace("## Deferrals", "## Deferral"), "r.md:"),
        ] {
            let error = read(&text).unwrap_err();
            assert!(error.to_string().starts_with(place), "{error}");
        }
        assert_eq!(read("\n"), Ok(Vec::new()));
    }

    #[test]
    fn each_of_its_sections_is_wanted_and_says_something() {
        for heading in Review::headings() {
            let other = good().replace(&format!("## {heading}\n\n"), "## Deferrals\n\n");
            let missing = good().replace(&format!("## {heading}\n\nNone.\n"), "");
            if heading == SCOPE {
                continue;
            }
            assert_eq!(rules(&missing), [("review-sections", 1)], "{heading}");
            if heading != "Deferrals" {
                assert!(
                    Review::read("f", other.as_bytes()).is_err(),
                    "{heading} twice"
                );
            }
        }
        let placeholder = good().replacen("None.", "REPLACE: which", 1);
        assert_eq!(rules(&placeholder), [("review-placeholder", 7)]);
    }

    #[test]
    fn a_scope_without_paths_is_a_fault() {
        for words in ["all of it", "- the download"] {
            let text = good().replace("- `truetag/src/download/**`: how it goes on", words);
            assert_eq!(rules(&text), [("review-scope", 3)], "{words}");
        }
    }
}
