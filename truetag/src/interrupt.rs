//! What is half done goes away with the run that was doing it: on failure, and on Ctrl-C too.
//! Relies on the lock of the home: one run has at most one staging folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::{Mutex, MutexGuard, PoisonError};

use release_plan::Exit;
use tempfile::{Builder, TempDir};

use crate::files::{FileError, at, with_mode};
use crate::output::say;

/// How the name of a folder that is being filled begins.
pub(crate) const STAGING: &str = ".staging-";

/// The folder that a signal removes. Whoever holds this is never cut off by a signal.
static UNFINISHED: Mutex<Option<PathBuf>> = Mutex::new(None);

/// From now on Ctrl-C, SIGTERM and SIGHUP remove the staging folder and exit.
pub(crate) fn watch() -> Result<(), ctrlc::Error> {
    ctrlc::set_handler(|| {
        let unfinished = unfinished();
        if let Some(path) = unfinished.as_ref() {
            let _ = fs::remove_dir_all(path);
        }
        say("interrupted");
        process::exit(Exit::Interrupted.code().into());
    })
}

/// A folder beside its destination, removed unless it is put there.
#[derive(Debug)]
pub(crate) struct Staging(TempDir);

impl Staging {
    pub(crate) fn create(beside: &Path) -> Result<Self, FileError> {
        let mut registered = unfinished();
        let mut builder = Builder::new();
        builder.prefix(STAGING);
        with_mode(&mut builder, 0o777);
        let folder = builder.tempdir_in(beside).map_err(at("write to", beside))?;
        *registered = Some(folder.path().to_owned());
        Ok(Self(folder))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Moves the folder to where `rename` says; after that no signal and no drop removes it.
    pub(crate) fn put(
        self,
        rename: impl FnOnce(&Path) -> Result<(), FileError>,
    ) -> Result<(), FileError> {
        let mut registered = unfinished();
        rename(self.0.path())?;
        *registered = None;
        let _ = self.0.keep();
        Ok(())
    }
}

fn unfinished() -> MutexGuard<'static, Option<PathBuf>> {
    UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_was_not_put_anywhere_is_gone() {
        let versions = tempfile::tempdir().unwrap();
        let staging = Staging::create(versions.path()).unwrap();
        fs::write(staging.path().join("half"), "half").unwrap();
        drop(staging);
        assert_eq!(fs::read_dir(versions.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_folder_that_was_put_in_its_place_stays() {
        let versions = tempfile::tempdir().unwrap();
        let place = versions.path().join("1.0.0");
        let staging = Staging::create(versions.path()).unwrap();
        fs::write(staging.path().join("whole"), "whole").unwrap();
        staging
            .put(|path| fs::rename(path, &place).map_err(at("rename", path)))
            .unwrap();
        assert!(place.join("whole").exists());
        assert_eq!(fs::read_dir(versions.path()).unwrap().count(), 1);
    }
}
