//! A fragment: what one change is, what to tell those who use the program, and what it is good for.

use std::ops::Range;

use pulldown_cmark::{Event, Parser, Tag};
use serde::Deserialize;

use super::document::{Document, Line, Rules, Section, front, placeholder, text, unfinished};
use super::{Fault, MOST_BYTES, Slug};
use crate::sources::{SourceError, key_place};
use crate::{Bump, Capability};

const WHAT_CHANGED: &str = "What changed";
const TELL: &str = "What to tell your user";
const CAPABILITIES: &str = "Capabilities";
const EVIDENCE: &str = "Evidence";

/// The sections that each fragment has.
const WANTED: [&str; 3] = [WHAT_CHANGED, TELL, CAPABILITIES];

/// The rule that words of a template break.
const UNFINISHED: &str = "fragment-placeholder";

/// The words that claim that something was wrong and is so no more.
const CLAIMS: [&str; 7] = ["fix", "fixes", "fixed", "fixing", "bug", "bugs", "bugfix"];

/// What a change is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fragment {
    /// Its name.
    pub slug: Slug,
    /// What it does to those who rely on the program.
    pub bump: Bump,
    /// Why it is more than what is needed, where it is.
    pub bump_reason: Option<String>,
    /// The part of the program that it is about.
    pub area: String,
    /// The number of the issue, where there is one.
    pub issue: Option<u64>,
    /// Whether it changes behaviour, so that its side effects are reviewed.
    pub side_effects: bool,
    /// What becomes of what is installed already; none where nothing has to be moved.
    pub migration: Option<String>,
    /// What its keys lack.
    unsaid: Vec<Fault>,
    document: Document,
}

/// What stands before the sections.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Front {
    bump: Bump,
    #[serde(default)]
    bump_reason: Option<Line>,
    area: Slug,
    #[serde(default)]
    issue: Option<u64>,
    side_effects: bool,
    migration: Line,
}

impl Fragment {
    /// Reads the fragment called `slug`; `file` is how errors name it.
    ///
    /// # Errors
    /// With file, line and column: on bytes that are too many or no plain text, on keys that are
    /// broken, missing or unknown, and on sections that are unknown or there twice.
    pub fn read(file: &str, slug: Slug, bytes: &[u8]) -> Result<Self, SourceError> {
        let text = text(file, bytes, MOST_BYTES)?;
        let (front, body): (Front, _) = front(file, text)?;
        let headings = [WHAT_CHANGED, TELL, CAPABILITIES, EVIDENCE];
        let reason = front.bump_reason.map(|Line(reason)| reason);
        let Line(migration) = front.migration;
        let mut unsaid = Vec::new();
        for (key, words) in [
            ("bump_reason", reason.as_ref()),
            ("migration", Some(&migration)),
        ] {
            let line = key_place(text, key).map_or(1, |(line, _)| line);
            unsaid.extend(words.and_then(|words| unsaid_of(line, key, words)));
        }
        Ok(Self {
            slug,
            bump: front.bump,
            bump_reason: reason,
            area: front.area.to_string(),
            issue: front.issue,
            side_effects: front.side_effects,
            migration: Some(migration).filter(|words| !words.trim().eq_ignore_ascii_case("none")),
            unsaid,
            document: Document::read(file, text, body, &headings)?,
        })
    }

    /// What changed, for those who maintain the program.
    #[must_use]
    pub fn what_changed(&self) -> &str {
        self.words(WHAT_CHANGED)
    }

    /// What to tell those who use it.
    #[must_use]
    pub fn tell(&self) -> &str {
        self.words(TELL)
    }

    /// What the program can do by it.
    #[must_use]
    pub fn capabilities(&self) -> Vec<Capability> {
        capabilities(self.document.section(CAPABILITIES))
    }

    /// How a fault was seen, and is seen to be gone.
    #[must_use]
    pub fn evidence(&self) -> &str {
        self.words(EVIDENCE)
    }

    fn words(&self, heading: &str) -> &str {
        self.document
            .section(heading)
            .map_or("", |section| &section.text)
    }

    /// All that it lacks.
    #[must_use]
    pub fn faults(&self) -> Vec<Fault> {
        let rules = Rules {
            section: "fragment-sections",
            placeholder: UNFINISHED,
        };
        let mut faults = self.unsaid.clone();
        faults.extend(self.document.faults(&WANTED, &rules));
        faults.extend(self.document.section(TELL).and_then(not_plain));
        faults.extend(self.document.section(CAPABILITIES).and_then(not_words));
        faults.extend(self.document.section(CAPABILITIES).and_then(not_usable));
        faults.extend(self.unproven());
        faults
    }

    /// A claim of a fix without the evidence for it.
    fn unproven(&self) -> Option<Fault> {
        let claim = [WHAT_CHANGED, TELL].into_iter().find_map(|heading| {
            let section = self.document.section(heading)?;
            let words = section.text.split(|c: char| !c.is_alphanumeric());
            let word = words
                .filter(|word| !word.is_empty())
                .find(|word| CLAIMS.contains(&word.to_lowercase().as_str()))?;
            Some((section, word.to_owned()))
        });
        let expected = "\"Reproduced: …\" and \"Fixed: …\", or \"Not reproducible here: …\"";
        match (claim, self.document.section(EVIDENCE)) {
            (None, None) => None,
            (Some((section, word)), None) => Some(Fault {
                rule: "fragment-evidence",
                line: section.line,
                expected: format!("a section {EVIDENCE:?} with {expected}"),
                found: format!("the claim {word:?} and none"),
            }),
            (_, Some(section)) if section.text.is_empty() || is_evidence(&section.text) => None,
            (_, Some(section)) => Some(Fault {
                rule: "fragment-evidence",
                line: section.line,
                expected: expected.to_owned(),
                found: "neither".to_owned(),
            }),
        }
    }
}

/// Whether it is said how something was seen before and after, or why it was not.
fn is_evidence(text: &str) -> bool {
    let says = |label: &str| {
        let mut lines = text
            .lines()
            .map(|line| line.trim_start_matches(['-', '*', ' ']));
        lines.any(|line| {
            line.strip_prefix(label)
                .is_some_and(|rest| !rest.trim().is_empty())
        })
    };
    (says("Reproduced:") && says("Fixed:")) || says("Not reproducible here:")
}

/// What the words of a key lack.
fn unsaid_of(line: usize, key: &str, words: &str) -> Option<Fault> {
    if words.trim().is_empty() {
        return Some(Fault {
            rule: "fragment-keys",
            line,
            expected: format!("words after `{key}:`"),
            found: "nothing".to_owned(),
        });
    }
    if let Some((_, word)) = placeholder(words) {
        return Some(unfinished(UNFINISHED, line, word));
    }
    let found = first_of(words, is_markup)?;
    Some(not_plain_at(line, MARKUP, &words[found]))
}

/// Code or a name of the program's inside, where whoever uses it is told something.
fn not_plain(section: &Section) -> Option<Fault> {
    let found = first_of(&section.text, |event| match event {
        Event::Code(_) | Event::Start(Tag::CodeBlock(_)) => true,
        Event::Text(words) => {
            let inside = |word: &str| {
                word.starts_with("--") || ["_", "::", "()"].iter().any(|mark| word.contains(mark))
            };
            words.split_whitespace().any(inside)
        }
        event => is_markup(event),
    })?;
    let line = section.line_of(found.start);
    let expected = "plain words: no code, no flags, no keys, no HTML, no images";
    Some(not_plain_at(line, expected, &section.text[found]))
}

/// What a terminal does not show as words, where it is told how the program is used.
fn not_words(section: &Section) -> Option<Fault> {
    let found = first_of(&section.text, is_markup)?;
    let line = section.line_of(found.start);
    Some(not_plain_at(line, MARKUP, &section.text[found]))
}

const MARKUP: &str = "words: no HTML, no images";

fn is_markup(event: &Event<'_>) -> bool {
    matches!(
        event,
        Event::Html(_) | Event::InlineHtml(_) | Event::Start(Tag::Image { .. })
    )
}

/// Where the first such thing stands.
fn first_of(text: &str, such: impl Fn(&Event<'_>) -> bool) -> Option<Range<usize>> {
    let mut events = Parser::new(text).into_offset_iter();
    events
        .find(|(event, _)| such(event))
        .map(|(_, range)| range)
}

fn not_plain_at(line: usize, expected: &str, found: &str) -> Fault {
    let first = found.lines().next().unwrap_or_default();
    Fault {
        rule: "fragment-plain-words",
        line,
        expected: expected.to_owned(),
        found: first.chars().take(80).collect(),
    }
}

/// A capability of which one does not learn how to use it.
fn not_usable(section: &Section) -> Option<Fault> {
    let fault = |offset, found: &str| {
        Some(Fault {
            rule: "fragment-capabilities",
            line: section.line_of(offset),
            expected: "a list of `- WHAT: HOW TO USE IT`, or None.".to_owned(),
            found: found.chars().take(80).collect(),
        })
    };
    let items = section.items();
    if items.is_empty() {
        let none = section.text.is_empty() || section.text == "None.";
        return if none { None } else { fault(0, "no list") };
    }
    let (offset, item) = items
        .into_iter()
        .find(|(_, item)| capability(item).is_none())?;
    fault(offset, item)
}

/// Every item of a list of capabilities that is one.
pub(super) fn capabilities(section: Option<&Section>) -> Vec<Capability> {
    let items = section.map(Section::items).unwrap_or_default();
    let items = items.into_iter().map(|(_, item)| item);
    items.filter_map(capability).collect()
}

fn capability(item: &str) -> Option<Capability> {
    let (what, how) = item.split_once(':')?;
    let [what, how] = [what, how].map(|words| words.trim().trim_matches('*').trim().to_owned());
    (!what.is_empty() && !how.is_empty()).then_some(Capability { what, how })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "\
---
bump: minor
area: download
issue: 12
side_effects: true
migration: none
---

## What changed

A cut download goes on where it was cut.

## What to tell your user

A download that breaks off is no longer started from its beginning.

## Capabilities

- Going on with a download: run the upgrade again.
";

    fn read(text: &str) -> Result<Fragment, SourceError> {
        Fragment::read("f.md", "f".parse().unwrap(), text.as_bytes())
    }

    fn rules(text: &str) -> Vec<(&'static str, usize)> {
        let faults = read(text).unwrap().faults();
        faults
            .iter()
            .map(|fault| (fault.rule, fault.line))
            .collect()
    }

    #[test]
    fn a_fragment_tells_what_changed_and_how_it_is_used() {
        let fragment = read(GOOD).unwrap();
        assert_eq!(fragment.bump, Bump::Minor);
        assert_eq!(fragment.issue, Some(12));
        assert_eq!(fragment.migration, None);
        assert_eq!(
            fragment.what_changed(),
            "A cut download goes on where it was cut."
        );
        let expected = Capability {
            what: "Going on with a download".to_owned(),
            how: "run the upgrade again.".to_owned(),
        };
        assert_eq!(fragment.capabilities(), [expected]);
        assert_eq!(fragment.faults(), []);
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_file_line_and_column() {
        for (from, to, place) in [
            ("bump: minor", "bump: huge", "f.md:2:7: "),
            ("area: download", "area: Down Load", "f.md:3:7: "),
            ("side_effects: true", "side_efects: true", "f.md:5:1: "),
            ("issue: 12", "issue: twelve", "f.md:4:8: "),
            ("issue: 12", "issue: [", "f.md:"),
            ("bump: minor\n", "bump: minor\nbump: major\n", "f.md:3:1: "),
            ("---\nbump", "bump", "f.md:1:1: "),
            ("none\n---", "none", "f.md:1:1: "),
            ("## What changed", "# What changed", "f.md:9:1: "),
            ("## What changed", "## What chnaged", "f.md:9:1: "),
            ("## Capabilities", "## What changed", "f.md:17:1: "),
            ("## What changed", "Words.\n\n## What changed", "f.md:9:1: "),
            ("A cut", "A\rcut", "f.md:11:2: "),
            ("area: download", "area: \"\"", "f.md:3:7: "),
            (
                "migration: none",
                r#"migration: "x\n\n## Evidence\n\nso""#,
                "f.md:6:12: ",
            ),
            ("migration: none", "migration: |\n  x\n  y", "f.md:7:3: "),
            ("migration: none", r#"migration: "\e[2J""#, "f.md:6:12: "),
            ("migration: none", r#"migration: "\u202e""#, "f.md:6:12: "),
            (
                "area: download",
                "area: download\nbump_reason: \"a\\tb\"",
                "f.md:4:14: ",
            ),
        ] {
            assert!(GOOD.contains(from), "{from}");
            let error = read(&GOOD.replacen(from, to, 1)).unwrap_err();
            assert!(error.to_string().starts_with(place), "{to}: {error}");
        }
    }

    #[test]
    fn what_nobody_sees_is_refused_with_its_place() {
        for hidden in [
            "\u{1b}[2J",
            "\u{9b}",
            "\u{7f}",
            "\u{8}",
            "\u{202a}",
            "\u{202e}",
            "\u{2066}",
            "\u{2069}",
            "\u{2028}",
        ] {
            let error = read(&GOOD.replace("A cut", &format!("A {hidden} cut"))).unwrap_err();
            let error = error.to_string();
            assert!(error.starts_with("f.md:11:3: "), "{error}");
            let number = u32::from(hidden.chars().next().unwrap());
            assert!(error.contains(&format!("U+{number:04X}")), "{error}");
            assert!(!error.contains(hidden), "{error}");
        }
        assert_eq!(rules(&GOOD.replace("A cut", "A\tcut")), []);
    }

    #[test]
    fn a_key_that_says_nothing_is_a_fault_and_none_is_none_however_it_is_written() {
        let reason = |words: &str| {
            let with = format!("bump: minor\nbump_reason: {words}");
            rules(&GOOD.replace("bump: minor", &with))
        };
        assert_eq!(reason("it can be seen"), []);
        assert_eq!(reason("\"\""), [("fragment-keys", 3)]);
        assert_eq!(reason("\"REPLACE:\""), [("fragment-placeholder", 3)]);
        let migration =
            |words: &str| GOOD.replace("migration: none", &format!("migration: {words}"));
        assert_eq!(rules(&migration("\" \"")), [("fragment-keys", 6)]);
        assert_eq!(rules(&migration("TODO")), [("fragment-placeholder", 6)]);
        for none in ["none", "None", "NONE"] {
            assert_eq!(read(&migration(none)).unwrap().migration, None, "{none}");
        }
        for markup in ["a <b>lamp</b>", "\"![lamp](https://example.org)\""] {
            assert_eq!(rules(&migration(markup)), [("fragment-plain-words", 6)]);
        }
    }

    #[test]
    fn what_a_section_leaves_open_is_a_fault_and_what_it_closes_is_none() {
        let with = |words: &str| {
            rules(&format!(
                "{GOOD}\n## Evidence\n\nFixed: so.\nReproduced: so.\n\n{words}\n"
            ))
        };
        for open in ["```sh\nlight", "~~~\n```", "````\n```", "<!-- so", "<pre>"] {
            assert_eq!(with(open), [("fragment-sections", 26)], "{open}");
        }
        for closed in [
            "```sh\nlight\n```",
            "- ```\n  light",
            "> ```\n> light",
            "    light",
            "<!-- so -->",
        ] {
            assert_eq!(with(closed), [], "{closed}");
        }
    }

    #[test]
    fn an_unknown_key_or_section_is_told_with_the_nearest_known_one() {
        for (from, to, nearest) in [
            (
                "side_effects",
                "side_efects",
                "did you mean \"side_effects\"?",
            ),
            (
                "## What changed",
                "## What chnaged",
                "did you mean \"What changed\"?",
            ),
        ] {
            let error = read(&GOOD.replacen(from, to, 1)).unwrap_err();
            assert!(error.to_string().ends_with(nearest), "{error}");
        }
        let error = read(&GOOD.replacen("issue", "zzz", 1)).unwrap_err();
        assert!(!error.to_string().contains("did you mean"), "{error}");
    }

    #[test]
    fn other_encodings_line_ends_and_lengths_are_refused_with_the_remedy() {
        let slug = || "f".parse().unwrap();
        for (bytes, place, remedy) in [
            (
                GOOD.replace('\n', "\r\n").into_bytes(),
                "f.md:1:4: ",
                "save it with LF",
            ),
            (
                format!("\u{feff}{GOOD}").into_bytes(),
                "f.md:1:1: ",
                "without one",
            ),
            (
                b"---\nbump: \xff\n".to_vec(),
                "f.md:2:7: ",
                "save it as UTF-8",
            ),
            (vec![b' '; 1_000_000], "f.md:1:1: ", "tell it shorter"),
        ] {
            let error = Fragment::read("f.md", slug(), &bytes)
                .unwrap_err()
                .to_string();
            assert!(
                error.starts_with(place) && error.contains(remedy),
                "{error}"
            );
        }
    }

    #[test]
    fn a_section_that_is_missing_or_says_nothing_is_a_fault() {
        let without = GOOD.replace(
            "## What changed\n\nA cut download goes on where it was cut.\n",
            "",
        );
        assert_eq!(rules(&without), [("fragment-sections", 1)]);
        let empty = GOOD.replace("A cut download goes on where it was cut.\n", "");
        assert_eq!(rules(&empty), [("fragment-sections", 9)]);
    }

    #[test]
    fn words_of_a_template_are_a_fault() {
        for word in ["REPLACE: what", "TODO"] {
            let text = GOOD.replace("A cut download", word);
            assert_eq!(rules(&text), [("fragment-placeholder", 11)], "{word}");
        }
    }

    #[test]
    fn what_users_are_told_is_in_plain_words() {
        for inside in [
            "`cut`",
            "--resume",
            "part_size",
            "a::b",
            "go()",
            "<b>x</b>",
            "![x](y)",
        ] {
            let text = GOOD.replace("A download that", &format!("A {inside} that"));
            assert_eq!(rules(&text), [("fragment-plain-words", 15)], "{inside}");
        }
        let block = GOOD.replace("A download that", "```\ncode\n```\nA download that");
        assert_eq!(rules(&block), [("fragment-plain-words", 15)]);
    }

    #[test]
    fn a_capability_says_how_it_is_used_or_there_is_none() {
        let with =
            |words: &str| GOOD.replace("- Going on with a download: run the upgrade again.", words);
        assert_eq!(rules(&with("None.")), []);
        for words in ["Something", "- Something", "- Something:"] {
            assert_eq!(
                rules(&with(words)),
                [("fragment-capabilities", 19)],
                "{words}"
            );
        }
        for markup in ["<b>so</b>", "![so](https://example.org)"] {
            let found = rules(&with(&format!("- One: {markup}.")));
            assert_eq!(found, [("fragment-plain-words", 19)], "{markup}");
        }
        assert_eq!(rules(&with("- One: run `light <FILE>`.")), []);
        let second = "- One: so.\n- Two";
        assert_eq!(rules(&with(second)), [("fragment-capabilities", 20)]);
    }

    #[test]
    fn whoever_claims_a_fix_shows_it_or_says_why_not() {
        let claim = GOOD.replace("A cut download", "Fixed: a cut download");
        assert_eq!(rules(&claim), [("fragment-evidence", 9)]);
        let with = |evidence: &str| rules(&format!("{claim}\n## Evidence\n\n{evidence}\n"));
        assert_eq!(with("Reproduced: cut at a byte.\nFixed: it goes on."), []);
        assert_eq!(with("Not reproducible here: it wants a Mac."), []);
        for words in ["It works.", "Reproduced: cut.", "Not reproducible here:"] {
            assert_eq!(with(words), [("fragment-evidence", 21)], "{words}");
        }
        // A prefix is another word.
        assert_eq!(rules(&GOOD.replace("A cut", "A prefixed")), []);
    }
}
