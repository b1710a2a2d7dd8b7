//! How a home goes away: what the program made in it, and nothing that somebody else put there.
//! From the first change on a mark in `state/` keeps the launcher from handing over to a version
//! that may be gone. The launcher is the last that works and goes before that mark, so that a
//! removal that was cut off is ended by running it again; cut off after that, a removal leaves
//! empty folders and the lock, over which an installer installs.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::{Home, HomeError, LOCK, LockedHome};
use crate::files::{FileError, at, remove_empty, sync_folder};

/// A folder in `state/` of a home that is being removed.
const LEAVING: &str = "uninstalling";
/// The command that removes a home.
const UNINSTALL: &str = "uninstall";

impl Home {
    /// Whether a removal of this home was begun.
    pub(crate) fn is_leaving(&self) -> bool {
        self.state().join(LEAVING).exists()
    }

    /// Refuses a folder that no installer made a home of.
    pub(crate) fn check_is_home(&self) -> Result<(), HomeError> {
        let bound = self.state().join("trusted-root");
        if bound.is_file() || self.is_leaving() {
            return Ok(());
        }
        Err(HomeError::NotInstalled {
            root: self.root.clone(),
            missing: bound,
        })
    }

    /// Refuses every command of a home that is being removed but the one that ends it.
    pub(crate) fn check_ends_removal(&self, verb: Option<OsString>) -> Result<(), HomeError> {
        if verb.is_some_and(|verb| verb == UNINSTALL) {
            return Ok(());
        }
        Err(HomeError::Leaving {
            root: self.root.clone(),
            launcher: self.launcher(),
        })
    }

    /// What is in the home and not the program's: all but these.
    fn foreign(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        for folder in [self.root.clone(), self.bin(), self.versions()] {
            let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
            let paths = entries.map(|entry| entry.path());
            found.extend(
                paths.filter(|path| ![self.bin(), self.versions(), self.state()].contains(path)),
            );
        }
        found.sort();
        found
    }
}

impl LockedHome<'_> {
    /// Marks the home as one that is being removed.
    fn begin_removal(&self) -> Result<(), FileError> {
        let state = self.home().state();
        let mark = state.join(LEAVING);
        match fs::create_dir(&mark) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                Err(at("create", &mark)(error))
            }
            _ => sync_folder(&state),
        }
    }

    /// Takes the mark away: the home is installed into again.
    pub(crate) fn end_removal(&self) -> Result<(), FileError> {
        remove_empty(&self.home().state().join(LEAVING))
    }

    /// Removes `files` of the program in the home, versions, state and the launcher, then the
    /// folders that are empty. Returns what was left because it is not the program's.
    pub(crate) fn remove(self, files: &[PathBuf]) -> Result<Vec<PathBuf>, HomeError> {
        let home = self.home().clone();
        self.begin_removal()?;
        for file in files {
            remove_file(file)?;
        }
        remove_file(&home.current_file())?;
        for version in home.installed()? {
            // What cannot be moved aside as a whole goes all the same.
            if !self.remove_version(&version)? {
                remove_folder(&home.version(&version))?;
            }
        }
        remove_empty(&home.versions())?;
        self.empty_state()?;
        remove_file(&home.launcher())?;
        self.remove_rest()
            .map_err(|error| HomeError::Emptied { error })?;
        Ok(home.foreign())
    }

    /// Removes what is remembered, but for the mark and the lock.
    fn empty_state(&self) -> Result<(), FileError> {
        let state = self.home().state();
        let stays = [LEAVING, LOCK].map(OsStr::new);
        for entry in fs::read_dir(&state).map_err(at("list", &state))? {
            let path = entry.map_err(at("list", &state))?.path();
            if path.file_name().is_some_and(|name| stays.contains(&name)) {
                continue;
            }
            if path.is_dir() && !path.is_symlink() {
                remove_folder(&path)?;
            } else {
                remove_file(&path)?;
            }
        }
        sync_folder(&state)
    }

    /// Removes what stays until the launcher is gone: the lock, by which no installation comes in
    /// between, and the mark.
    fn remove_rest(self) -> Result<(), FileError> {
        let home = self.home().clone();
        self.end_removal()?;
        remove_file(&home.state().join(LOCK))?;
        // Windows parts with a file once it is closed.
        drop(self);
        for folder in [&home.state(), &home.bin(), home.root()] {
            remove_empty(folder)?;
        }
        Ok(())
    }
}

fn remove_file(path: &Path) -> Result<(), FileError> {
    match fs::remove_file(path).or_else(|error| move_away(path, error)) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(at("remove", path)(error)),
        _ => Ok(()),
    }
}

pub(super) fn remove_folder(path: &Path) -> Result<(), FileError> {
    for entry in fs::read_dir(path).map_err(at("list", path))? {
        let entry = entry.map_err(at("list", path))?;
        if entry.file_type().map_err(at("look at", path))?.is_dir() {
            remove_folder(&entry.path())?;
        } else {
            remove_file(&entry.path())?;
        }
    }
    fs::remove_dir(path).map_err(at("remove", path))
}

/// Windows removes no program that runs, but renames it: it goes into the temporary folder, which
/// the system clears.
#[cfg(windows)]
fn move_away(path: &Path, error: io::Error) -> io::Result<()> {
    if error.kind() != ErrorKind::PermissionDenied {
        return Err(error);
    }
    let away = tempfile::Builder::new()
        .prefix("uninstalled-")
        .tempdir()?
        .keep()
        .join(path.file_name().unwrap_or_default());
    fs::rename(path, &away)?;
    crate::output::say(format_args!(
        "note: {} runs, and lies in {} now until the system clears that",
        path.display(),
        away.display()
    ));
    Ok(())
}

#[cfg(not(windows))]
fn move_away(_: &Path, error: io::Error) -> io::Result<()> {
    Err(error)
}

#[cfg(test)]
mod tests {
    use super::super::tests::home;
    use super::*;
    use release_plan::{Exit, Version};

    #[test]
    fn a_home_goes_with_all_that_is_the_programs_and_what_is_not_stays() {
        let (_folder, home) = home(&["1.0.0", "1.1.0"]);
        fs::write(home.launcher(), "").unwrap();
        fs::write(home.state().join("trusted-root"), "x").unwrap();
        fs::create_dir(home.state().join("journal")).unwrap();
        let env = home.root().join("env.sh");
        fs::write(&env, "").unwrap();
        home.lock()
            .unwrap()
            .set_current(&Version::new(1, 0, 0))
            .unwrap();
        let mine = [
            home.root().join("notes"),
            home.bin().join("other"),
            home.versions().join("mine"),
        ];
        for path in &mine {
            fs::write(path, "").unwrap();
        }
        let left = home.lock().unwrap().remove(&[env]).unwrap();
        let mut expected = mine.to_vec();
        expected.sort();
        assert_eq!(left, expected);
        assert!(!home.state().exists() && !home.launcher().exists());
    }

    #[test]
    fn a_home_that_is_being_removed_takes_no_command_but_the_one_that_ends_it() {
        let (_folder, home) = home(&["1.0.0"]);
        home.lock().unwrap().begin_removal().unwrap();
        home.check_ends_removal(Some("uninstall".into())).unwrap();
        for verb in [None, Some("status".into())] {
            let error = home.check_ends_removal(verb).unwrap_err();
            assert_eq!(error.exit(), Exit::Input);
            let end = format!("end it with '{} uninstall'", home.launcher().display());
            assert!(error.to_string().contains(&end), "{error}");
        }
        home.lock().unwrap().end_removal().unwrap();
        assert!(!home.is_leaving());
    }

    #[test]
    fn a_home_of_nothing_else_is_gone_as_a_folder_too() {
        let (_folder, home) = home(&["1.0.0"]);
        assert_eq!(
            home.lock().unwrap().remove(&[]).unwrap(),
            [""; 0].map(PathBuf::from)
        );
        assert!(!home.root().exists());
    }

    #[test]
    fn a_folder_that_is_no_home_is_refused() {
        let (_folder, home) = home(&["1.0.0"]);
        let error = home.check_is_home().unwrap_err();
        assert_eq!(error.exit(), Exit::Input);
        assert!(
            error.to_string().contains("trusted-root does not exist"),
            "{error}"
        );
        home.lock().unwrap().begin_removal().unwrap();
        home.check_is_home().unwrap();
    }
}
