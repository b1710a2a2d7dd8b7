//! `bench verify`: the program's own `verify`, from start to end, on a small file and a large one,
//! against other people's tools: `cosign verify-blob`, which gives the same verdict, and `openssl`
//! and `sha256sum`, which take a digest and no more. Then six assets in one call against one, and
//! the peak of memory. All take turns, so that a machine that is slow for a while is so for each of
//! them. The bundles are the rehearsal's, so that nothing is fetched.

use std::ffi::OsString;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::slice;
use std::time::Instant;

use rehearsal::github::Repository;
use rehearsal::sigstore::forge::{Content, Forgery};
use rehearsal::sigstore::{ISSUER, Job, Sigstore};
use release_plan::{Exit, Meter};
use serde::Serialize;

use super::super::say;
use super::race::{self, Aim, bundle_of, ended_well, median, start};
use crate::failure::Exiting as _;
use crate::programs::compile::{self, Site};
use crate::programs::compiler::{Builder, Compiler};
use crate::project::Project;
use crate::{Failure, cli, files, report};

/// Bytes of the small file and of each of the assets: what is measured is all but the reading.
const SMALL: usize = 10_000;
/// Bytes of the large file.
const LARGE: usize = 200_000_000;
/// The assets of one call.
const ASSETS: usize = 6;
/// The part of cosign's time that the small file may take.
const OF_COSIGN: f64 = 0.1;
/// The part of openssl's time that the large file may take.
const OF_OPENSSL: f64 = 1.1;
/// What six assets may take, by what one does.
const OF_ONE: f64 = 2.0;
/// Millions of bytes that may be in memory at once.
const MEMORY: f64 = 16.0;

pub(super) fn run(arguments: &cli::BenchVerify) -> Result<(), Failure> {
    race::require(&["cosign", "openssl", "sha256sum", "time"])?;
    let project = Project::here()?;
    let program = match &arguments.program {
        Some(program) => program.canonicalize()?,
        None => build(&project)?,
    };
    let desk = Desk::prepare(&program)?;
    let mut race = Race::new(&desk);
    for round in 0..=arguments.runs {
        // Before the first, files and programs are brought into the system's memory.
        if round > 0 {
            say(format!("round {round} of {}", arguments.runs));
        }
        race.run(round > 0)?;
    }
    let peak = desk.peak_memory()?;
    let figures = Figures::of(&race, peak);
    report::print(&if arguments.json {
        serde_json::to_string_pretty(&figures)? + "\n"
    } else {
        figures.render()
    })
}

/// The program as it ships for this machine, compiled as the stage does it.
fn build(project: &Project) -> Result<PathBuf, Failure> {
    let plan = project.plan(project.package_version())?;
    let target = race::runs_here(&plan)?;
    let compilers = Compiler::all(&project.root)?;
    let builder = Builder::find(&compilers, &target, &plan.tools).or_exit(Exit::Input)?;
    say(format!("compiling for {target}"));
    let site = Site::new(&project.root, project.target_folder());
    compile::compile(&site, &plan, &target, &builder)
}

/// Signed files in a folder that vanishes with this, and the program that verifies them.
struct Desk {
    scratch: tempfile::TempDir,
    program: PathBuf,
    identity: String,
    small: PathBuf,
    large: PathBuf,
    assets: Vec<PathBuf>,
}

impl Desk {
    fn prepare(program: &Path) -> Result<Self, Failure> {
        let scratch = tempfile::tempdir()?;
        let sigstore = Sigstore::new().map_err(anyhow::Error::from)?;
        let root = sigstore.trusted_root_json("http://127.0.0.1");
        files::write(&trusted_root(scratch.path()), root.as_bytes())?;
        let repository = Repository {
            owner: "acme".to_owned(),
            name: "rocket".to_owned(),
            id: 1,
            owner_id: 1,
        };
        let (workflow, tag) = (".github/workflows/release.yml", "refs/tags/v1.0.0");
        let job = Job::of(&repository, workflow, tag, &"0".repeat(40), "push");
        // One for all, as the job of a release has it.
        let certified = sigstore.certify(&job).map_err(anyhow::Error::from)?;
        let put = |name: &str, size| -> Result<PathBuf, Failure> {
            let path = scratch.path().join(name);
            let digest = fill(&path, size)?;
            let mut signed = Forgery::by_job(&job, Content::Digest(digest));
            signed.certified = Some(&certified);
            let bundle = sigstore.forge(&signed).map_err(anyhow::Error::from)?;
            files::write(&bundle_of(&path), bundle.as_bytes())?;
            Ok(path)
        };
        let assets = (1..=ASSETS).map(|number| put(&format!("asset-{number}"), SMALL));
        Ok(Self {
            program: program.to_owned(),
            identity: format!("https://github.com/acme/rocket/{workflow}@{tag}"),
            small: put("small", SMALL)?,
            large: put("large", LARGE)?,
            assets: assets.collect::<Result<_, _>>()?,
            scratch,
        })
    }

    fn ours(&self, files: &[PathBuf]) -> Line {
        Line::new(&self.program, &["verify", "--trusted-root"])
            .with_paths(&[trusted_root(self.scratch.path())])
            .with(&["--identity", &self.identity, "--issuer", ISSUER])
            .with_paths(files)
    }

    fn cosign(&self, file: &Path) -> Line {
        Line::new("cosign", &["verify-blob", "--trusted-root"])
            .with_paths(&[trusted_root(self.scratch.path())])
            .with(&["--certificate-identity", &self.identity])
            .with(&["--certificate-oidc-issuer", ISSUER, "--bundle"])
            .with_paths(&[&*bundle_of(file), file])
    }

    /// Millions of bytes that the program has in memory at most, for whichever files.
    fn peak_memory(&self) -> Result<f64, Failure> {
        let mut peak: f64 = 0.0;
        for files in [
            slice::from_ref(&self.small),
            slice::from_ref(&self.large),
            &self.assets,
        ] {
            let told = self.scratch.path().join("peak");
            let line = self.ours(files);
            // Asked of the kernel by a small program: what a large one starts is charged for the
            // memory of its parent.
            let mut time = Command::new("time");
            time.args(["-f", "%M", "-o"]).arg(&told);
            time.arg(line.program).args(line.arguments);
            time.stdout(Stdio::null()).stderr(Stdio::null());
            ended_well("time -f %M (GNU time)", start(&mut time)?.wait())?;
            let told = files::read_text(&told)?;
            let kilobytes: f64 = told.trim().parse().map_err(anyhow::Error::from)?;
            peak = peak.max(kilobytes * 1024.0 / 1e6);
        }
        Ok(peak)
    }
}

fn trusted_root(folder: &Path) -> PathBuf {
    folder.join("trusted_root.json")
}

/// Writes a file of so many bytes, none of them like those before, and returns its digest.
fn fill(path: &Path, size: usize) -> Result<[u8; 32], Failure> {
    let mut file = Meter::new(File::create(path)?);
    let mut block = path.display().to_string().into_bytes();
    block.resize(1_000, 0);
    for number in 0..size / block.len() {
        block[..8].copy_from_slice(&number.to_le_bytes());
        file.write_all(&block)?;
    }
    Ok(*file.finish().1.sha256().as_bytes())
}

/// A program and its arguments.
struct Line {
    program: PathBuf,
    arguments: Vec<OsString>,
}

impl Line {
    fn new(program: impl Into<PathBuf>, arguments: &[&str]) -> Self {
        Self {
            program: program.into(),
            arguments: arguments.iter().map(OsString::from).collect(),
        }
    }

    fn with(mut self, arguments: &[&str]) -> Self {
        self.arguments.extend(arguments.iter().map(OsString::from));
        self
    }

    fn with_paths<P: AsRef<Path>>(mut self, paths: &[P]) -> Self {
        let paths = paths.iter().map(|path| path.as_ref().into());
        self.arguments.extend(paths);
        self
    }
}

/// Who takes turns, and how long each took.
struct Race(Vec<Entrant>);

struct Entrant {
    course: Course,
    tool: Tool,
    line: Line,
    seconds: Vec<f64>,
}

/// What is verified or hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Course {
    Small,
    Large,
    Assets,
}

/// Who does it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Tool {
    Verify,
    Cosign,
    Openssl,
    Sha256sum,
}

impl Race {
    fn new(desk: &Desk) -> Self {
        let mut entrants = Vec::new();
        let mut enter = |course, tool, line| {
            entrants.push(Entrant {
                course,
                tool,
                line,
                seconds: Vec::new(),
            });
        };
        for (course, file) in [(Course::Small, &desk.small), (Course::Large, &desk.large)] {
            let openssl = Line::new("openssl", &["dgst", "-sha256"]).with_paths(&[file]);
            let sha256sum = Line::new("sha256sum", &[]).with_paths(&[file]);
            enter(course, Tool::Verify, desk.ours(slice::from_ref(file)));
            enter(course, Tool::Cosign, desk.cosign(file));
            enter(course, Tool::Openssl, openssl);
            enter(course, Tool::Sha256sum, sha256sum);
        }
        enter(Course::Assets, Tool::Verify, desk.ours(&desk.assets));
        Self(entrants)
    }

    /// Lets everyone run once.
    fn run(&mut self, counts: bool) -> Result<(), Failure> {
        for entrant in &mut self.0 {
            let Line { program, arguments } = &entrant.line;
            let mut command = Command::new(program);
            command.args(arguments).stdin(Stdio::null());
            command.stdout(Stdio::null()).stderr(Stdio::null());
            let begun = Instant::now();
            let status = start(&mut command)?.wait();
            let seconds = begun.elapsed().as_secs_f64();
            ended_well(&program.to_string_lossy(), status)?;
            if counts {
                entrant.seconds.push(seconds);
            }
        }
        Ok(())
    }

    fn median(&self, course: Course, tool: Tool) -> f64 {
        let mut entrants = self.0.iter();
        let entrant = entrants.find(|entrant| entrant.course == course && entrant.tool == tool);
        entrant.map_or(f64::NAN, |entrant| median(&entrant.seconds))
    }
}

/// The outcome, as `--json` prints it.
#[derive(Debug, Serialize)]
struct Figures {
    small_bytes: usize,
    large_bytes: usize,
    assets: usize,
    cores: usize,
    rounds: usize,
    times: Vec<Time>,
    peak_megabytes: f64,
    aims: Vec<Aim>,
}

#[derive(Debug, Serialize)]
struct Time {
    of: Course,
    by: Tool,
    /// The median.
    seconds: f64,
}

impl Figures {
    fn of(race: &Race, peak_megabytes: f64) -> Self {
        let ours = |course| race.median(course, Tool::Verify);
        let by = |course, tool| ours(course) / race.median(course, tool);
        let aims = vec![
            Aim::new(
                "small file, by cosign's time",
                by(Course::Small, Tool::Cosign),
                OF_COSIGN,
            ),
            Aim::new(
                "large file, by openssl's time",
                by(Course::Large, Tool::Openssl),
                OF_OPENSSL,
            ),
            Aim::new(
                "six assets in one call, by the time of one",
                ours(Course::Assets) / ours(Course::Small),
                OF_ONE,
            ),
            Aim::new("peak of memory, in MB", peak_megabytes, MEMORY),
        ];
        let times = race.0.iter().map(|entrant| Time {
            of: entrant.course,
            by: entrant.tool,
            seconds: median(&entrant.seconds),
        });
        Self {
            small_bytes: SMALL,
            large_bytes: LARGE,
            assets: ASSETS,
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            rounds: race.0.first().map_or(0, |entrant| entrant.seconds.len()),
            times: times.collect(),
            peak_megabytes,
            aims,
        }
    }

    fn render(&self) -> String {
        let mut times = report::table(["", "command", "milliseconds"]);
        for Time { of, by, seconds } in &self.times {
            let of = match of {
                Course::Small => format!("{} bytes", self.small_bytes),
                Course::Large => format!("{} bytes", self.large_bytes),
                Course::Assets => format!("{} files of {} bytes", self.assets, self.small_bytes),
            };
            let by = match by {
                Tool::Verify => "verify",
                Tool::Cosign => "cosign verify-blob",
                Tool::Openssl => "openssl dgst -sha256",
                Tool::Sha256sum => "sha256sum",
            };
            times.add_row([of, by.to_owned(), format!("{:.1}", seconds * 1e3)]);
        }
        let aims = Aim::table(&self.aims);
        format!(
            "whole processes on {} cores, medians of {} rounds\n\n{times}\n\n{aims}\n",
            self.cores, self.rounds
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_aim_is_met_up_to_its_limit_by_medians_of_the_same_file() {
        let entrant = |course, tool, seconds: &[f64]| Entrant {
            course,
            tool,
            line: Line::new("", &[]),
            seconds: seconds.to_vec(),
        };
        let race = Race(vec![
            entrant(Course::Small, Tool::Verify, &[0.5, 1.0, 9.0]),
            entrant(Course::Small, Tool::Cosign, &[10.0, 10.0, 10.0]),
            entrant(Course::Large, Tool::Verify, &[12.0]),
            entrant(Course::Large, Tool::Openssl, &[10.0]),
            entrant(Course::Large, Tool::Cosign, &[1000.0]),
            entrant(Course::Assets, Tool::Verify, &[2.5]),
        ]);
        let figures = Figures::of(&race, 16.0);
        let found: Vec<_> = figures
            .aims
            .iter()
            .map(|aim| (aim.found, aim.met))
            .collect();
        let expected = [(0.1, true), (1.2, false), (2.5, false), (16.0, true)];
        assert_eq!(found, expected);
        let text = figures.render();
        assert!(text.contains("met") && text.contains("missed"), "{text}");
    }

    #[test]
    fn a_filled_file_has_its_size_and_the_digest_that_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let digest = fill(&path, SMALL).unwrap();
        let measured = files::measure(&path).unwrap();
        assert_eq!(measured.size(), SMALL as u64);
        assert_eq!(measured.sha256().as_bytes(), &digest);
    }
}
