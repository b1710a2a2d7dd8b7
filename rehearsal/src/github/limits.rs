//! The secondary limit on writes: so many in a span of time, and then a pause.
//! Source: GitHub REST, "Rate limits for the REST API".

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;

use super::errors::ApiError;
use super::http::Site;

/// How many writes are taken, and when the last ones were.
#[derive(Debug)]
pub(super) struct Limit {
    most: usize,
    window: Duration,
    taken: VecDeque<Instant>,
}

impl Limit {
    pub(super) fn new(most: usize, window: Duration) -> Self {
        Self {
            most,
            window,
            taken: VecDeque::new(),
        }
    }

    /// Takes a write at `now`, or tells after how many seconds one will be taken.
    fn take(&mut self, now: Instant) -> Result<(), u32> {
        self.taken
            .retain(|at| now.duration_since(*at) < self.window);
        if self.taken.len() < self.most {
            self.taken.push_back(now);
            return Ok(());
        }
        let first = self.taken.front().map(|at| *at + self.window);
        let wait = first.map_or(self.window, |at| at.duration_since(now));
        Err(u32::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(u32::MAX))
    }
}

/// Refuses a write that is one too many.
pub(super) async fn keep(
    State(site): State<Site>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut state = site.github.state();
        let taken = state.limit.as_mut().map(|limit| limit.take(Instant::now()));
        if let Some(Err(seconds)) = taken {
            return Err(ApiError::rate_limit(StatusCode::FORBIDDEN, seconds));
        }
    }
    Ok(next.run(request).await)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_too_many_waits_until_the_first_is_a_window_old() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut limit = Limit::new(2, Duration::from_secs(60));
        assert_eq!(limit.take(at(0)), Ok(()));
        assert_eq!(limit.take(at(30_000)), Ok(()));
        assert_eq!(limit.take(at(30_500)), Err(30));
        assert_eq!(limit.take(at(59_999)), Err(1));
        assert_eq!(
            limit.take(at(60_000)),
            Ok(()),
            "a refused write counts for nothing"
        );
        assert_eq!(limit.take(at(60_000)), Err(30));
    }

    #[test]
    fn a_limit_of_none_takes_none() {
        let mut limit = Limit::new(0, Duration::from_secs(60));
        assert_eq!(limit.take(Instant::now()), Err(60));
    }
}
