//! The stages of a rehearsal as child processes: started one after another, timed, logged.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use release_plan::{Exit, Version};

use super::say;
use crate::report::Stage;
use crate::{Failure, files, process};

pub(super) struct Stages {
    root: PathBuf,
    program: PathBuf,
    logs: PathBuf,
    rows: Vec<Stage>,
    /// The stage that is or was last under way.
    last: String,
}

impl Stages {
    pub(super) fn new(root: &Path, folder: &Path) -> Result<Self, Failure> {
        let logs = folder.join("logs");
        files::make_folder(&logs)?;
        Ok(Self {
            root: root.to_owned(),
            program: std::env::current_exe()?,
            logs,
            rows: Vec::new(),
            last: "start".to_owned(),
        })
    }

    /// A command for a stage, without rights and with loopback reached directly.
    pub(super) fn command(&self, stage: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.arg(stage).current_dir(&self.root);
        process::withhold_rights(&mut command);
        // Only a stage that signs is told that it runs in CI.
        command.env_remove("GITHUB_ACTIONS");
        for name in ["NO_PROXY", "no_proxy"] {
            let mut hosts = std::env::var(name).unwrap_or_default();
            if !hosts.is_empty() {
                hosts.push(',');
            }
            command.env(name, format!("{hosts}127.0.0.1"));
        }
        command
    }

    /// Runs a stage to its end.
    ///
    /// # Errors
    /// With the stage's own exit code and the end of what it said.
    pub(super) fn run(
        &mut self,
        stage: &str,
        version: &Version,
        command: Command,
    ) -> Result<(), Failure> {
        self.last = format!("{stage} of {version}");
        let log = self.logs.join(format!("{version}-{stage}.log"));
        let progress = spinner(&self.last);
        let started = Instant::now();
        let ended = process::run_logged(command, &log, || progress.tick());
        let took = started.elapsed();
        progress.finish_and_clear();
        let status = ended?;
        let words = String::from_utf8_lossy(&files::read(&log)?).into_owned();
        if !status.success() {
            self.line(
                "✗",
                stage,
                version,
                took,
                &format!("{status}, see logs/{version}-{stage}.log"),
            );
            let exit = status.code().and_then(exit_of).unwrap_or(Exit::Failed);
            let (before, error) = split_error(&words);
            // The rows of a check are in the report; of everything else the end is wanted here.
            if stage != "check" {
                say(tail(before));
            }
            return Err(Failure::new(exit, format!("{}: {error}", self.last)));
        }
        let said = words
            .lines()
            .rfind(|line| !line.trim().is_empty())
            .unwrap_or_default();
        let said = said.trim();
        self.line("✓", stage, version, took, said);
        self.done(stage, version, took, false, said);
        Ok(())
    }

    /// Notes a stage whose result an earlier run left behind.
    pub(super) fn cached(&mut self, stage: &str, version: &Version, why: &str) {
        self.line(
            "✓",
            stage,
            version,
            Duration::ZERO,
            &format!("cached: {why}"),
        );
        self.done(stage, version, Duration::ZERO, true, why);
    }

    /// The stage that is or was last under way.
    pub(super) fn last(&self) -> &str {
        &self.last
    }

    pub(super) fn into_rows(self) -> Vec<Stage> {
        self.rows
    }

    fn done(&mut self, stage: &str, version: &Version, took: Duration, cached: bool, said: &str) {
        self.rows.push(Stage {
            name: stage.to_owned(),
            version: version.clone(),
            seconds: (took.as_secs_f64() * 1000.0).round() / 1000.0,
            cached,
            said: said.to_owned(),
        });
    }

    fn line(&self, mark: &str, stage: &str, version: &Version, took: Duration, words: &str) {
        let seconds = took.as_secs_f64();
        say(format!(
            "{mark} {stage:<9} {version:<17} {seconds:>7.2} s  {}",
            short(words)
        ));
    }
}

fn exit_of(code: i32) -> Option<Exit> {
    Exit::ALL
        .iter()
        .map(|(exit, _)| *exit)
        .find(|exit| i32::from(exit.code()) == code)
}

/// What a stage said before its error, and the error. All of it is in the log.
fn split_error(words: &str) -> (&str, &str) {
    const MARK: &str = "error: ";
    let at_line_start = |at: &usize| *at == 0 || words[..*at].ends_with('\n');
    let found = words
        .rmatch_indices(MARK)
        .map(|(at, _)| at)
        .find(at_line_start);
    match found {
        Some(at) => (&words[..at], words[at + MARK.len()..].trim_end()),
        None => ("", words.trim_end()),
    }
}

fn tail(words: &str) -> String {
    const MOST: usize = 40;
    let lines: Vec<&str> = words.lines().collect();
    lines[lines.len().saturating_sub(MOST)..].join("\n")
}

/// What fits behind a stage's name and time on a line.
fn short(words: &str) -> String {
    const MOST: usize = 60;
    if words.chars().count() <= MOST {
        return words.to_owned();
    }
    words.chars().take(MOST - 1).chain(['…']).collect()
}

fn spinner(message: &str) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{spinner} {msg} {elapsed}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner());
    ProgressBar::new_spinner()
        .with_style(style)
        .with_message(message.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_error_is_told_apart_from_what_came_before() {
        let words = "error: of the compiler\n  at x error: y\nerror: build failed\nand why\n";
        let (before, error) = split_error(words);
        assert_eq!(before, "error: of the compiler\n  at x error: y\n");
        assert_eq!(error, "build failed\nand why");
        assert_eq!(split_error("killed"), ("", "killed"));
    }
}
