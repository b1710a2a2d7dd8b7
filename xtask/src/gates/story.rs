//! What is told of the next release: whole, about what did change since the last one, and of a
//! version that follows from it.

use std::collections::BTreeSet;

use release_plan::changes::NEXT;
use release_plan::{Bump, Tag, Version};

use super::{Finding, Row, Verdict, count, deprecations, row};
use crate::git::Tree;
use crate::needed::{self, Code, Since};
use crate::project::{PRODUCT_FILE, Project};
use crate::story::{Found, Released, Story};
use crate::{Failure, bootstrap, preparation, told};

const LOOK: &str = "cargo xtask fragment check";

/// Every row about the story of the next release.
pub(super) fn gates(
    project: &Project,
    tree: &Tree,
    story: &Story,
    released: &Released,
    blind: Option<Finding>,
) -> Result<Vec<Row>, Failure> {
    let code = needed::code(project);
    let mut rows = whole(story);
    rows.extend(formats_are_there(project, &code)?);
    rows.push(deprecations::is_known(project, &code)?);
    rows.extend(told(project, &code, tree, story, released, blind)?);
    Ok(rows)
}

/// A row for each fault of a fragment or a review, and one where there is none.
pub(crate) fn story_is_whole(project: &Project) -> Result<Vec<Row>, Failure> {
    Story::read(project).map(|story| whole(&story))
}

fn whole(story: &Story) -> Vec<Row> {
    let rows: Vec<_> = story.faults().into_iter().map(faulty).collect();
    if !rows.is_empty() {
        return rows;
    }
    let found = count(story.slugs().count(), "fragment");
    let finding = Finding::when(true, Verdict::Failed, found, LOOK);
    let expected = "fragments and reviews that lack nothing";
    vec![row("story-is-whole", NEXT, expected, finding)]
}

fn faulty(found: Found) -> Row {
    let Found { file, fault } = found;
    let place = format!("{file}:{}", fault.line);
    let mend = format!("edit {place}, then `{LOOK}`");
    let finding = Finding::when(false, Verdict::Failed, fault.found, &mend);
    row(fault.rule, place, fault.expected, finding)
}

/// Whether what changed since the last release is told of, reviewed, and declared as it is.
fn told(
    project: &Project,
    code: &Code<'_>,
    tree: &Tree,
    story: &Story,
    released: &Released,
    blind: Option<Finding>,
) -> Result<Vec<Row>, Failure> {
    let rule = "change-is-told";
    let expected = "a fragment, since behaviour changed";
    let patterns = &project.product.changes.behaviour;
    if let Some(blind) = blind {
        return Ok(vec![row(rule, NEXT, expected, blind)]);
    }
    if patterns.is_empty() {
        let finding = Finding {
            verdict: Verdict::NotChecked,
            found: "no path that counts as behaviour".to_owned(),
            mend: format!("name paths in {PRODUCT_FILE} under `changes.behaviour`"),
        };
        return Ok(vec![row(rule, PRODUCT_FILE, expected, finding)]);
    }
    let Some(last) = tree.last_release()? else {
        let found = "nothing is released before this";
        let finding = Finding::when(true, Verdict::Failed, found, LOOK);
        return Ok(vec![row(rule, NEXT, expected, finding)]);
    };
    // Who takes a path out of the policy tells of what changed there for the last time.
    let then = needed::product(tree, &last)?;
    let then = then.map(|then| then.changes.behaviour).unwrap_or_default();
    let patterns: BTreeSet<_> = patterns.iter().cloned().chain(then).collect();
    let patterns: Vec<_> = patterns.into_iter().collect();
    let mut changed = tree.changed_since(&last.reference(), &patterns)?;
    changed = unlike_versions(project, tree, &last, changed);
    // Of scripts that go out under a number of their own, their entry tells.
    if project.product.bootstrap_revision > 0 {
        changed.retain(|path| !path.starts_with(&format!("{}/", bootstrap::FOLDER)));
    }
    let told = Told::of(project, story, released, &last)?;
    let mut rows = vec![change_is_told(&told, &last, &changed)];
    rows.extend(reviews_are_about(tree, &told, &last, &changed)?);
    rows.push(step_is_declared(project, tree, &told, &last)?);
    rows.push(surface_is_there(project)?);
    let since = needed::since(project, code, tree, &last)?;
    rows.extend(bumps(&told, story, &last, &since));
    if let Ok(Since { then, reasons }) = &since {
        let version = next(project, &told, &last);
        let said = then.as_ref().map_or(&[][..], |then| &then.deprecations);
        let deprecations = (said, project.product.deprecations.as_slice());
        rows.extend(deprecations::since_the_last(
            deprecations,
            reasons,
            &last,
            &version,
        ));
    }
    Ok(rows)
}

/// Those of the files that are other than under `last` in more than the version that they say.
fn unlike_versions(
    project: &Project,
    tree: &Tree,
    last: &Tag,
    changed: Vec<String>,
) -> Vec<String> {
    let then = |path: &str| Ok(tree.text_at(&last.reference(), path).ok().flatten());
    let version = project.package_version();
    // Of a tree in which a version cannot be raised, nothing is known.
    let raised = preparation::raise(project, &then, last.version(), version);
    let raised = raised.unwrap_or_default();
    let is_raised = |path: &String| {
        let now = std::fs::read_to_string(project.root.join(path)).ok();
        // What has the same words is other in what git knows besides.
        let same = then(path).is_ok_and(|then| then == now);
        now.is_some() && !same && raised.get(path) == Some(&now)
    };
    let others = changed.into_iter().filter(|path| !is_raised(path));
    others.collect()
}

/// What is told of the changes since the last release: by fragments, and by the guide of the
/// version that is prepared.
struct Told {
    changes: usize,
    bump: Option<Bump>,
    /// The paths that reviews are about, each with its place.
    scopes: Vec<(String, String)>,
}

impl Told {
    fn of(
        project: &Project,
        story: &Story,
        released: &Released,
        last: &Tag,
    ) -> Result<Self, Failure> {
        let version = project.package_version();
        let guide = released.guides.get(version);
        let guide = guide.filter(|_| version > last.version());
        let mut scopes = story.scopes();
        if guide.is_some() {
            scopes.extend(released.scopes(version)?);
        }
        Ok(Self {
            changes: story.slugs().count() + guide.map_or(0, |guide| guide.changes.len()),
            bump: story.bump().max(guide.map(|guide| guide.bump)),
            scopes,
        })
    }
}

fn change_is_told(told: &Told, last: &Tag, changed: &[String]) -> Row {
    let passed = changed.is_empty() || told.changes > 0;
    let found = match told.changes {
        0 => format!("none, and {} changed", some(changed)),
        changes => format!("{changes} of them"),
    };
    let mend = "cargo xtask fragment new SLUG --area AREA --side-effects";
    let finding = Finding::when(passed, Verdict::Failed, found, mend);
    let expected = format!("a fragment, where behaviour changed since {last}");
    row("change-is-told", NEXT, expected, finding)
}

/// Each path whose change is one of behaviour stands in a review, and each review is about what
/// changed.
fn reviews_are_about(
    tree: &Tree,
    told: &Told,
    last: &Tag,
    changed: &[String],
) -> Result<Vec<Row>, Failure> {
    let scopes = told.scopes.iter();
    let (narrow, wide): (Vec<_>, Vec<_>) = scopes.partition(|(_, path)| is_narrow(path));
    let patterns: Vec<&str> = narrow.iter().map(|(_, path)| path.as_str()).collect();
    // Without a pattern, git matches everything.
    let reviewed = if patterns.is_empty() {
        Default::default()
    } else {
        Tree::matching(changed, &patterns)?
    };
    let others: Vec<_> = changed
        .iter()
        .filter(|path| !reviewed.contains(path.as_str()))
        .cloned()
        .collect();
    let found = match others.as_slice() {
        [] => "all of them".to_owned(),
        others => format!("{} in none", some(others)),
    };
    let mend = format!("name it under \"Files in scope\" of a review in {NEXT}");
    let finding = Finding::when(others.is_empty(), Verdict::Failed, found, &mend);
    let expected = format!("each change of behaviour since {last} in the scope of a review");
    let mut rows = vec![row("change-is-reviewed", NEXT, expected, finding)];
    let mut wrong = |place: &String, expected: &str, found: String| {
        let finding = Finding::when(false, Verdict::Failed, found, &format!("edit {place}"));
        rows.push(row("review-scope", place, expected, finding));
    };
    for (place, path) in wide {
        let expected = "a path that begins with the name of a file or a folder";
        wrong(place, expected, format!("{path:?}"));
    }
    // A review that is frozen cannot be edited, and what it was about may have been taken back.
    let next = format!("{NEXT}/");
    for (place, path) in narrow.into_iter().filter(|(at, _)| at.starts_with(&next)) {
        if tree.changed_since(&last.reference(), &[path])?.is_empty() {
            let expected = format!("what changed since {last}");
            wrong(place, &expected, format!("{path}, of which nothing did"));
        }
    }
    Ok(rows)
}

/// Whether a path of a review does not stand for all of the tree.
fn is_narrow(path: &str) -> bool {
    let first = path.split('/').next().unwrap_or_default();
    !matches!(first.trim(), "" | "." | "..") && !first.contains(['*', '?', '[', '\\', ':'])
}

/// The version is the last one, or the one that follows from what the fragments declare.
fn step_is_declared(
    project: &Project,
    tree: &Tree,
    told: &Told,
    last: &Tag,
) -> Result<Row, Failure> {
    let version = project.package_version();
    let released = last.version();
    let (expected, passed) = match told.bump {
        Some(bump) => {
            let followed = tree.followed(last, bump)?;
            let next = bump.after(&followed);
            let leads = bump.leads(released, version) || bump.leads(&followed, version);
            (
                format!("{next}, since {bump} is declared after {last}"),
                leads,
            )
        }
        None => {
            let expected = format!("{released}, since nothing is declared after {last}");
            (expected, false)
        }
    };
    let found = if version == released {
        format!("{version}, not raised yet")
    } else {
        version.to_string()
    };
    let mend = "set `version` in Cargo.toml to that, or declare another `bump` in a fragment";
    let passed = passed || version == released;
    let finding = Finding::when(passed, Verdict::Failed, found, mend);
    Ok(row("step-is-declared", "Cargo.toml", expected, finding))
}

/// The command line is written down, so that it can be held against that of the last release.
fn surface_is_there(project: &Project) -> Result<Row, Failure> {
    let there = told::written(&project.root, told::SURFACE)?.is_some();
    let finding = Finding {
        verdict: if there {
            Verdict::Passed
        } else {
            Verdict::NotChecked
        },
        found: if there { "that" } else { "none" }.to_owned(),
        mend: told::WRITE.to_owned(),
    };
    let expected = "what of the command line others rely on";
    Ok(row("surface-is-there", told::SURFACE, expected, finding))
}

/// A row for each document that others rely on and of which nothing is known, so that it cannot be
/// held against that of the last release; one where there is none.
fn formats_are_there(project: &Project, code: &Code<'_>) -> Result<Vec<Row>, Failure> {
    let expected = "the Rust type of each document that others rely on";
    let of = |place: String, passed, found: String| {
        let mend = format!("edit {place}: FILE.rs#TYPE, of a type with serde's derives");
        let finding = Finding::when(passed, Verdict::Failed, found, &mend);
        row("formats-are-there", place, expected, finding)
    };
    let unknown = needed::unknown_formats(project, code)?;
    if unknown.is_empty() {
        let found = count(project.product.changes.formats.len(), "document");
        return Ok(vec![of(PRODUCT_FILE.to_owned(), true, found)]);
    }
    let rows = unknown.into_iter();
    Ok(rows.map(|(place, why)| of(place, false, why)).collect())
}

/// The version that comes after `last`: the one of this tree, where it was raised.
fn next(project: &Project, told: &Told, last: &Tag) -> Version {
    let version = project.package_version();
    match told.bump {
        Some(bump) if version <= last.version() => bump.after(last.version()),
        _ => version.clone(),
    }
}

/// What is declared is at least what the files of both trees tell, and where it is more, it says
/// why.
fn bumps(told: &Told, story: &Story, last: &Tag, since: &Result<Since, String>) -> Vec<Row> {
    let rule = "bump-is-enough";
    let (then, reasons) = match since {
        Ok(since) => (&since.then, &since.reasons),
        Err(why) => {
            let finding = Finding {
                verdict: Verdict::NotChecked,
                found: why.clone(),
                mend: format!("look at what changed since {last}, and declare it in a fragment"),
            };
            return vec![row(rule, NEXT, "a bump that is enough", finding)];
        }
    };
    let needed = reasons.first().map(|reason| reason.bump);
    let place = reasons
        .first()
        .map_or(NEXT, |reason| &reason.place)
        .to_owned();
    let expected = match needed {
        None => format!("any bump: nothing that others rely on is other than in {last}"),
        Some(bump) => {
            let why = reasons.iter().filter(|reason| reason.bump == bump);
            let why: Vec<_> = why
                .map(|it| format!("{} ({})", it.what(), it.place))
                .collect();
            format!("{bump} at least, since {last}: {}", why.join("; "))
        }
    };
    let found = match then {
        None => format!("{last} was released before {PRODUCT_FILE} was there"),
        Some(_) => told.bump.map_or("none".to_owned(), |bump| bump.to_string()),
    };
    let mend = "declare it as the `bump` of a fragment, or take the change back";
    let finding = Finding::when(needed <= told.bump, Verdict::Failed, found, mend);
    let mut rows = vec![row(rule, place, expected, finding)];
    let needed = needed.unwrap_or(Bump::Patch);
    let fragments = story.fragments().into_iter();
    let mut more = fragments.filter(|it| it.bump > needed && it.bump_reason.is_none());
    let unsaid = more.next();
    let place = unsaid.map_or(NEXT.to_owned(), |it| {
        format!("{NEXT}/{}:1", it.slug.fragment())
    });
    let found = unsaid.map_or("that".to_owned(), |it| format!("{} and no reason", it.bump));
    let finding = Finding::when(
        unsaid.is_none(),
        Verdict::Failed,
        found,
        "say why in its `bump_reason`, or declare less",
    );
    let expected = format!("a `bump_reason` where more than {needed} is declared");
    rows.push(row("bump-says-why", place, expected, finding));
    rows
}

/// The first of some paths, and how many more there are.
fn some(paths: &[String]) -> String {
    match paths {
        [] => "nothing".to_owned(),
        [only] => only.clone(),
        [first, rest @ ..] => format!("{first} and {} more", rest.len()),
    }
}
