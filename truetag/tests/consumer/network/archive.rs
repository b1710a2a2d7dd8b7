//! An archive that comes in pieces, or wrong: it is put together, or the right thing is said.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::server::{Body, Reply, Static};
use super::{fails, unchanged};
use crate::life::ready;
use crate::rig::{Rig, flip};

/// Where the first connection is cut in the tests that cut once.
const HALF: u64 = 5_000_000;

fn size(rig: &Rig) -> u64 {
    fs::metadata(rig.archive("1.1.0")).unwrap().len()
}

/// What of an archive is left in the home.
fn left(rig: &Rig) -> Vec<PathBuf> {
    let names = rig.snapshot().into_keys();
    names
        .filter(|name| name.starts_with("state") && name.to_string_lossy().contains("partial-"))
        .map(|name| rig.home().join(name))
        .collect()
}

/// A file of the archive's size that is not it.
fn other(rig: &Rig) -> PathBuf {
    let path = rig.path("other");
    fs::write(&path, vec![b'x'; size(rig).try_into().unwrap()]).unwrap();
    path
}

fn rest_from(from: u64) -> Option<String> {
    Some(format!("bytes={from}-"))
}

/// A server that cuts the first answer for the archive, and changes the others.
fn cut_once(rig: &Rig, change: impl Fn(Reply) -> Reply + Send + Sync + 'static) -> Static {
    Static::start(rig.path("mirror"), move |request, before, good| {
        match (request.is_for_archive(), before) {
            (true, 0) => good.cut(HALF),
            (true, _) => change(good),
            _ => good,
        }
    })
}

#[track_caller]
fn upgrades(rig: &Rig, server: &Static) -> String {
    let ran = rig.upgrade_from(&server.url, &[]).expect(0);
    assert_eq!(rig.version(), "1.1.0");
    assert_eq!(left(rig), [] as [PathBuf; 0]);
    ran.stderr
}

#[test]
fn a_download_cut_at_every_64_kb_goes_on_each_time_where_it_was_cut() {
    const STEP: u64 = 64 * 1024;
    let rig = ready();
    let server = Static::start(rig.path("mirror"), |request, _, good| {
        if request.is_for_archive() {
            good.cut(STEP)
        } else {
            good
        }
    });
    upgrades(&rig, &server);
    let expected: Vec<_> = (0..size(&rig))
        .step_by(STEP.try_into().unwrap())
        .map(|from| rest_from(from).filter(|_| from > 0))
        .collect();
    assert_eq!(server.ranges(), expected);
    for request in server.requests() {
        let asks_for_rest = request.header("range").is_some();
        assert_eq!(request.header("if-range").is_some(), asks_for_rest);
    }
}

#[test]
fn what_one_run_left_the_next_goes_on_with() {
    let rig = ready();
    let cut = cut_once(&rig, |_| Reply::of(404, b"no"));
    fails(&rig, &cut.url, 10, "http status: 404");
    assert_eq!(fs::metadata(&left(&rig)[0]).unwrap().len(), HALF);
    let server = Static::start(rig.path("mirror"), unchanged);
    upgrades(&rig, &server);
    assert_eq!(server.ranges(), [rest_from(HALF)]);
}

#[test]
fn a_run_that_was_ended_midway_is_gone_on_with_by_the_next() {
    for (signal, code) in [("-KILL", None), ("-INT", Some(130))] {
        let rig = ready();
        // It is left waiting for the next try.
        let busy = cut_once(&rig, |_| Reply::of(503, b"later").with("Retry-After", "30"));
        let mut command = rig.command(&["upgrade", "--mirror", &busy.url]);
        command.arg("--trusted-root").arg(rig.root());
        let mut child = command.stderr(Stdio::null()).spawn().unwrap();
        let start = Instant::now();
        while busy.ranges().len() < 2 {
            assert!(start.elapsed() < Duration::from_secs(60), "it never asked");
            thread::sleep(Duration::from_millis(5));
        }
        let id = child.id().to_string();
        let sent = Command::new("kill").args([signal, &id]).status();
        assert!(sent.unwrap().success());
        assert_eq!(child.wait().unwrap().code(), code);
        assert_eq!(rig.version(), "1.0.0");
        let server = Static::start(rig.path("mirror"), unchanged);
        upgrades(&rig, &server);
        assert_eq!(server.ranges(), [rest_from(HALF)]);
    }
}

#[test]
fn what_is_left_and_was_altered_is_thrown_away_for_a_whole_download() {
    let rig = ready();
    let cut = cut_once(&rig, |_| Reply::of(404, b"no"));
    fails(&rig, &cut.url, 10, "http status: 404");
    let part = left(&rig).remove(0);
    flip(&part);
    let server = Static::start(rig.path("mirror"), unchanged);
    let said = upgrades(&rig, &server);
    assert!(said.contains("asked for once more as a whole"), "{said}");
    assert_eq!(server.ranges(), [rest_from(HALF), None]);
}

#[test]
fn what_is_left_whole_is_asked_of_nobody() {
    let rig = ready();
    let cut = cut_once(&rig, |_| Reply::of(404, b"no"));
    fails(&rig, &cut.url, 10, "http status: 404");
    fs::copy(rig.archive("1.1.0"), &left(&rig)[0]).unwrap();
    let server = Static::start(rig.path("mirror"), unchanged);
    upgrades(&rig, &server);
    assert_eq!(server.ranges(), [] as [Option<String>; 0]);
}

#[test]
fn what_is_left_of_another_archive_is_swept() {
    let rig = ready();
    let other = rig.home().join("state/partial-of-another");
    fs::write(&other, "half of it").unwrap();
    upgrades(&rig, &Static::start(rig.path("mirror"), unchanged));
    assert!(!other.exists());
}

#[test]
fn a_whole_file_in_answer_to_a_range_is_taken_from_its_beginning() {
    let rig = ready();
    let archive = rig.archive("1.1.0");
    let server = cut_once(&rig, move |rest| Reply {
        status: 200,
        length: Some(fs::metadata(&archive).unwrap().len()),
        body: Body::File(archive.clone(), 0),
        ..rest.without("Content-Range")
    });
    upgrades(&rig, &server);
    assert_eq!(server.ranges(), [None, rest_from(HALF)]);
}

#[test]
fn a_range_that_is_not_satisfiable_is_given_up_for_the_whole() {
    let rig = ready();
    let server = Static::start(rig.path("mirror"), |request, before, good| {
        match (request.is_for_archive(), before) {
            (true, 0) => good.cut(HALF),
            (true, 1) => Reply::of(416, b"").with("Content-Range", "bytes */17"),
            _ => good,
        }
    });
    upgrades(&rig, &server);
    assert_eq!(server.ranges(), [None, rest_from(HALF), None]);
}

#[test]
fn a_range_that_was_not_asked_for_is_given_up_for_the_whole_and_told_when_it_comes_again() {
    let rig = ready();
    let shifted = |request: &super::server::Request, good: Reply| {
        if request.header("range").is_none() {
            return good;
        }
        good.with("Content-Range", "bytes 1-16/17")
    };
    let always = Static::start(rig.path("mirror"), move |request, _, good| {
        if request.is_for_archive() {
            shifted(request, good).cut(HALF)
        } else {
            good
        }
    });
    fails(&rig, &always.url, 10, "another range than was asked for");
    assert_eq!(
        always.ranges(),
        [None, rest_from(HALF), None, rest_from(HALF)]
    );
    fs::remove_file(&left(&rig)[0]).unwrap();
    let once = cut_once(&rig, |rest| rest);
    upgrades(&rig, &once);
}

#[test]
fn a_file_that_changes_midway_is_not_put_together_of_two() {
    // By a server that knows If-Range, and by one that does not.
    for knows in [true, false] {
        let rig = ready();
        let (other, archive) = (other(&rig), rig.archive("1.1.0"));
        let server = Static::start(rig.path("mirror"), move |request, before, good| {
            if !request.is_for_archive() {
                return good;
            }
            if before == 0 {
                let first = Reply {
                    body: Body::File(other.clone(), 0),
                    ..good.with("ETag", "\"first\"")
                };
                return first.cut(HALF);
            }
            if before == 1 && !knows {
                // The rest of what it has now, with the tag of that.
                let size = fs::metadata(&archive).unwrap().len();
                let range = format!("bytes {HALF}-{}/{size}", size - 1);
                return Reply {
                    status: 206,
                    length: Some(size - HALF),
                    body: Body::File(archive.clone(), HALF),
                    ..good.with("Content-Range", range)
                };
            }
            good
        });
        upgrades(&rig, &server);
        let all = [None, rest_from(HALF), None];
        assert_eq!(server.ranges(), all[..if knows { 2 } else { 3 }]);
    }
}

#[test]
fn parts_that_do_not_fit_are_thrown_away_for_a_whole_download() {
    let rig = ready();
    // A cache that has two files under one name and one tag.
    let first = other(&rig);
    let server = Static::start(rig.path("mirror"), move |request, before, good| {
        match (request.is_for_archive(), before) {
            (true, 0) => Reply {
                body: Body::File(first.clone(), 0),
                ..good.cut(HALF)
            },
            _ => good,
        }
    });
    upgrades(&rig, &server);
    assert_eq!(server.ranges(), [None, rest_from(HALF), None]);
}

#[test]
fn a_wrong_archive_that_came_in_parts_is_refused_after_one_whole_download() {
    let rig = ready();
    let other = other(&rig);
    let server = Static::start(rig.path("mirror"), move |request, before, good| {
        if !request.is_for_archive() {
            return good;
        }
        let Body::File(_, from) = good.body else {
            panic!("a good answer is a file")
        };
        let wrong = Reply {
            body: Body::File(other.clone(), from),
            ..good
        };
        if before == 0 { wrong.cut(HALF) } else { wrong }
    });
    fails(&rig, &server.url, 11, "digest refused");
    assert_eq!(server.ranges(), [None, rest_from(HALF), None]);
    assert_eq!(left(&rig), [] as [PathBuf; 0]);
}

#[test]
fn a_shorter_length_than_the_archives_is_refused_and_a_longer_one_does_no_harm() {
    let rig = ready();
    let announce = |difference: i64| {
        Static::start(rig.path("mirror"), move |request, _, mut good| {
            if request.is_for_archive() {
                good.length = good
                    .length
                    .map(|length| length.saturating_add_signed(difference));
            }
            good
        })
    };
    let shorter = announce(-1000);
    fails(&rig, &shorter.url, 11, "size refused");
    assert_eq!(shorter.ranges(), [None]);
    assert_eq!(left(&rig), [] as [PathBuf; 0]);
    let longer = announce(1000);
    upgrades(&rig, &longer);
    assert_eq!(longer.ranges(), [None]);
}

#[test]
fn an_end_that_nobody_announced_is_taken_for_a_cut() {
    let rig = ready();
    let server = Static::start(rig.path("mirror"), |request, before, mut good| {
        if request.is_for_archive() && before == 0 {
            good.length = None;
            return good.cut(HALF);
        }
        good
    });
    upgrades(&rig, &server);
    assert_eq!(server.ranges(), [None, rest_from(HALF)]);
}

#[test]
fn a_server_that_starts_over_and_is_cut_each_time_is_given_up() {
    let rig = ready();
    let archive = rig.archive("1.1.0");
    let server = Static::start(rig.path("mirror"), move |request, _, good| {
        if !request.is_for_archive() {
            return good;
        }
        let path = archive.clone();
        Reply {
            status: 200,
            length: Some(fs::metadata(&path).unwrap().len()),
            body: Body::File(path, 0),
            ..good.without("Content-Range")
        }
        .cut(HALF)
    });
    fails(&rig, &server.url, 10, ".tar.gz: ");
    // The first brings bytes, and the three after it bring none that were not there.
    assert_eq!(server.ranges().len(), 4);
    assert_eq!(left(&rig).len(), 1);
}

#[test]
fn an_archive_that_drips_is_given_up_and_what_came_is_left() {
    let rig = ready();
    let server = Static::start(rig.path("mirror"), |request, _, mut good| {
        good.drips = request.is_for_archive();
        good
    });
    fails(&rig, &server.url, 10, "too slow: ");
    assert_eq!(server.ranges(), [None]);
    let length = fs::metadata(&left(&rig)[0]).unwrap().len();
    assert!((1..1000).contains(&length), "{length}");
}
