//! Servers that fail, and what answers in their place: the right words, and nothing installed.

use std::time::{Duration, Instant};

use super::server::{Reply, Request, Static};
use super::{fails, unchanged};
use crate::life::ready;
use crate::rig::{Ran, release_job};

/// A part of the path of each kind of file.
const KINDS: [&str; 5] = [
    "/stable.json",
    "/stable.json.sigstore.json",
    "/release.json",
    "/release.json.sigstore.json",
    ".tar.gz",
];

fn good_after(
    failures: usize,
    bad: fn() -> Reply,
    only: &'static str,
) -> impl Fn(&Request, usize, Reply) -> Reply + Send + Sync {
    move |request, before, good| {
        if request.path.ends_with(only) && before < failures {
            bad()
        } else {
            good
        }
    }
}

#[test]
fn a_web_page_in_place_of_any_file_is_told_as_such() {
    let rig = ready();
    for kind in KINDS {
        let portal = || {
            let page = Reply::of(200, b"<html>Welcome to our hotel</html>");
            page.with("Content-Type", "text/html; charset=utf-8")
        };
        let server = Static::start(rig.path("mirror"), good_after(9, portal, kind));
        let ran = fails(&rig, &server.url, 10, "this is a web page");
        assert!(ran.contains("captive portal"), "{ran}");
        assert!(ran.contains(kind), "{ran}");
    }
}

#[test]
fn a_manifest_that_becomes_another_file_while_a_bundle_is_made_is_refused() {
    let rig = ready();
    let release = rig.release("1.1.0");
    for name in ["SHA256SUMS", "install.sh"] {
        rig.sign(&release.join(name), &release_job("1.1.0"));
    }
    let other = ["", ".sigstore.json"].map(|end| {
        let name = format!("install.sh{end}");
        std::fs::read(release.join(name)).unwrap()
    });
    let server = Static::start(rig.path("mirror"), move |request, before, good| {
        let [script, bundle] = &other;
        match &request.path {
            path if before > 0 && path.ends_with("/release.json") => Reply::of(200, script),
            path if before > 0 && path.ends_with("/release.json.sigstore.json") => {
                Reply::of(200, bundle)
            }
            _ => good,
        }
    });
    let mut command = rig.command(&["bundle", "create", "--version", "1.1.0"]);
    command.args(["--mirror", &server.url, "--trusted-root"]);
    command.arg(rig.root()).arg("--output").arg(rig.path("tar"));
    let ran = Ran::from(command.output().unwrap()).expect(11);
    assert!(
        ran.stderr.contains("release.json: digest refused"),
        "{}",
        ran.stderr
    );
    assert!(!rig.path("tar").exists());
}

#[test]
fn an_encoding_that_nobody_asked_for_is_refused() {
    let rig = ready();
    for kind in KINDS {
        let encoded = || Reply::of(200, b"\x1f\x8b").with("Content-Encoding", "gzip");
        let server = Static::start(rig.path("mirror"), good_after(9, encoded, kind));
        fails(&rig, &server.url, 10, "encoded as \"gzip\"");
    }
}

#[test]
fn a_server_that_fails_for_ever_is_asked_four_times_and_no_more() {
    let rig = ready();
    for (kind, status) in [(KINDS[0], 500), (KINDS[4], 502)] {
        let server = Static::start(rig.path("mirror"), move |request, _, good| {
            if request.path.ends_with(kind) {
                Reply::of(status, b"oops")
            } else {
                good
            }
        });
        let words = fails(&rig, &server.url, 10, &format!("http status: {status}"));
        assert!(words.contains("trying again in 500ms"), "{words}");
        let asked = server.requests();
        let asked = asked.iter().filter(|request| request.path.ends_with(kind));
        assert_eq!(asked.count(), 4, "{kind}");
    }
}

#[test]
fn a_server_that_fails_twice_is_no_failure() {
    let rig = ready();
    let server = Static::start(rig.path("mirror"), |_, before, good| match before {
        0 => Reply::of(500, b"oops"),
        1 => Reply::of(504, b"oops"),
        _ => good,
    });
    let ran = rig.upgrade_from(&server.url, &[]).expect(0);
    assert!(ran.stderr.contains("http status: 504; "), "{}", ran.stderr);
    assert_eq!(rig.version(), "1.1.0");
}

#[test]
fn a_server_is_left_alone_for_as_long_as_it_asks() {
    let rig = ready();
    let busy = || Reply::of(429, b"later").with("Retry-After", "3");
    let server = Static::start(rig.path("mirror"), good_after(1, busy, KINDS[0]));
    let start = Instant::now();
    rig.upgrade_from(&server.url, &[]).expect(0);
    assert!(start.elapsed() >= Duration::from_secs(3));
    assert_eq!(rig.version(), "1.1.0");
}

#[test]
fn a_server_that_asks_to_wait_for_an_hour_is_not_waited_for() {
    let rig = ready();
    let busy = || Reply::of(503, b"later").with("Retry-After", "3600");
    let server = Static::start(rig.path("mirror"), good_after(9, busy, KINDS[0]));
    fails(&rig, &server.url, 10, "asks to wait for 3600 seconds");
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn what_is_not_there_is_asked_for_once() {
    let rig = ready();
    for kind in KINDS {
        let gone = || Reply::of(404, b"no");
        let server = Static::start(rig.path("mirror"), good_after(9, gone, kind));
        fails(&rig, &server.url, 10, "http status: 404");
        let asked = server.requests();
        let asked = asked.iter().filter(|request| request.path.ends_with(kind));
        assert_eq!(asked.count(), 1, "{kind}");
    }
}

#[test]
fn redirects_that_lead_in_a_circle_come_to_an_end() {
    let rig = ready();
    let server = Static::start(rig.path("mirror"), |request, _, _| {
        Reply::of(302, b"").with("Location", &request.path)
    });
    fails(&rig, &server.url, 10, "too many redirects");
    assert!(server.requests().len() < 20);
}

#[test]
fn every_request_says_who_asks_and_no_secret() {
    let rig = ready();
    let server = Static::start(rig.path("mirror"), unchanged);
    let mut command = rig.command(&["upgrade", "--mirror", &server.url]);
    command.arg("--trusted-root").arg(rig.root());
    for variable in ["GITHUB_TOKEN", "GH_TOKEN"] {
        command.env(variable, "junk");
    }
    assert!(command.status().unwrap().success());
    assert_eq!(server.requests().len(), 5);
    for request in server.requests() {
        assert_eq!(request.header("user-agent"), Some("rocket/1.0.0"));
        for name in ["authorization", "cookie"] {
            assert_eq!(request.header(name), None);
        }
    }
}

#[test]
fn a_pointer_that_drips_is_given_up() {
    let rig = ready();
    let server = Static::start(rig.path("mirror"), |request, _, mut good| {
        good.drips = request.is_for_pointer();
        good
    });
    fails(
        &rig,
        &server.url,
        10,
        "did not come whole within 30 seconds",
    );
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_name_and_a_password_in_a_mirrors_address_are_sent_and_neither_shown_nor_kept() {
    let rig = ready();
    let server = Static::start(rig.path("mirror"), |request, _, good| {
        // `Basic` of `ada:secret`.
        if request.header("authorization") == Some("Basic YWRhOnNlY3JldA==") {
            good
        } else {
            Reply::of(401, b"who asks?")
        }
    });
    fails(&rig, &server.url, 10, "http status: 401");
    let (_, host) = server.url.split_once("://").unwrap();
    let url = format!("http://ada:secret@{host}");
    let ran = rig.upgrade_from(&url, &["--version", "9.9.9"]).expect(10);
    let shown = format!("http://***@{host}/releases/");
    assert!(ran.stderr.contains(&shown), "{}", ran.stderr);
    assert!(!ran.stderr.contains("secret"), "{}", ran.stderr);
    rig.upgrade_from(&url, &[]).expect(0);
    let before = server.requests().len();
    rig.upgrade_from(&url, &[]).expect(0);
    assert_eq!(server.requests().len(), before + 1);
    for path in rig.snapshot().into_keys() {
        let bytes = std::fs::read(rig.home().join(&path)).unwrap();
        let kept = bytes.windows(10).any(|window| window == b"ada:secret");
        assert!(!kept, "{}", path.display());
    }
}
