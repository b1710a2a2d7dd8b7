//! `dry-run`: the whole release against a GitHub and a Sigstore on loopback.
//!
//! Every stage is a child process, told by arguments and environment alone, as a CI job would
//! start it. This file starts the services, the stages in their order, and writes the report.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::process::Command;

use release_plan::{
    AssetName, BUNDLE_SUFFIX, Channel, Exit, Origin, Plan, Product, Tag, Target, Version,
};

use super::plan::tagged_version;
use super::say;
use crate::gates::{Row, Verdict};
use crate::programs::built::{Built, Ran};
use crate::project::{self, Project};
use crate::report::{self, NotRehearsed, Outcome, Report, ReportedAsset};
use crate::shipment::Shipment;
use crate::{Failure, cli, files};

pub(super) mod loopback;
mod scope;
mod stages;

use loopback::World;
use scope::Scope;
use stages::Stages;

pub(super) fn run(arguments: &cli::DryRun) -> Result<(), Failure> {
    let project = Project::here()?;
    let version = tagged_version(&project, arguments.tag.as_ref())?;
    let tag = Tag::of(&version)?;
    let rehearsals = project.rehearsals();
    files::make_folder(&rehearsals)?;
    let _lock = lock(&rehearsals.join("lock"))?;
    let scope = Scope::resolve(&project, &version, arguments)?;

    let folder = rehearsals.join(tag.to_string());
    files::remove_folder(&folder)?;
    files::make_folder(&folder)?;
    let world = World::start(&project.product)?;
    world.write_roots(&folder)?;
    let mut stages = Stages::new(&project.root, &folder)?;
    let rehearsal = Rehearsal {
        project: &project,
        world: &world,
        folder: &folder,
        scope: &scope,
        strict: arguments.strict,
    };
    let ended = rehearsal.run(&version, &mut stages);
    let ended = ended.and_then(|()| world.keep(&folder));
    if let Err(failure) = &ended
        && failure.exit() == Exit::Interrupted
    {
        return ended;
    }
    // A run that failed before there was a plan has nothing to report on.
    let plan_file = folder.join(AssetName::PLAN);
    if ended.is_err() && !plan_file.is_file() {
        return ended;
    }
    let plan = project::read_plan(&project.product, &plan_file)?;
    let report = rehearsal.report(&plan, stages, &ended)?;
    let mut json = serde_json::to_string_pretty(&report)?;
    json.push('\n');
    files::write(&folder.join(REPORT), json.as_bytes())?;
    let shown = if arguments.json {
        json
    } else {
        report.render()
    };
    report::print(&shown)?;
    ended
}

fn lock(path: &Path) -> Result<File, Failure> {
    let file = File::create(path).map_err(|error| files::failed("write", path, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            let message = format!(
                "{}: another dry-run is under way; wait for it",
                path.display()
            );
            Err(Failure::new(Exit::Locked, message))
        }
        Err(TryLockError::Error(error)) => Err(files::failed("lock", path, &error)),
    }
}

struct Rehearsal<'a> {
    project: &'a Project,
    world: &'a World,
    folder: &'a Path,
    scope: &'a Scope,
    strict: bool,
}

/// Where the stages of one version leave what they make.
pub(super) struct Places {
    pub(super) plan: PathBuf,
    archives: PathBuf,
    pub(super) assets: PathBuf,
    checks: PathBuf,
}

/// Folder of the version that somebody upgrades from, below that of a rehearsal.
pub(super) const PREDECESSOR: &str = "predecessor";
/// File name of the report of a rehearsal.
pub(super) const REPORT: &str = "report.json";

impl Places {
    pub(super) fn below(folder: &Path) -> Self {
        Self {
            plan: folder.join(AssetName::PLAN),
            archives: folder.join("archives"),
            assets: folder.join("assets"),
            checks: folder.join("checks.json"),
        }
    }

    /// A command for a stage that takes the plan and the assets.
    fn command(&self, stages: &Stages, stage: &str) -> Command {
        let mut command = stages.command(stage);
        command.arg("--plan").arg(&self.plan);
        command.arg("--dir").arg(&self.assets);
        command
    }
}

impl Rehearsal<'_> {
    fn run(&self, version: &Version, stages: &mut Stages) -> Result<(), Failure> {
        let places = Places::below(self.folder);
        let tag = Tag::of(version)?.to_string();
        let left_out: Vec<_> = self.scope.without.iter().map(|left| &left.name).collect();
        let plan = self.plan(stages, &places, version, &["--tag", &tag], &left_out)?;
        self.check(stages, &places, &plan)?;
        if !self.scope.build.is_empty() {
            self.build(stages, &places, &plan, &self.scope.build)?;
        }
        self.make(stages, &places, &plan, self.scope.from.as_deref())?;
        self.set_up(stages, &plan)?;
        let predecessor = match &self.scope.native {
            Some(native) => {
                let earlier = self.predecessor(stages, &plan, native)?;
                let mut smoke = places.command(stages, "smoke");
                self.believe(&mut smoke);
                smoke.args(["--target", native.as_str()]);
                smoke.arg("--previous").arg(&earlier.assets);
                stages.run("smoke", version, smoke)?;
                Some(earlier)
            }
            None => None,
        };
        self.publish(stages, &places, &plan)?;
        let Some(earlier) = predecessor else {
            return Ok(());
        };
        let channel = self.channels(version).pop().ok_or_else(|| {
            let message = format!(
                "product.yaml: channels.feeds: expected a channel that takes {version}, found none"
            );
            Failure::new(Exit::Input, message)
        })?;
        let mut consume = places.command(stages, "consume");
        consume.args(["--channel", &channel.to_string()]);
        consume.args(["--mirror", &self.world.mirror()]);
        self.believe(&mut consume);
        consume.arg("--predecessor").arg(&earlier.assets);
        consume.arg("--predecessor-plan").arg(&earlier.plan);
        stages.run("consume", version, consume)
    }

    /// Publishes a version just below, for this machine alone, that somebody can upgrade from.
    fn predecessor(
        &self,
        stages: &mut Stages,
        plan: &Plan,
        native: &Target,
    ) -> Result<Places, Failure> {
        let version = predecessor(&plan.version)?;
        let folder = self.folder.join(PREDECESSOR);
        files::make_folder(&folder)?;
        let mut places = Places::below(&folder);
        let as_version = version.to_string();
        let asked = ["--as-version", &as_version];
        let beside = Scope::beside(native, plan);
        let beside: Vec<_> = beside.iter().collect();
        let plan = self.plan(stages, &places, &version, &asked, &beside)?;
        self.check(stages, &places, &plan)?;
        places.archives = self.build_once(stages, &places, &plan, native)?;
        self.make(stages, &places, &plan, None)?;
        self.publish(stages, &places, &plan)?;
        Ok(places)
    }

    /// Tells a stage whose keys to believe.
    fn believe(&self, command: &mut Command) {
        command
            .arg("--trusted-root")
            .arg(loopback::trusted_root(self.folder));
    }

    fn plan(
        &self,
        stages: &mut Stages,
        places: &Places,
        version: &Version,
        asked: &[&str],
        without: &[&AssetName],
    ) -> Result<Plan, Failure> {
        let mut command = stages.command("plan");
        command.args(asked).arg("--out").arg(&places.plan);
        for name in without {
            command.args(["--without", name.as_str()]);
        }
        stages.run("plan", version, command)?;
        let plan = project::read_plan(&self.project.product, &places.plan)?;
        // What a maintainer's push would have done by now.
        self.world.push(&plan);
        Ok(plan)
    }

    fn check(&self, stages: &mut Stages, places: &Places, plan: &Plan) -> Result<(), Failure> {
        let mut command = stages.command("check");
        command
            .arg("--plan")
            .arg(&places.plan)
            .arg("--out")
            .arg(&places.checks);
        if self.strict {
            command.arg("--strict");
        }
        stages.run("check", &plan.version, command)
    }

    fn build(
        &self,
        stages: &mut Stages,
        places: &Places,
        plan: &Plan,
        targets: &[Target],
    ) -> Result<(), Failure> {
        let mut command = stages.command("build");
        command
            .arg("--plan")
            .arg(&places.plan)
            .arg("--out")
            .arg(&places.archives);
        for target in targets {
            command.args(["--target", target.as_str()]);
        }
        stages.run("build", &plan.version, command)
    }

    /// Builds a predecessor once for each plan, since the same plan gives the same binary.
    fn build_once(
        &self,
        stages: &mut Stages,
        places: &Places,
        plan: &Plan,
        target: &Target,
    ) -> Result<PathBuf, Failure> {
        let cache = self.project.rehearsals().join("predecessors");
        let entry = cache.join(plan.digest().to_string());
        if entry.is_dir() {
            stages.cached("build", &plan.version, "the same plan was built before");
            return Ok(entry);
        }
        self.build(stages, places, plan, std::slice::from_ref(target))?;
        // One predecessor is enough: that of the tree at hand.
        files::remove_folder(&cache)?;
        files::make_folder(&cache)?;
        files::rename(&places.archives, &entry)?;
        Ok(entry)
    }

    /// From archives to verified assets.
    fn make(
        &self,
        stages: &mut Stages,
        places: &Places,
        plan: &Plan,
        from: Option<&Path>,
    ) -> Result<(), Failure> {
        let version = &plan.version;
        let mut assemble = stages.command("assemble");
        assemble.arg("--plan").arg(&places.plan);
        // With everything built elsewhere, there is no folder of archives built here.
        for folder in from
            .into_iter()
            .chain(places.archives.is_dir().then_some(&*places.archives))
        {
            assemble.arg("--from").arg(folder);
        }
        assemble.arg("--out").arg(&places.assets);
        stages.run("assemble", version, assemble)?;

        let mut sign = places.command(stages, "sign");
        self.believe(&mut sign);
        self.world.let_sign(&mut sign, self.world.release_job(plan));
        stages.run("sign", version, sign)?;

        let mut verify = places.command(stages, "verify");
        self.believe(&mut verify);
        stages.run("verify", version, verify)
    }

    /// The channels that a version goes through, the first first: up to the default one, or to the
    /// one that takes pre-releases. None where no channel takes such a version.
    fn channels(&self, version: &Version) -> Vec<Channel> {
        channels_of(&self.project.product, version)
    }

    /// Makes the repository's settings what a publisher expects.
    fn set_up(&self, stages: &mut Stages, plan: &Plan) -> Result<(), Failure> {
        let mut setup = stages.command("setup-github");
        setup.args(["--apply", "--reviewer", "somebody"]);
        self.world.let_administrate(&mut setup);
        stages.run("setup-github", &plan.version, setup)
    }

    /// From verified assets to what the public sees and the channels point at.
    fn publish(&self, stages: &mut Stages, places: &Places, plan: &Plan) -> Result<(), Failure> {
        let mut publish = places.command(stages, "publish");
        self.believe(&mut publish);
        self.world.let_write(&mut publish);
        stages.run("publish", &plan.version, publish)?;

        let mut verify = stages.command("verify-public");
        verify.args(["--version", &plan.version.to_string()]);
        verify.args(["--mirror", &self.world.mirror()]);
        self.believe(&mut verify);
        stages.run("verify-public", &plan.version, verify)?;

        for channel in self.channels(&plan.version) {
            let mut promote = stages.command("promote");
            promote.args(["--channel", &channel.to_string()]);
            promote.args(["--version", &plan.version.to_string()]);
            promote.args(["--mirror", &self.world.mirror()]);
            promote.args(["--override", "a rehearsal waits for no soak"]);
            self.believe(&mut promote);
            self.world.let_write(&mut promote);
            self.world
                .let_sign(&mut promote, self.world.channel_job(plan));
            stages.run(&format!("promote-{channel}"), &plan.version, promote)?;
        }
        Ok(())
    }

    fn report(
        &self,
        plan: &Plan,
        stages: Stages,
        ended: &Result<(), Failure>,
    ) -> Result<Report, Failure> {
        let places = Places::below(self.folder);
        let checks: Vec<Row> = match fs::read(&places.checks) {
            Ok(json) => serde_json::from_slice(&json)?,
            Err(_) => Vec::new(),
        };
        // Whoever fails early has no assets, or not all of them.
        let assets = Shipment::open(plan, &places.assets).map(|shipment| shipment.assets);
        let assets: Vec<ReportedAsset> = assets
            .unwrap_or_default()
            .into_iter()
            .map(|(name, measured)| ReportedAsset {
                name,
                size: measured.size(),
                sha256: measured.sha256(),
            })
            .collect();
        let outcome = match ended {
            Ok(()) => Outcome::Passed,
            Err(failure) => Outcome::Failed {
                stage: stages.last().to_owned(),
                error: failure.to_string(),
            },
        };
        let binaries = self.binaries(plan, &places);
        Ok(Report {
            schema: "rehearsal-report/1",
            product: plan.product.clone(),
            version: plan.version.clone(),
            tag: plan.tag.clone(),
            commit: plan.source.commit.clone(),
            dirty: plan.source.changes_sha256.is_some(),
            plan_sha256: plan.digest(),
            try_yourself: match ended {
                Ok(()) => try_yourself(self.folder, plan, &self.project.product),
                Err(_) => Vec::new(),
            },
            not_rehearsed: self.not_rehearsed(&binaries, &checks),
            outcome,
            stages: stages.into_rows(),
            checks,
            binaries,
            assets,
        })
    }

    /// What `build` told of each archive, here or elsewhere; what failed early has none.
    fn binaries(&self, plan: &Plan, places: &Places) -> Vec<Built> {
        let folders = self.scope.from.iter().chain([&places.archives]);
        let archives = plan.archives().flat_map(|archive| {
            let folders = folders.clone();
            folders.filter_map(|folder| Built::read(&folder.join(archive.name.as_str())).ok())
        });
        archives.collect()
    }

    fn not_rehearsed(&self, binaries: &[Built], checks: &[Row]) -> Vec<NotRehearsed> {
        let product = &self.project.product;
        let not_run = binaries.iter().filter_map(|built| match &built.ran {
            Ran::Told(_) => None,
            Ran::Not(why) => Some(NotRehearsed {
                what: format!("running the program for {}", built.target),
                why: why.clone(),
            }),
        });
        let consume = self.scope.native.is_none().then(|| NotRehearsed {
            what: "installing, upgrading and rolling back".to_owned(),
            why: "no archive is for this machine, or none can be built on it".to_owned(),
        });
        let world = [
            (
                "the public Sigstore and GitHub",
                "their protocols were spoken with stand-ins on loopback, so their own outages, \
                 limits and settings were not met"
                    .to_owned(),
            ),
            (
                "environments, reviewers and rulesets on GitHub",
                "they are settings of the repository, which no token was there to read".to_owned(),
            ),
            (
                "the addresses that consumers use by default",
                format!(
                    "everything came from a mirror, not from {} and {}",
                    product.channels.url, product.repository.url
                ),
            ),
        ];
        let world = world.map(|(what, why)| NotRehearsed {
            what: what.to_owned(),
            why,
        });
        let rows = self.scope.not_rehearsed().chain(not_run).chain(consume);
        rows.chain(unchecked(checks)).chain(world).collect()
    }
}

/// The channels that a version goes through, the first first: up to the default one, or to the one
/// that takes pre-releases. None where no channel takes such a version.
pub(super) fn channels_of(product: &Product, version: &Version) -> Vec<Channel> {
    let wanted = if version.pre.is_empty() {
        Origin::Releases
    } else {
        Origin::PreReleases
    };
    let channels = &product.channels;
    let all = std::iter::once(channels.default).chain(channels.feeds.keys().copied());
    let path = all
        .filter_map(|channel| channels.path_to(channel))
        .find(|(_, origin)| *origin == wanted);
    path.map_or_else(Vec::new, |(path, _)| path.into_iter().rev().collect())
}

/// A version below `version` and above whatever came before it: the one an upgrade starts from.
fn predecessor(version: &Version) -> Result<Version, Failure> {
    // Below a release comes any pre-release; below a pre-release, one whose first part is 0.
    let pre = if version.pre.is_empty() {
        "rehearsal.0"
    } else {
        "0.rehearsal.0"
    };
    let mut predecessor = version.clone();
    predecessor.pre = semver::Prerelease::new(pre)?;
    if predecessor < *version {
        return Ok(predecessor);
    }
    let message = format!("{version}: expected a version with another below it to upgrade from");
    Err(Failure::new(Exit::Input, message))
}

fn unchecked(checks: &[Row]) -> impl Iterator<Item = NotRehearsed> {
    let rows = checks
        .iter()
        .filter(|row| row.verdict == Verdict::NotChecked);
    rows.map(|row| NotRehearsed {
        what: format!("gate {}", row.rule),
        why: format!("{}; {}", row.found, row.mend.as_deref().unwrap_or_default()),
    })
}

/// A word of a shell that stands for `text`.
pub(super) fn shell_word(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// Lines for a shell, to verify with tools that are not ours.
pub(super) fn try_yourself(folder: &Path, plan: &Plan, product: &Product) -> Vec<String> {
    let repository = product.repository.slug();
    let (owner, repository) = repository.unwrap_or_default();
    let signed_by = format!(
        "--trusted-root ../{root} --certificate-identity {identity} \
         --certificate-oidc-issuer {issuer} \
         --certificate-github-workflow-repository {owner}/{repository} \
         --certificate-github-workflow-ref {reference} \
         --certificate-github-workflow-sha {commit} \
         --certificate-github-workflow-trigger push",
        root = loopback::TRUSTED_ROOT,
        identity = plan.identity,
        issuer = product.identities.issuer,
        reference = plan.tag.reference(),
        commit = plan.source.commit,
    );
    let provenance = plan.provenance();
    let verify = plan.archives().flat_map(|asset| {
        let name = &asset.name;
        [
            format!("cosign verify-blob --bundle {name}{BUNDLE_SUFFIX} {signed_by} {name}"),
            format!(
                "cosign verify-blob-attestation --type slsaprovenance1 --bundle {provenance} \
                 {signed_by} {name}"
            ),
        ]
    });
    let assets = folder.join("assets").display().to_string();
    let mut lines = vec![
        format!("cd {}", shell_word(&assets)),
        format!("sha256sum -c {}", AssetName::CHECKSUMS),
    ];
    lines.extend(verify);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_predecessor_is_below_its_version_and_above_the_release_before() {
        for (version, expected) in [
            ("1.2.3", "1.2.3-rehearsal.0"),
            ("1.2.3-alpha.1", "1.2.3-0.rehearsal.0"),
            ("1.2.3-rc.1", "1.2.3-0.rehearsal.0"),
        ] {
            let version: Version = version.parse().unwrap();
            let before: Version = "1.2.2".parse().unwrap();
            let predecessor = predecessor(&version).unwrap();
            assert_eq!(predecessor.to_string(), expected);
            assert!(before < predecessor && predecessor < version);
        }
    }

    #[test]
    fn a_gate_that_was_not_checked_is_named_as_not_rehearsed() {
        let row = |rule: &str, verdict| Row {
            rule: rule.to_owned(),
            place: "place".to_owned(),
            verdict,
            expected: "expected".to_owned(),
            found: "no tool".to_owned(),
            mend: Some("install it".to_owned()),
        };
        let rows = [
            row("one", Verdict::Passed),
            row("two", Verdict::NotChecked),
            row("three", Verdict::BlocksPublishing),
        ];
        let named: Vec<_> = unchecked(&rows).map(|row| (row.what, row.why)).collect();
        assert_eq!(
            named,
            [("gate two".to_owned(), "no tool; install it".to_owned())]
        );
    }
}
