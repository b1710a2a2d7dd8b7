//! Lantern, a product that uses public interfaces alone: adopted by `cargo xtask adopt`, released by
//! its own stages, and kept by somebody who has never heard of what it is made of.

#![cfg(target_os = "linux")]

mod serve;
mod tree;
mod world;

use release_plan::Builtins;
use release_plan::changes::Review;
use serde_json::Value;
use tree::{Tree, ok};
use world::{NATIVE, World};

/// Of what ships, optimising the whole program as one takes longest, and shows nothing here but
/// some bytes less.
fn without_lto(tree: &Tree) {
    for (from, to) in [
        ("lto = \"fat\"", "lto = \"off\""),
        ("codegen-units = 1\n", "codegen-units = 16\n"),
        ("size-budget = 6_000_000", "size-budget = 9_000_000"),
    ] {
        tree.replace("Cargo.toml", from, to);
    }
}

/// Tells of a change, and has the release commit made and merged, as its maintainer does.
fn prepare(tree: &Tree, version: &str, slug: &str, scope: Option<&str>) {
    let mut new = tree.xtask("fragment");
    new.args(["new", slug, "--area", "light", "--bump", "minor"]);
    let told = format!("release-plan/next/{slug}");
    if scope.is_some() {
        new.arg("--side-effects");
    }
    ok(&mut new);
    tree.write(
        &format!("{told}.md"),
        &format!(
            "---\nbump: minor\nbump_reason: it can be seen\narea: light\nside_effects: {}\n\
             migration: none\n---\n\n## What changed\n\nThe flame.\n\n\
             ## What to tell your user\n\nIt burns as {version} does.\n\n\
             ## Capabilities\n\n- Reading at night: light it.\n",
            scope.is_some()
        ),
    );
    if let Some(path) = scope {
        let sections = Review::SECTIONS.map(|(heading, _)| match heading {
            "Files in scope" => format!("## {heading}\n\n- `{path}`\n"),
            _ => format!("## {heading}\n\nNone.\n"),
        });
        tree.write(&format!("{told}.side-effects.md"), &sections.join("\n"));
    }
    tree.commit(slug);
    ok(tree.xtask("prepare").args([version, "--yes"]));
    tree.merge(&format!("release/v{version}"));
    let check = ok(&mut tree.xtask("check"));
    assert!(check.contains("builtins-name-the-release"), "{check}");
}

/// What it installs is in the manifest, from the first version on, and no digest twice.
fn remembers_what_it_installed(tree: &Tree) {
    let builtins = Builtins::parse(&tree.read("release-plan/builtins.json")).unwrap();
    let skill = &builtins.files["playbook/lantern-keeping/SKILL.md"];
    let since = skill.shipped.iter().map(|it| it.since.to_string());
    assert_eq!(since.collect::<Vec<_>>(), ["1.0.0"]);
}

#[test]
fn a_program_is_adopted_and_lives_from_its_installation_to_its_uninstallation() {
    let tree = Tree::plain();
    adopted(&tree);
    without_lto(&tree);
    tree.commit("Build fast");
    rehearsed(&tree);
    serve::served_again(&tree);

    let world = World::new(&tree);
    ok(tree.xtask("generate").arg("--program"));
    prepare(&tree, "1.0.0", "begin", None);
    world.release("1.0.0");
    let ada = world.somebody();
    let before = ada.files();
    ada.installs().ended(0);
    assert_ne!(ada.files()[&ada.profile()], before[&ada.profile()]);
    ada.lantern(&["light"]).ended(0).saying("1.0.0 gives light");
    ada.lantern(&["dim", "40"]).ended(0).saying("at 40 %");
    ada.lantern(&["dim", "140"]).ended(3);
    ada.upgrades(&[]).ended(0).saying("nothing new");

    prepare(&tree, "1.1.0", "burn-brighter", None);
    let newer = world.release("1.1.0");
    ada.upgrades(&[]).ended(0).saying("from 1.0.0 to 1.1.0");
    ada.lantern(&["light"]).ended(0).saying("1.1.0 gives light");
    let told = ada.lantern(&["whats-new", "--since", "1.0.0"]);
    told.ended(0).saying("It burns as 1.1.0 does.");
    remembers_what_it_installed(&tree);

    ada.lantern(&["rollback"]).ended(0);
    ada.lantern(&["light"]).ended(0).saying("1.0.0 gives light");
    ada.upgrades(&["--version", "1.1.0"]).ended(0);
    ada.lantern(&["light"]).ended(0).saying("1.1.0 gives light");

    let pin = "version = \"1.0.0\"";
    let pinned = ada.lantern_where(pin, &["light"]);
    pinned.ended(0).saying("1.0.0 gives light");
    let too_old = ada.lantern_where("min_version = \"2.0.0\"", &["light"]);
    too_old.ended(14).saying("1.1.0 would run");

    world.yank(&newer);
    ada.upgrades(&[]).ended(0).saying("it sets houses on fire");
    ada.lantern(&["light"]).ended(0).saying("1.0.0 gives light");
    ada.upgrades(&[]).ended(0);
    ada.lantern(&["light"]).ended(0).saying("1.0.0 gives light");

    tree.replace("src/main.rs", "println!(\"{} gives", "panic!(\"{} gives no");
    prepare(&tree, "1.2.0", "burn-out", Some("src/main.rs"));
    world.release("1.2.0");
    ada.upgrades(&[]).ended(0).saying("from 1.0.0 to 1.2.0");
    let back = "1.0.0 is current again";
    ada.lantern(&["light"]).ended(134).saying(back);
    ada.lantern(&["light"]).ended(0).saying("1.0.0 gives light");
    ada.upgrades(&[]).ended(0).saying("is quarantined here");

    ada.lantern(&["uninstall", "--yes"]).ended(0);
    assert_eq!(ada.files(), before);
}

/// What is to be written is shown, then written, then there is nothing left to do.
fn adopted(tree: &Tree) {
    let ids = ["--repository-id", "71", "--owner-id", "72"];
    let output = tree.adopt(&["--dry-run"]);
    assert_eq!(output.status.code(), Some(17));
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(words.contains("--repository-id NUMBER"), "{words}");

    let output = tree.adopt(&[&["--dry-run"], &ids[..]].concat());
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(tree.changes(), [""; 0]);

    let output = tree.adopt(&[&["--yes"], &ids[..]].concat());
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), shown);
    let written = tree.changes();
    for path in written.iter().filter(|path| *path != "Cargo.lock") {
        assert!(
            shown.contains(&format!(" {path}\n")),
            "{path} was not shown"
        );
    }
    assert!(!written.contains(&"src/main.rs".to_owned()), "{written:?}");
    tree.commit("Adopt");

    let output = tree.adopt(&["--yes"]);
    assert!(output.status.success());
    assert_eq!(tree.changes(), [""; 0]);
}

/// Its gates pass, its release can be planned, and its rehearsal goes through every stage.
fn rehearsed(tree: &Tree) {
    ok(&mut tree.xtask("check"));
    ok(&mut tree.xtask("plan"));
    let report = ok(tree.xtask("dry-run").args(["--json", "--target", NATIVE]));
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["outcome"], "passed");
    assert_eq!(report["product"], "lantern");
    let stages = report["stages"].as_array().unwrap();
    assert!(stages.iter().any(|stage| stage["name"] == "consume"));
}
