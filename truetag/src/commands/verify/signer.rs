//! Who must have signed, as the flags say it.

use std::path::{Path, PathBuf};

use release_plan::{Limits, LogEvidence, Policy, Tag};
use trust::{KeyError, LogEntry, PublicKey, Signer};

use crate::app::App;
use crate::commands::Verify;
use crate::failure::Failure;
use crate::files::{FileError, read_limited};

/// A key that `--key` names and that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyFileError {
    #[error("--key: {0}")]
    File(FileError),
    #[error("--key {path}: {source}", path = path.display())]
    Key { path: PathBuf, source: KeyError },
}

/// The holder of a key, one identity, or this product's release workflow for a tag.
pub(super) fn choose(app: &App, args: &Verify) -> Result<Signer, Failure> {
    if let Some(path) = &args.key {
        let log_entry = if args.accept_unlogged {
            LogEntry::Waived
        } else {
            LogEntry::Required
        };
        let key = read_key(path)?;
        return Ok(Signer::Key { key, log_entry });
    }
    if let (Some(identity), Some(issuer)) = (&args.identity, &args.issuer) {
        return Ok(Signer::Identity(Policy::of_identity(identity, issuer)));
    }
    let tag = match &args.tag {
        Some(tag) => tag.clone(),
        None => {
            let version = app.released("name the release with --tag")?;
            Tag::of(version).map_err(Failure::Version)?
        }
    };
    Ok(Signer::Identity(Policy::of_release(&app.product, &tag)))
}

fn read_key(path: &Path) -> Result<PublicKey, KeyFileError> {
    let pem = read_limited(path, Limits::PUBLIC_KEY).map_err(KeyFileError::File)?;
    PublicKey::from_pem(&pem).map_err(|source| KeyFileError::Key {
        path: path.to_owned(),
        source,
    })
}

/// What is asked of a signer beyond what every bundle must show: a name and what it must be.
pub(super) fn asked(signer: &Signer) -> Vec<(String, String)> {
    let row = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    match signer {
        Signer::Identity(policy) => {
            let mut rows = vec![
                row("identity", &policy.identity),
                row("issuer", &policy.issuer),
            ];
            let claims = policy.claims.iter();
            rows.extend(claims.map(|expectation| {
                let one_of = expectation.one_of.join(" or ");
                (expectation.claim.to_string(), one_of)
            }));
            if policy.log_evidence == LogEvidence::Whole {
                rows.push(row("inclusion proof", "one with a checkpoint"));
                rows.push(row("inclusion promise", "one, where the log gives any"));
            }
            rows
        }
        Signer::Key { key, log_entry } => vec![
            row("key", &key.to_string()),
            row(
                "log entry",
                match log_entry {
                    LogEntry::Required => "one in a log of the trusted root",
                    LogEntry::Waived => "none: it was waived",
                },
            ),
        ],
    }
}
