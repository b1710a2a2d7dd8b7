//! `bin/<program>` runs the version that a project pins, or the current one, in place of itself,
//! before it reads its command line, so that a new version decides about new arguments.

mod choice;
mod pin;
mod trial;

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf, absolute};
use std::process::{Command, ExitCode, ExitStatus};

use release_plan::{Exit, Version};

pub(crate) use choice::{ChoiceError, Pinned, Runs, Scene, Step};
pub(crate) use pin::{Pin, PinError, read as read_pin};

use crate::app::App;
use crate::files::{FileError, at, patiently};
use crate::home::{Home, HomeError};
use crate::receipt::Receipt;

/// The commands that are about the home itself, which neither a build nor a project decides.
pub(crate) const ABOUT_HOME: [&str; 13] = [
    "upgrade",
    "rollback",
    "install",
    "versions",
    "which",
    "hold",
    "unhold",
    "sweep",
    "doctor",
    "uninstall",
    "status",
    "trusted-root",
    crate::install::SELF,
];

/// Why the launcher cannot run anything.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LaunchError {
    #[error(transparent)]
    Home(#[from] HomeError),
    #[error(transparent)]
    Pin(#[from] PinError),
    #[error(transparent)]
    Choice(#[from] ChoiceError),
    #[error("{variable} names {path}, which is no file: name a development build, or unset it", path = path.display())]
    NoBuild { variable: String, path: PathBuf },
    #[error(transparent)]
    File(#[from] FileError),
}

impl LaunchError {
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Home(error) => error.exit(),
            Self::Pin(PinError::File(error)) => error.exit(),
            Self::Pin(PinError::Malformed { .. }) | Self::NoBuild { .. } => Exit::Input,
            Self::Choice(error) => error.exit(),
            Self::File(error) => error.exit(),
        }
    }
}

/// What this process is to do.
#[derive(Debug)]
pub(crate) enum Launched {
    /// Go on itself.
    GoesOn,
    /// End so: another executable ran in its place.
    Ran(ExitCode),
    /// Install what the project asks for, and launch again.
    Install,
}

/// Lets the chosen version run, if this is a launcher and that is not its own. `may_install` says
/// whether there is still something to install.
pub(crate) fn hand_over(app: &App, may_install: bool) -> Result<Launched, LaunchError> {
    // A program that has no home is nobody's launcher; commands that want a home say so.
    let Ok(home) = Home::locate(app) else {
        return Ok(Launched::GoesOn);
    };
    if !is(&home.launcher(), &app.executable) {
        home.keep_from_sweep(&app.executable);
        return Ok(Launched::GoesOn);
    }
    // Its versions may be gone already; what is left to do, it does itself.
    if home.is_leaving() {
        home.check_ends_removal(env::args_os().nth(1))?;
        return Ok(Launched::GoesOn);
    }
    let verb = env::args_os().nth(1);
    let about_home = verb.is_some_and(|verb| is_about_home(&verb));
    loop {
        let scene = look(app, &home, about_home)?;
        let runs = match scene.choose(&install_variable(app), &mut Vec::new()) {
            Err(error) if may_install && error.wants_installation() && installs(app) => {
                return Ok(Launched::Install);
            }
            result => result?,
        };
        // A trial that cannot be read is no reason to run nothing.
        let trial = home.trial().ok().flatten();
        let executable = match &runs {
            Runs::Build(build) if is(build, &app.executable) => return Ok(Launched::GoesOn),
            Runs::Build(build) => build.clone(),
            Runs::Version { version, .. } if app.version.as_ref() == Some(version) => {
                return Ok(Launched::GoesOn);
            }
            Runs::Version { version, pinned } => {
                if let (true, Some(pinned)) = (*pinned, &scene.pinned) {
                    remember_pin(&home, version, &pinned.pin.file);
                }
                match executable(&home, version, &app.executable) {
                    // That it is not there will end its trial.
                    Err(_)
                        if trial
                            .as_ref()
                            .is_some_and(|trial| trial.version == *version) =>
                    {
                        home.executable(version)
                    }
                    result => result?,
                }
            }
        };
        let command = command(&executable);
        let on_trial = |runs: &Runs| matches!(runs, Runs::Version { version, pinned: false } if trial.as_ref().is_some_and(|trial| trial.version == *version));
        return match &trial {
            Some(trial) if on_trial(&runs) => {
                let ran = trial::run(app, &home, command, trial);
                match ran.map_err(at("run", &executable))? {
                    trial::Ran::Ended(code) => Ok(Launched::Ran(code)),
                    // Nothing was done yet: the version before does it.
                    trial::Ran::NotStarted => continue,
                }
            }
            _ => Ok(Launched::Ran(replace(command, &executable)?)),
        };
    }
}

/// What decides about this run.
pub(crate) fn look(app: &App, home: &Home, about_home: bool) -> Result<Scene, LaunchError> {
    let variable = app.product.variable("BIN");
    let build = env::var_os(&variable).filter(|value| !value.is_empty());
    // A name without a slash would be looked for on PATH, where this launcher is.
    let build = build.map(|build| absolute(&build).unwrap_or_else(|_| build.into()));
    if let Some(build) = &build
        && !about_home
        && !build.is_file()
    {
        return Err(LaunchError::NoBuild {
            variable,
            path: build.clone(),
        });
    }
    let current = home.current()?;
    let pinned = if about_home || build.is_some() {
        None
    } else {
        pin_here(app)?
            .map(|pin| pinned(home, &current, pin))
            .transpose()?
    };
    Ok(Scene {
        variable,
        build,
        about_home,
        pinned,
        current,
    })
}

/// The file of the project that the working directory lies in.
pub(crate) fn pin_here(app: &App) -> Result<Option<Pin>, PinError> {
    match env::current_dir() {
        // Where there is no directory any more, there is no project.
        Err(_) => Ok(None),
        Ok(folder) => pin::find(&folder, &pin_file(app)),
    }
}

/// Name of the file by which a project asks for a version.
pub(crate) fn pin_file(app: &App) -> String {
    format!(".{}.toml", app.product.name)
}

/// What a home knows about what a project asks for.
pub(crate) fn pinned(home: &Home, current: &Version, pin: Pin) -> Result<Pinned, HomeError> {
    let receipt = Receipt::read(&home.version(current)).ok();
    Ok(Pinned {
        pin,
        installed: home.installed()?,
        selected: home.selected()?,
        yanked: home.yanked()?,
        quarantined: home.quarantine()?,
        floor: receipt.and_then(|receipt| receipt.upgrades_from),
    })
}

/// The variable that has the launcher install what a project asks for.
pub(crate) fn install_variable(app: &App) -> String {
    app.product.variable("INSTALL_PINNED")
}

fn installs(app: &App) -> bool {
    env::var_os(install_variable(app)).is_some_and(|value| value == "1")
}

fn is_about_home(verb: &OsStr) -> bool {
    ABOUT_HOME.iter().any(|own| *own == verb)
}

fn is(path: &Path, executable: &Path) -> bool {
    path.canonicalize().is_ok_and(|path| path == executable)
}

/// The program of a version, which is not the launcher once more.
fn executable(home: &Home, version: &Version, launcher: &Path) -> Result<PathBuf, HomeError> {
    let wanted = home.executable(version);
    match wanted.canonicalize() {
        Ok(path) if path == launcher => Err(HomeError::Loop {
            executable: wanted,
            launcher: home.launcher(),
        }),
        Ok(_) => Ok(wanted),
        Err(_) => Err(home.missing(version, wanted)),
    }
}

fn command(executable: &Path) -> Command {
    let mut command = Command::new(executable);
    command.args(env::args_os().skip(1));
    command
}

/// Remembers which project runs which version, for the sweep. What cannot be written is not worth
/// a failed run: the project will say so again.
pub(crate) fn remember_pin(home: &Home, version: &Version, file: &Path) {
    let pins = home.pins_file();
    // A path that is not text cannot be looked up again: its version is then kept for good.
    let line = match file.to_str() {
        Some(file) if !file.contains('\n') => format!("{version} {file}\n"),
        _ => format!("{version}\n"),
    };
    let known = fs::read_to_string(&pins).unwrap_or_default();
    if known.split_inclusive('\n').any(|known| known == line) {
        return;
    }
    let file = fs::File::options().create(true).append(true).open(&pins);
    let _ = file.and_then(|mut file| file.write_all(line.as_bytes()));
}

fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    code.map_or(ExitCode::FAILURE, ExitCode::from)
}

#[cfg(unix)]
fn replace(mut command: Command, executable: &Path) -> Result<ExitCode, FileError> {
    use std::convert::Infallible;
    use std::io;
    use std::os::unix::process::CommandExt;
    let never: io::Result<Infallible> = patiently(|| Err(command.exec()));
    match never.map_err(at("run", executable))? {}
}

#[cfg(not(unix))]
fn replace(mut command: Command, executable: &Path) -> Result<ExitCode, FileError> {
    // Ctrl-C reaches both; the child decides.
    let _ = ctrlc::set_handler(|| {});
    let status = patiently(|| command.status()).map_err(at("run", executable))?;
    Ok(exit_code(status))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::home::tests::home;

    const V1: Version = Version::new(1, 0, 0);
    const V2: Version = Version::new(2, 0, 0);

    #[test]
    fn a_version_that_is_missing_says_so_and_does_not_loop() {
        let (_folder, home) = home(&["1.0.0"]);
        home.lock().unwrap().set_current(&V2).unwrap();
        let launcher = home.launcher();
        assert_eq!(
            executable(&home, &V1, &launcher).unwrap(),
            home.executable(&V1)
        );
        let error = executable(&home, &V2, &launcher).unwrap_err();
        assert_eq!(error.exit(), Exit::Input);
        assert!(error.to_string().contains("2.0.0"), "{error}");
        assert!(error.to_string().contains("(1.0.0)"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn a_version_that_is_a_link_to_the_launcher_is_refused() {
        let (_folder, home) = home(&[]);
        let launcher = home.launcher();
        fs::write(&launcher, "").unwrap();
        fs::create_dir(home.version(&V2)).unwrap();
        std::os::unix::fs::symlink(&launcher, home.executable(&V2)).unwrap();
        let error = executable(&home, &V2, &launcher).unwrap_err();
        assert!(matches!(error, HomeError::Loop { .. }), "{error}");
    }

    #[test]
    fn a_project_that_runs_a_version_is_remembered_once() {
        let (_folder, home) = home(&["1.0.0"]);
        let file = Path::new("/p/.rocket.toml");
        for _ in 0..3 {
            remember_pin(&home, &V1, file);
        }
        remember_pin(&home, &V2, file);
        let pins = fs::read_to_string(home.pins_file()).unwrap();
        assert_eq!(pins, "1.0.0 /p/.rocket.toml\n2.0.0 /p/.rocket.toml\n");
    }
}
