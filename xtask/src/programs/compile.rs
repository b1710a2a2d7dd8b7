//! Compiles the program for one target so that the same commit and toolchain give the same bytes,
//! whoever does it and in whichever folder. What may differ from machine to machine is taken from
//! cargo's environment, and paths that go into a program are written as if they were the same.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

use release_plan::{Exit, Plan, Sha256, StdOrigin, Target, Toolchain};

use crate::programs::compiler::Builder;
use crate::{Failure, failure, process};

/// The profile that ships.
const PROFILE: &str = "dist";

/// What of the environment reaches cargo: where things lie, how the network is reached, and how it
/// talks to a person. Compilers' flags, a job's rights and everything else stay outside.
const KEPT: [&str; 25] = [
    "PATH",
    "HOME",
    "USERPROFILE",
    "SYSTEMROOT",
    "TMPDIR",
    "TMP",
    "TEMP",
    "RUSTUP_HOME",
    "XDG_CACHE_HOME",
    "CARGO_BUILD_JOBS",
    "CARGO_MAKEFLAGS",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "TERM",
    "COLUMNS",
    "NO_COLOR",
    "CARGO_TERM_COLOR",
];
const KEPT_PREFIXES: [&str; 4] = [
    "CARGO_HTTP_",
    "CARGO_NET_",
    "CARGO_REGISTRIES_",
    "CARGO_SOURCE_",
];

/// Where a program is compiled.
#[derive(Debug)]
pub(crate) struct Site {
    /// The work tree.
    pub(crate) root: PathBuf,
    /// Cargo's folder for what it makes.
    pub(crate) target_folder: PathBuf,
    /// Cargo's home, with the sources of all dependencies.
    pub(crate) cargo_home: PathBuf,
    /// The user's home, where it is to be another than that of this process.
    pub(crate) home: Option<PathBuf>,
}

impl Site {
    /// The folder for what one toolchain makes: cargo does not see that another zig would compile
    /// C to other bytes.
    fn folder(&self, toolchain: &Toolchain) -> PathBuf {
        let digest = Sha256::of(toolchain.to_string().as_bytes()).to_string();
        self.target_folder.join(format!("toolchain-{digest:.12}"))
    }

    pub(crate) fn new(root: &Path, target_folder: &Path) -> Self {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let home = || {
            set("HOME")
                .or_else(|| set("USERPROFILE"))
                .unwrap_or_default()
        };
        let cargo_home = set("CARGO_HOME").map(PathBuf::from);
        Self {
            root: root.to_owned(),
            target_folder: target_folder.to_owned(),
            cargo_home: cargo_home.unwrap_or_else(|| Path::new(&home()).join(".cargo")),
            home: None,
        }
    }
}

/// Compiles the plan's program for `target` and says where it lies.
///
/// What the compiler says goes to stderr as it says it.
pub(crate) fn compile(
    site: &Site,
    plan: &Plan,
    target: &Target,
    builder: &Builder,
) -> Result<PathBuf, Failure> {
    fetch(site, target, builder)?;
    let mut cargo = command(site, plan, target, builder);
    let (status, messages) = process::stdout(&mut cargo)?;
    if !status.success() {
        let (exit, why) = match free_space(&site.target_folder) {
            Some(free) if free < LITTLE => (
                Exit::Storage,
                format!(
                    "; {} has {free} bytes left: make room there, or name another folder in \
                     CARGO_TARGET_DIR",
                    site.target_folder.display()
                ),
            ),
            _ => (Exit::Failed, "; the compiler's words are above".to_owned()),
        };
        let message = format!("{target}: cargo ended with {status}{why}");
        return Err(Failure::new(exit, message));
    }
    executable_of(&messages, &plan.product, target)
}

/// Brings the sources of all dependencies, so that the folders that they lie in are known before a
/// path of theirs is compiled in.
fn fetch(site: &Site, target: &Target, builder: &Builder) -> Result<(), Failure> {
    let mut cargo = Command::new(&builder.compiler.cargo);
    set_environment(&mut cargo, site, builder);
    cargo.args(["fetch", "--locked", "--quiet", "--target", target.as_str()]);
    let output = process::output(&mut cargo, process::NO_LIMIT)?;
    let words = String::from_utf8_lossy(&output.stderr);
    if !words.is_empty() {
        failure::say(words.trim_end());
    }
    if output.status.success() {
        return Ok(());
    }
    // Cargo has one exit code for everything; it says this of a lock file that it would change.
    if words.contains("--locked was passed") {
        let message = format!(
            "{target}: Cargo.lock is not as Cargo.toml asks; run `cargo update --workspace` and \
             commit it"
        );
        return Err(Failure::new(Exit::Input, message));
    }
    let ended = output.status;
    let message = format!("{target}: cargo fetch ended with {ended}; its words are above");
    Err(Failure::new(Exit::Network, message))
}

/// Below this a build that failed is taken to have failed for lack of room.
const LITTLE: u64 = 1 << 20;

#[cfg(unix)]
fn free_space(folder: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(folder).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}

#[cfg(not(unix))]
fn free_space(_: &Path) -> Option<u64> {
    None
}

fn command(site: &Site, plan: &Plan, target: &Target, builder: &Builder) -> Command {
    let mut cargo = match &builder.zig {
        None => {
            let mut cargo = Command::new(&builder.compiler.cargo);
            cargo.arg("build");
            cargo
        }
        Some(zig) => {
            let mut cargo = Command::new(&zig.cargo_zigbuild);
            cargo.arg("zigbuild");
            cargo
        }
    };
    set_environment(&mut cargo, site, builder);
    if let Some(zig) = &builder.zig {
        // Else it would take whatever zig Python has before the one that was looked at.
        cargo.env("CARGO_ZIGBUILD_ZIG_COMMAND", &zig.zig);
    }
    let package = &plan.product;
    let folder = site.folder(&builder.toolchain(&plan.tools));
    cargo
        .args(["--locked", "--package", package, "--bin", package])
        .args(["--profile", PROFILE, "--target", target.as_str()])
        .args(["--message-format", "json-render-diagnostics"])
        // Outside tools would strip what the linker has signed already.
        .env("CARGO_PROFILE_DIST_STRIP", "none")
        .env(
            "CARGO_ENCODED_RUSTFLAGS",
            flags(site, &folder, target, builder),
        )
        .env("CARGO_TARGET_DIR", &folder)
        .env("RELEASE_VERSION", plan.version.to_string())
        .env("RELEASE_COMMIT", plan.source.label())
        .env(
            "SOURCE_DATE_EPOCH",
            plan.source.committed_at.seconds().to_string(),
        )
        .env("ZERO_AR_DATE", "1")
        .env("LC_ALL", "C")
        .env("TZ", "UTC");
    if let Some(version) = &builder.lowest_macos {
        // Else zig takes the newest that it knows.
        cargo.env("MACOSX_DEPLOYMENT_TARGET", version);
    }
    if builder.std == StdOrigin::Source {
        cargo
            .arg("-Zbuild-std=std,panic_abort")
            .env("RUSTC_BOOTSTRAP", "1");
    }
    cargo
}

/// What cargo gets to see, whatever it is asked to do.
fn set_environment(cargo: &mut Command, site: &Site, builder: &Builder) {
    cargo.env_clear();
    let kept = std::env::vars_os().filter(|(name, _)| is_kept(name));
    cargo.envs(kept);
    if let Some(home) = &site.home {
        cargo.env("HOME", home).env("USERPROFILE", home);
        cargo.env_remove("XDG_CACHE_HOME");
    }
    cargo
        .env("CARGO", &builder.compiler.cargo)
        .env("RUSTC", &builder.compiler.rustc)
        // No cache that compiles elsewhere, whatever a configuration file says.
        .env("RUSTC_WRAPPER", "")
        .env("RUSTC_WORKSPACE_WRAPPER", "")
        .env("CARGO_HOME", &site.cargo_home)
        .env("CARGO_TARGET_DIR", &site.target_folder)
        .current_dir(&site.root);
}

fn is_kept(name: &OsStr) -> bool {
    let Some(name) = name.to_str() else {
        return false;
    };
    KEPT.contains(&name) || KEPT_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// The flags of rustc, as cargo takes them: separated by a character that no path holds.
fn flags(site: &Site, made: &Path, target: &Target, builder: &Builder) -> OsString {
    // Symbols are dropped by the linker, which signs what it has written.
    let mut flags: Vec<OsString> = vec!["-Clink-arg=-Wl,-s".into()];
    if builder.std == StdOrigin::Source && target.as_str().contains("-musl") {
        // The start files that are installed with a prebuilt standard library are not there.
        flags.push("-Clink-self-contained=no".into());
    }
    // Of several that fit a path, the last one counts.
    let mut remap = |from: &Path, to: &str| {
        let mut flag = OsString::from("--remap-path-prefix=");
        flag.push(from);
        flag.push("=");
        flag.push(to);
        flags.push(flag);
    };
    remap(&site.root, "/source");
    remap(made, "/target");
    remap(&site.cargo_home, "/cargo");
    // The name of a registry's folder depends on the address it was reached by.
    let registries = site.cargo_home.join("registry/src");
    let folders = std::fs::read_dir(registries)
        .into_iter()
        .flatten()
        .flatten();
    let mut folders: Vec<PathBuf> = folders.map(|entry| entry.path()).collect();
    folders.sort();
    for folder in folders {
        remap(&folder, "/cargo/registry");
    }
    let compiler = &builder.compiler;
    remap(&compiler.sources(), &format!("/rustc/{}", compiler.commit));
    flags.join(OsStr::new("\u{1f}"))
}

/// Where cargo says it put the program.
fn executable_of(messages: &[u8], program: &str, target: &Target) -> Result<PathBuf, Failure> {
    for message in cargo_metadata::Message::parse_stream(messages) {
        if let cargo_metadata::Message::CompilerArtifact(artifact) = message?
            && artifact.target.name == program
            && let Some(executable) = artifact.executable
        {
            return Ok(executable.into());
        }
    }
    let message = format!("{target}: cargo built no program called {program}");
    Err(Failure::new(Exit::Failed, message))
}
