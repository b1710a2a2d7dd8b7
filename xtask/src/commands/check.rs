//! `check`: runs every gate, then fails once.

use release_plan::Exit;

use super::say;
use crate::cli;
use crate::gates;
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
    let mut json = serde_json::to_vec_pretty(&rows)?;
    json.push(b'\n');
    if let Some(out) = &arguments.out {
        files::write(out, &json)?;
    }
    if arguments.json {
        report::print(&String::from_utf8_lossy(&json))?;
    } else {
        report::print(&report::gates_text(&rows))?;
    }
    say(gates::summary(&rows));
    if gates::all_pass(&rows, arguments.publishing, arguments.strict) {
        return Ok(());
    }
    let failing = rows.iter().filter(|row| {
        !gates::all_pass(
            std::slice::from_ref(row),
            arguments.publishing,
            arguments.strict,
        )
    });
    let rules: Vec<&str> = failing.map(|row| row.rule.as_str()).collect();
    Err(Failure::new(
        Exit::Gate,
        format!("gates failed: {}", rules.join(", ")),
    ))
}
