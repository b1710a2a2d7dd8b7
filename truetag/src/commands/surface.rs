//! `self surface`: what of this command line others rely on, for those who release the program.

use std::collections::BTreeMap;

use clap::{Arg, Command};
use release_plan::{Argument, Surface};

use crate::failure::Failure;
use crate::output;

pub(super) fn run(mut whole: Command) -> Result<(), Failure> {
    whole.build();
    let mut commands = BTreeMap::new();
    read(&whole, "", &mut commands);
    Ok(output::text(&Surface::of(commands).render())?)
}

fn read(
    command: &Command,
    words: &str,
    commands: &mut BTreeMap<String, BTreeMap<String, Argument>>,
) {
    let arguments = command
        .get_arguments()
        .filter(|argument| !argument.is_hide_set());
    let arguments = arguments.flat_map(|argument| {
        let told = told(argument);
        names(argument)
            .into_iter()
            .map(move |name| (name, told.clone()))
    });
    commands.insert(words.to_owned(), arguments.collect());
    // Help repeats every command, and is the same for all.
    let below = command.get_subcommands();
    let below = below.filter(|below| !below.is_hide_set() && below.get_name() != "help");
    for below in below {
        let words = format!("{words} {}", below.get_name());
        read(below, words.trim_start(), commands);
    }
}

/// Every name by which an argument is given; what stands at a place has one in brackets.
pub(super) fn names(argument: &Arg) -> Vec<String> {
    let short = argument.get_short().map(|short| format!("-{short}"));
    let long = argument.get_long().map(|long| format!("--{long}"));
    let names: Vec<_> = short.into_iter().chain(long).collect();
    if names.is_empty() {
        return vec![format!("<{}>", value(argument))];
    }
    names
}

fn told(argument: &Arg) -> Argument {
    let takes = argument.get_action().takes_values();
    let values = argument.get_possible_values();
    let values = values.iter().filter(|value| !value.is_hide_set());
    Argument {
        index: argument.get_index(),
        takes: takes.then(|| value(argument)),
        required: argument.is_required_set(),
        values: if takes {
            values.map(|value| value.get_name().to_owned()).collect()
        } else {
            Vec::new()
        },
    }
}

fn value(argument: &Arg) -> String {
    let names = argument.get_value_names().unwrap_or_default();
    names
        .first()
        .map_or_else(|| argument.get_id().to_string(), ToString::to_string)
}
