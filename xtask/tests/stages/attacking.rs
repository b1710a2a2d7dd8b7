//! What must not reach a release, and verdicts that must not be given.

use std::fs;
use std::path::Path;

use release_plan::{Exit, Sha256};

use crate::fixture::{Ended, Fixture, ok};

const HOST: &str = env!("XTASK_HOST");

fn name() -> String {
    format!("ember-{HOST}.tar.gz")
}

/// Replaces the archive in `folder` by `bytes`, and makes its record agree.
fn forge(folder: &Path, bytes: &[u8]) {
    let archive = folder.join(name());
    let record = folder.join(format!("{}.built.json", name()));
    let mut built: serde_json::Value = serde_json::from_slice(&fs::read(&record).unwrap()).unwrap();
    built["size"] = bytes.len().into();
    built["sha256"] = Sha256::of(bytes).to_string().into();
    fs::write(archive, bytes).unwrap();
    fs::write(record, serde_json::to_vec(&built).unwrap()).unwrap();
}

fn packed(members: &[(&str, &[u8])]) -> Vec<u8> {
    let gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut tar = tar::Builder::new(gzip);
    for (path, contents) in members {
        let mut header = tar::Header::new_ustar();
        header.set_mode(0o755);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(contents.len() as u64);
        tar.append_data(&mut header, path, *contents).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}

fn reproduce(fixture: &Fixture, against: &str) -> Ended {
    let mut reproduce = fixture.xtask("reproduce");
    reproduce.arg("--against").arg(fixture.beside(against));
    reproduce.output().unwrap().into()
}

fn assemble(fixture: &Fixture) -> Ended {
    let mut assemble = fixture.stage("assemble", "--out", "again");
    assemble.arg("--from").arg(fixture.beside("archives"));
    assemble.output().unwrap().into()
}

fn build_into(fixture: &Fixture, out: &str) -> (Ended, Option<Vec<u8>>) {
    let mut build = fixture.stage("build", "--out", out);
    let ended = Ended::from(build.arg("--all-targets").output().unwrap());
    (ended, fs::read(fixture.beside(out).join(name())).ok())
}

/// Whether a file beside or in the tree changes what is built by one plan.
fn changes_nothing(configuration: &str, at: &str, words: &str) {
    let fixture = Fixture::committed();
    fs::write(
        fixture.root().join(".git/info/exclude"),
        "build.rs\n.cargo\n",
    )
    .unwrap();
    fixture.make_plan();
    let (ended, before) = build_into(&fixture, "before");
    ended.with(Exit::Done);
    let file = fixture.root().join(at);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, configuration).unwrap();
    let (ended, after) = build_into(&fixture, "after");
    ended.with(Exit::Input).saying(words);
    assert!(before.is_some() && after.is_none());
}

#[test]
fn a_package_that_a_configuration_of_cargo_puts_in_the_place_of_another_is_not_compiled() {
    let fixture = Fixture::unborn();
    fixture.write(
        "coal/Cargo.toml",
        "[package]\nname = \"coal\"\nversion = \"1.0.0\"\nedition = \"2024\"\n",
    );
    fixture.write(
        "coal/src/lib.rs",
        "pub fn burn() -> &'static str { \"an honest coal fire\" }",
    );
    fixture.replace(
        "Cargo.toml",
        "[profile.dist]",
        "[dependencies]\ncoal = { path = \"coal\" }\n\n[profile.dist]",
    );
    fixture.write("Cargo.lock", "version = 4\n\n[[package]]\nname = \"coal\"\nversion = \"1.0.0\"\n\n[[package]]\nname = \"ember\"\nversion = \"1.2.3\"\ndependencies = [\n \"coal\",\n]\n");
    let main = fs::read_to_string(fixture.root().join("src/main.rs")).unwrap();
    fixture.write(
        "src/main.rs",
        &main.replace(
            "fn main() {\n",
            "fn main() {\n    eprintln!(\"{}\", coal::burn());\n",
        ),
    );
    fixture.commit();
    fixture.make_plan();
    let evil = fixture.beside("evil");
    fs::create_dir_all(evil.join("src")).unwrap();
    fs::create_dir_all(fixture.beside(".cargo")).unwrap();
    fs::copy(
        fixture.root().join("coal/Cargo.toml"),
        evil.join("Cargo.toml"),
    )
    .unwrap();
    fs::write(
        evil.join("src/lib.rs"),
        "pub fn burn() -> &'static str { \"an evil coal fire\" }",
    )
    .unwrap();
    fs::write(
        fixture.beside(".cargo/config.toml"),
        format!("paths = [{:?}]\n", evil.to_str().unwrap()),
    )
    .unwrap();
    let (ended, _) = build_into(&fixture, "archives");
    ended
        .with(Exit::Input)
        .saying(".cargo/config.toml")
        .saying("\"paths\"");
}

#[test]
fn a_profile_in_a_configuration_of_cargo_above_the_tree_changes_no_byte() {
    changes_nothing(
        "[profile.dist]\nopt-level = 0\ndebug-assertions = true\n",
        "../.cargo/config.toml",
        "found \"profile\"",
    );
}

#[test]
fn a_second_build_does_not_confirm_what_a_configuration_in_the_home_of_cargo_changed() {
    let fixture = Fixture::committed();
    fixture.make_plan();
    let home = fixture.beside("home");
    fs::create_dir(&home).unwrap();
    let configuration = "[profile.dist]\nopt-level = 0\ndebug-assertions = true\n";
    fs::write(home.join("config.toml"), configuration).unwrap();
    let built = fixture.build().env("CARGO_HOME", &home).output().unwrap();
    Ended::from(built)
        .with(Exit::Input)
        .saying("home/config.toml");
    // What was built without it is not compared with what would be built with it either.
    ok(&mut fixture.build());
    let mut second = fixture.xtask("reproduce");
    second
        .env("CARGO_HOME", &home)
        .arg("--against")
        .arg(fixture.beside("archives"));
    let ended = Ended::from(second.output().unwrap());
    ended.with(Exit::Input).saying("config.toml");
}

#[test]
fn an_archive_with_a_good_program_before_the_one_that_is_installed_is_refused() {
    let fixture = Fixture::assembled();
    let good = fs::read(fixture.unpacked("archives")).unwrap();
    let installed = format!("ember-{HOST}/ember");
    let archive = packed(&[
        ("decoy/ember", &good),
        (&installed, b"#!/bin/sh\nrm -rf ~\n"),
    ]);
    forge(&fixture.beside("archives"), &archive);
    assemble(&fixture).with(Exit::Input).saying("decoy/ember");
}

#[test]
fn an_archive_with_a_member_that_build_does_not_pack_is_refused() {
    let fixture = Fixture::assembled();
    let good = fs::read(fixture.unpacked("archives")).unwrap();
    let installed = format!("ember-{HOST}/ember");
    let archive = packed(&[(&installed, &good), ("ember/.profile", b"evil")]);
    forge(&fixture.beside("archives"), &archive);
    assemble(&fixture)
        .with(Exit::Input)
        .saying("ember/.profile");
}

#[test]
fn a_folder_for_assets_may_end_in_a_slash() {
    let fixture = Fixture::assembled();
    let mut assemble = fixture.stage("assemble", "--out", "assets/");
    assemble.arg("--from").arg(fixture.beside("archives"));
    let ended = Ended::from(assemble.output().unwrap());
    ended.with(Exit::Done);
    assert!(fixture.asset("release.json").is_file());
}

#[test]
fn an_archive_that_is_not_the_one_in_release_json_is_not_called_equal() {
    let fixture = Fixture::assembled();
    let path = fixture.asset("release.json");
    let text = fs::read_to_string(&path).unwrap();
    let digest = Sha256::of(&fs::read(fixture.archive()).unwrap()).to_string();
    assert!(text.contains(&digest));
    fs::write(&path, text.replace(&digest, &"0".repeat(64))).unwrap();
    let ended = reproduce(&fixture, "assets").with(Exit::Refused);
    ended.saying("as release.json says");
}

#[test]
fn a_release_that_lists_fewer_archives_than_its_plan_is_not_called_equal() {
    let fixture = Fixture::unborn();
    fixture.replace(
        "dist-workspace.toml",
        &format!("targets = [\"{HOST}\"]"),
        &format!("targets = [\"{HOST}\", \"aarch64-unknown-linux-musl\"]"),
    );
    fixture.commit();
    fixture.make_plan();
    ok(fixture
        .stage("build", "--out", "archives")
        .args(["--target", HOST]));
    let plan = fixture.plan();
    let assets = fixture.beside("assets");
    fs::create_dir(&assets).unwrap();
    fs::write(assets.join("plan.json"), plan.render()).unwrap();
    let archive = fixture.beside("archives").join(name());
    fs::copy(&archive, assets.join(name())).unwrap();
    let record = format!("{}.built.json", archive.display());
    let built: serde_json::Value = serde_json::from_slice(&fs::read(record).unwrap()).unwrap();
    let manifest = serde_json::json!({
        "schema": "release-manifest/1", "product": "ember", "version": "1.2.3", "tag": "v1.2.3",
        "commit": plan.source.commit.as_str(), "plan_sha256": plan.digest().to_string(),
        "toolchains": {HOST: built["toolchain"]}, "upgrades_from": "0.0.0",
        "playbook_sha256": plan.playbook_sha256.to_string(),
        "assets": [{"name": name(), "kind": "archive", "target": HOST, "size": built["size"], "sha256": built["sha256"]}],
    });
    fs::write(
        assets.join("release.json"),
        serde_json::to_vec_pretty(&manifest).unwrap(),
    )
    .unwrap();
    let ended = reproduce(&fixture, "assets").with(Exit::Input);
    ended.saying("expected ember-aarch64-unknown-linux-musl.tar.gz in release.json");
}

#[test]
fn what_another_zig_compiled_is_not_packed_as_the_work_of_this_one() {
    const OTHER: &str = "aarch64-unknown-linux-musl";
    let fixture = Fixture::unborn();
    fixture.replace("dist-workspace.toml", HOST, OTHER);
    fixture.write("light.c", "const char *light(void) { return LIGHT; }\n");
    // As the crate `cc` does it.
    fixture.write("build.rs", "use std::{env, process::Command};\nfn main() {\n    println!(\"cargo::rerun-if-changed=light.c\");\n    println!(\"cargo::rerun-if-env-changed=CC_aarch64_unknown_linux_musl\");\n    let cc = env::var(\"CC_aarch64_unknown_linux_musl\").unwrap();\n    let out = env::var(\"OUT_DIR\").unwrap();\n    assert!(Command::new(cc).args([\"-c\", \"light.c\", \"-o\"]).arg(format!(\"{out}/light.o\")).status().unwrap().success());\n    println!(\"cargo::rustc-link-arg={out}/light.o\");\n}\n");
    let main = fs::read_to_string(fixture.root().join("src/main.rs")).unwrap();
    let main = main.replace(HOST, OTHER);
    fixture.write("src/main.rs", &format!("unsafe extern \"C\" {{ fn light() -> *const std::ffi::c_char; }}\n{}", main.replace("fn main() {\n", "fn main() {\n    eprintln!(\"{:?}\", unsafe { std::ffi::CStr::from_ptr(light()) });\n")));
    fixture.commit();
    let tools = fixture.beside("tools");
    for version in ["0.17.0", "0.17.1"] {
        use std::os::unix::fs::PermissionsExt as _;
        let zig = tools.join(format!("zig-{version}/bin/zig"));
        fs::create_dir_all(zig.parent().unwrap()).unwrap();
        fs::write(&zig, format!("#!/bin/sh\ncase $1 in version) echo {version} ;; cc) shift; exec zig cc '-DLIGHT=\"of zig {version}\"' \"$@\" ;; *) exec zig \"$@\" ;; esac\n")).unwrap();
        fs::set_permissions(&zig, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let mut made = Vec::new();
    for (zig, out) in [("0.17.0", "old"), ("0.17.1", "new")] {
        if zig == "0.17.1" {
            fixture.replace("Cargo.toml", "zig = \"0.17.0\"", "zig = \"0.17.1\"");
            fixture.commit();
        }
        fixture.make_plan();
        let mut build = fixture.stage("build", "--out", out);
        build.env("XTASK_TOOLS", &tools).arg("--all-targets");
        ok(&mut build);
        made.push(fixture.beside(out));
    }
    let mut tar = std::process::Command::new("tar");
    tar.arg("-xzOf")
        .arg(made[1].join(format!("ember-{OTHER}.tar.gz")))
        .arg(format!("ember-{OTHER}/ember"));
    let program = tar.output().unwrap().stdout;
    let has = |text: &str| program.windows(text.len()).any(|w| w == text.as_bytes());
    assert!(
        has("of zig 0.17.1") && !has("of zig 0.17.0"),
        "old {} new {}",
        has("of zig 0.17.0"),
        has("of zig 0.17.1")
    );
}

#[test]
fn a_second_build_is_of_the_files_as_they_were_committed() {
    let fixture = Fixture::assembled();
    let home = fixture.beside("person");
    fs::create_dir(&home).unwrap();
    fs::write(home.join(".gitconfig"), "[core]\n\tautocrlf = true\n").unwrap();
    let old = std::env::var("HOME").unwrap();
    let kept = |name: &str, folder: &str| {
        std::env::var(name).unwrap_or_else(|_| format!("{old}/{folder}"))
    };
    let mut reproduce = fixture.xtask("reproduce");
    reproduce
        .env("HOME", &home)
        .env("RUSTUP_HOME", kept("RUSTUP_HOME", ".rustup"))
        .env("CARGO_HOME", kept("CARGO_HOME", ".cargo"));
    let ended = Ended::from(
        reproduce
            .arg("--against")
            .arg(fixture.beside("archives"))
            .output()
            .unwrap(),
    );
    assert_eq!(ended.code, Some(0), "{} {}", ended.out, ended.err);
}

#[test]
fn a_build_script_that_git_ignores_changes_no_byte() {
    changes_nothing(
        "fn main() { println!(\"cargo::rustc-env=RELEASE_VERSION=1.2.3\"); println!(\"cargo::rustc-link-arg=-Wl,--build-id=0x1234\"); }\n",
        "build.rs",
        "changed files differ",
    );
}

#[test]
fn an_archive_made_by_another_zig_than_the_plan_asks_for_is_refused() {
    let fixture = Fixture::assembled();
    let record = fixture.beside(&format!("archives/{}.built.json", name()));
    let mut built: serde_json::Value = serde_json::from_slice(&fs::read(&record).unwrap()).unwrap();
    built["toolchain"]["zig"] = "0.1.0".into();
    fs::write(&record, serde_json::to_vec(&built).unwrap()).unwrap();
    assemble(&fixture)
        .with(Exit::Input)
        .saying("made by zig 0.17.0");
}

#[test]
fn archives_built_again_are_judged_although_another_fails() {
    let fixture = Fixture::unborn();
    fixture.replace(
        "dist-workspace.toml",
        &format!("targets = [\"{HOST}\"]"),
        &format!("targets = [\"{HOST}\", \"aarch64-unknown-linux-musl\"]"),
    );
    // It builds once here, and not where there is no file beside the tree.
    fixture.write("build.rs", "fn main() { let t = std::env::var(\"TARGET\").unwrap(); if t.contains(\"musl\") { assert!(std::path::Path::new(\"../archives\").exists() && std::env::current_dir().unwrap().ends_with(\"ember\")); } }");
    let main = fs::read_to_string(fixture.root().join("src/main.rs")).unwrap();
    fixture.write("src/main.rs", &main.replace(&format!("\\\"{HOST}\\\""), "\\\"{}\\\"").replace("env!(\"RELEASE_COMMIT\")", "env!(\"RELEASE_COMMIT\"),\n if cfg!(target_env = \"musl\") { \"aarch64-unknown-linux-musl\" } else { \"x86_64-unknown-linux-gnu\" }"));
    fixture.commit();
    fixture.make_plan();
    fs::create_dir(fixture.beside("archives")).unwrap();
    ok(&mut fixture.build());
    let ended = reproduce(&fixture, "archives");
    assert!(ended.out.contains("equal"));
}

#[test]
fn archives_from_a_folder_named_below_the_root_are_found_by_every_stage() {
    let fixture = Fixture::assembled();
    fs::create_dir_all(fixture.root().join("target/below")).unwrap();
    let mut dry_run = fixture.xtask("dry-run");
    dry_run.current_dir(fixture.root().join("target/below"));
    let ended = Ended::from(
        dry_run
            .args(["--from", "../../../archives"])
            .output()
            .unwrap(),
    );
    assert!(
        !ended.err.contains("cannot read ../../../archives"),
        "{}",
        ended.err
    );
}

#[test]
fn an_interrupt_while_sources_are_fetched_ends_the_build() {
    use std::os::unix::fs::PermissionsExt as _;
    use std::os::unix::process::CommandExt as _;
    let fixture = Fixture::committed();
    fixture.make_plan();
    let real = Ended::from(
        std::process::Command::new("rustc")
            .args(["--print", "sysroot"])
            .output()
            .unwrap(),
    )
    .out;
    let real = real.trim();
    let script = |name: &str, text: String| {
        let path = fixture.beside(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    };
    let sysroot = fixture.beside("sysroot");
    fs::create_dir(&sysroot).unwrap();
    std::os::unix::fs::symlink(format!("{real}/lib"), sysroot.join("lib")).unwrap();
    let rustc = script(
        "sysroot/bin/rustc",
        format!(
            "case \"$*\" in '--print sysroot') echo {} ;; *) exec {real}/bin/rustc \"$@\" ;; esac",
            sysroot.display()
        ),
    );
    script(
        "sysroot/bin/cargo",
        format!("case $1 in fetch) exec sleep 30 ;; *) exec {real}/bin/cargo \"$@\" ;; esac"),
    );
    let mut build = fixture.build();
    let child = build
        .env("RUSTC", rustc)
        .process_group(0)
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(std::time::Duration::from_secs(2));
    let pid = rustix::process::Pid::from_raw(child.id() as i32).unwrap();
    rustix::process::kill_process_group(pid, rustix::process::Signal::INT).unwrap();
    let ended = Ended::from(child.wait_with_output().unwrap());
    assert_eq!(ended.code, Some(130), "{}", ended.err);
}

#[test]
fn a_termination_ends_what_compiles() {
    use rustix::process::{Pid, Signal, kill_process};
    let fixture = Fixture::unborn();
    fixture.write(
        "build.rs",
        "fn main() { std::thread::sleep(std::time::Duration::from_secs(12)); }\n",
    );
    fixture.commit();
    fixture.make_plan();
    let mut child = fixture.build().spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_secs(3));
    let started = std::time::Instant::now();
    kill_process(Pid::from_raw(child.id() as i32).unwrap(), Signal::TERM).unwrap();
    child.wait().unwrap();
    assert!(started.elapsed().as_secs() < 5, "{:?}", started.elapsed());
}

#[test]
fn an_interrupted_check_leaves_no_copy_of_the_workspace() {
    use std::os::unix::fs::PermissionsExt as _;
    use std::os::unix::process::CommandExt as _;
    let fixture = Fixture::committed();
    let dist = fixture.beside("tools/cargo-dist-0.34.0/bin/dist");
    fs::create_dir_all(dist.parent().unwrap()).unwrap();
    let text =
        "#!/bin/sh\ncase $1 in --version) echo cargo-dist 0.34.0 ;; *) exec sleep 30 ;; esac\n";
    fs::write(&dist, text).unwrap();
    fs::set_permissions(&dist, fs::Permissions::from_mode(0o755)).unwrap();
    let temporary = fixture.beside("temporary");
    fs::create_dir(&temporary).unwrap();
    let mut check = fixture.xtask("check");
    check
        .env("TMPDIR", &temporary)
        .env("XTASK_TOOLS", fixture.beside("tools"));
    let mut child = check.process_group(0).spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_secs(2));
    let group = rustix::process::Pid::from_raw(child.id() as i32).unwrap();
    rustix::process::kill_process_group(group, rustix::process::Signal::INT).unwrap();
    let status = child.wait().unwrap();
    let left = fs::read_dir(&temporary).unwrap().count();
    assert_eq!((status.code(), left), (Some(130), 0));
}

#[test]
fn a_health_check_leaves_nothing_where_temporary_files_lie() {
    let fixture = Fixture::unborn();
    fixture.replace("dist-workspace.toml", HOST, "x86_64-pc-windows-gnullvm");
    let temporary = fixture.beside("temporary");
    fs::create_dir(&temporary).unwrap();
    let mut check = fixture.xtask("healthcheck");
    check.env("TMPDIR", &temporary).output().unwrap();
    let left = fs::read_dir(&temporary).unwrap();
    let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, [""; 0]);
}

#[test]
fn a_lock_file_that_is_not_current_is_not_called_a_failure_of_the_network() {
    let fixture = Fixture::unborn();
    fs::create_dir_all(fixture.root().join("coal/src")).unwrap();
    fixture.write(
        "coal/Cargo.toml",
        "[package]\nname = \"coal\"\nversion = \"1.0.0\"\nedition = \"2024\"\n",
    );
    fixture.write("coal/src/lib.rs", "");
    fixture.replace(
        "Cargo.toml",
        "[profile.dist]",
        "[dependencies]\ncoal = { path = \"coal\" }\n\n[profile.dist]",
    );
    fixture.commit();
    fixture.make_plan();
    let ended = Ended::from(fixture.build().output().unwrap());
    assert_ne!(
        ended.code,
        Some(i32::from(Exit::Network.code())),
        "{}",
        ended.err
    );
}

#[test]
fn changes_at_the_very_commit_of_a_release_are_told_as_such() {
    let fixture = Fixture::assembled();
    fixture.write("README.md", "# more\n");
    let ended = reproduce(&fixture, "assets").with(Exit::Input);
    ended.saying("git stash");
}

#[test]
fn words_of_a_record_reach_a_terminal_without_escape_sequences() {
    let fixture = Fixture::assembled();
    let record = fixture.beside(&format!("archives/{}.built.json", name()));
    let text = fs::read_to_string(&record).unwrap();
    fs::write(
        &record,
        text.replacen("\"rustc 1.", "\"rustc \\u001b[2J0.", 1),
    )
    .unwrap();
    let ended = reproduce(&fixture, "archives");
    assert!(!ended.out.contains('\u{1b}'), "{:?}", ended.out);
}

#[test]
fn a_folder_given_twice_is_one_place() {
    let fixture = Fixture::assembled();
    let mut assemble = fixture.stage("assemble", "--out", "again");
    for _ in 0..2 {
        assemble.arg("--from").arg(fixture.beside("archives"));
    }
    ok(&mut assemble);
}
