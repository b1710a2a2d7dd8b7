//! A public key that a caller trusts by itself, without certificate or identity.

use std::fmt;

use release_plan::{Limits, Sha256};
use sigstore_verify::crypto::KeyAlgorithm;
use sigstore_verify::types::DerPublicKey;

use crate::crypto;

/// A public key: ECDSA over P-256 or P-384, Ed25519 or RSA.
#[derive(Clone)]
pub struct PublicKey(DerPublicKey);

/// A public key that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a public key in PEM (-----BEGIN PUBLIC KEY-----), found {0}")]
pub struct KeyError(String);

impl PublicKey {
    /// Reads a SubjectPublicKeyInfo (RFC 5280, 4.1.2.7) in PEM, as `cosign generate-key-pair` and
    /// `openssl pkey -pubout` write it.
    ///
    /// # Errors
    /// When it is something else, or a key of another kind.
    pub fn from_pem(pem: &[u8]) -> Result<Self, KeyError> {
        crypto::install();
        if pem.len() > Limits::PUBLIC_KEY {
            return Err(KeyError(format!("more than {} bytes", Limits::PUBLIC_KEY)));
        }
        let text = std::str::from_utf8(pem).map_err(|error| KeyError(error.to_string()))?;
        let key = DerPublicKey::from_pem(text).map_err(|error| KeyError(error.to_string()))?;
        KeyAlgorithm::from_spki(&key).map_err(|error| KeyError(error.to_string()))?;
        Ok(Self(key))
    }

    /// Digest of the key in DER.
    #[must_use]
    pub fn sha256(&self) -> Sha256 {
        Sha256::of(self.0.as_bytes())
    }

    pub(crate) fn der(&self) -> &DerPublicKey {
        &self.0
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.sha256())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}
