//! `check`: runs every gate, then fails once.

use release_plan::Exit;

use super::say;
use crate::cli;
use crate::gates::{self, Row};
use crate::project::{self, Project};
use crate::report;
use crate::{Failure, files, process, workflows};

pub(super) fn run(arguments: &cli::Check) -> Result<(), Failure> {
    let project = Project::here()?;
    let rows = match arguments.gates {
        Some(cli::Gates::Workflows) => workflows::check(&project)?,
        None => {
            let plan = match &arguments.plan {
                Some(file) => project::read_plan(&project.product, file)?,
                None => project.plan(project.package_version())?,
            };
            gates::run(&project, &plan)?
        }
    };
    process::check_interrupt()?;
    if let Some(out) = &arguments.out {
        files::write(out, &as_json(&rows)?)?;
    }
    tell(&rows, arguments.json)?;
    end(&rows, arguments.publishing, arguments.strict)
}

/// Shows the rows.
pub(super) fn tell(rows: &[Row], json: bool) -> Result<(), Failure> {
    if json {
        report::print(&String::from_utf8_lossy(&as_json(rows)?))
    } else {
        report::print(&report::gates_text(rows))
    }
}

fn as_json(rows: &[Row]) -> Result<Vec<u8>, Failure> {
    let mut json = serde_json::to_vec_pretty(rows)?;
    json.push(b'\n');
    Ok(json)
}

/// Fails once for all rows that stand in the way.
pub(super) fn end(rows: &[Row], publishing: bool, strict: bool) -> Result<(), Failure> {
    say(gates::summary(rows));
    let passes = |row| gates::all_pass(std::slice::from_ref(row), publishing, strict);
    let failing = rows.iter().filter(|row| !passes(row));
    let rules: Vec<&str> = failing.map(|row| row.rule.as_str()).collect();
    if rules.is_empty() {
        return Ok(());
    }
    Err(Failure::new(
        Exit::Gate,
        format!("gates failed: {}", rules.join(", ")),
    ))
}
