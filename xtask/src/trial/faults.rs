//! Every request of a run, and everything that can befall it.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rehearsal::github::{Fault, GitHub, Hook, Then};
use tokio::sync::Notify;

use super::block_on;

/// One request of a run, and what befalls it there.
pub(crate) struct Case {
    /// Both, for the person.
    pub(crate) name: String,
    request: usize,
    fault: Fault,
    killed: Arc<Notify>,
}

const KILLED_BEFORE: &str = "the process is killed before the server acted";
const KILLED_AFTER: &str = "the process is killed after the server acted";

/// What befalls a request. The last two are the end of the process, whose connections the system
/// then closes.
fn faults(killed: &Arc<Notify>) -> [(&'static str, Fault); 16] {
    let hook = || {
        let killed = Arc::clone(killed);
        Hook(Arc::new(move || {
            killed.notify_one();
            Then::Hold
        }))
    };
    [
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

impl Case {
    fn new((name, fault): (&str, Fault), request: usize, killed: Arc<Notify>) -> Self {
        Self {
            name: format!("request {request}, {name}"),
            request,
            fault,
            killed,
        }
    }

    /// Lets the request meet its fault in a run that is a process of its own, as far as GitHub can
    /// tell. Gives what the run ended with, unless it was killed, and whether there was such a
    /// request.
    pub(crate) fn run<T>(
        &self,
        github: &GitHub,
        run: impl Future<Output = T>,
    ) -> (Option<T>, bool) {
        github.break_at(self.request, self.fault.clone());
        let ended = block_on(async {
            tokio::select! {
                biased;
                () = self.killed.notified() => None,
                ended = run => Some(ended),
            }
        });
        let broken = github.broken();
        github.heal();
        (ended, broken)
    }
}

/// Tries every fault at every request of `what`, of which there are at least `requests`: `broken`
/// tries one and gives whether there was such a request. Prints how many cases that were.
pub(crate) fn at_every_request(what: &str, requests: usize, broken: impl Fn(&Case) -> bool + Sync) {
    let cases = AtomicUsize::new(0);
    let count = faults(&Arc::default()).len();
    let next = AtomicUsize::new(0);
    let work = || {
        loop {
            let fault = next.fetch_add(1, Ordering::Relaxed);
            if fault >= count {
                return;
            }
            let case = |request| {
                let killed = Arc::default();
                let fault = faults(&killed)[fault].clone();
                Case::new(fault, request, killed)
            };
            // A run that goes another way may make a request more.
            let tried = (0..).take_while(|&request| broken(&case(request))).count();
            let Case { name, .. } = case(tried);
            assert!(tried >= requests, "{what}: no {name}, the runs end before");
            cases.fetch_add(tried, Ordering::Relaxed);
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
    let told = format!("{what}: {cases} cases, {count} faults at every request\n");
    std::io::stderr().write_all(told.as_bytes()).unwrap();
}
