//! What `install.sh` is told, good and bad, and what it meets: in every shell that is here.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rehearsal::verifiers::not_run;

use crate::install_script::{find, run, shells, told, tools};
use crate::rig::{Ran, Rig, bundle_of, flip, in_days, release_job, stamped, unchecked};

/// What the script needs of other programs for all its options.
pub(crate) const TOOLS: [&str; 14] = [
    "uname",
    "mktemp",
    "tar",
    "gzip",
    "rm",
    "cat",
    "cp",
    "sha256sum",
    "sed",
    "sort",
    "head",
    "date",
    "mkdir",
    "sh",
];

/// A mirror with two versions, whose stable channel points at the second.
fn world() -> Rig {
    let rig = Rig::new();
    rig.publish_good("1.0.0");
    rig.publish_good("1.1.0");
    rig.point("1.1.0", 1, |_| {});
    rig
}

/// The script of 1.0.0, told where everything is and `more`.
fn install(rig: &Rig, shell: &[String], more: &[&str], path: Option<&Path>) -> Ran {
    let told = told(rig, &rig.mirror());
    let mut arguments = told.each_ref().map(String::as_str).to_vec();
    arguments.extend(more);
    run(
        shell,
        &rig.release("1.0.0").join("install.sh"),
        &arguments,
        path,
    )
}

fn installed(rig: &Rig) -> (String, Option<String>) {
    let version = rig.version();
    let channel = fs::read_to_string(rig.home().join("state/channel")).ok();
    fs::remove_dir_all(rig.home()).unwrap();
    (version, channel)
}

#[test]
fn a_version_that_is_named_is_installed_by_its_own_script() {
    let rig = world();
    for shell in shells() {
        for (named, version) in [("1.1.0", "1.1.0"), ("v1.1.0", "1.1.0"), ("1.0.0", "1.0.0")] {
            let ran = install(
                &rig,
                &shell,
                &["--version", named, "--no-modify-path"],
                None,
            )
            .expect(0);
            let other = ran
                .stderr
                .contains("v1.1.0/install.sh, with the digest that is written");
            assert_eq!(other, version == "1.1.0", "{}", ran.stderr);
            assert!(
                ran.stderr.contains("no profile was changed"),
                "{}",
                ran.stderr
            );
            assert_eq!(installed(&rig), (version.to_owned(), None));
        }
        install(&rig, &shell, &["--version", "9.9.9"], None).expect(10);
        for wrong in ["../1.1.0", "latest", "1.1.0 ", "-1", "$(id)"] {
            install(&rig, &shell, &["--version", wrong], None).expect(2);
        }
        assert!(!rig.home().exists());
    }
    flip(&rig.release("1.1.0").join("install.sh"));
    let ran = install(&rig, &shells()[0], &["--version", "1.1.0"], None).expect(11);
    assert!(ran.stderr.contains("Nothing was run"), "{}", ran.stderr);
}

#[test]
fn a_channel_that_is_named_is_installed_from_and_followed() {
    let rig = world();
    let stable = Some("stable\n".to_owned());
    for shell in shells() {
        install(&rig, &shell, &["--channel", "stable"], None).expect(0);
        assert_eq!(installed(&rig), ("1.1.0".to_owned(), stable.clone()));
        install(&rig, &shell, &["--follow", "beta"], None).expect(0);
        let beta = Some("beta\n".to_owned());
        assert_eq!(installed(&rig), ("1.0.0".to_owned(), beta.clone()));
        install(
            &rig,
            &shell,
            &["--version", "1.1.0", "--follow", "beta"],
            None,
        )
        .expect(0);
        assert_eq!(installed(&rig), ("1.1.0".to_owned(), beta));
        let ran = install(&rig, &shell, &["--channel", "beta"], None).expect(10);
        assert!(
            ran.stderr.contains("nothing says what beta is at"),
            "{}",
            ran.stderr
        );
        for wrong in [
            &["--channel", "nightly"][..],
            &["--follow", "nightly"],
            &["--channel", "stable", "--version", "1.1.0"],
            &["--channel", "stable", "--bundle", "x"],
        ] {
            install(&rig, &shell, wrong, None).expect(2);
        }
    }
    rig.point("1.0.0", 2, |_| {});
    let ran = install(&rig, &shells()[0], &["--channel", "stable"], None).expect(0);
    assert!(!ran.stderr.contains("install.sh, with"), "{}", ran.stderr);
    assert_eq!(installed(&rig), ("1.0.0".to_owned(), stable));
    rig.point("1.1.0", 3, |pointer| pointer.expires = in_days(-1));
    let ran = install(&rig, &shells()[0], &["--channel", "stable"], None).expect(10);
    assert!(ran.stderr.contains("expired at"), "{}", ran.stderr);
}

/// The tools, and a cosign of that name; none where it is not here.
pub(crate) fn with_cosign(name: &str) -> Option<tempfile::TempDir> {
    let Some(cosign) = find(name) else {
        not_run(name);
        return None;
    };
    let path = tools(&TOOLS);
    symlink(cosign, path.path().join("cosign")).unwrap();
    Some(path)
}

#[test]
fn with_a_signature_required_nothing_runs_that_cosign_refuses() {
    let rig = world();
    let script = rig.release("1.1.0").join("install.sh");
    let archive = rig.archive("1.0.0");
    for cosign in ["cosign", "cosign2"] {
        let Some(path) = with_cosign(cosign) else {
            continue;
        };
        let required = |more: &[&str]| {
            let more = [&["--require-signature"], more].concat();
            install(&rig, &shells()[0], &more, Some(path.path()))
        };
        rig.sign(&script, &release_job("1.1.0"));
        let ran = required(&[]).expect(0);
        assert!(
            ran.stderr.contains("signed it for v1.0.0, says cosign"),
            "{}",
            ran.stderr
        );
        assert_eq!(installed(&rig).0, "1.0.0");
        required(&["--version", "1.1.0"]).expect(0);
        assert_eq!(installed(&rig).0, "1.1.0");
        // The digests are still those that are written; the signer is another tag's.
        rig.sign(&script, &release_job("1.0.0"));
        let ran = required(&["--version", "1.1.0"]).expect(11);
        assert!(ran.stderr.contains("no signature of"), "{}", ran.stderr);
        // What the channel is at is what its own workflow says.
        rig.sign(&script, &release_job("1.1.0"));
        required(&["--channel", "stable"]).expect(0);
        assert_eq!(installed(&rig).0, "1.1.0");
        let pointer = rig.signed_pointer();
        for selected in ["1.0.0", "1.1.0"] {
            rig.point(selected, 2, |_| {});
            fs::write(bundle_of(&rig.pointer()), &pointer.bundle).unwrap();
            let ran = required(&["--channel", "stable"]).expect(11);
            assert!(ran.stderr.contains("channel.yml@refs/heads/main"));
        }
        rig.point("1.1.0", 1, |_| {});
        rig.sign(&archive, &release_job("1.1.0"));
        required(&[]).expect(11);
        fs::write(bundle_of(&archive), "{}").unwrap();
        required(&[]).expect(11);
        fs::remove_file(bundle_of(&archive)).unwrap();
        required(&[]).expect(10);
        assert!(!rig.home().exists());
        rig.sign(&archive, &release_job("1.0.0"));
    }
    let without = tools(&TOOLS);
    for shell in shells() {
        let ran = install(&rig, &shell, &["--require-signature"], Some(without.path())).expect(17);
        assert!(ran.stderr.contains("cosign is needed"), "{}", ran.stderr);
        if let Some(path) = with_cosign("cosign") {
            install(&rig, &shell, &["--require-signature"], Some(path.path())).expect(0);
            fs::remove_dir_all(rig.home()).unwrap();
        }
    }
}

/// Programs of these names that print what they are given to.
fn fakes(folder: &Path, fakes: &[(&str, &str)]) {
    for (name, body) in fakes {
        let file = folder.join(name);
        let _ = fs::remove_file(&file);
        fs::write(&file, format!("#!/bin/sh\n{body}\n")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }
}

#[test]
fn under_rosetta_the_machine_itself_is_what_counts() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("install.sh");
    let whole = stamped(&"1.0.0".parse().unwrap(), release_plan::Sha256::of(b"x"));
    fs::write(
        &script,
        whole.replace(crate::rig::TARGET, "aarch64-apple-darwin"),
    )
    .unwrap();
    let path = tools(&TOOLS);
    let uname = "case $1 in -s) echo Darwin ;; -m) echo x86_64 ;; esac";
    for (translated, code, words) in [
        ("echo 1", 10, "rocket-aarch64-apple-darwin.tar.gz"),
        ("echo 0", 17, "no archive for Darwin x86_64"),
        ("exit 1", 17, "no archive for Darwin x86_64"),
    ] {
        fakes(path.path(), &[("uname", uname), ("sysctl", translated)]);
        for shell in shells() {
            // It asks its own uname.
            if shell.iter().any(|part| part == "sh") {
                continue;
            }
            let ran = run(
                &shell,
                &script,
                &["--mirror", "file:///nowhere"],
                Some(path.path()),
            );
            let ran = ran.expect(code);
            assert!(ran.stderr.contains(words), "{}", ran.stderr);
        }
    }
}

#[test]
fn a_temporary_folder_of_any_name_will_do_and_is_left_empty() {
    let rig = world();
    for name in ["-x", "a b", "it's $HOME `id` *", &"x".repeat(200)] {
        let folder = rig.path(name);
        fs::create_dir(&folder).unwrap();
        for temporary in [folder.clone(), PathBuf::from(name)] {
            for shell in shells() {
                let mut command = Command::new(&shell[0]);
                command
                    .args(&shell[1..])
                    .arg(rig.release("1.0.0").join("install.sh"))
                    .args(told(&rig, &rig.mirror()))
                    .args(["--no-modify-path", "--version", "1.1.0"])
                    .current_dir(rig.path(""))
                    .env("TMPDIR", &temporary);
                Ran::from(command.output().unwrap()).expect(0);
                assert_eq!(installed(&rig).0, "1.1.0");
                assert_eq!(fs::read_dir(&folder).unwrap().count(), 0, "{name}");
            }
        }
    }
}

#[test]
fn a_reader_that_goes_away_leaves_nothing_behind() {
    let rig = world();
    let temporary = rig.path("tmp");
    fs::create_dir(&temporary).unwrap();
    for shell in shells() {
        let mut command = Command::new(&shell[0]);
        let mut child = command
            .args(&shell[1..])
            .arg(rig.release("1.0.0").join("install.sh"))
            .args(told(&rig, &rig.mirror()))
            .arg("--no-modify-path")
            .env("TMPDIR", &temporary)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stderr.take());
        child.wait().unwrap();
        assert_eq!(fs::read_dir(&temporary).unwrap().count(), 0, "{shell:?}");
        // Whole or not at all.
        if rig.launcher().exists() {
            assert_eq!(installed(&rig).0, "1.0.0");
        } else {
            let _ = fs::remove_dir_all(rig.home());
        }
    }
}

/// Runs the script with a file system of its own for what is temporary; none where this may not
/// mount one.
fn on_a_file_system(rig: &Rig, options: &str, shell: &[String], more: &[&str]) -> Option<Ran> {
    let folder = rig.path("mounted");
    fs::create_dir_all(&folder).unwrap();
    let mount = format!("mount -t tmpfs -o {options} tmpfs \"$0\" || exit 99; exec \"$@\"");
    let mut command = Command::new("unshare");
    command
        .args(["-m", "sh", "-c", &mount])
        .arg(&folder)
        .args(shell)
        .arg(rig.release("1.0.0").join("install.sh"))
        .args(told(rig, &rig.mirror()))
        .args(more)
        .env("TMPDIR", &folder)
        .env("HOME", "/nowhere");
    let ran = Ran::from(command.output().ok()?);
    (ran.code != Some(99) && !ran.stderr.contains("unshare failed")).then_some(ran)
}

#[test]
fn a_disk_that_is_full_and_one_where_nothing_may_run_are_told() {
    let rig = world();
    for shell in shells() {
        let Some(ran) = on_a_file_system(&rig, "size=256k", &shell, &[]) else {
            unchecked("a full disk and noexec: this may not mount a file system");
            return;
        };
        assert!(ran.stderr.contains("make space there"), "{}", ran.stderr);
        ran.expect(16);
        let ran = on_a_file_system(&rig, "noexec", &shell, &[]).unwrap();
        assert!(ran.stderr.contains("(noexec)"), "{}", ran.stderr);
        ran.expect(16);
        assert!(!rig.home().exists());
    }
}
