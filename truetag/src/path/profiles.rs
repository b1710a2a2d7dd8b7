//! Edits of profiles, and their way back. A profile is replaced as a whole or not at all, at the
//! end of the links that lead to it, with its mode and its owner. One that cannot be edited is told
//! with the line that belongs into it, and is no failure of an installation.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

use super::line::{Taken, missing, stands, take};
use super::record::{Edit, Record, RecordError};
use super::shell::Shell;
use super::user::User;
use super::{Place, Told};
use crate::files::{
    FileError, UNFINISHED, at, read_limited, remove_empty, remove_if_any, replace, sync_folder,
};

/// The most bytes that a profile is read for.
const MOST_BYTES: usize = 8 * 1024 * 1024;

/// A profile as it is now.
#[derive(Debug)]
struct Found {
    /// At the end of all links.
    file: PathBuf,
    bytes: Vec<u8>,
    /// None where there is no file yet.
    metadata: Option<fs::Metadata>,
}

/// Writes the env files and, where `profiles` says so, has every shell's profile read its own.
pub(crate) fn add(place: Place<'_>, profiles: bool) -> Result<Told, RecordError> {
    let mut told = Told::default();
    let bin = place.bin();
    let (Some(home), Some(bin)) = (place.home.to_str(), bin.to_str()) else {
        told.note("the name of the home is not UTF-8: put its bin on PATH by hand");
        return Ok(told);
    };
    if home.contains([':', '\n']) {
        told.note(format_args!(
            "{bin} cannot stand on PATH, which ':' and line ends divide: call the program by its path"
        ));
        return Ok(told);
    }
    for shell in Shell::ALL {
        let file = place.home.join(shell.env_file());
        let text = shell.env_text(bin);
        if fs::read(&file).ok().as_deref() != Some(text.as_bytes()) {
            replace(&file, 0o666, |to| to.write_all(text.as_bytes()))?;
        }
    }
    let Some(user) = User::of_environment() else {
        told.note("no folder is known for this user: no profile was changed");
        return Ok(told);
    };
    let now = |shell: Shell| shell.now(home, &user.folder);
    if !profiles {
        told.say(format_args!(
            "no profile was changed. What puts it on PATH: {}",
            now(user.logs_in_with())
        ));
        return Ok(told);
    }
    if let Some(owner) = somebody_elses(&user.folder) {
        told.note(format_args!(
            "this runs as root, and {} belongs to user {owner}: no profile was changed. Run it as that user; or what puts it on PATH: {}",
            user.folder.display(),
            now(user.logs_in_with())
        ));
        return Ok(told);
    }
    edit(place, home, &user, &mut told)?;
    told.say(format_args!(
        "new shells have it on PATH. To have it in this one: {}",
        now(user.logs_in_with())
    ));
    Ok(told)
}

fn edit(place: Place<'_>, home: &str, user: &User, told: &mut Told) -> Result<(), RecordError> {
    let mut record = Record::read(&place.record())?;
    let mut planned = Vec::new();
    let mut seen = BTreeSet::new();
    let unedited = |told: &mut Told, file: &Path, shell: Shell, error: &dyn std::fmt::Display| {
        told.note(format_args!(
            "{} was not changed: {error}. Add this line to it: {}",
            file.display(),
            shell.line(home, &user.folder)
        ));
    };
    for profile in user.profiles(place.product) {
        let found = match find(place, &profile.file) {
            Ok(found) => found,
            Err(error) => {
                unedited(told, &profile.file, profile.shell, &error);
                continue;
            }
        };
        // Two profiles may be one file.
        if !seen.insert(found.file.clone()) {
            continue;
        }
        let line = profile.shell.line(home, &user.folder);
        let Some(added) = missing(&found.bytes, &line) else {
            continue;
        };
        let mut edit = Edit {
            added,
            created: found.metadata.is_none(),
            folders: missing_folders(&found.file),
            file: found.file.clone(),
        };
        // A run that was cut off may have made folders for it.
        let earlier = record.profiles.iter().find(|it| it.file == edit.file);
        if let Some(earlier) = earlier.filter(|it| it.created && edit.created) {
            edit.folders.clone_from(&earlier.folders);
        }
        record.profiles.retain(|it| it.file != edit.file);
        record.profiles.push(edit.clone());
        planned.push((profile.shell, found, edit));
    }
    if planned.is_empty() {
        return Ok(());
    }
    record.write(&place.record())?;
    for (shell, found, edit) in planned {
        let bytes = [&found.bytes, edit.added.as_bytes()].concat();
        match write(place, &found, &edit, &bytes) {
            // It may have failed once the line was there: that stays recorded.
            Err(error) if fs::read(&edit.file).ok().as_ref() != Some(&bytes) => {
                unedited(told, &edit.file, shell, &error);
                if remove_folders(&edit).is_ok() {
                    record.profiles.retain(|other| *other != edit);
                }
            }
            written => {
                told.say(format_args!(
                    "added to {}: {}",
                    edit.file.display(),
                    edit.added.trim_matches('\n')
                ));
                if let Err(error) = written {
                    told.note(error);
                }
            }
        }
    }
    record.write(&place.record())
}

/// Takes back every edit that is recorded, and nothing else. One that cannot be taken back now
/// stays recorded.
pub(crate) fn remove(place: Place<'_>) -> Result<Told, RecordError> {
    let mut told = Told::default();
    let mut record = Record::read(&place.record())?;
    let edits = std::mem::take(&mut record.profiles);
    for edit in edits {
        if let Err(error) = take_back(place, &edit, &mut told) {
            let line = edit.added.trim_matches('\n');
            told.incomplete = told.incomplete.or(Some(error.exit()));
            told.note(
                if fs::read(&edit.file).is_ok_and(|bytes| stands(&bytes, line)) {
                    format!("{error}. This line is left in it: {line}")
                } else {
                    error.to_string()
                },
            );
            record.profiles.push(edit);
        }
    }
    let path = place.record();
    if record.is_empty() {
        remove_if_any(&path)?;
        sync_folder(path.parent().unwrap_or(&path))?;
    } else {
        record.write(&path)?;
    }
    Ok(told)
}

fn take_back(place: Place<'_>, edit: &Edit, told: &mut Told) -> Result<(), FileError> {
    let name = edit.file.display();
    sweep(place, &edit.file)?;
    if !edit.file.try_exists().map_err(at("look at", &edit.file))? {
        return remove_folders(edit);
    }
    let found = find(place, &edit.file)?;
    let env_file = Shell::ALL.map(Shell::env_file);
    let named = env_file.into_iter().find(|name| edit.added.contains(name));
    match take(&found.bytes, &edit.added, named.unwrap_or_default()) {
        Taken::Out(bytes) if bytes.is_empty() && edit.created => {
            fs::remove_file(&found.file).map_err(at("remove", &found.file))?;
            if let Some(folder) = found.file.parent() {
                sync_folder(folder)?;
            }
            remove_folders(edit)?;
            told.say(format_args!("removed {name}, which held nothing else"));
        }
        Taken::Out(bytes) => {
            write(place, &found, edit, &bytes)?;
            told.say(format_args!("took the line out of {name}"));
        }
        Taken::Changed => told.say(format_args!(
            "note: the line in {name} was changed since: it is left as it is"
        )),
        Taken::Absent => {}
    }
    Ok(())
}

/// A profile's bytes and where they are, once what a run that was killed left beside it is gone.
fn find(place: Place<'_>, profile: &Path) -> Result<Found, FileError> {
    let file = match profile.canonicalize() {
        Ok(file) => file,
        Err(error)
            if error.kind() == ErrorKind::NotFound && profile.symlink_metadata().is_err() =>
        {
            sweep(place, profile)?;
            return Ok(Found {
                file: profile.to_owned(),
                bytes: Vec::new(),
                metadata: None,
            });
        }
        Err(error) => return Err(at("follow", profile)(error)),
    };
    sweep(place, &file)?;
    let metadata = fs::metadata(&file).map_err(at("look at", &file))?;
    let bytes = read_limited(&file, MOST_BYTES)?;
    if bytes.len() > MOST_BYTES {
        let large = io::Error::new(ErrorKind::FileTooLarge, "it is too large for a profile");
        return Err(at("read", &file)(large));
    }
    Ok(Found {
        file,
        bytes,
        metadata: Some(metadata),
    })
}

/// Replaces a profile, which keeps its mode and its owner. One that a person made read-only stays.
fn write(place: Place<'_>, found: &Found, edit: &Edit, bytes: &[u8]) -> Result<(), FileError> {
    if let Some(folder) = edit.folders.first() {
        fs::create_dir_all(folder).map_err(at("create", folder))?;
    }
    let before = found.metadata.as_ref();
    if before.is_some_and(|before| before.permissions().readonly()) {
        let read_only = io::Error::new(ErrorKind::PermissionDenied, "it is read-only");
        return Err(at("write", &found.file)(read_only));
    }
    let unfinished = unfinished(place, &found.file);
    let written = || {
        let mut options = File::options();
        // Until it has the profile's own mode it is nobody else's to read.
        options.mode(if before.is_some() { 0o600 } else { 0o666 });
        let mut file = options.write(true).create_new(true).open(&unfinished)?;
        file.write_all(bytes)?;
        if let Some(before) = before {
            let own = file.metadata()?;
            if (own.uid(), own.gid()) != (before.uid(), before.gid()) {
                fchown(&file, Some(before.uid()), Some(before.gid()))?;
            }
            file.set_permissions(before.permissions())?;
        }
        file.sync_all()?;
        fs::rename(&unfinished, &found.file)
    };
    if let Err(error) = written() {
        let _ = fs::remove_file(&unfinished);
        return Err(at("write", &found.file)(error));
    }
    sync_folder(found.file.parent().unwrap_or(&found.file))
}

/// A profile while it is written. Its name can be told from the profile's, so that what a run that
/// was killed left in a person's folder is found by the next.
fn unfinished(place: Place<'_>, file: &Path) -> PathBuf {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    file.with_file_name(format!("{UNFINISHED}{}-{name}", place.product))
}

fn sweep(place: Place<'_>, file: &Path) -> Result<(), FileError> {
    remove_if_any(&unfinished(place, file))
}

/// The folders that lead to `file` and are not there, the innermost first. That of the person is
/// not made: somebody without one has no profile either.
fn missing_folders(file: &Path) -> Vec<PathBuf> {
    let above = file.ancestors().skip(1);
    above
        .take_while(|folder| !folder.exists())
        .map(Path::to_owned)
        .collect()
}

/// Removes those that are empty.
fn remove_folders(edit: &Edit) -> Result<(), FileError> {
    edit.folders
        .iter()
        .try_for_each(|folder| remove_empty(folder))
}

/// The owner of a person's folder, when root runs this on behalf of another user.
fn somebody_elses(folder: &Path) -> Option<u32> {
    let owner = fs::metadata(folder).ok()?.uid();
    (rustix::process::geteuid().is_root() && owner != 0).then_some(owner)
}
