//! `reproduce`: builds the archives of a release again, from the commit alone, in another folder
//! under another home, and compares them with what was built before, byte for byte.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use release_plan::{
    Asset, AssetName, Exit, Limits, Manifest, Measured, Plan, PlannedAsset, Target, Toolchain,
};
use serde::Serialize;

use super::build::{self, target_of};
use super::say;
use crate::compare;
use crate::failure::Exiting as _;
use crate::programs::built::{self, Built};
use crate::programs::compile::Site;
use crate::programs::compiler::{Builder, Compiler};
use crate::project::Project;
use crate::{Failure, cli, download, files, git, process, report, signing};

/// The most bytes that an archive to compare with may have.
const MOST_BYTES: usize = 256 * 1024 * 1024;

pub(super) fn run(arguments: &cli::Reproduce) -> Result<(), Failure> {
    let project = Project::here()?;
    let reference = Reference::open(&project, &arguments.against)?;
    let plan = &reference.plan;
    let picked: Vec<PlannedAsset> = if arguments.target.is_empty() {
        reference.made.keys().cloned().collect()
    } else {
        let archives = plan.archives_for(&arguments.target).or_exit(Exit::Input)?;
        archives.into_iter().cloned().collect()
    };

    let compilers = Compiler::all(&project.root)?;
    let mut rows = Vec::new();
    let mut builders = Vec::new();
    for planned in &picked {
        let target = target_of(planned);
        let Some(made) = reference.made.get(planned) else {
            let why = format!("{} has no archive for it", arguments.against);
            rows.push(Row::new(target, Verdict::CannotJudge(why)));
            continue;
        };
        match Builder::find(&compilers, target, &plan.tools) {
            Err(error) => rows.push(Row::new(target, Verdict::CannotJudge(error.to_string()))),
            Ok(builder) if builder.toolchain(&plan.tools) != made.toolchain => {
                let (then, here) = (&made.toolchain, builder.toolchain(&plan.tools));
                let why = format!("it was made by {then}; here is {here}");
                rows.push(Row::new(target, Verdict::CannotJudge(why)));
            }
            Ok(builder) => builders.push((planned, builder)),
        }
    }
    let mut built = Ok(());
    if !builders.is_empty() {
        let scratch = tempfile::Builder::new().prefix("reproduce-").tempdir()?;
        let elsewhere = Elsewhere::new(&project, plan, scratch.path())?;
        let Elsewhere { project, site, out } = &elsewhere;
        built = build::build_all(project, plan, site, &builders, out);
        process::check_interrupt()?;
        for (planned, _) in &builders {
            rows.push(Row::new(
                target_of(planned),
                judge(planned, &reference, out)?,
            ));
        }
    }
    rows.sort_by(|a, b| a.target.cmp(&b.target));
    match conclude(&rows, arguments) {
        Err(differs) if differs.exit() == Exit::Gate => Err(differs),
        concluded => built.and(concluded),
    }
}

/// Compares an archive that was built again into `out`.
fn judge(planned: &PlannedAsset, reference: &Reference, out: &Path) -> Result<Verdict, Failure> {
    let (path, made) = (out.join(planned.name.as_str()), &reference.made[planned]);
    if !path.is_file() {
        return Ok(Verdict::CannotJudge(
            "it could not be built here".to_owned(),
        ));
    }
    let differences = compare::compare(&planned.name, &files::read(&path)?, &made.bytes);
    let differences = differences.or_exit(Exit::Input)?;
    if differences.is_empty() {
        return Ok(Verdict::Equal);
    }
    Ok(Verdict::Differs(
        differences.iter().map(ToString::to_string).collect(),
    ))
}

/// What came of one archive.
#[derive(Debug, Serialize)]
struct Row {
    target: Target,
    #[serde(flatten)]
    verdict: Verdict,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case", tag = "verdict", content = "detail")]
enum Verdict {
    /// The same bytes.
    Equal,
    /// Other bytes, and where.
    Differs(Vec<String>),
    /// Another toolchain, or none, which says nothing about the archive.
    CannotJudge(String),
}

impl Row {
    fn new(target: &Target, verdict: Verdict) -> Self {
        Self {
            target: target.clone(),
            verdict,
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { target, verdict } = self;
        match verdict {
            Verdict::Equal => write!(f, "✓ {target}: equal to the byte"),
            Verdict::Differs(where_) => write!(f, "✗ {target}: {}", where_.join("\n  ")),
            Verdict::CannotJudge(why) => {
                write!(f, "? {target}: cannot judge: {}", report::plain(why))
            }
        }
    }
}

fn conclude(rows: &[Row], arguments: &cli::Reproduce) -> Result<(), Failure> {
    if arguments.json {
        let mut json = serde_json::to_string_pretty(rows)?;
        json.push('\n');
        report::print(&json)?;
    } else {
        let lines: Vec<String> = rows.iter().map(|row| format!("{row}\n")).collect();
        report::print(&lines.concat())?;
    }
    let count = |of: fn(&Verdict) -> bool| rows.iter().filter(|row| of(&row.verdict)).count();
    let differ = count(|verdict| matches!(verdict, Verdict::Differs(_)));
    let unjudged = count(|verdict| matches!(verdict, Verdict::CannotJudge(_)));
    let against = &arguments.against;
    if differ > 0 {
        let message = format!(
            "{differ} of {} archives differ from those of {against}",
            rows.len()
        );
        return Err(Failure::new(Exit::Gate, message));
    }
    if unjudged > 0 {
        let message = format!(
            "{unjudged} of {} archives of {against} cannot be judged on this machine",
            rows.len()
        );
        return Err(Failure::new(Exit::Input, message));
    }
    Ok(())
}

/// What is compared with: what `build` left, or the assets of a release.
struct Reference {
    plan: Plan,
    /// The archives that are there.
    made: BTreeMap<PlannedAsset, Made>,
}

/// An archive to compare with.
struct Made {
    toolchain: Toolchain,
    bytes: Vec<u8>,
}

enum Place {
    Folder(PathBuf),
    Url(String),
}

impl Reference {
    fn open(project: &Project, against: &str) -> Result<Self, Failure> {
        let place = Place::of(against);
        let version = project.package_version();
        let now = project.plan(version)?;
        if let Place::Folder(folder) = &place
            && !folder.join(AssetName::MANIFEST).is_file()
        {
            let mut made = BTreeMap::new();
            let there = match folder.is_dir() {
                true => built::archives_in(&now, folder)?,
                false => Vec::new(),
            };
            for planned in there {
                let path = folder.join(planned.name.as_str());
                let record = Built::read(&path)?;
                record.check(&now, target_of(&planned), &path)?;
                let bytes = files::read(&path)?;
                record.check_bytes(&path, Measured::of(&bytes))?;
                let toolchain = record.toolchain;
                made.insert(planned, Made { toolchain, bytes });
            }
            return Self::of(now, made, &place);
        }
        let manifest = Manifest::parse(&place.read(AssetName::MANIFEST, Limits::MANIFEST)?)
            .or_exit(Exit::Input)?;
        let plan =
            Plan::parse(&place.read(AssetName::PLAN, Limits::MANIFEST)?).or_exit(Exit::Input)?;
        let refused = |message: String| Failure::new(Exit::Input, format!("{against}: {message}"));
        if manifest.plan_sha256 != plan.digest() {
            return Err(refused(
                "release.json was not made by the plan.json beside it".to_owned(),
            ));
        }
        let planned = project.plan(&plan.version)?;
        if planned != plan.whole() {
            let commit = &plan.source.commit;
            let way = if planned.source.commit == *commit {
                "take your changes out of it with `git stash`".to_owned()
            } else {
                format!("go there with `git checkout {commit}`")
            };
            return Err(refused(format!(
                "expected a release of this tree, found {} of commit {}; {way}",
                plan.tag,
                plan.source.label(),
            )));
        }
        let mut made = BTreeMap::new();
        for archive in plan.archives() {
            let target = target_of(archive);
            let (Some(listed), Some(toolchain)) = (
                manifest.asset(&archive.name),
                manifest.toolchains.get(target),
            ) else {
                let name = &archive.name;
                return Err(refused(format!(
                    "expected {name} in release.json, found none"
                )));
            };
            let bytes = place.read(archive.name.as_str(), MOST_BYTES)?;
            let found = Asset::new(archive.clone(), Measured::of(&bytes));
            if found != *listed {
                let message = format!(
                    "{against}: {}: expected sha256:{} as release.json says, found sha256:{}; do \
                     not run it",
                    archive.name, listed.sha256, found.sha256
                );
                return Err(Failure::new(Exit::Refused, message));
            }
            let toolchain = toolchain.clone();
            made.insert(archive.clone(), Made { toolchain, bytes });
        }
        Self::of(plan, made, &place)
    }

    fn of(plan: Plan, made: BTreeMap<PlannedAsset, Made>, place: &Place) -> Result<Self, Failure> {
        if plan.source.changes_sha256.is_some() {
            let message = format!(
                "expected archives of a commit, found some of commit {} with changes: nobody else \
                 has those; commit them and build again",
                plan.source.commit
            );
            return Err(Failure::new(Exit::Input, message));
        }
        if made.is_empty() {
            let message = format!(
                "{place}: expected archives to compare with, found none; make them with `cargo \
                 xtask build --all-targets`"
            );
            return Err(Failure::new(Exit::Input, message));
        }
        Ok(Self { plan, made })
    }
}

impl Place {
    fn of(against: &str) -> Self {
        if let Some(path) = against.strip_prefix("file://") {
            Self::Folder(path.into())
        } else if against.starts_with("https://") || against.starts_with("http://") {
            Self::Url(against.trim_end_matches('/').to_owned())
        } else {
            Self::Folder(against.into())
        }
    }

    fn read(&self, name: &str, limit: usize) -> Result<Vec<u8>, Failure> {
        match self {
            Self::Folder(folder) => files::read(&folder.join(name)),
            Self::Url(url) => super::block_on(async {
                let client = signing::http_client()?;
                download::get(&client, &format!("{url}/{name}"), limit).await
            }),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(folder) => write!(f, "{}", folder.display()),
            Self::Url(url) => write!(f, "{url}"),
        }
    }
}

/// The tree of the commit, and a home of its own: nothing lies where it lay before.
struct Elsewhere {
    project: Project,
    site: Site,
    out: PathBuf,
}

impl Elsewhere {
    fn new(project: &Project, plan: &Plan, scratch: &Path) -> Result<Self, Failure> {
        let root = scratch.join("the-same-tree-in-another-folder");
        say(format!(
            "building {} again in {}",
            plan.tag,
            scratch.display()
        ));
        git::export(&project.root, &plan.source.commit, &root)?;
        let home = scratch.join("home");
        let site = Site {
            root: root.clone(),
            target_folder: scratch.join("made"),
            cargo_home: home.join("cargo"),
            home: Some(home),
        };
        let here = Site::new(&project.root, project.target_folder());
        // Packages as they were downloaded; cargo checks their digests and unpacks them anew.
        for folder in ["registry/index", "registry/cache"] {
            copy_all(&here.cargo_home.join(folder), &site.cargo_home.join(folder))?;
        }
        let configuration = here.cargo_home.join("config.toml");
        if configuration.is_file() {
            fs::copy(configuration, site.cargo_home.join("config.toml"))?;
        }
        let out = scratch.join("archives");
        files::make_folder(&out)?;
        Ok(Self {
            project: Project::find(&root)?,
            site,
            out,
        })
    }
}

/// Copies every file below `from`, if that is there.
fn copy_all(from: &Path, to: &Path) -> Result<(), Failure> {
    files::make_folder(to)?;
    let Ok(entries) = fs::read_dir(from) else {
        return Ok(());
    };
    for entry in entries {
        let entry = entry?;
        let (path, place) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            copy_all(&path, &place)?;
        } else {
            fs::copy(&path, &place)?;
        }
    }
    Ok(())
}
