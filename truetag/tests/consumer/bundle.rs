//! A release in one file: what `bundle create` puts into it, and what installs from it.

use std::fs;
use std::path::Path;
use std::process::Command;

use release_plan::Sha256;

use crate::install_script::{run, shells};
use crate::rig::{Ran, Rig, flip, release_job};

/// A home with 1.0.0, and a mirror with 1.1.0 beside it, every file of both signed.
fn world() -> Rig {
    let rig = Rig::new();
    for version in ["1.0.0", "1.1.0"] {
        rig.publish_good(version);
        for name in ["SHA256SUMS", "install.sh"] {
            rig.sign(&rig.release(version).join(name), &release_job(version));
        }
    }
    rig.install("1.0.0");
    rig
}

fn create(rig: &Rig, file: &Path, more: &[&str]) -> Ran {
    let mut command = rig.command(&["bundle", "create", "--mirror", &rig.mirror()]);
    command.arg("--trusted-root").arg(rig.root());
    command.arg("--output").arg(file).args(more);
    command.output().unwrap().into()
}

fn names(file: &Path) -> Vec<String> {
    let output = Command::new("tar").arg("-tf").arg(file).output().unwrap();
    assert!(output.status.success());
    let names = String::from_utf8(output.stdout).unwrap();
    names.lines().map(str::to_owned).collect()
}

#[test]
fn a_bundle_holds_a_verified_release_and_is_the_same_twice() {
    let rig = world();
    let [one, two] = ["one.tar", "two.tar"].map(|name| rig.path(name));
    create(&rig, &one, &[]).expect(0);
    create(
        &rig,
        &two,
        &["--version", "1.0.0", "--target", crate::rig::TARGET],
    )
    .expect(0);
    let bytes = fs::read(&one).unwrap();
    assert!(bytes == fs::read(&two).unwrap());
    let archive = rig.archive("1.0.0");
    let archive = archive.file_name().unwrap().to_str().unwrap();
    let mut expected: Vec<_> = ["SHA256SUMS", "install.sh", "release.json", archive]
        .iter()
        .flat_map(|name| ["", ".sigstore.json"].map(|end| format!("{name}{end}")))
        .map(|name| format!("releases/download/v1.0.0/{name}"))
        .collect();
    expected.sort();
    assert_eq!(names(&one), expected);
    // The folders of the mirror and the home are all that was there before.
    assert!(!fs::read_dir(rig.path("")).unwrap().any(|entry| {
        entry
            .unwrap()
            .file_name()
            .to_string_lossy()
            .starts_with(".tmp")
    }));
}

#[test]
fn every_shell_installs_from_a_bundle_with_nothing_else_there() {
    let rig = world();
    let file = rig.path("a b:c.tar");
    create(&rig, &file, &["--version", "1.1.0"]).expect(0);
    let [own, other] = ["1.1.0", "1.0.0"].map(|version| {
        let script = rig.path(&format!("install-{version}.sh"));
        fs::copy(rig.release(version).join("install.sh"), &script).unwrap();
        script
    });
    fs::remove_dir_all(rig.path("mirror")).unwrap();
    let [bundle, root, home] =
        [file.clone(), rig.root(), rig.home()].map(|path| path.display().to_string());
    let all = ["--bundle", &bundle, "--trusted-root", &root, "--dir", &home];
    for shell in shells() {
        for (script, more) in [
            (&own, &[][..]),
            (&own, &["--require-signature"]),
            (&other, &["--version", "1.1.0"]),
            (&other, &["--version", "1.1.0", "--require-signature"]),
        ] {
            fs::remove_dir_all(rig.home()).unwrap();
            run(&shell, script, &[&all, more].concat(), None).expect(0);
            assert_eq!(rig.version(), "1.1.0");
        }
        let ran = run(&shell, &other, &all, None).expect(17);
        assert!(
            ran.stderr
                .contains("holds no whole releases/download/v1.0.0/"),
            "{}",
            ran.stderr
        );
        run(&shell, &own, &["--bundle", "/nowhere"], None).expect(17);
        run(
            &shell,
            &own,
            &["--bundle", &bundle, "--mirror", "file:///x"],
            None,
        )
        .expect(2);
    }
}

#[test]
fn a_bundle_that_was_changed_or_cut_off_installs_nothing() {
    let rig = world();
    let file = rig.path("bundle.tar");
    create(&rig, &file, &["--version", "1.1.0"]).expect(0);
    let whole = fs::read(&file).unwrap();
    let script = rig.release("1.1.0").join("install.sh");
    fs::remove_dir_all(rig.home()).unwrap();
    let [bundle, root, home] =
        [file.clone(), rig.root(), rig.home()].map(|path| path.display().to_string());
    let all = ["--bundle", &bundle, "--trusted-root", &root, "--dir", &home];
    for shell in shells() {
        // Its middle is the program's archive.
        fs::write(&file, &whole).unwrap();
        flip(&file);
        run(&shell, &script, &all, None).expect(11);
        for end in [whole.len() / 2, 700, 0] {
            fs::write(&file, &whole[..end]).unwrap();
            run(&shell, &script, &all, None).expect(17);
        }
        assert!(!rig.home().exists());
    }
}

#[test]
fn what_does_not_verify_is_never_put_into_a_bundle() {
    let rig = world();
    let file = rig.path("bundle.tar");
    let release = rig.release("1.1.0");
    for name in ["release.json", "SHA256SUMS", "install.sh", "archive"] {
        let path = if name == "archive" {
            rig.archive("1.1.0")
        } else {
            release.join(name)
        };
        let good = fs::read(&path).unwrap();
        flip(&path);
        create(&rig, &file, &["--version", "1.1.0"]).expect(11);
        fs::write(&path, good).unwrap();
        // Signed, but as a file of another tag.
        rig.sign(&path, &release_job("1.0.0"));
        create(&rig, &file, &["--version", "1.1.0"]).expect(11);
        rig.sign(&path, &release_job("1.1.0"));
        assert!(!file.exists());
    }
    create(&rig, &file, &["--version", "9.9.9"]).expect(10);
    let none = ["--target", "riscv64gc-unknown-linux-gnu"];
    let ran = create(&rig, &file, &none).expect(17);
    assert!(
        ran.stderr.contains("no archive for riscv64gc"),
        "{}",
        ran.stderr
    );
    create(&rig, &rig.path("nowhere/bundle.tar"), &[]).expect(1);
    assert!(!file.exists());
}

#[test]
fn another_signed_file_of_the_release_is_no_list_of_its_checksums() {
    let rig = world();
    let file = rig.path("bundle.tar");
    let release = rig.release("1.1.0");
    for end in ["", ".sigstore.json"] {
        let [from, to] = ["install.sh", "SHA256SUMS"].map(|name| format!("{name}{end}"));
        fs::copy(release.join(from), release.join(to)).unwrap();
    }
    let ran = create(&rig, &file, &["--version", "1.1.0"]).expect(11);
    assert!(
        ran.stderr.contains("SHA256SUMS: digest refused"),
        "{}",
        ran.stderr
    );
    assert!(!file.exists());
}

#[test]
fn an_unpacked_bundle_is_a_mirror_to_upgrade_from() {
    let rig = world();
    let file = rig.path("bundle.tar");
    create(&rig, &file, &["--version", "1.1.0"]).expect(0);
    let digest = Sha256::of(&fs::read(rig.archive("1.1.0")).unwrap());
    let folder = rig.path("unpacked");
    fs::create_dir(&folder).unwrap();
    let mut tar = Command::new("tar");
    tar.arg("-xf").arg(&file).arg("-C").arg(&folder);
    assert!(tar.status().unwrap().success());
    fs::remove_dir_all(rig.path("mirror")).unwrap();
    let mirror = format!("file://{}", folder.display());
    rig.upgrade_from(&mirror, &["--version", "1.1.0"]).expect(0);
    assert_eq!(rig.version(), "1.1.0");
    let receipt = fs::read_to_string(rig.home().join("versions/1.1.0/receipt.json")).unwrap();
    assert!(receipt.contains(&digest.to_string()), "{receipt}");
}
