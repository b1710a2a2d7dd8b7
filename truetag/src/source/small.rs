//! A file small enough for memory: a pointer, a manifest, a bundle. It comes whole within a time or
//! not at all, is asked for a few times where a server or the way to it fails, and need not come
//! when it is what is known already (RFC 9110, 13).

use std::io::{self, Read};
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use ureq::http::StatusCode;
use ureq::http::header::{
    ETAG, HeaderName, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED,
};

use super::{Location, SourceError};
use crate::http::{Client, HttpError, Patience};
use crate::output::say;

/// How long the whole of a file may take, all tries together and without the waits between them.
const TIME: Duration = Duration::from_secs(30);

/// A file that came.
#[derive(Debug)]
pub(crate) struct Small {
    pub(crate) bytes: Vec<u8>,
    pub(crate) validators: Validators,
}

/// What a server calls a state of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Validators {
    pub(crate) etag: Option<String>,
    pub(crate) last_modified: Option<String>,
}

impl Validators {
    /// Headers that ask for anything but this state. What cannot stand in a header is left out.
    fn headers(&self) -> Vec<(HeaderName, HeaderValue)> {
        let all = [
            (IF_NONE_MATCH, &self.etag),
            (IF_MODIFIED_SINCE, &self.last_modified),
        ];
        all.into_iter()
            .filter_map(|(name, value)| Some((name, value.as_deref()?.parse().ok()?)))
            .collect()
    }
}

impl Location {
    /// The file: at most `limit` bytes and one more, by which verification sees that there were
    /// too many.
    pub(crate) fn small(&self, client: &Client, limit: usize) -> Result<Small, SourceError> {
        let any = self.small_unless(client, limit, &Validators::default())?;
        Ok(any.expect("a server says that nothing is new to those alone who asked"))
    }

    /// The file, unless it is in the state that is known.
    pub(crate) fn small_unless(
        &self,
        client: &Client,
        limit: usize,
        known: &Validators,
    ) -> Result<Option<Small>, SourceError> {
        if let Some(file) = self.file() {
            let bytes = limited(file?, limit).map_err(|error| self.unreadable(error))?;
            let validators = Validators::default();
            return Ok(Some(Small { bytes, validators }));
        }
        let headers = known.headers();
        let mut patience = Patience::default();
        let mut left = TIME;
        loop {
            let start = Instant::now();
            let error = match ask(client, &self.0, limit, &headers, left) {
                Ok(small) => return Ok(small),
                Err(error) => error,
            };
            left = left.saturating_sub(start.elapsed());
            if left.is_zero() {
                return Err(self.unanswered(HttpError::Late(TIME)));
            }
            let Some(wait) = patience.wait(&error) else {
                return Err(self.unanswered(error));
            };
            say(format_args!(
                "note: {self}: {error}; trying again in {wait:?}"
            ));
            thread::sleep(wait);
        }
    }
}

fn ask(
    client: &Client,
    url: &str,
    limit: usize,
    headers: &[(HeaderName, HeaderValue)],
    time: Duration,
) -> Result<Option<Small>, HttpError> {
    let answer = client.get(url, headers, Some(time))?;
    let header = |name| answer.header(name).map(str::to_owned);
    let validators = Validators {
        etag: header(&ETAG),
        last_modified: header(&LAST_MODIFIED),
    };
    match answer.status {
        StatusCode::OK => {
            let bytes = limited(answer.into_body(), limit)?;
            Ok(Some(Small { bytes, validators }))
        }
        StatusCode::NOT_MODIFIED if !headers.is_empty() => Ok(None),
        status => Err(HttpError::Status {
            status,
            after: None,
        }),
    }
}

/// At most `limit` bytes and one more.
pub(super) fn limited(from: impl Read, limit: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(limit as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_asked_about_in_the_servers_own_words() {
        let validators = Validators {
            etag: Some("W/\"a\"".to_owned()),
            last_modified: Some("Sun, 06 Nov 1994 08:49:37 GMT".to_owned()),
        };
        let headers = validators.headers();
        assert_eq!(headers[0], (IF_NONE_MATCH, "W/\"a\"".parse().unwrap()));
        assert_eq!(headers[1].0, IF_MODIFIED_SINCE);
        assert!(Validators::default().headers().is_empty());
    }

    #[test]
    fn what_would_break_a_header_is_not_sent() {
        let validators = Validators {
            etag: Some("\"a\"\r\nHost: elsewhere".to_owned()),
            last_modified: None,
        };
        assert!(validators.headers().is_empty());
    }
}
