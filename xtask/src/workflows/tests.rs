//! Each rule with what breaks it, on workflows that are as small as the rules allow.

use super::*;
use crate::trial::product;

const RELEASE: (&str, &str) = (
    ".github/workflows/release.yml",
    include_str!("../../tests/workflows/release.yml"),
);
const CHANNEL: (&str, &str) = (
    ".github/workflows/channel.yml",
    include_str!("../../tests/workflows/channel.yml"),
);
const ACTION: (&str, &str) = (
    ".github/actions/xtask/action.yml",
    include_str!("../../tests/workflows/action.yml"),
);
const SCRIPTS: (&str, &str) = (
    SCRIPTS_WORKFLOW,
    include_str!("../../../.github/workflows/scripts.yml"),
);
const OTHER: (&str, &str) = (
    ".github/workflows/ci.yml",
    "on: push\npermissions: {}\njobs:\n  test:\n    runs-on: ubuntu-24.04\n    timeout-minutes: 9\n    \
     steps:\n      - run: cargo test\n",
);

/// What is broken, as rule and place.
fn broken(workflows: &[(&str, &str)], action: &str) -> Vec<(String, String)> {
    let source = |(path, text): (&str, &str)| Source {
        path: path.to_owned(),
        text: text.to_owned(),
    };
    let product = product();
    let targets = ["x86_64-unknown-linux-musl".parse().unwrap()];
    let workflows = workflows.iter().copied().map(source).collect();
    let actions = vec![source((ACTION.0, action))];
    let rows = rows(&product, &targets, workflows, actions);
    let failed = rows
        .into_iter()
        .filter(|row| row.verdict != Verdict::Passed);
    failed.map(|row| (row.rule, row.place)).collect()
}

/// What is broken when `from` stands as `to` in one of the files.
#[track_caller]
fn broken_by(file: (&str, &str), from: &str, to: &str) -> Vec<(String, String)> {
    assert!(file.1.contains(from), "{} has no {from:?}", file.0);
    let changed = file.1.replacen(from, to, 1);
    let text = |known: (&'static str, &'static str)| {
        let text = if known.0 == file.0 {
            changed.as_str()
        } else {
            known.1
        };
        (known.0, text.to_owned())
    };
    let files = [RELEASE, CHANNEL, SCRIPTS, OTHER, ACTION].map(text);
    let files: Vec<_> = files
        .iter()
        .map(|(path, text)| (*path, text.as_str()))
        .collect();
    broken(&files[..4], files[4].1)
}

#[track_caller]
fn breaks(file: (&str, &str), from: &str, to: &str, rules: &[(&str, &str)]) {
    let found = broken_by(file, from, to);
    let found: Vec<_> = found
        .iter()
        .map(|(rule, place)| (rule.as_str(), place.as_str()))
        .collect();
    assert_eq!(found, rules, "{from:?} as {to:?} in {}", file.0);
}

/// Where the rows have a job of one of the files: its first line.
fn at(file: (&str, &str), job: &str) -> String {
    let key = format!("  {job}:");
    let line = file.1.lines().position(|line| line == key);
    format!(
        "{}:{} (job {job})",
        file.0,
        line.expect("there is such a job") + 2
    )
}

#[test]
fn workflows_as_they_should_be_pass_every_rule() {
    assert_eq!(broken(&[RELEASE, CHANNEL, OTHER], ACTION.1), []);
}

#[test]
fn a_tree_without_workflows_cannot_publish_and_can_be_rehearsed() {
    let product = product();
    let rows = rows(&product, &[], Vec::new(), Vec::new());
    let ended: Vec<_> = rows
        .iter()
        .map(|row| (row.place.as_str(), row.verdict))
        .collect();
    let missing = [RELEASE.0, CHANNEL.0].map(|path| (path, Verdict::BlocksPublishing));
    assert_eq!(ended, missing);
}

#[test]
fn a_workflow_that_is_not_where_product_yaml_says_is_missed() {
    let elsewhere = (".github/workflows/channels.yml", CHANNEL.1);
    let found = broken(&[RELEASE, elsewhere, OTHER], ACTION.1);
    assert_eq!(
        found[0],
        ("workflows-present".to_owned(), CHANNEL.0.to_owned())
    );
}

#[test]
fn a_file_that_is_no_workflow_is_told_with_its_line() {
    let place = ".github/workflows/release.yml:6:8";
    breaks(
        RELEASE,
        "permissions: {}",
        "permissions: {",
        &[("workflow-readable", place)],
    );
    let found = broken_by(RELEASE, "jobs:\n", "job:\n");
    assert_eq!(found[0].0, "workflow-readable");
}

#[test]
fn every_job_ends_in_time() {
    breaks(
        OTHER,
        "    timeout-minutes: 9\n",
        "",
        &[("job-timeout", &at(OTHER, "test"))],
    );
}

#[test]
fn nothing_is_granted_by_default() {
    let rule = &[("no-default-rights", OTHER.0)];
    breaks(OTHER, "permissions: {}\n", "", rule);
    breaks(OTHER, "permissions: {}", "permissions: read-all", rule);
    breaks(
        OTHER,
        "permissions: {}",
        "permissions: {contents: read}",
        rule,
    );
    breaks(
        OTHER,
        "    timeout-minutes: 9\n",
        "    timeout-minutes: 9\n    permissions: read-all\n",
        &[("no-default-rights", &at(OTHER, "test"))],
    );
}

#[test]
fn a_right_stands_only_with_the_stage_that_needs_it() {
    let (sign, publish) = (at(RELEASE, "sign"), at(RELEASE, "publish"));
    for (from, to, place) in [
        ("      contents: read\n", "      contents: write\n", &sign),
        ("      contents: read\n", "      packages: write\n", &sign),
        (
            "      contents: write\n",
            "      contents: write\n      id-token: write\n",
            &publish,
        ),
    ] {
        breaks(RELEASE, from, to, &[("rights-by-stage", place)]);
    }
    // A right to do anything is also one to run things with.
    let found = broken_by(
        OTHER,
        "    timeout-minutes: 9\n",
        "    timeout-minutes: 9\n    permissions: write-all\n",
    );
    let rules: Vec<_> = found.iter().map(|(rule, _)| rule.as_str()).collect();
    let place = "handed-command-checked";
    assert_eq!(
        rules,
        [
            "no-default-rights",
            "rights-by-stage",
            "rights-without-compiling",
            place
        ]
    );
}

#[test]
fn signing_belongs_to_the_release_workflow_and_promotion_to_the_channel_workflow() {
    for (file, from, to) in [
        (RELEASE, "target/xtask sign\n", "target/xtask renew\n"),
        (CHANNEL, "target/xtask renew\n", "target/xtask publish\n"),
        (
            SCRIPTS,
            "target/xtask publish-scripts",
            "target/xtask publish",
        ),
    ] {
        let rules: Vec<_> = broken_by(file, from, to)
            .into_iter()
            .map(|(rule, _)| rule)
            .collect();
        assert!(rules.contains(&"rights-by-stage".to_owned()), "{rules:?}");
        assert!(
            rules.contains(&"rights-without-compiling".to_owned()),
            "{rules:?}"
        );
    }
}

#[test]
fn a_job_that_compiles_holds_no_right() {
    let place = &at(RELEASE, "sign");
    for other in [
        "cargo xtask sign",
        "cargo build && target/xtask sign",
        "target/xtask build\ntarget/xtask sign",
        "target/xtask sign; make",
        "target/xtask sign --root $(make)",
        "target/xtask sign | sh",
    ] {
        let to = format!(
            "      - run: |\n          {}\n",
            other.replace('\n', "\n          ")
        );
        let found = broken_by(RELEASE, "      - run: target/xtask sign\n", &to);
        let rule = ("rights-without-compiling".to_owned(), place.clone());
        assert!(found.contains(&rule), "{other}: {found:?}");
    }
    breaks(
        ACTION,
        "        chmod +x target/xtask",
        "        cargo build",
        &[(
            "rights-without-compiling",
            ".github/actions/xtask/action.yml:17",
        )],
    );
}

#[test]
fn the_digest_of_a_handed_command_is_checked_before_it_runs() {
    let place = &at(RELEASE, "publish");
    let step = "      - uses: $/.github/actions/xtask\n        with:\n          \
                sha256: ${{ needs.make.outputs.xtask }}\n      - run: target/xtask publish\n";
    for to in [
        "      - run: target/xtask publish\n",
        "      - uses: $/.github/actions/xtask\n      - run: target/xtask publish\n",
        "      - uses: $/.github/actions/xtask\n        with:\n          sha256: ${{ inputs.sha256 }}\n      \
         - run: target/xtask publish\n",
    ] {
        breaks(RELEASE, step, to, &[("handed-command-checked", place)]);
    }
    let rules = [
        ("rights-plainly", &**place),
        ("handed-command-checked", place),
    ];
    breaks(
        RELEASE,
        step,
        &step.replace("actions/xtask", "actions/other"),
        &rules,
    );
    let found = broken_by(ACTION, "sha256sum --check --strict", "sha256sum");
    assert_eq!(found.len(), 6, "{found:?}");
}

#[test]
fn a_job_with_a_right_says_nothing_that_could_run_something_else() {
    let place = &at(RELEASE, "sign");
    let run = "      - run: target/xtask sign\n";
    let own = "      - uses: $/.github/actions/xtask\n        with:\n          \
               sha256: ${{ needs.make.outputs.xtask }}\n      - run: target/xtask sign\n";
    let checkout = "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1";
    let download = "actions/download-artifact@3e5f45b2cfb9172054b4087a40e8e0b5a5461e7c # v8.0.1";
    let step = |words: &str| format!("{own}        {words}\n");
    let with = |action: &str, told: &str| {
        let kept = "persist-credentials: false";
        let kept = if action == checkout {
            kept
        } else {
            "artifact-ids: 7"
        };
        format!("      - uses: {action}\n        with:\n          {kept}\n          {told}\n{own}")
    };
    for to in [
        step("shell: bash -c 'cargo build; exec bash {0}'"),
        step("working-directory: tools"),
        step("if: false"),
        step("env: { BASH_ENV: ./tools.sh }"),
        step("env: { SIG: now }"),
        with(checkout, "repository: evil/other"),
        with(checkout, "ref: other"),
        with(download, "path: target"),
        with(download, "path: target/release-plan/../../target"),
        with(download, "path: target/release-plans"),
        with(download, "name: other"),
    ] {
        breaks(RELEASE, own, &to, &[("rights-plainly", place)]);
    }
    for to in [
        "    container: evil\n",
        "    env: { PATH: tools }\n",
        "    defaults: {}\n",
    ] {
        let from = "    environment: release-sign\n";
        let to = format!("{from}{to}");
        breaks(RELEASE, from, &to, &[("rights-plainly", place)]);
    }
    for to in [
        "env: { PATH: tools }\njobs:\n",
        "defaults: { run: { shell: sh } }\njobs:\n",
        "# secrets.TOKEN\njobs:\n",
    ] {
        breaks(RELEASE, "jobs:\n", to, &[("rights-plainly", RELEASE.0)]);
    }
    let elsewhere = run.replace("      - run", "      - uses: ./tools/xtask\n      - run");
    breaks(RELEASE, run, &elsewhere, &[("rights-plainly", place)]);
    let found = broken_by(
        ACTION,
        "using: composite",
        "using: node24\n  main: index.js",
    );
    assert_eq!(found.len(), 6, "{found:?}");
    assert!(
        found.iter().all(|(rule, _)| rule == "rights-plainly"),
        "{found:?}"
    );
}

#[test]
fn what_signs_and_what_publishes_stand_in_environments_of_their_own() {
    let sign = at(RELEASE, "sign");
    for to in ["    environment: release-publish\n", ""] {
        let rule = &[("rights-in-environment", sign.as_str())];
        breaks(RELEASE, "    environment: release-sign\n", to, rule);
    }
    let renew = &at(CHANNEL, "renew");
    breaks(
        CHANNEL,
        "    environment: channels\n",
        "",
        &[("rights-in-environment", renew)],
    );
}

#[test]
fn an_action_is_pinned_by_commit_with_its_version() {
    let place = ".github/workflows/release.yml:15";
    for to in [
        "@v7.0.1 # v7.0.1",
        "@3d3c42e # v7.0.1",
        "@3d3c42e5aac5ba805825da76410c181273ba90b1",
        "",
    ] {
        let from = "@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1";
        breaks(RELEASE, from, to, &[("actions-pinned", place)]);
    }
    let place = ".github/actions/xtask/action.yml:9";
    breaks(
        ACTION,
        " # v8.0.1",
        " # the last one",
        &[("actions-pinned", place)],
    );
}

#[test]
fn no_cache_reaches_a_release() {
    for action in [
        "actions/cache",
        "actions/cache/restore",
        "Swatinem/rust-cache",
        "actions/setup-node",
    ] {
        let to = format!(
            "      - uses: {action}@{} # v1.0.0\n      - run: target/xtask publish\n",
            "1".repeat(40)
        );
        let place = &at(RELEASE, "publish");
        breaks(
            RELEASE,
            "      - run: target/xtask publish\n",
            &to,
            &[("rights-plainly", place), ("actions-known", place)],
        );
        let place = &at(RELEASE, "smoke");
        let to = to.replace("target/xtask publish", "cargo xtask smoke");
        breaks(
            RELEASE,
            "      - run: cargo xtask smoke\n",
            &to,
            &[("actions-known", place)],
        );
    }
    let place = ".github/actions/xtask/action.yml:9";
    breaks(
        ACTION,
        "actions/download-artifact",
        "actions/cache",
        &[("actions-known", place)],
    );
}

#[test]
fn a_checkout_leaves_no_token_behind() {
    let rule = &[("no-credentials-kept", ".github/workflows/release.yml:15")];
    breaks(
        RELEASE,
        "        with:\n          persist-credentials: false\n",
        "",
        rule,
    );
    breaks(
        RELEASE,
        "persist-credentials: false",
        "persist-credentials: true",
        rule,
    );
}

#[test]
fn no_script_holds_an_expression() {
    let place = ".github/workflows/ci.yml:8";
    breaks(
        OTHER,
        "cargo test",
        "cargo test ${{ github.head_ref }}",
        &[("no-expression-in-run", place)],
    );
    let place = ".github/actions/xtask/action.yml:13";
    breaks(
        ACTION,
        "echo \"$SHA256",
        "echo \"${{ inputs.sha256 }}",
        &[("no-expression-in-run", place)],
    );
}

#[test]
fn no_release_and_no_promotion_is_cancelled() {
    let group = "concurrency:\n  group: release-${{ github.ref }}\n  cancel-in-progress: false\n";
    let rule = &[("runs-uncancelled", RELEASE.0)];
    breaks(RELEASE, group, "", rule);
    breaks(
        RELEASE,
        "cancel-in-progress: false",
        "cancel-in-progress: true",
        rule,
    );
    breaks(
        RELEASE,
        "cancel-in-progress: false",
        "cancel-in-progress: ${{ true }}",
        rule,
    );
    let to = "    timeout-minutes: 10\n    concurrency:\n      cancel-in-progress: true\n";
    let place = &at(CHANNEL, "make");
    breaks(
        CHANNEL,
        "    timeout-minutes: 10\n",
        to,
        &[("runs-uncancelled", place)],
    );
}

#[test]
fn releases_start_by_tags_and_channels_by_hand_and_schedule() {
    for to in [
        "push:\n    tags: [\"v*\"]\n  workflow_dispatch:",
        "push:\n    tags: [\"*\"]",
        "push:\n    tags: [\"v*\"]\n    branches: [main]",
        "push:",
    ] {
        breaks(
            RELEASE,
            "push:\n    tags: [\"v*\"]",
            to,
            &[("workflow-triggers", RELEASE.0)],
        );
    }
    breaks(
        CHANNEL,
        "  workflow_dispatch:\n",
        "  push:\n",
        &[("workflow-triggers", CHANNEL.0)],
    );
    for to in ["[\"v*\"]", "[\"bootstrap-v*\", \"v*\"]"] {
        let from = "[\"bootstrap-v*\"]";
        breaks(SCRIPTS, from, to, &[("workflow-triggers", SCRIPTS.0)]);
    }
    for to in [
        "on: pull_request_target",
        "on: [push, workflow_run]",
        "on:\n  workflow_run:",
    ] {
        breaks(OTHER, "on: push", to, &[("workflow-triggers", OTHER.0)]);
    }
}

#[test]
fn a_schedule_promotes_nothing() {
    let place = &at(CHANNEL, "move");
    for to in ["", "    if: always()\n"] {
        let from = "    if: github.event_name == 'workflow_dispatch'\n";
        breaks(CHANNEL, from, to, &[("promotion-when-asked", place)]);
    }
    let place = &at(CHANNEL, "renew");
    breaks(
        CHANNEL,
        "target/xtask renew",
        "target/xtask yank",
        &[("promotion-when-asked", place)],
    );
}

#[test]
fn a_release_goes_through_every_stage() {
    let [publish, verify, smoke] = ["publish", "verify", "smoke"].map(|job| at(RELEASE, job));
    for (from, to, place) in [
        ("needs: [make, smoke]", "needs: make", publish.as_str()),
        ("    needs: publish\n", "", verify.as_str()),
        ("cargo xtask verify-public", "true", RELEASE.0),
        (
            "    needs: [make, smoke]",
            "    needs: [make, smoke]\n    if: always()",
            publish.as_str(),
        ),
        (
            "    needs: publish\n",
            "    needs: publish\n    continue-on-error: true\n",
            verify.as_str(),
        ),
        (
            "      - run: cargo xtask smoke",
            "      - continue-on-error: true\n        run: cargo xtask smoke",
            &smoke,
        ),
    ] {
        breaks(RELEASE, from, to, &[("stages-in-order", place)]);
    }
}

#[test]
fn each_target_is_smoked_on_its_own_system() {
    let place = &at(RELEASE, "smoke");
    for (from, to) in [
        ("x86_64-unknown-linux-musl", "aarch64-unknown-linux-musl"),
        ("runner: ubuntu-24.04", "runner: ubuntu-24.04-arm"),
        ("runner: ubuntu-24.04", "runner: ubuntu-latest"),
        ("include:", "exclude:"),
    ] {
        breaks(RELEASE, from, to, &[("smoke-on-every-target", place)]);
    }
}
