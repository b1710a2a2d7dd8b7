//! The channels of a product: what moves their pointers, and what follows from where they point.
//! What happens is decided by pure functions in `decide` and `flags`; `branch` and `public` read,
//! and `branch` writes.

pub(crate) mod branch;
pub(crate) mod decide;
pub(crate) mod flags;
#[cfg(test)]
mod matrix;
pub(crate) mod public;
#[cfg(test)]
mod rig;

use jiff::Timestamp;
use release_plan::{Exit, Instant};

use crate::Failure;

/// The moment it is, by this machine's clock.
pub(crate) fn now() -> Result<Instant, Failure> {
    Instant::from_seconds(Timestamp::now().as_second())
        .ok_or_else(|| Failure::new(Exit::Input, "this machine's clock is out of range"))
}

/// A span of time in words, to its two largest units.
pub(crate) fn span(from: Instant, to: Instant) -> String {
    let minutes = to.seconds().saturating_sub(from.seconds()).max(0) / 60;
    let (days, hours, minutes) = (minutes / 1440, minutes / 60 % 24, minutes % 60);
    match (days, hours) {
        (0, 0) => format!("{minutes}m"),
        (0, _) => format!("{hours}h {minutes}m"),
        _ => format!("{days}d {hours}h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_told_to_its_two_largest_units() {
        let at = |seconds| Instant::from_seconds(seconds).unwrap();
        for (seconds, words) in [
            (-5, "0m"),
            (59, "0m"),
            (3_540, "59m"),
            (7_260, "2h 1m"),
            (7 * 86_400 - 1, "6d 23h"),
            (7 * 86_400, "7d 0h"),
        ] {
            assert_eq!(span(at(0), at(seconds)), words);
        }
    }
}
