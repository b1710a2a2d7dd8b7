//! What `sigstore-verify` leaves open of certificates, and some other verifier asks for: that one
//! that signs keeps to the profile of RFC 5280, and how long the authorities above it live. Relies
//! on x509-cert.

use std::collections::HashSet;

use der::Decode as _;
use der::oid::AssociatedOid;
use jiff::Timestamp;
use sigstore_verify::types::{DerCertificate, TimeRange};
use x509_cert::Certificate;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::{AuthorityKeyIdentifier, BasicConstraints, KeyUsage, SubjectAltName};

/// Holds a certificate that signs, in DER, against the profile (4.2).
///
/// # Errors
/// What it lacks, or has too much.
pub(crate) fn check(certificate: &[u8]) -> Result<(), String> {
    let certificate = Certificate::from_der(certificate).map_err(|error| error.to_string())?;
    let certificate = certificate.tbs_certificate;
    let extensions = certificate.extensions.unwrap_or_default();
    let mut seen = HashSet::new();
    if let Some(twice) = extensions.iter().find(|one| !seen.insert(one.extn_id)) {
        return Err(format!("the extension {} twice", twice.extn_id));
    }
    let usage = decode::<KeyUsage>(&extensions)?.ok_or("no key usage")?;
    if !usage.digital_signature() || usage.key_cert_sign() {
        return Err("a key that is for something else than signatures".to_owned());
    }
    if decode::<BasicConstraints>(&extensions)?.is_some_and(|constraints| constraints.ca) {
        return Err("an authority of its own".to_owned());
    }
    let authority = decode::<AuthorityKeyIdentifier>(&extensions)?;
    if authority.and_then(|named| named.key_identifier).is_none() {
        return Err("no identifier of its issuer's key".to_owned());
    }
    let identity = find::<SubjectAltName>(&extensions).ok_or("no identity")?;
    if certificate.subject.is_empty() && !identity.critical {
        return Err("an identity that readers may skip".to_owned());
    }
    Ok(())
}

fn find<E: AssociatedOid>(extensions: &[Extension]) -> Option<&Extension> {
    extensions.iter().find(|one| one.extn_id == E::OID)
}

fn decode<'a, E: AssociatedOid + der::Decode<'a>>(
    extensions: &'a [Extension],
) -> Result<Option<E>, String> {
    let value = find::<E>(extensions).map(|found| E::from_der(found.extn_value.as_bytes()));
    value.transpose().map_err(|error| error.to_string())
}

/// The part of `window` in which every certificate of a chain is valid.
pub(crate) fn life<'a>(
    window: Option<TimeRange>,
    chain: impl Iterator<Item = &'a DerCertificate>,
) -> Result<TimeRange, String> {
    let mut life = window.unwrap_or(TimeRange::new(Timestamp::MIN, None));
    for der in chain {
        let certificate =
            Certificate::from_der(der.as_bytes()).map_err(|error| error.to_string())?;
        let validity = certificate.tbs_certificate.validity;
        let time = |time: x509_cert::time::Time| Timestamp::try_from(time.to_system_time());
        let from = time(validity.not_before).map_err(|error| error.to_string())?;
        let until = time(validity.not_after).map_err(|error| error.to_string())?;
        life.start = life.start.max(from);
        life.end = Some(life.end.map_or(until, |end| end.min(until)));
    }
    Ok(life)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_lives_no_longer_than_its_certificates() {
        let keys = sigstore_verify::trust_root::TrustedRoot::from_json(
            sigstore_verify::trust_root::SIGSTORE_PRODUCTION_TRUSTED_ROOT,
        );
        let keys = keys.unwrap();
        let authority = &keys.certificate_authorities[1];
        let chain = || {
            authority
                .cert_chain
                .certificates
                .iter()
                .map(|one| &one.raw_bytes)
        };
        assert_eq!(authority.valid_for.unwrap().end, None);
        let life = life(authority.valid_for, chain()).unwrap();
        assert_eq!(life.start, authority.valid_for.unwrap().start);
        assert_eq!(life.end.unwrap().to_string(), "2031-10-05T13:56:58Z");
    }
}
