//! The Rust compilers of this machine, and which of them can compile for a target: one with the
//! target's standard library beside it, or with its own sources to build that from.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use release_plan::{Exit, StdOrigin, Target, Toolchain, Version};

use crate::tools::{self, Tool, ToolError};
use crate::{Failure, gates};

/// The target of the machine that this program was built on and for.
pub(crate) const HOST: &str = env!("XTASK_HOST");

/// A Rust compiler with its cargo.
#[derive(Debug, Clone)]
pub(crate) struct Compiler {
    pub(crate) rustc: PathBuf,
    pub(crate) cargo: PathBuf,
    /// First line of `rustc --version`.
    pub(crate) version: String,
    /// The commit it was built from, which stands in the paths of a prebuilt standard library.
    pub(crate) commit: String,
    pub(crate) sysroot: PathBuf,
    targets: Vec<String>,
}

/// What compiles for one target.
#[derive(Debug, Clone)]
pub(crate) struct Builder {
    pub(crate) compiler: Compiler,
    pub(crate) std: StdOrigin,
    /// What compiles C and links; none where the machine's own linker does.
    pub(crate) zig: Option<Zig>,
    /// The lowest macOS that the compiler's standard library runs on, for its targets.
    pub(crate) lowest_macos: Option<String>,
}

/// zig, and what lets cargo use it.
#[derive(Debug, Clone)]
pub(crate) struct Zig {
    pub(crate) zig: PathBuf,
    pub(crate) cargo_zigbuild: PathBuf,
}

/// Why this machine cannot compile for a target.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CannotBuild {
    #[error(
        "{0}: expected a target of rustc's, found none of that name; see `rustc --print \
         target-list` and mend dist-workspace.toml"
    )]
    UnknownTarget(Target),
    #[error(
        "{target}: expected its standard library or the compiler's sources, found neither in {}; \
         `{INSTALL}` brings it", .sysroot.display(), INSTALL = tools::INSTALL
    )]
    MissingStd { target: Target, sysroot: PathBuf },
    #[error("{target}: {error}")]
    MissingTool { target: Target, error: ToolError },
}

impl Compiler {
    /// The compilers of this machine: that of the project first, then others on PATH.
    pub(crate) fn all(root: &Path) -> Result<Vec<Self>, Failure> {
        let asked = std::env::var_os("RUSTC").unwrap_or_else(|| OsString::from("rustc"));
        let mut compilers = vec![Self::probe(Path::new(&asked), root)?];
        let path = std::env::var_os("PATH").unwrap_or_default();
        for folder in std::env::split_paths(&path) {
            let rustc = folder.join(format!("rustc{}", std::env::consts::EXE_SUFFIX));
            if !rustc.is_file() {
                continue;
            }
            // One that does not answer compiles nothing either.
            if let Ok(found) = Self::probe(&rustc, root)
                && !compilers.iter().any(|known| known.sysroot == found.sysroot)
            {
                compilers.push(found);
            }
        }
        Ok(compilers)
    }

    fn probe(rustc: &Path, root: &Path) -> Result<Self, Failure> {
        let ask = |rustc: &Path, arguments: &[&str]| -> Result<String, Failure> {
            let failed = |what: &dyn std::fmt::Display| {
                let words = format!("{} {}: {what}", rustc.display(), arguments.join(" "));
                Failure::new(Exit::Input, words)
            };
            let output = Command::new(rustc)
                .args(arguments)
                .current_dir(root)
                .output()
                .map_err(|error| failed(&error))?;
            if !output.status.success() {
                return Err(failed(&String::from_utf8_lossy(&output.stderr).trim()));
            }
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        };
        let sysroot = PathBuf::from(ask(rustc, &["--print", "sysroot"])?.trim());
        // The programs themselves: a proxy would choose a toolchain anew, by folder and home.
        let own = |name: &str| {
            let program = sysroot
                .join("bin")
                .join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
            program.is_file().then_some(program)
        };
        let rustc = own("rustc").unwrap_or_else(|| rustc.to_owned());
        let words = ask(&rustc, &["--version", "--verbose"])?;
        let told = |name: &str| {
            let mut lines = words.lines();
            lines.find_map(|line| line.strip_prefix(name).map(|rest| rest.trim().to_owned()))
        };
        Ok(Self {
            cargo: own("cargo").unwrap_or_else(|| gates::cargo().into()),
            version: words.lines().next().unwrap_or_default().trim().to_owned(),
            commit: told("commit-hash:").unwrap_or_default(),
            targets: ask(&rustc, &["--print", "target-list"])?
                .lines()
                .map(str::to_owned)
                .collect(),
            sysroot,
            rustc,
        })
    }

    /// Where the sources of its standard library lie, once they are installed.
    pub(crate) fn sources(&self) -> PathBuf {
        self.sysroot.join("lib/rustlib/src/rust")
    }

    /// Whether it has a target of that name.
    pub(crate) fn knows(&self, target: &Target) -> bool {
        self.targets.iter().any(|known| known == target.as_str())
    }

    /// The lowest macOS that programs for `target` run on, where it is for macOS.
    fn lowest_macos(&self, target: &Target) -> Option<String> {
        const VARIABLE: &str = "MACOSX_DEPLOYMENT_TARGET";
        let output = Command::new(&self.rustc)
            .args(["--print", "deployment-target", "--target", target.as_str()])
            .env_remove(VARIABLE)
            .output()
            .ok()?;
        let words = String::from_utf8_lossy(&output.stdout);
        let version = words.trim().strip_prefix(VARIABLE)?.strip_prefix('=')?;
        Some(version.to_owned())
    }

    /// Where the standard library for `target` would come from.
    pub(crate) fn std_for(&self, target: &Target) -> Option<StdOrigin> {
        let libraries = self
            .sysroot
            .join("lib/rustlib")
            .join(target.as_str())
            .join("lib");
        let is_std = |name: &str| name.starts_with("libstd-") && name.ends_with(".rlib");
        let prebuilt = std::fs::read_dir(libraries).is_ok_and(|entries| {
            entries
                .flatten()
                .any(|entry| is_std(&entry.file_name().to_string_lossy()))
        });
        if prebuilt {
            return Some(StdOrigin::Prebuilt);
        }
        let sources = self.sources().join("library/std/Cargo.toml");
        sources.is_file().then_some(StdOrigin::Source)
    }
}

impl Builder {
    /// What compiles for `target` with the first of `compilers` that can.
    pub(crate) fn find(
        compilers: &[Compiler],
        target: &Target,
        tools: &release_plan::Tools,
    ) -> Result<Self, CannotBuild> {
        let knows = |compiler: &&Compiler| compiler.knows(target);
        if !compilers.iter().any(|compiler| compiler.knows(target)) {
            return Err(CannotBuild::UnknownTarget(target.clone()));
        }
        let able = |compiler: &Compiler| Some((compiler.clone(), compiler.std_for(target)?));
        let mut candidates: Vec<_> = compilers.iter().filter(knows).filter_map(able).collect();
        // The compiler that the project names comes before others; a standard library that its
        // builders built comes before one from sources.
        candidates.sort_by_key(|(compiler, std)| {
            let named = Toolchain::names(&compiler.version, &tools.rust);
            (!named, *std != StdOrigin::Prebuilt)
        });
        let Some((compiler, std)) = candidates.first().cloned() else {
            let sysroot = compilers[0].sysroot.clone();
            let target = target.clone();
            return Err(CannotBuild::MissingStd { target, sysroot });
        };
        let missing = |error| CannotBuild::MissingTool {
            target: target.clone(),
            error,
        };
        let zig = if is_machines_own(target) {
            None
        } else {
            Some(Zig {
                zig: Tool::Zig.find(&tools.zig).map_err(missing)?,
                cargo_zigbuild: Tool::CargoZigbuild
                    .find(&tools.cargo_zigbuild)
                    .map_err(missing)?,
            })
        };
        let lowest_macos = compiler.lowest_macos(target);
        Ok(Self {
            compiler,
            std,
            zig,
            lowest_macos,
        })
    }

    /// What is recorded of it.
    pub(crate) fn toolchain(&self, tools: &release_plan::Tools) -> Toolchain {
        let with_zig = |version: &Version| self.zig.as_ref().map(|_| version.clone());
        Toolchain {
            rustc: self.compiler.version.clone(),
            std: self.std,
            zig: with_zig(&tools.zig),
            cargo_zigbuild: with_zig(&tools.cargo_zigbuild),
        }
    }
}

/// Whether programs for `target` link with this machine's own C library, and so with its linker.
fn is_machines_own(target: &Target) -> bool {
    target.as_str() == HOST && target.as_str().ends_with("-linux-gnu")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_triple_that_is_none_of_rustcs_is_refused_with_its_name() {
        let compilers = Compiler::all(Path::new(".")).unwrap();
        let tools = release_plan::Tools {
            rust: "stable".to_owned(),
            zig: Version::new(0, 0, 0),
            cargo_zigbuild: Version::new(0, 0, 0),
            cargo_dist: Version::new(0, 0, 0),
            cargo_cyclonedx: None,
        };
        let find = |target: &str| Builder::find(&compilers, &target.parse().unwrap(), &tools);
        let error = find("x86_64-unknown-plan9").unwrap_err().to_string();
        assert!(error.contains("x86_64-unknown-plan9"), "{error}");
        assert!(error.contains("target-list"), "{error}");
        // Another target than the machine's own wants zig, and this version there is not.
        let error = find("x86_64-unknown-linux-musl").unwrap_err().to_string();
        assert!(error.contains(tools::INSTALL), "{error}");
        assert!(find(HOST).is_ok() || !HOST.ends_with("-gnu"));
    }
}
