//! A scheduled run of the channel's workflow may renew a pointer, and nothing else.

use release_plan::{BootstrapTag, Channel, Sha256, SignedPointer, Tag, Version};

use crate::life::ready;
use crate::refusals::refused;
use crate::rig::{Rig, yank};

/// A rig whose stable channel a person pointed at 1.1.0 (sequence 7), and that pointer.
fn pointed() -> (Rig, SignedPointer) {
    let rig = ready();
    let selection = rig.signed_pointer();
    (rig, selection)
}

#[test]
fn a_scheduled_renewal_is_followed_to_what_a_person_selected() {
    let (rig, selection) = pointed();
    rig.renew(selection, 8, |_| {});
    rig.upgrade(&[]).expect(0);
    assert_eq!(rig.version(), "1.1.0");
}

#[test]
fn a_scheduled_run_that_changes_the_version_is_refused() {
    let (rig, selection) = pointed();
    rig.publish_good("1.2.0");
    rig.renew(selection, 8, |pointer| {
        pointer.version = Version::new(1, 2, 0);
        pointer.tag = Tag::of(&pointer.version).unwrap();
        pointer.bootstrap.tag = BootstrapTag::own(pointer.tag.clone());
    });
    refused(&rig, 11, "which a renewal may not change");
}

#[test]
fn a_scheduled_run_that_changes_the_release_or_drops_a_yank_is_refused() {
    let (rig, selection) = pointed();
    rig.renew(selection, 8, |pointer| {
        pointer.release_sha256 = Sha256::of(b"another release.json");
    });
    refused(&rig, 11, "which a renewal may not change");
    rig.point("1.1.0", 9, |pointer| {
        pointer.yanked = vec![yank("1.1.0")];
    });
    rig.renew(rig.signed_pointer(), 10, |pointer| pointer.yanked.clear());
    refused(&rig, 11, "which a renewal may not change");
}

#[test]
fn a_scheduled_pointer_that_renews_nothing_is_refused() {
    let (rig, selection) = pointed();
    rig.renew(selection, 8, |pointer| pointer.renews = None);
    refused(&rig, 11, "build trigger refused");
}

#[test]
fn a_renewal_of_a_renewal_is_refused() {
    let (rig, selection) = pointed();
    rig.renew(selection, 8, |_| {});
    rig.renew(rig.signed_pointer(), 9, |_| {});
    refused(&rig, 11, "build trigger refused");
}

#[test]
fn a_renewal_of_a_pointer_of_another_channel_is_refused() {
    let (rig, _) = pointed();
    rig.point("1.1.0", 8, |pointer| pointer.channel = Channel::Beta);
    rig.renew(rig.signed_pointer(), 9, |pointer| {
        pointer.channel = Channel::Stable;
    });
    refused(&rig, 11, "channel refused");
}

#[test]
fn a_renewal_with_no_higher_sequence_than_what_it_renews_is_refused() {
    let (rig, selection) = pointed();
    rig.renew(selection, 7, |_| {});
    refused(&rig, 11, "sequence refused");
}

#[test]
fn a_scheduled_run_cannot_go_back_to_a_selection_older_than_was_seen() {
    let (rig, old) = pointed();
    rig.point("1.1.0", 8, |pointer| {
        pointer.yanked = vec![yank("1.1.0")];
    });
    refused(&rig, 11, "yanked");
    rig.renew(old, 9, |_| {});
    refused(&rig, 0, "nothing new: the stable pointer has sequence 9");
}

#[test]
fn a_newer_selection_is_followed_whatever_sequence_a_scheduled_run_claimed() {
    let (rig, selection) = pointed();
    rig.renew(selection, u64::MAX, |_| {});
    rig.upgrade(&[]).expect(0);
    rig.publish_good("1.2.0");
    rig.point("1.2.0", 8, |_| {});
    rig.upgrade(&[]).expect(0);
    assert_eq!(rig.version(), "1.2.0");
}

#[test]
fn a_renewal_that_as_good_as_never_expires_is_refused() {
    let (rig, selection) = pointed();
    rig.renew(selection, 8, |pointer| {
        pointer.expires = pointer.expires.plus_days(365);
    });
    refused(&rig, 11, "expiry refused");
}
