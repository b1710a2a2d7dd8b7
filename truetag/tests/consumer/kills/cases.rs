//! A command in every case: killed at each call that changes files, and made to fail at each with
//! every error that a file system gives. How many cases were run is printed.

use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use rehearsal::verifiers::not_run;

use super::trace::{Call, Fate, Trace, with};
use crate::rig::Ran;

/// Of so many cases one is run where not all are asked for.
const PART: usize = 23;
/// The errors that a file system gives.
const ERRORS: [&str; 4] = ["ENOSPC", "EACCES", "EIO", "EXDEV"];

/// A command, and what holds whatever becomes of it.
pub(super) struct Cases<'a> {
    /// A folder of its own for each case, as it is before the command.
    pub(super) place: &'a (dyn Fn() -> tempfile::TempDir + Sync),
    /// The command, for what lies in that folder.
    pub(super) command: &'a (dyn Fn(&Path) -> Command + Sync),
    /// Which files below that folder it is about.
    pub(super) watched: &'a (dyn Fn(&Path) -> bool + Sync),
    /// Tells what is wrong in that folder after a run with that fate, and in what comes next.
    pub(super) holds: &'a Holds<'a>,
}

pub(super) type Holds<'a> = dyn Fn(&Path, Fate, &Ran) -> Result<(), String> + Sync + 'a;

impl Cases<'_> {
    /// Runs every case, or a part of them, and prints how many.
    #[expect(clippy::print_stdout, reason = "how many cases were run is told")]
    pub(super) fn run(&self, name: &str) {
        if Command::new("strace").arg("-V").output().is_err() {
            not_run("strace");
            return;
        }
        let folder = (self.place)();
        let trace = Trace::of(&(self.command)(folder.path()), |path| {
            path.strip_prefix(folder.path()).is_ok_and(self.watched)
        });
        let bad = trace.unsynced_renames(|to| {
            !to.ancestors()
                .any(|folder| folder.to_string_lossy().contains("/.staging-"))
        });
        assert!(bad.is_empty(), "{name}: {bad:#?}");
        let calls = trace.calls();
        let fates = [Fate::Killed].into_iter();
        let fates: Vec<_> = fates.chain(ERRORS.map(Fate::Fails)).collect();
        let cases: Vec<_> = calls
            .iter()
            .flat_map(|call| fates.iter().map(move |fate| (call, *fate)))
            .collect();
        let all = std::env::var_os("TRUETAG_ALL_KILLS").is_some_and(|value| value == "1");
        let chosen: Vec<_> = cases
            .iter()
            .enumerate()
            .filter(|(at, _)| all || at % PART == 0)
            .map(|(_, case)| case)
            .collect();
        let next = AtomicUsize::new(0);
        let failed = Mutex::new(Vec::new());
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while let Some((call, fate)) = chosen.get(next.fetch_add(1, Ordering::Relaxed))
                    {
                        if let Err(why) = self.case(call, *fate) {
                            let case = format!("{fate:?} at {} {}: {why}", call.kind, call.number);
                            failed.lock().unwrap().push(case);
                        }
                    }
                });
            }
        });
        println!(
            "{name}: {} of {} cases at {} calls",
            chosen.len(),
            cases.len(),
            calls.len()
        );
        let failed = failed.into_inner().unwrap();
        assert!(
            failed.is_empty(),
            "{name}: {} failed:\n{}",
            failed.len(),
            failed.join("\n")
        );
    }

    fn case(&self, call: &Call, fate: Fate) -> Result<(), String> {
        let folder = (self.place)();
        let command = (self.command)(folder.path());
        let ran = Ran::from(with(&command, call, fate).output().unwrap());
        let told = |what: &str| format!("{what} after {:?}: {}", ran.code, ran.stderr);
        if let Fate::Fails(_) = fate
            && [Some(101), Some(134), None].contains(&ran.code)
        {
            return Err(told("it fell over"));
        }
        if let Fate::Fails("ENOSPC" | "EACCES") = fate
            && ![Some(0), Some(16)].contains(&ran.code)
        {
            return Err(told("it did not say that there is no space or permission"));
        }
        (self.holds)(folder.path(), fate, &ran).map_err(|why| told(&why))
    }
}
