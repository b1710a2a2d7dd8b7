//! When to try again: a few times, after waits that grow or that the server asks for.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

use super::HttpError;
use super::error::Again;

/// The wait before each further try.
const WAITS: [Duration; 3] = [
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
];
/// The longest wait that a server may ask for and get.
const LONGEST: Duration = Duration::from_secs(30);

/// What is left of the will to try again.
#[derive(Debug, Default)]
pub(crate) struct Patience {
    /// Tries that failed, one after another.
    failed: usize,
}

impl Patience {
    /// How long to wait after another failure before the next try; none to give up.
    pub(crate) fn wait(&mut self, error: &HttpError) -> Option<Duration> {
        let wait = *WAITS.get(self.failed)?;
        self.failed += 1;
        match error.again() {
            Again::Never => None,
            Again::Soon => Some(wait),
            Again::After(asked) => (asked <= LONGEST).then_some(asked),
        }
    }
}

/// `Retry-After`: seconds, or a date (RFC 9110, 10.2.3).
pub(super) fn after(text: &str, now: Timestamp) -> Option<Duration> {
    const DATE: DateTimeParser = DateTimeParser::new();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = DATE.parse_timestamp(text).ok()?;
    // What is past may be asked for at once.
    Some(date.duration_since(now).try_into().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ureq::http::StatusCode;

    fn status(status: StatusCode, after: Option<u64>) -> HttpError {
        HttpError::Status {
            status,
            after: after.map(Duration::from_secs),
        }
    }

    #[test]
    fn waits_grow_and_come_to_an_end() {
        let mut patience = Patience::default();
        let failure = status(StatusCode::BAD_GATEWAY, None);
        for wait in WAITS {
            assert_eq!(patience.wait(&failure), Some(wait));
        }
        assert_eq!(patience.wait(&failure), None);
        assert!(WAITS.is_sorted());
    }

    #[test]
    fn a_server_is_left_alone_for_as_long_as_it_asks_and_not_for_ever() {
        let wait = |seconds| {
            let failure = status(StatusCode::TOO_MANY_REQUESTS, Some(seconds));
            Patience::default().wait(&failure)
        };
        assert_eq!(wait(0), Some(Duration::ZERO));
        assert_eq!(wait(30), Some(LONGEST));
        assert_eq!(wait(31), None);
    }

    #[test]
    fn what_will_not_change_is_not_waited_for() {
        let failure = status(StatusCode::NOT_FOUND, None);
        assert_eq!(Patience::default().wait(&failure), None);
    }

    #[test]
    fn a_server_asks_in_seconds_or_by_a_date() {
        let now: Timestamp = "1994-11-06T08:49:30Z".parse().unwrap();
        for (text, seconds) in [
            ("7", Some(7)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(7)),
            ("Sun, 06 Nov 1994 08:49:00 GMT", Some(0)),
            ("soon", None),
            ("-1", None),
            ("", None),
        ] {
            assert_eq!(after(text, now), seconds.map(Duration::from_secs), "{text}");
        }
    }
}
