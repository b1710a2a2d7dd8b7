//! `self settle`: run from `versions/<v>/`, a program that is past its trial becomes the launcher,
//! and versions that nobody needs any more go.

use super::Settle;
use super::activate::{in_place, locked};
use crate::app::App;
use crate::failure::Failure;
use crate::install::replace_launcher;

pub(super) fn run(app: &App, args: &Settle) -> Result<(), Failure> {
    let (home, version) = in_place(app)?;
    let home = locked(&home, args.locked)?;
    replace_launcher(home.home(), version)?;
    home.sweep_versions()?;
    Ok(())
}
