//! Tells in what two archives of one name differ, down to the member and the byte. Bytes in,
//! differences out.

use std::fmt;

use release_plan::AssetName;

use crate::programs::members::{Member, Problem, members};

/// One of the two things compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Ours,
    Theirs,
}

/// An archive whose members cannot be compared, since they cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{archive} ({side}): {problem}")]
pub(crate) struct CompareError {
    archive: AssetName,
    side: Side,
    problem: Problem,
}

/// In what two files of one name differ. As text, one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Difference {
    name: AssetName,
    what: What,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum What {
    /// A member that the other side has not.
    Only { member: String, side: Side },
    /// Contents of a member.
    Contents { member: String, bytes: Bytes },
    /// Something that is said about a member.
    Metadata {
        member: String,
        field: &'static str,
        ours: String,
        theirs: String,
    },
    /// The first members that swapped places.
    Order { ours: String, theirs: String },
    /// The members are the same, the archives are not.
    Packing(Bytes),
    /// A file that is no archive.
    File(Bytes),
}

/// Where bytes differ first, counted from 0, which they are there, and how many there are. `None`
/// is the end.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Bytes {
    at: usize,
    ours: Option<u8>,
    theirs: Option<u8>,
    sizes: (usize, usize),
}

/// In what the two files of the name `name` differ; in nothing when their bytes are equal.
///
/// What ends in `.tar.gz` or `.zip` is looked into, anything else is compared as it is.
///
/// # Errors
/// When bytes differ and an archive is malformed, has a name twice, or holds too much to look at.
pub(crate) fn compare(
    name: &AssetName,
    ours: &[u8],
    theirs: &[u8],
) -> Result<Vec<Difference>, CompareError> {
    let Some(bytes) = Bytes::compare(ours, theirs) else {
        return Ok(Vec::new());
    };
    let open = |side, archive| {
        members(name, archive).map_err(|problem| CompareError {
            archive: name.clone(),
            side,
            problem,
        })
    };
    if ![".tar.gz", ".zip"]
        .iter()
        .any(|end| name.as_str().ends_with(end))
    {
        return Ok(vec![Difference {
            name: name.clone(),
            what: What::File(bytes),
        }]);
    }
    let mut found = differences(&open(Side::Ours, ours)?, &open(Side::Theirs, theirs)?);
    if found.is_empty() {
        found.push(What::Packing(bytes));
    }
    let name = |what| Difference {
        name: name.clone(),
        what,
    };
    Ok(found.into_iter().map(name).collect())
}

fn differences(ours: &[Member], theirs: &[Member]) -> Vec<What> {
    let only = |side, these: &[Member], others: &[Member]| -> Vec<What> {
        let missing = these.iter().filter(|this| this.find(others).is_none());
        let only = missing.map(|this| What::Only {
            member: this.path.clone(),
            side,
        });
        only.collect()
    };
    let mut found = only(Side::Ours, ours, theirs);
    found.extend(only(Side::Theirs, theirs, ours));
    for our in ours {
        if let Some(their) = our.find(theirs) {
            found.extend(our.differences(their));
        }
    }
    let in_both = |these: &[Member], others: &[Member]| -> Vec<String> {
        let shared = these.iter().filter(|this| this.find(others).is_some());
        shared.map(|this| this.path.clone()).collect()
    };
    let orders = in_both(ours, theirs).into_iter().zip(in_both(theirs, ours));
    found.extend(
        orders
            .map(|(ours, theirs)| What::Order { ours, theirs })
            .find(|order| matches!(order, What::Order { ours, theirs } if ours != theirs)),
    );
    found
}

impl Member {
    fn find<'a>(&self, others: &'a [Self]) -> Option<&'a Self> {
        others.iter().find(|other| other.path == self.path)
    }

    fn differences(&self, their: &Self) -> Vec<What> {
        let member = || self.path.clone();
        let contents =
            Bytes::compare(&self.contents, &their.contents).map(|bytes| What::Contents {
                member: member(),
                bytes,
            });
        let both = self.metadata.iter().zip(&their.metadata);
        let metadata =
            both.filter(|(ours, theirs)| ours != theirs)
                .map(|((field, ours), (_, theirs))| What::Metadata {
                    member: member(),
                    field,
                    ours: ours.clone(),
                    theirs: theirs.clone(),
                });
        contents.into_iter().chain(metadata).collect()
    }
}

impl Bytes {
    fn compare(ours: &[u8], theirs: &[u8]) -> Option<Self> {
        let shorter = ours.len().min(theirs.len());
        let at = ours
            .iter()
            .zip(theirs)
            .position(|(our, their)| our != their)
            .unwrap_or(shorter);
        (ours.get(at) != theirs.get(at)).then(|| Self {
            at,
            ours: ours.get(at).copied(),
            theirs: theirs.get(at).copied(),
            sizes: (ours.len(), theirs.len()),
        })
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ours => "ours",
            Self::Theirs => "theirs",
        })
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Names come from archives: no escape sequence of theirs reaches a terminal.
        let plain = str::escape_debug;
        write!(f, "{}: ", self.name)?;
        match &self.what {
            What::Only { member, side } => write!(f, "{}: only in {side}", plain(member)),
            What::Contents { member, bytes } => write!(f, "{}: {bytes}", plain(member)),
            What::Metadata {
                member,
                field,
                ours,
                theirs,
            } => write!(
                f,
                "{}: {field} differs (ours {}, theirs {})",
                plain(member),
                plain(ours),
                plain(theirs)
            ),
            What::Order { ours, theirs } => write!(
                f,
                "the order of members differs: ours has {} where theirs has {}",
                plain(ours),
                plain(theirs)
            ),
            What::Packing(bytes) => write!(f, "the same members, packed otherwise: {bytes}"),
            What::File(bytes) => write!(f, "{bytes}"),
        }
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let byte = |byte: Option<u8>| match byte {
            Some(byte) => format!("{byte:#04x}"),
            None => "ends".to_owned(),
        };
        write!(
            f,
            "first differs at byte {} (ours {}, theirs {}); sizes {} and {}",
            self.at,
            byte(self.ours),
            byte(self.theirs),
            self.sizes.0,
            self.sizes.1
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::programs::members::{MOST_BYTES, MOST_MEMBERS};
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::{self, Cursor, Read as _, Write as _};
    use tar::{EntryType, Header};
    use zip::write::{SimpleFileOptions, ZipWriter};

    const TAR: &str = "p-x86_64-unknown-linux-musl.tar.gz";
    const ZIP: &str = "p-x86_64-pc-windows-gnullvm.zip";

    /// What the lines say of `ours` and `theirs`, after the name.
    fn said(name: &str, ours: &[u8], theirs: &[u8]) -> Vec<String> {
        let found = compare(&name.parse().unwrap(), ours, theirs).unwrap();
        let lead = format!("{name}: ");
        let lines = found.iter().map(Difference::to_string);
        lines
            .map(|line| line.strip_prefix(&lead).unwrap().to_owned())
            .collect()
    }

    fn refused(name: &str, theirs: &[u8]) -> String {
        let ours = if name == TAR { good_tar() } else { good_zip() };
        let error = compare(&name.parse().unwrap(), &ours, theirs).unwrap_err();
        error.to_string()
    }

    fn header(size: usize) -> Header {
        let mut header = Header::new_ustar();
        header.set_mode(0o755);
        header.set_mtime(1_700_000_000);
        header.set_uid(0);
        header.set_gid(0);
        header.set_size(size as u64);
        header
    }

    fn tar_with(level: u32, members: &[(&str, &[u8])], change: impl Fn(&mut Header)) -> Vec<u8> {
        let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::new(level)));
        for (path, contents) in members {
            let mut header = header(contents.len());
            change(&mut header);
            tar.append_data(&mut header, path, *contents).unwrap();
        }
        tar.into_inner().unwrap().finish().unwrap()
    }

    fn tar(members: &[(&str, &[u8])]) -> Vec<u8> {
        tar_with(9, members, |_| ())
    }

    fn good_tar() -> Vec<u8> {
        tar(&[("p/README.md", b"read me"), ("p/p", &[b'A'; 5000])])
    }

    fn zip_with(options: SimpleFileOptions, members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        for (path, contents) in members {
            zip.start_file(*path, options).unwrap();
            zip.write_all(contents).unwrap();
        }
        zip.finish().unwrap().into_inner()
    }

    fn good_zip() -> Vec<u8> {
        zip_with(
            options(),
            &[("README.md", b"read me"), ("p.exe", &[b'A'; 5000])],
        )
    }

    fn options() -> SimpleFileOptions {
        SimpleFileOptions::default()
            .compression_method(zip::CompressionMethod::Deflated)
            .unix_permissions(0o755)
    }

    fn one_byte_changed() -> Vec<u8> {
        let mut program = vec![b'A'; 5000];
        program[4711] = b'B';
        program
    }

    const CHANGED: &str =
        "first differs at byte 4711 (ours 0x41, theirs 0x42); sizes 5000 and 5000";

    #[test]
    fn equal_bytes_do_not_differ_whatever_they_are() {
        assert_eq!(said(TAR, &good_tar(), &good_tar()), [""; 0]);
        assert_eq!(said(ZIP, b"no zip", b"no zip"), [""; 0]);
    }

    #[test]
    fn the_first_differing_byte_of_a_member_is_named() {
        let program = one_byte_changed();
        let theirs = tar(&[("p/README.md", b"read me"), ("p/p", &program)]);
        assert_eq!(said(TAR, &good_tar(), &theirs), [format!("p/p: {CHANGED}")]);
        let theirs = zip_with(options(), &[("README.md", b"read me"), ("p.exe", &program)]);
        assert_eq!(
            said(ZIP, &good_zip(), &theirs),
            [format!("p.exe: {CHANGED}")]
        );
    }

    #[test]
    fn a_member_that_goes_on_differs_where_the_other_ends() {
        let theirs = tar(&[("p/README.md", b"read"), ("p/p", &[b'A'; 5000])]);
        assert_eq!(
            said(TAR, &good_tar(), &theirs),
            ["p/README.md: first differs at byte 4 (ours 0x20, theirs ends); sizes 7 and 4"]
        );
    }

    #[test]
    fn members_that_one_side_lacks_are_named_with_the_side_that_has_them() {
        let theirs = tar(&[("p/LICENSE", b""), ("p/p", &[b'A'; 5000])]);
        assert_eq!(
            said(TAR, &good_tar(), &theirs),
            ["p/README.md: only in ours", "p/LICENSE: only in theirs"]
        );
        let theirs = zip_with(options(), &[("p.exe", &[b'A'; 5000])]);
        assert_eq!(said(ZIP, &good_zip(), &theirs), ["README.md: only in ours"]);
    }

    #[test]
    fn each_property_of_a_tar_member_that_differs_is_named() {
        let members: &[(&str, &[u8])] = &[("p/p", b"x")];
        let theirs = tar_with(9, members, |header| {
            header.set_mode(0o644);
            header.set_mtime(1_700_000_001);
            header.set_uid(1000);
            header.set_gid(100);
            header.set_username("ada").unwrap();
            header.set_groupname("users").unwrap();
        });
        assert_eq!(
            said(TAR, &tar(members), &theirs),
            [
                "p/p: mode differs (ours 0o755, theirs 0o644)",
                "p/p: time differs (ours 1700000000, theirs 1700000001)",
                "p/p: owner differs (ours 0, theirs 1000)",
                "p/p: group differs (ours 0, theirs 100)",
                "p/p: owner's name differs (ours , theirs ada)",
                "p/p: group's name differs (ours , theirs users)",
            ]
        );
    }

    #[test]
    fn a_link_in_the_place_of_a_file_is_named() {
        let ours = tar(&[("p/p", b"")]);
        let theirs = tar_with(9, &[("p/p", b"")], |header| {
            header.set_entry_type(EntryType::Symlink);
            header.set_link_name("q").unwrap();
        });
        assert_eq!(
            said(TAR, &ours, &theirs),
            [
                "p/p: type differs (ours Regular, theirs Symlink)",
                "p/p: link differs (ours , theirs q)",
            ]
        );
    }

    #[test]
    fn each_property_of_a_zip_member_that_differs_is_named() {
        let members: &[(&str, &[u8])] = &[("p.exe", b"x")];
        let time = zip::DateTime::from_date_and_time(2026, 1, 2, 3, 4, 6).unwrap();
        let theirs = options()
            .unix_permissions(0o644)
            .compression_method(zip::CompressionMethod::Stored)
            .last_modified_time(time);
        assert_eq!(
            said(
                ZIP,
                &zip_with(options(), members),
                &zip_with(theirs, members)
            ),
            [
                "p.exe: mode differs (ours 0o100755, theirs 0o100644)",
                "p.exe: time differs (ours 1980-01-01 00:00:00, theirs 2026-01-02 03:04:06)",
                "p.exe: compression differs (ours Deflated, theirs Stored)",
            ]
        );
    }

    #[test]
    fn another_order_of_the_same_members_is_named_where_it_begins() {
        let ours = tar(&[("p/a", b"1"), ("p/b", b"2"), ("p/c", b"3")]);
        let theirs = tar(&[("p/a", b"1"), ("p/c", b"3"), ("p/b", b"2")]);
        assert_eq!(
            said(TAR, &ours, &theirs),
            ["the order of members differs: ours has p/b where theirs has p/c"]
        );
    }

    #[test]
    fn the_same_members_in_another_compression_are_told_from_other_members() {
        let members: &[(&str, &[u8])] = &[("p/p", &[b'A'; 5000])];
        let (ours, theirs) = (tar(members), tar_with(0, members, |_| ()));
        let said = said(TAR, &ours, &theirs);
        // The ninth byte of gzip's header tells how hard it tried (RFC 1952).
        let expected = format!(
            "the same members, packed otherwise: first differs at byte 8 (ours 0x02, theirs \
             {:#04x}); sizes {} and {}",
            theirs[8],
            ours.len(),
            theirs.len()
        );
        assert_eq!(said, [expected]);
    }

    #[test]
    fn a_file_that_is_no_archive_is_compared_as_it_is() {
        assert_eq!(
            said("plan.json", b"{1}", b"{2}"),
            ["first differs at byte 1 (ours 0x31, theirs 0x32); sizes 3 and 3"]
        );
    }

    #[test]
    fn an_escape_sequence_in_a_name_reaches_no_terminal() {
        let theirs = tar(&[("p/\u{1b}[2Jp", b"")]);
        let said = said(TAR, &tar(&[("p/p", b"")]), &theirs);
        assert_eq!(said[1], r"p/\u{1b}[2Jp: only in theirs");
    }

    #[test]
    fn a_malformed_archive_is_an_error_with_its_name_and_side() {
        for (name, good) in [(TAR, good_tar()), (ZIP, good_zip())] {
            let lead = format!("{name} (theirs): it cannot be read: ");
            for bad in [&b""[..], b"no archive", &good[..good.len() - 1]] {
                let error = refused(name, bad);
                assert!(error.starts_with(&lead), "{error}");
            }
        }
    }

    #[test]
    fn an_archive_with_any_bit_flipped_is_read_without_panic() {
        for (name, good) in [(TAR, good_tar()), (ZIP, good_zip())] {
            for at in 0..good.len() {
                let mut bad = good.clone();
                bad[at] ^= 1;
                let _ = compare(&name.parse().unwrap(), &good, &bad);
            }
        }
    }

    #[test]
    fn a_name_that_is_there_twice_is_an_error() {
        let in_tar = tar(&[("p/p", b"1"), ("p/p", b"2")]);
        // The writer refuses to make such a zip file.
        let mut in_zip = zip_with(options(), &[("p/q", b"1"), ("p/p", b"2")]);
        while let Some(at) = in_zip.windows(3).position(|name| name == b"p/q") {
            in_zip[at + 2] = b'p';
        }
        for (name, theirs) in [(TAR, in_tar), (ZIP, in_zip)] {
            let error = refused(name, &theirs);
            assert!(error.ends_with("it has two members of one name"), "{error}");
        }
    }

    #[test]
    fn an_archive_bomb_is_an_error_and_not_read() {
        let zeros = || io::repeat(0).take(MOST_BYTES + 1);
        let tar = |kind| {
            let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
            let mut header = header(0);
            header.set_entry_type(kind);
            header.set_path("p/p").unwrap();
            header.set_size(MOST_BYTES + 1);
            header.set_cksum();
            tar.append(&header, zeros()).unwrap();
            tar.into_inner().unwrap().finish().unwrap()
        };
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        zip.start_file("p.exe", options()).unwrap();
        io::copy(&mut zeros(), &mut zip).unwrap();
        for (name, bomb) in [
            (TAR, tar(EntryType::Regular)),
            (TAR, tar(EntryType::GNULongName)),
            (ZIP, zip.finish().unwrap().into_inner()),
        ] {
            let error = refused(name, &bomb);
            assert!(
                error.ends_with("unpacks to more than 134217728 bytes"),
                "{error}"
            );
        }
    }

    #[test]
    fn too_many_members_are_an_error() {
        let names: Vec<_> = (0..=MOST_MEMBERS).map(|n| n.to_string()).collect();
        let members: Vec<(&str, &[u8])> = names.iter().map(|n| (n.as_str(), &b""[..])).collect();
        for (name, theirs) in [(TAR, tar(&members)), (ZIP, zip_with(options(), &members))] {
            let error = refused(name, &theirs);
            assert!(error.ends_with("more than 1000 members"), "{error}");
        }
    }
}
