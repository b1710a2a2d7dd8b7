//! Windows programs under wine, each in a Windows of its own that is gone afterwards. Relies on
//! wine's loader and server, and on zig to build the one DLL that older ones lack.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use release_plan::Exit;
use tempfile::TempDir;

use super::{CannotRun, LIMIT, Machine};
use crate::{Failure, files, process};

/// What Rust's standard library takes random numbers from.
const RANDOM_DLL: &str = "bcryptprimitives.dll";

/// A stand-in for [`RANDOM_DLL`], by way of what is called `RtlGenRandom` in Windows' headers.
const RANDOM_SOURCE: &str = "\
__declspec(dllimport) unsigned char SystemFunction036(void *, unsigned long);
__declspec(dllexport) int ProcessPrng(void *bytes, unsigned long long count) {
    return count >> 32 == 0 && SystemFunction036(bytes, (unsigned long)count);
}
int DllMainCRTStartup(void *library, unsigned long reason, void *reserved) { return 1; }
";

/// A wine that runs 64-bit programs.
pub(super) struct Wine {
    loader: PathBuf,
    server: PathBuf,
    /// The bytes of [`RANDOM_DLL`] where wine lacks it.
    random_dll: Option<Vec<u8>>,
}

impl Wine {
    /// The wine of `machine`, and how it calls itself.
    pub(super) fn of(machine: &Machine) -> Result<(Self, String), CannotRun> {
        let missing = |what: &str| CannotRun(format!("{what} is on PATH; install wine64"));
        let mut wine = Self {
            loader: machine
                .find(&["wine64", "wine"])
                .ok_or_else(|| missing("neither wine64 nor wine"))?,
            server: machine
                .find(&["wineserver", "wineserver64"])
                .ok_or_else(|| missing("wine is, but no wineserver"))?,
            random_dll: None,
        };
        let mut loader = Command::new(&wine.loader);
        loader.env("WINEDEBUG", "-all");
        // "wine-8.0 (…)"
        let version = super::version(loader, "wine-")?;
        if !wine.has(RANDOM_DLL)? {
            let zig = machine.find(&["zig"]).ok_or_else(|| {
                let message = format!(
                    "wine {version} has no {RANDOM_DLL}, which Rust's standard library needs, and \
                     zig, to build a stand-in, is not on PATH; install zig"
                );
                CannotRun(message)
            })?;
            wine.random_dll = Some(build_random_dll(&zig)?);
        }
        Ok((wine, format!("under wine {version}")))
    }

    /// Runs `program` and ends what it leaves.
    pub(super) fn output(
        &self,
        program: &Path,
        arguments: &[&str],
        limit: Duration,
    ) -> Result<Output, Failure> {
        Windows::new(self)?.output(program, arguments, limit)
    }

    fn has(&self, dll: &str) -> Result<bool, Failure> {
        // It loads a DLL and asks it to register itself; its exit code tells how far it came.
        let program = Path::new(r"C:\windows\system32\regsvr32.exe");
        let output = self.output(program, &["/s", dll], LIMIT)?;
        match output.status.code() {
            Some(3) => Ok(false),
            Some(0 | 4 | 5) => Ok(true),
            _ => {
                let message = format!(
                    "wine does not run its own regsvr32.exe ({}); reinstall it: {}",
                    output.status,
                    String::from_utf8_lossy(&output.stderr).trim()
                );
                Err(Failure::new(Exit::Failed, message))
            }
        }
    }
}

/// A Windows for one program: its drive and settings in a temporary folder, its processes ended on
/// drop.
struct Windows<'a> {
    wine: &'a Wine,
    folder: TempDir,
}

impl<'a> Windows<'a> {
    fn new(wine: &'a Wine) -> Result<Self, Failure> {
        let folder = tempfile::tempdir()?;
        let system = folder.path().join("drive_c/windows/system32");
        files::make_folder(&system)?;
        // Else wine copies all its DLLs there first, 700 MB that no program here asks for.
        fs::write(folder.path().join(".update-timestamp"), "disable")?;
        if let Some(bytes) = &wine.random_dll {
            fs::write(system.join(RANDOM_DLL), bytes)?;
        }
        Ok(Self { wine, folder })
    }

    fn output(
        &self,
        program: &Path,
        arguments: &[&str],
        limit: Duration,
    ) -> Result<Output, Failure> {
        let mut command = self.command(&self.wine.loader);
        command.arg(program).args(arguments);
        process::output(&mut command, limit)
    }

    fn command(&self, tool: &Path) -> Command {
        let mut command = Command::new(tool);
        process::withhold_rights(&mut command);
        // A display would show windows; the others are of the caller's own Windows.
        for name in [
            "DISPLAY",
            "WAYLAND_DISPLAY",
            "WINEARCH",
            "WINEDLLPATH",
            "WINEPATH",
        ] {
            command.env_remove(name);
        }
        command
            .env("WINEPREFIX", self.folder.path())
            .env("HOME", self.folder.path())
            .env("WINEDEBUG", "-all")
            // Takes wine's DLLs from where it is installed, as while it sets a Windows up.
            .env("WINEBOOTSTRAPMODE", "1")
            // Asks whether to install .NET and a browser otherwise.
            .env("WINEDLLOVERRIDES", "mscoree,mshtml=");
        command
    }
}

impl Drop for Windows<'_> {
    fn drop(&mut self) {
        // Wine's server and what Windows programs start are in no group of ours.
        let _ = self
            .command(&self.wine.server)
            .arg("-k")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        // Debian's server has its socket in a temporary folder that it names here and leaves.
        let name = fs::read_to_string(self.folder.path().join("wineserver")).unwrap_or_default();
        let plain = |rest: &str| rest.bytes().all(|b| b.is_ascii_alphanumeric());
        if name.strip_prefix("wine-").is_some_and(plain) {
            let _ = fs::remove_dir_all(env::temp_dir().join(name));
        }
    }
}

fn build_random_dll(zig: &Path) -> Result<Vec<u8>, Failure> {
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("random.c"), RANDOM_SOURCE)?;
    let mut command = Command::new(zig);
    command
        .args(["cc", "-target", "x86_64-windows-gnu", "-shared"])
        .args(["-nostdlib", "-O2", "-s", "random.c", "-ladvapi32", "-o"])
        .arg(RANDOM_DLL)
        .current_dir(&folder);
    process::withhold_rights(&mut command);
    let output = process::output(&mut command, LIMIT)?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr);
        let message = format!("zig did not build {RANDOM_DLL} for wine: {}", words.trim());
        return Err(Failure::new(Exit::Failed, message));
    }
    files::read(&folder.path().join(RANDOM_DLL))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::super::tests::{WINDOWS, build, have, left, processes, target};
    use super::*;

    /// Draws twice as Rust's standard library does, and then lets a child of its own wait.
    const DRAWS: &str = r#"
        #include <stdio.h>
        #include <windows.h>
        int main(int count, char **words) {
            BOOL (*draw)(void *, size_t) =
                (void *)GetProcAddress(LoadLibraryA("bcryptprimitives.dll"), "ProcessPrng");
            unsigned long long one = 0, other = 0;
            if (!draw || !draw(&one, sizeof one) || !draw(&other, sizeof other)) return 1;
            if (one == other || count > 1) Sleep(INFINITE);
            char line[MAX_PATH + 16];
            snprintf(line, sizeof line, "\"%s\" child", words[0]);
            STARTUPINFOA start = {sizeof start};
            PROCESS_INFORMATION child;
            return !CreateProcessA(words[0], line, 0, 0, 0, 0, 0, 0, &start, &child);
        }"#;

    #[test]
    fn a_windows_program_has_random_numbers_and_leaves_nothing() {
        if !have(&["zig", "wine64"]) {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let program = build(&folder, &target(WINDOWS), DRAWS);
        let (wine, _) = Wine::of(&Machine::this()).unwrap();
        let windows = Windows::new(&wine).unwrap();
        let path = windows.folder.path().to_owned();
        let marker = path.to_str().unwrap();
        let output = windows.output(&program, &[], LIMIT).unwrap();
        assert!(output.status.success(), "{output:?}");
        let alive = processes("environ", marker).len();
        assert!(alive >= 2, "{alive} of wine's server and the child");
        let socket = fs::read_to_string(path.join("wineserver"));
        drop(windows);
        assert_eq!(left("environ", marker), Vec::<String>::new());
        assert!(!path.exists());
        if let Ok(name) = socket {
            assert!(!env::temp_dir().join(name).exists());
        }
    }

    #[test]
    fn where_a_stand_in_is_needed_zig_is_asked_for() {
        if !have(&["wine64", "wineserver"]) {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let mut machine = Machine::this();
        for tool in ["wine64", "wineserver"] {
            let at = machine.find(&[tool]).unwrap();
            std::os::unix::fs::symlink(at, folder.path().join(tool)).unwrap();
        }
        machine.folders = vec![folder.path().to_owned()];
        match Wine::of(&machine) {
            Err(reason) => {
                let reason = reason.to_string();
                assert!(reason.ends_with("is not on PATH; install zig"), "{reason}");
            }
            Ok((wine, _)) => assert!(wine.random_dll.is_none()),
        }
    }
}
