//! Promotion, yank and renewal: one commit on the branch each, or none, and nobody ever sees a
//! pointer that does not verify.

use std::io::Write as _;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use rehearsal::sigstore::Job;
use release_plan::{Channel, Exit, Instant, Pointer, Sha256};
use serde_json::{Value, json};

use crate::fixture::{Ended, Fixture, Loopback, TOKEN, killed_at, ok};

/// A product with public releases, and the services.
struct World {
    fixture: Fixture,
    loopback: Loopback,
    runtime: tokio::runtime::Runtime,
    client: reqwest::Client,
}

impl World {
    /// With public releases of these versions, the first of which is 1.2.3.
    fn of(versions: &[&str]) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (fixture, loopback) = (Fixture::committed(), Loopback::start());
        let world = Self {
            fixture,
            loopback,
            runtime: tokio::runtime::Runtime::new().unwrap(),
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
        };
        let mut before = "1.2.3";
        for version in versions {
            world.publish(before, version);
            before = version;
        }
        world
    }

    fn publish(&self, from: &str, to: &str) {
        let (fixture, loopback) = (&self.fixture, &self.loopback);
        let version = |version: &str| format!("version = \"{version}\"");
        if from != to {
            for file in ["Cargo.toml", "Cargo.lock"] {
                fixture.replace(file, &version(from), &version(to));
            }
            fixture.commit();
        }
        fixture.assemble();
        loopback.sign(fixture);
        loopback.push(fixture);
        ok(&mut loopback.publish(fixture));
    }

    /// A command with what a job of the channel workflow has.
    fn command(&self, stage: &str, arguments: &[&str]) -> Command {
        let job = self.loopback.channel_job(&self.fixture.plan());
        self.command_as(job, stage, arguments)
    }

    fn command_as(&self, job: Job, stage: &str, arguments: &[&str]) -> Command {
        let mut command = self.fixture.xtask(stage);
        command.args(arguments);
        self.loopback.let_move(&mut command, job);
        command.args(["--mirror", &self.loopback.services.mirror()]);
        command
    }

    fn run(&self, stage: &str, arguments: &[&str]) -> Ended {
        self.command(stage, arguments).output().unwrap().into()
    }

    fn promote(&self, channel: &str, version: &str, more: &[&str]) -> Ended {
        let arguments = [&["--channel", channel, "--version", version], more].concat();
        self.run("promote", &arguments)
    }

    fn yank(&self, version: &str, more: &[&str]) -> Ended {
        let arguments = [&[version, "--reason", "it eats files"], more].concat();
        self.run("yank", &arguments)
    }

    /// A job of the channel workflow that its schedule started.
    fn by_the_clock(&self) -> Job {
        Job {
            event: "schedule".to_owned(),
            ..self.loopback.channel_job(&self.fixture.plan())
        }
    }

    fn channels(&self, more: &[&str]) -> Ended {
        let mut command = self.fixture.xtask("channels");
        command.args(["--mirror", &self.loopback.services.mirror()]);
        command.arg("--trusted-root").arg(self.loopback.root());
        command.args(more).output().unwrap().into()
    }

    /// What `channels --json` tells of a channel.
    fn row(&self, channel: &str, exit: Exit) -> Value {
        let report: Value =
            serde_json::from_str(&self.channels(&["--json"]).with(exit).out).unwrap();
        let rows = report["channels"].as_array().unwrap();
        rows.iter()
            .find(|row| row["channel"] == channel)
            .unwrap()
            .clone()
    }

    /// The requests so far that were made to change something.
    fn writes(&self) -> usize {
        let requests = self.loopback.requests();
        requests
            .iter()
            .filter(|request| request.method != "GET")
            .count()
    }

    fn commits(&self) -> usize {
        let requests = self.loopback.requests();
        let made = |path: &str| path.ends_with("/git/commits");
        requests
            .iter()
            .filter(|it| it.method == "POST" && made(&it.path))
            .count()
    }

    /// What somebody asks of GitHub by hand.
    fn ask(&self, method: &str, path: &str, body: Vec<u8>) -> Value {
        let url = match path.split_once("://") {
            Some(_) => path.to_owned(),
            None => format!(
                "{}/repos/example/ember/{path}",
                self.loopback.services.api_url()
            ),
        };
        let request = self.client.request(method.parse().unwrap(), &url);
        let request = request.bearer_auth(TOKEN).body(body);
        let request = request.header("content-type", "application/json");
        self.runtime.block_on(async {
            let answer = request.send().await.unwrap();
            assert!(
                answer.status().is_success(),
                "{method} {url}: {}",
                answer.status()
            );
            answer.json().await.unwrap()
        })
    }

    fn get(&self, path: &str) -> Value {
        self.ask("GET", path, Vec::new())
    }

    fn latest(&self) -> String {
        self.get("releases/latest")["tag_name"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    fn is_prerelease(&self, tag: &str) -> bool {
        self.get(&format!("releases/tags/{tag}"))["prerelease"]
            .as_bool()
            .unwrap()
    }

    /// The commit on which that of the plan stands.
    fn parent(&self) -> String {
        let head = self.fixture.repository();
        let head = head.head().unwrap().peel_to_commit().unwrap();
        head.parent_id(0).unwrap().to_string()
    }

    /// The bytes at `path` on the branch.
    fn file(&self, path: &str) -> Vec<u8> {
        let url = format!("{}/{path}", self.loopback.services.mirror());
        self.runtime.block_on(async {
            let answer = self.client.get(url).send().await.unwrap();
            answer.bytes().await.unwrap().to_vec()
        })
    }

    fn pointer(&self, channel: Channel) -> Pointer {
        Pointer::parse(&self.file(&channel.pointer_path())).unwrap()
    }

    /// The message of the branch's last commit.
    fn message(&self) -> String {
        let tip = self.get("git/ref/heads/channels")["object"]["sha"].clone();
        let commit = self.get(&format!("git/commits/{}", tip.as_str().unwrap()));
        commit["message"].as_str().unwrap().to_owned()
    }

    /// Writes a file onto the branch, as somebody who may push to it could.
    fn overwrite(&self, path: &str, content: &str) {
        let send = |method: &str, path: &str, body: Value| {
            self.ask(method, path, body.to_string().into_bytes())
        };
        let tip = self.get("git/ref/heads/channels")["object"]["sha"].clone();
        let base = self.get(&format!("git/commits/{}", tip.as_str().unwrap()));
        let entry = json!({ "path": path, "mode": "100644", "type": "blob", "content": content });
        let tree = json!({ "base_tree": base["tree"]["sha"], "tree": [entry] });
        let tree = send("POST", "git/trees", tree);
        let commit = json!({ "message": "by hand", "tree": tree["sha"], "parents": [tip] });
        let commit = send("POST", "git/commits", commit);
        send(
            "PATCH",
            "git/refs/heads/channels",
            json!({ "sha": commit["sha"] }),
        );
    }

    /// A public release of files, as somebody makes it by hand.
    fn release_by_hand(&self, tag: &str, files: &[(&str, &[u8])]) {
        let made = json!({ "tag_name": tag, "target_commitish": "main", "draft": true });
        let made = self.ask("POST", "releases", made.to_string().into_bytes());
        let upload = made["upload_url"].as_str().unwrap();
        let upload = upload.split('{').next().unwrap();
        for (name, bytes) in files {
            self.ask("POST", &format!("{upload}?name={name}"), bytes.to_vec());
        }
        let path = format!("releases/{}", made["id"]);
        let public = json!({ "draft": false, "make_latest": "false" });
        self.ask("PATCH", &path, public.to_string().into_bytes());
    }
}

const HURRY: [&str; 2] = ["--override", "a hole that is being used"];

#[test]
fn a_promotion_points_the_channel_at_the_release_and_the_next_one_changes_nothing() {
    let world = World::of(&["1.2.3"]);
    world
        .promote("beta", "1.2.3", &[])
        .with(Exit::Done)
        .saying("beta: 1.2.3 (sequence 1)");
    assert_eq!(world.message(), "beta: 1.2.3 (sequence 1)");
    let before = world.writes();
    world
        .promote("beta", "1.2.3", &[])
        .with(Exit::Done)
        .saying("beta points at 1.2.3 already");
    assert_eq!(world.writes(), before);
}

#[test]
fn a_release_that_is_not_public_is_not_promoted() {
    let world = World::of(&["1.2.3"]);
    let before = world.writes();
    let ended = world.promote("beta", "1.2.4", &[]).with(Exit::Network);
    ended
        .saying("v1.2.4/release.json")
        .saying("is the release public?");
    assert_eq!(world.writes(), before);
}

#[test]
fn a_wrong_token_is_told_and_nothing_is_written() {
    let world = World::of(&["1.2.3"]);
    let before = world.writes();
    for stage in [
        &["promote", "--channel", "beta", "--version", "1.2.3"][..],
        &["yank", "1.2.3", "--reason", "it eats files"],
        &["renew"],
    ] {
        let mut command = world.command(stage[0], &stage[1..]);
        command.env("GITHUB_TOKEN", "wrong");
        let ended = Ended::from(command.output().unwrap());
        ended
            .with(Exit::Storage)
            .saying("401")
            .saying("GITHUB_TOKEN");
        command.env_remove("GITHUB_TOKEN");
        let ended = Ended::from(command.output().unwrap());
        ended.with(Exit::Input).saying("GITHUB_TOKEN");
    }
    assert_eq!(world.writes(), before);
}

#[test]
fn only_a_persons_run_of_the_channel_workflow_selects() {
    let world = World::of(&["1.2.3"]);
    let before = world.writes();
    let release_job = world.loopback.release_job(&world.fixture.plan(), "v1.2.3");
    for (job, words) in [
        (release_job, "identity refused"),
        (world.by_the_clock(), "build trigger refused"),
    ] {
        let arguments = ["--channel", "beta", "--version", "1.2.3"];
        let mut promote = world.command_as(job, "promote", &arguments);
        let ended = Ended::from(promote.output().unwrap());
        ended.with(Exit::Refused).saying(words);
    }
    assert_eq!(world.writes(), before);
}

#[test]
fn a_channel_never_goes_down() {
    let world = World::of(&["1.2.3", "1.3.0"]);
    world.promote("beta", "1.3.0", &[]).with(Exit::Done);
    let before = world.writes();
    world
        .promote("beta", "1.2.3", &[])
        .with(Exit::Downgrade)
        .saying("yank 1.3.0");
    assert_eq!(world.writes(), before);
}

#[test]
fn a_pre_release_is_promoted_to_alpha_alone_and_stays_a_pre_release() {
    let world = World::of(&["1.3.0-rc.1"]);
    for channel in ["beta", "stable"] {
        let ended = world
            .promote(channel, "1.3.0-rc.1", &HURRY)
            .with(Exit::Gate);
        ended.saying("which is a pre-release");
    }
    world.promote("alpha", "1.3.0-rc.1", &[]).with(Exit::Done);
    assert!(world.is_prerelease("v1.3.0-rc.1"));
}

#[test]
fn a_version_that_has_not_soaked_is_refused_and_let_in_with_a_reason_that_stays() {
    let world = World::of(&["1.2.3"]);
    let before = world.writes();
    world
        .promote("stable", "1.2.3", &[])
        .with(Exit::Gate)
        .saying("promote it to beta first");
    assert_eq!(world.writes(), before);
    world
        .promote("beta", "1.2.3", &[])
        .with(Exit::Done)
        .saying("GitHub calls v1.2.3 a pre-release");
    assert!(world.is_prerelease("v1.2.3"));
    let before = world.writes();
    let until = world.pointer(Channel::Beta).selected.plus_days(7);
    let ended = world.promote("stable", "1.2.3", &[]).with(Exit::Gate);
    ended
        .saying("must be in beta for 7 days before stable")
        .saying(&format!("wait until {until}"));
    world
        .promote("stable", "1.2.3", &["--override", " "])
        .with(Exit::Usage);
    assert_eq!(world.writes(), before);

    let ended = world.promote("stable", "1.2.3", &HURRY).with(Exit::Done);
    ended
        .saying("stable: 1.2.3 (sequence 1)")
        .saying("a release, the latest release");
    assert!(
        world
            .message()
            .contains("Override for stable: a hole that is being used")
    );
    let reason = world.pointer(Channel::Stable).override_reason.unwrap();
    assert_eq!(reason.to_string(), "a hole that is being used");
    assert_eq!(world.latest(), "v1.2.3");
    assert!(!world.is_prerelease("v1.2.3"));
    world.channels(&[]).with(Exit::Done);
}

#[test]
fn a_soak_that_is_over_lets_the_version_in() {
    let world = World::of(&["1.2.3"]);
    let product = "release-plan/product.yaml";
    world
        .fixture
        .replace(product, "soak_days: 7", "soak_days: 0");
    world.promote("beta", "1.2.3", &[]).with(Exit::Done);
    world.promote("stable", "1.2.3", &HURRY).with(Exit::Done);
    assert_eq!(world.pointer(Channel::Stable).override_reason, None);
}

#[test]
fn what_a_run_that_died_before_githubs_flags_left_is_mended_by_the_next() {
    let world = World::of(&["1.2.3"]);
    world.promote("stable", "1.2.3", &HURRY).with(Exit::Done);
    let id = world.get("releases/latest")["id"].clone();
    let wrong = json!({ "prerelease": true, "make_latest": "false" });
    let release = format!("releases/{id}");
    for stage in [
        &["promote", "--channel", "stable", "--version", "1.2.3"][..],
        &["renew"],
    ] {
        world.ask("PATCH", &release, wrong.to_string().into_bytes());
        let commits = world.commits();
        let ended = world.run(stage[0], &stage[1..]).with(Exit::Done);
        ended.saying("GitHub calls v1.2.3 a release, the latest release");
        assert_eq!(world.commits(), commits);
        assert_eq!(world.latest(), "v1.2.3");
    }
}

#[test]
fn a_yank_takes_every_channel_back_in_one_commit_and_is_not_repeated() {
    let world = World::of(&["1.2.3", "1.3.0"]);
    for version in ["1.2.3", "1.3.0"] {
        world.promote("beta", version, &[]).with(Exit::Done);
        world.promote("stable", version, &HURRY).with(Exit::Done);
    }
    assert_eq!(world.latest(), "v1.3.0");
    let commits = world.commits();
    let ended = world.yank("1.3.0", &[]).with(Exit::Done);
    ended.saying("yank 1.3.0: it eats files; stable: 1.2.3 (sequence 3); beta: 1.2.3 (sequence 3)");
    assert_eq!(world.commits(), commits + 1);
    for channel in [Channel::Stable, Channel::Beta] {
        let pointer = world.pointer(channel);
        assert_eq!(pointer.version.to_string(), "1.2.3");
        let reason = pointer.yank_of(&"1.3.0".parse().unwrap()).unwrap();
        assert_eq!(reason.to_string(), "it eats files");
    }
    assert_eq!(world.latest(), "v1.2.3");
    assert!(world.is_prerelease("v1.3.0"));
    let row = world.row("stable", Exit::Done);
    assert_eq!(
        (&row["gets"], &row["state"]),
        (&json!("1.2.3"), &json!("good"))
    );
    assert_eq!(row["pointer"]["yanked"][0]["reason"], "it eats files");

    let before = world.writes();
    world
        .yank("1.3.0", &[])
        .with(Exit::Done)
        .saying("1.3.0 is yanked already: it eats files");
    for channel in ["beta", "stable"] {
        let ended = world.promote(channel, "1.3.0", &HURRY).with(Exit::Gate);
        ended.saying("1.3.0 is yanked (it eats files)");
    }
    assert_eq!(world.writes(), before);
}

#[test]
fn a_version_that_nobody_released_is_not_yanked() {
    let world = World::of(&["1.2.3"]);
    world.promote("beta", "1.2.3", &[]).with(Exit::Done);
    let before = world.writes();
    world
        .yank("9.9.9", &[])
        .with(Exit::Input)
        .saying("none under v9.9.9");
    world.yank("1.2", &[]).with(Exit::Usage);
    let ended = world.run("yank", &["1.2.3", "--reason", "two\nlines"]);
    ended.with(Exit::Usage).saying("one line");
    assert_eq!(world.writes(), before);
}

#[test]
fn a_yank_with_nothing_to_go_back_to_is_refused_unless_the_channel_may_give_nothing() {
    let world = World::of(&["1.2.3"]);
    let before = world.writes();
    world
        .yank("1.2.3", &[])
        .with(Exit::Gate)
        .saying("nothing to yank from");
    assert_eq!(world.writes(), before);
    world.promote("beta", "1.2.3", &[]).with(Exit::Done);
    let before = world.writes();
    world
        .yank("1.2.3", &[])
        .with(Exit::Gate)
        .saying("--without-replacement");
    assert_eq!(world.writes(), before);
    world
        .yank("1.2.3", &["--without-replacement"])
        .with(Exit::Done);
    let row = world.row("beta", Exit::Gate);
    assert_eq!(
        (&row["gets"], &row["state"]),
        (&json!(null), &json!("yanked"))
    );
    assert!(row["why"].as_str().unwrap().contains("it eats files"));
}

#[test]
fn the_schedule_renews_what_a_person_selected_and_a_later_selection_is_above_it() {
    let world = World::of(&["1.2.3", "1.3.0"]);
    world.promote("beta", "1.2.3", &[]).with(Exit::Done);
    let selected = world.pointer(Channel::Beta);
    let before = world.writes();
    let mut renew = world.command_as(world.by_the_clock(), "renew", &[]);
    ok(&mut renew).saying("no pointer is due");
    assert_eq!(world.writes(), before);
    for sequence in [2, 3] {
        let mut renew = world.command_as(world.by_the_clock(), "renew", &["--all"]);
        ok(&mut renew).saying("renewal; beta: 1.2.3");
        let renewed = world.pointer(Channel::Beta);
        assert_eq!(renewed.sequence, sequence);
        assert!(renewed.selects_like(&selected));
        let by_a_person = renewed.renews.unwrap().pointer;
        assert_eq!(Pointer::parse(by_a_person.as_bytes()).unwrap(), selected);
        assert_eq!(world.row("beta", Exit::Done)["gets"], "1.2.3");
    }
    // By a person's run it is a renewal all the same.
    world.run("renew", &["--all"]).with(Exit::Done);
    assert!(world.pointer(Channel::Beta).renews.is_some());
    world
        .promote("beta", "1.3.0", &[])
        .with(Exit::Done)
        .saying("beta: 1.3.0 (sequence 2)");
    assert_eq!(world.row("beta", Exit::Done)["gets"], "1.3.0");
}

#[test]
fn a_pointer_that_nobody_may_have_written_moves_nothing_and_is_shown_as_refused() {
    let world = World::of(&["1.2.3"]);
    world.promote("beta", "1.2.3", &[]).with(Exit::Done);
    let mut forged = world.pointer(Channel::Beta);
    forged.sequence = 99;
    forged.selected = Instant::from_seconds(0).unwrap();
    let forged = String::from_utf8(forged.render()).unwrap();
    world.overwrite("channels/beta.json", &forged);
    let before = world.writes();
    for ended in [
        world.promote("stable", "1.2.3", &HURRY),
        world.yank("1.2.3", &[]),
        world.run("renew", &["--all"]),
    ] {
        let ended = ended.with(Exit::Refused);
        ended
            .saying("channels/beta.json: digest refused")
            .saying("last good pointer");
    }
    assert_eq!(world.writes(), before);
    let row = world.row("beta", Exit::Refused);
    assert_eq!(
        (&row["state"], &row["gets"]),
        (&json!("refused"), &json!(null))
    );
}

#[test]
fn the_table_tells_of_each_channel_what_its_followers_get_and_what_comes_next() {
    let world = World::of(&["1.2.3"]);
    let absent = world.row("beta", Exit::Done);
    assert_eq!(
        (&absent["state"], &absent["gets"]),
        (&json!("absent"), &json!(null))
    );
    world.promote("beta", "1.2.3", &[]).with(Exit::Done);
    let row = world.row("stable", Exit::Done);
    assert_eq!(row["waiting"]["version"], "1.2.3");
    let until = world.pointer(Channel::Beta).selected.plus_days(7);
    assert_eq!(row["waiting"]["until"], until.to_string());
    let told = world.channels(&[]).with(Exit::Done).out;
    for words in ["  1.2.3, in ", "  1.2.3 ", "stable: no pointer yet"] {
        assert!(told.contains(words), "{words}: {told}");
    }
    let mut elsewhere = world.fixture.xtask("channels");
    elsewhere.args(["--mirror", "http://127.0.0.1:9"]);
    elsewhere.arg("--trusted-root").arg(world.loopback.root());
    Ended::from(elsewhere.output().unwrap()).with(Exit::Network);
}

const SCRIPTS: [&str; 4] = release_plan::AssetName::BOOTSTRAP_SCRIPTS;

#[test]
fn patched_scripts_are_taken_from_their_own_tag_once_each_has_its_digest() {
    let world = World::of(&["1.2.3"]);
    world.promote("beta", "1.2.3", &[]).with(Exit::Done);
    let own = world.pointer(Channel::Beta).bootstrap;
    assert_eq!(own.tag.to_string(), "v1.2.3");
    let listed = Sha256::of(&std::fs::read(world.fixture.asset("install.sh")).unwrap());
    let install = "install.sh".parse().unwrap();
    assert_eq!(own.scripts[&install], listed);

    let script = |number: u8| {
        format!("#!/bin/sh\n# One of the scripts of bootstrap-v1.2.3-r{number}.\necho patched\n")
    };
    let line = |number, name: &str| format!("{}  {name}\n", Sha256::of(script(number).as_bytes()));
    let sums = |number| SCRIPTS.map(|name| line(number, name)).concat();
    let stub = script(1);
    for (number, of, install, sums) in [
        (1, 1, script(1), sums(1)),
        (2, 2, "another".to_owned(), sums(2)),
        (3, 3, script(3), line(3, "upgrade.sh")),
        // Those of another tag.
        (5, 1, script(1), sums(1)),
    ] {
        let others = script(of);
        let mut files: Vec<(&str, &[u8])> = SCRIPTS.map(|name| (name, others.as_bytes())).to_vec();
        files.retain(|(name, _)| *name != "install.sh");
        files.push(("install.sh", install.as_bytes()));
        files.push(("bootstrap-checksums.txt", sums.as_bytes()));
        world.release_by_hand(&format!("bootstrap-v1.2.3-r{number}"), &files);
    }
    let before = world.writes();
    let with = |tag: &str| world.promote("beta", "1.2.3", &["--bootstrap-tag", tag]);
    with("bootstrap-v1.2.3-r2")
        .with(Exit::Refused)
        .saying("install.sh: expected sha256:");
    with("bootstrap-v1.2.3-r3")
        .with(Exit::Gate)
        .saying("expected scripts like");
    with("bootstrap-v1.2.3-r5")
        .with(Exit::Refused)
        .saying("expected a script that says it is of bootstrap-v1.2.3-r5");
    with("bootstrap-v1.2.3-r4")
        .with(Exit::Network)
        .saying("bootstrap-checksums.txt");
    with("bootstrap-1.2.3").with(Exit::Usage);
    assert_eq!(world.writes(), before);
    with("bootstrap-v1.2.3-r1")
        .with(Exit::Done)
        .saying("beta: 1.2.3 (sequence 2)");
    let patched = world.pointer(Channel::Beta).bootstrap;
    assert_eq!(patched.tag.to_string(), "bootstrap-v1.2.3-r1");
    assert_eq!(patched.scripts[&install], Sha256::of(stub.as_bytes()));
    let told = world.channels(&[]).with(Exit::Done).out;
    assert!(
        told.contains("beta: scripts of bootstrap-v1.2.3-r1"),
        "{told}"
    );
    assert_eq!(world.file("install.sh"), b"Not Found");
    world.promote("stable", "1.2.3", &HURRY).with(Exit::Done);
    assert_eq!(world.file("install.sh"), stub.as_bytes());
}

#[test]
fn the_stub_of_the_default_channels_release_is_served_and_whatever_else_is_there_is_refused() {
    let world = World::of(&["1.2.3", "1.3.0"]);
    let stub = |version: &str| world.file(&format!("releases/download/v{version}/stub.sh"));
    assert_ne!(stub("1.2.3"), stub("1.3.0"));
    let serves = |version| assert_eq!(world.file("install.sh"), stub(version));
    world.promote("beta", "1.2.3", &[]).with(Exit::Done);
    assert_eq!(world.file("install.sh"), b"Not Found");
    world.promote("stable", "1.2.3", &HURRY).with(Exit::Done);
    serves("1.2.3");
    world.promote("beta", "1.3.0", &[]).with(Exit::Done);
    serves("1.2.3");
    world.promote("stable", "1.3.0", &HURRY).with(Exit::Done);
    serves("1.3.0");
    world.yank("1.3.0", &[]).with(Exit::Done);
    serves("1.2.3");
    world.row("stable", Exit::Done);
    let other = String::from_utf8(stub("1.3.0")).unwrap();
    for (served, words) in [
        (&*other, "that says it is of v1.3.0"),
        ("#!/bin/sh\n", "that says of no tag"),
    ] {
        world.overwrite("install.sh", served);
        let told = world.channels(&[]).with(Exit::Refused);
        told.saying("expected the stub of v1.2.3").saying(words);
        world.run("renew", &["--all"]).with(Exit::Done);
        serves("1.2.3");
        world.row("stable", Exit::Done);
    }
}

/// Mends a script of 1.2.3, as the gates ask.
fn mend_scripts(world: &World) {
    let fixture = &world.fixture;
    fixture.replace(
        "bootstrap/install.sh",
        "#!/bin/sh\n",
        "#!/bin/sh\n# Mended.\n",
    );
    let numbered = "bootstrap_revision: 1\nupgrades:";
    fixture.replace("release-plan/product.yaml", "upgrades:", numbered);
    fixture.write("release-plan/bootstrap/v1.2.3-r1.md", "It was broken.\n");
    fixture.commit();
}

const PATCHED: &str = "bootstrap-v1.2.3-r1";

impl World {
    fn scripts(&self) -> Ended {
        let mut command = self.fixture.xtask("scripts");
        command.args(["--mirror", &self.loopback.services.mirror()]);
        command.arg("--trusted-root").arg(self.loopback.root());
        command.arg("--out").arg(self.fixture.beside("scripts"));
        command.output().unwrap().into()
    }

    fn publish_scripts(&self, tag: &str) -> Ended {
        let mut command = self.fixture.xtask("publish-scripts");
        command.args(["--tag", tag, "--mirror", &self.loopback.services.mirror()]);
        command.arg("--trusted-root").arg(self.loopback.root());
        command.arg("--dir").arg(self.fixture.beside("scripts"));
        command.args(["--api-url", &self.loopback.services.api_url()]);
        command.env("GITHUB_TOKEN", TOKEN).output().unwrap().into()
    }

    /// Pushes a tag to the commit that is checked out.
    fn push_tag(&self, tag: &str) {
        let repository = self.fixture.repository();
        let head = repository.head().unwrap();
        let commit = head.peel_to_commit().unwrap().id().to_string();
        self.loopback.services.github.push_tag(tag, &commit);
    }
}

#[test]
fn a_broken_script_is_patched_without_a_build_and_the_channel_serves_it() {
    let world = World::of(&["1.2.3"]);
    world.promote("beta", "1.2.3", &[]).with(Exit::Done);
    world.promote("stable", "1.2.3", &HURRY).with(Exit::Done);
    world.fixture.tag("v1.2.3");
    let release = world.get("releases/tags/v1.2.3");
    world
        .scripts()
        .with(Exit::Gate)
        .saying("bootstrap_revision above 0");
    mend_scripts(&world);
    world
        .scripts()
        .with(Exit::Done)
        .saying("bootstrap-v1.2.3-r1: 5 files");
    world
        .publish_scripts(PATCHED)
        .with(Exit::Gate)
        .saying("no such tag");
    world.push_tag(PATCHED);
    let said = world.publish_scripts(PATCHED).with(Exit::Done);
    said.saying("bootstrap-v1.2.3-r1 is public: 5 files");
    assert_eq!(world.latest(), "v1.2.3");
    assert!(world.is_prerelease(PATCHED));
    let told = world.get(&format!("releases/tags/{PATCHED}"))["body"].to_string();
    assert!(told.contains("It was broken."), "{told}");
    let writes = world.writes();
    world
        .publish_scripts(PATCHED)
        .with(Exit::Done)
        .saying("public already");
    assert_eq!(world.writes(), writes);
    assert_eq!(world.get("releases/tags/v1.2.3"), release);
    for channel in ["beta", "stable"] {
        let patched = ["--bootstrap-tag", PATCHED];
        world.promote(channel, "1.2.3", &patched).with(Exit::Done);
    }
    let scripts = world.pointer(Channel::Stable).bootstrap.scripts;
    let script = world.file(&format!("releases/download/{PATCHED}/install.sh"));
    let text = String::from_utf8(script.clone()).unwrap();
    assert!(
        text.contains("# Mended.\n") && text.contains(".tar.gz"),
        "{text}"
    );
    assert_eq!(scripts[&"install.sh".parse().unwrap()], Sha256::of(&script));
    let served = String::from_utf8(world.file("install.sh")).unwrap();
    assert!(
        served.contains("One of the scripts of bootstrap-v1.2.3-r1."),
        "{served}"
    );
    world.row("stable", Exit::Done);
}

#[test]
fn scripts_that_are_not_what_the_tree_and_the_release_ask_for_are_not_published() {
    let world = World::of(&["1.2.3"]);
    world.fixture.tag("v1.2.3");
    mend_scripts(&world);
    world.push_tag(PATCHED);
    let beside = |name: &str| world.fixture.beside(&format!("scripts/{name}"));
    let before = world.writes();
    let refused = |exit, words: &str| {
        world.publish_scripts(PATCHED).with(exit).saying(words);
        world.scripts().with(Exit::Done);
    };
    world
        .fixture
        .write("bootstrap/install.sh", "# Not committed.\n");
    world
        .scripts()
        .with(Exit::Gate)
        .saying("bootstrap/install.sh");
    world.fixture.write("README.md", "# ember\n");
    let head = world.fixture.repository();
    let mut checkout = git2::build::CheckoutBuilder::new();
    head.checkout_head(Some(checkout.force())).unwrap();
    world.scripts().with(Exit::Done);
    std::fs::write(beside("install.sh"), "#!/bin/sh\n").unwrap();
    refused(Exit::Gate, "install.sh: expected sha256:");
    let other = "#!/bin/sh\n# One of the scripts of v1.2.3.\n";
    let sums = std::fs::read_to_string(beside("bootstrap-checksums.txt")).unwrap();
    let stub = sums.lines().find(|line| line.ends_with("stub.sh")).unwrap();
    let install = sums
        .lines()
        .find(|line| line.ends_with("install.sh"))
        .unwrap();
    let lie = format!("{}  install.sh", Sha256::of(other.as_bytes()));
    let lying = sums.replace(install, &lie);
    std::fs::write(beside("install.sh"), other).unwrap();
    std::fs::write(beside("bootstrap-checksums.txt"), lying).unwrap();
    refused(
        Exit::Gate,
        "install.sh: expected a script that says it is of bootstrap-v1.2.3-r1",
    );
    std::fs::write(beside("bootstrap-checksums.txt"), format!("{stub}\n")).unwrap();
    refused(
        Exit::Gate,
        "expected the scripts of v1.2.3, install.ps1, install.sh, stub.sh, upgrade.sh, found stub.sh",
    );
    let wrong = world.publish_scripts("v1.2.3").with(Exit::Usage);
    wrong.saying("expected a tag like bootstrap-v1.2.3-r1");
    world
        .publish_scripts("bootstrap-v1.2.4-r1")
        .with(Exit::Network);
    world
        .publish_scripts("bootstrap-v1.2.3-r2")
        .with(Exit::Input);
    assert_eq!(world.writes(), before);
}

#[test]
fn moves_at_once_all_end_up_on_the_branch_and_whoever_polls_sees_only_what_verifies() {
    let world = World::of(&["1.2.3", "1.3.0"]);
    world.promote("beta", "1.2.3", &[]).with(Exit::Done);
    world.promote("stable", "1.2.3", &HURRY).with(Exit::Done);
    world.while_polled(|| {
        let moves = [
            world.command("promote", &["--channel", "beta", "--version", "1.3.0"]),
            world.command("renew", &["--all"]),
        ];
        thread::scope(|scope| {
            let running = moves
                .map(|mut command| scope.spawn(move || Ended::from(command.output().unwrap())));
            for ended in running {
                ended.join().unwrap().with(Exit::Done);
            }
        });
        assert_eq!(world.pointer(Channel::Beta).version.to_string(), "1.3.0");
        world.promote("stable", "1.3.0", &HURRY).with(Exit::Done);
        world.yank("1.3.0", &[]).with(Exit::Done);
        world.run("renew", &["--all"]).with(Exit::Done);
    });
    assert_eq!(world.row("stable", Exit::Done)["gets"], "1.2.3");
    assert_eq!(world.latest(), "v1.2.3");
}

#[test]
fn a_pre_release_of_a_branch_that_main_does_not_hold_is_refused_until_main_has_it() {
    let world = World::of(&["1.2.3", "1.3.0-rc.1"]);
    let commit = world.fixture.plan().source.commit;
    let before = world.parent();
    let github = &world.loopback.services.github;
    let [apart, merged, unrelated] = ["c", "d", "e"].map(|digit| digit.repeat(40));
    github.push_commit(&apart, &[&before]);
    github.push_commit(&merged, &[&apart, commit.as_str()]);
    let writes = world.writes();
    // Main is where the branch left it, went on without it, or has nothing in common with it.
    for main in [&before, &apart, &unrelated] {
        github.push_branch("main", main);
        world
            .promote("alpha", "1.3.0-rc.1", &HURRY)
            .with(Exit::Gate)
            .saying(&format!("expected main to hold {commit}"));
    }
    assert_eq!(world.writes(), writes);
    world.promote("beta", "1.2.3", &[]).with(Exit::Done);
    github.push_branch("main", &merged);
    world.promote("alpha", "1.3.0-rc.1", &[]).with(Exit::Done);
}

impl World {
    /// Does something while somebody looks at the channels over and over: each is good each time.
    fn while_polled(&self, does: impl FnOnce()) {
        /// Ends the polling, also when what is done panics.
        struct Over<'a>(&'a AtomicBool);
        impl Drop for Over<'_> {
            fn drop(&mut self) {
                self.0.store(true, Ordering::Relaxed);
            }
        }
        let over = AtomicBool::new(false);
        let polls = thread::scope(|scope| {
            let poller = scope.spawn(|| {
                let mut polls = 0;
                while !over.load(Ordering::Relaxed) {
                    self.channels(&[]).with(Exit::Done);
                    polls += 1;
                }
                polls
            });
            let ends = Over(&over);
            does();
            drop(ends);
            poller.join().unwrap()
        });
        assert!(polls > 0);
    }

    fn tip(&self) -> String {
        let tip = &self.get("git/ref/heads/channels")["object"]["sha"];
        tip.as_str().unwrap().to_owned()
    }

    /// The branch and GitHub's flags, but for what depends on the time.
    fn scene(&self) -> Scene {
        let commit = self.get(&format!("git/commits/{}", self.tip()));
        let releases = self.get("releases");
        let releases = releases.as_array().unwrap().iter();
        let pointers = [Channel::Stable, Channel::Beta].map(|channel| {
            let pointer = self.pointer(channel);
            (pointer.version.to_string(), pointer.sequence)
        });
        Scene {
            message: commit["message"].clone(),
            parents: commit["parents"].clone(),
            pointers,
            prereleases: releases
                .map(|release| (release["id"].clone(), release["prerelease"].clone()))
                .collect(),
            latest: self.get("releases/latest")["id"].clone(),
        }
    }

    /// Takes the branch back to a commit, and the flags to what they were.
    fn take_back(&self, tip: &str, scene: &Scene) {
        let send = |path: &str, body: Value| self.ask("PATCH", path, body.to_string().into_bytes());
        send(
            "git/refs/heads/channels",
            json!({ "sha": tip, "force": true }),
        );
        for (id, prerelease) in &scene.prereleases {
            let latest = (*id == scene.latest).to_string();
            let flags = json!({ "prerelease": prerelease, "make_latest": latest });
            send(&format!("releases/{id}"), flags);
        }
        assert_eq!(self.scene(), *scene);
    }

    /// Makes a move, and then again with the process killed at each request to the API, before and
    /// after GitHub acted, and finished by another.
    fn make_and_kill(&self, name: &str, command: impl Fn() -> Command) {
        let (tip, before) = (self.tip(), self.scene());
        ok(&mut command());
        let done = self.scene();
        assert_eq!(done.parents[0]["sha"], tip.as_str(), "{name}");
        let mut cases = 0;
        for after in [false, true] {
            let killed = (0..).take_while(|&k| {
                self.take_back(&tip, &before);
                // What the poller reads is not counted.
                let of_the_api = |_: &str, path: &str| path.starts_with("/repos/");
                let github = &self.loopback.services.github;
                let killed = killed_at(github, (k, after), of_the_api, command());
                ok(&mut command());
                assert_eq!(self.scene(), done, "{name}, request {k}, after: {after}");
                killed
            });
            let requests = killed.count();
            assert!(requests >= 10, "{name}: only {requests} requests");
            cases += requests;
        }
        // Past the harness, which would keep it to itself.
        let told = format!("{name}: killed in {cases} cases\n");
        std::io::stderr().write_all(told.as_bytes()).unwrap();
    }
}

/// What a move leaves behind.
#[derive(Debug, PartialEq)]
struct Scene {
    message: Value,
    parents: Value,
    pointers: [(String, u64); 2],
    prereleases: Vec<(Value, Value)>,
    latest: Value,
}

#[test]
fn a_mover_killed_at_any_request_is_finished_by_the_next_and_a_poller_sees_only_what_verifies() {
    let world = World::of(&["1.2.3", "1.3.0"]);
    for (channel, version) in [("beta", "1.2.3"), ("stable", "1.2.3"), ("beta", "1.3.0")] {
        world.promote(channel, version, &HURRY).with(Exit::Done);
    }
    world.while_polled(|| {
        world.make_and_kill("promote", || {
            let arguments = ["--channel", "stable", "--version", "1.3.0"];
            world.command("promote", &[&arguments[..], &HURRY].concat())
        });
        world.make_and_kill("yank", || {
            world.command("yank", &["1.3.0", "--reason", "it eats files"])
        });
        // All pointers are due.
        let product = "release-plan/product.yaml";
        let (life, longer) = ("expires_after_days: 14", "expires_after_days: 60");
        world.fixture.replace(product, life, longer);
        world.make_and_kill("renew", || {
            world.command_as(world.by_the_clock(), "renew", &[])
        });
    });
}
