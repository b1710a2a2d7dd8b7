//! `verify`: files against the bundles that sign them, without a network.

use std::fs::File;
use std::path::{Path, PathBuf};

use release_plan::{BUNDLE_SUFFIX, Instant, Limits, Meter, Policy, Tag};
use serde::Serialize;
use trust::{Evidence, Refusal, TrustedRoot, verify_blob};

use super::Verify;
use crate::app::App;
use crate::failure::Failure;
use crate::files::{FileError, at, read_limited};
use crate::output::{self, say};
use crate::root::Root;

/// What became of a file.
#[derive(Serialize)]
struct Report {
    file: String,
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    identity: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    commit: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signed_at: Option<Instant>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Why a file is not verified.
#[derive(Debug, thiserror::Error)]
enum Unverified {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Unread(#[from] FileError),
}

pub(super) fn run(app: &App, args: &Verify) -> Result<(), Failure> {
    if args.bundle.is_some() && args.files.len() > 1 {
        return Err(Failure::OneBundle {
            files: args.files.len(),
        });
    }
    let tag = match &args.tag {
        Some(tag) => tag.clone(),
        None => {
            let version = app.released("name the release with --tag")?;
            Tag::of(version).map_err(Failure::Version)?
        }
    };
    let policy = Policy::of_release(&app.product, &tag);
    let root = Root::choose(args.root.trusted_root.as_deref())?;
    let (mut refused, mut unread) = (0, 0);
    let mut reports = Vec::new();
    for file in &args.files {
        let result = verify(file, args.bundle.as_deref(), &policy, &root.keys);
        match &result {
            Ok(evidence) if !args.json => output::data(format_args!(
                "ok  {}  signed by {} at {}",
                file.display(),
                evidence.identity(),
                evidence.signed_at()
            ))?,
            Ok(_) => {}
            Err(error) => {
                say(error);
                match error {
                    Unverified::Refused(_) => refused += 1,
                    Unverified::Unread(_) => unread += 1,
                }
            }
        }
        reports.push(report(file, result));
    }
    if args.json {
        output::json(&reports)?;
    }
    let all = reports.len();
    match (refused, unread) {
        (0, 0) => Ok(()),
        (0, unread) => Err(Failure::FilesUnread { unread, all }),
        (refused, _) => Err(Failure::FilesRefused { refused, all }),
    }
}

fn verify(
    file: &Path,
    bundle: Option<&Path>,
    policy: &Policy,
    root: &TrustedRoot,
) -> Result<Evidence, Unverified> {
    let beside = || {
        let mut name = file.as_os_str().to_owned();
        name.push(BUNDLE_SUFFIX);
        PathBuf::from(name)
    };
    let opened = File::open(file).map_err(at("read", file))?;
    let bundle = bundle.map_or_else(beside, Path::to_owned);
    let bundle = read_limited(&bundle, Limits::BUNDLE)?;
    let measured = Meter::drain(opened).map_err(at("read", file))?;
    let subject = file.display().to_string();
    let blob = verify_blob(&subject, measured.sha256(), &bundle, policy, root)?;
    Ok(blob.evidence().clone())
}

fn report(file: &Path, result: Result<Evidence, Unverified>) -> Report {
    let file = file.display().to_string();
    match result {
        Ok(evidence) => Report {
            file,
            ok: true,
            identity: Some(evidence.identity().to_owned()),
            issuer: Some(evidence.issuer().to_owned()),
            commit: evidence.commit().map(str::to_owned),
            signed_at: Some(evidence.signed_at()),
            error: None,
        },
        Err(error) => Report {
            file,
            ok: false,
            identity: None,
            issuer: None,
            commit: None,
            signed_at: None,
            error: Some(error.to_string()),
        },
    }
}
