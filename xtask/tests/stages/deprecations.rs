//! What is to go is said before it goes, and goes no sooner.

use release_plan::Exit;

use crate::fixture::Fixture;
use crate::story::{broken, set_version, tell_of};

const PRODUCT: &str = "release-plan/product.yaml";
const SURFACE: &str = "release-plan/surface.json";

const COMMANDS: &str = "{\n  \"schema\": \"surface/1\",\n  \"commands\": {\n    \"\": {},\n    \
                        \"light\": {\n      \"--new\": {},\n      \"--old\": {}\n    }\n  },\n  \
                        \"exit_codes\": {\n    \"0\": \"done\"\n  }\n}\n";

fn deprecate(fixture: &Fixture, thing: &str, since: &str, until: &str) {
    let entry = format!(
        "deprecations:\n- {{thing: {thing}, since: {since}, until: {until}, replacement: light \
         --new}}\nupgrades:"
    );
    fixture.replace(PRODUCT, "upgrades:", &entry);
}

fn remove(fixture: &Fixture) {
    fixture.replace(SURFACE, "\"--new\": {},\n      \"--old\"", "\"--new\"");
}

/// A tree in which something is to go, or not, under its tag, and what happens after it.
fn after(version: &str, then: Option<(&str, &str)>, bump: &str, deed: fn(&Fixture)) -> Vec<String> {
    let fixture = Fixture::unborn();
    fixture.write(SURFACE, COMMANDS);
    if version != "1.2.3" {
        set_version(&fixture, "1.2.3", version);
    }
    if let Some((since, until)) = then {
        deprecate(&fixture, "command light --old", since, until);
    }
    fixture.commit();
    fixture.tag(&format!("v{version}"));
    fixture.write("src/main.rs", "fn main() { /* glows */ }\n");
    tell_of(&fixture, "src/main.rs", bump);
    deed(&fixture);
    fixture.commit();
    broken(&fixture)
}

/// What is said of it ends, and so does the thing.
fn take_away(fixture: &Fixture) {
    let product = std::fs::read_to_string(fixture.root().join(PRODUCT)).unwrap();
    let lines = product
        .lines()
        .filter(|line| !line.contains("deprecations") && !line.starts_with("- {thing"));
    let product: String = lines.flat_map(|line| [line, "\n"]).collect();
    fixture.write(PRODUCT, &product);
    remove(fixture);
}

#[test]
fn nothing_leaves_a_major_version_that_the_last_release_did_not_say_would() {
    let said = Some(("1.2.0", "1.9.0"));
    for (what, version, then, bump, deed, expected) in [
        (
            "nothing said",
            "1.2.3",
            None,
            "major",
            remove as fn(&Fixture),
            &["removal-is-deprecated"][..],
        ),
        (
            "said, and its time over with 2.0.0",
            "1.2.3",
            said,
            "major",
            take_away,
            &[],
        ),
        (
            "… but no major change is declared",
            "1.2.3",
            said,
            "minor",
            take_away,
            &["bump-is-enough", "removal-is-deprecated"],
        ),
        (
            "said for longer than that",
            "1.2.3",
            Some(("1.2.0", "2.0.0")),
            "major",
            take_away,
            &["removal-is-deprecated"],
        ),
        (
            "below 1.0.0 nothing need be said",
            "0.2.3",
            None,
            "major",
            remove,
            &[],
        ),
        (
            "… but what was said holds",
            "0.2.3",
            Some(("0.2.0", "0.4.0")),
            "major",
            take_away,
            &["removal-is-deprecated"],
        ),
        (
            "… until its end",
            "0.2.3",
            Some(("0.2.0", "0.2.9")),
            "major",
            take_away,
            &[],
        ),
    ] {
        assert_eq!(after(version, then, bump, deed), expected, "{what}");
    }
}

#[test]
fn what_was_said_of_an_end_is_kept_and_what_is_new_begins_with_the_next_version() {
    let said = Some(("1.2.0", "1.9.0"));
    let now: fn(&Fixture) = |fixture| deprecate(fixture, "command light --old", "1.3.0", "1.9.0");
    type Case = (
        &'static str,
        Option<(&'static str, &'static str)>,
        &'static str,
        fn(&Fixture),
        &'static [&'static str],
    );
    let table: [Case; 11] = [
        ("a new one is a minor change", None, "minor", now, &[]),
        (
            "… and no patch",
            None,
            "patch",
            now,
            &["bump-is-enough", "deprecation-is-kept"],
        ),
        (
            "dated ahead",
            None,
            "minor",
            |fixture| deprecate(fixture, "exit code 0", "77.0.0", "77.0.0"),
            &["deprecation-is-kept"],
        ),
        (
            "dated back",
            None,
            "minor",
            |fixture| deprecate(fixture, "exit code 0", "1.2.3", "1.9.0"),
            &["deprecation-is-kept"],
        ),
        (
            "taken back, and the thing is there",
            said,
            "patch",
            |fixture| {
                take_away(fixture);
                fixture.write(SURFACE, COMMANDS);
            },
            &["deprecation-is-kept"],
        ),
        (
            "for longer",
            said,
            "patch",
            |fixture| fixture.replace(PRODUCT, "1.9.0", "1.10.0"),
            &[],
        ),
        (
            "for no longer",
            said,
            "patch",
            |fixture| fixture.replace(PRODUCT, "1.9.0", "1.8.0"),
            &["deprecation-is-kept"],
        ),
        (
            "another beginning",
            said,
            "patch",
            |fixture| fixture.replace(PRODUCT, "1.2.0", "1.2.1"),
            &["deprecation-is-kept"],
        ),
        (
            "over, and the thing is there",
            Some(("1.2.0", "1.2.3")),
            "patch",
            |_| {},
            &["deprecation-is-over"],
        ),
        (
            "of a thing that nobody has",
            None,
            "minor",
            |fixture| deprecate(fixture, "command dark", "1.3.0", "1.9.0"),
            &["deprecation-is-known"],
        ),
        (
            "gone, with the entry left",
            said,
            "major",
            remove,
            &["deprecation-is-known", "deprecation-is-over"],
        ),
    ];
    for (what, then, bump, deed, expected) in table {
        assert_eq!(after("1.2.3", then, bump, deed), expected, "{what}");
    }
}

#[test]
fn an_entry_that_cannot_be_is_refused_with_its_place() {
    for (entry, words) in [
        (
            "thing: exit code 0, since: 1.3.0, until: 1.2.0, replacement: x",
            "no end before its beginning",
        ),
        (
            "thing: exit code 0, since: 1.3.0, until: 1.9.0, replacement: ''",
            "what replaces it",
        ),
        (
            "thing: exit code 0, since: 1.3.0, untill: 1.9.0, replacement: x",
            "until",
        ),
        (
            "thing: exit code 0, since: soon, until: 1.9.0, replacement: x",
            "major version number",
        ),
    ] {
        let fixture = Fixture::committed();
        let entry = format!("deprecations:\n- {{{entry}}}\nupgrades:");
        fixture.replace(PRODUCT, "upgrades:", &entry);
        let ended = fixture.run("check", &[]).with(Exit::Input).saying(words);
        assert!(ended.err.contains("product.yaml:2"), "{}", ended.err);
    }
}

#[test]
fn everything_that_others_rely_on_can_be_deprecated_by_its_name() {
    let fixture = Fixture::unborn();
    fixture.write(SURFACE, COMMANDS);
    fixture.write(
        "src/lib.rs",
        "pub fn glow() {}\n#[derive(serde::Serialize)]\nstruct Light { bright: Vec<u8> }\n",
    );
    let changes = "changes:\n  formats: {light --json: src/lib.rs#Light}\n";
    fixture.replace(PRODUCT, "changes:\n", changes);
    let things = [
        "command light",
        "command light --old",
        "exit code 0",
        "channel alpha",
        "asset install.sh",
        "fn glow",
        "light --json",
        "light --json bright",
        "light --json bright[]",
    ];
    let entry = |thing: &&str| {
        format!("- {{thing: '{thing}', since: 1.3.0, until: 1.9.0, replacement: light}}\n")
    };
    let entries: String = things.iter().map(entry).collect();
    let entries = format!("deprecations:\n{entries}upgrades:");
    fixture.replace(PRODUCT, "upgrades:", &entries);
    fixture.commit();
    assert_eq!(broken(&fixture), [""; 0]);
    fixture.replace(PRODUCT, "light --json bright[]", "light --json dark");
    assert_eq!(broken(&fixture), ["deprecation-is-known"]);
}
