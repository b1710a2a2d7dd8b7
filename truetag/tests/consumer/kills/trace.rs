//! What a command does to files, as strace tells it, and one call of it made to fail or to be the
//! last. Calls are numbered as strace numbers them: for each process and each kind of call anew.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The calls that change files, or have a change last.
const CHANGING: [&str; 22] = [
    "openat",
    "write",
    "pwrite64",
    "copy_file_range",
    "sendfile",
    "ftruncate",
    "fallocate",
    "fsync",
    "fdatasync",
    "rename",
    "renameat",
    "renameat2",
    "link",
    "linkat",
    "symlink",
    "unlink",
    "unlinkat",
    "rmdir",
    "mkdir",
    "chmod",
    "fchmod",
    "utimensat",
];

/// A call: its kind, and its number among those of its process.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Call {
    pub(super) kind: String,
    pub(super) number: usize,
}

/// What is to happen at a call.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fate {
    /// The process is killed before it is done.
    Killed,
    /// It fails with this error.
    Fails(&'static str),
}

/// A line of a trace that changes files that are watched.
#[derive(Debug)]
struct Line {
    process: String,
    call: Call,
    /// The paths in it, in order.
    paths: Vec<PathBuf>,
}

/// What a command did.
#[derive(Debug)]
pub(super) struct Trace(Vec<Line>);

impl Trace {
    /// Runs a command and looks at what it does to files that are `watched`.
    pub(super) fn of(command: &Command, watched: impl Fn(&Path) -> bool) -> Self {
        let log = tempfile::NamedTempFile::new().unwrap();
        let mut strace = Command::new("strace");
        strace
            .args(["-f", "-y", "-s", "0", "-e"])
            .arg(format!("trace={}", CHANGING.join(",")))
            .arg("-o")
            .arg(log.path());
        let ended = under(strace, command).output().unwrap();
        let told = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success(), "{told}");
        let text = fs::read_to_string(log.path()).unwrap();
        let mut counted: BTreeMap<(String, String), usize> = BTreeMap::new();
        let mut lines = Vec::new();
        for line in text.lines() {
            let Some((process, rest)) = line.split_once(' ') else {
                continue;
            };
            let rest = rest.trim_start();
            let Some((kind, arguments)) = rest.split_once('(') else {
                continue;
            };
            if !CHANGING.contains(&kind) {
                continue;
            }
            let number = counted
                .entry((process.to_owned(), kind.to_owned()))
                .or_default();
            *number += 1;
            let paths = paths(arguments);
            let reads = kind == "openat"
                && !["O_CREAT", "O_TRUNC", "O_TMPFILE"]
                    .iter()
                    .any(|flag| arguments.contains(flag));
            if !reads && paths.iter().any(|path| watched(path)) {
                lines.push(Line {
                    process: process.to_owned(),
                    call: Call {
                        kind: kind.to_owned(),
                        number: *number,
                    },
                    paths,
                });
            }
        }
        assert!(!lines.is_empty(), "nothing was written: {text}");
        Self(lines)
    }

    /// Every call that changes files, once.
    pub(super) fn calls(&self) -> BTreeSet<Call> {
        self.0.iter().map(|line| line.call.clone()).collect()
    }

    /// What a power cut could undo: renames of what was not synced before, or into folders that
    /// were not synced afterwards.
    pub(super) fn unsynced_renames(&self, into: impl Fn(&Path) -> bool) -> Vec<String> {
        let syncs = |line: &&Line, path: &Path| {
            line.call.kind == "fsync" && line.paths.first().is_some_and(|synced| synced == path)
        };
        let renames = self.0.iter().enumerate();
        let renames = renames.filter(|(_, line)| line.call.kind.starts_with("rename"));
        let mut bad = Vec::new();
        for (at, line) in renames {
            // By descriptors of folders, both ends have one in front.
            let ends: Vec<_> = line
                .paths
                .iter()
                .filter(|path| path.is_absolute())
                .collect();
            let (Some(from), Some(to)) = (ends.first(), ends.last()) else {
                continue;
            };
            if !into(to) {
                continue;
            }
            let before = &self.0[..at];
            let after = &self.0[at..];
            if !before.iter().any(|line| syncs(&line, from)) {
                bad.push(format!(
                    "{} was not synced before {}",
                    from.display(),
                    to.display()
                ));
            }
            // What was written below a folder must be synced too.
            for written in before.iter().filter(|line| line.call.kind == "write") {
                let Some(file) = written.paths.first().filter(|file| file.starts_with(from)) else {
                    continue;
                };
                // A file may have been renamed within the folder since.
                let name = before
                    .iter()
                    .rev()
                    .find(|line| {
                        line.call.kind.starts_with("rename") && line.paths.first() == Some(file)
                    })
                    .and_then(|line| line.paths.last())
                    .unwrap_or(file);
                let synced = before
                    .iter()
                    .any(|line| syncs(&line, file) || syncs(&line, name));
                if !synced {
                    bad.push(format!("{} was never synced", file.display()));
                }
            }
            let folder = to.parent().unwrap();
            let process = &line.process;
            let mut after = after.iter().filter(|line| line.process == *process);
            if !after.any(|line| syncs(&line, folder)) {
                bad.push(format!(
                    "{} was not synced after {}",
                    folder.display(),
                    to.display()
                ));
            }
        }
        bad.sort();
        bad.dedup();
        bad
    }
}

/// The command with that fate at a call.
pub(super) fn with(command: &Command, call: &Call, fate: Fate) -> Command {
    let Call { kind, number } = call;
    let fate = match fate {
        Fate::Killed => "signal=SIGKILL".to_owned(),
        Fate::Fails(error) => format!("error={error}"),
    };
    let mut strace = Command::new("strace");
    strace
        .args(["-f", "-o", "/dev/null", "-e"])
        .arg(format!("trace={kind}"))
        .arg("-e")
        .arg(format!("inject={kind}:{fate}:when={number}"));
    under(strace, command)
}

/// `strace` with the command to trace.
fn under(mut strace: Command, command: &Command) -> Command {
    strace.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => strace.env(name, value),
            None => strace.env_remove(name),
        };
    }
    strace
}

/// What stands between quotes, or names a descriptor's file.
fn paths(arguments: &str) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    let mut rest = arguments;
    while let Some(at) = rest.find(['"', '<']) {
        let end = if rest[at..].starts_with('"') {
            '"'
        } else {
            '>'
        };
        let inner = &rest[at + 1..];
        let Some(length) = inner.find(end) else { break };
        let path = inner[..length].trim_end_matches(" (deleted)");
        if path.starts_with('/') {
            paths.push(PathBuf::from(path));
        }
        rest = &inner[length + 1..];
    }
    paths
}
