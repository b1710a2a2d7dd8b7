//! `bin/<program>` runs the current version in place of itself, before it reads its command line,
//! so that a new version decides about new arguments.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use release_plan::Version;

use crate::app::App;
use crate::files::{FileError, at};
use crate::home::{Home, HomeError};

/// What the running program is to do.
#[derive(Debug, PartialEq, Eq)]
enum Launch {
    /// Go on itself.
    GoOn,
    /// Let another executable take over.
    HandOver(PathBuf),
}

/// Runs the current version, if this is a launcher and another version is current. Returns the exit
/// code of the version that ran; none when this program is to go on.
pub(crate) fn hand_over(app: &App) -> Result<Option<ExitCode>, HomeError> {
    // A program that has no home is nobody's launcher; commands that want a home say so.
    let Ok(home) = Home::locate(app) else {
        return Ok(None);
    };
    match decide(&home, &app.executable, app.version.as_ref())? {
        Launch::GoOn => Ok(None),
        Launch::HandOver(executable) => Ok(Some(run(&executable)?)),
    }
}

fn decide(home: &Home, executable: &Path, own: Option<&Version>) -> Result<Launch, HomeError> {
    let launcher = home.launcher();
    if !launcher.canonicalize().is_ok_and(|path| path == executable) {
        return Ok(Launch::GoOn);
    }
    let current = home.current()?;
    if own == Some(&current) {
        return Ok(Launch::GoOn);
    }
    let wanted = home.executable(&current);
    match wanted.canonicalize() {
        Ok(path) if path == executable => Err(HomeError::Loop {
            executable: wanted,
            launcher,
        }),
        Ok(_) => Ok(Launch::HandOver(wanted)),
        Err(_) => Err(HomeError::MissingVersion {
            current: home.root().join("current"),
            version: current,
            missing: wanted,
            remedy: home.repair(),
        }),
    }
}

#[cfg(unix)]
fn run(executable: &Path) -> Result<ExitCode, FileError> {
    use std::os::unix::process::CommandExt;
    let error = Command::new(executable).args(env::args_os().skip(1)).exec();
    Err(at("run", executable)(error))
}

#[cfg(not(unix))]
fn run(executable: &Path) -> Result<ExitCode, FileError> {
    let status = Command::new(executable)
        .args(env::args_os().skip(1))
        .status()
        .map_err(at("run", executable))?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::home::tests::home;
    use release_plan::Exit;
    use std::fs;

    const V1: Version = Version::new(1, 0, 0);
    const V2: Version = Version::new(2, 0, 0);

    #[test]
    fn the_launcher_hands_over_to_another_current_version_and_goes_on_as_its_own() {
        let (_folder, home) = home(&["1.0.0", "2.0.0"]);
        fs::write(home.launcher(), "1.0.0").unwrap();
        home.lock().unwrap().set_current(&V2).unwrap();
        let launcher = home.launcher();
        let other = Launch::HandOver(home.executable(&V2));
        assert_eq!(decide(&home, &launcher, Some(&V1)).unwrap(), other);
        assert_eq!(decide(&home, &launcher, None).unwrap(), other);
        assert_eq!(decide(&home, &launcher, Some(&V2)).unwrap(), Launch::GoOn);
    }

    #[test]
    fn what_is_not_the_launcher_never_hands_over() {
        let (_folder, home) = home(&["1.0.0"]);
        fs::write(home.launcher(), "").unwrap();
        for executable in [home.executable(&V1), PathBuf::from("/usr/bin/rocket")] {
            assert_eq!(decide(&home, &executable, None).unwrap(), Launch::GoOn);
        }
    }

    #[test]
    fn a_launcher_without_its_current_version_says_so_and_does_not_loop() {
        let (_folder, home) = home(&["1.0.0"]);
        let launcher = home.launcher();
        fs::write(&launcher, "").unwrap();
        let refused = || decide(&home, &launcher, Some(&V1)).unwrap_err();
        assert_eq!(refused().exit(), Exit::Input);
        home.lock().unwrap().set_current(&V2).unwrap();
        let error = refused();
        assert_eq!(error.exit(), Exit::Input);
        assert!(error.to_string().contains("names 2.0.0"), "{error}");
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
        home.lock().unwrap().set_current(&V2).unwrap();
        let error = decide(&home, &launcher, Some(&V1)).unwrap_err();
        assert!(matches!(error, HomeError::Loop { .. }), "{error}");
    }
}
