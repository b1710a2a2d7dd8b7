//! `sign`: a bundle for every asset and the provenance of the archives, several at once. What an
//! earlier run signed is kept where it verifies; whether all is signed is read off the folder
//! alone, by whoever asks.

use std::cell::RefCell;

use futures_util::stream::{self, StreamExt as _};
use release_plan::{AssetName, Exit, Measured, Plan, Product};
use trust::Refusal;

use super::publish::refuse_reservations;
use super::verify::{bundle_verifies, by_key, by_workflow, provenance_verifies, refuse_provenance};
use super::{say, trusted_root};
use crate::failure::Exiting as _;
use crate::project::{self, Project};
use crate::shipment::Shipment;
use crate::signing::{JobSigner, KeySigner};
use crate::{Failure, cli, files, provenance};

/// Signatures under way at once: enough to hide the latency of three services, few enough for
/// their rate limits.
const AT_ONCE: usize = 8;

/// Who signs here.
enum Signer<'a> {
    Job(&'a JobSigner),
    Key(&'a KeySigner),
}

/// Something to be signed.
struct Task {
    /// What it is called to the person.
    subject: AssetName,
    content: Content,
    /// Where the signature goes.
    file: AssetName,
}

enum Content {
    Asset(Measured),
    Statement(Vec<u8>),
}

pub(super) async fn run(arguments: &cli::Sign) -> Result<(), Failure> {
    let product = Project::product()?;
    let plan = project::read_plan(&product, &arguments.assets.plan.plan)?;
    let shipment = Shipment::open(&plan, &arguments.assets.dir)?;
    let endpoints = arguments.services.endpoints()?;
    refuse_reservations(&shipment, endpoints.urls())?;
    let root = trusted_root(arguments.root.trusted_root.as_deref())?;
    let key = match &arguments.key {
        Some(file) => {
            refuse_provenance(&plan, &shipment)?;
            Some(KeySigner::open(file, &endpoints)?)
        }
        None => None,
    };
    let policy = by_workflow(&product, &plan);
    let mut tasks = assets(&shipment);
    let expected = match &key {
        Some(key) => by_key(key.public_key().clone()),
        None => {
            tasks.push(provenance(&product, &plan, &shipment));
            trust::Signer::Identity(policy.clone())
        }
    };
    let all = tasks.len();
    let verifies = |task: &Task, found: &[u8]| match &task.content {
        Content::Asset(asset) => bundle_verifies(&task.subject, *asset, found, &expected, &root),
        Content::Statement(_) => {
            let manifest = &shipment.manifest;
            provenance_verifies(&product, &plan, manifest, found, &policy, &root)
        }
    };
    let unsigned = unsigned(&shipment, tasks, verifies)?;
    let kept = all - unsigned.len();
    if kept > 0 {
        say(format!(
            "{kept} of {all} signatures are there already: kept"
        ));
    }
    if !unsigned.is_empty() {
        let job;
        let signer = match &key {
            Some(key) => Signer::Key(key),
            None => {
                job = JobSigner::ambient(&endpoints).await?;
                Signer::Job(&job)
            }
        };
        sign(&signer, &shipment, &unsigned, verifies).await?;
    }
    let folder = arguments.assets.dir.display();
    say(format!("{all} signatures in {folder}"));
    Ok(())
}

fn assets(shipment: &Shipment) -> Vec<Task> {
    let assets = shipment.assets.iter().map(|(name, measured)| Task {
        subject: name.clone(),
        content: Content::Asset(*measured),
        file: name.bundle(),
    });
    assets.collect()
}

fn provenance(product: &Product, plan: &Plan, shipment: &Shipment) -> Task {
    let run = run_url();
    let statement = provenance::statement(product, plan, &shipment.manifest, run.as_deref());
    Task {
        subject: plan.provenance(),
        content: Content::Statement(statement),
        file: plan.provenance(),
    }
}

/// The attempt of a run that this job is in, by the variables that GitHub Actions sets in every
/// job.
fn run_url() -> Option<String> {
    let told = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    Some(format!(
        "{}/{}/actions/runs/{}/attempts/{}",
        told("GITHUB_SERVER_URL")?,
        told("GITHUB_REPOSITORY")?,
        told("GITHUB_RUN_ID")?,
        told("GITHUB_RUN_ATTEMPT")?
    ))
}

/// The tasks without a signature that is there and `verifies`.
fn unsigned(
    shipment: &Shipment,
    tasks: Vec<Task>,
    verifies: impl Fn(&Task, &[u8]) -> Result<(), Refusal>,
) -> Result<Vec<Task>, Failure> {
    let mut unsigned = Vec::new();
    for task in tasks {
        let found = shipment.signature(&task.file)?;
        match found.map(|found| verifies(&task, &found)) {
            Some(Ok(())) => continue,
            Some(Err(refusal)) => say(format!("{refusal}; signing it anew")),
            None => {}
        }
        unsigned.push(task);
    }
    Ok(unsigned)
}

impl Signer<'_> {
    async fn sign(&self, task: &Task) -> Result<Vec<u8>, Failure> {
        let subject = task.subject.as_str();
        match (self, &task.content) {
            (Self::Job(job), Content::Asset(asset)) => job.sign(subject, asset.sha256()).await,
            (Self::Job(job), Content::Statement(said)) => job.attest(subject, said.clone()).await,
            (Self::Key(key), Content::Asset(asset)) => key.sign(subject, asset.sha256()).await,
            (Self::Key(_), Content::Statement(_)) => {
                unreachable!("a key vouches for no workflow, and is given no provenance")
            }
        }
    }
}

/// Writes each signature as it comes and `verifies`, so that what was signed need not be signed
/// again. After the first failure nothing new is begun.
async fn sign(
    signer: &Signer<'_>,
    shipment: &Shipment,
    tasks: &[Task],
    verifies: impl Fn(&Task, &[u8]) -> Result<(), Refusal>,
) -> Result<(), Failure> {
    let failure = RefCell::new(None);
    let ended = stream::iter(tasks).map(async |task| {
        let subject = task.subject.as_str();
        if failure.borrow().is_some() {
            return (subject, false);
        }
        let signature = signer.sign(task).await;
        let path = shipment.path(&task.file);
        let written = signature.and_then(|bytes| {
            // What the services answered is no better known than what a stranger brings.
            verifies(task, &bytes).or_exit(Exit::Refused)?;
            files::write(&path, &bytes)
        });
        let signed = written.is_ok();
        if let Err(error) = written {
            say(&error);
            failure.borrow_mut().get_or_insert(error);
        }
        (subject, signed)
    });
    let ended: Vec<_> = ended.buffer_unordered(AT_ONCE).collect().await;
    let Some(failure) = failure.into_inner() else {
        return Ok(());
    };
    let named = |wanted: bool| {
        let names = ended.iter().filter(|(_, signed)| *signed == wanted);
        let mut names: Vec<&str> = names.map(|(name, _)| *name).collect();
        names.sort_unstable();
        if names.is_empty() {
            "nothing".to_owned()
        } else {
            names.join(", ")
        }
    };
    let message = format!(
        "signed {}; did not sign {}: {failure}; run it again for the rest",
        named(true),
        named(false),
    );
    Err(Failure::new(failure.exit(), message))
}
