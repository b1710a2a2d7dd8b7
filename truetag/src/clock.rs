//! The clock of this machine, read here alone.

use std::time::{SystemTime, UNIX_EPOCH};

use release_plan::Instant;

/// Now, in whole seconds. A clock before 1970 is as good as one that stands at it.
pub(crate) fn now() -> Instant {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let seconds = since.map_or(0, |since| since.as_secs());
    i64::try_from(seconds)
        .ok()
        .and_then(Instant::from_seconds)
        .unwrap_or_else(|| Instant::from_seconds(0).expect("1970 can be written"))
}
