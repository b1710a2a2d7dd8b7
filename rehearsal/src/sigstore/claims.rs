//! What GitHub states about a running job in its ID token. Relies on GitHub's documentation of the
//! OpenID Connect claims; numbers travel as strings there.

use jiff::{SignedDuration, Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

use super::oidc::ISSUER;
use crate::github::Repository;

/// One job of one workflow run, as far as its ID token tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// `owner/name`.
    pub repository: String,
    /// Identifier that outlives a renaming of the repository.
    pub repository_id: u64,
    /// Identifier that outlives a renaming of the owner.
    pub owner_id: u64,
    /// `public`, `private` or `internal`.
    pub visibility: String,
    /// The workflow's file in its repository: `.github/workflows/release.yml`.
    pub workflow: String,
    /// The reusable workflow that the job runs, when that is another repository's:
    /// `owner/name/.github/workflows/release.yml@refs/heads/main`.
    pub called: Option<String>,
    /// The workflow's `name`.
    pub workflow_name: String,
    /// The git ref that started the run: `refs/tags/v1.2.3`.
    pub reference: String,
    /// The commit checked out, 40 hex digits.
    pub commit: String,
    /// The event that started the run: `push`.
    pub event: String,
    /// The deployment environment, when the job has one.
    pub environment: Option<String>,
    /// The run's identifier.
    pub run_id: u64,
    /// 1 for the first attempt.
    pub run_attempt: u64,
    /// `github-hosted` or `self-hosted`.
    pub runner_environment: String,
    /// Who states all this: [`ISSUER`]. Fulcio believes no other.
    pub issuer: String,
    /// How long each ID token is good for from when it is asked for, in whole seconds.
    pub token_life: SignedDuration,
}

impl Job {
    /// The first attempt of a run in a public repository, on GitHub's machines, in no environment. `workflow` is the
    /// path of the workflow's file, which also gives it its name.
    #[must_use]
    pub fn of(
        repository: &Repository,
        workflow: &str,
        reference: &str,
        commit: &str,
        event: &str,
    ) -> Self {
        let file = workflow.rsplit('/').next().unwrap_or_default();
        let name = file.split('.').next().unwrap_or_default();
        Self {
            repository: repository.full_name(),
            repository_id: repository.id,
            owner_id: repository.owner_id,
            visibility: "public".to_owned(),
            workflow: workflow.to_owned(),
            called: None,
            workflow_name: name.to_owned(),
            reference: reference.to_owned(),
            commit: commit.to_owned(),
            event: event.to_owned(),
            environment: None,
            run_id: 1,
            run_attempt: 1,
            runner_environment: "github-hosted".to_owned(),
            issuer: ISSUER.to_owned(),
            token_life: SignedDuration::from_mins(5),
        }
    }

    /// The variables by which GitHub Actions tells every job which run it is in, by name.
    #[must_use]
    pub fn environment(&self) -> [(&'static str, String); 4] {
        [
            ("GITHUB_SERVER_URL", "https://github.com".to_owned()),
            ("GITHUB_REPOSITORY", self.repository.clone()),
            ("GITHUB_RUN_ID", self.run_id.to_string()),
            ("GITHUB_RUN_ATTEMPT", self.run_attempt.to_string()),
        ]
    }
}

/// The claims of an ID token of GitHub Actions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Claims {
    pub(super) iss: String,
    pub(super) aud: String,
    pub(super) sub: String,
    pub(super) jti: String,
    pub(super) iat: i64,
    pub(super) nbf: i64,
    pub(super) exp: i64,
    pub(super) actor: String,
    pub(super) actor_id: String,
    pub(super) base_ref: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) environment: Option<String>,
    pub(super) event_name: String,
    pub(super) head_ref: String,
    pub(super) job_workflow_ref: String,
    pub(super) job_workflow_sha: String,
    #[serde(rename = "ref")]
    pub(super) reference: String,
    pub(super) ref_protected: String,
    pub(super) ref_type: String,
    pub(super) repository: String,
    pub(super) repository_id: String,
    pub(super) repository_owner: String,
    pub(super) repository_owner_id: String,
    pub(super) repository_visibility: String,
    pub(super) run_attempt: String,
    pub(super) run_id: String,
    pub(super) run_number: String,
    pub(super) runner_environment: String,
    pub(super) sha: String,
    pub(super) workflow: String,
    pub(super) workflow_ref: String,
    pub(super) workflow_sha: String,
}

impl Claims {
    /// What GitHub says of `job` at `now` to `audience`. Without an audience the token is for the
    /// repository's owner.
    pub(super) fn of(job: &Job, audience: Option<String>, jti: String, now: Timestamp) -> Self {
        let owner = job.repository.split('/').next().unwrap_or_default();
        let workflow_ref = format!("{}/{}@{}", job.repository, job.workflow, job.reference);
        let subject = match &job.environment {
            Some(environment) => format!("environment:{environment}"),
            None => format!("ref:{}", job.reference),
        };
        let ref_type = if job.reference.starts_with("refs/tags/") {
            "tag"
        } else {
            "branch"
        };
        Self {
            iss: job.issuer.clone(),
            aud: audience.unwrap_or_else(|| format!("https://github.com/{owner}")),
            sub: format!("repo:{}:{subject}", job.repository),
            jti,
            iat: now.as_second(),
            nbf: (now - 10.minutes()).as_second(),
            exp: (now + job.token_life).as_second(),
            actor: owner.to_owned(),
            actor_id: job.owner_id.to_string(),
            base_ref: String::new(),
            environment: job.environment.clone(),
            event_name: job.event.clone(),
            head_ref: String::new(),
            job_workflow_ref: job.called.as_ref().unwrap_or(&workflow_ref).clone(),
            job_workflow_sha: job.commit.clone(),
            reference: job.reference.clone(),
            ref_protected: "false".to_owned(),
            ref_type: ref_type.to_owned(),
            repository: job.repository.clone(),
            repository_id: job.repository_id.to_string(),
            repository_owner: owner.to_owned(),
            repository_owner_id: job.owner_id.to_string(),
            repository_visibility: job.visibility.clone(),
            run_attempt: job.run_attempt.to_string(),
            run_id: job.run_id.to_string(),
            run_number: "1".to_owned(),
            runner_environment: job.runner_environment.clone(),
            sha: job.commit.clone(),
            workflow: job.workflow_name.clone(),
            workflow_ref,
            workflow_sha: job.commit.clone(),
        }
    }
}
