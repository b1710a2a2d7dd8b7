//! `self prepare`: run from the folder it is staged in, the new program probes itself against its
//! receipt and writes its playbook. New code does it, so that it can mend what old code got wrong.

use release_plan::Sha256;

use super::Prepare;
use crate::app::App;
use crate::failure::Failure;
use crate::receipt::Receipt;
use crate::root::RootFileError;

pub(super) fn run(app: &App, args: &Prepare) -> Result<(), Failure> {
    let receipt = Receipt::read(&args.folder)?;
    let playbook = app.playbook();
    let digest = |sha256: Sha256| sha256.to_string();
    for (what, expected, found) in [
        ("product", receipt.product, app.product.name.clone()),
        ("version", receipt.version.to_string(), app.version_text()),
        ("target", receipt.target.to_string(), app.target.to_string()),
        (
            "playbook",
            digest(receipt.playbook_sha256),
            digest(playbook.sha256()),
        ),
    ] {
        if expected != found {
            return Err(Failure::Probe {
                what,
                expected,
                found,
            });
        }
    }
    // A program that cannot verify could never be upgraded.
    let sigstore = app.sigstore();
    sigstore.trusted_root().map_err(RootFileError::Embedded)?;
    sigstore.tuf_root()?;
    playbook.write_new(&args.folder.join("playbook"))?;
    Ok(())
}
