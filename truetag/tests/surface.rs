//! What is written down of the command line is what the program says of itself.

use std::path::Path;
use std::process::Command;

#[test]
fn the_surface_that_is_written_down_is_the_programs() {
    let program = Command::new(env!("CARGO_BIN_EXE_truetag"))
        .args(["self", "surface"])
        .output()
        .unwrap();
    assert!(program.status.success(), "{program:?}");
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../release-plan/surface.json");
    let written = std::fs::read_to_string(file).unwrap();
    assert_eq!(
        String::from_utf8(program.stdout).unwrap(),
        written,
        "run `cargo xtask generate --surface`"
    );
}
