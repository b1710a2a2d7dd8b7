//! What can go wrong between us and GitHub, and whether it is worth asking again.
//!
//! Source: <https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api>.

use std::fmt;
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use release_plan::Exit;

use crate::Failure;

/// A refusal of GitHub's, or no answer at all.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GitHubError {
    /// It answered with an error.
    #[error("{request}: GitHub answered {status}: {message}")]
    Status {
        request: String,
        status: StatusCode,
        message: String,
        /// How long to leave it alone, where it says so.
        pause: Option<Duration>,
    },
    /// It did not answer, or not to the end.
    #[error("{request}: {message}")]
    Transport { request: String, message: String },
}

/// What to expect of asking again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outlook {
    /// The same answer.
    Final,
    /// Another one, once we have looked again at what is there: somebody moved meanwhile, or our
    /// own request was heard although its answer was lost.
    Stale,
    /// Another one, after a while; no sooner than this where GitHub says so.
    Passing(Option<Duration>),
}

impl GitHubError {
    /// No answer, or none that can be read to its end.
    pub(super) fn transport(request: &str, error: &dyn fmt::Display) -> Self {
        Self::Transport {
            request: request.to_owned(),
            message: error.to_string(),
        }
    }

    pub(super) fn is_not_found(&self) -> bool {
        matches!(self, Self::Status { status, .. } if *status == StatusCode::NOT_FOUND)
    }

    /// Whether somebody else moved first.
    pub(crate) fn is_conflict(&self) -> bool {
        matches!(self, Self::Status { status, .. }
            if *status == StatusCode::UNPROCESSABLE_ENTITY || *status == StatusCode::CONFLICT)
    }

    pub(crate) fn outlook(&self) -> Outlook {
        match self {
            Self::Transport { .. } => Outlook::Passing(None),
            Self::Status { status, pause, .. } => match status.as_u16() {
                403 | 429 if pause.is_some() => Outlook::Passing(*pause),
                408 | 429 | 500..=599 => Outlook::Passing(*pause),
                404 | 409 | 422 => Outlook::Stale,
                _ => Outlook::Final,
            },
        }
    }

    /// As a failure of a command that writes releases or branches.
    pub(crate) fn into_failure(self) -> Failure {
        self.wanting("`contents: write`")
    }

    /// As a failure of a command whose token needs `right`.
    pub(crate) fn wanting(self, right: &str) -> Failure {
        let (exit, remedy) = match &self {
            Self::Status { status, .. } if *status == StatusCode::UNAUTHORIZED => {
                let remedy = "; expected a valid token in GITHUB_TOKEN".to_owned();
                (Exit::Storage, remedy)
            }
            Self::Status { status, pause, .. }
                if *status == StatusCode::FORBIDDEN && pause.is_none() =>
            {
                let remedy = format!("; expected a token with {right} in GITHUB_TOKEN");
                (Exit::Storage, remedy)
            }
            _ => {
                let passes = matches!(self.outlook(), Outlook::Passing(_));
                let remedy = if passes { "; run again later" } else { "" };
                (Exit::Network, remedy.to_owned())
            }
        };
        Failure::new(exit, format!("{self}{remedy}"))
    }
}

/// How long GitHub asks to be left alone: of a secondary limit in `retry-after`, of the primary one
/// by the moment at which it is lifted.
pub(super) fn pause(status: StatusCode, headers: &HeaderMap, message: &str) -> Option<Duration> {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.parse::<u64>().ok();
    if let Some(seconds) = number("retry-after") {
        return Some(Duration::from_secs(seconds));
    }
    if number("x-ratelimit-remaining") == Some(0) && !status.is_server_error() {
        let lifted = i64::try_from(number("x-ratelimit-reset")?).ok()?;
        let seconds = lifted.saturating_sub(Timestamp::now().as_second());
        return Some(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)));
    }
    // GitHub's advice where it names no time.
    let secondary = message
        .to_ascii_lowercase()
        .contains("secondary rate limit");
    secondary.then_some(Duration::from_secs(60))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: u16, headers: &[(&'static str, &str)], message: &str) -> Outlook {
        let status = StatusCode::from_u16(status).unwrap();
        let headers = headers
            .iter()
            .map(|(name, value)| ((*name).parse().unwrap(), value.parse().unwrap()));
        let headers: HeaderMap = headers
            .collect::<Vec<(http::HeaderName, _)>>()
            .into_iter()
            .collect();
        let error = GitHubError::Status {
            request: "GET /".to_owned(),
            status,
            message: message.to_owned(),
            pause: pause(status, &headers, message),
        };
        error.outlook()
    }

    #[test]
    fn a_limit_passes_when_github_says_and_a_missing_right_does_not() {
        let after = |seconds| Outlook::Passing(Some(Duration::from_secs(seconds)));
        assert_eq!(answered(429, &[("retry-after", "7")], ""), after(7));
        assert_eq!(answered(403, &[("retry-after", "30")], ""), after(30));
        let message = "You have exceeded a secondary rate limit.";
        assert_eq!(answered(403, &[], message), after(60));
        let past = [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1")];
        assert_eq!(answered(403, &past, ""), after(0));
        let message = "Resource not accessible by integration";
        assert_eq!(answered(403, &[], message), Outlook::Final);
        assert_eq!(answered(401, &[], "Bad credentials"), Outlook::Final);
    }

    #[test]
    fn an_outage_passes_and_what_somebody_else_changed_is_looked_at_again() {
        for status in [408, 500, 502, 503] {
            assert_eq!(
                answered(status, &[], ""),
                Outlook::Passing(None),
                "{status}"
            );
        }
        for status in [404, 409, 422] {
            assert_eq!(answered(status, &[], ""), Outlook::Stale, "{status}");
        }
    }
}
