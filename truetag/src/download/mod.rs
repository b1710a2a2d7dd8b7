//! An archive by http: what was cut is gone on with, in this run and in the next. Nothing that a
//! server says of its bytes is believed; once they are whole they are measured, and where they were
//! put together of parts and are refused, whoever asked may ask once more for all of them.

mod partial;
mod range;

use std::fs::File;
use std::io::Read;
use std::thread;

use indicatif::ProgressBar;
use release_plan::{Asset, Measured};
use ureq::http::StatusCode;
use ureq::http::header::{CONTENT_RANGE, ETAG, HeaderName, HeaderValue, IF_RANGE, RANGE};

use crate::fetch::FetchError;
use crate::files::{CopyError, at, copy};
use crate::home::LockedHome;
use crate::http::{Answer, Client, HttpError, Paced, Patience};
use crate::output;
use crate::source::Location;
use partial::Partial;
use range::{Answered, Asked, Follow, follow, strong};

/// Bytes that an attempt must bring to be worth as many more.
const ENOUGH: u64 = 16 * 1024;

/// An archive that came whole, or as much of it as its server says that there is.
#[derive(Debug)]
pub(crate) struct Downloaded {
    /// Without a name.
    pub(crate) bytes: File,
    pub(crate) measured: Measured,
    /// Whether it was put together of parts.
    pub(crate) in_parts: bool,
}

/// Why an attempt came to its end before the file did.
enum Cut {
    Http(HttpError),
    Failed(FetchError),
}

/// Downloads `asset` from `location` into the home.
pub(crate) fn download(
    client: &Client,
    location: &Location,
    asset: &Asset,
    home: &LockedHome<'_>,
) -> Result<Downloaded, FetchError> {
    let bar = output::progress(asset.name.as_str(), asset.size);
    let partial = Partial::open(home, asset)?;
    let mut download = Download {
        client,
        location,
        size: asset.size,
        bar: &bar,
        in_parts: partial.length() > 0,
        partial,
        etag: None,
        started_over: false,
    };
    let ended = download.run();
    bar.finish_and_clear();
    let Download {
        partial, in_parts, ..
    } = download;
    match ended {
        Ok(()) => {
            let (bytes, measured) = partial.finish()?;
            Ok(Downloaded {
                bytes,
                measured,
                in_parts,
            })
        }
        Err(error) => {
            match error {
                FetchError::Source(_) => partial.leave(),
                _ => partial.remove(),
            }
            Err(error)
        }
    }
}

struct Download<'a> {
    client: &'a Client,
    location: &'a Location,
    size: u64,
    bar: &'a ProgressBar,
    partial: Partial,
    in_parts: bool,
    /// What the server calls the file that the part is of.
    etag: Option<HeaderValue>,
    /// Whether the whole was asked for in place of a rest that could not be had.
    started_over: bool,
}

impl Download<'_> {
    /// Fills the part: tries again at once while that brings bytes, and a few times while it does
    /// not.
    fn run(&mut self) -> Result<(), FetchError> {
        let mut patience = Patience::default();
        // A server that starts over each time brings bytes, but never gets further.
        let mut furthest = self.partial.length();
        while self.partial.length() < self.size {
            let error = match self.attempt() {
                Ok(()) => return Ok(()),
                Err(Cut::Failed(error)) => return Err(error),
                Err(Cut::Http(error)) => error,
            };
            let length = self.partial.length();
            if length >= self.size {
                break;
            }
            let further = length >= furthest + ENOUGH;
            if further {
                furthest = length;
                patience = Patience::default();
            }
            let Some(wait) = patience.wait(&error) else {
                return Err(self.location.unanswered(error).into());
            };
            let size = self.size;
            if further {
                self.say(format_args!(
                    "{error}; going on at {length} of {size} bytes"
                ));
                continue;
            }
            self.say(format_args!("{error}; trying again in {wait:?}"));
            thread::sleep(wait);
        }
        Ok(())
    }

    /// Asks once for what is missing. Ends well at the end of the file, as the server tells it.
    fn attempt(&mut self) -> Result<(), Cut> {
        let answer = self
            .client
            .get(self.location.url(), &self.headers(), None)
            .map_err(Cut::Http)?;
        let Some(answer) = self.follow(answer)? else {
            return self.attempt();
        };
        let rest_of = answer.status == StatusCode::PARTIAL_CONTENT;
        let tells_its_end = answer.tells_its_end();
        self.in_parts |= rest_of;
        self.etag = strong(answer.header(&ETAG)).and_then(|etag| etag.parse().ok());
        let length = self.partial.length();
        self.bar.set_position(length);
        // One more byte than there may be tells that there are too many.
        let missing = self.size.saturating_add(1) - length;
        let body = Paced::new(answer.into_body()).take(missing);
        copy(&mut self.bar.wrap_read(body), &mut self.partial).map_err(|error| match error {
            CopyError::Read(error) => Cut::Http(error.into()),
            CopyError::Write(error) => {
                let written = at("write to", self.partial.folder())(error);
                Cut::Failed(FetchError::File(written))
            }
        })?;
        let found = self.partial.length();
        if found < self.size && (rest_of || !tells_its_end) {
            return Err(Cut::Http(HttpError::Short {
                expected: self.size,
                found,
            }));
        }
        Ok(())
    }

    fn headers(&self) -> Vec<(HeaderName, HeaderValue)> {
        let from = self.partial.length();
        if from == 0 {
            return Vec::new();
        }
        let range = format!("bytes={from}-");
        let range = range.parse().expect("a number can stand in a header");
        let mut headers = vec![(RANGE, range)];
        headers.extend(self.etag.clone().map(|etag| (IF_RANGE, etag)));
        headers
    }

    /// The answer, where its body follows what there is; none where all must be asked for.
    fn follow(&mut self, answer: Answer) -> Result<Option<Answer>, Cut> {
        let asked = Asked {
            from: self.partial.length(),
            size: self.size,
            etag: self.etag.as_ref().and_then(|etag| etag.to_str().ok()),
        };
        let content_range = answer.header(&CONTENT_RANGE);
        let answered = Answered {
            status: answer.status,
            content_range,
            etag: answer.header(&ETAG),
        };
        let follow = follow(asked, answered);
        if follow == Follow::GoOn {
            return Ok(Some(answer));
        }
        let again = follow == Follow::AskForAll && !self.started_over;
        if follow == Follow::StartOver || again {
            let status = answer.status.as_u16();
            self.say(format_args!(
                "http status {status} where the rest was asked for; starting over"
            ));
            self.partial
                .clear()
                .map_err(|error| Cut::Failed(error.into()))?;
            self.in_parts = false;
            self.etag = None;
            self.started_over |= again;
            return Ok((!again).then_some(answer));
        }
        Err(Cut::Http(HttpError::Range(format!(
            "status {}, {}",
            answer.status.as_u16(),
            content_range.unwrap_or("no Content-Range")
        ))))
    }

    fn say(&self, words: std::fmt::Arguments<'_>) {
        let location = self.location;
        self.bar
            .suspend(|| output::say(format_args!("note: {location}: {words}")));
    }
}
