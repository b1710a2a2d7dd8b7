//! The key of a log, known to verifiers by the digest of what they know of it. Relies on
//! RustCrypto's deterministic signatures.

use const_oid::db::rfc8410::ID_ED_25519;
use der::Encode;
use der::asn1::BitString;
use p256::ecdsa::signature::Signer;
use p256::ecdsa::{DerSignature, SigningKey};
use p256::elliptic_curve::rand_core::{OsRng, RngCore};
use p256::pkcs8::EncodePublicKey;
use sha2::{Digest, Sha256};
use x509_cert::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};

use super::Error;

pub(super) struct LogKey {
    secret: Secret,
    spki: Vec<u8>,
    id: [u8; 32],
}

enum Secret {
    P256(SigningKey),
    Ed25519(ed25519_dalek::SigningKey),
}

impl LogKey {
    /// A key of P-256, whose identifier is the digest of its SubjectPublicKeyInfo (RFC 6962, 3.2).
    pub(super) fn p256() -> Result<Self, Error> {
        let secret = SigningKey::random(&mut OsRng);
        let spki = secret.verifying_key().to_public_key_der()?.into_vec();
        Ok(Self {
            id: Sha256::digest(&spki).into(),
            spki,
            secret: Secret::P256(secret),
        })
    }

    /// An Ed25519 key, whose identifier is that of the log `name` in signed notes (C2SP
    /// signed-note), not cut short.
    pub(super) fn ed25519(name: &str) -> Result<Self, Error> {
        const ED25519_NOTE: [u8; 2] = [b'\n', 1];
        let mut seed = [0; 32];
        OsRng.fill_bytes(&mut seed);
        let secret = ed25519_dalek::SigningKey::from_bytes(&seed);
        let public = secret.verifying_key();
        let spki = SubjectPublicKeyInfoOwned {
            algorithm: AlgorithmIdentifierOwned {
                oid: ID_ED_25519,
                parameters: None,
            },
            subject_public_key: BitString::from_bytes(public.as_bytes())?,
        };
        let id = [name.as_bytes(), &ED25519_NOTE, public.as_bytes()].concat();
        Ok(Self {
            id: Sha256::digest(id).into(),
            spki: spki.to_der()?,
            secret: Secret::Ed25519(secret),
        })
    }

    /// Another key that passes itself off as this one.
    pub(super) fn impostor(&self) -> Result<Self, Error> {
        let other = match self.secret {
            Secret::P256(_) => Self::p256()?,
            Secret::Ed25519(_) => Self::ed25519("")?,
        };
        Ok(Self {
            secret: other.secret,
            spki: self.spki.clone(),
            id: self.id,
        })
    }

    pub(super) fn id(&self) -> &[u8; 32] {
        &self.id
    }

    /// SubjectPublicKeyInfo in DER.
    pub(super) fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// The algorithm's name in Sigstore's trusted root.
    pub(super) fn details(&self) -> &'static str {
        match self.secret {
            Secret::P256(_) => "PKIX_ECDSA_P256_SHA_256",
            Secret::Ed25519(_) => "PKIX_ED25519",
        }
    }

    /// A signature over `message`: ECDSA with SHA-256 in DER, or Ed25519.
    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        Ok(match &self.secret {
            Secret::P256(secret) => {
                let signature: DerSignature = secret.try_sign(message)?;
                signature.as_bytes().to_vec()
            }
            Secret::Ed25519(secret) => secret.try_sign(message)?.to_bytes().to_vec(),
        })
    }
}
