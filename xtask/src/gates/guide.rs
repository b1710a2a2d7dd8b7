//! A release has a guide, which says what it is of and is never changed once it is written.

use release_plan::changes::{Fragment, Guide, NEXT, RELEASES, Slug};
use release_plan::{AssetName, Exit, Plan, Sha256, Tag};

use super::{Finding, Row, Verdict, row};
use crate::Failure;
use crate::failure::Exiting as _;
use crate::git::Tree;
use crate::project::Project;
use crate::publish;
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
    rows.push(guide_fits(plan, released));
    rows.push(guides_say_what_they_are(project, released));
    rows.push(guides_are_frozen(tree, released, blind.clone())?);
    rows.push(changes_are_told_once(plan, story, released));
    rows.extend(tells_of_this_tree(project, tree, story, released, blind)?);
    Ok(rows)
}

fn guide_is_there(plan: &Plan, released: &Released) -> Row {
    let version = &plan.package_version;
    let passed = released.guides.contains_key(version);
    let place = format!("{RELEASES}/{}", Guide::file(version));
    let found = if passed { "that" } else { "none" };
    let mend = format!("cargo xtask prepare {version} --yes");
    let finding = Finding::when(passed, Verdict::BlocksPublishing, found, &mend);
    row(
        "guide-present",
        place,
        format!("a guide of {version}"),
        finding,
    )
}

/// The guide can be the text of a release, which is found before there is a tag.
fn guide_fits(plan: &Plan, released: &Released) -> Row {
    let version = &plan.package_version;
    let guide = released.guides.get(version);
    let refused = publish::notes(plan, guide).err();
    let passed = refused.is_none();
    let found = refused.map_or("those".to_owned(), |failure| failure.to_string());
    let mend = format!("shorten the fragments, then `cargo xtask prepare {version} --yes`");
    let finding = Finding::when(passed, Verdict::BlocksPublishing, found, &mend);
    let place = format!("{RELEASES}/{}", Guide::file(version));
    row("guide-fits", place, "notes that GitHub takes", finding)
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
    let Some((name, found)) = altered else {
        let finding = Finding::when(true, Verdict::Failed, "as it was", "");
        return Ok(row(rule, RELEASES, expected, finding));
    };
    let place = format!("{RELEASES}/{name}");
    let last = tree.last_release()?;
    let frozen = |last: &Tag| matches!(tree.text_at(&last.reference(), &place), Ok(Some(_)));
    let mend = match last.filter(frozen) {
        Some(last) => {
            format!("git checkout {last} -- {place}; what is wrong is told in the next guide")
        }
        // It went out with nothing yet.
        None => format!("git checkout -- {place}, or make the release commit anew"),
    };
    let finding = Finding::when(false, Verdict::Failed, found, &mend);
    Ok(row(rule, place, expected, finding))
}

/// A file that is not as it was in the last release.
fn since_release(tree: &Tree, released: &Released) -> Result<Option<(String, String)>, Failure> {
    let Some(last) = tree.last_tag()? else {
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
    row("fragment-told-once", NEXT, expected, finding)
}

/// Rows about the guide of a version that is prepared and not released: it is what its fragments give,
/// and nothing came after it.
fn tells_of_this_tree(
    project: &Project,
    tree: &Tree,
    story: &Story,
    released: &Released,
    blind: Option<Finding>,
) -> Result<Vec<Row>, Failure> {
    let version = project.package_version();
    let Some(guide) = released.guides.get(version) else {
        return Ok(Vec::new());
    };
    if tree.is_past(version)? {
        return Ok(Vec::new());
    }
    let file = format!("{RELEASES}/{}", Guide::file(version));
    let (given, last) = ("guide-is-of-fragments", "guide-tells-all");
    let expected = "what its fragments give";
    let nothing_after = format!("nothing that {version} does not tell of");
    let unknown = match (blind, tree.unchanged_since(&file)?) {
        (Some(blind), _) => blind,
        (None, Some((since, Some(before)))) => {
            let anew = format!(
                "git revert {since:.12}, have it merged, then `cargo xtask prepare {version} --yes`"
            );
            let found = other_than_given(project, tree, released, guide, before.as_str())?;
            let finding = Finding::when(
                found.is_none(),
                Verdict::Failed,
                found.as_deref().unwrap_or("that"),
                &format!("{anew}; what a guide tells stands in its fragments"),
            );
            let given = row(given, &file, expected, finding);
            let after = came_after(project, tree, story, guide, since.as_str())?;
            let finding = Finding::when(
                after.is_none(),
                Verdict::BlocksPublishing,
                after.as_deref().unwrap_or("that"),
                &anew,
            );
            return Ok(vec![given, row(last, &file, nothing_after, finding)]);
        }
        (None, _) => Finding {
            verdict: Verdict::NotChecked,
            found: "no commit before it, that has its fragments".to_owned(),
            mend: format!("git log -- {file}"),
        },
    };
    Ok(vec![
        row(given, &file, expected, unknown.clone()),
        row(last, &file, nothing_after, unknown),
    ])
}

/// In what a guide is other than the fragments that the commit `before` it has.
fn other_than_given(
    project: &Project,
    tree: &Tree,
    released: &Released,
    guide: &Guide,
    before: &str,
) -> Result<Option<String>, Failure> {
    let there = tree.files_at(before, NEXT)?;
    let mut fragments = Vec::new();
    for slug in &guide.changes {
        let name = slug.fragment();
        let Some((_, bytes)) = there.iter().find(|(file, _)| *file == name) else {
            return Ok(Some(format!("a change {slug}, of which no fragment told")));
        };
        let place = format!("{before:.12}:{NEXT}/{name}");
        fragments.push(Fragment::read(&place, slug.clone(), bytes).or_exit(Exit::Input)?);
    }
    let fragments: Vec<_> = fragments.iter().collect();
    let given = Guide::write(&project.product.name, &guide.version, &fragments);
    let given = given.map(|text| Sha256::of(text.as_bytes()));
    let found = released.digests.get(&Guide::file(&guide.version)).copied();
    Ok((given != found).then(|| "other words than theirs".to_owned()))
}

/// What came after the commit `since` that made a guide, and which it does not tell of.
fn came_after(
    project: &Project,
    tree: &Tree,
    story: &Story,
    guide: &Guide,
    since: &str,
) -> Result<Option<String>, Failure> {
    let mut slugs = story.slugs();
    // A pre-release leaves its fragments to the release.
    let told = |slug: &&Slug| !guide.version.pre.is_empty() && guide.changes.contains(slug);
    if let Some(slug) = slugs.find(|slug| !told(slug)) {
        return Ok(Some(format!("{NEXT}/{}", slug.fragment())));
    }
    let changed = tree.changed_since(since, &project.product.changes.behaviour)?;
    let changed = changed.first();
    Ok(changed.map(|path| format!("{path}, which changed after {since:.12}")))
}
