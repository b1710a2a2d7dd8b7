//! Fulcio's certificates: a root, an intermediate, and leaves that carry a job's claims in
//! Fulcio's extensions (fulcio/docs/oid-info.md). Relies on [`Authority`] and the CT log.

use const_oid::ObjectIdentifier;
use const_oid::db::rfc5280::ID_KP_CODE_SIGNING;
use der::Encode;
use der::asn1::{Ia5String, Utf8StringRef};
use jiff::{Timestamp, ToSpan};
use x509_cert::certificate::{Certificate, TbsCertificate};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{ExtendedKeyUsage, KeyUsage, KeyUsages, SubjectAltName};
use x509_cert::name::Name;
use x509_cert::spki::SubjectPublicKeyInfoOwned;

use super::Error;
use super::authority::{Authority, Subject, extension, raw_extension, validity};
use super::claims::Claims;
use super::ct::CtLog;

const FULCIO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.57264.1");
/// Up to this arc a value stands raw in its extension, from the next on as a DER UTF8String.
const LAST_RAW: u32 = 6;

/// What a certificate is issued on.
pub(super) struct Terms<'a> {
    pub(super) issued: Timestamp,
    /// Start of its life, which lasts ten minutes.
    pub(super) valid_from: Timestamp,
    /// What its key is for.
    pub(super) purpose: Option<ObjectIdentifier>,
    /// What is changed in it before anybody signs it.
    pub(super) alter: fn(&mut TbsCertificate),
    /// The log that promises to have it.
    pub(super) log: Option<&'a CtLog>,
}

impl<'a> Terms<'a> {
    /// Fulcio's: good at once, for signing code, and logged.
    pub(super) fn of_fulcio(now: Timestamp, log: &'a CtLog) -> Self {
        Self {
            issued: now,
            valid_from: now,
            purpose: Some(ID_KP_CODE_SIGNING),
            alter: |_| (),
            log: Some(log),
        }
    }
}

pub(super) struct CertificateAuthority {
    root: Authority,
    intermediate: Authority,
}

impl CertificateAuthority {
    pub(super) fn new(since: Timestamp) -> Result<Self, Error> {
        let root = Authority::root("fulcio-root", since)?;
        let intermediate = root.intermediate("fulcio-intermediate", since, ID_KP_CODE_SIGNING)?;
        Ok(Self { root, intermediate })
    }

    /// The certificates above a leaf, from its issuer to the root.
    pub(super) fn chain(&self) -> [&Certificate; 2] {
        [&self.intermediate.certificate, &self.root.certificate]
    }

    /// A certificate that binds `key` to the job of `claims`.
    pub(super) fn issue(
        &self,
        claims: &Claims,
        key: SubjectPublicKeyInfoOwned,
        terms: &Terms<'_>,
    ) -> Result<Certificate, Error> {
        let issuer = &self.intermediate.certificate.tbs_certificate;
        let mut tbs = self.intermediate.tbs(leaf(claims, key, terms)?)?;
        (terms.alter)(&mut tbs);
        if let Some(log) = terms.log {
            let promise = log.promise(&issuer.subject_public_key_info, &tbs, terms.issued)?;
            tbs.extensions.get_or_insert_default().push(promise);
        }
        self.intermediate.sign(tbs)
    }
}

fn leaf(
    claims: &Claims,
    key: SubjectPublicKeyInfoOwned,
    terms: &Terms<'_>,
) -> Result<Subject, Error> {
    let identity = Ia5String::new(&github(&claims.job_workflow_ref))?;
    let identity = SubjectAltName(vec![GeneralName::UniformResourceIdentifier(identity)]);
    let mut extensions = vec![
        extension(true, &KeyUsage(KeyUsages::DigitalSignature.into()))?,
        // Critical, since the subject is empty (RFC 5280, 4.2.1.6).
        extension(true, &identity)?,
    ];
    if let Some(purpose) = terms.purpose {
        extensions.push(extension(false, &ExtendedKeyUsage(vec![purpose]))?);
    }
    for (arc, value) in fulcio_values(claims) {
        extensions.push(fulcio_extension(arc, &value)?);
    }
    Ok(Subject {
        name: Name::default(),
        key,
        validity: validity(terms.valid_from, terms.valid_from + 10.minutes())?,
        extensions,
    })
}

fn fulcio_extension(arc: u32, value: &str) -> Result<Extension, Error> {
    let bytes = if arc <= LAST_RAW {
        value.as_bytes().to_vec()
    } else {
        Utf8StringRef::new(value)?.to_der()?
    };
    let id = FULCIO.push_arc(arc).map_err(der::Error::from)?;
    raw_extension(id, false, bytes)
}

/// The last arc of each of Fulcio's extensions with its value for a job of GitHub Actions.
fn fulcio_values(claims: &Claims) -> Vec<(u32, String)> {
    let repository = github(&claims.repository);
    let run = format!(
        "{repository}/actions/runs/{}/attempts/{}",
        claims.run_id, claims.run_attempt
    );
    let mut values = vec![
        (1, claims.iss.clone()),
        (2, claims.event_name.clone()),
        (3, claims.sha.clone()),
        (4, claims.workflow.clone()),
        (5, claims.repository.clone()),
        (6, claims.reference.clone()),
        (8, claims.iss.clone()),
        (9, github(&claims.job_workflow_ref)),
        (10, claims.job_workflow_sha.clone()),
        (11, claims.runner_environment.clone()),
        (12, repository),
        (13, claims.sha.clone()),
        (14, claims.reference.clone()),
        (15, claims.repository_id.clone()),
        (16, github(&claims.repository_owner)),
        (17, claims.repository_owner_id.clone()),
        (18, github(&claims.workflow_ref)),
        (19, claims.workflow_sha.clone()),
        (20, claims.event_name.clone()),
        (21, run),
        (22, claims.repository_visibility.clone()),
    ];
    if let Some(environment) = &claims.environment {
        values.push((23, environment.clone()));
    }
    values.push((24, claims.sub.clone()));
    values
}

fn github(path: &str) -> String {
    format!("https://github.com/{path}")
}

#[cfg(test)]
mod tests {
    use super::super::tests::claims;
    use super::*;
    use const_oid::db::rfc5280::{
        ID_CE_AUTHORITY_KEY_IDENTIFIER, ID_CE_EXT_KEY_USAGE, ID_CE_KEY_USAGE,
        ID_CE_SUBJECT_ALT_NAME, ID_CE_SUBJECT_KEY_IDENTIFIER,
    };
    use p256::ecdsa::SigningKey;
    use p256::elliptic_curve::rand_core::OsRng;

    fn issued(now: Timestamp) -> Vec<Extension> {
        let (ca, ct) = (
            CertificateAuthority::new(now).unwrap(),
            CtLog::new().unwrap(),
        );
        let key = SigningKey::random(&mut OsRng);
        let key = SubjectPublicKeyInfoOwned::from_key(*key.verifying_key()).unwrap();
        let leaf = ca
            .issue(&claims(now), key, &Terms::of_fulcio(now, &ct))
            .unwrap();
        assert_eq!(leaf.tbs_certificate.subject, Name::default());
        leaf.tbs_certificate.extensions.unwrap()
    }

    // Some verifiers do without one or the other of these; together they want them all.
    #[test]
    fn a_leaf_has_every_extension_that_some_verifier_insists_on() {
        let extensions = issued(Timestamp::now());
        for (id, critical) in [
            (ID_CE_KEY_USAGE, true),
            (ID_CE_EXT_KEY_USAGE, false),
            (ID_CE_SUBJECT_ALT_NAME, true),
            (ID_CE_SUBJECT_KEY_IDENTIFIER, false),
            (ID_CE_AUTHORITY_KEY_IDENTIFIER, false),
        ] {
            let found = extensions.iter().find(|extension| extension.extn_id == id);
            assert_eq!(
                found.map(|extension| extension.critical),
                Some(critical),
                "{id}"
            );
        }
    }

    #[test]
    fn old_claims_stand_raw_and_new_ones_as_utf8_strings() {
        let extensions = issued(Timestamp::now());
        let value = |arc| {
            let id = FULCIO.push_arc(arc).unwrap();
            let found = extensions.iter().find(|extension| extension.extn_id == id);
            found.map(|extension| extension.extn_value.as_bytes().to_vec())
        };
        assert_eq!(value(2).unwrap(), b"push");
        assert_eq!(value(20).unwrap(), b"\x0c\x04push");
        assert_eq!(value(23), None, "the job has no environment");
    }
}
