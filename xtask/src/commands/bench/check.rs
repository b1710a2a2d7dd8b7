//! `bench check`: every gate, by this very program in a process of its own, in the tree that it is
//! called in, and in the same tree at the end of a long history with many releases, part of them on
//! a line that was never merged.
//!
//! Nothing else runs these gates. What a history adds to them has a peer: `git tag --merged` and
//! `git diff` find the last release that a commit rests on and the files that are other since then,
//! which is what the gates ask of it.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use git2::{Buf, FileMode, IndexAddOption, Oid, Repository, Signature, Time};
use release_plan::Exit;
use serde::Serialize;

use super::super::say;
use super::race::{self, Aim, ended_well, median, start};
use crate::gates::{Row, Verdict};
use crate::git;
use crate::project::Project;
use crate::story::Released;
use crate::{Failure, cli, files, report};

/// A history that is next to none.
const YOUNG: Shape = Shape {
    commits: 2,
    tags: 1,
    aside: 0,
    since: 1,
};
const OLD: Shape = Shape {
    commits: 10_000,
    tags: 500,
    aside: 100,
    since: 20,
};
/// Seconds that all gates may take, compiled or not.
const SECONDS: f64 = 2.0;
/// What a history may add, by what git takes to tell the last release and the changes since.
const OF_GIT: f64 = 3.0;
/// The file that each commit changes.
const COUNTED: &str = "COUNTED";
const BRANCH: &str = "refs/heads/main";
/// When the first commit was made, in seconds since 1970; each is a minute after the one before.
const BEGINNING: i64 = 1_000_000_000;

/// What a history is like.
struct Shape {
    commits: usize,
    tags: usize,
    /// How many of each lie on a line that left in the middle.
    aside: usize,
    /// How many commits follow the last release.
    since: usize,
}

pub(super) fn run(arguments: &cli::BenchCheck) -> Result<(), Failure> {
    race::require(&["git"])?;
    let project = Project::here()?;
    let scratch = tempfile::tempdir()?;
    let [short, long] = ["short", "long"].map(|name| scratch.path().join(name));
    let Shape { commits, tags, .. } = OLD;
    say(format!("making {commits} commits and {tags} tags"));
    history(&project, &short, &YOUNG)?;
    let last = history(&project, &long, &OLD)?;
    let mut seconds: [Vec<f64>; 5] = Default::default();
    for round in 0..=arguments.runs {
        // Before the first, files and programs are brought into the system's memory.
        if round > 0 {
            say(format!("round {round} of {}", arguments.runs));
        }
        let (here, _) = check(&project.root)?;
        let [(young, in_young), (old, in_old)] = [check(&short)?, check(&long)?];
        if in_young != in_old {
            let message = "the same tree gets other verdicts after a longer history";
            return Err(Failure::new(Exit::Failed, message.to_owned()));
        }
        let git = ask_git(&long, &last)?;
        // Of neighbours, so that a machine that is slow for a while is so for both.
        let times = [here, young, old, git, (old - young) / git];
        for (all, time) in seconds.iter_mut().zip(times) {
            all.extend((round > 0).then_some(time));
        }
    }
    let [here, young, old, git, added] = seconds.map(|all| median(&all));
    let figures = Figures {
        commits,
        tags,
        rounds: arguments.runs,
        here_seconds: here,
        young_seconds: young,
        old_seconds: old,
        git_seconds: git,
        aims: vec![
            Aim::new("here, in s", here, SECONDS),
            Aim::new("after that history, in s", old, SECONDS),
            Aim::new("what it adds, by git's time", added, OF_GIT),
        ],
    };
    report::print(&if arguments.json {
        serde_json::to_string_pretty(&figures)? + "\n"
    } else {
        figures.render()
    })
}

/// What all gates take in the tree at `root`, and the verdict of each.
fn check(root: &Path) -> Result<(f64, Vec<(String, Verdict)>), Failure> {
    let mut check = Command::new(std::env::current_exe()?);
    check.args(["check", "--json"]).current_dir(root);
    check.stdout(Stdio::piped()).stderr(Stdio::null());
    let begun = Instant::now();
    let told = start(&mut check)?.wait_with_output()?;
    let seconds = begun.elapsed().as_secs_f64();
    // Gates that fail took their time all the same.
    if told.status.code() != Some(Exit::Gate.code().into()) {
        ended_well("check", Ok(told.status))?;
    }
    let rows: Vec<Row> = serde_json::from_slice(&told.stdout)?;
    let verdicts = rows.into_iter().map(|row| (row.rule, row.verdict));
    Ok((seconds, verdicts.collect()))
}

/// What git takes to tell which release the commit rests on, and what is other since `last`.
fn ask_git(root: &Path, last: &str) -> Result<f64, Failure> {
    let begun = Instant::now();
    for arguments in [
        &["tag", "--merged", "HEAD", "--sort=-version:refname"][..],
        &["diff", "--name-only", last],
    ] {
        let mut git = Command::new("git");
        git.args(arguments).current_dir(root);
        ended_well("git", start(quiet(&mut git))?.wait())?;
    }
    Ok(begun.elapsed().as_secs_f64())
}

fn quiet(command: &mut Command) -> &mut Command {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
}

/// Makes a repository in `folder` of what the project has committed, at the end of such a history,
/// in one pack as a clone has it. Gives the name of the last release before its end.
fn history(project: &Project, folder: &Path, shape: &Shape) -> Result<String, Failure> {
    let (_, head) = git::open_head(&project.root)?;
    git::export(&project.root, &head.commit, folder)?;
    let repository = Repository::init(folder)?;
    let odb = repository.odb()?;
    let mempack = odb.add_new_mempack_backend(1000)?;
    let mut index = repository.index()?;
    index.add_all(["*"], IndexAddOption::FORCE, None)?;
    let tree = repository.find_tree(index.write_tree()?)?;
    // The line that left in the middle comes last.
    let line = shape.commits - shape.aside;
    let mut made = Vec::with_capacity(shape.commits);
    for number in 0..shape.commits {
        let parent = match number {
            0 => None,
            _ if number == line => Some(made[line / 2]),
            _ => Some(made[number - 1]),
        };
        made.push(commit(&repository, &tree, number, parent)?);
    }
    let mut pack = Buf::new();
    mempack.dump(&repository, &mut pack)?;
    let mut writer = odb.packwriter()?;
    writer.write_all(&pack)?;
    writer.commit()?;
    let tip = made[line - 1];
    repository.reference(BRANCH, tip, true, "made")?;
    repository.set_head(BRANCH)?;
    files::write(&folder.join(COUNTED), content(line - 1).as_bytes())?;
    index.add_path(Path::new(COUNTED))?;
    index.write()?;

    let (merged, aside) = releases(project, shape)?;
    let last = line - shape.since - 1;
    let step = last / merged.len();
    let merged_at = (0..merged.len()).rev().map(|after| last - after * step);
    for (name, at) in merged.iter().zip(merged_at).chain(aside.iter().zip(line..)) {
        repository.reference(&format!("refs/tags/{name}"), made[at], true, "made")?;
    }
    Ok(merged.last().cloned().unwrap_or_default())
}

/// A commit that is other than all in one file.
fn commit(
    repository: &Repository,
    tree: &git2::Tree<'_>,
    number: usize,
    parent: Option<Oid>,
) -> Result<Oid, Failure> {
    let mut tree = repository.treebuilder(Some(tree))?;
    let blob = repository.blob(content(number).as_bytes())?;
    tree.insert(COUNTED, blob, FileMode::Blob.into())?;
    let tree = repository.find_tree(tree.write()?)?;
    let minutes = i64::try_from(number).unwrap_or_default();
    let time = Time::new(BEGINNING + 60 * minutes, 0);
    let person = Signature::new("Ada", "ada@example.org", &time)?;
    let parent = parent.map(|id| repository.find_commit(id)).transpose()?;
    let parents: Vec<_> = parent.iter().collect();
    Ok(repository.commit(None, &person, &person, &content(number), &tree, &parents)?)
}

fn content(number: usize) -> String {
    format!("Step {number}\n")
}

/// The names of releases that are merged and of those aside, each from the lowest. Those that have
/// a guide are the last that are merged, since without their tags the gates would decide nothing.
fn releases(project: &Project, shape: &Shape) -> Result<(Vec<String>, Vec<String>), Failure> {
    let released = Released::read(project)?;
    let guides = released.guides.keys().map(|version| format!("v{version}"));
    let others = OLD.tags.saturating_sub(guides.len());
    let mut merged: Vec<_> = (0..others).map(|number| format!("v0.0.{number}")).collect();
    let mut aside = merged.split_off(others.saturating_sub(OLD.aside));
    aside.truncate(shape.aside);
    // The highest is there, however few there are.
    let few = shape.tags.saturating_sub(shape.aside + guides.len()).max(1);
    let mut merged = merged.split_off(merged.len().saturating_sub(few));
    merged.extend(guides);
    Ok((merged, aside))
}

/// The outcome, as `--json` prints it.
#[derive(Debug, Serialize)]
struct Figures {
    commits: usize,
    tags: usize,
    rounds: u8,
    here_seconds: f64,
    young_seconds: f64,
    old_seconds: f64,
    git_seconds: f64,
    aims: Vec<Aim>,
}

impl Figures {
    fn render(&self) -> String {
        let Self {
            commits,
            tags,
            rounds,
            ..
        } = self;
        let [here, young, old, git] = [
            self.here_seconds,
            self.young_seconds,
            self.old_seconds,
            self.git_seconds,
        ]
        .map(|seconds| seconds * 1e3);
        let aims = Aim::table(&self.aims);
        format!(
            "whole processes, medians of {rounds} rounds: all gates here in {here:.0} ms; what is \
             committed here in {young:.0} ms after one release, in {old:.0} ms after {commits} \
             commits and {tags} tags; git tag --merged and git diff there in {git:.0} ms\n\n\
             {aims}\n"
        )
    }
}
