//! The log entry of a bundle, and the timestamp: what proves when its signature was made.

use jiff::{Timestamp, ToSpan};
use p256::ecdsa::SigningKey;

use super::signed::Signed;
use super::{Flaw, Forgery, ManagedKey, Signer, Times, identify};
use crate::sigstore::entry::Entry;
use crate::sigstore::key::LogKey;
use crate::sigstore::log::{Log, Place, Proof};
use crate::sigstore::timestamp::TimestampAuthority;
use crate::sigstore::verifier::Verifier;
use crate::sigstore::{Error, Parts, RekorApi};

/// The entry in the log that `forgery` names, with all its proofs.
pub(super) fn entry(
    parts: &Parts,
    forgery: &Forgery<'_>,
    (key, verifier): (&SigningKey, &Verifier),
    signed: &Signed,
    times: Times,
) -> Result<Option<Entry>, Error> {
    let flaw = forgery.flaw;
    let body = match flaw {
        Some(Flaw::EntryMissing) => return Ok(None),
        Some(Flaw::EntryOfAnotherSignature) => signed.again(key)?.body(forgery.log, verifier)?,
        Some(Flaw::EntryOfAnotherDigest) => signed.of_another().body(forgery.log, verifier)?,
        Some(Flaw::EntryOfAnotherSigner) => {
            let (_, other) = another_signer(parts, forgery, times)?;
            signed.body(forgery.log, &other)?
        }
        _ => signed.body(forgery.log, verifier)?,
    };
    let another;
    let log = match (flaw, forgery.log) {
        (Some(Flaw::EntryByAnotherLog), api) => {
            another = Log::new(api)?;
            &another
        }
        (_, RekorApi::V1) => &parts.rekor,
        (_, RekorApi::V2) => &parts.tiles,
    };
    let appended = match flaw {
        Some(Flaw::ProofOfAnotherEntry) => &signed.of_another().body(forgery.log, verifier)?,
        _ => &body,
    };
    let place = log.append(appended).unwrap_or_else(|place| place);
    let entry = log.entry(body, place, times.logged)?;
    let entry = with_promise(entry, &log.key, flaw)?;
    with_proof(entry, log, flaw).map(Some)
}

fn another_signer(
    parts: &Parts,
    forgery: &Forgery<'_>,
    times: Times,
) -> Result<(SigningKey, Verifier), Error> {
    let key = ManagedKey::new();
    let signer = match forgery.signer {
        Signer::Job(job) => Signer::Job(job),
        Signer::Key(_) => Signer::Key(&key),
    };
    let another = Forgery {
        signer,
        certified: None,
        flaw: None,
        ..*forgery
    };
    identify(parts, &another, times)
}

fn with_promise(mut entry: Entry, key: &LogKey, flaw: Option<Flaw>) -> Result<Entry, Error> {
    match flaw {
        Some(Flaw::EntryTimeChanged) => entry.time = entry.time.map(|time| time - 1.second()),
        Some(Flaw::PromiseMissing) => entry.promise = None,
        Some(Flaw::PromiseForged) => return entry.promised_by(&key.impostor()?),
        Some(Flaw::PromiseByAnotherLog) => {
            let another = LogKey::p256()?;
            entry.log_id = *another.id();
            return entry.promised_by(&another);
        }
        _ => {}
    }
    Ok(entry)
}

fn with_proof(entry: Entry, log: &Log, flaw: Option<Flaw>) -> Result<Entry, Error> {
    let proof = match entry.proof {
        Some(proof) if flaw != Some(Flaw::ProofMissing) => Some(altered(proof, log, flaw)?),
        _ => None,
    };
    Ok(Entry { proof, ..entry })
}

fn altered(proof: Proof, log: &Log, flaw: Option<Flaw>) -> Result<Proof, Error> {
    let Proof {
        mut place,
        mut checkpoint,
    } = proof;
    match flaw {
        Some(Flaw::ProofCorrupt) => place.path[0][0] ^= 1,
        Some(Flaw::CheckpointMissing) => checkpoint.clear(),
        Some(Flaw::CheckpointUnsigned) => {
            let signatures = checkpoint.rfind('\u{2014}').unwrap_or_default();
            checkpoint.truncate(signatures);
        }
        Some(Flaw::CheckpointByAnotherLog) => {
            let another = Log::new(log.api)?;
            checkpoint = another.checkpoint(&another.key, &place)?;
        }
        Some(Flaw::CheckpointForged) => {
            checkpoint = log.checkpoint(&log.key.impostor()?, &place)?;
        }
        Some(Flaw::CheckpointOfAnotherTree) => {
            let root = [0; 32];
            let tree = Place {
                root,
                ..place.clone()
            };
            checkpoint = log.checkpoint(&log.key, &tree)?;
        }
        _ => {}
    }
    Ok(Proof { place, checkpoint })
}

/// That the timestamp authority saw `signature`, as DER of its response.
pub(super) fn timestamp(
    parts: &Parts,
    signature: &[u8],
    at: Timestamp,
    flaw: Option<Flaw>,
) -> Result<Option<Vec<u8>>, Error> {
    let another;
    let mut authority = &parts.tsa;
    let mut seen = signature.to_vec();
    match flaw {
        Some(Flaw::TimestampMissing) => return Ok(None),
        Some(Flaw::TimestampForged) => {
            another = TimestampAuthority::new(parts.since)?;
            authority = &another;
        }
        Some(Flaw::TimestampOfAnotherSignature) => seen.push(0),
        _ => {}
    }
    authority.stamp(&seen, at).map(Some)
}
