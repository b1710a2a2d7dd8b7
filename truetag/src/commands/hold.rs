//! `hold` and `unhold`: whether this home stays at its version, whatever a channel selects.

use super::Hold;
use crate::app::App;
use crate::failure::Failure;
use crate::home::Home;
use crate::output::say;

const REMEDY: &str = "install a release with the installer, and hold that";

pub(super) fn hold(app: &App, args: &Hold) -> Result<(), Failure> {
    app.released(REMEDY)?;
    let home = Home::locate(app)?;
    let home = home.lock()?;
    let current = home.home().current()?;
    let reason: Vec<_> = args.reason.split_whitespace().collect();
    home.set_hold(Some(&reason.join(" ")))?;
    say(format_args!(
        "{} is held at {current}: upgrade refuses until unhold",
        app.product.name
    ));
    Ok(())
}

pub(super) fn unhold(app: &App) -> Result<(), Failure> {
    app.released(REMEDY)?;
    let home = Home::locate(app)?;
    let home = home.lock()?;
    let was = home.home().hold()?;
    home.set_hold(None)?;
    match was {
        Some(reason) => say(format_args!("{} was held: {reason}", app.product.name)),
        None => say(format_args!("{} was not held", app.product.name)),
    }
    Ok(())
}
