//! `completions`: what a shell needs to complete this command line. Relies on `clap_complete`, which
//! writes it from the command line itself.

use clap::ValueEnum;
use clap_complete::Shell;

use super::Completions;
use crate::app::App;
use crate::failure::Failure;
use crate::output;

/// A shell that completions are written for.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum For {
    Bash,
    Zsh,
    Fish,
    #[value(name = "powershell")]
    PowerShell,
}

/// Writes them for `whole`, the command line.
pub(super) fn run(app: &App, args: &Completions, mut whole: clap::Command) -> Result<(), Failure> {
    let shell = match args.shell {
        For::Bash => Shell::Bash,
        For::Zsh => Shell::Zsh,
        For::Fish => Shell::Fish,
        For::PowerShell => Shell::PowerShell,
    };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut whole, &app.product.name, &mut script);
    Ok(output::text(&String::from_utf8_lossy(&script))?)
}
