//! What was checked against what, for a person to follow. Nothing is judged here.

use jiff::Timestamp;
use release_plan::Sha256;
use sigstore_verify::crypto::{CertificateInfo, Checkpoint};

use crate::bundle::{Bundle, Content};
use crate::{Check, TrustedRoot};

pub(crate) fn certificate(certificate: &CertificateInfo, root: &TrustedRoot) -> [Check; 2] {
    let life = format!(
        "valid {} to {}",
        certificate.not_before, certificate.not_after
    );
    [
        Check::new(
            "certificate",
            format_args!(
                "by an authority of the trusted root {root}, for signing code, valid when it signed"
            ),
            life,
        ),
        Check::new(
            "signed certificate timestamp",
            "by a certificate log of the trusted root",
            "one that verifies",
        ),
    ]
}

pub(crate) fn log(bundle: &Bundle) -> Vec<Check> {
    let mut checks = Vec::new();
    for entry in bundle.entries() {
        let log = entry.log_id.key_id.to_string();
        let index = entry.log_index.get();
        checks.push(Check::new(
            "log entry",
            "of this very signature, in a log of the trusted root",
            format_args!("entry {index} of log {log}"),
        ));
        if let Some(proof) = &entry.inclusion_proof {
            let size = proof
                .checkpoint
                .checkpoint()
                .map_or(0, Checkpoint::tree_size);
            checks.push(Check::new(
                "inclusion proof",
                "from the entry to a checkpoint that the log signed",
                format_args!("a checkpoint over {size} entries"),
            ));
        }
        if entry.inclusion_promise.is_some() {
            let (expected, found) = ("if there, signed by the log", "one that verifies");
            checks.push(Check::new("inclusion promise", expected, found));
        }
    }
    checks
}

pub(crate) fn time(times: &[Timestamp], certificate: Option<&CertificateInfo>) -> Check {
    let expected = match certificate {
        Some(_) => "by the log or a timestamp authority, within the certificate's life",
        None => "if there, by the log or a timestamp authority",
    };
    let found: Vec<_> = times.iter().map(ToString::to_string).collect();
    let found = if found.is_empty() {
        "none".to_owned()
    } else {
        found.join(", ")
    };
    Check::new("signed time", expected, found)
}

pub(crate) fn signature(bundle: &Bundle, sha256: Sha256, by: &str) -> Check {
    let found = match bundle.content {
        Content::File => format!("over sha256:{sha256}"),
        Content::Statement => format!("over a statement about sha256:{sha256}"),
    };
    Check::new("signature", format_args!("by {by}"), found)
}
