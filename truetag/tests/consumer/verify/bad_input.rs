//! Whatever the bytes and whatever lies in a file's place: a verdict, never a panic or a wait.

use std::fs::{self, File};

use super::{Desk, make_pipe, says_why};
use crate::rig::{bundle_of, flip};

/// A bundle with a text in it replaced.
fn altered(desk: &Desk, from: &str, to: &str) -> Vec<u8> {
    let bundle = fs::read_to_string(bundle_of(&desk.path("blob"))).unwrap();
    assert!(bundle.contains(from), "{from}: {bundle}");
    bundle.replacen(from, to, 1).into_bytes()
}

/// Holds that each of these in the bundle's place is refused by `check`.
#[track_caller]
fn refused(desk: &Desk, bundles: &[Vec<u8>], check: &str) {
    let blob = desk.arg("blob");
    let path = bundle_of(&desk.path("blob"));
    for bundle in bundles {
        fs::write(&path, bundle).unwrap();
        let ran = desk.verify(&[&blob]);
        let shown = String::from_utf8_lossy(&bundle[..bundle.len().min(80)]).into_owned();
        assert_eq!(ran.code, Some(11), "{shown}: {}", ran.stderr);
        says_why(&ran, &blob, check);
    }
}

#[test]
fn a_file_with_a_bit_flipped_is_refused() {
    let desk = Desk::new();
    flip(&desk.path("blob"));
    let blob = desk.arg("blob");
    says_why(&desk.verify(&[&blob]).expect(11), &blob, "digest");
    fs::write(desk.path("blob"), "").unwrap();
    says_why(&desk.verify(&[&blob]).expect(11), &blob, "digest");
}

#[test]
fn a_bundle_of_another_file_is_refused() {
    let desk = Desk::new();
    desk.signed("other", b"other bytes");
    let (blob, bundle) = (desk.arg("blob"), desk.arg("other.sigstore.json"));
    let ran = desk.verify(&["--bundle", &bundle, &blob]).expect(11);
    says_why(&ran, &blob, "digest");
}

#[test]
fn a_bundle_that_is_no_json_is_refused() {
    let desk = Desk::new();
    let bundle = fs::read(bundle_of(&desk.path("blob"))).unwrap();
    refused(
        &desk,
        &[
            b"".to_vec(),
            b"\0".to_vec(),
            b"not JSON".to_vec(),
            b"<html>not found</html>".to_vec(),
            bundle[..bundle.len() / 2].to_vec(),
            [&bundle[..], b"{}"].concat(),
        ],
        "bundle",
    );
}

#[test]
fn a_bundle_that_is_other_json_is_refused() {
    let desk = Desk::new();
    refused(
        &desk,
        &[&b"null"[..], b"[]", b"{}", b"0", b"\"bundle\"", b"[[[]]]"].map(<[u8]>::to_vec),
        "bundle",
    );
}

#[test]
fn a_bundle_that_is_not_utf_8_is_refused() {
    let desk = Desk::new();
    refused(
        &desk,
        &[
            b"\xff\xfe{\0}\0".to_vec(),
            b"{\"mediaType\":\"\xc3\x28\"}".to_vec(),
        ],
        "bundle",
    );
}

#[test]
fn a_bundle_with_a_key_twice_is_refused() {
    let desk = Desk::new();
    let twice = altered(&desk, "\"mediaType\"", "\"mediaType\":\"x\",\"mediaType\"");
    refused(&desk, &[twice], "bundle");
}

#[test]
fn a_bundle_with_huge_numbers_is_refused() {
    let desk = Desk::new();
    let (from, digits) = ("\"logIndex\":", "9".repeat(400));
    let huge = [
        format!("\"logIndex\":{digits},\"was\":"),
        format!("\"logIndex\":\"{digits}\",\"was\":"),
        "\"logIndex\":1e999,\"was\":".to_owned(),
        "\"logIndex\":-1,\"was\":".to_owned(),
    ];
    refused(&desk, &huge.map(|to| altered(&desk, from, &to)), "bundle");
}

#[test]
fn a_bundle_nested_without_measure_is_refused() {
    let desk = Desk::new();
    refused(
        &desk,
        &[
            b"[".repeat(1 << 19),
            b"{\"a\":".repeat(100_000),
            altered(
                &desk,
                "{",
                &format!("{{\"x\":{}1{},", "[".repeat(500), "]".repeat(500)),
            ),
        ],
        "bundle",
    );
}

#[test]
fn a_bundle_of_a_hundred_megabytes_is_refused_and_not_read() {
    let desk = Desk::new();
    let blob = desk.arg("blob");
    let path = bundle_of(&desk.path("blob"));
    // The second would take hours and all memory to read; on disk neither takes room.
    for size in [100 << 20, 1 << 42] {
        let bundle = File::create(&path).unwrap();
        if bundle.set_len(size).is_err() {
            assert_ne!(size, 100 << 20, "a sparse file");
            continue;
        }
        says_why(&desk.verify(&[&blob]).expect(11), &blob, "bundle");
    }
}

#[test]
fn a_byte_flipped_anywhere_in_a_bundle_is_refused() {
    let desk = Desk::new();
    let blob = desk.arg("blob");
    let path = bundle_of(&desk.path("blob"));
    let bundle = fs::read_to_string(&path).unwrap();
    // A timestamp brings a copy of its authority's certificate, which nobody reads: the one in the
    // trusted root counts.
    let timestamp = bundle.find("\"signedTimestamp\"").unwrap();
    let end = timestamp + bundle[timestamp..].find('}').unwrap();
    for at in (0..bundle.len()).step_by(bundle.len() / 40) {
        let mut flipped = bundle.clone().into_bytes();
        flipped[at] ^= 0x41;
        fs::write(&path, &flipped).unwrap();
        let ran = desk.verify(&[&blob]);
        if ran.code != Some(0) || !(timestamp..end).contains(&at) {
            assert_eq!(
                ran.code,
                Some(11),
                "byte {at}: {}{}",
                ran.stdout,
                ran.stderr
            );
        }
    }
}

/// Lays down what cannot be read whole.
fn lay_unreadable(desk: &Desk) -> [&'static str; 6] {
    use std::os::unix::fs::symlink;
    fs::create_dir(desk.path("folder")).unwrap();
    make_pipe(&desk.path("pipe-without-a-writer"));
    symlink("/dev/zero", desk.path("device-without-an-end")).unwrap();
    symlink(desk.path("loop"), desk.path("loop")).unwrap();
    symlink(desk.path("blob/x"), desk.path("path-through-a-file")).unwrap();
    [
        "missing",
        "folder",
        "pipe-without-a-writer",
        "device-without-an-end",
        "loop",
        "path-through-a-file",
    ]
}

#[test]
fn a_bundle_a_key_or_a_root_that_cannot_be_read_exits_17_and_waits_for_nothing() {
    let desk = Desk::new();
    let blob = desk.arg("blob");
    for name in lay_unreadable(&desk) {
        let place = desk.arg(name);
        for flag in ["--bundle", "--key"] {
            let ran = desk.verify(&[flag, &place, &blob]).expect(17);
            assert!(ran.stderr.contains(&place), "{flag}: {}", ran.stderr);
        }
        let ran = desk.rig.run(&["verify", "--trusted-root", &place, &blob]);
        let stderr = ran.expect(17).stderr;
        assert!(stderr.contains(&place), "--trusted-root: {stderr}");
    }
}

#[test]
fn a_file_that_cannot_be_read_exits_17_and_is_named() {
    let desk = Desk::new();
    let bundle = desk.arg("blob.sigstore.json");
    fs::create_dir(desk.path("folder")).unwrap();
    for name in ["missing", "folder", "blob/x"] {
        let file = desk.arg(name);
        let ran = desk.verify(&["--bundle", &bundle, &file]);
        let stderr = ran.expect(17).stderr;
        let said = format!("{file}: file not read: ");
        assert!(
            stderr.lines().any(|line| line.starts_with(&said)),
            "{stderr}"
        );
    }
    let reports = desk.json(17, &["--bundle", &bundle, &desk.arg("missing")]);
    assert_eq!(reports[0]["verdict"], "unread");
    assert_eq!(reports[0]["error"]["check"], "file");
    assert_eq!(reports[0]["error"]["expected"], "a file that can be read");
}

#[test]
fn a_trusted_root_that_cannot_be_used_exits_17() {
    let desk = Desk::new();
    let (blob, root) = (desk.arg("blob"), desk.path("root.json"));
    let good = fs::read(desk.rig.root()).unwrap();
    for bad in [
        &b""[..],
        b"{}",
        b"[]",
        b"\xff",
        b"{\"mediaType\":\"x\"}",
        &good[..good.len() / 2],
        &fs::read(bundle_of(&desk.path("blob"))).unwrap(),
        &vec![b' '; 2 << 20],
    ] {
        fs::write(&root, bad).unwrap();
        let flag = root.display().to_string();
        let ran = desk.rig.run(&["verify", "--trusted-root", &flag, &blob]);
        let stderr = ran.expect(17).stderr;
        assert!(
            stderr.contains(&format!("--trusted-root {flag}: ")),
            "{stderr}"
        );
    }
}
