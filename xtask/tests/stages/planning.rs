//! What a plan is made from, and what is refused.

use release_plan::Exit;

use crate::fixture::{Ended, Fixture, ok};

#[test]
fn the_same_tree_gives_the_same_plan_to_the_byte() {
    let fixture = Fixture::committed();
    let plan = |name: &str| {
        let out = fixture.beside(name);
        ok(fixture.xtask("plan").arg("--out").arg(&out));
        std::fs::read(out).unwrap()
    };
    assert_eq!(plan("one.json"), plan("two.json"));
}

#[test]
fn a_tree_in_no_repository_is_refused() {
    Fixture::unversioned()
        .run("plan", &[])
        .with(Exit::Input)
        .saying("git work tree");
}

#[test]
fn a_repository_without_commits_is_refused() {
    Fixture::unborn()
        .run("plan", &[])
        .with(Exit::Input)
        .saying("no commit");
}

#[test]
fn a_folder_that_is_no_project_is_refused() {
    let fixture = Fixture::committed();
    std::fs::remove_file(fixture.root().join("dist-workspace.toml")).unwrap();
    fixture
        .run("plan", &[])
        .with(Exit::Input)
        .saying("dist-workspace.toml");
}

#[test]
fn a_tag_that_is_not_semver_is_wrong_usage() {
    for tag in ["1.2.3", "v1.2", "latest", "v1.2.3+build"] {
        let ended = Fixture::committed().run("dry-run", &["--tag", tag]);
        ended.with(Exit::Usage).saying("expected a tag like v1.2.3");
    }
}

#[test]
fn a_tag_that_is_not_the_version_is_refused() {
    for stage in ["plan", "dry-run"] {
        let ended = Fixture::committed().run(stage, &["--tag", "v9.9.9"]);
        ended
            .with(Exit::Input)
            .saying("expected v1.2.3, the version in Cargo.toml, found v9.9.9");
    }
}

#[test]
fn a_broken_product_is_refused_with_file_line_and_column() {
    for (from, to, place) in [
        ("  id: 71", "  id: many", "release-plan/product.yaml:5:7: "),
        ("summary:", "sumary:", "release-plan/product.yaml:2:1: "),
        (
            "name: ember",
            "name: cinder",
            "release-plan/product.yaml: name: ",
        ),
    ] {
        let fixture = Fixture::committed();
        fixture.replace("release-plan/product.yaml", from, to);
        fixture.run("dry-run", &[]).with(Exit::Input).saying(place);
    }
}

#[test]
fn a_broken_dist_workspace_is_refused_with_file_line_and_column() {
    for (from, to, place) in [
        ("0.34.0", "newest", "dist-workspace.toml:2:22: "),
        (
            "targets = [\"",
            "targets = [\"../",
            "dist-workspace.toml:3:12: ",
        ),
        ("[dist]", "[dist", "dist-workspace.toml:1:6: "),
    ] {
        let fixture = Fixture::committed();
        fixture.replace("dist-workspace.toml", from, to);
        fixture.run("dry-run", &[]).with(Exit::Input).saying(place);
    }
}

#[test]
fn a_stage_refuses_a_plan_of_another_tree() {
    for (path, content, what) in [
        ("README.md", "changed\n", "changed files"),
        ("new-file", "untracked\n", "changed files"),
        (
            "playbook/skills/ember-use/SKILL.md",
            "changed\n",
            "playbook",
        ),
    ] {
        let fixture = Fixture::committed();
        fixture.make_plan();
        fixture.write(path, content);
        let ended = Ended::from(fixture.build().output().unwrap());
        ended
            .with(Exit::Input)
            .saying("is not a plan of this tree")
            .saying(what);
        assert!(!fixture.beside("archives").exists());
    }
}

#[test]
fn a_stage_refuses_a_plan_of_another_commit() {
    let fixture = Fixture::committed();
    fixture.make_plan();
    fixture.write("README.md", "more\n");
    fixture.commit();
    let ended = Ended::from(fixture.build().output().unwrap());
    ended.with(Exit::Input).saying("commit differ");
}

#[test]
fn a_plan_that_was_edited_is_refused() {
    let fixture = Fixture::committed();
    let file = fixture.beside("plan.json");
    ok(fixture.xtask("plan").arg("--out").arg(&file));
    let plan = std::fs::read_to_string(&file).unwrap();
    for (from, to) in [
        ("\"version\": \"1.2.3\"", "\"version\": \"1.2.4\""),
        ("\"kind\": \"plan\"", "\"kind\": \"archive\""),
        (
            "\"schema\": \"release-plan/1\"",
            "\"schema\": \"release-plan/2\"",
        ),
        ("\"product\"", "\"extra\": 1, \"product\""),
        ("{", "["),
    ] {
        assert!(plan.contains(from), "{from}");
        std::fs::write(&file, plan.replacen(from, to, 1)).unwrap();
        let ended = Ended::from(fixture.build().output().unwrap());
        ended.with(Exit::Input).saying("plan.json");
    }
}

#[test]
fn a_dirty_tree_marks_the_binary_and_a_clean_one_does_not() {
    let fixture = Fixture::assembled();
    let commit = fixture.plan().source.commit;
    let told = || {
        let program = fixture.unpacked("assets");
        let output = std::process::Command::new(program).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(told().contains(&format!("\"commit\":\"{commit}\"")));
    fixture.write("README.md", "changed\n");
    fixture.assemble();
    assert!(told().contains(&format!("\"commit\":\"{commit}-dirty\"")));
}

#[test]
fn a_build_that_fails_says_what_the_compiler_said_and_leaves_nothing() {
    let fixture = Fixture::committed();
    fixture.write("src/main.rs", "fn main() { no_such_function() }\n");
    fixture.make_plan();
    let ended = Ended::from(fixture.build().output().unwrap());
    ended
        .with(Exit::Failed)
        .saying("no_such_function")
        .saying(env!("XTASK_HOST"));
    assert!(!fixture.beside("archives").exists());
}

#[test]
fn a_program_that_calls_itself_something_else_is_refused() {
    let fixture = Fixture::committed();
    fixture.replace("src/main.rs", "env!(\"RELEASE_VERSION\")", "\"0.0.1\"");
    fixture.make_plan();
    let ended = Ended::from(fixture.build().output().unwrap());
    ended
        .with(Exit::Gate)
        .saying("expected to tell version 1.2.3, found 0.0.1");
}

#[test]
fn a_job_that_compiles_may_hold_no_right_to_sign() {
    let fixture = Fixture::committed();
    fixture.make_plan();
    let mut build = fixture.build();
    build
        .env("GITHUB_ACTIONS", "true")
        .env("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "a-right");
    let ended = Ended::from(build.output().unwrap());
    ended.with(Exit::Gate).saying("id-token: write");
}

#[test]
fn what_is_built_sees_no_token_and_no_password_of_the_one_who_builds() {
    let fixture = Fixture::committed();
    fixture.write(
        "build.rs",
        "fn main() {\n    for right in [\"GITHUB_TOKEN\", \"COSIGN_PASSWORD\"] {\n        \
         assert!(std::env::var_os(right).is_none(), \"{right}\");\n    }\n}\n",
    );
    fixture.commit();
    fixture.make_plan();
    let mut build = fixture.build();
    build.env("COSIGN_PASSWORD", "a-password");
    ok(build.env("GITHUB_TOKEN", "a-token"));
}

#[test]
fn what_a_stage_makes_lies_below_the_root_whichever_folder_it_is_run_in() {
    let fixture = Fixture::committed();
    ok(fixture
        .xtask("plan")
        .current_dir(fixture.root().join("src")));
    assert!(
        fixture
            .root()
            .join("target/release-plan/plan.json")
            .is_file()
    );
    assert!(!fixture.root().join("src/target").exists());
}
