//! `publish`: a draft bound to commit and plan, the uploads, a read-back of every digest, then
//! one request that makes it public. Run again after a failure, it goes on where it stopped.

use std::collections::BTreeMap;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use release_plan::{AssetName, Exit, Measured, Plan};
use serde_json::Value;

use super::verify::shipment_verifies;
use super::{say, trusted_root};
use crate::github::{GitHub, GitHubError, Release, UploadedAsset};
use crate::project::{self, Project};
use crate::shipment::Shipment;
use crate::{Failure, cli, files};

/// Uploads under way at once.
const AT_ONCE: usize = 4;

/// What a publisher finds before it acts.
enum Found {
    Nothing,
    Draft(Release),
    Public(Release),
}

pub(super) async fn run(arguments: &cli::Publish) -> Result<(), Failure> {
    let product = Project::here()?.product;
    let plan = project::read_plan(&product, &arguments.assets.plan.plan)?;
    let shipment = Shipment::open(&plan, &arguments.assets.dir)?;
    refuse_reservations(&shipment, [arguments.host.api_url.as_str()])?;
    refuse_keys(&plan, &shipment)?;
    let root = trusted_root(arguments.root.trusted_root.as_deref())?;
    let signatures = shipment_verifies(&product, &plan, &shipment, &root)?;
    // What verified is what must arrive: nothing is measured a second time.
    let signatures = signatures
        .iter()
        .map(|(name, bytes)| (name.clone(), Measured::of(bytes)));
    let files: BTreeMap<_, _> = shipment.assets.iter().cloned().chain(signatures).collect();

    let github = GitHub::new(&arguments.host, &product)?;
    let failed = GitHubError::into_failure;
    check_tag(&plan, github.tagged(&plan.tag).await.map_err(failed)?)?;
    let (tag, digest) = (&plan.tag, plan.digest());
    let draft = match find(&plan, github.releases_of(tag).await.map_err(failed)?)? {
        Found::Public(release) => {
            let assets = github.assets(&release).await.map_err(failed)?;
            check_assets(&plan, &files, &assets)?;
            say(format!("{tag} is public already, with these very bytes"));
            return Ok(());
        }
        Found::Draft(release) => {
            say(format!("{tag}: going on with draft {}", release.id));
            release
        }
        Found::Nothing => {
            let body = body(&plan);
            let made = github.create_draft(tag, &plan.source.commit, &body).await;
            let release = made.map_err(failed)?;
            say(format!(
                "{tag}: made draft {} for plan {digest}",
                release.id
            ));
            release
        }
    };
    upload(&github, &draft, &shipment, &files).await?;
    let uploaded = github.assets(&draft).await.map_err(failed)?;
    check_assets(&plan, &files, &uploaded)?;
    let public = github.publish(&draft, tag).await.map_err(failed)?;
    let there = github.assets(&public).await.map_err(failed)?;
    check_assets(&plan, &files, &there)?;
    if public.draft || public.tag_name != tag.to_string() {
        let message = format!("expected {tag} to be public, GitHub says it is not; look there");
        return Err(Failure::new(Exit::Gate, message));
    }
    say(format!(
        "{tag} is public: {} files, every digest read back",
        files.len()
    ));
    Ok(())
}

/// A plan of uncommitted bytes, or of another version than the package's, may be rehearsed on
/// this machine; no service elsewhere ever signs or gets it.
pub(super) fn refuse_reservations<'a>(
    shipment: &Shipment,
    urls: impl IntoIterator<Item = &'a str>,
) -> Result<(), Failure> {
    let on_loopback = |url: &str| {
        let uri = http::Uri::try_from(url).ok();
        let host = uri.as_ref().and_then(http::Uri::host);
        matches!(host, Some("127.0.0.1" | "[::1]"))
    };
    match shipment.reservations.first() {
        Some(reservation) if !urls.into_iter().all(on_loopback) => {
            Err(Failure::new(Exit::Gate, reservation))
        }
        _ => Ok(()),
    }
}

/// Consumers believe the release workflow alone: what a key signed would be of no use to them.
fn refuse_keys(plan: &Plan, shipment: &Shipment) -> Result<(), Failure> {
    for (name, _) in &shipment.assets {
        // What is no bundle at all is for verification to say.
        let bundle = shipment.signature(&name.bundle())?.unwrap_or_default();
        let bundle: Value = serde_json::from_slice(&bundle).unwrap_or_default();
        if bundle.pointer("/verificationMaterial/publicKey").is_some() {
            let message = format!(
                "{name} is signed by a key: expected {} to have signed; only what it signed is \
                 published, so sign there, without --key",
                plan.identity
            );
            return Err(Failure::new(Exit::Refused, message));
        }
    }
    Ok(())
}

fn check_tag(plan: &Plan, found: Option<String>) -> Result<(), Failure> {
    let (tag, commit) = (&plan.tag, plan.source.commit.as_str());
    match found.as_deref() {
        Some(found) if found == commit => Ok(()),
        found => {
            let found = found.unwrap_or("no such tag");
            let message = format!(
                "expected tag {tag} on commit {commit}, GitHub has {found}; push the tag of this \
                 plan, or plan again"
            );
            Err(Failure::new(Exit::Gate, message))
        }
    }
}

/// The release that is there already, if it is of this very plan.
fn find(plan: &Plan, releases: Vec<Release>) -> Result<Found, Failure> {
    let refused = |message: String| Err(Failure::new(Exit::Gate, message));
    let tag = &plan.tag;
    let mut releases = releases.into_iter();
    let Some(release) = releases.next() else {
        return Ok(Found::Nothing);
    };
    if releases.next().is_some() {
        return refused(format!(
            "expected one release of {tag}, GitHub has several; delete the drafts that are not \
             yours"
        ));
    }
    let of_this_plan = release
        .body
        .as_deref()
        .is_some_and(|body| body.contains(&binding(plan)));
    if !of_this_plan || release.target_commitish != plan.source.commit.as_str() {
        return refused(format!(
            "GitHub has a release of {tag} that was made by another plan; a public one is final \
             (raise the version), a draft can be deleted"
        ));
    }
    Ok(if release.draft {
        Found::Draft(release)
    } else {
        Found::Public(release)
    })
}

async fn upload(
    github: &GitHub,
    draft: &Release,
    shipment: &Shipment,
    files: &BTreeMap<AssetName, Measured>,
) -> Result<(), Failure> {
    let failed = GitHubError::into_failure;
    let there = github.assets(draft).await.map_err(failed)?;
    let mut wanted = files.clone();
    for asset in there {
        let name = asset.name.parse::<AssetName>().ok();
        let same = name
            .as_ref()
            .and_then(|name| files.get(name))
            .is_some_and(|measured| asset.is(measured.size(), measured.sha256()));
        if let (true, Some(name)) = (same, name) {
            wanted.remove(&name);
        } else {
            // Another run of this plan may have published meanwhile, with bundles of its own.
            if !github.release(draft.id).await.map_err(failed)?.draft {
                let message = format!("{} was made public meanwhile; run again", draft.tag_name);
                return Err(Failure::new(Exit::Locked, message));
            }
            say(format!(
                "removing {}, which is not as it should be",
                asset.name
            ));
            github.delete_asset(&asset).await.map_err(failed)?;
        }
    }
    let uploads = stream::iter(wanted.keys()).map(async |name| {
        let bytes = files::read(&shipment.path(name))?;
        github
            .upload(draft, name.as_str(), bytes)
            .await
            .map_err(failed)?;
        Ok::<_, Failure>(())
    });
    uploads.buffer_unordered(AT_ONCE).try_collect().await
}

/// Holds what GitHub says it has against what was to be uploaded: nothing missing, nothing more.
fn check_assets(
    plan: &Plan,
    files: &BTreeMap<AssetName, Measured>,
    uploaded: &[UploadedAsset],
) -> Result<(), Failure> {
    let refused = |message: String| {
        let message = format!("{}: {message}", plan.tag);
        Err(Failure::new(Exit::Gate, message))
    };
    for asset in uploaded {
        let measured = asset
            .name
            .parse()
            .ok()
            .and_then(|name: AssetName| files.get(&name));
        match measured {
            None => return refused(format!("GitHub has {}, which is not planned", asset.name)),
            Some(measured) if !asset.is(measured.size(), measured.sha256()) => {
                return refused(format!(
                    "expected {} with sha256:{} and {} bytes, GitHub has {} and {} bytes",
                    asset.name,
                    measured.sha256(),
                    measured.size(),
                    asset.digest.as_deref().unwrap_or("no digest"),
                    asset.size
                ));
            }
            Some(_) => {}
        }
    }
    let missing = files
        .keys()
        .find(|name| !uploaded.iter().any(|a| a.name == name.as_str()));
    match missing {
        Some(name) => refused(format!("GitHub lacks {name}")),
        None => Ok(()),
    }
}

/// What binds a draft to its plan, in the release's text.
fn binding(plan: &Plan) -> String {
    format!("plan sha256:{}", plan.digest())
}

fn body(plan: &Plan) -> String {
    format!(
        "{} {} from commit {}, {}.\n\nVerify what you download: `SHA256SUMS` lists every digest, \
         each asset has a sigstore bundle beside it, and `{}` tells what the archives were made \
         from; all signed by `{}`.\n",
        plan.product,
        plan.version,
        plan.source.commit,
        binding(plan),
        plan.provenance(),
        plan.identity
    )
}
