//! What is told of the next release must be whole before anybody relies on it.

use release_plan::changes::NEXT;

use super::{Finding, Row, Verdict, row};
use crate::Failure;
use crate::project::Project;
use crate::story::{Found, Story};

/// A row for each fault of a fragment or a review, and one where there is none.
pub(crate) fn story_is_whole(project: &Project) -> Result<Vec<Row>, Failure> {
    let story = Story::read(project)?;
    let rows: Vec<_> = story.faults().into_iter().map(faulty).collect();
    if !rows.is_empty() {
        return Ok(rows);
    }
    let found = match story.len() {
        0 => "no fragment yet".to_owned(),
        1 => "1 fragment".to_owned(),
        many => format!("{many} fragments"),
    };
    let finding = Finding::when(true, Verdict::Failed, found, "");
    let expected = "fragments and reviews that lack nothing";
    Ok(vec![row("story-is-whole", NEXT, expected, finding)])
}

fn faulty(found: Found) -> Row {
    let Found { file, fault } = found;
    let place = format!("{file}:{}", fault.line);
    let mend = format!("edit {place}, then `cargo xtask fragment check`");
    let finding = Finding::when(false, Verdict::Failed, fault.found, &mend);
    row(fault.rule, place, fault.expected, finding)
}
