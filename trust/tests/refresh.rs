//! The trusted root refreshed by TUF: what an honest repository gives, and every attack that TUF
//! knows, each against the rehearsal's repository.

use std::convert::Infallible;

use rehearsal::sigstore::Sigstore as Rehearsed;
use rehearsal::tuf::{Repository, Role};
use release_plan::{Instant, Limits, Sha256};
use serde_json::{Value, json};
use trust::{RefreshError, RefreshedRoot, Refusal, Sigstore, TufFiles, TufRoot};

/// A `trusted_root.json` with keys of its own.
fn trusted_root() -> String {
    let sigstore = Rehearsed::new().unwrap();
    sigstore.trusted_root_json("http://127.0.0.1:9")
}

/// When everything here happens.
fn now() -> Instant {
    at("2026-11-21T06:00:00Z")
}

fn at(time: &str) -> Instant {
    Instant::try_from(time.to_owned()).unwrap()
}

/// A repository, and a program that carries what it was at first.
struct Rig {
    repository: Repository,
    carried: Sigstore,
    /// What was fetched, and how long it was allowed to be.
    asked: Vec<(String, usize)>,
}

impl Rig {
    fn new() -> Self {
        let first = trusted_root();
        let repository = Repository::new(&first, now().to_string().parse().unwrap());
        Self {
            carried: Sigstore {
                name: "rehearsed",
                trusted_root: first.leak(),
                as_of: "2026-01-01T00:00:00Z",
                targets_version: 1,
                tuf_root: repository.first_root().to_vec().leak(),
                repository: "http://127.0.0.1:9",
            },
            repository,
            asked: Vec::new(),
        }
    }

    /// One with a new trusted root published and refreshed to.
    fn refreshed() -> (Self, RefreshedRoot) {
        let mut rig = Self::new();
        rig.publish();
        let refreshed = rig.refresh(None).unwrap();
        (rig, refreshed)
    }

    /// Publishes another trusted root, and returns its digest.
    fn publish(&mut self) -> Sha256 {
        let next = trusted_root();
        self.repository.publish("trusted_root.json", &next);
        Sha256::of(next.as_bytes())
    }

    fn refresh(
        &mut self,
        last: Option<&RefreshedRoot>,
    ) -> Result<RefreshedRoot, RefreshError<Infallible>> {
        self.refresh_at(now(), last)
    }

    fn refresh_at(
        &mut self,
        now: Instant,
        last: Option<&RefreshedRoot>,
    ) -> Result<RefreshedRoot, RefreshError<Infallible>> {
        let (files, asked) = (self.repository.files(), &mut self.asked);
        self.carried.refresh(last, now, |name, limit| {
            asked.push((name.to_owned(), limit));
            let file = files.get(name);
            // As whoever fetches for it does: one byte more than may be.
            Ok(file.map(|file| file[..file.len().min(limit + 1)].to_vec()))
        })
    }

    /// Refuses the repository for `check` of `subject`, whether or not it was believed before.
    #[track_caller]
    fn refuses(&mut self, last: Option<&RefreshedRoot>, subject: &str, check: &str) -> Refusal {
        match self.refresh(last) {
            Err(RefreshError::Refused(refusal)) => {
                assert_eq!(
                    (&*refusal.subject, &*refusal.check),
                    (subject, check),
                    "{refusal}"
                );
                refusal
            }
            other => panic!("expected a refusal of {subject} for its {check}, found {other:?}"),
        }
    }

    fn names(&mut self) -> Vec<String> {
        let asked = std::mem::take(&mut self.asked);
        asked.into_iter().map(|(name, _)| name).collect()
    }

    fn name(&self, role: Role) -> String {
        self.repository.name(role)
    }
}

#[test]
fn what_the_repository_lists_is_believed_and_nothing_is_fetched_twice() {
    let mut rig = Rig::new();
    let newest = rig.publish();
    let first = rig.refresh(None).unwrap();
    assert_eq!(first.keys().sha256(), newest);
    assert_eq!(Sha256::of(first.json().as_bytes()), newest);
    assert_eq!((first.root_version(), first.targets_version()), (1, 2));
    let target = format!("targets/{newest}.trusted_root.json");
    let all = [
        "2.root.json",
        "timestamp.json",
        "2.snapshot.json",
        "2.targets.json",
        &target,
    ];
    assert_eq!(rig.names(), all);

    let again = rig.refresh(Some(&first)).unwrap();
    assert_eq!(again.files(), first.files());
    assert_eq!(rig.names(), all[..2], "nothing has changed");

    rig.repository
        .alter(Role::Timestamp, |says| says["version"] = json!(3));
    let renewed = rig.refresh(Some(&first)).unwrap();
    assert_ne!(renewed.files(), first.files());
    assert_eq!(rig.names(), all[..2], "the timestamp alone has changed");
}

#[test]
fn a_change_of_all_keys_is_followed_over_any_number_of_roots() {
    let (mut rig, last) = Rig::refreshed();
    for _ in 0..3 {
        rig.repository.rotate();
    }
    let newest = rig.publish();
    for last in [None, Some(&last)] {
        let refreshed = rig.refresh(last).unwrap();
        assert_eq!(refreshed.root_version(), 4);
        assert_eq!(refreshed.keys().sha256(), newest);
        let kept = rig.carried.load(refreshed.files()).unwrap().unwrap();
        assert_eq!(kept.keys().sha256(), newest);
    }
}

#[test]
fn a_repository_without_consistent_snapshots_is_followed_too() {
    let mut rig = Rig::new();
    rig.repository.alter(Role::Root, |says| {
        says["consistent_snapshot"] = json!(false);
    });
    rig.carried.tuf_root = rig.repository.first_root().to_vec().leak();
    let newest = rig.publish();
    let files = rig.repository.files();
    for (name, plain) in [
        ("2.snapshot.json", "snapshot.json"),
        ("2.targets.json", "targets.json"),
        (
            &*format!("targets/{newest}.trusted_root.json"),
            "targets/trusted_root.json",
        ),
    ] {
        let file = files.remove(name).unwrap();
        files.insert(plain.to_owned(), file);
    }
    let refreshed = rig.refresh(None).unwrap();
    assert_eq!(refreshed.keys().sha256(), newest);
    assert!(rig.carried.load(refreshed.files()).unwrap().is_some());
}

#[test]
fn kept_files_are_believed_after_all_of_them_have_expired() {
    let (rig, last) = Rig::refreshed();
    assert!(last.expires() < at("2100-01-01T00:00:00Z"));
    let kept = rig.carried.load(last.files()).unwrap().unwrap();
    assert_eq!(kept.keys().sha256(), last.keys().sha256());
    assert_eq!(kept.expires(), last.expires());
    assert_eq!(kept.files(), last.files());
}

#[test]
fn kept_files_that_were_altered_or_are_not_whole_are_refused() {
    let (rig, last) = Rig::refreshed();
    let whole = serde_json::to_value(last.files()).unwrap();
    for name in whole.as_object().unwrap().keys() {
        let load = |change: &dyn Fn(&mut Value)| {
            let mut files = whole.clone();
            change(&mut files);
            let files: TufFiles = serde_json::from_value(files).unwrap();
            rig.carried.load(&files).unwrap_err()
        };
        let removed = load(&|files| {
            files.as_object_mut().unwrap().remove(name);
        });
        assert_eq!((&removed.subject, &*removed.check), (name, "file"));
        // One letter or digit of the whole file.
        let altered = load(&|files| {
            let file = files[name].as_str().unwrap();
            let (middle, _) = file
                .char_indices()
                .rfind(|(_, c)| c.is_ascii_digit())
                .unwrap();
            let digit = if &file[middle..=middle] == "7" {
                "8"
            } else {
                "7"
            };
            files[name] = json!([&file[..middle], digit, &file[middle + 1..]].concat());
        });
        assert!(!altered.check.is_empty(), "{altered}");
    }
}

#[test]
fn kept_files_of_another_repository_are_refused() {
    let (rig, _) = Rig::refreshed();
    let (_, other) = Rig::refreshed();
    let refusal = rig.carried.load(other.files()).unwrap_err();
    assert_eq!(refusal.check, "signatures", "{refusal}");
}

#[test]
fn kept_files_older_than_what_is_compiled_in_do_not_serve() {
    let (mut rig, last) = Rig::refreshed();
    assert!(rig.carried.load(last.files()).unwrap().is_some());
    rig.carried.targets_version = 3;
    assert!(rig.carried.load(last.files()).unwrap().is_none());
    let refusal = rig.refuses(None, "targets.json", "version");
    assert_eq!(
        (&*refusal.expected, &*refusal.found),
        ("3 at least, whose keys are compiled in", "2")
    );
}

#[test]
fn a_program_that_carries_a_later_tuf_root_believes_what_an_earlier_one_kept() {
    let (mut rig, _) = Rig::refreshed();
    rig.repository.rotate();
    let kept = rig.refresh(None).unwrap();
    let later = rig.repository.files()["2.root.json"].clone();
    rig.carried.tuf_root = later.leak();
    let loaded = rig.carried.load(kept.files()).unwrap().unwrap();
    assert_eq!(loaded.keys().sha256(), kept.keys().sha256());
}

#[test]
fn expired_metadata_is_no_longer_taken() {
    for role in [Role::Root, Role::Timestamp, Role::Snapshot, Role::Targets] {
        let (mut rig, _) = Rig::refreshed();
        let past = "2026-01-01T00:00:00Z";
        rig.repository
            .alter(role, |says| says["expires"] = json!(past));
        rig.carried.tuf_root = rig.repository.first_root().to_vec().leak();
        let name = rig.name(role);
        let refusal = rig.refuses(None, &name, "expiry");
        assert_eq!(refusal.found, past);
    }
}

#[test]
fn a_repository_frozen_in_time_is_refused_once_its_timestamp_expires() {
    let (mut rig, last) = Rig::refreshed();
    rig.refresh(Some(&last)).unwrap();
    let later = last.expires().plus_days(1);
    match rig.refresh_at(later, Some(&last)) {
        Err(RefreshError::Refused(refusal)) => {
            assert_eq!(
                (&*refusal.subject, &*refusal.check),
                ("timestamp.json", "expiry")
            );
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn versions_do_not_go_back() {
    let (mut rig, _) = Rig::refreshed();
    let older = rig.repository.clone();
    rig.publish();
    let last = rig.refresh(None).unwrap();

    // Timestamp, and with it all, as it was.
    rig.repository = older;
    let refusal = rig.refuses(Some(&last), "timestamp.json", "version");
    assert_eq!(
        (&*refusal.expected, &*refusal.found),
        ("timestamp of version 3 at least", "2")
    );

    // A later timestamp that lists the earlier snapshot.
    rig.repository
        .alter(Role::Timestamp, |says| says["version"] = json!(9));
    let refusal = rig.refuses(Some(&last), "timestamp.json", "version");
    assert!(
        refusal
            .expected
            .contains("snapshot (via timestamp) of version 3"),
        "{refusal}"
    );

    // A later snapshot that lists the earlier targets.
    rig.repository
        .alter(Role::Snapshot, |says| says["version"] = json!(9));
    rig.repository
        .alter(Role::Timestamp, |says| says["version"] = json!(9));
    let refusal = rig.refuses(Some(&last), "9.snapshot.json", "version");
    assert!(
        refusal
            .expected
            .contains("targets.json (via snapshot) of version 3"),
        "{refusal}"
    );

    // Whoever was never there before has no floor but what is compiled in.
    rig.refresh(None).unwrap();
}

#[test]
fn files_that_expired_still_set_the_lowest_versions_believed() {
    let (mut rig, _) = Rig::refreshed();
    let older = rig.repository.clone();
    rig.publish();
    let past = "2026-01-01T00:00:00Z";
    rig.repository
        .alter(Role::Timestamp, |says| says["expires"] = json!(past));
    let last = rig.refresh_at(at("2025-12-31T00:00:00Z"), None).unwrap();
    rig.repository = older;
    rig.refuses(Some(&last), "timestamp.json", "version");
}

#[test]
fn an_owner_recovers_from_versions_pushed_to_the_top_by_changing_the_keys() {
    let (mut rig, _) = Rig::refreshed();
    let honest = rig.repository.clone();
    for role in [Role::Snapshot, Role::Timestamp] {
        rig.repository
            .alter(role, |says| says["version"] = json!(u64::MAX));
    }
    let last = rig.refresh(None).unwrap();
    rig.repository = honest;
    rig.refuses(Some(&last), "timestamp.json", "version");
    rig.repository.rotate();
    let newest = rig.publish();
    let refreshed = rig.refresh(Some(&last)).unwrap();
    assert_eq!(refreshed.keys().sha256(), newest);
}

#[test]
fn a_root_signed_by_the_old_keys_alone_or_by_the_new_alone_is_refused() {
    for half in [0..2, 2..4] {
        let (mut rig, last) = Rig::refreshed();
        rig.repository.rotate();
        rig.repository.edit("2.root.json", |file| {
            let all = file["signatures"].as_array().unwrap();
            assert_eq!(all.len(), 4);
            file["signatures"] = json!(all[half.clone()]);
        });
        for last in [None, Some(&last)] {
            let refusal = rig.refuses(last, "2.root.json", "signatures");
            assert_eq!(refusal.found, "0");
        }
    }
}

#[test]
fn a_root_that_leaves_one_out_or_comes_again_is_refused() {
    for version in [1, 3] {
        let (mut rig, _) = Rig::refreshed();
        rig.repository.rotate();
        rig.repository
            .alter(Role::Root, |says| says["version"] = json!(version));
        let file = rig
            .repository
            .files()
            .remove(&format!("{version}.root.json"))
            .unwrap();
        rig.repository
            .files()
            .insert("2.root.json".to_owned(), file);
        let refusal = rig.refuses(None, "2.root.json", "version");
        assert_eq!(refusal.expected, "1 + 1");
    }
}

#[test]
fn a_gap_in_the_chain_of_roots_ends_it_and_what_the_later_keys_signed_is_refused() {
    let (mut rig, last) = Rig::refreshed();
    rig.repository.rotate();
    rig.repository.rotate();
    rig.repository.files().remove("2.root.json");
    for last in [None, Some(&last)] {
        rig.refuses(last, "timestamp.json", "signatures");
    }
}

#[test]
fn a_chain_of_roots_without_end_is_left() {
    let mut rig = Rig::new();
    for _ in 0..130 {
        rig.repository.rotate();
    }
    let refusal = rig.refuses(None, "130.root.json", "length of the chain");
    assert!(refusal.expected.contains("128"), "{refusal}");
}

#[test]
fn what_nobody_or_too_few_or_one_twice_signed_is_refused() {
    for role in [Role::Timestamp, Role::Snapshot, Role::Targets] {
        type Change = fn(&mut Value);
        let changes: [(Change, &str); 4] = [
            (|signatures| *signatures = json!([]), "signatures"),
            (
                |signatures| {
                    signatures.as_array_mut().unwrap().pop();
                },
                "signatures",
            ),
            (
                |signatures| signatures[0]["sig"] = json!("00"),
                "signatures",
            ),
            (
                |signatures| {
                    let first = signatures[0].clone();
                    *signatures = json!([first.clone(), first]);
                },
                "format",
            ),
        ];
        for (change, check) in changes {
            let (mut rig, _) = Rig::refreshed();
            let name = rig.name(role);
            rig.repository
                .edit(&name, |file| change(&mut file["signatures"]));
            rig.refuses(None, &name, check);
        }
    }
}

#[test]
fn what_another_role_or_another_repository_signed_is_refused() {
    let (mut rig, _) = Rig::refreshed();
    let (other, _) = Rig::refreshed();
    for role in [Role::Timestamp, Role::Snapshot, Role::Targets] {
        let own = rig.repository.clone();
        let name = rig.name(role);
        let foreign = other.repository.clone().files()[&name].clone();
        rig.repository.files().insert(name.clone(), foreign);
        rig.refuses(None, &name, "signatures");
        rig.repository = own;
    }
    // The online key signs snapshot and timestamp alike; one does not pass for the other.
    let snapshot = rig.repository.files()["2.snapshot.json"].clone();
    rig.repository
        .files()
        .insert("timestamp.json".to_owned(), snapshot);
    rig.refuses(None, "timestamp.json", "format");
}

#[test]
fn files_of_different_times_are_not_mixed() {
    let (mut rig, _) = Rig::refreshed();
    let before = rig.repository.clone().files().clone();
    rig.publish();
    for (new, old) in [
        ("3.snapshot.json", "2.snapshot.json"),
        ("3.targets.json", "2.targets.json"),
    ] {
        let own = rig.repository.clone();
        rig.repository
            .files()
            .insert(new.to_owned(), before[old].clone());
        rig.refuses(None, new, "pin");
        rig.repository = own;
    }
}

#[test]
fn a_file_of_another_length_or_digest_than_is_pinned_is_refused() {
    for (key, value) in [
        ("length", json!(7)),
        ("hashes", json!({"sha256": "0".repeat(64)})),
        ("hashes", json!({"md5": "0".repeat(32)})),
    ] {
        let (mut rig, _) = Rig::refreshed();
        rig.repository.alter(Role::Timestamp, |says| {
            says["meta"]["snapshot.json"][key] = value.clone();
        });
        rig.refuses(None, "2.snapshot.json", "pin");
        let (mut rig, _) = Rig::refreshed();
        rig.repository.alter(Role::Snapshot, |says| {
            says["meta"]["targets.json"][key] = value.clone();
        });
        rig.refuses(None, "2.targets.json", "pin");
    }
}

#[test]
fn a_trusted_root_of_other_bytes_than_are_listed_is_refused() {
    let (mut rig, _) = Rig::refreshed();
    let name = format!("targets/{}.trusted_root.json", rig.publish());
    let whole = rig.repository.files()[&name].clone();
    let other = trusted_root();
    for (bytes, check) in [
        (&whole[..whole.len() - 1], "digest"),
        (&[&whole[..], b"\n"].concat(), "length"),
        (
            other.as_bytes(),
            if other.len() > whole.len() {
                "length"
            } else {
                "digest"
            },
        ),
    ] {
        rig.repository.files().insert(name.clone(), bytes.to_vec());
        let subject = if check == "length" {
            &*name
        } else {
            "trusted_root.json"
        };
        rig.refuses(None, subject, check);
    }
}

#[test]
fn a_listing_without_a_usable_digest_or_without_the_trusted_root_is_refused() {
    for change in [
        (|listed| *listed = json!({"length": 7, "hashes": {"sha512": "00"}})) as fn(&mut Value),
        |listed| listed["hashes"]["sha256"] = json!("../../etc/passwd"),
    ] {
        let (mut rig, _) = Rig::refreshed();
        rig.repository.alter(Role::Targets, |says| {
            change(&mut says["targets"]["trusted_root.json"]);
        });
        rig.refuses(None, "trusted_root.json", "listing");
    }
    let (mut rig, _) = Rig::refreshed();
    rig.repository
        .alter(Role::Targets, |says| says["targets"] = json!({}));
    rig.refuses(None, "trusted_root.json", "listing");
    let (mut rig, _) = Rig::refreshed();
    rig.repository
        .alter(Role::Timestamp, |says| says["meta"] = json!({}));
    rig.refuses(None, "snapshot.json", "listing");
    let (mut rig, _) = Rig::refreshed();
    rig.repository
        .alter(Role::Snapshot, |says| says["meta"] = json!({}));
    rig.refuses(None, "targets.json", "listing");
}

#[test]
fn a_listed_file_that_is_no_trusted_root_does_not_replace_the_last_good_one() {
    for bad in ["{}", "", "[]"] {
        let mut rig = Rig::new();
        rig.repository.publish("trusted_root.json", bad);
        rig.refuses(None, "trusted_root.json", "format");
    }
}

#[test]
fn data_without_end_is_cut_off_at_a_limit() {
    let (mut rig, _) = Rig::refreshed();
    let newest = rig.publish();
    let target = format!("targets/{newest}.trusted_root.json");
    let length = rig.repository.files()[&target].len();
    for name in [
        "2.root.json",
        "timestamp.json",
        "3.snapshot.json",
        "3.targets.json",
        &*target,
    ] {
        let own = rig.repository.clone();
        rig.repository
            .files()
            .insert(name.to_owned(), vec![b' '; 1 << 20]);
        rig.asked.clear();
        rig.refuses(None, name, "length");
        let (last, limit) = rig.asked.last().unwrap();
        assert_eq!(last, name);
        assert!(
            *limit <= 256 * 1024 && (name != target || *limit == length),
            "{limit}"
        );
        rig.repository = own;
    }
    rig.repository.alter(Role::Targets, |says| {
        says["targets"]["trusted_root.json"]["length"] = json!(Limits::TRUSTED_ROOT + 1);
    });
    rig.refuses(None, "trusted_root.json", "length");
}

#[test]
fn what_is_no_metadata_is_refused() {
    let deep = [b"{\"signed\":".repeat(200), b"1".to_vec()].concat();
    for bad in [
        &b""[..],
        b"{}",
        b"[]",
        b"\xff\xfe",
        b"{\"signed\":{},\"signatures\":[]}",
        b"1e999",
        &deep,
    ] {
        for role in [Role::Timestamp, Role::Snapshot, Role::Targets] {
            let (mut rig, _) = Rig::refreshed();
            let name = rig.name(role);
            rig.repository.files().insert(name.clone(), bad.to_vec());
            rig.refuses(None, &name, "format");
        }
        assert_eq!(TufRoot::parse(bad).unwrap_err().check, "format");
    }
}

#[test]
fn a_file_that_is_missing_is_named_and_no_attack() {
    let target = |rig: &mut Rig| format!("targets/{}.trusted_root.json", rig.publish());
    for missing in [
        "timestamp.json",
        "3.snapshot.json",
        "3.targets.json",
        "target",
    ] {
        let (mut rig, _) = Rig::refreshed();
        let target = target(&mut rig);
        let missing = if missing == "target" {
            &target
        } else {
            missing
        };
        rig.repository.files().remove(missing);
        match rig.refresh(None) {
            Err(RefreshError::Absent { name }) => assert_eq!(name, missing),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn what_the_caller_cannot_fetch_is_the_callers_error() {
    let rig = Rig::new();
    let fetch = |_: &str, _| Err::<Option<Vec<u8>>, _>("no route");
    match rig.carried.refresh(None, now(), fetch) {
        Err(RefreshError::Fetch("no route")) => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_private_sigstore_is_followed_from_a_tuf_root_that_somebody_names() {
    let (mut rig, _) = Rig::refreshed();
    rig.repository.rotate();
    let newest = rig.publish();
    let root = TufRoot::parse(rig.repository.first_root()).unwrap();
    let files = rig.repository.files();
    let fetch = |name: &str, _| Ok::<_, Infallible>(files.get(name).cloned());
    let fetched = RefreshedRoot::fetch(root, now(), fetch).unwrap();
    assert_eq!(fetched.keys().sha256(), newest);
    // Somebody else's root does not lead there.
    let (other, _) = Rig::refreshed();
    let root = TufRoot::parse(other.repository.first_root()).unwrap();
    let fetch = |name: &str, _| Ok::<_, Infallible>(files.get(name).cloned());
    assert!(RefreshedRoot::fetch(root, now(), fetch).is_err());
    let unsigned = json!({"signatures": [], "signed": serde_json::from_slice::<Value>(
        rig.repository.first_root()).unwrap()["signed"]});
    let refusal = TufRoot::parse(unsigned.to_string().as_bytes()).unwrap_err();
    assert_eq!(refusal.check, "signatures");
}
