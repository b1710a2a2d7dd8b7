//! The world of a rehearsal: GitHub and Sigstore on loopback, and what CI would give each job.

use std::path::{Path, PathBuf};
use std::process::Command;

use rehearsal::Loopback;
use rehearsal::github::{Access, Permission, Repository};
use rehearsal::sigstore::Job;
use release_plan::{Plan, Product};

use crate::{Failure, files};

/// File name of the trusted root of a rehearsal.
pub(in crate::commands) const TRUSTED_ROOT: &str = "trusted_root.json";
/// Folder of what the pages of a rehearsal hold: pointers with their bundles, and the stub.
pub(in crate::commands) const PAGES: &str = "pages";
/// File name of what its transparency log answers.
pub(in crate::commands) const LOG: &str = "log.json";
/// The same root in the form that sigstore-python takes.
const TRUST_CONFIG: &str = "client_trust_config.json";
/// The tokens that the loopback GitHub takes, of a job and of the repository's owner. They open
/// nothing else.
const TOKEN: &str = "loopback-rehearsal-token";
const OWNER: &str = "loopback-rehearsal-owner";

/// Where the trusted root of the rehearsal in `folder` lies.
pub(super) fn trusted_root(folder: &Path) -> PathBuf {
    folder.join(TRUSTED_ROOT)
}

/// The product's repository, as the loopback GitHub has it.
pub(in crate::commands) fn repository(product: &Product) -> Repository {
    let (owner, name) = product.repository.slug().unwrap_or_default();
    Repository {
        owner: owner.to_owned(),
        name: name.to_owned(),
        id: product.repository.id,
        owner_id: product.repository.owner_id,
    }
}

/// The loopback services for one product.
pub(super) struct World {
    product: Product,
    loopback: Loopback,
}

impl World {
    pub(super) fn start(product: &Product) -> Result<Self, Failure> {
        let loopback = Loopback::start(repository(product), TOKEN)?;
        let rights = [
            Permission::Administration,
            Permission::Contents,
            Permission::Pages,
        ];
        let github = &loopback.github;
        github.admit_token(OWNER, rights.map(|right| (right, Access::Write)));
        Ok(Self {
            product: product.clone(),
            loopback,
        })
    }

    /// Writes whose keys this rehearsal believes.
    pub(super) fn write_roots(&self, folder: &Path) -> Result<(), Failure> {
        let root = self.loopback.trusted_root_json();
        files::write(&trusted_root(folder), root.as_bytes())?;
        let config = self.loopback.client_trust_config_json();
        files::write(&folder.join(TRUST_CONFIG), config.as_bytes())?;
        Ok(())
    }

    /// Keeps what the public of this rehearsal saw, for [`super::super::rehearsal`] to show again.
    pub(super) fn keep(&self, folder: &Path) -> Result<(), Failure> {
        for (path, bytes) in self.loopback.github.pages() {
            let path = folder.join(PAGES).join(path);
            files::make_folder(path.parent().unwrap_or(folder))?;
            files::write(&path, &bytes)?;
        }
        let log = self.loopback.sigstore.entries_json();
        files::write(&folder.join(LOG), log.as_bytes())?;
        Ok(())
    }

    /// What pushing the plan's tag to GitHub does.
    pub(super) fn push(&self, plan: &Plan) {
        let commit = plan.source.commit.as_str();
        let github = &self.loopback.github;
        github.push_branch(&self.product.identities.default_branch, commit);
        github.push_tag(&plan.tag.to_string(), commit);
    }

    /// The static tree that consumers read.
    pub(super) fn mirror(&self) -> String {
        self.loopback.mirror()
    }

    /// The signing job of the release workflow, started by the push of the tag.
    pub(super) fn release_job(&self, plan: &Plan) -> Job {
        let workflow = &self.product.identities.release_workflow;
        let commit = plan.source.commit.as_str();
        self.loopback
            .job(workflow, &plan.tag.reference(), commit, "push")
    }

    /// The job of the channel workflow, dispatched on the default branch.
    pub(super) fn channel_job(&self, plan: &Plan) -> Job {
        let identities = &self.product.identities;
        let reference = format!("refs/heads/{}", identities.default_branch);
        let commit = plan.source.commit.as_str();
        let workflow = &identities.channel_workflow;
        self.loopback
            .job(workflow, &reference, commit, "workflow_dispatch")
    }

    /// Gives a stage what a job with `id-token: write` has, and the addresses to sign with.
    pub(super) fn let_sign(&self, command: &mut Command, job: Job) {
        let services = self.loopback.services();
        command
            .args(["--fulcio-url", &services.fulcio])
            .args(["--rekor-url", &services.rekor])
            .args(["--timestamp-url", &services.timestamp])
            .envs(job.environment())
            .envs(self.loopback.admit(job).environment());
    }

    /// Gives a stage what a job with `contents: write` has, and the address of the API.
    pub(super) fn let_write(&self, command: &mut Command) {
        command
            .args(["--api-url", &self.loopback.api_url()])
            .env("GITHUB_TOKEN", TOKEN);
    }

    /// Gives a stage what the repository's owner has, and the address of the API.
    pub(super) fn let_administrate(&self, command: &mut Command) {
        command
            .args(["--api-url", &self.loopback.api_url()])
            .env("GITHUB_TOKEN", OWNER);
    }
}
