//! Whatever call a command dies at, or fails at, the command on PATH runs one whole verified
//! version afterwards, and the next run completes. Relies on strace.
//!
//! Every case is run where `TRUETAG_ALL_KILLS=1` asks for it, and a fixed part of them otherwise.

mod cases;
mod trace;
mod uninstall;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use axum::Router;
use rehearsal::Server;
use release_plan::Sha256;
use serde_json::Value;

use crate::network::{Requests, serve};
use crate::rig::{Ran, Rig};
use cases::Cases;

/// A command, and what it may leave.
struct Scenario<'a> {
    rig: &'a Rig,
    /// The home before it; none where there is none.
    template: Option<PathBuf>,
    /// The command, for a home in that folder.
    command: &'a (dyn Fn(&Path) -> Command + Sync),
    /// The versions that may be current while it is not complete.
    before: &'a [&'a str],
    /// The version that is current once it is.
    after: &'a str,
    /// What it exits with then.
    code: i32,
}

impl Scenario<'_> {
    /// A folder with the home in it.
    fn place(&self) -> tempfile::TempDir {
        let folder = tempfile::tempdir_in(self.rig.path("")).unwrap();
        if let Some(template) = &self.template {
            let copied = Command::new("cp")
                .args(["-a"])
                .arg(template)
                .arg(folder.path().join("home"))
                .status();
            assert!(copied.unwrap().success());
        }
        folder
    }

    fn every_call(&self, name: &str) {
        self.every_call_on(name, &|_| true);
    }

    /// Of the calls on files that are watched.
    fn every_call_on(&self, name: &str, watched: &(dyn Fn(&Path) -> bool + Sync)) {
        Cases {
            place: &|| self.place(),
            command: &|folder| (self.command)(&folder.join("home")),
            watched,
            holds: &|folder, _, _| {
                let home = folder.join("home");
                self.is_whole(&home, false)?;
                let again = Ran::from((self.command)(&home).output().unwrap());
                if again.code != Some(self.code) {
                    return Err(format!("again {:?}: {}", again.code, again.stderr));
                }
                self.is_whole(&home, true)
            },
        }
        .run(name);
    }

    /// Every version is whole, and the one on PATH is one that may be there.
    fn is_whole(&self, home: &Path, complete: bool) -> Result<(), String> {
        versions_are_whole(home, complete)?;
        let launcher = home.join("bin/rocket");
        if !launcher.exists() {
            let may_be = self.template.is_none() && !complete;
            return if may_be {
                Ok(())
            } else {
                Err("nothing is on PATH".to_owned())
            };
        }
        let mut run = Command::new(&launcher);
        run.args(["--version", "--json"]).env("HOME", home);
        let ran = Ran::from(run.output().unwrap());
        if ran.code != Some(0) {
            return Err(format!("PATH gives {:?}: {}", ran.code, ran.stderr));
        }
        let report: Value = serde_json::from_str(&ran.stdout).map_err(|it| it.to_string())?;
        let version = report["version"].as_str().unwrap_or_default();
        let may_be = version == self.after || (!complete && self.before.contains(&version));
        if may_be {
            Ok(())
        } else {
            Err(format!("{version} is on PATH"))
        }
    }
}

/// Every version in a home is whole; once it is complete, nothing else is beside them.
fn versions_are_whole(home: &Path, complete: bool) -> Result<(), String> {
    let versions = match fs::read_dir(home.join("versions")) {
        Ok(versions) => versions.map(|entry| entry.unwrap().path()).collect(),
        Err(_) => Vec::new(),
    };
    for folder in versions {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        if name.starts_with(".staging-") {
            if complete {
                return Err(format!("{name} was left"));
            }
            continue;
        }
        let receipt = fs::read(folder.join("receipt.json")).map_err(|it| it.to_string())?;
        let receipt: Value = serde_json::from_slice(&receipt).map_err(|it| it.to_string())?;
        let program = fs::read(folder.join("rocket")).map_err(|it| it.to_string())?;
        if receipt["executable_sha256"] != Sha256::of(&program).to_string() {
            return Err(format!("{name} is not what its receipt says"));
        }
        if !folder.join("playbook/truetag-release/SKILL.md").exists() {
            return Err(format!("{name} has no playbook"));
        }
    }
    Ok(())
}

/// A rig with 1.0.0 installed, and more published; and a copy of its home by that name.
fn rig(name: &str, then: impl FnOnce(&Rig)) -> (Rig, PathBuf) {
    let rig = crate::life::ready();
    then(&rig);
    let template = rig.path(name);
    fs::rename(rig.home(), &template).unwrap();
    (rig, template)
}

/// What is on PATH in a home.
fn on_path(home: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(home.join("bin/rocket"));
    command.args(arguments).env("HOME", home);
    command
}

/// What the script of a version runs once it is unpacked.
fn installs(rig: &Rig, unpacked: &Path, version: &str, home: &Path) -> Command {
    let mut install = Command::new(unpacked);
    install.args(["self", "install", "--archive"]);
    install.arg(rig.archive(version)).arg("--dir").arg(home);
    believing(rig, install)
}

fn believing(rig: &Rig, mut command: Command) -> Command {
    command.args(["--mirror", &rig.mirror(), "--trusted-root"]);
    command.arg(rig.root());
    command
}

#[test]
fn an_upgrade_that_dies_or_fails_at_any_call_leaves_a_whole_version_and_the_next_completes() {
    let (rig, template) = rig("template", |_| {});
    Scenario {
        rig: &rig,
        template: Some(template),
        command: &|home| believing(&rig, on_path(home, &["upgrade"])),
        before: &["1.0.0"],
        after: "1.1.0",
        code: 0,
    }
    .every_call("upgrade");
}

#[test]
fn a_download_that_dies_or_fails_at_any_call_leaves_a_whole_version_and_the_next_completes() {
    let (rig, template) = rig("template", |_| {});
    let state = (rig.path("mirror"), Requests::default());
    let mirror = Router::new().fallback(serve).with_state(state);
    let server = Server::start(|_| mirror).unwrap();
    Scenario {
        rig: &rig,
        template: Some(template),
        command: &|home| {
            let mut upgrade = on_path(home, &["upgrade", "--mirror", &server.url()]);
            upgrade.arg("--trusted-root").arg(rig.root());
            upgrade
        },
        before: &["1.0.0"],
        after: "1.1.0",
        code: 0,
    }
    .every_call_on("download", &|path| path.starts_with("home/state"));
}

#[test]
fn an_installation_that_dies_or_fails_at_any_call_leaves_nothing_or_a_whole_version() {
    let rig = Rig::new();
    rig.publish_good("1.0.0");
    let unpacked = rig.unpack("1.0.0");
    Scenario {
        rig: &rig,
        template: None,
        command: &|home| {
            let mut install = installs(&rig, &unpacked, "1.0.0", home);
            install.arg("--no-modify-path").env("HOME", home);
            install
        },
        before: &[],
        after: "1.0.0",
        code: 0,
    }
    .every_call("install");
}

#[test]
fn an_installation_over_another_version_that_dies_or_fails_at_any_call_leaves_a_whole_version() {
    let (rig, template) = rig("template", |_| {});
    let unpacked = rig.unpack("1.1.0");
    Scenario {
        rig: &rig,
        template: Some(template),
        command: &|home| {
            let mut install = installs(&rig, &unpacked, "1.1.0", home);
            install.arg("--no-modify-path").env("HOME", home);
            install
        },
        before: &["1.0.0"],
        after: "1.1.0",
        code: 0,
    }
    .every_call("install over 1.0.0");
}

#[test]
fn a_rollback_that_dies_or_fails_at_any_call_leaves_a_whole_version() {
    let (rig, template) = rig("template", |rig| {
        rig.upgrade(&[]).expect(0);
        rig.pass_trial();
    });
    let scenario = Scenario {
        rig: &rig,
        template: Some(template),
        command: &|home| {
            // One that has gone back already has nothing to go back to.
            let mut shell = Command::new("sh");
            shell.args([
                "-c",
                "\"$0\" rollback; code=$?; [ $code = 17 ] || exit $code",
            ]);
            shell.arg(home.join("bin/rocket")).env("HOME", home);
            shell
        },
        before: &["1.1.0"],
        after: "1.0.0",
        code: 0,
    };
    scenario.every_call("rollback");
}

#[test]
fn a_sweep_that_dies_or_fails_at_any_call_leaves_whole_versions() {
    let (rig, template) = rig("template", |rig| {
        for version in ["1.2.0", "1.3.0"] {
            rig.publish_good(version);
            rig.upgrade(&["--version", version]).expect(0);
        }
        for _ in 0..3 {
            fs::remove_file(rig.home().join("state/trial")).ok();
        }
        fs::remove_file(rig.home().join("state/previous")).unwrap();
    });
    Scenario {
        rig: &rig,
        template: Some(template),
        command: &|home| on_path(home, &["sweep"]),
        before: &[],
        after: "1.3.0",
        code: 0,
    }
    .every_call("sweep");
}

#[test]
fn each_step_of_a_new_version_by_itself_may_die_or_fail_at_any_call() {
    let (rig, template) = rig("template", |rig| {
        rig.upgrade(&[]).expect(0);
    });
    Scenario {
        rig: &rig,
        template: Some(template.clone()),
        command: &|home| {
            let mut settle = Command::new(home.join("versions/1.1.0/rocket"));
            settle.args(["self", "settle"]).env("HOME", home);
            settle
        },
        before: &[],
        after: "1.1.0",
        code: 0,
    }
    .every_call("settle");
    fs::write(template.join("current"), "1.0.0\n").unwrap();
    Scenario {
        rig: &rig,
        template: Some(template),
        command: &|home| {
            let mut activate = Command::new(home.join("versions/1.1.0/rocket"));
            activate.args(["self", "activate"]).env("HOME", home);
            activate
        },
        before: &["1.0.0"],
        after: "1.1.0",
        code: 0,
    }
    .every_call("activate");
}

#[test]
fn the_end_of_a_trial_may_die_or_fail_at_any_call() {
    let (rig, template) = rig("template", |rig| {
        rig.upgrade(&[]).expect(0);
        for _ in 0..2 {
            rig.run(&["--version"]).expect(0);
        }
    });
    Scenario {
        rig: &rig,
        template: Some(template),
        command: &|home| on_path(home, &["--version"]),
        before: &[],
        after: "1.1.0",
        code: 0,
    }
    .every_call("the end of a trial");
}

#[test]
fn a_return_to_the_version_before_may_die_or_fail_at_any_call() {
    let (rig, template) = rig("template", |rig| {
        rig.publish("1.1.0", "1.1.0 crashes status", |_| {});
        rig.upgrade(&["--version", "1.1.0"]).expect(0);
    });
    let scenario = Scenario {
        rig: &rig,
        template: Some(template),
        command: &|home| {
            let mut shell = Command::new("sh");
            shell.args([
                "-c",
                "\"$0\" status; code=$?; [ $code = 134 ] || exit $code",
            ]);
            shell.arg(home.join("bin/rocket")).env("HOME", home);
            shell
        },
        before: &["1.1.0"],
        after: "1.0.0",
        code: 0,
    };
    scenario.every_call("return");
}
