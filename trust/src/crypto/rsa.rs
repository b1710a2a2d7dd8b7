//! RSA signatures (RFC 8017): PKCS #1 v1.5 and PSS. Relies on the `rsa` crate, of which only
//! verification is used: what is known against it is a timing leak of private keys.

use der::Decode as _;
use rsa::traits::SignatureScheme;
use rsa::{BigUint, Pkcs1v15Sign, Pss, RsaPublicKey, pkcs1};
use sha2::{Sha256, Sha384, Sha512};
use sigstore_verify::crypto::{Result, SigningScheme};

use super::{invalid_key, invalid_signature, unsupported};

/// The longest modulus that is verified with.
const MAX_BITS: usize = 8192;

/// Verifies a signature over a digest by an RSAPublicKey in DER, whose length the caller has
/// checked.
pub(super) fn verify(
    scheme: SigningScheme,
    key: &[u8],
    digest: &[u8],
    signature: &[u8],
) -> Result<()> {
    match scheme {
        SigningScheme::RsaPkcs1Sha256 => by(
            Pkcs1v15Sign::new::<Sha256>(),
            scheme,
            key,
            digest,
            signature,
        ),
        SigningScheme::RsaPkcs1Sha384 => by(
            Pkcs1v15Sign::new::<Sha384>(),
            scheme,
            key,
            digest,
            signature,
        ),
        SigningScheme::RsaPkcs1Sha512 => by(
            Pkcs1v15Sign::new::<Sha512>(),
            scheme,
            key,
            digest,
            signature,
        ),
        SigningScheme::RsaPssSha256 => by(Pss::new::<Sha256>(), scheme, key, digest, signature),
        SigningScheme::RsaPssSha384 => by(Pss::new::<Sha384>(), scheme, key, digest, signature),
        SigningScheme::RsaPssSha512 => by(Pss::new::<Sha512>(), scheme, key, digest, signature),
        other => Err(unsupported(other)),
    }
}

fn by(
    padding: impl SignatureScheme,
    scheme: SigningScheme,
    key: &[u8],
    digest: &[u8],
    signature: &[u8],
) -> Result<()> {
    let key = pkcs1::RsaPublicKey::from_der(key).map_err(invalid_key)?;
    let integer = |value: pkcs1::UintRef<'_>| BigUint::from_bytes_be(value.as_bytes());
    let (modulus, exponent) = (integer(key.modulus), integer(key.public_exponent));
    let key = RsaPublicKey::new_with_max_size(modulus, exponent, MAX_BITS).map_err(invalid_key)?;
    key.verify(padding, digest, signature)
        .map_err(|_| invalid_signature(scheme))
}

#[cfg(test)]
mod tests {
    use super::super::PROVIDER;
    use super::super::tests::bytes;
    use super::*;
    use sigstore_verify::crypto::Error;

    /// A key of 2048 bits made for this test, and its signatures over "release" by OpenSSL.
    const KEY: &str = "3082010a0282010100d8857ee88b49e3cb63e031cd114d879e394bae7809afe5db3844249501ba3645e0\
        d86e30e058c68fac7065623b169c4d72b2df690bd6ae54c49fecf0d5ff68fb972e73c8e03acdc65f5d93\
        a0650a6a8ee87de25075b5e32425041319a680c4f23d5a203fc70efb73e2fc015f1efac8d860b85bab39\
        063b17fa5c0d08ed8eb2c9b2a851990a6bd109c300e6e4b303f69610d142dc72d76a456bf9ad986e78a9\
        bbb5da202e718a01e879792e90116b77b1fb5c1c7c5b525b9c079c7ea9758e6585e809d6be184f163785\
        69e2339efd0bcaf63eacc99d0be4028b006f7a675cdcd4517f3a0c43200cd430b78852b3ad7ce14c741e\
        240be75539b38fe46d47911e950203010001";
    const SIGNATURES: [(SigningScheme, &str); 3] = [
        (
            SigningScheme::RsaPkcs1Sha256,
            "0c0bdde4a0f6ec12b5c9b204b0847deda630c09c9efe820bf82ec422089ef16a925657c3be24055c30b7\
        86a7df65dfd86d3d8beb45c4a2424e4d990e3470d7861a25252df50b158f8c1833eb17d984b3bc799cc5\
        e27f056820c01b7532238534810be79a16fd956d79760d124b8775812af5cf21f03cb3c016f9e2928d90\
        d6c180937696f7dcb206ee686479ae41ec419d48423d4c52e9bbb3ec471717b483685f2778d2f232ec17\
        4bf646ef9f54fba2d36b7d8a8c49f0cc3962fdb619dc0280a572c874ebd194afd9a3b90bf5adbcc24b4d\
        b606fc622f06746e90ce04546d024dae6110751d50aa66000a382aa9d4a7404be296707b768fcd855534\
        a8d0d9da",
        ),
        (
            SigningScheme::RsaPssSha256,
            "0950e0a13d4eea0e66297d5b7fc1eeff3ad0eb6593b12caf46c038517b953bc6d3b5329da28ae9f1f2fc\
        c674843796c22993e058463abe05fcccc83f3adc076d254dcec9c1a81df2e1fed38dbc1e2f57bb33292e\
        b3ecf5cfe84dbc52ff0b72704b9c03182775e52ed86ff5f1260363395c2542ef44a4bf61c54281afdf3d\
        7f904e420af2d829b8ac9637481b7270d0784f8c63de3744550dba99e9159224083ffbbbe7e211bf1b02\
        749f5992e993c14b335b43a6a49ea5151041a90f47325e030bdf15dc127e1bacace3bd8e7de7891cb320\
        c5be99864ea3e87dd43a3e146dbfbef73bf4cc826a69753236e05d143de2d42892473c99cedfafd46d51\
        eea4376d",
        ),
        (
            SigningScheme::RsaPkcs1Sha512,
            "a81dabe8ae398aa8e362c68144a97954515b032b3e1790315f7974e42fa2a6ed2c88ec84f64bebb56f7c\
        40aeb830f400e70cd60df4902120e2274b67371c7b2868a51ec6550c5c11e5cc8d55c87a282f6174985a\
        424a2f0e285a45ec3f84a5479059ca45fe0a147975830cba0b1735048ffb53330eb9664b79272b2696e4\
        e280290a184e4662bbba9543c05c28059414d2bc620279984f40d64e802b66a758fd65e4ef19e62b1c52\
        c7525e160fee40a0aa6b859ca938aa3727edb4195f07691b4459930d5585741a6cb8a9deebc38bedf853\
        e0bd7bf1ce2def7b792a9fa68dea75b580ca09c6d1a8ab9a9f5ebf3e1b64f4122df159f9194ad90736cc\
        cafd0269",
        ),
    ];

    fn verdict(scheme: SigningScheme, data: &[u8], signature: &[u8]) -> Result<()> {
        PROVIDER.verify_raw(scheme, &bytes(KEY), data, signature)
    }

    #[test]
    fn signatures_by_another_library_verify() {
        for (scheme, signature) in SIGNATURES {
            verdict(scheme, b"release", &bytes(signature)).unwrap();
        }
    }

    #[test]
    fn another_message_or_a_flipped_bit_or_another_scheme_is_refused() {
        for (scheme, signature) in SIGNATURES {
            let signature = bytes(signature);
            assert!(verdict(scheme, b"Release", &signature).is_err());
            let mut flipped = signature.clone();
            flipped[100] ^= 1;
            assert!(verdict(scheme, b"release", &flipped).is_err());
            assert!(verdict(scheme, b"release", &signature[1..]).is_err());
            for (other, _) in SIGNATURES.iter().filter(|(other, _)| *other != scheme) {
                assert!(
                    verdict(*other, b"release", &signature).is_err(),
                    "{other:?}"
                );
            }
        }
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let (scheme, signature) = SIGNATURES[0];
        let verify = |key: &[u8]| verify(scheme, key, &[0; 32], &bytes(signature));
        for key in [&[][..], &[0x30, 0], &bytes(KEY)[..100]] {
            assert!(matches!(verify(key), Err(Error::InvalidKey(_))));
        }
    }
}
