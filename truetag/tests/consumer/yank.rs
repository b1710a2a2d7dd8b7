//! A yank leads back those who have what was yanked, and nobody else; and what a pointer says of
//! time and scripts is held against who signed it and what it names.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::Uri;
use rehearsal::Server;
use release_plan::{Bootstrap, Channel, Sha256};

use crate::life::ready;
use crate::refusals::refused;
use crate::rig::{bundle_of, channel_job, flip, in_days, yank};

#[test]
fn whoever_has_a_yanked_version_goes_back_with_the_channel_and_is_told_why() {
    let rig = ready();
    rig.upgrade(&[]).expect(0);
    assert_eq!(rig.version(), "1.1.0");
    rig.point("1.0.0", 8, |pointer| pointer.yanked = vec![yank("1.1.0")]);
    let ran = rig.upgrade(&[]).expect(0);
    for words in [
        "1.1.0, which is installed, is yanked: it eats files",
        "took back rocket from 1.1.0 to 1.0.0",
    ] {
        assert!(ran.stderr.contains(words), "{words}: {}", ran.stderr);
    }
    assert_eq!(rig.version(), "1.0.0");
    let ran = rig.upgrade(&[]).expect(0);
    assert!(ran.stderr.contains("nothing new: 1.0.0"), "{}", ran.stderr);
}

#[test]
fn whoever_goes_back_gets_a_verified_version_even_one_never_installed() {
    let rig = ready();
    rig.publish_good("0.9.0");
    rig.point("0.9.0", 8, |pointer| {
        pointer.yanked = vec![yank("1.0.0"), yank("1.1.0")];
    });
    let archive = rig.archive("0.9.0");
    let whole = fs::read(&archive).unwrap();
    flip(&archive);
    refused(&rig, 11, "digest refused");
    fs::write(&archive, whole).unwrap();
    rig.upgrade(&[]).expect(0);
    assert_eq!(rig.version(), "0.9.0");
}

#[test]
fn whoever_has_another_version_than_the_yanked_one_does_not_go_down() {
    let rig = ready();
    rig.publish_good("0.9.0");
    rig.point("0.9.0", 8, |pointer| pointer.yanked = vec![yank("1.1.0")]);
    refused(&rig, 15, "0.9.0 is lower than 1.0.0");
}

#[test]
fn a_yanked_version_is_left_for_a_higher_one_as_always() {
    let rig = ready();
    rig.point("1.1.0", 8, |pointer| pointer.yanked = vec![yank("1.0.0")]);
    let ran = rig.upgrade(&[]).expect(0);
    assert!(
        ran.stderr.contains("is yanked: it eats files"),
        "{}",
        ran.stderr
    );
    assert_eq!(rig.version(), "1.1.0");
}

/// A mirror on which the pointer moves between the request for it and that for its bundle: a
/// folder before, a folder after, and the requests for the pointer that the first one answers.
type Moving = (PathBuf, PathBuf, usize, Arc<AtomicUsize>);

async fn moving(State((before, after, moves, asked)): State<Moving>, uri: Uri) -> Vec<u8> {
    let path = uri.path().trim_start_matches('/');
    let folder = match path {
        "channels/stable.json" if asked.fetch_add(1, Ordering::SeqCst) < moves => before,
        _ => after,
    };
    fs::read(folder.join(path)).unwrap()
}

#[test]
fn a_pointer_that_moves_while_it_is_fetched_is_asked_for_again() {
    let rig = ready();
    let before = rig.path("before");
    fs::create_dir_all(before.join("channels")).unwrap();
    fs::copy(rig.pointer(), before.join("channels/stable.json")).unwrap();
    rig.publish_good("1.2.0");
    rig.point("1.2.0", 8, |_| {});
    let asked = Arc::new(AtomicUsize::new(0));
    let state = (before, rig.path("mirror"), 1, asked.clone());
    let server = Server::start(|_| Router::new().fallback(moving).with_state(state)).unwrap();
    rig.upgrade_from(&server.url(), &[]).expect(0);
    assert_eq!(rig.version(), "1.2.0");
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

#[test]
fn a_pointer_that_does_not_belong_to_its_bundle_is_refused_once_nothing_moves() {
    let rig = ready();
    rig.publish_good("1.2.0");
    let before = rig.path("before");
    fs::create_dir_all(before.join("channels")).unwrap();
    fs::copy(rig.pointer(), before.join("channels/stable.json")).unwrap();
    rig.point("1.2.0", 8, |_| {});
    let asked = Arc::new(AtomicUsize::new(0));
    let state = (before, rig.path("mirror"), usize::MAX, asked.clone());
    let server = Server::start(|_| Router::new().fallback(moving).with_state(state)).unwrap();
    let ran = rig.upgrade_from(&server.url(), &[]).expect(11);
    assert!(ran.stderr.contains("digest refused"), "{}", ran.stderr);
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

#[test]
fn a_renewal_by_a_persons_run_may_change_no_more_than_the_clocks() {
    let rig = ready();
    let selection = rig.signed_pointer();
    rig.renew(selection.clone(), 8, |pointer| {
        pointer.yanked = vec![yank("1.0.0")];
    });
    rig.sign(&rig.pointer(), &channel_job());
    refused(&rig, 11, "which a renewal may not change");
    rig.renew(selection, 9, |_| {});
    rig.sign(&rig.pointer(), &channel_job());
    let renewal = rig.signed_pointer();
    rig.renew(renewal, 10, |_| {});
    refused(&rig, 11, "expected a pointer that renews none");
}

#[test]
fn a_pointer_selected_after_it_was_signed_is_refused() {
    let rig = ready();
    rig.point("1.1.0", 8, |pointer| pointer.selected = in_days(1));
    refused(&rig, 11, "time of selection refused");
}

#[test]
fn a_pointer_with_other_scripts_than_those_of_its_release_is_refused() {
    let rig = ready();
    rig.publish_good("1.1.0");
    let other = Bootstrap {
        tag: "v1.1.0".parse().unwrap(),
        scripts: [("install.sh".parse().unwrap(), Sha256::of(b"another"))].into(),
    };
    let tag = || "bootstrap-v1.1.0-r1".parse().unwrap();
    let patched = Bootstrap {
        tag: tag(),
        ..other.clone()
    };
    let none = Bootstrap {
        tag: tag(),
        scripts: Default::default(),
    };
    for wrong in [other, none] {
        rig.point("1.1.0", 8, |pointer| pointer.bootstrap = wrong);
        refused(&rig, 11, "bootstrap scripts refused");
    }
    rig.point("1.1.0", 9, |pointer| pointer.bootstrap = patched);
    rig.upgrade(&[]).expect(0);
    assert_eq!(rig.version(), "1.1.0");
}

#[test]
fn a_rollback_takes_no_yanked_version_that_was_not_asked_for_by_name() {
    let rig = ready();
    rig.upgrade(&[]).expect(0);
    rig.point("1.1.0", 8, |pointer| pointer.yanked = vec![yank("1.0.0")]);
    rig.upgrade(&[]).expect(0);
    let before = rig.snapshot();
    let ran = rig.run(&["rollback"]).expect(11);
    let words = "1.0.0, which was current before, is yanked: it eats files";
    assert!(ran.stderr.contains(words), "{}", ran.stderr);
    assert_eq!(rig.snapshot(), before);
    rig.upgrade(&["--version", "1.0.0", "--allow-downgrade"])
        .expect(0);
    assert_eq!(rig.version(), "1.0.0");
}

#[test]
fn what_one_channel_yanks_no_older_pointer_of_another_brings() {
    let rig = ready();
    // As a mirror has it that holds this one back.
    rig.point("1.1.0", 7, |pointer| pointer.channel = Channel::Beta);
    let beta = rig.path("mirror/channels/beta.json");
    fs::rename(bundle_of(&rig.pointer()), bundle_of(&beta)).unwrap();
    fs::rename(rig.pointer(), &beta).unwrap();
    rig.point("1.0.0", 8, |pointer| pointer.yanked = vec![yank("1.1.0")]);
    rig.upgrade(&[]).expect(0);
    let ran = rig.upgrade(&["--channel", "beta"]).expect(11);
    let words = "the beta pointer selects 1.1.0, which is yanked: it eats files";
    assert!(ran.stderr.contains(words), "{}", ran.stderr);
    assert_eq!(rig.version(), "1.0.0");
}
