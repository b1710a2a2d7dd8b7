//! The builtin manifest: it says what this tree installs, as far as that can be told without
//! compiling, and forgets nothing that a release installed.

use release_plan::{Builtins, Installed, Sha256, Tag, Version};

use super::{Finding, Row, Verdict, row};
use crate::git::Tree;
use crate::project::Project;
use crate::story::Released;
use crate::told::PLAYBOOK;
use crate::{Failure, told};

pub(super) fn gates(
    project: &Project,
    tree: &Tree,
    released: &Released,
    blind: Option<Finding>,
) -> Result<Vec<Row>, Failure> {
    let last = match &blind {
        Some(_) => None,
        // Those of a pre-release lie on disks too.
        None => tree.last_tag()?,
    };
    let Some(builtins) = told::builtins(&project.root)? else {
        // Before the first release there is no history to begin.
        let there = last.map(|_| {
            let finding = Finding {
                verdict: Verdict::NotChecked,
                found: "none".to_owned(),
                mend: told::WRITE.to_owned(),
            };
            let expected = "every file that the program installs elsewhere";
            row("builtins-are-there", told::BUILTINS, expected, finding)
        });
        return Ok(there.into_iter().collect());
    };
    let mut rows = vec![are_current(project, &builtins)?];
    let version = project.package_version();
    // What comes after the release is told by the next.
    if released.guides.contains_key(version) && !tree.is_past(version)? {
        rows.push(name_the_release(&builtins, version));
    }
    if let Some(blind) = blind {
        let (rule, expected) = ("builtins-keep-history", "the history of the last release");
        rows.push(row(rule, told::BUILTINS, expected, blind));
    } else if let Some(last) = last {
        rows.push(keep_history(tree, &builtins, &last, version)?);
    }
    Ok(rows)
}

/// What is said of the playbook is what lies there; the rest is held to the program by its build.
fn are_current(project: &Project, builtins: &Builtins) -> Result<Row, Failure> {
    let playbook = project.playbook()?;
    let ours = playbook.files();
    let ours = ours.map(|(path, bytes)| (format!("{PLAYBOOK}{path}"), Sha256::of(bytes)));
    let ours: Installed = ours.collect();
    let mut said = builtins.installed();
    said.retain(|name, _| name.starts_with(PLAYBOOK));
    let names = ours.keys().chain(said.keys());
    let mut others = names.filter(|name| ours.get(*name) != said.get(*name));
    let found = others.next().map(|name| {
        let shown = |digest: Option<&Sha256>| digest.map_or("none".into(), Sha256::to_string);
        format!("{} of {name}", shown(said.get(name)))
    });
    let finding = Finding::when(
        found.is_none(),
        Verdict::Failed,
        found.as_deref().unwrap_or("that"),
        told::WRITE,
    );
    let expected = "the digest of each file of the playbook";
    Ok(row(
        "builtins-are-current",
        told::BUILTINS,
        expected,
        finding,
    ))
}

/// Of a version that is prepared, every digest stands in the history.
fn name_the_release(builtins: &Builtins, version: &Version) -> Row {
    let passed = builtins.released(version) == *builtins;
    let found = if passed { "that" } else { "others too" };
    let mend = format!(
        "take the release commit back, have it merged, then `cargo xtask prepare {version} --yes`"
    );
    let finding = Finding::when(passed, Verdict::Failed, found, &mend);
    let expected = format!("digests that stand in the history, now that {version} is prepared");
    row(
        "builtins-name-the-release",
        told::BUILTINS,
        expected,
        finding,
    )
}

/// Every digest that the last release installed, or told that one before it did, is still told, and
/// no others.
fn keep_history(
    tree: &Tree,
    builtins: &Builtins,
    last: &Tag,
    version: &Version,
) -> Result<Row, Failure> {
    let rule = "builtins-keep-history";
    let expected = format!("the history that {last} leaves");
    let then = tree.text_at(&last.reference(), told::BUILTINS)?;
    let mend = format!(
        "git show {last}:{file} > {file}, then `{}`",
        told::WRITE,
        file = told::BUILTINS
    );
    let finding = match then.map(|json| Builtins::parse(&json)) {
        None => Finding::when(true, Verdict::Failed, format!("{last} has none"), &mend),
        Some(Err(why)) => Finding {
            verdict: Verdict::NotChecked,
            found: format!("under {last}: {why}"),
            mend: format!("look at what {last} installed"),
        },
        Some(Ok(then)) => {
            let next = Some(version).filter(|version| *version > last.version());
            let other = builtins.other_history(&then.released(last.version()), next);
            let found = other
                .as_ref()
                .map_or("that".to_owned(), |name| format!("another of {name}"));
            Finding::when(other.is_none(), Verdict::Failed, found, &mend)
        }
    };
    Ok(row(rule, told::BUILTINS, expected, finding))
}
