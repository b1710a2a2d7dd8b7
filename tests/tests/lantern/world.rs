//! The world that lantern is released into: a GitHub and a Sigstore on loopback, lantern's own
//! stages against them, and somebody who installs what they made public.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rehearsal::Loopback;
use rehearsal::github::{Access, Permission, Repository};
use rehearsal::sigstore::Job;
use release_plan::{AssetKind, Plan};

use crate::tree::{OWNER_ID, REPOSITORY_ID, Tree, ok};

#[cfg(target_arch = "x86_64")]
pub(crate) const NATIVE: &str = "x86_64-unknown-linux-musl";
#[cfg(target_arch = "aarch64")]
pub(crate) const NATIVE: &str = "aarch64-unknown-linux-musl";

const TOKEN: &str = "the-token";
const OWNER: &str = "the-owners-token";

pub(crate) struct World<'a> {
    tree: &'a Tree,
    loopback: Loopback,
    folder: tempfile::TempDir,
}

impl<'a> World<'a> {
    pub(crate) fn new(tree: &'a Tree) -> Self {
        let repository = Repository {
            owner: "example".to_owned(),
            name: "lantern".to_owned(),
            id: REPOSITORY_ID,
            owner_id: OWNER_ID,
        };
        let loopback = Loopback::start(repository, TOKEN).unwrap();
        let rights = [
            Permission::Administration,
            Permission::Contents,
            Permission::Pages,
        ];
        let rights = rights.map(|right| (right, Access::Write));
        loopback.github.admit_token(OWNER, rights);
        let world = Self {
            tree,
            loopback,
            folder: tempfile::tempdir().unwrap(),
        };
        fs::write(world.root(), world.loopback.trusted_root_json()).unwrap();
        world
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("trusted_root.json")
    }

    fn stage(&self, stage: &str) -> Command {
        self.tree.xtask(stage)
    }

    fn believing(&self, stage: &str) -> Command {
        let mut command = self.stage(stage);
        command.arg("--trusted-root").arg(self.root());
        command
    }

    /// What a job with `id-token: write` has.
    fn signing(&self, mut command: Command, job: Job) -> Command {
        let services = self.loopback.services();
        command
            .args(["--fulcio-url", &services.fulcio])
            .args(["--rekor-url", &services.rekor])
            .args(["--timestamp-url", &services.timestamp])
            .envs(job.environment())
            .envs(self.loopback.admit(job).environment());
        command
    }

    fn writing(&self, mut command: Command, token: &str) -> Command {
        command.args(["--api-url", &self.loopback.api_url()]);
        command.env("GITHUB_TOKEN", token);
        command
    }

    fn channel_job(&self, plan: &Plan) -> Job {
        let commit = plan.source.commit.as_str();
        let workflow = ".github/workflows/channel.yml";
        self.loopback
            .job(workflow, "refs/heads/main", commit, "workflow_dispatch")
    }

    /// Releases what is committed as `version`, up to the channel that everybody follows.
    pub(crate) fn release(&self, version: &str) -> Plan {
        let folder = self.folder.path().join(version);
        let (file, archives, assets) = (
            folder.join("plan.json"),
            folder.join("archives"),
            folder.join("assets"),
        );
        fs::create_dir_all(&folder).unwrap();
        let tag = format!("v{version}");
        let planned = |without: &[String]| {
            let mut plan = self.stage("plan");
            plan.args(["--tag", &tag]).arg("--out").arg(&file);
            for name in without {
                plan.args(["--without", name]);
            }
            ok(&mut plan);
            Plan::parse(&fs::read(&file).unwrap()).unwrap()
        };
        // What another machine would make, and what other tools make.
        let beside = |kind| matches!(kind, AssetKind::Plan | AssetKind::BootstrapScript);
        let whole = planned(&[]);
        let without = whole.assets.iter().filter(|asset| {
            let native = asset
                .target
                .as_ref()
                .is_some_and(|it| it.as_str() == NATIVE);
            !native && !beside(asset.kind)
        });
        let without: Vec<_> = without.map(|asset| asset.name.to_string()).collect();
        let plan = planned(&without);
        let commit = plan.source.commit.as_str();
        self.loopback.github.push_branch("main", commit);
        self.loopback.github.push_tag(&tag, commit);
        self.tree.tag(&tag);

        let with_plan = |mut command: Command| {
            command.arg("--plan").arg(&file);
            command
        };
        ok(&mut with_plan(self.stage("check")));
        let mut build = with_plan(self.stage("build"));
        ok(build.args(["--target", NATIVE]).arg("--out").arg(&archives));
        let mut assemble = with_plan(self.stage("assemble"));
        ok(assemble
            .arg("--from")
            .arg(&archives)
            .arg("--out")
            .arg(&assets));
        let with_assets = |command: Command| {
            let mut command = with_plan(command);
            command.arg("--dir").arg(&assets);
            command
        };
        let workflow = ".github/workflows/release.yml";
        let reference = plan.tag.reference();
        let job = self.loopback.job(workflow, &reference, commit, "push");
        ok(&mut self.signing(with_assets(self.believing("sign")), job));
        ok(&mut with_assets(self.believing("verify")));
        let mut setup = self.writing(self.stage("setup-github"), OWNER);
        ok(setup.args(["--apply", "--reviewer", "ada"]));
        ok(&mut self.writing(with_assets(self.believing("publish")), TOKEN));
        for channel in ["beta", "stable"] {
            let mut promote = self.moving("promote", &plan);
            promote.args(["--channel", channel, "--version", version]);
            ok(promote.args(["--override", "a test waits for no soak"]));
        }
        plan
    }

    /// Has nobody run what is of this plan any more.
    pub(crate) fn yank(&self, plan: &Plan) {
        let mut yank = self.moving("yank", plan);
        yank.arg(plan.version.to_string());
        ok(yank.args(["--reason", "it sets houses on fire"]));
    }

    fn moving(&self, stage: &str, plan: &Plan) -> Command {
        let mut command = self.believing(stage);
        command.args(["--mirror", &self.loopback.mirror()]);
        self.signing(self.writing(command, TOKEN), self.channel_job(plan))
    }

    /// Somebody with a home of her own.
    pub(crate) fn somebody(&self) -> Somebody<'_> {
        let home = self.folder.path().join("somebody");
        fs::create_dir_all(&home).unwrap();
        let somebody = Somebody { world: self, home };
        fs::write(somebody.profile(), "umask 022").unwrap();
        somebody
    }
}

pub(crate) struct Somebody<'a> {
    world: &'a World<'a>,
    home: PathBuf,
}

/// What she saw.
pub(crate) struct Saw {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Saw {
    #[track_caller]
    pub(crate) fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}{}", self.out, self.err);
        self
    }

    #[track_caller]
    pub(crate) fn saying(self, words: &str) -> Self {
        let all = format!("{}{}", self.out, self.err);
        assert!(all.contains(words), "expected {words:?} in:\n{all}");
        self
    }
}

impl Somebody<'_> {
    /// Runs what everybody pipes into a shell.
    pub(crate) fn installs(&self) -> Saw {
        let mirror = self.world.loopback.mirror();
        let root = self.world.root();
        let script = format!(
            "curl -fsSL {mirror}/install.sh | sh -s -- --mirror {mirror} --trusted-root '{}'",
            root.display()
        );
        let mut command = Command::new("sh");
        command.args(["-c", &script]);
        self.runs(command)
    }

    /// Runs the program on her PATH.
    pub(crate) fn lantern(&self, arguments: &[&str]) -> Saw {
        let mut command = Command::new(self.home.join(".lantern/bin/lantern"));
        command.args(arguments);
        self.runs(command)
    }

    /// As [`Self::lantern`], in a project that asks for this.
    pub(crate) fn lantern_where(&self, asks: &str, arguments: &[&str]) -> Saw {
        let project = self.world.folder.path().join("project");
        fs::create_dir_all(&project).unwrap();
        fs::write(project.join(".lantern.toml"), asks).unwrap();
        let mut command = Command::new(self.home.join(".lantern/bin/lantern"));
        command.args(arguments).current_dir(project);
        self.runs(command)
    }

    /// What her shells read.
    pub(crate) fn profile(&self) -> PathBuf {
        self.home.join(".profile")
    }

    /// Every file of hers.
    pub(crate) fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        fn collect(folder: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    collect(&path, files);
                } else {
                    files.insert(path.clone(), fs::read(path).unwrap());
                }
            }
        }
        let mut files = BTreeMap::new();
        collect(&self.home, &mut files);
        files
    }

    /// Upgrades from the mirror.
    pub(crate) fn upgrades(&self, arguments: &[&str]) -> Saw {
        let (mirror, root) = (self.world.loopback.mirror(), self.world.root());
        let told = ["upgrade", "--mirror", &mirror, "--trusted-root"];
        let told = [&told[..], &[root.to_str().unwrap()], arguments].concat();
        self.lantern(&told)
    }

    fn runs(&self, mut command: Command) -> Saw {
        command
            .env("HOME", &self.home)
            .env("NO_PROXY", "127.0.0.1")
            .env_remove("LANTERN_HOME");
        let output = command.output().unwrap();
        Saw {
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}
