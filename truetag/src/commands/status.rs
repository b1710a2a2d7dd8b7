//! `status`: what is installed, and where.

use std::fmt::Display;

use release_plan::{Channel, Version};
use serde::Serialize;

use super::Status;
use crate::app::App;
use crate::failure::Failure;
use crate::home::Home;
use crate::output;

#[derive(Serialize)]
struct Report {
    program: String,
    home: String,
    current: Option<Version>,
    previous: Option<Version>,
    installed: Vec<Version>,
    channel: Channel,
    /// Highest sequence seen in pointers of that channel.
    sequence: Option<u64>,
    /// Name of the Sigstore compiled in, such as `public-sigstore`, or the digest of another
    /// trusted root; none before an installation.
    trusted_root: Option<String>,
}

pub(super) fn run(app: &App, args: &Status) -> Result<(), Failure> {
    let home = Home::locate(app)?;
    let channel = home.followed(app)?;
    let report = Report {
        program: app.version_text(),
        home: home.root().display().to_string(),
        current: home.has_current().then(|| home.current()).transpose()?,
        previous: home.previous()?,
        installed: home.installed()?,
        channel,
        sequence: home.seen(channel)?.map(|seen| seen.sequence),
        trusted_root: home.trusted_root()?.map(|root| root.to_string()),
    };
    if args.json {
        return Ok(output::json(&report)?);
    }
    let installed: Vec<_> = report.installed.iter().map(ToString::to_string).collect();
    for (name, value) in [
        ("home", report.home),
        ("current", or_none(report.current)),
        ("previous", or_none(report.previous)),
        ("installed", installed.join(" ")),
        ("channel", report.channel.to_string()),
        ("sequence", or_none(report.sequence)),
        ("trusted root", or_none(report.trusted_root)),
        ("this program", report.program),
    ] {
        output::data(format_args!("{name:<13} {value}"))?;
    }
    Ok(())
}

fn or_none(value: Option<impl Display>) -> String {
    value.map_or("none".to_owned(), |value| value.to_string())
}
