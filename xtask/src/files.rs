//! Files of the maintainer's: read with their path in the error, written under a temporary name
//! and renamed when whole.

use std::fs::{self, File};
use std::io::{self, Read as _, Write};
use std::path::Path;

use release_plan::{Exit, Measured, Meter};

use crate::Failure;

/// How the name begins that a file has until it is whole. A process that is killed leaves it so.
pub(crate) const PARTIAL: &str = ".partial-";

/// Reads a file that the caller named.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|error| failed("read", path, &error))
}

/// Reads a file of the tree that decides something: of one that is too long no more than shows it,
/// and nothing of what is no file, such as a link, or a pipe, which may never end.
pub(crate) fn read_at_most(path: &Path, most_bytes: usize) -> Result<Vec<u8>, Failure> {
    let cannot = |error: io::Error| failed("read", path, &error);
    if !fs::symlink_metadata(path).map_err(cannot)?.is_file() {
        let message = format!(
            "{}: expected a file, found a link, a folder or a pipe; move it away",
            path.display()
        );
        return Err(Failure::new(Exit::Input, message));
    }
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(most_bytes as u64 + 1).read_to_end(&mut bytes))
        .map_err(cannot)?;
    Ok(bytes)
}

/// Reads a text file that the caller named.
pub(crate) fn read_text(path: &Path) -> Result<String, Failure> {
    String::from_utf8(read(path)?).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let before = String::from_utf8_lossy(before);
        let along = before.rsplit('\n').next().unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = along.chars().count() + 1;
        let message = format!(
            "{}:{line}:{column}: expected UTF-8: save it as UTF-8",
            path.display()
        );
        Failure::new(Exit::Input, message)
    })
}

/// Measures a file that the caller named.
pub(crate) fn measure(path: &Path) -> Result<Measured, Failure> {
    File::open(path)
        .and_then(Meter::drain)
        .map_err(|error| failed("read", path, &error))
}

/// Writes a file that appears under its name complete or not at all.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<Measured, Failure> {
    write_with(path, |file| file.write_all(bytes))
}

/// Writes a file as [`write`] does, and measures the bytes while `fill` writes them.
pub(crate) fn write_with(
    path: &Path,
    fill: impl FnOnce(&mut Meter<File>) -> io::Result<()>,
) -> Result<Measured, Failure> {
    // A device or a pipe would be replaced by a file of its name.
    if fs::symlink_metadata(path).is_ok_and(|found| !found.is_file() && !found.is_symlink()) {
        let message = format!(
            "{}: expected a file or nothing there; name another",
            path.display()
        );
        return Err(Failure::new(Exit::Input, message));
    }
    let write = || {
        let folder = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty());
        let mut builder = tempfile::Builder::new();
        builder.prefix(PARTIAL);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            // A temporary file would be private, and what it becomes is not.
            builder.permissions(fs::Permissions::from_mode(0o644));
        }
        let temporary = builder.tempfile_in(folder.unwrap_or(Path::new(".")))?;
        let (file, temporary) = temporary.into_parts();
        let mut meter = Meter::new(file);
        fill(&mut meter)?;
        let (file, measured) = meter.finish();
        file.sync_all()?;
        temporary.persist(path).map_err(|error| error.error)?;
        Ok(measured)
    };
    write().map_err(|error: io::Error| failed("write", path, &error))
}

/// Makes a folder and those above it.
pub(crate) fn make_folder(path: &Path) -> Result<(), Failure> {
    if path.as_os_str().is_empty() {
        return Ok(());
    }
    fs::create_dir_all(path).map_err(|error| failed("create the folder", path, &error))
}

/// Removes a folder and what is in it; one that is not there is fine.
pub(crate) fn remove_folder(path: &Path) -> Result<(), Failure> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(failed("remove", path, &error))
        }
        _ => Ok(()),
    }
}

/// Gives `path` its final name.
pub(crate) fn rename(path: &Path, to: &Path) -> Result<(), Failure> {
    fs::rename(path, to).map_err(|error| failed("write", to, &error))
}

/// A file-system error, with what was tried, where, and the exit code it deserves.
pub(crate) fn failed(tried: &str, path: &Path, error: &io::Error) -> Failure {
    let exit = match error.kind() {
        io::ErrorKind::NotFound
        | io::ErrorKind::InvalidData
        | io::ErrorKind::IsADirectory
        | io::ErrorKind::NotADirectory => Exit::Input,
        io::ErrorKind::PermissionDenied
        | io::ErrorKind::ReadOnlyFilesystem
        | io::ErrorKind::StorageFull
        | io::ErrorKind::QuotaExceeded => Exit::Storage,
        _ => Exit::Failed,
    };
    Failure::new(exit, format!("cannot {tried} {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_with_the_file_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ember.zip");
        let full = |file: &mut Meter<File>| {
            file.write_all(b"as far as it went")?;
            Err(io::ErrorKind::StorageFull.into())
        };
        let failure = write_with(&path, full).unwrap_err();
        assert_eq!(failure.exit(), Exit::Storage);
        assert!(failure.to_string().contains("ember.zip"), "{failure}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
