//! Takes the program out of a verified archive. Every entry is examined and one file is written,
//! whose path the caller chooses, so that no name in an archive decides about a path. Relies on
//! `tar`, `flate2` and `zip` for the formats.

use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read, Seek, Write};
use std::path::{Component, Path, PathBuf};

use flate2::bufread::GzDecoder;
use release_plan::{AssetName, Exit, Meter, Sha256};
use tar::{Archive, EntryType};
use zip::ZipArchive;
use zip::result::ZipError;

use crate::fetch::AdmittedArchive;
use crate::files::{CopyError, FileError, at, copy};

/// The most bytes that an archive may unpack to.
const MOST_BYTES: u64 = 512 * 1024 * 1024;
/// The most entries that an archive may have.
const MOST_ENTRIES: usize = 1000;

/// An archive that the program cannot be taken from.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UnpackError {
    #[error("{archive}: {problem}. Nothing was installed; report this to the project")]
    Archive {
        archive: AssetName,
        problem: Problem,
    },
    #[error(transparent)]
    File(#[from] FileError),
}

/// What is wrong with an archive.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    #[error("the archive is cut off")]
    Truncated,
    #[error("the archive cannot be read: {0}")]
    Unreadable(io::Error),
    #[error("it unpacks to more than {MOST_BYTES} bytes")]
    TooLarge,
    #[error("it has more than {MOST_ENTRIES} entries")]
    TooMany,
    #[error("expected paths below {root}/, found {found:?}")]
    Path { root: String, found: String },
    #[error("expected files and folders, found {kind} at {path:?}")]
    Kind { kind: String, path: String },
    #[error("expected one file {0}, found none")]
    Missing(String),
    #[error("expected one file {0}, found two")]
    Twice(String),
    #[error("the program could not be written: {0}")]
    Write(io::Error),
}

impl UnpackError {
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Archive { .. } => Exit::Refused,
            Self::File(error) => error.exit(),
        }
    }
}

/// Writes the file `name` from the folder `root` of the archive to `to`, which must not exist, and
/// returns its digest.
pub(crate) fn executable(
    archive: AdmittedArchive,
    root: &str,
    name: &str,
    to: &Path,
) -> Result<Sha256, UnpackError> {
    let asset = archive.name().clone();
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o755);
    let file = options.open(to).map_err(at("create", to))?;
    let mut meter = Meter::new(file);
    let bytes = BufReader::with_capacity(128 * 1024, archive.into_bytes());
    let extract = if asset.as_str().ends_with(".zip") {
        from_zip
    } else {
        from_tar
    };
    extract(bytes, root, name, &mut meter).map_err(|problem| match problem {
        Problem::Write(error) => at("write", to)(error).into(),
        problem => UnpackError::Archive {
            archive: asset,
            problem,
        },
    })?;
    Ok(meter.finish().1.sha256())
}

/// What an archive has shown so far.
struct Examined<'a> {
    root: &'a str,
    wanted: PathBuf,
    entries: usize,
    found: bool,
}

enum Kind {
    File,
    Folder,
    Other(String),
}

impl<'a> Examined<'a> {
    fn new(root: &'a str, name: &str) -> Self {
        Self {
            root,
            wanted: Path::new(root).join(name),
            entries: 0,
            found: false,
        }
    }

    /// Whether an entry is the program.
    fn is_wanted(&mut self, path: &Path, kind: Kind) -> Result<bool, Problem> {
        if self.entries == MOST_ENTRIES {
            return Err(Problem::TooMany);
        }
        self.entries += 1;
        let mut parts = path.components();
        let below = parts.next() == Some(Component::Normal(self.root.as_ref()))
            && parts.all(|part| matches!(part, Component::Normal(_)));
        if !below {
            return Err(Problem::Path {
                root: self.root.to_owned(),
                found: path.display().to_string(),
            });
        }
        let is_file = match kind {
            Kind::File => true,
            Kind::Folder => false,
            Kind::Other(kind) => {
                return Err(Problem::Kind {
                    kind,
                    path: path.display().to_string(),
                });
            }
        };
        if path != self.wanted || !is_file {
            return Ok(false);
        }
        if self.found {
            return Err(Problem::Twice(self.wanted.display().to_string()));
        }
        self.found = true;
        Ok(true)
    }

    fn end(self) -> Result<(), Problem> {
        if self.found {
            return Ok(());
        }
        Err(Problem::Missing(self.wanted.display().to_string()))
    }
}

fn from_tar(
    gzip: impl io::BufRead,
    root: &str,
    name: &str,
    to: &mut impl Write,
) -> Result<(), Problem> {
    let mut examined = Examined::new(root, name);
    let mut archive = Archive::new(Bounded {
        inner: GzDecoder::new(gzip),
        left: MOST_BYTES,
    });
    for entry in archive.entries().map_err(unreadable)? {
        let mut entry = entry.map_err(unreadable)?;
        let path = entry.path().map_err(unreadable)?.into_owned();
        let kind = match entry.header().entry_type() {
            EntryType::Regular => Kind::File,
            EntryType::Directory => Kind::Folder,
            other => Kind::Other(format!("an entry of type {other:?}")),
        };
        if examined.is_wanted(&path, kind)? {
            write(&mut entry, to)?;
        }
    }
    // The checksum at the end of a gzip stream is checked by whoever reads so far.
    io::copy(&mut archive.into_inner(), &mut io::sink()).map_err(unreadable)?;
    examined.end()
}

fn from_zip(
    bytes: impl Read + Seek,
    root: &str,
    name: &str,
    to: &mut impl Write,
) -> Result<(), Problem> {
    let mut examined = Examined::new(root, name);
    let mut archive = ZipArchive::new(bytes).map_err(unreadable_zip)?;
    for at in 0..archive.len() {
        let entry = archive.by_index(at).map_err(unreadable_zip)?;
        let path = entry.name().map_err(unreadable_zip)?.into_owned();
        let kind = if entry.is_symlink() {
            Kind::Other("a link".to_owned())
        } else if entry.is_dir() {
            Kind::Folder
        } else {
            Kind::File
        };
        // Within a zip, parts of a path are parted by slashes alone.
        if path.contains(['\\', ':']) {
            return Err(Problem::Path {
                root: root.to_owned(),
                found: path,
            });
        }
        if examined.is_wanted(Path::new(&path), kind)? {
            let mut bounded = Bounded {
                inner: entry,
                left: MOST_BYTES,
            };
            write(&mut bounded, to)?;
        }
    }
    examined.end()
}

/// The checksum of what is read is checked at its end.
fn write(from: &mut impl Read, to: &mut impl Write) -> Result<(), Problem> {
    copy(from, to).map_err(|error| match error {
        CopyError::Read(error) => unreadable(error),
        CopyError::Write(error) => Problem::Write(error),
    })
}

fn unreadable_zip(error: ZipError) -> Problem {
    match error {
        ZipError::Io(error) => unreadable(error),
        other => Problem::Unreadable(io::Error::other(other)),
    }
}

fn unreadable(error: io::Error) -> Problem {
    match error.kind() {
        ErrorKind::UnexpectedEof => Problem::Truncated,
        ErrorKind::FileTooLarge => Problem::TooLarge,
        _ => Problem::Unreadable(error),
    }
}

/// Fails once more than `left` bytes have been read.
struct Bounded<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.left = self
            .left
            .checked_sub(count as u64)
            .ok_or(ErrorKind::FileTooLarge)?;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use tar::{Builder, Header};

    type Tar = Builder<GzEncoder<Vec<u8>>>;

    fn archive(fill: impl FnOnce(&mut Tar)) -> Vec<u8> {
        let mut tar = Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        fill(&mut tar);
        tar.into_inner().unwrap().finish().unwrap()
    }

    /// Writes the path as it is given, which `tar` would refuse for some.
    fn add(tar: &mut Tar, path: &str, kind: EntryType, contents: &[u8]) {
        let mut header = Header::new_gnu();
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_entry_type(kind);
        header.set_size(contents.len() as u64);
        header.set_mode(0o755);
        header.set_cksum();
        tar.append(&header, contents).unwrap();
    }

    fn good(tar: &mut Tar) {
        add(tar, "p-t/", EntryType::Directory, b"");
        add(tar, "p-t/README.md", EntryType::Regular, b"read me");
        add(tar, "p-t/p", EntryType::Regular, &[7; 100_000]);
    }

    fn taken(gzip: &[u8]) -> Result<Vec<u8>, Problem> {
        let mut to = Vec::new();
        from_tar(gzip, "p-t", "p", &mut to).map(|()| to)
    }

    fn refused(fill: impl FnOnce(&mut Tar)) -> Problem {
        let bytes = archive(|tar| {
            good(tar);
            fill(tar);
        });
        taken(&bytes).unwrap_err()
    }

    #[test]
    fn the_program_is_taken_out_of_the_folder_at_the_root() {
        assert_eq!(taken(&archive(good)).unwrap(), [7; 100_000]);
    }

    #[test]
    fn an_archive_cut_at_any_byte_is_refused() {
        let whole = archive(good);
        for length in 0..whole.len() {
            let problem = taken(&whole[..length]).unwrap_err();
            assert!(matches!(problem, Problem::Truncated), "{length}: {problem}");
        }
    }

    #[test]
    fn a_flipped_bit_in_the_program_is_refused() {
        let program: Vec<u8> = (0..10_000_u32).map(|n| (n * n / 128) as u8).collect();
        let mut bytes = archive(|tar| add(tar, "p-t/p", EntryType::Regular, &program));
        assert_eq!(taken(&bytes).unwrap(), program);
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        assert!(taken(&bytes).is_err());
    }

    #[test]
    fn paths_that_leave_the_root_folder_are_refused() {
        for path in [
            "/etc/passwd",
            "../p",
            "p-t/../../p",
            "p-t/..",
            "other/p",
            "p",
            "./p-t/p",
        ] {
            let problem = refused(|tar| add(tar, path, EntryType::Regular, b"x"));
            assert!(matches!(problem, Problem::Path { .. }), "{path}: {problem}");
        }
    }

    #[test]
    fn links_and_devices_are_refused() {
        for kind in [
            EntryType::Symlink,
            EntryType::Link,
            EntryType::Char,
            EntryType::Fifo,
        ] {
            let problem = refused(|tar| add(tar, "p-t/x", kind, b""));
            assert!(matches!(problem, Problem::Kind { .. }), "{problem}");
        }
    }

    #[test]
    fn no_program_or_two_are_refused() {
        let none = archive(|tar| add(tar, "p-t/README.md", EntryType::Regular, b"x"));
        assert!(matches!(taken(&none), Err(Problem::Missing(_))));
        let problem = refused(|tar| add(tar, "p-t/p", EntryType::Regular, b"another"));
        assert!(matches!(problem, Problem::Twice(_)), "{problem}");
    }

    #[test]
    fn too_many_entries_and_too_many_bytes_are_refused() {
        let problem = refused(|tar| {
            for number in 0..MOST_ENTRIES {
                add(tar, &format!("p-t/{number}"), EntryType::Regular, b"");
            }
        });
        assert!(matches!(problem, Problem::TooMany), "{problem}");
        let zeros = io::repeat(0).take(MOST_BYTES);
        let problem = refused(|tar| {
            let mut header = Header::new_gnu();
            header.set_path("p-t/zeros").unwrap();
            header.set_size(MOST_BYTES);
            header.set_cksum();
            tar.append(&header, zeros).unwrap();
        });
        assert!(matches!(problem, Problem::TooLarge), "{problem}");
    }

    /// A zip with these entries: name, contents, and whether it is a link.
    fn zip(entries: &[(&str, &[u8], bool)]) -> Vec<u8> {
        use zip::write::{SimpleFileOptions, ZipWriter};
        let mut zip = ZipWriter::new(io::Cursor::new(Vec::new()));
        let options = SimpleFileOptions::default();
        for (name, contents, is_link) in entries {
            if *is_link {
                zip.add_symlink(*name, "elsewhere", options).unwrap();
            } else {
                zip.start_file(*name, options).unwrap();
                zip.write_all(contents).unwrap();
            }
        }
        zip.finish().unwrap().into_inner()
    }

    fn taken_from_zip(zip: &[u8]) -> Result<Vec<u8>, Problem> {
        let mut to = Vec::new();
        from_zip(io::Cursor::new(zip), "p-t", "p.exe", &mut to).map(|()| to)
    }

    #[test]
    fn a_zip_is_examined_as_strictly() {
        let program: Vec<u8> = (0..50_000_u32).map(|n| (n * n / 128) as u8).collect();
        let good = ("p-t/p.exe", &program[..], false);
        let read_me = ("p-t/README.md", &b"read me"[..], false);
        assert_eq!(taken_from_zip(&zip(&[read_me, good])).unwrap(), program);
        let missing = taken_from_zip(&zip(&[read_me])).unwrap_err();
        assert!(matches!(missing, Problem::Missing(_)), "{missing}");
        for path in [
            "/p",
            "../p",
            "p-t/../../p",
            "other/p",
            "p-t\\..\\p",
            "C:/p",
            "p",
        ] {
            let problem = taken_from_zip(&zip(&[good, (path, b"x", false)])).unwrap_err();
            assert!(matches!(problem, Problem::Path { .. }), "{path}: {problem}");
        }
        let link = taken_from_zip(&zip(&[good, ("p-t/link", b"", true)])).unwrap_err();
        assert!(matches!(link, Problem::Kind { .. }), "{link}");
        let many: Vec<_> = (0..MOST_ENTRIES).map(|n| format!("p-t/{n}")).collect();
        let many: Vec<_> = many.iter().map(|name| (&**name, &b""[..], false)).collect();
        let many = taken_from_zip(&zip(&[&many[..], &[good]].concat())).unwrap_err();
        assert!(matches!(many, Problem::TooMany), "{many}");
    }

    #[test]
    fn a_zip_that_is_cut_off_or_has_a_flipped_bit_in_the_program_is_refused() {
        let program: Vec<u8> = (0..5_000_u32).map(|n| (n * n / 128) as u8).collect();
        let mut whole = zip(&[("p-t/p.exe", &program, false)]);
        for length in 0..whole.len() {
            assert!(taken_from_zip(&whole[..length]).is_err(), "{length}");
        }
        let middle = whole.len() / 2;
        whole[middle] ^= 1;
        assert!(taken_from_zip(&whole).is_err());
    }

    #[test]
    fn a_disk_that_is_full_is_told_from_an_archive_that_is_bad() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let problem = from_tar(&archive(good)[..], "p-t", "p", &mut Full).unwrap_err();
        assert!(matches!(problem, Problem::Write(_)), "{problem}");
    }
}
