//! Parts of a bundle that have formats of their own, each put into an otherwise true bundle. Only
//! the true part is accepted there.

use base64::prelude::{BASE64_STANDARD, Engine};
use serde_json::Value;
use trust::LogEntry;

use crate::fixture::{BY_KEY, BY_KEY_TILES, KEY, NO_TIMESTAMP, TILES};
use crate::{Verdict, bundle};

/// X.509 in DER. The log's promise tells the time, and no timestamp is verified before.
pub(crate) fn certificate(input: &[u8]) -> Verdict {
    let place = "/verificationMaterial/certificate/rawBytes";
    let (bundle, truth) = within(NO_TIMESTAMP, place, BASE64_STANDARD.encode(input));
    let truth = BASE64_STANDARD.decode(truth).expect("base64");
    let verdict = bundle::by_identity(&bundle);
    assert!(!verdict.is_accepted() || input == truth);
    verdict
}

/// A timestamp response (RFC 3161) in DER, which alone tells the time.
pub(crate) fn timestamp(input: &[u8]) -> Verdict {
    let place =
        "/verificationMaterial/timestampVerificationData/rfc3161Timestamps/0/signedTimestamp";
    let (bundle, _) = within(TILES, place, BASE64_STANDARD.encode(input));
    bundle::by_identity(&bundle)
}

/// A signed note (C2SP signed-note and tlog-checkpoint), by either log. Signatures by others may be
/// added to it.
pub(crate) fn checkpoint(input: &[u8]) -> Verdict {
    let place = "/verificationMaterial/tlogEntries/0/inclusionProof/checkpoint/envelope";
    let input = String::from_utf8_lossy(input);
    let signed = |note: &str| note.split_once("\n\n").map(|(signed, _)| signed.to_owned());
    let by = |bundle| {
        let (bundle, truth) = within(bundle, place, input.to_string());
        let verdict = match bundle::under(&KEY, LogEntry::Required, &bundle) {
            Ok(_) => Verdict::Accepted,
            Err(refused) => refused.into(),
        };
        assert!(!verdict.is_accepted() || signed(&input) == signed(&truth));
        verdict
    };
    match by(BY_KEY) {
        Verdict::Accepted => Verdict::Accepted,
        Verdict::Refused(_) => by(BY_KEY_TILES),
    }
}

/// `bundle` with `part` at a place (RFC 6901), and what stands there in truth.
fn within(bundle: &str, place: &str, part: String) -> (Vec<u8>, String) {
    let mut bundle: Value = serde_json::from_str(bundle).expect("a true bundle");
    let held = bundle.pointer_mut(place).expect("a true bundle has it");
    let truth = std::mem::replace(held, Value::String(part));
    let truth = truth.as_str().expect("a string").to_owned();
    (bundle.to_string().into_bytes(), truth)
}
