//! `sweep`: versions that nobody needs go.

use release_plan::Version;
use serde::Serialize;

use super::Sweep;
use crate::app::App;
use crate::failure::Failure;
use crate::home::{Candidate, Home};
use crate::interrupt;
use crate::output;

#[derive(Serialize)]
struct Report {
    /// Those that went; with `dry_run` those that would go.
    swept: Vec<Version>,
    kept: Vec<Kept>,
    dry_run: bool,
}

#[derive(Serialize)]
struct Kept {
    version: Version,
    why: String,
}

pub(super) fn run(app: &App, args: &Sweep) -> Result<(), Failure> {
    app.released("a development build leaves the versions of a home alone")?;
    let home = Home::locate(app)?;
    let (swept, candidates) = if args.dry_run {
        let candidates = home.candidates()?;
        let may_go = candidates.iter().filter(|it| it.stays.is_none());
        let swept = may_go.map(|it| it.version.clone()).collect();
        (swept, candidates)
    } else {
        let locked = home.lock()?;
        interrupt::watch()?;
        (locked.sweep_versions()?, home.candidates()?)
    };
    let kept = candidates.into_iter().filter_map(kept).collect();
    let report = Report {
        swept,
        kept,
        dry_run: args.dry_run,
    };
    if args.json {
        return Ok(output::json(&report)?);
    }
    let swept = if args.dry_run { "would go" } else { "gone" };
    for version in &report.swept {
        output::data(format_args!("{version:<12} {swept}"))?;
    }
    for Kept { version, why } in &report.kept {
        output::data(format_args!("{version:<12} stays: {why}"))?;
    }
    Ok(())
}

fn kept(candidate: Candidate) -> Option<Kept> {
    Some(Kept {
        version: candidate.version,
        why: candidate.stays?,
    })
}
