//! Gates: what must be true before a release is built. Each gives a row; all of them run, and
//! then the whole fails once.

mod builtins;
mod deprecations;
mod guide;
mod scripts;
mod specs;
mod story;
mod twins;
pub(crate) mod versions;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::process::Command;

use release_plan::{AssetName, Plan, Tag, Target};
use serde::{Deserialize, Serialize};

use crate::dist::{self, DistError};
use crate::git::Tree;
use crate::project::{DIST_FILE, LOCK_FILE, Project};
use crate::story::{Released, Story};
use crate::{Failure, generated, process, tools, workflows};

pub(crate) use self::scripts::{plan_entry, scripts_are_numbered};
pub(crate) use self::story::story_is_whole;

/// How a gate ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Verdict {
    /// As it should be.
    Passed,
    /// Not as it should be.
    Failed,
    /// Stands in the way of publishing, not of a rehearsal.
    BlocksPublishing,
    /// Could not be looked at.
    NotChecked,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Passed => "✓",
            Self::Failed => "✗",
            Self::BlocksPublishing => "✗ when publishing",
            Self::NotChecked => "not checked",
        })
    }
}

/// What a gate looked at and saw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Row {
    /// The rule's id, which does not change.
    pub(crate) rule: String,
    /// File, tag or setting that it is about.
    pub(crate) place: String,
    pub(crate) verdict: Verdict,
    pub(crate) expected: String,
    pub(crate) found: String,
    /// The command that mends it; none where there is nothing to mend.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) mend: Option<String>,
}

/// What a gate found.
#[derive(Clone)]
struct Finding {
    verdict: Verdict,
    found: String,
    mend: String,
}

impl Finding {
    fn when(passed: bool, otherwise: Verdict, found: impl fmt::Display, mend: &str) -> Self {
        Self {
            verdict: if passed { Verdict::Passed } else { otherwise },
            found: found.to_string(),
            mend: mend.to_owned(),
        }
    }

    /// Why nothing is decided by tags that are not all here; none where they are.
    fn without_tags(
        project: &Project,
        tree: &Tree,
        released: &Released,
    ) -> Result<Option<Self>, Failure> {
        let (found, mend) = if tree.is_shallow() {
            let found = "a shallow clone, in which tags may be missing".to_owned();
            (found, "git fetch --unshallow --tags")
        } else if let Some(tag) = released.without_tag(tree, project.package_version())? {
            (
                format!("a guide of {tag}, and no such tag"),
                "git fetch --tags; where it never was released, take its guide away",
            )
        } else {
            return Ok(None);
        };
        Ok(Some(Self {
            verdict: Verdict::NotChecked,
            found,
            mend: mend.to_owned(),
        }))
    }
}

fn row(rule: &str, place: impl fmt::Display, expected: impl fmt::Display, finding: Finding) -> Row {
    let mend = (finding.verdict != Verdict::Passed).then_some(finding.mend);
    Row {
        rule: rule.to_owned(),
        place: place.to_string(),
        verdict: finding.verdict,
        expected: expected.to_string(),
        found: finding.found,
        mend,
    }
}

/// Runs every gate.
pub(crate) fn run(project: &Project, plan: &Plan) -> Result<Vec<Row>, Failure> {
    let tree = Tree::open(&project.root)?;
    let (story, released) = (Story::read(project)?, Released::read(project)?);
    let blind = Finding::without_tags(project, &tree, &released)?;
    let mut rows = vec![
        plan_is_of_tree(project, plan)?,
        tag_is_version(plan),
        version_is_new(&tree, plan, blind.clone())?,
        tag_on_commit(&tree, plan)?,
        clean_tree(project, &tree)?,
        lock_is_current(project),
        scripts_are_numbered(project, &tree, &released)?,
    ];
    rows.extend(story::gates(
        project,
        &tree,
        &story,
        &released,
        blind.clone(),
    )?);
    rows.extend(guide::gates(
        project,
        &tree,
        plan,
        &story,
        &released,
        blind.clone(),
    )?);
    rows.extend(builtins::gates(project, &tree, &released, blind)?);
    rows.push(specs::specs_are_numbered(project)?);
    rows.extend(twins::twins_are_equal(project, &tree)?);
    rows.extend(documents(project)?);
    rows.push(playbook(project, plan)?);
    rows.push(versions::documents_agree(project, plan)?);
    rows.extend(generated(project)?);
    rows.push(dist_agrees(project, plan)?);
    rows.extend(workflows::check(project)?);
    Ok(rows)
}

fn plan_is_of_tree(project: &Project, plan: &Plan) -> Result<Row, Failure> {
    let differing = project.differences(plan)?;
    let found = if differing.is_empty() {
        "the same".to_owned()
    } else {
        format!("other {}", differing.join(", "))
    };
    let finding = Finding::when(
        differing.is_empty(),
        Verdict::Failed,
        found,
        "cargo xtask plan",
    );
    let expected = "the plan that this tree gives";
    Ok(row("plan-is-of-tree", AssetName::PLAN, expected, finding))
}

fn tag_is_version(plan: &Plan) -> Row {
    let expected = format!("v{}", plan.package_version);
    let passed = plan.tag.to_string() == expected;
    let mend = format!("git tag {expected}");
    let finding = Finding::when(passed, Verdict::BlocksPublishing, &plan.tag, &mend);
    row("tag-is-version", "Cargo.toml", expected, finding)
}

fn version_is_new(tree: &Tree, plan: &Plan, blind: Option<Finding>) -> Result<Row, Failure> {
    let rule = "version-above-last-tag";
    if let Some(blind) = blind {
        return Ok(row(rule, "git tags", "a version above the last tag", blind));
    }
    // A predecessor stands just below the version of this tree, whose own tag does not count.
    let version = &plan.package_version;
    let last = tree.highest_tag_but(&Tag::of(version)?)?;
    let passed = last.as_ref().is_none_or(|last| last.version() < version);
    let expected = match &last {
        Some(last) => format!("a version above {last}"),
        None => "any version: nothing is tagged yet".to_owned(),
    };
    let mend = "raise `version` in Cargo.toml";
    let finding = Finding::when(passed, Verdict::Failed, version, mend);
    Ok(row(rule, "Cargo.toml", expected, finding))
}

fn tag_on_commit(tree: &Tree, plan: &Plan) -> Result<Row, Failure> {
    let Plan { tag, source, .. } = plan;
    let tagged = tree.tagged(tag)?;
    let passed = tagged.as_ref() == Some(&source.commit);
    let (found, mend) = match tagged {
        None => (
            format!("no tag {tag}"),
            format!("git tag {tag} {}", source.commit),
        ),
        Some(commit) => (
            format!("{tag} stands on {commit}"),
            "raise `version` in Cargo.toml: a tag never moves".to_owned(),
        ),
    };
    let finding = Finding::when(passed, Verdict::BlocksPublishing, found, &mend);
    let expected = format!("{tag} on {}", source.commit);
    Ok(row("tag-on-commit", tag.reference(), expected, finding))
}

pub(crate) fn clean_tree(project: &Project, tree: &Tree) -> Result<Row, Failure> {
    let changes = tree.changes(&project.watched())?;
    let found = match changes.as_slice() {
        [] => "nothing changed".to_owned(),
        [first] => first.clone(),
        [first, rest @ ..] => format!("{first} and {} more", rest.len()),
    };
    let mend = "git status, then commit or remove what it lists";
    let finding = Finding::when(changes.is_empty(), Verdict::BlocksPublishing, found, mend);
    Ok(row(
        "clean-tree",
        "work tree",
        "nothing that differs from the commit",
        finding,
    ))
}

fn lock_is_current(project: &Project) -> Row {
    let mut command = Command::new(cargo());
    command
        .args([
            "metadata",
            "--locked",
            "--format-version=1",
            "--filter-platform",
        ])
        .arg(env!("XTASK_HOST"))
        .current_dir(&project.root);
    let output = process::output(&mut command, process::NO_LIMIT);
    let (passed, found) = match output {
        Ok(output) if output.status.success() => (true, "as Cargo.toml asks".to_owned()),
        Ok(output) => (false, first_error(&output.stderr)),
        Err(failure) => (false, failure.to_string()),
    };
    let finding = Finding::when(passed, Verdict::Failed, found, "cargo update --workspace");
    row(
        "lock-is-current",
        LOCK_FILE,
        "a lock file as Cargo.toml asks",
        finding,
    )
}

fn documents(project: &Project) -> Result<Vec<Row>, Failure> {
    let documents = project.documents()?;
    let named = |prefix: &str| {
        let mut names = documents
            .iter()
            .filter_map(|path| path.file_name()?.to_str());
        names
            .find(|name| name.starts_with(prefix))
            .map(str::to_owned)
    };
    let of = |rule, prefix: &str, place| {
        let found = named(prefix);
        let mend = format!("write {place}");
        let words = found.clone().unwrap_or("none".to_owned());
        row(
            rule,
            place,
            place,
            Finding::when(found.is_some(), Verdict::Failed, words, &mend),
        )
    };
    Ok(vec![
        of("readme-present", "README.md", "README.md"),
        of("licence-present", "LICENSE", "LICENSE*"),
    ])
}

fn playbook(project: &Project, plan: &Plan) -> Result<Row, Failure> {
    let found = project.playbook()?.sha256();
    let finding = Finding::when(
        found == plan.playbook_sha256,
        Verdict::Failed,
        found,
        "cargo xtask plan",
    );
    Ok(row(
        "playbook-digest",
        "playbook/skills",
        plan.playbook_sha256,
        finding,
    ))
}

fn generated(project: &Project) -> Result<Vec<Row>, Failure> {
    let rows = generated::all(project)?.into_iter().map(|generated| {
        let current = generated.is_current();
        let found = if current { "that" } else { "something else" };
        let finding = Finding::when(current, Verdict::Failed, found, generated::GENERATE);
        let expected = "what follows from other files of the tree";
        row("generated-is-current", generated.file, expected, finding)
    });
    Ok(rows.collect())
}

fn dist_agrees(project: &Project, plan: &Plan) -> Result<Row, Failure> {
    let rule = "dist-agrees";
    let program = |target: &Target| target.executable(&plan.product);
    let documents: Vec<String> = project
        .documents()?
        .iter()
        .filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()))
        .collect();
    let ours: dist::Archives = plan
        .whole()
        .archives()
        .filter_map(|asset| {
            let target = asset.target.clone()?;
            let contents = documents
                .iter()
                .cloned()
                .chain([program(&target)])
                .collect();
            Some((asset.name.clone(), (target, contents)))
        })
        .collect();
    let expected = shown(&ours);
    // A predecessor is planned under a version that its package does not have, so dist is asked
    // about the version that it has.
    let tag = Tag::of(&plan.package_version)?;
    let theirs = dist::plan(&project.root, &plan.tools.cargo_dist, &tag);
    let finding = match theirs {
        Ok(theirs) => {
            let mend = format!("make {DIST_FILE} and the plan agree");
            Finding::when(theirs == ours, Verdict::Failed, shown(&theirs), &mend)
        }
        Err(DistError::Missing(error)) => Finding {
            verdict: Verdict::NotChecked,
            found: error.to_string(),
            mend: tools::INSTALL.to_owned(),
        },
        Err(error) => Finding {
            verdict: Verdict::Failed,
            found: error.to_string(),
            mend: format!("dist plan --tag {tag}"),
        },
    };
    Ok(row(rule, DIST_FILE, expected, finding))
}

fn shown(archives: &BTreeMap<AssetName, (Target, BTreeSet<String>)>) -> String {
    let each = archives.iter().map(|(name, (target, contents))| {
        let contents: Vec<&str> = contents.iter().map(String::as_str).collect();
        format!("{name} for {target} with {}", contents.join(", "))
    });
    each.collect::<Vec<_>>().join("; ")
}

/// The cargo that runs us, so that a toolchain override holds for what we start.
pub(crate) fn cargo() -> std::ffi::OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// Cargo's own words for what is wrong; what follows them is advice.
fn first_error(output: &[u8]) -> String {
    let text = String::from_utf8_lossy(output);
    let error = text.lines().find_map(|line| line.strip_prefix("error: "));
    error.unwrap_or("no words").trim().to_owned()
}

/// A number of things, with the word for them.
pub(crate) fn count(number: usize, thing: &str) -> String {
    match number {
        1 => format!("1 {thing}"),
        many => format!("{many} {thing}s"),
    }
}

/// How many rows ended in which way.
pub(crate) fn summary(rows: &[Row]) -> String {
    let count = |verdict| rows.iter().filter(|row| row.verdict == verdict).count();
    let gates = self::count(rows.len(), "gate");
    let mut words = format!("{gates}: {} passed", count(Verdict::Passed));
    for (verdict, ended) in [
        (Verdict::Failed, "failed"),
        (Verdict::BlocksPublishing, "would fail when publishing"),
        (Verdict::NotChecked, "not checked"),
    ] {
        if count(verdict) > 0 {
            words.push_str(&format!(", {} {ended}", count(verdict)));
        }
    }
    words
}

/// Whether the rows let a release go on.
pub(crate) fn all_pass(rows: &[Row], publishing: bool, strict: bool) -> bool {
    rows.iter().all(|row| match row.verdict {
        Verdict::Passed => true,
        Verdict::Failed => false,
        Verdict::BlocksPublishing => !publishing,
        Verdict::NotChecked => !strict,
    })
}
