//! The command line. Values here are only what was typed; the commands make sense of them.

use std::path::PathBuf;

use clap::builder::styling::{AnsiColor, Styles};
use clap::{Args, Parser, Subcommand};
use release_plan::changes::Slug;
use release_plan::{AssetName, BootstrapTag, Bump, Channel, Exit, Reason, Tag, Target, Version};

use crate::github::Host;
use crate::project::Project;
use crate::signing::Services;

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold());

/// Where stages leave what they make and look for it, below a folder that git ignores.
const PLAN: &str = "target/release-plan/plan.json";
const ARCHIVES: &str = "target/release-plan/archives";
const ASSETS: &str = "target/release-plan/assets";
const SCRIPTS: &str = "target/release-plan/scripts";

/// A place in the tree, whichever folder of it the command is run in.
fn below_root(path: &str) -> PathBuf {
    let here = std::env::current_dir().unwrap_or_default();
    match Project::root(&here) {
        Some(root) if root != here => root.join(path),
        _ => path.into(),
    }
}

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
    /// Say for each target and tool whether this machine has it, and bring what is missing
    Healthcheck(Healthcheck),
    /// Build archives again in another folder under another home, and compare them byte for byte
    Reproduce(Reproduce),
    /// Write what is written down in this tree and follows from other files of it
    Generate(Generate),
    /// Tell of a change that the next release brings, or look at what is told
    Fragment(Fragment),
    /// Make the commit that a version is released from, on a branch of its own: the version
    /// wherever it stands, the guide, the lock file
    Prepare(Prepare),
    /// Decide what the release is and write plan.json
    Plan(Plan),
    /// Run every gate, then fail once if any failed
    Check(Check),
    /// Compile the program for targets of the plan, look at what came out, and pack it
    Build(Build),
    /// Make the other assets around the archives: install script, release.json, SHA256SUMS, …
    Assemble(Assemble),
    /// Sign every asset with a sigstore bundle; what is signed already and verifies is kept
    Sign(Sign),
    /// Verify every asset as a consumer would, with the code that ships
    Verify(Verify),
    /// Try the signed assets on a machine of their target: install, verify, upgrade, roll back
    Smoke(Smoke),
    /// Put the release on GitHub: a draft, the uploads, a read-back, then public in one step
    Publish(Publish),
    /// Download a public release as a stranger does, without a token, and verify every file of it
    VerifyPublic(VerifyPublic),
    /// Point a channel at a public release, after its soak
    Promote(Promote),
    /// Stamp this tree's bootstrap scripts for its version, which is public already
    Scripts(Scripts),
    /// Make scripts that `scripts` stamped public under a tag of their own
    PublishScripts(PublishScripts),
    /// Name a version that nobody should run, and take the channels back that point at it
    Yank(Yank),
    /// Let the channels' pointers live on, without a change to what they select
    Renew(Renew),
    /// Show where each channel points, for how long, and what its followers get
    Channels(Channels),
    /// Have the channel workflow asked to promote a public release to the channel that it enters by
    AskForPromotion(AskForPromotion),
    /// Show the settings of the repository on GitHub that releases rely on, and make them so
    SetupGithub(SetupGithub),
    /// Install, upgrade and roll back from a mirror, with the very bytes that were published
    Consume(Consume),
    /// Show again what a finished dry-run made public
    Rehearsal(Rehearsal),
    Adopt(Adopt),
    /// Time a stage against the tools it stands in for
    Bench(Bench),
}

#[derive(Debug, Args)]
pub(crate) struct DryRun {
    /// Tag to rehearse; it need not exist [default: v and the package's version]
    #[arg(long)]
    pub(crate) tag: Option<Tag>,
    /// Build for this target alone, or for those given by repeating the flag [default: every
    /// target that this machine can build for]
    #[arg(long, value_name = "TRIPLE", conflicts_with = "all_targets")]
    pub(crate) target: Vec<Target>,
    /// Fail where this machine cannot build for every target
    #[arg(long)]
    pub(crate) all_targets: bool,
    /// Folder of archives that `build` made from this very tree elsewhere; they are not built here
    #[arg(long, value_name = "DIR")]
    pub(crate) from: Option<PathBuf>,
    /// Count what could not be checked as failed
    #[arg(long)]
    pub(crate) strict: bool,
    /// Print the report as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Healthcheck {
    /// Bring what is missing: tools into a folder of their own, standard libraries by rustup
    #[arg(long)]
    pub(crate) install: bool,
    /// Print the rows as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Reproduce {
    /// Archives to compare with: a folder that `build` filled, or the assets of a release in a
    /// folder or below an http or https address
    #[arg(long, value_name = "DIR|URL", default_value_t = below_root(ARCHIVES).display().to_string())]
    pub(crate) against: String,
    /// Target to build for; may be repeated [default: every target that there is an archive for]
    #[arg(long, value_name = "TRIPLE")]
    pub(crate) target: Vec<Target>,
    /// Print the verdicts as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Generate {
    /// Write nothing; fail where something is not current
    #[arg(long)]
    pub(crate) check: bool,
    /// Also what the program tells of its command line and of the files that it installs; for this
    /// it is compiled
    #[arg(long)]
    pub(crate) program: bool,
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
    /// Leave this asset out, or those given by repeating the flag; such a plan can only be
    /// rehearsed
    #[arg(long, value_name = "ASSET")]
    pub(crate) without: Vec<AssetName>,
    /// Where to write the plan
    #[arg(long, value_name = "FILE", default_value_os_t = below_root(PLAN))]
    pub(crate) out: PathBuf,
    /// Print the targets as a JSON list, as the matrix of a workflow takes them
    #[arg(long)]
    pub(crate) targets: bool,
    /// Say why it is that version: what is declared, and what needs it; write nothing
    #[arg(long, conflicts_with_all = ["tag", "as_version", "without", "targets"])]
    pub(crate) explain: bool,
}

/// The plan that a stage takes.
#[derive(Debug, Args)]
pub(crate) struct PlanFile {
    /// The plan to go by
    #[arg(long, value_name = "FILE", default_value_os_t = below_root(PLAN))]
    pub(crate) plan: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// Run these gates alone [default: all of them]
    #[arg(value_enum)]
    pub(crate) gates: Option<Gates>,
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

/// Gates that can be run without the others.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum Gates {
    /// The workflows on GitHub: what each job may do, and what it runs
    Workflows,
}

#[derive(Debug, Args)]
pub(crate) struct Build {
    #[command(flatten)]
    pub(crate) plan: PlanFile,
    #[command(flatten)]
    pub(crate) targets: Targets,
    /// Folder for the archives, each with a record beside it
    #[arg(long, value_name = "DIR", default_value_os_t = below_root(ARCHIVES))]
    pub(crate) out: PathBuf,
}

/// What to build for.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Targets {
    /// Target to build for; may be repeated
    #[arg(long, value_name = "TRIPLE")]
    pub(crate) target: Vec<Target>,
    /// Build for every target of the plan
    #[arg(long)]
    pub(crate) all_targets: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Assemble {
    #[command(flatten)]
    pub(crate) plan: PlanFile,
    /// Folder that `build` filled, here or in other jobs; may be repeated
    #[arg(long, value_name = "DIR", default_values_os_t = [below_root(ARCHIVES)])]
    pub(crate) from: Vec<PathBuf>,
    /// Folder for the assets; it appears when all of them are whole, in place of an earlier one
    #[arg(long, value_name = "DIR", default_value_os_t = below_root(ASSETS))]
    pub(crate) out: PathBuf,
}

/// A plan and the assets made by it.
#[derive(Debug, Args)]
pub(crate) struct Assets {
    #[command(flatten)]
    pub(crate) plan: PlanFile,
    /// Folder that `assemble` filled
    #[arg(long, value_name = "DIR", default_value_os_t = below_root(ASSETS))]
    pub(crate) dir: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Sign {
    #[command(flatten)]
    pub(crate) assets: Assets,
    #[command(flatten)]
    pub(crate) root: Root,
    /// Sign by this key, as `cosign generate-key-pair` writes it, in place of this job's identity;
    /// its password is taken from COSIGN_PASSWORD or asked for. What a key signed is not published
    #[arg(long, value_name = "FILE", conflicts_with = "fulcio_url")]
    pub(crate) key: Option<PathBuf>,
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
    /// Expect signatures by the key that this public key is of, in place of the release workflow's
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Smoke {
    #[command(flatten)]
    pub(crate) assets: Assets,
    /// Target to try, one of this machine
    #[arg(long, value_name = "TRIPLE")]
    pub(crate) target: Target,
    /// Assets of the public release to upgrade from; an empty folder where there is none
    #[arg(long, value_name = "DIR")]
    pub(crate) previous: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) root: Root,
    /// Print what was tried, and what was not, as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct AskForPromotion {
    /// Public version to promote: a pre-release to alpha, any other to beta
    #[arg(long)]
    pub(crate) version: Version,
    #[command(flatten)]
    pub(crate) host: Host,
}

#[derive(Debug, Args)]
pub(crate) struct SetupGithub {
    /// Make what differs as it should be
    #[arg(long)]
    pub(crate) apply: bool,
    /// User who may approve what is published, where nobody is named yet; may be repeated
    #[arg(long, value_name = "LOGIN")]
    pub(crate) reviewer: Vec<String>,
    /// Print the rows as JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) host: Host,
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
pub(crate) struct Scripts {
    /// Static tree to read the release from, by http or https [default: the repository's own]
    #[arg(long, value_name = "URL")]
    pub(crate) mirror: Option<String>,
    #[command(flatten)]
    pub(crate) root: Root,
    /// Folder to put them into
    #[arg(long, value_name = "DIR", default_value_os_t = below_root(SCRIPTS))]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct PublishScripts {
    /// Tag of theirs, such as bootstrap-v1.2.3-r1, on the commit that is checked out
    #[arg(long)]
    pub(crate) tag: BootstrapTag,
    /// Folder that `scripts` put them into
    #[arg(long, value_name = "DIR", default_value_os_t = below_root(SCRIPTS))]
    pub(crate) dir: PathBuf,
    /// Static tree to read the release from, by http or https [default: the repository's own]
    #[arg(long, value_name = "URL")]
    pub(crate) mirror: Option<String>,
    #[command(flatten)]
    pub(crate) root: Root,
    #[command(flatten)]
    pub(crate) host: Host,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyPublic {
    /// Version of the release
    #[arg(long)]
    pub(crate) version: Version,
    /// Static tree to read the release from, by http or https [default: the repository's own]
    #[arg(long, value_name = "URL")]
    pub(crate) mirror: Option<String>,
    #[command(flatten)]
    pub(crate) root: Root,
}

/// What it takes to move channels.
#[derive(Debug, Args)]
pub(crate) struct Rights {
    #[command(flatten)]
    pub(crate) services: Services,
    #[command(flatten)]
    pub(crate) host: Host,
}

/// What it takes to move channels.
#[derive(Debug, Args)]
pub(crate) struct Moving {
    /// Static tree to read public releases from, by http or https [default: the repository's own]
    #[arg(long, value_name = "URL")]
    pub(crate) mirror: Option<String>,
    #[command(flatten)]
    pub(crate) root: Root,
    #[command(flatten)]
    pub(crate) rights: Rights,
}

#[derive(Debug, Args)]
pub(crate) struct Promote {
    /// Channel to move
    #[arg(long)]
    pub(crate) channel: Channel,
    /// Public version to move it to
    #[arg(long)]
    pub(crate) version: Version,
    /// Do not wait for the soak, nor for the channel that feeds this one, for this reason; it stays
    /// in the pointer and in the history
    #[arg(long = "override", value_name = "REASON")]
    pub(crate) override_reason: Option<Reason>,
    /// Take the bootstrap scripts from this tag, bootstrap-vX.Y.Z-rN [default: the version's own, or
    /// those patched last that a channel names]
    #[arg(long, value_name = "TAG")]
    pub(crate) bootstrap_tag: Option<BootstrapTag>,
    #[command(flatten)]
    pub(crate) moving: Moving,
}

#[derive(Debug, Args)]
pub(crate) struct Yank {
    /// Version that nobody should run
    pub(crate) version: Version,
    /// Why, in one line; whoever has it is told
    #[arg(long)]
    pub(crate) reason: Reason,
    /// Let a channel stay that points at it and has nothing to go back to: nobody gets anything
    /// from it until the next promotion
    #[arg(long)]
    pub(crate) without_replacement: bool,
    #[command(flatten)]
    pub(crate) moving: Moving,
}

#[derive(Debug, Args)]
pub(crate) struct Renew {
    /// Renew every pointer, not those alone with less than half of their life left
    #[arg(long)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) moving: Moving,
}

#[derive(Debug, Args)]
pub(crate) struct Channels {
    /// Static tree to read, by http or https [default: where the product publishes]
    #[arg(long, value_name = "URL")]
    pub(crate) mirror: Option<String>,
    #[command(flatten)]
    pub(crate) root: Root,
    /// Print the rows as JSON
    #[arg(long)]
    pub(crate) json: bool,
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

#[derive(Debug, Args)]
pub(crate) struct Rehearsal {
    #[command(subcommand)]
    pub(crate) verb: RehearsalVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RehearsalVerb {
    Serve(Serve),
}

/// Serve it on loopback until Ctrl-C, and print commands to try against it
///
/// What is served, on one port: GitHub's API and downloads with the release and its predecessor;
/// the static tree of the channels; the trusted root as a TUF repository, under /tuf, with keys of
/// this run; and each entry of the transparency log by its UUID, under /rekor. What would sign went
/// with the dry-run: there is no Fulcio, nothing new is logged, and no channel moves.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Folder that the dry-run left [default: that of the package's version, below target/rehearsal]
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// Port of 127.0.0.1 to listen on [default: one that is free]
    #[arg(
        long,
        value_name = "PORT",
        default_value_t = 0,
        hide_default_value = true
    )]
    pub(crate) port: u16,
}

/// Give a Rust program the files with which it is released as this one is
///
/// Name, description, repository and licence are read from Cargo.toml, the rest from git; what a
/// product.yaml that is there says goes before them. A file that differs from what would be written
/// is kept and shown; one of the program's own is never touched. A second run changes nothing.
#[derive(Debug, Args)]
pub(crate) struct Adopt {
    /// Folder in the program's git work tree
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) dir: PathBuf,
    #[command(flatten)]
    pub(crate) go: Go,
    /// Replace this file where it differs; may be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) overwrite: Vec<String>,
    /// Take the crates from this folder, not from their repository at the tag of this version
    #[arg(long, value_name = "DIR")]
    pub(crate) crates: Option<PathBuf>,
    /// Package whose program is released [default: the one that there is]
    #[arg(long, value_name = "NAME")]
    pub(crate) package: Option<String>,
    /// One sentence that says what it is [default: the package's description]
    #[arg(long, value_name = "TEXT")]
    pub(crate) summary: Option<String>,
    /// https://github.com/OWNER/NAME [default: the package's, or that of the remote origin]
    #[arg(long, value_name = "URL")]
    pub(crate) repository: Option<String>,
    /// Number of the repository, which only GitHub knows
    #[arg(long, value_name = "NUMBER")]
    pub(crate) repository_id: Option<u64>,
    /// Number of the repository's owner, which only GitHub knows
    #[arg(long, value_name = "NUMBER")]
    pub(crate) owner_id: Option<u64>,
    /// Branch whose channel workflow is believed [default: origin's, or the one checked out]
    #[arg(long, value_name = "NAME")]
    pub(crate) default_branch: Option<String>,
}

/// Whether anything is written.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Go {
    /// Show what would be written, and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Show it and write it
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Prepare {
    /// The version to release
    pub(crate) version: Version,
    #[command(flatten)]
    pub(crate) go: Go,
}

#[derive(Debug, Args)]
pub(crate) struct Fragment {
    #[command(subcommand)]
    pub(crate) verb: FragmentVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum FragmentVerb {
    /// Write the template of a fragment, and of a review of its side effects
    New(FragmentNew),
    /// Say what fragments and reviews lack
    Check(FragmentCheck),
}

#[derive(Debug, Args)]
pub(crate) struct FragmentNew {
    /// Its name: lower-case words joined by hyphens
    pub(crate) slug: Slug,
    /// What it does to those who rely on the program: patch, minor or major
    #[arg(long, value_name = "BUMP", default_value = "patch")]
    pub(crate) bump: Bump,
    /// The part of the program that it is about
    #[arg(long)]
    pub(crate) area: Slug,
    /// The number of the issue
    #[arg(long, value_name = "NUMBER")]
    pub(crate) issue: Option<u64>,
    /// It changes behaviour: write the template of a review too
    #[arg(long)]
    pub(crate) side_effects: bool,
}

#[derive(Debug, Args)]
pub(crate) struct FragmentCheck {
    /// Print the rows as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Bench {
    #[command(subcommand)]
    pub(crate) stage: BenchedStage,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BenchedStage {
    /// Every gate, in this tree and after a long history, against git
    Check(BenchCheck),
    /// Archives, digests, release.json and SHA256SUMS, against tar, a compressor and sha256sum in
    /// sequence
    Assemble(BenchAssemble),
    /// The program's own `verify`, against cosign, openssl and sha256sum
    Verify(BenchVerify),
    /// The publisher and its requests, against curl in sequence
    Publish(BenchPublish),
    /// An upgrade by the program, against curl, sha256sum and tar; one to nothing new; and what the
    /// launcher takes
    Upgrade(BenchUpgrade),
}

#[derive(Debug, Args)]
pub(crate) struct BenchCheck {
    /// Rounds, in each of which everything runs once; the medians are told
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..))]
    pub(crate) runs: u8,
    /// Print the figures as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct BenchAssemble {
    /// Rounds, in each of which everything runs once; the medians are told
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..))]
    pub(crate) runs: u8,
    /// Print the figures as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct BenchVerify {
    /// The program, such as one unpacked from an archive of its release [default: compiled here as
    /// a release compiles it]
    #[arg(long, value_name = "FILE")]
    pub(crate) program: Option<PathBuf>,
    /// Rounds, in each of which everything runs once; the medians are told
    #[arg(long, value_name = "N", default_value_t = 21, value_parser = clap::value_parser!(u8).range(1..))]
    pub(crate) runs: u8,
    /// Print the figures as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct BenchUpgrade {
    /// Rounds, in each of which everything runs once; the medians are told
    #[arg(long, value_name = "N", default_value_t = 11, value_parser = clap::value_parser!(u8).range(1..))]
    pub(crate) runs: u8,
    /// Print the figures as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct BenchPublish {
    /// Rounds, in each of which everything runs once; the medians are told
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..))]
    pub(crate) runs: u8,
    /// Print the figures as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// What is measured, in a process of its own: the files of --dir, published to this API
    #[arg(long, value_name = "URL", hide = true, requires = "dir")]
    pub(crate) into: Option<String>,
    /// Folder of files to publish
    #[arg(long, value_name = "DIR", hide = true)]
    pub(crate) dir: Option<PathBuf>,
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
