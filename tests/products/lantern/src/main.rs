//! A lantern that can be lit and dimmed, and that keeps itself up to date.

use std::process::ExitCode;

use truetag::clap;

/// What lanterns do.
#[derive(clap::Subcommand)]
enum Own {
    /// Light it
    Light,
    /// Dim it
    Dim {
        /// To so many percent
        percent: u8,
    },
}

fn main() -> ExitCode {
    truetag::run_with(&truetag::program!(), |own: Own| match own {
        Own::Light => {
            println!("{} gives light", env!("CARGO_PKG_VERSION"));
            ExitCode::SUCCESS
        }
        Own::Dim { percent } if percent <= 100 => {
            println!("at {percent} %");
            ExitCode::SUCCESS
        }
        Own::Dim { percent } => {
            eprintln!("error: {percent} %: expected 0 to 100");
            ExitCode::from(3)
        }
    })
}
