//! The guide of a release: what its fragments tell, put together once and then never changed. It is
//! the release's notes on GitHub, and what the program tells of itself.

use std::fmt::Write as _;

use semver::Version;
use serde::{Deserialize, Serialize};

use super::document::{Document, front, text};
use super::fragment::capabilities;
use super::{Fragment, MOST_FROZEN_BYTES, REVIEW, Slug};
use crate::sources::SourceError;
use crate::{Bump, News};

/// Where guides lie, below the root of the tree.
pub const RELEASES: &str = "release-plan/releases";

const TELL: &str = "What to tell your user";
const CAPABILITIES: &str = "Capabilities";
const MIGRATION: &str = "Migration";
const WHAT_CHANGED: &str = "What changed";
const EVIDENCE: &str = "Evidence";
const HEADINGS: [&str; 5] = [TELL, CAPABILITIES, MIGRATION, WHAT_CHANGED, EVIDENCE];

/// What stands where there is nothing to tell.
const NONE: &str = "None.";

/// A guide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guide {
    /// The release.
    pub version: Version,
    /// The greatest of what its changes do to those who rely on the program.
    pub bump: Bump,
    /// Its changes, sorted.
    pub changes: Vec<Slug>,
    /// What stands above its sections.
    pub title: String,
    document: Document,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Front {
    version: Version,
    bump: Bump,
    changes: Vec<Slug>,
}

impl Guide {
    /// The file of the guide of `version`, in the folder of guides.
    #[must_use]
    pub fn file(version: &Version) -> String {
        format!("{version}.md")
    }

    /// The version that a file is the guide of; none for a file that is no guide.
    #[must_use]
    pub fn of_file(name: &str) -> Option<Version> {
        // A pre-release may read as the end of the name of a review.
        let is_review = name.ends_with(REVIEW);
        name.strip_suffix(".md")
            .filter(|_| !is_review)?
            .parse()
            .ok()
    }

    /// The title of the guide of `version`.
    #[must_use]
    pub fn title(product: &str, version: &Version) -> String {
        format!("{product} {version}")
    }

    /// The guide of `version` of `product`, of what its fragments tell; none without a fragment.
    #[must_use]
    pub fn write(product: &str, version: &Version, fragments: &[&Fragment]) -> Option<String> {
        let bump = fragments.iter().map(|fragment| fragment.bump).max()?;
        let slugs: Vec<_> = fragments
            .iter()
            .map(|fragment| fragment.slug.to_string())
            .collect();
        let mut guide = format!(
            "---\nversion: {version}\nbump: {bump}\nchanges: [{}]\n---\n\n# {}\n",
            slugs.join(", "),
            Self::title(product, version)
        );
        let mut section = |heading: &str, words: Vec<String>, between: &str| {
            let words = words.join(between);
            let words = if words.is_empty() { NONE } else { &words };
            let _ = write!(guide, "\n## {heading}\n\n{words}\n");
        };
        let each = fragments.iter();
        section(
            TELL,
            each.clone().map(|it| it.tell().to_owned()).collect(),
            "\n\n",
        );
        let can = each.clone().flat_map(|it| it.capabilities());
        let can = can.map(|can| format!("- {}: {}", can.what, can.how));
        section(CAPABILITIES, can.collect(), "\n");
        let moved = each.clone().filter_map(|it| it.migration.as_ref());
        section(
            MIGRATION,
            moved.map(|moved| format!("- {moved}")).collect(),
            "\n",
        );
        let told = each
            .clone()
            .map(|it| format!("### {}\n\n{}", headline(it), it.what_changed()));
        section(WHAT_CHANGED, told.collect(), "\n\n");
        let shown = each.filter(|it| !it.evidence().is_empty());
        let shown = shown.map(|it| format!("### {}\n\n{}", it.slug, it.evidence()));
        section(EVIDENCE, shown.collect(), "\n\n");
        Some(guide)
    }

    /// Reads a guide; `file` is how errors name it.
    ///
    /// # Errors
    /// As [`Fragment::read`].
    pub fn read(file: &str, bytes: &[u8]) -> Result<Self, SourceError> {
        let text = text(file, bytes, MOST_FROZEN_BYTES)?;
        let (front, body): (Front, _) = front(file, text)?;
        let refused = |message: &str| {
            SourceError::at(file, text, text.len() - body.len(), message.to_owned())
        };
        let titled = body.trim_start_matches('\n').strip_prefix("# ");
        let titled = titled.and_then(|rest| rest.split_once('\n'));
        let Some((title, sections)) = titled else {
            return Err(refused("expected a title, `# …`, after the keys"));
        };
        let document = Document::read(file, text, sections, &HEADINGS)?;
        let missing = HEADINGS
            .iter()
            .find(|heading| document.section(heading).is_none());
        if let Some(missing) = missing {
            return Err(refused(&format!(
                "expected a section {missing:?}, found none"
            )));
        }
        Ok(Self {
            version: front.version,
            bump: front.bump,
            changes: front.changes,
            title: title.to_owned(),
            document,
        })
    }

    /// What it tells those who use the program.
    #[must_use]
    pub fn news(&self) -> News {
        let migration = self.document.section(MIGRATION);
        let migration = migration.map(|section| section.items()).unwrap_or_default();
        News {
            version: self.version.clone(),
            tell: self.words(TELL).to_owned(),
            capabilities: capabilities(self.document.section(CAPABILITIES)),
            migration: migration
                .into_iter()
                .map(|(_, item)| item.to_owned())
                .collect(),
        }
    }

    /// The notes of the release, of at most so many characters: all sections, or as many of the
    /// first as there is room for, and then where the whole lies. None where there is none for one.
    #[must_use]
    pub fn notes(&self, whole: &str, most: usize) -> Option<String> {
        let sections = HEADINGS.map(|heading| format!("## {heading}\n\n{}\n", self.words(heading)));
        let told = |first: usize| {
            let mut notes = sections[..first].join("\n");
            if first < sections.len() {
                let _ = write!(notes, "\nThe whole guide: {whole}\n");
            }
            notes
        };
        let fits = |notes: &String| notes.chars().count() <= most;
        (1..=sections.len()).rev().map(told).find(fits)
    }

    fn words(&self, heading: &str) -> &str {
        self.document
            .section(heading)
            .map_or("", |section| &section.text)
    }
}

fn headline(fragment: &Fragment) -> String {
    let issue = fragment
        .issue
        .map_or_else(String::new, |issue| format!(", #{issue}"));
    format!(
        "{} ({}, {}{issue})",
        fragment.slug, fragment.area, fragment.bump
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Capability;

    fn fragment(slug: &str, bump: &str, migration: &str, tell: &str) -> Fragment {
        let text = format!(
            "---\nbump: {bump}\narea: light\nissue: 7\nside_effects: false\nmigration: \
             {migration}\n---\n## What changed\n\nIt does {slug}.\n\n## What to tell your \
             user\n\n{tell}\n\n## Capabilities\n\n- To {slug}: say so.\n"
        );
        Fragment::read("f.md", slug.parse().unwrap(), text.as_bytes()).unwrap()
    }

    fn guide(tell: &str) -> Guide {
        let [dim, glow] = [
            fragment("dim", "patch", "none", "It dims."),
            fragment("glow", "minor", "Lamps are lit again.", "It glows."),
        ];
        let version = Version::new(1, 3, 0);
        let text = Guide::write("lantern", &version, &[&dim, &glow]).unwrap();
        let text = text.replace("It glows.", tell);
        Guide::read("1.3.0.md", text.as_bytes()).unwrap()
    }

    #[test]
    fn what_fragments_tell_is_put_together_and_read_again() {
        let guide = guide("It glows.");
        assert_eq!(guide.version, Version::new(1, 3, 0));
        assert_eq!(
            (guide.bump, guide.title.as_str()),
            (Bump::Minor, "lantern 1.3.0")
        );
        let slugs: Vec<_> = guide.changes.iter().map(ToString::to_string).collect();
        assert_eq!(slugs, ["dim", "glow"]);
        let can = |what: &str| Capability {
            what: format!("To {what}"),
            how: "say so.".to_owned(),
        };
        let news = News {
            version: Version::new(1, 3, 0),
            tell: "It dims.\n\nIt glows.".to_owned(),
            capabilities: vec![can("dim"), can("glow")],
            migration: vec!["Lamps are lit again.".to_owned()],
        };
        assert_eq!(guide.news(), news);
        assert!(
            guide
                .words(WHAT_CHANGED)
                .contains("### glow (light, minor, #7)")
        );
        assert_eq!(guide.words(EVIDENCE), NONE);
        assert_eq!(Guide::write("lantern", &guide.version, &[]), None);
    }

    #[test]
    fn notes_have_as_many_sections_as_there_is_room_for_and_name_the_whole() {
        let guide = guide(&"é".repeat(100));
        let notes = |most: usize| guide.notes("https://x", most);
        let all = notes(100_000).unwrap();
        assert!(
            all.contains("## Evidence") && !all.contains("https://x"),
            "{all}"
        );
        assert_eq!(notes(all.chars().count()), Some(all.clone()));
        let fewer = notes(all.chars().count() - 1).unwrap();
        assert!(!fewer.contains("## Evidence"), "{fewer}");
        assert!(fewer.ends_with("\nThe whole guide: https://x\n"), "{fewer}");
        let least = notes(200).unwrap();
        assert!(
            least.contains("## What to tell") && least.chars().count() <= 200,
            "{least}"
        );
        assert_eq!(notes(100), None);
    }

    #[test]
    fn a_guide_that_was_torn_is_refused_with_its_place() {
        let [dim] = [fragment("dim", "patch", "none", "It dims.")];
        let text = Guide::write("lantern", &Version::new(1, 3, 0), &[&dim]).unwrap();
        for (from, to, place) in [
            ("version: 1.3.0", "version: 1.3", "g.md:2:10: "),
            ("changes: [dim]", "changes: [Dim]", "g.md:4:"),
            ("# lantern 1.3.0\n", "", "g.md:6:1: "),
            ("## Migration\n\nNone.\n", "", "g.md:6:1: "),
            ("## Migration", "## Migrations", "g.md:17:1: "),
        ] {
            assert!(text.contains(from), "{from}");
            let error = Guide::read("g.md", text.replacen(from, to, 1).as_bytes()).unwrap_err();
            assert!(error.to_string().starts_with(place), "{to}: {error}");
        }
    }
}
