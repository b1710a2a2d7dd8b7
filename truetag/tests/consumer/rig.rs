//! A mirror with signed releases of `examples/rocket.rs`, and a home to install them into.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;
use std::thread;
use std::time::{Duration, Instant as Clock, SystemTime, UNIX_EPOCH};

use rehearsal::Server;
use rehearsal::github::Repository;
use rehearsal::sigstore::{Job, Sigstore};
use release_plan::{
    Asset, AssetKind, AssetName, Channel, Instant, MANIFEST_SCHEMA, Manifest, Measured,
    POINTER_SCHEMA, PlannedAsset, Pointer, Sha256, SignedPointer, StdOrigin, Tag, Target,
    Toolchain, Version, Yanked,
};
use serde_json::Value;
use sigstore_sign::oidc::IdentityToken;
use sigstore_sign::reqwest::Client;
use sigstore_sign::{SigningContext, SigningServices};

pub(crate) const TARGET: &str = env!("BUILD_TARGET");
pub(crate) const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
const INSTALL: &str = include_str!("../../../bootstrap/install.sh");
const INSTALL_PS1: &str = include_str!("../../../bootstrap/install.ps1");
const RESCUE: &str = include_str!("../../../bootstrap/upgrade.sh");
const STUB: &str = include_str!("../../../bootstrap/stub.sh");

/// The example, built if it is not.
static ROCKET: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let built = build_rocket(Command::new(env!("CARGO")), None).unwrap();
    // A third of its size has no symbols, and all that is done with it takes a third of the time.
    let small = tempfile::NamedTempFile::new().unwrap();
    let mut strip = Command::new("strip");
    strip.arg("-o").arg(small.path()).arg(&built);
    let smaller = strip.status().is_ok_and(|ended| ended.success());
    fs::read(if smaller { small.path() } else { &built }).unwrap()
});

/// Builds the example by `cargo` for a target, or for this machine. None where that cannot be.
pub(crate) fn build_rocket(mut cargo: Command, target: Option<&str>) -> Option<PathBuf> {
    cargo.args(["build", "--quiet", "-p", "truetag", "--example", "rocket"]);
    if let Some(target) = target {
        cargo.args(["--target", target]);
    }
    without_own_package(&mut cargo);
    if !cargo.status().is_ok_and(|ended| ended.success()) {
        return None;
    }
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().unwrap().parent().unwrap();
    Some(match target {
        None => profile.join("examples/rocket"),
        Some(target) => {
            let name = target.parse::<Target>().unwrap().executable("rocket");
            let profiles = profile.parent().unwrap().join(target);
            profiles.join("debug/examples").join(name)
        }
    })
}

/// Runs a command to its end. A program that a test wrote is busy for as long as whatever another
/// test starts meanwhile has not become itself.
pub(crate) fn output(command: &mut Command) -> Ran {
    let start = Clock::now();
    loop {
        match command.output() {
            Err(error)
                if error.kind() == ErrorKind::ExecutableFileBusy
                    && start.elapsed() < Duration::from_secs(20) =>
            {
                thread::sleep(Duration::from_millis(5));
            }
            output => return output.unwrap().into(),
        }
    }
}

/// What cargo tells this test of its own package would have dependencies built anew.
pub(crate) fn without_own_package(cargo: &mut Command) {
    for (variable, _) in std::env::vars_os() {
        let name = variable.to_string_lossy();
        let own = ["CARGO_MANIFEST_", "CARGO_PKG_", "OUT_DIR"];
        if own.iter().any(|own| name.starts_with(own)) {
            cargo.env_remove(&variable);
        }
    }
}

pub(crate) struct Rig {
    folder: tempfile::TempDir,
    pub(crate) sigstore: Sigstore,
    server: Server,
    runtime: tokio::runtime::Runtime,
    target: &'static str,
    program: &'static [u8],
}

/// What a run of a program came to.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Ran {
    /// Panics with all that was printed unless it exited with `code`.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}{}", self.stdout, self.stderr);
        self
    }
}

impl Rig {
    pub(crate) fn new() -> Self {
        Self::with(TARGET, &ROCKET)
    }

    /// A mirror with releases of a program that was built for `target`.
    pub(crate) fn with(target: &'static str, program: &'static [u8]) -> Self {
        trust::crypto::install();
        // Err says that another test of this process came first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let sigstore = Sigstore::new().unwrap();
        let rig = Self {
            folder: tempfile::tempdir().unwrap(),
            server: Server::start(|_| sigstore.router()).unwrap(),
            sigstore,
            runtime: tokio::runtime::Runtime::new().unwrap(),
            target,
            program,
        };
        fs::write(rig.root(), rig.trusted_root_json()).unwrap();
        rig
    }

    /// Changes every key of the Sigstore. The file keeps those that were there before.
    pub(crate) fn change_keys(&mut self) {
        self.sigstore = Sigstore::new().unwrap();
        self.server = Server::start(|_| self.sigstore.router()).unwrap();
    }

    /// Whose keys sign now.
    pub(crate) fn trusted_root_json(&self) -> String {
        self.sigstore.trusted_root_json(&self.server.url())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The trusted root of this rig's Sigstore.
    pub(crate) fn root(&self) -> PathBuf {
        self.path("trusted_root.json")
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.path("home")
    }

    pub(crate) fn launcher(&self) -> PathBuf {
        self.home().join("bin/rocket")
    }

    pub(crate) fn mirror(&self) -> String {
        format!("file://{}", self.path("mirror").display())
    }

    pub(crate) fn release(&self, version: &str) -> PathBuf {
        self.path("mirror/releases/download")
            .join(format!("v{version}"))
    }

    pub(crate) fn archive(&self, version: &str) -> PathBuf {
        self.release(version)
            .join(archive_name(self.target).as_str())
    }

    /// A release whose program says it is `says`, and whose manifest is altered by `alter`.
    pub(crate) fn publish(&self, version: &str, says: &str, alter: impl FnOnce(&mut Manifest)) {
        let folder = self.release(version);
        fs::create_dir_all(&folder).unwrap();
        let archive = archive(self.target, self.program, says);
        let name = archive_name(self.target);
        fs::write(folder.join(name.as_str()), &archive).unwrap();
        self.sign(&folder.join(name.as_str()), &release_job(version));
        let version: Version = version.parse().unwrap();
        let script = stamped(&version, Sha256::of(&archive));
        fs::write(folder.join(AssetName::INSTALL_SH), &script).unwrap();
        let asset = |name, kind, target: Option<&str>, bytes: &[u8]| {
            let target = target.map(|target| target.parse().unwrap());
            Asset::new(PlannedAsset { name, kind, target }, Measured::of(bytes))
        };
        let install = AssetName::INSTALL_SH.parse().unwrap();
        let assets = vec![
            asset(install, AssetKind::BootstrapScript, None, script.as_bytes()),
            asset(name, AssetKind::Archive, Some(self.target), &archive),
        ];
        let mut manifest = Manifest {
            schema: MANIFEST_SCHEMA.to_owned(),
            product: "rocket".to_owned(),
            tag: Tag::of(&version).unwrap(),
            version: version.clone(),
            commit: COMMIT.parse().unwrap(),
            plan_sha256: Sha256::of(b"plan"),
            toolchains: BTreeMap::new(),
            upgrades_from: Version::new(0, 0, 0),
            playbook_sha256: playbook_sha256(),
            assets,
        };
        alter(&mut manifest);
        let toolchain = Toolchain {
            rustc: "rustc 1.95.0".to_owned(),
            std: StdOrigin::Prebuilt,
            zig: None,
            cargo_zigbuild: None,
        };
        let targets = manifest
            .assets
            .iter()
            .filter_map(|asset| asset.target.clone());
        manifest.toolchains = targets.map(|target| (target, toolchain.clone())).collect();
        let path = folder.join(AssetName::MANIFEST);
        fs::write(&path, manifest.render()).unwrap();
        let sums = manifest.checksums(Sha256::of(&manifest.render())).render();
        fs::write(folder.join(AssetName::CHECKSUMS), sums).unwrap();
        self.sign(&path, &release_job(&version.to_string()));
    }

    /// The program of a release, taken out of its archive.
    pub(crate) fn unpack(&self, version: &str) -> PathBuf {
        let folder = self.path(&format!("unpacked-{version}"));
        fs::create_dir(&folder).unwrap();
        // Children that other tests start must not inherit the program while it is written: it
        // could not be run as long as one has it.
        let mut tar = Command::new("tar");
        tar.arg("-xzf").arg(self.archive(version)).arg("-C");
        assert!(tar.arg(&folder).status().unwrap().success());
        let target: Target = self.target.parse().unwrap();
        folder.join(target.archive_stem("rocket")).join("rocket")
    }

    /// A release as it should be.
    pub(crate) fn publish_good(&self, version: &str) {
        self.publish(version, version, |_| {});
    }

    /// Points the stable channel at a version.
    pub(crate) fn point(&self, version: &str, sequence: u64, alter: impl FnOnce(&mut Pointer)) {
        let manifest = fs::read(self.release(version).join(AssetName::MANIFEST)).unwrap();
        let version: Version = version.parse().unwrap();
        let mut pointer = Pointer {
            schema: POINTER_SCHEMA.to_owned(),
            product: "rocket".to_owned(),
            channel: Channel::Stable,
            sequence,
            expires: in_days(14),
            tag: Tag::of(&version).unwrap(),
            version,
            release_sha256: Sha256::of(&manifest),
            selected: in_days(0),
            override_reason: None,
            bootstrap: Manifest::parse(&manifest).unwrap().bootstrap(),
            yanked: Vec::new(),
            earlier: Vec::new(),
            renews: None,
        };
        alter(&mut pointer);
        fs::create_dir_all(self.path("mirror/channels")).unwrap();
        let path = self.pointer();
        fs::write(&path, pointer.render()).unwrap();
        self.sign(&path, &channel_job());
    }

    /// The stable channel's pointer as it stands, with its bundle.
    pub(crate) fn signed_pointer(&self) -> SignedPointer {
        let path = self.pointer();
        SignedPointer {
            pointer: fs::read_to_string(&path).unwrap(),
            bundle: fs::read_to_string(bundle_of(&path)).unwrap(),
        }
    }

    /// Has a scheduled run renew a pointer of the stable channel.
    pub(crate) fn renew(
        &self,
        renewed: SignedPointer,
        sequence: u64,
        alter: impl FnOnce(&mut Pointer),
    ) {
        let mut pointer = Pointer::parse(renewed.pointer.as_bytes()).unwrap();
        pointer.sequence = sequence;
        pointer.expires = in_days(14);
        pointer.renews = Some(renewed);
        alter(&mut pointer);
        fs::write(self.pointer(), pointer.render()).unwrap();
        let by_the_clock = Job {
            event: "schedule".to_owned(),
            ..channel_job()
        };
        self.sign(&self.pointer(), &by_the_clock);
    }

    pub(crate) fn pointer(&self) -> PathBuf {
        self.path("mirror").join(Channel::Stable.pointer_path())
    }

    /// Signs a file as `job` and puts the bundle beside it.
    pub(crate) fn sign(&self, path: &Path, job: &Job) {
        let blob = fs::read(path).unwrap();
        let ambient = self.sigstore.admit(&self.server.url(), job.clone());
        let services = Sigstore::services(&self.server.url());
        let services =
            SigningServices::new(services.fulcio, services.rekor).with_tsa_url(services.timestamp);
        let client = Client::builder().no_proxy().build().unwrap();
        let bundle = self.runtime.block_on(async {
            let answer = client
                .get(format!("{}&audience=sigstore", ambient.request_url))
                .bearer_auth(&ambient.request_token)
                .send()
                .await
                .unwrap();
            let answer: Value = answer.json().await.unwrap();
            let token = IdentityToken::from_jwt(answer["value"].as_str().unwrap()).unwrap();
            SigningContext::new(services)
                .with_http_client(client.clone())
                .signer(token)
                .sign(&blob)
                .await
                .unwrap()
        });
        fs::write(bundle_of(path), bundle.to_json().unwrap()).unwrap();
    }

    /// The install script of a version, run by `shell`, against this mirror and into this home.
    pub(crate) fn install_with(&self, shell: &[&str], version: &str) -> Ran {
        let mut command = Command::new(shell[0]);
        command
            .args(&shell[1..])
            .arg(self.release(version).join("install.sh"))
            .args(["--mirror", &self.mirror()])
            .arg("--trusted-root")
            .arg(self.root())
            .arg("--dir")
            .arg(self.home())
            .env("HOME", self.path("nobody"))
            .env_remove("ZDOTDIR")
            .env_remove("XDG_CONFIG_HOME");
        command.output().unwrap().into()
    }

    #[track_caller]
    pub(crate) fn install(&self, version: &str) {
        self.install_with(&["sh"], version).expect(0);
    }

    /// What is on PATH, with arguments.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.launcher());
        command.args(arguments).env("HOME", self.path("nobody"));
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        output(&mut self.command(arguments))
    }

    /// `upgrade` from this mirror, with more arguments.
    pub(crate) fn upgrade(&self, arguments: &[&str]) -> Ran {
        self.upgrade_from(&self.mirror(), arguments)
    }

    pub(crate) fn upgrade_from(&self, mirror: &str, arguments: &[&str]) -> Ran {
        let mut command = self.command(&["upgrade", "--mirror", mirror]);
        command.arg("--trusted-root").arg(self.root());
        output(command.args(arguments))
    }

    /// The version that what is on PATH says it is.
    pub(crate) fn version(&self) -> String {
        let ran = self.run(&["--version", "--json"]).expect(0);
        let report: Value = serde_json::from_str(&ran.stdout).unwrap();
        report["version"].as_str().unwrap().to_owned()
    }

    /// Runs what is on PATH until its version is past its trial.
    pub(crate) fn pass_trial(&self) {
        for _ in 0..3 {
            self.run(&["--version"]).expect(0);
        }
        assert!(!self.home().join("state/trial").exists());
    }

    /// Every file of the home but the lock, with its digest.
    pub(crate) fn snapshot(&self) -> BTreeMap<PathBuf, Sha256> {
        files(&self.home())
    }

    /// Every file of the home but what is remembered of what was seen, and the lock.
    pub(crate) fn installed(&self) -> BTreeMap<PathBuf, Sha256> {
        let seen = [
            "state/sequence",
            "state/yanked",
            "state/pointer-stable.json",
        ];
        let mut files = self.snapshot();
        files.retain(|path, _| !seen.iter().any(|seen| path == Path::new(seen)));
        files
    }
}

pub(crate) fn files(folder: &Path) -> BTreeMap<PathBuf, Sha256> {
    fn collect(root: &Path, folder: &Path, files: &mut BTreeMap<PathBuf, Sha256>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(root, &path, files);
            } else {
                let digest = Sha256::of(&fs::read(&path).unwrap());
                files.insert(path.strip_prefix(root).unwrap().to_owned(), digest);
            }
        }
    }
    let mut found = BTreeMap::new();
    collect(folder, folder, &mut found);
    found
}

pub(crate) fn bundle_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(release_plan::BUNDLE_SUFFIX);
    PathBuf::from(name)
}

/// Says what a test cannot show where it runs, whatever tools are required.
#[expect(clippy::print_stderr, reason = "a test that did not run says so")]
pub(crate) fn unchecked(what: &str) {
    eprintln!("not run: {what}");
}

pub(crate) fn flip(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).unwrap();
}

/// What names `version` as yanked.
pub(crate) fn yank(version: &str) -> Yanked {
    Yanked {
        version: version.parse().unwrap(),
        reason: "it eats files".parse().unwrap(),
    }
}

pub(crate) fn in_days(days: i64) -> Instant {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Instant::from_seconds(i64::try_from(now.as_secs()).unwrap() + days * 86_400).unwrap()
}

fn archive_name(target: &str) -> AssetName {
    AssetName::archive("rocket", &target.parse().unwrap()).unwrap()
}

/// A program with its version in its last line, as an archive.
fn archive(target: &str, program: &[u8], says: &str) -> Vec<u8> {
    let target: Target = target.parse().unwrap();
    let program = [program, format!("\nrocket {says}\n").as_bytes()].concat();
    let name = target.executable("rocket");
    let members = [(&*name, &program[..]), ("LICENSE", b"Do as you like.\n")];
    let path = |name: &str| format!("{}/{name}", target.archive_stem("rocket"));
    if archive_name(target.as_str()).as_str().ends_with(".zip") {
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        let stored = zip::write::SimpleFileOptions::default()
            .compression_method(zip::CompressionMethod::Stored);
        for (name, contents) in members {
            zip.start_file(path(name), stored).unwrap();
            zip.write_all(contents).unwrap();
        }
        return zip.finish().unwrap().into_inner();
    }
    let gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    let mut tar = tar::Builder::new(gzip);
    for (name, contents) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(contents.len() as u64);
        header.set_mode(0o755);
        tar.append_data(&mut header, path(name), contents).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}

fn playbook_sha256() -> Sha256 {
    let skills = Path::new(env!("CARGO_MANIFEST_DIR")).join("../playbook/skills");
    playbook::Playbook::read(&skills).unwrap().sha256()
}

/// The install script of a release.
pub(crate) fn stamped(version: &Version, archive_sha256: Sha256) -> String {
    stamp(INSTALL, version, archive_sha256)
}

/// The install script for PowerShell of a release.
pub(crate) fn powershell(version: &Version, archive_sha256: Sha256) -> String {
    stamp(INSTALL_PS1, version, archive_sha256)
}

/// The script of a release that rescues homes.
pub(crate) fn rescue(version: &str) -> String {
    stamp(RESCUE, &version.parse().unwrap(), Sha256::of(b""))
}

fn stamp(template: &str, version: &Version, archive_sha256: Sha256) -> String {
    let archives = format!("{archive_sha256} {TARGET} {}", archive_name(TARGET));
    let tag = format!("v{version}");
    let values = [
        ("@PRODUCT@", "rocket"),
        ("@VERSION@", &tag[1..]),
        ("@TAG@", &tag),
        ("@BOOTSTRAP_TAG@", &tag),
        ("@REPOSITORY@", "https://github.com/acme/rocket"),
        ("@CHANNELS_URL@", "https://acme.github.io/rocket"),
        ("@HOME_VARIABLE@", "ROCKET_HOME"),
        ("@ARCHIVES@", &archives),
    ];
    fill(template, &values)
}

/// What the channels at `pages` serve as their install script, for releases of `repository`.
pub(crate) fn stub(pages: &str, repository: &str) -> String {
    let values = [
        ("@PRODUCT@", "rocket"),
        ("@BOOTSTRAP_TAG@", "v1.0.0"),
        ("@REPOSITORY@", repository),
        ("@CHANNELS_URL@", pages),
        ("@DEFAULT_CHANNEL@", "stable"),
        ("@REFERENCE_VARIABLE@", "ROCKET_UPGRADE_REF"),
    ];
    fill(STUB, &values)
}

fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let signers = [
        ("@RELEASE_WORKFLOW@", ".github/workflows/release.yml"),
        ("@CHANNEL_WORKFLOW@", ".github/workflows/channel.yml"),
        ("@DEFAULT_BRANCH@", "main"),
        ("@ISSUER@", "https://token.actions.githubusercontent.com"),
    ];
    values
        .iter()
        .chain(&signers)
        .fold(template.to_owned(), |script, (place, value)| {
            script.replace(place, value)
        })
}

pub(crate) fn release_job(version: &str) -> Job {
    let tag = format!("refs/tags/v{version}");
    job(".github/workflows/release.yml", &tag, "push")
}

pub(crate) fn channel_job() -> Job {
    let branch = "refs/heads/main";
    job(".github/workflows/channel.yml", branch, "workflow_dispatch")
}

fn job(workflow: &str, reference: &str, event: &str) -> Job {
    let rocket = Repository {
        owner: "acme".to_owned(),
        name: "rocket".to_owned(),
        id: 1001,
        owner_id: 77,
    };
    Job::of(&rocket, workflow, reference, COMMIT, event)
}
