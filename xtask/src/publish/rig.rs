//! A small publication, and a GitHub to put it on.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use rehearsal::Server;
use rehearsal::github::{Listed, Repository};
use release_plan::{AssetName, BUNDLE_SUFFIX, Measured, Sha256};
use tempfile::TempDir;
use tokio::sync::Notify;

use super::{Publication, Publisher};
use crate::Failure;
use crate::clock::Clock;
use crate::github::{GitHub, Release};

pub(super) const TOKEN: &str = "the-token";
pub(super) const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// Longer than loopback ever takes to answer.
const SILENCE: Duration = Duration::from_millis(400);

/// Twelve small files with what stands for their bundles.
pub(super) fn publication() -> (Publication, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let mut files = BTreeMap::new();
    let names = (0..11).map(|number| format!("ember-{number}.tar.gz"));
    for name in names.chain([AssetName::CHECKSUMS.to_owned()]) {
        for name in [format!("{name}{BUNDLE_SUFFIX}"), name] {
            let bytes = format!("what is in {name}\n");
            fs::write(folder.path().join(&name), &bytes).unwrap();
            files.insert(name.parse().unwrap(), Measured::of(bytes.as_bytes()));
        }
    }
    assert_eq!(files.len(), 24);
    let publication = Publication {
        tag: "v1.2.3".parse().unwrap(),
        commit: COMMIT.parse().unwrap(),
        plan: Sha256::of(b"a plan"),
        notes: "Ember 1.2.3".to_owned(),
        folder: folder.path().to_owned(),
        files,
    };
    (publication, folder)
}

/// A GitHub with the tag pushed.
pub(super) struct World {
    pub(super) github: rehearsal::github::GitHub,
    server: Server,
}

impl World {
    pub(super) fn new() -> Self {
        let repository = Repository {
            owner: "example".to_owned(),
            name: "ember".to_owned(),
            id: 71,
            owner_id: 72,
        };
        let github = rehearsal::github::GitHub::new(repository, TOKEN);
        github.push_branch("main", COMMIT);
        github.push_tag("v1.2.3", COMMIT);
        let server = Server::start(|at| github.router(&format!("http://{at}"))).unwrap();
        Self { github, server }
    }

    /// One publisher, with a clock that stands still while nobody sleeps.
    pub(super) fn publish(&self, publication: &Publication) -> Result<Release, Failure> {
        self.publish_as(TOKEN, &Clock::moved(), publication)
    }

    /// The same with a token and a clock of its own.
    pub(super) fn publish_as(
        &self,
        token: &str,
        clock: &Clock,
        publication: &Publication,
    ) -> Result<Release, Failure> {
        block_on(async {
            let github = self.client(token);
            let publisher = Publisher::new(&github, clock.clone(), publication);
            publisher.run().await
        })
    }

    /// The same in a process of its own, as far as GitHub can tell, until it ends or `killed`.
    pub(super) fn publish_until(
        &self,
        killed: &Notify,
        publication: &Publication,
    ) -> Option<Result<Release, Failure>> {
        block_on(async {
            let github = self.client(TOKEN);
            let publisher = Publisher::new(&github, Clock::moved(), publication);
            tokio::select! {
                biased;
                () = killed.notified() => None,
                ended = publisher.run() => Some(ended),
            }
        })
    }

    pub(super) fn client(&self, token: &str) -> GitHub {
        let url = self.server.url();
        GitHub::of(&url, "example/ember", token.to_owned(), SILENCE).unwrap()
    }

    /// The public sees nothing, or one whole release.
    #[track_caller]
    pub(super) fn assert_whole(&self, publication: &Publication, case: &str) {
        let mut public = self.github.releases();
        public.retain(|release| release.public);
        assert!(
            public.is_empty() || public == [whole(publication)],
            "{case}: the public sees {public:#?}"
        );
    }

    /// There is one release, whole and public, and nothing else.
    #[track_caller]
    pub(super) fn assert_done(&self, publication: &Publication, case: &str) {
        assert_eq!(self.github.releases(), [whole(publication)], "{case}");
    }
}

/// Waits on a runtime that ends with it, and whatever is connected by it.
pub(super) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(future)
}

pub(super) fn whole(publication: &Publication) -> Listed {
    let digest = |measured: &Measured| Some(measured.sha256().to_string());
    let files = publication.files.iter();
    Listed {
        tag: publication.tag.to_string(),
        public: true,
        assets: files
            .map(|(name, measured)| (name.to_string(), digest(measured)))
            .collect(),
    }
}
