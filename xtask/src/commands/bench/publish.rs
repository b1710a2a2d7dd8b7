//! `bench publish`: the publisher in a process of its own against the rehearsal's GitHub, and `curl`
//! with the least that makes the same release: a draft, each upload, the publication. Then one file
//! as large as GitHub takes, for the peak of memory. Files are held to be verified: what is
//! measured is what goes to GitHub and comes back.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use rehearsal::Server;
use rehearsal::github::{GitHub, Repository};
use release_plan::{AssetName, BUNDLE_SUFFIX, Measured, Sha256};
use serde::Serialize;

use super::super::{block_on, say};
use super::race::{self, ended_well, median, start};
use crate::clock::Clock;
use crate::publish::{Publication, Publisher};
use crate::{Failure, cli, files, github, report};

/// Files of a release, half of which stand for the bundles of the others.
const FILES: usize = 24;
/// Bytes of each.
const SIZE: u64 = 1_000_000;
/// Bytes of the largest file that GitHub takes.
const LARGEST: u64 = (2 << 30) - 1;
/// Requests that a file may take, and those that a release may take besides.
const REQUESTS: usize = 3 * FILES + 8;
/// Millions of bytes that may be in memory at once, whatever the size of a file.
const MEMORY: f64 = 64.0;

const TOKEN: &str = "the-token";
const TAG: &str = "v1.0.0";
const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

pub(super) fn run(arguments: &cli::BenchPublish) -> Result<(), Failure> {
    if let (Some(api), Some(folder)) = (&arguments.into, &arguments.dir) {
        return block_on(publish(api, folder));
    }
    race::require(&["curl", "time"])?;
    let scratch = tempfile::tempdir()?;
    let folder = scratch.path().join("files");
    files::make_folder(&folder)?;
    for number in 1..FILES / 2 {
        let name = format!("asset-{number:02}.tar.gz");
        fill(&folder.join(format!("{name}{BUNDLE_SUFFIX}")), SIZE)?;
        fill(&folder.join(name), SIZE)?;
    }
    let sums = AssetName::CHECKSUMS;
    fill(&folder.join(format!("{sums}{BUNDLE_SUFFIX}")), SIZE)?;
    fill(&folder.join(sums), SIZE)?;

    let (mut ours, mut curls, mut requests) = (Vec::new(), Vec::new(), 0);
    for round in 1..=arguments.runs {
        say(format!("round {round} of {}", arguments.runs));
        let world = World::new()?;
        ours.push(timed(&mut world.ours(&folder)?)?);
        requests = world.github.requests().len();
        curls.push(timed(&mut World::new()?.curl(&folder))?);
    }
    say(format!("a file of {LARGEST} bytes"));
    let large = scratch.path().join("large");
    files::make_folder(&large)?;
    fill(&large.join("asset.tar.gz"), LARGEST)?;
    let peak = World::new()?.peak_memory(&large)?;

    let figures = Figures {
        files: FILES,
        bytes: SIZE,
        rounds: ours.len(),
        seconds: median(&ours),
        curl_seconds: median(&curls),
        requests,
        requests_at_most: REQUESTS,
        largest_bytes: LARGEST,
        peak_megabytes: peak,
        megabytes_at_most: MEMORY,
    };
    report::print(&if arguments.json {
        serde_json::to_string_pretty(&figures)? + "\n"
    } else {
        figures.render()
    })
}

/// Publishes the files of `folder`, as they are.
async fn publish(api: &str, folder: &Path) -> Result<(), Failure> {
    let mut measured = BTreeMap::<AssetName, Measured>::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        measured.insert(name.parse()?, files::measure(&path)?);
    }
    let publication = Publication {
        tag: TAG.parse()?,
        commit: COMMIT.parse()?,
        plan: Sha256::of(b"a benchmark"),
        notes: "A benchmark.".to_owned(),
        folder: folder.to_owned(),
        files: measured,
    };
    let token = TOKEN.to_owned();
    let github = github::GitHub::of(api, "acme/rocket", token, github::SILENCE)?;
    let publisher = Publisher::new(&github, Clock::System, &publication);
    publisher.run().await.map(drop)
}

/// A GitHub with a tag and no release.
struct World {
    github: GitHub,
    server: Server,
}

impl World {
    fn new() -> Result<Self, Failure> {
        let repository = Repository {
            owner: "acme".to_owned(),
            name: "rocket".to_owned(),
            id: 1,
            owner_id: 1,
        };
        let github = GitHub::new(repository, TOKEN);
        github.push_branch("main", COMMIT);
        github.push_tag(TAG, COMMIT);
        let server = Server::start(|at| github.router(&format!("http://{at}")))?;
        Ok(Self { github, server })
    }

    fn ours(&self, folder: &Path) -> Result<Command, Failure> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["bench", "publish", "--into", &self.server.url(), "--dir"]);
        command.arg(folder);
        Ok(command)
    }

    /// One connection after the other, as a script of a workflow does it.
    fn curl(&self, folder: &Path) -> Command {
        let script = r#"
            set -e
            ask() { curl -sSf -H "Authorization: Bearer $TOKEN" "$@"; }
            draft=$(ask "$API/releases" -d "{\"tag_name\":\"$TAG\",\"draft\":true}" |
                grep -o '"id":[0-9]*' | tail -n 1 | cut -d: -f2)
            for file in "$FILES"/*; do
                ask "$API/releases/$draft/assets?name=${file##*/}" -T "$file" -X POST \
                    -H 'Content-Type: application/octet-stream'
            done
            ask "$API/releases/$draft" -X PATCH -d '{"draft":false}'
        "#;
        let mut command = Command::new("sh");
        command.args(["-c", script]).env("FILES", folder);
        let api = format!("{}/repos/acme/rocket", self.server.url());
        command.env("API", api).env("TOKEN", TOKEN).env("TAG", TAG);
        command
    }

    /// Millions of bytes that the publisher has in memory at most.
    fn peak_memory(&self, folder: &Path) -> Result<f64, Failure> {
        let told = tempfile::NamedTempFile::new()?;
        let ours = self.ours(folder)?;
        // Asked of the kernel by a small program: what a large one starts is charged for the
        // memory of its parent.
        let mut time = Command::new("time");
        time.args(["-f", "%M", "-o"]).arg(told.path());
        time.arg(ours.get_program()).args(ours.get_args());
        timed(&mut time)?;
        let told = files::read_text(told.path())?;
        let kilobytes: f64 = told.trim().parse().map_err(anyhow::Error::from)?;
        Ok(kilobytes * 1024.0 / 1e6)
    }
}

/// How many seconds a command takes, which must end well.
fn timed(command: &mut Command) -> Result<f64, Failure> {
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command.stderr(Stdio::null()).env("NO_PROXY", "127.0.0.1");
    let program = command.get_program().to_string_lossy().into_owned();
    let begun = Instant::now();
    let status = start(command)?.wait();
    let seconds = begun.elapsed().as_secs_f64();
    ended_well(&program, status)?;
    Ok(seconds)
}

/// A file of so many bytes, which takes no room on a disk that can leave zeros out.
fn fill(path: &Path, size: u64) -> Result<(), Failure> {
    let failed = |error| files::failed("write", path, &error);
    let file = File::create(path).map_err(failed)?;
    file.set_len(size).map_err(failed)
}

/// The outcome, as `--json` prints it.
#[derive(Debug, Serialize)]
struct Figures {
    files: usize,
    bytes: u64,
    rounds: usize,
    /// The median of the publisher.
    seconds: f64,
    /// The median of curl, which looks at nothing it sent.
    curl_seconds: f64,
    /// All that GitHub got: of the API, of uploads and of downloads.
    requests: usize,
    requests_at_most: usize,
    largest_bytes: u64,
    peak_megabytes: f64,
    megabytes_at_most: f64,
}

impl Figures {
    fn render(&self) -> String {
        let ratio = self.seconds / self.curl_seconds;
        let mut aims = report::table(["aim", "found", "at most", ""]);
        let requests = self.requests <= self.requests_at_most;
        aims.add_row([
            "requests",
            &self.requests.to_string(),
            &self.requests_at_most.to_string(),
            race::in_a_word(requests),
        ]);
        aims.add_row([
            &format!("peak of memory with {} bytes, in MB", self.largest_bytes),
            &format!("{:.1}", self.peak_megabytes),
            &format!("{:.1}", self.megabytes_at_most),
            race::in_a_word(self.peak_megabytes <= self.megabytes_at_most),
        ]);
        format!(
            "{} files of {} bytes, medians of {} rounds: {:.0} ms, read back and verified in \
             public; curl, which reads nothing back, {:.0} ms; ratio {ratio:.2}\n\n{aims}\n",
            self.files,
            self.bytes,
            self.rounds,
            self.seconds * 1e3,
            self.curl_seconds * 1e3,
        )
    }
}
