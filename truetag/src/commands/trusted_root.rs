//! `trusted-root`: whose keys are believed and how old they are, and `trusted-root refresh`: newer
//! ones by TUF.

use std::fmt::Display;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use release_plan::{Instant, Limits, Sha256};
use serde::Serialize;
use trust::{RefreshedRoot, TufRoot};

use super::{Refresh, TrustedRoot, TrustedRootVerb};
use crate::app::App;
use crate::clock;
use crate::failure::Failure;
use crate::files::{at, read_limited, replace};
use crate::home::Home;
use crate::interrupt;
use crate::output::{self, say};
use crate::refresh::{self, RefreshFailure, Refreshed};
use crate::root::RootName;
use crate::source::{Mirror, Session};

/// How long whoever asks for a refresh waits for it.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Serialize)]
struct Report {
    /// Name of the Sigstore.
    sigstore: &'static str,
    /// `embedded`, or `refreshed`.
    serving: &'static str,
    sha256: Sha256,
    /// When it was last known to be the newest.
    as_of: Instant,
    age_days: i64,
    tuf_root_version: u64,
    targets_version: u64,
    /// Until when the repository may go on with what it had then; none without a refresh.
    expires: Option<Instant>,
    attempted: Option<Instant>,
    /// Why the last attempt failed.
    failure: Option<String>,
}

pub(super) fn run(app: &App, args: &TrustedRoot) -> Result<(), Failure> {
    match &args.verb {
        None => show(app, args.json),
        Some(TrustedRootVerb::Refresh(args)) => refresh(app, args),
    }
}

fn show(app: &App, json: bool) -> Result<(), Failure> {
    let report = Report::new(app)?;
    if json {
        return Ok(output::json(&report)?);
    }
    let age = match report.age_days {
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    };
    for (name, value) in [
        ("sigstore", report.sigstore.to_owned()),
        ("serving", report.serving.to_owned()),
        ("digest", format!("sha256:{}", report.sha256)),
        ("age", format!("{age}: the newest at {}", report.as_of)),
        ("TUF root", format!("version {}", report.tuf_root_version)),
        ("TUF targets", format!("version {}", report.targets_version)),
        ("expires", or_none(report.expires)),
        ("attempted", or_none(report.attempted)),
        ("failure", or_none(report.failure)),
    ] {
        output::data(format_args!("{name:<13} {value}"))?;
    }
    Ok(())
}

impl Report {
    fn new(app: &App) -> Result<Self, Failure> {
        let sigstore = app.sigstore();
        // Without a home there was no refresh.
        let home = Home::locate(app).ok();
        let last = home.as_ref().map(|home| refresh::last(&sigstore, home));
        let last = last.transpose().unwrap_or_else(|error| {
            say(format_args!("note: {error}"));
            None
        });
        let attempt = home.as_ref().and_then(refresh::attempt);
        let (attempted, failure) =
            attempt.map_or((None, None), |attempt| (Some(attempt.at), attempt.failure));
        match last.flatten() {
            None => Ok(Self {
                sigstore: sigstore.name,
                serving: "embedded",
                sha256: Sha256::of(sigstore.trusted_root.as_bytes()),
                as_of: sigstore.as_of(),
                age_days: days_since(sigstore.as_of()),
                tuf_root_version: sigstore.tuf_root()?.version(),
                targets_version: sigstore.targets_version,
                expires: None,
                attempted,
                failure,
            }),
            Some(Refreshed { at, root }) => Ok(Self {
                sigstore: sigstore.name,
                serving: "refreshed",
                sha256: root.keys().sha256(),
                as_of: at,
                age_days: days_since(at),
                tuf_root_version: root.root_version(),
                targets_version: root.targets_version(),
                expires: Some(root.expires()),
                attempted,
                failure,
            }),
        }
    }
}

fn refresh(app: &App, args: &Refresh) -> Result<(), Failure> {
    if let (Some(tuf_root), Some(mirror), Some(output)) =
        (&args.tuf_root, &args.mirror, &args.output)
    {
        return fetch_for(app, tuf_root, mirror, output);
    }
    let home = Home::locate(app)?;
    let home = home.lock()?;
    interrupt::watch()?;
    home.home().check_root(&RootName::own(app))?;
    let from = match &args.mirror {
        Some(mirror) => mirror.clone(),
        None => refresh::repository(app),
    };
    match refresh::refresh(app, &home, &from, PATIENCE) {
        Ok(root) => {
            say(format_args!("refreshed the trusted root: {}", words(&root)));
            Ok(())
        }
        Err(failure) => {
            let Report { serving, as_of, .. } = Report::new(app)?;
            say(format_args!(
                "note: the {serving} trusted root goes on serving, the newest at {as_of}"
            ));
            Err(failure.into())
        }
    }
}

/// For another Sigstore: what its repository lists goes to a file, and the home is left alone.
fn fetch_for(app: &App, tuf_root: &Path, from: &Mirror, output: &Path) -> Result<(), Failure> {
    let json = read_limited(tuf_root, Limits::TRUSTED_ROOT).map_err(Failure::TufRootFile)?;
    let root = TufRoot::parse(&json).map_err(|refusal| Failure::TufRoot {
        path: tuf_root.to_owned(),
        refusal: Box::new(refusal),
    })?;
    let session = Session::new(from, &app.user_agent(), PATIENCE);
    let fetch = |name: &str, limit| session.bytes_if_any(name, limit);
    let root = RefreshedRoot::fetch(root, clock::now(), fetch)
        .map_err(|error| RefreshFailure::of(from, error))?;
    let output = std::path::absolute(output).map_err(at("find", output))?;
    replace(&output, 0o666, |file| {
        file.write_all(root.json().as_bytes())
    })?;
    say(format_args!("wrote {}: {}", output.display(), words(&root)));
    Ok(())
}

fn words(root: &RefreshedRoot) -> String {
    format!(
        "sha256:{}, of TUF targets version {}",
        root.keys().sha256(),
        root.targets_version()
    )
}

fn days_since(then: Instant) -> i64 {
    (clock::now().seconds() - then.seconds()).max(0) / 86_400
}

fn or_none(value: Option<impl Display>) -> String {
    value.map_or("none".to_owned(), |value| value.to_string())
}
