//! cargo-dist: what it plans for the same tag, to hold our own plan against, and what it derives
//! from our archives. Relies on `dist` at the version that `dist-workspace.toml` pins, and never
//! runs it in the work tree: it would merge what lies in `target/distrib` and let cargo write the
//! lock file anew.

mod derived;
mod formula;
mod manifest;

pub(crate) use derived::derive;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use release_plan::{AssetName, Tag, Target, Version};
use serde::Deserialize;

use crate::skeleton::{self, Skeleton, SkeletonError};
use crate::tools::{Tool, ToolError};

/// An archive as cargo-dist plans it: its target and the files in it.
pub(crate) type Archives = BTreeMap<AssetName, (Target, BTreeSet<String>)>;

/// Why cargo-dist could not be asked, or what it said.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DistError {
    /// There is none, or one of another version.
    #[error(transparent)]
    Missing(#[from] ToolError),
    /// There was nothing to run it in.
    #[error(transparent)]
    Skeleton(#[from] SkeletonError),
    /// It refused.
    #[error("dist {command} failed: {words}")]
    Refused {
        /// Its subcommand.
        command: &'static str,
        /// What it said.
        words: String,
    },
    /// It said something that cannot be read.
    #[error("the output of dist plan cannot be read: {0}")]
    Output(String),
    /// What it derived is not about our archives, or tells of this machine.
    #[error("{file}: expected {expected}, found {found}")]
    Derived {
        /// The derived file.
        file: String,
        /// What should stand there.
        expected: String,
        /// What stands there.
        found: String,
    },
}

/// Asks cargo-dist for its plan of `tag`.
pub(crate) fn plan(root: &Path, version: &Version, tag: &Tag) -> Result<Archives, DistError> {
    let dist = Dist::new(root, version)?;
    read(&dist.run("plan", tag, &[])?)
}

/// cargo-dist at the right version, in a copy of the workspace that it may write to.
struct Dist {
    program: PathBuf,
    skeleton: Skeleton,
}

impl Dist {
    fn new(root: &Path, version: &Version) -> Result<Self, DistError> {
        Ok(Self {
            program: Tool::CargoDist.find(version)?,
            // It takes package names, licences and files from the manifests, and no dependency.
            skeleton: Skeleton::without_dependencies(root)?,
        })
    }

    /// Runs a subcommand for `tag` and gives the JSON that it prints.
    fn run(
        &self,
        command: &'static str,
        tag: &Tag,
        arguments: &[&str],
    ) -> Result<Vec<u8>, DistError> {
        let tag = tag.to_string();
        let common = [command, "--tag", &tag, "--output-format=json"];
        let arguments = common.iter().chain(arguments).map(ToString::to_string);
        let refused = |words| DistError::Refused { command, words };
        let output = self
            .skeleton
            .run(&self.program, &[], &arguments.collect::<Vec<_>>())
            .map_err(|error| refused(error.to_string()))?;
        if !output.status.success() {
            return Err(refused(skeleton::words(&output.stderr)));
        }
        Ok(output.stdout)
    }
}

fn read(json: &[u8]) -> Result<Archives, DistError> {
    #[derive(Deserialize)]
    struct Document {
        artifacts: BTreeMap<String, Artifact>,
    }
    #[derive(Deserialize)]
    struct Artifact {
        kind: String,
        #[serde(default)]
        target_triples: Vec<Target>,
        #[serde(default)]
        assets: Vec<Member>,
    }
    #[derive(Deserialize)]
    struct Member {
        path: Option<String>,
    }
    let unreadable = |error: &dyn std::fmt::Display| DistError::Output(error.to_string());
    let document: Document = serde_json::from_slice(json).map_err(|error| unreadable(&error))?;
    let mut archives = Archives::new();
    for (name, artifact) in document.artifacts {
        if artifact.kind != "executable-zip" {
            continue;
        }
        let name = name.parse().map_err(|error| unreadable(&error))?;
        let [target] = artifact.target_triples.as_slice() else {
            return Err(unreadable(&format!(
                "{name} is for {:?}",
                artifact.target_triples
            )));
        };
        let members = artifact
            .assets
            .into_iter()
            .filter_map(|member| member.path)
            .collect();
        archives.insert(name, (target.clone(), members));
    }
    Ok(archives)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_archives_of_programs_are_read_with_target_and_contents() {
        let json = br#"{"artifacts":{
            "source.tar.gz":{"kind":"source-tarball"},
            "p-x86_64-pc-windows-gnullvm.zip":{"kind":"executable-zip",
              "target_triples":["x86_64-pc-windows-gnullvm"],
              "assets":[{"path":"README.md","kind":"readme"},
                {"name":"p","path":"p.exe","kind":"executable"}]}}}"#;
        let archives = read(json).unwrap();
        let (target, members) = archives.values().next().unwrap();
        assert_eq!(archives.len(), 1);
        assert_eq!(target.as_str(), "x86_64-pc-windows-gnullvm");
        assert_eq!(members.iter().collect::<Vec<_>>(), ["README.md", "p.exe"]);
    }

    #[test]
    fn what_is_not_the_output_of_dist_plan_is_an_error() {
        assert!(read(b"{}").is_err());
        assert!(read(b"no json").is_err());
    }
}
