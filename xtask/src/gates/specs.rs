//! Specs are numbered, each once, and what took the place of one is there.

use std::collections::BTreeMap;
use std::io::ErrorKind;

use release_plan::Exit;
use release_plan::changes::{MOST_BYTES, SPECS, Spec, Status};

use super::{Finding, Row, Verdict, count, row};
use crate::failure::Exiting as _;
use crate::project::Project;
use crate::{Failure, files};

pub(super) fn specs_are_numbered(project: &Project) -> Result<Row, Failure> {
    let specs = read(project)?;
    let wrong = specs.iter().find_map(|(name, spec)| {
        let named = Spec::number_of_file(name);
        let same = |(other, it): &(&String, &Spec)| *other != name && it.number == spec.number;
        let twice = specs.iter().find(same);
        let there = |number| specs.values().any(|spec| spec.number == number);
        let found = match (named, twice, spec.status) {
            (None, ..) => "a name that is not NNNN-<slug>.md".to_owned(),
            (Some(named), ..) if named != spec.number => format!("number: {}", spec.number),
            (_, Some((other, _)), _) => format!("number {}, which {other} has too", spec.number),
            (.., Status::Replaced { by }) if !there(by) => format!("replaced by {by}, not there"),
            _ => return None,
        };
        Some((format!("{SPECS}/{name}"), found))
    });
    let passed = wrong.is_none();
    let (place, found) = wrong.unwrap_or_else(|| (SPECS.to_owned(), count(specs.len(), "spec")));
    let mend = format!("give {place} the next number, in its name and its keys");
    let finding = Finding::when(passed, Verdict::Failed, found, &mend);
    let expected = "specs with a number of their own, the one in their name";
    Ok(row("specs-are-numbered", place, expected, finding))
}

/// Every spec, by the name of its file; nothing where there is no such folder.
fn read(project: &Project) -> Result<BTreeMap<String, Spec>, Failure> {
    let folder = project.root.join(SPECS);
    let mut specs = BTreeMap::new();
    let entries = match std::fs::read_dir(&folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(specs),
        entries => entries.map_err(|error| files::failed("list", &folder, &error))?,
    };
    for entry in entries {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".md") {
            let file = format!("{SPECS}/{name}");
            let bytes = files::read_at_most(&folder.join(&name), MOST_BYTES)?;
            let spec = Spec::read(&file, &bytes).or_exit(Exit::Input)?;
            specs.insert(name, spec);
        }
    }
    Ok(specs)
}
