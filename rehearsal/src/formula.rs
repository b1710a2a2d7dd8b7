//! A Homebrew formula, loaded by Ruby as Homebrew does: what it would fetch and install. Relies on
//! `ruby` on PATH; Homebrew's own classes are stood in for.

use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Loads `formula` on `os` (`mac`, `linux`) and `cpu` (`arm`, `intel`), lets it install from
/// `folder`, which holds an unpacked archive, and gives what it said (`url`, `sha256`, `version`,
/// `desc`, `homepage`, `license`), its class (`formula`) and the files `installed`. `None` where
/// there is no Ruby.
///
/// # Errors
/// With Ruby's words, when it cannot parse, load or run the formula.
#[must_use]
pub fn evaluate(
    formula: &Path,
    (os, cpu): (&str, &str),
    folder: &Path,
) -> Option<Result<Value, String>> {
    let output = Command::new("ruby")
        .args(["--disable=gems", "-w", "-e", include_str!("formula.rb")])
        .arg(formula)
        .args([os, cpu])
        .current_dir(folder)
        .output();
    Some(match output {
        Err(error) if error.kind() == ErrorKind::NotFound => return None,
        Err(error) => Err(format!("ruby did not start: {error}")),
        Ok(output) if output.status.success() => {
            serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())
        }
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    })
}
