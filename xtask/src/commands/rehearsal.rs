//! `rehearsal serve`: what a finished dry-run made public, served again, so that a person can play
//! the consumer by hand. Relies on what the dry-run kept in its folder.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf, absolute};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rehearsal::{Kept, KeptRelease, Server};
use release_plan::{AssetName, Exit, Plan, Product, Sha256, Tag};
use serde::Deserialize;
use serde_json::Value;

use super::dry_run::loopback::{LOG, PAGES, TRUSTED_ROOT, repository};
use super::dry_run::{PREDECESSOR, Places, REPORT, channels_of, shell_word, try_yourself};
use super::{block_on, say};
use crate::project::{self, Project};
use crate::{Failure, cli, files, process, report};

/// Where a TUF client begins, in the folder of the rehearsal.
const TUF_ROOT: &str = "tuf-root.json";

pub(super) fn run(arguments: &cli::Rehearsal) -> Result<(), Failure> {
    let cli::RehearsalVerb::Serve(arguments) = &arguments.verb;
    let product = Project::product()?;
    let folder = match &arguments.dir {
        Some(folder) => absolute(folder)?,
        None => {
            let project = Project::here()?;
            let tag = Tag::of(project.package_version())?;
            project.rehearsals().join(tag.to_string())
        }
    };
    let finished = Finished::open(&product, folder)?;
    let (server, text) = finished.serve(arguments.port)?;
    report::print(&text)?;
    say(format!(
        "{} serves {} until Ctrl-C",
        server.url(),
        finished.folder.display()
    ));
    block_on(async { Err(process::interrupted().await) })
}

/// A dry-run that passed.
struct Finished {
    product: Product,
    folder: PathBuf,
    release: Made,
    /// None where the machine could build nothing to upgrade from.
    predecessor: Option<Made>,
}

/// A version that was made public in it.
struct Made {
    plan: Plan,
    assets: PathBuf,
}

impl Finished {
    fn open(product: &Product, folder: PathBuf) -> Result<Self, Failure> {
        #[derive(Deserialize)]
        struct Report {
            outcome: Value,
        }
        let refused = |found: &str| {
            let message = format!(
                "{}: expected a dry-run that passed, found {found}; make one with `cargo xtask \
                 dry-run`",
                folder.display()
            );
            Failure::new(Exit::Input, message)
        };
        let report = folder.join(REPORT);
        if !report.is_file() || !folder.join(LOG).is_file() {
            return Err(refused("none"));
        }
        let report: Report = serde_json::from_slice(&files::read(&report)?)
            .map_err(|error| refused(&format!("a report that cannot be read: {error}")))?;
        if report.outcome != "passed" {
            return Err(refused("one that failed"));
        }
        let made = |folder: &Path| {
            let places = Places::below(folder);
            let plan = project::read_plan(product, &places.plan)?;
            let assets = places.assets;
            Ok::<_, Failure>(Made { plan, assets })
        };
        let before = folder.join(PREDECESSOR);
        let predecessor = before.is_dir().then(|| made(&before)).transpose()?;
        Ok(Self {
            product: product.clone(),
            release: made(&folder)?,
            predecessor,
            folder,
        })
    }

    /// Serves it, and gives what a person may type.
    fn serve(&self, port: u16) -> Result<(Server, String), Failure> {
        let mut releases = Vec::new();
        for made in self.predecessor.iter().chain([&self.release]) {
            releases.push(KeptRelease {
                tag: made.plan.tag.to_string(),
                commit: made.plan.source.commit.to_string(),
                prerelease: !made.plan.version.pre.is_empty(),
                assets: contents(&made.assets)?,
            });
        }
        let log = files::read_text(&self.folder.join(LOG))?;
        let kept = Kept {
            repository: repository(&self.product),
            releases,
            pages: contents(&self.folder.join(PAGES))?,
            trusted_root: files::read_text(&self.folder.join(TRUSTED_ROOT))?,
            entries: log.clone(),
        };
        let (server, tuf_root) = kept.serve(port).map_err(|error| {
            let message = format!("cannot serve on 127.0.0.1:{port}: {error}; name another --port");
            Failure::new(Exit::Input, message)
        })?;
        files::write(&self.folder.join(TUF_ROOT), &tuf_root)?;
        let text = self.commands(&server.url(), &log)?;
        Ok((server, text))
    }

    /// Lines for a shell, each of which works as it stands while this is served.
    fn commands(&self, origin: &str, log: &str) -> Result<String, Failure> {
        let Self {
            product, folder, ..
        } = self;
        let name = &product.name;
        let mirror = format!("{origin}/{}", repository(product).full_name());
        let below = |path: &str| shell_word(&folder.join(path).display().to_string());
        let root = below(TRUSTED_ROOT);
        let told = format!("--mirror {mirror} --trusted-root {root}");
        let Plan { version, tag, .. } = &self.release.plan;
        let channel = channels_of(product, version).pop();
        let channel = match channel {
            Some(channel) if channel != product.channels.default => format!(" --channel {channel}"),
            _ => String::new(),
        };
        let script = AssetName::INSTALL_SH;
        let mut lines = Vec::new();
        if let Some(before) = &self.predecessor {
            let before = &before.plan.tag;
            let (home, program) = (below("home"), below(&format!("home/bin/{name}")));
            lines.extend([
                format!("# {before}, by its own script, then the upgrade to {tag}, and back"),
                format!(
                    "curl -fsSL {mirror}/releases/download/{before}/{script} | \
                     sh -s -- {told} --dir {home}"
                ),
                format!("{program} --version"),
                format!("{program} upgrade {told}{channel}"),
                format!("{program} status"),
                format!("{program} rollback"),
                format!("# {tag}, as a newcomer gets it"),
                format!(
                    "curl -fsSL {mirror}/{script} | sh -s -- {told}{channel} --dir {}",
                    below("newcomer")
                ),
                format!(
                    "{program} verify --tag {tag} --trusted-root {root} {}",
                    below(&format!("assets/{}", AssetName::MANIFEST))
                ),
                "# The trusted root, by TUF".to_owned(),
                format!(
                    "{program} trusted-root refresh --mirror {origin}/tuf --tuf-root {} --output {}",
                    below(TUF_ROOT),
                    below("refreshed.json")
                ),
            ]);
        }
        lines.push("# The release, and what the log knows of its manifest".to_owned());
        let api = format!("{origin}/repos/{}", repository(product).full_name());
        lines.push(format!("curl -fsS {api}/releases/tags/{tag}"));
        if let Some(uuid) = self.logged(log)? {
            lines.push(format!(
                "curl -fsS {origin}/rekor/api/v1/log/entries/{uuid}"
            ));
        }
        lines.push("# Every archive, by tools that are not ours".to_owned());
        lines.extend(try_yourself(folder, &self.release.plan, product));
        Ok(lines.join("\n") + "\n")
    }

    /// The UUID of the log's entry about the release manifest.
    fn logged(&self, log: &str) -> Result<Option<String>, Failure> {
        #[derive(Deserialize)]
        struct Answer {
            body: String,
        }
        let manifest = files::read(&self.release.assets.join(AssetName::MANIFEST))?;
        let digest = Sha256::of(&manifest).to_string();
        let entries: BTreeMap<String, Answer> = serde_json::from_str(log)?;
        let mut entries = entries.into_iter();
        let found = entries.find(|(_, answer)| {
            let body = BASE64_STANDARD.decode(&answer.body).unwrap_or_default();
            String::from_utf8_lossy(&body).contains(&digest)
        });
        Ok(found.map(|(uuid, _)| uuid))
    }
}

/// Every file below a folder, by its path with `/` between parts.
fn contents(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>, Failure> {
    let mut found = BTreeMap::new();
    let entries = fs::read_dir(folder).map_err(|error| files::failed("read", folder, &error))?;
    for entry in entries {
        let path = entry?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if path.is_dir() {
            let below = contents(&path)?.into_iter();
            found.extend(below.map(|(below, bytes)| (format!("{name}/{below}"), bytes)));
        } else {
            found.insert(name, files::read(&path)?);
        }
    }
    Ok(found)
}
