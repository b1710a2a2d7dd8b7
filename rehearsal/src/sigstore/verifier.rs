//! What a signature verifies under: a public key, or a certificate around one. Relies on
//! RustCrypto for PEM and ECDSA.

use der::pem::LineEnding;
use der::{DecodePem, Encode, EncodePem};
use p256::ecdsa::signature::hazmat::PrehashVerifier;
use p256::ecdsa::{DerSignature, VerifyingKey};
use p256::pkcs8::DecodePublicKey;
use sha2::{Digest, Sha256};
use x509_cert::Certificate;
use x509_cert::spki::SubjectPublicKeyInfoOwned;

use super::Error;
use super::refusal::Refusal;

pub(super) enum Verifier {
    Certificate(Box<Certificate>),
    PublicKey(SubjectPublicKeyInfoOwned),
}

impl Verifier {
    pub(super) fn from_pem(pem: &[u8]) -> Result<Self, Refusal> {
        if let Ok(certificate) = Certificate::from_pem(pem) {
            return Ok(Self::Certificate(Box::new(certificate)));
        }
        SubjectPublicKeyInfoOwned::from_pem(pem)
            .map(Self::PublicKey)
            .map_err(|error| Refusal::bad(format!("no certificate and no key in PEM: {error}")))
    }

    /// In PEM of 64 columns, whatever the PEM it was read from.
    pub(super) fn to_pem(&self) -> Result<String, Error> {
        Ok(match self {
            Self::Certificate(certificate) => certificate.to_pem(LineEnding::LF)?,
            Self::PublicKey(key) => key.to_pem(LineEnding::LF)?,
        })
    }

    pub(super) fn key(&self) -> Result<Key, Refusal> {
        Key::new(match self {
            Self::Certificate(certificate) => &certificate.tbs_certificate.subject_public_key_info,
            Self::PublicKey(key) => key,
        })
    }
}

/// ECDSA over P-256 with SHA-256, the only algorithm that every client and verifier has.
pub(super) struct Key(VerifyingKey);

impl Key {
    pub(super) fn new(spki: &SubjectPublicKeyInfoOwned) -> Result<Self, Refusal> {
        let der = spki.to_der().map_err(Error::from)?;
        VerifyingKey::from_public_key_der(&der)
            .map(Self)
            .map_err(|error| Refusal::bad(format!("no P-256 key: {error}")))
    }

    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        self.verify_digest(&Sha256::digest(message).into(), signature)
    }

    /// Whether `signature`, in DER, is over the message that has this digest.
    pub(super) fn verify_digest(&self, digest: &[u8; 32], signature: &[u8]) -> bool {
        DerSignature::from_bytes(signature)
            .is_ok_and(|signature| self.0.verify_prehash(digest, &signature).is_ok())
    }
}
