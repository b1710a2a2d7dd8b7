//! What `sigstore-verify` leaves open of a log entry, and some other verifier asks for: that a
//! checkpoint is a note to its end and signed by the log under its own name, and that the logged
//! body is of the kind that it is said to be.
//!
//! Source of the formats: C2SP signed-note and tlog-checkpoint.

use serde::Deserialize;
use sigstore_verify::types::{SignatureBytes, TransparencyLogEntry};

/// Begins the line of a signature.
const SIGNATURE: &str = "\u{2014} ";

/// The note with no signature but those that the log made under its own name. `log_id` is the whole
/// identifier of the log's key, of which a signature names the first four bytes.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn own_checkpoint(note: &str, log_id: &[u8]) -> Result<String, String> {
    let (text, signatures) = note.rsplit_once("\n\n").ok_or("no signatures")?;
    let origin = text.lines().next().unwrap_or_default();
    // Rekor's API v1 names the tree behind the log.
    let name = origin.split_once(" - ").map_or(origin, |(name, _)| name);
    let mut own = Vec::new();
    for line in signatures.lines() {
        let signature = line
            .strip_prefix(SIGNATURE)
            .and_then(|line| line.split_once(' '));
        let (by, signature) = signature.ok_or_else(|| format!("no signature in {line:?}"))?;
        let signature =
            SignatureBytes::from_base64(signature).map_err(|error| error.to_string())?;
        if by == name && signature.as_bytes().get(..4) == log_id.get(..4) {
            own.push(line);
        }
    }
    if own.is_empty() {
        return Err(format!("none by {name:?} with the key of the log"));
    }
    Ok(format!("{text}\n\n{}\n", own.join("\n")))
}

/// What every logged body says of itself.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    kind: String,
    api_version: String,
}

/// Holds the kind that a bundle states against what the log has.
///
/// # Errors
/// What was expected, and what was found.
pub(crate) fn check_kind(entry: &TransparencyLogEntry) -> Result<(), (String, String)> {
    let said = format!(
        "{} {}",
        entry.kind_version.kind(),
        entry.kind_version.version()
    );
    let body: Result<Body, _> = serde_json::from_slice(entry.canonicalized_body.as_bytes());
    let body = body.map_err(|error| (format!("a body of {said}"), error.to_string()))?;
    let found = format!("{} {}", body.kind, body.api_version);
    if found == said {
        Ok(())
    } else {
        Err((format!("a body of {said}"), found))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_logged_body_of_another_kind_than_the_bundle_says_is_refused() {
        let entry = |body: serde_json::Value| {
            let entry = json!({
                "logIndex": "1",
                "logId": {"keyId": "wNI9atQGlz+VWfO6LRygH4QUfY/8W4RFwiT5i5WRgB0="},
                "kindVersion": {"kind": "hashedrekord", "version": "0.0.1"},
                "canonicalizedBody": sigstore_verify::types::PayloadBytes::from_bytes(
                    body.to_string().as_bytes()),
            });
            serde_json::from_value::<TransparencyLogEntry>(entry).unwrap()
        };
        let body = |kind: &str, version: &str| json!({"kind": kind, "apiVersion": version});
        check_kind(&entry(body("hashedrekord", "0.0.1"))).unwrap();
        for other in [
            body("rekord", "0.0.1"),
            body("hashedrekord", "0.0.2"),
            json!({}),
        ] {
            assert!(check_kind(&entry(other.clone())).is_err(), "{other}");
        }
    }
}
