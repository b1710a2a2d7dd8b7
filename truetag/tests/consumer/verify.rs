//! `verify`: files against the bundles that sign them, whoever must have signed.

mod bad_input;
mod keys;
mod words;

use std::fs;
use std::path::PathBuf;

use rehearsal::sigstore::ISSUER;
use rehearsal::sigstore::forge::{Content, Forgery};
use release_plan::Sha256;
use serde_json::{Value, json};

use crate::rig::{Ran, Rig, bundle_of, flip, release_job};

const IDENTITY: &str =
    "https://github.com/acme/rocket/.github/workflows/release.yml@refs/tags/v1.0.0";

/// An installed program, beside a file that its release signed.
struct Desk {
    rig: Rig,
}

impl Desk {
    fn new() -> Self {
        let rig = Rig::new();
        rig.publish_good("1.0.0");
        rig.install("1.0.0");
        let desk = Self { rig };
        desk.signed("blob", b"the bytes of a release");
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.rig.path(name)
    }

    /// A path as an argument.
    fn arg(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// A file that the release job of 1.0.0 signed.
    fn signed(&self, name: &str, bytes: &[u8]) {
        let digest = Content::Digest(*Sha256::of(bytes).as_bytes());
        self.put(name, bytes, &Forgery::by_job(&release_job("1.0.0"), digest));
    }

    /// A file beside the bundle that is forged for it.
    fn put(&self, name: &str, bytes: &[u8], forgery: &Forgery<'_>) {
        fs::write(self.path(name), bytes).unwrap();
        let bundle = self.rig.sigstore.forge(forgery).unwrap();
        fs::write(bundle_of(&self.path(name)), bundle).unwrap();
    }

    /// `verify` under the rig's trusted root.
    fn verify(&self, arguments: &[&str]) -> Ran {
        let root = self.arg("trusted_root.json");
        let verify = ["verify", "--trusted-root", &root];
        self.rig.run(&[&verify, arguments].concat())
    }

    /// `verify` of one file by the identity that signed it.
    fn by_identity(&self, arguments: &[&str]) -> Ran {
        let signer = ["--identity", IDENTITY, "--issuer", ISSUER];
        self.verify(&[&signer, arguments].concat())
    }

    /// `verify --json`, which must exit with `code`.
    #[track_caller]
    fn json(&self, code: i32, arguments: &[&str]) -> Value {
        let ran = self.verify(&[&["--json"], arguments].concat());
        serde_json::from_str(&ran.expect(code).stdout).unwrap()
    }
}

/// An in-toto statement about a file of these bytes.
fn statement(bytes: &[u8]) -> Value {
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "file", "digest": {"sha256": Sha256::of(bytes)}}],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {"buildDefinition": {}},
    })
}

/// Holds that a refusal names the file, the check, what was expected and what was found.
#[track_caller]
fn says_why(ran: &Ran, file: &str, check: &str) {
    let line = ran.stderr.lines().find(|line| {
        line.starts_with(&format!("{file}: {check} refused: expected "))
            && line.contains(", found ")
    });
    assert!(line.is_some(), "{check}: {}", ran.stderr);
    assert!(ran.stdout.is_empty(), "{}", ran.stdout);
}

#[test]
fn a_file_of_a_release_passes_for_the_programs_own_tag_or_the_one_named() {
    let desk = Desk::new();
    let archive = desk.rig.archive("1.0.0").display().to_string();
    for arguments in [&[&*archive][..], &[&archive, "--tag", "v1.0.0"]] {
        let ran = desk.verify(arguments).expect(0);
        let start = format!("ok  {archive}  signed by {IDENTITY} at 20");
        assert!(ran.stdout.starts_with(&start), "{}", ran.stdout);
    }
    let ran = desk.verify(&[&archive, "--tag", "v1.0.1"]).expect(11);
    says_why(&ran, &archive, "identity");
    desk.verify(&[&archive, "--tag", "1.0.0"]).expect(2);
}

#[test]
fn without_another_trusted_root_the_public_sigstores_keys_are_trusted() {
    let desk = Desk::new();
    let blob = desk.arg("blob");
    let ran = desk.rig.run(&["verify", &blob]).expect(11);
    // The first thing in the bundle that those keys should have signed.
    says_why(&ran, &blob, "log");
}

#[test]
fn a_file_passes_by_the_identity_and_the_issuer_of_whoever_signed_it() {
    let desk = Desk::new();
    let blob = desk.arg("blob");
    desk.by_identity(&[&blob]).expect(0);
    let other = IDENTITY.replace("v1.0.0", "v1.0.1");
    let ran = desk.verify(&["--identity", &other, "--issuer", ISSUER, &blob]);
    says_why(&ran.expect(11), &blob, "identity");
    let other = "https://accounts.google.com";
    let ran = desk.verify(&["--identity", IDENTITY, "--issuer", other, &blob]);
    says_why(&ran.expect(11), &blob, "issuer");
}

#[test]
fn a_development_build_verifies_by_identity_and_asks_for_the_tag_of_a_release() {
    let desk = Desk::new();
    let blob = desk.arg("blob");
    let root = desk.arg("trusted_root.json");
    let program = desk.path("development-build");
    let mut bytes = fs::read(desk.rig.launcher()).unwrap();
    // The line that makes it a version.
    bytes.truncate(bytes.len() - "rocket 1.0.0\n".len());
    fs::write(&program, bytes).unwrap();
    make_executable(&program);
    let verify = |arguments: &[&str]| -> Ran {
        let mut command = std::process::Command::new(&program);
        command.args(["verify", "--trusted-root", &root, &blob]);
        command.args(arguments).output().unwrap().into()
    };
    verify(&["--identity", IDENTITY, "--issuer", ISSUER]).expect(0);
    verify(&["--tag", "v1.0.0"]).expect(0);
    let ran = verify(&[]).expect(17);
    assert!(ran.stderr.contains("--tag"), "{}", ran.stderr);
}

fn make_executable(path: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn who_must_have_signed_is_said_in_one_way_alone() {
    let desk = Desk::new();
    let blob = desk.arg("blob");
    let key = desk.arg("key.pub");
    let identity = ["--identity", IDENTITY];
    let issuer = ["--issuer", ISSUER];
    let key = ["--key", &key];
    let tag = ["--tag", "v1.0.0"];
    for said in [
        &[identity][..],
        &[issuer],
        &[identity, issuer, key],
        &[identity, issuer, tag],
        &[identity, key],
        &[key, tag],
        &[["--identity", ""], issuer],
        &[identity, ["--issuer", ""]],
        &[identity, issuer, ["--accept-unlogged", &blob]],
        &[tag, ["--accept-unlogged", &blob]],
    ] {
        let mut arguments = said.concat();
        arguments.push(&blob);
        desk.verify(&arguments).expect(2);
    }
    desk.verify(&["--accept-unlogged", &blob]).expect(2);
    desk.verify(&["--json", "--explain", &blob]).expect(2);
    desk.verify(&[]).expect(2);
}

#[test]
fn a_digest_with_its_bundle_stands_in_for_the_file() {
    let desk = Desk::new();
    let bundle = desk.arg("blob.sigstore.json");
    let digest = format!("sha256:{}", Sha256::of(b"the bytes of a release"));
    let with_bundle = |digest: &str| desk.by_identity(&["--bundle", &bundle, digest]);
    let ran = with_bundle(&digest).expect(0);
    assert!(
        ran.stdout.starts_with(&format!("ok  {digest}  signed by ")),
        "{}",
        ran.stdout
    );
    let other = format!("sha256:{}", Sha256::of(b"other bytes"));
    let ran = with_bundle(&other).expect(11);
    says_why(&ran, &other, "digest");
    for bad in [
        "sha256:",
        "sha256:abc",
        &digest.to_uppercase(),
        &digest[..70],
    ] {
        if bad.starts_with("sha256:") {
            with_bundle(bad).expect(2);
        }
    }
    let ran = desk.by_identity(&[&digest]).expect(2);
    assert!(ran.stderr.contains("--bundle"), "{}", ran.stderr);
    desk.by_identity(&["--bundle", &bundle, &digest, &digest])
        .expect(2);
}

#[test]
fn a_file_whose_name_looks_like_a_digest_is_named_by_a_path() {
    let desk = Desk::new();
    let name = format!("sha256:{}", Sha256::of(b"of something else"));
    desk.signed(&name, b"a file all the same");
    let root = desk.arg("trusted_root.json");
    let mut command = desk
        .rig
        .command(&["verify", "--trusted-root", &root, &format!("./{name}")]);
    command.current_dir(desk.path(""));
    Ran::from(command.output().unwrap()).expect(0);
}

#[test]
fn a_statement_about_the_file_passes_and_says_of_what_kind_it_is() {
    let desk = Desk::new();
    let file = desk.arg("file");
    let attest = |bytes: &[u8]| {
        let (job, statement) = (release_job("1.0.0"), statement(bytes).to_string());
        let statement = Content::Statement(statement.as_bytes());
        desk.put("file", b"attested", &Forgery::by_job(&job, statement));
    };
    attest(b"attested");
    let ran = desk.by_identity(&[&file]).expect(0);
    let start = format!(
        "ok  {file}  by a statement of https://slsa.dev/provenance/v1, signed by {IDENTITY} at 20"
    );
    assert!(ran.stdout.starts_with(&start), "{}", ran.stdout);
    let digest = format!("sha256:{}", Sha256::of(b"attested"));
    let bundle = desk.arg("file.sigstore.json");
    desk.verify(&["--bundle", &bundle, &digest]).expect(0);
    let report = desk.json(0, &[&file])[0].take();
    assert_eq!(report["content"], "statement");
    assert_eq!(report["predicate_type"], "https://slsa.dev/provenance/v1");
    attest(b"of another file");
    says_why(&desk.by_identity(&[&file]).expect(11), &file, "digest");
}

#[test]
fn a_bundle_that_lies_elsewhere_is_named_for_one_file() {
    let desk = Desk::new();
    let (blob, bundle) = (desk.arg("blob"), desk.arg("elsewhere.json"));
    fs::rename(bundle_of(&desk.path("blob")), &bundle).unwrap();
    desk.verify(&["--bundle", &bundle, &blob]).expect(0);
    let ran = desk.verify(&["--bundle", &bundle, &blob, &blob]).expect(2);
    assert!(ran.stderr.contains("2 files"), "{}", ran.stderr);
    desk.verify(&[&blob]).expect(17);
}

#[test]
fn every_file_is_tried_whatever_becomes_of_the_others_and_told_in_its_turn() {
    let desk = Desk::new();
    let names: Vec<_> = (0..12).map(|number| format!("file-{number}")).collect();
    for (number, name) in names.iter().enumerate() {
        desk.signed(name, name.as_bytes());
        match number % 4 {
            1 => flip(&desk.path(name)),
            2 => fs::remove_file(desk.path(name)).unwrap(),
            _ => {}
        }
    }
    let files: Vec<_> = names.iter().map(|name| desk.arg(name)).collect();
    let files: Vec<_> = files.iter().map(|file| &**file).collect();
    let reports = desk.json(11, &files);
    for (number, (file, report)) in files.iter().zip(reports.as_array().unwrap()).enumerate() {
        let verdict = ["verified", "refused", "unread", "verified"][number % 4];
        assert_eq!(report["file"], *file);
        assert_eq!(report["verdict"], verdict, "{report}");
    }
    let ran = desk.verify(&files).expect(11);
    let ok: Vec<_> = ran.stdout.lines().map(|line| &line[..4]).collect();
    assert_eq!(ok, ["ok  "; 6]);
    let named = |lines: &str| -> Vec<usize> {
        let position = |line: &str| {
            files.iter().position(|file| {
                line.contains(&format!("{file}  ")) || line.contains(&format!("{file}: "))
            })
        };
        lines.lines().filter_map(position).collect()
    };
    assert_eq!(named(&ran.stdout), [0, 3, 4, 7, 8, 11]);
    assert_eq!(named(&ran.stderr), [1, 2, 5, 6, 9, 10]);
    let last = "error: 3 of 12 files refused, 3 could not be read";
    assert!(ran.stderr.contains(last), "{}", ran.stderr);
    // Nothing refused, and something that could not be read.
    let ran = desk.verify(&[files[2], files[0]]).expect(17);
    assert!(
        ran.stderr.contains("error: 1 of 2 files could not be read"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_file_that_comes_through_a_pipe_is_read_to_its_end() {
    use std::io::Write;
    use std::process::Stdio;
    let desk = Desk::new();
    let (root, bundle) = (
        desk.arg("trusted_root.json"),
        desk.arg("blob.sigstore.json"),
    );
    let piped = |bytes: &[u8]| {
        let mut child = desk
            .rig
            .command(&["verify", "--trusted-root", &root, "--bundle", &bundle])
            .arg("/dev/stdin")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(bytes).unwrap();
        Ran::from(child.wait_with_output().unwrap())
    };
    piped(b"the bytes of a release").expect(0);
    says_why(
        &piped(b"the bytes of a releasE").expect(11),
        "/dev/stdin",
        "digest",
    );
}

#[test]
fn an_interrupt_ends_it_and_leaves_nothing_behind() {
    use rustix::process::{Pid, Signal, kill_process};
    use std::os::unix::process::ExitStatusExt;
    use std::process::Stdio;
    let desk = Desk::new();
    let pipe = desk.path("pipe");
    make_pipe(&pipe);
    let (root, bundle) = (
        desk.arg("trusted_root.json"),
        desk.arg("blob.sigstore.json"),
    );
    let before = crate::rig::files(&desk.rig.home());
    let mut child = desk
        .rig
        .command(&["verify", "--trusted-root", &root, "--bundle", &bundle])
        .arg(&pipe)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // Opens when the other end is open too: the file is being read.
    let _writer = fs::File::options().write(true).open(&pipe).unwrap();
    let id = i32::try_from(child.id()).unwrap();
    kill_process(Pid::from_raw(id).unwrap(), Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(2));
    assert_eq!(crate::rig::files(&desk.rig.home()), before);
}

fn make_pipe(path: &std::path::Path) {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
}
