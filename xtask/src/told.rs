//! What the program tells of itself, as it is written down in the tree: the command line that others
//! rely on, and the files that it installs elsewhere. Only a program that was compiled can tell it.

use std::fmt;
use std::path::Path;
use std::process::Command;

use release_plan::{Builtins, Exit, Installed, Surface};

use crate::project::Project;
use crate::{Failure, files, gates, process};

/// Where the command line is written down, below the root of the tree.
pub(crate) const SURFACE: &str = "release-plan/surface.json";
/// Where the builtin manifest is, below the root of the tree.
pub(crate) const BUILTINS: &str = "release-plan/builtins.json";
/// The command that brings both up to date.
pub(crate) const WRITE: &str = "cargo xtask generate --program";

/// What the names of the playbook's files begin with in the manifest.
pub(crate) const PLAYBOOK: &str = "playbook/";

/// One of these files.
pub(crate) struct Told {
    /// Below the root of the tree.
    pub(crate) file: &'static str,
    /// What stands there; none where nothing does.
    pub(crate) written: Option<String>,
    /// What the program tells.
    pub(crate) current: String,
}

impl Told {
    pub(crate) fn is_current(&self) -> bool {
        self.written.as_ref() == Some(&self.current)
    }
}

/// What is written down in a file of the tree; none where nothing is.
pub(crate) fn written(root: &Path, file: &str) -> Result<Option<String>, Failure> {
    let path = root.join(file);
    if !path.is_file() {
        return Ok(None);
    }
    files::read_text(&path).map(Some)
}

/// The builtin manifest of the tree; none where there is none.
pub(crate) fn builtins(root: &Path) -> Result<Option<Builtins>, Failure> {
    let parsed = written(root, BUILTINS)?.map(|json| Builtins::parse(&json));
    parsed.transpose().map_err(|why| {
        let message = format!("{BUILTINS}: {why}; take it from the last release, then `{WRITE}`");
        Failure::new(Exit::Input, message)
    })
}

/// Both files, as a program says that answers the words after its name.
pub(crate) fn by(
    root: &Path,
    ask: impl Fn(&[&str]) -> Result<String, Failure>,
) -> Result<[Told; 2], Failure> {
    let refused = |verb, why: &dyn fmt::Display| {
        let message = format!("self {verb}: the program tells something else: {why}");
        Failure::new(Exit::Failed, message)
    };
    let surface = ask(&["self", "surface"])?;
    let surface = Surface::parse(&surface).map_err(|why| refused("surface", &why))?;
    let installed: Installed = serde_json::from_str(&ask(&["self", "builtins"])?)
        .map_err(|error| refused("builtins", &error))?;
    let builtins = builtins(root)?.unwrap_or_default().installing(&installed);
    let told = |file, current| -> Result<Told, Failure> {
        let written = written(root, file)?;
        Ok(Told {
            file,
            written,
            current,
        })
    };
    Ok([
        told(SURFACE, surface.render())?,
        told(BUILTINS, builtins.render())?,
    ])
}

/// Both, of the program as cargo compiles it for this machine.
pub(crate) fn compiled(project: &Project) -> Result<[Told; 2], Failure> {
    let name = &project.product.name;
    by(&project.root, |words| {
        let mut cargo = Command::new(gates::cargo());
        cargo
            .args(["run", "--quiet", "--locked", "--package", name])
            .args(["--bin", name, "--"])
            .args(words)
            .current_dir(&project.root);
        let (status, told) = process::stdout(&mut cargo)?;
        if status.success() {
            return Ok(String::from_utf8_lossy(&told).into_owned());
        }
        let words = words.join(" ");
        let message = format!("{name} {words}: cargo ended with {status}; its words are above");
        Err(Failure::new(Exit::Failed, message))
    })
}
