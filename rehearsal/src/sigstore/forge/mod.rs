//! Bundles made in one go, without a request and without a service's refusal: true ones, and ones
//! with exactly one [`Flaw`]. Relies on the same authorities, logs and keys that answer requests;
//! each flaw is a departure at one place of the one way that makes a true bundle.

mod bundle;
mod flaw;
mod logged;
mod signed;

use const_oid::ObjectIdentifier;
use const_oid::db::rfc5280::{
    ID_CE_AUTHORITY_KEY_IDENTIFIER, ID_CE_KEY_USAGE, ID_CE_SUBJECT_ALT_NAME, ID_KP_CLIENT_AUTH,
};
use der::Encode as _;
use der::asn1::{BitString, OctetString, Utf8StringRef};
use jiff::{Timestamp, ToSpan};
use p256::ecdsa::SigningKey;
use p256::elliptic_curve::rand_core::OsRng;
use p256::pkcs8::{EncodePublicKey, LineEnding};
use x509_cert::Certificate;
use x509_cert::certificate::TbsCertificate;
use x509_cert::ext::Extension;
use x509_cert::spki::SubjectPublicKeyInfoOwned;

use super::ca::{CertificateAuthority, Terms};
use super::claims::{Claims, Job};
use super::ct::CtLog;
use super::verifier::Verifier;
use super::{Error, Parts, RekorApi};
use signed::Signed;

pub use bundle::Format;
pub use flaw::Flaw;

/// Fulcio's extension for the event that started the job.
const BUILD_TRIGGER: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.57264.1.20");

/// What to make a bundle of. [`Self::by_job`] and [`Self::by_key`] give one that every verifier
/// accepts.
#[derive(Debug, Clone, Copy)]
pub struct Forgery<'a> {
    /// Who signs.
    pub signer: Signer<'a>,
    /// The key that a job signs several things with; a new one when there is none.
    pub certified: Option<&'a CertifiedKey>,
    /// What is signed.
    pub content: Content<'a>,
    /// Which log has it.
    pub log: RekorApi,
    /// Whether the timestamp authority saw the signature. Without it a bundle of
    /// [`RekorApi::V2`] has no time at all.
    pub timestamped: bool,
    /// The version of the bundle's format.
    pub format: Format,
    /// What is wrong with it.
    pub flaw: Option<Flaw>,
}

/// Who signs.
#[derive(Debug, Clone, Copy)]
pub enum Signer<'a> {
    /// A job, with a new key and a certificate for it. Whatever the job claims is certified.
    Job(&'a Job),
    /// Whoever holds this key.
    Key(&'a ManagedKey),
}

/// What is signed.
#[derive(Debug, Clone, Copy)]
pub enum Content<'a> {
    /// The bytes with this SHA-256.
    Digest([u8; 32]),
    /// An in-toto statement in JSON, or whatever else the bytes are.
    Statement(&'a [u8]),
}

/// A key of P-256 that its holder keeps.
#[derive(Debug, Clone)]
pub struct ManagedKey(SigningKey);

impl ManagedKey {
    /// A new key.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "each call makes another key")]
    pub fn new() -> Self {
        Self(SigningKey::random(&mut OsRng))
    }

    /// The public half in PEM, as verifiers take it.
    ///
    /// # Errors
    /// When it does not encode.
    pub fn public_pem(&self) -> Result<String, Error> {
        Ok(self.0.verifying_key().to_public_key_pem(LineEnding::LF)?)
    }
}

/// A key of a job, and the certificate that says so.
#[derive(Debug, Clone)]
pub struct CertifiedKey {
    key: SigningKey,
    certificate: Certificate,
}

/// A new key of `job` with a true certificate, for ten minutes.
pub(super) fn certified(parts: &Parts, job: &Job) -> Result<CertifiedKey, Error> {
    certify_key(parts, job, Times::of(Timestamp::now(), None), None)
}

impl<'a> Forgery<'a> {
    /// A true bundle by `job`: of format v0.3, logged by Rekor's API v1, timestamped.
    #[must_use]
    pub fn by_job(job: &'a Job, content: Content<'a>) -> Self {
        Self::of(Signer::Job(job), content)
    }

    /// A true bundle by the holder of `key`; otherwise as [`Self::by_job`].
    #[must_use]
    pub fn by_key(key: &'a ManagedKey, content: Content<'a>) -> Self {
        Self::of(Signer::Key(key), content)
    }

    fn of(signer: Signer<'a>, content: Content<'a>) -> Self {
        Self {
            signer,
            certified: None,
            content,
            log: RekorApi::V1,
            timestamped: true,
            format: Format::V0_3,
            flaw: None,
        }
    }
}

/// The bundle in JSON.
pub(super) fn forge(parts: &Parts, forgery: &Forgery<'_>) -> Result<String, Error> {
    let flaw = forgery.flaw;
    if let Some(flaw) = flaw.filter(|flaw| !flaw.fits(forgery)) {
        return Err(Error::NoPlaceFor(flaw));
    }
    let times = Times::of(Timestamp::now(), flaw);
    let (key, verifier) = identify(parts, forgery, times)?;
    let signed = Signed::new(forgery.content, &key, flaw)?;
    let entry = logged::entry(parts, forgery, (&key, &verifier), &signed, times)?;
    let timestamp = match forgery.timestamped {
        true => logged::timestamp(parts, &signed.signature, times.stamped, flaw)?,
        false => None,
    };
    let (entry, timestamp) = (entry.as_ref(), timestamp.as_deref());
    let json = bundle::json(
        forgery.format,
        &verifier,
        entry,
        timestamp,
        signed.shown(flaw)?,
    )?;
    Ok(json.to_string())
}

/// When what happened.
#[derive(Clone, Copy)]
struct Times {
    issued: Timestamp,
    /// Start of the certificate's life, which lasts ten minutes.
    valid_from: Timestamp,
    logged: Timestamp,
    stamped: Timestamp,
}

impl Times {
    /// Nothing happens later than `now`, since verifiers refuse what is to come.
    fn of(now: Timestamp, flaw: Option<Flaw>) -> Self {
        let mut times = Self {
            issued: now,
            valid_from: now,
            logged: now,
            stamped: now,
        };
        let past = now - 20.minutes();
        let expire = |times: &mut Self| (times.issued, times.valid_from) = (past, past);
        match flaw {
            Some(Flaw::CertificateExpired) => expire(&mut times),
            Some(Flaw::CertificateNotYetValid) => times.valid_from = now + 5.minutes(),
            Some(Flaw::EntryBeforeCertificate) => times.logged = past,
            Some(Flaw::TimestampBeforeCertificate) => times.stamped = past,
            Some(Flaw::EntryAfterCertificate) => {
                expire(&mut times);
                times.stamped = past;
            }
            Some(Flaw::TimestampAfterCertificate) => {
                expire(&mut times);
                times.logged = past;
            }
            _ => {}
        }
        times
    }
}

/// The key that signs, and what says whose it is.
fn identify(
    parts: &Parts,
    forgery: &Forgery<'_>,
    times: Times,
) -> Result<(SigningKey, Verifier), Error> {
    let job = match forgery.signer {
        Signer::Key(ManagedKey(key)) => {
            return Ok((key.clone(), Verifier::PublicKey(public(key)?)));
        }
        Signer::Job(job) => job,
    };
    let CertifiedKey { key, certificate } = match forgery.certified {
        Some(certified) => certified.clone(),
        None => certify_key(parts, job, times, forgery.flaw)?,
    };
    Ok((key, Verifier::Certificate(Box::new(certificate))))
}

fn certify_key(
    parts: &Parts,
    job: &Job,
    times: Times,
    flaw: Option<Flaw>,
) -> Result<CertifiedKey, Error> {
    let key = SigningKey::random(&mut OsRng);
    let certificate = certify(parts, job, public(&key)?, times, flaw)?;
    Ok(CertifiedKey { key, certificate })
}

fn certify(
    parts: &Parts,
    job: &Job,
    key: SubjectPublicKeyInfoOwned,
    times: Times,
    flaw: Option<Flaw>,
) -> Result<Certificate, Error> {
    let (forged, another);
    let mut authority = &parts.ca;
    let mut terms = Terms::of_fulcio(times.issued, &parts.ct);
    terms.valid_from = times.valid_from;
    match flaw {
        Some(Flaw::CertificateForged) => {
            forged = CertificateAuthority::new(parts.since)?;
            authority = &forged;
        }
        Some(Flaw::CertificateWithoutPurpose) => terms.purpose = None,
        Some(Flaw::CertificateForAnotherPurpose) => terms.purpose = Some(ID_KP_CLIENT_AUTH),
        Some(Flaw::CertificateForAnotherUse) => {
            terms.alter = |tbs| {
                let agreement = BitString::new(3, vec![0b0000_1000]);
                let agreement = agreement.and_then(|bits| bits.to_der());
                let usage = find(tbs, ID_CE_KEY_USAGE);
                usage.extn_value =
                    OctetString::new(agreement.expect("a byte")).expect("it is short");
            };
        }
        Some(Flaw::CertificateIdentityNotCritical) => {
            terms.alter = |tbs| find(tbs, ID_CE_SUBJECT_ALT_NAME).critical = false;
        }
        Some(Flaw::CertificateIssuerKeyUnnamed) => {
            terms.alter = |tbs| {
                let extensions = tbs.extensions.get_or_insert_default();
                extensions.retain(|extension| extension.extn_id != ID_CE_AUTHORITY_KEY_IDENTIFIER);
            };
        }
        Some(Flaw::CertificateClaimTwice) => {
            terms.alter = |tbs| {
                let mut second = find(tbs, BUILD_TRIGGER).clone();
                let other = Utf8StringRef::new("schedule").and_then(|other| other.to_der());
                second.extn_value =
                    OctetString::new(other.expect("it is short")).expect("it is short");
                // The true one comes last, so that whoever takes the last is satisfied.
                tbs.extensions.get_or_insert_default().insert(0, second);
            };
        }
        Some(Flaw::SctMissing) => terms.log = None,
        Some(Flaw::SctByAnotherLog) => {
            another = CtLog::new()?;
            terms.log = Some(&another);
        }
        Some(Flaw::SctForged) => {
            another = parts.ct.impostor()?;
            terms.log = Some(&another);
        }
        _ => {}
    }
    let claims = Claims::of(job, None, String::new(), times.issued);
    authority.issue(&claims, key, &terms)
}

fn find(tbs: &mut TbsCertificate, id: ObjectIdentifier) -> &mut Extension {
    let mut extensions = tbs.extensions.iter_mut().flatten();
    let found = extensions.find(|extension| extension.extn_id == id);
    found.expect("every leaf has it")
}

fn public(key: &SigningKey) -> Result<SubjectPublicKeyInfoOwned, Error> {
    Ok(SubjectPublicKeyInfoOwned::from_key(*key.verifying_key())?)
}
