//! `upgrade`: from the channel's pointer, or a version named, to that version being current.

use release_plan::{Tag, Version};
use serde::Serialize;
use trust::VerifiedRelease;

use super::Upgrade;
use crate::app::App;
use crate::clock;
use crate::decide::{self, Chosen, Stay};
use crate::failure::Failure;
use crate::fetch::{Fetcher, Followed, Saw, archive_for};
use crate::home::Home;
use crate::install::{fetch_unless_installed, make_current};
use crate::interrupt;
use crate::output::{self, say};
use crate::refresh;
use crate::root::Root;
use crate::source::Source;

/// What an upgrade came to.
#[derive(Serialize)]
struct Report {
    /// What was installed when it began.
    from: Version,
    /// What is current now, or would be.
    to: Version,
    /// Whether `to` is current because of this run.
    changed: bool,
    dry_run: bool,
    /// Why it stayed.
    reason: Option<String>,
}

pub(super) fn run(app: &App, args: &Upgrade) -> Result<(), Failure> {
    super::unmanaged(app)?;
    app.released("install a release with the installer, and upgrade that")?;
    let home = Home::locate(app)?;
    let report = if args.dry_run {
        rehearse(app, &home, args)?
    } else {
        upgrade(app, &home, args)?
    };
    let Report {
        from,
        to,
        changed,
        dry_run,
        reason,
    } = &report;
    let name = &app.product.name;
    match reason {
        Some(reason) => say(reason),
        None if *dry_run => say(format_args!("would upgrade {name} from {from} to {to}")),
        None if to < from => say(format_args!("took back {name} from {from} to {to}")),
        None => say(format_args!("upgraded {name} from {from} to {to}")),
    }
    if *changed && to > from {
        say(format_args!("what it brings: {name} whats-new"));
    }
    let trial = home.trial()?;
    if *changed && trial.is_some_and(|trial| trial.version == *to) {
        say("it is on trial: if it does not work, the version before comes back by itself");
    }
    if args.json {
        output::json(&report)?;
    }
    Ok(())
}

fn upgrade(app: &App, home: &Home, args: &Upgrade) -> Result<Report, Failure> {
    let flag = args.root.trusted_root.as_deref();
    let mirror = args.mirror.mirror.as_ref();
    let mut root = Root::choose(app, flag)?;
    let locked = home.lock()?;
    interrupt::watch()?;
    home.check_root(&root.name)?;
    let installed = home.current()?;
    decide::let_go(home.hold()?, &installed)?;
    if flag.is_none() && refresh::when_due(app, &locked, mirror) {
        root = Root::choose(app, None)?;
    }
    let fetcher = Fetcher::new(app, &root.keys, Source::choose(&app.product, mirror));
    let (chosen, saw) = choose(app, home, &fetcher, args, &installed)?;
    if let Some(saw) = saw {
        saw.keep(&locked)?;
    }
    let report = |to: &Version, reason: Option<Stay>| Report {
        from: installed.clone(),
        to: to.clone(),
        changed: *to != installed,
        dry_run: false,
        reason: reason.map(|stay| stay.to_string()),
    };
    let report = match chosen {
        Ok(chosen) => {
            let release = resolve(&fetcher, &chosen, &installed)?;
            let archive = fetch_unless_installed(app, &locked, &fetcher, &release)?;
            make_current(app, &locked, &release, archive)?;
            report(&release.manifest().version, None)
        }
        Err(stay) if stay.is_no_failure() => report(&installed, Some(stay)),
        Err(stay) => return Err(stay.into()),
    };
    if let Some(channel) = args.channel {
        locked.set_channel(channel)?;
    }
    Ok(report)
}

/// The way of an upgrade up to where it would write.
fn rehearse(app: &App, home: &Home, args: &Upgrade) -> Result<Report, Failure> {
    let root = Root::choose(app, args.root.trusted_root.as_deref())?;
    home.check_root(&root.name)?;
    let installed = home.current()?;
    decide::let_go(home.hold()?, &installed)?;
    let source = Source::choose(&app.product, args.mirror.mirror.as_ref());
    let fetcher = Fetcher::new(app, &root.keys, source);
    let (chosen, _) = choose(app, home, &fetcher, args, &installed)?;
    let (to, reason) = match chosen {
        Ok(chosen) => {
            let release = resolve(&fetcher, &chosen, &installed)?;
            archive_for(&release, &app.target)?;
            (release.manifest().version.clone(), None)
        }
        Err(stay) if stay.is_no_failure() => (installed.clone(), Some(stay.to_string())),
        Err(stay) => return Err(stay.into()),
    };
    Ok(Report {
        from: installed,
        to,
        changed: false,
        dry_run: true,
        reason,
    })
}

/// What to move to, and the pointer that was looked at.
fn choose(
    app: &App,
    home: &Home,
    fetcher: &Fetcher<'_>,
    args: &Upgrade,
    installed: &Version,
) -> Result<(Result<Chosen, Stay>, Option<Saw>), Failure> {
    if let Some(version) = &args.version {
        let tag = Tag::of(version).map_err(Failure::Version)?;
        return Ok((Chosen::by_name(tag, installed, args.allow_downgrade), None));
    }
    let followed = home.followed(app)?;
    let channel = args.channel.unwrap_or(followed);
    let before = home.seen(channel)?;
    let Followed { pointer, saw } = fetcher.pointer(channel, home, before)?;
    let shuns = home.shuns()?;
    let chosen = Chosen::by_pointer(pointer, before, clock::now(), installed, &shuns);
    Ok((chosen, Some(saw)))
}

/// The release that was chosen, which may stand in place of the installed one.
fn resolve(
    fetcher: &Fetcher<'_>,
    chosen: &Chosen,
    installed: &Version,
) -> Result<VerifiedRelease, Failure> {
    if let Some(reason) = chosen.leaves() {
        say(format_args!(
            "{installed}, which is installed, is yanked: {reason}"
        ));
    }
    let release = fetcher.release(chosen)?;
    chosen.fits_over(release.manifest(), installed)?;
    Ok(release)
}
