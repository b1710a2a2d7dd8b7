//! `upgrade.sh`: a home whose program cannot upgrade itself gets one that can; and what of
//! `install.ps1` can be held without PowerShell.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::Command;

use release_plan::{Sha256, Version};

use crate::install_options::with_cosign;
use crate::install_script::{find, run, shells, told};
use crate::rig::{Ran, Rig, flip, powershell, release_job, rescue, unchecked};

/// A home with 1.0.0, and a mirror with 1.1.0 and the script that rescues by it.
fn world() -> (Rig, std::path::PathBuf) {
    let rig = Rig::new();
    rig.publish_good("1.1.0");
    let script = rig.path("upgrade.sh");
    fs::write(&script, rescue("1.1.0")).unwrap();
    rig.publish_good("1.0.0");
    rig.install("1.0.0");
    (rig, script)
}

#[test]
fn a_home_whose_program_is_broken_is_rescued_by_every_shell_and_remembers_what_it_did() {
    let (rig, script) = world();
    let told = told(&rig, &rig.mirror());
    let arguments = told.each_ref().map(String::as_str);
    let program = rig.home().join("versions/1.0.0/rocket");
    for shell in shells() {
        for broken in [&b"#!/bin/sh\nexit 1\n"[..], b"\x7fELF", b""] {
            fs::remove_dir_all(rig.home()).unwrap();
            rig.install("1.0.0");
            fs::write(rig.home().join("state/channel"), "beta\n").unwrap();
            for path in [&program, &rig.launcher()] {
                fs::remove_file(path).unwrap();
                fs::write(path, broken).unwrap();
                fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
            }
            run(&shell, &script, &arguments, None).expect(0);
            assert_eq!(rig.version(), "1.1.0");
            let channel = fs::read_to_string(rig.home().join("state/channel")).unwrap();
            assert_eq!(channel, "beta\n");
        }
    }
}

#[test]
fn a_version_that_cannot_fetch_or_unpack_another_is_left_by_the_script() {
    for (says, code) in [("1.0.0 fails upgrade", 99), ("1.0.0 crashes upgrade", 134)] {
        let rig = Rig::new();
        rig.publish("1.0.0", says, |_| {});
        rig.publish_good("1.1.0");
        rig.point("1.1.0", 7, |_| {});
        rig.install("1.0.0");
        // As a program does that unpacks only half.
        let half = rig.home().join("versions/1.1.0");
        fs::create_dir(&half).unwrap();
        fs::write(half.join("rocket"), b"\x7fELF").unwrap();
        let ran = rig.upgrade(&[]);
        assert!([Some(code), None].contains(&ran.code), "{:?}", ran.code);
        let script = rig.path("upgrade.sh");
        fs::write(&script, rescue("1.1.0")).unwrap();
        let told = told(&rig, &rig.mirror());
        let arguments = told.each_ref().map(String::as_str);
        run(&shells()[0], &script, &arguments, None).expect(0);
        assert_eq!(rig.version(), "1.1.0");
        rig.pass_trial();
        rig.publish_good("1.2.0");
        rig.upgrade(&["--version", "1.2.0"]).expect(0);
        assert_eq!(rig.version(), "1.2.0");
    }
}

#[test]
fn a_version_whose_own_steps_are_broken_is_left_by_the_newer_one() {
    for step in ["prepare", "activate", "settle"] {
        let rig = Rig::new();
        rig.publish_good("1.0.0");
        rig.publish_good("1.1.0");
        rig.point("1.1.0", 7, |_| {});
        rig.install("1.0.0");
        // A version like this could not have come here: what it does later is what counts.
        rig.publish("1.0.0", &format!("1.0.0 fails {step}"), |_| {});
        let broken = fs::read(rig.unpack("1.0.0")).unwrap();
        let folder = rig.home().join("versions/1.0.0");
        let receipt = fs::read_to_string(folder.join("receipt.json")).unwrap();
        let was = Sha256::of(&fs::read(folder.join("rocket")).unwrap()).to_string();
        let receipt = receipt.replace(&was, &Sha256::of(&broken).to_string());
        fs::write(folder.join("receipt.json"), receipt).unwrap();
        for program in [folder.join("rocket"), rig.launcher()] {
            fs::write(program, &broken).unwrap();
        }
        rig.upgrade(&[]).expect(0);
        rig.pass_trial();
        assert_eq!(rig.version(), "1.1.0");
        let new = fs::read(rig.home().join("versions/1.1.0/rocket")).unwrap();
        assert!(fs::read(rig.launcher()).unwrap() == new, "{step}");
    }
}

#[test]
fn a_rescue_that_fails_leaves_what_was_on_path() {
    let (rig, script) = world();
    fs::write(rig.launcher(), "#!/bin/sh\nexit 1\n").unwrap();
    fs::remove_file(rig.archive("1.1.0")).unwrap();
    let before = rig.snapshot();
    let told = told(&rig, &rig.mirror());
    let arguments = told.each_ref().map(String::as_str);
    run(&shells()[0], &script, &arguments, None).expect(10);
    assert_eq!(rig.snapshot(), before);
}

#[test]
fn a_launcher_that_works_stays_and_a_rescue_changes_no_profile() {
    let (rig, script) = world();
    let before = fs::read(rig.launcher()).unwrap();
    let told = told(&rig, &rig.mirror());
    let arguments = told.each_ref().map(String::as_str);
    let ran = run(&shells()[0], &script, &arguments, None).expect(0);
    assert!(
        ran.stderr.contains("no profile was changed"),
        "{}",
        ran.stderr
    );
    assert_eq!(rig.version(), "1.1.0");
    assert!(fs::read(rig.launcher()).unwrap() == before);
}

#[test]
fn a_launcher_stays_although_a_project_or_a_development_build_has_it_run_nothing() {
    let (rig, script) = world();
    let told = told(&rig, &rig.mirror());
    let before = fs::read(rig.launcher()).unwrap();
    let project = rig.path("project");
    fs::create_dir(&project).unwrap();
    fs::write(project.join(".rocket.toml"), "version = '9.9.9'").unwrap();
    for build in ["", "/nowhere"] {
        for shell in shells() {
            fs::remove_dir_all(rig.home()).unwrap();
            rig.install("1.0.0");
            let mut rescue = Command::new(&shell[0]);
            rescue.args(&shell[1..]).arg(&script).args(&told);
            rescue.args(["--dir", "../home"]).current_dir(&project);
            rescue
                .env("HOME", rig.path("nobody"))
                .env("ROCKET_BIN", build);
            Ran::from(rescue.output().unwrap()).expect(0);
            assert_eq!(rig.version(), "1.1.0");
            assert!(fs::read(rig.launcher()).unwrap() == before);
        }
    }
}

#[test]
fn with_a_signature_required_a_rescue_runs_nothing_that_cosign_refuses() {
    let (rig, script) = world();
    let told = told(&rig, &rig.mirror());
    let arguments = told.each_ref().map(String::as_str);
    let arguments = [&arguments[..], &["--require-signature"]].concat();
    let Some(path) = with_cosign("cosign") else {
        return;
    };
    symlink(find("mv").unwrap(), path.path().join("mv")).unwrap();
    let path = Some(path.path());
    let install = rig.release("1.1.0").join("install.sh");
    let before = rig.snapshot();
    rig.sign(&install, &release_job("1.0.0"));
    let ran = run(&shells()[0], &script, &arguments, path).expect(11);
    assert!(ran.stderr.contains("release.yml@refs/tags/v1.1.0"));
    assert_eq!(rig.snapshot(), before);
    rig.sign(&install, &release_job("1.1.0"));
    run(&shells()[0], &script, &arguments, path).expect(0);
    assert_eq!(rig.version(), "1.1.0");
}

#[test]
fn what_is_no_home_or_has_another_digest_is_not_touched() {
    let (rig, script) = world();
    let before = rig.snapshot();
    for shell in shells() {
        let ran = run(&shell, &script, &["--dir", "/nowhere"], None).expect(17);
        assert!(ran.stderr.contains("/nowhere is no home"), "{}", ran.stderr);
        for wrong in [&["--dir"][..], &["--dir", ""], &["--mirror", "ftp://x"]] {
            run(&shell, &script, wrong, None).expect(2);
        }
        let ran = run(&shell, &script, &["--help"], None).expect(0);
        assert!(
            ran.stdout.contains("$ROCKET_HOME or ~/.rocket"),
            "{}",
            ran.stdout
        );
    }
    flip(&rig.release("1.1.0").join("install.sh"));
    let told = told(&rig, &rig.mirror());
    let arguments = told.each_ref().map(String::as_str);
    run(&shells()[0], &script, &arguments, None).expect(11);
    assert_eq!(rig.snapshot(), before);
}

#[test]
fn the_script_for_powershell_reads_the_same_in_every_code_page_and_does_nothing_before_its_end() {
    let script = powershell(&Version::new(1, 0, 0), Sha256::of(b"x"));
    // Windows PowerShell reads a file without a byte order mark in the code page of the system.
    assert!(script.is_ascii());
    assert!(script.ends_with("\n}\n\nInvoke-Installation\n"));
    unchecked("what install.ps1 does: it wants PowerShell on Windows");
    if find("pwsh").is_some() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("install.ps1");
        fs::write(&file, &script).unwrap();
        let pwsh = [
            find("pwsh").unwrap().display().to_string(),
            "-File".to_owned(),
        ];
        let ran = run(&pwsh, &file, &[], None).expect(17);
        assert!(ran.stderr.contains("take install.sh"), "{}", ran.stderr);
    }
}
