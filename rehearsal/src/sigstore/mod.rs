//! A Sigstore of its own: certificate authority, transparency logs, timestamp authority and
//! GitHub's issuer of ID tokens, with keys made anew each time. Unmodified clients sign with it
//! and unmodified verifiers accept what it made, given its trusted root.

mod authority;
mod ca;
mod claims;
mod ct;
mod dsse;
mod entry;
pub mod forge;
mod fulcio;
mod http;
mod key;
mod log;
mod merkle;
mod oidc;
mod refusal;
mod rekor;
mod tiles;
mod timestamp;
mod traffic;
mod trusted_root;
mod verifier;

use std::sync::Arc;

use jiff::{Timestamp, ToSpan};

pub use claims::Job;
pub use oidc::{AmbientToken, ISSUER};
pub use traffic::{Disturbance, Service, Traffic};

/// Where on the one origin each service answers.
mod path {
    pub(super) const FULCIO: &str = "/fulcio";
    pub(super) const REKOR: &str = "/rekor";
    pub(super) const TILES: &str = "/tiles";
    pub(super) const TIMESTAMP: &str = "/tsa/api/v1/timestamp";
    pub(super) const OIDC: &str = "/oidc";
}

/// Why a key, a certificate or another signed structure could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A structure does not encode.
    #[error("ASN.1: {0}")]
    Asn1(#[from] der::Error),
    /// A public key does not encode.
    #[error("public key: {0}")]
    PublicKey(x509_cert::spki::Error),
    /// A signature could not be made.
    #[error("signature: {0}")]
    Signature(#[from] p256::ecdsa::Error),
    /// A document does not serialise.
    #[error("JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// A bundle of the kind asked for cannot be flawed in this way.
    #[error("the bundle has no place for the flaw {0:?}")]
    NoPlaceFor(forge::Flaw),
}

// It implements no `std::error::Error` and so cannot be thiserror's source.
impl From<x509_cert::spki::Error> for Error {
    fn from(error: x509_cert::spki::Error) -> Self {
        Self::PublicKey(error)
    }
}

/// A whole Sigstore. Clones share its keys, its logs and its jobs.
#[derive(Clone)]
pub struct Sigstore(Arc<Parts>);

struct Parts {
    ca: ca::CertificateAuthority,
    ct: ct::CtLog,
    rekor: log::Log,
    tiles: log::Log,
    tsa: timestamp::TimestampAuthority,
    issuer: oidc::Issuer,
    network: traffic::Network,
    /// Start of validity of every long-lived key and certificate.
    since: Timestamp,
}

impl Sigstore {
    /// A Sigstore that nobody trusts yet: every key is new.
    ///
    /// # Errors
    /// When a key or a certificate cannot be encoded.
    pub fn new() -> Result<Self, Error> {
        // Verifiers hold times floored to seconds against the start of validity.
        let since = Timestamp::now() - 1.hour();
        Ok(Self(Arc::new(Parts {
            ca: ca::CertificateAuthority::new(since)?,
            ct: ct::CtLog::new()?,
            rekor: log::Log::new(RekorApi::V1)?,
            tiles: log::Log::new(RekorApi::V2)?,
            tsa: timestamp::TimestampAuthority::new(since)?,
            issuer: oidc::Issuer::new(),
            network: traffic::Network::default(),
            since,
        })))
    }

    /// All services on one origin, each under a path of its own.
    pub fn router(&self) -> axum::Router {
        http::router(self.0.clone())
    }

    /// The trusted root (`application/vnd.dev.sigstore.trustedroot+json;version=0.1`) under which
    /// signatures made here verify. `url` is the origin that [`Self::router`] answers on, without
    /// a trailing slash.
    #[must_use]
    pub fn trusted_root_json(&self, url: &str) -> String {
        trusted_root::trusted_root(&self.0, url).to_string()
    }

    /// The trusted root together with the services to sign with, as `--trust-config` of
    /// sigstore-python takes it (`application/vnd.dev.sigstore.clienttrustconfig.v0.1+json`). The
    /// log is that of API v1, as the public Sigstore still has clients use it.
    #[must_use]
    pub fn client_trust_config_json(&self, url: &str) -> String {
        self.client_trust_config_with_log_json(url, RekorApi::V1)
    }

    /// As [`Self::client_trust_config_json`], with the log of a client's choice.
    #[must_use]
    pub fn client_trust_config_with_log_json(&self, url: &str, log: RekorApi) -> String {
        trusted_root::client_trust_config(&self.0, url, log).to_string()
    }

    /// What the log of API v1 holds: an object in JSON with the answer for each UUID.
    #[must_use]
    pub fn entries_json(&self) -> String {
        serde_json::json!(*self.0.rekor.answers()).to_string()
    }

    /// Answers for entries as the log of API v1 does, from what [`Self::entries_json`] told of a
    /// Sigstore of an earlier process. Whatever signs went with that process.
    ///
    /// # Errors
    /// When it is not such JSON.
    pub fn kept_log(entries_json: &str) -> Result<axum::Router, serde_json::Error> {
        http::kept_log(entries_json)
    }

    /// Where a signing client finds the services of the origin `url`.
    #[must_use]
    pub fn services(url: &str) -> Services {
        Services {
            fulcio: format!("{url}{}", path::FULCIO),
            rekor: format!("{url}{}", path::REKOR),
            tiles: format!("{url}{}", path::TILES),
            timestamp: format!("{url}{}", path::TIMESTAMP),
        }
    }

    /// Lets a CI job ask for ID tokens, and returns what GitHub puts into its environment.
    #[must_use]
    pub fn admit(&self, url: &str, job: Job) -> AmbientToken {
        self.0.issuer.admit(url, job)
    }

    /// A new key of `job` with its certificate, for forging several bundles with.
    ///
    /// # Errors
    /// When something does not encode.
    pub fn certify(&self, job: &Job) -> Result<forge::CertifiedKey, Error> {
        forge::certified(&self.0, job)
    }

    /// A bundle in JSON, made at once by the keys that also answer requests.
    ///
    /// # Errors
    /// When something does not encode, or has no place for the flaw that is asked for.
    pub fn forge(&self, forgery: &forge::Forgery<'_>) -> Result<String, Error> {
        forge::forge(&self.0, forgery)
    }

    /// Has something go wrong with the next `requests` to a service, after what was ordered for it
    /// before.
    ///
    /// # Panics
    /// When [`Disturbance::Status`] states no HTTP status.
    pub fn disturb(&self, service: Service, disturbance: Disturbance, requests: usize) {
        self.0.network.disturb(service, disturbance, requests);
    }

    /// How many requests a service had so far.
    #[must_use]
    pub fn traffic(&self, service: Service) -> Traffic {
        self.0.network.traffic(service)
    }
}

/// The two transparency logs, by the version of the API they are written through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RekorApi {
    /// Rekor proper: the log itself states the time of an entry, and promises inclusion.
    V1,
    /// rekor-tiles: the time is a timestamp authority's, and there is no promise.
    V2,
}

/// The addresses that a signing client is configured with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Services {
    /// Base URL of the certificate authority (Fulcio API v2).
    pub fulcio: String,
    /// Base URL of the transparency log (Rekor API v1).
    pub rekor: String,
    /// Base URL of the newer transparency log (Rekor API v2), an alternative to the other.
    pub tiles: String,
    /// URL that takes timestamp requests (RFC 3161 over HTTP).
    pub timestamp: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::github::Repository;

    /// A job that a test may alter.
    pub(super) fn job() -> Job {
        let rocket = Repository {
            owner: "acme".to_owned(),
            name: "rocket".to_owned(),
            id: 1001,
            owner_id: 77,
        };
        let commit = "0123456789abcdef0123456789abcdef01234567";
        let (workflow, tag) = (".github/workflows/release.yml", "refs/tags/v1.2.3");
        Job {
            run_id: 4242,
            ..Job::of(&rocket, workflow, tag, commit, "push")
        }
    }

    /// What the issuer says of [`job`] to Fulcio at `now`.
    pub(super) fn claims(now: Timestamp) -> claims::Claims {
        claims::Claims::of(&job(), Some("sigstore".to_owned()), "1".to_owned(), now)
    }
}
