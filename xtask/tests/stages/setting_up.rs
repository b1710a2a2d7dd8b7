//! The settings of a repository: shown, made, and left alone once they are right.

use std::process::Command;

use rehearsal::github::{Access, Permission};
use release_plan::Exit;
use serde_json::Value;

use crate::fixture::{Ended, Fixture, Loopback, TOKEN, ok};

const OWNER: &str = "the-owner";

/// A repository as GitHub makes it.
fn fresh() -> (Fixture, Loopback) {
    let (fixture, loopback) = (Fixture::committed(), Loopback::start());
    let github = &loopback.services.github;
    github.push_branch("main", &"1".repeat(40));
    github.set_immutable_releases(false);
    let rights = [
        Permission::Administration,
        Permission::Contents,
        Permission::Pages,
    ];
    github.admit_token(OWNER, rights.map(|right| (right, Access::Write)));
    (fixture, loopback)
}

fn setup(fixture: &Fixture, loopback: &Loopback, token: &str, arguments: &[&str]) -> Ended {
    let mut setup: Command = fixture.xtask("setup-github");
    setup.args(["--api-url", &loopback.services.api_url(), "--json"]);
    let ended = setup.args(arguments).env("GITHUB_TOKEN", token).output();
    ended.unwrap().into()
}

fn verdicts(ended: &Ended) -> Vec<(String, String)> {
    let rows: Vec<Value> = serde_json::from_str(&ended.out).unwrap();
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    let rows = rows
        .iter()
        .map(|row| (word(&row["rule"]), word(&row["verdict"])));
    rows.collect()
}

fn writes(loopback: &Loopback) -> usize {
    let requests = loopback.requests();
    requests
        .iter()
        .filter(|request| request.method != "GET")
        .count()
}

#[test]
fn a_fresh_repository_is_shown_with_all_that_differs_and_nothing_is_written() {
    let (fixture, loopback) = fresh();
    let ended = setup(&fixture, &loopback, OWNER, &["--reviewer", "ada"]);
    let ended = ended.with(Exit::Gate).saying("setup-github --apply");
    let found = verdicts(&ended);
    assert_eq!(found.len(), 9);
    assert!(
        found.iter().all(|(_, verdict)| verdict == "failed"),
        "{found:?}"
    );
    assert_eq!(writes(&loopback), 0);
}

#[test]
fn what_differs_is_made_and_then_nothing_is_left_to_do() {
    let (fixture, loopback) = fresh();
    let ended = setup(
        &fixture,
        &loopback,
        OWNER,
        &["--apply", "--reviewer", "ada"],
    );
    let found = verdicts(&ended.with(Exit::Done));
    assert!(
        found.iter().all(|(_, verdict)| verdict == "passed"),
        "{found:?}"
    );
    let made = writes(&loopback);
    setup(&fixture, &loopback, OWNER, &["--apply"]).with(Exit::Done);
    setup(&fixture, &loopback, OWNER, &[]).with(Exit::Done);
    assert_eq!(writes(&loopback), made);
}

#[test]
fn nobody_is_made_a_reviewer_who_was_not_named() {
    let (fixture, loopback) = fresh();
    let ended = setup(&fixture, &loopback, OWNER, &["--apply"]).with(Exit::Gate);
    let failed: Vec<_> = verdicts(&ended)
        .into_iter()
        .filter(|(_, verdict)| verdict != "passed")
        .collect();
    assert_eq!(failed, [("environment".to_owned(), "failed".to_owned())]);
    assert!(ended.out.contains("--reviewer LOGIN"), "{}", ended.out);
}

#[test]
fn what_somebody_changed_is_found_and_made_right_again() {
    let (fixture, loopback) = fresh();
    setup(
        &fixture,
        &loopback,
        OWNER,
        &["--apply", "--reviewer", "ada"],
    )
    .with(Exit::Done);
    loopback.services.github.set_immutable_releases(false);
    let ended = setup(&fixture, &loopback, OWNER, &[]).with(Exit::Gate);
    ended.saying("1 settings are not as they should be");
    let before = writes(&loopback);
    setup(&fixture, &loopback, OWNER, &["--apply"]).with(Exit::Done);
    assert_eq!(writes(&loopback), before + 1);
}

#[test]
fn what_a_token_may_not_see_is_said_and_counts_as_not_right() {
    let (fixture, loopback) = fresh();
    let ended = setup(&fixture, &loopback, TOKEN, &[]).with(Exit::Gate);
    let ended = ended.saying("were not seen");
    let unseen: Vec<_> = verdicts(&ended)
        .into_iter()
        .filter(|(_, verdict)| verdict == "not-checked")
        .map(|(rule, _)| rule)
        .collect();
    assert_eq!(unseen, ["immutable-releases", "job-rights", "pages"]);
    let ended = setup(&fixture, &loopback, TOKEN, &["--apply"]);
    ended
        .with(Exit::Storage)
        .saying("403")
        .saying("administration");
}

#[test]
fn a_person_reads_what_each_setting_should_be_and_the_call_that_makes_it_so() {
    let (fixture, loopback) = fresh();
    let mut shown = fixture.xtask("setup-github");
    shown.args(["--api-url", &loopback.services.api_url()]);
    let ended = Ended::from(shown.env("GITHUB_TOKEN", OWNER).output().unwrap());
    let ended = ended.with(Exit::Gate);
    for words in [
        "PUT immutable-releases",
        "Settings, Environments, release-publish",
        "off",
    ] {
        assert!(ended.out.contains(words), "{words:?} in\n{}", ended.out);
    }
    let without = fixture.xtask("setup-github").output().unwrap();
    Ended::from(without)
        .with(Exit::Input)
        .saying("GITHUB_TOKEN");
    ok(fixture.xtask("setup-github").arg("--help"));
}
