//! `uninstall`: takes back what the installer did outside of the home, then removes what the
//! program made in it. A run that is cut off is ended by the next.

use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Write};

use super::Uninstall;
use crate::app::App;
use crate::failure::Failure;
use crate::home::Home;
use crate::output::say;
use crate::path::{self, Place};

/// Where a person types, whatever stdin is.
const TERMINAL: &str = if cfg!(windows) { "CONIN$" } else { "/dev/tty" };

pub(super) fn run(app: &App, args: &Uninstall) -> Result<(), Failure> {
    app.released("remove what you built by hand")?;
    let home = Home::locate(app)?;
    home.check_is_home()?;
    let place = Place {
        product: &app.product.name,
        home: home.root(),
    };
    if !args.yes {
        say(format_args!(
            "this removes {} with every version in {}, and from PATH:",
            app.product.name,
            home.root().display()
        ));
        for edit in path::recorded(place)? {
            say(format_args!("  {edit}"));
        }
        if !agreed()? {
            return Err(Failure::Declined);
        }
    }
    let locked = home.lock()?;
    let told = path::remove(place)?;
    for line in &told.lines {
        say(line);
    }
    if let Some(exit) = told.incomplete {
        return Err(Failure::PathRemains(exit));
    }
    let left = locked.remove(&path::env_files(home.root()))?;
    say(format_args!(
        "removed {} from {}",
        app.product.name,
        home.root().display()
    ));
    for path in left {
        say(format_args!(
            "left as it is, since it is not {}'s: {}",
            app.product.name,
            path.display()
        ));
    }
    Ok(())
}

/// Asks at the terminal; without one, --yes is needed.
fn agreed() -> Result<bool, Failure> {
    if !io::stderr().is_terminal() {
        return Err(Failure::Unasked);
    }
    let terminal = File::open(TERMINAL).map_err(|_| Failure::Unasked)?;
    let mut stderr = io::stderr().lock();
    stderr.write_all(b"Go on? [y/N] ")?;
    stderr.flush()?;
    let mut answer = String::new();
    BufReader::new(terminal).read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
