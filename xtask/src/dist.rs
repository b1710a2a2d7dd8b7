//! What cargo-dist plans for the same tag, to hold our own plan against. Relies on `dist` at the
//! version that `dist-workspace.toml` pins.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use release_plan::{AssetName, Tag, Target, Version};
use serde::Deserialize;

/// An archive as cargo-dist plans it: its target and the files in it.
pub(crate) type Archives = BTreeMap<AssetName, (Target, BTreeSet<String>)>;

/// Why cargo-dist could not be asked, or what it said.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DistError {
    /// There is none, or one of another version.
    #[error("{0}")]
    Missing(String),
    /// It refused.
    #[error("dist plan failed: {0}")]
    Refused(String),
    /// It said something that cannot be read.
    #[error("the output of dist plan cannot be read: {0}")]
    Output(String),
}

/// The command that installs the pinned version.
pub(crate) fn installer(version: &Version) -> String {
    format!("cargo install cargo-dist --version {version} --locked")
}

/// Asks cargo-dist for its plan of `tag`.
pub(crate) fn plan(root: &Path, version: &Version, tag: &Tag) -> Result<Archives, DistError> {
    let dist = || {
        let mut command = Command::new("dist");
        command.current_dir(root);
        command
    };
    let output = dist().arg("--version").output().map_err(|error| {
        DistError::Missing(format!(
            "dist {version} was wanted; none could be run: {error}"
        ))
    })?;
    let found = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if found.rsplit(' ').next() != Some(version.to_string().as_str()) {
        let message = format!("dist {version} was wanted; {found:?} is on PATH");
        return Err(DistError::Missing(message));
    }
    let output = dist()
        .args(["plan", "--tag", &tag.to_string(), "--output-format=json"])
        .output()
        .map_err(|error| DistError::Refused(error.to_string()))?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr);
        return Err(DistError::Refused(
            words.split_whitespace().collect::<Vec<_>>().join(" "),
        ));
    }
    read(&output.stdout)
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
        name: Option<String>,
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
            .filter_map(|member| member.name)
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
            "p-x86_64-unknown-linux-gnu.tar.gz":{"kind":"executable-zip",
              "target_triples":["x86_64-unknown-linux-gnu"],
              "assets":[{"name":"README.md","kind":"readme"},{"name":"p","kind":"executable"}]}}}"#;
        let archives = read(json).unwrap();
        let (target, members) = archives.values().next().unwrap();
        assert_eq!(archives.len(), 1);
        assert_eq!(target.as_str(), "x86_64-unknown-linux-gnu");
        assert_eq!(members.iter().collect::<Vec<_>>(), ["README.md", "p"]);
    }

    #[test]
    fn what_is_not_the_output_of_dist_plan_is_an_error() {
        assert!(read(b"{}").is_err());
        assert!(read(b"no json").is_err());
    }
}
