//! Each gate, with one thing wrong.

use release_plan::Exit;
use serde_json::Value;

use crate::fixture::{Ended, Fixture};
use crate::story::{prepare, tell_of};

pub(crate) fn check(fixture: &Fixture, arguments: &[&str]) -> Ended {
    // Without cargo-dist on PATH, and with what cargo itself needs.
    let mut command = fixture.xtask("check");
    let tools = fixture.beside("tools");
    let path = std::env::var_os("PATH").unwrap();
    let without_dist: Vec<_> = std::env::split_paths(&path)
        .filter(|folder| !folder.join("dist").exists())
        .collect();
    command.env(
        "PATH",
        std::env::join_paths([tools].into_iter().chain(without_dist)).unwrap(),
    );
    command
        .arg("--json")
        .args(arguments)
        .output()
        .unwrap()
        .into()
}

pub(crate) fn row(ended: &Ended, rule: &str) -> Value {
    let rows: Vec<Value> = serde_json::from_str(&ended.out).unwrap();
    rows.into_iter()
        .find(|row| row["rule"] == rule)
        .unwrap_or_else(|| panic!("no row {rule}"))
}

#[track_caller]
fn verdict(ended: &Ended, rule: &str, expected: &str) {
    let row = row(ended, rule);
    assert_eq!(row["verdict"], expected, "{row}");
    assert_eq!(row.get("mend").is_some(), expected != "passed", "{row}");
}

pub(crate) fn fake_dist(fixture: &Fixture, script: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    let tools = fixture.beside("tools");
    std::fs::create_dir_all(&tools).unwrap();
    let dist = tools.join("dist");
    std::fs::write(&dist, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&dist, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// What dist says of the fixture.
pub(crate) fn dist_plan() -> String {
    let host = env!("XTASK_HOST");
    format!(
        "{{\"artifacts\":{{\"ember-{host}.tar.gz\":{{\"kind\":\"executable-zip\",\
         \"target_triples\":[\"{host}\"],\"assets\":[{{\"path\":\"LICENSE-MIT\"}},\
         {{\"path\":\"README.md\"}},{{\"path\":\"ember\"}}]}}}}}}"
    )
}

/// A dist that says `json`.
pub(crate) fn planning(json: &str) -> String {
    format!("[ \"$1\" = plan ] || {{ echo cargo-dist 0.34.0; exit; }}\necho '{json}'")
}

#[test]
fn a_clean_tagged_tree_passes_every_gate_that_can_be_checked() {
    let fixture = Fixture::unborn();
    fixture.add_workflows();
    tell_of(&fixture, "src", "minor");
    fixture.commit();
    prepare(&fixture, "1.2.3");
    fixture.tag("v1.2.3");
    let ended = check(&fixture, &["--publishing"]).with(Exit::Done);
    for rule in [
        "tag-is-version",
        "version-above-last-tag",
        "tag-on-commit",
        "clean-tree",
        "lock-is-current",
        "readme-present",
        "licence-present",
        "playbook-digest",
        "workflows-present",
        "guide-present",
    ] {
        verdict(&ended, rule, "passed");
    }
}

#[test]
fn a_dirty_tree_is_named_in_a_rehearsal_and_fails_when_publishing() {
    let fixture = Fixture::committed();
    fixture.tag("v1.2.3");
    fixture.write("README.md", "changed\n");
    let ended = check(&fixture, &[]).with(Exit::Done);
    verdict(&ended, "clean-tree", "blocks-publishing");
    assert_eq!(row(&ended, "clean-tree")["found"], "README.md");
    check(&fixture, &["--publishing"])
        .with(Exit::Gate)
        .saying("gates failed: clean-tree");
}

#[test]
fn an_absent_tag_is_named_in_a_rehearsal_and_fails_when_publishing() {
    let fixture = Fixture::committed();
    let ended = check(&fixture, &[]).with(Exit::Done);
    verdict(&ended, "tag-on-commit", "blocks-publishing");
    check(&fixture, &["--publishing"])
        .with(Exit::Gate)
        .saying("gates failed: tag-on-commit");
}

#[test]
fn a_version_already_tagged_is_named_in_a_rehearsal_and_fails_when_publishing() {
    let fixture = Fixture::committed();
    fixture.tag("v1.2.3");
    fixture.write("README.md", "more\n");
    fixture.commit();
    let ended = check(&fixture, &[]).with(Exit::Done);
    verdict(&ended, "tag-on-commit", "blocks-publishing");
    assert!(
        row(&ended, "tag-on-commit")["mend"]
            .as_str()
            .unwrap()
            .contains("raise")
    );
    check(&fixture, &["--publishing"])
        .with(Exit::Gate)
        .saying("gates failed: tag-on-commit");
}

#[test]
fn a_document_or_a_skill_that_names_another_version_fails() {
    let skill = "playbook/skills/ember-use/SKILL.md";
    let url = "https://github.com/example/ember/releases/download/v1.2.2/install.sh";
    for (path, from, to, found) in [
        (
            "README.md",
            "# ember\n",
            format!("# ember\n{url}\n"),
            "1.2.2 in README.md:2",
        ),
        (
            skill,
            "---\n",
            "---\nversion: 1.2.4\n".to_owned(),
            "1.2.4 in playbook",
        ),
    ] {
        let fixture = Fixture::committed();
        fixture.replace(path, from, &to);
        fixture.commit();
        let ended = check(&fixture, &[]).with(Exit::Gate);
        let rule = "documents-agree-on-version";
        verdict(&ended, rule, "failed");
        let row = row(&ended, rule);
        assert!(row["found"].as_str().unwrap().starts_with(found), "{row}");
    }
}

const SCRIPTS: &str = "scripts-are-numbered";

/// A tree whose version 1.2.3 is released, and what is done to it since.
fn since_release(change: impl FnOnce(&Fixture)) -> Ended {
    let fixture = Fixture::committed();
    fixture.tag("v1.2.3");
    change(&fixture);
    fixture.commit();
    check(&fixture, &[])
}

fn number(fixture: &Fixture, revision: u32) {
    let numbered = format!("bootstrap_revision: {revision}\nupgrades:");
    fixture.replace("release-plan/product.yaml", "upgrades:", &numbered);
}

fn mend(fixture: &Fixture) {
    fixture.replace("bootstrap/stub.sh", "#!/bin/sh\n", "#!/bin/sh\n# Mended.\n");
}

fn tell(fixture: &Fixture) {
    fixture.write("release-plan/bootstrap/v1.2.3-r1.md", "It was broken.\n");
}

fn raise(fixture: &Fixture) {
    for file in ["Cargo.toml", "Cargo.lock"] {
        fixture.replace(file, "version = \"1.2.3\"", "version = \"1.2.4\"");
    }
}

#[test]
fn a_changed_script_fails_without_a_raised_version_or_a_number_with_its_entry() {
    for (change, found) in [
        (
            &mend as &dyn Fn(&Fixture),
            "bootstrap/stub.sh changed since v1.2.3",
        ),
        (
            &|fixture| fixture.write("bootstrap/new.sh", "#!/bin/sh\n"),
            "bootstrap/new.sh changed",
        ),
        (
            &|fixture| std::fs::remove_file(fixture.root().join("bootstrap/stub.sh")).unwrap(),
            "bootstrap/stub.sh changed",
        ),
        (
            &|fixture| {
                mend(fixture);
                number(fixture, 1);
            },
            "no release-plan/bootstrap/v1.2.3-r1.md",
        ),
        (
            &|fixture| {
                mend(fixture);
                number(fixture, 1);
                fixture.write("release-plan/bootstrap/v1.2.3-r1.md", " \n");
            },
            "no release-plan/bootstrap/v1.2.3-r1.md",
        ),
        (
            &|fixture| {
                mend(fixture);
                tell(fixture);
            },
            "bootstrap_revision 0",
        ),
        (
            &|fixture| {
                mend(fixture);
                tell(fixture);
                number(fixture, 2);
            },
            "bootstrap_revision 2",
        ),
        (&|fixture| number(fixture, 1), "bootstrap_revision 1"),
        (
            &|fixture| {
                raise(fixture);
                number(fixture, 1);
            },
            "bootstrap_revision 1",
        ),
    ] {
        let ended = since_release(change).with(Exit::Gate);
        verdict(&ended, SCRIPTS, "failed");
        let row = row(&ended, SCRIPTS);
        assert!(row["found"].as_str().unwrap().contains(found), "{row}");
    }
}

#[test]
fn a_changed_script_passes_with_a_raised_version_or_the_next_number_and_its_entry() {
    let patch = |fixture: &Fixture| {
        mend(fixture);
        tell(fixture);
        number(fixture, 1);
    };
    for change in [
        &patch as &dyn Fn(&Fixture),
        &|fixture| {
            mend(fixture);
            raise(fixture);
            tell_of(fixture, "bootstrap", "patch");
        },
        &|fixture| fixture.write("README.md", "# more\n"),
    ] {
        let ended = since_release(change).with(Exit::Done);
        verdict(&ended, SCRIPTS, "passed");
    }
    // Once that is tagged it is what the next change is held against.
    let fixture = Fixture::committed();
    fixture.tag("v1.2.3");
    patch(&fixture);
    fixture.commit();
    fixture.tag("bootstrap-v1.2.3-r1");
    let ended = check(&fixture, &[]).with(Exit::Done);
    verdict(&ended, SCRIPTS, "passed");
    mend(&fixture);
    fixture.commit();
    let ended = check(&fixture, &[]).with(Exit::Gate);
    let expected = row(&ended, SCRIPTS)["expected"].to_string();
    assert!(expected.contains("bootstrap_revision 2"), "{expected}");
}

#[test]
fn a_version_below_the_last_tag_fails() {
    let fixture = Fixture::committed();
    fixture.tag("v1.10.0");
    let ended = check(&fixture, &[]).with(Exit::Gate);
    verdict(&ended, "version-above-last-tag", "failed");
}

#[test]
fn a_lock_file_that_is_not_as_cargo_toml_asks_fails() {
    let fixture = Fixture::committed();
    fixture.replace("Cargo.toml", "1.2.3", "1.2.4");
    let ended = check(&fixture, &[])
        .with(Exit::Gate)
        .saying("gates failed: lock-is-current");
    verdict(&ended, "lock-is-current", "failed");
}

#[test]
fn a_missing_readme_or_licence_fails_and_both_are_told_at_once() {
    let fixture = Fixture::committed();
    std::fs::remove_file(fixture.root().join("README.md")).unwrap();
    std::fs::remove_file(fixture.root().join("LICENSE-MIT")).unwrap();
    let ended = check(&fixture, &[]).with(Exit::Gate);
    ended.saying("gates failed: readme-present, licence-present");
}

#[test]
fn dist_that_is_missing_is_not_checked_with_the_command_that_installs_it() {
    let fixture = Fixture::committed();
    let ended = check(&fixture, &[]).with(Exit::Done);
    verdict(&ended, "dist-agrees", "not-checked");
    let mend = "cargo xtask healthcheck --install";
    assert_eq!(row(&ended, "dist-agrees")["mend"], mend);
    check(&fixture, &["--strict"])
        .with(Exit::Gate)
        .saying("gates failed: dist-agrees");
}

#[test]
fn dist_at_another_version_is_not_checked() {
    let fixture = Fixture::committed();
    fake_dist(&fixture, "echo cargo-dist 0.33.0");
    let ended = check(&fixture, &[]).with(Exit::Done);
    verdict(&ended, "dist-agrees", "not-checked");
}

#[test]
fn dist_that_plans_other_names_contents_or_targets_fails() {
    let host = env!("XTASK_HOST");
    let agreed = dist_plan();
    for (from, to, expected) in [
        ("ember", "ember", "passed"),
        ("ember-", "ember_", "failed"),
        ("README.md", "CHANGELOG.md", "failed"),
        (host, "aarch64-apple-darwin", "failed"),
        ("artifacts", "articles", "failed"),
    ] {
        let fixture = Fixture::committed();
        fake_dist(&fixture, &planning(&agreed.replace(from, to)));
        verdict(&check(&fixture, &[]), "dist-agrees", expected);
    }
}

#[test]
fn a_plan_of_another_tree_fails_with_what_differs() {
    let fixture = Fixture::committed();
    fixture.make_plan();
    fixture.write("playbook/skills/ember-use/SKILL.md", "another\n");
    let plan = fixture.beside("plan.json");
    let ended = check(&fixture, &["--plan", plan.to_str().unwrap()]).with(Exit::Gate);
    verdict(&ended, "plan-is-of-tree", "failed");
    verdict(&ended, "playbook-digest", "failed");
    assert_eq!(
        row(&ended, "plan-is-of-tree")["found"],
        "other changed files, playbook"
    );
}

#[test]
fn dist_itself_agrees_with_the_plan() {
    let fixture = Fixture::committed();
    let ended = fixture.run("check", &["--json"]).with(Exit::Done);
    let row = row(&ended, "dist-agrees");
    if row["verdict"] == "not-checked" {
        return rehearsal::verifiers::not_run("dist");
    }
    assert_eq!(row["verdict"], "passed", "{row}");
}

#[test]
fn a_lock_file_that_dist_writes_anew_is_not_the_trees() {
    let fixture = Fixture::committed();
    fake_dist(
        &fixture,
        "[ \"$1\" = plan ] || { echo cargo-dist 0.34.0; exit; }\necho '# anew' > Cargo.lock; exit 1",
    );
    let before = std::fs::read(fixture.root().join("Cargo.lock")).unwrap();
    verdict(&check(&fixture, &[]), "dist-agrees", "failed");
    assert_eq!(
        std::fs::read(fixture.root().join("Cargo.lock")).unwrap(),
        before
    );
}
