//! The command line: what may be said, and a file for each command.

mod activate;
mod beside;
mod builtins;
mod bundle;
mod completions;
mod deprecated;
mod doctor;
mod hold;
mod install;
mod prepare;
mod rollback;
mod settle;
mod status;
mod surface;
mod sweep;
mod trusted_root;
mod uninstall;
mod upgrade;
mod verify;
mod version;
mod versions;
mod whats_new;
mod which;

pub(crate) use verify::KeyFileError;

use std::env;
use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::builder::{NonEmptyStringValueParser, OsStringValueParser, TypedValueParser};
use clap::{ArgMatches, Args, FromArgMatches, Parser, Subcommand};
use release_plan::{Channel, Exit, Tag, Target, Version};

use crate::Program;
use crate::app::App;
use crate::failure::Failure;
use crate::launch::{self, Launched};
use crate::output::say;
use crate::owner;
use crate::source::Mirror;

#[derive(Debug, Parser)]
// The name is the product's and set at run time.
#[command(
    name = "program",
    disable_version_flag = true,
    arg_required_else_help = true
)]
struct CommandLine {
    /// Print version, commit, target and digest of the playbook
    #[arg(short = 'V', long)]
    version: bool,
    /// Print it as JSON
    #[arg(long, requires = "version")]
    json: bool,
    #[command(subcommand)]
    command: Option<Verb>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Verify(Verify),
    Upgrade(Upgrade),
    Rollback(Rollback),
    #[command(name = "install")]
    Beside(Beside),
    Versions(Versions),
    WhatsNew(WhatsNew),
    Which(Which),
    Hold(Hold),
    Unhold(Unhold),
    Sweep(Sweep),
    Doctor(Doctor),
    Status(Status),
    TrustedRoot(TrustedRoot),
    Bundle(Bundle),
    Completions(Completions),
    Uninstall(Uninstall),
    #[command(name = crate::install::SELF, hide = true)]
    Own(Own),
}

/// Verify files against the bundles that sign them
///
/// Without --identity or --key, a file passes when its bundle shows that this project's release
/// workflow signed these very bytes for the tag, and that the signature is in a transparency log.
/// The tag is this program's own unless --tag names one; it is never read off the bundle. With
/// --identity and --issuer, or with --key, that signer must have signed the file, whoever it is of.
/// An attestation passes too, as a statement about the file. Nothing is fetched.
#[derive(Debug, Args)]
struct Verify {
    /// Files to verify; sha256:HEX, with --bundle, stands for a file that need not be here, and
    /// ./sha256:HEX for a file of that name
    #[arg(required = true, value_name = "FILE", value_parser = subject())]
    files: Vec<verify::Subject>,
    /// The file's bundle [default: FILE.sigstore.json]
    #[arg(long, value_name = "FILE")]
    bundle: Option<PathBuf>,
    /// The release that the files must belong to, such as v1.2.3
    #[arg(long, conflicts_with_all = ["identity", "key"])]
    tag: Option<Tag>,
    /// Who must have signed: what the certificate names, exactly
    #[arg(long, value_name = "SAN", requires = "issuer", conflicts_with = "key", value_parser = NonEmptyStringValueParser::new())]
    identity: Option<String>,
    /// Who must have vouched for that identity
    #[arg(long, value_name = "URL", requires = "identity", value_parser = NonEmptyStringValueParser::new())]
    issuer: Option<String>,
    /// The public key that must have signed, in PEM
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Pass a signature by --key of which no transparency log knows: whoever has stolen the key may
    /// use it unseen
    // Clap asks for no --key where another flag excludes it.
    #[arg(long, requires = "key", conflicts_with_all = ["identity", "tag"])]
    accept_unlogged: bool,
    #[command(flatten)]
    root: RootFlag,
    /// List what was checked against what
    #[arg(long, conflicts_with = "json")]
    explain: bool,
    /// Print the results, with all that was checked, as JSON
    #[arg(long)]
    json: bool,
}

fn subject() -> impl TypedValueParser<Value = verify::Subject> {
    OsStringValueParser::new().try_map(verify::Subject::parse)
}

/// Install a newer version and make it current
///
/// Follows the channel's signed pointer: a version that is yanked, a pointer that has expired and a
/// version lower than the installed one are refused. --version names one instead of following the
/// channel. The new version is on trial: one that falls over is quarantined, and the one before is
/// current again.
#[derive(Debug, Args)]
struct Upgrade {
    /// Go to this version, whatever the channel selects
    #[arg(long, value_name = "VERSION", conflicts_with = "channel")]
    version: Option<Version>,
    /// Follow this channel from now on: stable, beta or alpha
    #[arg(long)]
    channel: Option<Channel>,
    /// Let --version go down
    #[arg(long, requires = "version")]
    allow_downgrade: bool,
    /// Say what would be done, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Print what was done as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    mirror: MirrorFlag,
    #[command(flatten)]
    root: RootFlag,
}

/// Go back to the version that was current before
///
/// What it leaves is quarantined: upgrade takes it by name only, until there is a newer version.
#[derive(Debug, Args)]
struct Rollback {}

/// Install a version beside the current one
///
/// Without VERSION, what the project asks for that the working directory lies in.
#[derive(Debug, Args)]
struct Beside {
    /// The version
    version: Option<Version>,
    #[command(flatten)]
    mirror: MirrorFlag,
    #[command(flatten)]
    root: RootFlag,
}

/// List what is installed, and what each version is here
#[derive(Debug, Args)]
struct Versions {
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

/// Tell what this version brings, and those before it
///
/// Everything above the version that was there before, or above the one that --since names, up to
/// this program's own. The program carries it; nothing is fetched.
#[derive(Debug, Args)]
struct WhatsNew {
    /// The version known already
    #[arg(long, value_name = "VERSION")]
    since: Option<Version>,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

/// Show the program that runs here
#[derive(Debug, Args)]
struct Which {
    /// Tell every step of the choice
    #[arg(long, conflicts_with = "json")]
    why: bool,
    /// Print it as JSON, with every step
    #[arg(long)]
    json: bool,
}

/// Stay at the current version, whatever a channel selects
#[derive(Debug, Args)]
struct Hold {
    /// What to say when an upgrade is refused
    #[arg(long, value_name = "TEXT", default_value = "by hand")]
    reason: String,
}

/// End a hold
#[derive(Debug, Args)]
struct Unhold {}

/// Remove versions that nobody needs
///
/// Those that are current, previous, pinned by a project, installed by name or for a channel, or in
/// use stay. A version that passes its trial sweeps too.
#[derive(Debug, Args)]
struct Sweep {
    /// Say what would go, and remove nothing
    #[arg(long)]
    dry_run: bool,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

/// Tell what is well with this installation, what is not, and what mends it
///
/// It ends with 18 where something must be seen to.
#[derive(Debug, Args)]
struct Doctor {
    /// Mend what can be mended without losing anything
    #[arg(long)]
    fix: bool,
    /// Print the rows as JSON
    #[arg(long)]
    json: bool,
}

/// Show what is installed, and where
#[derive(Debug, Args)]
struct Status {
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

/// Show whose keys are believed, and how old they are
///
/// They come with this program, and are refreshed by TUF before an upgrade when the last attempt is
/// a day old. Nothing is fetched to show them.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
struct TrustedRoot {
    /// Print it as JSON
    #[arg(long)]
    json: bool,
    #[command(subcommand)]
    verb: Option<TrustedRootVerb>,
}

#[derive(Debug, Subcommand)]
enum TrustedRootVerb {
    Refresh(Refresh),
}

/// Fetch newer keys from their TUF repository now
///
/// What does not verify from the TUF root in this program is refused, and the last good keys go on
/// serving. With --tuf-root the keys of another Sigstore are written to a file, for --trusted-root.
#[derive(Debug, Args)]
struct Refresh {
    /// Fetch from this copy of the TUF repository: http://…, https://… or file:///ABSOLUTE/PATH
    #[arg(long, value_name = "URL")]
    mirror: Option<Mirror>,
    /// Begin with this root.json, that of another Sigstore
    #[arg(long, value_name = "FILE", requires_all = ["mirror", "output"])]
    tuf_root: Option<PathBuf>,
    /// Write that Sigstore's trusted_root.json here
    #[arg(long, value_name = "FILE", requires = "tuf_root")]
    output: Option<PathBuf>,
}

/// Put a release into one file, for machines without a network
#[derive(Debug, Args)]
struct Bundle {
    #[command(subcommand)]
    verb: BundleVerb,
}

#[derive(Debug, Subcommand)]
enum BundleVerb {
    Create(BundleCreate),
}

/// Fetch a release, verify every byte of it, and write it to a file
///
/// The file is a tar of the tree that a mirror is: `install.sh --bundle FILE` installs from it, and
/// unpacked it serves --mirror. What is taken out of it is verified again.
#[derive(Debug, Args)]
struct BundleCreate {
    /// The release [default: this program's own]
    #[arg(long, value_name = "VERSION")]
    version: Option<Version>,
    /// A target triple to take the archive of, once or more [default: this program's own]
    #[arg(long, value_name = "TRIPLE")]
    target: Vec<Target>,
    /// Where to write it
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    mirror: MirrorFlag,
    #[command(flatten)]
    root: RootFlag,
}

/// Print what a shell needs to complete this command line
#[derive(Debug, Args)]
struct Completions {
    /// The shell
    shell: completions::For,
}

/// Remove the program, and all that its installer did on this machine
///
/// Profiles lose the line that the installer added and nothing else; what you changed in it since is
/// left and named, and so are files in its folder that are not the program's.
#[derive(Debug, Args)]
struct Uninstall {
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

/// What programs say to each other while one installs another
#[derive(Debug, Args)]
struct Own {
    #[command(subcommand)]
    verb: OwnVerb,
}

#[derive(Debug, Subcommand)]
enum OwnVerb {
    Install(Install),
    Prepare(Prepare),
    Activate(Activate),
    Settle(Settle),
    /// Tell commands, flags and exit codes as JSON
    Surface,
    /// Tell the files that are installed elsewhere, with their digests, as JSON
    Builtins,
}

/// Install the release that this program belongs to, from its archive
#[derive(Debug, Args)]
struct Install {
    /// The archive that this program was unpacked from
    #[arg(long, value_name = "FILE")]
    archive: PathBuf,
    /// The home to install into
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
    /// Follow this channel from then on: stable, beta or alpha
    #[arg(long)]
    channel: Option<Channel>,
    /// Change no profile, and on Windows no registry value, to put the program on PATH
    #[arg(long)]
    no_modify_path: bool,
    #[command(flatten)]
    mirror: MirrorFlag,
    #[command(flatten)]
    root: RootFlag,
}

/// Probe this program, and write its playbook into the folder it is staged in
#[derive(Debug, Args)]
struct Prepare {
    /// The folder
    folder: PathBuf,
}

/// Make this version current
#[derive(Debug, Args)]
struct Activate {
    /// The caller holds the lock of the home
    #[arg(long)]
    locked: bool,
}

/// Make this version, which is past its trial, the launcher
#[derive(Debug, Args)]
struct Settle {
    /// The caller holds the lock of the home
    #[arg(long)]
    locked: bool,
}

#[derive(Debug, Args)]
struct MirrorFlag {
    /// Take everything from here: http://…, https://… or file:///ABSOLUTE/PATH, as it is written
    #[arg(long, value_name = "URL")]
    mirror: Option<Mirror>,
}

#[derive(Debug, Args)]
struct RootFlag {
    /// Trust the keys in this trusted_root.json for this run, not the public Sigstore's
    #[arg(long, value_name = "FILE")]
    trusted_root: Option<PathBuf>,
}

/// Runs the command line of this process: a command of the program's own by `act`.
pub(crate) fn run<Own: Subcommand>(
    program: &Program,
    act: impl FnOnce(Own) -> ExitCode,
) -> Result<ExitCode, Failure> {
    let app = App::new(program)?;
    let mut launched = launch::hand_over(&app, true)?;
    if matches!(launched, Launched::Install) {
        beside::for_project(&app)?;
        launched = launch::hand_over(&app, false)?;
    }
    if let Launched::Ran(code) = launched {
        return Ok(code);
    }
    let own = || Own::augment_subcommands(clap::Command::new("program"));
    debug_assert_eq!(clash(&own()), None);
    // Some commands of a program's own take any name that nothing else has.
    let is_own = |matches: &ArgMatches| {
        let name = matches.subcommand_name();
        name.is_some_and(|name| !Verb::has_subcommand(name))
    };
    let whole = || command(&app, own());
    let parsed = whole()
        .try_get_matches_from(env::args_os())
        .and_then(|matches| {
            if !app.product.deprecations.is_empty() {
                let mut whole = whole();
                whole.build();
                let notes = deprecated::notes(&app.product.deprecations, &whole, &matches);
                notes.iter().for_each(say);
            }
            Ok(if is_own(&matches) {
                Said::Own(Own::from_arg_matches(&matches)?)
            } else {
                Said::Common(Box::new(CommandLine::from_arg_matches(&matches)?))
            })
        });
    match parsed {
        Ok(Said::Own(own)) => Ok(act(own)),
        Ok(Said::Common(line)) => act_on(&app, &line, whole).map(|()| Exit::Done.into()),
        Err(error) if error.use_stderr() => {
            // It repeats what was typed, which may be what a file is called in a folder of others.
            error.render().to_string().lines().for_each(say);
            Ok(Exit::Usage.into())
        }
        Err(error) => {
            // Whoever closed the other end wants no more of it.
            let _ = error.print();
            Ok(Exit::Done.into())
        }
    }
}

/// What was typed.
enum Said<Own> {
    /// A command of the program's own.
    Own(Own),
    /// What every program understands.
    Common(Box<CommandLine>),
}

/// Does what every program does. `whole` is its command line with the commands of its own.
fn act_on(
    app: &App,
    line: &CommandLine,
    whole: impl FnOnce() -> clap::Command,
) -> Result<(), Failure> {
    match &line.command {
        None => version::run(app, line.json),
        Some(Verb::Verify(args)) => verify::run(app, args),
        Some(Verb::Upgrade(args)) => upgrade::run(app, args),
        Some(Verb::Rollback(_)) => rollback::run(app),
        Some(Verb::Beside(args)) => beside::run(app, args),
        Some(Verb::Versions(args)) => versions::run(app, args),
        Some(Verb::WhatsNew(args)) => whats_new::run(app, args),
        Some(Verb::Which(args)) => which::run(app, args),
        Some(Verb::Hold(args)) => hold::hold(app, args),
        Some(Verb::Unhold(_)) => hold::unhold(app),
        Some(Verb::Sweep(args)) => sweep::run(app, args),
        Some(Verb::Doctor(args)) => doctor::run(app, args),
        Some(Verb::Status(args)) => status::run(app, args),
        Some(Verb::TrustedRoot(args)) => trusted_root::run(app, args),
        Some(Verb::Bundle(Bundle {
            verb: BundleVerb::Create(args),
        })) => bundle::create(app, args),
        Some(Verb::Completions(args)) => completions::run(app, args, whole()),
        Some(Verb::Uninstall(args)) => uninstall::run(app, args),
        Some(Verb::Own(own)) => match &own.verb {
            OwnVerb::Install(args) => install::run(app, args),
            OwnVerb::Prepare(args) => prepare::run(app, args),
            OwnVerb::Activate(args) => activate::run(app, args),
            OwnVerb::Settle(args) => settle::run(app, args),
            OwnVerb::Surface => surface::run(whole()),
            OwnVerb::Builtins => builtins::run(app, &whole()),
        },
    }
}

/// Refuses to change what a package manager put here.
fn unmanaged(app: &App) -> Result<(), Failure> {
    match owner::of(app) {
        None => Ok(()),
        Some(owner) => Err(Failure::Managed {
            executable: app.executable.clone(),
            owner,
        }),
    }
}

/// Why the commands of a program's own cannot stand beside those that every program has.
fn clash(own: &clap::Command) -> Option<String> {
    let mut names = own
        .get_subcommands()
        .flat_map(clap::Command::get_name_and_visible_aliases);
    let common = |name: &&str| *name == "help" || Verb::has_subcommand(name);
    let taken = names.find(common)?;
    Some(format!(
        "expected commands of the program's own under names of their own, found {taken:?}, which \
         every program has; rename it"
    ))
}

/// The command line with the product's name and words in it, behind the commands in `own`.
fn command(app: &App, own: clap::Command) -> clap::Command {
    let name = &app.product.name;
    let examples = |lines: &[&str]| {
        let mut text = "Examples:".to_owned();
        for line in lines {
            let _ = write!(text, "\n  {name} {line}");
        }
        text
    };
    let all = examples(&[
        "upgrade                        take what the channel selects",
        "upgrade --version 1.2.3        take this one",
        "rollback                       go back to the one before",
        "which --why                    show what runs here, and why",
        "status --json                  show what is installed",
        "doctor                         find out what is wrong, and what mends it",
        "verify --tag v1.2.3 FILE…      prove files of a release, offline",
        "trusted-root                   show whose keys are believed",
        "uninstall                      remove it from this machine",
    ]);
    let mut codes = "Exit codes:".to_owned();
    for (exit, meaning) in Exit::ALL {
        let _ = write!(codes, "\n  {:>3}  {meaning}", exit.code());
    }
    let home = format!(
        "Versions lie in ~/.{name}, or where {} says. A project asks for one in {}, which {}=1 has \
         installed; {} names a development build to run instead.",
        app.home_variable(),
        launch::pin_file(app),
        launch::install_variable(app),
        app.product.variable("BIN"),
    );
    CommandLine::augment_args(own)
        .bin_name(name)
        .about(app.product.summary.clone())
        .after_help(format!("{all}\n\n{home}\n\n{codes}"))
        .mut_subcommand("verify", |verb| {
            verb.after_help(examples(&[
                "verify SHA256SUMS",
                "verify --tag v1.2.3 release.json install.sh",
                "verify --tag v1.2.3 --bundle downloaded.json FILE",
                "verify --explain --identity SAN --issuer URL FILE",
                "verify --key cosign.pub --bundle FILE.json sha256:HEX",
            ]))
        })
        .mut_subcommand("trusted-root", |verb| {
            verb.after_help(examples(&[
                "trusted-root --json",
                "trusted-root refresh",
                "trusted-root refresh --mirror https://tuf.example.com --tuf-root root.json --output trusted_root.json",
            ]))
        })
        .mut_subcommand("bundle", |verb| {
            verb.after_help(examples(&[
                "bundle create --output FILE",
                "bundle create --version 1.2.3 --target x86_64-unknown-linux-musl --output FILE",
            ]))
        })
        .mut_subcommand("completions", |verb| {
            verb.after_help(examples(&[
                "completions bash >~/.local/share/bash-completion/completions/NAME",
                "completions zsh >DIR/_NAME                 DIR being one of $fpath",
                "completions fish >~/.config/fish/completions/NAME.fish",
                "completions powershell >>$PROFILE",
            ].map(|line| line.replace("NAME", name)).each_ref().map(String::as_str)))
        })
        .mut_subcommand("upgrade", |verb| {
            verb.after_help(examples(&[
                "upgrade",
                "upgrade --channel beta",
                "upgrade --version 1.2.3 --mirror file:///srv/mirror",
            ]))
        })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn what_is_about_the_home_is_a_command() {
        let command = CommandLine::command();
        for verb in launch::ABOUT_HOME {
            assert!(command.find_subcommand(verb).is_some(), "{verb}");
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn a_command_of_a_programs_own_under_a_name_that_is_taken_is_told_in_words() {
        let own = |name: &'static str, alias: &'static str| {
            let own = clap::Command::new(name).visible_alias(alias);
            clash(&clap::Command::new("program").subcommand(own))
        };
        assert_eq!(own("light", "on"), None);
        for (name, alias) in [
            ("status", "s"),
            ("light", "verify"),
            ("help", "h"),
            ("self", "s"),
        ] {
            let words = own(name, alias).unwrap();
            assert!(
                words.contains("which every program has; rename it"),
                "{words}"
            );
        }
    }
}
