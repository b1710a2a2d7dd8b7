//! A home that this run alone writes. Relies on the lock of the operating system, which ends with
//! the process that holds it.

use std::fmt::Display;
use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use release_plan::{Channel, Version, Yanked};

use super::{Home, HomeError, LOCK, Of, Sequences, Shunned, Trial};
use crate::decide::Seen;
use crate::files::{FileError, OwnersAlone, UNFINISHED, at, replace_line, sync_folder};
use crate::interrupt::STAGING;
use crate::output::say;
use crate::root::RootName;

/// How long a command waits for another run to end.
const PATIENCE: Duration = Duration::from_secs(20);
/// After how long it says that it waits.
const SILENCE: Duration = Duration::from_secs(1);

/// A home, and the right to write it.
#[derive(Debug)]
pub(crate) struct LockedHome<'a> {
    home: &'a Home,
    /// None when the caller of this process holds the lock.
    lock: Option<File>,
    _owners_alone: OwnersAlone,
}

impl Home {
    /// Makes the folders of a home that does not exist yet, and locks it. What lies in another
    /// user's folder already, nobody has verified.
    pub(crate) fn create(&self) -> Result<LockedHome<'_>, HomeError> {
        let owners_alone = OwnersAlone::begin();
        let folders = [self.state(), self.versions(), self.bin()];
        for folder in &folders {
            fs::create_dir_all(folder).map_err(at("create", folder))?;
        }
        drop(owners_alone);
        for folder in folders.iter().chain([&self.root]) {
            check_own(folder)?;
        }
        self.lock()
    }

    /// Locks a home that exists, once whoever else has locked it is done.
    pub(crate) fn lock(&self) -> Result<LockedHome<'_>, HomeError> {
        self.lock_within(PATIENCE)
    }

    /// As [`Self::lock`], and waits no longer than that.
    pub(crate) fn lock_within(&self, patience: Duration) -> Result<LockedHome<'_>, HomeError> {
        let path = self.state().join(LOCK);
        let open = || {
            if !self.state().is_dir() {
                return Err(HomeError::NotInstalled {
                    root: self.root.clone(),
                    missing: self.state(),
                });
            }
            let mut options = File::options();
            options.create(true).write(true).truncate(false);
            // Whoever can read a file can lock it.
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            Ok(options.open(&path).map_err(at("open", &path))?)
        };
        let mut file = open()?;
        let start = Instant::now();
        let mut said = false;
        loop {
            match file.try_lock() {
                // Who waited for a removal holds what keeps nobody else out.
                Ok(()) if is_removed(&file) => file = open()?,
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if start.elapsed() < patience => {
                    if !said && start.elapsed() > SILENCE {
                        say(format_args!(
                            "waiting for another run, which holds {}",
                            path.display()
                        ));
                        said = true;
                    }
                    thread::sleep(Duration::from_millis(10));
                }
                Err(TryLockError::WouldBlock) => return Err(HomeError::Locked { lock: path }),
                Err(TryLockError::Error(error)) => return Err(at("lock", &path)(error).into()),
            }
        }
        let locked = LockedHome {
            home: self,
            lock: Some(file),
            _owners_alone: OwnersAlone::begin(),
        };
        locked.sweep()?;
        Ok(locked)
    }

    /// For a process whose caller holds the lock for it.
    pub(crate) fn locked_by_caller(&self) -> LockedHome<'_> {
        LockedHome {
            home: self,
            lock: None,
            _owners_alone: OwnersAlone::begin(),
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

    pub(crate) fn set_previous(&self, version: Option<&Version>) -> Result<(), FileError> {
        self.remember("previous", version)
    }

    pub(crate) fn set_trial(&self, trial: Option<&Trial>) -> Result<(), FileError> {
        self.remember("trial", trial)
    }

    pub(crate) fn set_hold(&self, reason: Option<&str>) -> Result<(), FileError> {
        self.remember("hold", reason)
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

    /// Remembers sequences that are higher than those seen before, and which versions were named
    /// as yanked along with them.
    pub(crate) fn saw(
        &self,
        channel: Channel,
        seen: Seen,
        yanked: &[Yanked],
    ) -> Result<(), HomeError> {
        if self.home.seen(channel)? >= Some(seen) {
            return Ok(());
        }
        let yanked = yanked
            .iter()
            .map(|it| Shunned::new(it.version.clone(), &it.reason));
        // First what warns: whoever is cut off in between sees the pointer once more.
        self.set_of("yanked", self.home.yanked()?, channel, yanked)?;
        self.set_of(
            "sequence",
            self.home.all_seen()?,
            channel,
            [Sequences(seen)],
        )
    }

    /// Remembers which version was installed for a channel.
    pub(crate) fn select(&self, channel: Channel, version: &Version) -> Result<(), HomeError> {
        self.set_of(
            "selected",
            self.home.selected()?,
            channel,
            [version.clone()],
        )
    }

    /// Remembers that a version is not to be taken unless it is asked for by name.
    pub(crate) fn quarantine(&self, shunned: Shunned) -> Result<(), HomeError> {
        let mut all = self.home.quarantine()?;
        all.retain(|it| it.version != shunned.version);
        all.push(shunned);
        all.sort_by(|one, other| one.version.cmp(&other.version));
        self.set_lines("quarantine", &all)
    }

    /// Forgets why `version`, and what is older, was quarantined. What cannot be read is left for
    /// a person to look at.
    pub(crate) fn end_quarantine(&self, version: &Version) -> Result<(), HomeError> {
        let mut all = self.home.quarantine().unwrap_or_default();
        let before = all.len();
        all.retain(|it| it.version > *version);
        if all.len() == before {
            return Ok(());
        }
        self.set_lines("quarantine", &all)
    }

    /// Makes `to` current in place of `from`, which is quarantined, so that nothing but a newer
    /// version or a person's word takes this home away from it.
    pub(crate) fn leave(
        &self,
        from: &Version,
        to: &Version,
        why: impl Display,
    ) -> Result<(), HomeError> {
        let mut quarantined: Vec<_> = self.home.quarantine()?;
        let shunned = Shunned::new(from.clone(), why);
        quarantined.push(shunned.clone());
        let installed = self.home.installed()?;
        let before = installed
            .iter()
            .rev()
            .find(|version| *version < to && !quarantined.iter().any(|it| it.version == **version));
        self.quarantine(shunned)?;
        self.set_current(to)?;
        self.set_trial(None)?;
        self.set_previous(before)?;
        Ok(())
    }

    /// Replaces what is remembered of one channel.
    fn set_of<T: Display>(
        &self,
        name: &str,
        mut all: Vec<Of<T>>,
        channel: Channel,
        what: impl IntoIterator<Item = T>,
    ) -> Result<(), HomeError> {
        all.retain(|of| of.channel != channel);
        all.extend(what.into_iter().map(|what| Of { channel, what }));
        all.sort_by_key(|of| of.channel);
        self.set_lines(name, &all)
    }

    fn set_lines<T: Display>(&self, name: &str, lines: &[T]) -> Result<(), HomeError> {
        let lines: Vec<_> = lines.iter().map(ToString::to_string).collect();
        let lines = (!lines.is_empty()).then(|| lines.join("\n"));
        Ok(self.remember(name, lines.as_ref())?)
    }

    /// Replaces a file of `state/`, or removes it.
    fn remember(&self, name: &str, line: Option<impl Display>) -> Result<(), FileError> {
        let file = self.home.state().join(name);
        let Some(line) = line else {
            return match fs::remove_file(&file) {
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
                result => {
                    result.map_err(at("remove", &file))?;
                    sync_folder(&self.home.state())
                }
            };
        };
        replace_line(&file, line)
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
                    match removed {
                        // Windows keeps what runs.
                        Err(_) if cfg!(windows) => {}
                        result => result.map_err(at("remove", &path))?,
                    }
                }
            }
        }
        Ok(())
    }
}

/// Refuses a folder of another user.
fn check_own(folder: &Path) -> Result<(), HomeError> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let owner = folder.metadata().map_err(at("look at", folder))?.uid();
        if owner != rustix::process::geteuid().as_raw() {
            let folder = folder.to_owned();
            return Err(HomeError::Anothers { folder, owner });
        }
    }
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}

/// Whether an open file has no name any more. Windows lets none go that is open.
fn is_removed(file: &File) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        file.metadata().is_ok_and(|metadata| metadata.nlink() == 0)
    }
    #[cfg(not(unix))]
    {
        let _ = file;
        false
    }
}

/// Whether a run that was killed left this.
pub(crate) fn is_leftover(path: &Path) -> bool {
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
        let error = home.lock_within(Duration::ZERO).unwrap_err();
        assert_eq!(error.exit(), Exit::Locked);
        assert!(error.to_string().contains("state/lock"), "{error}");
        drop(locked);
        home.lock().unwrap();
    }

    #[test]
    fn a_shared_lock_outlives_the_one_it_was_shared_from() {
        let (_folder, home) = home(&[]);
        let shared = home.lock().unwrap().share().unwrap();
        let refused = home.lock_within(Duration::ZERO).unwrap_err();
        assert_eq!(refused.exit(), Exit::Locked);
        drop(shared);
        home.lock().unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn nobody_but_the_owner_can_hold_the_lock() {
        use std::os::unix::fs::PermissionsExt;
        let (_folder, home) = home(&[]);
        drop(home.lock().unwrap());
        let lock = home.state().join("lock").metadata().unwrap();
        assert_eq!(lock.permissions().mode() & 0o077, 0);
    }

    #[test]
    fn a_locked_home_is_waited_for() {
        let (_folder, home) = home(&[]);
        let locked = home.lock().unwrap();
        thread::scope(|scope| {
            let waiting = scope.spawn(|| home.lock().map(drop));
            thread::sleep(Duration::from_millis(30));
            drop(locked);
            waiting.join().unwrap().unwrap();
        });
    }

    #[cfg(unix)]
    #[test]
    fn whoever_waited_for_a_removal_locks_what_is_there_since_or_finds_nothing() {
        let (_folder, home) = home(&[]);
        for comes_back in [true, false] {
            let locked = home.lock().unwrap();
            thread::scope(|scope| {
                let waiting = scope.spawn(|| home.lock());
                thread::sleep(Duration::from_millis(30));
                fs::remove_dir_all(home.state()).unwrap();
                if comes_back {
                    fs::create_dir(home.state()).unwrap();
                }
                drop(locked);
                let waited = waiting.join().unwrap();
                if comes_back {
                    let _now = waited.unwrap();
                    let refused = home.lock_within(Duration::ZERO).unwrap_err();
                    assert_eq!(refused.exit(), Exit::Locked);
                } else {
                    let error = waited.unwrap_err();
                    assert!(matches!(error, HomeError::NotInstalled { .. }), "{error}");
                }
            });
        }
    }

    #[test]
    fn what_is_left_is_quarantined_until_something_newer_or_itself_is_taken() {
        let (_folder, home) = home(&["1.0.0", "1.1.0", "1.2.0"]);
        let [v0, v1, v2] = ["1.0.0", "1.1.0", "1.2.0"].map(|it| it.parse::<Version>().unwrap());
        let locked = home.lock().unwrap();
        locked.set_current(&v2).unwrap();
        locked.set_previous(Some(&v1)).unwrap();
        locked
            .set_trial(Some(&Trial::begin(v2.clone(), v1.clone())))
            .unwrap();
        assert!(home.trial().unwrap().is_some());
        locked.leave(&v2, &v1, "it crashed").unwrap();
        assert_eq!(home.current().unwrap(), v1);
        assert_eq!(home.previous().unwrap(), Some(v0.clone()));
        assert_eq!(home.trial().unwrap(), None);
        let shunned = [Shunned::new(v2.clone(), "it crashed")];
        assert_eq!(home.quarantine().unwrap(), shunned);
        locked.leave(&v1, &v0, "rolled back").unwrap();
        assert_eq!(home.previous().unwrap(), None);
        locked.end_quarantine(&v1).unwrap();
        assert_eq!(home.quarantine().unwrap(), shunned);
        locked.end_quarantine(&v2).unwrap();
        assert_eq!(home.quarantine().unwrap(), []);
        assert!(!home.state().join("quarantine").exists());
    }

    #[test]
    fn what_a_pointer_yanks_is_remembered_for_its_channel() {
        let (_folder, home) = home(&[]);
        let locked = home.lock().unwrap();
        let seen = |sequence| Seen {
            sequence,
            selection: sequence,
        };
        let yanked = [Yanked {
            version: Version::new(1, 0, 0),
            reason: "it eats files".parse().unwrap(),
        }];
        locked.saw(Channel::Stable, seen(1), &yanked).unwrap();
        locked.saw(Channel::Beta, seen(1), &[]).unwrap();
        let remembered = home.yanked().unwrap();
        assert_eq!(remembered.len(), 1);
        assert_eq!(remembered[0].channel, Channel::Stable);
        assert_eq!(remembered[0].what.reason, "it eats files");
        locked.saw(Channel::Stable, seen(2), &[]).unwrap();
        assert_eq!(home.yanked().unwrap(), []);
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
                .saw(Channel::Stable, seen(sequence, selection), &[])
                .unwrap();
        }
        locked.saw(Channel::Beta, seen(3, 2), &[]).unwrap();
        assert_eq!(home.seen(Channel::Stable).unwrap(), Some(seen(8, 8)));
        assert_eq!(home.seen(Channel::Beta).unwrap(), Some(seen(3, 2)));
        for bad in ["stable many", "stable 7", "7 7"] {
            fs::write(home.state().join("sequence"), bad).unwrap();
            let error = home.seen(Channel::Stable).unwrap_err();
            assert_eq!(error.exit(), Exit::Input, "{bad}");
        }
    }
}
