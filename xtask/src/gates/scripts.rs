//! A change of what people pipe into a shell goes out with a new version, or under a number and
//! with a story of its own: else what is served and what is tagged part ways in silence.

use release_plan::{BootstrapTag, Tag};

use super::{Finding, Row, Verdict, row};
use crate::bootstrap::FOLDER;
use crate::git::Tree;
use crate::project::Project;
use crate::story::Released;
use crate::{Failure, files};

/// Where it is told what was wrong with scripts, and what mends them.
const PLAN_ENTRIES: &str = "release-plan/bootstrap";

/// The file that tells why there are scripts under `tag`, below the root of the tree.
pub(crate) fn plan_entry(tag: &BootstrapTag) -> String {
    let name = tag.to_string();
    let name = name.strip_prefix("bootstrap-").unwrap_or(&name);
    format!("{PLAN_ENTRIES}/{name}.md")
}

/// The scripts are those that went out last for this version, or have the next number and an entry.
pub(crate) fn scripts_are_numbered(
    project: &Project,
    tree: &Tree,
    released: &Released,
) -> Result<Row, Failure> {
    let rule = "scripts-are-numbered";
    let release = Tag::of(project.package_version())?;
    let revision = project.product.bootstrap_revision;
    if let Some(blind) = Finding::without_tags(project, tree, released)? {
        let expected = "the scripts of the last tag of this version, or numbered anew";
        return Ok(row(rule, FOLDER, expected, blind));
    }
    let tags = tree.tags_of_scripts(&release)?;
    let Some(last) = tags.into_iter().max_by_key(BootstrapTag::revision) else {
        let finding = Finding::when(
            revision == 0,
            Verdict::Failed,
            format!("bootstrap_revision {revision}"),
            "set `bootstrap_revision: 0` in release-plan/product.yaml",
        );
        let expected = format!("bootstrap_revision 0, since {release} is not released yet");
        return Ok(row(rule, FOLDER, expected, finding));
    };
    let changed = tree.changed_since(&last.reference(), &[FOLDER])?;
    let wanted = last
        .revision()
        .saturating_add(u32::from(!changed.is_empty()));
    let tag = BootstrapTag::numbered(release, wanted);
    let entry = plan_entry(&tag);
    let told = wanted == 0 || is_told(project, &entry)?;
    let expected = if changed.is_empty() {
        format!("bootstrap_revision {wanted}, since nothing changed since {last}")
    } else {
        format!(
            "a version above {}, or bootstrap_revision {wanted} with {entry}",
            project.package_version()
        )
    };
    let found = match (changed.as_slice(), told) {
        ([], true) => format!("bootstrap_revision {revision}"),
        (_, true) => format!("bootstrap_revision {revision}; {entry}"),
        ([], false) => format!("bootstrap_revision {revision}; no {entry}"),
        ([first, ..], false) => {
            format!("{first} changed since {last}; bootstrap_revision {revision}; no {entry}")
        }
    };
    let mend = format!(
        "set `bootstrap_revision: {wanted}` in release-plan/product.yaml and tell in {entry} what \
         was wrong, or raise `version` in Cargo.toml"
    );
    let finding = Finding::when(revision == wanted && told, Verdict::Failed, found, &mend);
    Ok(row(rule, FOLDER, expected, finding))
}

fn is_told(project: &Project, entry: &str) -> Result<bool, Failure> {
    let path = project.root.join(entry);
    Ok(path.is_file() && !files::read_text(&path)?.trim().is_empty())
}
