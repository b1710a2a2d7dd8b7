//! The command line. Values here are only what was typed; the commands make sense of them.

use std::path::PathBuf;

use clap::builder::styling::{AnsiColor, Styles};
use clap::{Args, Parser, Subcommand};
use release_plan::{Channel, Exit, Tag, Version};

use crate::github::Host;
use crate::signing::Services;

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold());

/// Where stages leave what they make and look for it, below a folder that git ignores.
const PLAN: &str = "target/release-plan/plan.json";
const BINARIES: &str = "target/release-plan/binaries";
const ASSETS: &str = "target/release-plan/assets";

/// The release pipeline: each stage a command, and the dry-run of them all
#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    styles = STYLES,
    disable_help_subcommand = true,
    after_help = exit_codes()
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Rehearse the whole release on this machine: no token, no tag, no network but loopback
    DryRun(DryRun),
    /// Decide what the release is and write plan.json
    Plan(Plan),
    /// Run every gate, then fail once if any failed
    Check(Check),
    /// Compile the program for the plan's targets
    Build(Build),
    /// Make archives, install script, release.json and SHA256SUMS
    Assemble(Assemble),
    /// Sign every asset with a sigstore bundle
    Sign(Sign),
    /// Verify every asset as a consumer would, with the code that ships
    Verify(Verify),
    /// Put the release on GitHub: a draft, the uploads, a read-back, then public in one step
    Publish(Publish),
    /// Point a channel at a public release
    Promote(Promote),
    /// Install, upgrade and roll back from a mirror, with the very bytes that were published
    Consume(Consume),
}

#[derive(Debug, Args)]
pub(crate) struct DryRun {
    /// Tag to rehearse; it need not exist [default: v and the package's version]
    #[arg(long)]
    pub(crate) tag: Option<Tag>,
    /// Count what could not be checked as failed
    #[arg(long)]
    pub(crate) strict: bool,
    /// Print the report as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Plan {
    /// Tag to release under [default: v and the package's version]
    #[arg(long)]
    pub(crate) tag: Option<Tag>,
    /// Plan this tree under another version than its package has; such a plan can only be
    /// rehearsed
    #[arg(long, value_name = "VERSION", conflicts_with = "tag")]
    pub(crate) as_version: Option<Version>,
    /// Where to write the plan
    #[arg(long, value_name = "FILE", default_value = PLAN)]
    pub(crate) out: PathBuf,
}

/// The plan that a stage takes.
#[derive(Debug, Args)]
pub(crate) struct PlanFile {
    /// The plan to go by
    #[arg(long, value_name = "FILE", default_value = PLAN)]
    pub(crate) plan: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The plan to check [default: one made now for the package's version]
    #[arg(long, value_name = "FILE")]
    pub(crate) plan: Option<PathBuf>,
    /// Also fail on what stands in the way of publishing alone: a dirty tree, a missing tag
    #[arg(long)]
    pub(crate) publishing: bool,
    /// Count what could not be checked as failed
    #[arg(long)]
    pub(crate) strict: bool,
    /// Print the rows as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Also write the rows as JSON to this file
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Build {
    #[command(flatten)]
    pub(crate) plan: PlanFile,
    /// Folder for the binaries, one below it for each target
    #[arg(long, value_name = "DIR", default_value = BINARIES)]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Assemble {
    #[command(flatten)]
    pub(crate) plan: PlanFile,
    /// Folder that `build` filled
    #[arg(long, value_name = "DIR", default_value = BINARIES)]
    pub(crate) binaries: PathBuf,
    /// Folder for the assets; it appears when all of them are whole, in place of an earlier one
    #[arg(long, value_name = "DIR", default_value = ASSETS)]
    pub(crate) out: PathBuf,
}

/// A plan and the assets made by it.
#[derive(Debug, Args)]
pub(crate) struct Assets {
    #[command(flatten)]
    pub(crate) plan: PlanFile,
    /// Folder that `assemble` filled
    #[arg(long, value_name = "DIR", default_value = ASSETS)]
    pub(crate) dir: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Sign {
    #[command(flatten)]
    pub(crate) assets: Assets,
    #[command(flatten)]
    pub(crate) services: Services,
}

/// Whose keys are believed.
#[derive(Debug, Args)]
pub(crate) struct Root {
    /// Trusted root to believe [default: the public Sigstore's]
    #[arg(long, value_name = "FILE")]
    pub(crate) trusted_root: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    #[command(flatten)]
    pub(crate) assets: Assets,
    #[command(flatten)]
    pub(crate) root: Root,
}

#[derive(Debug, Args)]
pub(crate) struct Publish {
    #[command(flatten)]
    pub(crate) assets: Assets,
    #[command(flatten)]
    pub(crate) root: Root,
    #[command(flatten)]
    pub(crate) host: Host,
}

#[derive(Debug, Args)]
pub(crate) struct Promote {
    /// Channel to move
    #[arg(long)]
    pub(crate) channel: Channel,
    /// Public release to move it to
    #[arg(long)]
    pub(crate) tag: Tag,
    /// Static tree to read the public release from, by http or https [default: the repository's own]
    #[arg(long, value_name = "URL")]
    pub(crate) mirror: Option<String>,
    #[command(flatten)]
    pub(crate) root: Root,
    #[command(flatten)]
    pub(crate) services: Services,
    #[command(flatten)]
    pub(crate) host: Host,
}

#[derive(Debug, Args)]
pub(crate) struct Consume {
    #[command(flatten)]
    pub(crate) assets: Assets,
    /// Channel to upgrade by
    #[arg(long)]
    pub(crate) channel: Channel,
    /// Static tree to install and upgrade from
    #[arg(long, value_name = "URL")]
    pub(crate) mirror: String,
    /// Trusted root to believe
    #[arg(long, value_name = "FILE")]
    pub(crate) trusted_root: PathBuf,
    /// Assets of the version to upgrade from
    #[arg(long, value_name = "DIR")]
    pub(crate) predecessor: PathBuf,
    /// Plan of the version to upgrade from
    #[arg(long, value_name = "FILE")]
    pub(crate) predecessor_plan: PathBuf,
}

fn exit_codes() -> String {
    let rows = Exit::ALL
        .iter()
        .map(|(exit, words)| format!("  {:>3}  {words}", exit.code()));
    format!("Exit codes:\n{}", rows.collect::<Vec<_>>().join("\n"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
