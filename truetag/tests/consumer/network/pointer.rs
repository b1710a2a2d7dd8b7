//! The pointer: what is known already need not come, and is believed no more for that.

use std::fs;
use std::os::unix::fs::MetadataExt;

use super::server::Static;
use super::{fails, unchanged};
use crate::life::ready;
use crate::rig::{in_days, yank};

const REMEMBERED: &str = "state/pointer-stable.json";

#[test]
fn nothing_new_costs_one_request_of_less_than_a_kilobyte() {
    let rig = ready();
    let server = Static::start(rig.path("mirror"), unchanged);
    rig.upgrade_from(&server.url, &[]).expect(0);
    let before = server.exchanges().len();
    let remembered = fs::read(rig.home().join(REMEMBERED)).unwrap();
    let ran = rig.upgrade_from(&server.url, &[]).expect(0);
    assert!(ran.stderr.contains("nothing new: 1.1.0"), "{}", ran.stderr);
    let [exchange] = &server.exchanges()[before..] else {
        panic!("{:?}", &server.exchanges()[before..])
    };
    assert_eq!(exchange.request.path, "/channels/stable.json");
    let bytes = exchange.request.size + exchange.answered;
    assert!(bytes < 1024, "{bytes} bytes");
    assert_eq!(fs::read(rig.home().join(REMEMBERED)).unwrap(), remembered);
}

#[test]
fn a_pointer_that_moved_comes_although_one_is_remembered() {
    let rig = ready();
    let server = Static::start(rig.path("mirror"), unchanged);
    rig.point("1.0.0", 7, |_| {});
    rig.upgrade_from(&server.url, &[]).expect(0);
    assert_eq!(rig.version(), "1.0.0");
    rig.point("1.1.0", 8, |_| {});
    rig.upgrade_from(&server.url, &[]).expect(0);
    assert_eq!(rig.version(), "1.1.0");
}

#[test]
fn a_server_without_validators_is_asked_for_pointer_and_bundle_each_time() {
    let rig = ready();
    let server = Static::start(rig.path("mirror"), |_, _, good| good.without("ETag"));
    rig.upgrade_from(&server.url, &[]).expect(0);
    let before = server.requests().len();
    let inode = || fs::metadata(rig.home().join(REMEMBERED)).unwrap().ino();
    let written = inode();
    rig.upgrade_from(&server.url, &[]).expect(0);
    assert_eq!(inode(), written, "what is remembered is not written again");
    let paths: Vec<_> = server.requests().split_off(before);
    let paths: Vec<_> = paths.iter().map(|request| &*request.path).collect();
    assert_eq!(
        paths,
        [
            "/channels/stable.json",
            "/channels/stable.json.sigstore.json"
        ]
    );
}

#[test]
fn a_server_that_dates_its_files_is_asked_by_the_date() {
    const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    let rig = ready();
    let server = Static::start(rig.path("mirror"), |request, _, good| {
        let mut dated = good.without("ETag").with("Last-Modified", DATE);
        if request.header("if-modified-since") == Some(DATE) {
            dated.status = 304;
            dated.length = None;
            dated.cut = Some(0);
        }
        dated
    });
    rig.upgrade_from(&server.url, &[]).expect(0);
    let before = server.requests().len();
    rig.upgrade_from(&server.url, &[]).expect(0);
    assert_eq!(server.requests().len(), before + 1);
}

#[test]
fn what_is_remembered_is_verified_again_and_what_is_damaged_comes_anew() {
    let rig = ready();
    let server = Static::start(rig.path("mirror"), unchanged);
    rig.upgrade_from(&server.url, &[]).expect(0);
    let path = rig.home().join(REMEMBERED);
    let good = fs::read_to_string(&path).unwrap();
    // A forged yank, which nobody signed, under the tag of what was signed.
    let forged = good.replace("\\\"sequence\\\": 7", "\\\"sequence\\\": 8");
    assert_ne!(forged, good);
    for damaged in [forged, "{}".to_owned(), good[..200].to_owned()] {
        fs::write(&path, damaged).unwrap();
        let ran = rig.upgrade_from(&server.url, &[]).expect(0);
        assert!(ran.stderr.contains("nothing new: 1.1.0"), "{}", ran.stderr);
        assert_eq!(fs::read_to_string(&path).unwrap(), good);
    }
}

#[test]
fn an_expired_pointer_is_expired_although_its_server_has_nothing_newer() {
    let rig = ready();
    rig.point("1.1.0", 8, |pointer| pointer.expires = in_days(-1));
    let server = Static::start(rig.path("mirror"), unchanged);
    fails(&rig, &server.url, 11, "expired");
    let before = server.requests().len();
    fails(&rig, &server.url, 11, "expired");
    assert_eq!(server.requests().len(), before + 1);
}

#[test]
fn a_pointer_behind_what_was_seen_takes_nothings_place() {
    let rig = ready();
    let old = rig.signed_pointer();
    rig.point("1.0.0", 8, |pointer| pointer.yanked = vec![yank("1.1.0")]);
    let server = Static::start(rig.path("mirror"), unchanged);
    rig.upgrade_from(&server.url, &[]).expect(0);
    let path = rig.home().join(REMEMBERED);
    let remembered = fs::read(&path).unwrap();
    let pointer = rig.pointer();
    fs::write(&pointer, old.pointer).unwrap();
    fs::write(crate::rig::bundle_of(&pointer), old.bundle).unwrap();
    fails(&rig, &server.url, 0, "this source is behind");
    assert_eq!(fs::read(&path).unwrap(), remembered);
}

#[test]
fn another_mirror_is_not_asked_in_the_words_of_the_first() {
    let rig = ready();
    let first = Static::start(rig.path("mirror"), unchanged);
    let second = Static::start(rig.path("mirror"), unchanged);
    rig.upgrade_from(&first.url, &[]).expect(0);
    rig.upgrade_from(&second.url, &[]).expect(0);
    let requests = second.requests();
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[0].header("if-none-match"), None);
}
