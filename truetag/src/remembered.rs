//! The newest pointer of a channel that was seen and verified, with its bundle, as
//! `state/pointer-<channel>.json`: what a server has nothing newer than need not come again.
//! Whoever takes it from here verifies it as if it had just come.

use std::io::Write;
use std::path::PathBuf;

use release_plan::{Channel, Limits, SignedPointer};
use serde::{Deserialize, Serialize};

use crate::files::{FileError, read_limited, replace};
use crate::home::{Home, LockedHome};
use crate::source::{Location, Validators};

/// The schema written and read.
const SCHEMA: &str = "remembered-pointer/1";
/// Bytes of the file: a JSON string may take six for each byte of what it holds.
const LIMIT: usize = 6 * (Limits::POINTER + Limits::BUNDLE) + 16 * 1024;

/// A pointer that was fetched.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RememberedPointer {
    schema: String,
    /// Where it came from, as it may be shown.
    url: String,
    /// What its server calls it.
    #[serde(flatten)]
    pub(crate) validators: Validators,
    #[serde(flatten)]
    pub(crate) signed: SignedPointer,
}

impl RememberedPointer {
    pub(crate) fn new(from: &Location, validators: Validators, signed: SignedPointer) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            url: from.to_string(),
            validators,
            signed,
        }
    }

    /// What is remembered of a channel. What cannot be read or understood is as good as nothing:
    /// the next pointer takes its place.
    pub(crate) fn read(home: &Home, channel: Channel) -> Option<Self> {
        let json = read_limited(&file(home, channel), LIMIT).ok()?;
        let remembered: Self = serde_json::from_slice(&json).ok()?;
        (json.len() <= LIMIT && remembered.schema == SCHEMA).then_some(remembered)
    }

    pub(crate) fn write(&self, home: &LockedHome<'_>, channel: Channel) -> Result<(), FileError> {
        // A server without validators sends the same again and again.
        if Self::read(home.home(), channel).as_ref() == Some(self) {
            return Ok(());
        }
        let json = serde_json::to_vec(self).expect("a remembered pointer has only text in it");
        replace(&file(home.home(), channel), 0o666, |file| {
            file.write_all(&json)
        })
    }

    /// Whether it came from `location`, so that its server knows what it is called.
    pub(crate) fn is_from(&self, location: &Location) -> bool {
        self.url == location.to_string()
    }
}

fn file(home: &Home, channel: Channel) -> PathBuf {
    home.state().join(format!("pointer-{channel}.json"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::home::tests::home;
    use std::fs;

    fn remembered() -> RememberedPointer {
        let validators = Validators {
            etag: Some("\"a\"".to_owned()),
            last_modified: None,
        };
        let signed = SignedPointer {
            pointer: "{}\n".to_owned(),
            bundle: "[]".to_owned(),
        };
        let source = crate::source::Source::choose(&crate::decide::tests::product(), None);
        RememberedPointer::new(&source.pointer(Channel::Stable), validators, signed)
    }

    #[test]
    fn what_is_remembered_of_a_channel_is_read_as_it_was_written() {
        let (_folder, home) = home(&[]);
        assert!(RememberedPointer::read(&home, Channel::Stable).is_none());
        let written = remembered();
        let locked = home.lock().unwrap();
        written.write(&locked, Channel::Stable).unwrap();
        let read = RememberedPointer::read(&home, Channel::Stable);
        assert_eq!(read.as_ref(), Some(&written));
        assert!(RememberedPointer::read(&home, Channel::Beta).is_none());
    }

    #[test]
    fn what_is_corrupt_unknown_or_too_long_is_as_good_as_nothing() {
        let (_folder, home) = home(&[]);
        let good = serde_json::to_string(&remembered()).unwrap();
        let path = file(&home, Channel::Stable);
        fs::write(&path, &good).unwrap();
        assert!(RememberedPointer::read(&home, Channel::Stable).is_some());
        for bad in [
            String::new(),
            good[..good.len() / 2].to_owned(),
            good.replace(SCHEMA, "remembered-pointer/2"),
            good.clone() + &" ".repeat(LIMIT),
        ] {
            fs::write(&path, bad).unwrap();
            assert!(RememberedPointer::read(&home, Channel::Stable).is_none());
        }
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(RememberedPointer::read(&home, Channel::Stable).is_none());
    }
}
