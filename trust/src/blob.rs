//! One blob, one bundle, one policy. Relies on `sigstore-verify` for everything cryptographic.

use release_plan::{Claim, Instant, Limits, Policy, Sha256};
use sigstore_verify::crypto::{CertificateInfo, FulcioCiClaims};
use sigstore_verify::types::{Bundle, Sha256Hash, SignatureContent};
use sigstore_verify::{
    CertificateError, Error, TimestampError, TransparencyLogError, VerificationPolicy,
    VerificationResult,
};

use crate::{Refusal, TrustedRoot};

/// A digest whose bundle verified under a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedBlob {
    sha256: Sha256,
    evidence: Evidence,
}

/// What verification learned, all of it covered by the signature or the certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    identity: String,
    issuer: String,
    commit: Option<String>,
    signed_at: Instant,
}

impl VerifiedBlob {
    /// The digest that was signed.
    #[must_use]
    pub fn sha256(&self) -> Sha256 {
        self.sha256
    }

    /// What verification learned.
    #[must_use]
    pub fn evidence(&self) -> &Evidence {
        &self.evidence
    }
}

impl Evidence {
    /// The identity that signed, as the certificate says it.
    #[must_use]
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// The OIDC issuer that vouched for the identity.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The commit that the signing job ran on, where the certificate names one.
    #[must_use]
    pub fn commit(&self) -> Option<&str> {
        self.commit.as_deref()
    }

    /// The earliest time that a log or a timestamp authority vouches for.
    #[must_use]
    pub fn signed_at(&self) -> Instant {
        self.signed_at
    }
}

/// Verifies that `policy` allowed whoever signed the blob with digest `sha256`, and that the
/// signature is in a transparency log that `root` trusts.
///
/// `subject` names the blob in a refusal. The certificate's chain, its SCT, the log's inclusion
/// proof and checkpoint, and a signed time are all required; no argument waives one.
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
    let bundle = parse(subject, bundle)?;
    let asked = VerificationPolicy::new(policy.identity.as_str(), policy.issuer.as_str());
    let digest = Sha256Hash::new(*sha256.as_bytes());
    let result = root
        .verifier()
        .verify(digest, &bundle, &asked)
        .map_err(|error| refusal(subject, &error))?;
    let certificate = complete(subject, &result)?;
    check_claims(subject, &certificate.ci_claims, policy)?;
    let signed_at = result
        .verified_timestamps()
        .iter()
        .min()
        .and_then(|time| Instant::from_seconds(time.as_second()))
        .ok_or_else(|| Refusal::new(subject, "signed time", "a signed time", "none"))?;
    Ok(VerifiedBlob {
        sha256,
        evidence: Evidence {
            identity: policy.identity.clone(),
            issuer: policy.issuer.clone(),
            commit: claim(&certificate.ci_claims, Claim::SourceCommit).map(str::to_owned),
            signed_at,
        },
    })
}

fn parse(subject: &str, bundle: &[u8]) -> Result<Bundle, Refusal> {
    let refused = |expected: &str, found: String| Refusal::new(subject, "bundle", expected, found);
    if bundle.len() > Limits::BUNDLE {
        let expected = format!("at most {} bytes", Limits::BUNDLE);
        return Err(refused(&expected, format!("{} bytes", bundle.len())));
    }
    let text =
        std::str::from_utf8(bundle).map_err(|error| refused("JSON in UTF-8", error.to_string()))?;
    let bundle =
        Bundle::from_json(text).map_err(|error| refused("a sigstore bundle", error.to_string()))?;
    match bundle.content {
        SignatureContent::MessageSignature(_) => Ok(bundle),
        _ => Err(refused(
            "a signature over the file",
            "an attestation or something else about it".to_owned(),
        )),
    }
}

/// Holds the library to what is required here, whatever its policy's defaults become.
fn complete<'a>(
    subject: &str,
    result: &'a VerificationResult,
) -> Result<&'a CertificateInfo, Refusal> {
    for (done, check) in [
        (result.certificate_verified(), "certificate chain"),
        (result.sct_verified(), "signed certificate timestamp"),
        (result.tlog_verified(), "transparency log"),
        (result.identity_policy_checked(), "identity"),
    ] {
        if !done {
            return Err(Refusal::new(
                subject,
                check,
                "it to be verified",
                "it was not",
            ));
        }
    }
    result
        .certificate()
        .ok_or_else(|| Refusal::new(subject, "certificate", "a certificate", "none"))
}

fn check_claims(subject: &str, claims: &FulcioCiClaims, policy: &Policy) -> Result<(), Refusal> {
    for expectation in &policy.claims {
        let found = claim(claims, expectation.claim);
        if !found.is_some_and(|value| expectation.one_of.iter().any(|one| one == value)) {
            let expected = expectation.one_of.join(" or ");
            let found = found.unwrap_or("no such claim");
            return Err(Refusal::new(subject, expectation.claim, expected, found));
        }
    }
    Ok(())
}

fn claim(claims: &FulcioCiClaims, claim: Claim) -> Option<&str> {
    match claim {
        Claim::RunnerEnvironment => claims.runner_environment.as_deref(),
        Claim::SourceRepository => claims.source_repository_uri.as_deref(),
        Claim::SourceCommit => claims.source_repository_digest.as_deref(),
        Claim::SourceReference => claims.source_repository_ref.as_deref(),
        Claim::SourceRepositoryId => claims.source_repository_identifier.as_deref(),
        Claim::SourceOwnerId => claims.source_repository_owner_identifier.as_deref(),
        Claim::BuildTrigger => claims.build_trigger.as_deref(),
    }
}

fn refusal(subject: &str, error: &Error) -> Refusal {
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
        Error::SignatureInvalid(_) => ("signature", "a signature by the certificate's key"),
        Error::ArtifactMismatch(_) => ("digest", "a bundle of this very file"),
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
        Error::InvalidBundle(_) | Error::UnsupportedBundle(_) => {
            ("bundle", "a complete sigstore bundle")
        }
        _ => ("verification", "it to succeed"),
    };
    Refusal::new(subject, check, expected, error)
}
