//! The repository's workflows, held against what no linter knows: which job may hold which right,
//! what it may run with it, and that a release goes through every stage. The rules are in `rules`,
//! what a job with a right may say at all in `plain`, what GitHub's format says in `document`.

mod document;
mod plain;
mod rules;
#[cfg(test)]
mod tests;

use std::path::Path;

use release_plan::{Product, Target};
use serde::de::DeserializeOwned;

use crate::gates::{Row, Verdict};
use crate::project::Project;
use crate::{Failure, files};

use document::{Action, ID_TOKEN, Workflow};

const WORKFLOWS: &str = ".github/workflows";
const ACTIONS: &str = ".github/actions";

/// How the repository's own actions are named from its workflows.
const OWN_ACTIONS: [&str; 2] = ["$/", "./"];

/// The environment of the job that signs a release.
pub(crate) const SIGN_ENVIRONMENT: &str = "release-sign";
/// The environment of the job that publishes one; somebody has to approve.
pub(crate) const PUBLISH_ENVIRONMENT: &str = "release-publish";
/// The environment of the jobs that move the channels.
pub(crate) const CHANNELS_ENVIRONMENT: &str = "channels";

/// The workflow that publishes patched scripts. No certificate names it.
const SCRIPTS_WORKFLOW: &str = ".github/workflows/scripts.yml";

/// Which of the workflows whose jobs hold rights. Installed programs know the first two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Identity {
    Release,
    Channel,
    Scripts,
}

/// A stage that needs a right.
struct Privileged {
    stage: &'static str,
    workflow: Identity,
    rights: &'static [&'static str],
    /// None where the right can neither sign nor publish.
    environment: Option<&'static str>,
}

const CHANNEL_RIGHTS: &[&str] = &["contents", ID_TOKEN];

const PRIVILEGED: [Privileged; 7] = [
    Privileged {
        stage: "sign",
        workflow: Identity::Release,
        rights: &[ID_TOKEN],
        environment: Some(SIGN_ENVIRONMENT),
    },
    Privileged {
        stage: "publish",
        workflow: Identity::Release,
        rights: &["contents"],
        environment: Some(PUBLISH_ENVIRONMENT),
    },
    Privileged {
        stage: "publish-scripts",
        workflow: Identity::Scripts,
        rights: &["contents"],
        environment: Some(PUBLISH_ENVIRONMENT),
    },
    Privileged {
        stage: "ask-for-promotion",
        workflow: Identity::Release,
        rights: &["actions"],
        environment: None,
    },
    Privileged {
        stage: "promote",
        workflow: Identity::Channel,
        rights: CHANNEL_RIGHTS,
        environment: Some(CHANNELS_ENVIRONMENT),
    },
    Privileged {
        stage: "yank",
        workflow: Identity::Channel,
        rights: CHANNEL_RIGHTS,
        environment: Some(CHANNELS_ENVIRONMENT),
    },
    Privileged {
        stage: "renew",
        workflow: Identity::Channel,
        rights: CHANNEL_RIGHTS,
        environment: Some(CHANNELS_ENVIRONMENT),
    },
];

/// A file below the root of the tree.
struct Source {
    path: String,
    text: String,
}

/// A file that could be read.
struct Parsed<T> {
    source: Source,
    document: T,
}

/// What the rules look at.
struct Scene<'a> {
    product: &'a Product,
    targets: &'a [Target],
    workflows: Vec<Parsed<Workflow>>,
    actions: Vec<Parsed<Action>>,
}

/// A row for each rule that holds, and one for each place where one does not.
pub(crate) fn check(project: &Project) -> Result<Vec<Row>, Failure> {
    let workflows = sources(&project.root, WORKFLOWS, 1)?;
    let actions = sources(&project.root, ACTIONS, 2)?;
    Ok(rows(
        &project.product,
        project.targets(),
        workflows,
        actions,
    ))
}

fn rows(
    product: &Product,
    targets: &[Target],
    workflows: Vec<Source>,
    actions: Vec<Source>,
) -> Vec<Row> {
    let mut rows = Vec::new();
    let scene = Scene {
        product,
        targets,
        workflows: parse(workflows, &mut rows),
        actions: parse(actions, &mut rows),
    };
    if rows.is_empty() {
        rows.extend(rules::rows(&scene));
    }
    rows
}

impl Scene<'_> {
    /// Paths of the two workflows that certificates name.
    fn identities(&self) -> [(Identity, &str); 2] {
        let identities = &self.product.identities;
        [
            (Identity::Release, &identities.release_workflow),
            (Identity::Channel, &identities.channel_workflow),
        ]
    }

    fn identity(&self, path: &str) -> Option<Identity> {
        let mut identities = self.identities().into_iter();
        let found = identities.find(|(_, known)| *known == path);
        let scripts = (path == SCRIPTS_WORKFLOW).then_some(Identity::Scripts);
        found.map(|(identity, _)| identity).or(scripts)
    }

    /// The repository's own action that a step calls so.
    fn own_action(&self, action: &str) -> Option<&Parsed<Action>> {
        let folder = OWN_ACTIONS
            .iter()
            .find_map(|own| action.strip_prefix(own))?;
        self.actions.iter().find(|own| {
            let file = own.source.path.strip_prefix(folder);
            file.is_some_and(|file| file.starts_with("/action."))
        })
    }

    /// The workflow that signs as this identity.
    fn workflow(&self, identity: Identity) -> Option<&Parsed<Workflow>> {
        let mut workflows = self.workflows.iter();
        workflows.find(|workflow| self.identity(&workflow.source.path) == Some(identity))
    }
}

/// The YAML files `depth` levels below a folder of the tree, sorted; none where there is no folder.
fn sources(root: &Path, folder: &str, depth: usize) -> Result<Vec<Source>, Failure> {
    let path = root.join(folder);
    if !path.is_dir() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    let entries = std::fs::read_dir(&path).map_err(|error| files::failed("read", &path, &error))?;
    for entry in entries {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let below = format!("{folder}/{name}");
        if depth > 1 {
            found.extend(sources(root, &below, depth - 1)?);
        } else if name.ends_with(".yml") || name.ends_with(".yaml") {
            let text = files::read_text(&root.join(&below))?;
            found.push(Source { path: below, text });
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

/// Reads the files; each that cannot be read gives a row.
fn parse<T: DeserializeOwned>(sources: Vec<Source>, rows: &mut Vec<Row>) -> Vec<Parsed<T>> {
    let mut parsed = Vec::new();
    for source in sources {
        match serde_yaml::from_str(&source.text) {
            Ok(document) => parsed.push(Parsed { source, document }),
            Err(error) => {
                let place = error.location().map_or(source.path.clone(), |at| {
                    format!("{}:{}:{}", source.path, at.line(), at.column())
                });
                rows.push(Row {
                    rule: "workflow-readable".to_owned(),
                    place,
                    verdict: Verdict::Failed,
                    expected: "YAML in the form of GitHub's workflows and actions".to_owned(),
                    found: error.without_snippet().to_string(),
                    mend: Some("mend the file; actionlint tells more".to_owned()),
                });
            }
        }
    }
    parsed
}
