//! What is told of the next release: written by a person, and not finished before it is whole.

use release_plan::Exit;
use serde_json::Value;

use crate::fixture::{Ended, Fixture};
use crate::gates;

pub(crate) const NEXT: &str = "release-plan/next";

pub(crate) const GOOD: &str = "\
---
bump: minor
area: light
side_effects: false
migration: none
---

## What changed

It glows.

## What to tell your user

It can be seen in the dark.

## Capabilities

- Glowing: light it.
";

fn fragment(fixture: &Fixture, arguments: &[&str]) -> Ended {
    let mut command = fixture.xtask("fragment");
    command.args(arguments).output().unwrap().into()
}

/// The rules that fail, each with its place.
fn failing(fixture: &Fixture) -> Vec<(String, String)> {
    let ended = fragment(fixture, &["check", "--json"]).with(Exit::Gate);
    let rows: Vec<Value> = serde_json::from_str(&ended.out).unwrap();
    let word = |row: &Value, key: &str| row[key].as_str().unwrap().to_owned();
    rows.iter()
        .map(|row| (word(row, "rule"), word(row, "place")))
        .collect()
}

fn review() -> String {
    review_of("src/main.rs")
}

fn review_of(path: &str) -> String {
    let sections = release_plan::changes::Review::SECTIONS.map(|(heading, _)| match heading {
        "Files in scope" => format!("## {heading}\n\n- `{path}`\n"),
        _ => format!("## {heading}\n\nNone.\n"),
    });
    sections.join("\n")
}

#[test]
fn a_template_is_written_once_and_is_not_finished() {
    let fixture = Fixture::committed();
    let new = ["new", "glow", "--area", "light", "--side-effects"];
    fragment(&fixture, &new)
        .with(Exit::Done)
        .saying("glow.side-effects.md");
    let mut rules: Vec<_> = failing(&fixture)
        .into_iter()
        .map(|(rule, _)| rule)
        .collect();
    rules.dedup();
    assert_eq!(
        rules,
        ["fragment-placeholder", "review-placeholder", "review-scope"]
    );
    let read = || std::fs::read_to_string(fixture.root().join(NEXT).join("glow.md")).unwrap();
    let before = read();
    fragment(&fixture, &new)
        .with(Exit::Input)
        .saying("release-plan/next/glow.md is there already");
    assert_eq!(read(), before);
    fragment(&fixture, &["new", "Glow", "--area", "light"])
        .with(Exit::Usage)
        .saying("lower-case letters");
}

#[test]
fn what_is_whole_passes_and_what_is_not_is_named_by_rule_file_and_line() {
    let fixture = Fixture::committed();
    fragment(&fixture, &["check"]).with(Exit::Done);
    let place = format!("{NEXT}/glow.md");
    for (from, to, rule, line) in [
        ("It glows.\n", "", "fragment-sections", 8),
        ("It glows.", "TODO", "fragment-placeholder", 10),
        ("in the dark", "in `the` dark", "fragment-plain-words", 14),
        (": light it", "", "fragment-capabilities", 18),
        ("It glows", "Fixed: it glows", "fragment-evidence", 8),
        (
            "side_effects: false",
            "side_effects: true",
            "review-present",
            1,
        ),
    ] {
        fixture.write(&place, &GOOD.replace(from, to));
        let expected = (rule.to_owned(), format!("{place}:{line}"));
        assert_eq!(failing(&fixture), [expected]);
    }
    fixture.write(&place, GOOD);
    fragment(&fixture, &["check"]).with(Exit::Done);
}

#[test]
fn a_review_belongs_to_a_fragment_that_wants_it() {
    let fixture = Fixture::committed();
    let place = format!("{NEXT}/glow.side-effects.md");
    fixture.write(&place, &review());
    let belongs = ("review-belongs".to_owned(), format!("{place}:1"));
    assert_eq!(failing(&fixture), std::slice::from_ref(&belongs));
    fixture.write(&format!("{NEXT}/glow.md"), GOOD);
    assert_eq!(failing(&fixture), [belongs]);
    let wants = GOOD.replace("side_effects: false", "side_effects: true");
    fixture.write(&format!("{NEXT}/glow.md"), &wants);
    fragment(&fixture, &["check"]).with(Exit::Done);
    fixture.write(&place, &review().replace("- `src/main.rs`", "all of it"));
    let scope = ("review-scope".to_owned(), format!("{place}:3"));
    assert_eq!(failing(&fixture), [scope]);
}

#[test]
fn all_that_cannot_be_read_is_told_at_once_with_its_place() {
    let fixture = Fixture::committed();
    let write = |name: &str, text: &str| fixture.write(&format!("{NEXT}/{name}"), text);
    write("broken.md", &GOOD.replace("bump: minor", "bump: ["));
    write("crlf.md", &GOOD.replace('\n', "\r\n"));
    write("unknown.md", &GOOD.replace("side_effects", "side_efects"));
    write("large.md", &"x".repeat(1_000_000));
    write("Upper.md", GOOD);
    write("good.md", GOOD);
    for command in ["fragment", "check"] {
        let mut xtask = fixture.xtask(command);
        if command == "fragment" {
            xtask.arg("check");
        }
        let ended = Ended::from(xtask.output().unwrap()).with(Exit::Input);
        for words in [
            "release-plan/next/broken.md:",
            "release-plan/next/crlf.md:1:4: ",
            "release-plan/next/unknown.md:4:1: ",
            "did you mean \"side_effects\"?",
            "release-plan/next/large.md:1:1: expected at most 65536 bytes",
            "release-plan/next/Upper.md:1:1: ",
        ] {
            assert!(ended.err.contains(words), "{words}: {}", ended.err);
        }
        assert!(!ended.err.contains("good.md"), "{}", ended.err);
    }
}

/// A tree in which 1.2.3 was released, and nothing was done since.
fn released() -> Fixture {
    let fixture = Fixture::committed();
    fixture.tag("v1.2.3");
    fixture.write("CHANGES", "after the release\n");
    fixture.commit();
    fixture
}

/// The rules that fail of all that are checked, as one that pushes sees them.
pub(crate) fn broken(fixture: &Fixture) -> Vec<String> {
    let ended: Ended = fixture
        .xtask("check")
        .arg("--json")
        .output()
        .unwrap()
        .into();
    let rows: Vec<Value> = serde_json::from_str(&ended.out).unwrap();
    let rules = rows.iter().filter(|row| row["verdict"] == "failed");
    rules
        .map(|row| row["rule"].as_str().unwrap().to_owned())
        .filter(|rule| rule != "dist-agrees" && rule != "workflows-present")
        .collect()
}

/// Tells of a change of `path`, as somebody who reviewed it.
pub(crate) fn tell_of(fixture: &Fixture, path: &str, bump: &str) {
    tell(fixture, "glow", bump);
    let place = format!("{NEXT}/glow.side-effects.md");
    fixture.write(&place, &review_of(path));
}

pub(crate) fn tell(fixture: &Fixture, slug: &str, bump: &str) {
    let text = GOOD
        .replace(
            "bump: minor",
            &format!("bump: {bump}\nbump_reason: it can be seen"),
        )
        .replace("side_effects: false", "side_effects: true");
    fixture.write(&format!("{NEXT}/{slug}.md"), &text);
    fixture.write(&format!("{NEXT}/{slug}.side-effects.md"), &review());
}

pub(crate) fn set_version(fixture: &Fixture, from: &str, to: &str) {
    for file in ["Cargo.toml", "Cargo.lock"] {
        let versioned = |version| format!("version = \"{version}\"");
        fixture.replace(file, &versioned(from), &versioned(to));
    }
}

#[test]
fn what_changed_since_the_last_release_is_told_of_reviewed_and_declared() {
    const MAIN: &str = "src/main.rs";
    type Deed = fn(&Fixture);
    let glow: Deed = |fixture| fixture.write(MAIN, "fn main() { /* glows */ }\n");
    let table: &[(&str, &[Deed], &[&str])] = &[
        ("nothing of behaviour changed", &[], &[]),
        (
            "no fragment",
            &[glow],
            &["change-is-told", "change-is-reviewed"],
        ),
        (
            "told and reviewed",
            &[glow, |fixture| tell(fixture, "glow", "patch")],
            &[],
        ),
        (
            "told and not reviewed",
            &[glow, |fixture| {
                let patch = GOOD.replace("bump: minor", "bump: patch");
                fixture.write(&format!("{NEXT}/glow.md"), &patch);
            }],
            &["change-is-reviewed"],
        ),
        (
            "more is declared than is needed, and nothing says why",
            &[
                glow,
                |fixture| tell(fixture, "glow", "minor"),
                |fixture| {
                    fixture.replace(
                        &format!("{NEXT}/glow.md"),
                        "bump_reason: it can be seen\n",
                        "",
                    );
                },
            ],
            &["bump-says-why"],
        ),
        (
            "a review of something else",
            &[glow, |fixture| tell_of(fixture, "src/lib.rs", "patch")],
            &["change-is-reviewed", "review-scope"],
        ),
        (
            "a review of a folder, by a pattern",
            &[glow, |fixture| tell_of(fixture, "src/*.rs", "patch")],
            &[],
        ),
        (
            "bootstrap changed without a story",
            &[|fixture| fixture.write("bootstrap/install.sh", "# other\n")],
            &[
                "scripts-are-numbered",
                "change-is-told",
                "change-is-reviewed",
            ],
        ),
        (
            "the version that is declared",
            &[glow, |fixture| {
                tell(fixture, "glow", "patch");
                set_version(fixture, "1.2.3", "1.2.4");
            }],
            &[],
        ),
        (
            "a pre-release of the version that is declared",
            &[glow, |fixture| {
                tell(fixture, "glow", "minor");
                set_version(fixture, "1.2.3", "1.3.0-rc.1");
            }],
            &[],
        ),
        (
            "declared patch, raised minor",
            &[glow, |fixture| {
                tell(fixture, "glow", "patch");
                set_version(fixture, "1.2.3", "1.3.0");
            }],
            &["step-is-declared"],
        ),
        (
            "declared major by one of two, raised minor",
            &[glow, |fixture| {
                tell(fixture, "glow", "minor");
                tell(fixture, "dim", "major");
                set_version(fixture, "1.2.3", "1.3.0");
            }],
            &["step-is-declared"],
        ),
        (
            "raised without a word",
            &[|fixture| set_version(fixture, "1.2.3", "1.2.4")],
            &["step-is-declared"],
        ),
    ];
    for (name, deeds, expected) in table {
        let fixture = released();
        for deed in *deeds {
            deed(&fixture);
        }
        let found = broken(&fixture);
        let wanted = |rule: &&str| found.iter().any(|found| found == rule);
        assert!(
            expected.iter().all(wanted) && found.len() == expected.len(),
            "{name}: {found:?}"
        );
        // Committed or not, it is the same.
        fixture.commit();
        assert_eq!(broken(&fixture), found, "{name}, committed");
    }
}

#[test]
fn below_1_0_0_a_major_change_raises_the_second_number() {
    for (bump, version, rules) in [
        ("major", "0.3.0", &[][..]),
        ("major", "1.0.0", &[]),
        ("minor", "0.2.1", &[]),
        ("major", "0.2.1", &["step-is-declared"]),
        ("minor", "0.3.0", &["step-is-declared"]),
        ("minor", "1.0.0", &["step-is-declared"]),
    ] {
        let fixture = Fixture::unborn();
        set_version(&fixture, "1.2.3", "0.2.0");
        fixture.commit();
        fixture.tag("v0.2.0");
        fixture.write("src/main.rs", "fn main() { /* glows */ }\n");
        tell(&fixture, "glow", bump);
        set_version(&fixture, "0.2.0", version);
        fixture.commit();
        assert_eq!(broken(&fixture), rules, "{bump} to {version}");
    }
}

#[test]
fn the_last_release_is_one_that_this_commit_rests_on() {
    let fixture = released();
    let repository = fixture.repository();
    let main = repository.head().unwrap().peel_to_commit().unwrap();
    // A release of another branch, and one of this commit, say nothing of what changed.
    fixture.write("src/main.rs", "fn main() { /* elsewhere */ }\n");
    fixture.commit();
    fixture.tag("v9.0.0");
    repository
        .reset(main.as_object(), git2::ResetType::Hard, None)
        .unwrap();
    fixture.write("src/main.rs", "fn main() { /* glows */ }\n");
    fixture.commit();
    fixture.tag("v1.2.4");
    let ended: Ended = fixture
        .xtask("check")
        .arg("--json")
        .output()
        .unwrap()
        .into();
    assert!(
        ended.out.contains("where behaviour changed since v1.2.3"),
        "{}",
        ended.out
    );
    // From a head that is no branch it is the same.
    let head = repository.head().unwrap().target().unwrap();
    repository.set_head_detached(head).unwrap();
    let detached: Ended = fixture
        .xtask("check")
        .arg("--json")
        .output()
        .unwrap()
        .into();
    assert_eq!(detached.out, ended.out);
    // What is not committed came after it.
    fixture.write("src/main.rs", "fn main() { /* shines */ }\n");
    let changed = fixture.run("check", &["--json"]).out;
    let since = "where behaviour changed since v1.2.4";
    assert!(changed.contains(since), "{changed}");
}

#[test]
fn what_cannot_be_decided_is_not_checked_and_fails_where_checks_are_strict() {
    let without_policy: fn(&Fixture) = |fixture| {
        let policy = "changes:\n  behaviour: [src, bootstrap, playbook/skills]\n";
        fixture.replace("release-plan/product.yaml", policy, "");
    };
    let shallow: fn(&Fixture) = |fixture| {
        let head = fixture.repository().head().unwrap().target().unwrap();
        fixture.write(".git/shallow", &format!("{head}\n"));
    };
    for (deed, found) in [
        (without_policy, "no path that counts as behaviour"),
        (shallow, "a shallow clone"),
    ] {
        let fixture = released();
        fixture.write("src/main.rs", "fn main() { /* glows */ }\n");
        deed(&fixture);
        let check = |arguments: &[&str]| {
            let mut check = fixture.xtask("check");
            Ended::from(check.arg("--json").args(arguments).output().unwrap())
        };
        let ended = check(&[]);
        let rows: Vec<Value> = serde_json::from_str(&ended.out).unwrap();
        let row = rows.iter().find(|row| row["rule"] == "change-is-told");
        let row = row.unwrap();
        assert_eq!(row["verdict"], "not-checked", "{row}");
        assert!(row["found"].as_str().unwrap().contains(found), "{row}");
        assert!(row["mend"].is_string(), "{row}");
        check(&["--strict"])
            .with(Exit::Gate)
            .saying("change-is-told");
    }
}

/// Has the release commit made of what is committed, and checks it out.
pub(crate) fn prepare(fixture: &Fixture, version: &str) {
    fixture.run("prepare", &[version, "--yes"]).with(Exit::Done);
    switch(fixture, &format!("refs/heads/release/v{version}"));
}

pub(crate) fn switch(fixture: &Fixture, branch: &str) {
    let repository = fixture.repository();
    repository.set_head(branch).unwrap();
    let mut checkout = git2::build::CheckoutBuilder::new();
    repository.checkout_head(Some(checkout.force())).unwrap();
}

/// A tree in which something glows since 1.2.3, told of and committed.
pub(crate) fn glowing(bump: &str) -> Fixture {
    let fixture = released();
    fixture.write("src/main.rs", "fn main() { /* glows */ }\n");
    tell(&fixture, "glow", bump);
    fixture.commit();
    fixture
}

pub(crate) fn read(fixture: &Fixture, path: &str) -> String {
    std::fs::read_to_string(fixture.root().join(path)).unwrap()
}

#[test]
fn prepare_makes_the_release_commit_on_a_branch_and_touches_nothing_else() {
    let fixture = glowing("minor");
    fixture.replace(
        "README.md",
        "# ember\n",
        "# ember\nhttps://github.com/example/ember/releases/tag/v1.2.3\n",
    );
    fixture.replace(
        "release-plan/product.yaml",
        "upgrades:",
        "bootstrap_revision: 0\nupgrades:",
    );
    fixture.commit();
    let repository = fixture.repository();
    let before = repository.head().unwrap().peel_to_commit().unwrap().id();
    let branch = repository.head().unwrap().name().unwrap().to_owned();
    let dry = fixture
        .run("prepare", &["1.3.0", "--dry-run"])
        .with(Exit::Done);
    for line in [
        "+version = \"1.3.0\"",
        "+# ember 1.3.0",
        "+- Glowing: light it.",
    ] {
        assert!(dry.out.contains(line), "{line}: {}", dry.out);
    }
    assert!(
        repository
            .find_branch("release/v1.3.0", git2::BranchType::Local)
            .is_err()
    );
    fixture.run("prepare", &["1.3.0"]).with(Exit::Usage);

    fixture.run("prepare", &["1.3.0", "--yes"]).with(Exit::Done);
    assert_eq!(repository.head().unwrap().name().unwrap(), branch);
    assert_eq!(repository.head().unwrap().target().unwrap(), before);
    assert!(repository.statuses(None).unwrap().is_empty());
    assert_eq!(repository.tag_names(None).unwrap().len(), 1);
    fixture
        .run("prepare", &["1.3.0", "--yes"])
        .with(Exit::Input)
        .saying("the branch release/v1.3.0 is there already");

    switch(&fixture, "refs/heads/release/v1.3.0");
    for (file, words) in [
        ("Cargo.toml", "version = \"1.3.0\""),
        ("Cargo.lock", "name = \"ember\"\nversion = \"1.3.0\""),
        ("README.md", "releases/tag/v1.3.0"),
        ("release-plan/releases/1.3.0.md", "# ember 1.3.0"),
        (
            "release-plan/releases/1.3.0.side-effects.md",
            "# glow\n\n## Files in scope",
        ),
        (
            "release-plan/releases/SHA256SUMS",
            "  1.3.0.side-effects.md\n",
        ),
    ] {
        assert!(read(&fixture, file).contains(words), "{file}");
    }
    assert!(!fixture.root().join(NEXT).exists());
    assert_eq!(broken(&fixture), [""; 0]);
    fixture.tag("v1.3.0");
    assert_eq!(broken(&fixture), [""; 0]);
}

#[test]
fn a_pre_release_leaves_its_fragments_to_the_release() {
    let fixture = glowing("minor");
    prepare(&fixture, "1.3.0-rc.1");
    assert_eq!(broken(&fixture), [""; 0]);
    fixture.tag("v1.3.0-rc.1");
    prepare(&fixture, "1.3.0");
    assert_eq!(broken(&fixture), [""; 0]);
    assert!(read(&fixture, "release-plan/releases/1.3.0.md").contains("changes: [glow]"));
}

#[test]
fn what_is_not_ready_is_not_prepared() {
    type Deed = fn(&Fixture);
    let nothing: Deed = |_| {};
    for (deed, version, exit, words) in [
        (
            nothing,
            "1.2.4",
            Exit::Gate,
            "expected 1.3.0, since minor is declared",
        ),
        (
            nothing,
            "1.2.2",
            Exit::Gate,
            "expected a version above 1.2.3",
        ),
        (nothing, "1.2.3", Exit::Input, "v1.2.3 is there already"),
        (nothing, "1.3.0+a", Exit::Input, "build metadata"),
        (
            |fixture| fixture.write("src/main.rs", ""),
            "1.3.0",
            Exit::Input,
            "src/main.rs is not committed",
        ),
        (
            |fixture| {
                fixture.replace(&format!("{NEXT}/glow.md"), "It glows.", "TODO");
                fixture.commit();
            },
            "1.3.0",
            Exit::Gate,
            "glow.md:11: expected words of your own",
        ),
        (
            |fixture| {
                std::fs::remove_dir_all(fixture.root().join(NEXT)).unwrap();
                fixture.commit();
            },
            "1.3.0",
            Exit::Gate,
            "there is nothing to tell",
        ),
    ] {
        let fixture = glowing("minor");
        deed(&fixture);
        fixture
            .run("prepare", &[version, "--yes"])
            .with(exit)
            .saying(words);
        let repository = fixture.repository();
        assert_eq!(
            repository
                .branches(Some(git2::BranchType::Local))
                .unwrap()
                .count(),
            1
        );
    }
}

#[test]
fn a_guide_says_what_it_is_of_and_is_never_changed() {
    const GUIDE: &str = "release-plan/releases/1.3.0.md";
    const SUMS: &str = "release-plan/releases/SHA256SUMS";
    type Deed = fn(&Fixture);
    fn digest(fixture: &Fixture) {
        let sum = release_plan::Sha256::of(read(fixture, GUIDE).as_bytes());
        let sums = read(fixture, SUMS);
        let others = sums.lines().filter(|line| !line.ends_with("  1.3.0.md"));
        let all: Vec<String> = others
            .map(str::to_owned)
            .chain([format!("{sum}  1.3.0.md")])
            .collect();
        let mut all = all;
        all.sort_by_key(|line| line[66..].to_owned());
        fixture.write(SUMS, &(all.join("\n") + "\n"));
    }
    let edited: Deed = |fixture| fixture.replace(GUIDE, "It glows.", "It shines.");
    let both: Deed = |fixture| {
        fixture.replace(GUIDE, "It glows.", "It shines.");
        digest(fixture);
    };
    let later: Deed = |fixture| {
        fixture.tag("v1.3.0");
        fixture.write("CHANGES", "after that\n");
        fixture.commit();
    };
    for (name, deeds, expected) in [
        ("nothing", vec![], &[][..]),
        (
            "edited",
            vec![edited],
            &["guide-frozen", "guide-is-of-fragments"],
        ),
        (
            "edited with its digest before it went out",
            vec![both],
            &["guide-is-of-fragments"],
        ),
        (
            "edited with its digest after it went out",
            vec![later, both],
            &["guide-frozen"],
        ),
        (
            "removed",
            vec![|fixture: &Fixture| std::fs::remove_file(fixture.root().join(GUIDE)).unwrap()],
            &[
                "change-is-told",
                "change-is-reviewed",
                "step-is-declared",
                "guide-frozen",
            ],
        ),
        (
            "without its digest",
            vec![|fixture: &Fixture| fixture.write(SUMS, "")],
            &["guide-frozen"],
        ),
        (
            "of another version",
            vec![|fixture: &Fixture| {
                fixture.replace(GUIDE, "version: 1.3.0", "version: 1.3.1");
                digest(fixture);
            }],
            &["guide-title", "guide-is-of-fragments"],
        ),
        (
            "with another title",
            vec![|fixture: &Fixture| {
                fixture.replace(GUIDE, "# ember 1.3.0", "# ember 1.3.1");
                digest(fixture);
            }],
            &["guide-title", "guide-is-of-fragments"],
        ),
        (
            "told of again",
            vec![later, |fixture| tell(fixture, "glow", "patch")],
            &["review-scope", "fragment-told-once"],
        ),
    ] {
        let fixture = glowing("minor");
        prepare(&fixture, "1.3.0");
        for deed in deeds {
            deed(&fixture);
        }
        assert_eq!(broken(&fixture), expected, "{name}");
    }
}

#[test]
fn a_tag_without_a_guide_is_named_in_a_rehearsal_and_fails_when_publishing() {
    let fixture = Fixture::committed();
    fixture.tag("v1.2.3");
    let check = |arguments: &[&str]| fixture.run("check", arguments);
    let ended = check(&["--json"]);
    let rows: Vec<Value> = serde_json::from_str(&ended.out).unwrap();
    let row = rows
        .iter()
        .find(|row| row["rule"] == "guide-present")
        .unwrap();
    assert_eq!(row["verdict"], "blocks-publishing", "{row}");
    assert_eq!(row["mend"], "cargo xtask prepare 1.2.3 --yes", "{row}");
    check(&["--publishing"])
        .with(Exit::Gate)
        .saying("guide-present");
}

#[test]
fn a_spec_has_a_number_of_its_own_which_is_the_one_in_its_name() {
    let spec = |number: u32, status: &str| {
        format!("---\nnumber: {number}\nstatus: {status}\n---\n\n# A format\n")
    };
    let path = |name: &str| format!("release-plan/specs/{name}");
    for (name, text, rules) in [
        ("0002-route.md", spec(2, "accepted"), &[][..]),
        ("0003-route.md", spec(2, "draft"), &["specs-are-numbered"]),
        ("0001-route.md", spec(1, "draft"), &["specs-are-numbered"]),
        ("2-route.md", spec(2, "draft"), &["specs-are-numbered"]),
        ("0002-route.md", spec(2, "replaced\nreplaced_by: 1"), &[]),
        (
            "0002-route.md",
            spec(2, "replaced\nreplaced_by: 5"),
            &["specs-are-numbered"],
        ),
    ] {
        let fixture = released();
        fixture.write(&path("0001-format.md"), &spec(1, "accepted"));
        fixture.write(&path(name), &text);
        assert_eq!(broken(&fixture), rules, "{name}: {text}");
    }
    let fixture = released();
    fixture.write(&path("0001-format.md"), &spec(1, "done"));
    fixture
        .run("check", &[])
        .with(Exit::Input)
        .saying("release-plan/specs/0001-format.md:3:9: ");
}

#[test]
fn a_twin_that_drifted_fails_with_the_command_that_mends_it() {
    let fixture = released();
    let twins = "changes:\n  twins: [[README.md, playbook/copy.md]]\n";
    fixture.replace("release-plan/product.yaml", "changes:\n", twins);
    let copy = || fixture.write("playbook/copy.md", &read(&fixture, "README.md"));
    copy();
    assert_eq!(broken(&fixture), [""; 0]);
    fixture.write("playbook/copy.md", "# other\n");
    assert_eq!(broken(&fixture), ["twins-are-equal"]);
    let ended = fixture.run("check", &[]).with(Exit::Gate);
    assert!(
        ended.out.contains("cp README.md playbook/copy.md"),
        "{}",
        ended.out
    );
    std::fs::remove_file(fixture.root().join("playbook/copy.md")).unwrap();
    assert_eq!(broken(&fixture), ["twins-are-equal"]);
    copy();
    std::fs::remove_file(fixture.root().join("README.md")).unwrap();
    let broken = broken(&fixture);
    assert!(broken.contains(&"twins-are-equal".to_owned()), "{broken:?}");
}

#[test]
fn a_bump_below_what_assets_channels_and_lowest_versions_need_is_refused() {
    const PRODUCT: &str = "release-plan/product.yaml";
    type Deed = fn(&Fixture);
    let add_target: Deed = |fixture| {
        let targets = "targets = [\"x86_64-pc-windows-gnullvm\", ";
        fixture.replace("dist-workspace.toml", "targets = [", targets);
    };
    let channel: Deed = |fixture| fixture.replace(PRODUCT, "    alpha: {from: pre-releases}\n", "");
    let workflow: Deed =
        |fixture| fixture.replace(PRODUCT, "workflows/release.yml", "workflows/cut.yml");
    let lowest: Deed = |fixture| fixture.replace(PRODUCT, "  from: 0.0.0", "  from: 1.0.0");
    for (name, deed, needed, place) in [
        ("a new target", add_target, "minor", "dist-workspace.toml:"),
        (
            "a channel that is gone",
            channel,
            "major",
            "release-plan/product.yaml:",
        ),
        (
            "another workflow that signs",
            workflow,
            "major",
            "release-plan/product.yaml:",
        ),
        (
            "a higher version to upgrade from",
            lowest,
            "major",
            "release-plan/product.yaml:",
        ),
    ] {
        for declared in ["patch", "minor", "major"] {
            let fixture = released();
            fixture.write("src/main.rs", "fn main() { /* glows */ }\n");
            tell(&fixture, "glow", declared);
            deed(&fixture);
            let enough = ["patch", "minor", "major"];
            let rank = |bump: &str| enough.iter().position(|it| *it == bump);
            let fails = rank(declared) < rank(needed);
            let row = row_of(&fixture, "bump-is-enough");
            assert_eq!(
                row["verdict"] == "failed",
                fails,
                "{name}, {declared}: {row}"
            );
            assert!(
                row["place"].as_str().unwrap().starts_with(place),
                "{name}: {row}"
            );
            assert!(
                row["expected"].as_str().unwrap().starts_with(needed),
                "{name}: {row}"
            );
        }
    }
}

#[test]
fn an_asset_or_a_target_that_is_gone_asks_for_a_major_change() {
    let fixture = Fixture::unborn();
    let targets = "targets = [\"x86_64-pc-windows-gnullvm\", ";
    fixture.replace("dist-workspace.toml", "targets = [", targets);
    fixture.commit();
    fixture.tag("v1.2.3");
    fixture.replace("dist-workspace.toml", targets, "targets = [");
    fixture.commit();
    assert_eq!(
        broken(&fixture),
        ["bump-is-enough", "removal-is-deprecated"]
    );
    let ended = fixture.run("check", &[]).with(Exit::Gate);
    let words = "asset ember-x86_64-pc-windows-gnullvm.zip is gone";
    assert!(ended.out.contains(words), "{}", ended.out);
    tell(&fixture, "glow", "minor");
    let explained = fixture.run("plan", &["--explain"]).with(Exit::Done).out;
    for part in [
        "after v1.2.3, minor is declared: 1.3.0; Cargo.toml has 1.2.3",
        words,
        "dist-workspace.toml:",
        "release-plan/next/glow.md",
    ] {
        assert!(explained.contains(part), "{part}: {explained}");
    }
}

#[test]
fn a_public_function_that_is_gone_or_another_asks_for_a_major_change_and_a_new_one_for_a_minor() {
    let lib = "pub fn glow(bright: u8) {}\nmod a;\npub use a::Lamp;\n";
    let a = "pub struct Lamp;\nimpl Lamp {\n    pub fn lit(&self) {}\n}\n";
    for (file, text, declared, words) in [
        (
            "src/lib.rs",
            lib.replace("bright: u8", "much: u8"),
            "patch",
            None,
        ),
        (
            "src/lib.rs",
            lib.replace("u8", "u16"),
            "minor",
            Some("fn glow is another for its callers (src/lib.rs:1)"),
        ),
        (
            "src/lib.rs",
            lib.replace("pub fn glow", "fn glow"),
            "minor",
            Some("fn glow is gone (src/lib.rs)"),
        ),
        (
            "src/lib.rs",
            lib.replace("pub use a::Lamp;\n", ""),
            "minor",
            Some("fn Lamp::lit is gone"),
        ),
        (
            "src/a.rs",
            a.replace("lit", "shines"),
            "patch",
            Some("major at least"),
        ),
        (
            "src/a.rs",
            a.replace("{}\n", "{}\n    pub fn dim(&self) {}\n"),
            "patch",
            Some("fn Lamp::dim is new (src/a.rs:4)"),
        ),
        (
            "src/a.rs",
            a.replace("{}\n", "{}\n    pub fn dim(&self) {}\n"),
            "minor",
            None,
        ),
    ] {
        let fixture = Fixture::unborn();
        fixture.write("src/lib.rs", lib);
        fixture.write("src/a.rs", a);
        fixture.commit();
        fixture.tag("v1.2.3");
        fixture.write(file, &text);
        tell_of(&fixture, file, declared);
        fixture.commit();
        let row = row_of(&fixture, "bump-is-enough");
        let expected = row["expected"].as_str().unwrap();
        match words {
            None => assert_eq!(row["verdict"], "passed", "{text}: {row}"),
            Some(words) => {
                assert_eq!(row["verdict"], "failed", "{text}: {row}");
                assert!(expected.contains(words), "{words}: {row}");
            }
        }
    }
}

#[test]
fn a_flag_a_command_or_an_exit_code_that_is_gone_asks_for_a_major_change() {
    const SURFACE: &str = "release-plan/surface.json";
    let then = "{\n  \"schema\": \"surface/1\",\n  \"commands\": {\n    \"\": {},\n    \"light\": {\n      \
                \"--bright\": {}\n    }\n  },\n  \"exit_codes\": {\n    \"0\": \"done\",\n    \
                \"7\": \"dark\"\n  }\n}\n";
    for (from, to, words) in [
        (
            "\n      \"--bright\": {}\n    ",
            "",
            "command light --bright is gone (release-plan/surface.json:5)",
        ),
        (
            "\"light\"",
            "\"glow\"",
            "command light is gone (release-plan/surface.json:3)",
        ),
        (
            "\"dark\"",
            "\"dim\"",
            "exit code 7 was \"dark\" and is \"dim\" (release-plan/surface.json:11)",
        ),
        (
            ",\n    \"7\": \"dark\"",
            "",
            "exit code 7 is gone (release-plan/surface.json:9)",
        ),
    ] {
        let fixture = Fixture::unborn();
        fixture.write(SURFACE, then);
        fixture.commit();
        fixture.tag("v1.2.3");
        assert!(then.contains(from), "{from}");
        fixture.write(SURFACE, &then.replacen(from, to, 1));
        fixture.commit();
        let row = row_of(&fixture, "bump-is-enough");
        assert_eq!(row["verdict"], "failed", "{row}");
        let expected = row["expected"].as_str().unwrap();
        assert!(
            expected.starts_with("major at least") && expected.contains(words),
            "{row}"
        );
    }
}

const REPORT: &str = "src/report.rs";

/// A tree in which 1.2.3 was released, which printed a document.
fn printing() -> Fixture {
    let fixture = Fixture::unborn();
    fixture.write(
        REPORT,
        "use serde::Serialize;\n\n#[derive(Serialize)]\nstruct Report {\n    from: String,\n    \
         why: Option<Why>,\n}\n\n#[derive(Serialize)]\nstruct Why {\n    code: u8,\n}\n",
    );
    let formats = "changes:\n  formats:\n    ember --json: src/report.rs#Report\n";
    fixture.replace("release-plan/product.yaml", "changes:\n", formats);
    fixture.commit();
    fixture.tag("v1.2.3");
    fixture
}

/// The row of a rule.
pub(crate) fn row_of(fixture: &Fixture, rule: &str) -> Value {
    gates::row(&fixture.run("check", &["--json"]), rule)
}

#[test]
fn a_bump_below_what_a_changed_document_needs_is_refused() {
    const PRODUCT: &str = "release-plan/product.yaml";
    type Deed = fn(&Fixture);
    let rename: Deed = |fixture| {
        fixture.replace(REPORT, "Option<Why>", "Option<Reason>");
        fixture.replace(REPORT, "struct Why", "struct Reason");
    };
    let move_: Deed = |fixture| {
        fixture.write("src/told.rs", &read(fixture, REPORT));
        fixture.write(REPORT, "");
        fixture.replace(PRODUCT, "src/report.rs#", "src/told.rs#");
    };
    type Told = Option<(&'static str, &'static str)>;
    let table: &[(&str, Deed, &str, &str, Told)] = &[
        (
            "a key that is gone",
            |fixture| fixture.replace(REPORT, "    from: String,\n", ""),
            REPORT,
            "minor",
            Some((
                "src/report.rs:4",
                "major at least, since v1.2.3: ember --json from is gone",
            )),
        ),
        (
            "another kind",
            |fixture| fixture.replace(REPORT, "code: u8", "code: String"),
            REPORT,
            "minor",
            Some((
                "src/report.rs:11",
                "ember --json why.code was number and is string",
            )),
        ),
        (
            "declared as it is",
            |fixture| fixture.replace(REPORT, "code: u8", "code: String"),
            REPORT,
            "major",
            None,
        ),
        (
            "a new key",
            |fixture| fixture.replace(REPORT, "code: u8", "code: u8,\n    words: String"),
            REPORT,
            "patch",
            Some((
                "src/report.rs:12",
                "minor at least, since v1.2.3: ember --json why.words is new",
            )),
        ),
        ("a type of another name", rename, REPORT, "patch", None),
        ("a type of another file", move_, "src/*.rs", "patch", None),
        (
            "a document that is gone",
            |fixture| {
                fixture.replace(
                    PRODUCT,
                    "    ember --json: src/report.rs#Report\n",
                    "    {}\n",
                );
            },
            PRODUCT,
            "minor",
            Some((
                "release-plan/product.yaml:23",
                "major at least, since v1.2.3: ember --json is gone",
            )),
        ),
        (
            "a document by another name",
            |fixture| fixture.replace(PRODUCT, "ember --json", "ember go --json"),
            PRODUCT,
            "patch",
            Some((
                "release-plan/product.yaml:23",
                "major at least, since v1.2.3: ember --json is gone",
            )),
        ),
        (
            "a document that is new",
            |fixture| {
                let both = "  formats:\n    why.json: src/report.rs#Why\n";
                fixture.replace(PRODUCT, "  formats:\n", both);
            },
            PRODUCT,
            "patch",
            Some((
                "release-plan/product.yaml:24",
                "minor at least, since v1.2.3: why.json is new",
            )),
        ),
    ];
    for (name, deed, scope, declared, expected) in table {
        let fixture = printing();
        deed(&fixture);
        tell_of(&fixture, scope, declared);
        fixture.commit();
        let Some((place, words)) = expected else {
            assert_eq!(broken(&fixture), [""; 0], "{name}");
            continue;
        };
        // What is gone was not said to go, either.
        let unsaid = words
            .ends_with("is gone")
            .then_some("removal-is-deprecated");
        let rules: Vec<_> = ["bump-is-enough"].into_iter().chain(unsaid).collect();
        assert_eq!(broken(&fixture), rules, "{name}");
        let row = row_of(&fixture, "bump-is-enough");
        assert_eq!(row["place"], *place, "{name}: {row}");
        let said = row["expected"].as_str().unwrap();
        assert!(
            said.contains(&format!("{words} ({place})")),
            "{name}: {row}"
        );
        let (_, thing) = words.rsplit_once("v1.2.3: ").unwrap_or(("", words));
        let explained = fixture.run("plan", &["--explain"]).with(Exit::Done).out;
        for part in [thing, place] {
            assert!(explained.contains(part), "{name}: {part}: {explained}");
        }
    }
}

#[test]
fn a_document_of_which_nothing_is_known_is_named_where_the_product_names_it() {
    const PRODUCT: &str = "release-plan/product.yaml";
    for (from, to, words) in [
        (
            "#Report",
            "#Rapport",
            "no Rapport in src/report.rs that serde's derives write or read; there are: Report, Why",
        ),
        (
            "src/report.rs#",
            "src/reports.rs#",
            "no file src/reports.rs",
        ),
    ] {
        let released = printing();
        let unreleased = printing();
        unreleased.repository().tag_delete("v1.2.3").unwrap();
        for fixture in [released, unreleased] {
            fixture.replace(PRODUCT, from, to);
            tell_of(&fixture, PRODUCT, "minor");
            fixture.commit();
            assert_eq!(broken(&fixture), ["formats-are-there"], "{to}");
            let row = row_of(&fixture, "formats-are-there");
            assert_eq!(row["place"], "release-plan/product.yaml:24", "{row}");
            assert_eq!(row["found"], words, "{row}");
        }
    }
}

#[test]
fn tags_that_were_not_fetched_are_not_taken_for_releases_that_never_were() {
    let fixture = glowing("minor");
    prepare(&fixture, "1.3.0");
    fixture.tag("v1.3.0");
    fixture.write("src/main.rs", "fn main() { /* shines */ }\n");
    set_version(&fixture, "1.3.0", "1.3.1");
    tell_of(&fixture, "src/main.rs", "patch");
    fixture.replace(&format!("{NEXT}/glow.md"), "It glows.", "It shines.");
    fixture.commit();
    let told = || {
        let ended: Ended = fixture
            .xtask("check")
            .arg("--json")
            .output()
            .unwrap()
            .into();
        let rows: Vec<Value> = serde_json::from_str(&ended.out).unwrap();
        let row = rows.into_iter().find(|row| row["rule"] == "change-is-told");
        row.unwrap()
    };
    assert_eq!(told()["verdict"], "passed");
    fixture.repository().tag_delete("v1.3.0").unwrap();
    let row = told();
    assert_eq!(row["verdict"], "not-checked", "{row}");
    assert_eq!(row["found"], "a guide of v1.3.0, and no such tag", "{row}");
    let mend = row["mend"].as_str().unwrap();
    assert!(
        mend.starts_with("git fetch --tags; where it never was"),
        "{row}"
    );
}

#[test]
fn what_came_after_the_release_commit_stands_in_the_way_of_publishing() {
    type Deed = fn(&Fixture);
    let table: [(&str, Deed, &[&str]); 4] = [
        ("nothing", |_| {}, &[]),
        (
            "a fragment",
            |fixture| {
                fixture.write("src/main.rs", "fn main() { /* dims */ }\n");
                tell(fixture, "dim", "patch");
            },
            &["guide-tells-all"],
        ),
        (
            "a change that nothing tells of",
            |fixture| fixture.write("src/main.rs", "fn main() { /* dims */ }\n"),
            &["guide-tells-all"],
        ),
        (
            "what is no behaviour",
            |fixture| fixture.write("CHANGES", "another\n"),
            &[],
        ),
    ];
    for (name, deed, expected) in table {
        for version in ["1.3.0", "1.3.0-rc.1"] {
            let fixture = glowing("minor");
            prepare(&fixture, version);
            deed(&fixture);
            fixture.commit();
            let ended = fixture.run("check", &["--json"]);
            let rows: Vec<Value> = serde_json::from_str(&ended.out).unwrap();
            let late = rows.iter().filter(|row| {
                row["verdict"] == "blocks-publishing"
                    && row["rule"].as_str().unwrap().starts_with("guide")
            });
            let late: Vec<_> = late.map(|row| row["rule"].as_str().unwrap()).collect();
            assert_eq!(late, expected, "{name} after {version}");
            assert_eq!(broken(&fixture), [""; 0], "{name} after {version}");
            // Once it is out, what comes is told of by the next.
            fixture.tag(&format!("v{version}"));
            fixture.write("src/main.rs", "fn main() { /* is out */ }\n");
            let ended = fixture.run("check", &["--json"]);
            assert!(
                !ended.out.contains("guide-tells-all"),
                "{name}: {}",
                ended.out
            );
        }
    }
}

#[test]
fn a_review_of_all_there_is_reviews_nothing() {
    for scope in [
        "*",
        "**",
        "[a-z]*",
        "?rc",
        ".",
        "./src",
        "/",
        "../ember",
        ":(top)src",
        " ",
    ] {
        let fixture = released();
        fixture.write("src/main.rs", "fn main() { /* glows */ }\n");
        tell_of(&fixture, scope, "patch");
        fixture.commit();
        let broken = broken(&fixture);
        assert!(
            broken.contains(&"change-is-reviewed".to_owned()),
            "{scope}: {broken:?}"
        );
        assert!(
            broken.contains(&"review-scope".to_owned()),
            "{scope}: {broken:?}"
        );
    }
}

#[test]
fn a_policy_that_is_narrowed_holds_for_what_changes_with_it() {
    let fixture = released();
    fixture.write("src/main.rs", "fn main() { /* glows */ }\n");
    let policy = "behaviour: [src, bootstrap, playbook/skills]";
    fixture.replace(
        "release-plan/product.yaml",
        policy,
        "behaviour: [bootstrap]",
    );
    fixture.commit();
    assert_eq!(broken(&fixture), ["change-is-told", "change-is-reviewed"]);
}

#[test]
fn a_line_that_is_kept_up_is_released_from_and_the_other_goes_on_past_it() {
    let fixture = released();
    let repository = fixture.repository();
    let main = repository.head().unwrap().name().unwrap().to_owned();
    let old = repository.head().unwrap().peel_to_commit().unwrap();
    repository.branch("line-1.2", &old, false).unwrap();
    let glow = |text: &str, bump: &str| {
        fixture.write("src/main.rs", &format!("fn main() {{ /* {text} */ }}\n"));
        tell(&fixture, text, bump);
        fixture.commit();
    };
    let out = |version: &str| {
        prepare(&fixture, version);
        assert_eq!(broken(&fixture), [""; 0], "{version}");
        fixture.tag(&format!("v{version}"));
    };
    switch(&fixture, "refs/heads/line-1.2");
    glow("glows", "patch");
    out("1.2.4");
    switch(&fixture, &main);
    glow("shines", "patch");
    fixture
        .run("prepare", &["1.2.4", "--yes"])
        .with(Exit::Input);
    fixture
        .run("prepare", &["1.2.6", "--yes"])
        .with(Exit::Gate)
        .saying("expected 1.2.5");
    out("1.2.5");
}

#[test]
fn a_version_that_prepare_raises_is_no_change_of_behaviour_wherever_it_stands() {
    let fixture = Fixture::unborn();
    let policy = "behaviour: [src, bootstrap, playbook/skills]";
    let whole = "behaviour: [Cargo.lock, Cargo.toml, release-plan/product.yaml, src]";
    fixture.replace("release-plan/product.yaml", policy, whole);
    fixture.replace(
        "release-plan/product.yaml",
        "upgrades:",
        "bootstrap_revision: 0\nupgrades:",
    );
    fixture.commit();
    fixture.tag("v1.2.3");
    fixture.write("src/main.rs", "fn main() { /* glows */ }\n");
    tell(&fixture, "glow", "minor");
    fixture.commit();
    prepare(&fixture, "1.3.0");
    assert_eq!(broken(&fixture), [""; 0]);
    fixture.replace("Cargo.toml", "license = \"MIT\"", "license = \"0BSD\"");
    assert_eq!(broken(&fixture), ["change-is-reviewed"]);
}
