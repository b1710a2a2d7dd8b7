//! The certificate transparency log: signed certificate timestamps (RFC 6962, 3.2 and 3.3) for
//! certificates about to be issued. Nobody reads this log, so it keeps no tree.

use const_oid::ObjectIdentifier;
use der::Encode;
use der::asn1::OctetString;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use x509_cert::certificate::TbsCertificate;
use x509_cert::ext::Extension;
use x509_cert::spki::SubjectPublicKeyInfoOwned;

use super::Error;
use super::authority::raw_extension;
use super::key::LogKey;

const SCT_LIST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.11129.2.4.2");

pub(super) struct CtLog {
    pub(super) key: LogKey,
}

impl CtLog {
    pub(super) fn new() -> Result<Self, Error> {
        Ok(Self {
            key: LogKey::p256()?,
        })
    }

    /// A log that passes itself off as this one.
    pub(super) fn impostor(&self) -> Result<Self, Error> {
        Ok(Self {
            key: self.key.impostor()?,
        })
    }

    /// The extension that promises, at `at`, the inclusion of a certificate that otherwise is `tbs`.
    pub(super) fn promise(
        &self,
        issuer_key: &SubjectPublicKeyInfoOwned,
        tbs: &TbsCertificate,
        at: Timestamp,
    ) -> Result<Extension, Error> {
        let issuer = Sha256::digest(issuer_key.to_der()?).into();
        let millis = at.as_millisecond().try_into().unwrap_or_default();
        let signature = self.key.sign(&signed(millis, &issuer, &tbs.to_der()?)?)?;
        let sct = sct(self.key.id(), millis, &signature)?;
        let list = vector16(&vector16(&sct)?)?;
        raw_extension(SCT_LIST, false, OctetString::new(list)?.to_der()?)
    }
}

/// The structure that an SCT of version 1 for a precertificate entry signs.
fn signed(millis: u64, issuer_key_hash: &[u8; 32], tbs: &[u8]) -> Result<Vec<u8>, Error> {
    const VERSION_1_CERTIFICATE_TIMESTAMP: [u8; 2] = [0, 0];
    const PRECERT_ENTRY: [u8; 2] = [0, 1];
    let length = u32::try_from(tbs.len()).map_err(|_| too_long())?;
    let [0, length @ ..] = length.to_be_bytes() else {
        return Err(too_long());
    };
    Ok([
        &VERSION_1_CERTIFICATE_TIMESTAMP,
        &millis.to_be_bytes()[..],
        &PRECERT_ENTRY,
        issuer_key_hash,
        &length,
        tbs,
        &NO_EXTENSIONS,
    ]
    .concat())
}

fn sct(log_id: &[u8; 32], millis: u64, signature: &[u8]) -> Result<Vec<u8>, Error> {
    const VERSION_1: [u8; 1] = [0];
    const SHA256_ECDSA: [u8; 2] = [4, 3];
    Ok([
        &VERSION_1[..],
        log_id,
        &millis.to_be_bytes(),
        &NO_EXTENSIONS,
        &SHA256_ECDSA,
        &vector16(signature)?,
    ]
    .concat())
}

const NO_EXTENSIONS: [u8; 2] = [0, 0];

/// TLS's `opaque<0..2^16-1>`.
fn vector16(bytes: &[u8]) -> Result<Vec<u8>, Error> {
    let length = u16::try_from(bytes.len()).map_err(|_| too_long())?;
    Ok([&length.to_be_bytes(), bytes].concat())
}

fn too_long() -> Error {
    der::Error::from(der::ErrorKind::Overlength).into()
}

#[cfg(test)]
mod tests {
    use super::super::ca::{CertificateAuthority, Terms};
    use super::super::tests::claims;
    use super::*;
    use der::Decode;
    use p256::ecdsa::signature::Verifier;
    use p256::ecdsa::{DerSignature, SigningKey, VerifyingKey};
    use p256::pkcs8::DecodePublicKey;

    #[test]
    fn the_promise_verifies_over_the_certificate_without_it_and_over_no_other() {
        let now = Timestamp::now();
        let (ct, ca) = (
            CtLog::new().unwrap(),
            CertificateAuthority::new(now).unwrap(),
        );
        let key = SigningKey::random(&mut p256::elliptic_curve::rand_core::OsRng);
        let key = SubjectPublicKeyInfoOwned::from_key(*key.verifying_key()).unwrap();
        let leaf = ca
            .issue(&claims(now), key, &Terms::of_fulcio(now, &ct))
            .unwrap();

        let mut tbs = leaf.tbs_certificate;
        let promise = tbs.extensions.as_mut().unwrap().pop().unwrap();
        assert_eq!(promise.extn_id, SCT_LIST);
        let list = OctetString::from_der(promise.extn_value.as_bytes()).unwrap();
        let (lengths, sct) = list.as_bytes().split_at(4);
        let length = sct.len().to_be_bytes();
        assert_eq!(lengths[2..], length[6..], "the SCT's length");
        assert_eq!(usize::from(lengths[1]), sct.len() + 2, "the list's length");
        assert_eq!((sct[0], &sct[1..33]), (0, &ct.key.id()[..]));
        let millis: [u8; 8] = sct[33..41].try_into().unwrap();
        assert_eq!(i64::from_be_bytes(millis), now.as_millisecond());
        assert_eq!(sct[41..45], [0, 0, 4, 3]);

        let log = VerifyingKey::from_public_key_der(ct.key.spki()).unwrap();
        let signature = DerSignature::from_bytes(&sct[47..]).unwrap();
        let [issuer, _] = ca.chain();
        let issuer = issuer
            .tbs_certificate
            .subject_public_key_info
            .to_der()
            .unwrap();
        let verifies = |tbs: &TbsCertificate| {
            let tbs = tbs.to_der().unwrap();
            let signed = [
                &[0, 0][..],
                &millis,
                &[0, 1],
                &Sha256::digest(&issuer),
                &tbs.len().to_be_bytes()[5..],
                &tbs,
                &[0, 0],
            ]
            .concat();
            log.verify(&signed, &signature).is_ok()
        };
        assert!(verifies(&tbs));
        tbs.extensions.as_mut().unwrap().pop();
        assert!(!verifies(&tbs));
    }
}
