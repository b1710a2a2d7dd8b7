//! `versions`: what is installed, and what each version is here.

use release_plan::{Instant, Version};
use serde::Serialize;

use super::Versions;
use crate::app::App;
use crate::failure::Failure;
use crate::home::Home;
use crate::output;
use crate::receipt::Receipt;

#[derive(Serialize)]
struct Installed {
    version: Version,
    current: bool,
    previous: bool,
    on_trial: bool,
    /// Why the home is held at it.
    held: Option<String>,
    /// Why it was left.
    quarantined: Option<String>,
    /// Why its project took it back.
    yanked: Option<String>,
    /// Why a sweep leaves it.
    stays: Option<String>,
    /// When it was signed, where its receipt can be read.
    signed_at: Option<Instant>,
}

pub(super) fn run(app: &App, args: &Versions) -> Result<(), Failure> {
    let home = Home::locate(app)?;
    let current = home.current()?;
    let previous = home.previous()?;
    let trial = home.trial()?;
    let hold = home.hold()?;
    let quarantine = home.quarantine()?;
    let yanked = home.yanked()?;
    let describe = |version: Version, stays: Option<String>| {
        let is_current = version == current;
        let mut quarantine = quarantine.iter();
        let mut yanked = yanked.iter();
        let receipt = Receipt::read(&home.version(&version)).ok();
        Installed {
            current: is_current,
            previous: previous.as_ref() == Some(&version),
            on_trial: is_current && trial.is_some(),
            held: hold.clone().filter(|_| is_current),
            quarantined: quarantine
                .find(|it| it.version == version)
                .map(|it| it.reason.clone()),
            yanked: yanked
                .find(|of| of.what.version == version)
                .map(|of| of.what.reason.clone()),
            stays,
            signed_at: receipt.map(|receipt| receipt.signed_at),
            version,
        }
    };
    let candidates = home.candidates()?.into_iter();
    let installed: Vec<_> = candidates
        .map(|candidate| describe(candidate.version, candidate.stays))
        .collect();
    if args.json {
        return Ok(output::json(&installed)?);
    }
    for it in &installed {
        let mut words: Vec<String> = Vec::new();
        words.extend(it.stays.clone());
        words.extend(it.on_trial.then(|| "on trial".to_owned()));
        words.extend(it.held.as_ref().map(|why| format!("held: {why}")));
        words.extend(
            it.quarantined
                .as_ref()
                .map(|why| format!("quarantined: {why}")),
        );
        words.extend(it.yanked.as_ref().map(|why| format!("yanked: {why}")));
        let line = format!("{:<12} {}", it.version, words.join(", "));
        output::data(line.trim_end())?;
    }
    Ok(())
}
