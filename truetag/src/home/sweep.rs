//! Old versions go, but for those that somebody may need: what is current, what comes back when
//! that does not work, what projects pin, what was asked for by name, and what is running.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use release_plan::Version;

use super::removal::remove_folder;
use super::{Home, HomeError, LockedHome};
use crate::files::{FileError, at, replace, sync_folder};
use crate::interrupt::STAGING;

/// What a sweep thinks of an installed version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) version: Version,
    /// Why it stays; none when it may go.
    pub(crate) stays: Option<String>,
}

impl Home {
    /// Where the launcher notes which version runs for which project.
    pub(crate) fn pins_file(&self) -> PathBuf {
        self.state().join("pins")
    }

    /// Every version that is pinned or was asked for, and why it stays. `pins` is told the version
    /// of each project's file, and says whether that still asks for it.
    fn pinned(&self) -> BTreeMap<Version, String> {
        let mut pinned = BTreeMap::new();
        let text = fs::read_to_string(self.pins_file()).unwrap_or_default();
        for (version, file) in text.lines().filter_map(pin) {
            let why = match file {
                None => "it was asked for by name".to_owned(),
                Some(file) if still_asks(Path::new(file), &version) => format!("pinned by {file}"),
                Some(_) => continue,
            };
            pinned.entry(version).or_insert(why);
        }
        pinned
    }

    /// What may go, and what stays for which reason; lowest first.
    pub(crate) fn candidates(&self) -> Result<Vec<Candidate>, HomeError> {
        let current = self.current()?;
        let previous = self.previous()?;
        let trial = self.trial()?;
        let selected = self.selected()?;
        let pinned = self.pinned();
        let why = |version: &Version| {
            if *version == current {
                return Some("current".to_owned());
            }
            if Some(version) == previous.as_ref() {
                return Some("previous".to_owned());
            }
            if trial.as_ref().is_some_and(|trial| trial.before == *version) {
                return Some("comes back if the current one does not work".to_owned());
            }
            if let Some(of) = selected.iter().find(|of| of.what == *version) {
                return Some(format!("installed for channel {}", of.channel));
            }
            if let Some(why) = pinned.get(version) {
                return Some(why.clone());
            }
            is_in_use(&self.executable(version)).then(|| "in use".to_owned())
        };
        let installed = self.installed()?.into_iter();
        Ok(installed
            .map(|version| Candidate {
                stays: why(&version),
                version,
            })
            .collect())
    }

    /// Keeps the version that is running from being swept, as long as this process lives.
    pub(crate) fn keep_from_sweep(&self, executable: &Path) {
        if cfg!(unix)
            && executable.starts_with(self.versions())
            && let Ok(file) = File::open(executable)
            && file.try_lock_shared().is_ok()
        {
            // The lock ends with the process.
            std::mem::forget(file);
        }
    }
}

impl LockedHome<'_> {
    /// Keeps a version that was asked for by name from being swept.
    pub(crate) fn keep(&self, version: &Version) -> Result<(), FileError> {
        let file = self.home().pins_file();
        let mut text = fs::read_to_string(&file).unwrap_or_default();
        let line = format!("{version}\n");
        if text.split_inclusive('\n').any(|known| known == line) {
            return Ok(());
        }
        text.push_str(&line);
        replace(&file, 0o666, |file| {
            std::io::Write::write_all(file, text.as_bytes())
        })
    }

    /// Removes the versions that nobody needs, and returns them.
    pub(crate) fn sweep_versions(&self) -> Result<Vec<Version>, HomeError> {
        let mut swept = Vec::new();
        for candidate in self.home().candidates()? {
            if candidate.stays.is_none() && self.remove_version(&candidate.version)? {
                swept.push(candidate.version);
            }
        }
        Ok(swept)
    }

    /// Removes a version in such a way that it is never there in part. Returns whether it went:
    /// Windows does not part with what is running, nor a file system of layers with a folder that
    /// lies in a lower one.
    pub(crate) fn remove_version(&self, version: &Version) -> Result<bool, FileError> {
        let place = self.home().version(version);
        let versions = self.home().versions();
        // No folder of its own is made for it: a full disk is what a sweep may be for.
        let gone = versions.join(format!("{STAGING}{version}"));
        match fs::rename(&place, &gone) {
            Err(error) if cfg!(windows) || error.kind() == ErrorKind::CrossesDevices => {
                return Ok(false);
            }
            result => result.map_err(at("remove", &place))?,
        }
        sync_folder(&versions)?;
        remove_folder(&gone)?;
        Ok(true)
    }
}

/// A version, and the project's file that asks for it where one does.
fn pin(line: &str) -> Option<(Version, Option<&str>)> {
    let (version, file) = match line.split_once(' ') {
        Some((version, file)) => (version, Some(file)),
        None => (line, None),
    };
    Some((version.parse().ok()?, file))
}

fn still_asks(file: &Path, version: &Version) -> bool {
    match crate::launch::read_pin(file) {
        Ok(Some(pin)) => pin.asks.version.as_ref() == Some(version),
        Ok(None) => false,
        // Nobody knows what it asks for until it is mended.
        Err(_) => true,
    }
}

/// Whether a process that runs this program holds it.
fn is_in_use(executable: &Path) -> bool {
    use std::fs::TryLockError;
    if cfg!(not(unix)) {
        return false;
    }
    let Ok(file) = File::open(executable) else {
        return false;
    };
    matches!(file.try_lock(), Err(TryLockError::WouldBlock))
}

#[cfg(test)]
mod tests {
    use super::super::tests::home;
    use super::super::{Trial, tests};
    use super::*;

    fn version(minor: u64) -> Version {
        Version::new(1, minor, 0)
    }

    #[test]
    fn a_sweep_leaves_what_is_current_previous_pinned_asked_for_and_in_use() {
        let names: Vec<_> = (0..9).map(|minor| version(minor).to_string()).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let (folder, home) = home(&names);
        let locked = home.lock().unwrap();
        locked.set_current(&version(8)).unwrap();
        locked.set_previous(Some(&version(7))).unwrap();
        let trial = Trial::begin(version(8), version(6));
        locked.set_trial(Some(&trial)).unwrap();
        locked
            .select(release_plan::Channel::Beta, &version(5))
            .unwrap();
        locked.keep(&version(4)).unwrap();
        locked.keep(&version(4)).unwrap();
        let asks = |minor: u64| {
            let file = folder.path().join(format!("{minor}.toml"));
            fs::write(&file, format!("version = '1.{minor}.0'")).unwrap();
            file
        };
        let (asking, gone) = (asks(3), asks(2));
        fs::remove_file(&gone).unwrap();
        let other = asks(1);
        fs::write(&other, "version = '1.3.0'").unwrap();
        for (minor, file) in [(3, &asking), (2, &gone), (1, &other)] {
            let pins = fs::read_to_string(home.pins_file()).unwrap();
            let pins = format!("{pins}1.{minor}.0 {}\n", file.display());
            fs::write(home.pins_file(), pins).unwrap();
        }
        let running = File::open(home.executable(&version(0))).unwrap();
        running.lock_shared().unwrap();
        let swept = locked.sweep_versions().unwrap();
        let expected = if cfg!(unix) {
            vec![version(1), version(2)]
        } else {
            vec![version(0), version(1), version(2)]
        };
        assert_eq!(swept, expected);
        drop(running);
        assert_eq!(
            locked.sweep_versions().unwrap().len(),
            usize::from(cfg!(unix))
        );
        let left: Vec<_> = (3..9).map(version).collect();
        assert_eq!(home.installed().unwrap(), left);
        let why: Vec<_> = home
            .candidates()
            .unwrap()
            .into_iter()
            .map(|it| it.stays.unwrap())
            .collect();
        assert!(why[0].starts_with("pinned by "), "{why:?}");
        assert_eq!(fs::read_dir(home.versions()).unwrap().count(), 6);
    }

    #[test]
    fn a_projects_file_that_cannot_be_read_keeps_its_version() {
        let (folder, home) = tests::home(&["1.0.0", "1.1.0"]);
        let locked = home.lock().unwrap();
        locked.set_current(&version(1)).unwrap();
        let file = folder.path().join("broken.toml");
        fs::write(&file, "version =").unwrap();
        fs::write(
            home.pins_file(),
            format!("1.0.0 {}\nnonsense\n", file.display()),
        )
        .unwrap();
        assert_eq!(locked.sweep_versions().unwrap(), []);
    }
}
