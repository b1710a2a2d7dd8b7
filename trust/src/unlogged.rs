//! A signature by a key for which neither a log nor a timestamp authority vouches: the signature
//! itself, and what it is over. `sigstore-verify` takes no such bundle, whatever its policy; relies
//! on `sigstore-crypto` for the cryptography.

use release_plan::{Meter, Sha256};
use sigstore_verify::Error;
use sigstore_verify::crypto::{
    ArtifactHasher, KeyAlgorithm, hash_reader, verify_signature, verify_signature_prehashed,
};
use sigstore_verify::types::{
    ArtifactDigest, DerPublicKey, DsseEnvelope, HashAlgorithm, MessageSignature, Sha256Hash,
    SignatureContent, Statement,
};

use crate::bundle::Bundle;
use crate::verify::{read_whole, refusal};
use crate::{Artifact, Unverified};

/// Verifies that `key` signed the artifact, or a statement with it among its subjects. Returns its
/// digest.
pub(crate) fn verify(
    subject: &str,
    artifact: Artifact<'_>,
    bundle: &Bundle,
    key: &DerPublicKey,
    algorithm: KeyAlgorithm,
) -> Result<Sha256, Unverified> {
    match &bundle.parsed.content {
        SignatureContent::MessageSignature(message) => {
            verify_message(subject, artifact, message, key, algorithm)
        }
        SignatureContent::DsseEnvelope(envelope) => {
            let (sha256, _) = digests(subject, artifact, HashAlgorithm::Sha2256)?;
            verify_envelope(sha256, envelope, key, algorithm)
                .map_err(|error| refusal(subject, &error))?;
            Ok(sha256)
        }
        _ => {
            let error = Error::UnsupportedBundle("neither a signature nor an attestation".into());
            Err(refusal(subject, &error).into())
        }
    }
}

fn verify_message(
    subject: &str,
    artifact: Artifact<'_>,
    message: &MessageSignature,
    key: &DerPublicKey,
    algorithm: KeyAlgorithm,
) -> Result<Sha256, Unverified> {
    let refused = |error: Error| refusal(subject, &error);
    let declared = message.message_digest.as_ref();
    let scheme = declared.map_or(Ok(algorithm.default_signing_scheme()), |digest| {
        algorithm.resolve_signing_scheme(digest.algorithm)
    });
    let scheme = scheme.map_err(|error| refused(error.into()))?;
    let is_declared = |found: &ArtifactDigest| match declared {
        Some(digest) if digest.digest != found.as_bytes() => {
            let message = "the bundle's digest is another file's".to_owned();
            Err(refused(Error::ArtifactMismatch(message)))
        }
        _ => Ok(()),
    };
    let invalid = |error| refused(Error::SignatureInvalid(format!("{error}")));
    if let Some(hash) = scheme.hash_algorithm() {
        let (sha256, digest) = digests(subject, artifact, hash)?;
        is_declared(&digest)?;
        verify_signature_prehashed(key, digest.as_bytes(), &message.signature, scheme)
            .map_err(invalid)?;
        return Ok(sha256);
    }
    let Artifact::Bytes(bytes) = artifact else {
        let message = format!("{} signs every byte, not a digest", scheme.name());
        return Err(refused(Error::UnsupportedArtifact(message)).into());
    };
    let whole = read_whole(subject, bytes)?;
    if let Some(digest) = declared {
        let whole = Artifact::Bytes(&mut &*whole);
        is_declared(&digests(subject, whole, digest.algorithm)?.1)?;
    }
    verify_signature(key, &whole, &message.signature, scheme).map_err(invalid)?;
    Ok(Sha256::of(&whole))
}

fn verify_envelope(
    sha256: Sha256,
    envelope: &DsseEnvelope,
    key: &DerPublicKey,
    algorithm: KeyAlgorithm,
) -> Result<(), Error> {
    let statement: Statement = serde_json::from_slice(envelope.payload.as_bytes())
        .map_err(|error| Error::InvalidBundle(format!("in-toto statement: {error}")))?;
    if !statement.matches_sha256(&Sha256Hash::new(*sha256.as_bytes())) {
        let message = "no subject of the statement has the file's SHA-256".to_owned();
        return Err(Error::ArtifactMismatch(message));
    }
    let scheme = algorithm.default_signing_scheme();
    verify_signature(key, &envelope.pae(), &envelope.signature.sig, scheme)
        .map_err(|error| Error::SignatureInvalid(error.to_string()))
}

/// The artifact's SHA-256, and its digest by another algorithm or the same.
fn digests(
    subject: &str,
    artifact: Artifact<'_>,
    algorithm: HashAlgorithm,
) -> Result<(Sha256, ArtifactDigest), Unverified> {
    let refused = |error: Error| refusal(subject, &error);
    let of_sha256 = |sha256: Sha256| Sha256Hash::new(*sha256.as_bytes()).into();
    match artifact {
        Artifact::Digest(sha256) if algorithm == HashAlgorithm::Sha2256 => {
            Ok((sha256, of_sha256(sha256)))
        }
        Artifact::Digest(_) => {
            let message = format!("the signature is over {algorithm}, not SHA-256");
            Err(refused(Error::UnsupportedArtifact(message)).into())
        }
        Artifact::Bytes(bytes) if algorithm == HashAlgorithm::Sha2256 => {
            let sha256 = Meter::drain(bytes)?.sha256();
            Ok((sha256, of_sha256(sha256)))
        }
        Artifact::Bytes(bytes) => {
            let hasher = ArtifactHasher::new(algorithm);
            let mut hashers = [hasher.map_err(|error| refused(error.into()))?];
            let mut bytes = Meter::new(bytes);
            hash_reader(&mut bytes, &mut hashers)?;
            let [hasher] = hashers;
            Ok((bytes.finish().1.sha256(), hasher.finalize()))
        }
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::Signer as _;
    use p384::ecdsa::signature::hazmat::PrehashSigner;
    use serde_json::{Value, json};
    use sigstore_verify::crypto::{sha256, sha384};
    use sigstore_verify::types::{PayloadBytes, SignatureBytes};

    use super::*;
    use crate::{LogEntry, PublicKey, Signer, TrustedRoot, VerifiedBlob};

    const BLOB: &[u8] = b"signed at home";

    /// The verdict on `artifact` of a bundle with this signature.
    fn verify(
        artifact: Artifact<'_>,
        key: &PublicKey,
        digest: Value,
        signature: &[u8],
    ) -> Result<VerifiedBlob, String> {
        let signature = SignatureBytes::new(signature.to_vec());
        let bundle = json!({
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": {"publicKey": {"hint": ""}},
            "messageSignature": {"messageDigest": digest, "signature": signature},
        });
        let signer = Signer::Key {
            key: key.clone(),
            log_entry: LogEntry::Waived,
        };
        let root = TrustedRoot::public_sigstore().unwrap();
        let bundle = bundle.to_string();
        crate::verify("file", artifact, bundle.as_bytes(), &signer, &root)
            .map_err(|error| error.to_string())
    }

    /// The SubjectPublicKeyInfo of a key, from what stands before its bytes.
    fn public_key(before: &[u8], key: &[u8]) -> PublicKey {
        let der = DerPublicKey::new([before, key].concat());
        PublicKey::from_pem(der.to_pem().as_bytes()).unwrap()
    }

    #[test]
    fn an_ed25519_signature_is_over_every_byte_of_the_file() {
        let secret = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
        // RFC 8410, 4.
        let before = [0x30, 42, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 33, 0];
        let key = public_key(&before, secret.verifying_key().as_bytes());
        let signature = secret.sign(BLOB).to_bytes();
        let digest = json!({"algorithm": "SHA2_256", "digest": sha256(BLOB)});
        let judge = |mut bytes: &[u8], digest: &Value| {
            verify(
                Artifact::Bytes(&mut bytes),
                &key,
                digest.clone(),
                &signature,
            )
        };
        for digest in [&digest, &Value::Null] {
            assert_eq!(judge(BLOB, digest).unwrap().sha256(), Sha256::of(BLOB));
        }
        let other = judge(b"signed at homE", &digest).unwrap_err();
        assert!(other.starts_with("file: digest refused"), "{other}");
        let other = judge(b"signed at homE", &Value::Null).unwrap_err();
        assert!(other.starts_with("file: signature refused"), "{other}");
        let by_digest = Artifact::Digest(Sha256::of(BLOB));
        let by_digest = verify(by_digest, &key, digest, &signature).unwrap_err();
        assert!(by_digest.starts_with("file: digest refused"), "{by_digest}");
    }

    #[test]
    fn a_p384_signature_is_over_the_digest_that_the_bundle_names() {
        let secret = p384::ecdsa::SigningKey::from_slice(&[7; 48]).unwrap();
        // RFC 5480, 2.1.1: id-ecPublicKey, secp384r1.
        let before = [
            &[
                0x30, 118, 0x30, 16, 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1,
            ][..],
            &[6, 5, 0x2b, 0x81, 4, 0, 0x22, 3, 98, 0],
        ];
        let point = secret.verifying_key().to_encoded_point(false);
        let key = public_key(&before.concat(), point.as_bytes());
        let digest = sha384(BLOB);
        let signature: p384::ecdsa::Signature = secret.sign_prehash(digest.as_bytes()).unwrap();
        let signature = signature.to_der();
        let named =
            json!({"algorithm": "SHA2_384", "digest": PayloadBytes::from_bytes(digest.as_bytes())});
        let judge =
            |artifact: Artifact<'_>| verify(artifact, &key, named.clone(), signature.as_bytes());
        let verified = judge(Artifact::Bytes(&mut &*BLOB)).unwrap();
        assert_eq!(verified.sha256(), Sha256::of(BLOB));
        for artifact in [
            Artifact::Bytes(&mut &b"signed at homE"[..]),
            Artifact::Digest(Sha256::of(BLOB)),
        ] {
            let refused = judge(artifact).unwrap_err();
            assert!(refused.starts_with("file: digest refused"), "{refused}");
        }
    }
}
