//! What a version tells of itself and of those before it.

use serde_json::Value;

use crate::life::ready;

#[test]
fn after_an_upgrade_a_program_tells_what_it_brings_and_on_request_what_came_before() {
    let rig = ready();
    let ran = rig.run(&["whats-new"]).expect(0);
    assert_eq!(ran.stdout, "rocket 1.0.0\n\nIt goes up.\n");
    rig.upgrade(&[]).expect(0);
    let ran = rig.run(&["whats-new"]).expect(0);
    let told = "rocket 1.1.0\n\nIt comes down.\n\nWhat it can do now:\n- Landing: wait.\n\n\
                What becomes of what is installed:\n- Rockets that went up stay there.\n";
    assert_eq!(ran.stdout, told);
    let ran = rig.run(&["whats-new", "--since", "0.1.0"]).expect(0);
    assert!(
        ran.stdout.starts_with("rocket 1.0.0\n") && ran.stdout.ends_with(told),
        "{}",
        ran.stdout
    );
    let ran = rig
        .run(&["whats-new", "--since", "0.1.0", "--json"])
        .expect(0);
    let told: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(told[1]["version"], "1.1.0");
    assert_eq!(told[1]["capabilities"][0]["how"], "wait.");
    assert_eq!(told[0]["migration"], serde_json::json!([]));
}

#[test]
fn where_no_guide_tells_anything_it_says_so_and_a_version_above_its_own_is_refused() {
    let rig = ready();
    let ran = rig.run(&["whats-new", "--since", "1.0.0"]).expect(0);
    assert_eq!(ran.stdout, "");
    assert!(
        ran.stderr
            .contains("no guide tells of a version above 1.0.0, up to 1.0.0"),
        "{}",
        ran.stderr
    );
    let ran = rig
        .run(&["whats-new", "--since", "1.0.0", "--json"])
        .expect(0);
    assert_eq!(ran.stdout, "[]\n");
    let ran = rig.run(&["whats-new", "--since", "2.0.0"]).expect(17);
    assert!(
        ran.stderr.contains("expected a version up to 1.0.0"),
        "{}",
        ran.stderr
    );
    rig.run(&["whats-new", "--since", "one"]).expect(2);
}
