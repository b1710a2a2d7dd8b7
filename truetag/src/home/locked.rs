//! A home that this run alone writes. Relies on the lock of the operating system, which ends with
//! the process that holds it.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;

use release_plan::{Channel, Version};

use super::{Home, HomeError};
use crate::decide::Seen;
use crate::files::{FileError, UNFINISHED, at, replace_line};
use crate::interrupt::STAGING;
use crate::root::RootName;

/// A home, and the right to write it.
#[derive(Debug)]
pub(crate) struct LockedHome<'a> {
    home: &'a Home,
    /// None when the caller of this process holds the lock.
    lock: Option<File>,
}

impl Home {
    /// Makes the folders of a home that does not exist yet, and locks it.
    pub(crate) fn create(&self) -> Result<LockedHome<'_>, HomeError> {
        for folder in [self.state(), self.versions(), self.bin()] {
            fs::create_dir_all(&folder).map_err(at("create", &folder))?;
        }
        self.lock()
    }

    /// Locks a home that exists.
    pub(crate) fn lock(&self) -> Result<LockedHome<'_>, HomeError> {
        let path = self.state().join("lock");
        if !self.state().is_dir() {
            return Err(HomeError::NotInstalled {
                root: self.root.clone(),
                missing: self.state(),
            });
        }
        let file = File::options()
            .create(true)
            .write(true)
            .truncate(false)
            .open(&path)
            .map_err(at("open", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(HomeError::Locked { lock: path }),
            Err(TryLockError::Error(error)) => return Err(at("lock", &path)(error).into()),
        }
        let locked = LockedHome {
            home: self,
            lock: Some(file),
        };
        locked.sweep()?;
        Ok(locked)
    }

    /// For a process whose caller holds the lock for it.
    pub(crate) fn locked_by_caller(&self) -> LockedHome<'_> {
        LockedHome {
            home: self,
            lock: None,
        }
    }
}

impl LockedHome<'_> {
    pub(crate) fn home(&self) -> &Home {
        self.home
    }

    /// Another handle on the same lock. It stays locked until the last of them is closed.
    pub(crate) fn share(&self) -> io::Result<Option<File>> {
        self.lock.as_ref().map(File::try_clone).transpose()
    }

    pub(crate) fn set_current(&self, version: &Version) -> Result<(), FileError> {
        replace_line(&self.home.current_file(), version)
    }

    pub(crate) fn set_previous(&self, version: &Version) -> Result<(), FileError> {
        replace_line(&self.home.state().join("previous"), version)
    }

    pub(crate) fn set_channel(&self, channel: Channel) -> Result<(), FileError> {
        replace_line(&self.home.state().join("channel"), channel)
    }

    /// Binds the home to a root for good.
    pub(crate) fn bind(&self, root: &RootName) -> Result<(), HomeError> {
        self.home.check_root(root)?;
        if self.home.trusted_root()?.is_none() {
            replace_line(&self.home.state().join("trusted-root"), root)?;
        }
        Ok(())
    }

    /// Remembers sequences that are higher than those seen before.
    pub(crate) fn saw(&self, channel: Channel, seen: Seen) -> Result<(), HomeError> {
        let mut all = self.home.all_seen()?;
        if self.home.seen(channel)? >= Some(seen) {
            return Ok(());
        }
        all.retain(|(of, _)| *of != channel);
        all.push((channel, seen));
        all.sort_by_key(|(of, _)| *of);
        let lines = all.iter();
        let lines: Vec<_> = lines
            .map(|(of, seen)| format!("{of} {} {}", seen.sequence, seen.selection))
            .collect();
        replace_line(&self.home.state().join("sequence"), lines.join("\n"))?;
        Ok(())
    }

    /// Removes what runs that were killed left behind.
    fn sweep(&self) -> Result<(), FileError> {
        let home = self.home;
        for folder in [home.root(), &home.state(), &home.bin(), &home.versions()] {
            let Ok(entries) = fs::read_dir(folder) else {
                continue;
            };
            for entry in entries {
                let path = entry.map_err(at("list", folder))?.path();
                if is_leftover(&path) {
                    let removed = if path.is_dir() {
                        fs::remove_dir_all(&path)
                    } else {
                        fs::remove_file(&path)
                    };
                    removed.map_err(at("remove", &path))?;
                }
            }
        }
        Ok(())
    }
}

fn is_leftover(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with(STAGING) || name.starts_with(UNFINISHED)
}

#[cfg(test)]
mod tests {
    use super::super::tests::home;
    use super::*;
    use release_plan::Exit;

    #[test]
    fn a_home_is_locked_by_one_run_at_a_time() {
        let (_folder, home) = home(&[]);
        let locked = home.lock().unwrap();
        let error = home.lock().unwrap_err();
        assert_eq!(error.exit(), Exit::Locked);
        assert!(error.to_string().contains("state/lock"), "{error}");
        drop(locked);
        home.lock().unwrap();
    }

    #[test]
    fn a_shared_lock_outlives_the_one_it_was_shared_from() {
        let (_folder, home) = home(&[]);
        let shared = home.lock().unwrap().share().unwrap();
        assert_eq!(home.lock().unwrap_err().exit(), Exit::Locked);
        drop(shared);
        home.lock().unwrap();
    }

    #[test]
    fn leftovers_of_a_killed_run_are_swept_and_nothing_else() {
        let (_folder, home) = home(&["1.0.0"]);
        let staging = home.versions().join(format!("{STAGING}abc"));
        fs::create_dir(&staging).unwrap();
        fs::write(staging.join("half"), "half").unwrap();
        let unfinished = home.root().join(format!("{UNFINISHED}abc"));
        fs::write(&unfinished, "1.").unwrap();
        let foreign = home.root().join(".notes");
        fs::write(&foreign, "a person's").unwrap();
        drop(home.lock().unwrap());
        assert!(!staging.exists() && !unfinished.exists());
        assert!(foreign.exists() && home.executable(&Version::new(1, 0, 0)).exists());
    }

    #[test]
    fn the_highest_sequence_of_each_channel_is_remembered() {
        let (_folder, home) = home(&[]);
        let locked = home.lock().unwrap();
        let seen = |sequence, selection| Seen {
            sequence,
            selection,
        };
        assert_eq!(home.seen(Channel::Stable).unwrap(), None);
        for (sequence, selection) in [(7, 7), (9, 7), (8, 8), (99, 7)] {
            locked
                .saw(Channel::Stable, seen(sequence, selection))
                .unwrap();
        }
        locked.saw(Channel::Beta, seen(3, 2)).unwrap();
        assert_eq!(home.seen(Channel::Stable).unwrap(), Some(seen(8, 8)));
        assert_eq!(home.seen(Channel::Beta).unwrap(), Some(seen(3, 2)));
        for bad in ["stable many", "stable 7", "stable 7 7 7"] {
            fs::write(home.state().join("sequence"), bad).unwrap();
            let error = home.seen(Channel::Stable).unwrap_err();
            assert_eq!(error.exit(), Exit::Input, "{bad}");
        }
    }
}
