//! What a verifier is told to trust, and where a client signs: Sigstore's trusted root v0.1,
//! signing config v0.2 and client trust config v0.1 (sigstore/protobuf-specs).

use base64::prelude::{BASE64_STANDARD, Engine};
use der::Encode;
use jiff::Timestamp;
use serde_json::{Value, json};
use x509_cert::certificate::Certificate;

use super::key::LogKey;
use super::{Parts, RekorApi, Sigstore, path};

pub(super) fn trusted_root(parts: &Parts, url: &str) -> Value {
    let services = Sigstore::services(url);
    let since = parts.since;
    json!({
        "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
        "tlogs": [
            log(&parts.rekor.key, &services.rekor, since),
            log(&parts.tiles.key, &services.tiles, since),
        ],
        "certificateAuthorities": [authority(&parts.ca.chain(), &services.fulcio, since)],
        "ctlogs": [log(&parts.ct.key, &format!("{url}/ct"), since)],
        "timestampAuthorities": [authority(&parts.tsa.chain(), &services.timestamp, since)],
    })
}

pub(super) fn client_trust_config(parts: &Parts, url: &str, log: RekorApi) -> Value {
    json!({
        "mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
        "trustedRoot": trusted_root(parts, url),
        "signingConfig": signing_config(url, log, parts.since),
    })
}

/// Names one log, since clients that see two take the newer.
fn signing_config(url: &str, log: RekorApi, since: Timestamp) -> Value {
    let services = Sigstore::services(url);
    let service = |url: &str, version: u8| {
        json!([{
            "url": url,
            "majorApiVersion": version,
            "validFor": valid_for(since),
            "operator": "rehearsal",
        }])
    };
    let log = match log {
        RekorApi::V1 => service(&services.rekor, 1),
        RekorApi::V2 => service(&services.tiles, 2),
    };
    json!({
        "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
        "caUrls": service(&services.fulcio, 1),
        "oidcUrls": service(&format!("{url}{}", path::OIDC), 1),
        "rekorTlogUrls": log,
        "rekorTlogConfig": {"selector": "ANY"},
        "tsaUrls": service(&services.timestamp, 1),
        "tsaConfig": {"selector": "ANY"},
    })
}

fn log(key: &LogKey, url: &str, since: Timestamp) -> Value {
    json!({
        "baseUrl": url,
        "hashAlgorithm": "SHA2_256",
        "publicKey": {
            "rawBytes": BASE64_STANDARD.encode(key.spki()),
            "keyDetails": key.details(),
            "validFor": valid_for(since),
        },
        "logId": {"keyId": BASE64_STANDARD.encode(key.id())},
    })
}

/// `chain` goes from the certificate that signs up to the root.
fn authority(chain: &[&Certificate], url: &str, since: Timestamp) -> Value {
    let certificates: Vec<_> = chain
        .iter()
        .map(|certificate| certificate.to_der().expect("it was encoded to be signed"))
        .map(|der| json!({"rawBytes": BASE64_STANDARD.encode(der)}))
        .collect();
    json!({
        "subject": {"organization": "rehearsal", "commonName": "rehearsal"},
        "uri": url,
        "certChain": {"certificates": certificates},
        "validFor": valid_for(since),
    })
}

fn valid_for(since: Timestamp) -> Value {
    json!({"start": format!("{since:.0}")})
}
