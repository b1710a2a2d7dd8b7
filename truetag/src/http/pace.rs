//! A download that is too slow to go on with: a server that drips must not hold a run for ever.

use std::io::{self, Read};
use std::time::{Duration, Instant};

use super::HttpError;

/// Over how long a speed is measured.
const OVER: Duration = Duration::from_secs(30);
/// The lowest speed, in bytes a second.
const LOWEST: u64 = 1024;

/// How many bytes came since when.
#[derive(Debug)]
struct Pace {
    since: Instant,
    bytes: u64,
}

impl Pace {
    fn new(now: Instant) -> Self {
        Self {
            since: now,
            bytes: 0,
        }
    }

    /// Counts bytes that came by `now`.
    fn came(&mut self, bytes: u64, now: Instant) -> Result<(), HttpError> {
        self.bytes += bytes;
        let over = now.saturating_duration_since(self.since);
        if over < OVER {
            return Ok(());
        }
        if self.bytes < LOWEST * over.as_secs() {
            return Err(HttpError::Slow {
                bytes: self.bytes,
                over,
            });
        }
        *self = Self::new(now);
        Ok(())
    }
}

/// Reads on as long as bytes come faster than the lowest speed.
#[derive(Debug)]
pub(crate) struct Paced<R> {
    inner: R,
    pace: Pace,
}

impl<R> Paced<R> {
    pub(crate) fn new(inner: R) -> Self {
        Self {
            inner,
            pace: Pace::new(Instant::now()),
        }
    }
}

impl<R: Read> Read for Paced<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.pace
            .came(count as u64, Instant::now())
            .map_err(io::Error::other)?;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drip_is_too_slow_once_it_was_measured_for_long_enough() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        for second in 1..30 {
            pace.came(1, start + Duration::from_secs(second)).unwrap();
        }
        let error = pace.came(1, start + OVER).unwrap_err();
        assert_eq!(
            error.to_string(),
            "too slow: 30 bytes came within 30 seconds"
        );
    }

    #[test]
    fn the_lowest_speed_is_fast_enough_for_ever() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        for second in 1..1000 {
            pace.came(LOWEST, start + Duration::from_secs(second))
                .unwrap();
        }
    }

    #[test]
    fn what_came_fast_at_first_excuses_no_drip_afterwards() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        pace.came(1 << 30, start + OVER).unwrap();
        assert!(pace.came(1, start + 2 * OVER).is_err());
    }
}
