//! What a released program does for itself: it verifies, installs, upgrades and rolls back.
//!
//! Any program gets the same subcommands by handing [`run`] a [`Program`]: its product, its
//! playbook and what its build was told. [`run_with`] puts commands of its own before them:
//!
//! ```text
//! use std::process::ExitCode;
//!
//! use truetag::clap;
//!
//! #[derive(clap::Subcommand)]
//! enum Own {
//!     /// Light the lantern
//!     Light,
//! }
//!
//! fn main() -> ExitCode {
//!     truetag::run_with(&truetag::program!(), |own: Own| match own {
//!         Own::Light => ExitCode::SUCCESS,
//!     })
//! }
//! ```
//!
//! The build script of such a program is one line, `release_plan::embed(".")`, without which this
//! does not compile. Nothing here knows a product's name. Relies on `trust` for what is believed and
//! on `release-plan` for what a release is.

mod app;
mod clock;
mod commands;
mod decide;
mod doctor;
mod download;
mod failure;
mod fetch;
mod files;
mod home;
mod http;
mod install;
mod interrupt;
mod launch;
mod output;
mod owner;
mod path;
mod receipt;
mod refresh;
mod remembered;
mod root;
mod source;
mod unpack;

use std::convert::Infallible;
use std::process::ExitCode;

pub use clap;
pub use playbook::{Dir, include_dir};
pub use trust::Sigstore;

/// A program that is released with these crates.
#[derive(Debug, Clone, Copy)]
pub struct Program {
    /// The product as [`release_plan::Product::to_json`] writes it; a build script makes it.
    pub product_json: &'static str,
    /// What its releases tell, as `release_plan::embed` writes it: a list of
    /// [`release_plan::News`].
    pub news_json: &'static str,
    /// The folder of skills that the program embeds.
    pub playbook: &'static Dir<'static>,
    /// Whose keys are believed: [`Sigstore::PUBLIC`], or another.
    pub sigstore: Sigstore,
    /// What the build was told; [`build_info!`] reads it.
    pub build: BuildInfo,
}

/// What a build was told about itself.
#[derive(Debug, Clone, Copy)]
pub struct BuildInfo {
    /// The version released; none for a development build.
    pub version: Option<&'static str>,
    /// The commit built from, with `-dirty` where the tree differed; none for a development build.
    pub commit: Option<&'static str>,
    /// The target triple compiled for.
    pub target: &'static str,
}

/// The [`BuildInfo`] of the crate that calls this: `RELEASE_VERSION` and `RELEASE_COMMIT` from the
/// environment of the compiler, and `BUILD_TARGET`, which its build script sets.
#[macro_export]
macro_rules! build_info {
    () => {
        $crate::BuildInfo {
            version: option_env!("RELEASE_VERSION"),
            commit: option_env!("RELEASE_COMMIT"),
            target: env!("BUILD_TARGET"),
        }
    };
}

/// The [`Program`] of the crate that calls this: what `release_plan::embed` put into it in its build
/// script, [`build_info!`], and the public Sigstore.
#[macro_export]
macro_rules! program {
    () => {{
        use $crate::include_dir;
        static PLAYBOOK: $crate::Dir<'static> = include_dir!("$BUILD_PLAYBOOK");
        $crate::Program {
            product_json: include_str!(concat!(env!("OUT_DIR"), "/product.json")),
            news_json: include_str!(concat!(env!("OUT_DIR"), "/news.json")),
            playbook: &PLAYBOOK,
            sigstore: $crate::Sigstore::PUBLIC,
            build: $crate::build_info!(),
        }
    }};
}

/// Runs the command line of this process and returns its exit code, one of
/// [`release_plan::Exit`].
#[must_use]
pub fn run(program: &Program) -> ExitCode {
    run_with(program, |none: Infallible| match none {})
}

/// As [`run`], with commands of the program's own, which stand first in its help. `act` does what
/// such a command says; its exit code is the process's.
///
/// # Panics
/// In a build with debug assertions, when a command of the program's own has the name of one that
/// every program has.
#[must_use]
pub fn run_with<Own: clap::Subcommand>(
    program: &Program,
    act: impl FnOnce(Own) -> ExitCode,
) -> ExitCode {
    match commands::run(program, act) {
        Ok(code) => code,
        Err(failure) => {
            output::say(format_args!("error: {failure}"));
            failure.exit().into()
        }
    }
}
