//! `promote`: points a channel at a public release, by one commit on the branch `channels`.

use release_plan::{
    AssetName, BUNDLE_SUFFIX, Channel, Exit, Instant, Limits, Manifest, POINTER_SCHEMA, Pointer,
    Product, Sha256,
};
use trust::{TrustedRoot, VerifiedPointer, VerifiedRelease};

use super::{say, trusted_root};
use crate::failure::Exiting as _;
use crate::github::{GitHub, GitHubError};
use crate::project::Project;
use crate::signing::{self, JobSigner};
use crate::{Failure, cli, download};

/// The branch whose tree is the static tree of the channels.
const BRANCH: &str = "channels";

pub(super) async fn run(arguments: &cli::Promote) -> Result<(), Failure> {
    let product = Project::here()?.product;
    let root = trusted_root(arguments.root.trusted_root.as_deref())?;
    let (channel, tag) = (arguments.channel, &arguments.tag);
    if channel == Channel::Stable && !tag.version().pre.is_empty() {
        let message = format!("{tag} is a pre-release; promote it to alpha or beta");
        return Err(Failure::new(Exit::Gate, message));
    }
    let release = public_release(&product, arguments, &root).await?;

    let github = GitHub::new(&arguments.host, &product)?;
    let failed = GitHubError::into_failure;
    let tip = github.branch(BRANCH).await.map_err(failed)?;
    let current = match &tip {
        Some(tip) => current(&github, &product, tip, channel, &root).await?,
        None => None,
    };
    // A renewal may claim any sequence; a newer selection is followed whatever it claims.
    let selected = current.as_ref().map_or(0, VerifiedPointer::selection);
    let current = current.map(|verified| verified.pointer().clone());
    if let Some(current) = &current {
        check_rise(current, release.manifest())?;
    }
    let pointer = Pointer {
        schema: POINTER_SCHEMA.to_owned(),
        product: product.name.clone(),
        channel,
        sequence: selected.checked_add(1).ok_or_else(|| {
            Failure::new(Exit::Gate, "the channel's sequence cannot grow any more")
        })?,
        expires: now()?.plus_days(product.channels.expires_after_days),
        version: release.manifest().version.clone(),
        tag: tag.clone(),
        release_sha256: release.sha256(),
        yanked: current.map(|pointer| pointer.yanked).unwrap_or_default(),
        renews: None,
    };
    if pointer.yanked.contains(&pointer.version) {
        let message = format!("{tag} is yanked; nothing points at it any more");
        return Err(Failure::new(Exit::Gate, message));
    }
    let bytes = pointer.render();
    let signer = JobSigner::ambient(&arguments.services.endpoints()?).await?;
    let path = channel.pointer_path();
    let bundle = signer.sign(&path, Sha256::of(&bytes)).await?;
    // A pointer that its own readers would refuse never leaves this machine.
    VerifiedPointer::verify(&product, channel, &bytes, &bundle, &root)
        .and_then(|verified| verified.names(&release))
        .or_exit(Exit::Refused)?;

    let files = [
        (format!("{path}{BUNDLE_SUFFIX}"), String::from_utf8(bundle)?),
        (path, String::from_utf8(bytes)?),
    ];
    let message = format!(
        "{channel}: {} (sequence {})",
        pointer.version, pointer.sequence
    );
    let moved = github
        .commit(BRANCH, tip.as_deref(), &message, &files)
        .await;
    moved.map_err(|error| match error.is_conflict() {
        true => Failure::new(
            Exit::Locked,
            format!("branch {BRANCH} moved while {channel} was being promoted; run again: {error}"),
        ),
        false => error.into_failure(),
    })?;
    if channel == Channel::Stable {
        let releases = github.releases_of(tag).await.map_err(failed)?;
        if let Some(public) = releases.iter().find(|release| !release.draft) {
            github.make_latest(public).await.map_err(|error| {
                let message = format!(
                    "{message}; the channel has moved, but {tag} was not made the latest release: \
                     {error}"
                );
                Failure::new(Exit::Network, message)
            })?;
        }
    }
    say(format!("{message}, until {}", pointer.expires));
    Ok(())
}

/// A channel never goes down unasked: its followers would stay where they are, and newcomers get
/// an old version.
fn check_rise(current: &Pointer, manifest: &Manifest) -> Result<(), Failure> {
    if manifest.version >= current.version {
        return Ok(());
    }
    let message = format!(
        "expected a version from {} on, which {} points at, found {}",
        current.version, current.channel, manifest.version
    );
    Err(Failure::new(Exit::Downgrade, message))
}

/// The release as the public sees it, verified.
async fn public_release(
    product: &Product,
    arguments: &cli::Promote,
    root: &TrustedRoot,
) -> Result<VerifiedRelease, Failure> {
    let base = arguments
        .mirror
        .as_deref()
        .unwrap_or(&product.repository.url);
    let url = format!(
        "{}/releases/download/{}/{}",
        base.trim_end_matches('/'),
        arguments.tag,
        AssetName::MANIFEST
    );
    let client = signing::http_client()?;
    let manifest = download::get(&client, &url, Limits::MANIFEST).await?;
    let bundle = download::get(&client, &format!("{url}{BUNDLE_SUFFIX}"), Limits::BUNDLE).await?;
    VerifiedRelease::verify(product, &arguments.tag, &manifest, &bundle, root)
        .or_exit(Exit::Refused)
}

/// The pointer that the channel has now, verified: a forged one must not hand down its sequence.
async fn current(
    github: &GitHub,
    product: &Product,
    tip: &str,
    channel: Channel,
    root: &TrustedRoot,
) -> Result<Option<VerifiedPointer>, Failure> {
    let path = channel.pointer_path();
    let file = async |path: &str| {
        github
            .file(tip, path)
            .await
            .map_err(GitHubError::into_failure)
    };
    let Some(bytes) = file(&path).await? else {
        return Ok(None);
    };
    let bundle = file(&format!("{path}{BUNDLE_SUFFIX}"))
        .await?
        .unwrap_or_default();
    let verified = VerifiedPointer::verify(product, channel, &bytes, &bundle, root);
    Ok(Some(verified.or_exit(Exit::Refused)?))
}

fn now() -> Result<Instant, Failure> {
    let seconds = jiff::Timestamp::now().as_second();
    Instant::from_seconds(seconds)
        .ok_or_else(|| Failure::new(Exit::Input, "this machine's clock is out of range"))
}
