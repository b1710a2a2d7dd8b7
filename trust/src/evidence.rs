//! What verification learned, and what it held against what.

use std::fmt;

use release_plan::{Claim, Instant, Sha256};
use sigstore_verify::crypto::FulcioCiClaims;

use crate::Content;

/// What verification learned, all of it covered by a signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    pub(crate) signed_by: SignedBy,
    pub(crate) signed_at: Option<Instant>,
    pub(crate) content: Content,
    pub(crate) checks: Vec<Check>,
}

/// Who signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignedBy {
    /// Somebody whom an issuer vouched for, in a certificate.
    Identity(Box<CertificateClaims>),
    /// Whoever holds the private half of the key with this digest.
    Key(Sha256),
}

/// What a verified certificate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateClaims {
    pub(crate) identity: String,
    pub(crate) issuer: String,
    pub(crate) claims: FulcioCiClaims,
}

/// A check that was made and passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What was looked at, in the field's own words: `identity`, `inclusion proof`.
    pub name: String,
    /// What would have passed.
    pub expected: String,
    /// What was there.
    pub found: String,
}

impl Evidence {
    /// Who signed.
    #[must_use]
    pub fn signed_by(&self) -> &SignedBy {
        &self.signed_by
    }

    /// What the certificate says; none when a key signed.
    #[must_use]
    pub fn certificate(&self) -> Option<&CertificateClaims> {
        match &self.signed_by {
            SignedBy::Identity(certificate) => Some(certificate),
            SignedBy::Key(_) => None,
        }
    }

    /// A claim of the certificate's.
    #[must_use]
    pub fn claim(&self, claim: Claim) -> Option<&str> {
        self.certificate()?.claim(claim)
    }

    /// The earliest time that a log or a timestamp authority vouches for. None only where a log
    /// entry was waived.
    #[must_use]
    pub fn signed_at(&self) -> Option<Instant> {
        self.signed_at
    }

    /// What was signed: the file, or a statement about it.
    #[must_use]
    pub fn content(&self) -> Content {
        self.content
    }

    /// Every check that was made, in the order of reading.
    #[must_use]
    pub fn checks(&self) -> &[Check] {
        &self.checks
    }
}

impl CertificateClaims {
    /// The identity that signed: the certificate's subject alternative name.
    #[must_use]
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// The OIDC issuer that vouched for the identity.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// What the certificate claims, where it does.
    #[must_use]
    pub fn claim(&self, claim: Claim) -> Option<&str> {
        let claims = &self.claims;
        match claim {
            Claim::RunnerEnvironment => claims.runner_environment.as_deref(),
            Claim::SourceRepository => claims.source_repository_uri.as_deref(),
            Claim::SourceCommit => claims.source_repository_digest.as_deref(),
            Claim::SourceReference => claims.source_repository_ref.as_deref(),
            Claim::SourceRepositoryId => claims.source_repository_identifier.as_deref(),
            Claim::SourceOwnerId => claims.source_repository_owner_identifier.as_deref(),
            Claim::BuildTrigger => claims.build_trigger.as_deref(),
            Claim::RunInvocation => claims.run_invocation_uri.as_deref(),
        }
    }
}

impl Check {
    pub(crate) fn new(
        name: impl fmt::Display,
        expected: impl fmt::Display,
        found: impl fmt::Display,
    ) -> Self {
        Self {
            name: name.to_string(),
            expected: expected.to_string(),
            found: found.to_string(),
        }
    }
}

impl fmt::Display for SignedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Identity(certificate) => f.write_str(&certificate.identity),
            Self::Key(sha256) => write!(f, "the key sha256:{sha256}"),
        }
    }
}
