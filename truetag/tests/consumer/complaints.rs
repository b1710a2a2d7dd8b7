//! What users of other programs that upgrade themselves have complained of.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use release_plan::AssetName;

use crate::life::ready;
use crate::rig::{Ran, Rig, bundle_of, in_days};

fn believing(rig: &Rig, mut command: Command) -> Ran {
    command.args(["--mirror", &rig.mirror(), "--trusted-root"]);
    command.arg(rig.root()).output().unwrap().into()
}

#[test]
fn an_upgrade_needs_no_temporary_folder() {
    let rig = ready();
    let long = "x".repeat(250);
    for (version, odd) in [("1.1.0", "/nowhere"), ("1.2.0", &*long), ("1.3.0", "-x")] {
        rig.publish_good(version);
        let mut upgrade = rig.command(&["upgrade", "--version", version]);
        for variable in ["TMPDIR", "TEMP", "TMP"] {
            upgrade.env(variable, odd);
        }
        believing(&rig, upgrade).expect(0);
        assert_eq!(rig.version(), version);
    }
}

#[test]
fn a_program_that_somebody_still_writes_to_is_waited_for() {
    let rig = ready();
    rig.upgrade(&[]).expect(0);
    rig.run(&["rollback"]).expect(0);
    rig.upgrade(&["--version", "1.1.0"]).expect(0);
    let program = rig.home().join("versions/1.1.0/rocket");
    // As a child of another thread does that has inherited what was just written.
    let writing = File::options().append(true).open(program).unwrap();
    thread::scope(|scope| {
        let run = scope.spawn(|| rig.version());
        thread::sleep(Duration::from_millis(200));
        drop(writing);
        assert_eq!(run.join().unwrap(), "1.1.0");
    });
}

#[test]
fn a_new_program_that_vanishes_is_left_for_the_one_before() {
    let rig = ready();
    rig.upgrade(&[]).expect(0);
    // As a scanner does that likes no new programs.
    fs::remove_file(rig.home().join("versions/1.1.0/rocket")).unwrap();
    let ran = rig.run(&["--version"]).expect(0);
    assert!(ran.stdout.starts_with("rocket 1.0.0"), "{}", ran.stdout);
    assert!(
        ran.stderr.contains("1.0.0 is current again"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_launcher_is_never_written_in_place() {
    let rig = ready();
    let launcher = rig.launcher();
    let (before, held) = (
        launcher.metadata().unwrap().ino(),
        File::open(&launcher).unwrap(),
    );
    rig.upgrade(&[]).expect(0);
    rig.pass_trial();
    assert_ne!(launcher.metadata().unwrap().ino(), before);
    assert_eq!(held.metadata().unwrap().ino(), before);
    assert_eq!(held.metadata().unwrap().nlink(), 0);
}

#[cfg(target_os = "linux")]
#[test]
fn a_launcher_that_is_replaced_while_it_starts_runs_all_the_same() {
    use std::os::fd::AsRawFd;
    let rig = ready();
    let launcher = rig.launcher();
    let started = File::open(&launcher).unwrap();
    let newer = rig.home().join("bin/newer");
    fs::copy(&launcher, &newer).unwrap();
    fs::rename(&newer, &launcher).unwrap();
    // What was opened before is run after: its name is another's by then.
    let started = format!("/proc/{}/fd/{}", std::process::id(), started.as_raw_fd());
    let mut command = Command::new(started);
    command.arg("--version").env("HOME", rig.path("nobody"));
    let ran = Ran::from(command.output().unwrap()).expect(0);
    assert!(ran.stdout.starts_with("rocket 1.0.0"), "{}", ran.stdout);
}

#[test]
fn a_version_that_runs_is_not_swept_away() {
    let rig = ready();
    rig.upgrade(&[]).expect(0);
    rig.pass_trial();
    let program = rig.home().join("versions/1.1.0/rocket");
    let bundle = bundle_of(&rig.release("1.1.0").join(AssetName::MANIFEST));
    // It reads what is verified to its end, which does not come.
    let mut running = Command::new(&program)
        .args(["verify", "/dev/stdin", "--tag", "v1.1.0", "--bundle"])
        .arg(bundle)
        .arg("--trusted-root")
        .arg(rig.root())
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let lock = File::open(&program).unwrap();
    let start = Instant::now();
    while lock.try_lock().is_ok() {
        lock.unlock().unwrap();
        assert!(start.elapsed() < Duration::from_secs(10), "it never ran");
        thread::sleep(Duration::from_millis(5));
    }
    for version in ["1.2.0", "1.3.0", "1.4.0"] {
        rig.publish_good(version);
        rig.upgrade(&["--version", version]).expect(0);
        rig.pass_trial();
    }
    let is_there = program.exists();
    running.kill().unwrap();
    running.wait().unwrap();
    assert!(is_there, "it was swept while it ran");
    assert!(!rig.home().join("versions/1.0.0").exists());
    let ran = rig.run(&["sweep"]).expect(0);
    assert!(ran.stdout.contains("1.1.0        gone"), "{}", ran.stdout);
}

#[test]
fn a_release_that_is_published_in_part_is_not_taken() {
    let rig = ready();
    let archive = rig.archive("1.1.0");
    let whole = fs::read(&archive).unwrap();
    fs::write(&archive, &whole[..whole.len() / 2]).unwrap();
    rig.upgrade(&[]).expect(11);
    fs::remove_file(&archive).unwrap();
    rig.upgrade(&[]).expect(10);
    assert_eq!(rig.version(), "1.0.0");
    fs::write(&archive, whole).unwrap();
    rig.upgrade(&[]).expect(0);
}

#[test]
fn a_home_by_a_long_or_odd_path_works_as_any_other() {
    let rig = ready();
    let long = rig.path(&"l".repeat(250)).join("x".repeat(120));
    let odd = rig
        .path("")
        .join(OsStr::from_bytes(b"caf\xe9 $HOME 'q\" \n"));
    let unpacked = rig.unpack("1.0.0");
    for home in [long, odd] {
        let mut install = Command::new(&unpacked);
        install.args(["self", "install", "--archive"]);
        install.arg(rig.archive("1.0.0")).arg("--dir").arg(&home);
        install.env("HOME", rig.path("nobody"));
        believing(&rig, install).expect(0);
        let launcher = home.join("bin/rocket");
        let run = |arguments: &[&str]| {
            let mut command = Command::new(&launcher);
            command.args(arguments).env("HOME", rig.path("nobody"));
            command
        };
        believing(&rig, run(&["upgrade"])).expect(0);
        for _ in 0..3 {
            let ran: Ran = run(&["--version"]).output().unwrap().into();
            assert!(ran.expect(0).stdout.starts_with("rocket 1.1.0"));
        }
        for verb in ["status", "versions", "which", "doctor"] {
            Ran::from(run(&[verb, "--json"]).output().unwrap()).expect(0);
        }
        Ran::from(run(&["rollback"]).output().unwrap()).expect(0);
    }
}

#[test]
fn nobody_but_the_owner_may_write_what_is_installed_whatever_the_umask() {
    let rig = Rig::new();
    for version in ["1.0.0", "1.1.0"] {
        rig.publish_good(version);
    }
    let open = ["sh", "-c", "umask 0 && exec \"$@\"", "sh"];
    let shell = [&open[..], &["sh"]].concat();
    rig.install_with(&shell, "1.0.0").expect(0);
    let run = |arguments: &[&str]| {
        let command = rig.command(arguments);
        let mut opened = Command::new(open[0]);
        opened.args(&open[1..]).arg(command.get_program());
        opened.args(command.get_args());
        opened.env("HOME", rig.path("nobody"));
        opened
    };
    believing(&rig, run(&["upgrade", "--version", "1.1.0"])).expect(0);
    for _ in 0..3 {
        Ran::from(run(&["--version"]).output().unwrap()).expect(0);
    }
    let files = rig.snapshot().into_keys();
    let paths = files.flat_map(|file| {
        let above = file.ancestors();
        above.map(std::path::Path::to_owned).collect::<Vec<_>>()
    });
    for path in paths {
        let metadata = rig.home().join(&path).metadata().unwrap();
        let mode = metadata.mode();
        assert_eq!(mode & 0o022, 0, "{} has {mode:o}", path.display());
    }
}

#[test]
fn without_a_home_folder_what_needs_one_says_which_variable_names_it() {
    let rig = ready();
    let unpacked = rig.unpack("1.0.0");
    let mut install = Command::new(&unpacked);
    install.args(["self", "install", "--archive"]);
    install.arg(rig.archive("1.0.0")).env_remove("HOME");
    // The user's entry in the system's list serves where there is one.
    install.env("HOME", "relative");
    let ran = believing(&rig, install).expect(17);
    assert!(ran.stderr.contains("set ROCKET_HOME"), "{}", ran.stderr);
}

#[test]
fn a_clock_that_is_a_year_off_is_named_where_it_matters_and_harmless_elsewhere() {
    let rig = ready();
    // To a clock that is a year ahead, a pointer expired long ago.
    rig.point("1.1.0", 8, |pointer| pointer.expires = in_days(-351));
    let ran = rig.upgrade(&[]).expect(11);
    assert!(ran.stderr.contains("Check the clock"), "{}", ran.stderr);
    // To one that is a year behind, it has a year to go.
    rig.point("1.1.0", 9, |pointer| pointer.expires = in_days(364));
    rig.upgrade(&[]).expect(0);
}

#[test]
fn a_receipt_that_is_damaged_is_named_and_mended_by_an_installation() {
    let rig = ready();
    rig.upgrade(&[]).expect(0);
    let receipt = rig.home().join("versions/1.0.0/receipt.json");
    for damage in ["", "{}", "{\"schema\": \"receipt/9\"}", "\0\0\0"] {
        fs::write(&receipt, damage).unwrap();
        let ran = rig.run(&["rollback"]).expect(17);
        assert!(ran.stderr.contains("receipt.json"), "{}", ran.stderr);
    }
    let mut mend = rig.command(&["install", "1.0.0"]);
    mend.env("LC_ALL", "C");
    believing(&rig, mend).expect(0);
    rig.run(&["rollback"]).expect(0);
    assert_eq!(rig.version(), "1.0.0");
}
