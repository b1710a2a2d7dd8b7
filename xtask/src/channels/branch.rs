//! The branch `channels`, whose tree is the static tree of the channels. It is read at one commit,
//! and moved by one: every pointer of a move with its bundle, or none, and with the default channel's
//! the stub that is served as the install script. It is never forced, so that
//! whoever moved it meanwhile is seen, and the decision is made anew.

use std::collections::BTreeSet;

use release_plan::{
    AssetName, BUNDLE_SUFFIX, Channel, Exit, Instant, Pointer, Product, Sha256, SignedPointer,
};
use tokio::sync::OnceCell;
use trust::{TrustedRoot, VerifiedPointer};

use super::decide::{Decision, Move, Standing, Standings};
use super::public::Public;
use super::{flags, now};
use crate::failure::{Exiting as _, say};
use crate::github::{GitHub, GitHubError};
use crate::signing::{JobSigner, Services};
use crate::{Failure, cli};

const NAME: &str = "channels";

/// How often a decision is made, when others move the branch meanwhile.
const ATTEMPTS: u32 = 3;

/// Somebody who may move pointers.
pub(crate) struct Mover<'a> {
    pub(super) product: &'a Product,
    pub(super) root: &'a TrustedRoot,
    pub(super) public: &'a Public<'a>,
    pub(crate) github: GitHub,
    pub(super) services: &'a Services,
    /// Made once there is something to sign.
    pub(super) signer: OnceCell<JobSigner>,
}

/// The branch at one commit.
struct Tip {
    /// None where there is no branch yet.
    commit: Option<String>,
    standings: Standings,
}

impl<'a> Mover<'a> {
    /// With the job's token. Must be made inside a Tokio runtime.
    pub(crate) fn new(
        product: &'a Product,
        root: &'a TrustedRoot,
        public: &'a Public<'a>,
        rights: &'a cli::Rights,
    ) -> Result<Self, Failure> {
        Ok(Self {
            product,
            root,
            public,
            github: GitHub::new(&rights.host, product)?,
            services: &rights.services,
            signer: OnceCell::new(),
        })
    }

    /// Decides by what is there, does it, and has GitHub's own flags follow. Those are looked at
    /// even when nothing is to be done, so that a run which died before them is mended by the next.
    pub(crate) async fn carry_out(
        &self,
        decide: impl AsyncFn(&Standings, Instant) -> Result<Decision, Failure>,
    ) -> Result<(), Failure> {
        let standings = self.moved(decide).await?;
        let pointers: Vec<_> = standings.values().map(|it| &it.pointer).collect();
        let default = self.product.channels.default;
        flags::settle(&self.github, default, &pointers).await
    }

    /// Where the channels point once all is done.
    async fn moved(
        &self,
        decide: impl AsyncFn(&Standings, Instant) -> Result<Decision, Failure>,
    ) -> Result<Standings, Failure> {
        let mut conflict = None;
        for _ in 0..ATTEMPTS {
            let (tip, now) = (self.tip().await?, now()?);
            let step = match decide(&tip.standings, now).await? {
                Decision::Stay(why) => {
                    say(why);
                    return Ok(tip.standings);
                }
                Decision::Move(step) => step,
            };
            match self.write(&tip, &step, now).await? {
                Ok(standings) => {
                    say(&step.message);
                    return Ok(standings);
                }
                Err(error) => {
                    say(format_args!("branch {NAME} moved meanwhile; deciding anew"));
                    conflict = Some(error);
                }
            }
        }
        let conflict = conflict.map_or(String::new(), |error| format!(": {error}"));
        let message = format!(
            "expected branch {NAME} to stand still, found it moved {ATTEMPTS} times; run this \
             again{conflict}"
        );
        Err(Failure::new(Exit::Locked, message))
    }

    async fn tip(&self) -> Result<Tip, Failure> {
        let failed = GitHubError::into_failure;
        let commit = self.github.branch(NAME).await.map_err(failed)?;
        let mut standings = Standings::new();
        if let Some(commit) = &commit {
            let paths = self.github.paths(commit).await.map_err(failed)?;
            for channel in Channel::ALL {
                if let Some(standing) = self.standing(commit, &paths, channel).await? {
                    standings.insert(channel, standing);
                }
            }
        }
        Ok(Tip { commit, standings })
    }

    /// Where a channel points, verified: a forged pointer must not hand anything down.
    async fn standing(
        &self,
        commit: &str,
        paths: &BTreeSet<String>,
        channel: Channel,
    ) -> Result<Option<Standing>, Failure> {
        let file = async |path: &str| {
            if !paths.contains(path) {
                return Ok(None);
            }
            let found = self.github.file(commit, path).await;
            found.map(Some).map_err(GitHubError::into_failure)
        };
        let path = channel.pointer_path();
        let Some(pointer) = file(&path).await? else {
            return Ok(None);
        };
        let bundle = file(&format!("{path}{BUNDLE_SUFFIX}")).await?;
        let bundle = bundle.unwrap_or_default();
        let verified = VerifiedPointer::verify(self.product, channel, &pointer, &bundle, self.root)
            .map_err(|refusal| {
                let message = format!(
                    "branch {NAME} at {commit}: {refusal}; find out who wrote that, and put the \
                     last good pointer and bundle back by a commit"
                );
                Failure::new(Exit::Refused, message)
            })?;
        Ok(Some(Standing::of(&verified, pointer, bundle)?))
    }

    /// What is served as the install script beside a pointer. A channel that stays at a yanked
    /// version gives it to nobody, and does not wait for what may be broken in its release.
    async fn served(&self, pointer: &Pointer) -> Result<Option<(String, String)>, Failure> {
        if pointer.yank_of(&pointer.version).is_some() {
            return Ok(None);
        }
        let stub = self.public.stub(&pointer.bootstrap).await?;
        let text = stub.map(String::from_utf8).transpose();
        let text = text.or_exit(Exit::Refused)?;
        Ok(text.map(|text| (AssetName::INSTALL_SH.to_owned(), text)))
    }

    /// Signs the pointers of a step and puts them onto the branch in one commit; gives what then
    /// stands there, or the conflict when somebody else moved first.
    async fn write(
        &self,
        tip: &Tip,
        step: &Move,
        now: Instant,
    ) -> Result<Result<Standings, GitHubError>, Failure> {
        let signer = async || JobSigner::ambient(&self.services.endpoints()?).await;
        let signer = self.signer.get_or_try_init(signer).await?;
        let mut standings = tip.standings.clone();
        let mut files = Vec::new();
        for pointer in &step.pointers {
            let path = pointer.channel.pointer_path();
            let bytes = pointer.render();
            let bundle = signer.sign(&path, Sha256::of(&bytes)).await?;
            // A pointer that its own readers would refuse never leaves this machine.
            let channel = pointer.channel;
            let verified =
                VerifiedPointer::verify(self.product, channel, &bytes, &bundle, self.root)
                    .or_exit(Exit::Refused)?;
            check_clock(&verified, now)?;
            let standing = Standing::of(&verified, bytes.clone(), bundle.clone())?;
            standings.insert(channel, standing);
            files.push((format!("{path}{BUNDLE_SUFFIX}"), String::from_utf8(bundle)?));
            files.push((path, String::from_utf8(bytes)?));
            if channel == self.product.channels.default {
                files.extend(self.served(pointer).await?);
            }
        }
        let commit = tip.commit.as_deref();
        match self
            .github
            .commit(NAME, commit, &step.message, &files)
            .await
        {
            Ok(()) => Ok(Ok(standings)),
            Err(error) if error.is_conflict() => Ok(Err(error)),
            Err(error) => Err(error.into_failure()),
        }
    }
}

impl Standing {
    fn of(verified: &VerifiedPointer, pointer: Vec<u8>, bundle: Vec<u8>) -> Result<Self, Failure> {
        let selected_by = match &verified.pointer().renews {
            Some(renewed) => renewed.clone(),
            None => SignedPointer {
                pointer: String::from_utf8(pointer)?,
                bundle: String::from_utf8(bundle)?,
            },
        };
        Ok(Self {
            pointer: verified.pointer().clone(),
            selection: verified.selection(),
            selected_by,
        })
    }
}

/// Holds the clock that judged soak and expiry against that of the log.
fn check_clock(signed: &VerifiedPointer, now: Instant) -> Result<(), Failure> {
    let hours = VerifiedPointer::CLOCK_HOURS;
    let Some(logged) = signed.evidence().signed_at() else {
        return Ok(());
    };
    if now <= logged.plus_hours(hours) && logged <= now.plus_hours(hours) {
        return Ok(());
    }
    let message = format!(
        "expected this machine's clock to be within {hours}h of {logged}, when the log was told \
         of the signature, found {now}; set the clock and run this again"
    );
    Err(Failure::new(Exit::Input, message))
}
