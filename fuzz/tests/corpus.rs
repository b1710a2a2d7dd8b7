//! Whatever was kept of fuzzing is judged as it was recorded, by whichever library does the
//! cryptography.

use std::collections::BTreeSet;

use fuzz::{RECORD, TARGETS, verdicts};

const MEND: &str = "cargo run -p fuzz --example verdicts";

#[test]
fn every_input_of_the_corpus_gets_the_verdict_that_is_recorded() {
    let (found, recorded) = (verdicts().unwrap(), record());
    let [found, recorded] = [&found, &recorded].map(|text| text.lines().collect::<BTreeSet<_>>());
    let turned: Vec<_> = recorded.symmetric_difference(&found).collect();
    assert!(
        turned.is_empty(),
        "recorded or found, not both: {turned:#?}; if what is found is right: {MEND}"
    );
}

#[test]
fn every_target_accepts_something_and_refuses_something() {
    let record = record();
    for target in TARGETS {
        let folder = format!("{}/", target.name);
        let of_target = || record.lines().filter(|line| line.starts_with(&folder));
        assert!(
            of_target().any(|line| line.ends_with(": accepted")),
            "{folder}"
        );
        assert!(
            of_target().any(|line| line.contains(": refused: ")),
            "{folder}"
        );
    }
}

fn record() -> String {
    std::fs::read_to_string(RECORD).unwrap()
}
