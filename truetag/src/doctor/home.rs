//! Rows about the home: its versions, what is on PATH of them, what it remembers and believes.

use std::fs;
use std::path::Path;

use release_plan::{Pointer, Version};

use super::{Fix, Row};
use crate::app::App;
use crate::clock;
use crate::home::Home;
use crate::install::{digest, has_playbook};
use crate::launch;
use crate::receipt::Receipt;
use crate::refresh;
use crate::remembered::RememberedPointer;

/// Days after which keys that were never refreshed are old.
const OLD_KEYS: i64 = 90;
/// Seconds that clocks may differ.
const TOLERANCE: i64 = 600;

pub(super) fn rows(app: &App, home: &Home) -> Vec<Row> {
    let name = &app.product.name;
    let mut rows = vec![belongs(app)];
    let current = match home.current() {
        Err(error) => {
            rows.push(Row::hard(
                "current",
                error.to_string(),
                "the command on PATH has no version to run",
                "run the installer again",
            ));
            return rows;
        }
        Ok(current) => current,
    };
    rows.push(Row::good("home", home.root().display().to_string()));
    rows.push(Row::good("current", current.to_string()));
    let installed = home.installed().unwrap_or_default();
    rows.extend(installed.iter().map(|it| version(name, home, it, &current)));
    rows.push(launcher(home, &installed, &current));
    rows.extend(remembered(home));
    rows.push(project(app, home, &current));
    rows.push(channel(app, home));
    rows.push(pointer(app, home));
    rows.push(keys(app, home));
    rows.push(clock_row(home, &current));
    rows.push(leftovers(home));
    rows
}

fn belongs(app: &App) -> Row {
    match crate::owner::of(app) {
        None => Row::good(
            "owner",
            format!("nobody manages {}", app.executable.display()),
        ),
        Some(owner) => Row::good(
            "owner",
            format!(
                "{} manages {}: {} upgrades it",
                owner.manager,
                app.executable.display(),
                owner.upgrade
            ),
        ),
    }
}

/// Whether a version is what its receipt says, playbook included.
fn version(name: &str, home: &Home, version: &Version, current: &Version) -> Row {
    let wrong = |found: String| {
        let found = format!("{version}: {found}");
        let mend = format!("{name} install {version}");
        if version == current {
            let means = "what runs is not what was verified";
            Row::hard("version", found, means, mend)
        } else {
            let means = "it cannot be gone back to";
            Row::soft("version", found, means, mend)
        }
    };
    let folder = home.version(version);
    let receipt = match Receipt::read(&folder) {
        Ok(receipt) => receipt,
        Err(error) => return wrong(error.to_string()),
    };
    match digest(&home.executable(version)) {
        Err(error) => return wrong(error.to_string()),
        Ok(found) if found != receipt.executable_sha256 => {
            return wrong(format!(
                "the program has digest {found}, and the receipt says {}",
                receipt.executable_sha256
            ));
        }
        Ok(_) => {}
    }
    if !has_playbook(&folder, receipt.playbook_sha256) {
        return wrong("its playbook is not the one that it came with".to_owned());
    }
    let found = format!("{version}: program and playbook as received");
    Row::good("version", found)
}

fn launcher(home: &Home, installed: &[Version], current: &Version) -> Row {
    let path = home.launcher();
    let found = match digest(&path) {
        Ok(found) => found,
        Err(error) => {
            return Row::hard(
                "launcher",
                error.to_string(),
                "there is no command to put on PATH",
                "run the installer again",
            )
            .fixed_by(Fix::Settle(current.clone()));
        }
    };
    let of = installed.iter().find(|version| {
        Receipt::read(&home.version(version))
            .is_ok_and(|receipt| receipt.executable_sha256 == found)
    });
    match (of, home.trial()) {
        (Some(version), _) if version == current => {
            Row::good("launcher", format!("{version}, as is current"))
        }
        (Some(version), Ok(Some(trial))) => Row::good(
            "launcher",
            format!("{version}, until {} is past its trial", trial.version),
        ),
        (Some(version), _) if version > current => {
            Row::good("launcher", format!("{version}, and {current} is current"))
        }
        (Some(version), _) => Row::soft(
            "launcher",
            format!("{version}, and {current} is current"),
            "each run takes a step more than it need",
            "doctor --fix",
        )
        .fixed_by(Fix::Settle(current.clone())),
        (None, _) => Row::soft(
            "launcher",
            format!("{} is of no installed version", path.display()),
            "what is on PATH is not known to be what was verified",
            "doctor --fix",
        )
        .fixed_by(Fix::Settle(current.clone())),
    }
}

/// What cannot be read of what the home remembers; one row where all can.
fn remembered(home: &Home) -> Vec<Row> {
    let results = [
        home.previous().map(drop),
        home.hold().map(drop),
        home.trial().map(drop),
        home.quarantine().map(drop),
        home.yanked().map(drop),
        home.selected().map(drop),
        home.channel().map(drop),
        home.trusted_root().map(drop),
    ];
    let bad: Vec<_> = results
        .into_iter()
        .filter_map(Result::err)
        .map(|error| {
            Row::soft(
                "state",
                error.to_string(),
                "commands that need it refuse",
                "restore the file, or remove it to have it forgotten",
            )
        })
        .collect();
    if !bad.is_empty() {
        return bad;
    }
    let mut words = Vec::new();
    if let Ok(Some(reason)) = home.hold() {
        words.push(format!("held: {reason}"));
    }
    if let Ok(Some(trial)) = home.trial() {
        words.push(format!("{} is on trial", trial.version));
    }
    for shunned in home.quarantine().unwrap_or_default() {
        words.push(format!(
            "{} is quarantined: {}",
            shunned.version, shunned.reason
        ));
    }
    if words.is_empty() {
        words.push("nothing out of the ordinary".to_owned());
    }
    vec![Row::good("state", words.join("; "))]
}

fn project(app: &App, home: &Home, current: &Version) -> Row {
    let mut steps = Vec::new();
    let chosen = launch::look(app, home, false).map(|scene| {
        let chosen = scene.choose(&launch::install_variable(app), &mut steps);
        (scene.pinned.map(|pinned| pinned.pin), chosen)
    });
    match chosen {
        Err(error) => Row::soft(
            "project",
            error.to_string(),
            "nothing runs in this folder",
            "mend the file",
        ),
        Ok((_, Err(error))) => Row::soft(
            "project",
            error.to_string(),
            "nothing runs in this folder",
            format!("{} install", app.product.name),
        ),
        Ok((None, _)) => Row::good("project", format!("none here: {current} runs")),
        Ok((Some(pin), Ok(_))) => Row::good(
            "project",
            format!("{} asks for {}", pin.file.display(), pin.asks),
        ),
    }
}

fn channel(app: &App, home: &Home) -> Row {
    let Ok(channel) = home.followed(app) else {
        return Row::not_checked("channel", "what is followed cannot be read");
    };
    match home.seen(channel) {
        Err(error) => Row::soft(
            "channel",
            error.to_string(),
            "an older pointer could pass for a newer one",
            "restore the file, or run the installer in another home",
        ),
        Ok(None) => Row::good(
            "channel",
            format!("{channel}, of which nothing was seen yet"),
        ),
        Ok(Some(seen)) => Row::good("channel", format!("{channel}, at {seen}")),
    }
}

/// What was last fetched of the channel, which is believed for nothing.
fn pointer(app: &App, home: &Home) -> Row {
    let channel = home.followed(app);
    let channel = channel.unwrap_or(app.product.channels.default);
    let Some(remembered) = RememberedPointer::read(home, channel) else {
        return Row::not_checked("pointer", format!("none of {channel} is kept here"));
    };
    let mend = format!("{} upgrade", app.product.name);
    match Pointer::parse(remembered.signed.pointer.as_bytes()) {
        Err(error) => Row::soft(
            "pointer",
            format!("that of {channel} cannot be read: {error}"),
            "the next upgrade asks for another",
            mend,
        ),
        Ok(pointer) => {
            let (selects, until) = (&pointer.version, pointer.expires);
            let found = format!("{channel} selects {selects}, until {until}");
            if clock::now() < until {
                return Row::good("pointer", found);
            }
            let means = "it is over: what is newer is not known";
            Row::soft("pointer", found, means, mend)
        }
    }
}

fn keys(app: &App, home: &Home) -> Row {
    let mend = format!("{} trusted-root refresh", app.product.name);
    let since = match refresh::last(&app.sigstore(), home) {
        Err(error) => {
            let means = "keys that rotated since the release are not known";
            return Row::soft("keys", error.to_string(), means, mend);
        }
        Ok(Some(refreshed)) => refreshed.at,
        Ok(None) => app.sigstore().as_of(),
    };
    let days = (clock::now().seconds() - since.seconds()) / 86_400;
    let found = format!(
        "{}, known to be the newest {days} days ago",
        app.sigstore().name
    );
    if days <= OLD_KEYS {
        return Row::good("keys", found);
    }
    let means = "releases signed with newer keys would be refused";
    Row::soft("keys", found, means, mend)
}

/// A signature of the future says that the clock is behind.
fn clock_row(home: &Home, current: &Version) -> Row {
    let now = clock::now();
    match Receipt::read(&home.version(current)) {
        Ok(receipt) if now.seconds() + TOLERANCE < receipt.signed_at.seconds() => Row::soft(
            "clock",
            format!(
                "it is {now}, and {current} was signed at {}",
                receipt.signed_at
            ),
            "an expired pointer could pass for a good one",
            "set the clock of this machine",
        ),
        Ok(_) => Row::good("clock", format!("it is {now}")),
        Err(_) => Row::not_checked("clock", "there is no signature to compare with"),
    }
}

fn leftovers(home: &Home) -> Row {
    let left: usize = [
        home.root().to_owned(),
        home.state(),
        home.bin(),
        home.versions(),
    ]
    .iter()
    .map(|folder| count_leftovers(folder))
    .sum();
    if left == 0 {
        return Row::good("leftovers", "none");
    }
    Row::soft(
        "leftovers",
        format!("{left} files and folders that runs left which were killed"),
        "they take space; the next upgrade removes them",
        "doctor --fix",
    )
    .fixed_by(Fix::Leftovers)
}

fn count_leftovers(folder: &Path) -> usize {
    let Ok(entries) = fs::read_dir(folder) else {
        return 0;
    };
    entries
        .flatten()
        .filter(|entry| crate::home::is_leftover(&entry.path()))
        .count()
}
