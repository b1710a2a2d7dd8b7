//! A moment in UTC, to the second.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Seconds since 1970-01-01T00:00:00Z, written as RFC 3339 (`2026-11-21T06:13:00Z`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Instant(i64);

impl Instant {
    /// From seconds since the epoch; `None` outside the years that can be written.
    #[must_use]
    pub fn from_seconds(seconds: i64) -> Option<Self> {
        jiff::Timestamp::from_second(seconds).ok()?;
        Some(Self(seconds))
    }

    /// Seconds since the epoch.
    #[must_use]
    pub fn seconds(self) -> i64 {
        self.0
    }

    /// This moment and `days` days, or the last one that can be written.
    #[must_use]
    pub fn plus_days(self, days: u32) -> Self {
        self.plus(i64::from(days) * 86_400)
    }

    /// This moment and `hours` hours, or the last one that can be written.
    #[must_use]
    pub fn plus_hours(self, hours: u32) -> Self {
        self.plus(i64::from(hours) * 3600)
    }

    fn plus(self, seconds: i64) -> Self {
        let last = jiff::Timestamp::MAX.as_second();
        Self(self.0.saturating_add(seconds).min(last))
    }
}

impl TryFrom<String> for Instant {
    type Error = jiff::Error;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Ok(Self(text.parse::<jiff::Timestamp>()?.as_second()))
    }
}

impl From<Instant> for String {
    fn from(instant: Instant) -> Self {
        instant.to_string()
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_second(self.0) {
            Ok(timestamp) => f.pad(&timestamp.to_string()),
            Err(_) => write!(f, "@{}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_as_it_is_read() {
        let text = "2026-11-21T06:13:00Z".to_owned();
        let instant = Instant::try_from(text.clone()).unwrap();
        assert_eq!(instant.to_string(), text);
        assert_eq!(instant.plus_days(14).to_string(), "2026-12-05T06:13:00Z");
    }
}
