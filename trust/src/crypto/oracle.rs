//! The oracle: aws-lc judges whatever RustCrypto and ring judge, and all must say the same.
//!
//! Apart from the provider of hashes and signatures nothing in verification depends on which
//! library a build has, and what a provider answers is all that verification learns from it.
//! So when two providers give one answer to every question of a run, they give one verdict at
//! its end: a test that passes in this build would pass with either library alone. A comparison
//! of final verdicts could not see two answers that differ and cancel out, and a fuzzer that runs
//! this build looks for the difference itself.

use sigstore_verify::crypto::{
    CryptoProvider, HashContext, KeyAlgorithm, Result, SigningKeyPair, SigningScheme,
    aws_lc_provider,
};
use sigstore_verify::types::HashAlgorithm;

use super::RustCrypto;

/// Answers as what ships does, and panics where aws-lc would answer otherwise.
#[derive(Debug)]
pub(super) struct Oracle;

impl CryptoProvider for Oracle {
    fn hash(&self, algorithm: HashAlgorithm) -> Result<Box<dyn HashContext>> {
        let ours = RustCrypto.hash(algorithm);
        let theirs = aws_lc_provider().hash(algorithm);
        assert_eq!(ours.is_ok(), theirs.is_ok(), "{algorithm}");
        Ok(Box::new(Hashes {
            ours: ours?,
            theirs: theirs?,
        }))
    }

    fn verify_raw(
        &self,
        scheme: SigningScheme,
        key: &[u8],
        data: &[u8],
        signature: &[u8],
    ) -> Result<()> {
        let ours = RustCrypto.verify_raw(scheme, key, data, signature);
        let theirs = aws_lc_provider().verify_raw(scheme, key, data, signature);
        // Over a digest RustCrypto judges alone; over a message it may not have been asked.
        if let Some(algorithm) = scheme.hash_algorithm() {
            let mut hash = self.hash(algorithm)?;
            hash.update(data);
            let alone = self.verify_prehashed(scheme, key, &hash.finalize(), signature);
            assert_eq!(
                ours.is_ok(),
                alone.is_ok(),
                "{scheme:?}: by ring, {alone:?}"
            );
        }
        agreed(ours, theirs, scheme, key, signature)
    }

    fn verify_prehashed(
        &self,
        scheme: SigningScheme,
        key: &[u8],
        digest: &[u8],
        signature: &[u8],
    ) -> Result<()> {
        let ours = RustCrypto.verify_prehashed(scheme, key, digest, signature);
        let theirs = aws_lc_provider().verify_prehashed(scheme, key, digest, signature);
        agreed(ours, theirs, scheme, key, signature)
    }

    fn generate_key_pair(&self, algorithm: KeyAlgorithm) -> Result<Box<dyn SigningKeyPair>> {
        RustCrypto.generate_key_pair(algorithm)
    }

    fn key_pair_from_pkcs8_der(&self, pkcs8: &[u8]) -> Result<Box<dyn SigningKeyPair>> {
        RustCrypto.key_pair_from_pkcs8_der(pkcs8)
    }
}

/// # Panics
/// When one accepts what the other refuses, but for the two kinds that RustCrypto's half refuses
/// on purpose.
fn agreed(
    ours: Result<()>,
    theirs: Result<()>,
    scheme: SigningScheme,
    key: &[u8],
    signature: &[u8],
) -> Result<()> {
    let stricter = ours.is_err()
        && match scheme.key_algorithm() {
            // No verifier of the public Sigstore's bundles needs it yet.
            KeyAlgorithm::MlDsa44 | KeyAlgorithm::MlDsa65 | KeyAlgorithm::MlDsa87 => true,
            // aws-lc takes a key of small order, as OpenSSL does.
            KeyAlgorithm::Ed25519 => is_weak(key),
            _ => false,
        };
    assert!(
        stricter || ours.is_ok() == theirs.is_ok(),
        "{scheme:?}: RustCrypto says {ours:?}, aws-lc {theirs:?}, of key {key:02x?} and signature {signature:02x?}"
    );
    ours
}

fn is_weak(key: &[u8]) -> bool {
    ed25519_dalek::VerifyingKey::try_from(key).is_ok_and(|key| key.is_weak())
}

struct Hashes {
    ours: Box<dyn HashContext>,
    theirs: Box<dyn HashContext>,
}

impl HashContext for Hashes {
    fn update(&mut self, data: &[u8]) {
        self.ours.update(data);
        self.theirs.update(data);
    }

    fn finalize(self: Box<Self>) -> Vec<u8> {
        let (ours, theirs) = (self.ours.finalize(), self.theirs.finalize());
        assert_eq!(ours, theirs, "digests of RustCrypto and aws-lc");
        ours
    }
}
