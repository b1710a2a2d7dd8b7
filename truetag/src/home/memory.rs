//! What a home remembers of its versions beside which of them is current, as lines of text. A newer
//! program may have written them: what has more words than this one knows is still read.

use std::fmt;
use std::str::FromStr;

use release_plan::{Channel, Version};

use crate::decide::Seen;

/// Runs that must end well before a version is no longer on trial.
const PASSES: u32 = 3;
/// Runs in a row that may fail, with none that ended well, until a version fails its trial.
const FAILURES: u32 = 3;

/// A version that has not shown yet that it works: `<version> <before> <passes> <failures>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trial {
    pub(crate) version: Version,
    /// The last version that was past its trial: where the launcher goes back to.
    pub(crate) before: Version,
    passes: u32,
    /// Runs that failed, as long as none ended well.
    failures: u32,
}

/// What a run of a version on trial says about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It did what was asked.
    Passed,
    /// It failed, for a reason of its own or not.
    Failed,
    /// It could not be started, or fell over.
    Crashed,
    /// It ended as a program may.
    Neither,
}

/// What becomes of a trial after a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It goes on.
    Open(Trial),
    /// The version works.
    Passed,
    /// The version does not work.
    Lost,
}

impl Trial {
    pub(crate) fn begin(version: Version, before: Version) -> Self {
        Self {
            version,
            before,
            passes: 0,
            failures: 0,
        }
    }

    pub(crate) fn after(mut self, outcome: Outcome) -> Verdict {
        match outcome {
            Outcome::Passed => self.passes += 1,
            Outcome::Failed if self.passes == 0 => self.failures += 1,
            Outcome::Failed | Outcome::Neither => {}
            Outcome::Crashed => return Verdict::Lost,
        }
        if self.passes >= PASSES {
            return Verdict::Passed;
        }
        if self.failures >= FAILURES && self.passes == 0 {
            return Verdict::Lost;
        }
        Verdict::Open(self)
    }
}

impl fmt::Display for Trial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            version,
            before,
            passes,
            failures,
        } = self;
        write!(f, "{version} {before} {passes} {failures}")
    }
}

/// A line that is not one of those that a home remembers.
#[derive(Debug)]
pub(crate) struct LineError;

impl FromStr for Trial {
    type Err = LineError;

    fn from_str(line: &str) -> Result<Self, LineError> {
        let mut words = line.split(' ');
        Ok(Self {
            version: next(&mut words)?,
            before: next(&mut words)?,
            passes: next(&mut words)?,
            failures: next(&mut words)?,
        })
    }
}

/// What was seen of a channel: `<sequence> <selection>`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sequences(pub(super) Seen);

impl fmt::Display for Sequences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0.sequence, self.0.selection)
    }
}

impl FromStr for Sequences {
    type Err = LineError;

    fn from_str(line: &str) -> Result<Self, LineError> {
        let mut words = line.split(' ');
        Ok(Self(Seen {
            sequence: next(&mut words)?,
            selection: next(&mut words)?,
        }))
    }
}

/// A version and the reason why it is not taken: `<version> <reason>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shunned {
    pub(crate) version: Version,
    pub(crate) reason: String,
}

impl Shunned {
    /// With the reason as one line, whatever it was made of.
    pub(crate) fn new(version: Version, reason: impl fmt::Display) -> Self {
        let reason = reason.to_string();
        let words: Vec<_> = reason.split_whitespace().collect();
        Self {
            version,
            reason: words.join(" "),
        }
    }
}

impl fmt::Display for Shunned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.version, self.reason)
    }
}

impl FromStr for Shunned {
    type Err = LineError;

    fn from_str(line: &str) -> Result<Self, LineError> {
        let (version, reason) = line.split_once(' ').ok_or(LineError)?;
        Ok(Self {
            version: version.parse().map_err(|_| LineError)?,
            reason: reason.to_owned(),
        })
    }
}

/// Something about a channel: `<channel> <what>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Of<T> {
    pub(crate) channel: Channel,
    pub(crate) what: T,
}

impl<T: fmt::Display> fmt::Display for Of<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.channel, self.what)
    }
}

impl<T: FromStr> FromStr for Of<T> {
    type Err = LineError;

    fn from_str(line: &str) -> Result<Self, LineError> {
        let (channel, what) = line.split_once(' ').ok_or(LineError)?;
        Ok(Self {
            channel: channel.parse().map_err(|_| LineError)?,
            what: what.parse().map_err(|_| LineError)?,
        })
    }
}

fn next<'a, T: FromStr>(words: &mut impl Iterator<Item = &'a str>) -> Result<T, LineError> {
    let word = words.next().ok_or(LineError)?;
    word.parse().map_err(|_| LineError)
}

#[cfg(test)]
mod tests {
    use super::*;

    const V1: Version = Version::new(1, 0, 0);
    const V2: Version = Version::new(2, 0, 0);

    /// What becomes of a version after these runs; none while its trial goes on.
    fn becomes(outcomes: &[Outcome]) -> Option<Verdict> {
        let mut trial = Trial::begin(V2, V1);
        for outcome in outcomes {
            match trial.after(*outcome) {
                Verdict::Open(next) => trial = next,
                end => return Some(end),
            }
        }
        None
    }

    #[test]
    fn three_runs_that_end_well_pass_a_trial_whatever_lies_between_them() {
        use Outcome::{Failed, Neither, Passed};
        assert_eq!(becomes(&[Passed, Passed]), None);
        assert_eq!(becomes(&[Passed; 3]), Some(Verdict::Passed));
        let mixed = [
            Failed, Failed, Passed, Neither, Failed, Failed, Passed, Passed,
        ];
        assert_eq!(becomes(&mixed), Some(Verdict::Passed));
    }

    #[test]
    fn one_crash_loses_a_trial_and_so_do_three_failures_before_anything_ended_well() {
        use Outcome::{Crashed, Failed, Neither, Passed};
        assert_eq!(becomes(&[Passed, Passed, Crashed]), Some(Verdict::Lost));
        assert_eq!(becomes(&[Crashed]), Some(Verdict::Lost));
        assert_eq!(becomes(&[Failed, Neither, Failed]), None);
        assert_eq!(
            becomes(&[Failed, Neither, Failed, Failed]),
            Some(Verdict::Lost)
        );
        assert_eq!(becomes(&[Passed, Failed, Failed, Failed, Failed]), None);
        assert_eq!(becomes(&[Neither; 9]), None);
    }

    #[test]
    fn what_is_remembered_is_read_as_it_was_written_and_with_more_words_too() {
        let trial = Trial::begin(V2, V1);
        assert_eq!(trial.to_string().parse::<Trial>().unwrap(), trial);
        assert_eq!(format!("{trial} later").parse::<Trial>().unwrap(), trial);
        let shunned = Shunned::new(V2, "it\neats  files");
        assert_eq!(shunned.to_string(), "2.0.0 it eats files");
        assert_eq!(shunned.to_string().parse::<Shunned>().unwrap(), shunned);
        let of = Of {
            channel: Channel::Beta,
            what: shunned,
        };
        assert_eq!(of.to_string().parse::<Of<Shunned>>().unwrap(), of);
        for bad in ["", "2.0.0", "2.0.0 1.0.0 0", "2.0.0 1.0.0 x 0"] {
            assert!(bad.parse::<Trial>().is_err(), "{bad}");
        }
    }
}
