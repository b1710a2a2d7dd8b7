//! Every request of a publication, and everything that can befall it: broken there, and run again.

use std::fs;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rehearsal::github::{Fault, Hook, Then};
use release_plan::{AssetName, BUNDLE_SUFFIX, Exit, Measured};
use tokio::sync::Notify;

use super::Publication;
use super::rig::{World, publication};

/// What befalls a request. The last two are the end of the process, whose connections the system
/// then closes.
fn faults() -> Vec<(&'static str, Fault)> {
    let hook = || Hook(Arc::new(|| Then::Hold));
    vec![
        ("the connection is refused, from then on", Fault::Refused),
        ("reset before the server acted", Fault::ResetBefore),
        ("reset after the server acted", Fault::ResetAfter),
        ("time-out before the server acted", Fault::TimeOutBefore),
        ("time-out after the server acted", Fault::TimeOutAfter),
        ("401", Fault::Status(401)),
        ("403", Fault::Status(403)),
        ("404", Fault::Status(404)),
        ("422", Fault::Status(422)),
        ("429 with retry-after", Fault::Throttle { after_seconds: 7 }),
        (
            "403 for a secondary limit",
            Fault::SecondaryLimit { after_seconds: 7 },
        ),
        ("500", Fault::Status(500)),
        ("502 with a starter asset", Fault::Starter),
        ("a truncated answer", Fault::Truncated),
        (KILLED_BEFORE, Fault::HookBefore(hook())),
        (KILLED_AFTER, Fault::HookAfter(hook())),
    ]
}

const KILLED_BEFORE: &str = "the process is killed before the server acted";
const KILLED_AFTER: &str = "the process is killed after the server acted";

/// Lets the `k`-th request of a publication meet `fault`, then publishes again. Gives whether there
/// was such a request.
fn broken_at(publication: &Publication, name: &str, fault: &Fault, k: usize) -> bool {
    let case = format!("request {k}, {name}");
    let world = World::new();
    let killed = Arc::new(Notify::new());
    let kill = {
        let killed = Arc::clone(&killed);
        Hook(Arc::new(move || {
            killed.notify_one();
            Then::Hold
        }))
    };
    let fault = match name {
        KILLED_BEFORE => Fault::HookBefore(kill),
        KILLED_AFTER => Fault::HookAfter(kill),
        _ => fault.clone(),
    };
    world.github.break_at(k, fault);
    let first = world.publish_until(&killed, publication);
    let broken = world.github.broken();
    world.github.heal();
    world.assert_whole(publication, &case);
    if matches!(first, Some(Ok(_))) {
        world.assert_done(publication, &case);
    }
    let second = world.publish(publication);
    if let Err(failure) = second {
        panic!("{case}: the second run ended with: {failure}");
    }
    world.assert_done(publication, &case);
    broken
}

#[test]
fn a_publisher_that_dies_at_any_request_is_finished_by_running_it_again() {
    let (publication, _folder) = publication();
    let cases = AtomicUsize::new(0);
    let faults = faults();
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some((name, fault)) = faults.get(next.fetch_add(1, Ordering::Relaxed)) {
            // A run that goes another way may make a request more.
            let mut k = 0;
            while broken_at(&publication, name, fault, k) {
                cases.fetch_add(1, Ordering::Relaxed);
                k += 1;
            }
            assert!(k > 24, "{name}: only {k} requests");
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..4).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            worker.join().unwrap();
        }
    });
    let cases = cases.into_inner();
    // Past the harness, which would keep it to itself.
    let told = format!("{cases} cases: {} faults at every request\n", faults.len());
    std::io::stderr().write_all(told.as_bytes()).unwrap();
    assert!(cases > faults.len() * 40, "only {cases} cases");
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
    }
}
