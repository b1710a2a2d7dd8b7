//! How a home goes away: what the program made in it, and nothing that somebody else put there.
//! The launcher is the last that works, so that a removal that was cut off is ended by running it
//! again; until then a mark in `state/` keeps it from handing over to a version that is gone.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::{Home, HomeError, LockedHome};
use crate::files::{FileError, at, replace_line, sync_folder};

/// In `state/` of a home that is being removed.
const LEAVING: &str = "uninstalling";

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
    pub(crate) fn begin_removal(&self) -> Result<(), FileError> {
        let mark = self.home().state().join(LEAVING);
        replace_line(&mark, "run uninstall again to end what it began")
    }

    /// Takes the mark away: the home is installed into again.
    pub(crate) fn end_removal(&self) -> Result<(), FileError> {
        remove_file(&self.home().state().join(LEAVING))
    }

    /// Removes versions, state, `files` of the program in the home, and the launcher, then the
    /// folders that are empty. Returns what was left because it is not the program's.
    pub(crate) fn remove(self, files: &[PathBuf]) -> Result<Vec<PathBuf>, HomeError> {
        let home = self.home().clone();
        self.begin_removal()?;
        for file in files {
            remove_file(file)?;
        }
        for version in home.installed()? {
            remove_folder(&home.version(&version))?;
        }
        remove_file(&home.current_file())?;
        let state = home.state();
        let stays = [LEAVING, "lock"].map(OsStr::new);
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
        sync_folder(&state)?;
        remove_file(&home.launcher())?;
        remove_file(&state.join(LEAVING))?;
        remove_file(&state.join("lock"))?;
        drop(self);
        for folder in [&state, &home.bin(), &home.versions(), home.root()] {
            match fs::remove_dir(folder) {
                Err(error)
                    if !matches!(
                        error.kind(),
                        ErrorKind::NotFound
                            | ErrorKind::DirectoryNotEmpty
                            | ErrorKind::ResourceBusy
                            | ErrorKind::NotADirectory
                    ) =>
                {
                    return Err(at("remove", folder)(error).into());
                }
                _ => {}
            }
        }
        Ok(home.foreign())
    }
}

fn remove_file(path: &Path) -> Result<(), FileError> {
    match fs::remove_file(path).or_else(|error| move_away(path, error)) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(at("remove", path)(error)),
        _ => Ok(()),
    }
}

fn remove_folder(path: &Path) -> Result<(), FileError> {
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
