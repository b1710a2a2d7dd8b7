//! Tools that are not ours, each at the one version that makes the bytes of a release: where they
//! lie, and the command that brings one that is missing.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use release_plan::Version;

use crate::{Failure, process};

/// A tool of the pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tool {
    Zig,
    CargoZigbuild,
    CargoDist,
    CargoCyclonedx,
}

/// Why a tool cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {tool} {wanted}, found {found}; `{INSTALL}` brings it")]
pub(crate) struct ToolError {
    tool: Tool,
    wanted: Version,
    found: String,
}

impl ToolError {
    /// What was found in place of it.
    pub(crate) fn found(&self) -> &str {
        &self.found
    }
}

/// What brings every tool that is missing.
pub(crate) const INSTALL: &str = "cargo xtask healthcheck --install";

impl fmt::Display for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Zig => "zig",
            Self::CargoZigbuild => "cargo-zigbuild",
            Self::CargoDist => "cargo-dist",
            Self::CargoCyclonedx => "cargo-cyclonedx",
        })
    }
}

impl Tool {
    /// What its executable may be called; Python's package of zig has a name of its own.
    fn programs(self) -> &'static [&'static str] {
        match self {
            Self::Zig => &["zig", "python-zig"],
            Self::CargoZigbuild => &["cargo-zigbuild"],
            Self::CargoDist => &["dist"],
            Self::CargoCyclonedx => &["cargo-cyclonedx"],
        }
    }

    /// What makes it tell its version, as the last word of its answer.
    fn version_arguments(self) -> &'static [&'static str] {
        match self {
            Self::Zig => &["version"],
            Self::CargoZigbuild | Self::CargoDist => &["--version"],
            Self::CargoCyclonedx => &["cyclonedx", "--version"],
        }
    }

    /// Its executable at exactly the version `wanted`: from the folder of tools, else from PATH.
    pub(crate) fn find(self, wanted: &Version) -> Result<PathBuf, ToolError> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        self.find_in(wanted, &folder(), &path)
    }

    fn find_in(self, wanted: &Version, tools: &Path, path: &OsStr) -> Result<PathBuf, ToolError> {
        let own = self.place(tools, wanted).join("bin");
        let mut found = Vec::new();
        for folder in std::iter::once(own).chain(std::env::split_paths(path)) {
            for program in self.programs() {
                let program = folder.join(format!("{program}{}", std::env::consts::EXE_SUFFIX));
                if !program.is_file() {
                    continue;
                }
                match self.version(&program) {
                    Ok(version) if version == *wanted => return Ok(program),
                    Ok(version) => found.push(format!("{version} ({})", program.display())),
                    Err(error) => found.push(format!("{}: {error}", program.display())),
                }
            }
        }
        Err(ToolError {
            tool: self,
            wanted: wanted.clone(),
            found: if found.is_empty() {
                "none on PATH".to_owned()
            } else {
                found.join(", ")
            },
        })
    }

    fn version(self, program: &Path) -> Result<Version, String> {
        let mut command = Command::new(program);
        command.args(self.version_arguments());
        let output =
            process::output(&mut command, process::NO_LIMIT).map_err(|error| error.to_string())?;
        let words = String::from_utf8_lossy(&output.stdout);
        let version = words.split_whitespace().last().unwrap_or_default();
        version
            .parse()
            .map_err(|_| format!("tells no version ({})", output.status))
    }

    /// The commands that install it, in their order.
    pub(crate) fn install(self, wanted: &Version) -> Vec<Command> {
        let place = self.place(&folder(), wanted);
        if self == Self::Zig {
            // The Zig project itself publishes zig to Python's registry, for every system.
            let mut environment = Command::new("python3");
            environment.args(["-m", "venv"]).arg(&place);
            let mut package = Command::new(place.join("bin/python"));
            package.args(["-m", "pip", "install", "--quiet"]);
            package.args(["--disable-pip-version-check", "--only-binary=:all:"]);
            package.arg(format!("ziglang=={wanted}"));
            return vec![environment, package];
        }
        let mut cargo = Command::new(crate::gates::cargo());
        cargo.args(["install", "--locked", "--force"]);
        cargo
            .arg(self.to_string())
            .arg("--version")
            .arg(format!("={wanted}"));
        cargo.arg("--root").arg(&place);
        cargo.arg("--target-dir").arg(place.join("target"));
        vec![cargo]
    }

    /// Removes what installing it left and nobody needs.
    pub(crate) fn tidy(self, wanted: &Version) -> Result<(), Failure> {
        crate::files::remove_folder(&self.place(&folder(), wanted).join("target"))
    }

    /// Where an installed one lies; versions lie side by side.
    fn place(self, tools: &Path, version: &Version) -> PathBuf {
        tools.join(format!("{self}-{version}"))
    }
}

/// Where tools are installed to: `XTASK_TOOLS`, else a folder of the user's cache.
pub(crate) fn folder() -> PathBuf {
    let set = |name: &str| std::env::var_os(name).filter(|value: &OsString| !value.is_empty());
    if let Some(folder) = set("XTASK_TOOLS") {
        return folder.into();
    }
    let cache = set("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || {
        set("HOME")
            .or_else(|| set("USERPROFILE"))
            .unwrap_or_default()
    };
    cache
        .unwrap_or_else(|| Path::new(&home()).join(".cache"))
        .join("xtask-tools")
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const WANTED: Version = Version::new(0, 17, 0);

    fn zig(folder: &Path, name: &str, words: &str) {
        fs::create_dir_all(folder).unwrap();
        let program = folder.join(name);
        fs::write(&program, format!("#!/bin/sh\necho '{words}'\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[test]
    fn a_tool_of_another_version_is_passed_over_and_told() {
        let scratch = tempfile::tempdir().unwrap();
        let (tools, old) = (scratch.path().join("tools"), scratch.path().join("old"));
        zig(&old, "zig", "0.16.0");
        let find = |path: &OsStr| Tool::Zig.find_in(&WANTED, &tools, path);
        let error = find(old.as_os_str()).unwrap_err().to_string();
        assert!(
            error.contains("expected zig 0.17.0, found 0.16.0"),
            "{error}"
        );
        assert!(error.contains(INSTALL), "{error}");

        let new = scratch.path().join("new");
        zig(&new, "python-zig", "0.17.0");
        let path = std::env::join_paths([&old, &new]).unwrap();
        assert_eq!(find(&path).unwrap(), new.join("python-zig"));
        let own = tools.join("zig-0.17.0/bin");
        zig(&own, "zig", "0.17.0");
        assert_eq!(find(&path).unwrap(), own.join("zig"));
    }

    #[test]
    fn a_tool_that_is_missing_or_says_no_version_is_told_with_what_brings_it() {
        let scratch = tempfile::tempdir().unwrap();
        let find = || Tool::Zig.find_in(&WANTED, scratch.path(), scratch.path().as_os_str());
        let error = find().unwrap_err().to_string();
        assert!(error.contains("found none on PATH"), "{error}");
        zig(scratch.path(), "zig", "broken");
        let error = find().unwrap_err().to_string();
        assert!(error.contains("tells no version"), "{error}");
    }
}
