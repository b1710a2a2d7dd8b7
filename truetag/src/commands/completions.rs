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
pub(super) fn run(app: &App, args: &Completions, whole: clap::Command) -> Result<(), Failure> {
    Ok(output::text(&script(app, args.shell, whole))?)
}

/// All of them, by their shells.
pub(super) fn scripts(app: &App, whole: &clap::Command) -> Vec<(String, String)> {
    let shells = For::value_variants().iter();
    let named = shells.filter_map(|shell| Some((shell.to_possible_value()?, *shell)));
    let scripts = named.map(|(name, shell)| {
        let script = script(app, shell, whole.clone());
        (name.get_name().to_owned(), script)
    });
    scripts.collect()
}

fn script(app: &App, shell: For, mut whole: clap::Command) -> String {
    let shell = match shell {
        For::Bash => Shell::Bash,
        For::Zsh => Shell::Zsh,
        For::Fish => Shell::Fish,
        For::PowerShell => Shell::PowerShell,
    };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut whole, &app.product.name, &mut script);
    String::from_utf8_lossy(&script).into_owned()
}
