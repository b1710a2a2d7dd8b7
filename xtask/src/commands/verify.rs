//! `verify`: every asset, by the verification code that ships.

use std::collections::BTreeMap;
use std::path::Path;

use release_plan::{AssetName, Claim, Exit, Manifest, Measured, Plan, Policy, Product};
use trust::{
    Artifact, Content, LogEntry, PublicKey, Refusal, Signer, TrustedRoot, Unverified,
    VerifiedRelease,
};

use super::{say, trusted_root};
use crate::failure::Exiting as _;
use crate::project::{self, Project};
use crate::shipment::Shipment;
use crate::{Failure, cli, files, provenance};

pub(super) fn run(arguments: &cli::Verify) -> Result<(), Failure> {
    let product = Project::product()?;
    let plan = project::read_plan(&product, &arguments.assets.plan.plan)?;
    let shipment = Shipment::open(&plan, &arguments.assets.dir)?;
    let root = trusted_root(arguments.root.trusted_root.as_deref())?;
    let signed_by = match &arguments.key {
        Some(file) => {
            let key = public_key(file)?;
            let words = format!("the key {key}");
            bundles_verify(&shipment, &by_key(key), &root)?;
            refuse_provenance(&plan, &shipment)?;
            words
        }
        None => {
            shipment_verifies(&product, &plan, &shipment, &root)?;
            let Plan {
                identity, source, ..
            } = &plan;
            format!(
                "{identity} at commit {}, provenance included",
                source.commit
            )
        }
    };
    let count = shipment.assets.len();
    say(format!("{count} assets verified: signed by {signed_by}"));
    Ok(())
}

fn public_key(file: &Path) -> Result<PublicKey, Failure> {
    PublicKey::from_pem(&files::read(file)?)
        .map_err(|error| Failure::new(Exit::Input, format!("{}: {error}", file.display())))
}

/// Whoever holds `key`, and has let the log see what it signed.
pub(super) fn by_key(key: PublicKey) -> Signer {
    Signer::Key {
        key,
        log_entry: LogEntry::Required,
    }
}

/// The release workflow of `product`, run for exactly the plan's tag and commit.
pub(super) fn by_workflow(product: &Product, plan: &Plan) -> Policy {
    Policy::of_release(product, &plan.tag).at_commit(&plan.source.commit)
}

/// Verifies every asset of `shipment`, and the provenance, for exactly the plan's tag and commit.
/// Gives the files that verified them, by their names.
pub(super) fn shipment_verifies(
    product: &Product,
    plan: &Plan,
    shipment: &Shipment,
    root: &TrustedRoot,
) -> Result<BTreeMap<AssetName, Vec<u8>>, Failure> {
    let policy = by_workflow(product, plan);
    let mut files = bundles_verify(shipment, &Signer::Identity(policy.clone()), root)?;
    let manifest: AssetName = AssetName::MANIFEST.parse()?;
    let bytes = files::read(&shipment.path(&manifest))?;
    let bundle = files.get(&manifest.bundle()).map_or(&[][..], Vec::as_slice);
    let release =
        VerifiedRelease::verify(product, &plan.tag, &bytes, bundle, root).or_exit(Exit::Refused)?;
    for (name, measured) in &shipment.assets {
        if ![AssetName::MANIFEST, AssetName::CHECKSUMS].contains(&name.as_str()) {
            release.admit(name, *measured).or_exit(Exit::Refused)?;
        }
    }
    let name = plan.provenance();
    let bundle = shipment.signature_of("the provenance of the archives is", &name)?;
    provenance_verifies(product, plan, release.manifest(), &bundle, &policy, root)
        .or_exit(Exit::Refused)?;
    files.insert(name, bundle);
    Ok(files)
}

/// Verifies that whoever `policy` allows signed the statement that follows from `plan` and
/// `manifest`, and no other.
pub(super) fn provenance_verifies(
    product: &Product,
    plan: &Plan,
    manifest: &Manifest,
    bundle: &[u8],
    policy: &Policy,
    root: &TrustedRoot,
) -> Result<(), Refusal> {
    let name = plan.provenance();
    let refused = |check: &str, expected: &str, found: &str| Refusal {
        subject: name.to_string(),
        check: check.to_owned(),
        expected: expected.to_owned(),
        found: found.to_owned(),
    };
    let mut archives = plan.archives();
    let first = archives.find_map(|archive| manifest.asset(&archive.name));
    let first = first.ok_or_else(|| refused("subject", "an archive in the plan", "none"))?;
    let verified = trust::verify_statement(name.as_str(), first.sha256, bundle, policy, root)?;
    let found = verified.statement().unwrap_or_default();
    // It need not name the run that signed it; what it names must be that one.
    let run = verified.evidence().claim(Claim::RunInvocation);
    let run = run.filter(|_| provenance::names_its_run(found));
    let expected = provenance::statement(product, plan, manifest, run);
    match provenance::difference(&expected, found) {
        None => Ok(()),
        Some(differing) => {
            let check = format!("statement at {:?}", differing.place);
            Err(refused(&check, &differing.expected, &differing.found))
        }
    }
}

/// Provenance tells which workflow made the archives, and no key vouches for that.
pub(super) fn refuse_provenance(plan: &Plan, shipment: &Shipment) -> Result<(), Failure> {
    let name = plan.provenance();
    match shipment.signature(&name)? {
        None => Ok(()),
        Some(_) => {
            let message = format!(
                "expected no {name} beside what a key signs, found one: a workflow signed here; \
                 assemble again"
            );
            Err(Failure::new(Exit::Refused, message))
        }
    }
}

/// Verifies that `signer` signed every asset. Gives the bundles, by their names.
fn bundles_verify(
    shipment: &Shipment,
    signer: &Signer,
    root: &TrustedRoot,
) -> Result<BTreeMap<AssetName, Vec<u8>>, Failure> {
    let mut bundles = BTreeMap::new();
    for (name, measured) in &shipment.assets {
        let bundle = shipment.signature_of(&format!("{name} is"), &name.bundle())?;
        bundle_verifies(name, *measured, &bundle, signer, root).or_exit(Exit::Refused)?;
        bundles.insert(name.bundle(), bundle);
    }
    Ok(bundles)
}

/// Verifies that `signer` signed an asset; a statement about it is none.
pub(super) fn bundle_verifies(
    name: &AssetName,
    measured: Measured,
    bundle: &[u8],
    signer: &Signer,
    root: &TrustedRoot,
) -> Result<(), Refusal> {
    let subject = name.as_str();
    let artifact = Artifact::Digest(measured.sha256());
    let verified = match trust::verify(subject, artifact, bundle, signer, root) {
        Ok(verified) => verified,
        Err(Unverified::Refused(refusal)) => return Err(refusal),
        Err(Unverified::Unread(_)) => unreachable!("a digest is not read"),
    };
    match verified.evidence().content() {
        Content::File => Ok(()),
        found => Err(Refusal {
            subject: subject.to_owned(),
            check: "bundle".to_owned(),
            expected: Content::File.to_string(),
            found: found.to_string(),
        }),
    }
}
