//! `bench upgrade`: an upgrade by the program, signatures and probe included, against `curl`,
//! `sha256sum` and `tar` on the same archive; an upgrade when nothing is new; and what the launcher
//! takes. The program is the example of the consumer's tests as it would ship, padded to the size
//! of a large one; the mirror is on loopback and signed by the rehearsal's Sigstore.

use std::fs;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Instant as Clock, SystemTime, UNIX_EPOCH};

use rehearsal::github::Repository;
use rehearsal::sigstore::forge::{CertifiedKey, Content, Forgery};
use rehearsal::sigstore::{Job, Sigstore};
use release_plan::{
    Asset, AssetKind, AssetName, Channel, Exit, Instant, MANIFEST_SCHEMA, Manifest, Measured,
    POINTER_SCHEMA, PlannedAsset, Pointer, Sha256, StdOrigin, Tag, Target, Toolchain, Version,
};
use serde::Serialize;

use super::super::say;
use super::race::{self, Aim, bundle_of, ended_well, median, start};
use crate::project::Project;
use crate::{Failure, cli, files, report};

/// Bytes of the program.
const PROGRAM: usize = 25_000_000;
/// What an upgrade may take, by what curl, sha256sum and tar take together.
const OF_TOOLS: f64 = 1.2;
/// Milliseconds that an upgrade to nothing new may take.
const NOTHING_NEW: f64 = 15.0;
/// Bytes that may be sent and received for that.
const SMALL: f64 = 1000.0;
/// Milliseconds that the launcher may take for a pinned version.
const LAUNCHER: f64 = 1.0;
/// Milliseconds within which two runs of one program count as equal.
const EQUAL: f64 = 0.3;

pub(super) fn run(arguments: &cli::BenchUpgrade) -> Result<(), Failure> {
    race::require(&["curl", "sha256sum", "tar", "cp", "cargo-zigbuild"])?;
    let project = Project::here()?;
    let target = race::runs_here(&project.plan(project.package_version())?)?;
    let program = build(&project, &target)?;
    let desk = Desk::prepare(&project, &target, &program)?;
    let mut seconds: [Vec<f64>; 6] = Default::default();
    let mut asked = (0, 0);
    for round in 0..=arguments.runs {
        // Before the first, files and programs are brought into the system's memory.
        if round > 0 {
            say(format!("round {round} of {}", arguments.runs));
        }
        let (times, counted) = desk.round()?;
        if round > 0 {
            for (all, time) in seconds.iter_mut().zip(times) {
                all.push(time);
            }
        }
        asked = counted;
    }
    let [upgrade, tools, nothing_new, direct, own, pinned] = seconds.map(|all| median(&all));
    let (requests, bytes) = asked;
    let aims = vec![
        Aim::new("upgrade, by the tools' time", upgrade / tools, OF_TOOLS),
        Aim::new("nothing new, in ms", nothing_new * 1e3, NOTHING_NEW),
        Aim::new("nothing new, in requests", requests as f64, 1.0),
        Aim::new("nothing new, in bytes both ways", bytes as f64, SMALL),
        Aim::new(
            "launcher of its own version, in ms",
            (own - direct) * 1e3,
            EQUAL,
        ),
        Aim::new(
            "launcher of a pinned version, in ms",
            (pinned - direct) * 1e3,
            LAUNCHER,
        ),
    ];
    let figures = Figures {
        program_bytes: PROGRAM,
        rounds: arguments.runs,
        upgrade_seconds: upgrade,
        tools_seconds: tools,
        nothing_new_seconds: nothing_new,
        aims,
    };
    report::print(&if arguments.json {
        serde_json::to_string_pretty(&figures)? + "\n"
    } else {
        figures.render()
    })
}

/// The example, compiled as what ships for this machine.
fn build(project: &Project, target: &Target) -> Result<PathBuf, Failure> {
    say(format!("compiling the example for {target}"));
    let mut cargo = Command::new("cargo-zigbuild");
    cargo
        .args(["build", "--quiet", "--profile", "dist", "--locked"])
        .args(["--package", "truetag", "--example", "rocket", "--target"])
        .arg(target.as_str())
        .arg("--target-dir")
        .arg(project.target_folder())
        .current_dir(&project.root);
    ended_well("cargo-zigbuild", start(&mut cargo)?.wait())?;
    let folder = project.target_folder().join(target.as_str());
    Ok(folder.join("dist/examples/rocket"))
}

/// A mirror with two releases, and homes to begin with.
struct Desk {
    scratch: tempfile::TempDir,
    site: Site,
    archive: AssetName,
}

impl Desk {
    fn prepare(project: &Project, target: &Target, program: &Path) -> Result<Self, Failure> {
        let scratch = tempfile::tempdir()?;
        let sigstore = Sigstore::new().map_err(anyhow::Error::from)?;
        let root = sigstore.trusted_root_json("http://127.0.0.1");
        files::write(&scratch.path().join("trusted_root.json"), root.as_bytes())?;
        let archive = AssetName::archive("rocket", target).map_err(anyhow::Error::from)?;
        let mirror = scratch.path().join("mirror");
        let desk = Self {
            site: Site::serve(mirror.clone())?,
            scratch,
            archive,
        };
        let playbook = project.playbook()?;
        let program = fs::read(program)?;
        for version in ["1.0.0", "1.1.0"] {
            desk.release(&sigstore, target, version, &program, playbook.sha256())?;
        }
        desk.point(&sigstore, "1.1.0")?;
        desk.install(target)?;
        Ok(desk)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    fn folder(&self, version: &str) -> PathBuf {
        self.path("mirror/releases/download")
            .join(format!("v{version}"))
    }

    fn release(
        &self,
        sigstore: &Sigstore,
        target: &Target,
        version: &str,
        program: &[u8],
        playbook_sha256: Sha256,
    ) -> Result<(), Failure> {
        let folder = self.folder(version);
        files::make_folder(&folder)?;
        // Of itself once more, which compresses as programs do.
        let mut padded = program.repeat(PROGRAM.div_ceil(program.len()));
        padded.truncate(PROGRAM);
        // An executable's end is not read by whoever runs it.
        padded[..program.len()].copy_from_slice(program);
        padded.extend(format!("\nrocket {version}\n").bytes());
        let packed = pack(&target.archive_stem("rocket"), &padded)?;
        files::write(&folder.join(self.archive.as_str()), &packed)?;
        let version: Version = version.parse().map_err(anyhow::Error::from)?;
        let tag = Tag::of(&version).map_err(anyhow::Error::from)?;
        let planned = PlannedAsset {
            name: self.archive.clone(),
            kind: AssetKind::Archive,
            target: Some(target.clone()),
        };
        let toolchain = Toolchain {
            rustc: "rustc 1.95.0".to_owned(),
            std: StdOrigin::Prebuilt,
            zig: None,
            cargo_zigbuild: None,
        };
        let manifest = Manifest {
            schema: MANIFEST_SCHEMA.to_owned(),
            product: "rocket".to_owned(),
            commit: COMMIT.parse().map_err(anyhow::Error::from)?,
            plan_sha256: Sha256::of(b"plan"),
            toolchains: [(target.clone(), toolchain)].into(),
            upgrades_from: Version::new(0, 0, 0),
            playbook_sha256,
            assets: vec![Asset::new(planned, Measured::of(&packed))],
            version,
            tag: tag.clone(),
        };
        let reference = format!("refs/tags/{tag}");
        let job = job(".github/workflows/release.yml", &reference, "push");
        let path = folder.join(AssetName::MANIFEST);
        sign(sigstore, &path, &manifest.render(), &job)
    }

    fn point(&self, sigstore: &Sigstore, version: &str) -> Result<(), Failure> {
        let manifest = files::read(&self.folder(version).join(AssetName::MANIFEST))?;
        let version: Version = version.parse().map_err(anyhow::Error::from)?;
        let now = now()?;
        let pointer = Pointer {
            schema: POINTER_SCHEMA.to_owned(),
            product: "rocket".to_owned(),
            channel: Channel::Stable,
            sequence: 1,
            expires: now.plus_days(14),
            tag: Tag::of(&version).map_err(anyhow::Error::from)?,
            version,
            release_sha256: Sha256::of(&manifest),
            selected: now,
            override_reason: None,
            bootstrap: Manifest::parse(&manifest)
                .map_err(anyhow::Error::from)?
                .bootstrap(),
            yanked: Vec::new(),
            earlier: Vec::new(),
            renews: None,
        };
        let path = self.path("mirror").join(Channel::Stable.pointer_path());
        files::make_folder(path.parent().unwrap_or(&path))?;
        let job = job(
            ".github/workflows/channel.yml",
            "refs/heads/main",
            "workflow_dispatch",
        );
        sign(sigstore, &path, &pointer.render(), &job)
    }

    /// Homes to begin with: one at 1.0.0, and one at 1.1.0 past its trial that a project at 1.0.0
    /// has too.
    fn install(&self, target: &Target) -> Result<(), Failure> {
        let unpacked = self.path("unpacked");
        files::make_folder(&unpacked)?;
        let archive = self.folder("1.0.0").join(self.archive.as_str());
        let mut tar = Command::new("tar");
        tar.arg("-xzf").arg(&archive).arg("-C").arg(&unpacked);
        timed(&mut tar)?;
        let program = unpacked.join(target.archive_stem("rocket")).join("rocket");
        let mut install = Command::new(program);
        install.args(["self", "install", "--no-modify-path", "--archive"]);
        install.arg(archive).arg("--dir").arg(self.path("old"));
        timed(&mut self.believing(install))?;
        self.copy("old", "new")?;
        timed(&mut self.upgrade("new"))?;
        for _ in 0..3 {
            timed(Command::new(self.launcher("new")).arg("--version"))?;
        }
        files::make_folder(&self.path("project"))?;
        let pin = self.path("project/.rocket.toml");
        files::write(&pin, b"version = \"1.0.0\"\n").map(drop)
    }

    fn copy(&self, from: &str, to: &str) -> Result<(), Failure> {
        let mut copy = Command::new("cp");
        copy.arg("-a").arg(self.path(from)).arg(self.path(to));
        timed(&mut copy).map(drop)
    }

    fn launcher(&self, home: &str) -> PathBuf {
        self.path(home).join("bin/rocket")
    }

    fn believing(&self, mut command: Command) -> Command {
        command
            .args(["--mirror", &self.site.url, "--trusted-root"])
            .arg(self.path("trusted_root.json"))
            .env("HOME", self.scratch.path());
        command
    }

    fn upgrade(&self, home: &str) -> Command {
        let mut upgrade = Command::new(self.launcher(home));
        upgrade.arg("upgrade");
        self.believing(upgrade)
    }

    /// Seconds of: an upgrade, the tools, nothing new, the program itself, its launcher, and the
    /// launcher where another version is pinned; then requests and bytes of nothing new.
    fn round(&self) -> Result<([f64; 6], (u64, u64)), Failure> {
        for gone in ["home", "fetched"] {
            match fs::remove_dir_all(self.path(gone)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
                _ => {}
            }
        }
        self.copy("old", "home")?;
        files::make_folder(&self.path("fetched"))?;
        let upgrade = timed(&mut self.upgrade("home"))?;
        let mut tools = Command::new("sh");
        let digest = files::measure(&self.folder("1.1.0").join(self.archive.as_str()))?.sha256();
        let name = &self.archive;
        tools
            .arg("-c")
            .arg(format!(
                "curl -fsS -o {name} {}/releases/download/v1.1.0/{name} && echo '{digest}  {name}' | sha256sum -c && tar -xzf {name}",
                self.site.url
            ))
            .current_dir(self.path("fetched"));
        let tools = timed(&mut tools)?;
        let before = self.site.counted();
        let nothing_new = timed(&mut self.upgrade("new"))?;
        let after = self.site.counted();
        let version = |program: PathBuf| {
            let mut command = Command::new(program);
            command.arg("--version").env("HOME", self.scratch.path());
            command
        };
        let direct = timed(&mut version(self.path("new/versions/1.1.0/rocket")))?;
        let own = timed(&mut version(self.launcher("new")))?;
        let mut pinned = version(self.launcher("new"));
        let pinned = timed(pinned.current_dir(self.path("project")))?;
        Ok((
            [upgrade, tools, nothing_new, direct, own, pinned],
            (after.0 - before.0, after.1 - before.1),
        ))
    }
}

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

fn job(workflow: &str, reference: &str, event: &str) -> Job {
    let rocket = Repository {
        owner: "acme".to_owned(),
        name: "rocket".to_owned(),
        id: 1001,
        owner_id: 77,
    };
    Job::of(&rocket, workflow, reference, COMMIT, event)
}

/// Writes a file with its bundle.
fn sign(sigstore: &Sigstore, path: &Path, bytes: &[u8], job: &Job) -> Result<(), Failure> {
    files::write(path, bytes)?;
    let certified: CertifiedKey = sigstore.certify(job).map_err(anyhow::Error::from)?;
    let digest = *Sha256::of(bytes).as_bytes();
    let mut signed = Forgery::by_job(job, Content::Digest(digest));
    signed.certified = Some(&certified);
    let bundle = sigstore.forge(&signed).map_err(anyhow::Error::from)?;
    files::write(&bundle_of(path), bundle.as_bytes()).map(drop)
}

/// An archive with one program in it.
fn pack(root: &str, program: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(program.len() as u64);
    header.set_mode(0o755);
    tar.append_data(&mut header, format!("{root}/rocket"), program)?;
    let tar = tar.into_inner()?;
    let level = libdeflater::CompressionLvl::new(6).expect("libdeflate has a level 6");
    let mut compressor = libdeflater::Compressor::new(level);
    let mut packed = vec![0; compressor.gzip_compress_bound(tar.len())];
    let length = compressor
        .gzip_compress(&tar, &mut packed)
        .map_err(anyhow::Error::from)?;
    packed.truncate(length);
    Ok(packed)
}

fn now() -> Result<Instant, Failure> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let seconds = since.map_err(anyhow::Error::from)?.as_secs();
    let now = i64::try_from(seconds).ok().and_then(Instant::from_seconds);
    now.ok_or_else(|| Failure::new(Exit::Failed, "the clock is out of range".to_owned()))
}

/// Seconds of a whole process.
fn timed(command: &mut Command) -> Result<f64, Failure> {
    let program = command.get_program().to_string_lossy().into_owned();
    command.stdin(Stdio::null());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let begun = Clock::now();
    let status = start(command)?.wait();
    let seconds = begun.elapsed().as_secs_f64();
    ended_well(&program, status)?;
    Ok(seconds)
}

/// A folder by http, and what was asked of it.
struct Site {
    url: String,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    requests: AtomicU64,
    bytes: AtomicU64,
}

impl Site {
    /// Serves until this process ends.
    fn serve(folder: PathBuf) -> Result<Self, Failure> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("http://{}", listener.local_addr()?);
        let counts = Arc::new(Counts::default());
        let counting = Arc::clone(&counts);
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let (folder, counts) = (folder.clone(), Arc::clone(&counting));
                // Whoever asked has gone away, or asks again.
                thread::spawn(move || drop(answer(&connection, &folder, &counts)));
            }
        });
        Ok(Self { url, counts })
    }

    /// Requests, and bytes both ways.
    fn counted(&self) -> (u64, u64) {
        let Counts { requests, bytes } = &*self.counts;
        (
            requests.load(Ordering::Relaxed),
            bytes.load(Ordering::Relaxed),
        )
    }
}

/// Answers every request of a connection.
fn answer(mut connection: &TcpStream, folder: &Path, counts: &Counts) -> io::Result<()> {
    let mut reader = BufReader::new(connection);
    loop {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            counts.bytes.fetch_add(line.len() as u64, Ordering::Relaxed);
            if line.trim_end().is_empty() {
                break;
            }
            lines.push(line.trim_end().to_owned());
        }
        counts.requests.fetch_add(1, Ordering::Relaxed);
        let path = lines.first().and_then(|line| line.split(' ').nth(1));
        let path = path.unwrap_or_default().trim_start_matches('/');
        let Ok(mut file) = fs::File::open(folder.join(path)) else {
            connection.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")?;
            continue;
        };
        let size = file.metadata()?.len();
        let etag = format!("\"{size}\"");
        let same = |line: &String| {
            let (name, value) = line.split_once(": ").unwrap_or_default();
            name.eq_ignore_ascii_case("if-none-match") && value == etag
        };
        let head = if lines.iter().any(same) {
            format!("HTTP/1.1 304 Not Modified\r\nETag: {etag}\r\n\r\n")
        } else {
            format!("HTTP/1.1 200 OK\r\nContent-Length: {size}\r\nETag: {etag}\r\n\r\n")
        };
        connection.write_all(head.as_bytes())?;
        let sent = if head.contains("304") {
            0
        } else {
            io::copy(&mut file, &mut connection)?
        };
        let sent = sent + head.len() as u64;
        counts.bytes.fetch_add(sent, Ordering::Relaxed);
    }
}

/// The outcome, as `--json` prints it.
#[derive(Debug, Serialize)]
struct Figures {
    program_bytes: usize,
    rounds: u8,
    upgrade_seconds: f64,
    tools_seconds: f64,
    nothing_new_seconds: f64,
    aims: Vec<Aim>,
}

impl Figures {
    fn render(&self) -> String {
        let aims = Aim::table(&self.aims);
        format!(
            "whole processes, medians of {} rounds; a program of {} bytes: upgraded in {:.0} ms, by curl, sha256sum and tar in {:.0} ms\n\n{aims}\n",
            self.rounds,
            self.program_bytes,
            self.upgrade_seconds * 1e3,
            self.tools_seconds * 1e3
        )
    }
}
