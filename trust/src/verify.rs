//! One file, one bundle, one signer. Relies on `sigstore-verify` for everything cryptographic.

use std::io::{self, Read};

use jiff::Timestamp;
use release_plan::{Expectation, Instant, Limits, LogEvidence, Meter, Policy, Sha256};
use sigstore_verify::crypto::{self, KeyAlgorithm, SigningScheme};
use sigstore_verify::types::{HashAlgorithm, KindVersion, Sha256Hash, SignatureContent, Statement};
use sigstore_verify::{
    CertificateError, Error, Policy as Asked, PublicKeyVerificationPolicy, TimestampError,
    TransparencyLogError, VerificationPolicy, VerificationResult,
};

use crate::bundle::{Bundle, Content};
use crate::evidence::{CertificateClaims, Check, Evidence, SignedBy};
use crate::{PublicKey, Refusal, TrustedRoot, explain, profile, unlogged};

/// A digest whose bundle verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedBlob {
    sha256: Sha256,
    statement: Option<Vec<u8>>,
    evidence: Evidence,
}

impl VerifiedBlob {
    /// The digest of the file.
    #[must_use]
    pub fn sha256(&self) -> Sha256 {
        self.sha256
    }

    /// The in-toto statement that was signed, in JSON, where the file itself was not.
    #[must_use]
    pub fn statement(&self) -> Option<&[u8]> {
        self.statement.as_deref()
    }

    /// What verification learned.
    #[must_use]
    pub fn evidence(&self) -> &Evidence {
        &self.evidence
    }
}

/// Who must have signed.
#[derive(Debug, Clone)]
pub enum Signer {
    /// Whom a policy allows, in a certificate by the trusted root's authority.
    Identity(Policy),
    /// The holder of a key.
    Key {
        /// The key.
        key: PublicKey,
        /// Whether the signature must be in a transparency log that the trusted root names.
        log_entry: LogEntry,
    },
}

/// Whether a signature by a key must have been logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogEntry {
    /// It must: without, nobody can notice that the key was misused.
    Required,
    /// It need not. What is there must verify all the same, but for the log's own proofs.
    Waived,
}

/// What was signed, as the caller has it.
pub enum Artifact<'a> {
    /// Its digest alone.
    Digest(Sha256),
    /// Its bytes, read once to their end.
    Bytes(&'a mut dyn Read),
}

/// Why something is not verified.
#[derive(Debug, thiserror::Error)]
pub enum Unverified {
    /// A check refused it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Its bytes could not be read.
    #[error(transparent)]
    Unread(#[from] io::Error),
}

/// Verifies that `policy` allowed whoever signed the file with digest `sha256`.
///
/// `subject` names the file in a refusal. The certificate's chain, its SCT, a log entry and a
/// signed time are all required; no argument waives one. A statement about the file, instead of a
/// signature over it, is refused.
///
/// # Errors
/// The first check that fails.
pub fn verify_blob(
    subject: &str,
    sha256: Sha256,
    bundle: &[u8],
    policy: &Policy,
    root: &TrustedRoot,
) -> Result<VerifiedBlob, Refusal> {
    of_content(Content::File, subject, sha256, bundle, policy, root)
}

/// Verifies that `policy` allowed whoever signed an in-toto statement with the file of digest
/// `sha256` among its subjects. What the statement says is for the caller to judge.
///
/// # Errors
/// The first check that fails.
pub fn verify_statement(
    subject: &str,
    sha256: Sha256,
    bundle: &[u8],
    policy: &Policy,
    root: &TrustedRoot,
) -> Result<VerifiedBlob, Refusal> {
    of_content(Content::Statement, subject, sha256, bundle, policy, root)
}

/// Verifies that `signer` signed the file, or a statement with the file among its subjects.
///
/// # Errors
/// The first check that fails, or the first read.
pub fn verify(
    subject: &str,
    artifact: Artifact<'_>,
    bundle: &[u8],
    signer: &Signer,
    root: &TrustedRoot,
) -> Result<VerifiedBlob, Unverified> {
    let bundle = Bundle::parse(subject, bundle)?;
    let bundle = match signer {
        // Of the log, nothing is believed.
        Signer::Key {
            log_entry: LogEntry::Waived,
            ..
        } => bundle,
        Signer::Key { .. } | Signer::Identity(_) => bundle.known_to(subject, root)?,
    };
    match signer {
        Signer::Identity(policy) => by_identity(subject, artifact, &bundle, policy, root),
        Signer::Key { key, log_entry } => by_key(subject, artifact, &bundle, key, *log_entry, root),
    }
}

fn of_content(
    content: Content,
    subject: &str,
    sha256: Sha256,
    bundle: &[u8],
    policy: &Policy,
    root: &TrustedRoot,
) -> Result<VerifiedBlob, Refusal> {
    let bundle = Bundle::parse(subject, bundle)?.known_to(subject, root)?;
    if bundle.content != content {
        return Err(Refusal::new(subject, "bundle", content, bundle.content));
    }
    match by_identity(subject, Artifact::Digest(sha256), &bundle, policy, root) {
        Ok(verified) => Ok(verified),
        Err(Unverified::Refused(refusal)) => Err(refusal),
        Err(Unverified::Unread(_)) => unreachable!("a digest is not read"),
    }
}

fn by_identity(
    subject: &str,
    artifact: Artifact<'_>,
    bundle: &Bundle,
    policy: &Policy,
    root: &TrustedRoot,
) -> Result<VerifiedBlob, Unverified> {
    let refused =
        |check: &str, expected: &str, found: &str| Refusal::new(subject, check, expected, found);
    let asked = VerificationPolicy::new(policy.identity.as_str(), policy.issuer.as_str());
    let Some(certificate) = bundle.parsed.signing_certificate() else {
        let expected = "a certificate that names who signed";
        let found = "the hint of a key, which must then be named to verify with";
        return Err(refused("certificate", expected, found).into());
    };
    profile::check(certificate.as_bytes()).map_err(|found| {
        refused(
            "certificate",
            "one by the profile of those that sign code",
            &found,
        )
    })?;
    let certificate = crypto::parse_certificate_info(certificate)
        .map_err(|error| refused("certificate", "an X.509 certificate", &error.to_string()))?;
    let algorithm = certificate.key_algorithm;
    let (sha256, result) = judge(subject, artifact, bundle, algorithm, &asked, root)?;
    for (done, check) in [
        (result.certificate_verified(), "certificate chain"),
        (result.sct_verified(), "signed certificate timestamp"),
        (result.tlog_verified(), "transparency log"),
        (result.identity_policy_checked(), "identity"),
    ] {
        // Holds the library to what is required here, whatever its defaults become.
        if !done {
            return Err(refused(check, "it to be verified", "it was not").into());
        }
    }
    let signed_at = earliest(result.verified_timestamps())
        .ok_or_else(|| refused("signed time", "a signed time", "none"))?;
    if policy.log_evidence == LogEvidence::Whole {
        whole(subject, bundle)?;
    }
    let claims = CertificateClaims {
        identity: policy.identity.clone(),
        issuer: policy.issuer.clone(),
        claims: certificate.ci_claims.clone(),
    };
    let mut checks = vec![
        Check::new("identity", &policy.identity, &policy.identity),
        Check::new("issuer", &policy.issuer, &policy.issuer),
    ];
    for expectation in &policy.claims {
        checks.push(check_claim(subject, &claims, expectation)?);
    }
    checks.extend(explain::certificate(&certificate, root));
    checks.extend(explain::log(bundle));
    checks.push(explain::time(
        result.verified_timestamps(),
        Some(&certificate),
    ));
    checks.push(explain::signature(bundle, sha256, "the certificate's key"));
    Ok(VerifiedBlob {
        sha256,
        statement: bundle.statement(),
        evidence: Evidence {
            signed_by: SignedBy::Identity(Box::new(claims)),
            signed_at: Some(signed_at),
            content: bundle.content,
            checks,
        },
    })
}

fn by_key(
    subject: &str,
    artifact: Artifact<'_>,
    bundle: &Bundle,
    key: &PublicKey,
    log_entry: LogEntry,
    root: &TrustedRoot,
) -> Result<VerifiedBlob, Unverified> {
    let refused =
        |check: &str, expected: &str, found: &str| Refusal::new(subject, check, expected, found);
    if !bundle.is_by_key() {
        let expected = "a signature by the key that was named";
        let found = "a certificate, to be verified by identity and issuer";
        return Err(refused("bundle", expected, found).into());
    }
    let algorithm = KeyAlgorithm::from_spki(key.der())
        .map_err(|error| refused("key", "a key of a known kind", &error.to_string()))?;
    let mut asked = PublicKeyVerificationPolicy::new(key.der().clone());
    match log_entry {
        LogEntry::Required if bundle.entries().next().is_none() => {
            return Err(refused("log entry", "one in a log of the trusted root", "none").into());
        }
        LogEntry::Required => {}
        LogEntry::Waived => asked = asked.skip_tlog_unsafe(),
    }
    let (sha256, times) = if log_entry == LogEntry::Waived && !bundle.has_witness() {
        let sha256 = unlogged::verify(subject, artifact, bundle, key.der(), algorithm)?;
        (sha256, Vec::new())
    } else {
        let (sha256, result) = judge(subject, artifact, bundle, algorithm, &asked, root)?;
        if log_entry == LogEntry::Required && !result.tlog_verified() {
            return Err(refused("transparency log", "it to be verified", "it was not").into());
        }
        (sha256, result.verified_timestamps().to_vec())
    };
    let mut checks = vec![Check::new("key", key, key)];
    match log_entry {
        LogEntry::Required => checks.extend(explain::log(bundle)),
        LogEntry::Waived => checks.push(Check::new(
            "log entry",
            "none: it was waived",
            "not looked at",
        )),
    }
    checks.push(explain::time(&times, None));
    checks.push(explain::signature(bundle, sha256, "that key"));
    Ok(VerifiedBlob {
        sha256,
        statement: bundle.statement(),
        evidence: Evidence {
            signed_by: SignedBy::Key(key.sha256()),
            signed_at: earliest(&times),
            content: bundle.content,
            checks,
        },
    })
}

/// Has the library verify the bundle against the artifact, of which no more is kept in memory than
/// the signature's algorithm asks for.
fn judge(
    subject: &str,
    artifact: Artifact<'_>,
    bundle: &Bundle,
    algorithm: KeyAlgorithm,
    asked: &dyn Asked,
    root: &TrustedRoot,
) -> Result<(Sha256, VerificationResult), Unverified> {
    let (verifier, parsed) = (root.verifier(), &bundle.parsed);
    let bytes = match artifact {
        Artifact::Digest(sha256) => {
            let digest = Sha256Hash::new(*sha256.as_bytes());
            let result = verifier.verify(digest, parsed, asked);
            return Ok((sha256, result.map_err(|error| refusal(subject, &error))?));
        }
        Artifact::Bytes(bytes) => bytes,
    };
    match intake(bundle, algorithm) {
        Intake::Digest => {
            let sha256 = Meter::drain(bytes)?.sha256();
            judge(
                subject,
                Artifact::Digest(sha256),
                bundle,
                algorithm,
                asked,
                root,
            )
        }
        Intake::Digests => {
            let mut bytes = Meter::new(bytes);
            let result = verifier.verify_reader(&mut bytes, parsed, asked);
            let (_, measured) = bytes.finish();
            match result {
                Ok(result) => Ok((measured.sha256(), result)),
                Err(Error::ArtifactRead(error)) => Err(error.into()),
                Err(error) => Err(refusal(subject, &error).into()),
            }
        }
        Intake::Whole => {
            let whole = read_whole(subject, bytes)?;
            let result = verifier.verify(whole.as_slice(), parsed, asked);
            let result = result.map_err(|error| refusal(subject, &error))?;
            Ok((Sha256::of(&whole), result))
        }
    }
}

/// Every byte at once, of a file that is small enough for it.
pub(crate) fn read_whole(subject: &str, bytes: &mut dyn Read) -> Result<Vec<u8>, Unverified> {
    let mut whole = Vec::new();
    bytes
        .take(Limits::WHOLE_FILE as u64 + 1)
        .read_to_end(&mut whole)?;
    if whole.len() > Limits::WHOLE_FILE {
        let expected = format!(
            "at most {} bytes, since an Ed25519 signature is over the whole file",
            Limits::WHOLE_FILE
        );
        return Err(Refusal::new(subject, "size", expected, "more").into());
    }
    Ok(whole)
}

/// What of a file's bytes a signature is over.
enum Intake {
    /// SHA-256 alone.
    Digest,
    /// Other digests, or several.
    Digests,
    /// Every byte at once.
    Whole,
}

fn intake(bundle: &Bundle, algorithm: KeyAlgorithm) -> Intake {
    let only_sha256 = |digests: &[HashAlgorithm]| match digests {
        [HashAlgorithm::Sha2256] => Intake::Digest,
        _ => Intake::Digests,
    };
    match &bundle.parsed.content {
        SignatureContent::MessageSignature(signature) => {
            let digest = signature
                .message_digest
                .as_ref()
                .map(|digest| digest.algorithm);
            let scheme = digest.map_or(Ok(algorithm.default_signing_scheme()), |digest| {
                algorithm.resolve_signing_scheme(digest)
            });
            match scheme.ok().as_ref().map(SigningScheme::hash_algorithm) {
                Some(Some(digest)) => only_sha256(&[digest]),
                Some(None) => Intake::Whole,
                // The library refuses the scheme before it reads.
                None => Intake::Digests,
            }
        }
        SignatureContent::DsseEnvelope(envelope) => {
            let statement = serde_json::from_slice::<Statement>(envelope.payload.as_bytes());
            let digests = statement.map(|statement| statement.subject_algorithms());
            only_sha256(&digests.unwrap_or_default())
        }
        _ => Intake::Digests,
    }
}

/// Asks for all that the log can give: a proof, and where its entries have them, a promise.
fn whole(subject: &str, bundle: &Bundle) -> Result<(), Refusal> {
    for entry in bundle.entries() {
        // Rekor's API v2 promises nothing, since it answers with the proof.
        let promises = entry.kind_version != KindVersion::HashedRekordV002;
        for (there, check) in [
            (entry.inclusion_proof.is_some(), "inclusion proof"),
            (
                entry.inclusion_promise.is_some() || !promises,
                "inclusion promise",
            ),
        ] {
            if !there {
                return Err(Refusal::new(subject, check, "one by the log", "none"));
            }
        }
    }
    Ok(())
}

fn earliest(times: &[Timestamp]) -> Option<Instant> {
    Instant::from_seconds(times.iter().min()?.as_second())
}

fn check_claim(
    subject: &str,
    certificate: &CertificateClaims,
    expectation: &Expectation,
) -> Result<Check, Refusal> {
    let (claim, expected) = (expectation.claim, expectation.one_of.join(" or "));
    let found = certificate.claim(claim);
    match found.filter(|&found| expectation.one_of.iter().any(|one| one == found)) {
        Some(found) => Ok(Check::new(claim, expected, found)),
        None => {
            let found = found.unwrap_or("no such claim");
            Err(Refusal::new(subject, claim, expected, found))
        }
    }
}

pub(crate) fn refusal(subject: &str, error: &Error) -> Refusal {
    let (check, expected) = match error {
        Error::IdentityMismatch { expected, actual } => {
            let found = actual
                .as_ref()
                .map_or("none".to_owned(), ToString::to_string);
            return Refusal::new(subject, "identity", expected, found);
        }
        Error::IssuerMismatch { expected, actual } => {
            let found = actual.as_deref().unwrap_or("none");
            return Refusal::new(subject, "issuer", expected, found);
        }
        Error::SignatureInvalid(_) => ("signature", "a signature by the signer's key"),
        Error::ArtifactMismatch(_) => ("digest", "a bundle of this very file"),
        Error::UnsupportedArtifact(_) => {
            ("digest", "the file itself, which this signature is over")
        }
        Error::Certificate(CertificateError::Sct(_)) => (
            "signed certificate timestamp",
            "one by a certificate log of the trusted root in use",
        ),
        Error::Certificate(_) => (
            "certificate",
            "one of the trusted root in use, valid when it signed",
        ),
        Error::TransparencyLog(error) => match error {
            TransparencyLogError::UnknownLog { .. } => ("log", "a log of the trusted root in use"),
            TransparencyLogError::InclusionProof(_) => ("inclusion proof", "a valid one"),
            TransparencyLogError::Checkpoint(_) => ("checkpoint", "one signed by the log"),
            TransparencyLogError::InclusionPromise(_) => ("inclusion promise", "a valid one"),
            TransparencyLogError::EntryMismatch(_) => ("log entry", "the entry of this bundle"),
            TransparencyLogError::IntegratedTime(_) => {
                ("log time", "a time within the certificate's life")
            }
            _ => ("log entry", "one that can be read"),
        },
        Error::Timestamp(TimestampError::Invalid(_)) => (
            "timestamp",
            "one by a timestamp authority of the trusted root in use",
        ),
        Error::Timestamp(_) => ("timestamp", "a trusted time within the certificate's life"),
        Error::Bundle(_) | Error::InvalidBundle(_) | Error::UnsupportedBundle(_) => {
            ("bundle", "a complete sigstore bundle")
        }
        Error::InvalidTrustRoot(_) => ("trusted root", "one with every key that the bundle needs"),
        Error::Crypto(_) => ("algorithm", "one that Sigstore knows, with a key for it"),
        _ => ("verification", "it to succeed"),
    };
    Refusal::new(subject, check, expected, error)
}
