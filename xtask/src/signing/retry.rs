//! Patience with a service: it is asked again, ever more slowly, while what is wrong may pass, up
//! to the moment after which its answer would be of no use. Relies on `backon` for the pauses.

use std::future::Future;
use std::time::Duration;

use ambient_id::GitHubError;
use backon::{ExponentialBuilder, Retryable as _};
use release_plan::Exit;
use sigstore_sign::{fulcio, rekor, tsa};
use tokio::time::Instant;

use crate::Failure;
use crate::failure::say;

/// The pauses. The random part keeps signatures that failed together from coming back together.
const PAUSES: ExponentialBuilder = ExponentialBuilder::new()
    .with_jitter()
    .with_min_delay(Duration::from_millis(500))
    .with_max_delay(Duration::from_secs(10))
    .without_max_times();

/// Why a service did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{words}")]
pub(super) struct ServiceError {
    words: String,
    /// Whether the same request may succeed in a while.
    may_pass: bool,
}

impl ServiceError {
    /// A service, or the way to it, gave no answer.
    fn unreached(words: impl ToString) -> Self {
        Self {
            words: words.to_string(),
            may_pass: true,
        }
    }

    /// A service answered, and will answer so again.
    pub(super) fn refused(words: impl ToString) -> Self {
        Self {
            words: words.to_string(),
            may_pass: false,
        }
    }

    /// A service answered with an HTTP status: 4xx means that the request is at fault, but for the
    /// two that ask for patience.
    fn with_status(status: u16, words: impl ToString) -> Self {
        match status {
            400..500 if ![408, 429].contains(&status) => Self::refused(words),
            _ => Self::unreached(words),
        }
    }
}

impl From<fulcio::Error> for ServiceError {
    fn from(error: fulcio::Error) -> Self {
        match error {
            fulcio::Error::Status { status, .. } => Self::with_status(status, error),
            fulcio::Error::Http(_) => Self::unreached(format!("Fulcio: {error}")),
            _ => Self::refused(format!("Fulcio: {error}")),
        }
    }
}

impl From<rekor::Error> for ServiceError {
    fn from(error: rekor::Error) -> Self {
        match error {
            rekor::Error::Status { status, .. } => Self::with_status(status, error),
            rekor::Error::Http(_) => Self::unreached(format!("Rekor: {error}")),
            _ => Self::refused(format!("Rekor: {error}")),
        }
    }
}

impl From<tsa::Error> for ServiceError {
    fn from(error: tsa::Error) -> Self {
        let words = format!("timestamp authority: {error}");
        let tsa::Error::Http(text) = &error else {
            return Self::refused(words);
        };
        // The status stands in the text alone.
        let status = text.strip_prefix("TSA returned status ");
        match status.and_then(|rest| rest.get(..3)?.parse().ok()) {
            Some(status) => Self::with_status(status, words),
            None => Self::unreached(words),
        }
    }
}

impl From<ambient_id::Error> for ServiceError {
    fn from(error: ambient_id::Error) -> Self {
        let words = |error: anyhow::Error| format!("ID token: {error:#}");
        let ambient_id::Error::GitHubActions(GitHubError::Request(error)) = error else {
            return Self::refused(words(error.into()));
        };
        match error.status() {
            Some(status) => Self::with_status(status.as_u16(), words(error.into())),
            None => Self::unreached(words(error.into())),
        }
    }
}

/// Asks a service by `call` on behalf of `subject` until it answers, or for good refuses, or the
/// next time would be after `until`. Says each time that it will be asked again.
pub(super) async fn ask<T, F>(
    subject: &str,
    until: Instant,
    call: impl FnMut() -> F,
) -> Result<T, Failure>
where
    F: Future<Output = Result<T, ServiceError>>,
{
    let started = Instant::now();
    let answer = call
        .retry(PAUSES)
        .when(|error| error.may_pass)
        .adjust(|_, pause| pause.filter(|pause| Instant::now() + *pause < until))
        .notify(|error, pause| {
            let seconds = pause.as_secs_f32();
            say(format_args!(
                "{subject}: {error}; asking again in {seconds:.1} s"
            ));
        })
        .await;
    answer.map_err(|error| {
        let given_up = if error.may_pass {
            format!("; given up after {} s", started.elapsed().as_secs())
        } else {
            String::new()
        };
        Failure::new(Exit::Network, format!("{subject}: {error}{given_up}"))
    })
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// Asks a service that answers each time with `answer`; gives the end, and how often it was
    /// asked within `life`.
    async fn asked(
        life: Duration,
        answer: impl Fn(usize) -> Result<(), ServiceError>,
    ) -> (Result<(), Failure>, usize) {
        let times = Cell::new(0);
        let call = || {
            times.set(times.get() + 1);
            std::future::ready(answer(times.get()))
        };
        let ended = ask("ember.tar.gz", Instant::now() + life, call).await;
        (ended, times.get())
    }

    #[tokio::test(start_paused = true)]
    async fn what_passes_is_waited_for() {
        let answer = |times| match times {
            1..4 => Err(ServiceError::unreached("down")),
            _ => Ok(()),
        };
        let (ended, times) = asked(Duration::from_secs(300), answer).await;
        ended.unwrap();
        assert_eq!(times, 4);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_asked_after_the_end_and_the_last_words_are_told() {
        let started = Instant::now();
        let life = Duration::from_secs(300);
        let (ended, times) = asked(life, |_| Err(ServiceError::unreached("down"))).await;
        let words = ended.unwrap_err().to_string();
        assert!(
            words.starts_with("ember.tar.gz: down; given up after 2"),
            "{words}"
        );
        let took = started.elapsed();
        assert!(took < life && took > life - Duration::from_secs(20));
        // 0.5, 1, 2, 4, 8 and then ten seconds, each up to doubled.
        assert!((16..=35).contains(&times), "{times} times");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_refused_is_not_asked_again() {
        let answer = |_| Err(ServiceError::refused("no such job"));
        let (ended, times) = asked(Duration::from_secs(300), answer).await;
        let failure = ended.unwrap_err();
        assert_eq!(failure.to_string(), "ember.tar.gz: no such job");
        assert_eq!((failure.exit(), times), (Exit::Network, 1));
    }

    #[test]
    fn an_overload_or_an_outage_may_pass_and_a_refusal_does_not() {
        for (status, may_pass) in [
            (400, false),
            (401, false),
            (403, false),
            (404, false),
            (408, true),
            (409, false),
            (429, true),
            (500, true),
            (502, true),
            (503, true),
            (504, true),
        ] {
            let message = String::new();
            let of_fulcio = fulcio::Error::Status {
                status,
                message: message.clone(),
            };
            let of_rekor = rekor::Error::Status { status, message };
            let text = format!("TSA returned status {status} words");
            for error in [
                ServiceError::from(of_fulcio),
                ServiceError::from(of_rekor),
                ServiceError::from(tsa::Error::Http(text)),
            ] {
                assert_eq!(error.may_pass, may_pass, "{error}");
            }
        }
        assert!(ServiceError::from(tsa::Error::Http("reset".to_owned())).may_pass);
        assert!(!ServiceError::from(tsa::Error::NoToken).may_pass);
    }
}
