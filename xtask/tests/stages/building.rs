//! Building for several targets: what is missing is told before anything is compiled, and what
//! fails does not keep the rest from being built.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

use release_plan::Exit;

use crate::fixture::{Ended, Fixture, ok, on_path};

const HOST: &str = env!("XTASK_HOST");
/// One that this machine's own linker cannot link for.
const OTHER: &str = "aarch64-unknown-linux-musl";

/// A product for two targets, with its plan.
fn for_two_targets() -> Fixture {
    let fixture = Fixture::unborn();
    let host = format!("targets = [\"{HOST}\"]");
    let both = format!("targets = [\"{HOST}\", \"{OTHER}\"]");
    fixture.replace("dist-workspace.toml", &host, &both);
    // The program tells the target that it was built for.
    let script = "fn main() {\n    let target = std::env::var(\"TARGET\").unwrap();\n    \
                  println!(\"cargo::rustc-env=BUILT_FOR={target}\");\n}\n";
    fixture.write("build.rs", script);
    let quoted = |text: &str| format!("\\\"{text}\\\"");
    fixture.replace("src/main.rs", &quoted(HOST), &quoted("{}"));
    let commit = "env!(\"RELEASE_COMMIT\")";
    let and_target = format!("{commit},\n        env!(\"BUILT_FOR\")");
    fixture.replace("src/main.rs", commit, &and_target);
    fixture.commit();
    fixture.make_plan();
    fixture
}

fn script(fixture: &Fixture, name: &str, text: &str) {
    let path = fixture.beside(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_triple_that_is_none_of_rustcs_is_told_before_anything_is_compiled() {
    let fixture = Fixture::unborn();
    fixture.replace("dist-workspace.toml", HOST, "x86_64-unknown-plan9");
    fixture.commit();
    fixture.make_plan();
    let ended = Ended::from(fixture.build().output().unwrap());
    ended
        .with(Exit::Input)
        .saying("x86_64-unknown-plan9: expected a target of rustc's")
        .saying("dist-workspace.toml");
}

#[test]
fn a_target_that_is_not_of_the_plan_is_told_with_those_that_are() {
    let fixture = Fixture::committed();
    fixture.make_plan();
    let mut build = fixture.stage("build", "--out", "archives");
    build.args(["--target", "aarch64-apple-darwin"]);
    let ended = Ended::from(build.output().unwrap());
    ended
        .with(Exit::Input)
        .saying("aarch64-apple-darwin: expected a target of the plan")
        .saying(HOST);
}

#[test]
fn a_build_without_a_target_says_how_to_name_one() {
    let fixture = Fixture::committed();
    fixture.make_plan();
    let ended = fixture.run_stage("build", "--out", "archives");
    ended.with(Exit::Usage).saying("--all-targets");
}

#[test]
fn a_target_without_standard_library_is_told_with_the_command_that_brings_it() {
    let fixture = Fixture::committed();
    fixture.make_plan();
    // A compiler like that of the project, with nothing beside it.
    let sysroot = fixture.beside("sysroot");
    fs::create_dir(&sysroot).unwrap();
    let text = format!(
        "case \"$*\" in *sysroot*) echo '{}' ;; *) exec rustc \"$@\" ;; esac",
        sysroot.display()
    );
    let path = std::env::var("PATH").unwrap();
    script(&fixture, "bin/compiler", &format!("PATH='{path}'\n{text}"));
    let mut build = fixture.build();
    build
        .env("RUSTC", fixture.beside("bin/compiler"))
        .env("PATH", fixture.beside("bin"));
    let ended = Ended::from(build.output().unwrap());
    ended
        .with(Exit::Input)
        .saying(&format!("{HOST}: expected its standard library"))
        .saying("cargo xtask healthcheck --install");
}

/// A toolchain like the one at hand, but without the standard library for a target: its rustc.
fn toolchain_without(fixture: &Fixture, target: &str) -> PathBuf {
    let output = Command::new("rustc")
        .args(["--print", "sysroot"])
        .output()
        .unwrap();
    let real = PathBuf::from(String::from_utf8(output.stdout).unwrap().trim());
    let sysroot = fixture.beside("sysroot");
    let link = |folder: &str, but: &str| {
        fs::create_dir_all(sysroot.join(folder)).unwrap();
        for entry in fs::read_dir(real.join(folder)).unwrap() {
            let entry = entry.unwrap();
            if entry.file_name() != but {
                let place = sysroot.join(folder).join(entry.file_name());
                std::os::unix::fs::symlink(entry.path(), place).unwrap();
            }
        }
    };
    link("lib", "rustlib");
    link("lib/rustlib", target);
    let (rustc, sysroot) = (real.join("bin/rustc"), sysroot.display());
    let text = format!("exec '{}' --sysroot '{sysroot}' \"$@\"", rustc.display());
    script(fixture, "bin/compiler", &text);
    fixture.beside("bin/compiler")
}

#[test]
fn a_standard_library_that_nobody_ships_is_built_from_the_compilers_sources() {
    let fixture = for_two_targets();
    let compiler = toolchain_without(&fixture, OTHER);
    let sources = fixture.beside("sysroot/lib/rustlib/src/rust/library/std");
    if !sources.is_dir() {
        return rehearsal::verifiers::not_run("rust-src");
    }
    if !on_path("zig") || !on_path("cargo-zigbuild") {
        return;
    }
    let mut build = fixture.stage("build", "--out", "archives");
    build.args(["--target", OTHER]).env("RUSTC", compiler);
    // No other compiler that has it.
    build.env("PATH", path_without_rustc());
    ok(&mut build).saying("std from its sources");
    let record = fixture.beside(&format!("archives/ember-{OTHER}.tar.gz.built.json"));
    let record = fs::read_to_string(record).unwrap();
    assert!(record.contains("\"std\": \"source\""), "{record}");
}

#[test]
fn a_compiler_that_no_release_may_be_made_by_is_not_called_ready() {
    let fixture = Fixture::committed();
    let real = toolchain_without(&fixture, "no-target");
    let text = format!(
        "case \"$*\" in *--version*) echo 'rustc 1.80.0 (old)' ;; *) exec '{}' \"$@\" ;; esac",
        real.display()
    );
    script(&fixture, "bin/old", &text);
    let mut check = fixture.xtask("healthcheck");
    check.arg("--json").env("RUSTC", fixture.beside("bin/old"));
    let ended = Ended::from(check.env("PATH", path_without_rustc()).output().unwrap());
    let rows: serde_json::Value = serde_json::from_str(&ended.out).unwrap();
    let mut rows = rows.as_array().unwrap().iter();
    let row = rows
        .find(|row| row["what"] == format!("building {HOST}"))
        .unwrap();
    assert_eq!(row["state"], "missing", "{row}");
}

fn path_without_rustc() -> OsString {
    let path = std::env::var_os("PATH").unwrap();
    let folders = std::env::split_paths(&path).filter(|folder| !folder.join("rustc").is_file());
    std::env::join_paths(folders).unwrap()
}

#[test]
fn a_zig_of_another_version_is_told_and_not_used() {
    let fixture = for_two_targets();
    script(&fixture, "bin/zig", "echo 0.16.0");
    let path = format!("{}:{}", fixture.beside("bin").display(), rustup_path());
    let mut build = fixture.stage("build", "--out", "archives");
    build.args(["--target", OTHER]).env("PATH", path);
    let ended = Ended::from(build.output().unwrap());
    ended
        .with(Exit::Input)
        .saying(&format!("{OTHER}: expected zig 0.17.0, found 0.16.0"))
        .saying("cargo xtask healthcheck --install");
    assert!(!fixture.beside("archives").exists());
}

/// Where rustc lies, and nothing else.
fn rustup_path() -> String {
    let path = std::env::var_os("PATH").unwrap();
    let folder = std::env::split_paths(&path).find(|folder| folder.join("rustc").is_file());
    folder.unwrap().display().to_string()
}

#[test]
fn one_target_that_fails_does_not_keep_the_others_from_being_built() {
    if !on_path("zig") || !on_path("cargo-zigbuild") {
        return;
    }
    let fixture = for_two_targets();
    let main = fs::read_to_string(fixture.root().join("src/main.rs")).unwrap();
    let arm = "#[cfg(target_arch = \"aarch64\")]\ncompile_error!(\"not on such a machine\");\n";
    fixture.write("src/main.rs", &format!("{arm}{main}"));
    fixture.commit();
    fixture.make_plan();
    let ended = Ended::from(fixture.build().output().unwrap());
    ended
        .with(Exit::Failed)
        .saying("not on such a machine")
        .saying(&format!("error: {OTHER}: cargo ended with"));
    let left = |target: &str| {
        let name = format!("archives/ember-{target}.tar.gz");
        let record = format!("{name}.built.json");
        [name, record].map(|name| fixture.beside(&name).exists())
    };
    assert_eq!(left(HOST), [true, true]);
    assert_eq!(left(OTHER), [false, false]);
}

#[test]
fn a_build_that_failed_leaves_no_archive_of_an_earlier_one() {
    let fixture = Fixture::assembled();
    assert!(fixture.beside("archives").join(name()).exists());
    fixture.write("src/main.rs", "fn main() { no_such_function() }\n");
    fixture.make_plan();
    Ended::from(fixture.build().output().unwrap()).with(Exit::Failed);
    assert_eq!(fs::read_dir(fixture.beside("archives")).unwrap().count(), 0);
}

fn name() -> String {
    format!("ember-{HOST}.tar.gz")
}

/// Runs `build` where `place`, beside the tree, is a file system of the size given.
fn build_with_little_room(fixture: &Fixture, place: &str, size: &str) -> Option<Ended> {
    let place = fixture.beside(place);
    fs::create_dir(&place).unwrap();
    let mount = format!("mount -t tmpfs -o size={size} none '{}'", place.display());
    let own = ["--mount", "sh", "-c"];
    let can = Command::new("unshare").args(own).arg(&mount).output();
    if !can.is_ok_and(|output| output.status.success()) {
        rehearsal::verifiers::not_run("unshare --mount");
        return None;
    }
    let build = fixture.build();
    let mut command = Command::new("unshare");
    command
        .args(own)
        .arg(format!("{mount} && exec \"$@\""))
        .arg("sh");
    command
        .arg(build.get_program())
        .args(build.get_args())
        .current_dir(fixture.root());
    for (name, value) in build.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.env(
        "CARGO_TARGET_DIR",
        if size == "128k" {
            &place
        } else {
            fixture.scratch()
        },
    );
    Some(command.output().unwrap().into())
}

#[test]
fn a_full_disk_is_told_with_target_and_folder() {
    let fixture = Fixture::committed();
    fixture.make_plan();
    if let Some(ended) = build_with_little_room(&fixture, "made", "128k") {
        ended
            .with(Exit::Storage)
            .saying(HOST)
            .saying("made has ")
            .saying("make room there");
    }
    // Room enough for nothing.
    if let Some(ended) = build_with_little_room(&fixture, "archives", "4k") {
        ended.with(Exit::Storage).saying(HOST).saying(&name());
    }
}

#[test]
fn a_program_with_more_bytes_than_its_budget_is_refused() {
    let fixture = Fixture::unborn();
    fixture.replace(
        "Cargo.toml",
        "size-budget = 6_000_000",
        "size-budget = 60_000",
    );
    fixture.commit();
    fixture.make_plan();
    let ended = Ended::from(fixture.build().output().unwrap());
    ended.with(Exit::Gate).saying(HOST).saying("60000");
    assert!(!fixture.beside("archives").exists());
}

#[test]
fn flags_in_the_environment_do_not_reach_the_compiler() {
    let fixture = Fixture::committed();
    fixture.assemble();
    let sums = fs::read(fixture.asset("SHA256SUMS")).unwrap();
    let mut build = fixture.build();
    build
        .env("RUSTFLAGS", "--no-such-flag")
        .env("CARGO_PROFILE_DIST_OPT_LEVEL", "0")
        .env("RUSTC_WRAPPER", "/no/such/wrapper");
    ok(&mut build);
    let mut assemble = fixture.stage("assemble", "--out", "assets");
    ok(assemble.arg("--from").arg(fixture.beside("archives")));
    assert_eq!(fs::read(fixture.asset("SHA256SUMS")).unwrap(), sums);
}

#[test]
fn a_plan_that_leaves_out_a_target_gives_a_release_without_it_and_is_published_nowhere() {
    let fixture = for_two_targets();
    let archive = format!("ember-{OTHER}.tar.gz");
    let mut plan = fixture.xtask("plan");
    plan.args(["--without", &archive, "--out"])
        .arg(fixture.beside("plan.json"));
    ok(&mut plan).saying("can be rehearsed, not published: the plan leaves out");
    ok(&mut fixture.build());
    let mut assemble = fixture.stage("assemble", "--out", "assets");
    ok(assemble.arg("--from").arg(fixture.beside("archives")));
    let sums = fs::read_to_string(fixture.asset("SHA256SUMS")).unwrap();
    assert!(!sums.contains(&archive), "{sums}");
    let ended = fixture.run_stage("sign", "--dir", "assets");
    ended.with(Exit::Gate).saying(&archive);
    // What was built by a part of the plan serves the whole.
    fixture.make_plan();
    let mut assemble = fixture.stage("assemble", "--out", "whole");
    assemble.arg("--from").arg(fixture.beside("archives"));
    let ended = Ended::from(assemble.output().unwrap());
    ended
        .with(Exit::Input)
        .saying(&format!("{archive}: expected it once"));
}

#[test]
fn archives_that_were_built_elsewhere_are_rehearsed_without_building() {
    let fixture = Fixture::committed();
    fixture.make_plan();
    ok(&mut fixture.build());
    let from = fixture.beside("archives");
    // It is reported although the last stage fails: this small product installs nothing.
    let mut rehearse = fixture.xtask("dry-run");
    rehearse.args(["--json", "--from"]).arg(&from);
    let ended = Ended::from(rehearse.output().unwrap());
    let report: serde_json::Value = serde_json::from_str(&ended.out).unwrap();
    let stages = report["stages"].as_array().unwrap();
    let built = |version: &str| {
        let is = |row: &&serde_json::Value| row["name"] == "build" && row["version"] == version;
        stages.iter().filter(is).count()
    };
    assert_eq!(built("1.2.3"), 0, "{}", ended.err);
    let names: Vec<_> = stages.iter().map(|row| &row["name"]).collect();
    let public = ["publish", "verify-public", "promote-alpha"];
    assert!(names.windows(3).any(|row| row == public), "{names:?}");
    assert_eq!(report["binaries"][0]["target"], HOST);

    fixture.write("README.md", "# ember, and more\n");
    let mut rehearse = fixture.xtask("dry-run");
    rehearse.arg("--from").arg(&from);
    let ended = Ended::from(rehearse.output().unwrap());
    ended
        .with(Exit::Input)
        .saying("expected an archive built by plan sha256:");
}

#[test]
fn a_rehearsal_leaves_out_what_this_machine_cannot_build_and_names_it() {
    let fixture = for_two_targets();
    fixture.replace("Cargo.toml", "zig = \"0.17.0\"", "zig = \"0.0.1\"");
    fixture.commit();
    let archive = format!("ember-{OTHER}.tar.gz");
    let reason = |arguments: &[&str]| {
        // It is reported although the last stage fails: this small product installs nothing.
        let ended = fixture.run("dry-run", &[&["--json"], arguments].concat());
        let report: serde_json::Value = serde_json::from_str(&ended.out).unwrap();
        let rows = report["not_rehearsed"].as_array().unwrap().clone();
        let row = rows.into_iter().find(|row| row["what"] == archive).unwrap();
        row["why"].as_str().unwrap().to_owned()
    };
    let missing = "expected zig 0.0.1";
    assert!(reason(&[]).contains(missing), "{}", reason(&[]));
    assert!(reason(&["--target", HOST]).contains("--target"));
    // Where no target can be built, the reason is a target's, whatever else is missing.
    fixture.replace("dist-workspace.toml", &format!("\"{HOST}\", "), "");
    fixture.commit();
    let ended = fixture.run("dry-run", &[]);
    ended
        .with(Exit::Input)
        .saying("found none: ")
        .saying(OTHER)
        .saying(missing);
    for arguments in [&["--all-targets"][..], &["--target", OTHER]] {
        let ended = fixture.run("dry-run", arguments);
        ended.with(Exit::Input).saying(missing).saying(OTHER);
    }
}

#[test]
fn a_program_that_tells_other_commands_or_files_than_the_tree_has_is_not_packed() {
    let surface = "{\"schema\":\"surface/1\",\"commands\":{},\"exit_codes\":{}}";
    let fixture = Fixture::unborn();
    let main = format!(
        "fn main() {{\n    let asked: Vec<String> = std::env::args().skip(1).collect();\n    \
         match asked.join(\" \").as_str() {{\n        \
         \"self surface\" => return println!(\"{{}}\", r#\"{surface}\"#),\n        \
         \"self builtins\" => return println!(\"{{{{}}}}\"),\n        _ => {{}}\n    }}\n"
    );
    fixture.replace("src/main.rs", "fn main() {\n", &main);
    // Not every build is one of a release.
    for name in ["VERSION", "COMMIT"] {
        let told = |macro_, end| format!("{macro_}!(\"RELEASE_{name}\"){end}");
        let maybe = told("option_env", ".unwrap_or(\"\")");
        fixture.replace("src/main.rs", &told("env", ""), &maybe);
    }
    fixture.commit();
    let told = fixture.run("generate", &["--program"]);
    told.with(Exit::Done)
        .saying("release-plan/surface.json written")
        .saying("release-plan/builtins.json written");
    fixture.commit();
    fixture.make_plan();
    Ended::from(fixture.build().output().unwrap()).with(Exit::Done);
    let written = "release-plan/surface.json";
    fixture.replace(written, "\"commands\": {}", "\"commands\": {\"go\": {}}");
    fixture
        .run("generate", &["--program", "--check"])
        .with(Exit::Gate)
        .saying("surface.json: not current; run `cargo xtask generate --program`");
    fixture.commit();
    fixture.make_plan();
    Ended::from(fixture.build().output().unwrap())
        .with(Exit::Gate)
        .saying("release-plan/surface.json: expected what the program for")
        .saying("run `cargo xtask generate --program`");
}
