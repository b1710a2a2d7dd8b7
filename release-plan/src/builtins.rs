//! The builtin manifest: every file that a program installs elsewhere, with the digest of the
//! installed bytes and of those that earlier releases installed. By it a file that nobody edited is
//! told from one that somebody did, however old it is.

use std::collections::BTreeMap;

use semver::Version;
use serde::{Deserialize, Serialize};

use crate::{FormatError, Limits, Sha256, json};

/// The schema written and read.
pub const BUILTINS_SCHEMA: &str = "builtins/1";

/// What a program installs now, by the names of the files.
pub type Installed = BTreeMap<String, Sha256>;

/// What a program installs and has ever installed. It holds no time: two that tell the same are
/// equal to the byte.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Builtins {
    /// [`BUILTINS_SCHEMA`].
    pub schema: String,
    /// Each file, by its name.
    pub files: BTreeMap<String, Builtin>,
}

/// A file that a program installs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Builtin {
    /// Digest of the bytes that this tree installs; none where it installs the file no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Sha256>,
    /// Digests of the bytes that releases installed, the oldest first. The first tells the version
    /// that the file came with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shipped: Vec<Shipped>,
}

/// What releases installed from some version on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shipped {
    /// The first of those versions.
    pub since: Version,
    /// Digest of the bytes.
    pub sha256: Sha256,
}

impl Default for Builtins {
    fn default() -> Self {
        Self {
            schema: BUILTINS_SCHEMA.to_owned(),
            files: BTreeMap::new(),
        }
    }
}

impl Builtins {
    /// Reads what [`render`](Self::render) writes.
    ///
    /// # Errors
    /// On other JSON, with line and column, and on another schema.
    pub fn parse(text: &str) -> Result<Self, FormatError> {
        json::read(
            "the builtin manifest",
            text.as_bytes(),
            Limits::MANIFEST,
            BUILTINS_SCHEMA,
        )
    }

    /// The file, which ends with a newline.
    #[must_use]
    pub fn render(&self) -> String {
        String::from_utf8(json::write(self)).expect("JSON is UTF-8")
    }

    /// What this tree installs.
    #[must_use]
    pub fn installed(&self) -> Installed {
        let files = self.files.iter();
        files
            .filter_map(|(name, file)| Some((name.clone(), file.sha256?)))
            .collect()
    }

    /// The same history, for a tree that installs `now`.
    #[must_use]
    pub fn installing(&self, now: &Installed) -> Self {
        let mut builtins = self.clone();
        for file in builtins.files.values_mut() {
            file.sha256 = None;
        }
        for (name, sha256) in now {
            let file = builtins.files.entry(name.clone()).or_default();
            file.sha256 = Some(*sha256);
        }
        // What no release installed leaves nothing behind.
        let told = |file: &Builtin| file.sha256.is_some() || !file.shipped.is_empty();
        builtins.files.retain(|_, file| told(file));
        builtins
    }

    /// As it is once `version` was released from this tree.
    #[must_use]
    pub fn released(&self, version: &Version) -> Self {
        let mut builtins = self.clone();
        for file in builtins.files.values_mut() {
            let Some(sha256) = file.sha256 else {
                continue;
            };
            if file.shipped.last().map(|last| last.sha256) != Some(sha256) {
                let since = version.clone();
                file.shipped.push(Shipped { since, sha256 });
            }
        }
        builtins
    }

    /// The first file whose history is another than the one that it has in `last`, the manifest of an
    /// earlier release, and that the release of `next` adds to.
    #[must_use]
    pub fn other_history(&self, last: &Self, next: Option<&Version>) -> Option<String> {
        let shipped = |of: &Self, name: &String| {
            of.files
                .get(name)
                .map_or(Vec::new(), |it| it.shipped.clone())
        };
        let mut names = self.files.keys().chain(last.files.keys());
        let other = names.find(|name| {
            let (then, mut now) = (shipped(last, name), shipped(self, name));
            if now.len() > then.len() && now.last().map(|last| &last.since) == next {
                now.pop();
            }
            now != then
        });
        other.cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn installed(files: &[(&str, &str)]) -> Installed {
        let files = files.iter();
        files
            .map(|(name, bytes)| ((*name).to_owned(), Sha256::of(bytes.as_bytes())))
            .collect()
    }

    fn version(text: &str) -> Version {
        text.parse().unwrap()
    }

    fn history(builtins: &Builtins, name: &str) -> Vec<(String, Sha256)> {
        let shipped = builtins.files[name].shipped.iter();
        shipped
            .map(|it| (it.since.to_string(), it.sha256))
            .collect()
    }

    #[test]
    fn a_release_adds_what_is_new_or_other_to_the_history_and_nothing_else() {
        let one = Builtins::default().installing(&installed(&[("a", "1"), ("b", "1")]));
        let one = one.released(&version("1.0.0"));
        assert_eq!(one.released(&version("1.0.1")), one, "nothing is other");
        let two = one.installing(&installed(&[("a", "2"), ("b", "1"), ("c", "1")]));
        let two = two.released(&version("1.1.0"));
        let [first, second] = ["1", "2"].map(|bytes| Sha256::of(bytes.as_bytes()));
        let told = [("1.0.0".to_owned(), first), ("1.1.0".to_owned(), second)];
        assert_eq!(history(&two, "a"), told);
        assert_eq!(history(&two, "b"), told[..1]);
        assert_eq!(history(&two, "c"), [("1.1.0".to_owned(), first)]);
        // Back to what it was.
        let three = two.installing(&installed(&[("a", "1")]));
        let three = three.released(&version("1.2.0"));
        assert_eq!(history(&three, "a").len(), 3);
    }

    #[test]
    fn what_is_installed_no_more_keeps_its_history_and_what_never_was_released_has_none() {
        let one = Builtins::default().installing(&installed(&[("a", "1")]));
        assert_eq!(one.installing(&Installed::new()), Builtins::default());
        let one = one.released(&version("1.0.0"));
        let none = one.installing(&Installed::new());
        assert_eq!(none.files["a"].sha256, None);
        assert_eq!(history(&none, "a"), history(&one, "a"));
        assert_eq!(none.installed(), Installed::new());
        assert_eq!(none.released(&version("2.0.0")), none);
    }

    #[test]
    fn a_history_that_lost_changed_or_made_up_something_is_noticed() {
        let one = Builtins::default().installing(&installed(&[("a", "1"), ("b", "1")]));
        let one = one.released(&version("1.0.0"));
        let next = version("1.1.0");
        let two = one.installing(&installed(&[("a", "2"), ("c", "1")]));
        assert_eq!(
            two.other_history(&one, Some(&next)),
            None,
            "not released yet"
        );
        let two = two.released(&next);
        assert_eq!(two.other_history(&one, Some(&next)), None);
        assert_eq!(
            two.other_history(&one, Some(&version("1.2.0"))),
            Some("a".to_owned())
        );
        assert_eq!(one.other_history(&two, Some(&next)), Some("a".to_owned()));
        type Deed = fn(&mut Builtins);
        let deeds: [(Deed, &str); 4] = [
            (|it| drop(it.files.remove("b")), "b"),
            (
                |it| it.files.get_mut("a").unwrap().shipped[0].since = version("0.9.0"),
                "a",
            ),
            (
                |it| {
                    let made_up = Shipped {
                        since: version("1.0.1"),
                        sha256: Sha256::of(b"3"),
                    };
                    it.files.get_mut("a").unwrap().shipped.insert(1, made_up);
                },
                "a",
            ),
            (
                |it| {
                    let again = it.files["a"].clone();
                    it.files.insert("d".to_owned(), again);
                },
                "d",
            ),
        ];
        for (deed, name) in deeds {
            let mut other = two.clone();
            deed(&mut other);
            assert_eq!(
                other.other_history(&one, Some(&next)),
                Some(name.to_owned())
            );
        }
    }

    #[test]
    fn what_is_written_is_read_again_and_another_schema_is_not() {
        let builtins = Builtins::default().installing(&installed(&[("a", "1")]));
        let builtins = builtins.released(&version("1.0.0"));
        assert_eq!(Builtins::parse(&builtins.render()), Ok(builtins.clone()));
        let other = builtins.render().replace("builtins/1", "builtins/2");
        assert!(
            Builtins::parse(&other)
                .unwrap_err()
                .to_string()
                .contains("builtins/2")
        );
        assert!(
            Builtins::parse("{")
                .unwrap_err()
                .to_string()
                .contains("line 1")
        );
    }
}
