//! What of a command line is to go, so that whoever still types it is told in time.

use clap::parser::ValueSource;
use clap::{ArgMatches, Command};
use release_plan::{Deprecation, named};

use super::surface::names;

/// A note for each deprecation that a command line makes use of. `whole` is built.
pub(super) fn notes(
    deprecations: &[Deprecation],
    whole: &Command,
    matches: &ArgMatches,
) -> Vec<String> {
    let used = used(whole, matches);
    let told = deprecations.iter().filter(|it| used.contains(&it.thing));
    let note = |it: &Deprecation| {
        let typed = it.thing.trim_start_matches("command ");
        format!(
            "note: {typed} is deprecated and goes after {}; use {}",
            it.until, it.replacement
        )
    };
    told.map(note).collect()
}

/// The commands and arguments that stand in a command line.
fn used(whole: &Command, matches: &ArgMatches) -> Vec<String> {
    let (mut command, mut matches) = (whole, matches);
    let mut words = String::new();
    let mut used = Vec::new();
    loop {
        used.push(named(&words, ""));
        let given = command.get_arguments().filter(|argument| {
            let source = matches.value_source(argument.get_id().as_str());
            source == Some(ValueSource::CommandLine)
        });
        let given = given.flat_map(names).map(|name| named(&words, &name));
        used.extend(given);
        let below = matches.subcommand();
        let Some((name, inside)) = below else {
            return used;
        };
        let Some(below) = command.find_subcommand(name) else {
            return used;
        };
        words = format!("{words} {name}").trim_start().to_owned();
        (command, matches) = (below, inside);
    }
}

#[cfg(test)]
mod tests {
    use clap::Arg;

    use super::*;

    #[test]
    fn who_types_what_is_to_go_is_told_and_nobody_else() {
        let flag = |name: &'static str| Arg::new(name).long(name).num_args(0);
        let mut whole = Command::new("ember")
            .arg(flag("json"))
            .subcommand(Command::new("light").arg(flag("old").short('o')))
            .subcommand(Command::new("glow").arg(Arg::new("old").long("old").default_value("x")));
        whole.build();
        let deprecation = |thing: &str| Deprecation {
            thing: thing.to_owned(),
            since: "1.2.0".parse().unwrap(),
            until: "1.9.0".parse().unwrap(),
            replacement: "--new".to_owned(),
        };
        let deprecations = [
            deprecation("command light --old"),
            deprecation("command glow"),
            deprecation("command glow --old"),
            deprecation("exit code 7"),
        ];
        for (line, expected) in [
            ("ember --json", &[][..]),
            ("ember light", &[]),
            ("ember light --old", &["light --old"]),
            ("ember light -o", &["light --old"]),
            ("ember glow", &["glow"]),
        ] {
            let matches = whole.clone().try_get_matches_from(line.split(' '));
            let matches = matches.unwrap();
            let notes = notes(&deprecations, &whole, &matches);
            let expected = expected.iter().map(|typed| {
                format!("note: {typed} is deprecated and goes after 1.9.0; use --new")
            });
            assert_eq!(notes, expected.collect::<Vec<_>>(), "{line}");
        }
    }
}
