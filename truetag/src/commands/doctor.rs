//! `doctor`: what is well with this installation, what is not, and what mends it.

use super::Doctor;
use crate::app::App;
use crate::doctor::{Fix, Row, Status, examine};
use crate::failure::Failure;
use crate::home::Home;
use crate::install::settle;
use crate::output::{self, say};

pub(super) fn run(app: &App, args: &Doctor) -> Result<(), Failure> {
    let home = Home::locate(app)?;
    let mut rows = examine(app, &home);
    if args.fix {
        app.released("a development build leaves a home alone")?;
        for row in &rows {
            if let Some(fix) = &row.fix {
                mend(app, &home, fix)?;
                say(format_args!("mended {}: {}", row.name, row.found));
            }
        }
        rows = examine(app, &home);
    }
    if args.json {
        output::json(&rows)?;
    } else {
        for row in &rows {
            show(row)?;
        }
    }
    let bad = rows.iter().filter(|row| row.hard).count();
    if bad > 0 {
        return Err(Failure::Unwell { bad });
    }
    Ok(())
}

fn show(row: &Row) -> Result<(), Failure> {
    let mark = match (row.status, row.hard) {
        (Status::Good, _) => "✓",
        (Status::Bad, true) => "✗",
        (Status::Bad, false) => "!",
        (Status::NotChecked, _) => "?",
    };
    output::data(format_args!("{mark} {:<12} {}", row.name, row.found))?;
    if let Some(means) = row.means {
        output::data(format_args!("  {:<12} {means}", ""))?;
    }
    if let Some(mend) = &row.mend {
        output::data(format_args!("  {:<12} mend: {mend}", ""))?;
    }
    Ok(())
}

fn mend(app: &App, home: &Home, fix: &Fix) -> Result<(), Failure> {
    // To lock it is to sweep it.
    let locked = home.lock()?;
    match fix {
        Fix::Leftovers => {}
        Fix::Settle(version) => settle(app, &locked, version)?,
        #[cfg(unix)]
        Fix::OwnersAlone(folder) => {
            use crate::files::at;
            use std::os::unix::fs::PermissionsExt;
            let metadata = folder.metadata().map_err(at("look at", folder))?;
            let mut permissions = metadata.permissions();
            permissions.set_mode(permissions.mode() & !0o002);
            std::fs::set_permissions(folder, permissions)
                .map_err(at("change the permissions of", folder))?;
        }
    }
    Ok(())
}
