//! Child processes of a stage and of the dry-run: their words kept, their end waited for, none of
//! them left behind.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read as _, Seek as _};
use std::iter;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use release_plan::Exit;

use crate::{Failure, files};

/// What lets its holder sign or publish, as GitHub hands it to a job or a person to her shell.
const RIGHTS: [&str; 6] = [
    "GITHUB_TOKEN",
    "GH_TOKEN",
    "ACTIONS_ID_TOKEN_REQUEST_URL",
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
    "ACTIONS_RUNTIME_TOKEN",
    "COSIGN_PASSWORD",
];

/// Keeps every right from a child; whoever starts it gives what it needs by name.
pub(crate) fn withhold_rights(command: &mut Command) {
    for right in RIGHTS {
        command.env_remove(right);
    }
}

/// For a command that takes as long as it takes.
pub(crate) const NO_LIMIT: Duration = Duration::MAX;

/// How often somebody who waits looks up.
const INTERVAL: Duration = Duration::from_millis(15);

/// How long a child that is asked to end may take.
const PATIENCE: Duration = Duration::from_secs(2);

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// From now on Ctrl-C and termination are noted, not obeyed at once, so that what is under way
/// can be ended in order.
pub(crate) fn watch_interrupts() -> Result<(), Failure> {
    ctrlc::set_handler(|| INTERRUPTED.store(true, Ordering::SeqCst))?;
    Ok(())
}

/// The failure of a command that was interrupted.
pub(crate) fn check_interrupt() -> Result<(), Failure> {
    if INTERRUPTED.load(Ordering::SeqCst) {
        return Err(Failure::new(Exit::Interrupted, "interrupted"));
    }
    Ok(())
}

/// Ends when this process is interrupted, with the failure of what was under way.
pub(crate) async fn interrupted() -> Failure {
    loop {
        if let Err(failure) = check_interrupt() {
            return failure;
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

/// Runs `command`, a stage, with its output in `log`, calling `tick` while it runs.
///
/// On an interrupt the child and everything it started are ended first.
pub(crate) fn run_logged(
    mut command: Command,
    log: &Path,
    tick: impl Fn(),
) -> Result<ExitStatus, Failure> {
    let open = || -> io::Result<(Stdio, Stdio)> {
        let file = File::create(log)?;
        Ok((file.try_clone()?.into(), file.into()))
    };
    let (out, err) = open().map_err(|error| files::failed("write", log, &error))?;
    command.stdout(out).stderr(err);
    // A stage ends children of its own first.
    run(&mut command, NO_LIMIT, PATIENCE * 5, tick)
}

/// Runs `command`, whose words are for the person who started us.
///
/// On an interrupt it and everything it started are ended first.
pub(crate) fn status(command: &mut Command) -> Result<ExitStatus, Failure> {
    run(command, NO_LIMIT, PATIENCE, || {})
}

/// Runs `command` and keeps what it prints to stdout; the rest is for the person who started us.
///
/// On an interrupt it and everything it started are ended first.
pub(crate) fn stdout(command: &mut Command) -> Result<(ExitStatus, Vec<u8>), Failure> {
    let out = tempfile::tempfile()?;
    let status = status(command.stdout(out.try_clone()?))?;
    Ok((status, all(out)?))
}

/// Runs `command` and keeps what it prints; one that has not ended after `limit` is ended.
///
/// On an interrupt it and everything it started are ended first.
pub(crate) fn output(command: &mut Command, limit: Duration) -> Result<Output, Failure> {
    // Files, not pipes: whoever it leaves behind may hold a pipe open for ever.
    let (out, err) = (tempfile::tempfile()?, tempfile::tempfile()?);
    command.stdout(out.try_clone()?).stderr(err.try_clone()?);
    let status = run(command, limit, PATIENCE, || {})?;
    Ok(Output {
        status,
        stdout: all(out)?,
        stderr: all(err)?,
    })
}

/// Everything that was written to `file`.
fn all(mut file: File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn run(
    command: &mut Command,
    limit: Duration,
    patience: Duration,
    tick: impl Fn(),
) -> Result<ExitStatus, Failure> {
    command.stdin(Stdio::null());
    own_group(command);
    let program = command.get_program().to_string_lossy().into_owned();
    let started = Instant::now();
    let child = command
        .spawn()
        .map_err(|error| Failure::new(Exit::Failed, format!("cannot start {program}: {error}")))?;
    let mut reaped = Reaped { child, patience };
    loop {
        let ended = reaped.child.try_wait()?;
        check_interrupt()?;
        if let Some(status) = ended {
            return Ok(status);
        }
        if started.elapsed() > limit {
            let message = format!(
                "{} did not end within {} seconds",
                line(command),
                limit.as_secs_f32()
            );
            return Err(Failure::new(Exit::Failed, message));
        }
        tick();
        std::thread::sleep(INTERVAL);
    }
}

/// A command as a person would type it.
fn line(command: &Command) -> String {
    let words = iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.map(OsStr::to_string_lossy).collect();
    words.join(" ")
}

/// A child that is ended, with its whole group, when nobody waits for it any more.
struct Reaped {
    child: Child,
    /// How long it may take to end.
    patience: Duration,
}

impl Drop for Reaped {
    fn drop(&mut self) {
        end_group(&mut self.child, self.patience);
        let _ = self.child.wait();
    }
}

#[cfg(unix)]
fn own_group(command: &mut Command) {
    use std::os::unix::process::CommandExt as _;
    command.process_group(0);
}

#[cfg(unix)]
fn end_group(child: &mut Child, patience: Duration) {
    use rustix::process::{Pid, Signal, kill_process_group};
    let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) else {
        return;
    };
    // Asked first, so that it can clean up after itself.
    if matches!(child.try_wait(), Ok(None)) {
        let _ = kill_process_group(group, Signal::TERM);
        let asked = Instant::now();
        while matches!(child.try_wait(), Ok(None)) && asked.elapsed() < patience {
            std::thread::sleep(INTERVAL);
        }
    }
    // What it started and left, too: a group lives on without its first process.
    let _ = kill_process_group(group, Signal::KILL);
}

#[cfg(not(unix))]
fn own_group(_: &mut Command) {}

#[cfg(not(unix))]
fn end_group(child: &mut Child, _: Duration) {
    let _ = child.kill();
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn what_a_child_started_ends_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let pid_file = folder.path().join("pid");
        let mut command = Command::new("sh");
        command
            .arg("-c")
            .arg("sleep 600 & echo $! > \"$0\"; wait")
            .arg(&pid_file);
        own_group(&mut command);
        let child = Reaped {
            child: command.spawn().unwrap(),
            patience: PATIENCE,
        };
        let pid = loop {
            let text = std::fs::read_to_string(&pid_file).unwrap_or_default();
            if let Some(pid) = text.strip_suffix('\n') {
                break rustix::process::Pid::from_raw(pid.parse().unwrap()).unwrap();
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        drop(child);
        let pid = pid.as_raw_nonzero().to_string();
        assert!(is_gone(&pid), "process {pid} still runs");
    }

    #[test]
    fn what_a_child_left_ends_with_it_too() {
        let folder = tempfile::tempdir().unwrap();
        let pid_file = folder.path().join("pid");
        let mut command = Command::new("sh");
        command
            .arg("-c")
            .arg("sleep 600 & echo $! > \"$0\"")
            .arg(&pid_file);
        let log = folder.path().join("log");
        assert!(run_logged(command, &log, || {}).unwrap().success());
        let pid = std::fs::read_to_string(&pid_file).unwrap();
        assert!(is_gone(pid.trim()), "process {pid} still runs");
    }

    /// Whether a process ends within two seconds. One whose parent is gone may linger dead.
    fn is_gone(pid: &str) -> bool {
        (0..200).any(|_| {
            std::thread::sleep(Duration::from_millis(10));
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
            stat.map_or(true, |stat| stat.contains(") Z "))
        })
    }
}
