//! `yank`: names a version that nobody should run in every channel's pointer, and takes the
//! channels back that point at it.

use std::collections::BTreeMap;

use release_plan::{Channel, Exit, Tag};

use super::trusted_root;
use crate::channels::branch::Mover;
use crate::channels::decide::{self, Candidate, Refused, Standings, Yank};
use crate::channels::public::Public;
use crate::failure::Exiting as _;
use crate::github::{GitHub, GitHubError};
use crate::project::Project;
use crate::{Failure, cli};

pub(super) async fn run(arguments: &cli::Yank) -> Result<(), Failure> {
    let product = Project::product()?;
    let moving = &arguments.moving;
    let root = trusted_root(moving.root.trusted_root.as_deref())?;
    let tag = Tag::of(&arguments.version).or_exit(Exit::Input)?;
    let public = Public::new(&product, &root, moving.mirror.as_deref())?;
    let mover = Mover::new(&product, &root, &public, &moving.rights)?;
    check_known(&mover.github, &tag).await?;
    mover
        .carry_out(async |standings, now| {
            let yank = Yank {
                version: arguments.version.clone(),
                reason: arguments.reason.clone(),
                without_replacement: arguments.without_replacement,
                back: ways_back(&public, standings, arguments).await?,
            };
            decide::yank(&product, standings, &yank, now).map_err(Refused::into_failure)
        })
        .await
}

/// A release whose bytes no longer verify is yanked all the same: that it is there is enough.
async fn check_known(github: &GitHub, tag: &Tag) -> Result<(), Failure> {
    let releases = github.public_releases().await;
    let releases = releases.map_err(GitHubError::into_failure)?;
    if releases
        .iter()
        .any(|release| release.tag_name == tag.to_string())
    {
        return Ok(());
    }
    let message = format!(
        "expected a public release of {}, found none under {tag}; `cargo xtask channels` shows the \
         versions that channels point at",
        tag.version()
    );
    Err(Failure::new(Exit::Input, message))
}

/// What each channel would go back to, if that is public and verifies still.
async fn ways_back(
    public: &Public<'_>,
    standings: &Standings,
    arguments: &cli::Yank,
) -> Result<BTreeMap<Channel, Candidate>, Failure> {
    let mut back = BTreeMap::new();
    for (channel, earlier) in decide::ways_back(standings, &arguments.version) {
        let tag = Tag::of(&earlier.version).or_exit(Exit::Input)?;
        let candidate = Candidate::of(&public.release(&tag).await?);
        if candidate.release_sha256 != earlier.release_sha256 {
            let message = format!(
                "{channel} would go back to {}: expected release.json with sha256:{}, found \
                 sha256:{}; find out who changed what was public",
                earlier.version, earlier.release_sha256, candidate.release_sha256
            );
            return Err(Failure::new(Exit::Refused, message));
        }
        back.insert(channel, candidate);
    }
    Ok(back)
}
