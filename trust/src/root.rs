//! The trusted root: whose keys are believed. Relies on `sigstore-verify` for its format,
//! `application/vnd.dev.sigstore.trustedroot+json`.

use std::fmt;

use release_plan::{Limits, Sha256};
use sigstore_verify::Verifier;
use sigstore_verify::trust_root::{SIGSTORE_PRODUCTION_TRUSTED_ROOT, TrustedRoot as Keys};
use sigstore_verify::types::{DerCertificate, LogKeyId};

use crate::crypto;
use crate::json::{self, Shape};
use crate::profile;

/// How the media type of a trusted root begins; its version follows.
const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.trustedroot";

/// The keys of a certificate authority, transparency logs and timestamp authorities.
pub struct TrustedRoot {
    keys: Keys,
    verifier: Verifier,
    sha256: Sha256,
}

/// A trusted root that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RootError {
    /// More bytes than any honest one has.
    #[error("the trusted root has {found} bytes; at most {limit} are read", limit = Limits::TRUSTED_ROOT)]
    TooLarge {
        /// Bytes found.
        found: usize,
    },
    /// Not a trusted root, or one with keys that cannot be used.
    #[error("the trusted root cannot be used: {0}")]
    Malformed(String),
}

impl TrustedRoot {
    /// The public Sigstore's, as it was when this program was built.
    ///
    /// # Errors
    /// Never for a build whose tests passed.
    pub fn public_sigstore() -> Result<Self, RootError> {
        Self::parse(SIGSTORE_PRODUCTION_TRUSTED_ROOT.as_bytes())
    }

    /// Reads `trusted_root.json`.
    ///
    /// # Errors
    /// When it is malformed, or holds a key or a certificate that cannot be used.
    pub fn parse(json: &[u8]) -> Result<Self, RootError> {
        crypto::install();
        if json.len() > Limits::TRUSTED_ROOT {
            return Err(RootError::TooLarge { found: json.len() });
        }
        let malformed = |error: &dyn fmt::Display| RootError::Malformed(error.to_string());
        let text = std::str::from_utf8(json).map_err(|error| malformed(&error))?;
        json::check(text, Shape::Any).map_err(|error| malformed(&error))?;
        let mut keys = Keys::from_json(text).map_err(|error| malformed(&error))?;
        if !keys.media_type.starts_with(MEDIA_TYPE) {
            let message = format!(
                "expected media type {MEDIA_TYPE}…, found {:?}",
                keys.media_type
            );
            return Err(RootError::Malformed(message));
        }
        // The library asks only for how long the root says that an authority is trusted.
        for authority in &mut keys.certificate_authorities {
            let chain = authority.cert_chain.certificates.iter();
            let life = profile::life(authority.valid_for, chain.map(|one| &one.raw_bytes));
            authority.valid_for = Some(life.map_err(|error| malformed(&error))?);
        }
        let verifier = Verifier::new(&keys).map_err(|error| malformed(&error))?;
        Ok(Self {
            keys,
            verifier,
            sha256: Sha256::of(json),
        })
    }

    /// Digest of the bytes it was read from: what a home is bound to.
    #[must_use]
    pub fn sha256(&self) -> Sha256 {
        self.sha256
    }

    pub(crate) fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// Whether a transparency log has this identifier.
    pub(crate) fn has_log(&self, id: &LogKeyId) -> bool {
        self.keys.tlogs.iter().any(|log| log.log_id.key_id == *id)
    }

    /// Whether a certificate is of an authority that signs others.
    pub(crate) fn has_authority(&self, certificate: &DerCertificate) -> bool {
        let authorities = self.keys.certificate_authorities.iter();
        let mut listed = authorities.flat_map(|authority| &authority.cert_chain.certificates);
        listed.any(|one| one.raw_bytes == *certificate)
    }
}

impl fmt::Display for TrustedRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.sha256)
    }
}

impl fmt::Debug for TrustedRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TrustedRoot({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_root_of_the_public_sigstore_can_be_used() {
        TrustedRoot::public_sigstore().unwrap();
    }

    #[test]
    fn what_is_no_trusted_root_is_refused() {
        for bad in [&b""[..], b"{}", b"[]", b"\xff", b"{\"mediaType\":\"x\"}"] {
            assert!(TrustedRoot::parse(bad).is_err(), "{bad:?}");
        }
        let huge = vec![b' '; Limits::TRUSTED_ROOT + 1];
        assert!(matches!(
            TrustedRoot::parse(&huge),
            Err(RootError::TooLarge { .. })
        ));
    }
}
