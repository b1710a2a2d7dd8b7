//! The hashes and signatures that sigstore-rust asks for, from RustCrypto's crates: no C compiler,
//! no CMake, no system framework. Relies on sigstore-crypto's [`CryptoProvider`] seam.

#[cfg(feature = "oracle")]
mod oracle;
mod quick;
mod rsa;

use std::sync::Once;

use ed25519_dalek::{Signature as Ed25519Signature, VerifyingKey as Ed25519Key};
use p256::ecdsa::signature::Verifier;
use p256::ecdsa::signature::hazmat::PrehashVerifier;
use sha2::digest::Digest;
use sha2::{Sha256, Sha384, Sha512};
use sigstore_verify::crypto::{
    CryptoProvider, Error, HashContext, Result, SigningScheme, install_default_provider,
};
#[cfg(feature = "signing")]
use sigstore_verify::crypto::{KeyAlgorithm, SigningKeyPair};
use sigstore_verify::types::HashAlgorithm;

#[cfg(not(feature = "oracle"))]
const PROVIDER: &dyn CryptoProvider = &RustCrypto;
#[cfg(feature = "oracle")]
const PROVIDER: &dyn CryptoProvider = &oracle::Oracle;

/// Makes RustCrypto the cryptography of every sigstore crate in this process.
///
/// Call it before the first verification or signature: with no provider sigstore-crypto panics,
/// and in a build that enables aws-lc elsewhere it would silently use that one. Calling it again
/// does nothing.
///
/// # Panics
/// When another provider was installed before: a process has exactly one.
pub fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        assert!(
            install_default_provider(PROVIDER).is_ok(),
            "another sigstore crypto provider is installed already"
        );
    });
}

/// ECDSA over P-256 and P-384 with SHA-256 and SHA-384, Ed25519, and RSA: what the public Sigstore
/// and authorities beside it use. ML-DSA is refused.
#[derive(Debug)]
struct RustCrypto;

impl CryptoProvider for RustCrypto {
    fn hash(&self, algorithm: HashAlgorithm) -> Result<Box<dyn HashContext>> {
        match algorithm {
            HashAlgorithm::Sha2256 => Ok(Box::new(Hash(Sha256::new()))),
            HashAlgorithm::Sha2384 => Ok(Box::new(Hash(Sha384::new()))),
            HashAlgorithm::Sha2512 => Ok(Box::new(Hash(Sha512::new()))),
            other => Err(Error::UnsupportedAlgorithm(format!("digest {other}"))),
        }
    }

    fn verify_raw(
        &self,
        scheme: SigningScheme,
        key: &[u8],
        data: &[u8],
        signature: &[u8],
    ) -> Result<()> {
        if scheme == SigningScheme::Ed25519 {
            return verify_ed25519(key, data, signature);
        }
        if quick::accepts(scheme, key, data, signature) {
            return Ok(());
        }
        let Some(algorithm) = scheme.hash_algorithm() else {
            return Err(unsupported(scheme));
        };
        let mut hash = self.hash(algorithm)?;
        hash.update(data);
        self.verify_prehashed(scheme, key, &hash.finalize(), signature)
    }

    fn verify_prehashed(
        &self,
        scheme: SigningScheme,
        key: &[u8],
        digest: &[u8],
        signature: &[u8],
    ) -> Result<()> {
        match scheme {
            SigningScheme::EcdsaP256Sha256 | SigningScheme::EcdsaP256Sha384 => {
                let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(key).map_err(invalid_key)?;
                p256::ecdsa::Signature::from_der(signature)
                    .and_then(|signature| key.verify_prehash(digest, &signature))
            }
            SigningScheme::EcdsaP384Sha256 | SigningScheme::EcdsaP384Sha384 => {
                let key = p384::ecdsa::VerifyingKey::from_sec1_bytes(key).map_err(invalid_key)?;
                p384::ecdsa::Signature::from_der(signature)
                    .and_then(|signature| key.verify_prehash(digest, &signature))
            }
            other => return rsa::verify(other, key, digest, signature),
        }
        .map_err(|_| invalid_signature(scheme))
    }

    #[cfg(feature = "signing")]
    fn generate_key_pair(&self, algorithm: KeyAlgorithm) -> Result<Box<dyn SigningKeyPair>> {
        match algorithm {
            KeyAlgorithm::EcdsaP256 => Ok(Box::new(signing::P256KeyPair::generate())),
            other => Err(Error::UnsupportedAlgorithm(format!("a new {other:?} key"))),
        }
    }

    #[cfg(feature = "signing")]
    fn key_pair_from_pkcs8_der(&self, pkcs8: &[u8]) -> Result<Box<dyn SigningKeyPair>> {
        Ok(Box::new(signing::P256KeyPair::from_pkcs8_der(pkcs8)?))
    }
}

fn verify_ed25519(key: &[u8], data: &[u8], signature: &[u8]) -> Result<()> {
    let key = Ed25519Key::try_from(key).map_err(invalid_key)?;
    // It would verify signatures over any data.
    if key.is_weak() {
        return Err(invalid_key("a point of small order"));
    }
    Ed25519Signature::from_slice(signature)
        .and_then(|signature| key.verify(data, &signature))
        .map_err(|_| invalid_signature(SigningScheme::Ed25519))
}

fn invalid_key(error: impl std::fmt::Display) -> Error {
    Error::InvalidKey(error.to_string())
}

fn invalid_signature(scheme: SigningScheme) -> Error {
    Error::Verification(format!("{} signature is invalid", scheme.name()))
}

fn unsupported(scheme: SigningScheme) -> Error {
    Error::UnsupportedAlgorithm(scheme.name().to_owned())
}

struct Hash<D>(D);

impl<D: Digest + Send> HashContext for Hash<D> {
    fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    fn finalize(self: Box<Self>) -> Vec<u8> {
        self.0.finalize().to_vec()
    }
}

#[cfg(feature = "signing")]
mod signing {
    use super::{Error, KeyAlgorithm, Result, SigningKeyPair};
    use p256::ecdsa::signature::hazmat::PrehashSigner;
    use p256::ecdsa::{DerSignature, Signature, SigningKey, signature::Signer};
    use p256::elliptic_curve::rand_core::OsRng;
    use p256::pkcs8::DecodePrivateKey;

    pub(super) struct P256KeyPair {
        secret: SigningKey,
        /// Uncompressed SEC1 point.
        public: Vec<u8>,
    }

    impl P256KeyPair {
        pub(super) fn generate() -> Self {
            SigningKey::random(&mut OsRng).into()
        }

        pub(super) fn from_pkcs8_der(pkcs8: &[u8]) -> Result<Self> {
            SigningKey::from_pkcs8_der(pkcs8)
                .map(Self::from)
                .map_err(|error| Error::InvalidKeyFormat(error.to_string()))
        }
    }

    impl From<SigningKey> for P256KeyPair {
        fn from(secret: SigningKey) -> Self {
            let public = secret.verifying_key().to_encoded_point(false);
            Self {
                public: public.as_bytes().to_vec(),
                secret,
            }
        }
    }

    impl SigningKeyPair for P256KeyPair {
        fn algorithm(&self) -> KeyAlgorithm {
            KeyAlgorithm::EcdsaP256
        }

        fn public_key_bytes(&self) -> &[u8] {
            &self.public
        }

        fn sign_raw(&self, data: &[u8]) -> Result<Vec<u8>> {
            let signature: DerSignature = self.secret.try_sign(data).map_err(failed)?;
            Ok(signature.as_bytes().to_vec())
        }

        fn sign_prehashed(&self, digest: &[u8]) -> Result<Vec<u8>> {
            let signature: Signature = self.secret.sign_prehash(digest).map_err(failed)?;
            Ok(signature.to_der().as_bytes().to_vec())
        }
    }

    fn failed(error: p256::ecdsa::Error) -> Error {
        Error::Signing(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const P256: &str = "04\
        60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6\
        7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299";
    const P384: &str = "04\
        EC3A4E415B4E19A4568618029F427FA5DA9A8BC4AE92E02E06AAE5286B300C64\
        DEF8F0EA9055866064A254515480BC13\
        8015D9B72D7D57244EA8EF9AC0C621896708A59367F9DFB9F54CA84B3F1C9DB1\
        288B231C3AE0D4FE7344FD2533264720";

    /// RFC 6979, A.2.5 and A.2.6, over "sample": the scheme, the key, r and s.
    const ECDSA: [(SigningScheme, &str, &str, &str); 4] = [
        (
            SigningScheme::EcdsaP256Sha256,
            P256,
            "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716",
            "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8",
        ),
        (
            SigningScheme::EcdsaP256Sha384,
            P256,
            "0EAFEA039B20E9B42309FB1D89E213057CBF973DC0CFC8F129EDDDC800EF7719",
            "4861F0491E6998B9455193E34E7B0D284DDD7149A74B95B9261F13ABDE940954",
        ),
        (
            SigningScheme::EcdsaP384Sha256,
            P384,
            "21B13D1E013C7FA1392D03C5F99AF8B30C570C6F98D4EA8E354B63A21D3DAA33\
             BDE1E888E63355D92FA2B3C36D8FB2CD",
            "F3AA443FB107745BF4BD77CB3891674632068A10CA67E3D45DB2266FA7D1FEEB\
             EFDC63ECCD1AC42EC0CB8668A4FA0AB0",
        ),
        (
            SigningScheme::EcdsaP384Sha384,
            P384,
            "94EDBB92A5ECB8AAD4736E56C691916B3F88140666CE9FA73D64C4EA95AD133C\
             81A648152E44ACF96E36DD1E80FABE46",
            "99EF4AEB15F178CEA1FE40DB2603138F130E740A19624526203B6351D0A3A94F\
             A329C145786E679E7B82C71A38628AC8",
        ),
    ];

    pub(super) fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<u8> = hex
            .chars()
            .map(|c| u8::try_from(c.to_digit(16).unwrap()).unwrap())
            .collect();
        digits
            .chunks(2)
            .map(|pair| pair[0] << 4 | pair[1])
            .collect()
    }

    /// SEQUENCE { INTEGER r, INTEGER s }
    fn der(r: &str, s: &str) -> Vec<u8> {
        let integer = |hex| {
            let mut value = bytes(hex);
            if value[0] >= 0x80 {
                value.insert(0, 0);
            }
            [vec![2, u8::try_from(value.len()).unwrap()], value].concat()
        };
        let body = [integer(r), integer(s)].concat();
        [vec![0x30, u8::try_from(body.len()).unwrap()], body].concat()
    }

    fn digest(scheme: SigningScheme, data: &[u8]) -> Vec<u8> {
        let mut hash = PROVIDER.hash(scheme.hash_algorithm().unwrap()).unwrap();
        hash.update(data);
        hash.finalize()
    }

    #[test]
    fn the_ecdsa_signatures_of_rfc_6979_verify_by_message_and_by_digest() {
        for (scheme, key, r, s) in ECDSA {
            let (key, signature) = (bytes(key), der(r, s));
            PROVIDER
                .verify_raw(scheme, &key, b"sample", &signature)
                .unwrap_or_else(|e| panic!("{scheme:?}: {e}"));
            PROVIDER
                .verify_prehashed(scheme, &key, &digest(scheme, b"sample"), &signature)
                .unwrap_or_else(|e| panic!("{scheme:?}: {e}"));
        }
    }

    #[test]
    fn an_ecdsa_signature_over_another_message_is_refused() {
        for (scheme, key, r, s) in ECDSA {
            let (key, signature) = (bytes(key), der(r, s));
            let raw = PROVIDER.verify_raw(scheme, &key, b"Sample", &signature);
            assert!(matches!(raw, Err(Error::Verification(_))), "{scheme:?}");
            let digest = digest(scheme, b"Sample");
            let prehashed = PROVIDER.verify_prehashed(scheme, &key, &digest, &signature);
            assert!(
                matches!(prehashed, Err(Error::Verification(_))),
                "{scheme:?}"
            );
        }
    }

    #[test]
    fn a_flipped_bit_anywhere_in_an_ecdsa_signature_is_refused() {
        for (scheme, key, r, s) in ECDSA {
            let (key, signature) = (bytes(key), der(r, s));
            for at in 0..signature.len() {
                let mut flipped = signature.clone();
                flipped[at] ^= 1;
                assert!(
                    PROVIDER
                        .verify_raw(scheme, &key, b"sample", &flipped)
                        .is_err(),
                    "{scheme:?}, byte {at}"
                );
            }
        }
    }

    #[test]
    fn a_signature_under_the_other_hash_of_its_curve_is_refused() {
        let (_, key, r, s) = ECDSA[0];
        let other = SigningScheme::EcdsaP256Sha384;
        assert!(
            PROVIDER
                .verify_raw(other, &bytes(key), b"sample", &der(r, s))
                .is_err()
        );
    }

    #[test]
    fn a_point_off_the_curve_is_no_key() {
        let (scheme, key, r, s) = ECDSA[0];
        let mut key = bytes(key);
        key[64] ^= 1;
        let verdict = PROVIDER.verify_raw(scheme, &key, b"sample", &der(r, s));
        assert!(matches!(verdict, Err(Error::InvalidKey(_))));
    }

    #[test]
    fn ed25519_accepts_the_vector_of_rfc_8032_and_refuses_another_message() {
        let key = bytes("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
        let signature = bytes(
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
             085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        );
        let verify =
            |data: &[u8]| PROVIDER.verify_raw(SigningScheme::Ed25519, &key, data, &signature);
        verify(&[0x72]).unwrap();
        assert!(matches!(verify(&[0x73]), Err(Error::Verification(_))));
    }

    #[test]
    fn an_ed25519_key_of_small_order_is_refused() {
        // The neutral element, with which R = the neutral element and s = 0 fit every message.
        let mut neutral = [0; 32];
        neutral[0] = 1;
        let signature = [neutral, [0; 32]].concat();
        let verdict = PROVIDER.verify_raw(SigningScheme::Ed25519, &neutral, b"any", &signature);
        assert!(verdict.is_err());
    }

    #[test]
    fn a_scheme_it_does_not_know_is_refused_as_unsupported() {
        let post_quantum = PROVIDER.verify_raw(SigningScheme::MlDsa65, &[], b"", &[]);
        assert!(matches!(post_quantum, Err(Error::UnsupportedAlgorithm(_))));
        let prehashed = PROVIDER.verify_prehashed(SigningScheme::Ed25519, &[], &[], &[]);
        assert!(matches!(prehashed, Err(Error::UnsupportedAlgorithm(_))));
    }

    #[test]
    fn digests_of_abc_are_those_of_fips_180() {
        for (algorithm, start) in [
            (HashAlgorithm::Sha2256, "ba7816bf8f01cfea"),
            (HashAlgorithm::Sha2384, "cb00753f45a35e8b"),
            (HashAlgorithm::Sha2512, "ddaf35a193617aba"),
        ] {
            let mut hash = PROVIDER.hash(algorithm).unwrap();
            hash.update(b"a");
            hash.update(b"bc");
            assert!(hash.finalize().starts_with(&bytes(start)), "{algorithm}");
        }
    }

    #[test]
    fn installing_twice_is_installing_once() {
        install();
        install();
        let installed = sigstore_verify::crypto::default_provider();
        assert_eq!(format!("{installed:?}"), format!("{PROVIDER:?}"));
    }

    #[cfg(feature = "signing")]
    #[test]
    fn a_new_key_signs_what_its_public_half_verifies_and_nothing_else() {
        let scheme = SigningScheme::EcdsaP256Sha256;
        let pair = PROVIDER.generate_key_pair(KeyAlgorithm::EcdsaP256).unwrap();
        for signature in [
            pair.sign_raw(b"release").unwrap(),
            pair.sign_prehashed(&digest(scheme, b"release")).unwrap(),
        ] {
            let verify = |data: &[u8]| {
                PROVIDER.verify_raw(scheme, pair.public_key_bytes(), data, &signature)
            };
            verify(b"release").unwrap();
            assert!(verify(b"Release").is_err());
        }
    }

    #[cfg(feature = "signing")]
    #[test]
    fn a_key_comes_back_from_its_pkcs8() {
        use p256::pkcs8::EncodePrivateKey;
        let secret = p256::SecretKey::random(&mut p256::elliptic_curve::rand_core::OsRng);
        let pkcs8 = secret.to_pkcs8_der().unwrap();
        let pair = PROVIDER.key_pair_from_pkcs8_der(pkcs8.as_bytes()).unwrap();
        let point = p256::EncodedPoint::from(secret.public_key());
        assert_eq!(pair.public_key_bytes(), point.as_bytes());
        assert!(
            PROVIDER
                .key_pair_from_pkcs8_der(&pkcs8.as_bytes()[1..])
                .is_err()
        );
    }
}
