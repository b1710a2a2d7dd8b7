//! Workflows and composite actions of GitHub's, as far as the rules ask. Relies on `serde-saphyr`
//! for lines. Source of the format: "Workflow syntax for GitHub Actions".

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;
use serde_yaml::Spanned;

/// A workflow.
#[derive(Debug, Deserialize)]
pub(super) struct Workflow {
    pub(super) on: Value,
    pub(super) permissions: Option<Permissions>,
    pub(super) concurrency: Option<Value>,
    pub(super) jobs: BTreeMap<String, Spanned<Job>>,
}

/// What the token of a job may do.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Permissions {
    /// `read-all` or `write-all`.
    All(String),
    Each(BTreeMap<String, String>),
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Job {
    #[serde(default)]
    needs: OneOrMany,
    pub(super) r#if: Option<String>,
    pub(super) timeout_minutes: Option<Value>,
    environment: Option<Environment>,
    pub(super) permissions: Option<Permissions>,
    pub(super) concurrency: Option<Value>,
    pub(super) continue_on_error: Option<Value>,
    #[serde(default)]
    pub(super) strategy: Strategy,
    #[serde(default)]
    pub(super) steps: Vec<Spanned<Step>>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl Default for OneOrMany {
    fn default() -> Self {
        Self::Many(Vec::new())
    }
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Environment {
    Name(String),
    Named { name: String },
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Strategy {
    /// A mapping, or an expression that gives one.
    #[serde(default)]
    pub(super) matrix: Value,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Step {
    pub(super) uses: Option<Spanned<String>>,
    pub(super) run: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) with: BTreeMap<String, Value>,
    pub(super) continue_on_error: Option<Value>,
}

/// A composite action of the repository's own.
#[derive(Debug, Deserialize)]
pub(super) struct Action {
    pub(super) runs: Runs,
}

#[derive(Debug, Deserialize)]
pub(super) struct Runs {
    /// `composite`, or what else runs it.
    #[serde(default)]
    pub(super) using: String,
    #[serde(default)]
    pub(super) steps: Vec<Spanned<Step>>,
}

/// The permission that lets a job have ID tokens.
pub(super) const ID_TOKEN: &str = "id-token";

impl Permissions {
    /// Whether nothing at all is granted.
    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::Each(each) if each.is_empty())
    }
}

impl Job {
    /// What the token may change: the permissions with `write`, or the word that grants them all.
    pub(super) fn rights(&self) -> BTreeSet<&str> {
        match &self.permissions {
            None => BTreeSet::new(),
            Some(Permissions::All(all)) if all == "read-all" => BTreeSet::new(),
            Some(Permissions::All(all)) => BTreeSet::from([all.as_str()]),
            Some(Permissions::Each(each)) => {
                let written = each.iter().filter(|(_, level)| *level == "write");
                written.map(|(name, _)| name.as_str()).collect()
            }
        }
    }

    /// Names of the jobs that end before this one begins, as far as it says so itself.
    pub(super) fn needs(&self) -> &[String] {
        match &self.needs {
            OneOrMany::One(one) => std::slice::from_ref(one),
            OneOrMany::Many(many) => many,
        }
    }

    pub(super) fn environment(&self) -> Option<&str> {
        match self.environment.as_ref()? {
            Environment::Name(name) | Environment::Named { name } => Some(name),
        }
    }

    /// The stages that its steps run.
    pub(super) fn stages(&self) -> BTreeSet<&str> {
        let runs = self.steps.iter().filter_map(|step| step.value.run.as_ref());
        runs.flat_map(|run| stages(&run.value)).collect()
    }
}

impl Step {
    /// The action, without the commit that it is pinned to.
    pub(super) fn action(&self) -> Option<&str> {
        let uses = self.uses.as_ref()?.value.as_str();
        Some(uses.split('@').next().unwrap_or(uses))
    }
}

/// The lines of a script that are commands; one that goes on in the next line is one.
pub(super) fn commands(script: &str) -> Vec<String> {
    let joined = script.replace("\\\n", " ");
    let lines = joined.lines().map(str::trim);
    lines
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(str::to_owned)
        .collect()
}

/// What follows `cargo xtask` or the path of an xtask in a script.
fn stages(script: &str) -> impl Iterator<Item = &str> {
    let apart = |letter: char| letter.is_whitespace() || "()\"';|&".contains(letter);
    let words: Vec<&str> = script
        .split(apart)
        .filter(|word| !word.is_empty())
        .collect();
    let at: Vec<usize> = (1..words.len())
        .filter(|&at| {
            let (before, word) = (words.get(at.wrapping_sub(2)), words[at - 1]);
            word.ends_with("/xtask") || word == "xtask" && before == Some(&"cargo")
        })
        .collect();
    at.into_iter().map(move |at| words[at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_is_found_however_it_is_run() {
        let script = "t=$(cargo xtask plan --targets)\ntarget/xtask sign\n./xtask verify | cat\n";
        assert_eq!(
            stages(script).collect::<Vec<_>>(),
            ["plan", "sign", "verify"]
        );
        assert_eq!(stages("cargo build --package xtask").count(), 0);
        assert_eq!(stages("sha256sum target/debug/xtask").count(), 0);
    }

    #[test]
    fn a_command_that_goes_on_in_the_next_line_is_one() {
        let script = "# a remark\n\none \\\n  two\nthree\n";
        assert_eq!(commands(script), ["one    two", "three"]);
    }
}
