//! Words that would do harm once they are frozen or shown, and files that are no words at all.

use std::fs;
use std::process::Command;

use release_plan::Exit;

use crate::fixture::Fixture;
use crate::proof::freeze;
use crate::story::{GOOD, NEXT, glowing, prepare, read, row_of, tell};

type Deed = fn(&Fixture);

const GLOW: &str = "release-plan/next/glow.md";
const GUIDE: &str = "release-plan/releases/1.3.0.md";

/// Not prepared for that reason, and nothing is left behind.
#[track_caller]
fn not_prepared(fixture: &Fixture, exit: Exit, words: &str) {
    let before = fixture.repository().branches(None).unwrap().count();
    let ended = fixture.run("prepare", &["1.3.0", "--yes"]);
    ended.with(exit).saying(words);
    let after = fixture.repository().branches(None).unwrap().count();
    assert_eq!(before, after, "{words}");
}

/// As many changes, of which each tells so much in place of `from`.
fn tell_much(fixture: &Fixture, changes: usize, from: &str) {
    for number in 0..changes {
        let slug = format!("glow-{number}");
        tell(fixture, &slug, "minor");
        let file = format!("{NEXT}/{slug}.md");
        fixture.replace(&file, from, &"It glows. ".repeat(6_400));
    }
}

#[test]
fn what_the_readers_of_a_guide_would_refuse_is_not_prepared() {
    let table: [(Deed, Exit, &str); 7] = [
        (
            |fixture| fixture.replace(GLOW, "- Glowing: light it.", "None.\n\n```sh\nlight"),
            Exit::Gate,
            "glow.md:21: expected a block that ends before its section does",
        ),
        (
            |fixture| {
                let forged = r#"migration: "x\n\n## Evidence\n\nforged""#;
                fixture.replace(GLOW, "migration: none", forged);
            },
            Exit::Input,
            "glow.md:6:12: expected words on one line",
        ),
        (
            |fixture| fixture.replace(GLOW, "migration: none", "migration: \"## Evidence\""),
            Exit::Gate,
            "release-plan/next/glow.md: expected words that can be read again in the guide",
        ),
        (
            |fixture| {
                let review = format!("{NEXT}/glow.side-effects.md");
                fixture.replace(&review, "None.", "```sh\nlight\n```\n\n<!-- as root");
            },
            Exit::Gate,
            "glow.side-effects.md:11: expected a block that ends before its section does",
        ),
        (
            |fixture| fixture.replace(GLOW, "It glows.", "It \u{1b}[2Jglows."),
            Exit::Input,
            "glow.md:11:4: expected words that everybody sees, found the character U+001B",
        ),
        (
            |fixture| tell_much(fixture, 18, "It glows."),
            Exit::Gate,
            "expected at most 1048576 bytes, found more",
        ),
        (
            |fixture| tell_much(fixture, 2, "It can be seen in the dark."),
            Exit::Gate,
            "as GitHub takes them, found 128031 in \"What to tell your user\"",
        ),
    ];
    for (deed, exit, words) in table {
        let fixture = glowing("minor");
        deed(&fixture);
        fixture.commit();
        not_prepared(&fixture, exit, words);
    }
}

#[test]
fn what_is_neither_fragment_nor_review_is_refused_by_its_name_and_never_waited_for() {
    let table: [(&str, Deed); 9] = [
        ("sub", |fixture| {
            fixture.write(&format!("{NEXT}/sub/a.md"), GOOD);
        }),
        ("b.MD", |fixture| {
            fixture.write(&format!("{NEXT}/b.MD"), GOOD);
        }),
        ("c.markdown", |fixture| {
            fixture.write(&format!("{NEXT}/c.markdown"), GOOD);
        }),
        ("d.md ", |fixture| {
            fixture.write(&format!("{NEXT}/d.md "), GOOD);
        }),
        ("e.md", |fixture| {
            fs::create_dir(fixture.root().join(NEXT).join("e.md")).unwrap();
        }),
        ("f.md", |fixture| {
            let path = fixture.root().join(NEXT).join("f.md");
            std::os::unix::fs::symlink("glow.md", path).unwrap();
        }),
        ("y.md", |fixture| {
            let path = fixture.root().join(NEXT).join("y.md");
            assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
        }),
        ("9.9.9.md", |fixture| {
            let path = fixture.root().join("release-plan/releases");
            fs::create_dir_all(&path).unwrap();
            std::os::unix::fs::symlink("/dev/zero", path.join("9.9.9.md")).unwrap();
        }),
        ("0001-a.md", |fixture| {
            let path = fixture.root().join("release-plan/specs");
            fs::create_dir_all(&path).unwrap();
            std::os::unix::fs::symlink("/dev/zero", path.join("0001-a.md")).unwrap();
        }),
    ];
    for (name, deed) in table {
        let fixture = glowing("minor");
        fixture.write(&format!("{NEXT}/.gitkeep"), "");
        fixture.run("check", &[]).with(Exit::Done);
        deed(&fixture);
        let ended = fixture.run("check", &[]).with(Exit::Input);
        assert!(
            ended.err.contains(&format!("/{name}: expected a f")),
            "{}",
            ended.err
        );
        assert!(ended.err.contains("move it away"), "{}", ended.err);
    }
}

#[test]
fn words_that_git_was_told_to_ignore_are_not_prepared() {
    let fixture = glowing("minor");
    let ignored = fixture.root().join(".git/info");
    fs::create_dir_all(&ignored).unwrap();
    fs::write(ignored.join("exclude"), "dim*\n").unwrap();
    tell(&fixture, "dim", "minor");
    not_prepared(
        &fixture,
        Exit::Input,
        "release-plan/next/dim.md: expected it committed as it is here; `git add --force",
    );
}

#[test]
fn a_branch_that_the_branch_of_the_release_would_lie_in_is_named() {
    let fixture = glowing("minor");
    let repository = fixture.repository();
    let head = repository.head().unwrap().peel_to_commit().unwrap();
    repository.branch("release", &head, false).unwrap();
    not_prepared(
        &fixture,
        Exit::Input,
        "refs/heads/release stands in the way of the branch release/v1.3.0; rename it",
    );
}

#[test]
fn what_is_frozen_is_mended_from_the_last_release_and_what_is_not_there_by_preparing() {
    let fixture = glowing("minor");
    prepare(&fixture, "1.3.0");
    let mend = |rule| row_of(&fixture, rule)["mend"].as_str().unwrap().to_owned();
    fixture.replace(GUIDE, "It glows.", "It shines.");
    assert!(mend("guide-frozen").starts_with(&format!("git checkout -- {GUIDE}, or")));
    fixture.replace(GUIDE, "It shines.", "It glows.");
    fixture.tag("v1.3.0");
    fixture.replace(GUIDE, "It glows.", "It shines.");
    fixture.commit();
    let expected = format!("git checkout v1.3.0 -- {GUIDE}; ");
    assert!(
        mend("guide-frozen").starts_with(&expected),
        "{}",
        mend("guide-frozen")
    );
}

#[test]
fn a_guide_that_github_would_not_take_blocks_publishing_before_there_is_a_tag() {
    let fixture = glowing("minor");
    prepare(&fixture, "1.3.0");
    assert_eq!(row_of(&fixture, "guide-fits")["verdict"], "passed");
    let guide = read(&fixture, GUIDE);
    let seen = "It can be seen in the dark.";
    assert!(guide.contains(seen));
    fixture.write(GUIDE, &guide.replace(seen, &seen.repeat(5_000)));
    freeze(&fixture);
    let row = row_of(&fixture, "guide-fits");
    assert_eq!(row["verdict"], "blocks-publishing");
    assert!(
        row["found"].as_str().unwrap().contains("found 135000"),
        "{row}"
    );
    assert_eq!(
        row["mend"],
        "shorten the fragments, then `cargo xtask prepare 1.3.0 --yes`"
    );
}
