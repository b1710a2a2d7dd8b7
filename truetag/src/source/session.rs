//! Files fetched from one place, one after another, all of them within a time.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::time::{Duration, Instant};

use super::{Location, Mirror, SourceError};
use crate::http::{Client, HttpError};

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
        let Some(file) = self.open_if_any(&location)? else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        file.take(limit as u64 + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| match location.path() {
                Some(_) => location.unreadable(error),
                None => location.unanswered(error),
            })?;
        Ok(Some(bytes))
    }

    fn open_if_any(&self, location: &Location) -> Result<Option<Box<dyn Read>>, SourceError> {
        if let Some(path) = location.path() {
            return match File::open(path) {
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
                Err(error) => Err(location.unreadable(error)),
                Ok(file) => Ok(Some(Box::new(file))),
            };
        }
        let left = self.until.saturating_duration_since(Instant::now());
        match self.client.get(&location.0, &[], Some(left)) {
            // Stores of objects say 403 of what is not there.
            Err(HttpError::Status { status, .. }) if [403, 404].contains(&status.as_u16()) => {
                Ok(None)
            }
            Err(error) => Err(location.unanswered(error)),
            Ok(answer) => Ok(Some(Box::new(answer.into_body()))),
        }
    }
}
