//! Signing by a key of one's own: cosign makes the keys, and judges what they signed.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rehearsal::verifiers::{self, Evidence, Verdict};
use release_plan::Exit;
use serde_json::Value;

use crate::fixture::{Ended, Fixture, Loopback, ok, on_path};

type ByKey = fn(&Evidence<'_>, &Path) -> Verdict;

const PASSWORD: &str = "four words and more";

/// A key pair in a folder beside the tree, made by `tool`.
fn key_pair(fixture: &Fixture, tool: &str, folder: &str) -> PathBuf {
    let folder = fixture.beside(folder);
    fs::create_dir(&folder).unwrap();
    let mut generate = Command::new(tool);
    generate.arg("generate-key-pair").current_dir(&folder);
    ok(generate.env("COSIGN_PASSWORD", PASSWORD));
    folder
}

/// Assets, and a key pair of cosign's; `None` where it is not installed.
fn world() -> Option<(Fixture, Loopback, PathBuf)> {
    on_path("cosign").then(|| {
        let fixture = Fixture::assembled();
        let keys = key_pair(&fixture, "cosign", "keys");
        (fixture, Loopback::start(), keys)
    })
}

/// A command that signs by the key in `keys`, with a timestamp.
fn sign(fixture: &Fixture, loopback: &Loopback, keys: &Path) -> Command {
    let services = loopback.services.services();
    let mut sign = sign_without_time(fixture, loopback, keys);
    sign.args(["--timestamp-url", &services.timestamp]);
    sign
}

fn sign_without_time(fixture: &Fixture, loopback: &Loopback, keys: &Path) -> Command {
    let services = loopback.services.services();
    let mut sign = fixture.stage("sign", "--dir", "assets");
    sign.arg("--key").arg(keys.join("cosign.key"));
    sign.args(["--rekor-url", &services.rekor]);
    sign.arg("--trusted-root").arg(loopback.root());
    sign.env("COSIGN_PASSWORD", PASSWORD);
    sign
}

fn verify(fixture: &Fixture, loopback: &Loopback, keys: &Path) -> Ended {
    let mut verify = fixture.stage("verify", "--dir", "assets");
    verify.arg("--trusted-root").arg(loopback.root());
    verify.arg("--key").arg(keys.join("cosign.pub"));
    verify.output().unwrap().into()
}

fn bundle(fixture: &Fixture) -> Value {
    let bundle = fs::read(fixture.asset("release.json.sigstore.json")).unwrap();
    serde_json::from_slice(&bundle).unwrap()
}

#[test]
fn cosign_3_and_2_accept_by_its_public_key_what_a_key_signed_and_nothing_else() {
    let Some((fixture, loopback, keys)) = world() else {
        return;
    };
    let other = key_pair(&fixture, "cosign", "other");
    ok(&mut sign(&fixture, &loopback, &keys)).saying("8 signatures in");
    let said = verify(&fixture, &loopback, &keys).with(Exit::Done);
    said.saying("8 assets verified: signed by the key sha256:");
    let judges: [(&str, ByKey); 2] = [
        ("cosign", verifiers::cosign_by_key),
        ("cosign2", verifiers::cosign2_by_key),
    ];
    for (tool, judge) in judges {
        if !on_path(tool) {
            continue;
        }
        let judge = |file: &str, bundle: &str, keys: &Path| {
            let evidence = Evidence {
                file: &fixture.asset(file),
                bundle: &fixture.asset(&format!("{bundle}.sigstore.json")),
                trusted_root: &loopback.root(),
                trust_config: Path::new("none"),
            };
            judge(&evidence, &keys.join("cosign.pub"))
        };
        for name in ["SHA256SUMS", "release.json", "install.sh"] {
            assert_eq!(judge(name, name, &keys), Verdict::Accepted, "{tool} {name}");
        }
        for (file, keys) in [("install.sh", &keys), ("release.json", &other)] {
            let verdict = judge(file, "release.json", keys);
            assert!(
                matches!(verdict, Verdict::Refused(_)),
                "{tool}: {verdict:?}"
            );
        }
    }
}

#[test]
fn a_key_of_cosign_2_signs_too_and_without_a_timestamp_authority() {
    if !on_path("cosign2") {
        return;
    }
    let (fixture, loopback) = (Fixture::assembled(), Loopback::start());
    let keys = key_pair(&fixture, "cosign2", "keys");
    ok(&mut sign_without_time(&fixture, &loopback, &keys));
    let times = "/verificationMaterial/timestampVerificationData/rfc3161Timestamps/0";
    assert_eq!(bundle(&fixture).pointer(times), None);
    verify(&fixture, &loopback, &keys).with(Exit::Done);
    ok(&mut sign(&fixture, &loopback, &keys)).saying("8 of 8 signatures are there already");
}

#[test]
fn what_another_key_or_the_workflow_signed_is_not_taken_for_the_keys() {
    let Some((fixture, loopback, keys)) = world() else {
        return;
    };
    let other = key_pair(&fixture, "cosign", "other");
    ok(&mut sign(&fixture, &loopback, &other));
    verify(&fixture, &loopback, &keys).with(Exit::Refused);
    let workflow = loopback.verify(&fixture).with(Exit::Refused);
    workflow.saying("expected a certificate that names who signed");
    let anew = ok(&mut sign(&fixture, &loopback, &keys));
    assert_eq!(
        anew.err.matches("signing it anew").count(),
        8,
        "{}",
        anew.err
    );
    verify(&fixture, &loopback, &keys).with(Exit::Done);
    loopback.sign(&fixture);
    let by_workflow = verify(&fixture, &loopback, &keys).with(Exit::Refused);
    by_workflow.saying("found a certificate");
    let mut over = sign(&fixture, &loopback, &keys);
    let over = Ended::from(over.output().unwrap()).with(Exit::Refused);
    over.saying("expected no ember.intoto.jsonl beside what a key signs");
}

#[test]
fn what_a_key_signed_is_never_published() {
    let Some((fixture, loopback, keys)) = world() else {
        return;
    };
    ok(&mut sign(&fixture, &loopback, &keys));
    loopback.push(&fixture);
    let before = loopback.requests().len();
    let ended = Ended::from(loopback.publish(&fixture).output().unwrap());
    ended
        .with(Exit::Refused)
        .saying("is signed by a key")
        .saying("release.yml@refs/tags/v1.2.3");
    assert_eq!(loopback.requests().len(), before, "GitHub was not asked");
}

#[test]
fn a_signature_that_the_log_holds_already_is_not_logged_again() {
    let Some((fixture, loopback, keys)) = world() else {
        return;
    };
    ok(&mut sign(&fixture, &loopback, &keys));
    let entry = "/verificationMaterial/tlogEntries/0/logIndex";
    let first = bundle(&fixture).pointer(entry).cloned();
    fs::remove_file(fixture.asset("release.json.sigstore.json")).unwrap();
    ok(&mut sign(&fixture, &loopback, &keys)).saying("7 of 8 signatures are there already");
    assert_eq!(bundle(&fixture).pointer(entry).cloned(), first);
    verify(&fixture, &loopback, &keys).with(Exit::Done);
}

#[test]
fn a_wrong_password_is_told_and_nothing_is_signed() {
    let Some((fixture, loopback, keys)) = world() else {
        return;
    };
    let mut sign = sign(&fixture, &loopback, &keys);
    let ended = Ended::from(sign.env("COSIGN_PASSWORD", "wrong").output().unwrap());
    ended
        .with(Exit::Input)
        .saying("cosign.key: expected the password");
    let mut verify = fixture.stage("verify", "--dir", "assets");
    verify.arg("--key").arg(keys.join("cosign.key"));
    let ended = Ended::from(verify.output().unwrap());
    ended.with(Exit::Input).saying("expected a public key");
    assert!(!fixture.asset("release.json.sigstore.json").exists());
}

#[test]
fn without_a_password_and_a_terminal_both_are_named() {
    let Some((fixture, loopback, keys)) = world() else {
        return;
    };
    let with_terminal = sign(&fixture, &loopback, &keys);
    // Away from the terminal of whoever runs this test.
    let mut without = Command::new("setsid");
    without.arg("--wait").arg(with_terminal.get_program());
    without.args(with_terminal.get_args());
    without.current_dir(fixture.root());
    without.env_remove("COSIGN_PASSWORD").stdin(Stdio::null());
    let ended = Ended::from(without.output().unwrap());
    ended
        .with(Exit::Input)
        .saying("in COSIGN_PASSWORD or a terminal");
}

#[test]
fn the_password_is_asked_for_on_a_terminal_and_not_shown() {
    let Some((fixture, loopback, keys)) = world() else {
        return;
    };
    let sign = sign(&fixture, &loopback, &keys);
    let words = [sign.get_program()].into_iter().chain(sign.get_args());
    let words = words.map(|word| format!("'{}'", word.to_str().unwrap()));
    let line: Vec<_> = words.collect();
    let name = fixture.beside("terminal");
    let line = format!("tty >'{}'; exec {}", name.display(), line.join(" "));
    // A terminal of its own, whose screen goes to stdout.
    let mut script = Command::new("script");
    script.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
    script
        .current_dir(fixture.root())
        .env("NO_PROXY", "127.0.0.1");
    script.env_remove("COSIGN_PASSWORD").stdin(Stdio::piped());
    let mut child = script.stdout(Stdio::piped()).spawn().unwrap();
    let echo_is_off = || {
        let name = fs::read_to_string(&name).unwrap_or_default();
        let mut stty = Command::new("stty");
        let told = stty.args(["-a", "-F", name.trim()]).output().unwrap();
        String::from_utf8(told.stdout).unwrap().contains(" -echo ")
    };
    while !echo_is_off() {
        let ended = child.try_wait().unwrap();
        assert_eq!(ended, None, "it ended and asked for no password");
        std::thread::sleep(Duration::from_millis(10));
    }
    let mut keyboard = child.stdin.take().unwrap();
    writeln!(keyboard, "{PASSWORD}").unwrap();
    let ended = Ended::from(child.wait_with_output().unwrap()).with(Exit::Done);
    assert!(ended.out.contains("Password for "), "{}", ended.out);
    assert!(!ended.out.contains(PASSWORD), "{}", ended.out);
    verify(&fixture, &loopback, &keys).with(Exit::Done);
}

#[test]
fn a_key_needs_no_certificate_authority_and_a_job_does() {
    let fixture = Fixture::assembled();
    let url = "http://127.0.0.1:9";
    let key_and_authority = [
        "--key",
        "cosign.key",
        "--fulcio-url",
        url,
        "--rekor-url",
        url,
        "--timestamp-url",
        url,
    ];
    let ended = fixture.run("sign", &key_and_authority);
    ended.with(Exit::Usage).saying("cannot be used with");
    let mut sign = fixture.stage("sign", "--dir", "assets");
    sign.args(["--rekor-url", url]);
    let ended = Ended::from(sign.output().unwrap());
    ended.with(Exit::Usage).saying("expected --fulcio-url");
}
