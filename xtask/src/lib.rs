//! The maintainer's command: the stages of a release, and the dry-run of them all.
//!
//! Every stage is its own subcommand and takes what it needs by argument and environment, so that
//! a CI job, the dry-run and a person at a desk start the very same thing. A stage takes
//! `plan.json` and refuses a tree or a file that does not match it. The binary is three lines, so
//! that another project has its own.

mod adopt;
mod bootstrap;
mod channels;
mod cli;
mod clock;
mod commands;
mod compare;
mod consumer;
mod dist;
mod download;
mod failure;
mod files;
mod gates;
mod generated;
mod git;
mod github;
mod needed;
mod preparation;
mod process;
mod programs;
mod project;
mod provenance;
mod publish;
mod report;
mod sbom;
mod settings;
mod shipment;
mod signing;
mod skeleton;
mod story;
mod told;
mod tools;
#[cfg(test)]
mod trial;
mod workflows;

use std::process::ExitCode;

use clap::Parser as _;
pub use failure::Failure;
use release_plan::Exit;

/// Runs the command that the process was started with.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    match commands::run(cli) {
        Ok(()) => Exit::Done.into(),
        Err(failure) => {
            failure.report();
            failure.exit().into()
        }
    }
}
