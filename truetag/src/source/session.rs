//! Files fetched from one place, one after another, all of them, with what is tried again, within
//! a time.

use std::thread;
use std::time::{Duration, Instant};

use super::small::limited;
use super::{Location, Mirror, SourceError};
use crate::http::{Client, HttpError, Patience};

/// What is fetched from one place.
#[derive(Debug)]
pub(crate) struct Session<'a> {
    from: &'a Mirror,
    client: Client,
    until: Instant,
}

impl<'a> Session<'a> {
    pub(crate) fn new(from: &'a Mirror, user_agent: &str, time: Duration) -> Self {
        Self {
            from,
            client: Client::new(user_agent.to_owned()),
            until: Instant::now() + time,
        }
    }

    /// At most `limit` bytes of the file and one more, by which a longer one is told; none when
    /// there is no such file.
    pub(crate) fn bytes_if_any(
        &self,
        name: &str,
        limit: usize,
    ) -> Result<Option<Vec<u8>>, SourceError> {
        let location = Location(format!("{}/{name}", self.from.0));
        match location.file() {
            None => {}
            Some(Err(error)) if error.is_missing() => return Ok(None),
            Some(file) => {
                let bytes = limited(file?, limit).map_err(|error| location.unreadable(error))?;
                return Ok(Some(bytes));
            }
        }
        let mut patience = Patience::default();
        loop {
            let error = match self.ask(&location, limit) {
                Ok(bytes) => return Ok(bytes),
                Err(error) => error,
            };
            match patience.wait(&error) {
                Some(wait) if wait < self.left() => thread::sleep(wait),
                _ => return Err(location.unanswered(error)),
            }
        }
    }

    fn ask(&self, location: &Location, limit: usize) -> Result<Option<Vec<u8>>, HttpError> {
        match self.client.get(&location.0, &[], Some(self.left())) {
            // Stores of objects say 403 of what is not there.
            Err(HttpError::Status { status, .. }) if [403, 404].contains(&status.as_u16()) => {
                Ok(None)
            }
            answer => Ok(Some(limited(answer?.into_body(), limit)?)),
        }
    }

    fn left(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }
}
