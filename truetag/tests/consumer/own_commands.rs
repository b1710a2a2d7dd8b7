//! Commands that a program adds to those that every program has.

use crate::life::ready;

#[test]
fn commands_of_a_programs_own_stand_first_in_its_help() {
    let rig = ready();
    let help = rig.run(&["--help"]).expect(0).stdout;
    let order = ["\n  launch ", "\n  explode ", "\n  verify ", "\n  upgrade "];
    let places = order.map(|command| help.find(command));
    assert!(
        places.is_sorted() && places[0].is_some(),
        "{places:?} in\n{help}"
    );
    assert!(help.starts_with("Goes up."), "{help}");
    let help = rig.run(&["launch", "--help"]).expect(0).stdout;
    assert!(help.starts_with("Count down, and go"), "{help}");
    assert!(help.contains("Usage: rocket launch <CODE>"), "{help}");
}

#[test]
fn the_exit_code_and_the_panic_of_a_command_of_its_own_are_the_programs() {
    let rig = ready();
    for code in [0, 7, 42, 255] {
        rig.run(&["launch", &code.to_string()]).expect(code);
    }
    let ran = rig.run(&["explode"]).expect(101);
    assert!(ran.stderr.contains("the flight is over"), "{}", ran.stderr);
    let ran = rig.run(&["launch", "much"]).expect(2);
    assert!(
        ran.stderr.contains("invalid value 'much'"),
        "{}",
        ran.stderr
    );
    rig.run(&["lunch"]).expect(2);
}
