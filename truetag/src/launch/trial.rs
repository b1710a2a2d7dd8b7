//! A version on trial runs as a child of the launcher, which so sees how it ends: after a few good
//! runs it is past its trial, and one that falls over is quarantined, with the version before it
//! current again.

use std::io;
use std::process::{Command, ExitCode, ExitStatus};
use std::time::Duration;

use crate::app::App;
use crate::files::patiently;
use crate::home::{Home, Outcome, Trial, Verdict};
use crate::install::settle;
use crate::output::say;

/// How long the end of a good run waits to be remembered; there will be others.
const SHORT: Duration = Duration::from_millis(200);
/// How long a return to the version before waits for other runs.
const LONG: Duration = Duration::from_secs(10);
/// What a Rust program that panicked exits with.
const PANICKED: i32 = 101;

/// What a run on trial came to.
#[derive(Debug)]
pub(super) enum Ran {
    /// It ran, and this is its exit code.
    Ended(ExitCode),
    /// It could not be started, and the version before is current again.
    NotStarted,
}

/// Runs the version on trial and draws the conclusion.
pub(super) fn run(app: &App, home: &Home, command: Command, trial: &Trial) -> io::Result<Ran> {
    let ended = wait(command);
    let outcome = ended.as_ref().map_or(Outcome::Crashed, outcome);
    let how = match &ended {
        Ok(status) => format!("it ended with {status}"),
        Err(error) => format!("it could not be started: {error}"),
    };
    let went_back = conclude(app, home, trial, outcome, &how);
    match ended {
        Ok(status) => Ok(Ran::Ended(code(status))),
        Err(_) if went_back => Ok(Ran::NotStarted),
        Err(error) => Err(error),
    }
}

/// Remembers a run. Returns whether the version before is current again.
fn conclude(app: &App, home: &Home, seen: &Trial, outcome: Outcome, how: &str) -> bool {
    if outcome == Outcome::Neither {
        return false;
    }
    let patience = if outcome == Outcome::Crashed {
        LONG
    } else {
        SHORT
    };
    let conclude = || -> Result<bool, crate::failure::Failure> {
        let locked = home.lock_within(patience)?;
        // Others may have drawn theirs meanwhile.
        let Some(trial) = home.trial()?.filter(|trial| trial.version == seen.version) else {
            return Ok(false);
        };
        let (version, before) = (trial.version.clone(), trial.before.clone());
        match trial.after(outcome) {
            Verdict::Open(trial) => locked.set_trial(Some(&trial))?,
            Verdict::Passed => {
                locked.set_trial(None)?;
                if let Err(error) = settle(app, &locked, &version) {
                    say(format_args!(
                        "note: {version} passed its trial and did not become the launcher: {error}"
                    ));
                }
            }
            Verdict::Lost if !home.executable(&before).is_file() => say(format_args!(
                "note: {version} does not work ({how}), and {before} is not there to go back to"
            )),
            Verdict::Lost => {
                locked.leave(&version, &before, format_args!("on trial, {how}"))?;
                say(format_args!(
                    "{version} was on trial and does not work: {how}. It is quarantined, and {before} is current again"
                ));
                return Ok(true);
            }
        }
        Ok(false)
    };
    conclude().unwrap_or_else(|error| {
        if outcome == Outcome::Crashed {
            say(format_args!(
                "note: {} is on trial and does not work, and this home could not go back to {}: {error}",
                seen.version, seen.before
            ));
        }
        false
    })
}

#[cfg(unix)]
fn outcome(status: &ExitStatus) -> Outcome {
    use signal_hook::consts::{SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP};
    use std::os::unix::process::ExitStatusExt;
    match status.signal() {
        // What a program does to itself; others are sent by people and systems.
        Some(SIGABRT | SIGBUS | SIGFPE | SIGILL | SIGSEGV | SIGSYS | SIGTRAP) => {
            return Outcome::Crashed;
        }
        Some(_) => return Outcome::Neither,
        None => {}
    }
    by_code(status.code())
}

#[cfg(not(unix))]
fn outcome(status: &ExitStatus) -> Outcome {
    match status.code() {
        // Exceptions end a process with an NTSTATUS of severity error; Ctrl-C is one of them.
        Some(code) if code.cast_unsigned() == 0xc000_013a => Outcome::Neither,
        Some(code) if code.cast_unsigned() >= 0xc000_0000 => Outcome::Crashed,
        code => by_code(code),
    }
}

fn by_code(code: Option<i32>) -> Outcome {
    match code {
        Some(0) => Outcome::Passed,
        Some(1) => Outcome::Failed,
        Some(PANICKED) => Outcome::Crashed,
        _ => Outcome::Neither,
    }
}

/// The exit code of a process as a shell tells it.
fn code(status: ExitStatus) -> ExitCode {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return u8::try_from(128 + signal).map_or(ExitCode::FAILURE, ExitCode::from);
    }
    super::exit_code(status)
}

/// Runs a command as if it ran in place of this process: what is sent to this one reaches it.
#[cfg(unix)]
fn wait(mut command: Command) -> io::Result<ExitStatus> {
    use rustix::process::{Pid, Signal, kill_process};
    use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
    use signal_hook::iterator::Signals;
    // Before there is a child, so that none of them ends this process and leaves the child alone.
    let ignored = ignored();
    let handled = [SIGINT, SIGQUIT, SIGTERM, SIGHUP].into_iter();
    let mut signals = Signals::new(handled.filter(|signal| ignored >> (signal - 1) & 1 == 0))?;
    let mut child = patiently(|| command.spawn())?;
    let id = Pid::from_child(&child);
    std::thread::spawn(move || {
        for signal in signals.forever() {
            // The terminal sends the others to both by itself, and the child decides.
            let signal = match signal {
                SIGTERM => Signal::TERM,
                SIGHUP => Signal::HUP,
                _ => continue,
            };
            let _ = kill_process(id, signal);
        }
    });
    child.wait()
}

/// The signals that whoever started this process has it ignore, as `nohup` does, a bit for each: what
/// is handled here, a child would not ignore. Linux alone tells.
#[cfg(unix)]
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.unwrap_or(0)
}

#[cfg(not(unix))]
fn wait(mut command: Command) -> io::Result<ExitStatus> {
    // Ctrl-C reaches both; the child decides.
    let _ = ctrlc::set_handler(|| {});
    patiently(|| command.status())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;

    #[test]
    fn a_crash_is_told_from_a_failure_and_from_what_people_do() {
        for (raw, expected) in [
            (0, Outcome::Passed),
            (1 << 8, Outcome::Failed),
            (2 << 8, Outcome::Neither),
            (14 << 8, Outcome::Neither),
            (101 << 8, Outcome::Crashed),
            (11, Outcome::Crashed),
            (6 | 0x80, Outcome::Crashed),
            (9, Outcome::Neither),
            (15, Outcome::Neither),
            (2, Outcome::Neither),
        ] {
            assert_eq!(outcome(&ExitStatus::from_raw(raw)), expected, "{raw}");
        }
    }

    #[test]
    fn a_child_that_a_signal_ended_gives_the_code_that_a_shell_gives() {
        let text = |status| format!("{:?}", code(ExitStatus::from_raw(status)));
        assert_eq!(text(11), format!("{:?}", ExitCode::from(139)));
        assert_eq!(text(7 << 8), format!("{:?}", ExitCode::from(7)));
    }
}
