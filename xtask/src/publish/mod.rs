//! Publishing: a draft bound to commit, plan and files, the uploads, a read-back, and the one
//! request that makes it public.
//!
//! The publisher looks at what GitHub has, decides, acts, and looks again whenever an answer is
//! missing or strange, until all of it stands or its patience ends. Whatever it did is on GitHub
//! and nowhere else, so that another publisher, later or at the same time, goes on from there:
//!
//! - What is complete is never touched: of an asset nothing is removed but what cannot become
//!   right any more, so that whoever found a draft whole finds it so when he makes it public.
//! - A draft holds one set of files. A publisher of other files makes one of his own; GitHub lets
//!   one draft of a tag become public.
//! - A draft is removed when the tag is public, since it can never be published then.

#[cfg(test)]
mod matrix;
mod patience;
mod publication;
#[cfg(test)]
mod rig;
mod standing;
#[cfg(test)]
mod strangers;

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use release_plan::{AssetName, BUNDLE_SUFFIX, Exit, Measured};

use self::patience::{Halt, Patience};
pub(crate) use self::publication::{Publication, notes};
use self::standing::{Difference, Standing};
use crate::Failure;
use crate::clock::Clock;
use crate::failure::say;
use crate::gates::Verdict;
use crate::github::{GitHub, GitHubError, Outlook, Release, UploadedAsset};
use crate::settings::{self, Finding};
use crate::workflows::PUBLISH_ENVIRONMENT;

/// Uploads, or downloads, under way at once.
const AT_ONCE: usize = 4;

/// How old an upload without an end is before nobody is behind it any more.
const ABANDONED: Duration = Duration::from_mins(3);

/// Makes a publication public.
pub(crate) struct Publisher<'a> {
    github: &'a GitHub,
    clock: Clock,
    publication: &'a Publication,
    /// How far this process has brought it: drafts made, files uploaded, the tag public.
    steps: Cell<usize>,
    /// Names whose upload by this process failed: what is left of it is nobody else's.
    failed: RefCell<BTreeSet<AssetName>>,
    /// Whether there are drafts to remove in the end.
    untidy: Cell<bool>,
}

impl<'a> Publisher<'a> {
    pub(crate) fn new(github: &'a GitHub, clock: Clock, publication: &'a Publication) -> Self {
        Self {
            github,
            clock,
            publication,
            steps: Cell::default(),
            failed: RefCell::default(),
            untidy: Cell::default(),
        }
    }

    /// Publishes, or finds published, every file; gives the public release.
    ///
    /// # Errors
    /// When what is there must not be touched, or GitHub would not do it in time.
    pub(crate) async fn run(&self) -> Result<Release, Failure> {
        self.patiently(async || self.attempt().await).await
    }

    /// Looks at what a publication rests on, before anything is written: the tag, and the settings
    /// of the repository as far as the token may read them. Says what it found and what it could
    /// not see.
    ///
    /// # Errors
    /// When the tag stands elsewhere, or a setting would let a public release be changed.
    pub(crate) async fn preflight(&self) -> Result<(), Failure> {
        let findings = self.patiently(async || {
            self.check_tag().await?;
            Ok(settings::of_publishing(
                &self.github.immutable_releases().await?,
                &self.github.environment(PUBLISH_ENVIRONMENT).await?,
                &self.github.rulesets().await?,
                &[],
            ))
        });
        let findings = findings.await?;
        for Finding { row, .. } in &findings {
            say(format!("{} {}: {}", row.verdict, row.place, row.found));
        }
        let mut rows = findings.iter().map(|finding| &finding.row);
        match rows.find(|row| row.verdict == Verdict::Failed) {
            None => Ok(()),
            Some(row) => {
                let message = format!(
                    "{}: expected {}, found {}; `cargo xtask setup-github` shows what mends it",
                    row.place, row.expected, row.found
                );
                Err(Failure::new(Exit::Gate, message))
            }
        }
    }

    /// Attempts until one succeeds, or for good fails, or nothing gets on within the patience.
    async fn patiently<T>(&self, attempt: impl AsyncFn() -> Result<T, Halt>) -> Result<T, Failure> {
        let mut patience = Patience::new(self.clock.now());
        loop {
            let before = self.steps.get();
            let halt = match attempt().await {
                Ok(ended) => return Ok(ended),
                Err(halt) => halt,
            };
            if self.steps.get() > before {
                patience = Patience::new(self.clock.now());
            }
            let pause = patience.pause(halt, self.clock.now())?;
            self.clock.sleep(pause).await;
        }
    }

    async fn check_tag(&self) -> Result<(), Halt> {
        let Publication { tag, commit, .. } = self.publication;
        let found = self.github.tagged(tag).await?;
        if found.as_deref() == Some(commit.as_str()) {
            say(format!("✓ {tag}: on commit {commit}"));
            return Ok(());
        }
        let found = found.unwrap_or("no such tag".to_owned());
        let message = format!(
            "expected tag {tag} on commit {commit}, GitHub has {found}; push the tag of this \
             plan, or plan again"
        );
        Err(Failure::new(Exit::Gate, message).into())
    }

    /// Everything from a look at what is there to the end, or to what gets in the way.
    async fn attempt(&self) -> Result<Release, Halt> {
        let wanted = self.publication;
        let tag = &wanted.tag;
        let public = match self.look().await? {
            Standing::Public(release) => {
                say(format!(
                    "{tag}: found public already, release {}",
                    release.id
                ));
                release
            }
            Standing::Draft(draft) => {
                say(format!("{tag}: going on with draft {}", draft.id));
                self.fill(&draft, &self.github.assets(&draft).await?)
                    .await?;
                self.make_public(&draft).await?
            }
            Standing::Nothing => {
                let draft = self.create().await?;
                self.fill(&draft, &[]).await?;
                self.make_public(&draft).await?
            }
        };
        self.check_public(&public).await?;
        if self.untidy.get() {
            self.tidy().await?;
        }
        Ok(public)
    }

    async fn look(&self) -> Result<Standing, Halt> {
        let releases = self.github.releases_of(&self.publication.tag).await?;
        if releases.len() > 1 {
            self.untidy.set(true);
        }
        Ok(self.publication.standing(releases)?)
    }

    async fn create(&self) -> Result<Release, Halt> {
        let wanted = self.publication;
        let body = wanted.body();
        let made = self
            .github
            .create_draft(&wanted.tag, &wanted.commit, &body)
            .await?;
        self.stepped();
        say(format!(
            "{}: made draft {} for {}",
            wanted.tag,
            made.id,
            wanted.of_plan()
        ));
        // Another publisher may have made one at the same time: the older one counts.
        match self.look().await? {
            Standing::Draft(draft) if draft.id != made.id => {
                let what = format!("draft {}, which another publisher made first", draft.id);
                let time = Duration::ZERO;
                Err(Halt::Wait { what, time })
            }
            // A list may lag behind.
            _ => Ok(made),
        }
    }

    /// Uploads what the draft lacks, and holds what GitHub then has and serves against the files.
    async fn fill(&self, draft: &Release, there: &[UploadedAsset]) -> Result<(), Halt> {
        let files = &self.publication.files;
        let difference = Difference::between(files, there);
        self.refuse_extras(&difference)?;
        self.remove_remains(&difference).await?;
        let count = difference.missing.len();
        if count > 0 {
            say(format!(
                "{}: uploading {count} of {} files",
                self.publication.tag,
                files.len()
            ));
            self.upload(draft, &difference.missing).await?;
        }
        let there = self.github.assets(draft).await?;
        let difference = Difference::between(files, &there);
        self.refuse_extras(&difference)?;
        if let Some(what) = difference.first_open() {
            let time = Duration::ZERO;
            return Err(Halt::Wait { what, time });
        }
        say(format!(
            "{}: {} digests read back",
            self.publication.tag,
            files.len()
        ));
        self.read_back(&there).await
    }

    fn refuse_extras(&self, difference: &Difference<'_>) -> Result<(), Failure> {
        match difference.extra.first() {
            None => Ok(()),
            Some(extra) => {
                let message = format!(
                    "{}: GitHub has {}, which is not of this release; somebody put it there: \
                     remove it, and run again",
                    self.publication.tag, extra.name
                );
                Err(Failure::new(Exit::Gate, message))
            }
        }
    }

    /// Removes what failed uploads left. An upload that may still be under way is waited for.
    async fn remove_remains(&self, difference: &Difference<'_>) -> Result<(), Halt> {
        for (name, asset) in &difference.wrong {
            let ours = self.failed.borrow().contains(*name);
            if asset.state != "uploaded" && !ours {
                let age = self.clock.now().duration_since(asset.created_at);
                let age = Duration::try_from(age).unwrap_or_default();
                if let Some(time) = ABANDONED.checked_sub(age).filter(|time| !time.is_zero()) {
                    let what = format!("an upload of {name} that somebody else began");
                    return Err(Halt::Wait { what, time });
                }
            }
            say(format!(
                "{}: removing {name}, whose upload failed",
                self.publication.tag
            ));
            self.github.delete_asset(asset).await?;
            self.failed.borrow_mut().remove(*name);
        }
        Ok(())
    }

    async fn upload(&self, draft: &Release, names: &[&AssetName]) -> Result<(), Halt> {
        let stop = Cell::new(false);
        let uploads = names.iter().map(async |name| {
            // What is under way is finished, and nothing more is begun.
            if stop.get() {
                return Ok(());
            }
            let measured = &self.publication.files[*name];
            let file = self.publication.folder.join(name.as_str());
            let sent = self
                .github
                .upload(draft, name.as_str(), &file, measured.size());
            let uploaded = sent.await.inspect_err(|error| {
                stop.set(true);
                if matches!(error.outlook(), Outlook::Passing(_)) {
                    self.failed.borrow_mut().insert((*name).clone());
                }
            })?;
            if uploaded.is(measured.size(), measured.sha256()) {
                self.stepped();
                return Ok(());
            }
            stop.set(true);
            let found = Difference::describe(&uploaded);
            let message = format!(
                "expected {name} to arrive as it was verified, GitHub has it with {found}: was {} \
                 changed meanwhile? nothing is public",
                file.display()
            );
            Err(Failure::new(Exit::Refused, message).into())
        });
        let ended: Vec<Result<(), Halt>> = stream::iter(uploads)
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        ended.into_iter().collect()
    }

    /// Gets what a consumer will get, and holds it against what verified. A bundle verifies those
    /// very bytes, so that its digest, which GitHub told, is enough of it.
    async fn read_back(&self, there: &[UploadedAsset]) -> Result<(), Halt> {
        let served = there
            .iter()
            .filter(|asset| !asset.name.ends_with(BUNDLE_SUFFIX));
        let downloads = served.map(async |asset| {
            let measured = self.github.download(asset, asset.size).await?;
            Ok::<_, GitHubError>((asset, measured))
        });
        let ended: Vec<_> = stream::iter(downloads)
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        for downloaded in ended {
            let (asset, measured) = downloaded?;
            self.check_served(asset, measured)?;
        }
        Ok(())
    }

    fn check_served(&self, asset: &UploadedAsset, measured: Measured) -> Result<(), Failure> {
        let expected = self.expected(asset);
        if expected == Some(measured) {
            return Ok(());
        }
        let message = format!(
            "{}: expected GitHub to serve {} with {}, it serves sha256:{} and {} bytes; nothing \
             was made public by this run: report it to GitHub",
            self.publication.tag,
            asset.name,
            expected.map_or("no such file".to_owned(), |expected| format!(
                "sha256:{} and {} bytes",
                expected.sha256(),
                expected.size()
            )),
            measured.sha256(),
            measured.size(),
        );
        Err(Failure::new(Exit::Refused, message))
    }

    fn expected(&self, asset: &UploadedAsset) -> Option<Measured> {
        let name: AssetName = asset.name.parse().ok()?;
        self.publication.files.get(&name).copied()
    }

    async fn make_public(&self, draft: &Release) -> Result<Release, Halt> {
        let public = self.github.publish(draft, &self.publication.tag).await?;
        self.stepped();
        Ok(public)
    }

    /// Reads what the public sees: the release by its tag, every digest, and one file without the
    /// token.
    async fn check_public(&self, public: &Release) -> Result<(), Halt> {
        let (tag, files) = (&self.publication.tag, &self.publication.files);
        let seen = self.github.public_release(tag).await?;
        let seen = seen.filter(|seen| !seen.draft && seen.id == public.id);
        let Some(seen) = seen else {
            let what = format!("{tag} to be seen by everybody");
            let time = Duration::ZERO;
            return Err(Halt::Wait { what, time });
        };
        let difference = Difference::between(files, &seen.assets);
        if let Some(found) = difference.first() {
            let message = format!(
                "{tag} is public, but not with these files: {found}; a public release is final: \
                 raise the version"
            );
            return Err(Failure::new(Exit::Gate, message).into());
        }
        let mut assets = seen.assets.iter();
        let lists = [AssetName::CHECKSUMS, AssetName::BOOTSTRAP_CHECKSUMS];
        if let Some(sums) = assets.find(|asset| lists.contains(&&*asset.name)) {
            let served = self.github.public_download(sums, sums.size).await?;
            self.check_served(sums, served)?;
        }
        say(format!(
            "{tag} is public: {} files, every digest read back",
            files.len()
        ));
        Ok(())
    }

    /// Removes the drafts that other publishers of this plan, or earlier runs, left: none of them
    /// can become public any more.
    async fn tidy(&self) -> Result<(), Halt> {
        let releases = self.github.releases_of(&self.publication.tag).await?;
        for draft in self.publication.leftovers(&releases) {
            say(format!(
                "{}: removing draft {}, which is of no use any more",
                self.publication.tag, draft.id
            ));
            self.github.delete_draft(draft).await?;
        }
        Ok(())
    }

    fn stepped(&self) {
        self.steps.set(self.steps.get() + 1);
    }
}
