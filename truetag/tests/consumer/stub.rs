//! What the channels serve as `install.sh`: the stub that gets the script of a release, in every
//! shell that is here.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use release_plan::{AssetName, Bootstrap, Sha256};

use crate::install_options::{TOOLS, with_cosign};
use crate::install_script::{run, shells, told, tools};
use crate::rig::{Ran, Rig, flip, in_days, release_job, stub};

/// A script that tells what it was given, and ends like no other.
const SCRIPT: &str = "#!/bin/sh\nprintf '<%s>' \"$@\"\nexit 42\n";
/// The same, from elsewhere.
const OTHER: &str = "#!/bin/sh\necho other\n";

/// A mirror whose stable channel points at 1.0.0, with [`SCRIPT`] as its install script.
fn world() -> (Rig, PathBuf) {
    let rig = Rig::new();
    rig.publish_good("1.0.0");
    put(&rig, "v1.0.0", "install.sh", SCRIPT);
    rig.point("1.0.0", 1, |pointer| {
        pointer.bootstrap = scripts("v1.0.0", SCRIPT);
    });
    let script = rig.path("stub.sh");
    fs::write(&script, stub(&rig.mirror(), &rig.mirror())).unwrap();
    (rig, script)
}

fn scripts(tag: &str, script: &str) -> Bootstrap {
    let script = Sha256::of(script.as_bytes());
    Bootstrap {
        tag: tag.parse().unwrap(),
        scripts: [(AssetName::INSTALL_SH.parse().unwrap(), script)].into(),
    }
}

/// Puts a file below `releases/download`, or beside it.
fn put(rig: &Rig, tag: &str, name: &str, content: &str) {
    let folder = rig.path("mirror/releases/download").join(tag);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(name), content).unwrap();
}

/// A release with checksums, whose install script is `script`.
fn release(rig: &Rig, tag: &str, sums: &str, script: &str) {
    let digest = Sha256::of(script.as_bytes());
    put(rig, tag, "install.sh", script);
    put(rig, tag, sums, &format!("{digest}  install.sh\n"));
}

/// The latest release, as GitHub serves it beside the tags.
fn latest(rig: &Rig, script: &str) {
    release(rig, "../latest/download", "SHA256SUMS", script);
}

fn pinned(shell: &[String], script: &Path, tag: &str) -> Ran {
    let mut command = std::process::Command::new(&shell[0]);
    command.args(&shell[1..]).arg(script);
    command.env("ROCKET_UPGRADE_REF", tag);
    command.output().unwrap().into()
}

#[test]
fn every_shell_installs_what_the_channel_points_at() {
    let rig = Rig::new();
    for version in ["1.0.0", "1.1.0"] {
        rig.publish_good(version);
    }
    rig.point("1.0.0", 1, |_| {});
    let script = rig.path("stub.sh");
    let elsewhere = "https://127.0.0.1:1";
    fs::write(&script, stub(elsewhere, elsewhere)).unwrap();
    let told = told(&rig, &rig.mirror());
    let arguments = told.each_ref().map(String::as_str);
    for shell in shells() {
        let ran = run(&shell, &script, &arguments, None).expect(0);
        assert!(ran.stderr.contains("v1.0.0/install.sh"), "{}", ran.stderr);
        assert_eq!(rig.version(), "1.0.0");
        fs::remove_dir_all(rig.home()).unwrap();
    }
}

#[test]
fn arguments_and_exit_code_pass_through_as_they_are() {
    let (_rig, script) = world();
    for shell in shells() {
        let given = ["--dir", "a b", "--channel", "stable", "", "*", "--x=$y"];
        let ran = run(&shell, &script, &given, None).expect(42);
        assert_eq!(ran.stdout, "<--dir><a b><--follow><stable><><*><--x=$y>");
    }
}

#[test]
fn a_script_with_another_digest_than_the_pointers_is_not_run() {
    let (rig, script) = world();
    flip(&rig.release("1.0.0").join("install.sh"));
    for shell in shells() {
        let ran = run(&shell, &script, &[], None).expect(11);
        assert!(ran.stderr.contains("digest refused"), "{}", ran.stderr);
        assert_eq!(ran.stdout, "");
    }
}

#[test]
fn where_there_is_no_pointer_to_go_by_the_latest_release_serves_and_it_says_so() {
    let (rig, script) = world();
    let pointer = rig.pointer();
    let good = fs::read_to_string(&pointer).unwrap();
    rig.point("1.0.0", 2, |pointer| {
        pointer.bootstrap = scripts("v1.0.0", SCRIPT);
        pointer.expires = in_days(-1);
    });
    let expired = fs::read_to_string(&pointer).unwrap();
    latest(&rig, OTHER);
    for shell in shells() {
        for (found, words) in [
            (None, "note: cannot get the pointer of channel stable"),
            (Some(""), "is no pointer"),
            (Some("<html>down for maintenance</html>"), "is no pointer"),
            (
                Some(&*good.replace("install.sh", "upgrade.sh")),
                "is no pointer",
            ),
            (Some(&*expired), "expired at"),
        ] {
            match found {
                Some(found) => fs::write(&pointer, found).unwrap(),
                None => fs::remove_file(&pointer).unwrap(),
            }
            let ran = run(&shell, &script, &[], None).expect(0);
            assert_eq!(ran.stdout, "other\n", "{found:?}");
            assert!(ran.stderr.contains(words), "{found:?}: {}", ran.stderr);
            let words = "the latest release's own script serves in its place";
            assert!(ran.stderr.contains(words), "{}", ran.stderr);
            // Whoever asks for another channel is given no substitute.
            let named = ["--channel", "beta"];
            let ran = run(&shell, &script, &named, None).expect(10);
            assert!(ran.stderr.contains("what beta is at"), "{}", ran.stderr);
            assert_eq!(ran.stdout, "");
        }
    }
}

#[test]
fn the_latest_script_is_held_against_its_checksums() {
    let (rig, script) = world();
    fs::remove_file(rig.pointer()).unwrap();
    let shell = &shells()[0];
    run(shell, &script, &[], None).expect(10);
    latest(&rig, OTHER);
    put(&rig, "../latest/download", "install.sh", SCRIPT);
    run(shell, &script, &[], None).expect(11);
    for sums in ["", "x  install.sh\n", &format!("{}  x\n", Sha256::of(b"x"))] {
        put(&rig, "../latest/download", "SHA256SUMS", sums);
        let ran = run(shell, &script, &[], None).expect(11);
        assert!(ran.stderr.contains("lists no install.sh"), "{}", ran.stderr);
    }
}

#[test]
fn a_reference_pins_a_tag_wherever_the_channel_points() {
    let (rig, script) = world();
    release(&rig, "v0.9.0", "SHA256SUMS", OTHER);
    let patched = "bootstrap-v0.9.0-r1";
    release(&rig, patched, "bootstrap-checksums.txt", OTHER);
    for shell in shells() {
        for tag in ["v0.9.0", patched] {
            let ran = pinned(&shell, &script, tag).expect(0);
            assert_eq!(ran.stdout, "other\n");
            assert!(
                ran.stderr.contains(&format!("pins {tag}")),
                "{}",
                ran.stderr
            );
        }
        pinned(&shell, &script, "v0.8.0").expect(10);
        for wrong in [
            "main",
            "0.9.0",
            "latest",
            "v",
            "v0.9.0/../v1.0.0",
            "v0.9.0 ",
        ] {
            let ran = pinned(&shell, &script, wrong).expect(2);
            assert!(ran.stderr.contains("a tag like v1.2.3"), "{}", ran.stderr);
        }
    }
    put(&rig, "v0.9.0", "install.sh", SCRIPT);
    pinned(&shells()[0], &script, "v0.9.0").expect(11);
}

#[test]
fn wrong_options_are_refused_and_help_is_given_without_a_network() {
    let (_rig, script) = world();
    for shell in shells() {
        let ran = run(&shell, &script, &["--help"], None).expect(0);
        assert!(
            ran.stdout.contains("$ROCKET_UPGRADE_REF=TAG"),
            "{}",
            ran.stdout
        );
        for wrong in [
            &["--channel"][..],
            &["--channel", ""],
            &["--channel", "nightly"],
            &["--mirror"],
            &["--mirror", "ftp://x"],
        ] {
            run(&shell, &script, wrong, None).expect(2);
        }
    }
}

#[test]
fn a_download_without_a_file_and_a_clock_that_fails_are_no_success() {
    let (rig, script) = world();
    let always = [
        "sed",
        "sort",
        "head",
        "date",
        "mktemp",
        "rm",
        "cat",
        "cp",
        "sha256sum",
    ];
    let with = |fake: &str, code: u8, script: &Path, mirror: &str| {
        let others: Vec<&str> = always.into_iter().filter(|tool| *tool != fake).collect();
        let path = tools(&others);
        let file = path.path().join(fake);
        fs::write(&file, format!("#!/bin/sh\nexit {code}\n")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        let shells = shells().into_iter();
        // It has the others built in.
        let shells = shells.filter(|shell| fake == "curl" || !shell.iter().any(|it| it == "sh"));
        let arguments = ["--mirror", mirror];
        let ran = shells.map(|shell| run(&shell, script, &arguments, Some(path.path())));
        ran.collect::<Vec<Ran>>()
    };
    for ran in with("curl", 0, &script, "https://127.0.0.1:1") {
        let ran = ran.expect(10);
        assert!(ran.stderr.contains("cannot download"), "{}", ran.stderr);
    }
    latest(&rig, OTHER);
    for (fake, code) in [("date", 0), ("date", 1), ("sort", 1), ("head", 1)] {
        for ran in with(fake, code, &script, &rig.mirror()) {
            // Else it would be the pointer's, which ends with 42.
            assert!(ran.stderr.contains("expired at"), "{fake}: {}", ran.stderr);
        }
    }
}

#[test]
fn no_temporary_folder_is_left_behind() {
    let (rig, script) = world();
    let temporary = rig.path("tmp");
    fs::create_dir(&temporary).unwrap();
    for shell in shells() {
        let mut command = std::process::Command::new(&shell[0]);
        command.args(&shell[1..]).arg(&script);
        command.env("TMPDIR", &temporary);
        Ran::from(command.output().unwrap()).expect(42);
        assert_eq!(fs::read_dir(&temporary).unwrap().count(), 0);
    }
}

#[test]
fn with_a_signature_required_the_stub_runs_nothing_that_cosign_refuses() {
    let (rig, script) = world();
    let pages = "https://acme.github.io/rocket";
    fs::write(&script, stub(pages, "https://github.com/acme/rocket")).unwrap();
    latest(&rig, OTHER);
    let told = told(&rig, &rig.mirror());
    let told = told.each_ref().map(String::as_str);
    let required = [&told[..], &["--require-signature"]].concat();
    let install = rig.release("1.0.0").join("install.sh");
    for shell in shells() {
        let without = tools(&TOOLS);
        run(&shell, &script, &required, Some(without.path())).expect(17);
        let Some(path) = with_cosign("cosign") else {
            continue;
        };
        let run = || run(&shell, &script, &required, Some(path.path()));
        rig.sign(&install, &release_job("1.0.0"));
        let ran = run().expect(42);
        assert!(
            ran.stdout.contains("<--require-signature>"),
            "{}",
            ran.stdout
        );
        rig.sign(&install, &release_job("1.1.0"));
        let ran = run().expect(11);
        assert!(ran.stderr.contains("release.yml@refs/tags/v1.0.0"));
        rig.sign(&install, &release_job("1.0.0"));
        rig.sign(&rig.pointer(), &release_job("1.0.0"));
        let ran = run().expect(11);
        assert!(ran.stderr.contains("channel.yml@refs/heads/main"));
        fs::remove_file(rig.pointer()).unwrap();
        let ran = run().expect(10);
        assert!(ran.stderr.contains("nothing signed"), "{}", ran.stderr);
        rig.point("1.0.0", 1, |pointer| {
            pointer.bootstrap = scripts("v1.0.0", SCRIPT);
        });
        // Nothing but the pointer vouches for patched scripts.
        put(&rig, "bootstrap-v1.0.0-r1", "install.sh", SCRIPT);
        rig.point("1.0.0", 2, |pointer| {
            pointer.bootstrap = scripts("bootstrap-v1.0.0-r1", SCRIPT);
        });
        run().expect(42);
        rig.point("1.0.0", 1, |pointer| {
            pointer.bootstrap = scripts("v1.0.0", SCRIPT);
        });
    }
}
