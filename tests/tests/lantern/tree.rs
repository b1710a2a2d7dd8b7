//! Lantern's tree: its plain sources, copied out of this workspace into a repository of its own,
//! and adopted. It stands at one path, so that a second run finds what the first one compiled.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use git2::{IndexAddOption, Repository, Signature};

pub(crate) const REPOSITORY_ID: u64 = 71;
pub(crate) const OWNER_ID: u64 = 72;

pub(crate) struct Tree {
    pub(crate) root: PathBuf,
    /// Where cargo puts what it makes of lantern.
    target: PathBuf,
    /// One run at a time has the path.
    _lock: File,
}

impl Tree {
    /// The plain sources in a repository with one commit.
    pub(crate) fn plain() -> Self {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../lantern");
        fs::create_dir_all(&target).unwrap();
        let target = target.canonicalize().unwrap();
        let lock = File::create(target.join("in-use")).unwrap();
        lock.lock().unwrap();
        let root = std::env::temp_dir().canonicalize().unwrap();
        let root = root.join("truetag-tests-lantern");
        if root.exists() {
            fs::remove_dir_all(&root).unwrap();
        }
        copy(&workspace().join("tests/products/lantern"), &root);
        Repository::init(&root)
            .unwrap()
            .set_head("refs/heads/main")
            .unwrap();
        let tree = Self {
            root,
            target,
            _lock: lock,
        };
        tree.commit("Begin");
        tree
    }

    /// Runs `adopt` of this workspace's command on it.
    pub(crate) fn adopt(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO"));
        command.args(["xtask", "adopt", "--dir"]).arg(&self.root);
        command.arg("--crates").arg(workspace()).args(arguments);
        alone(&mut command);
        command.current_dir(workspace()).output().unwrap()
    }

    /// Its own `cargo xtask`, without rights and without this test's own cargo around it.
    pub(crate) fn xtask(&self, stage: &str) -> Command {
        let mut command = self.cargo();
        command.args(["xtask", stage]);
        command
    }

    pub(crate) fn cargo(&self) -> Command {
        let mut command = Command::new("cargo");
        command
            .current_dir(&self.root)
            .env("CARGO_TARGET_DIR", &self.target)
            .env("NO_PROXY", "127.0.0.1")
            .env("HTTP_PROXY", "http://127.0.0.1:9");
        alone(&mut command);
        command
    }

    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.root.join(path)).unwrap()
    }

    pub(crate) fn replace(&self, path: &str, from: &str, to: &str) {
        let text = self.read(path);
        assert!(text.contains(from), "{path} has no {from:?}");
        fs::write(self.root.join(path), text.replacen(from, to, 1)).unwrap();
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        fs::write(self.root.join(path), text).unwrap();
    }

    /// Has `main` stand where a branch stands that began there.
    pub(crate) fn merge(&self, branch: &str) {
        let repository = Repository::open(&self.root).unwrap();
        let theirs = repository.revparse_single(branch).unwrap();
        let force = git2::ResetType::Hard;
        repository.reset(&theirs, force, None).unwrap();
    }

    /// Has the tip be known by a tag.
    pub(crate) fn tag(&self, name: &str) {
        let repository = Repository::open(&self.root).unwrap();
        let tip = repository.revparse_single("HEAD").unwrap();
        repository.tag_lightweight(name, &tip, false).unwrap();
    }

    pub(crate) fn commit(&self, message: &str) {
        let repository = Repository::open(&self.root).unwrap();
        let person = Signature::now("Ada", "ada@example.org").unwrap();
        let mut index = repository.index().unwrap();
        index.add_all(["*"], IndexAddOption::DEFAULT, None).unwrap();
        index.write().unwrap();
        let tree = repository.find_tree(index.write_tree().unwrap()).unwrap();
        let tip = repository.head().ok();
        let tip = tip.map(|head| head.peel_to_commit().unwrap());
        let parents: Vec<_> = tip.iter().collect();
        let head = Some("HEAD");
        repository
            .commit(head, &person, &person, message, &tree, &parents)
            .unwrap();
    }

    /// What git says differs from the last commit.
    pub(crate) fn changes(&self) -> Vec<String> {
        let repository = Repository::open(&self.root).unwrap();
        let mut options = git2::StatusOptions::new();
        options.include_untracked(true).recurse_untracked_dirs(true);
        let statuses = repository.statuses(Some(&mut options)).unwrap();
        let paths = statuses
            .iter()
            .map(|entry| entry.path().unwrap().to_owned());
        paths.collect()
    }
}

pub(crate) fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// Keeps from a command what lets it publish, and what cargo tells this test of its own package: by
/// that dependencies would be built anew.
fn alone(command: &mut Command) {
    for right in ["GITHUB_TOKEN", "GITHUB_ACTIONS", "CARGO"] {
        command.env_remove(right);
    }
    for (variable, _) in std::env::vars_os() {
        let name = variable.to_string_lossy();
        let own = ["CARGO_MANIFEST_", "CARGO_PKG_", "CARGO_BIN_", "OUT_DIR"];
        if own.iter().any(|own| name.starts_with(own)) {
            command.env_remove(&variable);
        }
    }
}

/// Runs a command that must end well, and gives what it printed.
#[track_caller]
pub(crate) fn ok(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{command:?}: {}\n{out}{words}",
        output.status
    );
    out
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}
