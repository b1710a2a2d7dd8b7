//! Two public releases, channels that point at them, and what moves those. A move is made as its
//! command makes it, and looked at as anybody can.

mod desk;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use rehearsal::github::Listed;
use release_plan::{BootstrapTag, Channel, Instant, Pointer, Tag, Version};
use reqwest::Client;
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::OnceCell;

pub(super) use self::desk::Desk;
use super::branch::Mover;
use super::decide::{self, Candidate, Promotion, Refused, Yank};
use super::now;
use super::public::Public;
use crate::Failure;
use crate::github::GitHub;
use crate::signing::{JobSigner, install_tls};
use crate::trial::{self, COMMIT, SILENCE, TOKEN};

const VERSIONS: [&str; 2] = ["1.2.3", "1.3.0"];

/// What is to be done to the channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// To beta, before there is a branch.
    FirstPromotion,
    /// To stable, of what has soaked in beta.
    Promotion,
    /// Of what both channels point at.
    Yank,
    Renewal,
}

impl Step {
    /// What GitHub calls the latest release before it.
    fn latest_before(self) -> Option<&'static str> {
        match self {
            Self::FirstPromotion => None,
            Self::Promotion => Some("v1.2.3"),
            Self::Yank | Self::Renewal => Some("v1.3.0"),
        }
    }
}

fn client() -> Client {
    install_tls();
    Client::builder().read_timeout(SILENCE).build().unwrap()
}

/// A GitHub with the releases public and the channels at their beginning.
pub(super) struct World<'a> {
    desk: &'a Desk,
    step: Step,
    pub(super) trial: trial::World,
    mirror: String,
    /// For what is looked at, with clients that stay.
    runtime: Runtime,
    github: GitHub,
    http: Client,
    releases: Vec<Listed>,
    /// The branch at first.
    begun: Option<String>,
    /// What a follower of each channel has seen: the selection, and the sequence.
    seen: RefCell<BTreeMap<Channel, (u64, u64)>>,
}

/// What a step leaves behind, but for the time at which it was done.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    pointers: Vec<Pointer>,
    /// Commits on the branch since the beginning, by their messages.
    pub(super) commits: Vec<String>,
    files: BTreeSet<String>,
    /// The pre-releases, by their tags.
    prereleases: BTreeSet<String>,
    latest: Option<String>,
}

impl<'a> World<'a> {
    /// With the channels at `pointers`, which are those of the step.
    pub(super) fn new(desk: &'a Desk, step: Step, pointers: &BTreeMap<String, String>) -> Self {
        let trial = trial::World::new();
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let (github, begun) = runtime.block_on(async {
            let github = trial.client(TOKEN);
            for version in VERSIONS {
                trial.github.push_tag(&format!("v{version}"), COMMIT);
                let tag: BootstrapTag = format!("v{version}").parse().unwrap();
                let commit = COMMIT.parse().unwrap();
                let draft = github.create_draft(&tag, &commit, "").await.unwrap();
                for file in fs::read_dir(desk.releases.path().join(tag.to_string())).unwrap() {
                    let file = file.unwrap();
                    let (name, size) = (file.file_name(), file.metadata().unwrap().len());
                    let name = name.to_str().unwrap();
                    github
                        .upload(&draft, name, &file.path(), size)
                        .await
                        .unwrap();
                }
                github.publish(&draft, &tag).await.unwrap();
            }
            for release in github.public_releases().await.unwrap() {
                let latest = step.latest_before() == Some(&release.tag_name);
                let prerelease = !latest && release.tag_name == "v1.3.0";
                github.flag(&release, prerelease, latest).await.unwrap();
            }
            if !pointers.is_empty() {
                let files: Vec<_> = pointers.clone().into_iter().collect();
                github
                    .commit("channels", None, "as it stands", &files)
                    .await
                    .unwrap();
            }
            let begun = github.branch("channels").await.unwrap();
            (github, begun)
        });
        let seen = Channel::ALL.map(|channel| {
            let pointer = pointers.get(&channel.pointer_path())?;
            let sequence = Pointer::parse(pointer.as_bytes()).unwrap().sequence;
            Some((channel, (sequence, sequence)))
        });
        Self {
            desk,
            step,
            mirror: trial.mirror(),
            runtime,
            github,
            http: client(),
            releases: trial.github.releases(),
            trial,
            begun,
            seen: RefCell::new(seen.into_iter().flatten().collect()),
        }
    }

    /// Does the step, or does it again.
    pub(super) async fn run(&self) -> Result<(), Failure> {
        let public = self.public(client());
        let by = match self.step {
            Step::Renewal => &self.desk.by_the_clock,
            _ => &self.desk.by_a_person,
        };
        let signer = JobSigner::holding(&self.desk.services.endpoints()?, by)?;
        let mover = Mover {
            product: &self.desk.product,
            root: &self.desk.root,
            public: &public,
            github: self.trial.client(TOKEN),
            services: &self.desk.services,
            signer: OnceCell::from(signer),
        };
        let product = &self.desk.product;
        let failed = Refused::into_failure;
        match self.step {
            Step::FirstPromotion | Step::Promotion => {
                let (channel, tag) = match self.step {
                    Step::Promotion => (Channel::Stable, "v1.3.0"),
                    _ => (Channel::Beta, "v1.2.3"),
                };
                let release = public.release(&tag.parse()?).await?;
                let asked = Promotion {
                    channel,
                    candidate: Candidate::of(&release),
                    to_branch: None,
                    patched: None,
                    override_reason: None,
                };
                mover
                    .carry_out(async |standings, now| {
                        decide::promote(product, standings, &asked, now).map_err(failed)
                    })
                    .await
            }
            Step::Yank => {
                let version: Version = "1.3.0".parse()?;
                mover
                    .carry_out(async |standings, now| {
                        let mut back = BTreeMap::new();
                        for (channel, earlier) in decide::ways_back(standings, &version) {
                            let release = public.release(&Tag::of(&earlier.version)?).await?;
                            back.insert(channel, Candidate::of(&release));
                        }
                        let asked = Yank {
                            version: version.clone(),
                            reason: "it eats files".parse()?,
                            without_replacement: false,
                            back,
                        };
                        decide::yank(product, standings, &asked, now).map_err(failed)
                    })
                    .await
            }
            Step::Renewal => {
                mover
                    .carry_out(async |standings, now| {
                        decide::renew(product, standings, false, now).map_err(failed)
                    })
                    .await
            }
        }
    }

    fn public(&self, client: Client) -> Public<'_> {
        Public {
            product: &self.desk.product,
            root: &self.desk.root,
            channels: &self.mirror,
            releases: &self.mirror,
            client,
        }
    }

    /// Whoever follows a channel finds a pointer that verifies, at a public and whole release, and
    /// none below what he has seen; and is served the stub of that release. Gives those pointers.
    pub(super) fn assert_sound(&self, case: &str) -> Vec<Pointer> {
        assert_eq!(self.trial.github.releases(), self.releases, "{case}");
        let public = self.public(self.http.clone());
        let mut seen = self.seen.borrow_mut();
        let mut pointers = Vec::new();
        for channel in Channel::ALL {
            let found = self.runtime.block_on(public.pointer(channel));
            let found = found.unwrap_or_else(|failure| panic!("{case}: {failure}"));
            let before = seen.get(&channel).copied();
            let now = found
                .as_ref()
                .map(|found| (found.selection(), found.pointer().sequence));
            assert!(
                before <= now,
                "{case}: {channel}: {before:?} was followed by {now:?}"
            );
            let Some(found) = found else { continue };
            let named = found.names(&self.desk.verified[&found.pointer().version]);
            named.unwrap_or_else(|refusal| panic!("{case}: {refusal}"));
            if channel == self.desk.product.channels.default {
                let served = public.check_served(&found.pointer().bootstrap);
                let served = self.runtime.block_on(served);
                served.unwrap_or_else(|failure| panic!("{case}: {failure}"));
            }
            seen.extend(now.map(|now| (channel, now)));
            pointers.push(found.pointer().clone());
        }
        pointers
    }

    /// What there is now, which is sound.
    pub(super) fn outcome(&self, case: &str) -> Outcome {
        let pointers = self.assert_sound(case);
        let github = &self.github;
        self.runtime.block_on(async {
            let (mut commits, mut files) = (Vec::new(), BTreeSet::new());
            let mut tip = github.branch("channels").await.unwrap();
            while tip != self.begun {
                let commit = tip.expect("the branch was never forced");
                if commits.is_empty() {
                    files = github.paths(&commit).await.unwrap();
                }
                let commit = self.commit(&commit).await;
                commits.push(commit["message"].as_str().unwrap().to_owned());
                let parent = commit["parents"][0]["sha"].as_str();
                tip = parent.map(str::to_owned);
            }
            let releases = github.public_releases().await.unwrap();
            let prereleases = releases.into_iter().filter(|release| release.prerelease);
            Outcome {
                pointers: pointers.into_iter().map(timeless).collect(),
                commits,
                files,
                prereleases: prereleases.map(|release| release.tag_name).collect(),
                latest: github.latest().await.unwrap().map(|latest| latest.tag_name),
            }
        })
    }

    async fn commit(&self, id: &str) -> Value {
        let api = self.trial.api();
        let url = format!("{api}/repos/example/ember/git/commits/{id}");
        let asked = self.http.get(url).bearer_auth(TOKEN);
        asked.send().await.unwrap().json().await.unwrap()
    }
}

/// Without what depends on when it was made.
fn timeless(pointer: Pointer) -> Pointer {
    let never = Instant::from_seconds(0).unwrap();
    // Nothing else was selected within the last hours.
    let new = pointer.selected.plus_hours(5) > now().unwrap();
    Pointer {
        expires: never,
        selected: if new { never } else { pointer.selected },
        ..pointer
    }
}
