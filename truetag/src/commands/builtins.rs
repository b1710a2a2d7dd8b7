//! `self builtins`: every file that this program installs elsewhere, with the digest of its bytes, for
//! those who release the program.

use clap::Command;
use release_plan::{Installed, Sha256};

use super::completions;
use crate::app::App;
use crate::failure::Failure;
use crate::{output, path};

pub(super) fn run(app: &App, whole: &Command) -> Result<(), Failure> {
    let mut installed = Installed::new();
    for (path, bytes) in app.playbook().files() {
        installed.insert(format!("playbook/{path}"), Sha256::of(bytes));
    }
    let completions = completions::scripts(app, whole).into_iter();
    let completions = completions.map(|(shell, text)| (format!("completions/{shell}"), text));
    for (name, text) in completions.chain(path::snippets()) {
        installed.insert(name, Sha256::of(text.as_bytes()));
    }
    Ok(output::json(&installed)?)
}
