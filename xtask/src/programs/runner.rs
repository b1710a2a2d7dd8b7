//! Runs a program that was built for a target on this machine, or says why it cannot be run here.
//! Relies on qemu's user emulation for Linux programs of another processor and on wine for
//! Windows programs.

mod wine;

use std::env::{self, consts};
use std::path::{self, Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use release_plan::Target;

use self::wine::Wine;
use crate::{Failure, process};

/// How long a program may take.
const LIMIT: Duration = Duration::from_secs(60);

/// Runs the programs of one target.
pub(crate) struct Runner {
    name: String,
    how: How,
    limit: Duration,
}

enum How {
    Native,
    Qemu(PathBuf),
    Wine(Wine),
}

/// Why a program cannot be run on this machine, and what would mend it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct CannotRun(String);

/// What runs the programs of `target` on this machine.
pub(crate) fn for_target(target: &Target) -> Result<Runner, CannotRun> {
    Machine::this().runner(target)
}

/// Whether this machine runs the programs of `target` itself.
pub(crate) fn is_native(target: &Target) -> bool {
    Machine::this().is_native(target)
}

impl Runner {
    /// How programs are run, to follow the words "was run": `natively`, `under wine 8.0`.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Runs `program` without input and without rights, and ends it after a minute.
    ///
    /// # Errors
    /// When it did not start or did not end in time, or on an interrupt. A program that ended
    /// without success is no error.
    pub(crate) fn output(&self, program: &Path, arguments: &[&str]) -> Result<Output, Failure> {
        let program = path::absolute(program)?;
        let mut command = match &self.how {
            How::Wine(wine) => return wine.output(&program, arguments, self.limit),
            How::Native => Command::new(program),
            How::Qemu(qemu) => {
                let mut command = Command::new(qemu);
                command.arg(program);
                command
            }
        };
        command.args(arguments);
        process::withhold_rights(&mut command);
        process::output(&mut command, self.limit)
    }
}

/// A machine, as far as it decides what can be run on it.
struct Machine {
    /// Processor, as rustc's triples call it.
    architecture: &'static str,
    /// Operating system, as the standard library calls it.
    system: &'static str,
    /// Where its programs lie.
    folders: Vec<PathBuf>,
}

impl Machine {
    fn this() -> Self {
        let path = env::var_os("PATH").unwrap_or_default();
        let mut folders: Vec<_> = env::split_paths(&path).collect();
        // Debian's wine64 puts nothing on PATH.
        folders.push("/usr/lib/wine".into());
        Self {
            architecture: consts::ARCH,
            system: consts::OS,
            folders,
        }
    }

    fn is_native(&self, target: &Target) -> bool {
        parts(target) == (self.architecture, self.system)
    }

    fn runner(&self, target: &Target) -> Result<Runner, CannotRun> {
        let (architecture, system) = parts(target);
        let (how, name) = if self.is_native(target) {
            (How::Native, "natively".to_owned())
        } else {
            match (system, architecture, self.system, self.architecture) {
                ("linux", "x86_64" | "aarch64", "linux", _) => self.qemu(architecture)?,
                ("windows", "x86_64", "linux", "x86_64") => {
                    let (wine, name) = Wine::of(self)?;
                    (How::Wine(wine), name)
                }
                _ => {
                    let (here, on) = (self.architecture, self.system);
                    let message = format!(
                        "nothing runs {system} programs for {architecture} on {on} for {here}; \
                         run it on {system} for {architecture}"
                    );
                    return Err(CannotRun(message));
                }
            }
        };
        Ok(Runner {
            name,
            how,
            limit: LIMIT,
        })
    }

    fn qemu(&self, architecture: &str) -> Result<(How, String), CannotRun> {
        let (fixed, shared) = (
            format!("qemu-{architecture}-static"),
            format!("qemu-{architecture}"),
        );
        let qemu = self.find(&[&fixed, &shared]).ok_or_else(|| {
            let message =
                format!("neither {fixed} nor {shared} is on PATH; install qemu-user-static");
            CannotRun(message)
        })?;
        // "qemu-aarch64 version 7.2.22 (…)"
        let version = version(Command::new(&qemu), "version ")?;
        let name = qemu.file_name().unwrap_or_default().to_string_lossy();
        let name = format!("under {name} {version}");
        Ok((How::Qemu(qemu), name))
    }

    /// The program that is there by the first of `names` to be found.
    fn find(&self, names: &[&str]) -> Option<PathBuf> {
        names.iter().find_map(|name| {
            let files = self.folders.iter().map(|folder| folder.join(name));
            files.into_iter().find(|file| file.is_file())
        })
    }
}

/// Processor and operating system of a target, in the words of [`Machine`].
fn parts(target: &Target) -> (&str, &str) {
    let mut parts = target.as_str().split('-');
    let architecture = parts.next().unwrap_or_default();
    let system = parts
        .find(|part| ["linux", "windows", "darwin"].contains(part))
        .unwrap_or(target.as_str());
    let system = if system == "darwin" { "macos" } else { system };
    (architecture, system)
}

/// The word that follows `lead` in what `tool --version` says.
fn version(mut tool: Command, lead: &str) -> Result<String, CannotRun> {
    tool.arg("--version");
    let name = tool.get_program().to_string_lossy().into_owned();
    let output = process::output(&mut tool, LIMIT)?;
    let words = String::from_utf8_lossy(&output.stdout);
    words
        .split_once(lead)
        .and_then(|(_, rest)| rest.split_whitespace().next())
        .map(str::to_owned)
        .ok_or_else(|| CannotRun(format!("{name} --version tells no version; reinstall it")))
}

/// What keeps an emulator from starting is why it cannot run a program.
impl From<Failure> for CannotRun {
    fn from(failure: Failure) -> Self {
        Self(failure.to_string())
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use rehearsal::verifiers::not_run;
    use tempfile::TempDir;

    pub(super) const WINDOWS: &str = "x86_64-pc-windows-gnullvm";
    const SAYS: &str = r#"#include <stdio.h>
        int main(int count, char **words) { printf("{\n\"word\": \"%s\"}\n", words[1]); return 7; }"#;
    const HANGS: &str = r#"#include <stdlib.h>
        int main(void) { volatile int on = 1; while (on) {} return 0; }"#;

    pub(super) fn target(triple: &str) -> Target {
        triple.parse().unwrap()
    }

    /// The triple of a Linux machine with the other processor.
    fn foreign() -> Target {
        let other = if consts::ARCH == "x86_64" {
            "aarch64"
        } else {
            "x86_64"
        };
        target(&format!("{other}-unknown-linux-musl"))
    }

    fn bare(architecture: &'static str, system: &'static str) -> Machine {
        Machine {
            architecture,
            system,
            folders: Vec::new(),
        }
    }

    /// Why `machine`, on which nothing is installed, cannot run a program for `triple`.
    fn reason(machine: &Machine, triple: &str) -> String {
        machine.runner(&target(triple)).err().unwrap().to_string()
    }

    /// Whether each of `tools` is here; else the test says that it does not run.
    pub(super) fn have(tools: &[&str]) -> bool {
        let machine = Machine::this();
        let missing = tools.iter().find(|tool| machine.find(&[tool]).is_none());
        if let Some(tool) = missing {
            not_run(tool);
        }
        missing.is_none()
    }

    fn qemu() -> String {
        format!("qemu-{}-static", parts(&foreign()).0)
    }

    /// A program for `target`, made by zig from C.
    pub(super) fn build(folder: &TempDir, target: &Target, source: &str) -> PathBuf {
        let (architecture, system) = parts(target);
        let abi = if system == "windows" { "gnu" } else { "musl" };
        let program = folder.path().join(target.executable("program"));
        let code = folder.path().join("program.c");
        std::fs::write(&code, source).unwrap();
        let output = Command::new("zig")
            .args(["cc", "-target", &format!("{architecture}-{system}-{abi}")])
            .arg(code)
            .arg("-o")
            .arg(&program)
            .output()
            .unwrap();
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{words}");
        program
    }

    /// Runs a program that prints what it is told and ends with 7.
    fn says(target: &Target) -> Runner {
        let folder = tempfile::tempdir().unwrap();
        let program = build(&folder, target, SAYS);
        let runner = for_target(target).unwrap();
        let output = runner.output(&program, &["hear this"]).unwrap();
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(json["word"], "hear this");
        assert_eq!(output.status.code(), Some(7));
        runner
    }

    /// Runs a program that does not end by itself, for as long as `runner` lets it.
    fn hangs(mut runner: Runner, program: &Path) {
        runner.limit = Duration::from_secs(1);
        let error = runner.output(program, &[]).unwrap_err().to_string();
        assert!(error.ends_with("did not end within 1 seconds"), "{error}");
        let folder = program.parent().unwrap().to_str().unwrap();
        assert_eq!(left("cmdline", folder), Vec::<String>::new());
    }

    /// Processes in whose file `what` of /proc there is `word`.
    pub(super) fn processes(what: &str, word: &str) -> Vec<String> {
        let entries = std::fs::read_dir("/proc").unwrap();
        let files = entries.map(|entry| entry.unwrap().path().join(what));
        let holds = |file: &PathBuf| {
            let bytes = std::fs::read(file).unwrap_or_default();
            String::from_utf8_lossy(&bytes).contains(word)
        };
        let found = files.filter(holds);
        found.map(|file| file.display().to_string()).collect()
    }

    /// Those of them that do not end within two seconds: what was killed takes a moment to go.
    pub(super) fn left(what: &str, word: &str) -> Vec<String> {
        for _ in 0..200 {
            if processes(what, word).is_empty() {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        processes(what, word)
    }

    #[test]
    fn a_program_of_this_machine_runs_natively() {
        for abi in ["musl", "gnu"] {
            let native = target(&format!("{}-unknown-linux-{abi}", consts::ARCH));
            let runner = for_target(&native).unwrap();
            assert_eq!(runner.name(), "natively");
            let output = runner
                .output(
                    Path::new("/bin/sh"),
                    &["-c", "echo out; echo err >&2; cat; exit 3"],
                )
                .unwrap();
            let (out, err) = (&output.stdout[..], &output.stderr[..]);
            assert_eq!((out, err), (&b"out\n"[..], &b"err\n"[..]));
            assert_eq!(output.status.code(), Some(3));
        }
    }

    #[test]
    fn a_linux_program_of_another_processor_runs_under_qemu() {
        if have(&["zig", &qemu()]) {
            let name = says(&foreign()).name;
            let lead = format!("under {} ", qemu());
            let version = name.strip_prefix(&lead).unwrap();
            assert!(version.starts_with(|c: char| c.is_ascii_digit()), "{name}");
        }
    }

    #[test]
    fn a_windows_program_runs_under_wine() {
        if have(&["zig", "wine64"]) {
            let name = says(&target(WINDOWS)).name;
            let version = name.strip_prefix("under wine ").unwrap();
            assert!(version.starts_with(|c: char| c.is_ascii_digit()), "{name}");
        }
    }

    #[test]
    fn a_program_that_hangs_is_ended_with_what_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("program");
        std::fs::write(
            &program,
            "#!/bin/sh\n[ \"$1\" ] || \"$0\" child &\nwhile :; do :; done\n",
        )
        .unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&program, mode).unwrap();
        let native = target(&format!("{}-unknown-linux-gnu", consts::ARCH));
        hangs(for_target(&native).unwrap(), &program);
    }

    #[test]
    fn a_program_that_hangs_under_qemu_is_ended() {
        if have(&["zig", &qemu()]) {
            let folder = tempfile::tempdir().unwrap();
            let program = build(&folder, &foreign(), HANGS);
            hangs(for_target(&foreign()).unwrap(), &program);
        }
    }

    #[test]
    fn a_program_that_hangs_under_wine_is_ended() {
        if have(&["zig", "wine64"]) {
            let folder = tempfile::tempdir().unwrap();
            let program = build(&folder, &target(WINDOWS), HANGS);
            hangs(for_target(&target(WINDOWS)).unwrap(), &program);
        }
    }

    #[test]
    fn without_qemu_no_program_of_another_processor_runs() {
        let machine = bare("x86_64", "linux");
        assert_eq!(
            reason(&machine, "aarch64-unknown-linux-musl"),
            "neither qemu-aarch64-static nor qemu-aarch64 is on PATH; install qemu-user-static"
        );
    }

    #[test]
    fn without_wine_no_windows_program_runs() {
        let machine = bare("x86_64", "linux");
        assert_eq!(
            reason(&machine, WINDOWS),
            "neither wine64 nor wine is on PATH; install wine64"
        );
    }

    #[test]
    fn what_no_tool_could_run_here_is_named_with_where_it_runs() {
        let linux = bare("x86_64", "linux");
        for (machine, triple, expected) in [
            (
                &linux,
                "aarch64-apple-darwin",
                "nothing runs macos programs for aarch64 on linux for x86_64; run it on macos for aarch64",
            ),
            (
                &linux,
                "aarch64-pc-windows-gnullvm",
                "nothing runs windows programs for aarch64 on linux for x86_64; run it on windows for aarch64",
            ),
            (
                &bare("aarch64", "macos"),
                "x86_64-unknown-linux-musl",
                "nothing runs linux programs for x86_64 on macos for aarch64; run it on linux for x86_64",
            ),
        ] {
            assert_eq!(reason(machine, triple), expected);
        }
    }

    #[test]
    fn macos_and_windows_run_their_own() {
        for (machine, triple) in [
            (bare("aarch64", "macos"), "aarch64-apple-darwin"),
            (bare("x86_64", "windows"), WINDOWS),
        ] {
            let runner = machine.runner(&target(triple)).unwrap();
            assert_eq!(runner.name(), "natively", "{triple}");
        }
    }
}
