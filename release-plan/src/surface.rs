//! What of a program's command line others rely on, as data: commands, flags and exit codes. The
//! program tells it of itself; written down in the tree, two releases can be compared.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Bump, Exit, FormatError, Limits, json};

/// The schema written and read.
pub const SURFACE_SCHEMA: &str = "surface/1";

/// What others rely on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Surface {
    /// [`SURFACE_SCHEMA`].
    pub schema: String,
    /// The arguments of each command, by its words after the program's name; none for itself.
    pub commands: BTreeMap<String, BTreeMap<String, Argument>>,
    /// What each exit code says.
    pub exit_codes: BTreeMap<u8, String>,
}

/// A flag, or what stands at a place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Argument {
    /// At which place it stands, from 1; none for a flag, and where that was not written down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<usize>,
    /// What it takes, in words for people; none for a flag that takes nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub takes: Option<String>,
    /// Whether the command does nothing without it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
    /// All that it can be, where that is a list.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
}

/// How a thing is other that is there no more.
pub const GONE: &str = "is gone";
/// How a thing is other that was not there.
pub const NEW: &str = "is new";
/// How a thing is other that whoever relied on it finds changed.
pub const OTHER: &str = "is another for its callers";

/// A difference between two surfaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// What it does to those who rely on the first.
    pub bump: Bump,
    /// What is other, as deprecations name it: `command upgrade --json`, `exit code 7`.
    pub thing: String,
    /// How it is other.
    pub how: String,
    /// Keys that lead to it, one below the other.
    pub at: Vec<String>,
}

impl Surface {
    /// With exit codes that every program has.
    #[must_use]
    pub fn of(commands: BTreeMap<String, BTreeMap<String, Argument>>) -> Self {
        let codes = Exit::ALL.iter();
        Self {
            schema: SURFACE_SCHEMA.to_owned(),
            commands,
            exit_codes: codes
                .map(|(exit, says)| (exit.code(), (*says).to_owned()))
                .collect(),
        }
    }

    /// Reads what [`render`](Self::render) writes.
    ///
    /// # Errors
    /// On other JSON, and on another schema.
    pub fn parse(text: &str) -> Result<Self, FormatError> {
        json::read(
            "the surface",
            text.as_bytes(),
            Limits::MANIFEST,
            SURFACE_SCHEMA,
        )
    }

    /// The file, which ends with a newline.
    #[must_use]
    pub fn render(&self) -> String {
        String::from_utf8(json::write(self)).expect("JSON is UTF-8")
    }

    /// Every thing that others rely on, as deprecations name it.
    pub fn things(&self) -> impl Iterator<Item = String> {
        let commands = self.commands.iter().flat_map(|(command, arguments)| {
            let arguments = arguments.keys().map(|argument| named(command, argument));
            [named(command, "")].into_iter().chain(arguments)
        });
        let codes = self.exit_codes.keys();
        commands.chain(codes.map(|code| format!("exit code {code}")))
    }

    /// In what `now` is other, for those who rely on this.
    #[must_use]
    pub fn differences(&self, now: &Self) -> Vec<Difference> {
        let mut found = Vec::new();
        let mut give = |bump, thing: String, how: &str, at: &[&str]| {
            let at = at.iter().map(|key| (*key).to_owned()).collect();
            let how = how.to_owned();
            found.push(Difference {
                bump,
                thing,
                how,
                at,
            });
        };
        for (command, was) in &self.commands {
            let Some(is) = now.commands.get(command) else {
                give(Bump::Major, named(command, ""), GONE, &["commands"]);
                continue;
            };
            for (name, was) in was {
                let at = ["commands", command, name];
                let thing = named(command, name);
                match is.get(name) {
                    None => give(Bump::Major, thing, GONE, &at[..2]),
                    Some(is) if was.serves(is) && is.serves(was) => {}
                    Some(is) if was.serves(is) => give(Bump::Minor, thing, "takes more", &at),
                    Some(_) => give(Bump::Major, thing, OTHER, &at),
                }
            }
            for (name, new) in is.iter().filter(|(name, _)| !was.contains_key(*name)) {
                let (bump, how) = if new.required {
                    (Bump::Major, "is new, and required")
                } else {
                    (Bump::Minor, NEW)
                };
                give(
                    bump,
                    named(command, name),
                    how,
                    &["commands", command, name],
                );
            }
        }
        let commands = now.commands.keys();
        for command in commands.filter(|it| !self.commands.contains_key(*it)) {
            give(Bump::Minor, named(command, ""), NEW, &["commands", command]);
        }
        for (code, was) in &self.exit_codes {
            let (key, thing) = (code.to_string(), format!("exit code {code}"));
            match now.exit_codes.get(code) {
                None => give(Bump::Major, thing, GONE, &["exit_codes"]),
                Some(is) if is != was => {
                    let how = format!("was {was:?} and is {is:?}");
                    give(Bump::Major, thing, &how, &["exit_codes", &key]);
                }
                Some(_) => {}
            }
        }
        let codes = now.exit_codes.keys();
        for code in codes.filter(|it| !self.exit_codes.contains_key(*it)) {
            let thing = format!("exit code {code}");
            give(Bump::Minor, thing, NEW, &["exit_codes", &code.to_string()]);
        }
        found
    }
}

/// A command, by its words after the program's name, or an argument of it, as deprecations name it.
#[must_use]
pub fn named(command: &str, argument: &str) -> String {
    let words = ["command", command, argument].into_iter();
    let words = words.filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

impl Argument {
    /// Whether whoever gives this may give it to `now` too.
    fn serves(&self, now: &Self) -> bool {
        let all = now.values.is_empty() || !self.values.is_empty();
        let known = self.values.iter().all(|value| now.values.contains(value));
        let elsewhere = self.index.zip(now.index).is_some_and(|(was, is)| was != is);
        !elsewhere
            && self.takes.is_some() == now.takes.is_some()
            && (self.required || !now.required)
            && all
            && (now.values.is_empty() || known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn surface(json: &str) -> Surface {
        let whole = format!("{{\"schema\": \"surface/1\", {json}}}");
        Surface::parse(&whole).unwrap()
    }

    const THEN: &str = r#""commands": {"": {"--json": {}}, "go": {"<TO>": {"index": 1, "takes": "TO", "required": true},
        "--how": {"takes": "HOW", "values": ["fast", "slow"]}}}, "exit_codes": {"0": "done", "7": "late"}"#;

    #[test]
    fn what_is_gone_or_asks_for_more_is_major_and_what_is_new_minor() {
        for (from, to, expected) in [
            ("", "", None),
            (
                "\"--json\": {}",
                "",
                Some((Bump::Major, "command --json is gone")),
            ),
            (
                "\"go\"",
                "\"leave\"",
                Some((Bump::Major, "command go is gone")),
            ),
            (
                "\"fast\", ",
                "",
                Some((Bump::Major, "command go --how is another for its callers")),
            ),
            (
                "\"fast\"",
                "\"fast\", \"safe\"",
                Some((Bump::Minor, "command go --how takes more")),
            ),
            (
                ", \"values\": [\"fast\", \"slow\"]",
                "",
                Some((Bump::Minor, "command go --how takes more")),
            ),
            (
                "\"--json\": {}",
                "\"--json\": {\"takes\": \"FILE\"}",
                Some((Bump::Major, "command --json is another for its callers")),
            ),
            ("\"takes\": \"HOW\"", "\"takes\": \"WAY\"", None),
            ("\"index\": 1, ", "", None),
            (
                "\"index\": 1",
                "\"index\": 2",
                Some((Bump::Major, "command go <TO> is another for its callers")),
            ),
            (
                ", \"required\": true",
                "",
                Some((Bump::Minor, "command go <TO> takes more")),
            ),
            (
                "\"takes\": \"HOW\"",
                "\"takes\": \"HOW\", \"required\": true",
                Some((Bump::Major, "command go --how is another for its callers")),
            ),
            (
                "\"--json\": {}",
                "\"--json\": {}, \"--now\": {}",
                Some((Bump::Minor, "command --now is new")),
            ),
            (
                "\"--json\": {}",
                "\"--json\": {}, \"<A>\": {\"required\": true}",
                Some((Bump::Major, "command <A> is new, and required")),
            ),
            (
                ", \"7\": \"late\"",
                "",
                Some((Bump::Major, "exit code 7 is gone")),
            ),
            (
                "\"late\"",
                "\"early\"",
                Some((Bump::Major, "exit code 7 was \"late\" and is \"early\"")),
            ),
            (
                "\"7\": \"late\"",
                "\"7\": \"late\", \"8\": \"never\"",
                Some((Bump::Minor, "exit code 8 is new")),
            ),
        ] {
            assert!(THEN.contains(from), "{from}");
            let now = surface(&THEN.replacen(from, to, 1));
            let found = surface(THEN).differences(&now);
            let first = found.first();
            let first = first.map(|it| (it.bump, format!("{} {}", it.thing, it.how)));
            let expected = expected.map(|(bump, words)| (bump, words.to_owned()));
            assert_eq!(first, expected, "{from} to {to}");
        }
    }

    #[test]
    fn what_is_written_is_read_again_and_another_schema_is_not() {
        let surface = Surface::of(surface(THEN).commands);
        assert_eq!(Surface::parse(&surface.render()), Ok(surface.clone()));
        assert_eq!(surface.exit_codes[&11], "verification refused");
        let other = surface.render().replace("surface/1", "surface/2");
        assert!(
            Surface::parse(&other)
                .unwrap_err()
                .to_string()
                .contains("surface/2")
        );
        assert!(Surface::parse("{").is_err());
    }
}
