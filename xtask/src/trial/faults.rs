//! Every request of a run, and everything that can befall it.

use std::convert::Infallible;
use std::future::pending;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rehearsal::github::{Fault, GitHub, Hook, Then};
use tokio::sync::Notify;
use tokio::time;

use super::{SILENCE, block_on};

/// One request of a run, and what befalls it there.
pub(crate) struct Case {
    /// Both, for the person.
    pub(crate) name: String,
    request: usize,
    fault: Fault,
    signs: Signs,
}

/// What the server cannot do to a client by itself.
#[derive(Clone, Default)]
struct Signs {
    /// The process is to end.
    killed: Arc<Notify>,
    /// No answer comes, for longer than any client waits.
    silent: Arc<Notify>,
}

/// What befalls a request. The last two are the end of the process, whose connections the system
/// then closes.
fn faults(signs: &Signs) -> [(&'static str, Fault); 16] {
    let hook = |sign: &Arc<Notify>| {
        let sign = Arc::clone(sign);
        Hook(Arc::new(move || {
            sign.notify_one();
            Then::Hold
        }))
    };
    let Signs { killed, silent } = signs;
    [
        ("the connection is refused, from then on", Fault::Refused),
        ("reset before the server acted", Fault::ResetBefore),
        ("reset after the server acted", Fault::ResetAfter),
        (
            "time-out before the server acted",
            Fault::HookBefore(hook(silent)),
        ),
        (
            "time-out after the server acted",
            Fault::HookAfter(hook(silent)),
        ),
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
        (
            "the process is killed before the server acted",
            Fault::HookBefore(hook(killed)),
        ),
        (
            "the process is killed after the server acted",
            Fault::HookAfter(hook(killed)),
        ),
    ]
}

impl Case {
    fn new((name, fault): (&str, Fault), request: usize, signs: Signs) -> Self {
        Self {
            name: format!("request {request}, {name}"),
            request,
            fault,
            signs,
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
        let Signs { killed, silent } = &self.signs;
        // The client's clock alone moves on.
        let wait = async {
            silent.notified().await;
            time::pause();
            time::advance(2 * SILENCE).await;
            time::resume();
            pending::<Infallible>().await
        };
        let ended = block_on(async {
            tokio::select! {
                biased;
                () = killed.notified() => None,
                never = wait => match never {},
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
    let count = faults(&Signs::default()).len();
    let next = AtomicUsize::new(0);
    let work = || {
        loop {
            let fault = next.fetch_add(1, Ordering::Relaxed);
            if fault >= count {
                return;
            }
            let case = |request| {
                let signs = Signs::default();
                let fault = faults(&signs)[fault].clone();
                Case::new(fault, request, signs)
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
