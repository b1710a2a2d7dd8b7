//! What must not be installed is not, and the home is as it was.

use std::fs;
use std::os::unix::fs::chown;
use std::process::Command;

use release_plan::{AssetName, Sha256, Version};

use crate::life::ready;
use crate::person::is_root;
use crate::rig::{Rig, bundle_of, channel_job, flip, in_days, release_job, unchecked, yank};

/// Upgrades, expects `code`, and that nothing but what was seen has changed.
#[track_caller]
pub(crate) fn refused(rig: &Rig, code: i32, why: &str) {
    let before = rig.installed();
    let ran = rig.upgrade(&[]).expect(code);
    assert!(ran.stderr.contains(why), "{why}: {}", ran.stderr);
    assert_eq!(rig.installed(), before, "{why}");
    assert_eq!(rig.version(), "1.0.0");
}

#[test]
fn an_altered_archive_is_refused() {
    let rig = ready();
    let archive = rig.archive("1.1.0");
    let whole = fs::read(&archive).unwrap();
    flip(&archive);
    refused(&rig, 11, "digest refused");
    fs::write(&archive, &whole[..whole.len() - 1]).unwrap();
    refused(&rig, 11, "size refused");
    fs::write(&archive, [&whole[..], b"\0"].concat()).unwrap();
    refused(&rig, 11, "size refused");
    fs::remove_file(&archive).unwrap();
    refused(&rig, 10, "rocket-");
}

#[test]
fn a_pipe_in_a_mirror_is_refused_and_not_waited_for() {
    let rig = ready();
    let manifest = rig.release("1.1.0").join(AssetName::MANIFEST);
    for file in [rig.archive("1.1.0"), manifest, rig.pointer()] {
        fs::remove_file(&file).unwrap();
        let made = Command::new("mkfifo").arg(&file).status().unwrap();
        assert!(made.success());
        refused(&rig, 10, "expected a regular file, found a pipe");
    }
}

#[test]
fn an_altered_or_foreign_manifest_is_refused() {
    let rig = ready();
    let manifest = rig.release("1.1.0").join(AssetName::MANIFEST);
    let (bytes, bundle) = (
        fs::read(&manifest).unwrap(),
        fs::read(bundle_of(&manifest)).unwrap(),
    );
    flip(&manifest);
    refused(&rig, 11, "release.json");
    // That of another tag, with the bundle that signs it.
    for name in [AssetName::MANIFEST, "release.json.sigstore.json"] {
        fs::copy(
            rig.release("1.0.0").join(name),
            rig.release("1.1.0").join(name),
        )
        .unwrap();
    }
    refused(&rig, 11, "identity refused");
    // Signed by whoever may move channels.
    fs::write(&manifest, &bytes).unwrap();
    rig.sign(&manifest, &channel_job());
    refused(&rig, 11, "identity refused");
    // Another manifest of the same tag than the pointer names, well signed.
    fs::write(&manifest, [&bytes[..], b"\n"].concat()).unwrap();
    rig.sign(&manifest, &release_job("1.1.0"));
    refused(&rig, 11, "digest named by the channel pointer refused");
    fs::write(&manifest, &bytes).unwrap();
    fs::write(bundle_of(&manifest), "{}").unwrap();
    refused(&rig, 11, "bundle refused");
    fs::remove_file(bundle_of(&manifest)).unwrap();
    refused(&rig, 10, "release.json.sigstore.json");
    fs::write(bundle_of(&manifest), &bundle).unwrap();
    rig.upgrade(&[]).expect(0);
}

#[test]
fn a_manifest_of_another_commit_than_was_signed_for_is_refused() {
    let rig = ready();
    rig.publish("1.1.0", "1.1.0", |manifest| {
        manifest.commit = "f".repeat(40).parse().unwrap();
    });
    rig.point("1.1.0", 8, |_| {});
    refused(&rig, 11, "source commit refused");
}

#[test]
fn an_altered_or_foreign_pointer_is_refused() {
    let rig = ready();
    flip(&rig.pointer());
    refused(&rig, 11, "channels/stable.json");
    // Signed by whoever may release.
    rig.point("1.1.0", 8, |_| {});
    rig.sign(&rig.pointer(), &release_job("1.1.0"));
    refused(&rig, 11, "identity refused");
    rig.point("1.1.0", 8, |pointer| pointer.product = "lantern".to_owned());
    refused(&rig, 11, "product refused");
    rig.point("1.1.0", 8, |pointer| {
        pointer.release_sha256 = Sha256::of(b"other");
    });
    refused(&rig, 11, "digest named by the channel pointer refused");
}

#[test]
fn an_expired_pointer_a_yanked_version_and_a_stale_sequence_move_nobody() {
    let rig = ready();
    rig.point("1.1.0", 8, |pointer| pointer.expires = in_days(-1));
    refused(&rig, 11, "expired");
    rig.point("1.1.0", 9, |pointer| {
        pointer.yanked = vec![yank("1.1.0")];
    });
    refused(&rig, 11, "which is yanked: it eats files");
    rig.point("1.1.0", 8, |_| {});
    refused(
        &rig,
        0,
        "nothing new: the stable pointer has sequence 8, and sequence 9 was seen",
    );
    rig.point("1.1.0", 10, |_| {});
    rig.upgrade(&[]).expect(0);
}

#[test]
fn a_lower_version_is_no_upgrade_and_one_out_of_reach_says_so() {
    let rig = ready();
    rig.publish_good("0.9.0");
    rig.point("0.9.0", 8, |_| {});
    refused(&rig, 15, "0.9.0 is lower than 1.0.0");
    rig.publish("1.1.0", "1.1.0", |manifest| {
        manifest.upgrades_from = Version::new(1, 0, 5);
    });
    rig.point("1.1.0", 9, |_| {});
    refused(&rig, 18, "1.0.5 or later");
}

#[test]
fn a_version_that_fails_its_own_probe_is_not_installed() {
    let rig = ready();
    rig.publish("1.1.0", "1.0.9", |_| {});
    rig.point("1.1.0", 8, |_| {});
    refused(&rig, 18, "version: expected 1.1.0, found 1.0.9");
    rig.publish("1.1.0", "1.1.0", |manifest| {
        manifest.playbook_sha256 = Sha256::of(b"another playbook");
    });
    rig.point("1.1.0", 9, |_| {});
    refused(&rig, 18, "playbook: expected");
}

#[test]
fn a_version_that_cannot_activate_itself_is_taken_away_again() {
    let rig = ready();
    rig.publish("1.1.0", "1.1.0 fails activate", |_| {});
    rig.point("1.1.0", 8, |_| {});
    refused(&rig, 1, "1.1.0 could not activate itself");
}

#[test]
fn a_release_without_an_archive_for_this_target_says_which_it_has() {
    let rig = ready();
    rig.publish("1.1.0", "1.1.0", |manifest| {
        let archive = manifest.assets.last_mut().unwrap();
        archive.target = Some("riscv64gc-unknown-linux-gnu".parse().unwrap());
    });
    rig.point("1.1.0", 8, |_| {});
    refused(&rig, 17, "it has riscv64gc-unknown-linux-gnu");
}

#[test]
fn another_trusted_root_than_the_homes_is_refused_and_no_variable_names_one() {
    let rig = ready();
    let before = rig.snapshot();
    let mirror = rig.mirror();
    let ran = rig.run(&["upgrade", "--mirror", &mirror]).expect(17);
    assert!(ran.stderr.contains("public-sigstore"), "{}", ran.stderr);
    let mut with_variables = rig.command(&["upgrade", "--mirror", &mirror]);
    for variable in [
        "ROCKET_TRUSTED_ROOT",
        "TRUSTED_ROOT",
        "SIGSTORE_TRUSTED_ROOT",
    ] {
        with_variables.env(variable, rig.root());
    }
    assert_eq!(with_variables.output().unwrap().status.code(), Some(17));
    fs::write(rig.root(), "{}").unwrap();
    rig.upgrade(&[]).expect(17);
    assert_eq!(rig.snapshot(), before);
}

#[test]
fn what_another_user_put_into_a_home_never_runs() {
    if !is_root() {
        unchecked("what another user put into a home: this is not root");
        return;
    }
    let rig = Rig::new();
    rig.publish_good("1.0.0");
    rig.install("1.0.0");
    // Somebody else made the home, with a program of theirs that its receipt agrees with.
    let version = rig.home().join("versions/1.0.0");
    let ran = rig.path("ran");
    let evil = format!("#!/bin/sh\ntouch '{}'\n", ran.display());
    let was = Sha256::of(&fs::read(version.join("rocket")).unwrap()).to_string();
    let receipt = fs::read_to_string(version.join("receipt.json")).unwrap();
    let receipt = receipt.replace(&was, &Sha256::of(evil.as_bytes()).to_string());
    fs::write(version.join("receipt.json"), receipt).unwrap();
    for program in [version.join("rocket"), rig.launcher()] {
        fs::write(program, &evil).unwrap();
    }
    for folder in ["", "versions", "bin", "state"] {
        chown(rig.home().join(folder), Some(1234), None).unwrap();
        let refused = rig.install_with(&["sh"], "1.0.0").expect(16);
        assert!(
            refused.stderr.contains("belongs to user 1234"),
            "{}",
            refused.stderr
        );
        assert!(!ran.exists());
        chown(rig.home().join(folder), Some(0), None).unwrap();
    }
}

#[test]
fn what_nobody_signed_is_not_installed_in_a_new_home() {
    let rig = Rig::new();
    rig.publish_good("1.0.0");
    let bundle = bundle_of(&rig.release("1.0.0").join(AssetName::MANIFEST));
    rig.sign(
        &rig.release("1.0.0").join(AssetName::MANIFEST),
        &channel_job(),
    );
    rig.install_with(&["sh"], "1.0.0").expect(11);
    fs::remove_file(bundle).unwrap();
    rig.install_with(&["sh"], "1.0.0").expect(10);
    assert!(!rig.home().exists());
}
