//! `install`: a version beside the current one, for a project or by name.

use release_plan::{Channel, Tag, Version};
use trust::VerifiedRelease;

use super::{Beside, MirrorFlag, RootFlag};
use crate::app::App;
use crate::clock;
use crate::decide::{Chosen, Stay};
use crate::failure::Failure;
use crate::fetch::{Fetcher, Followed};
use crate::home::{Home, LockedHome};
use crate::install::{fetch_unless_installed, install};
use crate::interrupt;
use crate::launch::{self, ChoiceError, Pin};
use crate::output::say;
use crate::root::Root;
use crate::source::Source;

/// What to install.
enum Wanted {
    /// By a person's word.
    Named(Version),
    /// By a project's.
    Pinned(Version, Pin),
    /// What a channel selects, for a project.
    Selected(Channel),
}

const REMEDY: &str = "install a release with the installer, and let that install others";

pub(super) fn run(app: &App, args: &Beside) -> Result<(), Failure> {
    super::unmanaged(app)?;
    app.released(REMEDY)?;
    let wanted = match &args.version {
        Some(version) => Wanted::Named(version.clone()),
        None => by_project(app)?,
    };
    install_wanted(app, wanted, &args.mirror, &args.root)
}

/// Installs what the project asks for that the launcher is in.
pub(super) fn for_project(app: &App) -> Result<(), Failure> {
    app.released(REMEDY)?;
    let mirror = MirrorFlag { mirror: None };
    let root = RootFlag { trusted_root: None };
    install_wanted(app, by_project(app)?, &mirror, &root)
}

fn by_project(app: &App) -> Result<Wanted, Failure> {
    let Some(pin) = launch::pin_here(app).map_err(launch::LaunchError::from)? else {
        return Err(Failure::NothingPinned {
            file: launch::pin_file(app),
        });
    };
    match (&pin.asks.version, pin.asks.channel) {
        (Some(version), _) => Ok(Wanted::Pinned(version.clone(), pin)),
        (None, Some(channel)) => Ok(Wanted::Selected(channel)),
        (None, None) => Err(Failure::NothingPinned {
            file: pin.file.display().to_string(),
        }),
    }
}

fn install_wanted(
    app: &App,
    wanted: Wanted,
    mirror: &MirrorFlag,
    root: &RootFlag,
) -> Result<(), Failure> {
    let home = Home::locate(app)?;
    let root = Root::choose(app, root.trusted_root.as_deref())?;
    let home = home.lock()?;
    interrupt::watch()?;
    home.home().check_root(&root.name)?;
    let source = Source::choose(&app.product, mirror.mirror.as_ref());
    let fetcher = Fetcher::new(app, &root.keys, source);
    let chosen = match &wanted {
        Wanted::Named(version) => by_name(version)?,
        Wanted::Pinned(version, pin) => {
            may_run(home.home(), version, pin)?;
            by_name(version)?
        }
        Wanted::Selected(channel) => by_channel(&home, &fetcher, *channel)?,
    };
    let release = fetcher.release(&chosen)?;
    let version = release.manifest().version.clone();
    let fresh = take(app, &home, &fetcher, &release)?;
    // From here on a sweep leaves it.
    match wanted {
        Wanted::Named(_) => home.keep(&version)?,
        Wanted::Pinned(_, pin) => launch::remember_pin(home.home(), &version, &pin.file),
        Wanted::Selected(channel) => home.select(channel, &version)?,
    }
    let current = home.home().current()?;
    say(if fresh {
        format!("installed {} {version} beside {current}", app.product.name)
    } else {
        format!("{} {version} is installed already", app.product.name)
    });
    Ok(())
}

fn by_name(version: &Version) -> Result<Chosen, Failure> {
    Ok(Chosen::own(Tag::of(version).map_err(Failure::Version)?))
}

/// A project's word is no asking by name.
fn may_run(home: &Home, version: &Version, pin: &Pin) -> Result<(), Failure> {
    let current = home.current()?;
    let pinned = launch::pinned(home, &current, pin.clone())?;
    match pinned.refuses(version) {
        None => Ok(()),
        Some(reason) => Err(launch::LaunchError::from(ChoiceError::Refused {
            file: pin.file.clone(),
            version: version.clone(),
            reason,
        })
        .into()),
    }
}

fn by_channel(
    home: &LockedHome<'_>,
    fetcher: &Fetcher<'_>,
    channel: Channel,
) -> Result<Chosen, Failure> {
    let before = home.home().seen(channel)?;
    let Followed { pointer, saw } = fetcher.pointer(channel, home.home(), before)?;
    saw.keep(home)?;
    let shuns = home.home().shuns()?;
    let chosen = Chosen::to_begin_with(pointer, before, clock::now(), &shuns);
    chosen.map_err(|stay: Stay| Failure::NotForProject(Box::new(stay)))
}

/// Installs a release that is not installed yet. Returns whether it was not.
fn take(
    app: &App,
    home: &LockedHome<'_>,
    fetcher: &Fetcher<'_>,
    release: &VerifiedRelease,
) -> Result<bool, Failure> {
    let Some(archive) = fetch_unless_installed(app, home, fetcher, release)? else {
        return Ok(false);
    };
    install(app, home, release, archive)?;
    Ok(true)
}
