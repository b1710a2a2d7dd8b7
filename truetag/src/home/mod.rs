//! The home of a program: where its versions lie, which of them is current, and what it remembers.
//!
//! ```text
//! bin/<program>      on PATH; the launcher
//! versions/<v>/      immutable: the program, playbook/, receipt.json
//! current            a version and a newline, replaced atomically
//! state/             what it remembers, a file for each thing: previous, channel, sequence, hold,
//!                    trial, quarantine, yanked, selected, pins, trusted-root,
//!                    refreshed-root.json, refresh-attempt.json, pointer-<channel>.json; what is
//!                    left of a download, partial-<sha256>; lock; and, while it is removed,
//!                    uninstalling
//! ```
//!
//! Reading needs no lock. Everything that writes is a method of [`LockedHome`].

mod locked;
mod memory;
mod removal;
mod sweep;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use release_plan::{Channel, Exit, Version};

use crate::app::App;
use crate::decide::{Seen, Shuns};
use crate::files::{FileError, at, read_limited};
use crate::root::RootName;

pub(crate) use locked::{LockedHome, is_leftover};
use memory::Sequences;
pub(crate) use memory::{Of, Outcome, Shunned, Trial, Verdict};
pub(crate) use sweep::Candidate;

/// Bytes of a file in which a home remembers something; what pointers yank is the longest.
const LIMIT: usize = 1024 * 1024;
/// The file in `state/` by which one run at a time writes.
const LOCK: &str = "lock";

/// A home, which need not exist yet.
#[derive(Debug, Clone)]
pub(crate) struct Home {
    root: PathBuf,
    /// File name of the program.
    executable: String,
}

/// What is wrong with a home.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HomeError {
    #[error("no home folder is known for this user: set {variable} to an absolute path")]
    Nowhere { variable: String },
    #[error("{variable}: expected an absolute path, found {found}. Correct it, or unset it", found = found.display())]
    Relative { variable: String, found: PathBuf },
    #[error("nothing is installed in {root}: {missing} does not exist. Run the installer first", root = root.display(), missing = missing.display())]
    NotInstalled { root: PathBuf, missing: PathBuf },
    #[error(
        "{file}: expected {expected}, found {found:?}. {remedy}",
        file = file.display()
    )]
    Malformed {
        file: PathBuf,
        expected: &'static str,
        found: String,
        remedy: String,
    },
    #[error("{version} is to run, and {missing} does not exist. {remedy}", missing = missing.display())]
    MissingVersion {
        version: Version,
        missing: PathBuf,
        remedy: String,
    },
    #[error("{executable} leads back to the launcher {launcher}. Run the installer again", executable = executable.display(), launcher = launcher.display())]
    Loop {
        executable: PathBuf,
        launcher: PathBuf,
    },
    #[error(
        "the removal of {root} was begun and cut off: end it with '{launcher} uninstall', or run the installer to have it again",
        root = root.display(),
        launcher = launcher.display()
    )]
    Leaving { root: PathBuf, launcher: PathBuf },
    #[error("{error}. It is all that is left of the program: remove it by hand")]
    Emptied { error: FileError },
    #[error("another run holds {lock}: wait until it has ended, and run this again", lock = lock.display())]
    Locked { lock: PathBuf },
    #[error("{root} is bound to the trusted root {bound}, and this run was told {given}: use the root it was made with, or another home", root = root.display())]
    OtherRoot {
        root: PathBuf,
        bound: RootName,
        given: RootName,
    },
    #[cfg(unix)]
    #[error("{folder} belongs to user {owner}, who may put anything into it: install as that user, or into another folder", folder = folder.display())]
    Anothers { folder: PathBuf, owner: u32 },
    #[error(transparent)]
    File(#[from] FileError),
}

impl HomeError {
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Nowhere { .. }
            | Self::Relative { .. }
            | Self::NotInstalled { .. }
            | Self::Malformed { .. }
            | Self::MissingVersion { .. }
            | Self::Loop { .. }
            | Self::Leaving { .. }
            | Self::OtherRoot { .. } => Exit::Input,
            Self::Locked { .. } => Exit::Locked,
            #[cfg(unix)]
            Self::Anothers { .. } => Exit::Storage,
            Self::File(error) | Self::Emptied { error } => error.exit(),
        }
    }
}

impl Home {
    /// The home in `root`.
    pub(crate) fn at(app: &App, root: PathBuf) -> Self {
        Self {
            root,
            executable: app.executable_name(),
        }
    }

    /// The home of this run: where the environment moves it, else the one the running executable
    /// lies in, else the user's.
    pub(crate) fn locate(app: &App) -> Result<Self, HomeError> {
        let variable = app.home_variable();
        let name = app.executable_name();
        let named = env::var_os(&variable).filter(|value| !value.is_empty());
        let named = named.map(PathBuf::from);
        // Below the working directory, whoever made that could have made a home too.
        if let Some(found) = named.as_ref().filter(|path| path.is_relative()) {
            let found = found.clone();
            return Err(HomeError::Relative { variable, found });
        }
        let chosen = choose(
            named,
            lies_in(&app.executable, &name).filter(|root| root.join("state").is_dir()),
            env::home_dir().map(|user| user.join(format!(".{}", app.product.name))),
        );
        let root = chosen.ok_or(HomeError::Nowhere { variable })?;
        Ok(Self::at(app, root))
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn bin(&self) -> PathBuf {
        self.root.join("bin")
    }

    /// What people run.
    pub(crate) fn launcher(&self) -> PathBuf {
        self.bin().join(&self.executable)
    }

    pub(crate) fn versions(&self) -> PathBuf {
        self.root.join("versions")
    }

    pub(crate) fn version(&self, version: &Version) -> PathBuf {
        self.versions().join(version.to_string())
    }

    /// The program of one version.
    pub(crate) fn executable(&self, version: &Version) -> PathBuf {
        self.version(version).join(&self.executable)
    }

    fn current_file(&self) -> PathBuf {
        self.root.join("current")
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.root.join("state")
    }

    /// The version that the launcher runs.
    pub(crate) fn current(&self) -> Result<Version, HomeError> {
        let file = self.current_file();
        let Some(text) = text(&file)? else {
            return Err(HomeError::NotInstalled {
                root: self.root.clone(),
                missing: file,
            });
        };
        parse_line(&text).ok_or_else(|| HomeError::Malformed {
            file,
            expected: "one line with an installed version",
            found: shorten(&text),
            remedy: self.repair(),
        })
    }

    /// Whether anything was ever made current here.
    pub(crate) fn has_current(&self) -> bool {
        self.current_file().exists()
    }

    /// How a `current` that cannot be used is mended.
    pub(crate) fn repair(&self) -> String {
        let installed = self.installed().unwrap_or_default();
        if installed.is_empty() {
            return "Run the installer again".to_owned();
        }
        let installed: Vec<_> = installed.iter().map(ToString::to_string).collect();
        format!(
            "Write an installed version into {} ({}), or run the installer again",
            self.current_file().display(),
            installed.join(", ")
        )
    }

    /// That `current`, or a project, names a version whose program is not there.
    pub(crate) fn missing(&self, version: &Version, missing: PathBuf) -> HomeError {
        HomeError::MissingVersion {
            version: version.clone(),
            missing,
            remedy: self.repair(),
        }
    }

    /// The versions installed, lowest first.
    pub(crate) fn installed(&self) -> Result<Vec<Version>, FileError> {
        let folder = self.versions();
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            result => result.map_err(at("list", &folder))?,
        };
        let mut versions = Vec::new();
        for entry in entries {
            let entry = entry.map_err(at("list", &folder))?;
            let name = entry.file_name();
            versions.extend(name.to_str().and_then(|name| name.parse::<Version>().ok()));
        }
        versions.sort();
        Ok(versions)
    }

    /// The version that was current before.
    pub(crate) fn previous(&self) -> Result<Option<Version>, HomeError> {
        self.remembered("previous", "a version")
    }

    /// The channel followed, where one was chosen.
    pub(crate) fn channel(&self) -> Result<Option<Channel>, HomeError> {
        self.remembered("channel", "a channel (stable, beta, alpha)")
    }

    /// The channel followed: the product's own where none was chosen.
    pub(crate) fn followed(&self, app: &App) -> Result<Channel, HomeError> {
        Ok(self.channel()?.unwrap_or(app.product.channels.default))
    }

    /// Why this home stays at its version, where it is held.
    pub(crate) fn hold(&self) -> Result<Option<String>, HomeError> {
        self.remembered("hold", "a line with a reason")
    }

    /// The trial of the current version, where it is on one.
    pub(crate) fn trial(&self) -> Result<Option<Trial>, HomeError> {
        let expected = "a line like '1.1.0 1.0.0 2 0'";
        let Some(trial) = self.remembered::<Trial>("trial", expected)? else {
            return Ok(None);
        };
        Ok((trial.version == self.current()?).then_some(trial))
    }

    /// The versions that were left because they did not work.
    pub(crate) fn quarantine(&self) -> Result<Vec<Shunned>, HomeError> {
        self.lines("quarantine", "lines like '1.1.0 it crashed'")
    }

    /// The versions that pointers last named as yanked.
    pub(crate) fn yanked(&self) -> Result<Vec<Of<Shunned>>, HomeError> {
        self.lines("yanked", "lines like 'stable 1.1.0 it eats files'")
    }

    /// The versions that it does not take unless they are asked for by name.
    pub(crate) fn shuns(&self) -> Result<Shuns, HomeError> {
        Ok(Shuns {
            quarantine: self.quarantine()?,
            yanked: self.yanked()?,
        })
    }

    /// The version that was last installed for a channel without becoming current.
    pub(crate) fn selected(&self) -> Result<Vec<Of<Version>>, HomeError> {
        self.lines("selected", "lines like 'beta 1.2.0-beta.1'")
    }

    /// The root that this home was made with.
    pub(crate) fn trusted_root(&self) -> Result<Option<RootName>, HomeError> {
        self.remembered("trusted-root", "the name of a Sigstore, or sha256:<digest>")
    }

    /// Refuses a root other than the one that this home was made with.
    pub(crate) fn check_root(&self, given: &RootName) -> Result<(), HomeError> {
        match self.trusted_root()? {
            Some(bound) if bound != *given => Err(HomeError::OtherRoot {
                root: self.root.clone(),
                bound,
                given: given.clone(),
            }),
            _ => Ok(()),
        }
    }

    /// What was seen in pointers of `channel`.
    pub(crate) fn seen(&self, channel: Channel) -> Result<Option<Seen>, HomeError> {
        let all = self.all_seen()?;
        Ok(all
            .into_iter()
            .find_map(|of| (of.channel == channel).then_some(of.what.0)))
    }

    /// The highest sequences seen, of a pointer and of a selection, for each channel.
    fn all_seen(&self) -> Result<Vec<Of<Sequences>>, HomeError> {
        self.lines("sequence", "lines like 'stable 7 5'")
    }

    fn lines<T: std::str::FromStr>(
        &self,
        name: &str,
        expected: &'static str,
    ) -> Result<Vec<T>, HomeError> {
        let file = self.state().join(name);
        let text = text(&file)?.unwrap_or_default();
        text.lines()
            .map(|line| line.parse().map_err(|_| malformed(&file, expected, line)))
            .collect()
    }

    fn remembered<T: std::str::FromStr>(
        &self,
        name: &str,
        expected: &'static str,
    ) -> Result<Option<T>, HomeError> {
        let file = self.state().join(name);
        let Some(text) = text(&file)? else {
            return Ok(None);
        };
        let value = parse_line(&text).ok_or_else(|| malformed(&file, expected, &text))?;
        Ok(Some(value))
    }
}

fn malformed(file: &Path, expected: &'static str, found: &str) -> HomeError {
    HomeError::Malformed {
        file: file.to_owned(),
        expected,
        found: shorten(found),
        remedy: "Restore it, or run the installer in another home".to_owned(),
    }
}

fn shorten(text: &str) -> String {
    text.chars().take(80).collect()
}

/// What a file says, with a sign in place of what is no text; none when it does not exist.
fn text(file: &Path) -> Result<Option<String>, FileError> {
    match read_limited(file, LIMIT) {
        Err(error) if error.is_missing() => Ok(None),
        result => Ok(Some(String::from_utf8_lossy(&result?).into_owned())),
    }
}

/// A person may have written it, whose editor ends lines in its own way.
fn parse_line<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.trim_end().parse().ok()
}

/// What the variable names; else the home around the executable; else the user's.
fn choose(
    named: Option<PathBuf>,
    around: Option<PathBuf>,
    user: Option<PathBuf>,
) -> Option<PathBuf> {
    let root = named
        .or(around)
        .or(user.filter(|path| path.is_absolute()))?;
    std::path::absolute(root).ok()
}

/// The root of the home that `executable` would lie in by its path: `<root>/bin/<name>` or
/// `<root>/versions/<v>/<name>`.
fn lies_in(executable: &Path, name: &str) -> Option<PathBuf> {
    let folder = executable.parent().filter(|_| executable.ends_with(name))?;
    if folder.ends_with("bin") {
        return folder.parent().map(Path::to_owned);
    }
    let versions = folder
        .parent()
        .filter(|above| above.ends_with("versions"))?;
    versions.parent().map(Path::to_owned)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A home in a fresh folder, with these versions in it.
    pub(crate) fn home(versions: &[&str]) -> (tempfile::TempDir, Home) {
        let folder = tempfile::tempdir().unwrap();
        let home = Home {
            root: folder.path().canonicalize().unwrap(),
            executable: "rocket".to_owned(),
        };
        fs::create_dir_all(home.state()).unwrap();
        fs::create_dir_all(home.bin()).unwrap();
        fs::create_dir_all(home.versions()).unwrap();
        for version in versions {
            let version = version.parse().unwrap();
            fs::create_dir(home.version(&version)).unwrap();
            fs::write(home.executable(&version), version.to_string()).unwrap();
        }
        (folder, home)
    }

    fn path(text: &str) -> Option<PathBuf> {
        Some(PathBuf::from(text))
    }

    #[test]
    fn the_variable_moves_the_home_then_the_executable_then_the_user() {
        let around = path("/around");
        let user = path("/home/ada/.rocket");
        let named = path("/named");
        assert_eq!(choose(named, around.clone(), user.clone()), path("/named"));
        assert_eq!(choose(None, around.clone(), user.clone()), around);
        assert_eq!(choose(None, None, user.clone()), user);
        assert_eq!(choose(None, None, path("relative")), None);
        assert_eq!(choose(None, None, None), None);
    }

    #[test]
    fn an_executable_lies_in_a_home_as_launcher_or_as_a_version_and_nowhere_else() {
        for (executable, root) in [
            ("/h/bin/rocket", path("/h")),
            ("/h/versions/1.0.0/rocket", path("/h")),
            ("/h/versions/.staging-x/rocket", path("/h")),
            ("/h/bin/other", None),
            ("/h/versions/rocket", None),
            ("/h/bin/1.0.0/rocket", None),
            ("/h/target/debug/rocket", None),
            ("/rocket", None),
        ] {
            assert_eq!(
                lies_in(Path::new(executable), "rocket"),
                root,
                "{executable}"
            );
        }
    }

    #[test]
    fn a_missing_or_corrupt_current_names_the_file_and_the_remedy() {
        let (_folder, home) = home(&["1.1.0", "1.0.0"]);
        let error = home.current().unwrap_err();
        assert_eq!(error.exit(), Exit::Input);
        assert!(
            error.to_string().contains("current does not exist"),
            "{error}"
        );
        for corrupt in [
            &b""[..],
            b"\n",
            b"garbage\n",
            b"1.0.0\n1.1.0\n",
            b"../1.0.0\n",
            b"\0\0\0\0",
            // As Windows PowerShell writes what is redirected to a file.
            b"\xff\xfe1\0.\x000\0.\x000\0\r\0\n\0",
        ] {
            fs::write(home.current_file(), corrupt).unwrap();
            let error = home.current().unwrap_err();
            assert_eq!(error.exit(), Exit::Input, "{corrupt:?}");
            assert!(error.to_string().contains("(1.0.0, 1.1.0)"), "{error}");
            assert!(
                error
                    .to_string()
                    .contains(&home.current_file().display().to_string())
            );
        }
    }

    #[test]
    fn a_current_that_a_person_wrote_is_read_however_its_line_ends() {
        let (_folder, home) = home(&["1.0.0"]);
        for written in ["1.0.0", "1.0.0\n", "1.0.0\r\n", "1.0.0 \r\n"] {
            fs::write(home.current_file(), written).unwrap();
            assert_eq!(home.current().unwrap(), Version::new(1, 0, 0));
        }
    }

    #[test]
    fn a_folder_in_the_place_of_current_is_bad_input() {
        let (_folder, home) = home(&["1.0.0"]);
        fs::create_dir(home.current_file()).unwrap();
        assert_eq!(home.current().unwrap_err().exit(), Exit::Input);
    }

    #[test]
    fn another_trusted_root_is_refused_and_both_are_named() {
        let (_folder, home) = home(&[]);
        let one = RootName::Other(release_plan::Sha256::of(b"one"));
        let public = RootName::Own("public-sigstore".to_owned());
        home.check_root(&one).unwrap();
        home.lock().unwrap().bind(&one).unwrap();
        home.check_root(&one).unwrap();
        let error = home.check_root(&public).unwrap_err();
        assert_eq!(error.exit(), Exit::Input);
        for name in [one.to_string(), public.to_string()] {
            assert!(error.to_string().contains(&name), "{error}");
        }
    }
}
