//! `self activate`: run from `versions/<v>/`, a program makes itself current.

use super::Activate;
use crate::app::App;
use crate::failure::Failure;
use crate::home::Home;

pub(super) fn run(app: &App, args: &Activate) -> Result<(), Failure> {
    let version = app.released("only a released program can become current")?;
    let home = Home::locate(app)?;
    let place = home.executable(version);
    if !place
        .canonicalize()
        .is_ok_and(|path| path == app.executable)
    {
        return Err(Failure::Probe {
            what: "place",
            expected: place.display().to_string(),
            found: app.executable.display().to_string(),
        });
    }
    let home = if args.locked {
        home.locked_by_caller()
    } else {
        home.lock()?
    };
    // A current that cannot be read is no version to go back to.
    if let Some(current) = home
        .home()
        .current()
        .ok()
        .filter(|current| current != version)
    {
        home.set_previous(&current)?;
    }
    home.set_current(version)?;
    Ok(())
}
