//! Publishing: whole or not at all, and again without harm.

use std::fs;
use std::io::Write as _;

use rehearsal::Server;
use rehearsal::github::{Access, GitHub, Listed, Permission};
use release_plan::{AssetName, Exit, Sha256};

use crate::fixture::{self, Ended, Fixture, Loopback, TOKEN, conform, ok, repository, set_up};

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
    ok(&mut loopback.publish(&fixture)).saying("v1.2.3 is public: 17 files");
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

/// Publishes to a GitHub of its own, kills the publisher at its `k`-th request, before or after
/// GitHub acted, and publishes again. Gives whether there was such a request.
fn killed_at(fixture: &Fixture, loopback: &Loopback, k: usize, after: bool) -> bool {
    let github = GitHub::new(repository(), TOKEN);
    let commit = fixture.plan().source.commit.to_string();
    github.push_branch("main", &commit);
    github.push_tag("v1.2.3", &commit);
    let server = Server::start(|at| github.router(&format!("http://{at}"))).unwrap();
    set_up(fixture, &github, &server.url());
    let publish = || {
        let mut publish = fixture.stage("publish", "--dir", "assets");
        publish.arg("--trusted-root").arg(loopback.root());
        publish
            .args(["--api-url", &server.url()])
            .env("GITHUB_TOKEN", TOKEN);
        publish
    };

    let killed = fixture::killed_at(&github, (k, after), |_, _| true, publish());
    let files = fixture.plan().files();
    let whole = |listed: &Listed| !listed.public || listed.assets.len() == files.len();
    assert!(github.releases().iter().all(whole), "request {k}");
    ok(&mut publish()).saying("v1.2.3 is public: ");
    let digest = |name: &AssetName| {
        let bytes = fs::read(fixture.asset(name.as_str())).unwrap();
        (name.to_string(), Some(Sha256::of(&bytes).to_string()))
    };
    let whole = Listed {
        tag: "v1.2.3".to_owned(),
        public: true,
        assets: files.iter().map(digest).collect(),
    };
    assert_eq!(github.releases(), [whole], "request {k}");
    conform(&github);
    killed
}

#[test]
fn a_publisher_that_is_killed_at_any_request_is_finished_by_the_next() {
    let (fixture, loopback) = signed();
    std::thread::scope(|scope| {
        for after in [false, true] {
            let (fixture, loopback) = (&fixture, &loopback);
            scope.spawn(move || {
                let killed = (0..).take_while(|&k| killed_at(fixture, loopback, k, after));
                let requests = killed.count();
                assert!(requests > 30, "only {requests} requests");
                // Past the harness, which would keep it to itself.
                let told = format!("killed at each of {requests} requests\n");
                std::io::stderr().write_all(told.as_bytes()).unwrap();
            });
        }
    });
}

#[test]
fn a_tag_that_is_not_pushed_is_refused_before_anything_is_written() {
    let (fixture, loopback) = signed();
    let ended = Ended::from(loopback.publish(&fixture).output().unwrap());
    ended.with(Exit::Gate).saying("no such tag");
    assert_eq!(writes(&loopback), 0);
}

#[test]
fn a_repository_whose_releases_can_be_changed_is_refused_before_anything_is_written() {
    let (fixture, loopback) = signed();
    loopback.push(&fixture);
    loopback.services.github.set_immutable_releases(false);
    let before = writes(&loopback);
    let owner = [(Permission::Administration, Access::Write)];
    loopback.services.github.admit_token("owner", owner);
    let mut publish = loopback.publish(&fixture);
    let ended = Ended::from(publish.env("GITHUB_TOKEN", "owner").output().unwrap());
    ended.with(Exit::Gate).saying("setup-github");
    assert_eq!(writes(&loopback), before);
}

#[test]
fn what_a_jobs_token_cannot_see_of_the_settings_is_said() {
    let (fixture, loopback) = signed();
    loopback.push(&fixture);
    ok(&mut loopback.publish(&fixture)).saying("not seen: ");
}

#[test]
fn an_annotated_tag_is_followed_to_its_commit() {
    let (fixture, loopback) = signed();
    let commit = fixture.plan().source.commit.to_string();
    let github = &loopback.services.github;
    github.push_branch("main", &commit);
    github.push_annotated_tag("v1.2.3", &commit);
    set_up(&fixture, github, &loopback.services.api_url());
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
        .with(Exit::Storage)
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
