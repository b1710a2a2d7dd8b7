//! The program that would ship, taken out of its archive, judging the assets it came with.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use release_plan::Exit;

use crate::dry_run::{DryRun, NATIVE, dry_run};

struct Shipped {
    run: &'static DryRun,
    scratch: tempfile::TempDir,
    program: PathBuf,
}

fn shipped() -> Shipped {
    let run = dry_run();
    let scratch = tempfile::tempdir().unwrap();
    let archive = format!("{}-{NATIVE}.tar.gz", run.product.name);
    let status = Command::new("tar")
        .args(["-xzf"])
        .arg(run.asset(&archive))
        .arg("-C")
        .arg(scratch.path())
        .status()
        .unwrap();
    assert!(status.success());
    let stem = archive.strip_suffix(".tar.gz").unwrap();
    let program = scratch.path().join(stem).join(&run.product.name);
    Shipped {
        run,
        scratch,
        program,
    }
}

impl Shipped {
    fn verify(&self, file: &Path, arguments: &[&str]) -> Output {
        Command::new(&self.program)
            .arg("verify")
            .arg(file)
            .arg("--trusted-root")
            .arg(self.run.trusted_root())
            .args(arguments)
            .env("HOME", self.scratch.path())
            .output()
            .unwrap()
    }

    /// A copy of an asset with its bundle, to be changed.
    fn copy(&self, name: &str) -> PathBuf {
        let copy = self.scratch.path().join(name);
        fs::copy(self.run.asset(name), &copy).unwrap();
        let bundle = format!("{name}.sigstore.json");
        fs::copy(self.run.asset(&bundle), self.scratch.path().join(bundle)).unwrap();
        copy
    }
}

#[track_caller]
fn ends(output: &Output, exit: Exit) {
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!(
        output.status.code(),
        Some(i32::from(exit.code())),
        "{words}"
    );
}

#[test]
fn it_accepts_every_asset_under_its_own_tag() {
    let shipped = shipped();
    for name in shipped.run.signed() {
        ends(&shipped.verify(&shipped.run.asset(&name), &[]), Exit::Done);
    }
}

#[test]
fn it_refuses_one_flipped_bit_in_any_asset() {
    let shipped = shipped();
    for name in shipped.run.signed() {
        let copy = shipped.copy(&name);
        let mut bytes = fs::read(&copy).unwrap();
        let last = bytes.len() - 1;
        bytes[last] ^= 0x80;
        fs::write(&copy, bytes).unwrap();
        ends(&shipped.verify(&copy, &[]), Exit::Refused);
    }
}

#[test]
fn it_refuses_another_tag_than_the_one_signed_for() {
    let shipped = shipped();
    let output = shipped.verify(&shipped.run.asset("release.json"), &["--tag", "v99.0.0"]);
    ends(&output, Exit::Refused);
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(
        words.contains("v99.0.0") && words.contains("identity"),
        "{words}"
    );
}

#[test]
fn it_refuses_a_bundle_of_another_asset() {
    let shipped = shipped();
    let bundle = shipped.run.asset("plan.json.sigstore.json");
    let arguments = ["--bundle", bundle.to_str().unwrap()];
    ends(
        &shipped.verify(&shipped.run.asset("release.json"), &arguments),
        Exit::Refused,
    );
}

#[test]
fn a_missing_bundle_is_an_input_error_that_names_it() {
    let shipped = shipped();
    let copy = shipped.copy("release.json");
    fs::remove_file(shipped.scratch.path().join("release.json.sigstore.json")).unwrap();
    let output = shipped.verify(&copy, &[]);
    ends(&output, Exit::Input);
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(words.contains("release.json.sigstore.json"), "{words}");
}

#[test]
fn without_the_flag_it_believes_the_public_sigstore_alone() {
    let shipped = shipped();
    let output = Command::new(&shipped.program)
        .arg("verify")
        .arg(shipped.run.asset("release.json"))
        .env("HOME", shipped.scratch.path())
        .env("SIGSTORE_TRUSTED_ROOT", shipped.run.trusted_root())
        .env("TRUETAG_TRUSTED_ROOT", shipped.run.trusted_root())
        .output()
        .unwrap();
    ends(&output, Exit::Refused);
}
