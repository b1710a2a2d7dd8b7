//! `publish`: verified files of one plan, public in one step. Run again after a failure, it goes on
//! where it stopped.

use release_plan::{BootstrapTag, Exit, Measured, Plan};
use serde_json::Value;

use super::verify::shipment_verifies;
use super::{say, trusted_root};
use crate::clock::Clock;
use crate::github::GitHub;
use crate::project::{self, Project};
use crate::publish::{self, Publication, Publisher};
use crate::shipment::Shipment;
use crate::{Failure, cli, story};

pub(super) async fn run(arguments: &cli::Publish) -> Result<(), Failure> {
    let product = Project::product()?;
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
    let publication = Publication {
        tag: BootstrapTag::own(plan.tag.clone()),
        commit: plan.source.commit.clone(),
        plan: plan.digest(),
        notes: publish::notes(&plan, story::guide_of(&plan.version)?.as_ref())?,
        folder: arguments.assets.dir.clone(),
        files: shipment.assets.iter().cloned().chain(signatures).collect(),
    };

    let github = GitHub::new(&arguments.host, &product)?;
    let publisher = Publisher::new(&github, Clock::System, &publication);
    publisher.preflight().await?;
    let public = publisher.run().await?;
    say(&public.html_url);
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
