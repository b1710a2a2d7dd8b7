//! `self install`: what the install script calls once the archive's digest is checked. From here
//! on signatures are verified, for exactly the release that this program says it is.

use std::path::{Path, PathBuf};

use release_plan::Tag;

use super::Install;
use crate::app::App;
use crate::decide::{self, Chosen};
use crate::failure::Failure;
use crate::fetch::{Fetcher, admit_file, archive_for};
use crate::files::at;
use crate::home::Home;
use crate::install::{is_installed, make_current, put_launcher};
use crate::interrupt;
use crate::output::say;
use crate::path::{self, Place};
use crate::root::Root;
use crate::source::Source;

pub(super) fn run(app: &App, args: &Install) -> Result<(), Failure> {
    let version = app.released("only a released program installs itself")?;
    let home = match &args.dir {
        Some(folder) => Home::at(app, absolute(folder)?),
        None => Home::locate(app)?,
    };
    let root = Root::choose(app, args.root.trusted_root.as_deref())?;
    let tag = Tag::of(version).map_err(Failure::Version)?;
    let source = Source::choose(&app.product, args.mirror.mirror.as_ref());
    let own = Chosen::own(tag);
    let release = Fetcher::new(app, &root.keys, source).release(&own)?;
    let asset = archive_for(&release, &app.target)?;
    // Until here nothing was written: a home is made for what verified.
    let home = home.create()?;
    interrupt::watch()?;
    home.bind(&root.name)?;
    // A current that cannot be read is what a second installation mends.
    let installed = home.home().current().ok();
    if let Some(installed) = &installed {
        own.fits_over(release.manifest(), installed)?;
        if installed != version {
            decide::let_go(home.home().hold()?, installed)?;
        }
    }
    let archive = admit_file(&release, asset, &args.archive, home.home())?;
    let archive = (!is_installed(&home, version, asset.sha256)?).then_some(archive);
    make_current(app, &home, &release, archive)?;
    put_launcher(&home, version)?;
    // Until now the launcher may have had nothing to run.
    home.end_removal()?;
    if let Some(channel) = args.channel {
        home.set_channel(channel)?;
    }
    say(format_args!(
        "installed {} {version} in {}",
        app.product.name,
        home.home().root().display()
    ));
    let place = Place {
        product: &app.product.name,
        home: home.home().root(),
    };
    for line in path::add(place, !args.no_modify_path)?.lines {
        say(line);
    }
    Ok(())
}

fn absolute(folder: &Path) -> Result<PathBuf, Failure> {
    Ok(std::path::absolute(folder).map_err(at("find", folder))?)
}
