//! One file a command. Each resolves what it was given, decides, then acts.

mod adopt;
mod ask_for_promotion;
mod assemble;
mod bench;
mod build;
mod channels;
mod check;
mod consume;
mod dry_run;
mod fragment;
mod generate;
mod healthcheck;
mod plan;
mod prepare;
mod promote;
mod publish;
mod publish_scripts;
mod rehearsal;
mod renew;
mod reproduce;
mod scripts;
mod setup_github;
mod sign;
mod smoke;
mod verify;
mod verify_public;
mod yank;

use std::future::Future;
use std::path::Path;

use trust::TrustedRoot;

use crate::cli::{Cli, Command};
use crate::failure::Exiting as _;
use crate::{Failure, files, process};

pub(crate) fn run(cli: Cli) -> Result<(), Failure> {
    process::watch_interrupts()?;
    // Whatever failed after an interrupt did so because of it.
    dispatch(cli).or_else(|failure| process::check_interrupt().and(Err(failure)))
}

fn dispatch(cli: Cli) -> Result<(), Failure> {
    match cli.command {
        Command::DryRun(arguments) => dry_run::run(&arguments),
        Command::Healthcheck(arguments) => healthcheck::run(&arguments),
        Command::Reproduce(arguments) => reproduce::run(&arguments),
        Command::Generate(arguments) => generate::run(&arguments),
        Command::Fragment(arguments) => fragment::run(&arguments),
        Command::Plan(arguments) => plan::run(&arguments),
        Command::Prepare(arguments) => prepare::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Build(arguments) => build::run(&arguments),
        Command::Assemble(arguments) => assemble::run(&arguments),
        Command::Sign(arguments) => block_on(sign::run(&arguments)),
        Command::Verify(arguments) => verify::run(&arguments),
        Command::Smoke(arguments) => smoke::run(&arguments),
        Command::Publish(arguments) => block_on(publish::run(&arguments)),
        Command::Scripts(arguments) => block_on(scripts::run(&arguments)),
        Command::PublishScripts(arguments) => block_on(publish_scripts::run(&arguments)),
        Command::VerifyPublic(arguments) => block_on(verify_public::run(&arguments)),
        Command::Promote(arguments) => block_on(promote::run(&arguments)),
        Command::Yank(arguments) => block_on(yank::run(&arguments)),
        Command::Renew(arguments) => block_on(renew::run(&arguments)),
        Command::Channels(arguments) => block_on(channels::run(&arguments)),
        Command::AskForPromotion(arguments) => block_on(ask_for_promotion::run(&arguments)),
        Command::SetupGithub(arguments) => block_on(setup_github::run(&arguments)),
        Command::Consume(arguments) => consume::run(&arguments),
        Command::Rehearsal(arguments) => rehearsal::run(&arguments),
        Command::Adopt(arguments) => adopt::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
    }
}

fn block_on<T>(future: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let ended = runtime.block_on(async {
        tokio::select! {
            ended = future => ended,
            failure = process::interrupted() => Err(failure),
        }
    });
    // A name that is being looked up keeps nobody waiting.
    runtime.shutdown_background();
    ended
}

/// A line about what a stage did, for the person or the log.
fn say(words: impl std::fmt::Display) {
    crate::failure::say(words);
}

/// The trusted root of a file, or the public Sigstore's.
fn trusted_root(file: Option<&Path>) -> Result<TrustedRoot, Failure> {
    let exit = release_plan::Exit::Input;
    match file {
        None => TrustedRoot::public_sigstore().or_exit(exit),
        Some(file) => TrustedRoot::parse(&files::read(file)?)
            .map_err(|error| Failure::new(exit, format!("{}: {error}", file.display()))),
    }
}
