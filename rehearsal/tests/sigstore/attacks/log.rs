//! The transparency log: entry, promise, proof, checkpoint; and the timestamp.

use serde_json::{Value, json};

use super::Case;

const ENTRY: &str = "/verificationMaterial/tlogEntries/0";
const ENTRIES: &str = "/verificationMaterial/tlogEntries";
const TIMESTAMP: &str =
    "/verificationMaterial/timestampVerificationData/rfc3161Timestamps/0/signedTimestamp";

pub(super) const WITHOUT_PROMISE: &str = "the proof and a timestamp are enough for it";
pub(super) const WITHOUT_TIMESTAMP: &str =
    "the log's own time is enough for it, whatever stands beside it";

/// A field of the log entry.
fn entry(field: &str) -> String {
    format!("{ENTRY}/{field}")
}

fn checkpoint(alter: impl FnOnce(&str) -> String) -> Case {
    let case = Case::file();
    let at = entry("inclusionProof/checkpoint/envelope");
    let text = case.bundle.pointer(&at).unwrap().as_str().unwrap();
    let altered = alter(text);
    assert_ne!(text, altered);
    case.set(&at, altered)
}

#[test]
fn no_log_entry() {
    Case::file()
        .set(ENTRIES, json!([]))
        .must_be_refused_by("bundle");
}

#[test]
fn two_log_entries() {
    let case = Case::file();
    let one = case.bundle.pointer(ENTRY).unwrap().clone();
    case.set(ENTRIES, Value::Array(vec![one.clone(), one]))
        .must_be_refused_by("bundle");
}

#[test]
fn the_log_entry_of_another_signature() {
    Case::file().borrow(ENTRY).must_be_refused_by("digest");
}

#[test]
fn a_flipped_bit_in_the_logged_body() {
    Case::file()
        .flip(&entry("canonicalizedBody"))
        .must_be_refused_by("inclusion promise");
}

#[test]
fn the_logged_body_of_another_signature() {
    Case::file()
        .borrow(&entry("canonicalizedBody"))
        .must_be_refused_by("inclusion promise");
}

#[test]
fn an_entry_of_another_kind() {
    for (kind, version, check) in [
        ("dsse", "0.0.1", "log entry"),
        ("intoto", "0.0.2", "log entry"),
        ("rekord", "0.0.1", "bundle"),
    ] {
        Case::file()
            .set(
                &entry("kindVersion"),
                json!({"kind": kind, "version": version}),
            )
            .accepted_by("cosign", "it reads the kind off the logged body")
            .must_be_refused_by(check);
    }
}

#[test]
fn the_id_of_another_log() {
    Case::file()
        .flip(&entry("logId/keyId"))
        .must_be_refused_by("log");
}

#[test]
fn another_index_in_the_log() {
    Case::file()
        .set(&entry("logIndex"), "4163440")
        .must_be_refused_by("inclusion promise");
}

#[test]
fn a_log_time_that_was_moved() {
    let case = Case::file();
    let at = entry("integratedTime");
    let time: i64 = case
        .bundle
        .pointer(&at)
        .unwrap()
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    case.set(&at, (time - 1).to_string())
        .must_be_refused_by("inclusion promise");
}

#[test]
fn a_promise_that_is_missing() {
    Case::file()
        .without(&entry("inclusionPromise"))
        .accepted_by("sigstore-python", WITHOUT_PROMISE)
        .accepted_by("sigstore-js", WITHOUT_PROMISE)
        .must_be_refused_by("inclusion promise");
}

#[test]
fn a_flipped_bit_in_the_promise() {
    Case::file()
        .flip(&entry("inclusionPromise/signedEntryTimestamp"))
        .must_be_refused_by("inclusion promise");
}

#[test]
fn the_promise_of_another_entry() {
    Case::file()
        .borrow(&entry("inclusionPromise"))
        .must_be_refused_by("inclusion promise");
}

#[test]
fn a_proof_that_is_missing() {
    Case::file()
        .without(&entry("inclusionProof"))
        .must_be_refused_by("bundle");
}

#[test]
fn the_proof_of_another_entry() {
    Case::file()
        .borrow(&entry("inclusionProof"))
        .must_be_refused_by("inclusion proof");
}

#[test]
fn a_flipped_bit_in_a_hash_of_the_proof() {
    Case::file()
        .flip(&entry("inclusionProof/hashes/0"))
        .must_be_refused_by("inclusion proof");
}

#[test]
fn a_hash_of_the_proof_too_many() {
    let case = Case::file();
    let at = entry("inclusionProof/hashes");
    let mut hashes = case
        .bundle
        .pointer(&at)
        .unwrap()
        .as_array()
        .unwrap()
        .clone();
    hashes.push(hashes[0].clone());
    case.set(&at, Value::Array(hashes))
        .must_be_refused_by("inclusion proof");
}

#[test]
fn a_proof_without_hashes() {
    Case::file()
        .set(&entry("inclusionProof/hashes"), json!([]))
        .must_be_refused_by("inclusion proof");
}

#[test]
fn another_index_in_the_proof() {
    Case::file()
        .set(&entry("inclusionProof/logIndex"), "0")
        .must_be_refused_by("inclusion proof");
}

#[test]
fn a_proof_for_an_index_beyond_the_tree() {
    Case::file()
        .set(&entry("inclusionProof/logIndex"), "9007199254740993")
        .must_be_refused_by("bundle");
}

#[test]
fn a_proof_for_a_tree_of_another_size() {
    Case::file()
        .set(&entry("inclusionProof/treeSize"), "64")
        .accepted_by("sigstore-js", "it reads the size off the checkpoint")
        .must_be_refused_by("inclusion proof");
}

#[test]
fn a_proof_to_another_root() {
    Case::file()
        .flip(&entry("inclusionProof/rootHash"))
        .accepted_by("sigstore-js", "it reads the root off the checkpoint")
        .must_be_refused_by("bundle");
}

#[test]
fn a_checkpoint_that_is_missing() {
    Case::file()
        .without(&entry("inclusionProof/checkpoint"))
        .must_be_refused_by("checkpoint");
}

#[test]
fn a_checkpoint_without_signature() {
    checkpoint(|text| text.split_once("\n\n").unwrap().0.to_owned() + "\n\n")
        .must_be_refused_by("bundle");
}

#[test]
fn a_checkpoint_with_a_signature_that_is_no_base64() {
    checkpoint(|text| text.trim_end().to_owned() + "?\n")
        .accepted_by(
            "sigstore-python",
            "it skips characters that are not of the alphabet",
        )
        .accepted_by(
            "sigstore-js",
            "it skips characters that are not of the alphabet",
        )
        .must_be_refused_by("bundle");
}

#[test]
fn a_checkpoint_of_a_larger_tree_under_the_same_signature() {
    checkpoint(|text| {
        let mut lines: Vec<&str> = text.lines().collect();
        lines[1] = "4096";
        lines.join("\n") + "\n"
    })
    .must_be_refused_by("checkpoint");
}

#[test]
fn a_checkpoint_of_another_name_under_the_same_signature() {
    checkpoint(|text| text.replacen("127.0.0.1 - ", "127.0.0.2 - ", 1))
        .must_be_refused_by("checkpoint");
}

#[test]
fn a_flipped_bit_in_the_timestamp() {
    Case::file()
        .flip_last(TIMESTAMP)
        .accepted_by("cosign", WITHOUT_TIMESTAMP)
        .accepted_by("cosign2", WITHOUT_TIMESTAMP)
        .accepted_by("sigstore-python", WITHOUT_TIMESTAMP)
        .must_be_refused_by("timestamp");
}

#[test]
fn the_timestamp_of_another_signature() {
    Case::file()
        .borrow(TIMESTAMP)
        .accepted_by("cosign", WITHOUT_TIMESTAMP)
        .accepted_by("cosign2", WITHOUT_TIMESTAMP)
        .accepted_by("sigstore-python", WITHOUT_TIMESTAMP)
        .must_be_refused_by("timestamp");
}

#[test]
fn no_signed_time_at_all() {
    Case::file()
        .without(&entry("inclusionPromise"))
        .without("/verificationMaterial/timestampVerificationData")
        .must_be_refused_by("timestamp");
}
