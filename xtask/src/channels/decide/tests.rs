//! Each rule, at a fixed moment.

use release_plan::{AssetName, Exit};

use super::*;
use crate::trial::product;

const DAY: i64 = 86_400;
const NOW: i64 = 1_800_000_000;

fn now() -> Instant {
    in_days(0)
}

fn in_days(days: i64) -> Instant {
    Instant::from_seconds(NOW + days * DAY).unwrap()
}

fn version(text: &str) -> Version {
    text.parse().unwrap()
}

fn reason(text: &str) -> Reason {
    text.parse().unwrap()
}

fn candidate(text: &str) -> Candidate {
    let tag = Tag::of(&version(text)).unwrap();
    let install: AssetName = "install.sh".parse().unwrap();
    Candidate {
        commit: "1".repeat(40).parse().unwrap(),
        release_sha256: Sha256::of(text.as_bytes()),
        bootstrap: Bootstrap {
            tag: tag.to_string().parse().unwrap(),
            scripts: [(install, Sha256::of(b"script"))].into(),
        },
        tag,
    }
}

fn patched(text: &str, revision: u32) -> Bootstrap {
    let tag = format!("bootstrap-v{text}-r{revision}");
    Bootstrap {
        tag: tag.parse().unwrap(),
        ..candidate(text).bootstrap
    }
}

fn asking(channel: Channel, text: &str) -> Promotion {
    Promotion {
        channel,
        candidate: candidate(text),
        to_branch: Some(Comparison::Behind),
        patched: None,
        override_reason: None,
    }
}

/// Channels that moved one after another, as `promote` and `yank` had them.
#[derive(Default)]
struct World {
    standings: Standings,
}

impl World {
    fn put(&mut self, pointer: &Pointer) {
        let signed = SignedPointer {
            pointer: String::from_utf8(pointer.render()).unwrap(),
            bundle: "{}".to_owned(),
        };
        let (selection, selected_by) = match &pointer.renews {
            None => (pointer.sequence, signed),
            Some(renewed) => {
                let selected = Pointer::parse(renewed.pointer.as_bytes()).unwrap();
                (selected.sequence, renewed.clone())
            }
        };
        let standing = Standing {
            pointer: pointer.clone(),
            selection,
            selected_by,
        };
        self.standings.insert(pointer.channel, standing);
    }

    fn take(&mut self, decision: Decision) -> Move {
        let Decision::Move(step) = decision else {
            panic!("{decision:?}")
        };
        for pointer in &step.pointers {
            // What is written reads back.
            assert_eq!(Pointer::parse(&pointer.render()).as_ref(), Ok(pointer));
            self.put(pointer);
        }
        step
    }

    fn promote(&mut self, asked: &Promotion, days: i64) -> Result<Move, Refused> {
        let decision = promote(&product(), &self.standings, asked, in_days(days))?;
        Ok(self.take(decision))
    }

    /// In beta since then.
    fn in_beta(&mut self, text: &str, days: i64) {
        self.promote(&asking(Channel::Beta, text), days).unwrap();
    }

    fn yank(&mut self, text: &str, without_replacement: bool) -> Result<Decision, Refused> {
        let back = ways_back(&self.standings, &version(text));
        let back = back
            .into_iter()
            .map(|(channel, to)| (channel, candidate(&to.version.to_string())));
        let asked = Yank {
            version: version(text),
            reason: reason("it eats files"),
            without_replacement,
            back: back.collect(),
        };
        yank(&product(), &self.standings, &asked, now())
    }

    fn pointer(&self, channel: Channel) -> &Pointer {
        &self.standings[&channel].pointer
    }
}

/// 1.0.0 in beta and stable, and 1.1.0 after it.
fn two_versions() -> World {
    let mut world = World::default();
    world.in_beta("1.0.0", -60);
    world
        .promote(&asking(Channel::Stable, "1.0.0"), -50)
        .unwrap();
    world.in_beta("1.1.0", -20);
    world
        .promote(&asking(Channel::Stable, "1.1.0"), -10)
        .unwrap();
    world
}

#[test]
fn a_first_promotion_has_sequence_one_and_lives_for_as_long_as_the_product_says() {
    let mut world = World::default();
    let step = world.promote(&asking(Channel::Beta, "1.0.0"), 0).unwrap();
    assert_eq!(step.message, "beta: 1.0.0 (sequence 1)");
    let pointer = world.pointer(Channel::Beta);
    assert_eq!(pointer.expires, in_days(14));
    assert_eq!(pointer.selected, now());
    assert_eq!(pointer.bootstrap, candidate("1.0.0").bootstrap);
    assert_eq!((pointer.earlier.len(), pointer.yanked.len()), (0, 0));
}

#[test]
fn what_is_selected_already_is_written_again_only_when_less_than_half_of_its_life_is_left() {
    let mut world = World::default();
    world.in_beta("1.0.0", 0);
    let asked = asking(Channel::Beta, "1.0.0");
    for days in [0, 7] {
        let decision = promote(&product(), &world.standings, &asked, in_days(days)).unwrap();
        let Decision::Stay(why) = decision else {
            panic!("{decision:?}")
        };
        assert!(why.contains("already (sequence 1)"), "{why}");
    }
    world.promote(&asked, 8).unwrap();
    let pointer = world.pointer(Channel::Beta);
    assert_eq!((pointer.sequence, pointer.expires), (2, in_days(22)));
    assert_eq!(pointer.selected, now());
    assert!(pointer.earlier.is_empty());
}

#[test]
fn a_version_is_in_its_soak_until_the_very_second_it_is_over() {
    let mut world = World::default();
    world.in_beta("1.0.0", 0);
    let asked = asking(Channel::Stable, "1.0.0");
    let second = |seconds: i64| Instant::from_seconds(NOW + 7 * DAY + seconds).unwrap();
    let refused = promote(&product(), &world.standings, &asked, second(-1)).unwrap_err();
    assert_eq!(refused.exit(), Exit::Gate);
    let words = refused.to_string();
    for part in [
        "1.0.0 must be in beta for 7 days before stable",
        "6d 23h",
        "--override",
    ] {
        assert!(words.contains(part), "{words}");
    }
    assert!(promote(&product(), &world.standings, &asked, second(0)).is_ok());
}

#[test]
fn the_soak_runs_on_when_a_newer_version_follows_in_the_feeding_channel() {
    let mut world = World::default();
    world.in_beta("1.0.0", 0);
    world.in_beta("1.1.0", 6);
    world.promote(&asking(Channel::Stable, "1.0.0"), 7).unwrap();
    let refused = world
        .promote(&asking(Channel::Stable, "1.1.0"), 7)
        .unwrap_err();
    assert!(matches!(refused, Refused::Soaking { .. }), "{refused}");
    world
        .promote(&asking(Channel::Stable, "1.1.0"), 13)
        .unwrap();
}

#[test]
fn a_renewal_or_a_second_promotion_does_not_begin_the_soak_anew() {
    let mut world = World::default();
    world.in_beta("1.0.0", -8);
    world.in_beta("1.0.0", 0);
    let decision = renew(&product(), &world.standings, true, now()).unwrap();
    world.take(decision);
    world.promote(&asking(Channel::Stable, "1.0.0"), 0).unwrap();
}

#[test]
fn a_version_that_the_feeding_channel_never_had_is_refused() {
    let mut world = World::default();
    let asked = asking(Channel::Stable, "1.0.0");
    let refused = world.promote(&asked, 0).unwrap_err();
    assert!(refused.to_string().contains("promote it to beta first"));
    world.in_beta("1.1.0", -30);
    let refused = world.promote(&asked, 0).unwrap_err();
    assert_eq!(refused.exit(), Exit::Gate);
    assert!(matches!(refused, Refused::NotFed { .. }), "{refused}");
}

#[test]
fn an_override_lets_a_version_in_and_its_reason_stays_in_pointer_and_history() {
    let mut world = World::default();
    let hurried = Promotion {
        override_reason: Some(reason("a hole that is being used")),
        ..asking(Channel::Stable, "1.0.0")
    };
    let step = world.promote(&hurried, -30).unwrap();
    assert!(
        step.message
            .ends_with("\n\nOverride for stable: a hole that is being used")
    );
    // Again, without a word about it.
    world
        .promote(&asking(Channel::Stable, "1.0.0"), -20)
        .unwrap();
    let kept = Some(reason("a hole that is being used"));
    assert_eq!(world.pointer(Channel::Stable).override_reason, kept);
    world.in_beta("1.1.0", -20);
    world.promote(&asking(Channel::Stable, "1.1.0"), 0).unwrap();
    let pointer = world.pointer(Channel::Stable);
    assert_eq!(pointer.override_reason, None);
    assert_eq!(pointer.earlier[0].override_reason, kept);
}

#[test]
fn an_override_that_was_not_needed_leaves_no_reason() {
    let mut world = World::default();
    world.in_beta("1.0.0", -7);
    let asked = Promotion {
        override_reason: Some(reason("in haste")),
        ..asking(Channel::Stable, "1.0.0")
    };
    let step = world.promote(&asked, 0).unwrap();
    assert_eq!(step.pointers[0].override_reason, None);
}

#[test]
fn a_channel_takes_the_kind_of_version_that_feeds_it_whatever_the_reason() {
    for (channel, text) in [
        (Channel::Alpha, "1.0.0"),
        (Channel::Beta, "1.0.0-rc.1"),
        (Channel::Stable, "1.0.0-rc.1"),
    ] {
        let asked = Promotion {
            override_reason: Some(reason("in haste")),
            ..asking(channel, text)
        };
        let refused = World::default().promote(&asked, 0).unwrap_err();
        assert!(matches!(refused, Refused::Kind { .. }), "{refused}");
        assert_eq!(refused.exit(), Exit::Gate);
    }
    let mut world = World::default();
    world
        .promote(&asking(Channel::Alpha, "1.0.0-rc.1"), 0)
        .unwrap();
    world
        .promote(&asking(Channel::Alpha, "1.0.0-rc.2"), 0)
        .unwrap();
}

#[test]
fn a_pre_release_that_the_default_branch_does_not_hold_is_refused_whatever_the_reason() {
    for to_branch in [None, Some(Comparison::Ahead), Some(Comparison::Diverged)] {
        let asked = Promotion {
            to_branch,
            override_reason: Some(reason("in haste")),
            ..asking(Channel::Alpha, "1.0.0-rc.1")
        };
        let refused = World::default().promote(&asked, 0).unwrap_err();
        assert_eq!(refused.exit(), Exit::Gate);
        let words = refused.to_string();
        assert!(words.contains(asked.candidate.commit.as_str()), "{words}");
        assert!(words.contains("merge it into main"), "{words}");
        // A release may be made on a branch of its own.
        let asked = Promotion {
            to_branch,
            ..asking(Channel::Beta, "1.0.0")
        };
        World::default().promote(&asked, 0).unwrap();
    }
    for held in [Comparison::Identical, Comparison::Behind] {
        let asked = Promotion {
            to_branch: Some(held),
            ..asking(Channel::Alpha, "1.0.0-rc.1")
        };
        World::default().promote(&asked, 0).unwrap();
    }
}

#[test]
fn a_channel_that_the_product_does_not_have_is_refused() {
    let mut product = product();
    product.channels.feeds.remove(&Channel::Alpha);
    let asked = asking(Channel::Alpha, "1.0.0-rc.1");
    let refused = promote(&product, &Standings::new(), &asked, now()).unwrap_err();
    assert_eq!(refused.exit(), Exit::Input);
}

#[test]
fn a_channel_never_goes_down_even_with_a_reason() {
    let mut world = World::default();
    world.in_beta("1.1.0", 0);
    let asked = Promotion {
        override_reason: Some(reason("we liked it better")),
        ..asking(Channel::Beta, "1.0.0")
    };
    let refused = world.promote(&asked, 0).unwrap_err();
    assert_eq!(refused.exit(), Exit::Downgrade);
    assert!(refused.to_string().contains("yank 1.1.0"), "{refused}");
}

#[test]
fn a_public_release_that_is_not_the_one_selected_before_is_refused() {
    let mut world = World::default();
    world.in_beta("1.0.0", 0);
    let mut asked = asking(Channel::Beta, "1.0.0");
    asked.candidate.release_sha256 = Sha256::of(b"another");
    let refused = world.promote(&asked, 0).unwrap_err();
    assert_eq!(refused.exit(), Exit::Refused);
}

#[test]
fn a_selection_counts_up_from_the_last_one_by_a_person_whatever_a_renewal_claimed() {
    let mut world = World::default();
    world.in_beta("1.0.0", 0);
    for _ in 0..3 {
        let decision = renew(&product(), &world.standings, true, now()).unwrap();
        world.take(decision);
    }
    assert_eq!(world.pointer(Channel::Beta).sequence, 4);
    world.in_beta("1.1.0", 0);
    let pointer = world.pointer(Channel::Beta);
    assert_eq!((pointer.sequence, &pointer.renews), (2, &None));
}

#[test]
fn a_pointer_tells_the_last_sixteen_selections_before_its_own() {
    let mut world = World::default();
    for minor in 0..20 {
        world.in_beta(&format!("1.{minor}.0"), minor);
    }
    let earlier = &world.pointer(Channel::Beta).earlier;
    assert_eq!(earlier.len(), Pointer::EARLIER);
    assert_eq!(earlier[0].version, version("1.18.0"));
    assert_eq!(earlier[0].selected, in_days(18));
    assert_eq!(earlier[15].version, version("1.3.0"));
    // With as much again around what it renews, it is still read.
    let decision = renew(&product(), &world.standings, true, now()).unwrap();
    world.take(decision);
}

#[test]
fn a_yank_takes_channels_back_to_the_highest_version_before_and_names_the_version_in_all() {
    let mut world = two_versions();
    world
        .promote(&asking(Channel::Alpha, "1.2.0-rc.1"), 0)
        .unwrap();
    let decision = world.yank("1.1.0", false).unwrap();
    let step = world.take(decision);
    assert_eq!(
        step.message,
        "yank 1.1.0: it eats files; stable: 1.0.0 (sequence 3); beta: 1.0.0 (sequence 3); \
         alpha: 1.2.0-rc.1 (sequence 2)"
    );
    for pointer in &step.pointers {
        let why = pointer.yank_of(&version("1.1.0"));
        assert_eq!(why, Some(&reason("it eats files")));
    }
    let stable = world.pointer(Channel::Stable);
    assert_eq!(stable.selected, in_days(-50));
    assert_eq!(stable.release_sha256, candidate("1.0.0").release_sha256);
    let earlier: Vec<_> = stable
        .earlier
        .iter()
        .map(|it| it.version.to_string())
        .collect();
    assert_eq!(earlier, ["1.1.0"]);
}

#[test]
fn a_yank_goes_back_past_other_yanked_versions() {
    let mut world = two_versions();
    world.in_beta("1.2.0", -1);
    for text in ["1.1.0", "1.2.0"] {
        let decision = world.yank(text, false).unwrap();
        world.take(decision);
    }
    assert_eq!(world.pointer(Channel::Beta).version, version("1.0.0"));
    assert_eq!(world.pointer(Channel::Stable).version, version("1.0.0"));
    assert_eq!(world.pointer(Channel::Stable).yanked.len(), 2);
}

#[test]
fn a_version_that_nobody_points_at_is_named_as_yanked_and_moves_no_channel() {
    let mut world = two_versions();
    let decision = world.yank("1.0.0", false).unwrap();
    let step = world.take(decision);
    assert_eq!(step.pointers.len(), 2);
    for pointer in step.pointers {
        assert_eq!(pointer.version, version("1.1.0"));
        assert!(pointer.yank_of(&version("1.0.0")).is_some());
    }
}

#[test]
fn a_version_that_is_yanked_already_is_not_yanked_again_and_keeps_its_reason() {
    let mut world = two_versions();
    let decision = world.yank("1.1.0", false).unwrap();
    world.take(decision);
    let decision = world.yank("1.1.0", false).unwrap();
    let expected = "1.1.0 is yanked already: it eats files";
    assert_eq!(decision, Decision::Stay(expected.to_owned()));
}

#[test]
fn a_yanked_version_is_promoted_nowhere_and_every_later_pointer_names_it() {
    let mut world = World::default();
    world.in_beta("1.0.0", -30);
    world.in_beta("1.1.0", -20);
    let decision = world.yank("1.1.0", false).unwrap();
    world.take(decision);
    for channel in [Channel::Beta, Channel::Stable] {
        let refused = world.promote(&asking(channel, "1.1.0"), 0).unwrap_err();
        assert_eq!(refused.exit(), Exit::Gate);
        assert!(refused.to_string().contains("it eats files"), "{refused}");
    }
    // A channel that was not there when the version was yanked.
    world.promote(&asking(Channel::Stable, "1.0.0"), 0).unwrap();
    let stable = world.pointer(Channel::Stable);
    assert!(stable.yank_of(&version("1.1.0")).is_some());
}

#[test]
fn a_yank_that_leaves_a_channel_with_nothing_is_refused_unless_asked_for() {
    let mut world = World::default();
    world.in_beta("1.0.0", 0);
    let refused = world.yank("1.0.0", false).unwrap_err();
    assert_eq!(refused.exit(), Exit::Gate);
    assert!(
        refused.to_string().contains("--without-replacement"),
        "{refused}"
    );
    let decision = world.yank("1.0.0", true).unwrap();
    world.take(decision);
    let beta = world.pointer(Channel::Beta);
    assert_eq!(beta.version, version("1.0.0"));
    assert!(beta.yank_of(&version("1.0.0")).is_some());
    // From there any version will do.
    world.in_beta("0.9.1", 0);
}

#[test]
fn nothing_is_yanked_where_no_channel_points_at_anything() {
    let refused = World::default().yank("1.0.0", false).unwrap_err();
    assert_eq!(refused, Refused::NoPointers);
}

#[test]
fn a_pointer_that_is_due_is_renewed_with_what_a_person_signed_and_no_other() {
    let mut world = World::default();
    world.in_beta("1.0.0", -8);
    world
        .promote(&asking(Channel::Alpha, "1.1.0-rc.1"), -6)
        .unwrap();
    let before = world.standings[&Channel::Beta].clone();
    let decision = renew(&product(), &world.standings, false, now()).unwrap();
    let step = world.take(decision);
    let [renewed] = &step.pointers[..] else {
        panic!("{step:?}")
    };
    assert_eq!((renewed.sequence, renewed.expires), (2, in_days(14)));
    assert!(renewed.selects_like(&before.pointer));
    assert_eq!(renewed.renews.as_ref(), Some(&before.selected_by));
    // A renewal is renewed with that same pointer.
    let decision = renew(&product(), &world.standings, true, now()).unwrap();
    let step = world.take(decision);
    assert_eq!(step.pointers.len(), 2);
    let again = world.pointer(Channel::Beta);
    assert_eq!(
        (again.sequence, again.renews.as_ref()),
        (3, Some(&before.selected_by))
    );
}

#[test]
fn an_expired_pointer_is_renewed_and_one_that_is_young_is_left() {
    let mut world = World::default();
    let stay = renew(&product(), &world.standings, false, now()).unwrap();
    assert!(matches!(stay, Decision::Stay(_)), "{stay:?}");
    world.in_beta("1.0.0", -7);
    let stay = renew(&product(), &world.standings, false, now()).unwrap();
    assert!(
        matches!(&stay, Decision::Stay(why) if why.contains("in 7d 0h")),
        "{stay:?}"
    );
    world.in_beta("1.1.0", -30);
    let decision = renew(&product(), &world.standings, false, now()).unwrap();
    world.take(decision);
}

#[test]
fn patched_scripts_replace_the_releases_own_and_are_kept_until_the_version_changes() {
    let mut world = World::default();
    world.in_beta("1.0.0", -10);
    let with = |patched| Promotion {
        patched: Some(patched),
        ..asking(Channel::Beta, "1.0.0")
    };
    world.promote(&with(patched("1.0.0", 1)), 0).unwrap();
    let beta = world.pointer(Channel::Beta);
    assert_eq!(beta.bootstrap, patched("1.0.0", 1));
    assert_eq!(beta.selected, in_days(-10));
    // The next channel takes them along.
    world.promote(&asking(Channel::Stable, "1.0.0"), 0).unwrap();
    assert_eq!(
        world.pointer(Channel::Stable).bootstrap,
        patched("1.0.0", 1)
    );
    world.in_beta("1.1.0", 0);
    let beta = world.pointer(Channel::Beta);
    assert_eq!(beta.bootstrap, candidate("1.1.0").bootstrap);
    // A yank brings them back.
    let decision = world.yank("1.1.0", false).unwrap();
    world.take(decision);
    assert_eq!(world.pointer(Channel::Beta).bootstrap, patched("1.0.0", 1));
}

#[test]
fn scripts_of_another_release_or_of_other_names_are_refused() {
    let world = World::default();
    let mut fewer = patched("1.0.0", 1);
    fewer.scripts.clear();
    for wrong in [patched("1.1.0", 1), fewer] {
        let asked = Promotion {
            patched: Some(wrong),
            ..asking(Channel::Beta, "1.0.0")
        };
        let refused = promote(&product(), &world.standings, &asked, now()).unwrap_err();
        assert!(matches!(refused, Refused::Scripts { .. }), "{refused}");
        assert_eq!(refused.exit(), Exit::Gate);
    }
}
