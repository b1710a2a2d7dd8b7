//! The part of an archive that came so far: `state/partial-<sha256 of the archive>`. What another
//! run left is copied into a new file and measured on the way, so that every byte of it was measured
//! while this run wrote it. Relies on the lock of the home.

use std::fs::{self, File};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use release_plan::{Asset, Measured, Meter};
use tempfile::Builder;

use crate::files::{CopyError, FileError, UNFINISHED, at, copy, open_regular, remove_if_any};
use crate::home::LockedHome;

/// How the name of a part begins.
const PARTIAL: &str = "partial-";

/// A file that is being filled.
pub(super) struct Partial {
    path: PathBuf,
    to: Meter<File>,
    length: u64,
}

impl Partial {
    /// With what another run left of `asset`. What was left of other archives is removed.
    pub(super) fn open(home: &LockedHome<'_>, asset: &Asset) -> Result<Self, FileError> {
        let folder = home.home().state();
        let path = folder.join(format!("{PARTIAL}{}", asset.sha256));
        sweep(&folder, &path)?;
        match open_regular(&path) {
            Ok(left) => Self::take_up(path, left.take(asset.size)),
            Err(_) => Self::begin(path),
        }
    }

    /// A new file in the place of whatever has its name.
    fn begin(path: PathBuf) -> Result<Self, FileError> {
        remove_if_any(&path)?;
        let mut options = File::options();
        options.read(true).write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&path).map_err(at("create", &path))?;
        Ok(Self::of(path, file))
    }

    /// A new file with what can be read of `left`, and then its name.
    fn take_up(path: PathBuf, mut left: impl Read) -> Result<Self, FileError> {
        let folder = path.parent().unwrap_or(Path::new(".")).to_owned();
        let unfinished = Builder::new().prefix(UNFINISHED).tempfile_in(&folder);
        let (file, unfinished) = unfinished.map_err(at("write to", &folder))?.into_parts();
        let mut partial = Self::of(path, file);
        if let Err(CopyError::Write(error)) = copy(&mut left, &mut partial) {
            return Err(at("write to", &folder)(error));
        }
        // Windows replaces no file that is open.
        drop(left);
        fs::rename(&unfinished, &partial.path).map_err(at("write", &partial.path))?;
        // The name is gone; what is dropped here must not remove a file that took it since.
        let _ = unfinished.keep();
        Ok(partial)
    }

    fn of(path: PathBuf, file: File) -> Self {
        Self {
            to: Meter::new(file),
            length: 0,
            path,
        }
    }

    /// Bytes that came so far.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Begins again with nothing.
    pub(super) fn clear(&mut self) -> Result<(), FileError> {
        *self = Self::begin(self.path.clone())?;
        Ok(())
    }

    /// Takes its name away: what was measured is nobody else's to find.
    pub(super) fn finish(self) -> Result<(File, Measured), FileError> {
        fs::remove_file(&self.path).map_err(at("remove", &self.path))?;
        let (mut file, measured) = self.to.finish();
        file.rewind().map_err(at("read", &self.path))?;
        Ok((file, measured))
    }

    /// Leaves it to the next run, where there is anything to leave.
    pub(super) fn leave(self) {
        if self.length == 0 {
            self.remove();
        }
    }

    /// Removes it, such as from a disk that is full.
    pub(super) fn remove(self) {
        // One that stays is taken up or swept by the next run.
        let _ = fs::remove_file(&self.path);
    }

    pub(super) fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("."))
    }
}

impl Write for Partial {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.to.write(bytes)?;
        self.length += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

fn sweep(folder: &Path, but: &Path) -> Result<(), FileError> {
    for entry in fs::read_dir(folder).map_err(at("list", folder))? {
        let path = entry.map_err(at("list", folder))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with(PARTIAL) && path != but {
            fs::remove_file(&path).map_err(at("remove", &path))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::home::Home;
    use crate::home::tests::home;
    use release_plan::{AssetKind, PlannedAsset};

    const WHOLE: &[u8] = b"all of an archive";

    fn asset(bytes: &[u8]) -> Asset {
        let planned = PlannedAsset {
            name: "rocket.tar.gz".parse().unwrap(),
            kind: AssetKind::Archive,
            target: None,
        };
        Asset::new(planned, Measured::of(bytes))
    }

    fn names(home: &Home) -> Vec<String> {
        let entries = fs::read_dir(home.state()).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name != "lock")
            .collect();
        names.sort();
        names
    }

    #[test]
    fn what_a_run_left_is_taken_up_and_measured_from_its_first_byte() {
        let (_folder, home) = home(&[]);
        let locked = home.lock().unwrap();
        let mut first = Partial::open(&locked, &asset(WHOLE)).unwrap();
        first.write_all(&WHOLE[..5]).unwrap();
        first.leave();
        let name = format!("{PARTIAL}{}", asset(WHOLE).sha256);
        assert_eq!(names(&home), [&*name]);
        let mut second = Partial::open(&locked, &asset(WHOLE)).unwrap();
        assert_eq!(second.length(), 5);
        second.write_all(&WHOLE[5..]).unwrap();
        let (mut file, measured) = second.finish().unwrap();
        assert_eq!(measured, Measured::of(WHOLE));
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes, WHOLE);
        assert!(names(&home).is_empty());
    }

    #[test]
    fn what_was_left_is_no_longer_that_file_once_it_was_taken_up() {
        let (_folder, home) = home(&[]);
        let locked = home.lock().unwrap();
        let path = home
            .state()
            .join(format!("{PARTIAL}{}", asset(WHOLE).sha256));
        fs::write(&path, &WHOLE[..5]).unwrap();
        let mut other = File::options().write(true).open(&path).unwrap();
        let mut partial = Partial::open(&locked, &asset(WHOLE)).unwrap();
        other.write_all(b"evil!").unwrap();
        partial.write_all(&WHOLE[5..]).unwrap();
        let (mut file, _) = partial.finish().unwrap();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes, WHOLE);
    }

    #[test]
    fn parts_of_other_archives_are_swept_and_one_without_bytes_is_not_left() {
        let (_folder, home) = home(&[]);
        let locked = home.lock().unwrap();
        fs::write(home.state().join("partial-of-another"), "x").unwrap();
        fs::write(home.state().join("sequence"), "stable 1 1\n").unwrap();
        Partial::open(&locked, &asset(WHOLE)).unwrap().leave();
        assert_eq!(names(&home), ["sequence"]);
    }

    #[test]
    fn what_was_left_too_long_is_cut_and_what_is_cleared_begins_with_nothing() {
        let (_folder, home) = home(&[]);
        let locked = home.lock().unwrap();
        let path = home
            .state()
            .join(format!("{PARTIAL}{}", asset(WHOLE).sha256));
        fs::write(&path, [WHOLE, WHOLE].concat()).unwrap();
        let mut partial = Partial::open(&locked, &asset(WHOLE)).unwrap();
        assert_eq!(partial.length(), WHOLE.len() as u64);
        partial.clear().unwrap();
        partial.write_all(b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(partial.finish().unwrap().1, Measured::of(b"new"));
    }

    #[cfg(unix)]
    #[test]
    fn a_link_in_its_place_leads_nobody_to_write_elsewhere() {
        let (folder, home) = home(&[]);
        let locked = home.lock().unwrap();
        let elsewhere = folder.path().join("elsewhere");
        fs::write(&elsewhere, "a person's").unwrap();
        let path = home
            .state()
            .join(format!("{PARTIAL}{}", asset(WHOLE).sha256));
        std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
        let mut partial = Partial::open(&locked, &asset(WHOLE)).unwrap();
        partial.write_all(b"more").unwrap();
        partial.finish().unwrap();
        assert_eq!(fs::read(&elsewhere).unwrap(), b"a person's");
    }
}
