//! A release has a guide, which says what it is of and is never changed once it is written.

use release_plan::changes::{Guide, RELEASES};
use release_plan::{AssetName, Plan, Sha256};

use super::{Finding, Row, Verdict, row};
use crate::Failure;
use crate::git::Tree;
use crate::project::Project;
use crate::story::{Released, SUMS, Story};

/// Every row about guides.
pub(super) fn gates(
    project: &Project,
    tree: &Tree,
    plan: &Plan,
    story: &Story,
    released: &Released,
    blind: Option<Finding>,
) -> Result<Vec<Row>, Failure> {
    let mut rows = vec![guide_is_there(plan, released)];
    rows.push(guides_say_what_they_are(project, released));
    rows.push(guides_are_frozen(tree, released, blind)?);
    rows.push(changes_are_told_once(plan, story, released));
    Ok(rows)
}

fn guide_is_there(plan: &Plan, released: &Released) -> Row {
    let version = &plan.package_version;
    let passed = released.guides.contains_key(version);
    let place = format!("{RELEASES}/{}", Guide::file(version));
    let found = if passed { "that" } else { "none" };
    let mend = format!("cargo xtask prepare {version}");
    let finding = Finding::when(passed, Verdict::BlocksPublishing, found, &mend);
    row(
        "guide-present",
        place,
        format!("a guide of {version}"),
        finding,
    )
}

fn guides_say_what_they_are(project: &Project, released: &Released) -> Row {
    let wrong = released.guides.iter().find_map(|(version, guide)| {
        let title = Guide::title(&project.product.name, version);
        let file = Guide::file(version);
        if guide.version != *version {
            return Some((file, version.to_string(), guide.version.to_string()));
        }
        (guide.title != title).then(|| (file, title, guide.title.clone()))
    });
    let (place, expected, found) = match &wrong {
        Some((file, expected, found)) => (format!("{RELEASES}/{file}"), &**expected, &**found),
        None => (
            RELEASES.to_owned(),
            "guides whose title is their version",
            "those",
        ),
    };
    let mend = format!("git checkout {place}");
    let finding = Finding::when(wrong.is_none(), Verdict::Failed, found, &mend);
    row("guide-title", place, expected, finding)
}

/// Each file has the digest that was written down, and the bytes that it went out with.
fn guides_are_frozen(
    tree: &Tree,
    released: &Released,
    blind: Option<Finding>,
) -> Result<Row, Failure> {
    let (rule, expected) = ("guide-frozen", "what was written once");
    let listed = |name: &str| released.sums.get(&name.parse::<AssetName>().ok()?);
    let digests = &released.digests;
    let other = digests
        .iter()
        .find(|(name, digest)| listed(name) != Some(**digest));
    let mut names = released.sums.iter().map(|(name, _)| name.to_string());
    let gone = names.find(|name| !digests.contains_key(name));
    let altered = match (other, gone) {
        (Some((name, _)), _) => Some((name.clone(), format!("another digest than in {SUMS}"))),
        (None, Some(name)) => Some((name, "nothing".to_owned())),
        (None, None) => match blind {
            Some(blind) => return Ok(row(rule, RELEASES, expected, blind)),
            None => since_release(tree, released)?,
        },
    };
    let (place, found) = match &altered {
        Some((name, found)) => (format!("{RELEASES}/{name}"), found.as_str()),
        None => (RELEASES.to_owned(), "as it was"),
    };
    let mend = format!("git checkout {place}; what is wrong is told in the next guide");
    let finding = Finding::when(altered.is_none(), Verdict::Failed, found, &mend);
    Ok(row(rule, place, expected, finding))
}

/// A file that is not as it was in the last release.
fn since_release(tree: &Tree, released: &Released) -> Result<Option<(String, String)>, Failure> {
    let Some(last) = tree.last_release()? else {
        return Ok(None);
    };
    let then = tree.files_at(&last.reference(), RELEASES)?;
    let altered = then.into_iter().find(|(name, bytes)| {
        name != SUMS && released.digests.get(name) != Some(&Sha256::of(bytes))
    });
    Ok(altered.map(|(name, _)| (name, format!("other bytes than under {last}"))))
}

/// Neither a fragment nor the guide that it became is of a change that an older guide tells of.
fn changes_are_told_once(plan: &Plan, story: &Story, released: &Released) -> Row {
    let version = &plan.package_version;
    let guide = released.guides.get(version);
    let guided = guide.into_iter().flat_map(|guide| &guide.changes);
    let mut guided = guided.filter_map(|slug| Some((slug, released.told_of(slug)?)));
    let mut again = story
        .slugs()
        .filter_map(|slug| Some((slug, released.told_of(slug)?)));
    let twice = again
        .next()
        .or_else(|| guided.find(|(_, told)| *told < version));
    let found = match twice {
        Some((slug, version)) => format!("{slug}, of which {version} told"),
        None => "those".to_owned(),
    };
    let mend = "give the new fragment another name";
    let finding = Finding::when(twice.is_none(), Verdict::Failed, found, mend);
    let expected = "changes that no release told of before";
    row(
        "fragment-told-once",
        release_plan::changes::NEXT,
        expected,
        finding,
    )
}
