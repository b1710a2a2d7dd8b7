//! `upgrade`: from the channel's pointer, or a version named, to that version being current.

use std::time::{SystemTime, UNIX_EPOCH};

use release_plan::{Channel, Instant, Tag, Version};
use trust::VerifiedRelease;

use super::Upgrade;
use crate::app::App;
use crate::decide::{Chosen, Stay, fits_over};
use crate::failure::Failure;
use crate::fetch::{Fetcher, archive_for};
use crate::home::{Home, LockedHome};
use crate::install::{is_installed, make_current};
use crate::interrupt;
use crate::output::say;
use crate::root::Root;
use crate::source::Source;

pub(super) fn run(app: &App, args: &Upgrade) -> Result<(), Failure> {
    app.released("install a release with the installer, and upgrade that")?;
    let home = Home::locate(app)?;
    let root = Root::choose(args.root.trusted_root.as_deref())?;
    let home = home.lock()?;
    interrupt::watch()?;
    home.home().check_root(root.name)?;
    let installed = home.home().current()?;
    let source = Source::choose(&app.product, args.mirror.mirror.as_ref());
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
            let release = fetcher.release(&chosen)?;
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
    let seen = home.home().sequence(channel)?;
    home.saw_sequence(channel, pointer.pointer().sequence)?;
    Ok(Chosen::by_pointer(pointer, seen, now(), installed))
}

fn move_to(
    app: &App,
    home: &LockedHome<'_>,
    fetcher: &Fetcher<'_>,
    release: &VerifiedRelease,
    installed: &Version,
) -> Result<(), Failure> {
    let manifest = release.manifest();
    fits_over(manifest, installed)?;
    let asset = archive_for(release, &app.target)?;
    let archive = if is_installed(home, &manifest.version, asset.sha256)? {
        None
    } else {
        Some(fetcher.archive(release, asset, home.home())?)
    };
    make_current(app, home, release, archive)?;
    say(format_args!(
        "upgraded {} from {installed} to {}",
        app.product.name, manifest.version
    ));
    Ok(())
}

/// The clock, in whole seconds. A clock before 1970 is as good as one that stands at it.
fn now() -> Instant {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let seconds = since.map_or(0, |since| since.as_secs());
    i64::try_from(seconds)
        .ok()
        .and_then(Instant::from_seconds)
        .unwrap_or_else(|| Instant::from_seconds(0).expect("1970 can be written"))
}
