//! What cargo reads of a workspace, in a folder of its own: manifests, lock file, the plain files
//! beside them, and empty sources. Tools that write where they please are run there, so that the
//! work tree and what lies in its `target` neither change nor tell. Relies on `cargo metadata` for
//! where packages and their sources lie.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use cargo_metadata::MetadataCommand;
use tempfile::TempDir;

use crate::{Failure, process};

/// All that a tool gets to see of the environment: where programs and crates lie.
const ENVIRONMENT: [&str; 7] = [
    "PATH",
    "HOME",
    "TMPDIR",
    "CARGO",
    "CARGO_HOME",
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
];

/// What cargo would have to resolve or to fetch.
const DEPENDENCIES: [&str; 7] = [
    "dependencies",
    "dev-dependencies",
    "build-dependencies",
    "target",
    "features",
    "patch",
    "replace",
];

/// A copy of a workspace without its sources, removed when dropped.
pub(crate) struct Skeleton {
    root: TempDir,
    /// Folder of each package, relative to the root.
    packages: BTreeMap<String, PathBuf>,
}

/// Why there is no such copy.
#[derive(Debug, thiserror::Error)]
#[error("{}: the workspace cannot be copied: {why}", root.display())]
pub(crate) struct SkeletonError {
    root: PathBuf,
    why: String,
}

impl Skeleton {
    /// A copy of the workspace at `root`.
    pub(crate) fn of(root: &Path) -> Result<Self, SkeletonError> {
        copy(root).map_err(|error| SkeletonError {
            root: root.to_owned(),
            why: error.to_string(),
        })
    }

    /// A copy whose packages depend on nothing, so that cargo needs neither registry nor lock file
    /// to describe them.
    pub(crate) fn without_dependencies(root: &Path) -> Result<Self, SkeletonError> {
        let skeleton = Self::of(root)?;
        skeleton
            .drop_dependencies()
            .map_err(|error| SkeletonError {
                root: root.to_owned(),
                why: error.to_string(),
            })?;
        Ok(skeleton)
    }

    fn drop_dependencies(&self) -> io::Result<()> {
        let folders = self.packages.values().map(PathBuf::as_path);
        for folder in folders.chain([Path::new("")]) {
            let file = self.path().join(folder).join("Cargo.toml");
            let text = fs::read_to_string(&file)?;
            let mut manifest: toml::Table = toml::from_str(&text).map_err(io::Error::other)?;
            manifest.retain(|key, _| !DEPENDENCIES.contains(&key));
            fs::write(&file, manifest.to_string())?;
        }
        Ok(())
    }

    /// Its root.
    pub(crate) fn path(&self) -> &Path {
        self.root.path()
    }

    /// The folder of a package.
    pub(crate) fn package(&self, name: &str) -> Option<PathBuf> {
        Some(self.path().join(self.packages.get(name)?))
    }

    /// Runs a tool in the root, without rights, without network for cargo, and without what this
    /// machine's environment says of itself.
    pub(crate) fn run(
        &self,
        program: impl AsRef<OsStr>,
        variables: &[(&str, String)],
        arguments: &[String],
    ) -> Result<Output, Failure> {
        let mut command = Command::new(program);
        command.current_dir(self.path()).args(arguments).env_clear();
        for name in ENVIRONMENT {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command.env("CARGO_NET_OFFLINE", "true");
        command.envs(variables.iter().map(|(name, value)| (name, value)));
        process::withhold_rights(&mut command);
        process::output(&mut command, process::NO_LIMIT)
    }
}

fn copy(root: &Path) -> io::Result<Skeleton> {
    let metadata = MetadataCommand::new()
        .manifest_path(root.join("Cargo.toml"))
        .no_deps()
        .exec()
        .map_err(io::Error::other)?;
    let from = metadata.workspace_root.as_std_path();
    let to = TempDir::new()?;
    copy_plain_files(from, to.path())?;
    let mut packages = BTreeMap::new();
    for package in &metadata.packages {
        let within = |path: &cargo_metadata::camino::Utf8Path| {
            let path = path.strip_prefix(&metadata.workspace_root);
            path.map(|path| path.as_std_path().to_owned())
                .map_err(io::Error::other)
        };
        let manifest = within(&package.manifest_path)?;
        let folder = manifest.parent().unwrap_or(Path::new("")).to_owned();
        copy_plain_files(&from.join(&folder), &to.path().join(&folder))?;
        for target in &package.targets {
            let source = to.path().join(within(&target.src_path)?);
            fs::create_dir_all(source.parent().unwrap_or(&source))?;
            fs::write(source, "")?;
        }
        packages.insert(package.name.to_string(), folder);
    }
    Ok(Skeleton { root: to, packages })
}

/// Copies the files of a folder, not of those below. Hidden ones stay: `.git` may be a file.
fn copy_plain_files(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        if !name.as_encoded_bytes().starts_with(b".") && entry.path().is_file() {
            fs::copy(entry.path(), to.join(name))?;
        }
    }
    Ok(())
}

/// A tool's words on one line.
pub(crate) fn words(stderr: &[u8]) -> String {
    let words = String::from_utf8_lossy(stderr);
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}
