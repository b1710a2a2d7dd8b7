//! What is told of the next release: written by a person, and not finished before it is whole.

use release_plan::Exit;
use serde_json::Value;

use crate::fixture::{Ended, Fixture};

const NEXT: &str = "release-plan/next";

const GOOD: &str = "\
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
    let sections = release_plan::changes::Review::SECTIONS.map(|(heading, _)| match heading {
        "Files in scope" => format!("## {heading}\n\n- `src/main.rs`\n"),
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
    assert_eq!(failing(&fixture), [belongs.clone()]);
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
            "release-plan/next/Upper.md: ",
        ] {
            assert!(ended.err.contains(words), "{words}: {}", ended.err);
        }
        assert!(!ended.err.contains("good.md"), "{}", ended.err);
    }
}
