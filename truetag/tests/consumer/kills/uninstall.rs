//! Whatever call an uninstall or an edit of PATH dies at, or fails at: every profile of a person is
//! as it was or as an installation leaves it, and what she does next takes all of it back.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::cases::Cases;
use super::trace::Fate;
use super::{installs, on_path, versions_are_whole};
use crate::person::{Belongings, belongings};
use crate::rig::{Ran, Rig};

/// What a person does after a run that was cut off.
#[derive(Clone, Copy)]
enum Next {
    /// Where there is still something to run.
    Uninstall,
    InstallAndUninstall,
}

const NEXT: [(Next, &str); 2] = [
    (Next::Uninstall, "uninstalled next"),
    (Next::InstallAndUninstall, "installed next, and uninstalled"),
];

/// The version that she goes on from, and the one that is current, on trial.
const VERSIONS: [&str; 2] = ["1.0.0", "1.1.0"];
const CURRENT: &str = VERSIONS[1];

/// Somebody with profiles of her own, and a program to install.
struct Person {
    rig: Rig,
    unpacked: [PathBuf; 2],
    /// What she has before it is installed, and what else of her own she has with it.
    before: Belongings,
    with: Belongings,
}

fn home(folder: &Path) -> PathBuf {
    folder.join(".rocket")
}

/// Without what lies in the home.
fn own(folder: &Path) -> Belongings {
    let mut own = belongings(folder);
    own.retain(|path, _| !path.starts_with(".rocket"));
    own
}

impl Person {
    fn new() -> Self {
        let rig = Rig::new();
        let mut person = Self {
            unpacked: VERSIONS.map(|version| {
                rig.publish_good(version);
                rig.unpack(version)
            }),
            rig,
            before: Belongings::new(),
            with: Belongings::new(),
        };
        let folder = person.folder();
        person.before = own(folder.path());
        person.install(folder.path()).unwrap();
        person.with = own(folder.path());
        assert_ne!(person.with, person.before);
        person
    }

    /// A folder with her profiles in it; some are not there.
    fn folder(&self) -> tempfile::TempDir {
        let folder = tempfile::tempdir_in(self.rig.path("")).unwrap();
        let profiles = [(".bashrc", &b"umask 022"[..]), (".profile", b"# \xff\r\n")];
        for (name, bytes) in profiles {
            fs::write(folder.path().join(name), bytes).unwrap();
        }
        let few = fs::Permissions::from_mode(0o640);
        fs::set_permissions(folder.path().join(".bashrc"), few).unwrap();
        folder
    }

    /// Her folder with both versions installed.
    fn installed(&self, arguments: &[&str]) -> tempfile::TempDir {
        let folder = self.folder();
        for (version, program) in VERSIONS.into_iter().zip(&self.unpacked) {
            let mut command = self.installs(folder.path(), program, version);
            succeeds(command.args(arguments)).unwrap();
        }
        folder
    }

    fn installs(&self, folder: &Path, program: &Path, version: &str) -> Command {
        hers(folder, installs(&self.rig, program, version, &home(folder)))
    }

    fn install(&self, folder: &Path) -> Result<(), String> {
        succeeds(&mut self.installs(folder, &self.unpacked[1], CURRENT))
    }

    /// What holds after a run of hers that was cut off, and after what she does next.
    fn holds(&self, folder: &Path, next: Next) -> Result<(), String> {
        self.no_profile_is_torn(folder)?;
        let home = home(folder);
        versions_are_whole(&home, false)?;
        let there = home.join("bin/rocket").exists();
        if there {
            let ran = Ran::from(
                hers(folder, on_path(&home, &["--version"]))
                    .output()
                    .unwrap(),
            );
            let says = ran.stderr.contains("was begun and cut off: end it with '");
            let runs = ran.code == Some(0) && ran.stdout.starts_with("rocket 1.1.0");
            if !(runs || (ran.code == Some(17) && says)) {
                return Err(format!("PATH gives {:?}: {}", ran.code, ran.stderr));
            }
        } else {
            let mut left = belongings(&home).into_iter();
            // Files and links; not folders.
            let other = left.find(|(path, (_, mode))| {
                mode & 0o170_000 != 0o040_000 && path != Path::new("state/lock")
            });
            if let Some((path, _)) = other {
                return Err(format!("{} was left", path.display()));
            }
        }
        if !there || matches!(next, Next::InstallAndUninstall) {
            self.install(folder)?;
            versions_are_whole(&home, true)?;
            let now = own(folder);
            if now != self.with {
                return Err(format!("installed again, she has {now:?}"));
            }
        }
        succeeds(&mut uninstalls(folder))?;
        self.is_as_before(folder)
    }

    fn is_as_before(&self, folder: &Path) -> Result<(), String> {
        let now = belongings(folder);
        if now == self.before {
            Ok(())
        } else {
            Err(format!("she has {now:?}"))
        }
    }

    fn no_profile_is_torn(&self, folder: &Path) -> Result<(), String> {
        let now = own(folder);
        for (path, file) in &now {
            let name = path.file_name().unwrap().to_string_lossy();
            let known = [self.before.get(path), self.with.get(path)].contains(&Some(file));
            if !known && !name.starts_with(".unfinished-rocket-") {
                return Err(format!("{} is {file:?}", path.display()));
            }
        }
        let gone = self.before.keys().find(|path| !now.contains_key(*path));
        gone.map_or(Ok(()), |path| Err(format!("{} is gone", path.display())))
    }
}

/// A command of the person who has that folder.
fn hers(folder: &Path, mut command: Command) -> Command {
    for elsewhere in ["ZDOTDIR", "XDG_CONFIG_HOME", "ROCKET_HOME", "SHELL"] {
        command.env_remove(elsewhere);
    }
    command.env("HOME", folder);
    command
}

/// As Linux shows a temporary file that never had a name; the archive is copied to one.
fn is_unnamed(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| name.to_string_lossy().starts_with('#'))
}

fn uninstalls(folder: &Path) -> Command {
    hers(folder, on_path(&home(folder), &["uninstall", "--yes"]))
}

fn succeeds(command: &mut Command) -> Result<(), String> {
    let ran = Ran::from(command.output().unwrap());
    if ran.code == Some(0) {
        Ok(())
    } else {
        Err(format!("{command:?} gave {:?}: {}", ran.code, ran.stderr))
    }
}

/// A command that failed says where, and what to do, and exits with what that is.
fn failed_with_words(folder: &Path, fate: Fate, ran: &Ran) -> Result<(), String> {
    let (Fate::Fails(error), Some(code)) = (fate, ran.code) else {
        return Ok(());
    };
    if code == 0 {
        return Ok(());
    }
    let expected = match error {
        "EIO" | "EXDEV" => 1,
        _ => 16,
    };
    if code != expected {
        return Err(format!("expected {expected}"));
    }
    if !ran.stderr.contains(&folder.display().to_string()) {
        return Err("it names no path".to_owned());
    }
    let remedies = [
        "Make space there",
        "Change the permissions there",
        "look after that disk",
        "on one file system",
    ];
    if !remedies.iter().any(|remedy| ran.stderr.contains(remedy)) {
        return Err("it names no remedy".to_owned());
    }
    Ok(())
}

#[test]
fn an_uninstall_that_dies_or_fails_at_any_call_is_ended_by_the_next_or_installed_over() {
    let person = Person::new();
    for (next, name) in NEXT {
        Cases {
            place: &|| person.installed(&[]),
            command: &uninstalls,
            watched: &|_| true,
            holds: &|folder, fate, ran| {
                failed_with_words(folder, fate, ran)?;
                if ran.code == Some(0) {
                    person.is_as_before(folder)?;
                }
                person.holds(folder, next)
            },
        }
        .run(&format!("uninstall, {name}"));
    }
}

#[test]
fn edits_of_path_that_die_or_fail_at_any_call_are_recorded_and_taken_back_to_the_byte() {
    let person = Person::new();
    for (next, name) in NEXT {
        Cases {
            place: &|| person.installed(&["--no-modify-path"]),
            command: &|folder| {
                let program = home(folder).join("versions").join(CURRENT).join("rocket");
                person.installs(folder, &program, CURRENT)
            },
            // All that it does to a version, other cases are about.
            watched: &|path| !path.starts_with(".rocket/versions") && !is_unnamed(path),
            holds: &|folder, fate, ran| {
                failed_with_words(folder, fate, ran)?;
                let told = ran.stderr.contains("note: ");
                if ran.code == Some(0) && !told && own(folder) != person.with {
                    return Err("it says that PATH is edited".to_owned());
                }
                person.holds(folder, next)
            },
        }
        .run(&format!("edits of PATH, {name}"));
    }
}
