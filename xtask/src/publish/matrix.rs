//! Every request of a publication, and everything that can befall it: broken there, and run again.

use std::fs;

use release_plan::{AssetName, BUNDLE_SUFFIX, Exit, Measured};

use super::Publication;
use super::rig::publication;
use crate::clock::Clock;
use crate::trial::faults::{self, Case};
use crate::trial::{TOKEN, World};

/// Publishes with one request broken, then publishes again. Gives whether there was such a request.
fn broken(publication: &Publication, case: &Case) -> bool {
    let world = World::new();
    let clock = Clock::moved();
    let first = world.publishing(TOKEN, &clock, publication);
    let (first, broken) = case.run(&world.github, first);
    let case = &case.name;
    world.assert_whole(publication, case);
    if matches!(first, Some(Ok(_))) {
        world.assert_done(publication, case);
    }
    let second = world.publish(publication);
    if let Err(failure) = second {
        panic!("{case}: the second run ended with: {failure}");
    }
    world.assert_done(publication, case);
    broken
}

#[test]
fn a_publisher_that_dies_at_any_request_is_finished_by_running_it_again() {
    let (publication, _folder) = publication();
    faults::at_every_request("publish", 41, |case| broken(&publication, case));
}

#[test]
fn two_publishers_at_once_end_with_one_whole_release() {
    let (publication, _folder) = publication();
    for _ in 0..20 {
        let world = World::new();
        std::thread::scope(|scope| {
            for publisher in [(), ()].map(|()| scope.spawn(|| world.publish(&publication))) {
                publisher.join().unwrap().unwrap();
            }
        });
        world.publish(&publication).unwrap();
        world.assert_done(&publication, "two at once");
        world.assert_described();
    }
}

#[test]
fn two_publishers_of_other_signatures_end_with_one_whole_release() {
    let (first, _folder) = publication();
    let (mut second, folder) = publication();
    let name: AssetName = format!("ember-0.tar.gz{BUNDLE_SUFFIX}").parse().unwrap();
    let bytes = b"another signature\n";
    fs::write(folder.path().join(name.as_str()), bytes).unwrap();
    second.files.insert(name, Measured::of(bytes));
    for _ in 0..20 {
        let world = World::new();
        let ended = std::thread::scope(|scope| {
            let publishers =
                [&first, &second].map(|publication| scope.spawn(|| world.publish(publication)));
            publishers.map(|publisher| publisher.join().unwrap())
        });
        let winner = match &ended {
            [Ok(_), Err(_)] => &first,
            [Err(_), Ok(_)] => &second,
            _ => panic!("expected one to win, found {ended:?}"),
        };
        for failure in ended.iter().filter_map(|ended| ended.as_ref().err()) {
            assert_eq!(failure.exit(), Exit::Gate, "{failure}");
        }
        world.publish(winner).unwrap();
        world.assert_done(winner, "two sets of signatures");
        world.assert_described();
    }
}
