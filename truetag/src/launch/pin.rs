//! What a project asks of the program: `.<product>.toml`, the nearest from the working directory
//! upward. It chooses among what is verified, and never what is believed. Relies on `toml`.

use std::fmt;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use release_plan::{Channel, Version};
use serde::Deserialize;

use crate::files::{FileError, read_limited};

/// Bytes of a project's file.
const LIMIT: usize = 64 * 1024;

/// A project's file, and what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pin {
    pub(crate) file: PathBuf,
    pub(crate) asks: Asks,
}

/// What a project's file may say.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asks {
    /// This version and no other.
    pub(crate) version: Option<Version>,
    /// This version or a later one.
    pub(crate) min_version: Option<Version>,
    /// What was installed for this channel.
    pub(crate) channel: Option<Channel>,
}

/// A project's file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PinError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("{file}: {detail}. It may have version, min_version and channel", file = file.display())]
    Malformed { file: PathBuf, detail: String },
}

/// The nearest file of that name from `folder` upward.
pub(crate) fn find(folder: &Path, name: &str) -> Result<Option<Pin>, PinError> {
    for folder in folder.ancestors() {
        let file = folder.join(name);
        match read(&file) {
            Ok(None) => {}
            // A folder that this user may not search is no project of theirs.
            Err(_) if is_out_of_reach(&file) => {}
            result => return result,
        }
    }
    Ok(None)
}

fn is_out_of_reach(file: &Path) -> bool {
    fs::symlink_metadata(file).is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
}

/// A project's file; none when it does not exist.
pub(crate) fn read(file: &Path) -> Result<Option<Pin>, PinError> {
    let bytes = match read_limited(file, LIMIT) {
        Err(error) if error.is_missing() => return Ok(None),
        result => result?,
    };
    let file = file.to_owned();
    match parse(&bytes) {
        Ok(asks) => Ok(Some(Pin { file, asks })),
        Err(detail) => Err(PinError::Malformed { file, detail }),
    }
}

fn parse(bytes: &[u8]) -> Result<Asks, String> {
    if bytes.len() > LIMIT {
        return Err(format!("expected at most {LIMIT} bytes"));
    }
    let text = str::from_utf8(bytes).map_err(|error| error.to_string())?;
    let asks: Asks = toml::from_str(text).map_err(|error| at_line(text, &error))?;
    if asks.version.is_some() && asks.channel.is_some() {
        return Err("version and channel exclude each other".to_owned());
    }
    match (&asks.version, &asks.min_version) {
        (Some(version), Some(least)) if version < least => Err(format!(
            "version {version} is lower than min_version {least}"
        )),
        _ => Ok(asks),
    }
}

fn at_line(text: &str, error: &toml::de::Error) -> String {
    let before = error.span().and_then(|span| text.get(..span.start));
    let line = before.map_or(1, |before| before.matches('\n').count() + 1);
    format!("line {line}: {}", error.message())
}

impl fmt::Display for Asks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words = Vec::new();
        words.extend(self.version.as_ref().map(|it| format!("version {it}")));
        words.extend(self.channel.map(|it| format!("channel {it}")));
        words.extend(
            self.min_version
                .as_ref()
                .map(|it| format!("min_version {it}")),
        );
        if words.is_empty() {
            return f.write_str("nothing");
        }
        f.write_str(&words.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_file_upward_is_the_projects() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("a/b/c");
        fs::create_dir_all(&deep).unwrap();
        assert_eq!(find(&deep, ".rocket.toml").unwrap(), None);
        fs::write(folder.path().join(".rocket.toml"), "version = '1.0.0'").unwrap();
        let nearer = folder.path().join("a/b/.rocket.toml");
        fs::write(&nearer, "min_version = \"1.1.0\"\nchannel = \"beta\"\n").unwrap();
        let pin = find(&deep, ".rocket.toml").unwrap().unwrap();
        assert_eq!(pin.file, nearer);
        assert_eq!(pin.asks.to_string(), "channel beta, min_version 1.1.0");
        let pin = find(&folder.path().join("a"), ".rocket.toml")
            .unwrap()
            .unwrap();
        assert_eq!(pin.asks.version, Some(Version::new(1, 0, 0)));
    }

    #[test]
    fn what_a_file_may_not_say_is_told_with_its_line() {
        for (text, words) in [
            ("\nversoin = '1.0.0'\n", "line 2: unknown field `versoin`"),
            ("version = '1.0'", "line 1: "),
            ("version = 1", "line 1: "),
            ("channel = 'nightly'", "line 1: "),
            ("version = '1.0.0'\nchannel = 'beta'", "exclude each other"),
            ("version = '1.0.0'\nmin_version = '1.1.0'", "lower than"),
            ("[tool]\nversion = '1.0.0'", "line 1: unknown field `tool`"),
        ] {
            let error = parse(text.as_bytes()).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
        assert!(parse(&[0xff]).is_err());
        assert!(
            parse(&vec![b'#'; LIMIT + 1])
                .unwrap_err()
                .contains("at most")
        );
        assert_eq!(parse(b"").unwrap(), Asks::default());
        assert_eq!(Asks::default().to_string(), "nothing");
    }
}
