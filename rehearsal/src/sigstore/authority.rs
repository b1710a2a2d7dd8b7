//! An X.509 certificate with the P-384 key that signs others under it (RFC 5280). Relies on
//! x509-cert's types; certificates are put together by hand, since an SCT is made over the
//! to-be-signed part before the certificate exists.

use std::str::FromStr;
use std::time::Duration;

use const_oid::ObjectIdentifier;
use const_oid::db::rfc5912::ECDSA_WITH_SHA_384;
use der::Encode;
use der::asn1::{BitString, GeneralizedTime, OctetString, UtcTime};
use der::flagset::FlagSet;
use der::oid::AssociatedOid;
use der::referenced::OwnedToRef;
use jiff::{Timestamp, ToSpan};
use p384::ecdsa::{DerSignature, SigningKey, signature::Signer};
use p384::elliptic_curve::rand_core::{OsRng, RngCore};
use x509_cert::certificate::{Certificate, TbsCertificate, Version};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages,
    SubjectKeyIdentifier,
};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};
use x509_cert::time::{Time, Validity};

use super::Error;

pub(super) struct Authority {
    pub(super) certificate: Certificate,
    key: SigningKey,
}

/// What differs from one certificate to the next.
pub(super) struct Subject {
    /// Empty when the subject is named in an extension.
    pub(super) name: Name,
    pub(super) key: SubjectPublicKeyInfoOwned,
    pub(super) validity: Validity,
    /// Beside the two key identifiers, which every certificate carries.
    pub(super) extensions: Vec<Extension>,
}

impl Authority {
    /// A self-signed root.
    pub(super) fn root(common_name: &str, since: Timestamp) -> Result<Self, Error> {
        let key = SigningKey::random(&mut OsRng);
        let subject = Subject {
            name: name(common_name)?,
            key: SubjectPublicKeyInfoOwned::from_key(*key.verifying_key())?,
            validity: year(since)?,
            extensions: authority_extensions(None)?,
        };
        let (issuer, issuer_key) = (subject.name.clone(), subject.key.clone());
        let tbs = tbs(issuer, &issuer_key, subject)?;
        Ok(Self {
            certificate: sign(tbs, &key)?,
            key,
        })
    }

    /// An authority under this one that signs leaves only, for one purpose.
    pub(super) fn intermediate(
        &self,
        common_name: &str,
        since: Timestamp,
        purpose: ObjectIdentifier,
    ) -> Result<Self, Error> {
        let key = SigningKey::random(&mut OsRng);
        let mut extensions = authority_extensions(Some(0))?;
        extensions.push(extension(false, &ExtendedKeyUsage(vec![purpose]))?);
        let tbs = self.tbs(Subject {
            name: name(common_name)?,
            key: SubjectPublicKeyInfoOwned::from_key(*key.verifying_key())?,
            validity: year(since)?,
            extensions,
        })?;
        Ok(Self {
            certificate: self.sign(tbs)?,
            key,
        })
    }

    /// The part of a certificate that this authority is about to sign.
    pub(super) fn tbs(&self, subject: Subject) -> Result<TbsCertificate, Error> {
        let issuer = &self.certificate.tbs_certificate;
        tbs(
            issuer.subject.clone(),
            &issuer.subject_public_key_info,
            subject,
        )
    }

    pub(super) fn sign(&self, tbs: TbsCertificate) -> Result<Certificate, Error> {
        sign(tbs, &self.key)
    }
}

/// An extension (RFC 5280, 4.2) whose identifier its value's type knows.
pub(super) fn extension<E: Encode + AssociatedOid>(
    critical: bool,
    value: &E,
) -> Result<Extension, Error> {
    raw_extension(E::OID, critical, value.to_der()?)
}

/// An extension of any identifier around bytes that are encoded already.
pub(super) fn raw_extension(
    id: ObjectIdentifier,
    critical: bool,
    value: Vec<u8>,
) -> Result<Extension, Error> {
    Ok(Extension {
        extn_id: id,
        critical,
        extn_value: OctetString::new(value)?,
    })
}

/// Both ends are floored to seconds.
pub(super) fn validity(from: Timestamp, until: Timestamp) -> Result<Validity, Error> {
    Ok(Validity {
        not_before: time(from)?,
        not_after: time(until)?,
    })
}

/// The validity of everything but a leaf of Fulcio's, which is good for minutes.
pub(super) fn year(since: Timestamp) -> Result<Validity, Error> {
    validity(since, since + (24 * 365).hours())
}

/// The name of an authority of this rehearsal.
pub(super) fn name(common_name: &str) -> Result<Name, Error> {
    Ok(Name::from_str(&format!("CN={common_name},O=rehearsal"))?)
}

/// Time since the epoch in whole seconds, none before it.
pub(super) fn unix(at: Timestamp) -> Duration {
    Duration::from_secs(at.as_second().try_into().unwrap_or_default())
}

/// UTCTime up to 2049, GeneralizedTime after it (RFC 5280, 4.1.2.5).
fn time(at: Timestamp) -> Result<Time, Error> {
    let at = unix(at);
    Ok(match UtcTime::from_unix_duration(at) {
        Ok(time) => Time::UtcTime(time),
        Err(_) => Time::GeneralTime(GeneralizedTime::from_unix_duration(at)?),
    })
}

fn authority_extensions(path_len_constraint: Option<u8>) -> Result<Vec<Extension>, Error> {
    let constraints = BasicConstraints {
        ca: true,
        path_len_constraint,
    };
    let usage: FlagSet<KeyUsages> = KeyUsages::KeyCertSign | KeyUsages::CRLSign;
    Ok(vec![
        extension(true, &KeyUsage(usage))?,
        extension(true, &constraints)?,
    ])
}

fn tbs(
    issuer: Name,
    issuer_key: &SubjectPublicKeyInfoOwned,
    subject: Subject,
) -> Result<TbsCertificate, Error> {
    let mut extensions = subject.extensions;
    let subject_id = SubjectKeyIdentifier::try_from(subject.key.owned_to_ref())?;
    extensions.push(extension(false, &subject_id)?);
    let issuer_id = AuthorityKeyIdentifier::try_from(issuer_key.owned_to_ref())?;
    extensions.push(extension(false, &issuer_id)?);
    Ok(TbsCertificate {
        version: Version::V3,
        serial_number: serial_number()?,
        signature: algorithm(),
        issuer,
        validity: subject.validity,
        subject: subject.name,
        subject_public_key_info: subject.key,
        issuer_unique_id: None,
        subject_unique_id: None,
        extensions: Some(extensions),
    })
}

fn sign(tbs: TbsCertificate, key: &SigningKey) -> Result<Certificate, Error> {
    let signature: DerSignature = key.try_sign(&tbs.to_der()?)?;
    Ok(Certificate {
        tbs_certificate: tbs,
        signature_algorithm: algorithm(),
        signature: BitString::from_bytes(signature.as_bytes())?,
    })
}

fn algorithm() -> AlgorithmIdentifierOwned {
    AlgorithmIdentifierOwned {
        oid: ECDSA_WITH_SHA_384,
        parameters: None,
    }
}

/// Positive and of at most 20 octets (RFC 5280, 4.1.2.2).
pub(super) fn serial_number() -> Result<SerialNumber, Error> {
    let mut bytes = [0; 20];
    OsRng.fill_bytes(&mut bytes);
    bytes[0] = bytes[0] & 0x7f | 0x40;
    Ok(SerialNumber::new(&bytes)?)
}
