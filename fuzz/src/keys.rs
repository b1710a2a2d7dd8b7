//! Public keys, and signatures by any key of a kind that is known.

use std::sync::LazyLock;

use sigstore_verify::crypto::{SigningScheme, VerificationKey};
use sigstore_verify::types::{DerPublicKey, HashAlgorithm, SignatureBytes};
use trust::{LogEntry, PublicKey};

use crate::fixture::{BY_KEY, FILE, KEY};
use crate::{Verdict, bundle};

/// Every scheme that a trusted root, a certificate or a key can ask for and get.
pub const SCHEMES: [SigningScheme; 11] = [
    SigningScheme::EcdsaP256Sha256,
    SigningScheme::EcdsaP256Sha384,
    SigningScheme::EcdsaP384Sha256,
    SigningScheme::EcdsaP384Sha384,
    SigningScheme::Ed25519,
    SigningScheme::RsaPkcs1Sha256,
    SigningScheme::RsaPkcs1Sha384,
    SigningScheme::RsaPkcs1Sha512,
    SigningScheme::RsaPssSha256,
    SigningScheme::RsaPssSha384,
    SigningScheme::RsaPssSha512,
];

/// A key in PEM, under which a true bundle is verified.
pub(crate) fn public_key(input: &[u8]) -> Verdict {
    let Ok(key) = PublicKey::from_pem(input) else {
        return Verdict::refused("format");
    };
    match bundle::under(&key, LogEntry::Required, BY_KEY.as_bytes()) {
        Ok(_) => {
            assert_eq!(key.sha256(), KEY.sha256(), "another key's signature");
            Verdict::Accepted
        }
        Err(refused) => refused.into(),
    }
}

/// A signature over the fixture's file: a byte for the scheme, two for the length of the key, the
/// key (SubjectPublicKeyInfo in DER), and the signature.
pub(crate) fn signature(input: &[u8]) -> Verdict {
    static INSTALLED: LazyLock<()> = LazyLock::new(trust::crypto::install);
    LazyLock::force(&INSTALLED);
    let Some((scheme, key, signature)) = parted(input) else {
        return Verdict::refused("format");
    };
    let Ok(key) = VerificationKey::from_der(&DerPublicKey::new(key.to_vec()), scheme) else {
        return Verdict::refused("key");
    };
    let signature = SignatureBytes::new(signature.to_vec());
    let over_bytes = key.verify(FILE, &signature);
    if let Some(algorithm) = scheme.hash_algorithm() {
        let over_digest = key.verify_prehashed(&digest(algorithm), &signature);
        assert_eq!(over_bytes.is_ok(), over_digest.is_ok(), "{over_digest:?}");
    }
    match over_bytes {
        Ok(()) => Verdict::Accepted,
        Err(_) => Verdict::refused("signature"),
    }
}

fn parted(input: &[u8]) -> Option<(SigningScheme, &[u8], &[u8])> {
    let (&scheme, rest) = input.split_first()?;
    let (length, rest) = rest.split_first_chunk()?;
    let (key, signature) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
    Some((*SCHEMES.get(usize::from(scheme))?, key, signature))
}

fn digest(algorithm: HashAlgorithm) -> Vec<u8> {
    use sigstore_verify::crypto::{sha256, sha384, sha512};
    match algorithm {
        HashAlgorithm::Sha2256 => sha256(FILE).as_bytes().to_vec(),
        HashAlgorithm::Sha2384 => sha384(FILE).as_bytes().to_vec(),
        HashAlgorithm::Sha2512 => sha512(FILE).as_bytes().to_vec(),
        other => panic!("no scheme uses {other}"),
    }
}
