//! Repositories with one thing wrong or right, and all the rules that it breaks: no more, no less.

use git2::{Oid, Repository, Signature};
use release_plan::{Exit, Sha256};
use serde_json::Value;

use crate::builtins;
use crate::fixture::{Ended, Fixture};
use crate::gates::{self, dist_plan, fake_dist, planning};
use crate::story::{GOOD, NEXT, prepare, read, switch, tell, tell_of};

const MAIN: &str = "src/main.rs";
const LIB: &str = "src/lib.rs";
const PRODUCT: &str = "release-plan/product.yaml";
const RELEASES: &str = "release-plan/releases";
const SKILL: &str = "playbook/skills/ember-use/SKILL.md";
const SURFACE: &str = "release-plan/surface.json";

const COMMAND_LINE: &str = "\
{
  \"schema\": \"surface/1\",
  \"commands\": {
    \"\": {},
    \"light\": {
      \"--bright\": {}
    }
  },
  \"exit_codes\": {
    \"0\": \"done\",
    \"7\": \"dark\"
  }
}
";

/// What stands in the way of publishing any commit after a release, and nothing else.
const LATER: &str = "tag-on-commit (blocks-publishing)";

type Deed = fn(&Fixture);

/// A product of which 1.2.3 is released as it should be.
fn released() -> Fixture {
    let fixture = Fixture::unborn();
    fixture.add_workflows();
    fixture.write(SURFACE, COMMAND_LINE);
    fixture.write(LIB, "pub fn glow() {}\npub fn dim() {}\n");
    let url = "https://github.com/example/ember/releases";
    fixture.replace(
        "README.md",
        "# ember\n",
        &format!("# ember\n{url}/tag/v1.2.3\n{url}/download/v1.2.3/install.sh\n"),
    );
    fixture.replace(SKILL, "---\n", "---\nversion: 1.2.3\n");
    fixture.replace(PRODUCT, "upgrades:", "bootstrap_revision: 0\nupgrades:");
    builtins::generate(&fixture, "one");
    fake_dist(&fixture, &planning(&dist_plan()));
    tell_of(&fixture, "src", "minor");
    fixture.commit();
    prepare(&fixture, "1.2.3");
    fixture.tag("v1.2.3");
    fixture
}

/// That, and a change that is told of as `bump` and reviewed, all committed.
fn changed(bump: &str) -> Fixture {
    let fixture = released();
    shine(&fixture);
    tell(&fixture, "shine", bump);
    fixture.commit();
    fixture
}

fn shine(fixture: &Fixture) {
    fixture.write(MAIN, "fn main() { /* shines */ }\n");
}

/// Every row that did not pass, in the order of the gates; one that failed by its rule alone.
#[track_caller]
fn not_passed(fixture: &Fixture) -> Vec<String> {
    let ended = gates::check(fixture, &[]);
    let rows = rows(&ended);
    let said: Vec<_> = rows
        .iter()
        .filter_map(|row| match row["verdict"].as_str().unwrap() {
            "passed" => None,
            "failed" => Some(row["rule"].as_str().unwrap().to_owned()),
            other => Some(format!("{} ({other})", row["rule"].as_str().unwrap())),
        })
        .collect();
    let failed = rows.iter().any(|row| row["verdict"] == "failed");
    ended.with(if failed { Exit::Gate } else { Exit::Done });
    said
}

#[track_caller]
fn rows(ended: &Ended) -> Vec<Value> {
    serde_json::from_str(&ended.out).unwrap_or_else(|error| panic!("{error}: {}", ended.err))
}

/// Each deed on a tree of its own, committed, and all that it breaks besides `always`.
#[track_caller]
fn prove(tree: fn() -> Fixture, always: &[&str], table: &[(&str, Deed, &[&str])]) {
    let mut wrong = Vec::new();
    for (name, deed, expected) in table {
        let fixture = tree();
        deed(&fixture);
        fixture.commit();
        let mut found = not_passed(&fixture);
        found.retain(|rule| !always.contains(&rule.as_str()));
        if found != *expected {
            wrong.push(format!("{name}: expected {expected:?}, found {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_release_that_is_whole_passes_every_gate_however_strict() {
    let fixture = released();
    let ended = gates::check(&fixture, &["--strict", "--publishing"]).with(Exit::Done);
    let all = rows(&ended);
    assert!(all.iter().all(|row| row["verdict"] == "passed"), "{all:?}");
}

#[test]
fn what_is_wrong_with_the_story_of_a_change_breaks_its_own_rules_alone() {
    prove(
        released,
        &[LATER],
        &[
            ("nothing", |fixture| fixture.write("CHANGES", "some\n"), &[]),
            (
                "no fragment",
                shine,
                &["change-is-told", "change-is-reviewed"],
            ),
            (
                "told of and reviewed",
                |fixture| {
                    shine(fixture);
                    tell(fixture, "shine", "patch");
                },
                &[],
            ),
            (
                "a fragment without a section",
                |fixture| {
                    shine(fixture);
                    tell(fixture, "shine", "patch");
                    let fragment = format!("{NEXT}/shine.md");
                    fixture.replace(&fragment, "## Capabilities\n\n- Glowing: light it.\n", "");
                },
                &["fragment-sections"],
            ),
            (
                "words of the template",
                |fixture| {
                    shine(fixture);
                    tell(fixture, "shine", "patch");
                    fixture.replace(&format!("{NEXT}/shine.md"), "It glows", "REPLACE: It");
                },
                &["fragment-placeholder"],
            ),
            (
                "no review",
                |fixture| {
                    shine(fixture);
                    tell(fixture, "shine", "patch");
                    let review = format!("{NEXT}/shine.side-effects.md");
                    std::fs::remove_file(fixture.root().join(review)).unwrap();
                },
                &["review-present", "change-is-reviewed"],
            ),
            (
                "a fragment that wants no review",
                |fixture| {
                    shine(fixture);
                    fixture.write(&format!("{NEXT}/shine.md"), GOOD);
                },
                &["change-is-reviewed", "bump-says-why"],
            ),
            (
                "a review of something else",
                |fixture| {
                    shine(fixture);
                    tell_of(fixture, LIB, "patch");
                    for end in ["md", "side-effects.md"] {
                        let [from, to] = ["glow", "shine"]
                            .map(|slug| fixture.root().join(format!("{NEXT}/{slug}.{end}")));
                        std::fs::rename(from, to).unwrap();
                    }
                },
                &["change-is-reviewed", "review-scope"],
            ),
            (
                "bootstrap changed without an entry",
                |fixture| fixture.replace("bootstrap/stub.sh", "#!/bin/sh\n", "#!/bin/sh\n\n"),
                &[
                    "scripts-are-numbered",
                    "change-is-told",
                    "change-is-reviewed",
                ],
            ),
            (
                "bootstrap changed with its number and entry",
                |fixture| {
                    fixture.replace("bootstrap/stub.sh", "#!/bin/sh\n", "#!/bin/sh\n\n");
                    fixture.replace(PRODUCT, "bootstrap_revision: 0", "bootstrap_revision: 1");
                    fixture.write("release-plan/bootstrap/v1.2.3-r1.md", "It was broken.\n");
                },
                &[],
            ),
            (
                "a change that another release told of",
                |fixture| {
                    shine(fixture);
                    tell(fixture, "glow", "patch");
                },
                &["fragment-told-once"],
            ),
        ],
    );
}

#[test]
fn a_bump_that_is_too_low_breaks_that_rule_alone_and_one_that_is_enough_breaks_none() {
    let remove_function: Deed = |fixture| {
        fixture.replace(LIB, "pub fn dim() {}\n", "");
        review_all(fixture);
    };
    let rename_asset: Deed = |fixture| {
        let (host, other) = (env!("XTASK_HOST"), "x86_64-unknown-linux-musl");
        for file in ["dist-workspace.toml", ".github/workflows/release.yml"] {
            fixture.write(file, &read(fixture, file).replace(host, other));
        }
        fake_dist(fixture, &planning(&dist_plan().replace(host, other)));
    };
    let table: [(&str, Deed, &str); 9] = [
        (
            "a flag is gone",
            |fixture| fixture.replace(SURFACE, "\n      \"--bright\": {}\n    ", ""),
            "major",
        ),
        (
            "a flag is new",
            |fixture| fixture.replace(SURFACE, "{}\n    }", "{},\n      \"--soft\": {}\n    }"),
            "minor",
        ),
        (
            "a command is gone",
            |fixture| {
                let command = ",\n    \"light\": {\n      \"--bright\": {}\n    }";
                fixture.replace(SURFACE, command, "");
            },
            "major",
        ),
        (
            "an exit code is gone",
            |fixture| fixture.replace(SURFACE, ",\n    \"7\": \"dark\"", ""),
            "major",
        ),
        (
            "an exit code means something else",
            |fixture| fixture.replace(SURFACE, "dark", "dim"),
            "major",
        ),
        ("an asset has another name", rename_asset, "major"),
        ("a public function is gone", remove_function, "major"),
        (
            "a public function is new",
            |fixture| {
                fixture.replace(LIB, "pub fn dim", "pub fn soft() {}\npub fn dim");
                review_all(fixture);
            },
            "minor",
        ),
        ("nothing that others rely on", |_| {}, "patch"),
    ];
    let ranks = ["patch", "minor", "major"];
    let rank = |bump: &str| ranks.iter().position(|it| *it == bump);
    for (name, deed, needed) in table {
        for declared in ranks {
            let fixture = changed(declared);
            deed(&fixture);
            fixture.commit();
            let mut expected = Vec::new();
            if rank(declared) < rank(needed) {
                expected.push("bump-is-enough");
            }
            // A bump that is enough does not make up for a removal that nobody was told of before.
            if needed == "major" && !name.ends_with("means something else") {
                expected.push("removal-is-deprecated");
            }
            expected.push(LATER);
            let mut found = not_passed(&fixture);
            found.sort();
            assert_eq!(found, expected, "{name}, declared {declared}");
        }
    }
}

#[test]
fn what_others_know_a_product_by_is_major_and_what_feeds_a_channel_minor() {
    let major = "major at least";
    for (from, to, words) in [
        (
            "  id: 71",
            "  id: 73",
            [major, "repository.id was 71 and is 73"],
        ),
        (
            "owner_id: 72",
            "owner_id: 73",
            [major, "repository.owner_id"],
        ),
        (
            "default_branch: main",
            "default_branch: trunk",
            [major, "default_branch"],
        ),
        (
            "github.io/ember",
            "github.io/other",
            [major, "channels.url"],
        ),
        (
            "default: stable",
            "default: beta",
            [major, "channels.default was stable and is beta"],
        ),
        (
            "soak_days: 7",
            "soak_days: 8",
            [
                "minor at least",
                "channel stable was from beta after 7 days",
            ],
        ),
        (
            "alpha: {from: pre-releases}",
            "alpha: {from: releases}",
            [
                "minor at least",
                "channel alpha was from pre-releases after 0 days",
            ],
        ),
        ("days: 14", "days: 15", ["any bump", "nothing"]),
    ] {
        let fixture = changed("patch");
        fixture.replace(PRODUCT, from, to);
        fixture.commit();
        let all = rows(&gates::check(&fixture, &[]));
        let row = all.iter().find(|row| row["rule"] == "bump-is-enough");
        let row = row.unwrap();
        for word in words {
            assert!(row["expected"].as_str().unwrap().contains(word), "{row}");
        }
    }
}

#[test]
fn a_baseline_without_a_product_or_with_keys_that_are_known_no_more_stops_nobody() {
    for (now, then, found) in [
        (
            None,
            None,
            "v1.2.3 was released before release-plan/product.yaml was there",
        ),
        (
            Some("owner_id: 72"),
            Some("owner_id: 72\n  old: [1]"),
            "minor",
        ),
    ] {
        let fixture = released();
        let product = read(&fixture, PRODUCT);
        match (now, then) {
            (Some(now), Some(then)) => fixture.replace(PRODUCT, now, then),
            _ => std::fs::remove_file(fixture.root().join(PRODUCT)).unwrap(),
        }
        fixture.commit();
        Repository::open(fixture.root())
            .unwrap()
            .find_reference("refs/tags/v1.2.3")
            .unwrap()
            .delete()
            .unwrap();
        fixture.tag("v1.2.3");
        fixture.write(PRODUCT, &product);
        shine(&fixture);
        tell(&fixture, "shine", "minor");
        fixture.commit();
        let all = rows(&gates::check(&fixture, &[]));
        let row = all.iter().find(|row| row["rule"] == "bump-is-enough");
        let row = row.unwrap();
        assert_eq!(
            (&row["verdict"], &row["found"]),
            (&"passed".into(), &found.into())
        );
    }
}

#[test]
fn a_library_is_known_by_its_package_wherever_it_lies() {
    let moves: Deed = |fixture| {
        let [from, to] = [LIB, "src/root.rs"].map(|file| fixture.root().join(file));
        std::fs::rename(from, to).unwrap();
        let manifest = "[lib]\npath = \"src/root.rs\"\n\n[workspace]\n";
        fixture.replace("Cargo.toml", "[workspace]\n", manifest);
        review_all(fixture);
    };
    let withdrawn: Deed = |fixture| {
        let manifest = "license = \"MIT\"\npublish = false\n";
        fixture.replace("Cargo.toml", "license = \"MIT\"\n", manifest);
    };
    let table: [(&str, Deed, &[&str]); 4] = [
        ("moved", moves, &[]),
        (
            "moved, and it offers less",
            |fixture| fixture.replace("src/root.rs", "pub fn dim() {}\n", ""),
            &["fn dim is gone (src/root.rs)"],
        ),
        (
            "published no more",
            withdrawn,
            &["crate ember is gone (Cargo.toml)"],
        ),
        (
            "no library",
            |fixture| {
                std::fs::remove_file(fixture.root().join(LIB)).unwrap();
                review_all(fixture);
            },
            &["crate ember is gone (Cargo.toml)"],
        ),
    ];
    for (name, deed, reasons) in table {
        let fixture = changed("minor");
        if name.starts_with("moved,") {
            moves(&fixture);
        }
        deed(&fixture);
        fixture.commit();
        let mut found = not_passed(&fixture);
        found.retain(|rule| rule != "bump-says-why" && rule != LATER);
        let expected: &[&str] = if reasons.is_empty() {
            &[]
        } else {
            &["bump-is-enough", "removal-is-deprecated"]
        };
        assert_eq!(found, expected, "{name}");
        for reason in reasons {
            let all = rows(&gates::check(&fixture, &[]));
            let row = all.iter().find(|row| row["rule"] == "bump-is-enough");
            let expected = row.unwrap()["expected"].as_str().unwrap();
            assert!(expected.contains(reason), "{name}: {expected}");
        }
    }
}

#[test]
fn a_package_that_leaves_its_workspace_is_gone() {
    let fixture = workspace(true);
    prepare(&fixture, "1.3.0");
    fixture.tag("v1.3.0");
    std::fs::remove_dir_all(fixture.root().join("lamp")).unwrap();
    fixture.replace("Cargo.toml", "members = [\"lamp\"]\n", "");
    let lock = read(&fixture, "Cargo.lock");
    let lamp = "\n[[package]]\nname = \"lamp\"\nversion = \"1.3.0\"\n";
    assert!(lock.contains(lamp), "{lock}");
    fixture.write("Cargo.lock", &lock.replace(lamp, ""));
    fixture.commit();
    let broken = [
        LATER,
        "bump-is-enough",
        "removal-is-deprecated",
        "builtins-are-there (not-checked)",
    ];
    assert_eq!(not_passed(&fixture), broken);
    let ended = gates::check(&fixture, &[]);
    assert!(ended.out.contains("crate lamp is gone (Cargo.toml)"));
}

/// Has the review of the change be about all of the source.
fn review_all(fixture: &Fixture) {
    let review = format!("{NEXT}/shine.side-effects.md");
    fixture.replace(&review, "`src/main.rs`", "`src/*.rs`");
}

/// 1.3.0 prepared after 1.2.3, and not tagged yet.
fn prepared() -> Fixture {
    let fixture = changed("minor");
    prepare(&fixture, "1.3.0");
    fixture
}

/// Writes the digest of each file that is frozen.
pub(crate) fn freeze(fixture: &Fixture) {
    let folder = fixture.root().join(RELEASES);
    let names = std::fs::read_dir(&folder).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| name != "SHA256SUMS").collect();
    names.sort();
    let lines = names.iter().map(|name| {
        let bytes = std::fs::read(folder.join(name)).unwrap();
        format!("{}  {name}\n", Sha256::of(&bytes))
    });
    let sums: String = lines.collect();
    fixture.write(&format!("{RELEASES}/SHA256SUMS"), &sums);
}

#[test]
fn a_version_that_disagrees_in_one_place_alone_is_found_there() {
    prove(
        prepared,
        &[LATER],
        &[
            ("nowhere", |_| {}, &[]),
            (
                "the package",
                |fixture| fixture.replace("Cargo.toml", "1.3.0", "1.2.3"),
                &[
                    "lock-is-current",
                    "change-is-told",
                    "change-is-reviewed",
                    "builtins-keep-history",
                    "documents-agree-on-version",
                ],
            ),
            (
                "the package, above",
                |fixture| fixture.replace("Cargo.toml", "1.3.0", "1.4.0"),
                &[
                    "version-above-last-tag (not-checked)",
                    "lock-is-current",
                    "scripts-are-numbered (not-checked)",
                    "change-is-told (not-checked)",
                    "guide-present (blocks-publishing)",
                    "guide-frozen (not-checked)",
                    "builtins-keep-history (not-checked)",
                    "documents-agree-on-version",
                ],
            ),
            (
                "the lock file",
                |fixture| fixture.replace("Cargo.lock", "1.3.0", "1.2.3"),
                &["lock-is-current"],
            ),
            (
                "an address of a release",
                |fixture| fixture.replace("README.md", "tag/v1.3.0", "tag/v1.2.3"),
                &["documents-agree-on-version"],
            ),
            (
                "an address of an asset",
                |fixture| fixture.replace("README.md", "download/v1.3.0", "download/v1.2.3"),
                &["documents-agree-on-version"],
            ),
            (
                "an address beside words that are not UTF-8",
                |fixture| {
                    let text = b"https://github.com/example/ember/releases/tag/v1.2.3 caf\xe9\n";
                    std::fs::write(fixture.root().join("LICENSE-MIT"), text).unwrap();
                },
                &["documents-agree-on-version"],
            ),
            (
                "a skill",
                |fixture| fixture.replace(SKILL, "version: 1.3.0", "version: 1.2.3"),
                &[
                    "guide-tells-all (blocks-publishing)",
                    "builtins-are-current",
                    "documents-agree-on-version",
                ],
            ),
            (
                "the number of the scripts",
                |fixture| fixture.replace(PRODUCT, "revision: 0", "revision: 1"),
                &["scripts-are-numbered"],
            ),
            (
                "the title of the guide",
                |fixture| {
                    let guide = format!("{RELEASES}/1.3.0.md");
                    fixture.replace(&guide, "# ember 1.3.0", "# ember 1.2.3");
                    freeze(fixture);
                },
                &["guide-title", "guide-is-of-fragments"],
            ),
            (
                "the keys of the guide",
                |fixture| {
                    let guide = format!("{RELEASES}/1.3.0.md");
                    fixture.replace(&guide, "version: 1.3.0", "version: 1.2.4");
                    freeze(fixture);
                },
                &["guide-title", "guide-is-of-fragments"],
            ),
            (
                "the name of the guide",
                |fixture| {
                    let [from, to] = ["1.3.0", "1.3.1"]
                        .map(|it| fixture.root().join(format!("{RELEASES}/{it}.md")));
                    std::fs::rename(from, to).unwrap();
                    freeze(fixture);
                },
                &[
                    "change-is-told",
                    "change-is-reviewed",
                    "step-is-declared",
                    "guide-present (blocks-publishing)",
                    "guide-title",
                ],
            ),
            (
                "the digest of the guide",
                |fixture| {
                    let sums = format!("{RELEASES}/SHA256SUMS");
                    let told = read(fixture, &sums);
                    let line = told
                        .lines()
                        .find(|line| line.ends_with("  1.3.0.md"))
                        .unwrap();
                    fixture.write(&sums, &told.replace(&line[..64], &"0".repeat(64)));
                },
                &["guide-frozen"],
            ),
            (
                "the name of the reviews",
                |fixture| {
                    let [from, to] = ["1.3.0", "1.3.1"].map(|it| {
                        fixture
                            .root()
                            .join(format!("{RELEASES}/{it}.side-effects.md"))
                    });
                    std::fs::rename(from, to).unwrap();
                    freeze(fixture);
                },
                &["change-is-reviewed"],
            ),
        ],
    );
}

#[test]
fn a_tag_or_a_guide_that_is_not_of_the_release_is_found() {
    prove(
        prepared,
        &[],
        &[
            ("not tagged", |_| {}, &[LATER]),
            ("tagged before", |fixture| fixture.tag("v1.3.0"), &[LATER]),
            (
                "tagged as more than is declared",
                |fixture| fixture.tag("v1.4.0"),
                &["version-above-last-tag", LATER, "step-is-declared"],
            ),
            (
                "edited after it was frozen",
                |fixture| {
                    fixture.replace(&format!("{RELEASES}/1.3.0.md"), "It glows", "It shines");
                },
                &[LATER, "guide-frozen", "guide-is-of-fragments"],
            ),
            (
                "an old one edited with its digest",
                |fixture| {
                    fixture.replace(&format!("{RELEASES}/1.2.3.md"), "It glows", "It shines");
                    freeze(fixture);
                },
                &[LATER, "guide-frozen"],
            ),
        ],
    );
}

#[test]
fn declared_patch_and_tagged_minor_is_refused_before_and_after_the_tag() {
    let fixture = changed("patch");
    prepare(&fixture, "1.2.4");
    let before = Sha256::of(read(&fixture, SKILL).as_bytes()).to_string();
    // Somebody makes of it what was not declared, and forgets nothing else.
    for file in ["Cargo.toml", "Cargo.lock"] {
        fixture.replace(file, "1.2.4", "1.3.0");
    }
    for file in ["README.md", SKILL] {
        fixture.write(file, &read(&fixture, file).replace("1.2.4", "1.3.0"));
    }
    let manifest = "release-plan/builtins.json";
    let now = Sha256::of(read(&fixture, SKILL).as_bytes()).to_string();
    let manifested = read(&fixture, manifest).replace("1.2.4", "1.3.0");
    fixture.write(manifest, &manifested.replace(&before, &now));
    for end in ["md", "side-effects.md"] {
        let [from, to] = ["1.2.4", "1.3.0"].map(|it| format!("{RELEASES}/{it}.{end}"));
        fixture.write(&to, &read(&fixture, &from).replace("1.2.4", "1.3.0"));
        std::fs::remove_file(fixture.root().join(from)).unwrap();
    }
    freeze(&fixture);
    fixture.commit();
    let wrong = ["step-is-declared", "guide-is-of-fragments"];
    assert_eq!(not_passed(&fixture), [LATER, wrong[0], wrong[1]]);
    fixture.tag("v1.3.0");
    assert_eq!(not_passed(&fixture), wrong);
}

#[test]
fn a_tag_without_a_guide_stands_in_the_way_of_publishing() {
    let fixture = changed("minor");
    for file in ["Cargo.toml", "Cargo.lock", SKILL] {
        fixture.replace(file, "1.2.3", "1.3.0");
    }
    fixture.write(
        "README.md",
        &read(&fixture, "README.md").replace("1.2.3", "1.3.0"),
    );
    builtins::generate(&fixture, "one");
    fixture.commit();
    fixture.tag("v1.3.0");
    let found = ["guide-present (blocks-publishing)"];
    assert_eq!(not_passed(&fixture), found);
    gates::check(&fixture, &["--publishing"])
        .with(Exit::Gate)
        .saying("gates failed: guide-present");
}

/// The product in a workspace, whose version it has or not, with a library beside it.
fn workspace(inherits: bool) -> Fixture {
    let fixture = Fixture::unborn();
    let shared = "[workspace.package]\nversion = \"1.2.3\"\n\n[workspace]\nmembers = [\"lamp\"]\n";
    fixture.replace("Cargo.toml", "[workspace]\n", shared);
    if inherits {
        fixture.replace(
            "Cargo.toml",
            "version = \"1.2.3\"",
            "version.workspace = true",
        );
    }
    fixture.write(
        "lamp/Cargo.toml",
        "[package]\nname = \"lamp\"\nversion.workspace = true\nedition = \"2024\"\n",
    );
    fixture.write("lamp/src/lib.rs", "");
    let lock = read(&fixture, "Cargo.lock");
    let lamp = "\n[[package]]\nname = \"lamp\"\nversion = \"1.2.3\"\n";
    fixture.write("Cargo.lock", &(lock + lamp));
    fixture.add_workflows();
    fixture.write(SURFACE, COMMAND_LINE);
    fake_dist(&fixture, &planning(&dist_plan()));
    tell_of(&fixture, "src", "minor");
    fixture.commit();
    fixture
}

#[test]
fn the_version_of_a_workspace_is_raised_and_held_where_it_is_the_products() {
    for inherits in [true, false] {
        let fixture = workspace(inherits);
        prepare(&fixture, "1.3.0");
        assert_eq!(not_passed(&fixture), [LATER], "{inherits}");
        let lock = read(&fixture, "Cargo.lock");
        let lamp = if inherits { "1.3.0" } else { "1.2.3" };
        let entry = |name: &str, version: &str| format!("\"{name}\"\nversion = \"{version}\"\n");
        for entry in [entry("ember", "1.3.0"), entry("lamp", lamp)] {
            assert!(lock.contains(&entry), "{inherits}: {lock}");
        }
        fixture.replace(
            "Cargo.toml",
            "[workspace.package]\nversion = \"1",
            "[workspace.package]\nversion = \"2",
        );
        fixture.commit();
        // Where it is the product's, the guide of 1.3.0 is then one of an older release.
        let found: &[&str] = if inherits {
            &[
                "version-above-last-tag (not-checked)",
                LATER,
                "lock-is-current",
                "scripts-are-numbered (not-checked)",
                "change-is-told (not-checked)",
                "guide-present (blocks-publishing)",
                "guide-frozen (not-checked)",
            ]
        } else {
            &[LATER, "lock-is-current"]
        };
        assert_eq!(not_passed(&fixture), found);
    }
}

/// The branch that is checked out, and its tip.
fn tip(repository: &Repository) -> (String, Oid) {
    let head = repository.head().unwrap();
    (head.name().unwrap().to_owned(), head.target().unwrap())
}

/// Begins a branch where `from` is, and checks it out.
fn begin(fixture: &Fixture, name: &str, from: Oid) {
    let repository = fixture.repository();
    let from = repository.find_commit(from).unwrap();
    repository.branch(name, &from, false).unwrap();
    switch(fixture, &format!("refs/heads/{name}"));
}

/// What GitHub makes of a pull request: a commit of both, on no branch.
fn merged(fixture: &Fixture, main: Oid, other: Oid) -> Oid {
    let repository = fixture.repository();
    let [main, other] = [main, other].map(|id| repository.find_commit(id).unwrap());
    let mut index = repository.merge_commits(&main, &other, None).unwrap();
    assert!(!index.has_conflicts());
    let tree = index.write_tree_to(&repository).unwrap();
    let tree = repository.find_tree(tree).unwrap();
    let person = Signature::now("Ada", "ada@example.org").unwrap();
    let parents = [&main, &other];
    repository
        .commit(None, &person, &person, "Merge", &tree, &parents)
        .unwrap()
}

/// Checks out a commit, on no branch.
fn detach(fixture: &Fixture, commit: Oid) {
    let repository = fixture.repository();
    repository.set_head_detached(commit).unwrap();
    let mut checkout = git2::build::CheckoutBuilder::new();
    repository.checkout_head(Some(checkout.force())).unwrap();
}

/// Each rule with its place and verdict.
fn verdicts(fixture: &Fixture) -> Vec<[String; 3]> {
    let word = |row: &Value, key: &str| row[key].as_str().unwrap().to_owned();
    let rows = rows(&gates::check(fixture, &[]));
    let words = rows.iter();
    words
        .map(|row| ["rule", "place", "verdict"].map(|key| word(row, key)))
        .collect()
}

#[test]
fn a_pull_request_gets_the_verdicts_that_main_gets_once_it_is_merged() {
    let told: Deed = |fixture| {
        shine(fixture);
        tell(fixture, "shine", "minor");
    };
    let too_low: Deed = |fixture| {
        fixture.replace(SURFACE, ",\n    \"7\": \"dark\"", "");
        tell(fixture, "shine", "patch");
        shine(fixture);
    };
    let prepared: Deed = |fixture| {
        shine(fixture);
        tell(fixture, "shine", "minor");
        fixture.commit();
        prepare(fixture, "1.3.0");
    };
    for (deed, wrong) in [
        (told, &[LATER][..]),
        (shine, &[LATER, "change-is-told", "change-is-reviewed"]),
        (too_low, &[LATER, "bump-is-enough", "removal-is-deprecated"]),
        (prepared, &[LATER]),
    ] {
        let fixture = released();
        let repository = fixture.repository();
        let (main, before) = tip(&repository);
        begin(&fixture, "change", before);
        deed(&fixture);
        fixture.commit();
        let (_, change) = tip(&repository);
        let on_branch = verdicts(&fixture);
        assert_eq!(not_passed(&fixture), wrong);

        let merge = merged(&fixture, before, change);
        detach(&fixture, merge);
        assert_eq!(verdicts(&fixture), on_branch);

        // Main goes on before it is merged, by what nobody has to be told of.
        switch(&fixture, &main);
        fixture.write("CHANGES", "meanwhile\n");
        let meanwhile = fixture.commit();
        let merge = merged(&fixture, meanwhile, change);
        detach(&fixture, merge);
        assert_eq!(verdicts(&fixture), on_branch);
        repository.reference(&main, merge, true, "merged").unwrap();
        switch(&fixture, &main);
        assert_eq!(verdicts(&fixture), on_branch);
    }
}

#[test]
fn what_came_in_by_a_merge_is_held_against_the_last_release_of_this_line_alone() {
    let fixture = released();
    let repository = fixture.repository();
    let (main, before) = tip(&repository);
    let blob = repository.blob(b"no commit").unwrap();
    repository
        .reference("refs/tags/v1.0.0", blob, false, "made")
        .unwrap();
    // A release of another line, which is no part of this one.
    begin(&fixture, "old", before);
    fixture.replace(LIB, "pub fn dim() {}\n", "");
    fixture.commit();
    fixture.tag("v1.2.2");
    begin(&fixture, "change", before);
    shine(&fixture);
    let change = fixture.commit();
    switch(&fixture, &main);
    fixture.write("CHANGES", "meanwhile\n");
    let meanwhile = fixture.commit();
    assert_eq!(not_passed(&fixture), [LATER]);
    let merge = merged(&fixture, meanwhile, change);
    detach(&fixture, merge);
    let untold = [LATER, "change-is-told", "change-is-reviewed"];
    assert_eq!(not_passed(&fixture), untold);
    // The same release, tagged on a merge, is still the one that what follows rests on.
    repository.reference(&main, merge, true, "merged").unwrap();
    switch(&fixture, &main);
    tell(&fixture, "shine", "patch");
    fixture.commit();
    prepare(&fixture, "1.2.4");
    let (_, prepared) = tip(&repository);
    let merge = merged(&fixture, merge, prepared);
    detach(&fixture, merge);
    fixture.tag("v1.2.4");
    assert_eq!(not_passed(&fixture), [""; 0]);
    fixture.write("CHANGES", "after that\n");
    fixture.commit();
    assert_eq!(not_passed(&fixture), [LATER]);
}

#[test]
fn where_tags_are_missing_all_that_rests_on_them_is_not_checked() {
    let blind = |verdict: &str| {
        [
            "version-above-last-tag",
            "scripts-are-numbered",
            "change-is-told",
            "guide-frozen",
            "guide-is-of-fragments",
            "guide-tells-all",
            "builtins-keep-history",
        ]
        .map(|rule| format!("{rule} ({verdict})"))
    };
    let shallow: Deed = |fixture| {
        let (_, head) = tip(&fixture.repository());
        fixture.write(".git/shallow", &format!("{head}\n"));
    };
    let without_tags: Deed = |fixture| {
        let repository = fixture.repository();
        for tag in repository.tag_names(None).unwrap().iter() {
            repository.tag_delete(tag.unwrap().unwrap()).unwrap();
        }
    };
    for (deed, mend) in [
        (shallow, "git fetch --unshallow --tags"),
        (
            without_tags,
            "git fetch --tags; where it never was released, take its guide away",
        ),
    ] {
        // All is told of, or nothing is: that cannot be seen.
        for tell_of_it in [true, false] {
            let fixture = prepared();
            fixture.tag("v1.3.0");
            fixture.write(MAIN, "fn main() { /* dims */ }\n");
            if tell_of_it {
                tell(&fixture, "dim", "patch");
            }
            fixture.commit();
            deed(&fixture);
            let mut found = not_passed(&fixture);
            found.retain(|rule| rule != LATER);
            assert_eq!(found, blind("not-checked"), "{mend}");
            let ended = gates::check(&fixture, &["--strict"]).with(Exit::Gate);
            for rule in found {
                let rule = rule.trim_end_matches(" (not-checked)");
                assert_eq!(gates::row(&ended, rule)["mend"], mend);
            }
        }
    }
}

#[test]
fn whatever_is_not_checked_fails_where_checks_are_strict_and_nowhere_else() {
    let table: [(&str, Deed, &[&str]); 5] = [
        (
            "no dist",
            |fixture| std::fs::remove_dir_all(fixture.beside("tools")).unwrap(),
            &["dist-agrees"],
        ),
        (
            "no surface",
            |fixture| std::fs::remove_file(fixture.root().join(SURFACE)).unwrap(),
            &["surface-is-there"],
        ),
        (
            "a surface that cannot be read",
            |fixture| fixture.write(SURFACE, "{\n"),
            &["bump-is-enough"],
        ),
        (
            "a library that cannot be read",
            |fixture| {
                fixture.write(LIB, "pub fn dim(\n");
                review_all(fixture);
            },
            &["bump-is-enough"],
        ),
        (
            "no paths that count as behaviour",
            |fixture| {
                let policy = "changes:\n  behaviour: [src, bootstrap, playbook/skills]\n";
                fixture.replace(PRODUCT, policy, "");
            },
            &["change-is-told"],
        ),
    ];
    for (name, deed, expected) in table {
        let fixture = changed("minor");
        deed(&fixture);
        fixture.commit();
        let not_checked: Vec<_> = expected
            .iter()
            .map(|rule| format!("{rule} (not-checked)"))
            .collect();
        let mut found = not_passed(&fixture);
        found.retain(|rule| rule != LATER);
        assert_eq!(found, not_checked, "{name}");
        let ended = gates::check(&fixture, &["--strict"]).with(Exit::Gate);
        assert_eq!(
            ended.err.lines().last().unwrap(),
            format!("error: gates failed: {}", expected.join(", "))
        );
    }
}

#[test]
fn what_cannot_be_read_is_refused_with_its_place_and_what_to_do() {
    let bytes = |text: &str| text.as_bytes().to_vec();
    let utf16 = |mark: bool| {
        let words = mark
            .then_some(0xfeff)
            .into_iter()
            .chain(GOOD.encode_utf16());
        words.flat_map(u16::to_le_bytes).collect::<Vec<u8>>()
    };
    let latin = [GOOD.as_bytes(), b"caf\xe9\n"].concat();
    let lines = GOOD.lines().count() + 1;
    for (name, content, place, words) in [
        (
            "a.md",
            bytes(&GOOD.replace("bump: minor", "bump: [")),
            "a.md:",
            "expected",
        ),
        (
            "a.md",
            bytes(&GOOD.replace("bump: minor", "bump: huge")),
            "a.md:2:7",
            "patch, minor, major",
        ),
        (
            "a.md",
            bytes(&GOOD.replace("bump", "bumb")),
            "a.md:2:1",
            "did you mean \"bump\"?",
        ),
        (
            "a.md",
            bytes(&GOOD.replace("area: light\n", "")),
            "a.md:",
            "missing field `area`",
        ),
        (
            "a.md",
            bytes(&GOOD.replace("---\n", "")),
            "a.md:1:1",
            "expected a line `---`",
        ),
        (
            "a.md",
            bytes(&GOOD.replace("## Capabilities", "## Capability")),
            "a.md:16:1",
            "did you mean \"Capabilities\"?",
        ),
        (
            "a.md",
            bytes(&GOOD.replace('\n', "\r\n")),
            "a.md:1:4",
            "save it with LF",
        ),
        ("a.md", utf16(true), "a.md:1:1", "save it as UTF-8"),
        ("a.md", utf16(false), "a.md:1:2", "save it as UTF-8"),
        (
            "a.md",
            latin,
            &format!("a.md:{lines}:4"),
            "save it as UTF-8",
        ),
        (
            "a.md",
            bytes(&format!("\u{feff}{GOOD}")),
            "a.md:1:1",
            "UTF-8 without one",
        ),
        ("a.md", vec![b'x'; 1_000_000], "a.md:1:1", "tell it shorter"),
        (
            "a.md",
            [GOOD.as_bytes(), &[b'x'; 1_000_000]].concat(),
            "a.md:1:1",
            "tell it shorter",
        ),
        ("A.md", bytes(GOOD), "A.md:1:1", "rename it"),
        (
            "a.side-effects.md",
            vec![b'x'; 1_000_000],
            "a.side-effects.md:1:1",
            "tell it shorter",
        ),
    ] {
        let fixture = released();
        let folder = fixture.root().join(NEXT);
        std::fs::create_dir_all(&folder).unwrap();
        fixture.write(&format!("{NEXT}/b.md"), GOOD);
        std::fs::write(folder.join(name), &content).unwrap();
        fixture.commit();
        for command in [
            &["check"][..],
            &["fragment", "check"],
            &["prepare", "1.3.0", "--yes"],
        ] {
            let ended = fixture.run(command[0], &command[1..]).with(Exit::Input);
            let line = ended
                .err
                .lines()
                .find(|line| line.contains(&format!("{NEXT}/{place}")));
            let line = line.unwrap_or_else(|| panic!("{place}: {}", ended.err));
            assert!(line.contains(words), "{words}: {line}");
            let place = line.split(&format!("{NEXT}/{name}:")).nth(1).unwrap();
            let numbers: Vec<_> = place.split(':').take(2).map(str::parse::<u32>).collect();
            assert!(numbers.iter().all(Result::is_ok), "{line}");
            assert!(!ended.err.contains("b.md"), "{}", ended.err);
        }
    }
}

#[test]
fn a_file_that_decides_and_is_not_utf_8_is_refused_with_its_place() {
    for file in [
        PRODUCT,
        "dist-workspace.toml",
        "Cargo.toml",
        "README.md",
        SURFACE,
    ] {
        let fixture = changed("minor");
        let text = read(&fixture, file);
        std::fs::write(
            fixture.root().join(file),
            [text.as_bytes(), b"# \xe9\n"].concat(),
        )
        .unwrap();
        let place = format!("{file}:{}:3: expected UTF-8", text.lines().count() + 1);
        gates::check(&fixture, &[]).with(Exit::Input).saying(&place);
    }
}

#[test]
fn a_change_that_an_older_guide_told_of_is_told_of_in_no_other() {
    let fixture = released();
    shine(&fixture);
    tell(&fixture, "glow", "minor");
    fixture.commit();
    assert_eq!(not_passed(&fixture), [LATER, "fragment-told-once"]);
    let prepare = fixture.run("prepare", &["1.3.0", "--yes"]);
    prepare
        .with(Exit::Gate)
        .saying("glow.md: expected a change that no release told of");
}

#[test]
fn a_comment_in_the_code_of_a_review_begins_no_other_review() {
    let fixture = changed("minor");
    let review = format!("{NEXT}/shine.side-effects.md");
    fixture.replace(&review, "None.", "```sh\n# as root\nlight\n```");
    fixture.commit();
    assert_eq!(not_passed(&fixture), [LATER]);
    prepare(&fixture, "1.3.0");
    assert_eq!(not_passed(&fixture), [LATER]);
}

#[test]
fn ten_thousand_commits_and_five_hundred_tags_change_no_verdict() {
    let fixture = released();
    let mut bench = fixture.xtask("bench");
    bench.args(["check", "--runs", "1", "--json"]);
    let ended = crate::fixture::ok(&mut bench);
    let figures: Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(figures["commits"], 10_000, "{figures}");
    assert_eq!(figures["tags"], 500, "{figures}");
    assert_eq!(figures["aims"].as_array().unwrap().len(), 3, "{figures}");
}
