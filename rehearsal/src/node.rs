//! Foreign programs in JavaScript, run by `node` from the packages of theirs that this machine has:
//! those of `rehearsal/foreign` in `$TRUETAG_FOREIGN/node_modules`, others in
//! `$TRUETAG_TOOLS/node/node_modules`.

use std::path::PathBuf;
use std::process::Command;

/// `node` with `script` to run, where it can require `packages`. None when one of them is missing.
#[must_use]
pub fn command(script: &str, packages: &[&str]) -> Option<Command> {
    let folder = |variable: &str, below: &str| {
        let folder = PathBuf::from(std::env::var_os(variable)?);
        Some(folder.join(below).join("node_modules"))
    };
    let folders = [
        folder("TRUETAG_FOREIGN", ""),
        folder("TRUETAG_TOOLS", "node"),
    ];
    let folders: Vec<_> = folders.into_iter().flatten().collect();
    let there = |package: &&str| folders.iter().any(|folder| folder.join(package).is_dir());
    if !packages.iter().all(there) {
        return None;
    }
    let mut command = Command::new("node");
    command.env("NODE_PATH", std::env::join_paths(&folders).ok()?);
    command.args(["-e", script]);
    Some(command)
}
