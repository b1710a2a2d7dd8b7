//! GitHub and Sigstore together, each on a port of its own: the world that a release needs.

use std::io;

use crate::Server;
use crate::github::{GitHub, Repository};
use crate::sigstore::{self, AmbientToken, Job, Services, Sigstore};

/// A GitHub with one repository, and a Sigstore that believes its jobs, until dropped.
pub struct Loopback {
    /// The GitHub.
    pub github: GitHub,
    /// The Sigstore.
    pub sigstore: Sigstore,
    repository: Repository,
    github_server: Server,
    sigstore_server: Server,
}

/// Why the services could not be started.
#[derive(Debug, thiserror::Error)]
pub enum LoopbackError {
    /// Loopback cannot be bound, or a runtime cannot be started.
    #[error("cannot listen on 127.0.0.1: {0}")]
    Listen(#[from] io::Error),
    /// Keys or certificates cannot be made.
    #[error(transparent)]
    Sigstore(#[from] sigstore::Error),
}

impl Loopback {
    /// Starts both, for `repository`, which `token` alone may write to.
    ///
    /// # Errors
    /// When loopback cannot be bound or keys cannot be made.
    pub fn start(repository: Repository, token: &str) -> Result<Self, LoopbackError> {
        let github = GitHub::new(repository.clone(), token);
        let sigstore = Sigstore::new()?;
        Ok(Self {
            github_server: Server::start(|at| github.router(&format!("http://{at}")))?,
            sigstore_server: Server::start(|_| sigstore.router())?,
            github,
            sigstore,
            repository,
        })
    }

    /// Base URL of GitHub's API.
    #[must_use]
    pub fn api_url(&self) -> String {
        self.github_server.url()
    }

    /// Base URL of the static tree that consumers read.
    #[must_use]
    pub fn mirror(&self) -> String {
        format!(
            "{}/{}",
            self.github_server.url(),
            self.repository.full_name()
        )
    }

    /// Whose keys sign here, as `trusted_root.json`.
    #[must_use]
    pub fn trusted_root_json(&self) -> String {
        self.sigstore.trusted_root_json(&self.sigstore_server.url())
    }

    /// The same as sigstore-python takes it.
    #[must_use]
    pub fn client_trust_config_json(&self) -> String {
        self.sigstore
            .client_trust_config_json(&self.sigstore_server.url())
    }

    /// Where to sign.
    #[must_use]
    pub fn services(&self) -> Services {
        Sigstore::services(&self.sigstore_server.url())
    }

    /// Lets a job ask for ID tokens, and returns what GitHub puts into its environment.
    #[must_use]
    pub fn admit(&self, job: Job) -> AmbientToken {
        self.sigstore.admit(&self.sigstore_server.url(), job)
    }

    /// A job of this repository.
    #[must_use]
    pub fn job(&self, workflow: &str, reference: &str, commit: &str, event: &str) -> Job {
        Job::of(&self.repository, workflow, reference, commit, event)
    }
}
