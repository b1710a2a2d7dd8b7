//! A small publication, and what a GitHub has of it.

use std::collections::BTreeMap;
use std::fs;

use rehearsal::github::Listed;
use release_plan::{AssetName, BUNDLE_SUFFIX, Measured, Sha256};
use tempfile::TempDir;

use super::{Publication, Publisher};
use crate::Failure;
use crate::clock::Clock;
use crate::github::Release;
use crate::trial::{COMMIT, TOKEN, World, block_on};

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

impl World {
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
        block_on(self.publishing(token, clock, publication))
    }

    pub(super) async fn publishing(
        &self,
        token: &str,
        clock: &Clock,
        publication: &Publication,
    ) -> Result<Release, Failure> {
        let github = self.client(token);
        let publisher = Publisher::new(&github, clock.clone(), publication);
        publisher.run().await
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
