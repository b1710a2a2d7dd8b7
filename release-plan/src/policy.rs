//! Who may sign what, as data. The check itself is `trust`'s.
//!
//! Source of the claims: Fulcio's certificate extensions, `1.3.6.1.4.1.57264.1.N`
//! (<https://github.com/sigstore/fulcio/blob/main/docs/oid-info.md>).

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{CommitId, Product, Tag};

/// A claim that Fulcio copies from a CI job's token into the certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Claim {
    /// `.11`: who runs the machine that ran the job.
    RunnerEnvironment,
    /// `.12`: URL of the repository.
    SourceRepository,
    /// `.13`: commit that the job ran on.
    SourceCommit,
    /// `.14`: git reference that the job ran on.
    SourceReference,
    /// `.15`: numeric id of the repository, which outlives a rename.
    SourceRepositoryId,
    /// `.17`: numeric id of the repository's owner.
    SourceOwnerId,
    /// `.20`: event that started the job.
    BuildTrigger,
    /// `.21`: URL of the run that the job was in, and of its attempt.
    RunInvocation,
}

impl Claim {
    /// Every claim.
    pub const ALL: [Self; 7] = [
        Self::RunnerEnvironment,
        Self::SourceRepository,
        Self::SourceCommit,
        Self::SourceReference,
        Self::SourceRepositoryId,
        Self::SourceOwnerId,
        Self::BuildTrigger,
    ];
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::RunnerEnvironment => "runner environment",
            Self::SourceRepository => "source repository",
            Self::SourceCommit => "source commit",
            Self::SourceReference => "source reference",
            Self::SourceRepositoryId => "source repository id",
            Self::SourceOwnerId => "source owner id",
            Self::BuildTrigger => "build trigger",
            Self::RunInvocation => "run invocation",
        })
    }
}

/// A claim and the values any of which satisfies it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expectation {
    /// Which claim.
    pub claim: Claim,
    /// What it may say.
    pub one_of: Vec<String>,
}

/// What a transparency log must have given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogEvidence {
    /// All that it can give: a proof that the entry is in the log, up to a checkpoint that the log
    /// signed, and the signed promise that a log of Rekor's API v1 answers with.
    Whole,
    /// What all verifiers take: a proof, or in a bundle v0.1 the promise alone.
    Any,
}

/// What a certificate must say, exactly, and how it must have been logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// The subject alternative name, a URI.
    pub identity: String,
    /// The OIDC issuer.
    pub issuer: String,
    /// Claims that must be there and have one of the expected values.
    pub claims: Vec<Expectation>,
    /// What the log must have given.
    pub log_evidence: LogEvidence,
}

impl Policy {
    /// The build trigger of a job that somebody started by hand.
    pub const BY_A_PERSON: &str = "workflow_dispatch";
    /// The build trigger of a job that started by its schedule.
    pub const BY_THE_CLOCK: &str = "schedule";

    /// One identity and its issuer, whatever else the certificate claims.
    #[must_use]
    pub fn of_identity(identity: &str, issuer: &str) -> Self {
        Self {
            identity: identity.to_owned(),
            issuer: issuer.to_owned(),
            claims: Vec::new(),
            log_evidence: LogEvidence::Any,
        }
    }

    fn of_github_job(product: &Product, workflow: &str, reference: &str, events: &[&str]) -> Self {
        let repository = &product.repository;
        let exactly = |claim, value: String| Expectation {
            claim,
            one_of: vec![value],
        };
        Self {
            identity: format!("{}/{workflow}@{reference}", repository.url),
            issuer: product.identities.issuer.clone(),
            claims: vec![
                exactly(Claim::SourceRepository, repository.url.clone()),
                exactly(Claim::SourceRepositoryId, repository.id.to_string()),
                exactly(Claim::SourceOwnerId, repository.owner_id.to_string()),
                exactly(Claim::SourceReference, reference.to_owned()),
                exactly(Claim::RunnerEnvironment, "github-hosted".to_owned()),
                Expectation {
                    claim: Claim::BuildTrigger,
                    one_of: events.iter().map(|&event| event.to_owned()).collect(),
                },
            ],
            log_evidence: LogEvidence::Whole,
        }
    }

    /// Who may sign the assets of `tag`: the release workflow, started by the push of that very
    /// tag. The tag is the one already chosen, never one read off a bundle.
    #[must_use]
    pub fn of_release(product: &Product, tag: &Tag) -> Self {
        let workflow = &product.identities.release_workflow;
        Self::of_github_job(product, workflow, &tag.reference(), &["push"])
    }

    /// Who may sign channel pointers: the channel workflow on the default branch, started by a
    /// person or by the clock.
    #[must_use]
    pub fn of_channel(product: &Product) -> Self {
        Self::of_channel_job(product, &[Self::BY_A_PERSON, Self::BY_THE_CLOCK])
    }

    /// Who may choose what a channel pointer selects: that workflow, started by a person.
    #[must_use]
    pub fn of_selection(product: &Product) -> Self {
        Self::of_channel_job(product, &[Self::BY_A_PERSON])
    }

    fn of_channel_job(product: &Product, events: &[&str]) -> Self {
        let identities = &product.identities;
        let reference = format!("refs/heads/{}", identities.default_branch);
        Self::of_github_job(product, &identities.channel_workflow, &reference, events)
    }

    /// This policy, and the commit that the job must have run on.
    #[must_use]
    pub fn at_commit(mut self, commit: &CommitId) -> Self {
        self.claims.push(Expectation {
            claim: Claim::SourceCommit,
            one_of: vec![commit.to_string()],
        });
        self
    }
}
