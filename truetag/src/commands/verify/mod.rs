//! `verify`: files against the bundles that sign them, whoever must have signed, without a network.
//!
//! The command line becomes a list of tasks and one signer; the tasks run side by side; what became
//! of each is told in the order of the arguments. Relies on `trust` for every verdict.

mod report;
mod signer;
mod task;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use indicatif::MultiProgress;

use self::report::Report;
pub(crate) use self::signer::KeyFileError;
pub(super) use self::task::Subject;
use self::task::Unverified;
use super::Verify;
use crate::app::App;
use crate::failure::Failure;
use crate::output::{self, data, say};
use crate::root::Root;

pub(super) fn run(app: &App, args: &Verify) -> Result<(), Failure> {
    let tasks = task::plan(&args.files, args.bundle.as_deref())?;
    let signer = signer::choose(app, args)?;
    let root = Root::choose(app, args.root.trusted_root.as_deref())?;
    let bars = MultiProgress::new();
    let outcomes = side_by_side(&tasks, |task| task.run(&signer, &root.keys, &bars));
    if args.json {
        let reports = tasks.iter().zip(&outcomes);
        let reports: Vec<_> = reports
            .map(|(task, outcome)| Report::of(&task.subject, outcome))
            .collect();
        output::json(&reports)?;
    }
    let (mut refused, mut unread) = (0, 0);
    for (task, outcome) in tasks.iter().zip(&outcomes) {
        match outcome {
            Ok(verified) if !args.json => {
                data(report::words(&task.subject, verified, &signer))?;
                if args.explain {
                    report::checks(verified).iter().try_for_each(data)?;
                }
            }
            Ok(_) => {}
            Err(Unverified::Refused(refusal)) => {
                refused += 1;
                say(refusal);
                if args.explain {
                    report::refused(refusal, &signer).iter().for_each(say);
                }
            }
            Err(error @ Unverified::Unread { .. }) => {
                unread += 1;
                say(format_args!("{}: {error}", task.subject));
            }
        }
    }
    let all = tasks.len();
    match (refused, unread) {
        (0, 0) => Ok(()),
        (0, unread) => Err(Failure::FilesUnread { unread, all }),
        (refused, unread) => Err(Failure::FilesRefused {
            refused,
            unread,
            all,
        }),
    }
}

/// What `work` makes of each item, in their order, on as many cores as there are.
fn side_by_side<T: Sync, R: Send + Sync>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let results: Vec<_> = items.iter().map(|_| OnceLock::new()).collect();
    let take_turns = || {
        while let Some((item, result)) = {
            let turn = next.fetch_add(1, Ordering::Relaxed);
            items.get(turn).zip(results.get(turn))
        } {
            let _ = result.set(work(item));
        }
    };
    let workers = match items {
        [_] => 0,
        // Finding out how many cores there are reads files of the kernel's.
        _ => thread::available_parallelism().map_or(0, usize::from),
    };
    thread::scope(|scope| {
        // This thread waits: a new one may stay on its parent's core, and behind a parent that
        // works it would not begin before much of the work is done.
        let spawned = |_: &usize| {
            thread::Builder::new()
                .spawn_scoped(scope, take_turns)
                .is_ok()
        };
        if (0..workers.min(items.len())).filter(spawned).count() == 0 {
            take_turns();
        }
    });
    let results = results.into_iter().map(OnceLock::into_inner);
    results
        .map(|result| result.expect("every item had its turn"))
        .collect()
}
