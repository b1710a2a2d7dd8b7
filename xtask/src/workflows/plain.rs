//! What a job with a right may say at all. Whatever else the format knows, or will know, could have
//! it run something else, or the same command do something else.

use serde_json::{Value, json};

use super::document::Job;
use super::rules::Broken;
use super::{Identity, Parsed, Scene, Workflow};

const OF_WORKFLOWS: [&str; 6] = [
    "name",
    "on",
    "permissions",
    "concurrency",
    "defaults",
    "jobs",
];

const OF_JOBS: [&str; 10] = [
    "name",
    "if",
    "needs",
    "runs-on",
    "timeout-minutes",
    "environment",
    "permissions",
    "concurrency",
    "outputs",
    "steps",
];

const OF_STEPS: [&str; 7] = ["name", "id", "if", "uses", "with", "env", "run"];

/// What each action may be told. A checkout of another tree, or an artifact beside the command, is
/// neither.
const OF_ACTIONS: [(&str, &[&str]); 3] = [
    ("actions/checkout", &["persist-credentials", "fetch-depth"]),
    (
        "actions/upload-artifact",
        &["name", "path", "if-no-files-found"],
    ),
    ("actions/download-artifact", &["artifact-ids", "path"]),
];

/// Where plans and assets lie, and nothing that is run.
const ASSETS: &str = "target/release-plan";

/// The jobs with rights, and their workflows, that say something else.
pub(super) fn unlisted(scene: &Scene<'_>) -> Vec<Broken> {
    let mut broken = Vec::new();
    for workflow in &scene.workflows {
        let with_rights = |job: &Job| !job.rights().is_empty();
        let jobs = workflow.document.jobs.iter();
        let mut jobs = jobs.filter(|(_, job)| with_rights(&job.value)).peekable();
        if jobs.peek().is_none() {
            continue;
        }
        // It was read once already, as what the rules know of it.
        let said: Value = serde_yaml::from_str(&workflow.source.text).unwrap_or_default();
        broken.extend(of_workflow(workflow, &said));
        for (name, job) in jobs {
            let of_channels = scene.identity(&workflow.source.path) == Some(Identity::Channel);
            let found = of_job(scene, &said["jobs"][name], of_channels);
            broken.extend(found.map(|found| Broken::at_job(workflow, name, job, found)));
        }
    }
    broken
}

fn of_workflow(workflow: &Parsed<Workflow>, said: &Value) -> Option<Broken> {
    let defaults = &said["defaults"];
    let found = if let Some(other) = other_key(said, &OF_WORKFLOWS) {
        other
    } else if !defaults.is_null() && *defaults != json!({ "run": { "shell": "bash" } }) {
        format!("defaults: {defaults}")
    } else if let Some(line) = workflow
        .source
        .text
        .lines()
        .find(|it| it.contains("secrets."))
    {
        line.trim().to_owned()
    } else {
        return None;
    };
    Some(Broken::at_file(workflow, found))
}

fn of_job(scene: &Scene<'_>, job: &Value, of_channels: bool) -> Option<String> {
    other_key(job, &OF_JOBS).or_else(|| {
        let mut steps = job["steps"].as_array()?.iter();
        steps.find_map(|step| of_step(scene, step, of_channels))
    })
}

fn of_step(scene: &Scene<'_>, step: &Value, of_channels: bool) -> Option<String> {
    if let Some(other) = other_key(step, &OF_STEPS) {
        return Some(other);
    }
    let condition = &step["if"];
    if !condition.is_null() && !of_channels {
        return Some(format!("if: {condition}"));
    }
    let script = step["run"].as_str().unwrap_or_default();
    let handed = step["env"].as_object().into_iter().flatten();
    // What the script does not name, something else would take.
    let unnamed = |name: &str| {
        name != "GITHUB_TOKEN"
            && !["$", "${"]
                .iter()
                .any(|sign| script.contains(&format!("{sign}{name}")))
    };
    if let Some((name, _)) = handed.into_iter().find(|(name, _)| unnamed(name)) {
        return Some(format!("env: {name}, which the step does not name"));
    }
    let uses = step["uses"].as_str()?;
    let action = uses.split('@').next().unwrap_or(uses);
    let with = &step["with"];
    let told = match OF_ACTIONS.iter().find(|(known, _)| *known == action) {
        Some((_, told)) => *told,
        None if is_own(scene, action) => &["sha256"],
        None => return Some(format!("uses: {uses}")),
    };
    if let Some(other) = other_key(with, told) {
        return Some(format!("{action} with {other}"));
    }
    let path = with["path"].as_str();
    let beside = path.is_some_and(|path| {
        let below = path.strip_prefix(ASSETS).unwrap_or("..");
        below.contains("..") || !(below.is_empty() || below.starts_with('/'))
    });
    let placed = action != "actions/download-artifact" || (path.is_some() && !beside);
    (!placed).then(|| format!("{action} with path {}", path.unwrap_or("that is not said")))
}

/// Whether it is a composite action of the repository's, whose steps the other rules see.
fn is_own(scene: &Scene<'_>, action: &str) -> bool {
    let own = scene.own_action(action);
    own.is_some_and(|own| own.document.runs.using == "composite")
}

/// A key of a mapping that is none of those.
fn other_key(said: &Value, known: &[&str]) -> Option<String> {
    let mut keys = said.as_object()?.keys();
    keys.find(|key| !known.contains(&key.as_str()))
        .map(|key| format!("{key}: {}", said[key]))
}
