//! The quick way to accept an ECDSA signature over a message: by ring, which TLS links anyway, and
//! each but once. Relies on RustCrypto for every other verdict and for its reason.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA384_ASN1, ECDSA_P384_SHA256_ASN1, ECDSA_P384_SHA384_ASN1,
    EcdsaVerificationAlgorithm, UnparsedPublicKey,
};
use sha2::{Digest as _, Sha256};
use sigstore_verify::crypto::SigningScheme;

/// Signatures that are remembered; some forty bytes each.
const REMEMBERED: usize = 4096;

/// Digests of signatures that were accepted, with what they are over and by whom. One bundle has
/// the same several times: its certificate is verified at each signed time. The bundles of one
/// release share the certificate of their timestamp authority.
static ACCEPTED: Mutex<Option<HashSet<[u8; 32]>>> = Mutex::new(None);

/// Whether ring accepts the signature, now or before. False says nothing.
pub(super) fn accepts(scheme: SigningScheme, key: &[u8], data: &[u8], signature: &[u8]) -> bool {
    let algorithm: &EcdsaVerificationAlgorithm = match scheme {
        SigningScheme::EcdsaP256Sha256 => &ECDSA_P256_SHA256_ASN1,
        SigningScheme::EcdsaP256Sha384 => &ECDSA_P256_SHA384_ASN1,
        SigningScheme::EcdsaP384Sha256 => &ECDSA_P384_SHA256_ASN1,
        SigningScheme::EcdsaP384Sha384 => &ECDSA_P384_SHA384_ASN1,
        _ => return false,
    };
    let mut hash = Sha256::new();
    for part in [scheme.name().as_bytes(), key, signature, data] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let digest = hash.finalize().into();
    let accepted = || ACCEPTED.lock().unwrap_or_else(PoisonError::into_inner);
    if accepted().as_ref().is_some_and(|all| all.contains(&digest)) {
        return true;
    }
    let key = UnparsedPublicKey::new(algorithm, key);
    let verified = key.verify(data, signature).is_ok();
    if verified {
        let mut accepted = accepted();
        let all = accepted.get_or_insert_default();
        if all.len() < REMEMBERED {
            all.insert(digest);
        }
    }
    verified
}
