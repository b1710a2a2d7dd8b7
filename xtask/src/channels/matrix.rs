//! Every request of a promotion, a yank and a renewal, and everything that can befall it: broken
//! there, and run again.

use rehearsal::github::Fault;
use release_plan::Exit;

use super::rig::{Desk, Step, World};
use crate::trial::{block_on, faults};

/// Does `step` with each request broken in every way, and does it again. Of each step there are at
/// least `requests`.
fn never_breaks(step: Step, requests: usize) {
    let desk = Desk::new();
    let pointers = desk.pointers(step);
    let world = || World::new(&desk, step, &pointers);
    let undisturbed = {
        let world = world();
        block_on(world.run()).unwrap();
        world.trial.assert_described();
        world.outcome("undisturbed")
    };
    assert_eq!(undisturbed.commits.len(), 1, "{undisturbed:#?}");
    faults::at_every_request(&format!("{step:?}"), requests, |case| {
        let world = world();
        let (first, broken) = case.run(&world.trial.github, world.run());
        let case = &case.name;
        let ended = first.as_ref().is_none_or(Result::is_ok);
        assert!(
            broken || ended,
            "{case}: undisturbed, it ended with {first:?}"
        );
        if matches!(first, Some(Ok(()))) {
            assert_eq!(world.outcome(case), undisturbed, "{case}: it ended well");
        } else {
            world.assert_sound(case);
        }
        if let Err(failure) = block_on(world.run()) {
            panic!("{case}: the second run ended with: {failure}");
        }
        assert_eq!(world.outcome(case), undisturbed, "{case}");
        broken
    });
}

#[test]
fn a_first_promotion_that_dies_at_any_request_is_finished_by_running_it_again() {
    never_breaks(Step::FirstPromotion, 10);
}

#[test]
fn a_promotion_that_dies_at_any_request_is_finished_by_running_it_again() {
    never_breaks(Step::Promotion, 16);
}

#[test]
fn a_yank_that_dies_at_any_request_is_finished_by_running_it_again() {
    never_breaks(Step::Yank, 16);
}

#[test]
fn a_renewal_that_dies_at_any_request_is_finished_by_running_it_again() {
    never_breaks(Step::Renewal, 10);
}

#[test]
fn what_github_hides_behind_a_404_is_not_taken_for_absent() {
    let desk = Desk::new();
    for (step, hidden) in [
        (Step::Promotion, "/contents/channels/stable.json?"),
        (Step::Yank, "/contents/channels/beta.json?"),
        (Step::Renewal, "/git/trees/"),
        (Step::Renewal, "heads/channels"),
    ] {
        let world = World::new(&desk, step, &desk.pointers(step));
        let github = &world.trial.github;
        github.break_at_among(0, Fault::Status(404), move |_, path| path.contains(hidden));
        let failure = block_on(world.run()).unwrap_err();
        assert!(github.broken(), "{hidden}");
        assert_eq!(failure.exit(), Exit::Network, "{hidden}: {failure}");
        assert!(world.outcome(hidden).commits.is_empty());
    }
}
