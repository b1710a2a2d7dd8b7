//! `promote`: points a channel at a public release, after its soak.

use release_plan::{Exit, Tag};

use super::trusted_root;
use crate::channels::branch::Mover;
use crate::channels::decide::{self, Candidate, Promotion, Refused};
use crate::channels::public::Public;
use crate::failure::Exiting as _;
use crate::github::GitHubError;
use crate::project::Project;
use crate::{Failure, cli};

pub(super) async fn run(arguments: &cli::Promote) -> Result<(), Failure> {
    let product = Project::product()?;
    let moving = &arguments.moving;
    let root = trusted_root(moving.root.trusted_root.as_deref())?;
    let tag = Tag::of(&arguments.version).or_exit(Exit::Input)?;
    let public = Public::new(&product, &root, moving.mirror.as_deref())?;
    let candidate = Candidate::of(&public.release(&tag).await?);
    let patched = match &arguments.bootstrap_tag {
        Some(tag) => Some(public.scripts(tag).await?),
        None => None,
    };
    let mover = Mover::new(&product, &root, &public, &moving.rights)?;
    let to_branch = if arguments.version.pre.is_empty() {
        None
    } else {
        let branch = &product.identities.default_branch;
        let compared = mover.github.compare(branch, &candidate.commit).await;
        compared.map_err(GitHubError::into_failure)?
    };
    let promotion = Promotion {
        channel: arguments.channel,
        candidate,
        to_branch,
        patched,
        override_reason: arguments.override_reason.clone(),
    };
    mover
        .carry_out(async |standings, now| {
            decide::promote(&product, standings, &promotion, now).map_err(Refused::into_failure)
        })
        .await
}
