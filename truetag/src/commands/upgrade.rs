//! `upgrade`: from the channel's pointer, or a version named, to that version being current.

use release_plan::{Channel, Tag, Version};
use trust::VerifiedRelease;

use super::Upgrade;
use crate::app::App;
use crate::clock;
use crate::decide::{Chosen, Seen, Stay};
use crate::failure::Failure;
use crate::fetch::{Fetcher, archive_for};
use crate::home::{Home, LockedHome};
use crate::install::{is_installed, make_current};
use crate::interrupt;
use crate::output::say;
use crate::refresh;
use crate::root::Root;
use crate::source::Source;

pub(super) fn run(app: &App, args: &Upgrade) -> Result<(), Failure> {
    app.released("install a release with the installer, and upgrade that")?;
    let home = Home::locate(app)?;
    let flag = args.root.trusted_root.as_deref();
    let mirror = args.mirror.mirror.as_ref();
    let mut root = Root::choose(app, flag)?;
    let home = home.lock()?;
    interrupt::watch()?;
    home.home().check_root(&root.name)?;
    if flag.is_none() && refresh::when_due(app, &home, mirror) {
        root = Root::choose(app, None)?;
    }
    let installed = home.home().current()?;
    let source = Source::choose(&app.product, mirror);
    let fetcher = Fetcher::new(app, &root.keys, source);
    let chosen = match &args.version {
        Some(version) => {
            let tag = Tag::of(version).map_err(Failure::Version)?;
            Chosen::by_name(tag, &installed)
        }
        None => follow(app, &home, &fetcher, args.channel, &installed)?,
    };
    match chosen {
        Ok(chosen) => {
            if let Some(reason) = chosen.leaves() {
                say(format_args!(
                    "{installed}, which is installed, is yanked: {reason}"
                ));
            }
            let release = fetcher.release(&chosen)?;
            chosen.fits_over(release.manifest(), &installed)?;
            move_to(app, &home, &fetcher, &release, &installed)?;
        }
        Err(stay @ (Stay::AlreadyThere { .. } | Stay::Stale { .. })) => say(stay),
        Err(stay) => return Err(stay.into()),
    }
    if let Some(channel) = args.channel {
        home.set_channel(channel)?;
    }
    Ok(())
}

/// Decides by the pointer of the channel that is followed.
fn follow(
    app: &App,
    home: &LockedHome<'_>,
    fetcher: &Fetcher<'_>,
    asked: Option<Channel>,
    installed: &Version,
) -> Result<Result<Chosen, Stay>, Failure> {
    let followed = home.home().channel()?;
    let channel = asked.or(followed).unwrap_or(app.product.channels.default);
    let pointer = fetcher.pointer(channel)?;
    let before = home.home().seen(channel)?;
    let seen = Seen {
        sequence: pointer.pointer().sequence,
        selection: pointer.selection(),
    };
    home.saw(channel, seen)?;
    Ok(Chosen::by_pointer(pointer, before, clock::now(), installed))
}

fn move_to(
    app: &App,
    home: &LockedHome<'_>,
    fetcher: &Fetcher<'_>,
    release: &VerifiedRelease,
    installed: &Version,
) -> Result<(), Failure> {
    let manifest = release.manifest();
    let asset = archive_for(release, &app.target)?;
    let archive = if is_installed(home, &manifest.version, asset.sha256)? {
        None
    } else {
        Some(fetcher.archive(release, asset, home.home())?)
    };
    make_current(app, home, release, archive)?;
    let moved = if manifest.version < *installed {
        "took back"
    } else {
        "upgraded"
    };
    say(format_args!(
        "{moved} {} from {installed} to {}",
        app.product.name, manifest.version
    ));
    Ok(())
}
