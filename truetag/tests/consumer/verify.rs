//! `verify`: signed files against their bundles.

use serde_json::Value;

use crate::rig::{COMMIT, Rig, bundle_of, flip};

fn rig() -> Rig {
    let rig = Rig::new();
    rig.publish_good("1.0.0");
    rig.install("1.0.0");
    rig
}

#[test]
fn a_signed_file_is_verified_for_the_programs_own_tag_or_the_one_named() {
    let rig = rig();
    let root = rig.root().display().to_string();
    let archive = rig.archive("1.0.0").display().to_string();
    let verify =
        |arguments: &[&str]| rig.run(&[&["verify", "--trusted-root", &root], arguments].concat());
    for arguments in [&[&*archive][..], &[&archive, "--tag", "v1.0.0"]] {
        let ran = verify(arguments).expect(0);
        assert!(
            ran.stdout
                .starts_with(&format!("ok  {archive}  signed by ")),
            "{}",
            ran.stdout
        );
        assert!(
            ran.stdout.contains("release.yml@refs/tags/v1.0.0 at 20"),
            "{}",
            ran.stdout
        );
    }
    let ran = verify(&[&archive, "--tag", "v1.0.1"]).expect(11);
    assert!(ran.stdout.is_empty() && ran.stderr.contains("identity refused"));
    verify(&[&archive, "--tag", "1.0.0"]).expect(2);
    rig.run(&["verify", &archive]).expect(11);
}

#[test]
fn every_file_is_tried_and_then_it_fails_once() {
    let rig = rig();
    let root = rig.root().display().to_string();
    let manifest = rig
        .release("1.0.0")
        .join("release.json")
        .display()
        .to_string();
    let altered = rig.archive("1.0.0");
    flip(&altered);
    let altered = altered.display().to_string();
    let missing = rig.path("missing").display().to_string();
    let verify =
        |files: &[&str]| rig.run(&[&["verify", "--json", "--trusted-root", &root], files].concat());
    let ran = verify(&[&missing, &altered, &manifest]).expect(11);
    let reports: Value = serde_json::from_str(&ran.stdout).unwrap();
    let of = |index: usize, key: &str| reports[index][key].clone();
    assert_eq!(
        [of(0, "ok"), of(1, "ok"), of(2, "ok")],
        [false, false, true]
    );
    assert!(of(0, "error").as_str().unwrap().contains("missing"));
    assert_eq!(of(2, "commit"), COMMIT);
    assert!(
        ran.stderr.contains("1 of 3 files refused"),
        "{}",
        ran.stderr
    );
    let ran = verify(&[&missing, &manifest]).expect(17);
    assert!(ran.stderr.contains(&missing), "{}", ran.stderr);
}

#[test]
fn a_bundle_that_lies_elsewhere_is_named_for_one_file() {
    let rig = rig();
    let root = rig.root().display().to_string();
    let archive = rig.archive("1.0.0");
    let elsewhere = rig.path("bundle.json");
    std::fs::rename(bundle_of(&archive), &elsewhere).unwrap();
    let archive = archive.display().to_string();
    let bundle = elsewhere.display().to_string();
    let verify = |files: &[&str]| {
        rig.run(
            &[
                &["verify", "--trusted-root", &root, "--bundle", &bundle],
                files,
            ]
            .concat(),
        )
    };
    verify(&[&archive]).expect(0);
    verify(&[&archive, &archive]).expect(2);
    rig.run(&["verify", "--trusted-root", &root, &archive])
        .expect(17);
    rig.run(&["verify", "--trusted-root", &bundle, &archive])
        .expect(17);
}
