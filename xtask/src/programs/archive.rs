//! The archives of a release: the same bytes for the same contents, on whatever machine.
//!
//! Entries are sorted, owner, modes and times are fixed. libdeflate compresses: what it writes
//! depends on the input, the level and its own version, and on no feature of the processor, so
//! that a rebuild elsewhere can be compared. flate2 would write what the backend writes that some
//! other dependency has switched on.

mod zip;

use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use libdeflater::{CompressionLvl, Compressor};
use release_plan::{Exit, Instant, Measured, Sha256, Target};

use crate::{Failure, files};

/// What it makes of programs is 3 % smaller than what `gzip -9` does, in two thirds of the time.
/// Level 11 takes half as long again, for a thousandth.
pub(crate) const LEVEL: i32 = 10;

/// An archive to be written.
pub(crate) struct Archive {
    /// Where its file is to be.
    pub(crate) path: PathBuf,
    /// Whose program it holds. For Windows it is a zip file, else a tar file in gzip.
    pub(crate) target: Target,
    /// The folder that the members of a tar file lie in; a zip file has none.
    pub(crate) root: String,
    /// In any order.
    pub(crate) members: Vec<Member>,
}

impl Archive {
    /// What its members will be called, in their order.
    pub(crate) fn paths(&self) -> Vec<String> {
        let names = sorted(self).into_iter().map(|member| member.name.clone());
        if self.target.is_windows() {
            return names.collect();
        }
        let root = format!("{}/", self.root);
        let below = names.map(|name| format!("{root}{name}"));
        std::iter::once(root.clone()).chain(below).collect()
    }
}

/// A file of an archive.
pub(crate) struct Member {
    /// Name below the archive's root.
    pub(crate) name: String,
    /// Where its bytes lie.
    pub(crate) file: PathBuf,
    /// Whether it is a program.
    pub(crate) executable: bool,
    /// The digest that its bytes had when they were made, where that is known: others are refused.
    pub(crate) sha256: Option<Sha256>,
}

impl Member {
    fn mode(&self) -> u32 {
        if self.executable { 0o755 } else { 0o644 }
    }

    /// Reads the member, once: what is checked is what is packed.
    fn read(&self) -> Result<Vec<u8>, Failure> {
        let bytes = files::read(&self.file)?;
        if let Some(expected) = self.sha256 {
            let found = Sha256::of(&bytes);
            if found != expected {
                let message = format!(
                    "{}: expected sha256:{expected}, as `build` left it, found sha256:{found}; \
                     build again",
                    self.file.display()
                );
                return Err(Failure::new(Exit::Input, message));
            }
        }
        Ok(bytes)
    }
}

/// Writes archives, on as many cores as there are, and measures them, in the order given.
///
/// A core holds one archive at a time in memory: three times the size of what is packed, at most.
///
/// # Errors
/// The first that failed, by its target; those that did not fail are there whole.
pub(crate) fn write_all(archives: &[Archive], time: Instant) -> Result<Vec<Measured>, Failure> {
    let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    write_on(cores, archives, time)
}

fn write_on(cores: usize, archives: &[Archive], time: Instant) -> Result<Vec<Measured>, Failure> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut written = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(archive) = archives.get(index) else {
                return written;
            };
            written.push((index, write(archive, time)));
        }
    };
    let mut written = thread::scope(|scope| {
        let workers: Vec<_> = (0..cores.min(archives.len()))
            .map(|_| scope.spawn(work))
            .collect();
        let join = |worker: thread::ScopedJoinHandle<'_, _>| {
            worker
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        workers.into_iter().flat_map(join).collect::<Vec<_>>()
    });
    written.sort_by_key(|(index, _)| *index);
    written.into_iter().map(|(_, result)| result).collect()
}

fn write(archive: &Archive, time: Instant) -> Result<Measured, Failure> {
    let pack = if archive.target.is_windows() {
        zip
    } else {
        tar_gz
    };
    pack(archive, time)
        .and_then(|bytes| files::write(&archive.path, &bytes))
        .map_err(|failure| {
            let message = format!("{}: {failure}", archive.target);
            Failure::new(failure.exit(), message)
        })
}

fn sorted(archive: &Archive) -> Vec<&Member> {
    let mut members: Vec<_> = archive.members.iter().collect();
    members.sort_by(|a, b| a.name.cmp(&b.name));
    members
}

fn tar_gz(archive: &Archive, time: Instant) -> Result<Vec<u8>, Failure> {
    let mut tar = tar::Builder::new(Vec::new());
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
    tar.append_data(&mut folder, format!("{}/", archive.root), io::empty())?;
    for member in sorted(archive) {
        let bytes = member.read()?;
        let mut header = entry(tar::EntryType::Regular, member.mode(), bytes.len() as u64);
        let path = Path::new(&archive.root).join(&member.name);
        tar.append_data(&mut header, path, &bytes[..])?;
    }
    let tar = tar.into_inner()?;
    let mut compressor = compressor();
    let mut gzip = vec![0; compressor.gzip_compress_bound(tar.len())];
    let size = compressor.gzip_compress(&tar, &mut gzip)?;
    gzip.truncate(size);
    Ok(gzip)
}

fn zip(archive: &Archive, time: Instant) -> Result<Vec<u8>, Failure> {
    let mut zip = zip::Zip::new(time);
    for member in sorted(archive) {
        zip.add(&member.name, member.mode(), &member.read()?)?;
    }
    zip.finish()
}

fn compressor() -> Compressor {
    Compressor::new(CompressionLvl::new(LEVEL).expect("a level that libdeflate has"))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::{Value, json};

    use super::*;

    const LINUX: &str = "x86_64-unknown-linux-musl";
    const WINDOWS: &str = "x86_64-pc-windows-gnullvm";
    /// 2026-11-21T06:13:04Z.
    const TIME: i64 = 1_795_241_584;

    /// Bytes like those of a program: neither all alike nor all different, the same everywhere.
    fn program() -> Vec<u8> {
        let mut state = 1_u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state >> 16
        };
        let mut bytes = Vec::new();
        while bytes.len() < 400_000 {
            let length = 3 + next() as usize % 30;
            let back = 1 + next() as usize % 40_000;
            match bytes.len().checked_sub(back) {
                Some(start) if next() % 3 > 0 => {
                    for index in start..start + length {
                        bytes.push(bytes[index]);
                    }
                }
                _ => bytes.extend((0..length).map(|_| (next() % 97) as u8)),
            }
        }
        bytes
    }

    fn archive(folder: &Path, target: &str, names: [&str; 2]) -> Archive {
        let members = names.map(|name| {
            let file = folder.join(name);
            let executable = name == "ember";
            let bytes = if executable { program() } else { name.into() };
            fs::write(&file, bytes).unwrap();
            Member {
                name: name.to_owned(),
                file,
                executable,
                sha256: None,
            }
        });
        Archive {
            path: folder.join(format!("archive-{target}")),
            target: target.parse().unwrap(),
            root: format!("ember-{target}"),
            members: members.into(),
        }
    }

    fn time() -> Instant {
        Instant::from_seconds(TIME).unwrap()
    }

    fn packed(folder: &Path, target: &str) -> PathBuf {
        let archive = archive(folder, target, ["ember", "README.md"]);
        write_all(std::slice::from_ref(&archive), time()).unwrap();
        archive.path
    }

    #[test]
    fn the_same_contents_give_the_same_bytes_in_any_order_and_folder() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for target in [LINUX, WINDOWS] {
            let archives = [
                archive(one.path(), target, ["ember", "README.md"]),
                archive(other.path(), target, ["README.md", "ember"]),
            ];
            let measured = write_all(&archives, time()).unwrap();
            assert_eq!(measured[0], measured[1], "{target}");
        }
    }

    #[test]
    fn the_bytes_are_those_that_other_machines_and_earlier_builds_made() {
        let folder = tempfile::tempdir().unwrap();
        let digests = [LINUX, WINDOWS].map(|target| {
            let bytes = fs::read(packed(folder.path(), target)).unwrap();
            Sha256::of(&bytes).to_string()
        });
        let expected = [
            "37d83dc669527215af56a1f13a0cac801e0c10255f3c9fcc1f095cfaf03c4a27",
            "6401c3926b3e6d20d6b0421b4c01dc70d194d04661a248ffe3fdb4e565528b43",
        ];
        assert_eq!(digests, expected);
    }

    #[test]
    fn any_number_of_cores_gives_the_same_archives_in_the_order_given() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let archives: Vec<_> = (0..7)
            .map(|index| {
                let target = if index % 2 == 0 { LINUX } else { WINDOWS };
                let mut archive = archive(folder, target, ["ember", "README.md"]);
                archive.path = folder.join(index.to_string());
                archive.root = format!("ember-{index}");
                archive
            })
            .collect();
        let one = write_on(1, &archives, time()).unwrap();
        assert_eq!(one.len(), 7);
        for cores in [2, 5, 64] {
            assert_eq!(write_on(cores, &archives, time()).unwrap(), one);
        }
        for (archive, measured) in archives.iter().zip(one) {
            assert_eq!(files::measure(&archive.path).unwrap(), measured);
        }
        assert!(write_on(2, &[], time()).unwrap().is_empty());
    }

    #[test]
    fn a_tar_file_has_its_members_in_the_root_folder_with_fixed_modes_and_owner() {
        let folder = tempfile::tempdir().unwrap();
        let gzip = fs::read(packed(folder.path(), LINUX)).unwrap();
        assert_eq!(gzip[..10], [31, 139, 8, 0, 0, 0, 0, 0, 2, 255]);
        let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(&gzip[..]));
        let entries: Vec<_> = tar
            .entries()
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let header = entry.header();
                assert_eq!(
                    (
                        header.uid().unwrap(),
                        header.gid().unwrap(),
                        header.mtime().unwrap()
                    ),
                    (0, 0, TIME as u64)
                );
                let path = entry.path().unwrap().to_string_lossy().into_owned();
                (path, header.mode().unwrap())
            })
            .collect();
        let expected = [
            ("ember-x86_64-unknown-linux-musl/", 0o755),
            ("ember-x86_64-unknown-linux-musl/README.md", 0o644),
            ("ember-x86_64-unknown-linux-musl/ember", 0o755),
        ];
        assert_eq!(
            entries,
            expected.map(|(path, mode)| (path.to_owned(), mode))
        );
    }

    /// Runs a tool of others' in `folder`; `None` where it is missing and need not be there.
    fn tool(folder: &Path, program: &str, arguments: &[&str]) -> Option<String> {
        let Ok(output) = std::process::Command::new(program)
            .args(arguments)
            .current_dir(folder)
            .output()
        else {
            rehearsal::verifiers::not_run(program);
            return None;
        };
        let (out, err) = (output.stdout, output.stderr);
        let err = String::from_utf8_lossy(&err);
        assert!(output.status.success(), "{program} {arguments:?}: {err}");
        Some(String::from_utf8(out).unwrap())
    }

    const ZIPFILE: &str = "
import hashlib, json, sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as z:
    assert z.testzip() is None and z.comment == b''
    print(json.dumps([{
        'name': i.filename, 'attributes': i.external_attr, 'system': i.create_system,
        'method': i.compress_type, 'flags': i.flag_bits, 'extra': len(i.extra),
        'time': i.date_time, 'sha256': hashlib.sha256(z.read(i)).hexdigest(),
    } for i in z.infolist()]))
";

    #[test]
    fn a_zip_file_is_flat_with_fixed_modes_and_time_and_no_more_as_python_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let zip = packed(folder.path(), WINDOWS);
        let zip = zip.to_str().unwrap();
        let Some(out) = tool(folder.path(), "python3", &["-c", ZIPFILE, zip]) else {
            return;
        };
        let entry = |name: &str, mode: u32, content: &[u8]| {
            json!({
                "name": name, "attributes": (0o100_000 | mode) << 16, "system": 3,
                "method": 8, "flags": 0, "extra": 0,
                "time": [2026, 11, 21, 6, 13, 4], "sha256": Sha256::of(content).to_string(),
            })
        };
        let expected = [
            entry("README.md", 0o644, b"README.md"),
            entry("ember", 0o755, &program()),
        ];
        let found: Value = serde_json::from_str(&out).unwrap();
        assert_eq!(found, Value::from_iter(expected));
    }

    #[test]
    fn tar_and_unzip_give_back_what_was_packed() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let (gzip, zip) = (packed(folder, LINUX), packed(folder, WINDOWS));
        let (gzip, zip) = (gzip.to_str().unwrap(), zip.to_str().unwrap());
        for (unpacker, arguments, unpacked) in [
            (
                "tar",
                &["-xzf", gzip][..],
                "ember-x86_64-unknown-linux-musl/ember",
            ),
            ("unzip", &["-q", zip, "-d", "unzipped"], "unzipped/ember"),
        ] {
            if tool(folder, unpacker, arguments).is_none() {
                continue;
            }
            let unpacked = folder.join(unpacked);
            assert!(fs::read(&unpacked).unwrap() == program(), "{unpacker}");
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt as _;
                let mode = fs::metadata(unpacked).unwrap().permissions().mode();
                assert_eq!(mode & 0o111, 0o111, "{unpacker}");
            }
        }
    }

    #[test]
    fn an_archive_that_fails_is_named_leaves_nothing_and_the_others_are_whole() {
        let changed: fn(&mut Archive) = |archive| {
            archive.members[0].sha256 = Some(Sha256::of(b"what was built"));
        };
        for (spoil, exit, words) in [
            (changed, Exit::Input, "ember: expected sha256:"),
            (
                |archive| archive.members[0].file = "/nowhere/ember".into(),
                Exit::Input,
                "/nowhere/ember",
            ),
            // Nobody may make a file here, not even one who may write everywhere else.
            (
                |archive| archive.path = "/sys/kernel/ember.zip".into(),
                Exit::Storage,
                "/sys/kernel/ember.zip",
            ),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let good = || archive(folder.path(), LINUX, ["ember", "README.md"]);
            let mut bad = archive(folder.path(), WINDOWS, ["ember", "README.md"]);
            spoil(&mut bad);
            let failure = write_on(2, &[good(), bad, good()], time()).unwrap_err();
            assert_eq!(failure.exit(), exit, "{failure}");
            let text = failure.to_string();
            assert!(text.starts_with(WINDOWS) && text.contains(words), "{text}");
            let mut left: Vec<_> = fs::read_dir(folder.path())
                .unwrap()
                .map(|entry| entry.unwrap().file_name())
                .collect();
            left.sort();
            assert_eq!(left, ["README.md", &format!("archive-{LINUX}"), "ember"]);
        }
    }
}
