//! A Markdown file of sections with known headings, and what stands before them between `---`.

use pulldown_cmark::{Event, HeadingLevel, Parser, Tag, TagEnd};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{Fault, PLACEHOLDER};
use crate::sources::{SourceError, nearest, yaml};

/// A file that is read: its sections in their order, none twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Document {
    pub(super) sections: Vec<Section>,
}

/// What stands below a heading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Section {
    pub(super) heading: &'static str,
    /// The line of the heading, from 1.
    pub(super) line: usize,
    /// The line on which `text` begins.
    begins: usize,
    /// What stands there, without empty lines before and after.
    pub(super) text: String,
}

/// The text of a file, which must be one that every editor and system reads alike.
pub(super) fn text<'a>(
    file: &str,
    bytes: &'a [u8],
    most_bytes: usize,
) -> Result<&'a str, SourceError> {
    let refused = |offset: usize, message: &str| {
        let before = String::from_utf8_lossy(&bytes[..offset]).into_owned();
        Err(SourceError::at(
            file,
            &before,
            before.len(),
            message.to_owned(),
        ))
    };
    if bytes.len() > most_bytes {
        let message = format!("expected at most {most_bytes} bytes, found more: tell it shorter");
        return refused(0, &message);
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => return refused(error.valid_up_to(), "expected UTF-8: save it as UTF-8"),
    };
    if text.starts_with('\u{feff}') {
        return refused(
            0,
            "expected no byte order mark: save it as UTF-8 without one",
        );
    }
    // UTF-16 without a mark reads as UTF-8.
    if let Some(offset) = text.find('\0') {
        return refused(offset, "expected text, found a zero byte: save it as UTF-8");
    }
    if let Some(offset) = text.find('\r') {
        return refused(
            offset,
            "expected lines that end with LF, found CR: save it with LF",
        );
    }
    if let Some((offset, c)) = text.char_indices().find(|(_, c)| is_hidden(*c)) {
        return refused(offset, &hidden(c));
    }
    Ok(text)
}

/// What nobody sees, and what drives a terminal or turns the order of reading.
fn is_hidden(c: char) -> bool {
    let turns = matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    turns || c.is_control() && !matches!(c, '\n' | '\t')
}

fn hidden(c: char) -> String {
    let number = u32::from(c);
    format!(
        "expected words that everybody sees, found the character U+{number:04X}, which drives a \
         terminal or turns the order of reading; remove it"
    )
}

/// The words of a key, which become one line of a document and nothing more of it.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Line(pub(super) String);

impl TryFrom<String> for Line {
    type Error = String;

    fn try_from(words: String) -> Result<Self, Self::Error> {
        // An escape hides from the text of the file.
        if let Some(c) = words
            .chars()
            .find(|c| *c != '\n' && (is_hidden(*c) || *c == '\t'))
        {
            return Err(hidden(c));
        }
        if words.contains('\n') {
            return Err("expected words on one line, found more; join them".to_owned());
        }
        Ok(Self(words))
    }
}

/// What stands between two lines `---` at the beginning of `text`, and what follows.
pub(super) fn front<'a, T: DeserializeOwned>(
    file: &str,
    text: &'a str,
) -> Result<(T, &'a str), SourceError> {
    let missing = |offset, message: &str| SourceError::at(file, text, offset, message.to_owned());
    let Some(rest) = text.strip_prefix("---\n") else {
        return Err(missing(0, "expected a line `---` and keys below it"));
    };
    let end = if rest.starts_with("---\n") {
        Some(0)
    } else {
        rest.find("\n---\n").map(|at| at + 1)
    };
    let Some(end) = end else {
        return Err(missing(0, "expected a second line `---` after the keys"));
    };
    // The line before the keys is a comment, so that places are those of the file.
    let keys = format!("#\n{}", &rest[..end]);
    let front = yaml(file, &keys)?;
    Ok((front, &rest[end + "---\n".len()..]))
}

impl Document {
    /// The sections of `body`, which begins somewhere in `text` and ends where that does.
    pub(super) fn read(
        file: &str,
        text: &str,
        body: &str,
        headings: &[&'static str],
    ) -> Result<Self, SourceError> {
        let start = text.len() - body.len();
        let refused =
            |offset: usize, message: String| SourceError::at(file, text, start + offset, message);
        let mut found: Vec<(&'static str, usize, usize)> = Vec::new();
        let mut heading = None;
        for (event, range) in Parser::new(body).into_offset_iter() {
            match event {
                Event::Start(Tag::Heading {
                    level: HeadingLevel::H2,
                    ..
                }) => {
                    heading = Some((range, String::new()));
                }
                Event::Start(Tag::Heading {
                    level: HeadingLevel::H1,
                    ..
                }) => {
                    let message = "expected sections alone, `## …`, found a title: remove it";
                    return Err(refused(range.start, message.to_owned()));
                }
                Event::Text(words) | Event::Code(words) => {
                    if let Some((_, heading)) = &mut heading {
                        heading.push_str(&words);
                    }
                }
                Event::End(TagEnd::Heading(HeadingLevel::H2)) => {
                    let Some((range, words)) = heading.take() else {
                        continue;
                    };
                    let Some(known) = headings.iter().find(|known| **known == words) else {
                        let message = format!(
                            "expected a section {}, found {words:?}{}",
                            either(headings),
                            nearest(&words, headings)
                        );
                        return Err(refused(range.start, message));
                    };
                    if found.iter().any(|(there, ..)| there == known) {
                        let message = format!("expected one section {known:?}, found a second");
                        return Err(refused(range.start, message));
                    }
                    found.push((known, range.start, range.end));
                }
                _ => {}
            }
        }
        let first = found.first().map_or(body.len(), |(_, start, _)| *start);
        if let Some(offset) = body[..first].find(|c: char| !c.is_whitespace()) {
            let message = format!("expected a section {} before any words", either(headings));
            return Err(refused(offset, message));
        }
        let ends = found.iter().skip(1).map(|(_, start, _)| *start);
        let ends = ends.chain([body.len()]);
        let sections = found.iter().zip(ends).map(|((heading, at, begin), end)| {
            let below = &body[*begin..end];
            let blank = below.len() - below.trim_start_matches('\n').len();
            Section {
                heading,
                line: line_of(text, start + at),
                begins: line_of(text, start + begin + blank),
                text: below.trim_matches('\n').to_owned(),
            }
        });
        Ok(Self {
            sections: sections.collect(),
        })
    }

    pub(super) fn section(&self, heading: &str) -> Option<&Section> {
        self.sections
            .iter()
            .find(|section| section.heading == heading)
    }

    /// Faults that any document may have: a section of `wanted` that is missing or says nothing,
    /// and words of a template.
    pub(super) fn faults(&self, wanted: &[&'static str], rules: &Rules) -> Vec<Fault> {
        // First, since the sections that are missing may be in it.
        let open = self.sections.iter();
        let open = open.filter_map(|section| Some(section.line_of(section.open()?)));
        let mut faults: Vec<_> = open
            .map(|line| Fault {
                rule: rules.section,
                line,
                expected: "a block that ends before its section does".to_owned(),
                found: "one that is left open and would swallow what follows".to_owned(),
            })
            .collect();
        for heading in wanted {
            if self.section(heading).is_none() {
                faults.push(Fault {
                    rule: rules.section,
                    line: 1,
                    expected: format!("a section {heading:?}"),
                    found: "none".to_owned(),
                });
            }
        }
        for section in &self.sections {
            if section.text.trim().is_empty() {
                faults.push(Fault {
                    rule: rules.section,
                    line: section.line,
                    expected: format!("words below {:?}", section.heading),
                    found: "nothing".to_owned(),
                });
            }
            if let Some((offset, word)) = placeholder(&section.text) {
                faults.push(unfinished(rules.placeholder, section.line_of(offset), word));
            }
        }
        faults
    }
}

impl Section {
    /// The line of an offset into what stands here.
    pub(super) fn line_of(&self, offset: usize) -> usize {
        self.begins - 1 + line_of(&self.text, offset)
    }

    /// Where a block begins that nothing here closes, such as one of code.
    fn open(&self) -> Option<usize> {
        let end = self.text.len() + "\n\n".len();
        let followed = format!("{}\n\n## What follows\n", self.text);
        let mut blocks = Parser::new(&followed).into_offset_iter();
        let open = blocks.find(|(_, range)| range.start < end && range.end > end);
        open.map(|(_, range)| range.start)
    }

    /// The items of the lists that stand here, each with its offset.
    pub(super) fn items(&self) -> Vec<(usize, &str)> {
        let mut depth = 0;
        let mut items = Vec::new();
        for (event, range) in Parser::new(&self.text).into_offset_iter() {
            match event {
                Event::Start(Tag::Item) => {
                    if depth == 0 {
                        let start = range.start;
                        let words = self.text[range].trim_start_matches(['-', '*', '+']);
                        items.push((start, words.trim()));
                    }
                    depth += 1;
                }
                Event::End(TagEnd::Item) => depth -= 1,
                _ => {}
            }
        }
        items
    }
}

/// The ids of the rules that any document is held against.
pub(super) struct Rules {
    pub(super) section: &'static str,
    pub(super) placeholder: &'static str,
}

/// The fault that words of a template are.
pub(super) fn unfinished(rule: &'static str, line: usize, word: &str) -> Fault {
    Fault {
        rule,
        line,
        expected: "words of your own".to_owned(),
        found: format!("{word} of the template"),
    }
}

/// The first word of a template, with its offset.
pub(super) fn placeholder(text: &str) -> Option<(usize, &'static str)> {
    [PLACEHOLDER, "TODO", "TBD", "FIXME"]
        .into_iter()
        .find_map(|word| text.find(word).map(|at| (at, word)))
}

/// The line of a byte offset, from 1.
pub(super) fn line_of(text: &str, offset: usize) -> usize {
    text[..offset].matches('\n').count() + 1
}

fn either(known: &[&str]) -> String {
    let known: Vec<_> = known.iter().map(|known| format!("{known:?}")).collect();
    match known.as_slice() {
        [only] => only.clone(),
        [some @ .., last] => format!("{} or {last}", some.join(", ")),
        [] => String::new(),
    }
}
