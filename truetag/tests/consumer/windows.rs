//! The Windows program under wine: it installs itself, replaces itself while it runs, and goes
//! back. Relies on cargo-zigbuild, wine, and a stand-in for a DLL that older ones lack.

use std::env;
use std::fs;
use std::io::{Read as _, Seek as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use axum::Router;
use rehearsal::Server;
use rehearsal::verifiers::not_run;
use release_plan::Target;
use serde_json::Value;

use crate::network::{Requests, serve};
use crate::rig::{Ran, Rig, build_rocket};

const TARGET: &str = "x86_64-pc-windows-gnullvm";
/// What runs 64-bit programs.
const LOADERS: [&str; 2] = ["wine64", "wine"];
const DLL: &str = "bcryptprimitives.dll";

/// Where the variables of a person are.
const ENVIRONMENT: &str = r"HKCU\Environment";

/// Runs a command to its end. Whichever comes first starts wine's server, which keeps pipes open for
/// as long as any other runs: so that it says into files.
fn ran(mut command: Command) -> Output {
    let [mut out, mut err] = [(); 2].map(|()| tempfile::tempfile().unwrap());
    command.stdin(Stdio::null());
    command.stdout(out.try_clone().unwrap());
    command.stderr(err.try_clone().unwrap());
    let status = command.status().unwrap();
    let [stdout, stderr] = [&mut out, &mut err].map(|file| {
        let mut said = Vec::new();
        file.rewind().unwrap();
        file.read_to_end(&mut said).unwrap();
        said
    });
    Output {
        status,
        stdout,
        stderr,
    }
}

/// A Windows with a home in it.
struct Windows {
    rig: Rig,
    server: Server,
    wine: &'static str,
    prefix: PathBuf,
}

impl Windows {
    /// None where this machine has none.
    fn new() -> Option<Self> {
        let runs = |wine: &&str| {
            let version = Command::new(wine).arg("--version").output();
            version.is_ok_and(|output| output.status.success())
        };
        let Some(wine) = LOADERS.into_iter().find(runs) else {
            not_run("wine64");
            return None;
        };
        let tools = env::var_os("TRUETAG_TOOLS").map_or("/opt/truetag-tools".into(), PathBuf::from);
        let dll = tools.join("wine").join(DLL);
        if !dll.exists() {
            not_run(DLL);
            return None;
        }
        let Some(program) = build_rocket(Command::new("cargo-zigbuild"), Some(TARGET)) else {
            not_run("cargo-zigbuild with a standard library for Windows");
            return None;
        };
        let program: &'static [u8] = fs::read(program).unwrap().leak();
        let rig = Rig::with(TARGET, program);
        let prefix = rig.path("windows");
        let system = prefix.join("drive_c/windows/system32");
        fs::create_dir_all(&system).unwrap();
        // Else wine copies all its DLLs there first.
        fs::write(prefix.join(".update-timestamp"), "disable").unwrap();
        fs::copy(dll, system.join(DLL)).unwrap();
        let state = (rig.path("mirror"), Requests::default());
        let server = Server::start(|_| Router::new().fallback(serve).with_state(state)).unwrap();
        Some(Self {
            rig,
            server,
            wine,
            prefix,
        })
    }

    fn command(&self, program: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.wine);
        command
            .arg(program)
            .args(arguments)
            .env("WINEPREFIX", &self.prefix)
            .env("HOME", &self.prefix)
            .env("WINEDEBUG", "-all")
            // Takes wine's DLLs from where it is installed.
            .env("WINEBOOTSTRAPMODE", "1")
            .env("WINEDLLOVERRIDES", "mscoree,mshtml=")
            .env_remove("DISPLAY");
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        let launcher = self.rig.home().join("bin/rocket.exe");
        ran(self.command(&launcher, arguments)).into()
    }

    /// With the mirror and whom to believe.
    fn believing(&self, program: &Path, arguments: &[&str]) -> Ran {
        let url = self.server.url();
        let mut command = self.command(program, arguments);
        command.args(["--mirror", &url, "--trusted-root", &seen(&self.rig.root())]);
        ran(command).into()
    }

    fn upgrade(&self, arguments: &[&str]) -> Ran {
        let launcher = self.rig.home().join("bin/rocket.exe");
        self.believing(&launcher, &[&["upgrade"], arguments].concat())
    }

    fn unpack(&self, version: &str) -> PathBuf {
        let folder = self.rig.path(&format!("unpacked-{version}"));
        let archive = fs::File::open(self.rig.archive(version)).unwrap();
        zip::ZipArchive::new(archive)
            .unwrap()
            .extract(&folder)
            .unwrap();
        let target: Target = TARGET.parse().unwrap();
        folder
            .join(target.archive_stem("rocket"))
            .join("rocket.exe")
    }

    /// The variables of the person as Windows' own program tells them, in a code page of its own.
    fn environment(&self) -> Vec<u8> {
        self.reg(&["query", ENVIRONMENT])
    }

    fn reg(&self, arguments: &[&str]) -> Vec<u8> {
        let program = Path::new(r"C:\windows\system32\reg.exe");
        let output = ran(self.command(program, arguments));
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        output.stdout
    }

    fn version(&self) -> String {
        let ran = self.run(&["--version", "--json"]).expect(0);
        let report: Value = serde_json::from_str(&ran.stdout).unwrap();
        report["version"].as_str().unwrap().to_owned()
    }
}

impl Drop for Windows {
    fn drop(&mut self) {
        let mut server = Command::new("wineserver");
        server.arg("-k").env("WINEPREFIX", &self.prefix);
        let _ = server.status();
    }
}

/// A path as Windows sees it.
fn seen(path: &Path) -> String {
    format!("Z:{}", path.display().to_string().replace('/', "\\"))
}

#[test]
fn a_windows_program_installs_itself_upgrades_while_it_runs_and_goes_back() {
    let Some(windows) = Windows::new() else {
        return;
    };
    let rig = &windows.rig;
    for version in ["1.0.0", "1.1.0"] {
        rig.publish_good(version);
    }
    rig.point("1.1.0", 7, |_| {});
    let home = rig.home();
    let archive = seen(&rig.archive("1.0.0"));
    let unpacked = windows.unpack("1.0.0");
    let install = [
        "self",
        "install",
        "--archive",
        &archive,
        "--dir",
        &seen(&home),
    ];
    windows.believing(&unpacked, &install).expect(0);
    assert_eq!(windows.version(), "1.0.0");

    let launcher = home.join("bin/rocket.exe");
    windows.upgrade(&[]).expect(0);
    assert_eq!(windows.version(), "1.1.0");
    let program = |version: &str| fs::read(home.join("versions").join(version).join("rocket.exe"));
    assert_eq!(fs::read(&launcher).unwrap(), program("1.0.0").unwrap());
    for _ in 0..2 {
        windows.run(&["status"]).expect(0);
    }
    // The launcher, which ran until now, stepped aside for the version that passed its trial.
    assert_eq!(fs::read(&launcher).unwrap(), program("1.1.0").unwrap());
    assert_eq!(windows.version(), "1.1.0");

    windows.run(&["rollback"]).expect(0);
    assert_eq!(windows.version(), "1.0.0");
    let ran = windows.upgrade(&[]).expect(0);
    assert!(ran.stderr.contains("quarantined"), "{}", ran.stderr);
    let left: Vec<_> = fs::read_dir(home.join("bin")).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[test]
fn a_windows_version_that_crashes_on_trial_is_left_for_the_one_before() {
    let Some(windows) = Windows::new() else {
        return;
    };
    let rig = &windows.rig;
    rig.publish_good("1.0.0");
    rig.publish("1.1.0", "1.1.0 crashes status", |_| {});
    rig.point("1.1.0", 7, |_| {});
    let archive = seen(&rig.archive("1.0.0"));
    let unpacked = windows.unpack("1.0.0");
    let home = seen(&rig.home());
    let install = ["self", "install", "--archive", &archive, "--dir", &home];
    windows.believing(&unpacked, &install).expect(0);
    windows.upgrade(&[]).expect(0);
    let ran = windows.run(&["status"]);
    assert!(
        ran.stderr.contains("1.0.0 is current again"),
        "{}",
        ran.stderr
    );
    assert_eq!(windows.version(), "1.0.0");
}

#[test]
fn a_windows_launcher_is_replaced_while_another_run_holds_it() {
    let Some(windows) = Windows::new() else {
        return;
    };
    let rig = &windows.rig;
    rig.publish("1.0.0", "1.0.0 hangs status", |_| {});
    rig.publish_good("1.1.0");
    rig.point("1.1.0", 7, |_| {});
    let home = rig.home();
    let archive = seen(&rig.archive("1.0.0"));
    let unpacked = windows.unpack("1.0.0");
    let install = [
        "self",
        "install",
        "--archive",
        &archive,
        "--dir",
        &seen(&home),
    ];
    windows.believing(&unpacked, &install).expect(0);
    let launcher = home.join("bin/rocket.exe");
    let mut running = windows.command(&launcher, &["status"]).spawn().unwrap();
    windows.upgrade(&[]).expect(0);
    for _ in 0..3 {
        assert_eq!(windows.version(), "1.1.0");
    }
    assert!(running.try_wait().unwrap().is_none(), "it held nothing");
    let new = fs::read(home.join("versions/1.1.0/rocket.exe")).unwrap();
    assert_eq!(fs::read(&launcher).unwrap(), new);
    running.kill().unwrap();
    running.wait().unwrap();
    windows.run(&["unhold"]).expect(0);
    let left: Vec<_> = fs::read_dir(home.join("bin")).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[test]
fn the_entry_on_path_comes_into_the_registry_once_and_is_taken_back_with_all_else_as_it_was() {
    let Some(windows) = Windows::new() else {
        return;
    };
    let rig = &windows.rig;
    rig.publish_good("1.0.0");
    let archive = seen(&rig.archive("1.0.0"));
    let unpacked = windows.unpack("1.0.0");
    let home = seen(&rig.home());
    let install = ["self", "install", "--archive", &archive, "--dir", &home];
    let other = ["/v", "Other", "/d", r"C:\a;%b%", "/f"];
    windows.reg(&[&["add", ENVIRONMENT][..], &other].concat());
    let bin = format!("{home}\\bin");
    let others = r"%USERPROFILE%\tools;;C:\Prög rams\b\;";
    let path = ["/v", "Path", "/f"];
    for (before, after, entry) in [
        (
            Some("REG_EXPAND_SZ"),
            "REG_EXPAND_SZ",
            format!(r"{bin};%USERPROFILE%\tools;;C:\Pr"),
        ),
        (
            Some("REG_SZ"),
            "REG_SZ",
            format!(r"{bin};%USERPROFILE%\tools;;C:\Pr"),
        ),
        (None, "REG_EXPAND_SZ", format!("{bin}\r\n")),
    ] {
        if let Some(ty) = before {
            let value = ["/t", ty, "/d", others];
            windows.reg(&[&["add", ENVIRONMENT][..], &path, &value].concat());
        } else {
            windows.reg(&[&["delete", ENVIRONMENT][..], &path].concat());
        }
        let was = windows.environment();
        let ran = windows.believing(&unpacked, &install).expect(0);
        let is = windows.environment();
        let told = String::from_utf8_lossy(&is);
        let line = format!("    Path    {after}    {entry}");
        assert!(told.contains(&line), "{line}: {told}{}", ran.stderr);
        let recorded = fs::read_to_string(rig.home().join("state/path-edits.json")).unwrap();
        let recorded: Value = serde_json::from_str(&recorded).unwrap();
        assert_eq!(recorded["registry"]["added"], bin);
        assert_eq!(recorded["registry"]["created"], before.is_none());
        if before.is_none() {
            windows.believing(&unpacked, &install).expect(0);
            assert_eq!(windows.environment(), is);
        }
        let ran = windows.run(&["uninstall", "--yes"]).expect(0);
        assert_eq!(windows.environment(), was, "{}", ran.stderr);
        assert!(!rig.home().exists(), "{}", ran.stderr);
    }
}
