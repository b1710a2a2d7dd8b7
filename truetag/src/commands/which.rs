//! `which`: the program that would run here, and why.

use release_plan::Version;
use serde::Serialize;

use super::Which;
use crate::app::App;
use crate::failure::Failure;
use crate::home::Home;
use crate::launch::{self, LaunchError, Runs, Step};
use crate::output;

#[derive(Serialize)]
struct Report {
    /// The program; none where the run would be refused.
    path: Option<String>,
    /// Its version; none for a development build.
    version: Option<Version>,
    steps: Vec<Step>,
}

pub(super) fn run(app: &App, args: &Which) -> Result<(), Failure> {
    let home = Home::locate(app)?;
    let scene = launch::look(app, &home, false)?;
    let mut steps = Vec::new();
    let runs = scene.choose(&launch::install_variable(app), &mut steps);
    if let Some(trial) = home.trial()? {
        steps.push(Step {
            what: "trial".to_owned(),
            found: format!("{} is on trial", trial.version),
            so: format!("{} comes back if it does not work", trial.before),
        });
    }
    let (path, version) = match &runs {
        Ok(Runs::Build(path)) => (Some(path.clone()), None),
        Ok(Runs::Version { version, .. }) => {
            (Some(home.executable(version)), Some(version.clone()))
        }
        Err(_) => (None, None),
    };
    let report = Report {
        // JSON is text, and a path need not be.
        path: path.map(|path| path.display().to_string()),
        version,
        steps,
    };
    if args.json {
        output::json(&report)?;
    } else {
        if let Some(path) = &report.path {
            output::data(path)?;
        }
        if args.why {
            for Step { what, found, so } in &report.steps {
                output::data(format_args!("{what}: {found}; {so}"))?;
            }
        }
    }
    runs.map(drop)
        .map_err(|error| LaunchError::from(error).into())
}
