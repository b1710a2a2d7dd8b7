//! Why an attempt to publish ended, how long to wait before the next, and when to wait no more.
//! Relies on `backon` for the pauses.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};
use jiff::Timestamp;
use release_plan::Exit;

use crate::Failure;
use crate::failure::say;
use crate::github::{GitHubError, Outlook};

/// How long nothing may succeed before the publisher gives up.
const PATIENCE: Duration = Duration::from_mins(15);

/// The pauses between looks. The random part keeps two publishers from meeting again and again.
const PAUSES: ExponentialBuilder = ExponentialBuilder::new()
    .with_jitter()
    .with_min_delay(Duration::from_secs(1))
    .with_max_delay(Duration::from_secs(60))
    .without_max_times();

/// Why an attempt ended.
pub(super) enum Halt {
    /// For good.
    Failed(Failure),
    /// GitHub did not do what it was asked; it may on another look.
    Asked(GitHubError),
    /// Somebody else's upload has to end first.
    Wait { what: String, time: Duration },
}

impl From<GitHubError> for Halt {
    fn from(error: GitHubError) -> Self {
        Self::Asked(error)
    }
}

impl From<Failure> for Halt {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// How long to wait for what, and when to wait no more.
pub(super) struct Patience {
    pauses: ExponentialBackoff,
    until: Timestamp,
    /// Looks in a row that found other things than GitHub's answers would have it.
    stale: usize,
}

impl Patience {
    /// Strange answers in a row that are put down to somebody else's doing.
    const STALE: usize = 4;

    pub(super) fn new(now: Timestamp) -> Self {
        Self {
            pauses: PAUSES.build(),
            until: now + PATIENCE,
            stale: 0,
        }
    }

    /// How long to wait after `halt`; or what to fail with.
    pub(super) fn pause(&mut self, halt: Halt, now: Timestamp) -> Result<Duration, Failure> {
        let own = self.pauses.next().unwrap_or(PATIENCE);
        let (what, pause) = match halt {
            Halt::Failed(failure) => return Err(failure),
            Halt::Wait { what, time } => (format!("waiting for {what}"), own.max(time)),
            Halt::Asked(error) => {
                let pause = match error.outlook() {
                    Outlook::Final => return Err(error.into_failure()),
                    Outlook::Stale if self.stale == Self::STALE => {
                        return Err(error.into_failure());
                    }
                    Outlook::Stale => {
                        self.stale += 1;
                        own
                    }
                    Outlook::Passing(asked) => own.max(asked.unwrap_or_default()),
                };
                let told = error.to_string();
                if now + pause > self.until {
                    return Err(error.into_failure());
                }
                (told, pause)
            }
        };
        if now + pause > self.until {
            let message = format!("gave up {what}; run again, it goes on from here");
            return Err(Failure::new(Exit::Locked, message));
        }
        say(format!(
            "{what}; looking again in {:.1} s",
            pause.as_secs_f32()
        ));
        Ok(pause)
    }
}
