//! `sign`: a bundle for every asset, several at once.

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use super::publish::refuse_reservations;
use super::say;
use crate::project::{self, Project};
use crate::shipment::Shipment;
use crate::signing::JobSigner;
use crate::{Failure, cli, files};

/// Signatures under way at once: enough to hide the latency of three services, few enough for
/// their rate limits.
const AT_ONCE: usize = 8;

pub(super) async fn run(arguments: &cli::Sign) -> Result<(), Failure> {
    let product = Project::here()?.product;
    let plan = project::read_plan(&product, &arguments.assets.plan.plan)?;
    let shipment = Shipment::open(&plan, &arguments.assets.dir)?;
    refuse_reservations(
        &shipment,
        arguments.services.certificate_authority()?.as_str(),
    )?;
    let signer = JobSigner::ambient(&arguments.services).await?;
    let signed = stream::iter(&shipment.assets).map(async |(name, measured)| {
        let bundle = signer.sign(measured.sha256()).await?;
        Ok::<_, Failure>((name, bundle))
    });
    let bundles: Vec<_> = signed.buffer_unordered(AT_ONCE).try_collect().await?;
    // Written when all are there: a half-signed set is never found on disk after a failed call.
    for (name, bundle) in &bundles {
        files::write(&shipment.path(&name.bundle()), bundle)?;
    }
    let folder = arguments.assets.dir.display();
    say(format!("{} bundles in {folder}", bundles.len()));
    Ok(())
}
