//! A small product, and the loopback services, for one test each.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};

use git2::{IndexAddOption, Oid, Signature};
use rehearsal::github::{Access, Fault, GitHub, Hook, Permission, Repository, Request, Then};
use rehearsal::openapi;
use rehearsal::sigstore::Job;
use rehearsal::sigstore::forge::{Content, Forgery};
use rehearsal::verifiers::{Verdict, not_run};
use release_plan::{BUNDLE_SUFFIX, Exit, PROVENANCE_SUFFIX, Plan, Sha256};
use tempfile::TempDir;

pub(crate) const PRODUCT: &str = include_str!("../product.yaml");

const CARGO: &str = "\
[package]
name = \"ember\"
version = \"1.2.3\"
edition = \"2024\"
license = \"MIT\"
repository = \"https://github.com/example/ember\"

[profile.dist]
inherits = \"release\"

[workspace]

[workspace.metadata.release]
zig = \"0.17.0\"
cargo-zigbuild = \"0.24.0\"
size-budget = 6_000_000
";

const LOCK: &str = "\
version = 4

[[package]]
name = \"ember\"
version = \"1.2.3\"
";

const SKILL: &str = "---\nname: ember-use\ndescription: How to use ember.\n---\n";

const SCRIPT: &str = "\
#!/bin/sh
# @PRODUCT@ @VERSION@ @TAG@ @REPOSITORY@ @HOME_VARIABLE@
# One of the scripts of @BOOTSTRAP_TAG@.
archives='@ARCHIVES@'
";
const STUB: &str = "\
#!/bin/sh
# @PRODUCT@ @REPOSITORY@ @CHANNELS_URL@ @DEFAULT_CHANNEL@ @REFERENCE_VARIABLE@
# One of the scripts of @BOOTSTRAP_TAG@.
";
const POWERSHELL: &str = "\
# @PRODUCT@ @VERSION@ @TAG@ @REPOSITORY@
# One of the scripts of @BOOTSTRAP_TAG@.
$archives = '@ARCHIVES@'
";
const UPGRADE: &str = "\
#!/bin/sh
# @PRODUCT@ @REPOSITORY@ @HOME_VARIABLE@
# One of the scripts of @BOOTSTRAP_TAG@.
";

/// What a finished command left behind.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ended {
    #[track_caller]
    pub(crate) fn with(self, exit: Exit) -> Self {
        let Self { code, out, err } = &self;
        assert_eq!(
            *code,
            Some(i32::from(exit.code())),
            "stdout:\n{out}\nstderr:\n{err}"
        );
        self
    }

    #[track_caller]
    pub(crate) fn saying(self, words: &str) -> Self {
        assert!(
            self.err.contains(words),
            "expected {words:?} in:\n{}",
            self.err
        );
        self
    }
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// A product in a folder, and a folder beside it for what stages make.
pub(crate) struct Fixture {
    scratch: TempDir,
}

impl Fixture {
    /// The files alone, in no repository.
    pub(crate) fn unversioned() -> Self {
        let fixture = Self {
            scratch: tempfile::tempdir().unwrap(),
        };
        let host = env!("XTASK_HOST");
        let skills = fixture.root().join("playbook/skills");
        for (path, content) in [
            ("release-plan/product.yaml", PRODUCT),
            ("Cargo.toml", CARGO),
            ("Cargo.lock", LOCK),
            ("README.md", "# ember\n"),
            ("LICENSE-MIT", "MIT\n"),
            (".gitignore", "/target/\n"),
            ("bootstrap/install.sh", SCRIPT),
            ("bootstrap/stub.sh", STUB),
            ("bootstrap/install.ps1", POWERSHELL),
            ("bootstrap/upgrade.sh", UPGRADE),
            ("playbook/skills/ember-use/SKILL.md", SKILL),
            (
                "rust-toolchain.toml",
                &fs::read_to_string(toolchain_file()).unwrap(),
            ),
            (
                "dist-workspace.toml",
                &format!(
                    "[dist]\ncargo-dist-version = \"0.34.0\"\ntargets = [\"{host}\"]\n\
                     unix-archive = \".tar.gz\"\nchecksum = \"false\"\n\n\
                     [workspace]\nmembers = [\"cargo:.\"]\n"
                ),
            ),
        ] {
            fixture.write(path, content);
        }
        let playbook = playbook::Playbook::read(&skills).unwrap().sha256();
        fixture.write(
            "src/main.rs",
            &format!(
                "fn main() {{\n    println!(\n        \"{{{{\\\"version\\\":\\\"{{}}\\\",\\\"commit\\\":\\\"{{}}\\\",\
                 \\\"target\\\":\\\"{host}\\\",\\\"playbook_sha256\\\":\\\"{playbook}\\\"}}}}\",\n        \
                 env!(\"RELEASE_VERSION\"),\n        env!(\"RELEASE_COMMIT\")\n    );\n}}\n"
            ),
        );
        fixture
    }

    /// A repository without a commit.
    pub(crate) fn unborn() -> Self {
        let fixture = Self::unversioned();
        git2::Repository::init(fixture.root()).unwrap();
        fixture
    }

    /// A repository with one commit and a clean tree.
    pub(crate) fn committed() -> Self {
        let fixture = Self::unborn();
        fixture.commit();
        fixture
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.scratch.path().join("ember")
    }

    /// The folder that all of it lies in.
    pub(crate) fn scratch(&self) -> &Path {
        self.scratch.path()
    }

    /// A path beside the work tree.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    pub(crate) fn write(&self, path: &str, content: &str) {
        let path = self.root().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub(crate) fn replace(&self, path: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.root().join(path)).unwrap();
        assert!(text.contains(from), "{path} has no {from:?}");
        self.write(path, &text.replacen(from, to, 1));
    }

    /// Workflows that are as small as the gates allow.
    pub(crate) fn add_workflows(&self) {
        let host = env!("XTASK_HOST");
        let release = include_str!("../workflows/release.yml");
        let release = release.replace("x86_64-unknown-linux-musl", host);
        self.write(".github/workflows/release.yml", &release);
        let channel = include_str!("../workflows/channel.yml");
        self.write(".github/workflows/channel.yml", channel);
        let action = include_str!("../workflows/action.yml");
        self.write(".github/actions/xtask/action.yml", action);
    }

    pub(crate) fn repository(&self) -> git2::Repository {
        git2::Repository::open(self.root()).unwrap()
    }

    pub(crate) fn commit(&self) -> Oid {
        let repository = self.repository();
        let person = Signature::now("Ada", "ada@example.org").unwrap();
        let mut index = repository.index().unwrap();
        index.add_all(["*"], IndexAddOption::DEFAULT, None).unwrap();
        index.write().unwrap();
        let tree = repository.find_tree(index.write_tree().unwrap()).unwrap();
        let tip = repository
            .head()
            .ok()
            .and_then(|head| head.peel_to_commit().ok());
        let parents: Vec<_> = tip.iter().collect();
        repository
            .commit(Some("HEAD"), &person, &person, "A step", &tree, &parents)
            .unwrap()
    }

    pub(crate) fn tag(&self, name: &str) {
        let repository = self.repository();
        let head = repository
            .head()
            .unwrap()
            .peel(git2::ObjectType::Commit)
            .unwrap();
        repository.tag_lightweight(name, &head, true).unwrap();
    }

    pub(crate) fn xtask(&self, stage: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command.arg(stage).current_dir(self.root());
        for right in ["GITHUB_TOKEN", "GITHUB_ACTIONS", "CARGO_TARGET_DIR"] {
            command.env_remove(right);
        }
        command
            // Tools come from PATH, which a test may change.
            .env("XTASK_TOOLS", self.beside("no-tools"))
            .env("NO_PROXY", "127.0.0.1")
            .env("HTTP_PROXY", "http://127.0.0.1:9");
        command
    }

    pub(crate) fn run(&self, stage: &str, arguments: &[&str]) -> Ended {
        self.xtask(stage).args(arguments).output().unwrap().into()
    }

    /// A stage that takes the plan beside the tree, and one folder.
    pub(crate) fn stage(&self, stage: &str, flag: &str, folder: &str) -> Command {
        let mut command = self.xtask(stage);
        command
            .arg("--plan")
            .arg(self.beside("plan.json"))
            .arg(flag)
            .arg(self.beside(folder));
        command
    }

    /// Runs a stage that takes the plan beside the tree, and one folder.
    pub(crate) fn run_stage(&self, stage: &str, flag: &str, folder: &str) -> Ended {
        self.stage(stage, flag, folder).output().unwrap().into()
    }

    /// A build for every target of the plan beside the tree, into `archives`.
    pub(crate) fn build(&self) -> Command {
        let mut build = self.stage("build", "--out", "archives");
        build.arg("--all-targets");
        build
    }

    /// Writes the plan of the tree beside it.
    pub(crate) fn make_plan(&self) {
        ok(self
            .xtask("plan")
            .arg("--out")
            .arg(self.beside("plan.json")));
    }

    /// From plan to unsigned assets, in `assets` beside the tree.
    pub(crate) fn assembled() -> Self {
        let fixture = Self::committed();
        fixture.assemble();
        fixture
    }

    pub(crate) fn assemble(&self) {
        self.make_plan();
        ok(&mut self.build());
        let mut assemble = self.stage("assemble", "--out", "assets");
        ok(assemble.arg("--from").arg(self.beside("archives")));
    }

    pub(crate) fn plan(&self) -> Plan {
        Plan::parse(&fs::read(self.beside("plan.json")).unwrap()).unwrap()
    }

    pub(crate) fn asset(&self, name: &str) -> PathBuf {
        self.beside("assets").join(name)
    }

    /// The program in the archive of a folder beside the tree.
    pub(crate) fn unpacked(&self, folder: &str) -> PathBuf {
        let name = format!("ember-{}", env!("XTASK_HOST"));
        let to = self.beside("unpacked");
        fs::create_dir_all(&to).unwrap();
        let mut tar = Command::new("tar");
        tar.arg("-xzf")
            .arg(self.beside(folder).join(format!("{name}.tar.gz")));
        ok(tar.arg("-C").arg(&to));
        to.join(name).join("ember")
    }

    pub(crate) fn archive(&self) -> PathBuf {
        self.asset(&format!("ember-{}.tar.gz", env!("XTASK_HOST")))
    }
}

/// Runs a command that must end well.
#[track_caller]
pub(crate) fn ok(command: &mut Command) -> Ended {
    Ended::from(command.output().unwrap()).with(Exit::Done)
}

/// Whether a tool is there; where every tool is required, it must be.
pub(crate) fn on_path(tool: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|folder| folder.join(tool).is_file());
    if !found {
        not_run(tool);
    }
    found
}

fn toolchain_file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../rust-toolchain.toml")
}

/// Gives a repository the settings that releases rely on.
pub(crate) fn set_up(fixture: &Fixture, github: &GitHub, api: &str) {
    const OWNER: &str = "the-owners-token";
    let rights = [
        Permission::Administration,
        Permission::Contents,
        Permission::Pages,
    ];
    github.admit_token(OWNER, rights.map(|right| (right, Access::Write)));
    let mut setup = fixture.xtask("setup-github");
    setup.args(["--apply", "--reviewer", "ada", "--api-url", api]);
    ok(setup.env("GITHUB_TOKEN", OWNER));
}

/// GitHub and Sigstore on loopback, and whose keys to believe.
pub(crate) struct Loopback {
    pub(crate) services: rehearsal::Loopback,
    folder: TempDir,
}

pub(crate) const TOKEN: &str = "the-token";

/// The product's, on GitHub.
pub(crate) fn repository() -> Repository {
    Repository {
        owner: "example".to_owned(),
        name: "ember".to_owned(),
        id: 71,
        owner_id: 72,
    }
}

/// Whatever passed in a test is as GitHub describes it.
impl Drop for Loopback {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            conform(&self.services.github);
        }
    }
}

/// Panics when something passed that is not as GitHub describes it.
pub(crate) fn conform(github: &GitHub) {
    match openapi::check(&github.exchanges()) {
        Verdict::Accepted => {}
        Verdict::NotInstalled => not_run("@octokit/openapi with ajv"),
        Verdict::Refused(flaws) => panic!("not as GitHub describes it:\n{flaws}"),
    }
}

/// Runs a command and kills it at its `k`-th request to `github`, counted where `among` holds,
/// before GitHub acted or `after`. Gives whether there was such a request; otherwise the command
/// must end well.
#[track_caller]
pub(crate) fn killed_at(
    github: &GitHub,
    (k, after): (usize, bool),
    among: impl Fn(&str, &str) -> bool + Send + 'static,
    mut command: Command,
) -> bool {
    let child = Arc::new(Mutex::new(None::<Child>));
    let hook = {
        let child = Arc::clone(&child);
        Hook(Arc::new(move || {
            let mut child = child.lock().unwrap();
            child.as_mut().unwrap().kill().unwrap();
            Then::Hold
        }))
    };
    let fault = if after {
        Fault::HookAfter
    } else {
        Fault::HookBefore
    };
    github.break_at_among(k, fault(hook), among);
    {
        // Nothing that it asks for is answered before it can be killed.
        let mut child = child.lock().unwrap();
        *child = Some(command.stderr(Stdio::null()).spawn().unwrap());
    }
    let ended = loop {
        let mut child = child.lock().unwrap();
        if let Some(status) = child.as_mut().unwrap().try_wait().unwrap() {
            break status;
        }
        drop(child);
        std::thread::sleep(std::time::Duration::from_millis(5));
    };
    let killed = github.broken();
    assert_eq!(killed, !ended.success(), "request {k}: {ended}");
    github.heal();
    killed
}

impl Loopback {
    pub(crate) fn start() -> Self {
        let services = rehearsal::Loopback::start(repository(), TOKEN).unwrap();
        let folder = tempfile::tempdir().unwrap();
        fs::write(
            folder.path().join("root.json"),
            services.trusted_root_json(),
        )
        .unwrap();
        Self { services, folder }
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.folder.path().join("root.json")
    }

    /// The requests that GitHub got.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.services.github.requests()
    }

    /// A job of the release workflow at `tag`, on the plan's commit.
    pub(crate) fn release_job(&self, plan: &Plan, tag: &str) -> Job {
        let reference = format!("refs/tags/{tag}");
        let commit = plan.source.commit.as_str();
        self.services
            .job(".github/workflows/release.yml", &reference, commit, "push")
    }

    /// A job of the channel workflow.
    pub(crate) fn channel_job(&self, plan: &Plan) -> Job {
        let commit = plan.source.commit.as_str();
        let workflow = ".github/workflows/channel.yml";
        self.services
            .job(workflow, "refs/heads/main", commit, "workflow_dispatch")
    }

    pub(crate) fn let_sign(&self, command: &mut Command, job: Job) {
        let services = self.services.services();
        command
            .args([
                "--fulcio-url",
                &services.fulcio,
                "--rekor-url",
                &services.rekor,
            ])
            .args(["--timestamp-url", &services.timestamp])
            .envs(job.environment())
            .envs(self.services.admit(job).environment());
    }

    /// Signs the assets of a fixture as `job`.
    pub(crate) fn sign_as(&self, fixture: &Fixture, job: Job) -> Ended {
        let mut sign = fixture.stage("sign", "--dir", "assets");
        sign.arg("--trusted-root").arg(self.root());
        self.let_sign(&mut sign, job);
        sign.output().unwrap().into()
    }

    /// Puts beside each asset of a fixture the bundle of a `job` that `sign` would not let sign it.
    pub(crate) fn forge_as(&self, fixture: &Fixture, job: &Job) {
        for asset in fs::read_dir(fixture.beside("assets")).unwrap() {
            let asset = asset.unwrap().path();
            let name = asset.file_name().unwrap().to_str().unwrap();
            if name.ends_with(BUNDLE_SUFFIX) || name.ends_with(PROVENANCE_SUFFIX) {
                continue;
            }
            let sha256 = Sha256::of(&fs::read(&asset).unwrap());
            let forgery = Forgery::by_job(job, Content::Digest(*sha256.as_bytes()));
            let bundle = self.services.sigstore.forge(&forgery).unwrap();
            fs::write(fixture.asset(&format!("{name}{BUNDLE_SUFFIX}")), bundle).unwrap();
        }
    }

    /// Signs the assets of a fixture as the job that they call for.
    pub(crate) fn sign(&self, fixture: &Fixture) {
        let plan = fixture.plan();
        let job = self.release_job(&plan, &plan.tag.to_string());
        self.sign_as(fixture, job).with(Exit::Done);
    }

    pub(crate) fn verify(&self, fixture: &Fixture) -> Ended {
        let mut verify = fixture.stage("verify", "--dir", "assets");
        verify.arg("--trusted-root").arg(self.root());
        verify.output().unwrap().into()
    }

    pub(crate) fn publish(&self, fixture: &Fixture) -> Command {
        let mut publish = fixture.stage("publish", "--dir", "assets");
        publish.arg("--trusted-root").arg(self.root());
        publish
            .args(["--api-url", &self.services.api_url()])
            .env("GITHUB_TOKEN", TOKEN);
        publish
    }

    /// Pushes the tag of a fixture's plan, to a repository with the settings that releases rely on.
    pub(crate) fn push(&self, fixture: &Fixture) {
        let plan = fixture.plan();
        let commit = plan.source.commit.as_str();
        let github = &self.services.github;
        let made = fixture.repository();
        let made = made.find_commit(commit.parse().unwrap()).unwrap();
        let parents: Vec<_> = made.parent_ids().map(|id| id.to_string()).collect();
        let parents: Vec<_> = parents.iter().map(String::as_str).collect();
        github.push_commit(commit, &parents);
        github.push_branch("main", commit);
        github.push_tag(&plan.tag.to_string(), commit);
        set_up(fixture, github, &self.services.api_url());
    }

    /// Gives a command what a job of the channel workflow has, and the addresses of the services.
    pub(crate) fn let_move(&self, command: &mut Command, job: Job) {
        command.args(["--api-url", &self.services.api_url()]);
        command
            .arg("--trusted-root")
            .arg(self.root())
            .env("GITHUB_TOKEN", TOKEN);
        self.let_sign(command, job);
    }
}
