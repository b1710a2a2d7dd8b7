//! Publishing: whole or not at all, and again without harm.

use release_plan::Exit;

use crate::fixture::{Ended, Fixture, Loopback, ok};

fn signed() -> (Fixture, Loopback) {
    let (fixture, loopback) = (Fixture::assembled(), Loopback::start());
    loopback.sign(&fixture);
    (fixture, loopback)
}

fn writes(loopback: &Loopback) -> usize {
    loopback
        .requests()
        .iter()
        .filter(|request| request.method != "GET")
        .count()
}

#[test]
fn a_release_is_public_with_every_file_and_published_again_without_a_write() {
    let (fixture, loopback) = signed();
    loopback.push(&fixture);
    ok(&mut loopback.publish(&fixture)).saying("v1.2.3 is public: 11 files");
    let before = writes(&loopback);
    ok(&mut loopback.publish(&fixture)).saying("public already");
    assert_eq!(writes(&loopback), before);
}

#[test]
fn nothing_is_public_before_the_one_request_that_makes_it_so() {
    let (fixture, loopback) = signed();
    loopback.push(&fixture);
    ok(&mut loopback.publish(&fixture));
    let requests = loopback.requests();
    let patches: Vec<_> = requests
        .iter()
        .filter(|request| request.method == "PATCH")
        .collect();
    assert_eq!(patches.len(), 1);
    let patch = requests
        .iter()
        .position(|request| request.method == "PATCH")
        .unwrap();
    let last_upload = requests
        .iter()
        .rposition(|request| request.path.contains("assets?name="));
    assert!(last_upload.unwrap() < patch);
}

#[test]
fn a_tag_that_is_not_pushed_is_refused_before_anything_is_written() {
    let (fixture, loopback) = signed();
    let ended = Ended::from(loopback.publish(&fixture).output().unwrap());
    ended.with(Exit::Gate).saying("no such tag");
    assert_eq!(writes(&loopback), 0);
}

#[test]
fn an_annotated_tag_is_followed_to_its_commit() {
    let (fixture, loopback) = signed();
    let commit = fixture.plan().source.commit.to_string();
    let github = &loopback.services.github;
    github.push_branch("main", &commit);
    github.push_annotated_tag("v1.2.3", &commit);
    ok(&mut loopback.publish(&fixture)).saying("v1.2.3 is public");
    let asked = loopback.requests();
    assert!(
        asked
            .iter()
            .any(|request| request.path.contains("/git/tags/"))
    );
}

#[test]
fn a_tag_on_another_commit_is_refused_before_anything_is_written() {
    let (fixture, loopback) = signed();
    let other = "1".repeat(40);
    loopback.services.github.push_branch("main", &other);
    loopback.services.github.push_tag("v1.2.3", &other);
    let ended = Ended::from(loopback.publish(&fixture).output().unwrap());
    ended.with(Exit::Gate).saying(&other);
    assert_eq!(writes(&loopback), 0);
}

#[test]
fn a_wrong_token_is_refused_by_github_and_the_answer_is_told() {
    let (fixture, loopback) = signed();
    loopback.push(&fixture);
    let mut publish = loopback.publish(&fixture);
    publish.env("GITHUB_TOKEN", "wrong");
    Ended::from(publish.output().unwrap())
        .with(Exit::Network)
        .saying("401")
        .saying("GITHUB_TOKEN");
}

#[test]
fn a_release_of_another_plan_is_never_overwritten() {
    let (fixture, loopback) = signed();
    loopback.push(&fixture);
    ok(&mut loopback.publish(&fixture));
    fixture.write("README.md", "another\n");
    fixture.commit();
    fixture.assemble();
    loopback.sign(&fixture);
    loopback.push(&fixture);
    let before = writes(&loopback);
    let ended = Ended::from(loopback.publish(&fixture).output().unwrap());
    ended.with(Exit::Gate).saying("made by another plan");
    assert_eq!(writes(&loopback), before);
}

#[test]
fn a_plan_of_a_dirty_tree_never_leaves_this_machine() {
    let fixture = Fixture::committed();
    fixture.write("README.md", "changed\n");
    fixture.assemble();
    let loopback = Loopback::start();
    loopback.sign(&fixture);
    for url in [
        "https://api.github.com",
        "http://127.0.0.1.example.org",
        "http://localhost:1",
    ] {
        let mut publish = fixture.stage("publish", "--dir", "assets");
        publish
            .args(["--api-url", url])
            .env("GITHUB_TOKEN", "a-token");
        publish.arg("--trusted-root").arg(loopback.root());
        let ended = Ended::from(publish.output().unwrap());
        ended
            .with(Exit::Gate)
            .saying("the tree differs from commit");
    }
    loopback.push(&fixture);
    ok(&mut loopback.publish(&fixture));
}

#[test]
fn a_plan_under_another_version_than_the_package_has_never_leaves_this_machine() {
    let fixture = Fixture::committed();
    let mut plan = fixture.xtask("plan");
    plan.args(["--as-version", "1.2.3-rehearsal.0", "--out"])
        .arg(fixture.beside("plan.json"));
    ok(&mut plan).saying("can be rehearsed, not published");
    ok(&mut fixture.build());
    let mut assemble = fixture.stage("assemble", "--out", "assets");
    ok(assemble.arg("--from").arg(fixture.beside("archives")));
    let loopback = Loopback::start();
    loopback.sign(&fixture);
    let mut publish = fixture.stage("publish", "--dir", "assets");
    publish
        .env("GITHUB_TOKEN", "a-token")
        .arg("--trusted-root")
        .arg(loopback.root());
    Ended::from(publish.output().unwrap())
        .with(Exit::Gate)
        .saying("tag v1.2.3 instead");
}
