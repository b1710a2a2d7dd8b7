//! Archives that are the same bytes for the same contents: entries sorted, owner 0, fixed modes,
//! one time for all, compressor settings fixed.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use flate2::{Compression, GzBuilder};
use release_plan::Instant;

/// A file of an archive.
pub(crate) struct Member {
    /// Name below the archive's root folder.
    pub(crate) name: String,
    /// Where its bytes lie.
    pub(crate) file: PathBuf,
    /// Whether it is a program.
    pub(crate) executable: bool,
}

/// Writes a tar file in gzip whose members lie in the folder `root`.
pub(crate) fn write_tar_gz(
    out: impl Write,
    root: &str,
    mut members: Vec<Member>,
    time: Instant,
) -> io::Result<()> {
    members.sort_by(|a, b| a.name.cmp(&b.name));
    let gzip = GzBuilder::new().mtime(0).write(out, Compression::best());
    let mut tar = tar::Builder::new(gzip);
    let time = u64::try_from(time.seconds()).unwrap_or_default();
    let entry = |kind, mode, size| {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_size(size);
        header.set_mtime(time);
        header.set_uid(0);
        header.set_gid(0);
        header
    };
    let mut folder = entry(tar::EntryType::Directory, 0o755, 0);
    tar.append_data(&mut folder, format!("{root}/"), io::empty())?;
    for member in members {
        let file = File::open(&member.file).map_err(|error| at(&member.file, &error))?;
        let mode = if member.executable { 0o755 } else { 0o644 };
        let mut header = entry(tar::EntryType::Regular, mode, file.metadata()?.len());
        tar.append_data(&mut header, Path::new(root).join(&member.name), file)?;
    }
    tar.into_inner()?.finish()?.flush()
}

fn at(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(folder: &Path, names: [&str; 2]) -> Vec<u8> {
        let members = names.map(|name| {
            let file = folder.join(name);
            std::fs::write(&file, name).unwrap();
            Member {
                name: name.to_owned(),
                file,
                executable: name == "program",
            }
        });
        let mut bytes = Vec::new();
        let time = Instant::from_seconds(1_700_000_000).unwrap();
        write_tar_gz(&mut bytes, "program-x", members.into(), time).unwrap();
        bytes
    }

    #[test]
    fn the_same_contents_give_the_same_bytes_in_any_order_and_folder() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let bytes = archive(one.path(), ["program", "README.md"]);
        assert_eq!(bytes, archive(other.path(), ["README.md", "program"]));
    }

    #[test]
    fn members_lie_in_the_root_folder_with_fixed_modes_and_owner() {
        let folder = tempfile::tempdir().unwrap();
        let bytes = archive(folder.path(), ["program", "README.md"]);
        let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(&bytes[..]));
        let entries: Vec<_> = tar
            .entries()
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let header = entry.header();
                assert_eq!(
                    (header.uid().unwrap(), header.mtime().unwrap()),
                    (0, 1_700_000_000)
                );
                let path = entry.path().unwrap().to_string_lossy().into_owned();
                (path, header.mode().unwrap())
            })
            .collect();
        let expected = [
            ("program-x/", 0o755),
            ("program-x/README.md", 0o644),
            ("program-x/program", 0o755),
        ];
        assert_eq!(
            entries,
            expected.map(|(path, mode)| (path.to_owned(), mode))
        );
    }
}
