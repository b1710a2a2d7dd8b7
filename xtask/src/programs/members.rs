//! The members of a finished archive, in memory. Bytes in, members out, within limits; relies on
//! `tar`, `flate2` and `zip` for the formats.

use std::io::{self, Cursor, Read};

use flate2::read::GzDecoder;
use release_plan::AssetName;

/// The most bytes that an archive may unpack to. Both archives' are held at once.
pub(crate) const MOST_BYTES: u64 = 128 * 1024 * 1024;
/// The most members that an archive may have.
pub(crate) const MOST_MEMBERS: usize = 1000;

/// Why the members of an archive cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    #[error("it cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    #[error("it cannot be read: {0}")]
    UnreadableZip(#[from] zip::result::ZipError),
    #[error("it unpacks to more than {MOST_BYTES} bytes")]
    TooLarge,
    #[error("it has more than {MOST_MEMBERS} members")]
    TooMany,
    #[error("it has two members of one name")]
    Twice,
}

/// A file or folder in an archive.
pub(crate) struct Member {
    pub(crate) path: String,
    pub(crate) contents: Vec<u8>,
    /// What else the archive says of it.
    pub(crate) metadata: Vec<(&'static str, String)>,
}

/// The members of the archive called `name`, in their order.
///
/// # Errors
/// When it is no archive, malformed, has a name twice, or holds too much.
pub(crate) fn members(name: &AssetName, archive: &[u8]) -> Result<Vec<Member>, Problem> {
    if name.as_str().ends_with(".zip") {
        zip(archive)
    } else {
        tar_gz(archive)
    }
}

/// The members of an archive while it is read, held to what it may be.
struct Members {
    read: Vec<Member>,
    room: u64,
}

impl Members {
    fn new() -> Self {
        Self {
            read: Vec::new(),
            room: MOST_BYTES,
        }
    }

    fn add(
        &mut self,
        path: String,
        contents: impl Read,
        metadata: Vec<(&'static str, String)>,
    ) -> Result<(), Problem> {
        if self.read.len() == MOST_MEMBERS {
            return Err(Problem::TooMany);
        }
        if self.read.iter().any(|member| member.path == path) {
            return Err(Problem::Twice);
        }
        let mut bytes = Vec::new();
        contents.take(self.room + 1).read_to_end(&mut bytes)?;
        self.room = self
            .room
            .checked_sub(bytes.len() as u64)
            .ok_or(Problem::TooLarge)?;
        self.read.push(Member {
            path,
            contents: bytes,
            metadata,
        });
        Ok(())
    }
}

fn tar_gz(archive: &[u8]) -> Result<Vec<Member>, Problem> {
    // Bounds what lies between the contents, too: `tar` reads a long name as a whole.
    let mut tar = GzDecoder::new(archive).take(MOST_BYTES + 1);
    let members = tar_members(&mut tar);
    if tar.limit() == 0 {
        return Err(Problem::TooLarge);
    }
    members
}

fn tar_members(tar: &mut impl Read) -> Result<Vec<Member>, Problem> {
    let mut members = Members::new();
    for entry in tar::Archive::new(&mut *tar).entries()? {
        let entry = entry?;
        let header = entry.header();
        let text = |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).into();
        let metadata = vec![
            ("type", format!("{:?}", header.entry_type())),
            ("link", text(entry.link_name_bytes().as_deref())),
            ("mode", format!("0o{:o}", header.mode()?)),
            ("time", header.mtime()?.to_string()),
            ("owner", header.uid()?.to_string()),
            ("group", header.gid()?.to_string()),
            ("owner's name", text(header.username_bytes())),
            ("group's name", text(header.groupname_bytes())),
        ];
        let path = text(Some(&entry.path_bytes()));
        members.add(path, entry, metadata)?;
    }
    // The checksum at the end of a gzip stream is checked by whoever reads so far.
    io::copy(tar, &mut io::sink())?;
    Ok(members.read)
}

fn zip(archive: &[u8]) -> Result<Vec<Member>, Problem> {
    let mut zip = zip::ZipArchive::new(Cursor::new(archive))?;
    // It shows one of them.
    if zip.has_duplicate_names() {
        return Err(Problem::Twice);
    }
    let mut members = Members::new();
    for index in 0..zip.len() {
        let file = zip.by_index(index)?;
        let or_none = |value: Option<String>| value.unwrap_or_else(|| "none".to_owned());
        let metadata = vec![
            (
                "mode",
                or_none(file.unix_mode().map(|m| format!("0o{m:o}"))),
            ),
            ("time", or_none(file.last_modified().map(|t| t.to_string()))),
            ("compression", file.compression().to_string()),
        ];
        let path = file.name()?.into_owned();
        members.add(path, file, metadata)?;
    }
    Ok(members.read)
}
