//! What is to go is said before it goes: from 1.0.0 on nothing leaves that the last release did not
//! say would, and nothing leaves before its time.

use release_plan::{Deprecation, GONE, Tag, Version};

use super::{Finding, Row, Verdict, count, row};
use crate::Failure;
use crate::needed::{self, Code, Reason};
use crate::project::{PRODUCT_FILE, Project};

/// What is deprecated stands among the things that others rely on.
pub(super) fn is_known(project: &Project, code: &Code<'_>) -> Result<Row, Failure> {
    let deprecations = &project.product.deprecations;
    let (verdict, found) = if deprecations.is_empty() {
        (Verdict::Passed, count(0, "deprecation"))
    } else {
        match needed::things(project, code)? {
            Err(why) => (Verdict::NotChecked, why),
            Ok(things) => {
                let mut others = deprecations.iter().map(|it| &it.thing);
                match others.find(|thing| !things.contains(*thing)) {
                    Some(other) => (Verdict::Failed, format!("{other}, which is none of them")),
                    None => (Verdict::Passed, count(deprecations.len(), "deprecation")),
                }
            }
        }
    };
    let finding = Finding {
        verdict,
        found,
        mend: format!("name it as it is in {PRODUCT_FILE}, or take the entry away with the thing"),
    };
    let expected = "things that others rely on, by the names that `cargo xtask plan --explain` has";
    Ok(row("deprecation-is-known", PRODUCT_FILE, expected, finding))
}

/// Every row about what is to go `now`, of which `version` is to be released, and was to go `then`,
/// under the release `last`. `reasons` has what is other.
pub(super) fn since_the_last(
    (then, now): (&[Deprecation], &[Deprecation]),
    reasons: &[Reason],
    last: &Tag,
    version: &Version,
) -> Vec<Row> {
    let gone: Vec<_> = reasons.iter().filter(|reason| reason.how == GONE).collect();
    let is_gone = |thing: &String| gone.iter().any(|reason| reason.thing == *thing);
    let said = |it: &Deprecation| format!("{} since {} until {}", it.thing, it.since, it.until);
    let kept = then.iter().find_map(|was| {
        let is = now.iter().find(|is| is.thing == was.thing);
        match is {
            None if is_gone(&was.thing) => None,
            None => Some(format!("nothing of {}", said(was))),
            Some(is) if is.since == was.since && is.until >= was.until => None,
            Some(is) => Some(format!("{}, which was {}", said(is), said(was))),
        }
    });
    let was_said = |is: &&Deprecation| then.iter().any(|was| was.thing == is.thing);
    let mut new = now.iter().filter(|is| !was_said(is));
    let mut release = version.clone();
    release.pre = Default::default();
    let otherwise = new.find(|is| ![version, &release].contains(&&is.since));
    let found = kept.or_else(|| otherwise.map(|is| format!("{}, not said by {last}", said(is))));
    let mut rows = vec![rule(
        "deprecation-is-kept",
        PRODUCT_FILE.to_owned(),
        format!("what {last} said is to go, for no shorter time, and what is new since {version}"),
        found,
        "write what was said, or a later end; a new one begins with the next version",
    )];
    let over = now.iter().find(|it| it.until < *version);
    rows.push(rule(
        "deprecation-is-over",
        PRODUCT_FILE.to_owned(),
        format!("nothing in {version} that was to go before it"),
        over.map(said),
        "take the thing away with its entry, or raise `until`",
    ));
    let early = gone.iter().find_map(|reason| {
        let mut deprecations = then.iter();
        let found = match deprecations.find(|it| it.thing == reason.thing) {
            Some(it) if it.until < *version => return None,
            Some(it) => format!("{} gone in {version}", said(it)),
            None if last.version().major == 0 => return None,
            None => format!("{} gone, of which {last} said nothing", reason.thing),
        };
        Some((reason.place.clone(), found))
    });
    let (place, found) = early.unzip();
    rows.push(rule(
        "removal-is-deprecated",
        place.unwrap_or_else(|| PRODUCT_FILE.to_owned()),
        format!("what {last} said is to go, and its time over, where something is gone"),
        found,
        "bring it back, and say under `deprecations` until when it stays",
    ));
    rows
}

fn rule(rule: &str, place: String, expected: String, found: Option<String>, mend: &str) -> Row {
    let passed = found.is_none();
    let found = found.unwrap_or_else(|| "that".to_owned());
    let finding = Finding::when(passed, Verdict::Failed, found, mend);
    row(rule, place, expected, finding)
}
