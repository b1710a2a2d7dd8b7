//! `rollback`: the version that was current before becomes current again.

use crate::app::App;
use crate::failure::Failure;
use crate::home::Home;
use crate::install::digest;
use crate::interrupt;
use crate::output::say;
use crate::receipt::Receipt;

pub(super) fn run(app: &App) -> Result<(), Failure> {
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
    let receipt = Receipt::read(&home.home().version(&previous))?;
    let executable = home.home().executable(&previous);
    if digest(&executable)? != receipt.executable_sha256 {
        return Err(Failure::Altered(executable));
    }
    home.set_current(&previous)?;
    home.set_previous(&current)?;
    say(format_args!(
        "rolled back {} from {current} to {previous}",
        app.product.name
    ));
    Ok(())
}
