//! Smoke, as far as a product can go that does not install itself.

use release_plan::Exit;

use crate::fixture::{Ended, Fixture, ok};

/// Unpacks the archive, as much as a script can do without the program.
const INSTALLS: &str = "\
while [ $# -gt 0 ]; do
    case $1 in
        --mirror) from=${2#file://}/releases/download/@TAG@ ;;
        --dir) dir=$2 ;;
    esac
    shift 2
done
mkdir -p \"$dir/bin\"
tar -xzf \"$from\"/ember-*.tar.gz -C \"$dir/bin\" --strip-components=1
";

fn assembled(script: &str) -> Fixture {
    let fixture = Fixture::unborn();
    let path = "bootstrap/install.sh";
    let template = std::fs::read_to_string(fixture.root().join(path)).unwrap();
    fixture.write(path, &format!("{template}{script}"));
    fixture.commit();
    fixture.assemble();
    fixture
}

fn smoke(fixture: &Fixture, target: &str) -> Ended {
    let mut smoke = fixture.stage("smoke", "--dir", "assets");
    smoke.args(["--target", target]).output().unwrap().into()
}

#[test]
fn what_was_tried_is_said_and_what_was_not_with_its_reason() {
    let fixture = assembled(INSTALLS);
    std::fs::create_dir(fixture.beside("previous")).unwrap();
    let mut smoke = fixture.stage("smoke", "--dir", "assets");
    smoke.args(["--target", env!("XTASK_HOST"), "--previous"]);
    let ended = ok(smoke.arg(fixture.beside("previous")));
    let expected = "\
✓           installing it by its own install.sh
✓           verifying every asset with the installed program
not smoked  upgrading to it and rolling back: there is no earlier release
not smoked  following a channel to it: no pointer names it before its promotion
";
    assert_eq!(ended.out, expected);
}

#[test]
fn a_script_that_installs_nothing_fails() {
    let ended = smoke(&assembled(""), env!("XTASK_HOST"));
    ended.with(Exit::Gate).saying("bin/ember");
}

#[test]
fn a_program_of_another_release_fails() {
    let other = format!("{INSTALLS}printf '#!/bin/sh\\necho {{}}' >\"$dir/bin/ember\"\n");
    let ended = smoke(&assembled(&other), env!("XTASK_HOST"));
    assert_ne!(ended.code, Some(0), "{}", ended.err);
}

#[test]
fn a_target_of_another_machine_is_refused() {
    let fixture = assembled(INSTALLS);
    let ended = smoke(&fixture, "sparc64-unknown-linux-gnu");
    ended.with(Exit::Input).saying("a target of this machine");
}
