//! The trusted root of a program that carries a Sigstore of its own, refreshed by TUF: an old
//! installation outlives a change of keys, and no failure and no attack leaves it without keys.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use axum::Router;
use axum::http::StatusCode;
use jiff::Timestamp;
use rehearsal::Server;
use rehearsal::tuf::{Fault, Repository, Role, Tuf};
use release_plan::Sha256;
use serde_json::{Value, json};

use crate::network::{Requests, serve};
use crate::rig::{Ran, Rig, in_days};

/// What a refresh leaves in the home.
const KEPT: &str = "state/refreshed-root.json";
const ATTEMPT: &str = "state/refresh-attempt.json";

/// A rig whose programs carry its Sigstore as it was at first, and that Sigstore's TUF repository.
struct Carried {
    rig: Rig,
    tuf: Tuf,
    repository: Server,
    /// What the next program carries.
    trusted_root: String,
    targets_version: u64,
}

impl Carried {
    /// With 1.0.0 installed.
    fn new() -> Self {
        let rig = Rig::new();
        let trusted_root = rig.trusted_root_json();
        let tuf = Tuf::new(Repository::new(&trusted_root, Timestamp::now()));
        let carried = Self {
            repository: Server::start(|_| tuf.router()).unwrap(),
            rig,
            tuf,
            trusted_root,
            targets_version: 1,
        };
        carried.publish("1.0.0");
        let rig = &carried.rig;
        let mut install = Command::new("sh");
        install.arg(rig.release("1.0.0").join("install.sh"));
        install.args(["--mirror", &rig.mirror(), "--dir"]);
        install.arg(rig.home()).env("HOME", rig.path("nobody"));
        Ran::from(install.output().unwrap()).expect(0);
        carried
    }

    /// A release whose program carries what is to be carried now.
    fn publish(&self, version: &str) {
        let root = self.tuf.with(|tuf| tuf.first_root().to_vec());
        let carried = json!([
            self.trusted_root,
            self.targets_version,
            String::from_utf8(root).unwrap(),
            self.repository.url(),
        ]);
        let carried = carried.to_string();
        let says = format!("{carried}\nrocket {version} carries {}", carried.len());
        self.rig.publish(version, &says, |_| {});
    }

    /// Changes every key of the Sigstore and every key of the repository, and lists the new ones
    /// beside the old. What is published from now on, the new ones sign. Returns what is listed.
    fn change_keys(&mut self) -> String {
        let mut all: Value = serde_json::from_str(&self.trusted_root).unwrap();
        self.rig.change_keys();
        let new: Value = serde_json::from_str(&self.rig.trusted_root_json()).unwrap();
        for kind in [
            "tlogs",
            "certificateAuthorities",
            "ctlogs",
            "timestampAuthorities",
        ] {
            let new = new[kind].as_array().unwrap().clone();
            all[kind].as_array_mut().unwrap().extend(new);
        }
        let all = all.to_string();
        self.tuf.with(|tuf| {
            tuf.rotate();
            tuf.publish("trusted_root.json", &all);
        });
        all
    }

    /// A rig whose keys have changed since 1.0.0 was installed, with 1.1.0 signed by the new ones
    /// and pointed at.
    fn changed() -> Self {
        let mut carried = Self::new();
        carried.change_keys();
        carried.publish("1.1.0");
        carried.rig.point("1.1.0", 7, |_| {});
        carried
    }

    /// Puts the repository as it is now onto the mirror.
    fn mirror_tuf(&self) {
        let folder = self.rig.path("mirror/tuf");
        let _ = fs::remove_dir_all(&folder);
        self.tuf.with(|tuf| tuf.write(&folder)).unwrap();
    }

    fn upgrade(&self) -> Ran {
        self.rig.run(&["upgrade", "--mirror", &self.rig.mirror()])
    }

    fn refresh(&self) -> Ran {
        self.rig.run(&["trusted-root", "refresh"])
    }

    /// Verifies what 1.0.0 or 1.1.0 consists of.
    fn verify(&self, version: &str) -> Ran {
        let archive = self.rig.archive(version).display().to_string();
        let tag = format!("v{version}");
        self.rig.run(&["verify", "--tag", &tag, &archive])
    }

    fn shown(&self) -> Value {
        let ran = self.rig.run(&["trusted-root", "--json"]).expect(0);
        serde_json::from_str(&ran.stdout).unwrap()
    }

    fn home(&self, name: &str) -> PathBuf {
        self.rig.home().join(name)
    }

    /// As if the last attempt were older than a day, or never was.
    fn forget_attempt(&self) {
        let _ = fs::remove_file(self.home(ATTEMPT));
    }
}

#[test]
fn an_old_installation_outlives_a_change_of_keys() {
    let carried = Carried::changed();
    let ran = carried.upgrade().expect(11);
    assert!(!ran.stderr.contains("not refreshed"), "{}", ran.stderr);
    carried.verify("1.1.0").expect(11);

    carried.mirror_tuf();
    carried.upgrade().expect(0);
    assert_eq!(carried.rig.version(), "1.1.0");
    for version in ["1.0.0", "1.1.0"] {
        carried.verify(version).expect(0);
    }
    assert_eq!(carried.shown()["serving"], "refreshed");
    carried.rig.run(&["rollback"]).expect(0);
    carried.verify("1.1.0").expect(0);
}

#[test]
fn what_serves_is_shown_with_its_age_before_and_after_a_refresh() {
    let carried = Carried::changed();
    let embedded = Sha256::of(carried.trusted_root.as_bytes()).to_string();
    let before = carried.shown();
    assert_eq!(before["serving"], "embedded");
    assert_eq!(before["sha256"], embedded);
    assert_eq!(before["as_of"], "2026-01-01T00:00:00Z");
    let start = release_plan::Instant::try_from("2026-01-01T00:00:00Z".to_owned()).unwrap();
    let days = (in_days(0).seconds() - start.seconds()) / 86_400;
    assert_eq!(before["age_days"], days);
    assert_eq!(
        [&before["tuf_root_version"], &before["targets_version"]],
        [1, 1]
    );
    assert!(before["expires"].is_null() && before["attempted"].is_null());

    let ran = carried.refresh().expect(0);
    let after = carried.shown();
    assert_eq!(after["serving"], "refreshed");
    assert_ne!(after["sha256"], embedded);
    assert!(
        ran.stderr.contains(after["sha256"].as_str().unwrap()),
        "{}",
        ran.stderr
    );
    assert_eq!(after["age_days"], 0);
    assert_eq!(
        [&after["tuf_root_version"], &after["targets_version"]],
        [2, 3]
    );
    assert_eq!(after["attempted"], after["as_of"]);
    assert!(after["expires"].as_str().unwrap() > after["as_of"].as_str().unwrap());
    let words = carried.rig.run(&["trusted-root"]).expect(0).stdout;
    assert!(
        words.contains("age           0 days: the newest at 20"),
        "{words}"
    );
}

#[test]
fn an_upgrade_refreshes_once_a_day_and_nothing_else_does() {
    let carried = Carried::changed();
    carried.mirror_tuf();
    for arguments in [&["status"][..], &["trusted-root"], &["--version"]] {
        carried.rig.run(arguments).expect(0);
    }
    carried.verify("1.0.0").expect(0);
    assert!(!carried.home(ATTEMPT).exists());

    carried.upgrade().expect(0);
    let kept = fs::read(carried.home(KEPT)).unwrap();
    // As if it had been then.
    let attempt_at = |days| {
        let attempt = json!({"at": in_days(days), "failure": null});
        fs::write(carried.home(ATTEMPT), attempt.to_string()).unwrap();
        fs::remove_file(carried.home(KEPT)).unwrap();
        carried.upgrade();
        let refreshed = carried.home(KEPT).exists();
        fs::write(carried.home(KEPT), &kept).unwrap();
        refreshed
    };
    assert!(!attempt_at(0));
    assert!(attempt_at(-1));
    assert!(attempt_at(2), "the clock was set back since");
    assert!(
        carried.tuf.asked().is_empty(),
        "the mirror was there to be asked"
    );
}

#[test]
fn without_a_mirror_an_upgrade_asks_the_repository_compiled_in() {
    let carried = Carried::changed();
    let mut upgrade = carried.rig.command(&["upgrade"]);
    // The product's own pages are out of reach.
    for variable in ["HTTP_PROXY", "HTTPS_PROXY"] {
        upgrade.env(variable, "http://127.0.0.1:1");
    }
    Ran::from(upgrade.output().unwrap()).expect(10);
    let asked = carried.tuf.asked();
    assert_eq!(
        asked[..4],
        [
            "2.root.json",
            "3.root.json",
            "timestamp.json",
            "3.snapshot.json"
        ]
    );
    assert_eq!(carried.shown()["serving"], "refreshed");
    carried.verify("1.1.0").expect(0);
}

/// What is done to a repository, and what a refusal then says.
type Attack = (fn(&mut Repository), &'static str);

const ATTACKS: [Attack; 7] = [
    (
        |tuf| {
            tuf.alter(Role::Timestamp, |says| {
                says["expires"] = json!("2026-01-01T00:00:00Z");
            });
        },
        "timestamp.json: expiry refused",
    ),
    (
        |tuf| tuf.alter(Role::Timestamp, |says| says["version"] = json!(1)),
        "timestamp.json: version refused",
    ),
    (
        |tuf| tuf.edit("timestamp.json", |file| file["signatures"] = json!([])),
        "timestamp.json: signatures refused",
    ),
    (
        |tuf| {
            tuf.rotate();
            tuf.edit("3.root.json", |file| {
                file["signatures"].as_array_mut().unwrap().truncate(1);
            });
        },
        "3.root.json: signatures refused",
    ),
    (
        |tuf| {
            tuf.publish("trusted_root.json", "{}");
        },
        "trusted_root.json: format refused",
    ),
    (
        |tuf| {
            tuf.publish("other", "{}");
            let name = tuf.name(Role::Snapshot);
            tuf.files().insert(name, b"{".to_vec());
        },
        "snapshot.json: format refused",
    ),
    (
        |tuf| {
            tuf.files()
                .insert("timestamp.json".to_owned(), vec![b' '; 1 << 20]);
        },
        "timestamp.json: length refused",
    ),
];

#[test]
fn an_attack_on_a_refresh_leaves_the_last_good_root_and_the_upgrade_goes_on() {
    let carried = Carried::changed();
    carried.mirror_tuf();
    carried.upgrade().expect(0);
    // There is something to be refreshed to.
    carried.tuf.with(|tuf| tuf.publish("other", "{}"));
    for (number, (attack, words)) in ATTACKS.into_iter().enumerate() {
        let honest = carried.tuf.with(|tuf| tuf.clone());
        carried.tuf.with(attack);
        carried.mirror_tuf();
        carried.forget_attempt();
        let kept = fs::read(carried.home(KEPT)).unwrap();
        let shown = carried.shown();
        let ran = carried.upgrade().expect(0);
        let notes: Vec<_> = ran
            .stderr
            .lines()
            .filter(|line| line.contains("TUF") || line.contains("trusted root"))
            .collect();
        assert_eq!(notes.len(), 1, "{number}: {}", ran.stderr);
        assert!(
            notes[0].contains("not refreshed, and the last good one serves"),
            "{}",
            notes[0]
        );
        assert!(notes[0].contains(words), "{words}: {}", notes[0]);
        assert_eq!(fs::read(carried.home(KEPT)).unwrap(), kept);

        let ran = carried.refresh().expect(11);
        assert!(ran.stderr.contains(words), "{words}: {}", ran.stderr);
        let serving = format!(
            "the refreshed trusted root goes on serving, the newest at {}",
            shown["as_of"].as_str().unwrap()
        );
        assert!(ran.stderr.contains(&serving), "{}", ran.stderr);
        assert_eq!(fs::read(carried.home(KEPT)).unwrap(), kept);
        let after = carried.shown();
        assert_eq!(after["sha256"], shown["sha256"]);
        assert!(
            after["failure"].as_str().unwrap().contains(words),
            "{after}"
        );
        carried.verify("1.1.0").expect(0);
        carried.tuf.with(|tuf| *tuf = honest);
    }
    carried.refresh().expect(0);
    assert!(carried.shown()["failure"].is_null());
}

#[test]
fn a_repository_that_cannot_be_reached_is_told_and_not_fatal() {
    let carried = Carried::changed();
    carried.refresh().expect(0);
    let requests = Requests::default();
    let state = (carried.rig.path("mirror"), requests);
    let mirror = Router::new().fallback(serve).with_state(state);
    let router = Router::new()
        .nest("/tuf", carried.tuf.router())
        .merge(mirror);
    let server = Server::start(|_| router).unwrap();
    let upgrade = || carried.rig.run(&["upgrade", "--mirror", &server.url()]);
    for (name, fault, words) in [
        (
            "timestamp.json",
            Fault::Status(StatusCode::INTERNAL_SERVER_ERROR),
            "500",
        ),
        (
            "3.root.json",
            Fault::Status(StatusCode::SERVICE_UNAVAILABLE),
            "503",
        ),
    ] {
        carried.tuf.fail(name, fault);
        carried.forget_attempt();
        let kept = fs::read(carried.home(KEPT)).unwrap();
        let ran = upgrade().expect(0);
        assert!(
            ran.stderr.contains("was not refreshed") && ran.stderr.contains(words),
            "{}",
            ran.stderr
        );
        let ran = carried.refresh().expect(10);
        assert!(
            ran.stderr.contains(words) && ran.stderr.contains("goes on serving"),
            "{}",
            ran.stderr
        );
        assert_eq!(fs::read(carried.home(KEPT)).unwrap(), kept);
        carried.tuf.mend();
    }
    // Endless data is cut off by its length, and so refused.
    carried.tuf.fail("timestamp.json", Fault::Endless);
    let ran = carried.refresh().expect(11);
    assert!(ran.stderr.contains("length refused"), "{}", ran.stderr);
    carried.tuf.mend();
    // Nobody listens.
    let nowhere = "http://127.0.0.1:1";
    let ran = carried
        .rig
        .run(&["trusted-root", "refresh", "--mirror", nowhere])
        .expect(10);
    assert!(ran.stderr.contains(nowhere), "{}", ran.stderr);
    // Something listens, which is no TUF repository.
    let empty = format!("{}/channels", server.url());
    let ran = carried
        .rig
        .run(&["trusted-root", "refresh", "--mirror", &empty])
        .expect(10);
    assert!(
        ran.stderr.contains("has no timestamp.json"),
        "{}",
        ran.stderr
    );
    assert_eq!(carried.rig.version(), "1.1.0");
}

#[test]
fn a_repository_that_fails_once_is_asked_again() {
    let carried = Carried::changed();
    let busy = Fault::Once(StatusCode::SERVICE_UNAVAILABLE);
    carried.tuf.fail("timestamp.json", busy);
    carried.refresh().expect(0);
    let asked = carried.tuf.asked();
    let times = asked.iter().filter(|name| *name == "timestamp.json");
    assert_eq!(times.count(), 2, "{asked:?}");
    assert_eq!(carried.shown()["serving"], "refreshed");
}

#[test]
fn a_server_that_sends_a_byte_a_second_holds_an_upgrade_up_for_seconds_and_no_longer() {
    let carried = Carried::new();
    carried.rig.point("1.0.0", 7, |_| {});
    carried.tuf.fail("timestamp.json", Fault::Slow);
    let requests = Requests::default();
    let state = (carried.rig.path("mirror"), requests);
    let mirror = Router::new().fallback(serve).with_state(state);
    let router = Router::new()
        .nest("/tuf", carried.tuf.router())
        .merge(mirror);
    let server = Server::start(|_| router).unwrap();
    let start = Instant::now();
    let ran = carried
        .rig
        .run(&["upgrade", "--mirror", &server.url()])
        .expect(0);
    assert!(
        start.elapsed() < Duration::from_secs(20),
        "{:?}",
        start.elapsed()
    );
    assert!(
        ran.stderr.contains("was not refreshed") && ran.stderr.contains("timeout"),
        "{}",
        ran.stderr
    );
}

#[test]
fn what_was_altered_in_the_home_does_not_serve_and_it_is_said() {
    let carried = Carried::changed();
    carried.refresh().expect(0);
    carried.verify("1.1.0").expect(0);
    let whole = fs::read_to_string(carried.home(KEPT)).unwrap();
    let mut kept: Value = serde_json::from_str(&whole).unwrap();
    let root = kept["files"].as_object().unwrap().keys();
    let target = root
        .clone()
        .find(|name| name.starts_with("targets/"))
        .unwrap()
        .clone();
    kept["files"][&target] = json!(carried.rig.trusted_root_json());
    let foreign = Repository::new(&carried.rig.trusted_root_json(), Timestamp::now());
    let foreign: Value = foreign
        .clone()
        .files()
        .iter()
        .map(|(name, file)| {
            (
                name.clone(),
                json!(String::from_utf8(file.clone()).unwrap()),
            )
        })
        .collect::<serde_json::Map<_, _>>()
        .into();
    for altered in [
        // The new keys alone, as somebody would have them believed.
        kept.to_string(),
        json!({"schema": kept["schema"], "refreshed_at": kept["refreshed_at"], "files": foreign})
            .to_string(),
        json!({"schema": kept["schema"], "refreshed_at": kept["refreshed_at"], "files": {}})
            .to_string(),
        whole.replace("refreshed-root/1", "refreshed-root/9"),
        whole[..whole.len() / 2].to_owned(),
        String::new(),
        "x".repeat(3 << 20),
    ] {
        fs::write(carried.home(KEPT), &altered).unwrap();
        let ran = carried.verify("1.1.0").expect(11);
        assert!(
            ran.stderr.contains("refreshed-root.json is not used"),
            "{}",
            ran.stderr
        );
        carried.verify("1.0.0").expect(0);
        assert_eq!(carried.shown()["serving"], "embedded");
    }
    let ran = carried.refresh().expect(0);
    assert!(
        ran.stderr.contains("refreshed-root.json is not used"),
        "{}",
        ran.stderr
    );
    carried.verify("1.1.0").expect(0);
}

#[test]
fn kept_keys_older_than_those_of_the_program_do_not_serve() {
    let mut carried = Carried::new();
    carried.refresh().expect(0);
    let older = fs::read(carried.home(KEPT)).unwrap();
    let old = carried.tuf.with(|tuf| tuf.clone());
    carried.trusted_root = carried.change_keys();
    carried.targets_version = 3;
    carried.publish("1.1.0");
    carried.rig.point("1.1.0", 7, |_| {});
    carried.refresh().expect(0);
    carried.upgrade().expect(0);

    fs::write(carried.home(KEPT), &older).unwrap();
    let ran = carried.verify("1.1.0").expect(0);
    assert!(ran.stderr.is_empty(), "{}", ran.stderr);
    let shown = carried.shown();
    assert_eq!(
        (&shown["serving"], &shown["targets_version"]),
        (&json!("embedded"), &json!(3))
    );
    carried.tuf.with(|tuf| *tuf = old);
    let ran = carried.refresh().expect(11);
    assert!(
        ran.stderr
            .contains("3 at least, whose keys are compiled in"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_file_that_cannot_be_written_is_told_and_not_fatal() {
    let carried = Carried::new();
    carried.mirror_tuf();
    carried.rig.point("1.0.0", 7, |_| {});
    fs::create_dir_all(carried.home(KEPT).join("in the way")).unwrap();
    let ran = carried.upgrade().expect(0);
    assert!(ran.stderr.contains("was not refreshed"), "{}", ran.stderr);
    assert!(ran.stderr.contains("refreshed-root.json"), "{}", ran.stderr);
    carried.refresh().expect(17);
    fs::remove_dir_all(carried.home(KEPT)).unwrap();
    carried.refresh().expect(0);
}

#[test]
fn an_interrupted_refresh_leaves_what_was_there_and_exits_130() {
    let carried = Carried::changed();
    carried.refresh().expect(0);
    let before = carried.rig.snapshot();
    let _ = carried.tuf.asked();
    carried.tuf.fail("timestamp.json", Fault::Slow);
    let mut child = carried
        .rig
        .command(&["trusted-root", "refresh"])
        .spawn()
        .unwrap();
    let start = Instant::now();
    while !carried.tuf.asked().contains(&"timestamp.json".to_owned()) {
        assert!(start.elapsed() < Duration::from_secs(15), "it never asked");
        thread::sleep(Duration::from_millis(5));
    }
    let id = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &id])
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(carried.rig.snapshot(), before);
}

#[test]
fn a_home_of_another_root_is_not_refreshed() {
    let rig = crate::life::ready();
    let before = rig.snapshot();
    let ran = rig
        .run(&["trusted-root", "refresh", "--mirror", "http://127.0.0.1:1"])
        .expect(17);
    assert!(ran.stderr.contains("public-sigstore"), "{}", ran.stderr);
    assert_eq!(rig.snapshot(), before);
    rig.run(&["trusted-root"]).expect(0);
}

#[test]
fn the_keys_of_another_sigstore_are_written_to_a_file_and_the_home_is_left_alone() {
    let mut carried = Carried::new();
    let rig = Rig::new();
    rig.publish_good("1.0.0");
    carried.tuf = Tuf::new(Repository::new(&rig.trusted_root_json(), Timestamp::now()));
    carried.tuf.with(Repository::rotate);
    carried.mirror_tuf();
    let root = carried.rig.path("root.json");
    fs::write(&root, carried.tuf.with(|tuf| tuf.first_root().to_vec())).unwrap();
    let root = root.display().to_string();
    let output = carried.rig.path("theirs.json");
    let to = output.display().to_string();
    let mirror = format!("{}/tuf", carried.rig.mirror());
    let before = carried.rig.snapshot();
    let refresh = |tuf_root: &str, mirror: &str| {
        let arguments = ["trusted-root", "refresh", "--tuf-root", tuf_root];
        let rest = ["--mirror", mirror, "--output", &*to];
        carried.rig.run(&[&arguments[..], &rest].concat())
    };
    refresh(&root, &mirror).expect(0);
    assert_eq!(
        fs::read_to_string(&output).unwrap(),
        rig.trusted_root_json()
    );
    let archive = rig.archive("1.0.0").display().to_string();
    let verify = [
        "verify",
        "--trusted-root",
        &*to,
        "--tag",
        "v1.0.0",
        &*archive,
    ];
    carried.rig.run(&verify).expect(0);

    // Nothing is written that is not believed.
    fs::remove_file(&output).unwrap();
    carried
        .tuf
        .with(|tuf| tuf.edit("timestamp.json", |file| file["signatures"] = json!([])));
    carried.mirror_tuf();
    refresh(&root, &mirror).expect(11);
    refresh(&root, "http://127.0.0.1:1").expect(10);
    refresh(&archive, &mirror).expect(17);
    refresh("/nowhere/root.json", &mirror).expect(17);
    for incomplete in [
        &["--tuf-root", &*root][..],
        &["--tuf-root", &*root, "--mirror", &*mirror],
        &["--output", &*to],
    ] {
        let arguments = [&["trusted-root", "refresh"], incomplete].concat();
        carried.rig.run(&arguments).expect(2);
    }
    assert!(!output.exists());
    assert_eq!(carried.rig.snapshot(), before);
}
