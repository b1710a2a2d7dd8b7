//! `rollback`: the version that was current before becomes current again, and the one that it
//! leaves is quarantined.

use crate::app::App;
use crate::failure::Failure;
use crate::home::{Home, Shunned};
use crate::install::digest;
use crate::interrupt;
use crate::output::say;
use crate::receipt::Receipt;

pub(super) fn run(app: &App) -> Result<(), Failure> {
    super::unmanaged(app)?;
    app.released("install a release with the installer, and roll that back")?;
    let home = Home::locate(app)?;
    let home = home.lock()?;
    interrupt::watch()?;
    let current = home.home().current()?;
    let previous = home
        .home()
        .previous()?
        .filter(|previous| *previous != current);
    let Some(previous) = previous else {
        return Err(Failure::NoPrevious { installed: current });
    };
    // To go back is no asking by name.
    let yanked = home.home().yanked()?.into_iter();
    let mut yanked = yanked.map(|of| of.what);
    if let Some(Shunned { version, reason }) = yanked.find(|it| it.version == previous) {
        return Err(Failure::PreviousYanked { version, reason });
    }
    let receipt = Receipt::read(&home.home().version(&previous))?;
    let executable = home.home().executable(&previous);
    if digest(&executable)? != receipt.executable_sha256 {
        return Err(Failure::Altered(executable));
    }
    home.leave(&current, &previous, "rolled back")?;
    say(format_args!(
        "rolled back {} from {current} to {previous}; upgrade takes {current} again only by name, or once there is a newer version",
        app.product.name
    ));
    Ok(())
}
