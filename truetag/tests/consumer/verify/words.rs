//! What a person and a program read of a verification.

use std::collections::BTreeSet;
use std::fs;

use rehearsal::sigstore::ISSUER;
use release_plan::Sha256;
use serde_json::{Value, json};

use super::{Desk, IDENTITY};
use crate::rig::{COMMIT, flip};

/// The lines below the line of the verdict: check and words, by the column they are aligned to.
fn rows(text: &str) -> Vec<(String, String)> {
    let lines = text.lines().filter(|line| line.starts_with("    "));
    lines
        .map(|line| {
            let (name, words) = line[4..].split_at(30);
            (name.trim_end().to_owned(), words.to_owned())
        })
        .collect()
}

#[test]
fn explain_lists_what_was_checked_against_what() {
    let desk = Desk::new();
    let ran = desk.verify(&["--explain", &desk.arg("blob")]).expect(0);
    let rows = rows(&ran.stdout);
    let names: Vec<_> = rows
        .iter()
        .map(|(name, _)| &**name)
        .filter(|name| !name.is_empty())
        .collect();
    for name in [
        "identity",
        "issuer",
        "source repository",
        "source repository id",
        "source owner id",
        "source reference",
        "runner environment",
        "build trigger",
        "certificate",
        "signed certificate timestamp",
        "log entry",
        "inclusion proof",
        "signed time",
        "signature",
    ] {
        assert!(names.contains(&name), "{name}: {}", ran.stdout);
    }
    let says = |name: &str, words: &str| rows.iter().any(|row| row.0 == name && row.1 == words);
    assert!(
        says("identity", &format!("{IDENTITY}, as expected")),
        "{}",
        ran.stdout
    );
    assert!(says("build trigger", "push, as expected"), "{}", ran.stdout);
    let digest = Sha256::of(b"the bytes of a release");
    assert!(
        says("signature", &format!("over sha256:{digest}")),
        "{}",
        ran.stdout
    );
    assert!(
        says("", "expected: by the certificate's key"),
        "{}",
        ran.stdout
    );
}

#[test]
fn explain_says_of_a_refusal_which_check_it_was_and_what_else_is_asked() {
    let desk = Desk::new();
    let blob = desk.arg("blob");
    let ran = desk
        .verify(&["--explain", "--tag", "v1.0.1", &blob])
        .expect(11);
    let other = IDENTITY.replace("v1.0.0", "v1.0.1");
    let rows_of = rows(&ran.stderr);
    let expected = [
        ("identity", "refused".to_owned()),
        ("", format!("expected: {other}")),
        ("", format!("found:    {IDENTITY}")),
        ("issuer", format!("asked for: {ISSUER}")),
    ];
    for (row, (name, words)) in rows_of.iter().zip(expected) {
        assert_eq!((&*row.0, &row.1), (name, &words), "{}", ran.stderr);
    }
    let asked = |name: &str, words: &str| rows_of.iter().any(|row| row.0 == name && row.1 == words);
    assert!(
        asked("source reference", "asked for: refs/tags/v1.0.1"),
        "{}",
        ran.stderr
    );
    // A check that no policy names.
    flip(&desk.path("blob"));
    let ran = desk.verify(&["--explain", &blob]).expect(11);
    let rows = rows(&ran.stderr);
    assert!(
        rows.contains(&("digest".to_owned(), "refused".to_owned())),
        "{}",
        ran.stderr
    );
    assert!(
        rows.contains(&("identity".to_owned(), format!("asked for: {IDENTITY}"))),
        "{}",
        ran.stderr
    );
}

#[test]
fn the_json_of_a_verified_file_has_every_field_that_is_documented() {
    let desk = Desk::new();
    let blob = desk.arg("blob");
    let report = desk.json(0, &[&blob])[0].take();
    let fields: BTreeSet<_> = report
        .as_object()
        .unwrap()
        .keys()
        .map(|key| &**key)
        .collect();
    let documented = [
        "checks",
        "claims",
        "content",
        "error",
        "file",
        "identity",
        "issuer",
        "key",
        "predicate_type",
        "sha256",
        "signed_at",
        "verdict",
    ];
    assert_eq!(fields, BTreeSet::from(documented));
    let digest = Sha256::of(b"the bytes of a release").to_string();
    for (field, value) in [
        ("file", &*blob),
        ("verdict", "verified"),
        ("sha256", &digest),
        ("content", "file"),
        ("identity", IDENTITY),
        ("issuer", ISSUER),
    ] {
        assert_eq!(report[field], value, "{field}");
    }
    for absent in ["key", "predicate_type", "error"] {
        assert_eq!(report[absent], Value::Null, "{absent}");
    }
    assert!(report["signed_at"].as_str().unwrap().starts_with("20"));
    let claims = json!({
        "runner-environment": "github-hosted",
        "source-repository": "https://github.com/acme/rocket",
        "source-commit": COMMIT,
        "source-reference": "refs/tags/v1.0.0",
        "source-repository-id": "1001",
        "source-owner-id": "77",
        "build-trigger": "push",
    });
    assert_eq!(report["claims"], claims);
    let identity = json!({"check": "identity", "expected": IDENTITY, "found": IDENTITY});
    assert_eq!(report["checks"][0], identity);
}

#[test]
fn the_json_of_a_refusal_has_the_same_fields_and_says_which_check_refused() {
    let desk = Desk::new();
    let verified = desk.json(0, &[&desk.arg("blob")])[0].take();
    let other = IDENTITY.replace("v1.0.0", "v1.0.1");
    let refused = desk.json(11, &["--tag", "v1.0.1", &desk.arg("blob")])[0].take();
    let keys = |value: &Value| {
        value
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect::<Vec<_>>()
    };
    assert_eq!(keys(&verified), keys(&refused));
    assert_eq!(refused["verdict"], "refused");
    let error = json!({"check": "identity", "expected": other, "found": IDENTITY});
    assert_eq!(refused["error"], error);
    assert_eq!(refused["checks"], json!([]));
    for absent in ["sha256", "content", "identity", "issuer", "signed_at"] {
        assert_eq!(refused[absent], Value::Null, "{absent}");
    }
}

#[test]
fn a_name_that_would_write_over_the_verdict_is_shown_as_it_is_spelled() {
    let desk = Desk::new();
    let name = "evil\r\x1b[2Kok  release.tar.gz\nok  other";
    desk.signed(name, b"bytes");
    let path = desk.arg(name);
    for code in [0, 11] {
        let ran = desk.verify(&["--explain", &path]).expect(code);
        let shown = format!("{}{}", ran.stdout, ran.stderr);
        assert!(!shown.contains(['\r', '\x1b']), "{shown:?}");
        assert!(
            !shown.lines().any(|line| line.starts_with("ok  other")),
            "{shown}"
        );
        assert!(
            shown.contains(r"evil\r\u{1b}[2Kok  release.tar.gz\nok  other"),
            "{shown}"
        );
        fs::write(&path, "other bytes").unwrap();
    }
}

#[test]
fn a_name_that_is_taken_for_a_flag_moves_no_cursor() {
    let desk = Desk::new();
    // As where a folder of others is named by `*`.
    let ran = desk.verify(&["--\x1b]0;x\x07\u{9b}2J\rok  release.tar.gz"]);
    let ran = ran.expect(2);
    assert!(ran.stderr.contains(r"\rok"), "{:?}", ran.stderr);
    let moves = |c: char| c.is_control() && c != '\n';
    assert!(!ran.stderr.contains(moves), "{:?}", ran.stderr);
}
