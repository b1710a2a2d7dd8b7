//! Files: errors that name the path, writing that is either whole or not there, and what makes a
//! rename last. Relies on POSIX rename, which replaces its target atomically.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use release_plan::Exit;
use serde::Serialize;
use tempfile::Builder;

/// How the name of a file that is being written begins; a killed run leaves such files behind.
pub(crate) const UNFINISHED: &str = ".unfinished-";

/// A file or folder that something could not be done to.
#[derive(Debug, thiserror::Error)]
pub(crate) struct FileError {
    doing: &'static str,
    path: PathBuf,
    source: io::Error,
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            doing,
            path,
            source,
        } = self;
        write!(f, "cannot {doing} {}: {source}", path.display())?;
        match source.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                write!(f, ". Make space there and run this again")
            }
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                write!(
                    f,
                    ". Change the permissions there, or run this as the owner"
                )
            }
            ErrorKind::CrossesDevices => {
                write!(f, ". Have all of that folder on one file system")
            }
            kind if kind == of_the_disk() => {
                write!(
                    f,
                    ". Run this again; if it fails again, look after that disk"
                )
            }
            _ => Ok(()),
        }
    }
}

/// An error that a disk answers with. Of a temporary file no more than its kind is told, which is
/// that of all errors with no kind of their own.
fn of_the_disk() -> ErrorKind {
    #[cfg(unix)]
    let number = rustix::io::Errno::IO.raw_os_error();
    // ERROR_IO_DEVICE.
    #[cfg(windows)]
    let number = 1117;
    io::Error::from_raw_os_error(number).kind()
}

impl FileError {
    pub(crate) fn exit(&self) -> Exit {
        exit_of(self.source.kind())
    }

    pub(crate) fn is_missing(&self) -> bool {
        self.source.kind() == ErrorKind::NotFound
    }
}

/// The exit code of a file operation that failed.
pub(crate) fn exit_of(kind: ErrorKind) -> Exit {
    match kind {
        ErrorKind::StorageFull
        | ErrorKind::QuotaExceeded
        | ErrorKind::PermissionDenied
        | ErrorKind::ReadOnlyFilesystem => Exit::Storage,
        ErrorKind::NotADirectory | ErrorKind::IsADirectory | ErrorKind::InvalidInput => Exit::Input,
        _ => Exit::Failed,
    }
}

/// Says what was being done to `path` when an error came.
pub(crate) fn at(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> FileError {
    let path = path.to_owned();
    move |source| FileError {
        doing,
        path,
        source,
    }
}

/// At most `limit` bytes and one more, by which whoever reads them sees that there were too many.
pub(crate) fn read_limited(path: &Path, limit: usize) -> Result<Vec<u8>, FileError> {
    let read = || {
        let file = open_regular(path)?;
        let size = usize::try_from(file.metadata()?.len()).unwrap_or(limit);
        let mut bytes = Vec::with_capacity(size.min(limit) + 1);
        file.take(limit as u64 + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    read().map_err(at("read", path))
}

/// A file on a disk, which neither waits for somebody who writes to it nor goes on without end.
pub(crate) fn open_regular(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.read(true);
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt;
        options.custom_flags(OFlags::NONBLOCK.bits().cast_signed());
    }
    let file = options.open(path)?;
    let kind = file.metadata()?.file_type();
    if kind.is_file() {
        return Ok(file);
    }
    let found = if kind.is_dir() {
        "a folder"
    } else {
        "a pipe or a device"
    };
    let message = format!("expected a regular file, found {found}");
    Err(io::Error::new(ErrorKind::InvalidInput, message))
}

/// A file's text; none when it does not exist.
pub(crate) fn read_if_any(path: &Path) -> Result<Option<String>, FileError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(at("read", path)(error)),
    }
}

/// Removes a file, where there is one.
pub(crate) fn remove_if_any(path: &Path) -> Result<(), FileError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(at("remove", path)(error)),
        _ => Ok(()),
    }
}

/// Removes a folder, where there is one and nothing is in it.
pub(crate) fn remove_empty(folder: &Path) -> Result<(), FileError> {
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
            Err(at("remove", folder)(error))
        }
        _ => Ok(()),
    }
}

/// Replaces `path` by what `write` writes: whoever reads it, now or after a power cut, sees the old
/// contents or the new.
pub(crate) fn replace(
    path: &Path,
    mode: u32,
    write: impl FnOnce(&mut File) -> io::Result<()>,
) -> Result<(), FileError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut builder = Builder::new();
    builder.prefix(UNFINISHED);
    with_mode(&mut builder, mode);
    let (mut file, unfinished) = builder
        .tempfile_in(folder)
        .map_err(at("write to", folder))?
        .into_parts();
    write(&mut file)
        .and_then(|()| file.sync_all())
        .and_then(|()| put(&unfinished, path))
        .map_err(at("write", path))?;
    // The name is gone; what is dropped here must not remove a file that took it since.
    let _ = unfinished.keep();
    sync_folder(folder)
}

/// Gives a file its name, whatever had that before.
#[cfg(not(windows))]
pub(crate) fn put(unfinished: &Path, path: &Path) -> io::Result<()> {
    fs::rename(unfinished, path)
}

/// Gives a file its name. A program that runs keeps its file, and lets it be renamed: it steps
/// aside, under a name that the next run sweeps.
#[cfg(windows)]
pub(crate) fn put(unfinished: &Path, path: &Path) -> io::Result<()> {
    match patiently(|| fs::rename(unfinished, path)) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied && path.is_file() => {
            let aside = unfinished.with_extension("aside");
            fs::rename(path, &aside)?;
            patiently(|| fs::rename(unfinished, path)).inspect_err(|_| {
                // What was there before is better than nothing.
                let _ = fs::rename(&aside, path);
            })
        }
        result => result,
    }
}

/// Does again what fails because somebody looks at a file: a scanner that holds it, or a child of
/// another thread that has inherited it while it is written.
pub(crate) fn patiently<T>(mut act: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    let mut pause = Duration::from_millis(10);
    loop {
        match act() {
            Err(error) if is_passing(&error) && pause < Duration::from_secs(4) => {
                thread::sleep(pause);
                pause *= 2;
            }
            result => return result,
        }
    }
}

fn is_passing(error: &io::Error) -> bool {
    // ERROR_SHARING_VIOLATION and ERROR_LOCK_VIOLATION.
    let held = cfg!(windows) && matches!(error.raw_os_error(), Some(32 | 33));
    held || error.kind() == ErrorKind::ExecutableFileBusy
}

/// [`replace`] by a line of text.
pub(crate) fn replace_line(path: &Path, line: impl fmt::Display) -> Result<(), FileError> {
    replace(path, 0o666, |file| {
        file.write_all(format!("{line}\n").as_bytes())
    })
}

/// [`replace`] by a value as JSON.
pub(crate) fn replace_json(path: &Path, value: &impl Serialize) -> Result<(), FileError> {
    replace(path, 0o666, |file| {
        let mut json = serde_json::to_vec_pretty(value)?;
        json.push(b'\n');
        file.write_all(&json)
    })
}

/// Permissions before the umask takes its part; temporary files would be their maker's alone.
pub(crate) fn with_mode(builder: &mut Builder<'_, '_>, mode: u32) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(mode));
    }
    #[cfg(not(unix))]
    let _ = (builder, mode);
}

/// As long as this lives, nobody but its owner may write what this process makes, whatever the umask.
#[derive(Debug)]
pub(crate) struct OwnersAlone {
    #[cfg(unix)]
    before: rustix::fs::Mode,
}

impl OwnersAlone {
    pub(crate) fn begin() -> Self {
        #[cfg(unix)]
        {
            use rustix::fs::Mode;
            use rustix::process::umask;
            let others = Mode::WGRP | Mode::WOTH;
            let before = umask(others);
            umask(before | others);
            Self { before }
        }
        #[cfg(not(unix))]
        Self {}
    }
}

impl Drop for OwnersAlone {
    fn drop(&mut self) {
        // A program that is launched next has the umask of whoever runs it.
        #[cfg(unix)]
        rustix::process::umask(self.before);
    }
}

/// Makes renames within `folder` outlast a power cut.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), FileError> {
    #[cfg(unix)]
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(at("sync", folder))?;
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}

/// Makes a folder and all that is in it outlast a power cut.
pub(crate) fn sync_tree(folder: &Path) -> Result<(), FileError> {
    for entry in fs::read_dir(folder).map_err(at("list", folder))? {
        let entry = entry.map_err(at("list", folder))?;
        let path = entry.path();
        if entry.file_type().map_err(at("look at", &path))?.is_dir() {
            sync_tree(&path)?;
        } else {
            // Windows flushes only what was opened for writing.
            File::options()
                .read(true)
                .write(cfg!(windows))
                .open(&path)
                .and_then(|file| file.sync_all())
                .map_err(at("sync", &path))?;
        }
    }
    sync_folder(folder)
}

/// Which side of a copy failed.
#[derive(Debug)]
pub(crate) enum CopyError {
    Read(io::Error),
    Write(io::Error),
}

/// Copies to the end, in pieces as large as can be, and tells failures of the two sides apart. What
/// was read before reading failed is written.
pub(crate) fn copy(from: &mut impl Read, to: &mut impl Write) -> Result<(), CopyError> {
    let mut buffer = vec![0; 128 * 1024];
    loop {
        let mut filled = 0;
        let mut failure = None;
        // Small reads are many; small writes would be as many.
        while filled < buffer.len() {
            match from.read(&mut buffer[filled..]) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    failure = Some(CopyError::Read(error));
                    break;
                }
            }
        }
        to.write_all(&buffer[..filled]).map_err(CopyError::Write)?;
        if let Some(failure) = failure {
            return Err(failure);
        }
        if filled < buffer.len() {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replaced_file_has_the_new_contents_and_leaves_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("current");
        replace_line(&path, "1.0.0").unwrap();
        replace_line(&path, "1.1.0").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "1.1.0\n");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_write_that_fails_leaves_the_old_contents_and_nothing_beside_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("current");
        replace_line(&path, "1.0.0").unwrap();
        let full = |file: &mut File| {
            file.write_all(b"half of it")?;
            Err(io::Error::from(ErrorKind::StorageFull))
        };
        let error = replace(&path, 0o666, full).unwrap_err();
        assert_eq!(error.exit(), Exit::Storage);
        assert!(error.to_string().contains("Make space"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "1.0.0\n");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_was_read_before_reading_failed_is_written() {
        struct Cut;
        impl Read for Cut {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(ErrorKind::ConnectionReset.into())
            }
        }
        let mut written = Vec::new();
        let copied = copy(&mut b"half of it".chain(Cut), &mut written);
        assert!(matches!(copied, Err(CopyError::Read(_))));
        assert_eq!(written, b"half of it");
    }

    #[cfg(unix)]
    #[test]
    fn what_a_disk_refuses_is_told_with_what_to_do_of_a_temporary_file_too() {
        let refused = io::Error::from_raw_os_error(rustix::io::Errno::IO.raw_os_error());
        for error in [io::Error::new(refused.kind(), "at a path"), refused] {
            let error = at("write", Path::new("x"))(error);
            let told = error.to_string();
            assert!(told.ends_with("look after that disk"), "{told}");
            assert_eq!(error.exit(), Exit::Failed);
        }
    }

    #[test]
    fn no_space_and_no_permission_have_an_exit_code_of_their_own() {
        for (kind, exit) in [
            (ErrorKind::StorageFull, Exit::Storage),
            (ErrorKind::QuotaExceeded, Exit::Storage),
            (ErrorKind::PermissionDenied, Exit::Storage),
            (ErrorKind::ReadOnlyFilesystem, Exit::Storage),
            (ErrorKind::NotFound, Exit::Failed),
        ] {
            assert_eq!(
                at("write", Path::new("x"))(kind.into()).exit(),
                exit,
                "{kind}"
            );
        }
        #[cfg(unix)]
        for (number, exit) in [
            (28, Exit::Storage),
            (13, Exit::Storage),
            (30, Exit::Storage),
        ] {
            let error = io::Error::from_raw_os_error(number);
            assert_eq!(at("write", Path::new("x"))(error).exit(), exit, "{number}");
        }
    }
}
