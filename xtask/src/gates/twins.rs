//! What stands in the tree twice, such as a template and the copy that is embedded, is the same to
//! the byte.

use release_plan::Sha256;

use super::{Finding, Row, Verdict, count, row};
use crate::git::Tree;
use crate::project::{PRODUCT_FILE, Project};
use crate::{Failure, files, needed};

/// A row for each pair that is not one, and one where all are. A pair that is named no more, and of
/// which both files are still there, is one.
pub(super) fn twins_are_equal(project: &Project, tree: &Tree) -> Result<Vec<Row>, Failure> {
    let rule = "twins-are-equal";
    let mut twins = project.product.changes.twins.clone();
    let last = tree.last_release()?;
    let then = last.map(|last| needed::product(tree, &last)).transpose()?;
    let then = then.flatten().map(|then| then.changes.twins);
    let here = |twins: &[String; 2]| twins.iter().all(|it| project.root.join(it).is_file());
    let unnamed: Vec<_> = then.into_iter().flatten().filter(here).collect();
    twins.extend(
        unnamed
            .into_iter()
            .filter(|then| !project.product.changes.twins.contains(then)),
    );
    let mut rows = Vec::new();
    for [one, other] in &twins {
        let [ours, theirs] = [one, other].map(|path| digest(project, path));
        let (ours, theirs) = (ours?, theirs?);
        if ours.is_some() && ours == theirs {
            continue;
        }
        let shown = |digest: Option<Sha256>| digest.map_or("none".into(), |it| it.to_string());
        let expected = format!("{}, as {one} has", shown(ours));
        let mend = format!("cp {one} {other}, where {one} is right");
        let finding = Finding::when(false, Verdict::Failed, shown(theirs), &mend);
        rows.push(row(rule, other, expected, finding));
    }
    if rows.is_empty() {
        let found = count(twins.len(), "pair");
        let finding = Finding::when(true, Verdict::Failed, found, "");
        let expected = "files of each pair that are equal to the byte";
        rows.push(row(rule, PRODUCT_FILE, expected, finding));
    }
    Ok(rows)
}

/// The digest of a file; none where there is no such file.
fn digest(project: &Project, path: &str) -> Result<Option<Sha256>, Failure> {
    let path = project.root.join(path);
    if !path.is_file() {
        return Ok(None);
    }
    files::measure(&path).map(|measured| Some(measured.sha256()))
}
