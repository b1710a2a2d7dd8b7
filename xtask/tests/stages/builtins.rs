//! The builtin manifest: what this tree installs elsewhere, and what releases before it did.

use release_plan::{Builtins, Exit, Installed, Sha256};
use serde_json::Value;

use crate::fixture::{Ended, Fixture};
use crate::story::{NEXT, broken, glowing, prepare, tell_of};

const FILE: &str = "release-plan/builtins.json";
const SKILL: &str = "playbook/skills/ember-use/SKILL.md";
/// Its name in the manifest.
const INSTALLED: &str = "playbook/ember-use/SKILL.md";

fn read(fixture: &Fixture, path: &str) -> String {
    std::fs::read_to_string(fixture.root().join(path)).unwrap()
}

fn builtins(fixture: &Fixture) -> Builtins {
    Builtins::parse(&read(fixture, FILE)).unwrap()
}

fn skill(fixture: &Fixture) -> Sha256 {
    Sha256::of(read(fixture, SKILL).as_bytes())
}

/// Writes the manifest as the program would have it, which installs its playbook and an env file.
pub(crate) fn generate(fixture: &Fixture, env: &str) {
    let now = Installed::from([
        (INSTALLED.to_owned(), skill(fixture)),
        ("env.sh".to_owned(), Sha256::of(env.as_bytes())),
    ]);
    let known = if fixture.root().join(FILE).is_file() {
        builtins(fixture)
    } else {
        Builtins::default()
    };
    fixture.write(FILE, &known.installing(&now).render());
}

/// Has the review be about the playbook too.
fn review_the_playbook(fixture: &Fixture) {
    let review = format!("{NEXT}/glow.side-effects.md");
    fixture.replace(&review, "- `src/main.rs`", "- `src/main.rs`\n- `playbook`");
}

/// A tree whose 1.2.3 installed a playbook and an env file, and that is to be 1.2.4.
fn installing() -> Fixture {
    let fixture = Fixture::unborn();
    generate(&fixture, "one");
    let version = "1.2.3".parse().unwrap();
    fixture.write(FILE, &builtins(&fixture).released(&version).render());
    fixture.commit();
    fixture.tag("v1.2.3");
    fixture.write("src/main.rs", "fn main() { /* glows */ }\n");
    tell_of(&fixture, "src/main.rs", "patch");
    fixture.commit();
    fixture
}

fn history(fixture: &Fixture, name: &str) -> Vec<(String, Sha256)> {
    let shipped = builtins(fixture).files[name].shipped.clone();
    let shipped = shipped.into_iter();
    shipped
        .map(|it| (it.since.to_string(), it.sha256))
        .collect()
}

#[test]
fn prepare_puts_what_a_version_installs_into_the_history_with_the_playbook_it_raised() {
    let fixture = installing();
    fixture.replace(SKILL, "---\nname", "---\nversion: 1.2.3\nname");
    generate(&fixture, "two");
    review_the_playbook(&fixture);
    fixture.commit();
    let before = history(&fixture, "env.sh");
    prepare(&fixture, "1.2.4");
    assert_eq!(broken(&fixture), [""; 0]);
    assert!(read(&fixture, SKILL).contains("version: 1.2.4"));
    let (version, sha256) = history(&fixture, INSTALLED).pop().unwrap();
    assert_eq!((version.as_str(), sha256), ("1.2.4", skill(&fixture)));
    let after = history(&fixture, "env.sh");
    assert_eq!(after[..1], before);
    assert_eq!(after[1..], [("1.2.4".to_owned(), Sha256::of(b"two"))]);
}

#[test]
fn a_manifest_that_is_stale_or_forgets_is_named_by_its_rule() {
    type Deed = fn(&Fixture);
    let edit: Deed = |fixture| {
        review_the_playbook(fixture);
        fixture.write(SKILL, "---\nname: ember-use\ndescription: x\n---\n");
    };
    let table: &[(&str, &[Deed], &[&str])] = &[
        ("as it was", &[], &[]),
        (
            "a file of the playbook is another",
            &[edit],
            &["builtins-are-current"],
        ),
        (
            "… and so says the manifest",
            &[edit, |fixture| generate(fixture, "one")],
            &[],
        ),
        (
            "a file of the playbook is new",
            &[review_the_playbook, |fixture| {
                fixture.write("playbook/skills/ember-use/more.md", "more\n");
            }],
            &["builtins-are-current"],
        ),
        (
            "a file of the playbook is gone",
            &[review_the_playbook, |fixture| {
                std::fs::remove_file(fixture.root().join(SKILL)).unwrap();
                fixture.write("playbook/skills/other/SKILL.md", "other\n");
            }],
            &["builtins-are-current"],
        ),
        (
            "a digest that was shipped is told no more",
            &[|fixture| {
                let now = builtins(fixture).installed();
                fixture.write(FILE, &Builtins::default().installing(&now).render());
            }],
            &["builtins-keep-history"],
        ),
        (
            "a file that was shipped is told no more",
            &[|fixture| {
                let mut builtins = builtins(fixture);
                builtins.files.remove("env.sh");
                fixture.write(FILE, &builtins.render());
            }],
            &["builtins-keep-history"],
        ),
        (
            "a digest that was never shipped is told",
            &[|fixture| {
                let forged = builtins(fixture).released(&"1.1.0".parse().unwrap());
                let mut forged = forged.installing(&Installed::from([(
                    "env.sh".to_owned(),
                    Sha256::of(b"forged"),
                )]));
                forged = forged.released(&"1.2.2".parse().unwrap());
                let now = builtins(fixture).installed();
                fixture.write(FILE, &forged.installing(&now).render());
            }],
            &["builtins-keep-history"],
        ),
    ];
    for (what, deeds, expected) in table {
        let fixture = installing();
        for deed in *deeds {
            deed(&fixture);
        }
        fixture.commit();
        assert_eq!(broken(&fixture), *expected, "{what}");
    }
}

#[test]
fn what_changes_after_the_release_was_prepared_is_not_in_its_history() {
    let fixture = installing();
    prepare(&fixture, "1.2.4");
    generate(&fixture, "two");
    fixture.commit();
    assert_eq!(broken(&fixture), ["builtins-name-the-release"]);
}

#[test]
fn a_tree_without_a_manifest_is_asked_for_one_once_it_has_released() {
    let fixture = glowing("minor");
    let ended: Ended = fixture.run("check", &["--json"]);
    let rows: Vec<Value> = serde_json::from_str(&ended.out).unwrap();
    let row = rows.iter().find(|row| row["rule"] == "builtins-are-there");
    let row = row.unwrap();
    assert_eq!(row["verdict"], "not-checked", "{row}");
    assert_eq!(row["mend"], "cargo xtask generate --program", "{row}");
}

#[test]
fn a_manifest_that_cannot_be_read_is_told_with_its_place_and_mend() {
    let fixture = installing();
    for (text, words) in [
        ("{\n", "line 2 column 0"),
        ("{\"schema\": \"builtins/9\", \"files\": {}}", "builtins/9"),
        (
            "{\"schema\": \"builtins/1\", \"files\": {}, \"at\": 1}",
            "unknown field `at`",
        ),
    ] {
        fixture.write(FILE, text);
        fixture
            .run("check", &[])
            .with(Exit::Input)
            .saying(FILE)
            .saying(words)
            .saying("generate --program");
    }
}

#[test]
fn what_a_pre_release_installed_is_kept_and_what_comes_after_a_release_is_no_part_of_it() {
    let fixture = installing();
    generate(&fixture, "two");
    fixture.commit();
    prepare(&fixture, "1.2.4-rc.1");
    fixture.tag("v1.2.4-rc.1");
    // After it, the next may be begun.
    generate(&fixture, "three");
    fixture.commit();
    assert_eq!(broken(&fixture), [""; 0]);
    let mut lost = builtins(&fixture);
    lost.files.get_mut("env.sh").unwrap().shipped.pop();
    fixture.write(FILE, &lost.render());
    fixture.commit();
    assert_eq!(broken(&fixture), ["builtins-keep-history"]);
}
