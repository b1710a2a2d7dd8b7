//! `self activate`: run from `versions/<v>/`, a program makes itself current, on trial.

use release_plan::Version;

use super::Activate;
use crate::app::App;
use crate::failure::Failure;
use crate::home::{Home, HomeError, LockedHome, Trial};

pub(super) fn run(app: &App, args: &Activate) -> Result<(), Failure> {
    let (home, version) = in_place(app)?;
    let home = locked(&home, args.locked)?;
    // A current that cannot be read is no version to go back to.
    let current = home.home().current().ok();
    let trial = home.home().trial().ok().flatten();
    if let Some(current) = current.filter(|current| current != version) {
        // One that is itself on trial has proved nothing.
        let before = trial.map_or_else(|| current.clone(), |trial| trial.before);
        let trial = (before != *version).then(|| Trial::begin(version.clone(), before));
        // Until the last step they speak of a version that is not current, which counts for nothing.
        home.set_trial(trial.as_ref())?;
        home.set_previous(Some(&current))?;
    }
    // It was chosen by name, or is newer than what did not work.
    home.end_quarantine(version)?;
    home.set_current(version)?;
    Ok(())
}

/// The right to write a home, which a caller may hold for this process.
pub(super) fn locked(home: &Home, by_caller: bool) -> Result<LockedHome<'_>, HomeError> {
    if by_caller {
        return Ok(home.locked_by_caller());
    }
    home.lock()
}

/// The home, and the version of this program, which must lie in its place there.
pub(super) fn in_place(app: &App) -> Result<(Home, &Version), Failure> {
    let version = app.released("only a released program has a place in a home")?;
    let home = Home::locate(app)?;
    let place = home.executable(version);
    if place
        .canonicalize()
        .is_ok_and(|path| path == app.executable)
    {
        return Ok((home, version));
    }
    Err(Failure::Probe {
        what: "place",
        expected: place.display().to_string(),
        found: app.executable.display().to_string(),
    })
}
