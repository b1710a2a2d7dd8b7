//! `renew`: lets the pointers live on, without a change to what they select. This is what the
//! channel workflow does on its schedule.

use super::trusted_root;
use crate::channels::branch::Mover;
use crate::channels::decide::{self, Refused};
use crate::channels::public::Public;
use crate::project::Project;
use crate::{Failure, cli};

pub(super) async fn run(arguments: &cli::Renew) -> Result<(), Failure> {
    let product = Project::product()?;
    let moving = &arguments.moving;
    let root = trusted_root(moving.root.trusted_root.as_deref())?;
    let public = Public::new(&product, &root, moving.mirror.as_deref())?;
    let mover = Mover::new(&product, &root, &public, &moving.rights)?;
    mover
        .carry_out(async |standings, now| {
            decide::renew(&product, standings, arguments.all, now).map_err(Refused::into_failure)
        })
        .await
}
