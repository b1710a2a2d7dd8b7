//! The trusted root, refreshed by TUF: what the last refresh left in the home, and the next one.
//!
//! `state/refreshed-root.json` holds the files that proved it, in one file, so that they are of one
//! moment however a run ends. Whoever reads them believes nothing about them: they are followed
//! anew from the TUF root compiled in, or do not serve. `state/refresh-attempt.json` says when it
//! was last tried, and what failed. Relies on `trust` for all that is believed.

use std::path::PathBuf;
use std::time::Duration;

use release_plan::{Exit, Instant};
use serde::{Deserialize, Serialize};
use trust::{RefreshError, RefreshedRoot, Refusal, Sigstore, TrustedRoot, TufFiles};

use crate::app::App;
use crate::clock;
use crate::files::{FileError, read_limited, replace_json};
use crate::home::{Home, LockedHome};
use crate::output::say;
use crate::source::{Mirror, Session, SourceError};

/// The schema written and read.
const SCHEMA: &str = "refreshed-root/1";
/// Bytes of a file here. An honest one has about 30 kB, and 6 more for each change of TUF keys.
const LIMIT: usize = 2 * 1024 * 1024;
/// How long an upgrade waits for a refresh that nobody asked for.
const PATIENCE: Duration = Duration::from_secs(8);

/// What a refresh left.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    schema: String,
    refreshed_at: Instant,
    files: TufFiles,
}

/// A root that a refresh left and that is believed.
#[derive(Debug)]
pub(crate) struct Refreshed {
    /// When its repository said that there is no newer one.
    pub(crate) at: Instant,
    pub(crate) root: RefreshedRoot,
}

/// The last time that a refresh was tried.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Attempt {
    pub(crate) at: Instant,
    /// Why it failed; none when it did not.
    pub(crate) failure: Option<String>,
}

/// Why what a refresh left does not serve.
#[derive(Debug, thiserror::Error)]
#[error("the refreshed trusted root in {path} is not used: {detail}. The one compiled in serves until the next refresh", path = path.display())]
pub(crate) struct KeptError {
    path: PathBuf,
    detail: String,
}

/// Why there was no refresh.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RefreshFailure {
    #[error(transparent)]
    Source(SourceError),
    #[error("{from} has no {name}, as a TUF repository has: check the address")]
    Absent { from: Mirror, name: String },
    #[error("{from}: {refusal}")]
    Refused { from: Mirror, refusal: Refusal },
    #[error(transparent)]
    Keep(#[from] FileError),
}

impl RefreshFailure {
    pub(crate) fn of(from: &Mirror, error: RefreshError<SourceError>) -> Self {
        let from = from.clone();
        match error {
            RefreshError::Fetch(error) => Self::Source(error),
            RefreshError::Refused(refusal) => Self::Refused { from, refusal },
            RefreshError::Absent { name } => Self::Absent { from, name },
        }
    }

    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Source(error) => error.exit(),
            Self::Absent { .. } => Exit::Network,
            Self::Refused { .. } => Exit::Refused,
            Self::Keep(error) => error.exit(),
        }
    }
}

impl Kept {
    fn read(home: &Home) -> Result<Option<Self>, KeptError> {
        let path = kept_file(home);
        let unusable = |detail: String| KeptError {
            path: path.clone(),
            detail,
        };
        let json = match read_limited(&path, LIMIT) {
            Err(error) if error.is_missing() => return Ok(None),
            result => result.map_err(|error| unusable(error.to_string()))?,
        };
        if json.len() > LIMIT {
            return Err(unusable(format!("it has more than {LIMIT} bytes")));
        }
        let kept: Self =
            serde_json::from_slice(&json).map_err(|error| unusable(error.to_string()))?;
        if kept.schema != SCHEMA {
            let found: String = kept.schema.chars().take(80).collect();
            return Err(unusable(format!(
                "expected schema {SCHEMA:?}, found {found:?}"
            )));
        }
        Ok(Some(kept))
    }

    fn load(&self, sigstore: &Sigstore, home: &Home) -> Result<Option<RefreshedRoot>, KeptError> {
        sigstore.load(&self.files).map_err(|refusal| KeptError {
            path: kept_file(home),
            detail: refusal.to_string(),
        })
    }
}

/// The root that the last refresh left, where it is believed and not older than the one compiled
/// in.
pub(crate) fn last(sigstore: &Sigstore, home: &Home) -> Result<Option<Refreshed>, KeptError> {
    let Some(kept) = Kept::read(home)? else {
        return Ok(None);
    };
    let at = kept.refreshed_at;
    let root = kept.load(sigstore, home)?;
    Ok(root.map(|root| Refreshed { at, root }))
}

/// The keys that the last refresh left, where they are others than those compiled in, believed and
/// not older.
pub(crate) fn newer_keys(
    sigstore: &Sigstore,
    home: &Home,
) -> Result<Option<TrustedRoot>, KeptError> {
    let Some(kept) = Kept::read(home)? else {
        return Ok(None);
    };
    // The very bytes that are believed anyway need no proof, which would take a dozen signatures.
    if kept.files.have(sigstore.trusted_root.as_bytes()) {
        return Ok(None);
    }
    let root = kept.load(sigstore, home)?;
    Ok(root.map(RefreshedRoot::into_keys))
}

/// The last attempt, where one is remembered.
pub(crate) fn attempt(home: &Home) -> Option<Attempt> {
    let json = read_limited(&attempt_file(home), LIMIT).ok()?;
    serde_json::from_slice(&json).ok()
}

/// Follows the repository at `from` from where the last refresh was, within `time`, and keeps what
/// it leads to. When it fails, what was kept before stays.
pub(crate) fn refresh(
    app: &App,
    home: &LockedHome<'_>,
    from: &Mirror,
    time: Duration,
) -> Result<RefreshedRoot, RefreshFailure> {
    let now = clock::now();
    let refreshed = fetch(app, home, from, time, now);
    remember(home, now, refreshed.as_ref().err());
    refreshed
}

fn fetch(
    app: &App,
    home: &LockedHome<'_>,
    from: &Mirror,
    time: Duration,
    now: Instant,
) -> Result<RefreshedRoot, RefreshFailure> {
    let sigstore = app.sigstore();
    let last = last(&sigstore, home.home()).unwrap_or_else(|error| {
        say(format_args!("note: {error}"));
        None
    });
    let session = Session::new(from, &app.user_agent(), time);
    let last = last.as_ref().map(|last| &last.root);
    let refreshed = sigstore
        .refresh(last, now, |name, limit| session.bytes_if_any(name, limit))
        .map_err(|error| RefreshFailure::of(from, error))?;
    let kept = Kept {
        schema: SCHEMA.to_owned(),
        refreshed_at: now,
        files: refreshed.files().clone(),
    };
    replace_json(&kept_file(home.home()), &kept)?;
    Ok(refreshed)
}

fn remember(home: &LockedHome<'_>, now: Instant, failure: Option<&RefreshFailure>) {
    let attempt = Attempt {
        at: now,
        failure: failure.map(ToString::to_string),
    };
    // One that cannot be remembered only brings the next one sooner.
    let _ = replace_json(&attempt_file(home.home()), &attempt);
}

/// Refreshes when the last attempt is a day old, and says what fails. With a mirror of releases
/// from the TUF repository that it carries along; where it carries none, nothing was attempted.
/// Returns whether there is a new root.
pub(crate) fn when_due(app: &App, home: &LockedHome<'_>, mirror: Option<&Mirror>) -> bool {
    let now = clock::now();
    let recent = |attempt: Attempt| attempt.at <= now && now < attempt.at.plus_days(1);
    if attempt(home.home()).is_some_and(recent) {
        return false;
    }
    let from = mirror.map_or_else(|| repository(app), Mirror::tuf);
    let refreshed = fetch(app, home, &from, PATIENCE, now);
    if let Err(RefreshFailure::Absent { name, .. }) = &refreshed
        && mirror.is_some()
        && name == "timestamp.json"
    {
        return false;
    }
    remember(home, now, refreshed.as_ref().err());
    if let Err(failure) = &refreshed {
        say(format_args!(
            "note: the trusted root was not refreshed, and the last good one serves: {failure}"
        ));
    }
    refreshed.is_ok()
}

/// The TUF repository of the Sigstore compiled in.
pub(crate) fn repository(app: &App) -> Mirror {
    let url = app.sigstore().repository;
    url.parse().expect("a program is built with a URL")
}

fn kept_file(home: &Home) -> PathBuf {
    home.state().join("refreshed-root.json")
}

fn attempt_file(home: &Home) -> PathBuf {
    home.state().join("refresh-attempt.json")
}
