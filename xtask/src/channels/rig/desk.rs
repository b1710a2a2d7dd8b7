//! Who signs, which releases there are, and where the channels point at first: the same for every
//! world of a test, since signing takes time.

use std::collections::BTreeMap;
use std::fs;

use rehearsal::Server;
use rehearsal::sigstore::forge::{Content, Forgery};
use rehearsal::sigstore::{AmbientToken, Job, Sigstore};
use release_plan::{
    Asset, AssetKind, AssetName, BUNDLE_SUFFIX, Channel, Earlier, Instant, MANIFEST_SCHEMA,
    Manifest, Measured, POINTER_SCHEMA, PlannedAsset, Pointer, Product, Sha256, Tag, Version,
};
use serde_json::Value;
use tempfile::TempDir;
use trust::{TrustedRoot, VerifiedRelease};

use super::{Step, VERSIONS, client};
use crate::channels::decide::Candidate;
use crate::channels::now;
use crate::signing::Services;
use crate::trial::{COMMIT, block_on, product, repository};

/// What all worlds have in common.
pub(in crate::channels) struct Desk {
    pub(super) product: Product,
    pub(super) root: TrustedRoot,
    sigstore: Sigstore,
    pub(super) services: Services,
    /// A token of a job that a person started, and of one by the clock.
    pub(super) by_a_person: String,
    pub(super) by_the_clock: String,
    /// A folder with the files of each release.
    pub(super) releases: TempDir,
    pub(super) verified: BTreeMap<Version, VerifiedRelease>,
    _server: Server,
}

impl Desk {
    pub(in crate::channels) fn new() -> Self {
        let sigstore = Sigstore::new().unwrap();
        let server = Server::start(|_| sigstore.router()).unwrap();
        let url = server.url();
        let root = sigstore.trusted_root_json(&url);
        let token = |event| {
            let job = Job {
                token_life: jiff::SignedDuration::from_hours(2),
                ..channel_job(event)
            };
            block_on(id_token(&sigstore.admit(&url, job)))
        };
        let mut desk = Self {
            product: product(),
            root: TrustedRoot::parse(root.as_bytes()).unwrap(),
            by_a_person: token("workflow_dispatch"),
            by_the_clock: token("schedule"),
            services: Services::of(Sigstore::services(&url)),
            sigstore,
            releases: tempfile::tempdir().unwrap(),
            verified: BTreeMap::new(),
            _server: server,
        };
        for version in VERSIONS {
            desk.release(version.parse().unwrap());
        }
        desk
    }

    /// Writes a manifest with its bundle, and the assets that it lists.
    fn release(&mut self, version: Version) {
        let tag = Tag::of(&version).unwrap();
        let folder = self.releases.path().join(tag.to_string());
        fs::create_dir(&folder).unwrap();
        let scripts = [AssetName::INSTALL_SH, AssetName::STUB_SH];
        let scripts = scripts.map(|name| (name, script(name, &version)));
        let assets = scripts.iter().map(|(name, script)| {
            let planned = PlannedAsset {
                name: name.parse().unwrap(),
                kind: AssetKind::BootstrapScript,
                target: None,
            };
            Asset::new(planned, Measured::of(script.as_bytes()))
        });
        let manifest = Manifest {
            schema: MANIFEST_SCHEMA.to_owned(),
            product: self.product.name.clone(),
            version: version.clone(),
            tag: tag.clone(),
            commit: COMMIT.parse().unwrap(),
            plan_sha256: Sha256::of(b"a plan"),
            toolchains: BTreeMap::new(),
            upgrades_from: Version::new(0, 0, 0),
            playbook_sha256: Sha256::of(b"a playbook"),
            assets: assets.collect(),
        };
        let rendered = manifest.render();
        let workflow = ".github/workflows/release.yml";
        let job = Job::of(&repository(), workflow, &tag.reference(), COMMIT, "push");
        let bundle = self.sign(&job, &rendered);
        let verified = VerifiedRelease::verify(
            &self.product,
            &tag,
            &rendered,
            bundle.as_bytes(),
            &self.root,
        );
        self.verified.insert(version, verified.unwrap());
        let bundle_name = format!("{}{BUNDLE_SUFFIX}", AssetName::MANIFEST);
        fs::write(folder.join(AssetName::MANIFEST), rendered).unwrap();
        fs::write(folder.join(bundle_name), bundle).unwrap();
        for (name, script) in scripts {
            fs::write(folder.join(name), script).unwrap();
        }
    }

    fn sign(&self, job: &Job, bytes: &[u8]) -> String {
        let digest = Content::Digest(*Sha256::of(bytes).as_bytes());
        self.sigstore.forge(&Forgery::by_job(job, digest)).unwrap()
    }

    /// Where the channels point before `step`: for ten days already, and not for long any more.
    pub(in crate::channels) fn pointers(&self, step: Step) -> BTreeMap<String, String> {
        let standing: &[(Channel, u64, &[&str])] = match step {
            Step::FirstPromotion => &[],
            Step::Promotion => &[
                (Channel::Stable, 2, &["1.2.3"]),
                (Channel::Beta, 4, &["1.3.0", "1.2.3"]),
            ],
            Step::Yank | Step::Renewal => &[
                (Channel::Stable, 3, &["1.3.0", "1.2.3"]),
                (Channel::Beta, 4, &["1.3.0", "1.2.3"]),
            ],
        };
        let mut files = BTreeMap::new();
        for &(channel, sequence, versions) in standing {
            let pointer = self.pointer(channel, sequence, versions).render();
            let bundle = self.sign(&channel_job("workflow_dispatch"), &pointer);
            let path = channel.pointer_path();
            files.insert(format!("{path}{BUNDLE_SUFFIX}"), bundle);
            files.insert(path, String::from_utf8(pointer).unwrap());
            if channel == self.product.channels.default {
                let stub = script(AssetName::STUB_SH, &versions[0].parse().unwrap());
                files.insert(AssetName::INSTALL_SH.to_owned(), stub);
            }
        }
        files
    }

    /// A pointer at the first of `versions`, which pointed at the others before.
    fn pointer(&self, channel: Channel, sequence: u64, versions: &[&str]) -> Pointer {
        let now = now().unwrap().seconds();
        let in_days = |days: i64| Instant::from_seconds(now + days * 86_400).unwrap();
        let release = |version: &&str| &self.verified[&version.parse().unwrap()];
        let earlier = versions[1..].iter().map(release).map(|earlier| Earlier {
            version: earlier.manifest().version.clone(),
            release_sha256: earlier.sha256(),
            selected: in_days(-20),
            override_reason: None,
            patched: None,
        });
        let selected = Candidate::of(release(&versions[0]));
        Pointer {
            schema: POINTER_SCHEMA.to_owned(),
            product: self.product.name.clone(),
            channel,
            sequence,
            expires: in_days(3),
            version: selected.tag.version().clone(),
            tag: selected.tag,
            release_sha256: selected.release_sha256,
            selected: in_days(-10),
            override_reason: None,
            bootstrap: selected.bootstrap,
            yanked: Vec::new(),
            earlier: earlier.collect(),
            renews: None,
        }
    }
}

/// A script of a release.
fn script(name: &str, version: &Version) -> String {
    format!("# {name}\n# One of the scripts of v{version}.\n")
}

fn channel_job(event: &str) -> Job {
    let workflow = ".github/workflows/channel.yml";
    Job::of(&repository(), workflow, "refs/heads/main", COMMIT, event)
}

async fn id_token(ambient: &AmbientToken) -> String {
    let url = format!("{}&audience=sigstore", ambient.request_url);
    let asked = client().get(url).bearer_auth(&ambient.request_token);
    let answer: Value = asked.send().await.unwrap().json().await.unwrap();
    answer["value"].as_str().unwrap().to_owned()
}
