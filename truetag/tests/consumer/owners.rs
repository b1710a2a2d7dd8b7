//! A copy that a package manager owns changes no home, and says how it is upgraded there.

use std::fs;
use std::process::Command;

use crate::life::ready;
use crate::rig::{Ran, without_own_package};

#[test]
fn what_a_package_manager_owns_says_how_it_is_upgraded_there() {
    let rig = ready();
    let program = rig.home().join("versions/1.0.0/rocket");
    for (place, command) in [
        ("opt/Cellar/rocket/1.0.0/bin", "brew upgrade rocket"),
        ("scoop/apps/rocket/current", "scoop update rocket"),
        (
            "lib/node_modules/@acme/rocket/bin",
            "npm update -g @acme/rocket",
        ),
        ("nobody/.cargo/bin", "cargo install --locked rocket"),
    ] {
        let folder = rig.path(place);
        fs::create_dir_all(&folder).unwrap();
        let copy = folder.join("rocket");
        fs::copy(&program, &copy).unwrap();
        let before = rig.snapshot();
        for verb in ["upgrade", "rollback", "install"] {
            let mut run = Command::new(&copy);
            run.arg(verb)
                .env("HOME", rig.path("nobody"))
                .env_remove("CARGO_HOME");
            let ran: Ran = run.output().unwrap().into();
            let ran = ran.expect(13);
            assert!(ran.stderr.contains(command), "{}", ran.stderr);
        }
        assert_eq!(rig.snapshot(), before);
    }
}

#[test]
fn what_cargo_installs_runs_and_is_known_as_cargos() {
    let home = tempfile::tempdir().unwrap();
    let mut install = Command::new(env!("CARGO"));
    install
        .args(["install", "--quiet", "--debug", "--locked", "--path"])
        .arg(env!("CARGO_MANIFEST_DIR"))
        .arg("--root")
        .arg(home.path());
    let target = std::env::current_exe().unwrap();
    let target = target.ancestors().nth(3).unwrap();
    install.env("CARGO_TARGET_DIR", target);
    without_own_package(&mut install);
    let installed = install.output().unwrap();
    assert!(
        installed.status.success(),
        "{}",
        String::from_utf8_lossy(&installed.stderr)
    );
    let run = |arguments: &[&str]| -> Ran {
        let mut program = Command::new(home.path().join("bin/truetag"));
        program
            .args(arguments)
            .env("CARGO_HOME", home.path())
            .env("HOME", home.path());
        program.output().unwrap().into()
    };
    run(&["--version"]).expect(0);
    let ran = run(&["upgrade"]).expect(13);
    assert!(
        ran.stderr.contains("cargo install --locked truetag"),
        "{}",
        ran.stderr
    );
}
