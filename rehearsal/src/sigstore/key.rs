//! The key of a log: P-256, known to verifiers by the digest of its SubjectPublicKeyInfo (RFC 6962,
//! 3.2). Relies on p256's deterministic signatures.

use p256::ecdsa::signature::Signer;
use p256::ecdsa::{DerSignature, SigningKey};
use p256::elliptic_curve::rand_core::OsRng;
use p256::pkcs8::EncodePublicKey;
use sha2::{Digest, Sha256};

use super::Error;

pub(super) struct LogKey {
    secret: SigningKey,
    spki: Vec<u8>,
    id: [u8; 32],
}

impl LogKey {
    pub(super) fn new() -> Result<Self, Error> {
        let secret = SigningKey::random(&mut OsRng);
        let spki = secret.verifying_key().to_public_key_der()?.into_vec();
        let id = Sha256::digest(&spki).into();
        Ok(Self { secret, spki, id })
    }

    /// SHA-256 of [`Self::spki`].
    pub(super) fn id(&self) -> &[u8; 32] {
        &self.id
    }

    /// SubjectPublicKeyInfo in DER.
    pub(super) fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// ECDSA with SHA-256 over `message`, in DER.
    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let signature: DerSignature = self.secret.try_sign(message)?;
        Ok(signature.as_bytes().to_vec())
    }
}
