//! `bench assemble`: what becomes of finished programs — archives, digests, `release.json` and
//! `SHA256SUMS`, by the functions that the stages use — against what a maintainer would type: `tar`
//! and a compressor, or `zip` for Windows, and `sha256sum`, one after the other. All take the same files and take turns, so that a machine that is slow for a while is so for each
//! of them.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use release_plan::{Asset, Measured, Plan, PlannedAsset, Sha256, StdOrigin, Target, Toolchain};
use serde::Serialize;

use super::super::build::target_of;
use super::super::{assemble, say};
use super::race::{self, ended_well, median, start};
use crate::programs::archive::{self, Archive};
use crate::programs::compiler::Compiler;
use crate::programs::inspect;
use crate::project::Project;
use crate::{Failure, cli, files, process, report};

/// Bytes of a program.
const SIZE: usize = 25_000_000;
/// The part of a peer's time that we may take on two cores, with archives no larger than its own.
const AIM: f64 = 0.5;

pub(super) fn run(arguments: &cli::BenchAssemble) -> Result<(), Failure> {
    race::require(&["tar", "gzip", "zip", "sha256sum"])?;
    let mut ours = Contender::new(None);
    let mut peers = vec![Contender::new(Some(Peer::new("gzip", 9)))];
    // The compressor's own tool.
    let own = "libdeflate-gzip";
    if race::is_installed(own) {
        peers.push(Contender::new(Some(Peer::new(own, archive::LEVEL))));
    } else {
        say(format!("not compared: {own} is not on PATH"));
    }
    let bench = Bench::prepare()?;
    for round in 1..=arguments.runs {
        say(format!("round {round} of {}", arguments.runs));
        for contender in std::iter::once(&mut ours).chain(&mut peers) {
            contender.run(&bench)?;
        }
    }
    let figures = Figures::of(bench.inputs.len(), &ours, &peers);
    report::print(&if arguments.json {
        serde_json::to_string_pretty(&figures)? + "\n"
    } else {
        figures.render()
    })
}

/// Programs as `build` would have left them, in a folder that vanishes with this.
struct Bench {
    scratch: tempfile::TempDir,
    plan: Plan,
    toolchains: BTreeMap<Target, Toolchain>,
    inputs: Vec<Input>,
}

/// What goes into one archive: a folder, as tar takes it.
struct Input {
    planned: PlannedAsset,
    target: Target,
    folder: String,
    program: (PathBuf, Sha256),
    documents: Vec<PathBuf>,
}

impl Bench {
    fn prepare() -> Result<Self, Failure> {
        let project = Project::here()?;
        let plan = project.plan(project.package_version())?;
        let compiler = Compiler::all(&project.root)?.remove(0);
        let toolchain = Toolchain {
            rustc: compiler.version,
            std: StdOrigin::Prebuilt,
            zig: Some(plan.tools.zig.clone()),
            cargo_zigbuild: Some(plan.tools.cargo_zigbuild.clone()),
        };
        let toolchains = plan.targets().into_iter();
        let toolchains = toolchains
            .map(|target| (target, toolchain.clone()))
            .collect();
        let documents = project.documents()?;
        let scratch = tempfile::tempdir()?;
        // A program like any: this one.
        let bytes = files::read(&std::env::current_exe()?)?;
        let mut inputs = Vec::new();
        for planned in plan.archives() {
            let target = target_of(planned);
            // Deflate looks back 32 KiB: what comes again after megabytes is as good as new.
            let skipped = inputs.len() * SIZE / 6;
            let content: Vec<_> = bytes
                .iter()
                .copied()
                .cycle()
                .skip(skipped)
                .take(SIZE)
                .collect();
            let folder = target.archive_stem(&plan.product);
            let path = scratch.path().join(&folder);
            files::make_folder(&path)?;
            let program = path.join(target.executable(&plan.product));
            let measured = files::write(&program, &content)?;
            let mut copies = Vec::new();
            for document in &documents {
                let copy = path.join(document.file_name().unwrap_or_default());
                files::write(&copy, &files::read(document)?)?;
                copies.push(copy);
            }
            inputs.push(Input {
                planned: planned.clone(),
                target: target.clone(),
                folder,
                program: (program, measured.sha256()),
                documents: copies,
            });
        }
        Ok(Self {
            scratch,
            plan,
            toolchains,
            inputs,
        })
    }

    /// What the stage does. Returns the bytes of all archives.
    fn ours(&self, out: &Path) -> Result<u64, Failure> {
        let archives = self.inputs.iter();
        let archives: Vec<_> = archives
            .map(|input| input.archive(&self.plan, out))
            .collect();
        let measured = archive::write_all(&archives, self.plan.source.committed_at)?;
        let bytes = measured.iter().map(Measured::size).sum();
        let planned = self.inputs.iter().map(|input| input.planned.clone());
        let assets = planned
            .zip(measured)
            .map(|(planned, measured)| Asset::new(planned, measured))
            .collect();
        assemble::seal(&self.plan, self.toolchains.clone(), assets, out)?;
        Ok(bytes)
    }

    /// What a person would type. Returns the bytes of all archives.
    fn theirs(&self, peer: &Peer, out: &Path) -> Result<u64, Failure> {
        let mut bytes = 0;
        for input in &self.inputs {
            let archive = if input.target.is_windows() {
                self.zip(input, out)?
            } else {
                self.tar(input, peer, out)?
            };
            let mut sha256sum = Command::new("sha256sum");
            sha256sum.arg(&archive).stdout(Stdio::null());
            ended_well("sha256sum", start(&mut sha256sum)?.wait())?;
            bytes += std::fs::metadata(&archive)?.len();
        }
        Ok(bytes)
    }

    fn tar(&self, input: &Input, peer: &Peer, out: &Path) -> Result<PathBuf, Failure> {
        let archive = out.join(format!("{}.tar.gz", input.folder));
        let time = self.plan.source.committed_at.seconds();
        let mut tar = Command::new("tar");
        tar.args(["--sort=name", "--owner=0", "--group=0", "--numeric-owner"])
            .arg(format!("--mtime=@{time}"))
            .args(["-cf", "-", &input.folder])
            .current_dir(self.scratch.path())
            .stdout(Stdio::piped());
        let mut tar = start(&mut tar)?;
        let mut compress = Command::new(peer.program);
        compress
            .arg(format!("-{}", peer.level))
            .stdin(tar.stdout.take().map_or(Stdio::null(), Stdio::from))
            .stdout(File::create(&archive)?);
        let compressed = start(&mut compress)?.wait();
        ended_well("tar", tar.wait())?;
        ended_well(peer.program, compressed)?;
        Ok(archive)
    }

    fn zip(&self, input: &Input, out: &Path) -> Result<PathBuf, Failure> {
        let archive = out.join(format!("{}.zip", input.folder));
        let mut zip = Command::new("zip");
        zip.args(["-9", "-X", "--junk-paths", "--quiet"])
            .arg(&archive)
            .arg(&input.program.0)
            .args(&input.documents);
        ended_well("zip", start(&mut zip)?.wait())?;
        Ok(archive)
    }
}

impl Input {
    /// What `build` would pack.
    fn archive(&self, plan: &Plan, out: &Path) -> Archive {
        let (program, documents) = (self.program.clone(), &self.documents);
        let path = out.join(self.planned.name.as_str());
        inspect::packing(plan, &self.target, program, documents, path)
    }
}

/// A compressor that tar is piped into.
struct Peer {
    program: &'static str,
    level: i32,
}

impl Peer {
    fn new(program: &'static str, level: i32) -> Self {
        Self { program, level }
    }
}

/// One of those who take turns: a peer, or else we.
struct Contender {
    peer: Option<Peer>,
    seconds: Vec<f64>,
    bytes: u64,
}

impl Contender {
    fn new(peer: Option<Peer>) -> Self {
        Self {
            peer,
            seconds: Vec::new(),
            bytes: 0,
        }
    }

    fn run(&mut self, bench: &Bench) -> Result<(), Failure> {
        process::check_interrupt()?;
        let out = tempfile::tempdir_in(bench.scratch.path())?;
        let start = Instant::now();
        self.bytes = match &self.peer {
            None => bench.ours(out.path())?,
            Some(peer) => bench.theirs(peer, out.path())?,
        };
        self.seconds.push(start.elapsed().as_secs_f64());
        Ok(())
    }

    fn figure(&self) -> Figure {
        let command = match &self.peer {
            None => format!("assemble (libdeflate, level {})", archive::LEVEL),
            Some(Peer { program, level }) => {
                format!("tar | {program} -{level} or zip -9, sha256sum")
            }
        };
        Figure {
            command,
            seconds: median(&self.seconds),
            bytes: self.bytes,
        }
    }
}

/// The outcome, as `--json` prints it.
#[derive(Debug, Serialize)]
struct Figures {
    programs: usize,
    program_bytes: usize,
    cores: usize,
    rounds: usize,
    ours: Figure,
    peers: Vec<Compared>,
    aim: f64,
}

#[derive(Debug, Serialize)]
struct Figure {
    command: String,
    /// The median.
    seconds: f64,
    /// Of all archives.
    bytes: u64,
}

#[derive(Debug, Serialize)]
struct Compared {
    #[serde(flatten)]
    figure: Figure,
    /// Our time by the peer's.
    ratio: f64,
    aim_met: bool,
}

impl Figures {
    fn of(programs: usize, ours: &Contender, peers: &[Contender]) -> Self {
        let rounds = ours.seconds.len();
        let ours = ours.figure();
        let compared = peers.iter().map(|peer| {
            let figure = peer.figure();
            let ratio = ours.seconds / figure.seconds;
            Compared {
                aim_met: ratio <= AIM && ours.bytes <= figure.bytes,
                figure,
                ratio,
            }
        });
        Self {
            programs,
            program_bytes: SIZE,
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            rounds,
            peers: compared.collect(),
            ours,
            aim: AIM,
        }
    }

    fn render(&self) -> String {
        let mut table = report::table(["", "seconds", "bytes", "ours / theirs", "aim"]);
        let row = |figure: &Figure| {
            let Figure {
                command,
                seconds,
                bytes,
            } = figure;
            [command.clone(), format!("{seconds:.2}"), bytes.to_string()]
        };
        table.add_row(row(&self.ours));
        for peer in &self.peers {
            let met = race::in_a_word(peer.aim_met);
            let compared = [format!("{:.2}", peer.ratio), met.to_owned()];
            table.add_row(row(&peer.figure).into_iter().chain(compared));
        }
        format!(
            "{} programs of {} bytes on {} cores, medians of {} rounds\n\n{table}\n\n\
             The aim: at most {} of the time on two cores, with archives that are no larger.\n",
            self.programs, self.program_bytes, self.cores, self.rounds, self.aim
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contender(peer: Option<Peer>, seconds: &[f64], bytes: u64) -> Contender {
        Contender {
            seconds: seconds.to_vec(),
            bytes,
            ..Contender::new(peer)
        }
    }

    #[test]
    fn the_aim_is_missed_by_time_and_by_size() {
        let ours = contender(None, &[5.0, 1.0, 9.0], 100);
        let gzip = || Some(Peer::new("gzip", 9));
        let peers = [
            contender(gzip(), &[10.0, 90.0, 1.0], 100),
            contender(gzip(), &[9.9], 100),
            contender(gzip(), &[20.0], 99),
        ];
        let figures = Figures::of(6, &ours, &peers);
        let met: Vec<_> = figures.peers.iter().map(|peer| peer.aim_met).collect();
        assert_eq!(met, [true, false, false]);
        assert_eq!(figures.peers[2].ratio, 0.25);
    }
}
