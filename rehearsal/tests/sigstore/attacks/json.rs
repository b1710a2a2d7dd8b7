//! The bundle as a document.

use super::Case;

fn raw(bytes: impl Into<Vec<u8>>) -> Case {
    let mut case = Case::file();
    case.raw = Some(bytes.into());
    case
}

/// Adds a field in front of the first one.
fn prefixed(field: &str) -> Case {
    Case::file().text(|text| text.replacen('{', &format!("{{{field},"), 1))
}

const LAST_OF_TWO: &str = "its reading of JSON takes the last of two";
const SIZE_OF_THE_CHECKPOINT: &str = "it reads the size off the checkpoint";
const UNKNOWN: &str = "it skips what it does not know";

#[test]
fn nothing() {
    raw("").must_be_refused_by("bundle");
}

#[test]
fn json_that_is_no_object() {
    for text in ["null", "[]", "\"bundle\"", "7", "true"] {
        raw(text).must_be_refused_by("bundle");
    }
}

#[test]
fn an_object_without_fields() {
    raw("{}").must_be_refused_by("bundle");
}

#[test]
fn bytes_that_are_no_utf_8() {
    let text = super::TRUTH.bundle.to_string().into_bytes();
    let hint = b"{\"mediaType\":\"\xff\",";
    raw([&hint[..], &text[1..]].concat())
        .accepted_by(
            "sigstore-js",
            "it reads what is no UTF-8 as U+FFFD, and takes the last of two",
        )
        .must_be_refused_by("bundle");
}

#[test]
fn a_bundle_cut_short() {
    Case::file()
        .text(|text| text[..text.len() / 2].to_owned())
        .must_be_refused_by("bundle");
}

#[test]
fn something_after_the_bundle() {
    Case::file()
        .text(|text| text + "{}")
        .must_be_refused_by("bundle");
}

#[test]
fn a_media_type_that_is_none_of_a_bundle() {
    for kind in ["text/plain", ""] {
        Case::file()
            .set("/mediaType", kind)
            .must_be_refused_by("bundle");
    }
}

#[test]
fn no_media_type() {
    Case::file()
        .without("/mediaType")
        .must_be_refused_by("bundle");
}

#[test]
fn a_version_of_the_format_that_nobody_knows() {
    let kind = "application/vnd.dev.sigstore.bundle.v9.9+json";
    Case::file()
        .set("/mediaType", kind)
        .accepted_by(
            "sigstore-js",
            "it takes a version it does not know for the newest it knows",
        )
        .must_be_refused_by("bundle");
}

#[test]
fn a_key_twice_with_the_true_value_last() {
    prefixed(r#""messageSignature":{"signature":""}"#)
        .accepted_by("sigstore-python", LAST_OF_TWO)
        .accepted_by("sigstore-js", LAST_OF_TWO)
        .must_be_refused_by("bundle");
}

#[test]
fn a_key_twice_deep_inside() {
    Case::file()
        .text(|text| text.replacen(r#""treeSize":"#, r#""treeSize":"1","treeSize":"#, 1))
        .accepted_by("sigstore-python", LAST_OF_TWO)
        .accepted_by("sigstore-js", LAST_OF_TWO)
        .must_be_refused_by("bundle");
}

#[test]
fn a_signature_and_a_statement_at_once() {
    let mut case = Case::file();
    let envelope = super::TRUTH.attestation["dsseEnvelope"].clone();
    case.bundle["dsseEnvelope"] = envelope;
    case.accepted_by("sigstore-js", "it takes the first of two that it finds")
        .must_be_refused_by("bundle");
}

#[test]
fn a_certificate_and_a_key_at_once() {
    let mut case = Case::file();
    case.bundle["verificationMaterial"]["publicKey"] = serde_json::json!({"hint": "any"});
    case.must_be_refused_by("bundle");
}

#[test]
fn a_field_that_nobody_knows() {
    prefixed(r#""verified":true"#)
        .accepted_by("sigstore-js", UNKNOWN)
        .must_be_refused_by("bundle");
}

#[test]
fn a_number_without_measure() {
    for number in ["1e400", "18446744073709551616", "-1", "0.5", "\"0x10\""] {
        Case::file()
            .text(|text| {
                let (before, after) = text.split_once(r#""treeSize":""#).unwrap();
                let (_, after) = after.split_once('"').unwrap();
                format!(r#"{before}"treeSize":{number}{after}"#)
            })
            .accepted_by("sigstore-js", SIZE_OF_THE_CHECKPOINT)
            .must_be_refused_by("bundle");
    }
}

#[test]
fn nesting_without_measure() {
    let deep = "[".repeat(200_000) + &"]".repeat(200_000);
    prefixed(&format!(r#""verificationMaterial":{deep}"#))
        .accepted_by("sigstore-js", LAST_OF_TWO)
        .must_be_refused_by("bundle");
}

#[test]
fn a_hundred_megabytes() {
    let mut text = super::TRUTH.bundle.to_string().into_bytes();
    text.resize(100_000_000, b' ');
    raw(text)
        .accepted_by_all("white space after a document is no fault, however long")
        .must_be_refused_by("bundle");
}

#[test]
fn base64_that_is_none() {
    for signature in ["%%%%", "MEUC\u{0}"] {
        Case::file()
            .set("/messageSignature/signature", signature)
            .must_be_refused_by("bundle");
    }
}
