//! From an admitted archive to the current version.
//!
//! 1. The program is taken out of the archive into `versions/.staging-…`, with a receipt.
//! 2. It runs `self prepare` there: the new program probes itself and writes its playbook.
//! 3. All of it is synced, and renamed to `versions/<v>`, which so appears whole or not at all.
//! 4. It runs `self activate` there: the new program makes itself current, on trial.
//! 5. Once it is past its trial, it runs `self settle`: the new program becomes the launcher.
//!
//! The program that installs does no more than it must, so that a newer one mends its mistakes.
//! Relies on the home being locked.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

use playbook::Playbook;
use release_plan::{Exit, Meter, Sha256, Version};
use trust::VerifiedRelease;

use crate::app::App;
use crate::fetch::{AdmittedArchive, FetchError, Fetcher, archive_for};
use crate::files::{FileError, at, patiently, replace, sync_folder, sync_tree};
use crate::home::{Home, LockedHome};
use crate::interrupt::Staging;
use crate::receipt::{Receipt, ReceiptError};
use crate::unpack::{self, UnpackError};

/// The hidden commands that a program runs on the one it installs. Every later version answers
/// them in the same way.
pub(crate) const SELF: &str = "self";
pub(crate) const PREPARE: &str = "prepare";
pub(crate) const ACTIVATE: &str = "activate";
pub(crate) const SETTLE: &str = "settle";
/// Tells a program that its caller holds the lock for it.
pub(crate) const LOCKED: &str = "--locked";

/// Why a version was not installed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InstallError {
    #[error(transparent)]
    Unpack(#[from] UnpackError),
    #[error(transparent)]
    Receipt(#[from] ReceiptError),
    #[error("{version} could not {step} itself: {ended}. Nothing was changed")]
    Step {
        version: Version,
        step: &'static str,
        ended: ExitStatus,
    },
    #[error(transparent)]
    File(#[from] FileError),
}

impl InstallError {
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Unpack(error) => error.exit(),
            Self::Receipt(error) => error.exit(),
            // The new program has said why, and exits as this one would.
            Self::Step { ended, .. } => {
                let told = |(exit, _): &(Exit, _)| Some(i32::from(exit.code())) == ended.code();
                let told = Exit::ALL.into_iter().find(told);
                told.map_or(Exit::Failed, |(exit, _)| exit)
            }
            Self::File(error) => error.exit(),
        }
    }
}

/// Whether `version` is installed with the archive that `release` lists under `archive_sha256`,
/// and its program and playbook are those that came in it.
pub(crate) fn is_installed(
    home: &LockedHome<'_>,
    version: &Version,
    archive_sha256: Sha256,
) -> Result<bool, FileError> {
    let folder = home.home().version(version);
    let Ok(receipt) = Receipt::read(&folder) else {
        return Ok(false);
    };
    if receipt.archive_sha256 != archive_sha256 {
        return Ok(false);
    }
    let executable = home.home().executable(version);
    let found = match digest(&executable) {
        Err(error) if error.is_missing() => return Ok(false),
        result => result?,
    };
    let whole = found == receipt.executable_sha256;
    Ok(whole && may_run(&executable) && has_playbook(&folder, receipt.playbook_sha256))
}

/// Whether the playbook of a version is the one that it came with.
pub(crate) fn has_playbook(folder: &Path, sha256: Sha256) -> bool {
    let playbook = Playbook::read(&folder.join("playbook"));
    playbook.is_ok_and(|playbook| playbook.sha256() == sha256)
}

/// Whether a file's permissions let it be run.
fn may_run(executable: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        executable
            .metadata()
            .is_ok_and(|metadata| metadata.permissions().mode() & 0o111 != 0)
    }
    #[cfg(not(unix))]
    executable.is_file()
}

/// The archive of a release for this target; none where its version is installed already.
pub(crate) fn fetch_unless_installed(
    app: &App,
    home: &LockedHome<'_>,
    fetcher: &Fetcher<'_>,
    release: &VerifiedRelease,
) -> Result<Option<AdmittedArchive>, FetchError> {
    let asset = archive_for(release, &app.target)?;
    if is_installed(home, &release.manifest().version, asset.sha256)? {
        return Ok(None);
    }
    fetcher.archive(release, asset, home).map(Some)
}

/// Lets the version of `release` make itself current. With an archive it is installed from that
/// first, and taken away again when it cannot become current.
pub(crate) fn make_current(
    app: &App,
    home: &LockedHome<'_>,
    release: &VerifiedRelease,
    archive: Option<AdmittedArchive>,
) -> Result<(), InstallError> {
    let version = &release.manifest().version;
    let fresh = archive.is_some();
    if let Some(archive) = archive {
        install(app, home, release, archive)?;
    }
    let activated = activate(app, home, version);
    if fresh && activated.is_err() && !home.home().current().is_ok_and(|now| now == *version) {
        home.remove_version(version)?;
    }
    activated
}

/// Unpacks an archive, lets the program prepare itself and puts it under `versions/`.
pub(crate) fn install(
    app: &App,
    home: &LockedHome<'_>,
    release: &VerifiedRelease,
    archive: AdmittedArchive,
) -> Result<(), InstallError> {
    let manifest = release.manifest();
    let versions = home.home().versions();
    let staging = Staging::create(&versions)?;
    let archive_sha256 = archive.sha256();
    let executable = staging.path().join(app.executable_name());
    let root = app.target.archive_stem(&app.product.name);
    let executable_sha256 =
        unpack::executable(archive, &root, &app.executable_name(), &executable)?;
    let receipt = Receipt {
        schema: Receipt::schema(),
        product: app.product.name.clone(),
        version: manifest.version.clone(),
        tag: manifest.tag.clone(),
        target: app.target.clone(),
        archive_sha256,
        executable_sha256,
        playbook_sha256: manifest.playbook_sha256,
        release_sha256: release.sha256(),
        upgrades_from: Some(manifest.upgrades_from.clone()),
        identity: release.evidence().signed_by().to_string(),
        signed_at: release.signed_at(),
    };
    receipt.write(staging.path())?;
    let ended = step(app, home, &executable, |command| {
        command.arg(PREPARE).arg(staging.path());
    })?;
    check(ended, &manifest.version, PREPARE)?;
    sync_tree(staging.path())?;
    let place = home.home().version(&manifest.version);
    staging.put(|path| put(path, &place))?;
    Ok(())
}

/// Lets an installed version make itself current.
fn activate(app: &App, home: &LockedHome<'_>, version: &Version) -> Result<(), InstallError> {
    let executable = home.home().executable(version);
    let ended = step(app, home, &executable, |command| {
        command.arg(ACTIVATE).arg(LOCKED);
    })?;
    check(ended, version, ACTIVATE)
}

/// Lets a version that is past its trial become the launcher.
pub(crate) fn settle(
    app: &App,
    home: &LockedHome<'_>,
    version: &Version,
) -> Result<(), InstallError> {
    let executable = home.home().executable(version);
    let ended = step(app, home, &executable, |command| {
        command.arg(SETTLE).arg(LOCKED);
    })?;
    check(ended, version, SETTLE)
}

/// Puts the program of an installed version on PATH, unless the one there is that of an installed
/// version already.
pub(crate) fn put_launcher(home: &LockedHome<'_>, version: &Version) -> Result<(), InstallError> {
    let home = home.home();
    let launcher = home.launcher();
    if let Ok(found) = digest(&launcher) {
        let installed = home.installed()?;
        let receipts = installed
            .iter()
            .map(|version| Receipt::read(&home.version(version)));
        if receipts
            .flatten()
            .any(|receipt| receipt.executable_sha256 == found)
        {
            return Ok(());
        }
    }
    replace_launcher(home, version)?;
    Ok(())
}

/// Puts the program of an installed version on PATH.
pub(crate) fn replace_launcher(home: &Home, version: &Version) -> Result<(), FileError> {
    let from = home.executable(version);
    let mut from = File::open(&from).map_err(at("read", &from))?;
    replace(&home.launcher(), 0o777, |to| {
        io::copy(&mut from, to).map(drop)
    })
}

/// The digest of a file.
pub(crate) fn digest(path: &Path) -> Result<Sha256, FileError> {
    let measured = File::open(path).and_then(Meter::drain);
    Ok(measured.map_err(at("read", path))?.sha256())
}

/// Runs a hidden command of the program that is being installed.
fn step(
    app: &App,
    home: &LockedHome<'_>,
    executable: &Path,
    arguments: impl FnOnce(&mut Command),
) -> Result<ExitStatus, FileError> {
    let mut command = Command::new(executable);
    command.arg(SELF);
    arguments(&mut command);
    // It holds the lock along with this process, and on if this one is killed.
    let lock = home.share().map_err(at("share the lock of", executable))?;
    command
        .env(app.home_variable(), home.home().root())
        .stdin(lock.map_or_else(Stdio::null, Stdio::from))
        .stdout(Stdio::null());
    patiently(|| command.status()).map_err(at("run", executable))
}

fn check(ended: ExitStatus, version: &Version, step: &'static str) -> Result<(), InstallError> {
    if ended.success() {
        return Ok(());
    }
    Err(InstallError::Step {
        version: version.clone(),
        step,
        ended,
    })
}

/// Gives `staged` the name `place`. What lies there already is not the version that it should be,
/// and goes in the same instant, so that the name is never without a version.
fn put(staged: &Path, place: &Path) -> Result<(), FileError> {
    let versions = place.parent().unwrap_or(place);
    let replaces = place.exists();
    if replaces {
        exchange(staged, place).map_err(at("write", place))?;
    } else {
        fs::rename(staged, place).map_err(at("write", place))?;
    }
    sync_folder(versions)?;
    if replaces {
        fs::remove_dir_all(staged).map_err(at("remove", staged))?;
    }
    Ok(())
}

/// Lets two folders of one file system swap their names in one step.
#[cfg(any(target_os = "linux", target_os = "macos"))]
fn exchange(staged: &Path, place: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    use rustix::io::Errno;
    match renameat_with(CWD, staged, CWD, place, RenameFlags::EXCHANGE) {
        // A file system that cannot do it in one step does it in three.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => exchange_by_steps(staged, place),
        result => Ok(result?),
    }
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn exchange(staged: &Path, place: &Path) -> io::Result<()> {
    exchange_by_steps(staged, place)
}

/// Swaps names where no single step does it. When the second step fails, the first is undone.
fn exchange_by_steps(staged: &Path, place: &Path) -> io::Result<()> {
    let aside = staged.with_extension("aside");
    fs::rename(place, &aside)?;
    if let Err(error) = fs::rename(staged, place) {
        fs::rename(&aside, place)?;
        return Err(error);
    }
    fs::rename(&aside, staged)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_broken_is_replaced_as_a_whole() {
        let versions = tempfile::tempdir().unwrap();
        let place = versions.path().join("1.0.0");
        let staged = versions.path().join(".staging-abc");
        for (folder, file) in [(&place, "broken"), (&staged, "whole")] {
            fs::create_dir(folder).unwrap();
            fs::write(folder.join(file), file).unwrap();
        }
        put(&staged, &place).unwrap();
        assert!(place.join("whole").exists() && !place.join("broken").exists());
        assert_eq!(fs::read_dir(versions.path()).unwrap().count(), 1);
    }

    #[test]
    fn names_swapped_by_steps_end_as_those_swapped_at_once() {
        for swap in [exchange, exchange_by_steps] {
            let folder = tempfile::tempdir().unwrap();
            let (one, other) = (
                folder.path().join(".staging-a"),
                folder.path().join("1.0.0"),
            );
            for path in [&one, &other] {
                fs::create_dir(path).unwrap();
                fs::write(path.join("was"), path.to_str().unwrap()).unwrap();
            }
            swap(&one, &other).unwrap();
            let was = |path: &Path| fs::read_to_string(path.join("was")).unwrap();
            assert_eq!(was(&one), other.to_str().unwrap());
            assert_eq!(was(&other), one.to_str().unwrap());
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_step_that_fails_gives_its_own_exit_code_where_it_has_a_meaning() {
        use std::os::unix::process::ExitStatusExt;
        for (status, exit) in [
            (11 << 8, Exit::Refused),
            (16 << 8, Exit::Storage),
            (99 << 8, Exit::Failed),
            (9, Exit::Failed),
        ] {
            let ended = ExitStatus::from_raw(status);
            let error = check(ended, &Version::new(1, 0, 0), PREPARE).unwrap_err();
            assert_eq!(error.exit(), exit, "{error}");
        }
    }
}
